"""The pipeline's steps without Dagster: read what was dropped, match, plan products and links."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.delivery.applying import Patience
from sync_pipelines.delivery.guards import change_size_guards, must_hold
from sync_pipelines.delivery.images import loads, no_collection
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError, Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.pipelines.amazon_plytix import entries, files, listings, matching, results
from sync_pipelines.pipelines.amazon_plytix.account import Account, look
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, candidates
from sync_pipelines.pipelines.amazon_plytix.entries import AsinMapping, Entry
from sync_pipelines.pipelines.amazon_plytix.link_target import AmazonLinks, image
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.amazon_plytix.mapping import Link, desired_links, desired_products, link_of
from sync_pipelines.pipelines.amazon_plytix.target import AmazonProducts, Ids
from sync_pipelines.pipelines.csv_files import write_csv
from sync_pipelines.settings import AmazonPlytixSettings, AmazonSettings, PlytixSettings, data_dir
from sync_pipelines.vendors.amazon import AT_ONCE, Amazon
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.plytix import BY_SKU, Plytix
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse

log = logging.getLogger(__name__)

PIPELINE = "amazon_plytix"
ACCOUNT_CALLS = 5
"""Login, attributes, families, relationships, and what the family holds."""


@dataclass
class Desk:
    """What the steps of one run share: the PIM's account as it was found, and the ids of products as they are learned."""

    client: Plytix
    settings: AmazonPlytixSettings = field(default_factory=AmazonPlytixSettings.read)
    plytix: PlytixSettings = field(default_factory=PlytixSettings.read)
    ids: Ids = field(default_factory=dict)

    @cached_property
    def account(self) -> Account:
        self.client.http.meter.minimum["plytix"] += ACCOUNT_CALLS
        return look(self.client, self.settings)

    def products(
        self, wanted: Sequence[str] = (), *, check_families: bool = False, every_field: bool = False
    ) -> AmazonProducts:
        return AmazonProducts(
            self.client, self.account, self.settings, self.plytix, ids=self.ids, wanted=wanted, check_families=check_families,
            every_field=every_field, today=datetime.now(ZoneInfo(self.settings.time_zone)).date(),
        )  # fmt: skip

    def as_planned(self, ledger: Ledger, plan: Plan) -> AmazonProducts:
        """The products as this plan compared them: with their families, and with every field where it takes something back."""
        owned = json.loads(ledger.plan(plan.id)["owned"])
        return self.products(check_families="family" in owned, every_field=plan.undo_of is not None)

    def links(self, wanted: Sequence[Link] = ()) -> AmazonLinks:
        return AmazonLinks(self.client, self.account, self.settings, self.plytix, ids=self.ids, wanted=wanted)


def patience() -> Patience:
    """How long a run waits when the account's calls are used up."""
    return Patience(seconds=PlytixSettings.read().longest_wait)


# --- listings and mapping -----------------------------------------------------------------------------------------------


def inbox() -> Path:
    """The folder where files are dropped."""
    return data_dir() / AmazonSettings.read().inbox


@dataclass(frozen=True)
class ReadFile:
    """A dropped file, read: its listings (one per ASIN, those not understood among them), and how its rows add up.

    rows: in the file. repeats: further rows of an ASIN. added: parents that only the catalogue has. asked: whether it was.
    unknown: listings that it does not know. least_calls: calls that it takes.
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
    every = list(files.listings(dropped, settings))
    found = listings.one_per_asin(every)
    if not found:
        raise files.FileRefused(f"{dropped.path} has a header and no row.")
    repeats, added, unknown, calls = len(every) - len(found), 0, 0, 0
    if amazon is not None:
        found, added, unknown = _enriched(found, amazon, found[0].marketplace)
        calls = 1 + math.ceil((len(found) - added) / AT_ONCE) + math.ceil(added / AT_ONCE)
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


def read_partition(
    partition: str, amazon: Callable[[], Amazon | None], *, file: Path | None = None, style: str = ""
) -> ReadFile:
    """The dropped file of a partition, or the one named. A mapping lists nothing: it is the answer already."""
    dropped = files.of_partition(inbox(), partition) if file is None else files.read(file)
    if dropped.kind == "mapping":
        return ReadFile(dropped, ())
    return read_file(dropped, AmazonSettings.read(), amazon(), style)


def publish_listings(warehouse: Warehouse, read: ReadFile, partition: str) -> Published:
    rows = listings.table(read.listings)
    origin = f"{read.dropped.kind}/{read.dropped.path.name}/{read.dropped.digest}"
    about = About(
        AmazonSettings.read().account,
        datetime.now(UTC).isoformat(),
        partition,
        rows.num_rows,
        read.repeats,
        origin,
        partition,
    )
    return warehouse.write(listings.LISTINGS_KEY, rows, about)


def _enriched(rows: Sequence[Listing], amazon: Amazon, marketplace: str) -> tuple[list[Listing], int, int]:
    """Listings completed from the catalogue, with the parents that only it has; how many these are, and how many listings
    it does not know."""
    asins = [row.asin for row in rows if not row.problem]
    log.info("%d listings: asking Amazon's catalogue, %d calls", len(asins), math.ceil(len(asins) / AT_ONCE))
    known = {item.asin: item for item in amazon.items(asins, marketplace)}
    found = listings.enriched(rows, known)
    parents = listings.parents_missing(found)
    more = {item.asin: item for item in amazon.items(parents, marketplace)}
    added = listings.enriched([Listing(asin, marketplace) for asin in more], more)
    added = [replace(row, classification=row.classification or listings.PARENT) for row in added]
    return [*found, *added], len(added), len(asins) - len(known)


def mapping_for(
    warehouse: Warehouse, partition: str, given: Path | None = None, *, style: str = "", just_read: bool = False
) -> tuple[AsinMapping, str]:
    """The mapping of a partition, and where it is from: the file given, a mapping that was dropped, or its listings matched
    with the products of the PIM. just_read: the listings are of this very run. Raises FileRefused, DeliveryError."""
    settings = AmazonSettings.read()
    if given is not None:
        return _taken(files.read(given), settings)
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
        "source_file": name, "source_kind": kind, "source_digest": digest, "style": style or None,
        "marketplace": rows[0].marketplace if rows else settings.marketplace,
    }  # fmt: skip
    return make_mapping(rows, products, facts, style), name


def _taken(dropped: files.Dropped, settings: AmazonSettings) -> tuple[AsinMapping, str]:
    if dropped.kind != "mapping":
        raise files.FileRefused(f"{dropped.path} is no mapping (`matched`, `unmatched_amazon`), but: {dropped.kind}.")
    given = entries.read_mapping(dropped, settings)
    return matching.checked(given, AmazonPlytixSettings.read()), dropped.path.name


def make_mapping(
    rows: Iterable[Listing], products: Published, facts: Mapping[str, Any], style: str = ""
) -> AsinMapping:
    """Match listings with the products of the PIM. facts: what the mapping's metadata says of its source."""
    metadata = {**facts, "generated_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    with no_collection():
        found = matching.Products(candidates(products, style))
        return matching.match(rows, found, AmazonPlytixSettings.read(), metadata)


def write_mapping(mapping: AsinMapping, path: Path) -> Path:
    """Write the mapping file for people and older programs. Atomic."""
    return write_text(path, entries.json_parts(mapping))


def write_text(path: Path, parts: Iterable[str]) -> Path:
    """Replace a file with these pieces of text, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(parts)
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
        target, desired, ledger=ledger, files=plans, pipeline=PIPELINE, extract=partition, scope=partition, run=run,
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
    parents = {link.source for link in wanted if link.relationship == settings.hierarchy_relationship}
    target.look_up(coming | parents)  # all of them at once, so that the other plan need not
    nowhere = {sku for sku in parents - coming if not desk.ids.get(sku)}
    if nowhere:
        log.info("%d parents are neither in the mapping nor in Plytix: their links are left out", len(nowhere))
        wanted[:] = [link for link in wanted if link.source not in nowhere]
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
        target, desired, ledger=ledger, files=plans, pipeline=PIPELINE, extract=partition, scope=partition, run=run,
        policy=Policy(foreign_edits=settings.foreign_edits), row_guards=[room], only=only,
        plan_guards=[
            must_hold("account", desk.account.problems, "family, relationships and attributes are there"),
            *_size_guards(settings),
        ],
    )  # fmt: skip


def _size_guards(settings: AmazonPlytixSettings) -> list[Any]:
    return change_size_guards(settings.max_moving, settings.max_held, settings.max_held)


# --- telling ------------------------------------------------------------------------------------------------------------


def calls_of(plans: PlanFiles, *plan_ids: str) -> int:
    """Calls that plans need to be applied: a call per step of a product, one for all links of a product."""
    total = 0
    for plan_id in filter(None, plan_ids):
        query = """SELECT coalesce(sum(CASE WHEN parent = '' THEN json_array_length(steps) ELSE 0 END), 0)
            + count(DISTINCT CASE WHEN parent <> '' THEN parent || '/' || (coalesce(after, before)->>'source') END) AS n
            FROM plan WHERE held IS NULL"""
        total += int(plans.query(plan_id, query)[0]["n"])
    return total


def seconds_at_quota(calls: int, plytix: PlytixSettings) -> float:
    """How long so many calls take within both windows of the account."""
    (burst, window), (most, hour) = plytix.rates
    hours, rest = divmod(max(calls - 1, 0), most)
    return hours * hour + (rest // burst) * window


def duration(seconds: float) -> str:
    """A stretch of time for people, rounded up to minutes."""
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes > 1 else "a minute"


def least_calls(meter: CallMeter, *, records: int = 0, sent: int = 0) -> None:
    """Note the least calls that this takes: a search for 100 records, and each call that changes something."""
    meter.minimum["plytix"] += math.ceil(records / BY_SKU) + sent


def refuse_before_products(ledger: Ledger, plytix: PlytixSettings, links: Plan) -> None:
    """Links need their products: a plan of these that was made beside them goes first. Raises DeliveryError."""
    p = tables.plan.c
    of_products = sa.select(p.id, p.counts, p.state).where(
        p.account == plytix.products_account, p.scope == links.scope, p.undo_of.is_(None)
    )
    row = ledger.row(of_products.order_by(p.sealed_at.desc()))  # an older one that waits is not theirs
    if row and row["state"] != "done" and json.loads(row["counts"])["create"]:
        raise DeliveryError(
            f"plan {row['id']} makes products that these links need, and is not applied yet. Nothing was sent. First: "
            f"sync-pipelines apply {PIPELINE} --plan {row['id']}"
        )


def links_of(found: Iterable[Entry]) -> list[Link]:
    """The links that a mapping asks for."""
    return desired_links(found, AmazonPlytixSettings.read())


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
    found = warehouse.find(entries.MAPPING_KEY, account, partition)
    if found is None:
        raise DeliveryError(f"amazon/asin_mapping has no partition {partition} for {account}. Materialize it first.")
    return list(entries.from_file(found.path))


# --- files for people -----------------------------------------------------------------------------------------------------

_QUESTIONS = (
    "state", "amazon_asin", "marketplace", "amazon_sku", "amazon_title", "amazon_size", "amazon_color", "amazon_upc",
    "amazon_ean", "reason", "candidates",
)  # fmt: skip


def questions(found: Iterable[Entry]) -> list[dict[str, Any]]:
    """What is not matched: those that a person can decide first, parents (which never have a product) left out."""
    order = ("rejected", "ambiguous", "held", "unmatched")
    rows = [{name: getattr(entry, name) for name in _QUESTIONS} for entry in found if entry.state in order]
    return sorted(rows, key=lambda row: order.index(row["state"]))


def write_questions(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    write_csv(path, list(_QUESTIONS), (list(row.values()) for row in rows))
    return path


def write_result(
    ledger: Ledger, plans: PlanFiles, found: Sequence[Entry], partition: str, products: str, links: str, *, run: str,
    dry_run: bool, whole: bool,
) -> Path:  # fmt: skip
    """Write how every item of a mapping stands: `<stem>.preview.json`, or `<stem>_mapping.sync_products.json`.

    products, links: the plans of the run, "" for one that it did not make. whole: the plan of products looked at every item;
    otherwise the others stand as they were last written.
    """
    path = results.result_path(data_dir(), partition, dry_run=dry_run)
    calls = calls_of(plans, products, links) if dry_run else None
    plytix = PlytixSettings.read()
    facts: dict[str, Any] = {
        "source_file": entries.mapping_path(data_dir(), partition).name, "run": run, "plytix_account": plytix.alias,
        **({} if calls is None else {"calls_to_send": calls, "takes_at_quota": duration(seconds_at_quota(calls, plytix))}),
    }  # fmt: skip
    told = results.result(
        found, products, links, ledger=ledger, plans=plans, facts=facts, dry_run=dry_run,
        account=plytix.products_account, earlier={} if whole else results.earlier(path),
        whole=whole,
    )  # fmt: skip
    return write_text(path, [results.as_text(told)])


def tell_duration(calls: int, plytix: PlytixSettings) -> None:
    """Say how long it will take, before the first call that changes something."""
    (burst, window), (most, hour) = plytix.rates
    log.info(
        "%d calls to send; at %d in %g s and %d in %g s that takes %s", calls, burst, window, most, hour,
        duration(seconds_at_quota(calls, plytix)),
    )  # fmt: skip
