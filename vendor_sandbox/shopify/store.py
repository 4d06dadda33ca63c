"""The orders as they are now: the seeded ones, those changed or added since, and what a search sees of them."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.index import Index
from vendor_sandbox.shopify.orders import SeededOrders

Moved = Callable[[Order | None, Order | None], None]
"""Takes an order as it was and as it is now; None is no order."""


class Store:
    """Orders by index. `own` holds what differs from the seed; None is a deleted order."""

    def __init__(self, seeded: SeededOrders, clock: Clock, moved: Moved) -> None:
        """`moved` is told of every order that `put` makes, changes or deletes."""
        self.seeded = seeded
        self._moved = moved
        self.own: dict[int, Order | None] = {}
        self.next_index = seeded.size
        self.revision = 0
        self._clock = clock
        self._index = Index(seeded, self.own)
        self._unseen: deque[tuple[float, int, Order | None]] = deque()

    def order(self, index: int | None) -> Order | None:
        if index is None or not 0 <= index < self.next_index:
            return None
        if index in self.own:
            return self.own[index]
        return self.seeded.order(index) if index < self.seeded.size else None

    def all(self) -> Iterator[Order]:
        """Yield every order, by number."""
        for index in range(self.next_index):
            order = self.order(index)
            if order is not None:
                yield order

    def index_of(self, reference: object) -> int | None:
        """Return the index of the order that a change names by gid, id, number (`1001`) or name (`#1001`)."""
        text = str(reference)
        found = ids.read_gid(text)
        if found is not None:
            index = found[1] - ids.FIRST_ORDER if found[0] == "Order" else -1
        elif not text.removeprefix("#").isdecimal():
            return None
        else:
            number = int(text.removeprefix("#"))
            index = number - (ids.FIRST_ORDER if number >= ids.FIRST_ORDER else ids.FIRST_NUMBER)
        return index if self.order(index) is not None else None

    @property
    def seen(self) -> tuple[int, int]:
        """A value that changes with every change to the orders, and whenever searches come to see one."""
        self._catch_up()
        return self.revision, len(self._unseen)

    @property
    def index(self) -> Index:
        """Return what a search sees now."""
        self._catch_up()
        return self._index

    def _catch_up(self) -> None:
        while self._unseen and self._unseen[0][0] <= self._clock.now():
            _, index, order = self._unseen.popleft()
            self._index.put(index, order)

    def put(self, changed: Mapping[int, Order | None], lag: float) -> None:
        """Replace (None: delete) orders; searches see it `lag` seconds later."""
        if not changed:
            return
        self.revision += 1
        for index, order in changed.items():
            self._moved(self.order(index), order)
        self.own.update(changed)
        self.next_index = max(self.next_index, *(index + 1 for index in changed))
        seen_at = self._clock.now() + lag
        self._unseen.extend((seen_at, index, order) for index, order in changed.items())

    def replace_all(self, own: Mapping[int, Order | None], next_index: int) -> None:
        """Replace every change with these. Searches see them at once."""
        self.revision += 1
        self.own = dict(own)
        self.next_index = next_index
        self._unseen.clear()
        self._index = Index(self.seeded, self.own)


class Draft:
    """Changes to a store that are made all together or not at all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changed: dict[int, Order | None] = {}
        self.next_index = store.next_index

    def order(self, index: int) -> Order | None:
        return self.changed[index] if index in self.changed else self._store.order(index)

    def put(self, index: int, order: Order | None) -> None:
        self.changed[index] = order

    def new_order(self, at: int) -> tuple[int, dict[str, Any]]:
        """Return a new plain order, created at this instant. It is not stored until `put`."""
        index, self.next_index = self.next_index, self.next_index + 1
        return index, self._store.seeded.plain(index, at, at, at)
