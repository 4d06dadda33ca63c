"""The search index: the orders, sorted and filtered as a search wants them."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.instants import instant
from vendor_sandbox.shopify.orders import SeededOrders
from vendor_sandbox.shopify.search import Field, Filter, Matches

_TIMES = {"created_at": "createdAt", "processed_at": "processedAt", "updated_at": "updatedAt"}
_PLACES = {name: place for place, name in enumerate(_TIMES)}
_SORTS = {
    "CREATED_AT": "created_at",
    "PROCESSED_AT": "processed_at",
    "UPDATED_AT": "updated_at",
    "ID": "id",
    "ORDER_NUMBER": "id",
}
Place = tuple[int, int]
"""The position of an order in a sort: the value sorted by, and the order's index."""


def sort_field(sort_key: str) -> str | None:
    """Return the field that a sort key stands for; None for a key that the sandbox does not support."""
    return _SORTS.get(sort_key)


class Index:
    """Orders as a search sees them. `own` are those that differ from the seed at first; `put` reports further changes."""

    def __init__(self, seeded: SeededOrders, own: Mapping[int, Order | None]) -> None:
        self._seeded = seeded
        self._own = dict(own)
        self._sorted: dict[str, list[Place]] = {}
        self.fields: Mapping[str, Field] = {
            "created_at": Field("time", self._value_of("created_at")),
            "processed_at": Field("time", self._value_of("processed_at")),
            "updated_at": Field("time", self._value_of("updated_at")),
            "id": Field("number", self._value_of("id")),
            **{name: Field(kind, self._text(read), choices) for name, (kind, read, choices) in _TEXT_FIELDS.items()},
        }

    def put(self, index: int, order: Order | None) -> None:
        for name, places in self._sorted.items():
            value = self._value(name, index)
            if value is not None:
                del places[bisect_left(places, (value, index))]
        self._own[index] = order
        for name, places in self._sorted.items():
            value = self._value(name, index)
            if value is not None:
                insort(places, (value, index))

    def find(
        self, wanted: Filter, field: str, reverse: bool = False, after: Place | None = None, before: Place | None = None
    ) -> Iterator[Place]:
        """Yield the places of the orders wanted, sorted by `field`, strictly between two places."""
        places, matches = self.candidates(wanted, field)
        low, high = (before, after) if reverse else (after, before)
        first = bisect_left(places, (low[0], low[1] + 1)) if low else 0
        last = bisect_left(places, high) if high else len(places)
        steps = range(last - 1, first - 1, -1) if reverse else range(first, last)
        return (places[step] for step in steps if matches is None or matches(places[step][1]))

    def candidates(self, wanted: Filter, field: str) -> tuple[Sequence[Place], Matches | None]:
        """Return places that include all the orders wanted, sorted by `field`, and the test that is left for each, if any."""
        narrow = wanted.bounds.keys() & {*_TIMES, "id"}
        if field in narrow or not narrow:
            return self._slice(wanted, field), wanted.rest({field})
        fewest = min((self._slice(wanted, name) for name in narrow), key=len)
        return sorted((self._value(field, index) or 0, index) for _, index in fewest), wanted.rest()

    def _slice(self, wanted: Filter, field: str) -> list[Place]:
        places = self._places(field)
        low, high = wanted.bounds.get(field, (None, None))
        if field == "id":
            low, high = (each - ids.FIRST_ORDER if each is not None else None for each in (low, high))
        first = bisect_left(places, (low, -1)) if low is not None else 0
        last = bisect_left(places, (high, -1)) if high is not None else len(places)
        return places if (first, last) == (0, len(places)) else places[first:last]

    def _places(self, field: str) -> list[Place]:
        if field not in self._sorted:
            indexes = {*range(self._seeded.size), *self._own}
            places = [(value, index) for index in indexes if (value := self._value(field, index)) is not None]
            self._sorted[field] = sorted(places)
        return self._sorted[field]

    def _value(self, field: str, index: int) -> int | None:
        """Return the value of a field to sort by, None when there is no such order. `id` sorts by the index."""
        if index in self._own:
            order = self._own[index]
            if order is None:
                return None
            return index if field == "id" else instant(order[_TIMES[field]])
        if index >= self._seeded.size:
            return None
        return index if field == "id" else self._seeded.times(index)[_PLACES[field]]

    def _value_of(self, field: str) -> Callable[[int], Any]:
        if field == "id":
            return lambda index: index + ids.FIRST_ORDER
        return lambda index: self._value(field, index)

    def _text(self, read: Callable[[Order], Any]) -> Callable[[int], Any]:
        def value(index: int) -> Any:
            order = self._own[index] if index in self._own else self._seeded.order(index)
            return read(order) if order is not None else None

        return value


def _status(order: Order) -> list[str]:
    if order["cancelledAt"]:
        return ["cancelled"] + ["not_closed"] * (not order["closedAt"])
    return ["closed"] if order["closedAt"] else ["open", "not_closed"]


def _skus(order: Order) -> list[str]:
    return [line["sku"] for line in order["lineItems"] if line["sku"]]


def _name(order: Order) -> list[str]:
    return [order["name"], order["name"].removeprefix("#")]


def _fulfillment(order: Order) -> list[str]:
    status = str(order["displayFulfillmentStatus"]).lower()
    return {
        "fulfilled": ["fulfilled", "shipped"],
        "unfulfilled": ["unfulfilled", "unshipped"],
        "partially_fulfilled": ["partial"],
    }.get(status, [status])


_FINANCIAL = ["paid", "pending", "authorized", "partially_paid", "partially_refunded", "refunded", "voided", "expired"]
_FULFILLMENT = ["unshipped", "shipped", "fulfilled", "partial", "scheduled", "on_hold", "unfulfilled", "request_declined"]

_TEXT_FIELDS: Mapping[str, tuple[str, Callable[[Order], Any], list[str]]] = {
    "name": ("text", _name, []),
    "email": ("text", lambda order: order["email"], []),
    "sku": ("text", _skus, []),
    "tag": ("text", lambda order: order["tags"], []),
    "tag_not": ("not", lambda order: order["tags"], []),
    "customer_id": ("number", lambda order: order["customer"] and ids.number_of(order["customer"]["id"]), []),
    "test": ("flag", lambda order: order["test"], ["true", "false"]),
    "status": ("enum", _status, ["open", "closed", "cancelled", "not_closed"]),
    "financial_status": ("enum", lambda order: (order["displayFinancialStatus"] or "").lower(), _FINANCIAL),
    "fulfillment_status": ("enum", _fulfillment, _FULFILLMENT),
    "": ("text", lambda order: [*_name(order), order["email"]], []),
}
