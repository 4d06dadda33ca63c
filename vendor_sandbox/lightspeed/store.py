"""What a store holds: rows in collections, all of which take their versions from one counter."""

import bisect
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from vendor_sandbox.lightspeed import ids

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

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._order: list[tuple[int, str]] = []

    def copy(self) -> "Collection":
        """Return an independent copy, which shares the rows."""
        copied = Collection()
        copied.rows, copied._order = self.rows.copy(), self._order.copy()
        return copied

    def put(self, row: Row) -> None:
        self.remove(row["id"])
        self.rows[row["id"]] = row
        bisect.insort(self._order, (row["version"], row["id"]))

    def remove(self, row_id: str) -> None:
        old = self.rows.pop(row_id, None)
        if old is not None:
            del self._order[bisect.bisect_left(self._order, (old["version"], row_id))]

    def after(self, version: int) -> Iterator[Row]:
        """Yield the rows with a higher version, lowest first."""
        start = bisect.bisect_right(self._order, (version, "~"))
        return (self.rows[row_id] for _, row_id in itertools.islice(self._order, start, None))


class Store:
    """All collections of a retailer. `put` gives a row its version; lines of consignments are kept by consignment."""

    def __init__(self) -> None:
        self.collections = {name: Collection() for name in COLLECTIONS}
        self.lines: dict[str, tuple[Row, ...]] = {}
        """The lines of each consignment. They have no id, and one product may be on several."""
        self.families: dict[str, tuple[str, ...]] = {}
        """The ids of each family's products, deleted ones too, in the order in which they were made."""
        self.images: dict[str, tuple[str, ...]] = {}
        """The ids of the images of each product and family."""
        self.version = FIRST_VERSION
        self.made: Counter[str] = Counter()
        """How many things of each kind were made after the start."""

    def copy(self) -> "Store":
        """Return an independent copy, which shares the rows."""
        copied = Store()
        copied.collections = {name: each.copy() for name, each in self.collections.items()}
        copied.lines, copied.families, copied.images = self.lines.copy(), self.families.copy(), self.images.copy()
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

    def put(self, name: str, row: Row, version: int | None = None) -> Row:
        """Store a row under a new version, or the one given. Returns the row as stored."""
        stored = {**row, "version": self.next_version() if version is None else version}
        if name == "products":
            _add(self.families, stored["family_id"], stored["id"])
        if name == "images":
            _add(self.images, stored["owner_id"], stored["id"])
        self[name].put(stored)
        return stored

    def remove(self, name: str, row_id: str) -> None:
        """Forget a row without a trace, which the vendor says it does not do."""
        row = self[name].rows[row_id]
        if name == "products":
            self.families[row["family_id"]] = tuple(each for each in self.families[row["family_id"]] if each != row_id)
        if name == "images":
            self.images[row["owner_id"]] = tuple(each for each in self.images[row["owner_id"]] if each != row_id)
        if name == "consignments":
            self.lines.pop(row_id, None)
        self[name].remove(row_id)

    def members(self, family_id: str) -> list[Row]:
        """Return the products of a family that are not deleted; the first is the parent."""
        rows = self["products"].rows
        return [rows[each] for each in self.families.get(family_id, ()) if rows[each]["deleted_at"] is None]

    def put_line(self, consignment_id: str, place: int | None, line: Row, *, touch: bool = True) -> Row:
        """Replace the line at a place, or add one (None). `touch` gives the consignment a new version too."""
        stored = {**line, "version": self.next_version()}
        lines = list(self.lines.get(consignment_id, ()))
        lines[len(lines) if place is None else place : len(lines) if place is None else place + 1] = [stored]
        self.lines[consignment_id] = tuple(lines)
        if touch:
            self.touch("consignments", consignment_id)
        return stored

    def touch(self, name: str, row_id: str) -> None:
        row = self[name].rows[row_id]
        self.put(name, {**row, "updated_at": stamp()} if "updated_at" in row else row)


def _add(groups: dict[str, tuple[str, ...]], key: str, row_id: str) -> None:
    known = groups.get(key, ())
    if row_id not in known:
        groups[key] = (*known, row_id)
