"""The files that people drop: a listings report, an export of the catalogue, or a mapping made elsewhere.

A file that cannot be understood is refused whole, naming line and column; a row that cannot be goes on as a problem.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from sync_pipelines.errors import SyncError
from sync_pipelines.pipelines.amazon_plytix.identifiers import is_asin
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.settings import AmazonSettings

Kind = Literal["listings_report", "export", "mapping"]
SUFFIXES = {".txt", ".tsv", ".json"}
NEEDED = ("seller-sku", "asin1")
MAPPING_ENDING = "_mapping"
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STATUS = {"active": "active", "inactive": "inactive"}
_BY_TYPE = {"3": "upc", "4": "ean"}
"""What `product-id` holds, by `product-id-type` (sellercentral.amazon.ca/gp/help/external/200385890)."""


class FileRefused(SyncError):
    """The file cannot be taken in; the message says where it is wrong and what to do."""


@dataclass(frozen=True)
class Dropped:
    """A file as it was read. `digest` tells contents apart."""

    path: Path
    kind: Kind
    digest: str
    data: bytes

    @property
    def document(self) -> Any:
        return json.loads(text_of(self.path, self.data))


def partition_of(path: Path) -> str:
    """The partition a file stands for: its stem, without the ending of a mapping. Raises FileRefused."""
    stem = path.stem.removesuffix(MAPPING_ENDING)
    if not _STEM.fullmatch(stem):
        raise FileRefused(f"{path.name}: name the file with letters, digits, dots, dashes and underscores only.")
    return stem


def read(path: Path, *, follow_links: bool = False) -> Dropped:
    """Read a file and see what it is. Raises FileRefused, OSError.

    A symbolic link in the inbox is refused: whoever may drop files need not be allowed to read what one points to. A path
    that a person named may be one.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | (0 if follow_links else os.O_NOFOLLOW)), "rb") as file:
            data = file.read()
    except OSError as e:
        if e.errno != errno.ELOOP:
            raise
        raise FileRefused(f"{path} is a symbolic link, and links are not followed. Put the file itself there.") from e
    digest = blake2b(data, digest_size=16).hexdigest()
    if not data.strip():
        raise FileRefused(f"{path} is empty.")
    if path.suffix.lower() != ".json":
        return Dropped(path, "listings_report", digest, data)
    document = _json(path, data)
    if isinstance(document, dict):
        if "matched" in document or "unmatched_amazon" in document:
            return Dropped(path, "mapping", digest, data)
        if "variants" in document:
            return Dropped(path, "export", digest, data)
    raise FileRefused(f"{path} is neither a mapping (`matched`, `unmatched_amazon`) nor an export (`variants`).")


def is_droppable(path: Path) -> bool:
    """Whether a file of the inbox is one to look at. Symbolic links are, so that they are refused and not just left there."""
    return path.suffix.lower() in SUFFIXES and (path.is_symlink() or path.is_file())


def of_partition(inbox: Path, partition: str) -> Dropped:
    """The dropped file of a partition. A mapping is the answer itself, so it comes before a report of the same name.

    Raises FileRefused when there is none, or two that might be meant.
    """
    found = [read(path) for path in named(inbox, partition)]
    for chosen in ([f for f in found if f.kind == "mapping"], found):
        if len(chosen) > 1:
            names = ", ".join(f.path.name for f in chosen)
            raise FileRefused(f"{inbox}: {names} are all for {partition!r}. Leave the one that is meant there.")
        if chosen:
            return chosen[0]
    raise FileRefused(
        f"{inbox} has no file for {partition!r} ({partition}.txt, {partition}.json, {partition}_mapping.json)."
    )


def named(inbox: Path, partition: str) -> list[Path]:
    """The files that were dropped for a partition."""
    return [path for path in sorted(inbox.glob("*")) if is_droppable(path) and _is_for(path, partition)]


def _is_for(path: Path, partition: str) -> bool:
    try:
        return partition_of(path) == partition
    except FileRefused:
        return False


def listings(dropped: Dropped, settings: AmazonSettings) -> Iterator[Listing]:
    """Every row of a report or an export, as it stands there; several may be of one ASIN. Raises FileRefused."""
    if dropped.kind == "listings_report":
        return report_rows(dropped.path, dropped.data, settings.marketplace)
    return export_rows(dropped.path, dropped.document, settings)


def report_rows(path: Path, data: bytes, marketplace: str) -> Iterator[Listing]:
    """Rows of an All Listings report (GET_MERCHANT_LISTINGS_ALL_DATA): tab-delimited, columns by name, no quoting."""
    lines = text_of(path, data).split("\n")
    header = [name.strip().strip('"').lower() for name in lines[0].rstrip("\r").split("\t")]
    if missing := [name for name in NEEDED if name not in header]:
        raise FileRefused(
            f"{path}, line 1: no column {' and no column '.join(missing)} among {len(header)}. "
            "This takes the All Listings report with its English header."
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise FileRefused(f"{path}, line 1: column {twice[0]} stands there twice.")
    for number, line in enumerate(lines[1:], start=2):
        text = line.rstrip("\r")
        if not text.strip():
            continue
        values = text.split("\t")
        if any(value.strip() for value in values[len(header) :]):
            raise FileRefused(
                f"{path}, line {number}, column {len(header) + 1}: {len(values)} values under {len(header)} names. A tab "
                "inside a text shifts all that follows; download the report again."
            )
        yield _report_row(dict(zip(header, (v.strip() for v in values), strict=False)), marketplace, number)


def _report_row(row: Mapping[str, str], marketplace: str, line: int) -> Listing:
    asin = row.get("asin1", "")
    code = row.get("product-id", "")
    kind = row.get("product-id-type", "")
    if not asin and kind == "1":
        asin = code
    named: dict[str, Any] = {_BY_TYPE[kind]: code} if kind in _BY_TYPE and code else {}
    problem = None if is_asin(asin) else f"line {line}, column asin1: {asin!r} is no ASIN"
    return Listing(
        asin, marketplace, row.get("seller-sku") or None, row.get("item-name") or None,
        _STATUS.get(row.get("status", "").lower(), "unknown"), line=line, problem=problem, **named,
    )  # fmt: skip


def export_rows(path: Path, document: Mapping[str, Any], settings: AmazonSettings) -> Iterator[Listing]:
    """Items of an export of the catalogue. Its `amazon_sku` is the part number, and it knows no listing's status."""
    variants = document["variants"]
    if not isinstance(variants, list):
        raise FileRefused(f"{path}: `variants` is no list.")
    by_id = {there: name for name, there in settings.marketplaces.items()}
    named = facts_of(path, document).get("marketplace_id")
    if named and named not in by_id:
        raise FileRefused(f"{path}: marketplace_id {named} is not among [amazon] marketplaces ({', '.join(by_id)}).")
    marketplace = by_id.get(str(named), settings.marketplace)
    for number, row in enumerate(variants):
        if not isinstance(row, dict):
            raise FileRefused(f"{path}: variants[{number}] is no object.")
        asin = str(row.get("amazon_asin") or "")
        problem = None if is_asin(asin) else f"variants[{number}]: amazon_asin {asin!r} is no ASIN"
        names = {
            "seller_sku": "amazon_sku", "title": "title", "status": "amazon_listing_status",
            "parent_asin": "amazon_parent_asin", "upc": "upc", "ean": "ean", "size": "size", "color": "color",
            "theme": "variation_theme", "brand": "brand", "classification": "item_classification",
            "model_number": "model_number",
        }  # fmt: skip
        known: dict[str, Any] = {ours: text(row.get(theirs)) for ours, theirs in names.items()}
        yield Listing(asin, marketplace, line=number, problem=problem, **known)


def facts_of(path: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a JSON file says of itself. Raises FileRefused."""
    facts = document.get("metadata") or {}
    if not isinstance(facts, dict):
        raise FileRefused(f"{path}: `metadata` is no object.")
    return facts


def text(value: Any) -> str | None:
    """A value of a JSON file as text; None for nothing."""
    return None if value is None or value == "" else str(value).encode("utf-8", "replace").decode()


def text_of(path: Path, data: bytes) -> str:
    """A file's text: UTF-8, UTF-16 where it says so, else Windows-1252. Raises FileRefused for what is no text."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _decoded(path, data, encoding)
    if b"\0" in data:
        raise FileRefused(f"{path} is no text (a NUL byte at {data.index(0):,}). Is it zipped, or an Excel workbook?")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(path, data, "cp1252")


def _decoded(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        column = e.start - data.rfind(b"\n", 0, e.start)
        raise FileRefused(
            f"{path}, line {line}, column {column}: neither UTF-8 nor Windows-1252. Save it as UTF-8."
        ) from e


def _json(path: Path, data: bytes) -> Any:
    try:
        return json.loads(text_of(path, data))
    except json.JSONDecodeError as e:
        raise FileRefused(f"{path}, line {e.lineno}, column {e.colno}: {e.msg}.") from e
    except RecursionError as e:
        raise FileRefused(f"{path}: nested too deep.") from e
