"""Orders on their way into files, in ascending order of their days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sync_pipelines.pipelines.shopify_store.orders import LINES_KEY, ORDERS_KEY, REFUNDS_KEY, Order, OrderTables
from sync_pipelines.warehouse.drafts import Draft


class Ascending:
    """Orders that come in ascending order of their days, day by day."""

    def __init__(self, groups: Iterator[tuple[date, Iterator[Order]]]) -> None:
        self._groups = groups
        self._next: tuple[date, Iterator[Order]] | None = (date.min, iter(()))

    def of(self, day: date) -> Iterator[Order]:
        while self._next is not None and self._next[0] < day:
            self._next = next(self._groups, None)
        if self._next is not None and self._next[0] == day:
            yield from self._next[1]
            self._next = next(self._groups, None)


def write_all(files: dict[tuple[str, str], Draft], collected: OrderTables) -> None:
    orders, lines, refunds = collected.flush()
    for key, rows in ((ORDERS_KEY, orders), (LINES_KEY, lines), (REFUNDS_KEY, refunds)):
        files[key].write(rows)
