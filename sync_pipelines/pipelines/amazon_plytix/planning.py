"""The pipeline's planning steps without Dagster: what they share, and the plans of products and links."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sync_pipelines.delivery.applying import Patience
from sync_pipelines.delivery.guards import change_size_guards, must_hold
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError, Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan, PlanFiles, newest_unless_done
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.amazon_plytix.account import Account, look
from sync_pipelines.pipelines.amazon_plytix.call_estimate import ACCOUNT_CALLS
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.amazon_plytix.link_target import AmazonLinks, image
from sync_pipelines.pipelines.amazon_plytix.mapping import Link, desired_links, desired_products, link_of
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.amazon_plytix.target import AmazonProducts, Ids
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings

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
        self.client.http.meter.minimum["plytix"] += ACCOUNT_CALLS
        found = look(self.client, self.settings)
        if found.left_out:
            log.info("%s: not in the account or its family, so not written", ", ".join(found.left_out))
        return found

    def products(self, wanted: Sequence[str] = (), *, check_families: bool = False, every_field: bool = False) -> AmazonProducts:
        return AmazonProducts(
            self.client,
            self.account,
            self.settings,
            self.plytix,
            ids=self.ids,
            wanted=wanted,
            check_families=check_families,
            every_field=every_field,
            today=datetime.now(ZoneInfo(self.settings.time_zone)).date(),
        )

    def as_planned(self, ledger: Ledger, plan: Plan) -> AmazonProducts:
        """The products as this plan compared them: with their families, and with every field where it takes something back."""
        owned = json.loads(ledger.plan(plan.id)["owned"])
        return self.products(check_families="family" in owned, every_field=plan.undo_of is not None)

    def links(self, wanted: Sequence[Link] = ()) -> AmazonLinks:
        return AmazonLinks(self.client, self.account, self.settings, self.plytix, ids=self.ids, wanted=wanted)


def patience() -> Patience:
    """How long a run waits when the account's calls are used up."""
    return Patience(seconds=PlytixSettings.read().longest_wait)


def plan_products(
    desk: Desk,
    found: Sequence[Entry],
    partition: str,
    *,
    ledger: Ledger,
    plans: PlanFiles,
    run: str,
    only: Collection[str] | None = None,
    check_families: bool = False,
) -> Plan:
    """Plan a product for every entry. Sends nothing that changes the PIM."""
    settings = desk.settings
    wanted = [entry.suggested_sku for entry in found if entry.state != "rejected"]
    target = desk.products(wanted, check_families=check_families)
    desired = desired_products(found, settings, desk.account.attributes, target.today)
    return make_plan(
        target,
        desired,
        ledger=ledger,
        files=plans,
        pipeline=PIPELINE,
        extract=partition,
        scope=partition,
        run=run,
        policy=Policy(foreign_edits=settings.foreign_edits),
        only=only,
        plan_guards=[
            must_hold("account", desk.account.problems, "family, relationships and attributes are there"),
            *_size_guards(settings),
        ],
    )


def plan_links(
    desk: Desk,
    found: Sequence[Entry],
    partition: str,
    *,
    ledger: Ledger,
    plans: PlanFiles,
    run: str,
    only: Collection[str] | None = None,
) -> Plan:
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
        target,
        desired,
        ledger=ledger,
        files=plans,
        pipeline=PIPELINE,
        extract=partition,
        scope=partition,
        run=run,
        policy=Policy(foreign_edits=settings.foreign_edits),
        row_guards=[room],
        only=only,
        plan_guards=[
            must_hold("account", desk.account.problems, "family, relationships and attributes are there"),
            *_size_guards(settings),
        ],
    )


def _size_guards(settings: AmazonPlytixSettings) -> list[Any]:
    return change_size_guards(settings.max_moving, settings.max_held, settings.max_held)


def refuse_before_products(ledger: Ledger, plytix: PlytixSettings, links: Plan) -> None:
    """Links need their products: a plan of these that was made beside them goes first. Raises DeliveryError."""
    waiting = newest_unless_done(ledger, plytix.products_account, links.scope)  # an older one that waits is not theirs
    if waiting is None:
        return
    plan_id, counts = waiting
    if counts.create:
        raise DeliveryError(
            f"plan {plan_id} makes products that these links need, and is not applied yet. Nothing was sent. First: "
            f"sync-pipelines apply {PIPELINE} --plan {plan_id}"
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
        changes = "; ".join(f"{n}: {before.get(n)} → {after.get(n)}" for n in names if n in before or n in after) or "its family"
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
