"""What Sentos holds: products, orders and the small lists; what lists of orders show by now; and counts of what was done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.sentos.lagging import Lagging, Record

COUNTS = ("products_created", "products_updated", "orders_created", "orders_updated")
FIRST_IDS = {"product": 501, "variant": 7001, "order": 9001, "line": 40_001, "category": 12, "channel": 3}
_KINDS = {"categories": "category", "channels": "channel"}


def sku_key(sku: object) -> str:
    """Return what two SKUs share that a search does not tell apart."""
    return str(sku).strip().casefold()


class Store:
    """The data of one account. `seed` decides how numbers are spelt."""

    def __init__(self, clock: Clock, seed: int, products: Iterable[Record] = (), lists: Mapping[str, Any] | None = None) -> None:
        self.clock = clock
        self.seed = seed
        self._products = Lagging(clock)
        self._with_sku: dict[str, tuple[int, ...]] = {}
        self._orders = Lagging(clock)
        self.lists: Mapping[str, Any] = {"warehouses": [], "platforms": {}, "categories": [], "channels": []}
        """`warehouses`, `platforms`, `categories` (flat) and `channels`."""
        self.creates: Counter[str] = Counter()
        """How often each `order_id` was made through the API."""
        self.counts: Counter[str] = Counter()
        self.last_ids: Counter[str] = Counter({kind: first - 1 for kind, first in FIRST_IDS.items()})
        for product in products:
            self.put_product(product)
        for name, records in (lists or {}).items():
            self.put_list(name, records)

    def copy(self) -> "Store":
        """Return an independent copy. It shares the records."""
        copied = Store(self.clock, self.seed, lists=self.lists)
        copied._products, copied._orders = self._products.copy(), self._orders.copy()
        copied._with_sku = self._with_sku.copy()
        copied.creates, copied.counts = self.creates.copy(), self.counts.copy()
        copied.last_ids = self.last_ids.copy()
        return copied

    def new_id(self, kind: str) -> int:
        """Return an id greater than every earlier one of its kind."""
        self.last_ids[kind] += 1
        return self.last_ids[kind]

    def _seen_id(self, kind: str, used: Any) -> None:
        if isinstance(used, int):
            self.last_ids[kind] = max(self.last_ids[kind], used)

    def put_list(self, name: str, records: Any) -> None:
        """Replace one of the small lists."""
        self.lists = {**self.lists, name: records}
        kind = _KINDS.get(name)
        if kind is not None:
            for each in records:
                self._seen_id(kind, each["id"])

    # Products

    @property
    def products(self) -> Mapping[int, Record]:
        """All products as they are, by id, and in its order, because ids only grow."""
        return self._products.records

    @property
    def shown_products(self) -> Mapping[int, Record]:
        """All products as they are read by now."""
        return self._products.shown

    def put_product(self, product: Record, lag: float = 0.0) -> None:
        """Store a product, which is read `lag` seconds later. Its id is in use already, or greater than every other."""
        self._drop_skus(self.products.get(product["id"]))
        self._products.put(product, lag)
        for key in _sku_keys(product):
            self._with_sku[key] = (*self._with_sku.get(key, ()), product["id"])
        self._seen_id("product", product["id"])
        for variant in product["variants"]:
            self._seen_id("variant", variant.get("id"))

    def remove_product(self, product_id: int) -> None:
        self._drop_skus(self.products[product_id])
        self._products.remove(product_id)

    def _drop_skus(self, product: Record | None) -> None:
        if product is None:
            return
        for key in _sku_keys(product):
            left = tuple(each for each in self._with_sku[key] if each != product["id"])
            if left:
                self._with_sku[key] = left
            else:
                del self._with_sku[key]

    def similar(self, sku: object) -> list[Record]:
        """Return the products with this SKU, or with a variant that has it; case and blanks around it make no difference."""
        return [self.products[each] for each in sorted(self._with_sku.get(sku_key(sku), ()))]

    def with_sku(self, sku: object) -> list[Record]:
        """Return the products that have exactly this SKU, or a variant with it."""
        return [each for each in self.similar(sku) if sku in skus_of(each)]

    def known_warehouse(self, warehouse: object) -> bool:
        return any(each["id"] == warehouse for each in self.lists["warehouses"])

    # Orders

    @property
    def orders(self) -> Mapping[int, Record]:
        """All orders as they are, by id."""
        return self._orders.records

    @property
    def listed_orders(self) -> Mapping[int, Record]:
        """The orders as lists show them by now."""
        return self._orders.shown

    def put_order(self, order: Record, lag: float = 0.0) -> None:
        """Store an order; lists show it `lag` seconds later."""
        self._orders.put(order, lag)
        self._seen_id("order", order["id"])
        for line in order["lines"]:
            self._seen_id("line", line.get("id"))

    def remove_order(self, order_id: int) -> None:
        self._orders.remove(order_id)

    def orders_named(self, name: str) -> list[Record]:
        """Return the orders with this id, or else with this `order_id`."""
        if name.isdecimal() and int(name) in self.orders:
            return [self.orders[int(name)]]
        return [each for each in self.orders.values() if each["order_id"] == name]


def rows_of(product: Record) -> Iterator[Record]:
    """Yield the product itself, then its variants: everything that has a SKU and a stock."""
    yield product
    yield from product["variants"]


def skus_of(product: Record) -> list[Any]:
    return [row.get("sku") for row in rows_of(product)]


def _sku_keys(product: Record) -> set[str]:
    return {sku_key(sku) for sku in skus_of(product) if sku is not None}
