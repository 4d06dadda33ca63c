"""Fulfilment orders and fulfilments as the API shows them, with what they belong to in place of ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.fulfilling import FulfilmentLine, FulfilmentOrder, fulfilment_orders
from vendor_sandbox.shopify.instants import instant
from vendor_sandbox.shopify.places import shown_location
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.search import Field, read_filter

View = dict[str, Any]

FULFILMENT_MUTATIONS = (
    "fulfillmentCancel",
    "fulfillmentCreate",
    "fulfillmentEventCreate",
    "fulfillmentOrderHold",
    "fulfillmentOrderMove",
    "fulfillmentOrderReleaseHold",
    "fulfillmentTrackingInfoUpdate",
)
"""The mutations that write them."""

_STATUSES = ["open", "in_progress", "incomplete", "on_hold", "closed", "cancelled", "scheduled"]
ORDER_FIELDS: Mapping[str, Field] = {
    "status": Field("enum", lambda view: view["status"].lower(), _STATUSES),
    "assigned_location_id": Field("number", lambda view: ids.number_of(view["assignedLocation"]["location"]["id"])),
    "updated_at": Field("time", lambda view: instant(view["updatedAt"])),
    "id": Field("number", lambda view: ids.number_of(view["id"])),
}
"""What fulfilment orders can be searched by."""
_FULFILMENT_FIELDS: Mapping[str, Field] = {
    "status": Field("enum", lambda view: view["status"].lower(), ["success", "cancelled", "error", "failure", "open", "pending"]),
    "created_at": Field("time", lambda view: instant(view["createdAt"])),
    "updated_at": Field("time", lambda view: instant(view["updatedAt"])),
    "id": Field("number", lambda view: ids.number_of(view["id"])),
}


def shown_fulfilment_orders(order: Order) -> list[View]:
    """Return an order's fulfilment orders."""
    parts = fulfilment_orders(order)
    lines = {line["id"]: line for line in order["lineItems"]}
    return [_shown_fulfilment_order(order, part, parts, lines) for part in parts]


def shown_fulfilments(order: Order) -> list[View]:
    """Return an order's fulfilments."""
    lines = {line["id"]: line for line in order["lineItems"]}
    return [_shown_fulfilment(order, each, lines) for each in order["fulfillments"]]


def _shown_fulfilment(order: Order, fulfilment: Mapping[str, Any], lines: Mapping[str, Any]) -> View:
    entries = fulfilment.get("fulfillmentLineItems", [])
    return {
        **fulfilment,
        "order": order,
        "location": shown_location(fulfilment.get("location", ids.DEFAULT_LOCATION)),
        # A test may have replaced the lines of an order that was sent.
        "fulfillmentLineItems": [{**each, "lineItem": line} for each in entries if (line := lines.get(each["lineItem"]["id"]))],
    }


def _shown_fulfilment_order(
    order: Order, part: FulfilmentOrder, parts: Sequence[FulfilmentOrder], lines: Mapping[str, Any]
) -> View:
    location = shown_location(part.location)
    status = part.status(order)
    return {
        "id": part.id,
        "status": status,
        "requestStatus": "UNSUBMITTED",
        "supportedActions": [{"action": each, "externalUrl": None} for each in _actions(order, part, parts, status)],
        "assignedLocation": {"location": location, "name": location["name"], "countryCode": "US"},
        "createdAt": part.created,
        "updatedAt": part.updated,
        "fulfillAt": order["createdAt"],
        "order": order,
        "orderId": order["id"],
        "orderName": order["name"],
        "orderProcessedAt": order["processedAt"],
        "fulfillmentHolds": [_shown_hold(each) for each in part.holds],
        "lineItems": [_shown_line(each, lines[each.line]) for each in part.lines if each.total],
    }


def _shown_hold(hold: Mapping[str, Any]) -> View:
    name = hold["reason"].replace("_", " ").capitalize()
    return {**hold, "displayReason": name, "heldByRequestingApp": True, "heldByApp": None}


def _shown_line(each: FulfilmentLine, line: Mapping[str, Any]) -> View:
    variant = line["variant"]
    same = {name: line[name] for name in ("sku", "requiresShipping", "variantTitle", "vendor", "variant")}
    return {
        **same,
        "id": each.id,
        "productTitle": line["title"],
        "totalQuantity": each.total,
        "remainingQuantity": each.remaining,
        "inventoryItemId": variant and ids.inventory_item_gid(variant["id"]),
        "lineItem": line,
    }


def _actions(order: Order, part: FulfilmentOrder, parts: Sequence[FulfilmentOrder], status: str) -> list[str]:
    if status == "ON_HOLD":
        return ["RELEASE_HOLD", "HOLD", *["MOVE"] * part.movable]
    if status == "IN_PROGRESS":
        return ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "HOLD", "MARK_AS_OPEN"]
    if status != "OPEN":
        return []
    others = [each for each in parts if each is not part and each.location == part.location and each.status(order) == "OPEN"]
    splits = sum(each.remaining for each in part.lines) > 1
    more = ["MOVE"] * part.movable + ["HOLD"] + ["SPLIT"] * splits + ["MERGE"] * bool(others)
    return ["CREATE_FULFILLMENT", "REPORT_PROGRESS", *more]


def _orders_of(field: Selected, zone: str) -> Callable[[Order], list[View]]:
    wanted = read_filter(field.arguments.get("query"), ORDER_FIELDS, zone)
    displayable = field.arguments.get("displayable")

    def read(order: Order) -> list[View]:
        found = [each for each in shown_fulfilment_orders(order) if wanted.matches(each)]
        return [each for each in found if not displayable or _is_displayed(order, each)]

    return read


def _is_displayed(order: Order, view: View) -> bool:
    """Return whether people see a fulfilment order: not one that is closed although nothing of it was sent."""
    untouched = all(each["remainingQuantity"] == each["totalQuantity"] for each in view["lineItems"])
    return bool(order["cancelledAt"]) or view["status"] != "CLOSED" or not untouched


def _fulfilments_of(field: Selected, zone: str) -> Callable[[Order], list[View]]:
    wanted = read_filter(field.arguments.get("query"), _FULFILMENT_FIELDS, zone)
    first = field.arguments.get("first")
    return lambda order: [each for each in shown_fulfilments(order) if wanted.matches(each)][:first]


def _fulfilments_of_part(_field: Selected, _zone: str) -> Callable[[View], list[View]]:
    def read(view: View) -> list[View]:
        return [each for each in shown_fulfilments(view["order"]) if _belong(view, each)]

    return read


def _parts_of_fulfilment(_field: Selected, _zone: str) -> Callable[[View], list[View]]:
    def read(view: View) -> list[View]:
        return [each for each in shown_fulfilment_orders(view["order"]) if _belong(each, view)]

    return read


def _belong(part: View, fulfilment: View) -> bool:
    own = {name for each in part["lineItems"] for name in (each["id"], each["lineItem"]["id"])}
    return any(each.get("fulfillmentOrderLine", each["lineItem"]["id"]) in own for each in fulfilment["fulfillmentLineItems"])


def _events_of(field: Selected, _zone: str) -> Callable[[View], list[View]]:
    if field.arguments["sortKey"] == "ID":
        return lambda view: view["events"]
    return lambda view: sorted(view["events"], key=lambda each: instant(each["happenedAt"]))


DERIVED: Mapping[tuple[str, str], Callable[[Selected, str], Callable[[Any], Any]]] = {
    ("Order", "fulfillmentOrders"): _orders_of,
    ("Order", "fulfillments"): _fulfilments_of,
    ("FulfillmentOrder", "fulfillments"): _fulfilments_of_part,
    ("Fulfillment", "fulfillmentOrders"): _parts_of_fulfilment,
    ("Fulfillment", "events"): _events_of,
}
"""Fields that are worked out when they are asked for, by type and name; each takes the field and the shop's time zone."""
