"""The pipeline's steps without Dagster: read what was dropped, match, plan products and links."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sync_pipelines.delivery.guards import change_size_guards, must_hold
from sync_pipelines.delivery.images import loads
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import Counts, DeliveryError, Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.pipelines.amazon_plytix import entries, files, listings, matching
from sync_pipelines.pipelines.amazon_plytix.account import Account, look
from sync_pipelines.pipelines.amazon_plytix.catalogue import candidates
from sync_pipelines.pipelines.amazon_plytix.entries import AsinMapping, Entry
from sync_pipelines.pipelines.amazon_plytix.link_target import AmazonLinks, image
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.amazon_plytix.mapping import desired_links, desired_products, link_of
from sync_pipelines.pipelines.amazon_plytix.target import AmazonProducts, Ids
from sync_pipelines.settings import AmazonPlytixSettings, AmazonSettings, PlytixSettings, data_dir
from sync_pipelines.vendors.amazon import AT_ONCE, Amazon
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.plytix import BY_SKU, Plytix
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse

log = logging.getLogger(__name__)

PIPELINE = "amazon_plytix"


@dataclass
class Desk:
    """What the steps of one run share: the PIM's account as it was found, and the ids of products as they are learned."""

    client: Plytix
    settings: AmazonPlytixSettings = field(default_factory=AmazonPlytixSettings.read)
    plytix: PlytixSettings = field(default_factory=PlytixSettings.read)
    ids: Ids = field(default_factory=dict)

    @cached_property
    def account(self) -> Account:
        return look(self.client, self.settings)

    def products(
        self, wanted: Sequence[str] = (), *, check_families: bool = False, every_field: bool = False
    ) -> AmazonProducts:
        return AmazonProducts(
            self.client, self.account, self.settings, self.plytix, ids=self.ids, wanted=wanted, check_families=check_families,
            every_field=every_field, today=datetime.now(ZoneInfo(self.settings.time_zone)).date(),
        )  # fmt: skip

    def links(self, wanted: Sequence[Any] = ()) -> AmazonLinks:
        return AmazonLinks(self.client, self.account, self.settings, self.plytix, ids=self.ids, wanted=wanted)


# --- listings and mapping -----------------------------------------------------------------------------------------------


def inbox() -> Path:
    """The folder where files are dropped."""
    return data_dir() / AmazonSettings.read().inbox


def read_listings(
    dropped: files.Dropped, settings: AmazonSettings, amazon: Amazon | None, style: str = ""
) -> list[Listing]:
    """What a dropped file lists, one per ASIN, with what Amazon's catalogue adds where there is a login. `style`: only its."""
    found = listings.one_per_asin(files.listings(dropped, settings))
    if not found:
        raise files.FileRefused(f"{dropped.path} has a header and no row.")
    if amazon is not None:
        found = _enriched(found, amazon, settings.marketplace)
    return listings.of_style(found, style) if style else found


def _enriched(rows: Sequence[Listing], amazon: Amazon, marketplace: str) -> list[Listing]:
    asins = [row.asin for row in rows if not row.problem]
    log.info("%d listings: asking Amazon's catalogue, %d calls", len(asins), math.ceil(len(asins) / AT_ONCE))
    known = {item.asin: item for item in amazon.items(asins, marketplace)}
    found = listings.enriched(rows, known)
    parents = listings.parents_missing(found)
    more = {item.asin: item for item in amazon.items(parents, marketplace)}
    added = listings.enriched([Listing(asin, marketplace) for asin in more], more)
    return [*found, *(replace(row, classification=row.classification or listings.PARENT) for row in added)]


def make_mapping(
    rows: Sequence[Listing],
    products: Published,
    dropped: files.Dropped,
    settings: AmazonPlytixSettings,
    style: str = "",
) -> AsinMapping:
    """Match listings with the products of the PIM."""
    metadata = {
        "source_file": dropped.path.name, "source_kind": dropped.kind, "source_digest": dropped.digest,
        "generated_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "marketplace": AmazonSettings.read().marketplace,
        "style": style or None,
    }  # fmt: skip
    return matching.match(rows, matching.Products(candidates(products, style)), settings, metadata)


def write_mapping(mapping: AsinMapping, path: Path) -> Path:
    """Write the mapping file for people and older programs. Atomic."""
    return write_text(path, entries.as_json(mapping))


def write_text(path: Path, content: str) -> Path:
    """Replace a file with this text, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(content, encoding="utf-8")
    return draft.replace(path)


def publish_mapping(warehouse: Warehouse, mapping: AsinMapping, account: str, partition: str, origin: str) -> Published:
    rows = entries.table(mapping.entries)
    about = About(account, datetime.now(UTC).isoformat(), partition, rows.num_rows, 0, origin, partition)
    return warehouse.write(entries.MAPPING_KEY, rows, about)


# --- plans --------------------------------------------------------------------------------------------------------------


def plan_products(
    desk: Desk, found: Sequence[Entry], partition: str, *, ledger: Ledger, plans: PlanFiles, run: str,
    only: Collection[str] | None = None, check_families: bool = False,
) -> Plan:  # fmt: skip
    """Plan a product for every entry. Sends nothing that changes the PIM."""
    settings = desk.settings
    wanted = [entry.suggested_sku for entry in found if entry.state != "rejected"]
    target = desk.products(wanted, check_families=check_families)
    desired = desired_products(found, settings, desk.account.attributes, target.today)
    return make_plan(
        target, desired, ledger=ledger, files=plans, pipeline=PIPELINE, extract=partition, run=run,
        policy=Policy(foreign_edits=settings.foreign_edits), only=only,
        plan_guards=[
            must_hold("account", desk.account.problems, "family, relationships and attributes are there"),
            *_size_guards(settings),
        ],
    )  # fmt: skip


def plan_links(
    desk: Desk, found: Sequence[Entry], partition: str, *, ledger: Ledger, plans: PlanFiles, run: str,
    only: Collection[str] | None = None,
) -> Plan:  # fmt: skip
    """Plan the links of every entry, by SKU: products may be made only when the other plan is applied."""
    settings = desk.settings
    wanted = desired_links(found, settings)
    target = desk.links(wanted)
    coming = {entry.suggested_sku for entry in found if entry.state != "rejected"}
    new: dict[tuple[str, str], int] = {}

    def room(before: Fields | None, after: Fields) -> str | None:
        if before is not None:
            return None
        of = (after["relationship"], after["source"])
        if desk.ids.get(after["source"]) is None and after["source"] not in coming:
            return f"product {after['source']} is not in Plytix"
        there = target.linked[of] + new.get(of, 0)
        if there >= settings.max_links:
            return f"product {after['source']} has {target.linked[of]} links; more than {settings.max_links} are not allowed"
        new[of] = new.get(of, 0) + 1
        return None

    desired = (Desired(link.key, image(link), link.relationship) for link in wanted)
    return make_plan(
        target, desired, ledger=ledger, files=plans, pipeline=PIPELINE, extract=partition, run=run,
        policy=Policy(foreign_edits=settings.foreign_edits), row_guards=[room], only=only,
        plan_guards=[
            must_hold("account", desk.account.problems, "family, relationships and attributes are there"),
            *_size_guards(settings),
        ],
    )  # fmt: skip


def _size_guards(settings: AmazonPlytixSettings) -> list[Any]:
    return change_size_guards(settings.max_moving, settings.max_held, settings.max_held)


# --- telling ------------------------------------------------------------------------------------------------------------


def calls_to_send(counts: Counts, parents: int | None = None) -> int:
    """Calls that a plan needs: two to make a product, one for anything else. `parents`: products that links start from."""
    return parents if parents is not None else 2 * counts.create + counts.update + counts.remove


def seconds_at_quota(calls: int, plytix: PlytixSettings) -> float:
    """How long so many calls take within both windows of the account."""
    (burst, window), (most, hour) = plytix.rates
    hours, rest = divmod(max(calls - 1, 0), most)
    return hours * hour + (rest // burst) * window


def duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes > 1 else "a minute"


def least_calls(meter: CallMeter, *, records: int = 0, sent: int = 0) -> None:
    """Note the least calls the PIM needs: the account once, a search for 100 records, and what changes."""
    meter.minimum["plytix"] += (0 if meter.minimum["plytix"] else 6) + math.ceil(records / BY_SKU) + sent


def sources(files_: PlanFiles, plan: Plan) -> int:
    """How many products the new links of a plan start from."""
    query = """SELECT count(DISTINCT (after->>'relationship', after->>'source')) AS n FROM plan
        WHERE action = 'create' AND held IS NULL"""
    return int(files_.query(plan.id, query)[0]["n"])


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row for people."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    what = f"held ({row['held']})" if row["held"] else str(row["action"])
    if "relationship" in (after or before):
        of = after or before
        changes = f"{of['source']} → {of['target']} ({of['relationship']})"
    elif row["action"] == "update":
        names = [n for n in after if n not in ("sku", "family", "amazon_last_synced") and before.get(n) != after.get(n)]
        changes = (
            "; ".join(f"{n}: {before.get(n)} → {after.get(n)}" for n in names if n in before or n in after)
            or "its family"
        )
    else:
        changes = str((after or before).get("label") or "")
    return {"key": row["key"], "what": what, "changes": changes, "reason": row["reason"] or row["undo_note"] or ""}


def full_keys(named: Collection[str], known: Sequence[Entry]) -> set[str]:
    """Keys of products and links for what a person named: a key, an ASIN, or a SKU of either side."""
    settings = AmazonPlytixSettings.read()
    found = set(named)
    for entry in known:
        if {entry.amazon_asin, entry.suggested_sku, entry.canonical_plytix_sku} & set(named):
            found.add(entry.suggested_sku)
    for link in desired_links(known, settings):
        if {link.source, link.target} & found:
            found.add(link.key)
    return found


def is_link(key: str) -> bool:
    settings = AmazonPlytixSettings.read()
    try:
        link_of(key, (settings.listings_relationship, settings.hierarchy_relationship))
    except ValueError:
        return False
    return True


def mapping_of(warehouse: Warehouse, account: str, partition: str) -> list[Entry]:
    """The mapping of a partition as it was last made. Raises DeliveryError when there is none."""
    import pyarrow.parquet as pq

    found = warehouse.find(entries.MAPPING_KEY, account, partition)
    if found is None:
        raise DeliveryError(f"amazon/asin_mapping has no partition {partition} for {account}. Materialize it first.")
    return list(entries.from_table(pq.read_table(found.path)))
