"""Products, variants, locations and inventory levels, and what a search sees of them by now.

Records are replaced, never changed in place. They hold what the API shows as plain members; what links one record to
another (a product's variants, an item's levels) is worked out by `goods_fields.py`.
"""

import dataclasses
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids

Record = Mapping[str, Any]

FIRST_IDS = {
    "Product": 8_000_000_001,
    "ProductVariant": 45_000_000_001,
    "ProductOption": 10_000_000_001,
    "ProductOptionValue": 3_000_000_001,
    "MediaImage": 33_000_000_001,
    "InventoryAdjustmentGroup": 21_000_000_001,
    "ProductSetOperation": 23_000_000_001,
    "Location": ids.DEFAULT_LOCATION + 2,
}
_SEEN_LATER = ("products", "variants", "levels")
DEFAULT_OPTION, DEFAULT_VALUE = "Title", "Default Title"


@dataclass(frozen=True)
class Level:
    """The stock of one item at one location. What is committed follows from the orders (`stock.py`)."""

    available: int = 0
    active: bool = True
    created: int = 0
    """Seconds since 1970."""
    updated: int = 0


class Goods:
    """The goods of one shop. Products and variants are found by number, levels by (item, location).

    `lag`: seconds after which searches and a product's total see a change; reading by id sees it at once.
    """

    def __init__(self, clock: Clock, lag: float = 0.0) -> None:
        self.clock, self.lag = clock, lag
        self.products: dict[int, Record] = {}
        """`variants` holds numbers; `options` and `media` hold records, in their order."""
        self.variants: dict[int, Record] = {}
        """`product` is a number, `values` has the name of one value for each option, `item` is the inventory item."""
        self.locations: dict[int, Record] = {}
        self.levels: dict[tuple[int, int], Level] = {}
        self.last_ids: Counter[str] = Counter({kind: first - 1 for kind, first in FIRST_IDS.items()})
        self.writes: Counter[str] = Counter()
        """How often each mutation changed something."""
        self.revision = 0
        self._seen: dict[str, dict[Any, Any]] = {kind: {} for kind in _SEEN_LATER}
        self._unseen: deque[tuple[float, str, Any, Any]] = deque()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Undo every change made inside when it ends with an exception."""
        held = {name: value.copy() if hasattr(value, "copy") else value for name, value in vars(self).items()}
        held["_seen"] = {name: records.copy() for name, records in self._seen.items()}
        try:
            yield
        except BaseException:
            vars(self).update(held)
            raise

    def new_id(self, kind: str) -> int:
        self.last_ids[kind] += 1
        return self.last_ids[kind]

    # Changes

    def put_product(self, product: Record) -> None:
        self._put("products", ids.number_of(product["id"]), product)

    def put_variant(self, variant: Record) -> None:
        self._put("variants", ids.number_of(variant["id"]), variant)

    def put_level(self, item: int, location: int, level: Level) -> None:
        self._put("levels", (item, location), level)

    def change_level(self, item: int, location: int, **fields: Any) -> None:
        self.put_level(item, location, dataclasses.replace(self.levels.get((item, location), Level()), **fields))

    def drop_variant(self, number: int) -> None:
        """Delete a variant with its inventory item and levels. Its product's `variants` is the caller's business."""
        self._put("variants", number, None)
        for location in self.locations:
            self._put("levels", (item_number(number), location), None)

    def drop_product(self, number: int) -> None:
        for variant in self.products[number]["variants"]:
            self.drop_variant(variant)
        self._put("products", number, None)

    def _put(self, kind: str, key: Any, record: Any) -> None:
        self.revision += 1
        held: dict[Any, Any] = getattr(self, kind)
        if record is None:
            held.pop(key, None)
        else:
            held[key] = record
        self._unseen.append((self.clock.now() + self.lag, kind, key, record))

    # Reading

    def seen(self, kind: str) -> Mapping[Any, Any]:
        """Return the `products`, `variants` or `levels` as searches and totals see them now."""
        while self._unseen and self._unseen[0][0] <= self.clock.now():
            _, changed, key, record = self._unseen.popleft()
            if record is None:
                self._seen[changed].pop(key, None)
            else:
                self._seen[changed][key] = record
        return self._seen[kind]

    def show_at_once(self) -> None:
        """Let searches see everything now."""
        self._unseen.clear()
        self._seen = {kind: getattr(self, kind).copy() for kind in _SEEN_LATER}

    @property
    def version(self) -> tuple[int, int]:
        """A value that changes with every change, and whenever searches come to see one."""
        self.seen("products")
        return self.revision, len(self._unseen)

    def variants_of(self, product: Record) -> list[Record]:
        return [self.variants[number] for number in product["variants"] if number in self.variants]

    def with_sku(self, sku: str) -> list[Record]:
        return [each for each in self.variants.values() if each["sku"] == sku]

    def stocked(self, item: int) -> list[tuple[int, Level]]:
        """Return the locations that have a level of this item, active or not, with the level."""
        found = ((location, self.levels.get((item, location))) for location in self.locations)
        return [(location, level) for location, level in found if level is not None]

    def handle_taken(self, handle: str, but: int | None = None) -> bool:
        return any(each["handle"] == handle and number != but for number, each in self.products.items())


def item_number(variant: int) -> int:
    """Return the number of a variant's inventory item."""
    return variant + ids.ITEM_OF_VARIANT


def variant_number(item: int) -> int:
    return item - ids.ITEM_OF_VARIANT


def level_gid(item: int, location: int) -> str:
    return f"{ids.gid('InventoryLevel', location + 500_000_000)}?inventory_item_id={item}"


def read_level_gid(text: str) -> tuple[int, int] | None:
    """Return item and location of a level's id; None for any other text."""
    found, _, item = text.partition("?inventory_item_id=")
    kind, number = ids.read_gid(found) or ("", 0)
    if kind != "InventoryLevel" or not item.isdecimal():
        return None
    return int(item), number - 500_000_000
