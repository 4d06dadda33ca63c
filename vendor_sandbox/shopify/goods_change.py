"""Changes to goods behind the API's back: what somebody does in the shop's admin."""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import Goods, Record
from vendor_sandbox.shopify.goods_state import (
    PRODUCT,
    VARIANT,
    members,
    new_pictures,
    put_available,
    put_location,
    put_new_product,
    variant_members,
)
from vendor_sandbox.shopify.instants import shown
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.values import BadChange, array, checked, flag, known_members, mapping

MEMBERS = ("locations", "products", "variants", "inventory")


def change_goods(body: Mapping[str, Any], goods: Goods, settings: Settings, now: int) -> list[str]:
    """Carry out the members of a change, in the order of MEMBERS. Return the ids of products added. Raises BadChange."""
    for name, fields in checked(mapping, body.get("locations", {}), "locations").items():
        _change_location(goods, name, checked(mapping, fields, f"locations.{name}"), now)
    products = known_members(body.get("products", {}), ("add", "set"), "products")
    added = [
        put_new_product(goods, each, "products.add", settings, now) for each in array(products.get("add", []), "products.add")
    ]
    for reference, fields in checked(mapping, products.get("set", {}), "products.set").items():
        _change_product(goods, reference, fields, now)
    for reference, fields in checked(mapping, body.get("variants", {}), "variants").items():
        for variant in _variants(goods, reference):
            _change_variant(goods, variant, fields, settings, f"variants.{reference}", now)
    for reference, stock in checked(mapping, body.get("inventory", {}), "inventory").items():
        where = f"inventory.{reference}"
        for variant in _variants(goods, reference):
            for name, available in checked(mapping, stock, where).items():
                put_available(goods, ids.number_of(variant["id"]), name, available, where, now)
    return added


def _change_location(goods: Goods, name: str, fields: Mapping[str, Any], now: int) -> None:
    held = next((each for each in goods.locations.values() if each["name"] == name), None)
    if held is None:
        put_location(goods, {"name": name, **fields}, f"locations.{name}", now)
        return
    wanted = known_members(fields, ("active", "fulfills_online_orders"), f"locations.{name}")
    active = checked(flag, wanted.get("active", held["isActive"]), f"locations.{name}: active")
    online = checked(flag, wanted.get("fulfills_online_orders", held["fulfillsOnlineOrders"]), f"locations.{name}")
    changed = {"isActive": active, "shipsInventory": active, "fulfillsOnlineOrders": active and online, "updatedAt": shown(now)}
    goods.locations[ids.number_of(held["id"])] = {**held, **changed}


def _change_product(goods: Goods, reference: str, fields: Any, now: int) -> None:
    where = f"products.set.{reference}"
    held = next((each for each in goods.products.values() if reference in (each["id"], each["handle"])), None)
    if held is None:
        raise BadChange(f"there is no product {reference!r}")
    if fields is None:
        goods.drop_product(ids.number_of(held["id"]))
        return
    wanted = known_members(fields, (*PRODUCT, "media"), where)
    changed = {**held, "updatedAt": shown(now), **members(wanted, PRODUCT, where)}
    if "media" in wanted:
        changed["media"] = new_pictures(goods, wanted["media"], where, now)
    goods.put_product(changed)


def _change_variant(goods: Goods, variant: Record, fields: Any, settings: Settings, where: str, now: int) -> None:
    if fields is None:
        product, number = goods.products[variant["product"]], ids.number_of(variant["id"])
        left = tuple(each for each in product["variants"] if each != number)
        if not left:
            raise BadChange(f"{where}: the last variant of a product cannot be deleted")
        goods.drop_variant(number)
        goods.put_product({**product, "variants": left, "updatedAt": shown(now)})
        return
    wanted = known_members(fields, (*VARIANT, "tracked"), where)
    tracked = checked(flag, wanted.get("tracked", variant["item"]["tracked"]), f"{where}: tracked")
    item = {**variant["item"], "tracked": tracked, "updatedAt": shown(now)}
    goods.put_variant({**variant, "updatedAt": shown(now), **variant_members(wanted, settings, where), "item": item})


def _variants(goods: Goods, reference: str) -> list[Record]:
    """Return the variants with a SKU, or the one with an id. Raises BadChange when there is none."""
    found = ids.read_gid(reference)
    variant = goods.variants.get(found[1]) if found and found[0] == "ProductVariant" else None
    variants = [variant] if variant is not None else goods.with_sku(reference)
    if not variants:
        raise BadChange(f"there is no variant {reference!r}")
    return variants
