"""What products, variants and inventory items can be searched and sorted by."""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import Goods, Record
from vendor_sandbox.shopify.instants import instant
from vendor_sandbox.shopify.search import Field

_STATUSES = ("active", "archived", "draft", "unlisted")
Sort = Callable[[Record], int | str]


def _number(record: Record) -> int:
    return ids.number_of(record["id"])


def _words(text: str) -> list[str]:
    return [text, *text.split()]


_COMMON: Mapping[str, Field] = {
    "id": Field("number", _number),
    "created_at": Field("time", lambda record: instant(record["createdAt"])),
    "updated_at": Field("time", lambda record: instant(record["updatedAt"])),
}


def product_fields(goods: Goods) -> Mapping[str, Field]:
    """Return the fields of `products`. A search sees products and variants as they were a while ago."""
    variants = goods.seen("variants")

    def of_variants(member: str) -> Callable[[Record], list[Any]]:
        return lambda product: [variants[each][member] for each in product["variants"] if each in variants]

    return {
        **_COMMON,
        "title": Field("text", lambda product: _words(product["title"])),
        "handle": Field("text", lambda product: product["handle"]),
        "status": Field("enum", lambda product: product["status"].lower(), _STATUSES),
        "vendor": Field("text", lambda product: product["vendor"]),
        "product_type": Field("text", lambda product: product["productType"]),
        "tag": Field("text", lambda product: product["tags"]),
        "tag_not": Field("not", lambda product: product["tags"]),
        "sku": Field("phrase", of_variants("sku")),
        "barcode": Field("text", of_variants("barcode")),
        "": Field("text", lambda product: [*_words(product["title"]), *of_variants("sku")(product)]),
    }


def variant_fields(goods: Goods) -> Mapping[str, Field]:
    products = goods.seen("products")

    def of_product(member: str) -> Callable[[Record], Any]:
        return lambda variant: products.get(variant["product"], {}).get(member)

    status = of_product("status")
    return {
        **_COMMON,
        "sku": Field("phrase", lambda variant: variant["sku"]),
        "barcode": Field("text", lambda variant: variant["barcode"]),
        "title": Field("text", lambda variant: _words(variant["title"])),
        "product_id": Field("number", lambda variant: variant["product"]),
        "product_status": Field("enum", lambda variant: (status(variant) or "").lower(), _STATUSES),
        "product_type": Field("text", of_product("productType")),
        "vendor": Field("text", of_product("vendor")),
        "tag": Field("text", lambda variant: of_product("tags")(variant) or []),
        "taxable": Field("flag", lambda variant: variant["taxable"], ("true", "false")),
        "": Field("text", lambda variant: [variant["sku"], variant["barcode"], *_words(variant["title"])]),
    }


def item_fields(_goods: Goods) -> Mapping[str, Field]:
    """Return the fields of `inventoryItems`, which are searched as variants."""
    return {
        "id": Field("number", lambda variant: ids.number_of(variant["item"]["id"])),
        "created_at": _COMMON["created_at"],
        "updated_at": Field("time", lambda variant: instant(variant["item"]["updatedAt"])),
        "sku": Field("phrase", lambda variant: variant["sku"]),
        "": Field("text", lambda variant: variant["sku"]),
    }


def location_fields(_goods: Goods) -> Mapping[str, Field]:
    return {
        "id": Field("number", _number),
        "name": Field("text", lambda location: _words(location["name"])),
        "active": Field("flag", lambda location: location["isActive"], ("true", "false")),
        "": Field("text", lambda location: _words(location["name"])),
    }


SORTS: Mapping[str, Sort] = {
    "ID": _number,
    "RELEVANCE": _number,
    "CREATED_AT": lambda record: instant(record["createdAt"]),
    "UPDATED_AT": lambda record: instant(record["updatedAt"]),
    "TITLE": lambda record: record["title"],
    "NAME": lambda record: record["name"] if "name" in record else record["title"],
    "VENDOR": lambda record: record["vendor"],
    "PRODUCT_TYPE": lambda record: record["productType"],
    "SKU": lambda record: record["sku"] or "",
}
