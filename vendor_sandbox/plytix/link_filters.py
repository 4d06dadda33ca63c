"""`relationship_filters` of a product search."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from vendor_sandbox.plytix.definitions import Definitions
from vendor_sandbox.plytix.problems import invalid
from vendor_sandbox.plytix.products import Links, Product

_COMPARE: Mapping[str, Callable[[int, list[int]], bool]] = {
    "eq": lambda held, value: held == value[0],
    "!eq": lambda held, value: held != value[0],
    "gt": lambda held, value: held > value[0],
    "gte": lambda held, value: held >= value[0],
    "lt": lambda held, value: held < value[0],
    "lte": lambda held, value: held <= value[0],
    "in": lambda held, value: held in value,
}


def read_link_filters(filters: object, definitions: Definitions, exists: Collection[str]) -> Callable[[Product], bool]:
    """Read the test of a product's links. Raises Problem (422), also when more than one relationship is named."""
    if filters in (None, []):
        return lambda _: True
    if not isinstance(filters, list) or not all(isinstance(each, list) for each in filters):
        raise invalid("relationship_filters", "must be a list of lists of filters")
    alternatives = [[_read(each, definitions, exists) for each in group] for group in filters]
    named = {each["relationship_id"] for group in filters for each in group}
    if len(named) > 1:
        raise invalid("relationship_filters", "only one relationship may be searched by")
    return lambda product: any(all(test(product) for test in group) for group in alternatives)


def _read(wanted: object, definitions: Definitions, exists: Collection[str]) -> Callable[[Product], bool]:
    if not isinstance(wanted, dict):
        raise invalid("relationship_filters", {"_schema": ["Invalid input type."]})
    relationship = wanted.get("relationship_id")
    if not isinstance(relationship, str) or relationship not in definitions.relationships:
        raise invalid("relationship_filters.relationship_id", "the relationship does not exist")
    if wanted.get("operator") not in ("exists", "!exists"):
        raise invalid("relationship_filters.operator", "must be exists or !exists")
    tests = [_read_target(each) for each in wanted.get("product_ids") or []]
    expected = wanted["operator"] == "exists"

    def test(product: Product) -> bool:
        held = {each: link for each, link in product.links.get(relationship, {}).items() if each in exists}
        found = any(target(held) for target in tests) if tests else bool(held)
        return found is expected

    return test


def _read_target(wanted: Any) -> Callable[[Links], bool]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("id"), str):
        raise invalid("relationship_filters.product_ids", "must be a list of objects with an id")
    target, how, value = wanted["id"], wanted.get("qty_operator"), wanted.get("value")
    if how is None:
        return lambda held: target in held
    if str(how) not in _COMPARE or not (isinstance(value, list) and value and all(isinstance(each, int) for each in value)):
        raise invalid("relationship_filters.product_ids", "qty_operator and value do not fit")
    compare = _COMPARE[how]
    return lambda held: target in held and compare(held[target].quantity, value)
