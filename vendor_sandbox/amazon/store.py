"""Every listing of the marketplaces, and the ways to look one up. A store never changes: each change makes a new one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from zlib import crc32

from vendor_sandbox.boots import Item

PARENT = "VARIATION_PARENT"
_CODES = ("UPC", "EAN", "GTIN")


class Store:
    """Listings by marketplace and ASIN, taken from `source` on first use.

    more_parents: parents of a child, by ASIN, in addition to the one that its listing names.
    """

    def __init__(self, source: Callable[[], Iterable[Item]], more_parents: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._source = source
        self.more_parents: Mapping[str, tuple[str, ...]] = more_parents or {}

    @cached_property
    def _listings(self) -> dict[str, dict[str, Item]]:
        found: dict[str, dict[str, Item]] = {}
        for item in self._source():
            found.setdefault(item.marketplace, {})[item.asin] = item
        return found

    def __iter__(self) -> Iterator[Item]:
        for listed in self._listings.values():
            yield from listed.values()

    def in_marketplace(self, marketplace: str) -> Mapping[str, Item]:
        return self._listings.get(marketplace, {})

    def parents(self, item: Item) -> tuple[str, ...]:
        """Return the parents of a child, the one that its listing names first."""
        first = () if item.parent_asin is None else (item.parent_asin,)
        return first + self.more_parents.get(item.asin, ())

    @cached_property
    def _children(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for item in self:
            for parent in self.parents(item):
                found.setdefault((item.marketplace, parent), []).append(item.asin)
        return found

    def children(self, item: Item) -> Sequence[str]:
        return self._children.get((item.marketplace, item.asin), ())

    def coded(self, marketplace: str, kind: str, codes: Iterable[str], by_digits: bool) -> list[Item]:
        """Return the listings that have one of the codes, in another order than the codes'."""
        listed = self.in_marketplace(marketplace)
        if kind == "ASIN":
            asins = {code for code in codes if code in listed}
        elif by_digits and kind in _CODES:
            asins = {asin for code in codes for asin in self._by_digits.get((marketplace, code.lstrip("0")), ())}
        else:
            asins = {asin for code in codes for asin in self._by_code.get((marketplace, kind, code), ())}
        return sorted((listed[asin] for asin in asins), key=_jumbled)

    @cached_property
    def _by_code(self) -> dict[tuple[str, str, str], list[str]]:
        found: dict[tuple[str, str, str], list[str]] = {}
        for item in self:
            codes = [*identifiers_of(item), ("SKU", item.seller_sku)]
            if item.ean and item.ean.startswith("978"):
                codes.append(("ISBN", item.ean))
            for kind, code in codes:
                if code:
                    found.setdefault((item.marketplace, kind, code), []).append(item.asin)
        return found

    @cached_property
    def _by_digits(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for item in self:
            for digits in {code.lstrip("0") for _, code in identifiers_of(item)}:
                found.setdefault((item.marketplace, digits), []).append(item.asin)
        return found

    def worded(self, marketplace: str, words: Iterable[str]) -> list[Item]:
        """Return the listings whose title, brand, model or part number contain every word, ignoring case."""
        wanted = [part.casefold() for word in words for part in word.split()]
        listed = self.in_marketplace(marketplace)
        asins = [asin for asin, text in self._texts.get(marketplace, ()) if all(word in text for word in wanted)]
        return sorted((listed[asin] for asin in asins), key=_jumbled)

    @cached_property
    def _texts(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for item in self:
            text = " ".join((item.title, item.brand, item.model_number or "", item.part_number or "")).casefold()
            found.setdefault(item.marketplace, []).append((item.asin, text))
        return found

    def counts(self) -> dict[str, int]:
        asins = {item.asin: item.classification for item in self}
        return {
            "asins": len(asins),
            "parents": sum(kind == PARENT for kind in asins.values()),
            **{marketplace: len(listed) for marketplace, listed in self._listings.items()},
        }


def identifiers_of(item: Item) -> list[tuple[str, str]]:
    """Return the codes of a listing as pairs of type (EAN, GTIN or UPC) and digits."""
    pairs = (("EAN", item.ean), ("GTIN", item.gtin), ("UPC", item.upc))
    return [(kind, code) for kind, code in pairs if code]


def _jumbled(item: Item) -> int:
    return crc32(item.asin.encode())
