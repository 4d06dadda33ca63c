"""Plan the products and links of a mapping. Plain functions over a session."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from sync_pipelines.delivery.applying import Patience, Report
from sync_pipelines.delivery.guards import RowGuard, change_size_guards, must_hold
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import Desired, Fields, Target
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.amazon_plytix import (
    LINKS,
    PIPELINE,
    PRODUCTS,
    ProductPlanRequest,
    call_estimate,
    intake,
    reports_for_people,
    unfinished,
)
from sync_pipelines.pipelines.amazon_plytix.account import Account, look
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.amazon_plytix.link_target import AmazonLinks, image
from sync_pipelines.pipelines.amazon_plytix.mapping import Link, desired_links, desired_products, link_of
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.amazon_plytix.target import AmazonProducts, Ids
from sync_pipelines.pipelines.plan_and_apply import refuse_too_early, size_of
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Applied, Extra, PlanRequest, Writer
from sync_pipelines.pipelines.tables import listed
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings

T = TypeVar("T", bound=AmazonProducts | AmazonLinks)

log = logging.getLogger(__name__)


@dataclass
class PlytixAccount:
    """What the steps of one run share: the PIM's account as it was found, and the ids of products as they are learned."""

    client: Plytix
    settings: AmazonPlytixSettings = field(default_factory=AmazonPlytixSettings.read)
    plytix: PlytixSettings = field(default_factory=PlytixSettings.read)
    ids: Ids = field(default_factory=dict)

    @cached_property
    def account(self) -> Account:
        found = look(self.client, self.settings)
        # attributes, families, relationships, and what the family holds
        self.client.http.meter.minimum["plytix"] += 3 + bool(found.family_id)
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


def plytix_of(session: Session) -> PlytixAccount:
    def connect() -> Plytix:
        right = session.right(PIPELINE.name, PlytixSettings.system)
        return Plytix.connect(PlytixSettings.read(), session.meter, right, session.limits)

    return session.once("plytix account", lambda: PlytixAccount(session.once("plytix", connect)))


def mapping_of(session: Session, partition: str) -> list[Entry]:
    """Return the mapping of a partition. Raises DeliveryError where there is none."""
    account = PlytixSettings.read().account
    return session.once(f"mapping {partition}", lambda: intake.mapping_of(session.warehouse, account, partition))


class _PlytixWriter(Writer[T]):
    """What products and links have in common: one account of the PIM, where the files take turns."""

    links: ClassVar[bool]

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def patience(self) -> Patience:
        """How long a run waits when the account's calls are used up."""
        return Patience(seconds=PlytixSettings.read().longest_wait)

    def turn(self, session: Session) -> float:
        """A run waits while the run of another file writes to the account; a preview does not."""
        return 0.0 if session.verb == "preview" else self.patience().seconds

    def chosen(self, request: PlanRequest) -> set[str] | None:
        """Of the keys that a person named those of links, or those of products; None where nothing was named."""
        return {key for key in request.only if is_link(key) == self.links} if request.only else None

    def planned(self, session: Session, target: T, plan: Plan, request: PlanRequest) -> Extra:
        """Once both plans are made, the preview is written, in a run that applies neither."""
        calls = call_estimate.calls_of(session.plans, plan.id)
        took = call_estimate.takes(calls, PlytixSettings.read())
        made = all(session.plan_made(write.applies) for write in (PRODUCTS, LINKS))
        if made and not session.applies_in_this_run(PRODUCTS.applies):
            _write_result(session, plan.scope, dry_run=True, whole=not request.only)
        return Extra({"calls_to_send": calls, "takes_at_quota": took})

    def least_calls(self, session: Session, target: T, plan: Plan, report: Report | None, limit: int | None) -> None:
        """Each call that changed something; what is read is noted where it is read."""
        if report is not None:
            session.meter.minimum["plytix"] += target.taken


class ProductWriter(_PlytixWriter[AmazonProducts]):
    """The Amazon products of the PIM."""

    links = False

    def target(self, session: Session) -> AmazonProducts:
        return plytix_of(session).products()

    def target_for(self, session: Session, plan: Plan) -> AmazonProducts:
        return plytix_of(session).as_planned(session.ledger, plan)

    def target_to_undo(self, session: Session) -> AmazonProducts:
        return plytix_of(session).products(every_field=True)

    def begin(self, session: Session, request: ProductPlanRequest) -> None:
        """Make sure that a run that goes on to write may, and note that this file's sync is under way.

        For keys that a person chose, what the rest of the file is owed stays as it is.
        """
        if request.only:
            unfinished.refuse_unless_writing(session, request.scope)
        else:
            unfinished.begin(session, request.scope, "mapping")

    def make_plan(self, session: Session, request: ProductPlanRequest) -> Plan:
        found = mapping_of(session, request.scope)
        return plan_products(session, found, request.scope, only=self.chosen(request), check_families=request.check_families)

    def planned(self, session: Session, target: AmazonProducts, plan: Plan, request: PlanRequest) -> Extra:
        if plan.verdict != "clear" and not request.only:
            unfinished.end(session, plan.scope)  # a person has to look
        return super().planned(session, target, plan, request)

    def begin_applying(self, session: Session, target: AmazonProducts, plan: Plan) -> None:
        links = session.plan_made(LINKS.applies)
        call_estimate.tell_duration(call_estimate.calls_of(session.plans, plan.id, links), PlytixSettings.read())

    def applied(self, session: Session, target: AmazonProducts, plan: Plan, report: Report) -> Applied:
        whole = not session.ledger.plan(plan.id)["partial"]
        _write_result(session, plan.scope, dry_run=False, whole=whole)
        links = session.plan_made(LINKS.applies)
        if whole and links and session.ledger.plan(links)["verdict"] != "clear":
            unfinished.end(session, plan.scope)
        return Applied(size_of(plan))


class LinkWriter(_PlytixWriter[AmazonLinks]):
    """The links between products of the PIM."""

    links = True

    def target(self, session: Session) -> AmazonLinks:
        return plytix_of(session).links()

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        found = mapping_of(session, request.scope)
        return plan_links(session, found, request.scope, only=self.chosen(request))

    def begin_applying(self, session: Session, target: AmazonLinks, plan: Plan) -> None:
        if not session.plan_of(PRODUCTS.applies):
            plytix = PlytixSettings.read()
            refuse_too_early(session.ledger, PIPELINE, LINKS, plan.scope)
            call_estimate.tell_duration(call_estimate.calls_of(session.plans, plan.id), plytix)

    def applied(self, session: Session, target: AmazonLinks, plan: Plan, report: Report) -> Applied:
        made = session.plan_of(PRODUCTS.applies)
        whole = bool(made) and not session.ledger.plan(made)["partial"]
        _write_result(session, plan.scope, dry_run=False, whole=whole)
        if not session.ledger.plan(plan.id)["partial"]:
            unfinished.end(session, plan.scope)
        return Applied(size_of(plan))

    def ended(self, session: Session, counts: Mapping[str, int]) -> tuple[Mapping[str, int], str]:
        """Products that were refused do not stop their links; the run as a whole counts both."""
        products = session.counted(PRODUCTS.applies)
        text = f"products: {listed(products) or 'nothing to do'}; links: {listed(counts) or 'nothing to do'}"
        return Counter(products) + Counter(counts), text


def _write_result(session: Session, partition: str, *, dry_run: bool, whole: bool) -> None:
    """Write how every item stands by the plans of this run, applied or not."""
    reports_for_people.write_result(
        session.ledger,
        session.plans,
        mapping_of(session, partition),
        partition,
        session.plan_of(PRODUCTS.applies),
        session.plan_of(LINKS.applies),
        run=session.id,
        dry_run=dry_run,
        whole=whole,
    )


def plan_products(
    session: Session, found: Sequence[Entry], partition: str, *, only: Collection[str] | None = None, check_families: bool = False
) -> Plan:
    """Plan a product for every entry. Sends nothing that changes the PIM."""
    pim = plytix_of(session)
    wanted = [entry.suggested_sku for entry in found if entry.state != "rejected"]
    target = pim.products(wanted, check_families=check_families)
    desired = desired_products(found, pim.settings, pim.account.attributes, target.today)
    return _plan(session, target, desired, partition, only)


def plan_links(session: Session, found: Sequence[Entry], partition: str, *, only: Collection[str] | None = None) -> Plan:
    """Plan the links of every entry, by SKU: products may be made only when the other plan is applied."""
    pim = plytix_of(session)
    settings = pim.settings
    wanted = desired_links(found, settings)
    target = pim.links(wanted)
    coming = {entry.suggested_sku for entry in found if entry.state != "rejected"}
    parents = {link.source for link in wanted if link.relationship == settings.hierarchy_relationship}
    target.look_up(coming | parents)  # all of them at once, so that the other plan need not
    nowhere = {sku for sku in parents - coming if not pim.ids.get(sku)}
    if nowhere:
        log.info("%d parents are neither in the mapping nor in Plytix: their links are left out", len(nowhere))
        wanted[:] = [link for link in wanted if link.source not in nowhere]
    new: dict[tuple[str, str], int] = {}

    def room(before: Fields | None, after: Fields) -> str | None:
        if before is not None:
            return None
        of = (after["relationship"], after["source"])
        if pim.ids.get(after["source"]) is None and after["source"] not in coming:
            return f"product {after['source']} is not in Plytix"
        there = target.linked[of] + new.get(of, 0)
        if there >= settings.max_links:
            return f"product {after['source']} has {target.linked[of]} links; more than {settings.max_links} are not allowed"
        new[of] = new.get(of, 0) + 1
        return None

    desired = (Desired(link.key, image(link), link.relationship) for link in wanted)
    return _plan(session, target, desired, partition, only, [room])


def _plan(
    session: Session,
    target: Target,
    desired: Iterable[Desired],
    partition: str,
    only: Collection[str] | None,
    row_guards: Sequence[RowGuard] = (),
) -> Plan:
    pim = plytix_of(session)
    settings = pim.settings
    return make_plan(
        target,
        desired,
        ledger=session.ledger,
        files=session.plans,
        pipeline=PIPELINE.name,
        extract=partition,
        scope=partition,
        run=session.id,
        policy=Policy(foreign_edits=settings.foreign_edits),
        row_guards=row_guards,
        only=only,
        plan_guards=[
            must_hold("account", pim.account.problems, "family, relationships and attributes are there"),
            *change_size_guards(settings.max_moving, settings.max_held, settings.max_held),
        ],
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
