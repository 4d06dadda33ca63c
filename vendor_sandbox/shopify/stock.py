"""Stock that orders move: what is committed to them, and what they take from what is available.

An order takes its units from `available` when it is made; until they are sent they are `committed`. Cancelling gives
back what was not sent (unless the order says otherwise), a refund what came back, an edit what was taken out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.fulfilling import units
from vendor_sandbox.shopify.goods import Goods, item_number, variant_number

Place = tuple[int, int]
"""Item and location."""


def committed_by(order: Order | None) -> Counter[Place]:
    """Return the units that an order has yet to send."""
    found: Counter[Place] = Counter()
    if order is None:
        return found
    for each in units(order):
        item = _item(order, each.position)
        if item is not None and each.open:
            found[item, each.location] += each.open
    return found


def taken_by(order: Order | None) -> Counter[Place]:
    """Return the units by which an order lowers what is available: all but those given back or taken out of it."""
    found: Counter[Place] = Counter()
    if order is None:
        return found
    parts = units(order)
    # what a test makes of a quantity may be no number: of that nothing is taken
    pieces = [line["currentQuantity"] for line in order["lineItems"]]
    left = {position: n if isinstance(n, int) else 0 for position, n in enumerate(pieces)}
    if order["cancelledAt"] and order.get("restocked", True):
        sent: Counter[int] = Counter()
        for each in parts:
            sent[each.position] += each.fulfilled
        left = {position: min(kept, sent[position]) for position, kept in left.items()}
    for each in parts:
        # A cancelled order has nothing open any more, but without a restock the units do not come back.
        most = left[each.position] if order["cancelledAt"] else each.open + each.fulfilled
        part = min(left[each.position], most)
        left[each.position] -= part
        item = _item(order, each.position)
        if item is not None and part:
            found[item, each.location] += part
    return found


def _item(order: Order, position: int) -> int | None:
    variant = order["lineItems"][position]["variant"]
    return item_number(ids.number_of(variant["id"])) if variant and "id" in variant else None


class Commitments:
    """What is committed at each place, kept in step with the orders; worked out when first asked for."""

    def __init__(self) -> None:
        self._committed: Counter[Place] | None = None

    def forget(self) -> None:
        self._committed = None

    def at(self, item: int, location: int, orders: Callable[[], Iterable[Order]]) -> int:
        """Return what all orders together have yet to send. `orders` is called only when nothing is known yet."""
        if self._committed is None:
            self._committed = Counter()
            for order in orders():
                self._committed.update(committed_by(order))
        return self._committed[item, location]

    def moved(self, before: Order | None, after: Order | None, goods: Goods, now: int) -> None:
        """Note that an order was made, changed or deleted (None), and move the stock that it takes."""
        held, new = committed_by(before), committed_by(after)
        if self._committed is not None:
            self._committed.update(new)
            self._committed.subtract(held)
        # Whoever deletes an order gets back what was not sent.
        taken = taken_by(after) if after is not None else taken_by(before) - held
        for (item, location), change in _difference(taken_by(before), taken).items():
            level = goods.levels.get((item, location))
            variant = goods.variants.get(variant_number(item))
            if level is not None and variant is not None and variant["item"]["tracked"]:
                goods.change_level(item, location, available=level.available - change, updated=now)


def _difference(before: Mapping[Place, int], after: Mapping[Place, int]) -> dict[Place, int]:
    changes = {place: after.get(place, 0) - before.get(place, 0) for place in {*before, *after}}
    return {place: change for place, change in changes.items() if change}
