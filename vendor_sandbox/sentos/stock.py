"""Stock per warehouse, `[{"warehouse": 1, "stock": 4}, ...]`, of a product or of a variant."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vendor_sandbox.sentos.amounts import read_whole
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.store import Store

Stocks = Sequence[Record]


def warehouse_of(entry: Record) -> int | None:
    """Return the warehouse of an entry, which has its id or an object with it."""
    warehouse = entry.get("warehouse")
    return read_whole(warehouse.get("id") if isinstance(warehouse, Mapping) else warehouse)


def count_in(stocks: Stocks, warehouse: int) -> int:
    """Return the pieces in a warehouse; 0 where it is not named."""
    return sum(read_whole(each.get("stock")) or 0 for each in stocks if warehouse_of(each) == warehouse)


def with_count(stocks: Stocks, warehouse: int, count: int) -> list[Record]:
    """Return the entries with this many pieces in a warehouse."""
    entry = {"warehouse": warehouse, "stock": count}
    kept = [each if warehouse_of(each) != warehouse else entry for each in stocks]
    return kept if entry in kept else [*kept, entry]


def with_row(product: Record, sku: object, change: Callable[[Record], Record]) -> Record:
    """Return the product with its first row of this SKU changed: a variant, or else the product itself."""
    variants = list(product["variants"])
    for place, variant in enumerate(variants):
        if variant.get("sku") == sku:
            variants[place] = change(variant)
            return {**product, "variants": variants}
    return change(product) if product.get("sku") == sku else product


def set_stock(product: Record, sku: object, counts: Mapping[int, int]) -> Record:
    """Return the product with these pieces per warehouse of a SKU."""

    def change(row: Record) -> Record:
        stocks: Stocks = row["stocks"]
        for warehouse, count in counts.items():
            stocks = with_count(stocks, warehouse, count)
        return {**row, "stocks": stocks}

    return with_row(product, sku, change)


def move(store: Store, lines: Iterable[Record], direction: int, lag: float) -> None:
    """Take the pieces of an order's lines out of their warehouses (-1), or put them back (1). Stock may fall below zero.

    Products are read with it `lag` seconds later.

    A line without a warehouse, or with a SKU that no product has, moves nothing. Of several products with the SKU, the one
    that the line names counts, or else the first.
    """
    for line in lines:
        sku, warehouse, quantity = line.get("sku"), line.get("warehouse_id"), read_whole(line.get("quantity"))
        having = store.with_sku(sku)
        if not having or warehouse is None or quantity is None:
            continue
        product = next((each for each in having if each["id"] == read_whole(line.get("product_id"))), having[0])
        store.put_product(with_row(product, sku, _moved(warehouse, direction * quantity)), lag)


def _moved(warehouse: Any, by: int) -> Callable[[Record], Record]:
    def change(row: Record) -> Record:
        return {**row, "stocks": with_count(row["stocks"], warehouse, count_in(row["stocks"], warehouse) + by)}

    return change
