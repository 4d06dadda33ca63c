"""A listing: one ASIN in one marketplace, as its files and Amazon's catalogue have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from sync_pipelines.decoding import LOST
from sync_pipelines.vendors.amazon import CatalogItem
from sync_pipelines.warehouse import typed_rows

LISTINGS_KEY = ("amazon", "listings")
PARENT = "VARIATION_PARENT"

NOTES = {
    "asin": "Amazon's number of the item",
    "marketplace": "US, CA, …",
    "seller_sku": "the seller's SKU, or the part number",
    "title": "as it is listed",
    "status": "active, inactive, suppressed, unknown",
    "parent_asin": "the item it is a variation of",
    "upc": "as it is written there",
    "ean": "as it is written there",
    "gtin": "as it is written there",
    "size": "as it is listed",
    "color": "as it is listed",
    "theme": "what variations differ in",
    "brand": "as it is listed",
    "classification": "BASE_PRODUCT, VARIATION_PARENT, …",
    "model_number": "the maker's style",
    "line": "where it stands in the file",
    "also": "other rows of this ASIN, which were left aside",
    "problem": "why the row is no listing",
    "further": "more identifiers, a comma between",
    "note": "what of the row was left aside, and why",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """One ASIN in one marketplace. `line`: where its file has it, 0 for what the file does not name.

    `also`: what else the file says of the same ASIN. `problem`: the row is not understood, and why; it goes no further.
    `note`: what of the row was left aside, and why; the rest of it goes on.
    """

    asin: str
    marketplace: str
    seller_sku: str | None = None
    title: str | None = None
    status: str | None = None
    parent_asin: str | None = None
    upc: str | None = None
    ean: str | None = None
    gtin: str | None = None
    size: str | None = None
    color: str | None = None
    theme: str | None = None
    brand: str | None = None
    classification: str | None = None
    model_number: str | None = None
    line: int = 0
    also: str | None = None
    problem: str | None = None
    further: str | None = None
    note: str | None = None


SCHEMA = pa.schema([(f.name, pa.int64() if f.name == "line" else pa.string()) for f in fields(Listing)])


def table(listings: Iterable[Listing]) -> pa.Table:
    return typed_rows.table(listings, SCHEMA)


def from_file(path: Path) -> Iterator[Listing]:
    return typed_rows.objects(path, Listing, SCHEMA)


def one_per_asin(listings: Iterable[Listing]) -> list[Listing]:
    """Rows of the same ASIN and marketplace as one listing: an active row before the others, then the first.

    A report has a row per seller SKU, so an ASIN that is sold two ways has two. The rest is kept in `also`.
    """
    by_asin: dict[tuple[str, str], list[Listing]] = {}
    wrong: list[Listing] = []
    for row in listings:
        if row.problem:
            wrong.append(row)
        else:
            by_asin.setdefault((row.asin, row.marketplace), []).append(row)
    found = []
    for same in by_asin.values():
        chosen = next((row for row in same if row.status == "active"), same[0])
        others = [
            f"line {row.line}: {row.seller_sku or 'no SKU'} ({row.status or 'no status'})" for row in same if row is not chosen
        ]
        found.append(replace(chosen, also="; ".join(others)) if others else chosen)
    return [*found, *wrong]


def enriched(listings: Iterable[Listing], catalogue: Mapping[str, CatalogItem]) -> list[Listing]:
    """Listings with what their files leave open, by ASIN from Amazon's catalogue.

    What a file says stays, but for a title that has question marks where the catalogue has letters.
    """
    return [_filled(row, catalogue[row.asin]) if row.asin in catalogue else row for row in listings]


def _filled(row: Listing, item: CatalogItem) -> Listing:
    if item.problem:
        told = f"the catalogue's entry is not used: {item.problem}"
        return replace(row, note=f"{row.note}; {told}" if row.note else told)
    parents = item.parents
    known: dict[str, Any] = {
        "title": item.title,
        "parent_asin": parents[0] if parents else None,
        "upc": item.upc,
        "ean": item.ean,
        "gtin": item.gtin,
        "size": item.size,
        "color": item.color,
        "theme": item.theme,
        "brand": item.brand,
        "classification": item.classification,
        "model_number": item.model_number,
        "seller_sku": item.part_number,
        "further": ",".join(item.further),
    }
    missing = {name: value for name, value in known.items() if value and getattr(row, name) is None}
    if row.title and item.title and _lost(item.title) < _lost(row.title):
        missing["title"] = item.title
    if len(parents) > 1:
        told = f"more parents: {', '.join(parents[1:])}"
        missing["also"] = f"{row.also}; {told}" if row.also else told
    return replace(row, **missing)


def _lost(title: str) -> int:
    """How many characters of a title were lost on its way, as far as that shows."""
    return title.count("?") + title.count(LOST)


def parents_missing(listings: Iterable[Listing]) -> list[str]:
    """Parents that children name and the listings do not have."""
    good = [row for row in listings if not row.problem]
    known = {row.asin for row in good}
    return list(dict.fromkeys(row.parent_asin for row in good if row.parent_asin and row.parent_asin not in known))


def of_style(listings: Iterable[Listing], style: str) -> list[Listing]:
    """Listings of one style: by model number, SKU or title; and the parents of those."""
    wanted = style.upper()

    def is_of(row: Listing) -> bool:
        model, sku, title = (str(text or "").upper() for text in (row.model_number, row.seller_sku, row.title))
        return wanted in (model, sku) or sku.startswith(f"{wanted}-") or wanted in title.split()

    every = list(listings)
    chosen = {id(row) for row in every if row.problem or is_of(row)}
    parents = {row.parent_asin for row in every if id(row) in chosen and row.parent_asin}
    return [row for row in every if id(row) in chosen or row.asin in parents]
