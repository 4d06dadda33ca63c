"""Search: exact values, pages by offset, and rows as they were some seconds ago."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from vendor_sandbox.lightspeed.api import ApiCall, json_text
from vendor_sandbox.lightspeed.lists import LISTS
from vendor_sandbox.lightspeed.store import Row
from vendor_sandbox.wire import Refused, Reply

_DEFAULT_SIZE, _MAX_SIZE = 50, 1000
_KINDS = ("products", "sales", "customers")
_FILTERS: Mapping[str, Collection[str]] = {
    "products": ("sku", "supplier_id", "brand_id", "tag_id", "product_type_id", "variant_parent_id", "_id"),
    "sales": ("status", "invoice_number", "customer_id", "user_id", "outlet_id", "register_id", "product_id", "_id"),
}
_NEEDS = {"products": "products:read", "sales": "sales:read", "customers": "customers:read"}


def search(call: ApiCall) -> Reply:
    """Answer a search: values of one filter are alternatives, filters narrow each other, a `-` before a name excludes."""
    kind = call.parameter("type")
    if kind not in _KINDS:
        raise Refused(422, f"type must be one of {', '.join(_KINDS)}")
    if _NEEDS[kind] not in call.scopes:
        raise Refused(403, f"The token lacks a scope: {_NEEDS[kind]}")
    if kind == "customers":
        return Reply.json(200, {"data": []})
    wanted: dict[str, set[str]] = {}
    for name, value in call.request.pairs:
        if name.removeprefix("-") in _FILTERS[kind]:
            wanted.setdefault(name, set()).add(value)
    read = _READ[kind]
    rows = [
        row
        for row in call.store.found(kind, list(wanted["sku"]) if "sku" in wanted else None)
        if bool(row["deleted_at"]) == call.flag("deleted")
        and all(bool(read(call, row, name.removeprefix("-")) & values) != name.startswith("-") for name, values in wanted.items())
    ]
    if call.parameter("order_direction") == "desc":
        rows.reverse()
    offset = max(0, call.number("offset", 0))
    size = max(1, min(call.number("page_size", _DEFAULT_SIZE), _MAX_SIZE))
    shown = ",".join(call.shown(LISTS[kind].show, row) for row in rows[offset : offset + size])
    return json_text(f'{{"data":[{shown}]}}')


def _of_product(call: ApiCall, row: Row, name: str) -> set[Any]:
    match name:
        case "sku":
            # The index holds small letters, and looks for a value as it comes.
            return {str(each).lower() for each in (row["sku"], *(code["code"] for code in row["codes"])) if each}
        case "supplier_id":
            return {each["supplier_id"] for each in row["suppliers"]}
        case "tag_id":
            return set(row["tag_ids"])
        case "product_type_id":
            return {row["category_id"]}
        case "variant_parent_id":
            return {each["id"] for each in call.store.members(row["family_id"])[:1]} - {row["id"]}
    return {row["id" if name == "_id" else name]}


def _of_sale(_call: ApiCall, row: Row, name: str) -> set[Any]:
    if name == "product_id":
        return {line["product_id"] for line in row["lines"]}
    return {row["id" if name == "_id" else name]}


_READ: Mapping[str, Callable[[ApiCall, Row, str], set[Any]]] = {"products": _of_product, "sales": _of_sale}
