"""How products and their families are shown from 2026-10 on: no parents, and what is common is said by the family alone.

There is no document of that version: https://x-series-api.lightspeedhq.com/v1.0/docs/products_and_product_families, and public
clients. The prices of a product say what it costs, too, which is assumed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from vendor_sandbox.lightspeed import products_shown, small_shown
from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.store import Row

STANDARD, VARIANT = "STANDARD", "VARIANT"


def product(call: ApiCall, row: Row) -> dict[str, Any]:
    return {"family_id": row["family_id"], **_member(call, row)}


def family(call: ApiCall, members: list[Row]) -> dict[str, Any]:
    """Show a family by its products, deleted ones too."""
    first = next((each for each in members if not each["deleted_at"]), members[0])
    return {**_summary(call, first), "products": [_member(call, each) for each in members]}


def _summary(call: ApiCall, row: Row) -> dict[str, Any]:
    attributes = [option["attribute_id"] for option in row["options"]]
    return {
        "id": row["family_id"],
        "name": row["name"],
        "description": row["description"],
        "classification": VARIANT if attributes else STANDARD,
        "brand_id": row["brand_id"],
        "category_id": row["category_id"],
        "tag_ids": list(row["tag_ids"]),
        "track_inventory": row["has_inventory"],
        "variant_attribute_ids": attributes or None,
        "images": [
            products_shown.image(call, each) for each in products_shown.images_of(call.store, row["family_id"], of_family=True)
        ],
        "created_at": row["created_at"],
    }


def _member(call: ApiCall, row: Row) -> dict[str, Any]:
    """Show a product without its family's fields. A deleted one has lost its codes."""
    prices = ("price_including_tax", "price_excluding_tax", "supply_price")
    shown = {name: products_shown.amount(call, row, row[name]) for name in prices}
    if not call.sees_cost:
        shown["supply_price"] = None
    codes = [{"id": each["id"], "type": each["type"], "code": each["code"]} for each in row["codes"]]
    return {
        "id": row["id"],
        "sku": row["sku"],
        "codes": None if row["deleted_at"] else codes,
        "prices": shown,
        "suppliers": [products_shown.link(call, row, each) for each in row["suppliers"]],
        "variant_attributes": [option["value"] for option in row["options"]] or None,
        "active": {"in_store": row["active"], "ecwid": row["web_enabled"]},
        "account_code_sale": row["account_code_sale"],
        "account_code_purchase": row["account_code_purchase"],
        "images": [products_shown.image(call, each) for each in products_shown.images_of(call.store, row["id"], of_family=False)],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "deleted_at": row["deleted_at"],
        "version": row["version"],
    }


def included(call: ApiCall, rows: Iterable[Row], names: Iterable[str]) -> Mapping[str, list[Any]]:
    """Return what products belong to, each row once, for the names asked for: families, brands, categories, and so on."""
    firsts = list({row["family_id"]: row for row in rows}.values())
    ids_of: dict[str, tuple[str, list[str]]] = {
        "brands": ("brands", [row["brand_id"] for row in firsts]),
        "categories": ("categories", [row["category_id"] for row in firsts]),
        "tags": ("tags", [tag for row in firsts for tag in row["tag_ids"]]),
        "variant_attributes": ("variant_attributes", [each["attribute_id"] for row in firsts for each in row["options"]]),
    }
    found: dict[str, list[Any]] = {}
    for name in names:
        if name == "families":
            found[name] = [_summary(call, row) for row in firsts]
        elif name in ids_of:
            collection, wanted = ids_of[name]
            show = small_shown.variant_attribute if name == "variant_attributes" else small_shown.as_it_is
            found[name] = [show(call, call.store[collection][each]) for each in dict.fromkeys(wanted) if each]
    return found
