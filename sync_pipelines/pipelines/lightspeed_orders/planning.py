"""Plan what a supplier's order file, or a file of products, means for the store. Plain functions over a session."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sync_pipelines.delivery.applying import Patience, Report
from sync_pipelines.delivery.guards import PlanGuard, RowGuard
from sync_pipelines.delivery.model import DeliveryError, Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.lightspeed_orders import (
    COSTS,
    LINES,
    NAMES,
    ORDERS,
    PIPELINE,
    PRODUCTS,
    FilePlanRequest,
    desired,
    intake,
    rights_probe,
    store,
)
from sync_pipelines.pipelines.lightspeed_orders.cost_target import Costs
from sync_pipelines.pipelines.lightspeed_orders.name_target import PATHS, Names
from sync_pipelines.pipelines.lightspeed_orders.order_target import OrderLines, Orders, touched
from sync_pipelines.pipelines.lightspeed_orders.orders import Order, order_of
from sync_pipelines.pipelines.lightspeed_orders.product_files import ProductRow, product_rows
from sync_pipelines.pipelines.lightspeed_orders.product_target import Products
from sync_pipelines.pipelines.lightspeed_orders.sending import StoreTarget
from sync_pipelines.pipelines.lightspeed_orders.settings import LightspeedOrdersSettings
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest, Write, Writer
from sync_pipelines.vendors.lightspeed_settings import OLD, LightspeedSettings

T = TypeVar("T", bound=StoreTarget)


class _StoreWriter(Writer[T]):
    """What all writes to a store have in common: the files take turns, and calls wait for their window."""

    write: ClassVar[Write]
    scopes: ClassVar[Collection[str]]

    def account(self) -> str:
        return self.write.account()

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def patience(self) -> Patience:
        return Patience(seconds=LightspeedOrdersSettings.read().longest_wait)

    def turn(self, session: Session) -> float:
        """A run waits while the run of another file writes to the store; a preview does not."""
        return 0.0 if session.verb == "preview" else self.patience().seconds

    def least_calls(self, session: Session, target: T, plan: Plan, report: Report | None, limit: int | None) -> None:
        """A call for each batch that was sent; what is read is noted where it is read."""
        if report is not None:
            session.meter.minimum["lightspeed"] += report.writes

    def begin_applying(self, session: Session, target: T, plan: Plan) -> None:
        """Make sure that the store can be written, and that the token may, before anything is sent."""
        if not plan.counts.changes:
            return
        refuse_old_version()
        looked = session.once("lightspeed scopes looked at", set[str])
        scopes = set(self.scopes_of(session, plan)) - looked
        rights_probe.refuse_without(target.store.client, sorted(scopes))
        looked |= scopes

    def scopes_of(self, session: Session, plan: Plan) -> Collection[str]:
        """The scopes of all that this run writes: each is named before the first call of any of its writes."""
        ours = {scope for writer in WRITERS for scope in writer.scopes if session.plan_made(writer.write.applies)}
        return ours | set(self.scopes)

    def sealed(
        self,
        session: Session,
        target: T,
        wanted: Iterable[Desired],
        request: PlanRequest,
        *,
        row_guards: Sequence[RowGuard] = (),
        plan_guards: Sequence[PlanGuard] = (),
    ) -> Plan:
        """Make the plan. Guards on shares say nothing of a file that lists what is new."""
        return make_plan(
            target,
            wanted,
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract=request.scope,
            scope=request.scope,
            run=session.id,
            policy=Policy(foreign_edits=LightspeedOrdersSettings.read().foreign_edits),
            row_guards=row_guards,
            plan_guards=plan_guards,
            only=set(request.only) or None,
        )


class NameWriter(_StoreWriter[Names]):
    """The names that products need and the store lacks."""

    write = NAMES
    scopes = ("products:write", "suppliers:write")

    def target(self, session: Session) -> Names:
        return Names(store.of(session), self.account(), ())

    def make_plan(self, session: Session, request: FilePlanRequest) -> Plan:
        there, rows = store.of(session), rows_of(session, request)
        wanted = list(desired.desired_names(rows, there, LightspeedOrdersSettings.read()))
        return self.sealed(session, Names(there, self.account(), [each.key for each in wanted]), wanted, request)

    def scopes_of(self, session: Session, plan: Plan) -> Collection[str]:
        kinds = {row["key"].partition("/")[0] for row in session.plans.query(plan.id, "SELECT key FROM plan WHERE held IS NULL")}
        others = {
            scope
            for writer in WRITERS
            if writer is not NameWriter
            for scope in writer.scopes
            if session.plan_made(writer.write.applies)
        }
        return others | {PATHS[kind][1] for kind in kinds}


class ProductWriter(_StoreWriter[Products]):
    """The products of a store."""

    write = PRODUCTS
    scopes = ("products:write",)

    def target(self, session: Session) -> Products:
        return Products(store.of(session), self.account(), ())

    def target_for(self, session: Session, plan: Plan) -> Products:
        """The products by the fields that the plan speaks of; all of them where it takes something back."""
        owned = None if plan.undo_of else json.loads(session.ledger.plan(plan.id)["owned"])
        return Products(store.of(session), self.account(), (), owned)

    def make_plan(self, session: Session, request: FilePlanRequest) -> Plan:
        there, rows = store.of(session), rows_of(session, request)
        said = {name for row in rows for name in row.fields}
        target = Products(there, self.account(), [row.sku for row in rows], said)
        wanted = desired.desired_products(rows, there, LightspeedOrdersSettings.read(), lenient=not request.products)
        return self.sealed(session, target, wanted, request, row_guards=[touches_others(there, rows, target)])


class CostWriter(_StoreWriter[Costs]):
    """What products cost."""

    write = COSTS
    scopes = ("products:write",)

    def target(self, session: Session) -> Costs:
        return Costs(store.of(session), self.account(), ())

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        there, wanted = store.of(session), list(desired.desired_costs(order(session, request.scope)))
        return self.sealed(session, Costs(there, self.account(), [each.key for each in wanted]), wanted, request)


class OrderWriter(_StoreWriter[Orders]):
    """Stock orders."""

    write = ORDERS
    scopes = ("consignments:write:stock_order",)

    def target(self, session: Session) -> Orders:
        return Orders(store.of(session), self.account(), ())

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        ordered = order(session, request.scope)
        fields: Fields = {"reference": ordered.reference, "supplier": ordered.supplier, "outlet": ordered.outlet}
        fields["file"] = ordered.digest
        there = store.of(session)
        goes = any(line.verdict not in ("conflict", "rejected") for line in ordered.lines)
        other = desired.in_the_way(ordered, there.orders([ordered.reference]).get(ordered.reference, ()), there)
        wanted = [Desired(ordered.reference, fields, conflict=other or None)] if goes else []
        return self.sealed(session, Orders(there, self.account(), [ordered.reference]), wanted, request)

    def begin_applying(self, session: Session, target: Orders, plan: Plan) -> None:
        """Note which file is ordered, before it is: so that it is not ordered once more under another name."""
        super().begin_applying(session, target, plan)
        for row in session.plans.query(plan.id, "SELECT after FROM plan WHERE action = 'create' AND held IS NULL"):
            after = loads(row["after"])
            intake.note_ordered(session, plan.scope, after["file"], after["reference"])


class LineWriter(_StoreWriter[OrderLines]):
    """Lines of stock orders."""

    write = LINES
    scopes = ("consignments:write:stock_order",)

    def target(self, session: Session) -> OrderLines:
        return self._target(session, ())

    def _target(self, session: Session, wanted: Sequence[str]) -> OrderLines:
        return OrderLines(store.of(session), self.account(), wanted, LightspeedOrdersSettings.read().lines_a_call)

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        ordered, there = order(session, request.scope), store.of(session)
        orders = there.orders([ordered.reference]).get(ordered.reference, ())
        keys = [each.key for each in desired.desired_lines(ordered, "", {})]
        shut = desired.in_the_way(ordered, orders, there) or next(filter(None, map(touched, orders)), "")
        target = self._target(session, keys)
        known = {live.key: live.fields for live in target.read(None)}
        wanted = desired.desired_lines(ordered, shut, known)
        return self.sealed(session, target, wanted, request)


WRITERS: tuple[type[_StoreWriter[Any]], ...] = (NameWriter, ProductWriter, CostWriter, OrderWriter, LineWriter)


def order(session: Session, partition: str) -> Order:
    """The order of a partition, as it was last compared. Raises DeliveryError where there is none."""
    account = LightspeedSettings.read().account
    return session.once(f"order {partition}", lambda: order_of(session.warehouse, account, partition))


def rows_of(session: Session, request: FilePlanRequest) -> list[ProductRow]:
    """The products that a plan is about: of the file that is named, or those that the order of the partition makes."""
    if request.products:
        return session.once(f"products {request.products}", lambda: product_rows(Path(request.products)))
    return desired.products_of(order(session, request.scope))


def refuse_old_version() -> None:
    """Raise DeliveryError for a version of the API that can only be read."""
    if LightspeedSettings.read().api_version == OLD:
        raise DeliveryError(
            f"version {OLD} of the API can only be read. Nothing was sent. Set LIGHTSPEED_API_VERSION to 2026-07."
        )


def touches_others(there: store.Store, rows: Sequence[ProductRow], target: Products) -> RowGuard:
    """Hold a change of what a family has in common, where the file does not have all of the family."""
    in_file = {row.sku for row in rows}
    common = sorted(name for step in target.steps if step.name == "family" for name in step.fields)

    def guard(before: Fields | None, after: Fields) -> str | None:
        if before is None or not before.get("options"):
            return None
        family = there.families([str(before.get("name"))]).get(str(before.get("name")).lower(), ())
        others = [each.sku for each in family if each.family_id == before.get("family_id") and each.sku not in in_file]
        changed = [n for n in common if target.rules.text(n, before) != target.rules.text(n, after)]
        if changed and others:
            return (
                f"{', '.join(changed)} would change for {len(others)} other products of the family, too: {', '.join(others[:3])}"
            )
        return None

    return guard


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row for people: key, what happens, what changes, why."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    what = f"held ({row['held']})" if row["held"] else str(row["action"])
    if row["action"] == "update":
        names = [name for name in after if name != "family_id" and before.get(name) != after.get(name)]
        changes = "; ".join(f"{name}: {_shown(before.get(name))} → {_shown(after.get(name))}" for name in names)
    else:
        shown = after or before
        names = [n for n in ("name", "options", "count", "cost", "supply_price", "price", "supplier", "outlet") if shown.get(n)]
        changes = "; ".join(f"{name}: {_shown(shown[name])}" for name in names)
    return {"key": row["key"], "what": what, "changes": changes, "reason": row["reason"] or row["undo_note"] or ""}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " / ".join(str(each[-1]) if isinstance(each, list) else str(each) for each in value) or "–"
    return "–" if value is None else str(value)
