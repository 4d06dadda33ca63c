"""Fields of goods that no record holds: what links one to another, and what follows from others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import DEFAULT_VALUE, Goods, Level, Record, item_number, level_gid, variant_number
from vendor_sandbox.shopify.instants import shown
from vendor_sandbox.shopify.media import shown_media
from vendor_sandbox.shopify.paging import Failed
from vendor_sandbox.shopify.settings import Settings

Computed = Callable[[Any, Mapping[str, Any]], Any]
QUANTITIES = ("available", "committed", "damaged", "incoming", "on_hand", "quality_control", "reserved", "safety_stock")


class GoodsFields:
    """The computed fields, by type and name. `committed` tells the units that orders are waiting for."""

    def __init__(self, goods: Goods, settings: Settings, clock: Clock, committed: Callable[[int, int], int]) -> None:
        self._goods, self._settings, self._clock, self._committed = goods, settings, clock, committed

    @property
    def computed(self) -> Mapping[str, Computed]:
        return {
            "LineItem.variant": lambda line, _: self._live("variants", line["variant"]),
            "LineItem.product": lambda line, _: self._live("products", line["product"]),
            "FulfillmentOrderLineItem.variant": lambda line, _: self._live("variants", line["variant"]),
            "FulfillmentOrderAssignedLocation.location": lambda assigned, _: self._live("locations", assigned["location"]),
            "Fulfillment.location": lambda fulfilment, _: self._live("locations", fulfilment["location"]),
            "Product.variants": lambda product, _: self._goods.variants_of(product),
            "Product.variantsCount": lambda product, _: {"count": len(product["variants"]), "precision": "EXACT"},
            "Product.hasOnlyDefaultVariant": lambda product, _: self._only_default(product),
            "Product.options": lambda product, arguments: self._options(product)[: arguments.get("first")],
            "Product.media": lambda product, _: self._media(product),
            "Product.featuredMedia": lambda product, _: next(iter(self._media(product)), None),
            "Product.totalInventory": lambda product, _: self._total(product),
            "Product.tracksInventory": lambda product, _: bool(self._tracked(product)),
            "ProductVariant.product": lambda variant, _: self._goods.products.get(variant["product"]),
            "ProductVariant.displayName": lambda variant, _: self._display_name(variant),
            "ProductVariant.position": lambda variant, _: self._position(variant),
            "ProductVariant.selectedOptions": lambda variant, _: self._selected(variant),
            "ProductVariant.inventoryItem": lambda variant, _: self.item(variant),
            "ProductVariant.inventoryQuantity": lambda variant, _: self._quantity(variant),
            "InventoryItem.variant": lambda item, _: self._goods.variants[variant_number(ids.number_of(item["id"]))],
            "InventoryItem.duplicateSkuCount": lambda item, _: self._duplicates(item["sku"]),
            "InventoryItem.inventoryLevels": self._levels,
            "InventoryItem.inventoryLevel": self._level_at,
            "InventoryLevel.item": lambda level, _: self.item(self._goods.variants[variant_number(level["item"])]),
            "InventoryLevel.location": lambda level, _: self._goods.locations[level["location"]],
            "InventoryLevel.quantities": lambda level, arguments: self._quantities(level, arguments["names"]),
            "InventoryChange.item": lambda change, _: self._item_of(change["item"]),
            "InventoryChange.location": lambda change, _: self._goods.locations.get(change["location"]),
        }

    def item(self, variant: Record) -> Record:
        return {**variant["item"], "sku": variant["sku"]}

    def level(self, item: int, location: int) -> Record | None:
        """Return the level of an item at a location as the API shows it; None when it was never stocked there."""
        held = self._goods.levels.get((item, location))
        return None if held is None else _shown_level(item, location, held)

    def quantity(self, name: str, item: int, location: int) -> int:
        held = self._goods.levels.get((item, location), Level())
        if name == "available":
            return held.available
        committed = self._committed(item, location) if self._is_tracked(item) else 0
        return {"committed": committed, "on_hand": held.available + committed}.get(name, 0)

    def _item_of(self, item: int) -> Record | None:
        variant = self._goods.variants.get(variant_number(item))
        return None if variant is None else self.item(variant)

    def _is_tracked(self, item: int) -> bool:
        variant = self._goods.variants.get(variant_number(item))
        return variant is not None and bool(variant["item"]["tracked"])

    def _live(self, kind: str, held: Record | None) -> Record | None:
        """Return the product, variant or location that an order names as it is now; None when it was deleted."""
        records: Mapping[int, Record] = getattr(self._goods, kind)
        return records.get(ids.number_of(held["id"])) if held else None

    def _only_default(self, product: Record) -> bool:
        return [each["values"] for each in self._goods.variants_of(product)] == [(DEFAULT_VALUE,)]

    def _options(self, product: Record) -> Sequence[Record]:
        variants = self._goods.variants_of(product)
        found: list[Record] = []
        for place, option in enumerate(product["options"]):
            used = {variant["values"][place] for variant in variants}
            values = [{**each, "hasVariants": each["name"] in used} for each in option["values"]]
            names = [each["name"] for each in values if each["hasVariants"]]
            found.append({**option, "position": place + 1, "optionValues": values, "values": names})
        return found

    def _media(self, product: Record) -> list[Record]:
        now = self._clock.now()
        return [shown_media(each, self._settings, now) for each in product["media"]]

    def _tracked(self, product: Record) -> list[Record]:
        return [each for each in self._goods.variants_of(product) if each["item"]["tracked"]]

    def _total(self, product: Record) -> int:
        """Return what is available of a product, as it was a while ago."""
        seen = self._goods.seen("levels")
        items = [item_number(ids.number_of(each["id"])) for each in self._tracked(product)]
        levels = (seen.get((item, location)) for item in items for location in self._goods.locations)
        return sum(level.available for level in levels if level is not None and level.active)

    def _display_name(self, variant: Record) -> str:
        return f"{self._goods.products[variant['product']]['title']} - {variant['title']}"

    def _position(self, variant: Record) -> int:
        place: int = self._goods.products[variant["product"]]["variants"].index(ids.number_of(variant["id"]))
        return place + 1

    def _selected(self, variant: Record) -> list[Record]:
        options = self._goods.products[variant["product"]]["options"]
        found: list[Record] = []
        for option, name in zip(options, variant["values"], strict=True):
            value = next(each for each in option["values"] if each["name"] == name)
            found.append({"name": option["name"], "value": name, "optionValue": {**value, "hasVariants": True}})
        return found

    def _quantity(self, variant: Record) -> int:
        item = item_number(ids.number_of(variant["id"]))
        return sum(level.available for _, level in self._goods.stocked(item) if level.active)

    def _duplicates(self, sku: str | None) -> int:
        return max(0, len(self._goods.with_sku(sku)) - 1) if sku else 0

    def _levels(self, item: Record, arguments: Mapping[str, Any]) -> list[Record]:
        number = ids.number_of(item["id"])
        every = bool(arguments.get("includeInactive"))
        return [_shown_level(number, at, level) for at, level in self._goods.stocked(number) if level.active or every]

    def _level_at(self, item: Record, arguments: Mapping[str, Any]) -> Record | None:
        kind, location = ids.read_gid(arguments["locationId"]) or ("", 0)
        if kind != "Location":
            raise Failed(f"Invalid id: {arguments['locationId']}", "RESOURCE_NOT_FOUND")
        found = self.level(ids.number_of(item["id"]), location)
        return found if found is not None and (found["isActive"] or arguments.get("includeInactive")) else None

    def _quantities(self, level: Record, names: Sequence[str]) -> list[Record]:
        unknown = [name for name in names if name not in QUANTITIES]
        if unknown:
            raise Failed(f"The quantity name {unknown[0]!r} is invalid.", "INVALID_FIELD_ARGUMENTS")
        number = ids.number_of(level["id"])
        return [
            {
                "id": f"gid://shopify/InventoryQuantity/{number}?inventory_item_id={level['item']}&name={name}",
                "name": name,
                "quantity": self.quantity(name, level["item"], level["location"]),
                "updatedAt": level["updatedAt"] if name == "available" else None,
            }
            for name in names
        ]


def _shown_level(item: int, location: int, level: Level) -> Record:
    return {
        "id": level_gid(item, location),
        "item": item,
        "location": location,
        "isActive": level.active,
        "createdAt": shown(level.created),
        "updatedAt": shown(level.updated),
    }
