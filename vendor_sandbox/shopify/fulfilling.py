"""The fulfilment orders of an order: what is to be sent from which location, and how much of it was sent.

They follow from the order as it is now. What mutations and people did to them (sent, held, split, moved) is stored with
the order as `fulfillmentOrders`, and brought in line with its lines whenever it is read: an edit or a refund lowers what
remains. An order that nothing was done to has one fulfilment order at the default location.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order


@dataclass
class FulfilmentLine:
    """A line of a fulfilment order. `line` is the id of the order's line."""

    id: str
    line: str
    total: int
    remaining: int


@dataclass
class FulfilmentOrder:
    """`closed` marks one that stays closed although its units came back: its fulfilment was cancelled."""

    id: str
    location: int
    created: str
    updated: str
    closed: bool = False
    movable: bool = True
    holds: list[dict[str, Any]] = field(default_factory=list)
    lines: list[FulfilmentLine] = field(default_factory=list)

    def status(self, order: Order) -> str:
        if order["cancelledAt"] or self.closed or not any(each.remaining for each in self.lines):
            return "CLOSED"
        if self.holds:
            return "ON_HOLD"
        return "IN_PROGRESS" if any(each.remaining < each.total for each in self.lines) else "OPEN"


@dataclass(frozen=True)
class Units:
    """Units of the line at a position that one location has yet to send (`open`, those on hold included) and has sent."""

    position: int
    location: int
    open: int
    fulfilled: int


def units(order: Order) -> list[Units]:
    """Return what each location has to do with each line of an order; lines that need no shipping are not among them."""
    positions = {line["id"]: position for position, line in enumerate(order["lineItems"])}
    return [
        Units(
            positions[each.line],
            part.location,
            open=0 if part.status(order) == "CLOSED" else each.remaining,
            fulfilled=each.total - each.remaining,
        )
        for part in fulfilment_orders(order)
        for each in part.lines
        if each.total
    ]


def fulfilment_orders(order: Order) -> list[FulfilmentOrder]:
    """Return the fulfilment orders of an order as it is now. They are copies, to be changed at will."""
    stored = order.get("fulfillmentOrders")
    if stored is None:
        return _one_for_all(order)
    parts = [FulfilmentOrder(**{**each, "lines": [FulfilmentLine(**line) for line in each["lines"]]}) for each in stored]
    if not order["cancelledAt"]:
        for line in order["lineItems"]:
            if line["requiresShipping"]:
                _agree(order, parts, line)
    return parts


def stored_as(parts: Sequence[FulfilmentOrder]) -> list[dict[str, Any]]:
    """Return fulfilment orders as an order stores them."""
    return [dataclasses.asdict(each) for each in parts]


def added_part(order: Order, parts: list[FulfilmentOrder], location: int, at: str) -> FulfilmentOrder:
    """Append an empty fulfilment order and return it."""
    index = ids.number_of(order["id"]) - ids.FIRST_ORDER
    part = FulfilmentOrder(ids.part_gid("FulfillmentOrder", index, len(parts)), location, at, at)
    parts.append(part)
    return part


def add_units(order: Order, parts: Sequence[FulfilmentOrder], part: FulfilmentOrder, line: str, quantity: int) -> None:
    """Add units of a line, all of them still to be sent, to one of the order's fulfilment orders."""
    for each in part.lines:
        if each.line == line:
            each.total, each.remaining = each.total + quantity, each.remaining + quantity
            return
    index = ids.number_of(order["id"]) - ids.FIRST_ORDER
    number = ids.part_gid("FulfillmentOrderLineItem", index, sum(len(each.lines) for each in parts))
    part.lines.append(FulfilmentLine(number, line, quantity, quantity))


def sent(order: Order) -> dict[str, int]:
    """Return how many units of each line (by id) are in a fulfilment that was not cancelled."""
    found: dict[str, int] = {}
    for fulfilment in order["fulfillments"]:
        if fulfilment["status"] != "CANCELLED":
            for each in fulfilment.get("fulfillmentLineItems", ()):
                found[each["lineItem"]["id"]] = found.get(each["lineItem"]["id"], 0) + each["quantity"]
    return found


def _one_for_all(order: Order) -> list[FulfilmentOrder]:
    parts: list[FulfilmentOrder] = []
    gone = sent(order)
    for line in order["lineItems"]:
        fulfilled = gone.get(line["id"], 0)
        # A cancelled order keeps all that was ever to be sent in its closed fulfilment order.
        total = max(line["quantity"], fulfilled) if order["cancelledAt"] else line["unfulfilledQuantity"] + fulfilled
        if not line["requiresShipping"] or not total:
            continue
        if not parts:
            added_part(order, parts, ids.DEFAULT_LOCATION, order["createdAt"]).updated = order["updatedAt"]
        add_units(order, parts, parts[0], line["id"], total)
        parts[0].lines[-1].remaining -= fulfilled
    return parts


def _agree(order: Order, parts: list[FulfilmentOrder], line: Mapping[str, Any]) -> None:
    """Bring what remains of a line in line with the order: units too many are taken from the last fulfilment order first."""
    open_parts = [each for each in parts if each.status(order) != "CLOSED"]
    held = [(part, each) for part in open_parts for each in part.lines if each.line == line["id"]]
    surplus = sum(each.remaining for _, each in held) - line["unfulfilledQuantity"]
    for part, each in reversed(held):
        cut = min(each.remaining, max(0, surplus))
        each.total, each.remaining, surplus = each.total - cut, each.remaining - cut, surplus - cut
        if cut:
            part.updated = order["updatedAt"]
    if surplus < 0:
        part = open_parts[0] if open_parts else added_part(order, parts, ids.DEFAULT_LOCATION, order["updatedAt"])
        add_units(order, parts, part, line["id"], -surplus)
