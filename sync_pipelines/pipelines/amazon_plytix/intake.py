"""From a dropped file to listings, and from these to a mapping: the pipeline's reading steps, without Dagster."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync_pipelines.csv_files import write_text
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.duck import no_collection
from sync_pipelines.pipelines.amazon_plytix import entries, files, listings, matching
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, candidates
from sync_pipelines.pipelines.amazon_plytix.entries import AsinMapping, Entry
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.progress import tell
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.amazon import AT_ONCE, Amazon, CatalogItem, has_login
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse

log = logging.getLogger(__name__)


def inbox() -> Path:
    """The folder where files are dropped."""
    return data_dir() / AmazonSettings.read().inbox


@dataclass(frozen=True)
class ReadFile:
    """A dropped file, read: its listings (one per ASIN, those not understood among them), and how its rows add up.

    rows: in the file. repeats: further rows of an ASIN. added: parents that only the catalogue has. asked: whether it was.
    unknown: listings that it does not know. least_calls: calls that asking takes at least.
    """

    dropped: files.Dropped
    listings: Sequence[Listing]
    rows: int = 0
    repeats: int = 0
    added: int = 0
    asked: bool = False
    unknown: int = 0
    least_calls: int = 0

    @property
    def of_the_file(self) -> int:
        return sum(1 for row in self.listings if not row.problem) - self.added


def read_file(dropped: files.Dropped, settings: AmazonSettings, amazon: Amazon | None, style: str = "") -> ReadFile:
    """What a report or an export lists, with what Amazon's catalogue adds where there is a login. `style`: only its listings.

    Raises FileRefused, VendorError.
    """
    _tell_lost(dropped)
    every = list(files.listings(dropped, settings))
    found = listings.one_per_asin(every)
    if not found:
        raise files.FileRefused(f"{dropped.path} has a header and no row.")
    repeats, added, unknown, calls = len(every) - len(found), 0, 0, 0
    if amazon is not None:
        found, added, unknown, calls = _enriched(found, amazon, found[0].marketplace)
    if style:
        chosen = listings.of_style(found, style)
        kept = {row.asin for row in chosen}
        if not any(not row.problem for row in chosen):
            raise files.FileRefused(f"{dropped.path} has no listing of style {style}.")
        every = [row for row in every if row.asin in kept or row.problem]
        added = sum(1 for row in chosen if not row.line and row.asin not in {r.asin for r in every})
        found, repeats = chosen, len(every) - (len(chosen) - added)
    return ReadFile(dropped, found, len(every), repeats, added, amazon is not None, unknown, calls)


def left_aside(dropped: files.Dropped, partition: str) -> list[str]:
    """Other files that were dropped for this partition."""
    others = (path for path in files.named(inbox(), partition) if path.name != dropped.path.name)
    return [path.name for path in others]


def read_partition(partition: str, amazon: Callable[[], Amazon | None], *, file: Path | None = None, style: str = "") -> ReadFile:
    """The dropped file of a partition, or the one named. A mapping lists nothing: it is the answer already."""
    dropped = files.of_partition(inbox(), partition) if file is None else files.read(file, follow_links=True)
    if dropped.kind == "mapping":
        return ReadFile(dropped, ())
    return read_file(dropped, AmazonSettings.read(), amazon(), style)


def _tell_lost(dropped: files.Dropped) -> None:
    if dropped.lost:
        log.warning("%s has bytes that are not text: %s", dropped.path.name, "; ".join(dropped.lost))


def check_listings(path: Path, style: str = "") -> None:
    """Look, before a run begins, whether a file lists anything, and anything of this style where no catalogue is asked.

    Raises FileRefused.
    """
    dropped = files.read(path, follow_links=True)
    if dropped.kind == "mapping":
        raise files.FileRefused(f"{path} is a mapping already: sync-pipelines amazon sync --mapping {path}. Nothing was done.")
    read_file(dropped, AmazonSettings.read(), None, "" if has_login() else style)


def check_mapping(path: Path) -> None:
    """Look, before a run begins, whether a file is a mapping that can be understood. Raises FileRefused."""
    _taken(files.read(path, follow_links=True), AmazonSettings.read())


def publish_listings(warehouse: Warehouse, read: ReadFile, partition: str) -> Published:
    rows = listings.table(read.listings)
    origin = f"{read.dropped.kind}/{read.dropped.path.name}/{read.dropped.digest}"
    about = About(
        AmazonSettings.read().account, datetime.now(UTC).isoformat(), partition, rows.num_rows, read.repeats, origin, partition
    )
    return warehouse.write(listings.LISTINGS_KEY, rows, about)


def _enriched(rows: Sequence[Listing], amazon: Amazon, marketplace: str) -> tuple[list[Listing], int, int, int]:
    """Listings completed from the catalogue, with the parents that only it has; how many these are, how many listings it does
    not know, and the least calls that asking takes, with the login."""
    asins = [row.asin for row in rows if not row.problem]
    log.info("%d listings: asking Amazon's catalogue, %d calls", len(asins), math.ceil(len(asins) / AT_ONCE))
    known: dict[str, CatalogItem] = {}
    for item in amazon.items(asins, marketplace):
        known[item.asin] = item
        tell("asking Amazon's catalogue", len(known), len(asins), "listings")
    found = listings.enriched(rows, known)
    parents = listings.parents_missing(found)
    more = {item.asin: item for item in amazon.items(parents, marketplace)}
    added = listings.enriched([Listing(asin, marketplace) for asin in more], more)
    added = [replace(row, classification=row.classification or listings.PARENT) for row in added]
    calls = math.ceil(len(asins) / AT_ONCE) + math.ceil(len(parents) / AT_ONCE)
    return [*found, *added], len(added), len(asins) - len(known), calls and calls + 1


def mapping_for(
    warehouse: Warehouse, partition: str, given: Path | None = None, *, style: str = "", just_read: bool = False
) -> tuple[AsinMapping, str]:
    """The mapping of a partition, and where it is from: the file given, a mapping that was dropped, or its listings matched
    with the products of the PIM. just_read: the listings are of this very run. Raises FileRefused, DeliveryError."""
    settings = AmazonSettings.read()
    if given is not None:
        return _taken(files.read(given, follow_links=True), settings)
    listed = warehouse.find(listings.LISTINGS_KEY, settings.account, partition)
    if not just_read:
        dropped = files.of_partition(inbox(), partition)
        if dropped.kind == "mapping":
            return _taken(dropped, settings)
        if listed is None or dropped.digest not in listed.about.origin:
            raise DeliveryError(f"amazon/listings has not read {dropped.path.name} as it is now. Materialize it first.")
    if listed is None:
        raise DeliveryError(f"amazon/listings has no partition {partition}. Materialize it first.")
    kind, name, digest = listed.about.origin.split("/")
    if kind == "mapping":
        return _taken(files.of_partition(inbox(), partition), settings)
    products = warehouse.find(PRODUCTS_KEY, PlytixSettings.read().account)
    if products is None:
        raise DeliveryError("plytix/products was never read for this account. Materialize it first.")
    rows = list(listings.from_file(listed.path))
    facts = {
        "source_file": name,
        "source_kind": kind,
        "source_digest": digest,
        "style": style or None,
        "marketplace": rows[0].marketplace if rows else settings.marketplace,
    }
    return make_mapping(rows, products, facts, style), name


def _taken(dropped: files.Dropped, settings: AmazonSettings) -> tuple[AsinMapping, str]:
    if dropped.kind != "mapping":
        raise files.FileRefused(f"{dropped.path} is no mapping (`matched`, `unmatched_amazon`), but: {dropped.kind}.")
    _tell_lost(dropped)
    given = entries.read_mapping(dropped, settings)
    return matching.checked(given, AmazonPlytixSettings.read()), dropped.path.name


def make_mapping(rows: Iterable[Listing], products: Published, facts: Mapping[str, Any], style: str = "") -> AsinMapping:
    """Match listings with the products of the PIM. facts: what the mapping's metadata says of its source."""
    metadata = {**facts, "generated_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    with no_collection():
        found = matching.Products(candidates(products, style))
        return matching.match(rows, found, AmazonPlytixSettings.read(), metadata)


def write_mapping(mapping: AsinMapping, path: Path) -> Path:
    """Write the mapping file for people and older programs. Atomic."""
    return write_text(path, entries.json_parts(mapping))


def publish_mapping(warehouse: Warehouse, mapping: AsinMapping, account: str, partition: str, origin: str) -> Published:
    rows = entries.table(mapping.entries)
    about = About(account, datetime.now(UTC).isoformat(), partition, rows.num_rows, 0, origin, partition)
    return warehouse.write(entries.MAPPING_KEY, rows, about)


def mapping_of(warehouse: Warehouse, account: str, partition: str) -> list[Entry]:
    """The mapping of a partition as it was last made. Raises DeliveryError when there is none."""
    found = warehouse.find(entries.MAPPING_KEY, account, partition)
    if found is None:
        raise DeliveryError(f"amazon/asin_mapping has no partition {partition} for {account}. Materialize it first.")
    return list(entries.from_file(found.path))
