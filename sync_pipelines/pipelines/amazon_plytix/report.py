"""The All Listings report (GET_MERCHANT_LISTINGS_ALL_DATA), as Amazon gives it or as a spreadsheet program saved it.

Columns are read by their names. Which of them a report has differs by country and by year; one that it does not have says
nothing. Columns: developer-docs.amazon.com/sp-api/docs/report-type-values-inventory; `product-id-type`:
sellercentral.amazon.ca/gp/help/external/200385890; French and other reports, and their status words, from public bug reports.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sync_pipelines.decoding import LOST
from sync_pipelines.pipelines.amazon_plytix.identifiers import is_asin
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.spreadsheets import separator_of, unquoted

SKU, ASIN, CODE, CODE_TYPE, TITLE, STATUS = ("seller-sku", "asin1", "product-id", "product-id-type", "item-name", "status")
READ = (SKU, ASIN, CODE, CODE_TYPE, TITLE, STATUS)
_FIELD_OF_TYPE = {
    "1": "asin",
    "asin": "asin",
    "3": "upc",
    "upc": "upc",
    "4": "ean",
    "ean": "ean",
    "gtin": "gtin",
    "2": None,
    "isbn": None,
    "": None,
}
"""What `product-id` holds, by `product-id-type` (a number or a word). ISBNs are left out: the PIM has no attribute for them."""

_STATUS_WORDS = {
    "active": "active, aktiv, actif, activo, activa, attivo, attiva, ativo, ativa, actief, aktywny, aktywna, aktif, 有効, 出品中",
    "inactive": (
        "inactive, inaktiv, inactif, inactivo, inactiva, inattivo, inattiva, non attivo, inativo, inativa, inactief, "
        "niet actief, nieaktywny, nieaktywna, pasif, 無効, 停止中"
    ),
    "suppressed": "suppressed, search suppressed, unterdrückt, supprimé, suprimido, soppresso",
    "unknown": (
        "incomplete, unvollständig, incomplet, incompleto, incompleta, onvolledig, niekompletny, ofullständig, eksik, 不完全"
    ),
}
"""Words of the column `status`, in the languages that Amazon gives it in. An incomplete listing is neither on nor off sale."""

_STATUS = {word: status for status, words in _STATUS_WORDS.items() for word in words.split(", ")}


class ReportRefused(ValueError):
    """The text is not a report; the message says where and why."""


def report_rows(text: str, marketplace: str) -> Iterator[Listing]:
    """Rows of a report, each with its line. Raises ReportRefused for a text that is not one."""
    rows = _rows(text)
    line, header = next(rows, (1, []))
    names = [unquoted(name).strip().lower() for name in header]
    _check(names, line)
    for number, cells in rows:
        if any(cell.strip() for cell in cells[len(names) :]):
            raise ReportRefused(
                f"line {number}, column {len(names) + 1}: {len(cells)} values under {len(names)} names. A separator inside "
                "a text shifts all that follows; download the report again."
            )
        row = {name: cell.strip() for name, cell in zip_longest(names, cells, fillvalue="") if name in READ}
        yield _listing(row, marketplace, number)


def _check(names: Sequence[str], line: int) -> None:
    """Refuse a header from which no listing could be read. Columns that nobody reads may be there any number of times."""
    has_asin = ASIN in names or {CODE, CODE_TYPE} <= set(names)
    if SKU not in names or not has_asin:
        missing = ([] if SKU in names else [SKU]) + ([] if has_asin else [f"{ASIN} (or {CODE} with {CODE_TYPE})"])
        raise ReportRefused(
            f"line {line}: no column {' and no column '.join(missing)}. This takes the All Listings report with its English "
            "header, with tabs, commas or semicolons between the columns."
        )
    if twice := [name for name in READ if names.count(name) > 1]:
        raise ReportRefused(f"line {line}: column {twice[0]} appears twice.")


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with its line. Amazon quotes nothing; what has no tabs a spreadsheet program saved."""
    ends = "\n" if "\n" in text else "\r"
    lines = [line.rstrip("\r") for line in text.split(ends)]
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    separator = separator_of(lines[first], READ)
    if separator == "\t":
        for number, line in enumerate(lines[first:], start=first + 1):
            if line.strip():
                yield number, [unquoted(cell) for cell in line.split("\t")]
        return
    reader = csv.reader((f"{line}\n" for line in lines[first:]), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield first + reader.line_num, cells
    except csv.Error as e:
        raise ReportRefused(f"line {first + reader.line_num}: {e}") from e


def _listing(row: Mapping[str, str], marketplace: str, line: int) -> Listing:
    notes: list[str] = []

    def note(column: str, what: str) -> None:
        notes.append(f"line {line}, column {column}: {what}")

    for column, cell in row.items():
        if LOST in cell:
            note(column, "it has bytes that are not text")
    code, asin = row.get(CODE, ""), row.get(ASIN, "")
    kind = row.get(CODE_TYPE, "").lower()
    field = _FIELD_OF_TYPE.get(kind)
    if kind not in _FIELD_OF_TYPE:
        note(CODE_TYPE, f"{kind!r} is not a type of identifier that is known, so {CODE} says nothing")
    if not asin and field == "asin":
        asin = code
    known: dict[str, Any] = {field: code} if field and field != "asin" and code else {}
    sku = row.get(SKU, "")
    where = ASIN if ASIN in row else CODE
    return Listing(
        asin,
        marketplace,
        None if LOST in sku else sku or None,
        row.get(TITLE) or None,
        _status(row.get(STATUS, ""), note),
        line=line,
        problem=None if is_asin(asin) else f"line {line}, column {where}: {asin!r} is not an ASIN",
        note="; ".join(notes) or None,
        **known,
    )


def _status(cell: str, note: Callable[[str, str], None]) -> str | None:
    """The status that a word of any of Amazon's languages stands for; what is in brackets after it is the reason."""
    word = cell.partition("(")[0].strip().casefold()
    status = _STATUS.get(word)
    if word and status is None:
        note(STATUS, f"{cell!r} is not a status that is known, so it says nothing")
    return status
