"""The root fields about fulfilment orders and fulfilments: reading them, and the mutations.

Sources: https://shopify.dev/docs/api/admin-graphql/latest/mutations/fulfillmentCreate and its siblings; messages, field paths
and what is checked first are those of recorded replies.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.fulfilment_views import ORDER_FIELDS, View, shown_fulfilment_orders, shown_fulfilments
from vendor_sandbox.shopify.holding import held, moved, released
from vendor_sandbox.shopify.instants import instant, shown
from vendor_sandbox.shopify.paging import Failed, Page, cursor_of, page_size, read_cursor
from vendor_sandbox.shopify.places import location_number
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.reads import Reads
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.shipping import Refusal, Wanted, cancelled_fulfilment, followed, fulfilment_of, shipped, tracked
from vendor_sandbox.shopify.store import Store
from vendor_sandbox.shopify.tracking import tracking_info

_BY_ORDER = ("fulfillment", "lineItemsByFulfillmentOrder")
_NO_FULFILMENT_ORDER = "Fulfillment order does not exist."
_NO_FULFILMENT = "Fulfillment does not exist."


class FulfilmentFields:
    """Answers these fields for one token at one instant."""

    def __init__(self, store: Store, settings: Settings, reads: Reads, now: int) -> None:
        self._store, self._settings, self._reads, self._at = store, settings, reads, shown(now)

    @property
    def resolvers(self) -> Mapping[str, Callable[[Selected], Any]]:
        return {
            "fulfillment": lambda field: self._one(field, "Fulfillment"),
            "fulfillmentOrder": lambda field: self._one(field, "FulfillmentOrder"),
            "fulfillmentOrders": self.listed,
            "fulfillmentCreate": _refusing(self.create, "fulfillment"),
            "fulfillmentCancel": _refusing(self.cancel, "fulfillment"),
            "fulfillmentTrackingInfoUpdate": _refusing(self.track, "fulfillment"),
            "fulfillmentEventCreate": _refusing(self.follow, "fulfillmentEvent"),
            "fulfillmentOrderHold": _refusing(self.hold, "fulfillmentHold", "fulfillmentOrder", "remainingFulfillmentOrder"),
            "fulfillmentOrderReleaseHold": _refusing(self.release, "fulfillmentOrder"),
            "fulfillmentOrderMove": _refusing(
                self.move, "movedFulfillmentOrder", "originalFulfillmentOrder", "remainingFulfillmentOrder"
            ),
        }

    def listed(self, field: Selected) -> Page:
        arguments = field.arguments
        size, from_end = page_size(arguments)
        sort = arguments["sortKey"]
        wanted = self._reads.filtered(field, ORDER_FIELDS)
        found = [
            view
            for order in self._reads.visible_orders()
            for view in shown_fulfilment_orders(order)
            if (arguments["includeClosed"] or view["status"] != "CLOSED") and wanted.matches(view)
        ]

        def place(view: View) -> tuple[int, int]:
            number = ids.number_of(view["id"])
            return (number if sort == "ID" else instant(view["updatedAt"]), number)

        reverse = bool(arguments["reverse"])
        found.sort(key=place, reverse=reverse)
        for name, later in (("after", True), ("before", False)):
            cursor = read_cursor(arguments.get(name), sort)
            if cursor:
                limit = (int(cursor[1]), cursor[0])
                found = [each for each in found if place(each) != limit and (place(each) > limit) == (later != reverse)]
        start = max(0, len(found) - size) if from_end else 0
        cut = found[start : start + size]

        def cursor_at(position: int) -> str:
            value, number = place(cut[position])
            return cursor_of(number, str(value), sort)

        before = start > 0 or arguments.get("after") is not None
        return Page(cut, cursor_at, before, start + len(cut) < len(found) or arguments.get("before") is not None)

    def create(self, field: Selected) -> dict[str, Any]:
        given = field.arguments["fulfillment"]
        groups = given["lineItemsByFulfillmentOrder"]
        for row, group in enumerate(groups):
            for each, line in enumerate(group.get("fulfillmentOrderLineItems") or ()):
                if line["quantity"] <= 0:
                    path = [*_BY_ORDER, str(row), "fulfillmentOrderLineItems", str(each), "quantity"]
                    raise Refusal(path, "Quantity must be greater than 0.")
        if not groups:
            raise Refusal(["fulfillment"], "Line items by fulfillment order can't be blank.")
        wanted: dict[str, Wanted] = {}
        orders: dict[str, Order] = {}
        for group in groups:
            id_ = group["fulfillmentOrderId"]
            order = self._order(id_, "FulfillmentOrder")
            if order is None:
                raise Refusal(["fulfillment"], _NO_FULFILMENT_ORDER)
            orders[order["id"]] = order
            lines = [_line(each) for each in group.get("fulfillmentOrderLineItems") or ()]
            wanted[id_] = [*wanted.get(id_, ()), *lines]
        if len(orders) > 1:
            raise Refusal(["fulfillment"], "All fulfillment orders must belong to the same order.")
        (order,) = orders.values()
        order = self._put(shipped(order, wanted, tracking_info(given.get("trackingInfo")), self._at))
        return {"fulfillment": shown_fulfilments(order)[-1]}

    def cancel(self, field: Selected) -> dict[str, Any]:
        id_ = field.arguments["id"]
        order = self._existing(id_, "Fulfillment", ["id"], _NO_FULFILMENT)
        if fulfilment_of(order, id_)["status"] != "CANCELLED":
            order = self._put(cancelled_fulfilment(order, id_, self._at))
        return {"fulfillment": _with_id(shown_fulfilments(order), id_)}

    def track(self, field: Selected) -> dict[str, Any]:
        id_ = field.arguments["fulfillmentId"]
        order = self._existing(id_, "Fulfillment", ["fulfillmentId"], _NO_FULFILMENT)
        order = self._put(tracked(order, id_, tracking_info(field.arguments["trackingInfoInput"]), self._at))
        return {"fulfillment": _with_id(shown_fulfilments(order), id_)}

    def follow(self, field: Selected) -> dict[str, Any]:
        given = field.arguments["fulfillmentEvent"]
        id_ = given["fulfillmentId"]
        order = self._existing(id_, "Fulfillment", ["fulfillmentEvent", "fulfillmentId"], _NO_FULFILMENT)
        order = self._put(followed(order, id_, given, self._at))
        return {"fulfillmentEvent": fulfilment_of(order, id_)["events"][-1]}

    def hold(self, field: Selected) -> dict[str, Any]:
        id_, given = field.arguments["id"], field.arguments["fulfillmentHold"]
        order = self._existing(id_, "FulfillmentOrder", ["id"], _NO_FULFILMENT_ORDER, "FULFILLMENT_ORDER_NOT_FOUND")
        hold = {name: given.get(name) for name in ("reason", "reasonNotes", "handle")}
        wanted = [_line(each) for each in given["fulfillmentOrderLineItems"] or ()]
        order, rest = held(order, id_, hold, wanted, self._at)
        parts = shown_fulfilment_orders(self._put(order))
        part = _with_id(parts, id_)
        remaining = rest and _with_id(parts, rest)
        return {"fulfillmentHold": part["fulfillmentHolds"][-1], "fulfillmentOrder": part, "remainingFulfillmentOrder": remaining}

    def release(self, field: Selected) -> dict[str, Any]:
        id_ = field.arguments["id"]
        order = self._existing(id_, "FulfillmentOrder", ["id"], _NO_FULFILMENT_ORDER, "FULFILLMENT_ORDER_NOT_FOUND")
        order = self._put(released(order, id_, self._at, field.arguments.get("holdIds")))
        return {"fulfillmentOrder": _with_id(shown_fulfilment_orders(order), id_)}

    def move(self, field: Selected) -> dict[str, Any]:
        id_ = field.arguments["id"]
        order = self._existing(id_, "FulfillmentOrder", ["id"], _NO_FULFILMENT_ORDER)
        location = location_number(field.arguments["newLocationId"])
        if location is None:
            raise Refusal(["newLocationId"], "Location does not exist.")
        wanted = [_line(each) for each in field.arguments.get("fulfillmentOrderLineItems") or ()]
        order, there = moved(order, id_, location, wanted, self._at)
        parts = shown_fulfilment_orders(self._put(order))
        original = _with_id(parts, id_)
        left = there != id_ and original["status"] != "CLOSED"
        return {
            "movedFulfillmentOrder": _with_id(parts, there),
            "originalFulfillmentOrder": original,
            "remainingFulfillmentOrder": original if left else None,
        }

    def _one(self, field: Selected, kind: str) -> View | None:
        text = field.arguments["id"]
        _check_kind(text, kind)
        found = self._reads.thing(text)
        return None if found is None else dict(found.value)

    def _order(self, id_: str, kind: str) -> Order | None:
        """Return the order that has this fulfilment order or fulfilment; None when there is none."""
        _check_kind(id_, kind)
        found = self._reads.thing(id_)
        return None if found is None else found.value["order"]

    def _existing(self, id_: str, kind: str, path: Sequence[str], message: str, code: str | None = None) -> Order:
        order = self._order(id_, kind)
        if order is None:
            raise Refusal(path, message, code)
        return order

    def _put(self, order: Order) -> Order:
        index = ids.number_of(order["id"]) - ids.FIRST_ORDER
        self._store.put({index: order}, self._settings.index_lag)
        return order


def _refusing(act: Callable[[Selected], dict[str, Any]], *members: str) -> Callable[[Selected], dict[str, Any]]:
    """Return the resolver of a mutation; when it is refused, the members of its payload are null."""

    def resolve(field: Selected) -> dict[str, Any]:
        try:
            return {**act(field), "userErrors": []}
        except Refusal as refusal:
            error = {"field": refusal.field, "message": str(refusal), "code": refusal.code}
            return {**dict.fromkeys(members), "userErrors": [error]}

    return resolve


def _check_kind(id_: str, kind: str) -> None:
    if (ids.read_gid(id_) or ("",))[0] != kind:
        raise Failed(f"Invalid id: {id_}", "RESOURCE_NOT_FOUND")


def _line(given: Mapping[str, Any]) -> tuple[str, int]:
    _check_kind(given["id"], "FulfillmentOrderLineItem")
    return given["id"], given["quantity"]


def _with_id(views: Sequence[View], id_: str) -> View:
    return [each for each in views if each["id"] == id_][-1]
