"""One entry of a mapping: a listing, the product it is a listing of, and how sure that is; as rows and as the JSON file.

The file is in a shape that holds all that earlier programs wrote; readers take every one of those
(docs/pipelines/amazon_plytix.md has the keys).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import rapidjson

from sync_pipelines.exact_json import flaw
from sync_pipelines.number_text import NumberUnclear, read_number
from sync_pipelines.pipelines.amazon_plytix.files import Dropped, FileRefused, facts_of, text
from sync_pipelines.pipelines.amazon_plytix.identifiers import amazon_sku, is_asin
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.warehouse import typed_rows

MAPPING_KEY = ("amazon", "asin_mapping")

State = Literal["matched", "held", "ambiguous", "unmatched", "parent", "rejected"]

NOTES = {
    "state": "matched, held (not sure enough), ambiguous, unmatched, parent, rejected",
    "suggested_sku": "SKU of the Amazon product in the PIM",
    "match_method": "by what the product was found",
    "match_confidence": "how sure that is, 0 to 1",
    "reason": "why there is no product",
    "candidates": "products that might be meant",
    "gtin_match": "whether its identifiers are the product's",
    "note": "what of the listing was left aside, and why",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A listing and its product, under the names that the mapping file has. `candidates`: SKUs, comma between them. `note`: what
    of the listing is not written, and why."""

    state: State
    suggested_sku: str
    marketplace: str
    amazon_asin: str
    amazon_parent_asin: str | None = None
    amazon_sku: str | None = None
    amazon_upc: str | None = None
    amazon_ean: str | None = None
    amazon_gtin: str | None = None
    amazon_title: str | None = None
    amazon_size: str | None = None
    amazon_color: str | None = None
    amazon_variation_theme: str | None = None
    amazon_listing_status: str | None = None
    item_classification: str | None = None
    model_number: str | None = None
    canonical_plytix_sku: str | None = None
    canonical_plytix_id: str | None = None
    canonical_plytix_label: str | None = None
    canonical_plytix_gtin: str | None = None
    match_method: str | None = None
    match_confidence: Decimal | None = None
    gtin_match: bool | None = None
    reason: str | None = None
    candidates: str | None = None
    brand: str | None = None
    note: str | None = None


_TYPES = {"match_confidence": pa.decimal128(3, 2), "gtin_match": pa.bool_()}
SCHEMA = pa.schema([(f.name, _TYPES.get(f.name, pa.string())) for f in fields(Entry)])
_CANONICAL = ("canonical_plytix_sku", "canonical_plytix_id", "canonical_plytix_label", "canonical_plytix_gtin")
_MATCH = ("match_method", "match_confidence", "gtin_match")
_OLD_NAMES = {
    "canonical_plytix_sku": ("plytix_product_sku",),
    "canonical_plytix_id": ("plytix_product_id",),
    "canonical_plytix_label": ("plytix_label",),
    "canonical_plytix_gtin": ("plytix_gtin",),
    "match_method": ("match_type",),
}
"""What the first programs called it."""


@dataclass(frozen=True)
class AsinMapping:
    """A whole mapping: entries in order (those with a product first), and products of the same styles without a listing."""

    metadata: Mapping[str, Any]
    entries: Sequence[Entry]
    unlisted: Sequence[Mapping[str, Any]] = ()
    duplicates: Sequence[Mapping[str, Any]] = ()


def table(entries: Iterable[Entry]) -> pa.Table:
    return typed_rows.table(entries, SCHEMA)


def from_file(path: Path) -> Iterator[Entry]:
    return typed_rows.objects(path, Entry, SCHEMA)


def json_parts(mapping: AsinMapping) -> Iterator[str]:
    """The mapping file, piece by piece: `metadata, matched, unmatched_amazon, unmatched_plytix, duplicates`.

    As one text, with the objects it is made of, a large mapping would take several times its own memory.
    """
    matched = sum(1 for e in mapping.entries if e.state == "matched")
    metadata = {
        **mapping.metadata,
        "amazon_count": len(mapping.entries),
        "matched_count": matched,
        "unmatched_count": len(mapping.entries) - matched,
        "unmatched_plytix_count": len(mapping.unlisted),
        "duplicate_count": len(mapping.duplicates),
    }
    parts: dict[str, Iterable[Mapping[str, Any]]] = {
        "matched": (_matched(e) for e in mapping.entries if e.state == "matched"),
        "unmatched_amazon": (_other(e) for e in mapping.entries if e.state != "matched"),
        "unmatched_plytix": mapping.unlisted,
        "duplicates": mapping.duplicates,
    }
    yield f'{{\n  "metadata": {_indented(metadata, 2)}'
    for name, part in parts.items():
        yield f',\n  "{name}": ['
        before, end = "\n    ", "]"
        for row in part:
            yield before + _indented(row, 4)
            before, end = ",\n    ", "\n  ]"
        yield end
    yield "\n}"


def _indented(value: Any, by: int) -> str:
    lines = str(rapidjson.dumps(value, indent=2, ensure_ascii=False))
    return lines.replace("\n", "\n" + " " * by)  # a line break inside of a text is written as \\n


_OF_MATCHED = tuple(name for name in SCHEMA.names if name not in ("state", "reason", "candidates"))
_OF_OTHERS = tuple(name for name in SCHEMA.names if name not in (*_CANONICAL, *_MATCH))


def _matched(entry: Entry) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in _OF_MATCHED}
    sure = row["match_confidence"]
    return {**row, "match_confidence": None if sure is None else float(sure)}


def _other(entry: Entry) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in _OF_OTHERS}
    return {**row, "candidates": row["candidates"].split(",") if row["candidates"] else []}


def read_mapping(dropped: Dropped, settings: AmazonSettings) -> AsinMapping:
    """A mapping file of any of its generations. Raises FileRefused naming the entry that is not understood."""
    document, path = dropped.document, dropped.path
    metadata = facts_of(path, document)
    default = str(metadata.get("marketplace") or settings.marketplace)
    entries = []
    for part in ("matched", "unmatched_amazon"):
        found = document.get(part) or []
        if not isinstance(found, list):
            raise FileRefused(f"{path}: `{part}` is no list.")
        for number, row in enumerate(found):
            where = f"{path}: {part}[{number}]"
            if not isinstance(row, dict):
                raise FileRefused(f"{where} is no object.")
            if unusable := flaw(row):
                raise FileRefused(f"{where}: {unusable}.")
            entries.append(_entry(where, row, part, default, settings))
    return AsinMapping(metadata, entries, document.get("unmatched_plytix") or (), document.get("duplicates") or ())


def _entry(where: str, row: Mapping[str, Any], part: str, default: str, settings: AmazonSettings) -> Entry:
    values: dict[str, Any] = {name: text(row.get(name)) for name in SCHEMA.names if name not in _TYPES}
    for name, others in _OLD_NAMES.items():
        values[name] = values[name] or next((text(row[other]) for other in others if row.get(other)), None)
    asin, marketplace = values["amazon_asin"] or "", values["marketplace"] or default
    problem = _problem(asin, marketplace, values, settings)
    if isinstance(row.get("candidates"), list):
        values["candidates"] = ",".join(map(str, row["candidates"])) or None
    state: State = "matched"
    if problem:
        state = "rejected"
        values["reason"] = problem
    elif part == "unmatched_amazon":
        state = "parent" if values["item_classification"] == "VARIATION_PARENT" else "unmatched"
        if values["state"] == "held" or values["state"] == "ambiguous":
            state = values["state"]
    elif not values["canonical_plytix_sku"]:
        raise FileRefused(f"{where} ({asin}) is matched, but names no product (canonical_plytix_sku).")
    values.update(
        state=state,
        amazon_asin=asin,
        marketplace=marketplace,
        suggested_sku=values["suggested_sku"] or amazon_sku(marketplace, asin),
        match_confidence=_confidence(where, row.get("match_confidence")),
        gtin_match=_flag(row.get("gtin_match")),
    )
    return Entry(**values)


def _problem(asin: str, marketplace: str, values: Mapping[str, Any], settings: AmazonSettings) -> str | None:
    if not is_asin(asin):
        return f"{asin!r} is not an ASIN"
    if marketplace not in settings.marketplaces:
        return f"marketplace {marketplace} is not among those of the settings ({', '.join(settings.marketplaces)})"
    named = values["suggested_sku"]
    if named and named != amazon_sku(marketplace, asin):
        return f"suggested_sku {named} is not that of {asin} in {marketplace}"
    return None


def _confidence(where: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        sure = read_number(format(value, "f") if isinstance(value, Decimal) else str(value), ".")
    except NumberUnclear:
        sure = Decimal(-1)
    if not 0 <= sure <= 1:
        shown = value if isinstance(value, Decimal) else repr(value)
        raise FileRefused(f"{where}: match_confidence {shown} is not a number from 0 to 1.")
    return sure.quantize(Decimal("0.01"))


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def mapping_path(folder: Path, partition: str) -> Path:
    """Where the mapping of a partition is written for people."""
    return folder / f"{partition}_mapping.json"
