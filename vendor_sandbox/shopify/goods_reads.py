"""The root fields of goods: looking up, searching, listing and counting them."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.answers import Typed
from vendor_sandbox.shopify.goods import Goods, Record, read_level_gid, variant_number
from vendor_sandbox.shopify.goods_fields import GoodsFields
from vendor_sandbox.shopify.goods_search import SORTS, item_fields, location_fields, product_fields, variant_fields
from vendor_sandbox.shopify.paging import Failed, Page, cursor_of, page_size, read_cursor
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.search import Field, read_filter
from vendor_sandbox.shopify.settings import Settings

_COUNTS = 10_000
_FIELDS: Mapping[str, Callable[[Goods], Mapping[str, Field]]] = {
    "products": product_fields,
    "variants": variant_fields,
    "items": item_fields,
    "locations": location_fields,
}


class GoodsReads:
    """Answers the root fields. `searches` collects the searches with warnings."""

    def __init__(self, goods: Goods, fields: GoodsFields, settings: Settings, searches: list[dict[str, Any]]) -> None:
        self._goods, self._fields, self._settings, self._searches = goods, fields, settings, searches

    @property
    def resolvers(self) -> Mapping[str, Callable[[Selected], Any]]:
        return {
            "products": lambda field: self._page(field, "products"),
            "productVariants": lambda field: self._page(field, "variants"),
            "inventoryItems": lambda field: self._page(field, "items"),
            "locations": lambda field: self._page(field, "locations"),
            "productsCount": lambda field: self._count(field, "products"),
            "productVariantsCount": lambda field: self._count(field, "variants"),
            "product": lambda field: self._one(field.arguments["id"], "Product"),
            "productVariant": lambda field: self._one(field.arguments["id"], "ProductVariant"),
            "productByIdentifier": self._by_identifier,
            "inventoryItem": lambda field: self._one(field.arguments["id"], "InventoryItem"),
            "inventoryLevel": lambda field: self._one(field.arguments["id"], "InventoryLevel"),
            "location": lambda field: self._one(
                field.arguments.get("id") or ids.gid("Location", ids.DEFAULT_LOCATION), "Location"
            ),
        }

    @property
    def bulk(self) -> Mapping[str, Callable[[Selected], Iterator[Record]]]:
        """The root connections that a bulk query can export."""
        return {
            "products": lambda field: self._all(field, "products"),
            "productVariants": lambda field: self._all(field, "variants"),
            "inventoryItems": lambda field: self._all(field, "items"),
        }

    def thing(self, text: str) -> Typed | None:
        """Return what has a global id; None when nothing has."""
        kind, number = ids.read_gid(text) or ("", 0)
        found = self._find(kind, number, text)
        return None if found is None else Typed(kind, found)

    def _one(self, text: str, kind: str) -> Record | None:
        found = ids.read_gid(text)
        if found is None or found[0] != kind:
            raise Failed(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
        return self._find(kind, found[1], text)

    def _find(self, kind: str, number: int, text: str) -> Record | None:
        if kind == "Product":
            return self._goods.products.get(number)
        if kind == "ProductVariant":
            return self._goods.variants.get(number)
        if kind == "Location":
            return self._goods.locations.get(number)
        if kind == "InventoryItem":
            variant = self._goods.variants.get(variant_number(number))
            return None if variant is None else self._fields.item(variant)
        place = read_level_gid(text) if kind == "InventoryLevel" else None
        return None if place is None else self._fields.level(*place)

    def _by_identifier(self, field: Selected) -> Record | None:
        wanted = field.arguments["identifier"]
        if "id" in wanted:
            return self._one(wanted["id"], "Product")
        if "handle" in wanted:
            return next((each for each in self._goods.products.values() if each["handle"] == wanted["handle"]), None)
        raise Failed("the sandbox has no metafields, so nothing is found by customId", "BAD_REQUEST")

    def _found(self, field: Selected, kind: str) -> list[Record]:
        """Return the records that a field's `query` finds. A search sees old records and the caller gets the present ones."""
        stored = "variants" if kind == "items" else kind
        present: Mapping[int, Record] = getattr(self._goods, stored)
        text = field.arguments.get("query")
        found = read_filter(text, _FIELDS[kind](self._goods), self._settings.time_zone)
        if found.warnings:
            shown_as = {"query": found.text, "parsed": found.shown, "warnings": found.warnings}
            self._searches.append({"path": [field.key], **shown_as})
        records = list(present.values())
        if text and kind != "locations":
            records = [
                present[number] for number, each in self._goods.seen(stored).items() if found.matches(each) and number in present
            ]
        elif text:
            records = [each for each in records if found.matches(each)]
        if kind == "locations" and not field.arguments.get("includeInactive"):
            records = [each for each in records if each["isActive"]]
        return records

    def _sorted(self, field: Selected, kind: str) -> tuple[str, list[tuple[int | str, int]], Mapping[int, Record]]:
        key = field.arguments.get("sortKey", "ID")
        sort = SORTS.get(key)
        if sort is None:
            raise Failed(f"the sandbox does not sort by {key}", "BAD_REQUEST")
        by_number = {ids.number_of(each["id"]): each for each in self._found(field, kind)}
        places: list[Any] = sorted((sort(each), number) for number, each in by_number.items())
        return key, places, by_number

    def _page(self, field: Selected, kind: str) -> Page:
        size, from_end = page_size(field.arguments)
        key, places, records = self._sorted(field, kind)
        reverse = bool(field.arguments["reverse"])
        by_name = bool(places) and isinstance(places[0][0], str)
        after, before = (_place(field.arguments.get(name), key, by_name) for name in ("after", "before"))
        low, high = (before, after) if reverse else (after, before)
        first = bisect_right(places, low) if low else 0
        last = bisect_left(places, high) if high else len(places)
        inside = places[first:last][::-1] if reverse else places[first:last]
        start = max(0, len(inside) - size) if from_end else 0
        cut = inside[start : start + size]
        items = [records[number] for _, number in cut]
        if kind == "items":
            items = [self._fields.item(each) for each in items]
        return Page(
            items,
            lambda at: cursor_of(cut[at][1], str(cut[at][0]), key),
            before=after is not None or start > 0,
            after=before is not None or start + len(cut) < len(inside),
        )

    def _all(self, field: Selected, kind: str) -> Iterator[Record]:
        _, places, records = self._sorted(field, kind)
        if field.arguments["reverse"]:
            places.reverse()
        for _, number in places:
            yield self._fields.item(records[number]) if kind == "items" else records[number]

    def _count(self, field: Selected, kind: str) -> dict[str, Any]:
        limit = field.arguments.get("limit", _COUNTS)
        counted = len(self._found(field, kind))
        if limit is not None and counted > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": counted, "precision": "EXACT"}


def _place(cursor: str | None, key: str, by_name: bool) -> tuple[int | str, int] | None:
    found = read_cursor(cursor, key)
    if found is None:
        return None
    number, value = found
    try:
        return (value if by_name else int(value)), number
    except ValueError as error:
        raise Failed("Invalid cursor for current pagination.", "BAD_REQUEST") from error
