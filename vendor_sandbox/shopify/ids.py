"""Ids of orders and their parts. Each is a pure function of the order's index, so that any of them leads back to its order."""

import re

FIRST_ORDER = 5_000_000_001
FIRST_NUMBER = 1001
DEFAULT_LOCATION = 300_000_001
"""The location that fulfils an order unless something else was said."""
ITEM_OF_VARIANT = 100_000_000
"""Added to the number of a variant, it is the number of its inventory item."""
_PER_ORDER = 10_000
_BASES = {
    "Fulfillment": 6_000_000_000_000,
    "Refund": 7_000_000_000_000,
    "RefundLineItem": 8_000_000_000_000,
    "LineItem": 9_000_000_000_000,
    "ShippingLine": 3_000_000_000_000,
    "FulfillmentOrder": 11_000_000_000_000,
    "FulfillmentOrderLineItem": 12_000_000_000_000,
    "FulfillmentLineItem": 13_000_000_000_000,
    "FulfillmentEvent": 14_000_000_000_000,
    "FulfillmentHold": 15_000_000_000_000,
}

_GID = re.compile(r"gid://shopify/([A-Za-z]+)/([0-9]{1,18})(?:\?.*)?", re.ASCII)


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def order_gid(index: int) -> str:
    return gid("Order", FIRST_ORDER + index)


def part_number(kind: str, index: int, position: int) -> int:
    """Return the number of the `position`th line, refund, ... of the order at an index."""
    return _BASES[kind] + index * _PER_ORDER + position


def part_gid(kind: str, index: int, position: int) -> str:
    return gid(kind, part_number(kind, index, position))


def read_gid(text: str) -> tuple[str, int] | None:
    """Return type and number of a global id, None for any other text."""
    found = _GID.fullmatch(text)
    return (found[1], int(found[2])) if found else None


def number_of(text: str) -> int:
    """Return the number at the end of a global id."""
    return int(text.rpartition("/")[2].partition("?")[0])


def order_index(kind: str, number: int) -> int | None:
    """Return the index of the order that has this number, or has a part with this number."""
    if kind == "Order":
        return number - FIRST_ORDER
    if kind in _BASES:
        return (number - _BASES[kind]) // _PER_ORDER
    return None


def inventory_item_gid(variant: str) -> str:
    """Return the id of the inventory item of the variant with a global id."""
    return gid("InventoryItem", number_of(variant) + ITEM_OF_VARIANT)
