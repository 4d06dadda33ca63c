"""What happens to the fulfilments of an order: made, cancelled, tracked, followed by events.

Each function takes an order and returns a changed copy, or raises Refusal when the shop would refuse.
Source: https://shopify.dev/docs/api/admin-graphql/latest/objects/Fulfillment and recorded replies.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.fulfilling import (
    FulfilmentLine,
    FulfilmentOrder,
    add_units,
    added_part,
    fulfilment_orders,
    sent,
    stored_as,
)

Wanted = Sequence[tuple[str, int]]
"""Ids of lines of a fulfilment order, with units."""


class Refusal(Exception):
    """A change that the shop refuses, as `userErrors` says it."""

    def __init__(self, field: Sequence[str], message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.field, self.code = list(field), code


def settled(order: Order, parts: Sequence[FulfilmentOrder] | None, at: str) -> dict[str, Any]:
    """Return an order changed at an instant, with all that follows from its fulfilments and fulfilment orders.

    None for `parts`: they are as they were, but the lines of the order may have changed.
    """
    order = dict(order) if parts is None else {**order, "fulfillmentOrders": stored_as(parts)}
    ready: dict[str, int] = {}
    held = 0
    for part in fulfilment_orders(order):
        status = part.status(order)
        for each in part.lines if status != "CLOSED" else ():
            held += each.remaining if status == "ON_HOLD" else 0
            ready[each.line] = ready.get(each.line, 0) + (each.remaining if status != "ON_HOLD" else 0)
    waiting, gone = held + sum(ready.values()), sum(sent(order).values())
    if waiting:
        status = "ON_HOLD" if held == waiting else "PARTIALLY_FULFILLED" if gone else "UNFULFILLED"
        order["displayFulfillmentStatus"] = status
    elif gone and not order["cancelledAt"]:
        order["displayFulfillmentStatus"] = "FULFILLED"
    lines = [
        {**each, "fulfillableQuantity": ready.get(each["id"], 0)} if each["requiresShipping"] else each
        for each in order["lineItems"]
    ]
    return {**order, "lineItems": lines, "updatedAt": at}


def shipped(order: Order, wanted: Mapping[str, Wanted], tracking: list[dict[str, Any]], at: str) -> dict[str, Any]:
    """Return the order with one more fulfilment, made of its fulfilment orders with these ids; no lines: all that remains."""
    parts = fulfilment_orders(order)
    entries: list[dict[str, Any]] = []
    chosen = [part for part in parts if part.id in wanted]
    if len({part.location for part in chosen}) > 1:
        raise Refusal(["fulfillment"], "All fulfillment orders must be assigned to a single location.")
    for part in chosen:
        status = part.status(order)
        if status in ("CLOSED", "ON_HOLD"):
            message = f"Fulfillment order {ids.number_of(part.id)} has an unfulfillable status= {status.lower()}."
            raise Refusal(["fulfillment"], message)
        for line, quantity in _taken(part, wanted[part.id]):
            line.remaining -= quantity
            entries.append({"fulfillmentOrderLine": line.id, "quantity": quantity, "lineItem": {"id": line.line}})
    index, count = ids.number_of(order["id"]) - ids.FIRST_ORDER, len(order["fulfillments"])
    first = sum(len(each.get("fulfillmentLineItems", ())) for each in order["fulfillments"])
    for row, entry in enumerate(entries, first):
        entry["id"] = ids.part_gid("FulfillmentLineItem", index, row)
    number = ids.part_number("Fulfillment", index, count)
    fulfilment = {
        "id": ids.gid("Fulfillment", number),
        "legacyResourceId": str(number),
        "name": f"{order['name']}-F{count + 1}",
        "status": "SUCCESS",
        "displayStatus": "FULFILLED",
        "createdAt": at,
        "updatedAt": at,
        "inTransitAt": None,
        "deliveredAt": None,
        "estimatedDeliveryAt": None,
        "events": [],
        "requiresShipping": True,
        "totalQuantity": sum(each["quantity"] for each in entries),
        "location": chosen[0].location,
        "fulfillmentLineItems": entries,
        "trackingInfo": tracking,
    }
    for part in chosen:
        part.updated = at
    order = {**_less(order, entries), "fulfillments": [*order["fulfillments"], fulfilment]}
    done = settled(order, parts, at)
    if done["displayFulfillmentStatus"] == "FULFILLED" and done["fullyPaid"] and not done["closed"]:
        done.update(closed=True, closedAt=at)
    return done


def cancelled_fulfilment(order: Order, id_: str, at: str) -> dict[str, Any]:
    """Return the order with one of its fulfilments cancelled.

    Its units are to be sent again: a fulfilment order that was not sent wholly gets them back, for the others a new one opens.
    """
    fulfilment = fulfilment_of(order, id_)
    if fulfilment["status"] == "CANCELLED":
        return dict(order)
    parts = fulfilment_orders(order)
    entries = fulfilment.get("fulfillmentLineItems", [])
    fresh: FulfilmentOrder | None = None
    were = {part.id: part.status(order) for part in parts}
    for part, line, quantity in _returned(parts, entries):
        line.remaining = min(line.total, line.remaining + quantity)
        part.updated = at
        if were[part.id] == "CLOSED":
            part.closed = True
            if fresh is None:
                fresh = added_part(order, parts, part.location, at)
                fresh.movable = False
            add_units(order, parts, fresh, line.line, quantity)
    order = _replaced(order, id_, {"status": "CANCELLED", "displayStatus": "CANCELED", "updatedAt": at})
    if order["cancelledAt"]:
        return settled(order, None, at)
    reopened = {"closed": False, "closedAt": None, "displayFulfillmentStatus": "UNFULFILLED"}
    return settled({**_less(order, [{**each, "quantity": -each["quantity"]} for each in entries]), **reopened}, parts, at)


def tracked(order: Order, id_: str, tracking: list[dict[str, Any]], at: str) -> dict[str, Any]:
    """Return the order with other tracking information at one of its fulfilments."""
    return settled(_replaced(order, id_, {"trackingInfo": tracking, "updatedAt": at}), None, at)


def followed(order: Order, id_: str, event: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return the order with one more event of a fulfilment: members of FulfillmentEventInput."""
    fulfilment = fulfilment_of(order, id_)
    index = ids.number_of(order["id"]) - ids.FIRST_ORDER
    count = sum(len(each.get("events", ())) for each in order["fulfillments"])
    happened = event.get("happenedAt") or at
    made = {name: event.get(name) for name in _EVENT_TEXTS}
    made |= {
        "id": ids.part_gid("FulfillmentEvent", index, count),
        "status": event["status"],
        "createdAt": at,
        "happenedAt": happened,
    }
    change: dict[str, Any] = {"events": [*fulfilment.get("events", ()), made], "updatedAt": at}
    if event.get("estimatedDeliveryAt"):
        change["estimatedDeliveryAt"] = event["estimatedDeliveryAt"]
    if fulfilment["status"] != "CANCELLED":
        change["displayStatus"] = event["status"]
        moment = {"IN_TRANSIT": "inTransitAt", "DELIVERED": "deliveredAt"}.get(event["status"])
        change.update({moment: happened} if moment else {})
    return settled(_replaced(order, id_, change), None, at)


_EVENT_TEXTS = ("address1", "city", "country", "estimatedDeliveryAt", "latitude", "longitude", "message", "province", "zip")


def fulfilment_of(order: Order, id_: str) -> Mapping[str, Any]:
    """Return one of an order's fulfilments. Raises KeyError."""
    found = [each for each in order["fulfillments"] if each["id"] == id_]
    if not found:
        raise KeyError(id_)
    last: Mapping[str, Any] = found[-1]
    return last


def _replaced(order: Order, id_: str, change: Mapping[str, Any]) -> dict[str, Any]:
    target = fulfilment_of(order, id_)
    return {**order, "fulfillments": [{**each, **change} if each is target else each for each in order["fulfillments"]]}


def _taken(part: FulfilmentOrder, wanted: Wanted) -> list[tuple[FulfilmentLine, int]]:
    """Return the lines of a fulfilment order that are to be sent, with units."""
    if not wanted:
        return [(each, each.remaining) for each in part.lines if each.remaining]
    lines = {each.id: each for each in part.lines if each.total}
    units: dict[str, int] = {}
    for id_, quantity in wanted:
        if id_ not in lines:
            raise Refusal(["fulfillment"], "Fulfillment order line item does not exist.")
        units[id_] = units.get(id_, 0) + quantity
        if units[id_] > lines[id_].remaining:
            raise Refusal(["fulfillment"], "Invalid fulfillment order line item quantity requested.")
    return [(lines[id_], quantity) for id_, quantity in units.items()]


def _returned(
    parts: Sequence[FulfilmentOrder], entries: Sequence[Mapping[str, Any]]
) -> list[tuple[FulfilmentOrder, FulfilmentLine, int]]:
    """Return where the units of a fulfilment came from; that of a seeded order does not say so, but its line tells."""
    found = []
    for entry in entries:
        own = entry.get("fulfillmentOrderLine")
        origins = [
            (part, line, entry["quantity"])
            for part in parts
            for line in part.lines
            if line.id == own or (own is None and line.line == entry["lineItem"]["id"])
        ]
        found += origins[:1]
    return found


def _less(order: Order, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the order with fewer units to be sent; never more than it still has."""
    gone: dict[str, int] = {}
    for each in entries:
        gone[each["lineItem"]["id"]] = gone.get(each["lineItem"]["id"], 0) + each["quantity"]
    lines = []
    for line in order["lineItems"]:
        left = min(line["currentQuantity"], line["unfulfilledQuantity"] - gone.get(line["id"], 0))
        lines.append({**line, "unfulfilledQuantity": left} if line["id"] in gone else line)
    return {**order, "lineItems": lines}
