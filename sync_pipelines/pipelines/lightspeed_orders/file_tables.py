"""A dropped file as a table: CSV, Excel, or the tables in the text of a PDF."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sync_pipelines.decoding import NotText, decoded
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.spreadsheets import separator_of

SUFFIXES = {".csv", ".txt", ".tsv", ".xlsx", ".pdf"}
LARGEST = 50 * 1024 * 1024
UNPACKED = 10 * LARGEST
"""Bytes that an Excel file may have once it is unpacked."""
TOO_LONG = "\0"
"""In a row that has more cells than the header: some separator stands in a text, and the columns may have slipped."""

Row = Mapping[str, Any]
Cells = Sequence[tuple[int, Sequence[Any]]]
"""Rows with their places."""


class FileRefused(UsageError):
    """The file cannot be taken in; the message says where it is wrong and what to do."""


@dataclass(frozen=True)
class Table:
    """Rows of a file under the names of its header, with their places: the line of a CSV file, the row of a sheet, a count of the
    rows of a PDF."""

    header: Sequence[str]
    rows: Sequence[tuple[int, Row]]


def digest_of(path: Path) -> str:
    """What tells contents apart. Raises OSError."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()


def read_table(path: Path, *, skip_rows: int = 0, sheet: str = "", encoding: str = "", names: Collection[str] = ()) -> Table:
    """Read the rows of a file.

    skip_rows: above the header. sheet: of an Excel file, the first one if empty. encoding: of a CSV file, found if empty. names:
    columns that the header should have, by which the separator is found. Raises FileRefused, OSError.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileRefused(f"{path} cannot be read: {', '.join(sorted(SUFFIXES))} can.")
    if (size := path.stat().st_size) > LARGEST:
        raise FileRefused(f"{path} has {size // 1024**2} MB; {LARGEST // 1024**2} MB can be read.")
    data = path.read_bytes()
    if not data.strip():
        raise FileRefused(f"{path} is empty.")
    if suffix == ".xlsx":
        cells = _parsed(path, "an Excel file (.xlsx)", lambda: _of_excel(path, data, sheet))
    elif suffix == ".pdf":
        cells = _parsed(path, "a PDF", lambda: _of_pdf(path, data))
    else:
        cells = _of_csv(path, data, skip_rows, encoding, names)
    rows = [(place, row) for place, row in cells if place > skip_rows and any(text_of(cell) for cell in row)]
    if not rows:
        raise FileRefused(f"{path} has no row{f' below row {skip_rows}' if skip_rows else ''}.")
    header = [text_of(cell) for cell in rows[0][1]]
    return Table(header, [(place, _named(header, row)) for place, row in rows[1:]])


def _named(header: Sequence[str], row: Sequence[Any]) -> Row:
    named = dict(zip(header, [*row, *[None] * (len(header) - len(row))], strict=False))
    if any(text_of(cell) for cell in row[len(header) :]):
        named[TOO_LONG] = True
    return named


def text_of(cell: Any) -> str:
    """A cell as text. A whole number is written without a fraction, as its digits stand in the cell."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell).strip()


def _of_csv(path: Path, data: bytes, skip_rows: int, encoding: str, names: Collection[str]) -> Cells:
    try:
        text = data.decode(encoding) if encoding else decoded(data).text
    except (NotText, UnicodeDecodeError, LookupError) as e:
        raise FileRefused(f"{path}: {e}") from e
    if "\0" in text:
        raise FileRefused(f"{path} is not text. Save the order as CSV or Excel (.xlsx).")
    lines = enumerate(io.StringIO(text, newline=""), 1)
    head = next((line for number, line in lines if number > skip_rows and line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(head, names), strict=True)
    found, begun = list[tuple[int, Sequence[Any]]](), 1
    try:
        for row in reader:
            found.append((begun, row))
            begun = reader.line_num + 1
    except csv.Error as e:
        raise FileRefused(f"{path}, line {begun}: {e}. A quote may be missing.") from e
    return found


def _parsed(path: Path, kind: str, parse: Callable[[], Cells]) -> Cells:
    """What a library makes of a file. Of a broken one it raises whatever it stumbled over: of XML, zip, zlib, or its own."""
    try:
        return parse()
    except FileRefused:
        raise
    except Exception as e:
        told = f"{path} is not {kind} that can be read: {type(e).__name__} {e}".strip()
        raise FileRefused(f"{told}. Save it once more, or as CSV.") from e


def _of_excel(path: Path, data: bytes, name: str) -> Cells:
    from openpyxl import load_workbook

    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        if sum(part.file_size for part in packed.infolist()) > UNPACKED:
            raise FileRefused(f"{path} has more than {UNPACKED // 1024**2} MB once it is unpacked.")
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        if not sheets or (name and name not in sheets):
            raise FileRefused(f"{path} has no sheet{f' {name!r}' if name else ''}; it has {', '.join(sheets) or 'none'}.")
        sheet = sheets[name] if name else book.worksheets[0]
        sheet.reset_dimensions()  # programs that write Excel files often leave a size that is wrong, and rows behind it are lost
        return list(_with_something(sheet.iter_rows(values_only=True)))
    finally:
        book.close()


def _with_something(rows: Iterator[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any]]]:
    """A sheet may be formatted down to its millionth row."""
    return ((place, row) for place, row in enumerate(rows, 1) if any(cell is not None for cell in row))


def _of_pdf(path: Path, data: bytes) -> Cells:
    """The tables in the text of a PDF, page after page; a header that is printed on each page counts once."""
    import pdfplumber

    rows = list[Sequence[Any]]()
    with pdfplumber.open(io.BytesIO(data)) as document:
        for page in document.pages:
            for table in page.extract_tables() or page.extract_tables(_BY_TEXT):
                rows += [[text_of(cell) for cell in row] for row in table if row not in rows[:1]]
            page.close()
    if not rows:
        raise FileRefused(f"{path} has no table in its text; a scan has none. Ask the supplier for CSV or Excel.")
    return list(enumerate(rows, 1))


_BY_TEXT = {"vertical_strategy": "text", "horizontal_strategy": "text"}
