"""Plan the shop's orders in the ERP: each made once, those that are there already taken note of, cancellations told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sync_pipelines.delivery import guards, records
from sync_pipelines.delivery.applying import Patience, Report
from sync_pipelines.delivery.model import Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Extra, PlanRequest, Writer
from sync_pipelines.pipelines.shopify_sentos import PIPELINE, as_sent, erp_orders
from sync_pipelines.pipelines.shopify_sentos.erp_products import client
from sync_pipelines.pipelines.shopify_sentos.order_rows import OrderRow, rows_of
from sync_pipelines.pipelines.shopify_sentos.order_target import SENT, Found, Orders, Sign, numbers_in_erp
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.vendors.sentos_settings import SentosSettings


class OrderWriter(Writer[Orders]):
    """The orders of one shop in one ERP."""

    def target(self, session: Session) -> Orders:
        return session.once("orders in sentos", lambda: _target(session))

    def target_to_undo(self, session: Session) -> Orders:
        return _target(session)

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        target, settings = self.target(session), ShopifySentosSettings.read()
        only = {key for key in request.only if key.startswith("shopify-")} if request.only else None
        known = set(records.records_of(session.ledger, target.account))
        return make_plan(
            target,
            desired_orders(rows_of(session), target, settings, known),
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract="",
            run=session.id,
            policy=Policy(foreign_edits="overwrite", adopt_equal=True),
            plan_guards=[
                guards.share_of_live("moving", settings.max_moving, lambda c: c.update, lambda c: c.live, "would be cancelled"),
                guards.vanished,
            ],
            only=only,
        )

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def begin_applying(self, session: Session, target: Orders, plan: Plan) -> None:
        """Note what each order is like that is sent, or found to be there, before anything is sent."""
        as_sent.note(session.ledger, session.plans, plan)

    def patience(self) -> Patience:
        """A place in the minute is waited for as often as it takes."""
        sentos = SentosSettings.read()
        return Patience(seconds=max(600.0, 3 * sentos.window_seconds), tries=5)

    def most(self, session: Session) -> int | None:
        return at_a_time()

    def planned(self, session: Session, target: Orders, plan: Plan, request: PlanRequest) -> Extra:
        """How long sending takes at the vendor's rate, and in how many runs."""
        sentos = SentosSettings.read()
        minutes = plan.counts.changes * sentos.window_seconds / sentos.writes / 60
        states = Counter(row.state for row in rows_of(session))
        facts: dict[str, Any] = {"orders": states.total(), **{f"orders_{state}": n for state, n in sorted(states.items())}}
        if changed := as_sent.changed(session.ledger, rows_of(session)):
            facts["changed_after_sending"] = len(changed)
        if plan.counts.changes > sentos.writes:
            facts["takes"] = f"{minutes:.0f} minutes at {sentos.writes} calls a minute, {at_a_time()} orders a run"
        return Extra(facts)

    def least_calls(self, session: Session, target: Orders, plan: Plan, report: Report | None, limit: int | None) -> None:
        """Two lists of what changed; then, where anything was sent, a list of what was made since, and a call for each."""
        minimum = session.meter.minimum
        if report is None:
            minimum["sentos"] += 2
        elif report.writes:
            minimum["sentos"] += 1 + report.writes


def at_a_time() -> int:
    """How many orders a run sends: as many as the vendor takes in the minutes that a run may last."""
    sentos, minutes = SentosSettings.read(), ShopifySentosSettings.read().order_minutes
    return max(1, int(minutes * 60 / sentos.window_seconds * sentos.writes))


def _target(session: Session) -> Orders:
    account = ShopifySentosSettings.orders_account()
    known = records.records_of(session.ledger, account)
    erp_orders.bring_up_to_date(session)
    if made := [row.created_at for row in rows_of(session) if row.state == "goes" and row.key not in known]:
        erp_orders.read_back_to(session, min(made))
    there = Found(erp_orders.orders_in_erp(session.warehouse), numbers_in_erp(known))
    return Orders(client(session), account, SentosSettings.read(), ShopifySentosSettings.read(), there)


def desired_orders(
    rows: Iterator[OrderRow], target: Orders, settings: ShopifySentosSettings, known: set[str]
) -> Iterator[Desired]:
    """What the ERP should have of each order. known: keys of which the ledger has a record."""
    for row in rows:
        there = target.known(row.key, Sign(row.name, row.created_at, row.total))
        if row.cancelled:
            if there is not None:
                yield _cancelled(row, there.status, settings)
            elif row.key in known:
                yield Desired(row.key, {}, silent=True)
        elif there is not None:
            yield Desired(row.key, {"status": there.status, "digest": row.digest})
        elif row.state == "goes" and row.body is not None:
            fields: Fields = {name: row.body[name] for name in SENT if name in row.body}
            yield Desired(row.key, {**fields, "total": row.total, "digest": row.digest})
        elif row.state == "held":
            yield Desired(row.key, {"order_code": row.name}, conflict=row.reason)
        elif row.key in known:
            yield Desired(row.key, {}, silent=True)


def _cancelled(row: OrderRow, status: int, settings: ShopifySentosSettings) -> Desired:
    """An order that was cancelled in the shop: so it is in the ERP, where it may be. Else a person has to see to it."""
    if status in (settings.cancelled_status, *settings.may_cancel):
        return Desired(row.key, {"status": settings.cancelled_status, "order_code": row.name})
    why = f"cancelled in the shop, and in state {status} in Sentos, where it cannot be cancelled any more"
    return Desired(row.key, {"order_code": row.name}, conflict=why)


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned order for people, without personal data."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    what = f"held ({row['held']})" if row["held"] else row["action"]
    lines = ", ".join(f"{line['quantity']} × {line['sku']}" for line in after.get("lines") or ())
    total = f"{after['total']:f} {after.get('currency', '')}".strip() if after.get("total") is not None else ""
    state = "" if before.get("status") in (None, after.get("status")) else f"status {before['status']} → {after.get('status')}"
    name = after.get("order_code") or before.get("order_code") or ""
    shown = "; ".join(filter(None, (total, lines, state)))
    return {"key": row["key"], "order": name, "what": what, "changes": shown, "reason": row["reason"] or row["undo_note"] or ""}
