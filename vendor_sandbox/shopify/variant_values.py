"""A variant's own members: checked as the shop checks them, and stored as it writes them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import Record, item_number
from vendor_sandbox.shopify.goods_text import HIGHEST, amount, price_text
from vendor_sandbox.shopify.writing import Arguments, UserError, user_error

_PLAIN = ("barcode", "taxable", "inventoryPolicy")
_OF_ITEM = ("tracked", "requiresShipping", "countryCodeOfOrigin", "provinceCodeOfOrigin")


def new_variant(number: int, product: int, values: Sequence[str], stamp: str) -> dict[str, Any]:
    """Return a plain variant: no SKU, price nothing, not tracked."""
    item = item_number(number)
    return {
        "id": ids.gid("ProductVariant", number),
        "legacyResourceId": str(number),
        "product": product,
        "values": tuple(values),
        "title": " / ".join(values),
        "sku": None,
        "barcode": None,
        "price": "0.00",
        "compareAtPrice": None,
        "taxable": True,
        "inventoryPolicy": "DENY",
        "createdAt": stamp,
        "updatedAt": stamp,
        "item": {
            "id": ids.gid("InventoryItem", item),
            "legacyResourceId": str(item),
            "tracked": False,
            "requiresShipping": True,
            "harmonizedSystemCode": None,
            "countryCodeOfOrigin": None,
            "provinceCodeOfOrigin": None,
            "unitCost": None,
            "measurement": {"id": ids.gid("InventoryItemMeasurement", item), "weight": {"unit": "KILOGRAMS", "value": 0.0}},
            "createdAt": stamp,
            "updatedAt": stamp,
        },
    }


def with_values(variant: Record, values: Sequence[str]) -> dict[str, Any]:
    return {**variant, "values": tuple(values), "title": " / ".join(values)}


def with_members(variant: Record, wanted: Arguments, currency: str, stamp: str) -> dict[str, Any]:
    """Return the variant with what was sent of it, already checked. Null clears a compare-at price and a barcode."""
    changed = {**variant, **{name: wanted[name] for name in _PLAIN if name in wanted}, "updatedAt": stamp}
    if "sku" in wanted:
        changed["sku"] = wanted["sku"]
    if wanted.get("price") is not None:
        changed["price"] = price_text(wanted["price"], currency)
    if "compareAtPrice" in wanted:
        compare = wanted["compareAtPrice"]
        changed["compareAtPrice"] = None if compare is None else price_text(compare, currency)
    return with_item(changed, wanted["inventoryItem"], currency, stamp) if wanted.get("inventoryItem") else changed


def with_item(variant: Record, wanted: Arguments, currency: str, stamp: str) -> dict[str, Any]:
    """Return the variant with what was sent of its inventory item, already checked."""
    item = {**variant["item"], **{name: wanted[name] for name in _OF_ITEM if wanted.get(name) is not None}, "updatedAt": stamp}
    if "cost" in wanted:
        cost = wanted["cost"]
        item["unitCost"] = None if cost is None else {"amount": str(cost), "currencyCode": currency}
    if "harmonizedSystemCode" in wanted:
        code = wanted["harmonizedSystemCode"]
        item["harmonizedSystemCode"] = code and re.sub(r"\D", "", code)
    if (wanted.get("measurement") or {}).get("weight"):
        item["measurement"] = {**item["measurement"], "weight": dict(wanted["measurement"]["weight"])}
    sku = {"sku": wanted["sku"]} if "sku" in wanted else {}
    return {**variant, **sku, "item": item, "updatedAt": stamp}


def price_errors(wanted: Arguments, where: tuple[object, ...]) -> list[UserError]:
    """Return what is wrong with the prices of a variant, the compare-at price first."""
    errors = []
    for name in ("compareAtPrice", "price"):
        found = amount(wanted[name]) if wanted.get(name) is not None else None
        if found is not None and found >= HIGHEST:
            errors.append(user_error((*where, name), f"{name} must be less than 1000000000000000000", "INVALID_INPUT"))
        elif found is not None and found < 0:
            errors.append(user_error((*where, name), f"{name} must be greater than or equal to 0", "GREATER_THAN_OR_EQUAL_TO"))
    return errors


def item_errors(wanted: Arguments, where: tuple[object, ...]) -> list[UserError]:
    errors = []
    cost = amount(wanted["cost"]) if wanted.get("cost") is not None else None
    if cost is not None and not 0 <= cost < HIGHEST:
        message = "Cost must be greater than or equal to 0" if cost < 0 else "Cost must be less than 1000000000000000000"
        errors.append(user_error((*where, "cost"), message, "INVALID_INPUT"))
    weight: Mapping[str, Any] = (wanted.get("measurement") or {}).get("weight") or {}
    if weight.get("value", 0) < 0:
        errors.append(user_error((*where, "measurement", "weight"), "Weight must be greater than or equal to 0", "INVALID_INPUT"))
    code = wanted.get("harmonizedSystemCode")
    if code and not re.fullmatch(r"\d{6,13}", re.sub(r"\W", "", code)):
        message = "Harmonized system code must be a number with between 6 and 13 digits"
        errors.append(user_error((*where, "harmonizedSystemCode"), message, "INVALID_INPUT"))
    return errors
