"""What a store holds: rows in collections, all of which take their versions from one counter."""

import bisect
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from vendor_sandbox.lightspeed import ids, lazy
from vendor_sandbox.lightspeed.lazy import Lazy, LazyRow
from vendor_sandbox.limits import Clock

Row = Mapping[str, Any]

COLLECTIONS = (
    *("suppliers", "brands", "tags", "categories", "variant_attributes", "products", "images", "inventory"),
    *("consignments", "sales", "outlets", "registers", "taxes", "users", "payment_types"),
)
FIRST_VERSION = 14_300_000_001
"""Versions do not fit into 32 bits (section 4.1 of the vendor sheet)."""


def stamp(moment: datetime | None = None) -> str:
    """Write a time as the vendor does: UTC with its offset."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S+00:00")


class Collection:
    """Rows by id, and in the order of their versions. A row is replaced, never changed in place."""

    def __init__(self, lazily: Lazy | None = None) -> None:
        self.own: dict[str, Row] = {}
        """The rows that are not made lazily, or were changed since."""
        self._order: list[tuple[int, str]] = []
        self.lazy = lazily
        self._gone: set[int] = set()
        """Which lazy rows were changed or removed."""

    def copy(self) -> "Collection":
        """Return an independent copy, which shares the rows."""
        copied = Collection(self.lazy)
        copied.own, copied._order, copied._gone = self.own.copy(), self._order.copy(), self._gone.copy()
        return copied

    def get(self, row_id: str | None) -> Row | None:
        found = self.own.get(row_id or "")
        if found is None and self.lazy is not None and row_id:
            index = self.lazy.index_of(row_id)
            return LazyRow(self.lazy, index) if index is not None and index not in self._gone else None
        return found

    def __getitem__(self, row_id: str) -> Row:
        found = self.get(row_id)
        if found is None:
            raise KeyError(row_id)
        return found

    def __contains__(self, row_id: str) -> bool:
        return self.get(row_id) is not None

    def put(self, row: Row) -> None:
        if row["id"] in self:
            self.remove(row["id"])
        self.own[row["id"]] = row
        bisect.insort(self._order, (row["version"], row["id"]))

    def remove(self, row_id: str) -> None:
        old = self.own.pop(row_id, None)
        if old is not None:
            del self._order[bisect.bisect_left(self._order, (old["version"], row_id))]
        elif self.lazy is not None and (index := self.lazy.index_of(row_id)) is not None:
            self._gone.add(index)

    def after(self, version: int = 0, *, reverse: bool = False) -> Iterator[Row]:
        """Yield the rows with a higher version, lowest first unless `reverse`."""
        start = bisect.bisect_right(self._order, (version, "~"))
        places = range(len(self._order) - 1, start - 1, -1) if reverse else range(start, len(self._order))
        own = (self.own[self._order[place][1]] for place in places)
        if self.lazy is None:
            return own
        made = (row for row in self.lazy.rows(self.lazy.first_after(version), reverse) if row.index not in self._gone)
        # The versions of lazy rows are below all others.
        return itertools.chain(own, made) if reverse else itertools.chain(made, own)


class Store:
    """All collections of a retailer. `put` gives a row its version; lines of consignments are kept by consignment."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lag = 0.0
        self.collections = {name: Collection() for name in COLLECTIONS}
        self.lines: dict[str, tuple[Row, ...]] = {}
        """The lines of each consignment. They have no id, and one product may be on several."""
        self.families: dict[str, tuple[str, ...]] = {}
        """The ids of each family's products, deleted ones too, in the order in which they were made."""
        self.images: dict[str, tuple[str, ...]] = {}
        """The ids of the images of each product and family."""
        self.stock: dict[str, tuple[str, ...]] = {}
        """The ids of each product's rows of stock."""
        self._coded: dict[str, tuple[str, ...]] = {}
        """The ids of the products that have, or had, each code."""
        self._earlier: dict[str, list[tuple[float, Row | None]]] = {}
        """What a search found of a row until when: oldest first, by id."""
        self.files: dict[str, bytes] = {}
        """The content of images, by SHA-256."""
        self.jobs: list[tuple[float, str, str]] = []
        """What the vendor does later: when, and with which row of which collection."""
        self.version = FIRST_VERSION
        self.made: Counter[str] = Counter()
        """How many things of each kind were made after the start."""

    def copy(self) -> "Store":
        """Return an independent copy, which shares the rows."""
        copied = Store(self.clock)
        copied.lag = self.lag
        copied.collections = {name: each.copy() for name, each in self.collections.items()}
        copied.lines, copied.families, copied.images = self.lines.copy(), self.families.copy(), self.images.copy()
        copied.stock, copied._coded = self.stock.copy(), self._coded.copy()
        copied._earlier, copied.files, copied.jobs = self._earlier.copy(), self.files.copy(), self.jobs.copy()
        copied.version, copied.made = self.version, self.made.copy()
        return copied

    def __getitem__(self, name: str) -> Collection:
        return self.collections[name]

    def new_id(self, kind: str) -> str:
        self.made[kind] += 1
        return ids.later(kind, self.made[kind])

    def next_version(self) -> int:
        """Take the next number of the counter. Other stores' changes leave gaps."""
        self.version += 1 + self.version % 3
        return self.version

    def put(self, name: str, row: Row, *, version: int | None = None) -> Row:
        """Store a row under a new version, or the one given; a search finds it as it was for `lag` seconds. Returns it."""
        stored = {**row, "version": self.next_version() if version is None else version}
        if self.lag and name in ("products", "sales"):
            now = self.clock.now()
            earlier = [each for each in self._earlier.get(stored["id"], ()) if now < each[0]]
            self._earlier[stored["id"]] = [*earlier, (now + self.lag, self[name].get(stored["id"]))]
        match name:
            case "products":
                _add(self.families, stored["family_id"], stored["id"])
                for code in codes_of(stored):
                    _add(self._coded, code, stored["id"])
            case "images":
                _add(self.images, stored["owner_id"], stored["id"])
            case "inventory":
                _add(self.stock, stored["product_id"], stored["id"])
        self[name].put(stored)
        return stored

    def remove(self, name: str, row_id: str) -> None:
        """Forget a row without a trace, which the vendor says it does not do."""
        if name == "consignments":
            self.lines.pop(row_id, None)
        self[name].remove(row_id)
        self._earlier.pop(row_id, None)

    def family(self, family_id: str) -> list[Row]:
        """Return the products of a family, deleted ones too; the first that is not deleted is the parent."""
        found = [self["products"].get(each) for each in self.families.get(family_id, ())]
        index = lazy.index_of("families", family_id)
        if not found and index is not None:
            found = [self["products"].get(lazy.lazy_id("products", index))]
        return [each for each in found if each is not None]

    def members(self, family_id: str) -> list[Row]:
        """Return the products of a family that are not deleted."""
        return [each for each in self.family(family_id) if not each["deleted_at"]]

    def stock_of(self, product_id: str) -> list[Row]:
        """Return the rows of stock of a product, in the order of their versions."""
        row_ids = set(self.stock.get(product_id, ()))
        index = lazy.index_of("products", product_id)
        lazies = self["inventory"].lazy
        if index is not None and lazies is not None:
            each = lazies.size // self["products"].lazy.size  # type: ignore[union-attr]
            row_ids |= {lazy.lazy_id("inventory", index * each + place) for place in range(each)}
        found = [self["inventory"].get(each) for each in row_ids]
        return sorted((each for each in found if each is not None), key=lambda row: row["version"])

    def with_code(self, code: str) -> list[Row]:
        """Return the products that have a code or SKU now, whatever its case, deleted ones too."""
        wanted = code.casefold()
        return [each for each in self._candidates(wanted) if wanted in codes_of(each)]

    def _candidates(self, wanted: str) -> list[Row]:
        row_ids = [*self._coded.get(wanted, ())]
        index = wanted.removeprefix("bulk-")
        if wanted.startswith("bulk-") and index.isdecimal():
            row_ids.append(lazy.lazy_id("products", int(index)))
        found = [self["products"].get(each) for each in dict.fromkeys(row_ids)]
        return [each for each in found if each is not None]

    def found(self, name: str, codes: list[str] | None = None) -> Iterator[Row]:
        """Yield the rows as a search finds them; with `codes` those that may have one of them."""
        now = self.clock.now()
        rows: Iterable[Row] = self[name].after()
        if codes is not None:
            candidates = {row["id"]: row for code in codes for row in self._candidates(code.casefold())}
            rows = sorted(candidates.values(), key=lambda row: row["version"])
        for row in rows:
            shown = next((earlier for until, earlier in self._earlier.get(row["id"], ()) if now < until), row)
            if shown is not None:
                yield shown

    def put_line(self, consignment_id: str, place: int | None, line: Row, *, touch: bool = True) -> Row:
        """Replace the line at a place, or add one (None). `touch` gives the consignment a new version too."""
        stored = {**line, "version": self.next_version()}
        lines = list(self.lines.get(consignment_id, ()))
        lines[len(lines) if place is None else place : len(lines) if place is None else place + 1] = [stored]
        self.lines[consignment_id] = tuple(lines)
        if touch:
            self.touch("consignments", consignment_id)
        return stored

    def later(self, seconds: float, name: str, row_id: str) -> str:
        """Have something done about a row in so many seconds, and return the id of the job."""
        self.jobs.append((self.clock.now() + seconds, name, row_id))
        return self.new_id("jobs")

    def touch(self, name: str, row_id: str) -> None:
        row = self[name][row_id]
        self.put(name, {**row, "updated_at": stamp()} if "updated_at" in row else row)


def codes_of(product: Row) -> set[str]:
    """Return the codes of a product and its SKU, without regard to case."""
    return {str(each).casefold() for each in (product["sku"], *(code["code"] for code in product["codes"])) if each}


def _add(groups: dict[str, tuple[str, ...]], key: str, row_id: str) -> None:
    known = groups.get(key, ())
    if row_id not in known:
        groups[key] = (*known, row_id)
