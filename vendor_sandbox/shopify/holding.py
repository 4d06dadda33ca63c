"""What happens to fulfilment orders before anything is sent: held, released, moved to another location, split.

Each function takes an order and returns a changed copy, or raises Refusal when the shop would refuse.
Source: https://shopify.dev/docs/api/admin-graphql/latest/objects/FulfillmentOrder and recorded replies.
"""

from collections.abc import Collection, Mapping
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.fulfilling import FulfilmentOrder, add_units, added_part, fulfilment_orders
from vendor_sandbox.shopify.shipping import Refusal, Wanted, settled

_MOST_HOLDS = 10
_LINES = ("fulfillmentHold", "fulfillmentOrderLineItems")


def held(order: Order, id_: str, hold: Mapping[str, Any], wanted: Wanted, at: str) -> tuple[dict[str, Any], str | None]:
    """Return the order with a fulfilment order on hold, and the id of the one that holds the units left out of it, if any.

    `hold`: members `reason`, `reasonNotes` and `handle`. `wanted`: the units to hold; empty for all.
    """
    parts = fulfilment_orders(order)
    part = _part(parts, id_)
    status = part.status(order)
    if status == "CLOSED":
        raise Refusal(["id"], "The fulfillment order is closed and cannot be put on hold.")
    if status == "ON_HOLD" and wanted:
        raise Refusal(_LINES, "The fulfillment order is not in a splittable state.", "FULFILLMENT_ORDER_NOT_SPLITTABLE")
    if any(each["handle"] == hold["handle"] for each in part.holds):
        message = "The handle provided for the fulfillment hold is already in use by this app for another hold on this order."
        raise Refusal(["fulfillmentHold", "handle"], message, "DUPLICATE_FULFILLMENT_HOLD_HANDLE")
    if len(part.holds) >= _MOST_HOLDS:
        message = "The maximum number of fulfillment holds for this fulfillment order has been reached for this app."
        raise Refusal(["id"], message, "FULFILLMENT_ORDER_HOLD_LIMIT_REACHED")
    rest = _split_off(order, parts, part, _left_out(part, wanted), part.location, at) if wanted else None
    index = ids.number_of(order["id"]) - ids.FIRST_ORDER
    number = 1 + max(
        (ids.number_of(each["id"]) for each in _all_holds(parts)), default=ids.part_number("FulfillmentHold", index, 0)
    )
    part.holds.append({"id": ids.gid("FulfillmentHold", number), **hold})
    part.updated = at
    return settled(order, parts, at), rest.id if rest else None


def released(order: Order, id_: str, at: str, hold_ids: Collection[str] | None = None) -> dict[str, Any]:
    """Return the order with the holds with these ids, or all holds, taken off a fulfilment order."""
    parts = fulfilment_orders(order)
    part = _part(parts, id_)
    part.holds = [each for each in part.holds if hold_ids and each["id"] not in hold_ids]
    part.updated = at
    return settled(order, parts, at)


def moved(order: Order, id_: str, location: int, wanted: Wanted, at: str) -> tuple[dict[str, Any], str]:
    """Return the order with a fulfilment order, or some units of it, at another location, and the id of what is there now."""
    parts = fulfilment_orders(order)
    part = _part(parts, id_)
    if part.status(order) == "CLOSED":
        raise Refusal(["id"], "The fulfillment order is closed and cannot be moved.")
    left = _left_out(part, wanted) if wanted else {}
    leaving = {each.line: each.remaining - left.get(each.line, 0) for each in part.lines}
    part.updated = at
    if not left and part.status(order) != "IN_PROGRESS":
        part.location = location
        return settled(order, parts, at), part.id
    there = _split_off(order, parts, part, leaving, location, at)
    return settled(order, parts, at), there.id if there else part.id


def split(order: Order, locations: Mapping[str, int], at: str) -> dict[str, Any]:
    """Return the order with what is to be sent of these lines (by id) at these locations."""
    parts = fulfilment_orders(order)
    for part in [each for each in parts if each.status(order) in ("OPEN", "IN_PROGRESS")]:
        for location in dict.fromkeys(locations.values()):
            if location != part.location:
                leaving = {each.line: each.remaining for each in part.lines if locations.get(each.line) == location}
                if any(each.total and each.line not in leaving for each in part.lines) or part.status(order) != "OPEN":
                    _split_off(order, parts, part, leaving, location, at)
                else:
                    part.location, part.updated = location, at
    return settled(order, parts, at)


def _all_holds(parts: Collection[FulfilmentOrder]) -> list[dict[str, Any]]:
    return [hold for part in parts for hold in part.holds]


def _part(parts: Collection[FulfilmentOrder], id_: str) -> FulfilmentOrder:
    for part in parts:
        if part.id == id_:
            return part
    raise KeyError(id_)


def _left_out(part: FulfilmentOrder, wanted: Wanted) -> dict[str, int]:
    """Return the units of each line (by the order's line) that stay when the wanted ones go."""
    if len({id_ for id_, _ in wanted}) < len(wanted):
        message = "The fulfillment order line items are not unique."
        raise Refusal(_LINES, message, "DUPLICATED_FULFILLMENT_ORDER_LINE_ITEMS")
    lines = {each.id: each for each in part.lines}
    for row, (id_, quantity) in enumerate(wanted):
        if quantity <= 0:
            message = "The fulfillment order line item quantity must be greater than 0."
            raise Refusal([*_LINES, str(row), "quantity"], message, "GREATER_THAN_ZERO")
        if id_ not in lines or quantity > lines[id_].remaining:
            message = "The fulfillment order line item quantity is invalid."
            raise Refusal([*_LINES, str(row), "quantity"], message, "INVALID_LINE_ITEM_QUANTITY")
    left = {each.line: each.remaining - dict(wanted).get(each.id, 0) for each in part.lines}
    return {line: quantity for line, quantity in left.items() if quantity}


def _split_off(
    order: Order, parts: list[FulfilmentOrder], part: FulfilmentOrder, leaving: Mapping[str, int], location: int, at: str
) -> FulfilmentOrder | None:
    """Move units of a fulfilment order into an open one at that other location, or into a new one; None: there were no units."""
    if not any(leaving.values()):
        return None
    open_there = [each for each in parts if each.location == location != part.location and each.status(order) == "OPEN"]
    there = open_there[0] if open_there else added_part(order, parts, location, at)
    for each in part.lines:
        quantity = leaving.get(each.line, 0)
        if quantity:
            each.total, each.remaining = each.total - quantity, each.remaining - quantity
            add_units(order, parts, there, each.line, quantity)
    part.updated = there.updated = at
    return there
