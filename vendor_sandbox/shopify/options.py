"""A product's options and their values: read from input, and found by name or id."""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import DEFAULT_OPTION, DEFAULT_VALUE, Goods, Record

MOST_OPTIONS = 3
DELIMITER = " / "
"""Must not be in the name of an option: titles of variants are made with it."""


def new_value(goods: Goods, name: str) -> dict[str, Any]:
    return {"id": ids.gid("ProductOptionValue", goods.new_id("ProductOptionValue")), "name": name}


def new_option(goods: Goods, name: str, values: Sequence[str]) -> dict[str, Any]:
    number = goods.new_id("ProductOption")
    return {"id": ids.gid("ProductOption", number), "name": name, "values": tuple(new_value(goods, each) for each in values)}


def default_option(goods: Goods) -> dict[str, Any]:
    return new_option(goods, DEFAULT_OPTION, [DEFAULT_VALUE])


def is_default(product: Record) -> bool:
    """Whether a product has no real options."""
    return [(each["name"], [value["name"] for value in each["values"]]) for each in product["options"]] == [
        (DEFAULT_OPTION, [DEFAULT_VALUE])
    ]


def place_of(options: Sequence[Record], wanted: Mapping[str, Any]) -> int | None:
    """Return the position of the option that `optionName` or `optionId` means."""
    for place, option in enumerate(options):
        by_id = option["id"] is not None and wanted.get("optionId") == option["id"]
        if by_id or (wanted.get("optionName") or "\0") == option["name"]:
            return place
    return None


def value_name(option: Record, wanted: Mapping[str, Any]) -> str | None:
    """Return the name of the value that `name` or `id` means; a new name stays as it is. None for an unknown id."""
    if wanted.get("name"):
        return str(wanted["name"])
    return next((each["name"] for each in option["values"] if each["id"] is not None and each["id"] == wanted.get("id")), None)


def with_value(goods: Goods, option: Record, name: str) -> Record:
    """Return the option with this value among its values."""
    if any(each["name"] == name for each in option["values"]):
        return option
    return {**option, "values": (*option["values"], new_value(goods, name))}


def with_used_values(goods: Goods, options: Sequence[Record], combinations: Sequence[Sequence[str]]) -> list[Record]:
    """Return the options with every value that these combinations use."""
    found = list(options)
    for combination in combinations:
        for place, name in enumerate(combination):
            found[place] = with_value(goods, found[place], name)
    return found
