"""Catsy's items: the seed's catalogue under a thin layer of changes. Only the changes are held in memory."""

import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from vendor_sandbox.catalogue import FIRST_ID, Catalogue, Item, seeded
from vendor_sandbox.values import BadChange

_PLAIN_PRICE = re.compile(r"\d+(\.\d{1,2})?")


class Items:
    """A sequence of items: those put in front, the seed's own, those added at the end. Rows shift when items come and go."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._changed: dict[int, Item] = {}
        self._deleted: list[int] = []
        self._gaps: list[int] | None = []
        self._extra: dict[str, Item] = {}
        self._front: list[str] = []
        self._added: list[str] = []
        self._next_newcomer = catalogue.size

    def copy(self) -> "Items":
        """Return an independent copy. It shares the items, which are never changed in place."""
        twin = Items(self._catalogue)
        twin._changed = dict(self._changed)
        twin._deleted = list(self._deleted)
        twin._gaps = None
        twin._extra = dict(self._extra)
        twin._front = list(self._front)
        twin._added = list(self._added)
        twin._next_newcomer = self._next_newcomer
        return twin

    @property
    def held(self) -> int:
        """How many items and deletions are kept in memory; everything else is computed on demand."""
        return len(self._changed) + len(self._deleted) + len(self._extra)

    def __len__(self) -> int:
        return self._catalogue.size - len(self._deleted) + len(self._extra)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.page(0, len(self)))

    def page(self, start: int, count: int) -> Iterator[Item]:
        """Return the items of `count` rows from row `start` on, fewer at the end of the catalogue."""
        return (self._at(row) for row in range(start, min(start + count, len(self))))

    def _at(self, row: int) -> Item:
        if row < len(self._front):
            return self._extra[self._front[row]]
        row -= len(self._front)
        seeded = self._catalogue.size - len(self._deleted)
        if row >= seeded:
            return self._extra[self._added[row - seeded]]
        index = self._index_at(row)
        return self._changed.get(index) or self._catalogue.item(index)

    def _index_at(self, row: int) -> int:
        if self._gaps is None:
            self._gaps = [index - earlier for earlier, index in enumerate(self._deleted)]
        return row + bisect_right(self._gaps, row)

    def change(self, item_id: str, attributes: Mapping[str, Any] | None) -> None:
        """Merge attributes into the item with this id, or delete it (None). Raises BadChange when no item has this id."""
        if attributes is not None and "id" in attributes:
            raise BadChange(f"set: the id of item {item_id} cannot be changed")
        index = self._catalogue.index_of(item_id)
        if item_id in self._extra:
            self._change_extra(item_id, attributes)
        elif index is None or self._is_deleted(index):
            raise BadChange(f"set: there is no item with id {item_id}")
        elif attributes is None:
            self._changed.pop(index, None)
            insort(self._deleted, index)
            self._gaps = None
        else:
            self._changed[index] = {**(self._changed.get(index) or self._catalogue.item(index)), **attributes}

    def _change_extra(self, item_id: str, attributes: Mapping[str, Any] | None) -> None:
        if attributes is not None:
            self._extra[item_id] = {**self._extra[item_id], **attributes}
            return
        del self._extra[item_id]
        order = self._front if item_id in self._front else self._added
        order.remove(item_id)

    def _is_deleted(self, index: int) -> bool:
        place = bisect_right(self._deleted, index)
        return place > 0 and self._deleted[place - 1] == index

    def add(self, items: Iterable[Any], in_front: bool = False) -> list[Any]:
        """Add items at the end, or in front of the first one. Items without an id get one. Returns all their ids."""
        whole = [self._with_id(item) for item in items]
        ids = [str(item["id"]) for item in whole]
        if in_front:
            self._front[:0] = ids
        else:
            self._added += ids
        return [item["id"] for item in whole]

    def insert_newcomers(self, count: int) -> None:
        """Put brand-new plain items in front of the first one: every row moves by `count`."""
        newcomers: list[Item] = []
        while len(newcomers) < count:
            item = self._catalogue.item(self._next_newcomer)
            self._next_newcomer += 1
            if str(item["id"]) not in self._extra:
                newcomers.append(item)
        self.add(newcomers, in_front=True)

    def _with_id(self, sent: Any) -> Item:
        if not isinstance(sent, dict):
            raise BadChange("add, insert: an item must be an object")
        item: dict[str, Any] = sent
        if item.get("id") is None:
            while str(FIRST_ID + self._next_newcomer) in self._extra:
                self._next_newcomer += 1
            item = {**item, "id": FIRST_ID + self._next_newcomer}
            self._next_newcomer += 1
        text = str(item["id"])
        index = self._catalogue.index_of(text)
        if text in self._extra or (index is not None and not self._is_deleted(index)):
            raise BadChange(f"add, insert: an item with id {text} exists")
        self._extra[text] = item
        return item

    def reprice(self, attribute: str, share: Decimal, factor: Decimal, seed: int) -> list[Item]:
        """Multiply the price of a share of the plainly priced items, chosen by seed, rounded half up to 2 places.

        Plainly priced: not a trap, and the attribute is a number or its text with at most 2 decimals and no sign.
        Strings stay strings, numbers stay numbers. Returns the items whose price came out different.
        """
        rows = [row for row, item in enumerate(self) if _plain(item.get(attribute)) and not self._is_trap(item)]
        chosen = seeded(seed).sample(rows, round(len(rows) * share))
        repriced = []
        for item in [self._at(row) for row in sorted(chosen)]:
            price = item[attribute]
            new = (Decimal(price) * factor).quantize(Decimal("0.01"), ROUND_HALF_UP)
            if new != Decimal(price):
                self.change(str(item["id"]), {attribute: str(new) if isinstance(price, str) else new})
                repriced.append(item)
        return repriced

    def _is_trap(self, item: Item) -> bool:
        index = self._catalogue.index_of(item["id"])
        return index is not None and str(item["id"]) not in self._extra and self._catalogue.is_trap(index)

    @classmethod
    def loaded(cls, catalogue: Catalogue, items: Iterable[Any]) -> "Items":
        """Load the items of a state document, as differences from the seed. Those ahead of the seed's stay in front."""
        loaded = cls(catalogue)
        present: set[int] = set()
        front: list[Any] = []
        added: list[Any] = []
        for item in items:
            index = catalogue.index_of(item.get("id")) if isinstance(item, dict) else None
            if index is None or index in present:
                (added if present else front).append(item)
                continue
            present.add(index)
            if item != catalogue.item(index):
                loaded._changed[index] = item
        loaded._deleted = [index for index in range(catalogue.size) if index not in present]
        loaded._gaps = None
        loaded.add(front, in_front=True)
        loaded.add(added)
        return loaded


def _plain(price: object) -> bool:
    return isinstance(price, str | int | Decimal) and _PLAIN_PRICE.fullmatch(str(price)) is not None
