"""How a product is shown: as 2.0 and the date versions up to 2026-07 do, and as 2026-10 does."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zlib import crc32

from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.store import Row, Store

_PLACEHOLDER = "https://secure.retail.lightspeed.app/images/placeholder/product/no-image-white"
_SIZES = ("standard", "thumb", "sl", "sm", "ss", "st")
PICTURES = "pictures"
"""Where the pictures are, beside the API."""


def product(call: ApiCall, row: Row) -> dict[str, Any]:
    """Show a product with its parent, as the versions before 2026-10 do."""
    store, dated = call.store, call.version.dated
    parent = _parent(store, row)
    is_parent = row["id"] == parent["id"]
    options = options_of(store, row)
    brand, supplier = _sample(store, "brands", row["brand_id"]), _supplier(store, row, dated)
    categories = path_of(store, row["category_id"])
    shown: dict[str, Any] = {
        "id": row["id"],
        "source_id": row["source_id"],
        "source_variant_id": None,
        "variant_parent_id": None if is_parent else parent["id"],
        "name": row["name"],
        "variant_name": variant_name(row),
        "handle": row["handle"],
        "sku": row["sku"],
        "supplier_code": row["suppliers"][0]["code"] if row["suppliers"] else None,
        "active": row["active"],
        "has_inventory": row["has_inventory"],
        "is_composite": False,
        "description": row["description"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "deleted_at": row["deleted_at"],
        "source": "USER",
        "account_code": row["account_code_sale"],
        "account_code_purchase": row["account_code_purchase"],
        "supply_price": amount(call, row, row["supply_price"]) if call.sees_cost else None,
        "version": row["version"],
        "type": _sample(store, "categories", row["category_id"]),
        "product_category": _category(categories),
        "supplier": supplier,
        "brand": brand,
        "variant_options": options,
        "categories": [{**_sample(store, "tags", each), "deleted_at": None} for each in row["tag_ids"]],
        "has_variants": is_parent and bool(row["options"]),
        "variant_count": len(store.members(row["family_id"])) if is_parent and row["options"] else None,
        "button_order": 0,
        "price_including_tax": amount(call, row, row["price_including_tax"]),
        "price_excluding_tax": amount(call, row, row["price_excluding_tax"]),
        "loyalty_amount": None,
        "product_codes": [_code(each, dated) for each in row["codes"]],
        "product_suppliers": [link(call, row, each) for each in row["suppliers"]],
        "supplier_id": row["suppliers"][0]["supplier_id"] if row["suppliers"] else None,
        "product_type_id": row["category_id"],
        "brand_id": row["brand_id"],
        "is_active": row["active"],
        "tag_ids": list(row["tag_ids"]),
        "attributes": [{"name" if dated else "key": name, "value": value} for name, value in row["attributes"].items()],
    }
    if dated:
        shown |= {"family_id": row["family_id"], "packaging": {}, "customizations": []}
        shown["ecwid_enabled_webstore"] = row["web_enabled"]
    if shown["variant_count"] is None:
        del shown["variant_count"]
    if not call.flag("include_images") and call.parameter("include_images") is not None:
        return shown
    own = images_of(store, row["id"], of_family=False)
    family = images_of(store, row["family_id"], of_family=True)
    shown["images"] = [image(call, each) for each in family] if is_parent or call.settings.family_images == "all" else []
    shown["skuImages"] = [image(call, each) for each in own]
    first = next(iter([*own, *family]), None)
    shown["image_url"] = f"{_PLACEHOLDER}-standard.png" if first is None else _url(call, first, "standard")
    shown["image_thumbnail_url"] = f"{_PLACEHOLDER}-thumb.png" if first is None else _url(call, first, "thumb")
    return shown


def amount(call: ApiCall, row: Row, value: Decimal | None) -> Decimal | str | None:
    """Return a price, as text where prices may be text and for every third product."""
    where = call.settings.text_numbers
    as_text = where == "all" or (where == "2026-10" and call.version.families)
    return str(value) if as_text and value is not None and crc32(row["id"].encode()) % 3 == 0 else value


def variant_name(row: Row) -> str:
    return " / ".join([row["name"], *(option["value"] for option in row["options"])])


def options_of(store: Store, row: Row) -> list[dict[str, Any]]:
    attributes = store["variant_attributes"]
    return [
        {"id": option["attribute_id"], "name": attributes[option["attribute_id"]]["name"], "value": option["value"]}
        for option in row["options"]
    ]


def path_of(store: Store, category_id: str | None) -> list[Row]:
    """Return a category and those above it, the root first; nothing for none."""
    path: list[Row] = []
    while category_id is not None:
        path.insert(0, store["categories"][category_id])
        category_id = path[0]["parent_id"]
    return path


def images_of(store: Store, owner_id: str, *, of_family: bool) -> list[Row]:
    """Return the images of a product or a family in their order, without those that are not ready or were deleted."""
    found = [store["images"][each] for each in store.images.get(owner_id, ())]
    found = [each for each in found if each["of_family"] == of_family and each["status"] == "uploaded" and not each["deleted_at"]]
    return sorted(found, key=lambda each: each["position"])


def image(call: ApiCall, row: Row) -> dict[str, Any]:
    sizes = {name: _url(call, row, name) for name in ("original", *_SIZES)}
    return {"id": row["id"], "url": sizes["original"], "version": row["version"], "sizes": sizes}


def _url(call: ApiCall, row: Row, size: str) -> str:
    """Return where a picture is served: by the sandbox itself, in any size as it is."""
    return f"http://{call.request.headers.get('host', '')}/lightspeed/{PICTURES}/{size}/{quote(row['file'])}"


def _parent(store: Store, row: Row) -> Row:
    members = store.members(row["family_id"])
    return members[0] if members else row


def _sample(store: Store, collection: str, row_id: str | None) -> dict[str, Any]:
    if row_id is None:
        return {}
    row = store[collection][row_id]
    return {"id": row["id"], "name": row["name"], "version": row["version"]}


def _supplier(store: Store, row: Row, dated: bool) -> dict[str, Any] | None:
    if not row["suppliers"] or row["suppliers"][0]["supplier_id"] is None:
        return None if dated else {}
    found = store["suppliers"][row["suppliers"][0]["supplier_id"]]
    names = ("id", "name", "source", "description", "version", "deleted_at")
    return {name: found[name] for name in names}


def _category(path: list[Row]) -> dict[str, Any] | None:
    if not path:
        return None
    leaf = path[-1]
    return {
        "id": leaf["id"],
        "name": leaf["name"],
        "leaf_category": True,
        "root_category_id": path[0]["id"],
        "parent_category_id": leaf["parent_id"],
        "category_path": [{"id": each["id"], "name": each["name"]} for each in path],
    }


def _code(code: Mapping[str, Any], dated: bool) -> dict[str, Any]:
    """Show a code: the versions before the dates have no ids, and some types are in small letters."""
    kind = code["type"].lower() if code["type"] == "CUSTOM" else code["type"]
    return {"id": code["id"], "type": kind, "code": code["code"]} if dated else {"type": kind, "code": code["code"]}


def link(call: ApiCall, row: Row, supplied: Mapping[str, Any]) -> dict[str, Any]:
    price = amount(call, row, supplied["price"]) if call.sees_cost else None
    shown = {"supplier_id": supplied["supplier_id"], "code": supplied["code"], "price": price}
    if not call.version.dated:
        return shown
    supplier = call.store["suppliers"].get(supplied["supplier_id"])
    name = None if supplier is None else supplier["name"]
    return {"id": supplied["id"], "product_id": row["id"], "supplier_name": name, **shown}
