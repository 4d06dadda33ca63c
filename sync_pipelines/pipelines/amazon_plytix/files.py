"""The files that people drop: a listings report, an export of the catalogue, or a mapping made elsewhere.

A file that cannot be understood is refused whole, naming line and column; a row that cannot be goes on as a problem.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from sync_pipelines import exact_json
from sync_pipelines.decoding import NotText, decoded
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.amazon_plytix.identifiers import is_asin
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.amazon_plytix.report import ReportRefused, report_rows
from sync_pipelines.vendors.amazon_settings import AmazonSettings

Kind = Literal["listings_report", "export", "mapping"]
SUFFIXES = {".txt", ".tsv", ".json"}
MAPPING_ENDING = "_mapping"
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class FileRefused(UsageError):
    """The file cannot be taken in; the message says where it is wrong and what to do."""


@dataclass(frozen=True)
class Dropped:
    """A file as it was read. `digest` tells contents apart. lost: line and column of what could not be decoded."""

    path: Path
    kind: Kind
    digest: str
    text: str
    lost: tuple[str, ...] = ()

    @property
    def document(self) -> Any:
        return exact_json.read(self.text)


def partition_of(path: Path) -> str:
    """The partition a file stands for: its stem, without the ending of a mapping. Raises FileRefused.

    Amazon's own name for a report, `All+Listings+Report_05-12-2026.txt`, has a + for each space: these become dashes.
    """
    stem = path.stem.removesuffix(MAPPING_ENDING).replace("+", "-")
    if not _STEM.fullmatch(stem):
        raise FileRefused(f"{path.name}: name the file with letters, digits, dots, dashes, underscores and + only.")
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
    try:
        found = decoded(data, japanese=AmazonSettings.read().japanese)
    except NotText as e:
        raise FileRefused(f"{path}: {e}") from e
    if path.suffix.lower() != ".json":
        return Dropped(path, "listings_report", digest, found.text, found.lost)
    document = _json(path, found.text)
    if isinstance(document, dict):
        if "matched" in document or "unmatched_amazon" in document:
            return Dropped(path, "mapping", digest, found.text, found.lost)
        if "variants" in document:
            return Dropped(path, "export", digest, found.text, found.lost)
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
    raise FileRefused(f"{inbox} has no file for {partition!r} ({partition}.txt, {partition}.json, {partition}_mapping.json).")


def partitions_in(inbox: Path) -> set[str]:
    """The partitions that a file was dropped for; files that cannot be named so are left out."""
    found = set()
    for path in filter(is_droppable, inbox.glob("*")):
        with contextlib.suppress(FileRefused):
            found.add(partition_of(path))
    return found


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
    if dropped.kind == "export":
        yield from export_rows(dropped.path, dropped.document, settings)
        return
    try:
        yield from report_rows(dropped.text, settings.marketplace)
    except ReportRefused as e:
        raise FileRefused(f"{dropped.path}, {e}") from e


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
        problem = None if is_asin(asin) else f"variants[{number}]: amazon_asin {asin!r} is not an ASIN"
        if flaw := exact_json.flaw(row):
            problem = f"variants[{number}]: {flaw}"
        names = {
            "seller_sku": "amazon_sku",
            "title": "title",
            "status": "amazon_listing_status",
            "parent_asin": "amazon_parent_asin",
            "upc": "upc",
            "ean": "ean",
            "size": "size",
            "color": "color",
            "theme": "variation_theme",
            "brand": "brand",
            "classification": "item_classification",
            "model_number": "model_number",
        }
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


def _json(path: Path, document: str) -> Any:
    try:
        return exact_json.read(document)
    except json.JSONDecodeError as e:
        raise FileRefused(f"{path}, line {e.lineno}, column {e.colno}: {e.msg}.") from e
    except RecursionError as e:
        raise FileRefused(f"{path}: nested too deep.") from e
