"""Plan the shipments that Sentos tells of: what it has sent and the shop does not know yet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sync_pipelines.delivery import guards, records
from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Extra, PlanRequest, Writer
from sync_pipelines.pipelines.shopify_sentos import PIPELINE, erp_orders
from sync_pipelines.pipelines.shopify_sentos.erp_orders import ErpOrder
from sync_pipelines.pipelines.shopify_sentos.goods import client, lands
from sync_pipelines.pipelines.shopify_sentos.order_target import Found, numbers_in_erp
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_sentos.shipment_target import (
    BY_ID,
    Shipments,
    Shipping,
    key_of,
    numbers_of,
    order_of,
    taken,
)
from sync_pipelines.vendors.sentos import DELIVERED, SHIPPED

REJECTED = "rejected"
"""State of a line that Sentos does not send."""


class ShipmentWriter(Writer[Shipments]):
    """The shipments of one shop's orders."""

    def target(self, session: Session) -> Shipments:
        account, notify = ShopifySentosSettings.goods_account("shipments"), ShopifySentosSettings.read().notify_customer
        return Shipments(client(session), account, lands(), notify=notify)

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        erp_orders.bring_up_to_date(session)
        settings, target = ShopifySentosSettings.read(), self.target(session)
        told = {key: order for key, order in _told(session).items() if not request.only or key in request.only}
        done: dict[str, list[records.Record]] = {}
        told_before: dict[str, set[str]] = {}
        for record in records.records_of(session.ledger, target.account).values():
            done.setdefault(record.key.partition("@")[0], []).append(record)
            if record.state == "present":
                told_before.setdefault(order_of(record.key), set()).add(", ".join(numbers_of(record.key)))
        due = {key: order for key, order in told.items() if not _is_known(key, order, target, done, settings)}
        target.look(due)
        session.meter.minimum["shopify"] += -(-len(due) // BY_ID)
        by_hand: Counter[str] = Counter()
        wanted = [
            each
            for key, order in due.items()
            for each in desired_shipments(key, order, target, settings, told_before.get(key, ()), by_hand)
        ]
        session.once("sent by hand", lambda: by_hand)
        return make_plan(
            target,
            wanted,
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract="",
            run=session.id,
            policy=Policy(foreign_edits="overwrite", adopt_equal=True),
            plan_guards=[guards.vanished],
            only={each.key for each in wanted},
            whole=not request.only,
        )

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def planned(self, session: Session, target: Shipments, plan: Plan, request: PlanRequest) -> Extra:
        by_hand: Counter[str] = session.once("sent by hand", Counter)
        return Extra({"sent_by_hand_and_left": by_hand.total()})

    def least_calls(self, session: Session, target: Shipments, plan: Plan, report: Report | None, limit: int | None) -> None:
        """A call for each shipment, with a look at 25 of them before and one after."""
        if report is not None and report.writes:
            session.meter.minimum["shopify"] += report.writes + 2 * -(-report.writes // BY_ID)


def _told(session: Session) -> dict[str, ErpOrder]:
    """The shop's orders that Sentos says are sent, with a number to follow the parcel by."""
    known = records.records_of(session.ledger, ShopifySentosSettings.orders_account())
    there = Found(erp_orders.orders_in_erp(session.warehouse), numbers_in_erp(known))
    return {key: order for key, order in there.ours() if order.status in (SHIPPED, DELIVERED) and _numbers(order.tracking_number)}


def _numbers(text: str) -> list[str]:
    """The tracking numbers of an order that may be in several parcels."""
    return [part for part in re.split(r"[\s,;]+", text) if part]


def _is_known(
    key: str, order: ErpOrder, target: Shipments, done: Mapping[str, Sequence[records.Record]], settings: ShopifySentosSettings
) -> bool:
    """Whether the shop has all of this by what we last wrote or saw there."""
    fields = _fields(order, settings)
    wanted = target.rules.print({"delivered": False, **fields})
    mine = done.get(key_of(key, fields["numbers"]), ())
    return bool(mine) and all(record.state == "present" and record.hash == wanted for record in mine)


def _fields(order: ErpOrder, settings: ShopifySentosSettings) -> Fields:
    fields: Fields = {"numbers": _numbers(order.tracking_number)}
    if order.status == DELIVERED and settings.mark_delivered:
        fields["delivered"] = True
    return fields


def desired_shipments(
    key: str,
    order: ErpOrder,
    target: Shipments,
    settings: ShopifySentosSettings,
    told_before: Collection[str],
    by_hand: Counter[str],
) -> Iterator[Desired]:
    """What the shop should know of one order. told_before: the numbers that it was told of this order's parcels. by_hand: counts
    the orders that somebody sent without us; they are left."""
    fields = _fields(order, settings)
    numbers = fields["numbers"]
    if key in target.too_long:
        yield Desired(key_of(key, numbers), {}, conflict="the shop sends it in more parts than can be read: send it by hand")
    there = target.orders.get(key)
    if there is None:
        return
    if there.cancelled:
        yield Desired(key_of(key, numbers), {"order": there.name}, conflict="cancelled in the shop, and sent by Sentos")
        return
    under_way = [each for each in there.shipments if set(each.numbers) & set(numbers)]
    left = Counter(_pieces(order))
    for each in under_way:
        left.subtract(each.pieces)
    to_be_sent = _places(there, left)
    several = len({*to_be_sent, *(each.location for each in under_way)}) > 1
    if under_way and (more := sorted(set(numbers).difference(*(each.numbers for each in under_way)))):
        why = f"Sentos has a further number for it now, {', '.join(more)}: add it in the shop"
        yield Desired(key_of(key, numbers), {"order": there.name}, conflict=why)
        return
    for place, each in {each.location: each for each in reversed(under_way)}.items():
        yield Desired(key_of(key, numbers, place if several else ""), {**fields, "numbers": list(each.numbers)})
    made = {"company": carrier(order.carrier, settings), "url": order.tracking_link, "order": there.name, "delivered": False}
    for place, pieces in to_be_sent.items():
        yield Desired(key_of(key, numbers, place if several else ""), {**made, "numbers": numbers, "pieces": pieces})
    if not under_way and not to_be_sent:
        if there.parts:
            why = "what is left to be sent of it in the shop is held there, or is not what Sentos has sent"
            yield Desired(key_of(key, numbers), {"order": there.name}, conflict=why)
        elif told_before:
            why = f"the shop was told of it as {' and '.join(sorted(told_before))}, and Sentos has {', '.join(numbers)} now"
            yield Desired(key_of(key, numbers), {"order": there.name}, conflict=f"{why}: change the number in the shop")
        else:
            by_hand[key] += 1


def _pieces(order: ErpOrder) -> dict[str, int]:
    """What Sentos has sent of each SKU."""
    pieces: Counter[str] = Counter()
    for sku, n, state in order.lines:
        if state != REJECTED:
            pieces[sku] += n
    return dict(pieces)


def _places(there: Shipping, pieces: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The locations that pieces of it are to be sent from, and may be, each with its pieces of every SKU."""
    may = {part.fulfillment_order: part for part in there.parts if part.may_be_sent}
    skus = {line: sku for part in may.values() for line, sku, _ in part.lines}
    places: dict[str, Counter[str]] = {}
    for part, lines in taken(list(may.values()), pieces).items():
        for line, n in lines:
            places.setdefault(may[part].location, Counter())[skus[line]] += n
    return {place: dict(found) for place, found in sorted(places.items())}


def carrier(name: str, settings: ShopifySentosSettings) -> str:
    """What the shop calls a carrier of Sentos; its own name where the settings have none."""
    folded = _folded(name)
    return next((theirs for start, theirs in settings.carriers.items() if folded.startswith(_folded(start))), name)


def _folded(text: str) -> str:
    """Turkish has two letters i: İ is i, and I is ı. Carriers are written with either."""
    return text.strip().replace("İ", "i").replace("I", "ı").casefold().replace("ı", "i")


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned shipment for people."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    what = f"held ({row['held']})" if row["held"] else row["action"]
    pieces = ", ".join(f"{n} × {sku}" for sku, n in (after.get("pieces") or {}).items())
    state = "delivered" if after.get("delivered") and not before.get("delivered") else ""
    carried = " ".join(filter(None, (after.get("company") or before.get("company"), ", ".join(after.get("numbers") or ()))))
    shown = "; ".join(filter(None, (carried, pieces, state)))
    name = after.get("order") or order_of(row["key"])
    return {"key": row["key"], "order": name, "what": what, "changes": shown, "reason": row["reason"] or row["undo_note"] or ""}
