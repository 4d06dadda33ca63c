"""The truth about goods as a document, and back: what `state` shows and `load` reads."""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import FIRST_IDS, Goods, Level, Record, item_number
from vendor_sandbox.shopify.goods_seed import new_location
from vendor_sandbox.shopify.goods_text import amount, free_handle, handle_of, price_text, tidy_tags
from vendor_sandbox.shopify.instants import instant, shown
from vendor_sandbox.shopify.media import is_url, new_media, status_of
from vendor_sandbox.shopify.options import default_option, new_option, new_value
from vendor_sandbox.shopify.reads import SHOP_NAME
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.variant_values import new_variant
from vendor_sandbox.values import (
    BadChange,
    Check,
    Unfit,
    array,
    checked,
    flag,
    known_members,
    mapping,
    one_of,
    or_null,
    text,
    texts,
    whole,
)

MEMBERS = ("products", "locations", "writes", "last_goods_ids")
STATUSES = ("ACTIVE", "ARCHIVED", "DRAFT", "UNLISTED")
_OF_ITEM = ("requiresShipping", "harmonizedSystemCode", "countryCodeOfOrigin", "provinceCodeOfOrigin", "unitCost", "measurement")


def _instant(value: object) -> str:
    return shown(instant(value))


def _amount(value: object) -> object:
    if amount(value) is None or isinstance(value, bool):
        raise Unfit("must be an amount, such as 12.50")
    return value


PRODUCT: Mapping[str, tuple[str, Check]] = {
    "title": ("title", text),
    "status": ("status", one_of(*STATUSES)),
    "tags": ("tags", lambda value: tidy_tags(texts(value))),
    "vendor": ("vendor", text),
    "product_type": ("productType", text),
    "description": ("descriptionHtml", text),
    "handle": ("handle", text),
    "published_at": ("publishedAt", or_null(_instant)),
    "created_at": ("createdAt", _instant),
    "updated_at": ("updatedAt", _instant),
}
"""The plain members of a product in the document: what each is called in a record, and its check."""
VARIANT: Mapping[str, tuple[str, Check]] = {
    "sku": ("sku", or_null(text)),
    "barcode": ("barcode", or_null(text)),
    "price": ("price", _amount),
    "compare_at_price": ("compareAtPrice", or_null(_amount)),
    "taxable": ("taxable", flag),
    "inventory_policy": ("inventoryPolicy", one_of("DENY", "CONTINUE")),
    "created_at": ("createdAt", _instant),
    "updated_at": ("updatedAt", _instant),
}
_MORE_OF_PRODUCT = ("id", "options", "media", "variants")
_MORE_OF_VARIANT = ("id", "tracked", "option_values", "inventory", "inactive", "item")


def document_of_goods(goods: Goods, settings: Settings, clock: Clock) -> dict[str, Any]:
    names = {number: each["name"] for number, each in goods.locations.items()}
    return {
        "products": [_shown_product(goods, each, names, settings, clock) for each in goods.products.values()],
        "locations": [
            {
                "id": each["id"],
                "name": each["name"],
                "active": each["isActive"],
                "fulfills_online_orders": each["fulfillsOnlineOrders"],
            }
            for each in goods.locations.values()
        ],
        "writes": dict(goods.writes),
        "last_goods_ids": dict(goods.last_ids),
    }


def _shown_product(goods: Goods, product: Record, names: Mapping[int, str], settings: Settings, clock: Clock) -> dict[str, Any]:
    return {
        "id": product["id"],
        **{name: product[member] for name, (member, _) in PRODUCT.items()},
        "options": [
            {
                "id": option["id"],
                "name": option["name"],
                "values": [value["name"] for value in option["values"]],
                "value_ids": [value["id"] for value in option["values"]],
            }
            for option in product["options"]
        ],
        "media": [
            {"id": each["id"], "source": each["source"], "alt": each["alt"], "status": status_of(each, settings, clock.now())}
            for each in product["media"]
        ],
        "variants": [_shown_variant(goods, each, names) for each in goods.variants_of(product)],
    }


def _shown_variant(goods: Goods, variant: Record, names: Mapping[int, str]) -> dict[str, Any]:
    levels = goods.stocked(item_number(ids.number_of(variant["id"])))
    return {
        "id": variant["id"],
        **{name: variant[member] for name, (member, _) in VARIANT.items()},
        "tracked": variant["item"]["tracked"],
        "option_values": list(variant["values"]),
        "inventory": {names[location]: level.available for location, level in levels if level.active},
        "inactive": {names[location]: level.available for location, level in levels if not level.active},
        "item": {name: variant["item"][name] for name in _OF_ITEM},
    }


def loaded_goods(document: Mapping[str, Any], clock: Clock, settings: Settings, now: int) -> Goods:
    """Return the goods that a document describes. Raises BadChange."""
    goods = Goods(clock, settings.product_lag)
    for each in array(document.get("locations", []), "load.locations"):
        put_location(goods, each, "load.locations", now)
    for each in array(document.get("products", []), "load.products"):
        put_new_product(goods, each, "load.products", settings, now)
    last = known_members(document.get("last_goods_ids", {}), FIRST_IDS, "load.last_goods_ids")
    goods.last_ids |= {name: checked(whole(0), value, "load.last_goods_ids") for name, value in last.items()}
    for name, count in checked(mapping, document.get("writes", {}), "load.writes").items():
        goods.writes[name] = checked(whole(0), count, "load.writes")
    goods.show_at_once()
    return goods


def put_location(goods: Goods, fields: Any, where: str, now: int) -> None:
    wanted = known_members(fields, ("id", "name", "active", "fulfills_online_orders"), where)
    name = checked(text, wanted.get("name"), f"{where}: name")
    if any(each["name"] == name for each in goods.locations.values()):
        raise BadChange(f"{where}: there is a location {name!r} already")
    number = _own_id(goods, "Location", wanted, where)
    active = checked(flag, wanted.get("active", True), f"{where}: active")
    online = checked(flag, wanted.get("fulfills_online_orders", False), f"{where}: fulfills_online_orders")
    goods.locations[number] = new_location(number, name, now, active, online)


def put_new_product(goods: Goods, fields: Any, where: str, settings: Settings, now: int) -> str:
    """Store a product with its variants; those without ids get new ones. Return its id. Raises BadChange."""
    wanted = known_members(fields, (*PRODUCT, *_MORE_OF_PRODUCT), where)
    number = _own_id(goods, "Product", wanted, where)
    if number in goods.products:
        raise BadChange(f"{where}: there is a product {number} already")
    blank = {"title": "", "status": "ACTIVE", "tags": [], "vendor": SHOP_NAME, "productType": "", "descriptionHtml": ""}
    times = {"publishedAt": None, "createdAt": shown(now), "updatedAt": shown(now)}
    product: dict[str, Any] = {"id": ids.gid("Product", number), "legacyResourceId": str(number), **blank, **times}
    product |= members(wanted, PRODUCT, where)
    handle = product.get("handle") or free_handle(handle_of(product["title"]), goods.handle_taken)
    options = [_option(goods, each, where) for each in array(wanted.get("options", []), f"{where}: options")]
    product |= {"handle": handle, "options": tuple(options or [default_option(goods)])}
    product["media"] = new_pictures(goods, wanted.get("media", []), where, now)
    variants = array(wanted.get("variants", [{}]), f"{where}: variants")
    product["variants"] = tuple(_put_variant(goods, product, each, f"{where}: variants", settings, now) for each in variants)
    goods.put_product(product)
    return str(product["id"])


def _put_variant(goods: Goods, product: Record, fields: Any, where: str, settings: Settings, now: int) -> int:
    wanted = known_members(fields, (*VARIANT, *_MORE_OF_VARIANT), where)
    number = _own_id(goods, "ProductVariant", wanted, where)
    first = [option["values"][0]["name"] for option in product["options"]]
    values = checked(texts, wanted.get("option_values", first), f"{where}: option_values")
    if len(values) != len(first):
        raise BadChange(f"{where}: option_values must have one value for each option")
    for value, option in zip(values, product["options"], strict=True):
        if value not in [each["name"] for each in option["values"]]:
            raise BadChange(f"{where}: the option {option['name']!r} has no value {value!r}")
    variant = new_variant(number, ids.number_of(product["id"]), values, shown(now))
    variant |= variant_members(wanted, settings, where)
    more = known_members(wanted.get("item", {}), _OF_ITEM, f"{where}: item")
    tracked = checked(flag, wanted.get("tracked", True), f"{where}: tracked")
    goods.put_variant({**variant, "item": {**variant["item"], **more, "tracked": tracked}})
    for member, active in (("inventory", True), ("inactive", False)):
        for name, available in checked(mapping, wanted.get(member, {}), f"{where}: {member}").items():
            put_available(goods, number, name, available, where, now, active)
    return number


def put_available(goods: Goods, variant: int, name: str, available: object, where: str, now: int, active: bool = True) -> None:
    """Set what is available of a variant at the location with this name; null makes it not stocked there any more."""
    location = next((number for number, each in goods.locations.items() if each["name"] == name), None)
    if location is None:
        raise BadChange(
            f"{where}: there is no location {name!r}; there are: {', '.join(each['name'] for each in goods.locations.values())}"
        )
    item = item_number(variant)
    held = goods.levels.get((item, location), Level(created=now))
    quantity = checked(or_null(whole()), available, f"{where}: {name}")
    goods.put_level(
        item,
        location,
        Level(held.available if quantity is None else quantity, active and quantity is not None, held.created, now),
    )


def members(wanted: Mapping[str, Any], known: Mapping[str, tuple[str, Check]], where: str) -> dict[str, Any]:
    """Return the plain members that were sent, checked and called as in a record."""
    return {member: checked(check, wanted[name], f"{where}: {name}") for name, (member, check) in known.items() if name in wanted}


def variant_members(wanted: Mapping[str, Any], settings: Settings, where: str) -> dict[str, Any]:
    found = members(wanted, VARIANT, where)
    for name in ("price", "compareAtPrice"):
        if found.get(name) is not None:
            found[name] = price_text(found[name], settings.currency)
    return found


def new_pictures(goods: Goods, wanted: object, where: str, now: int) -> tuple[Record, ...]:
    """Return pictures from addresses, or from objects as the state shows them; ready ones unless their status says otherwise."""
    found = []
    for each in array(wanted, f"{where}: media"):
        fields = known_members({"source": each} if isinstance(each, str) else each, ("id", "source", "alt", "status"), where)
        source = checked(text, fields.get("source"), f"{where}: media: source")
        if not is_url(source):
            raise BadChange(f"{where}: media: {source!r} is not an address")
        number = _own_id(goods, "MediaImage", fields, where)
        fresh = fields.get("status") in ("UPLOADED", "PROCESSING")
        found.append(new_media(number, source, fields.get("alt"), goods.clock.now() if fresh else None, shown(now)))
    return tuple(found)


def _option(goods: Goods, fields: Any, where: str) -> dict[str, Any]:
    wanted = known_members(fields, ("id", "name", "values", "value_ids"), f"{where}: options")
    values = checked(texts, wanted.get("values"), f"{where}: options: values")
    option = new_option(goods, checked(text, wanted.get("name"), f"{where}: options: name"), values)
    if "id" in wanted:
        option["id"] = checked(text, wanted["id"], f"{where}: options: id")
    own = wanted.get("value_ids") or [new_value(goods, each)["id"] for each in values]
    option["values"] = tuple({"id": each, "name": name} for each, name in zip(own, values, strict=True))
    return option


def _own_id(goods: Goods, kind: str, wanted: Mapping[str, Any], where: str) -> int:
    """Return the number of the id that was sent, or a new one."""
    if "id" not in wanted:
        return goods.new_id(kind)
    found = ids.read_gid(str(wanted["id"]))
    if found is None or found[0] != kind:
        raise BadChange(f"{where}: {wanted['id']!r} is not the id of a {kind}")
    return found[1]
