"""What only the Amazon pipeline can be told to do, by file: map listings, make what a mapping says. As in `answers`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync_pipelines.errors import UsageError
from sync_pipelines.nearest import meant
from sync_pipelines.operations import environment, running
from sync_pipelines.operations.answers import FLAT
from sync_pipelines.operations.launch import Ended
from sync_pipelines.operations.paths import existing
from sync_pipelines.operations.pipelines import of
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.plytix_settings import PlytixSettings

PIPELINE = "amazon_plytix"
PLANNED = ["amazon/asin_mapping", "amazon/unmatched_items", "plytix/amazon_product_plan", "plytix/amazon_link_plan"]
APPLIED = ["plytix/amazon_products", "plytix/amazon_links"]


@dataclass(frozen=True)
class Mapped:
    """A run that wrote a mapping file. metadata: that of the file. unmatched: what found no partner, as CSV."""

    ended: Ended = field(metadata=FLAT)
    mapping: Path
    metadata: Mapping[str, Any]

    @property
    def unmatched(self) -> Path:
        return self.mapping.with_name(self.mapping.name.replace("_mapping.json", "_unmatched.csv"))


def refuse_unknown_account(alias: str | None) -> None:
    """Raise UsageError for a Plytix account that the settings do not have."""
    if alias and alias not in (known := PlytixSettings.read().accounts):
        raise UsageError(f"--plytix-account {alias}: no such account; there are: {', '.join(known)}.{meant(alias, known)}")


def map_listings(
    listings: Path, *, style: str = "", marketplace: str | None = None, refresh: str = "auto", plytix_account: str | None = None
) -> Mapped | Ended:
    """Match a report or an export with the products of the PIM, and write the mapping file. Plans and changes nothing.

    marketplace: where the file is from, one of [amazon] marketplaces. plytix_account: an alias. Returns how the run ended
    where it wrote no mapping.
    """
    from sync_pipelines.pipelines.amazon_plytix import entries, files, intake

    partition = files.partition_of(existing(listings))
    if style and style.lower() != partition.lower():
        partition = f"{partition}-{style}"  # a file's own partition is of all that it lists
    if marketplace and marketplace not in (known := AmazonSettings.read().marketplaces):
        raise UsageError(
            f"marketplace {marketplace} is not among [amazon] marketplaces ({', '.join(known)}).{meant(marketplace, known)}"
        )
    refuse_unknown_account(plytix_account)
    with environment.variables(AMAZON_MARKETPLACE=marketplace, PLYTIX_ALIAS=plytix_account):
        intake.check_listings(listings, style)
        ops = {
            "amazon__listings": {"file": str(listings.resolve()), "style": style},
            "amazon__asin_mapping": {"style": style},
            **of(PIPELINE).source_options(refresh, None),
        }
        ended = running.run(PIPELINE, "map", ops, partition=partition)
    if ended.state != "done":
        return ended
    path = entries.mapping_path(data_dir(), partition)
    return Mapped(ended, path, json.loads(path.read_text(encoding="utf-8"))["metadata"])


@dataclass(frozen=True)
class Made:
    """A run over a mapping and its result, item by item: total, created, exists, linked, errors, items, metadata."""

    ended: Ended = field(metadata=FLAT)
    result: Mapping[str, Any]
    file: Path


def sync_mapping(
    mapping: Path,
    *,
    execute: bool,
    limit: int | None = None,
    check_families: bool = False,
    update: bool | None = None,
    plytix_account: str | None = None,
) -> Made | Ended:
    """Plan (and with `execute` make) the products and links of a mapping. Returns how the run ended where it has no result.

    limit: make only the first N products; links follow. check_families: look at the family of products that exist, too.
    update: keep products that exist up to date; None: as the settings say. plytix_account: an alias.
    """
    from sync_pipelines.pipelines.amazon_plytix import files, intake, results

    partition = files.partition_of(existing(mapping))
    intake.check_mapping(mapping)
    refuse_unknown_account(plytix_account)
    ops: dict[str, Any] = {
        "amazon__asin_mapping": {"mapping": str(mapping.resolve())},
        "plytix__amazon_product_plan": {"check_families": check_families},
    }
    if execute:
        ops["plytix__amazon_products"] = {"limit": limit}  # links follow the products that are there
    assets = [*PLANNED, *APPLIED] if execute else PLANNED
    updates = None if update is None else str(update).lower()
    with environment.variables(AMAZON_PLYTIX_UPDATE=updates, PLYTIX_ALIAS=plytix_account):
        ended = running.run(PIPELINE, "sync" if execute else "preview", ops, partition=partition, assets=assets)
    path = results.result_path(data_dir(), partition, dry_run=not execute)
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if found.get("metadata", {}).get("run") != ended.run_id:
        return ended
    return Made(ended, found, path)
