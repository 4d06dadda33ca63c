"""Rows of products as writes make them, in the dialect of parents and variants and in that of families."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.rows import FIVE, RATE, new_row
from vendor_sandbox.lightspeed.store import Row, stamp
from vendor_sandbox.lightspeed.writing import cleared, number, referenced, text
from vendor_sandbox.wire import Refused

CODE_TYPES = ("CUSTOM", "EAN", "ISBN", "ITF", "JAN", "UPC")
MOST_VARIANTS, MOST_ATTRIBUTES = 200, 3


def prices(call: ApiCall, body: Mapping[str, Any], tax_id: str | None) -> dict[str, Any]:
    """Return both prices from the one that is given, nothing when none is. Raises Refused when both are."""
    spelled = call.version.families
    including = number(body, "price_including_tax", spelled=spelled)
    excluding = number(body, "price_excluding_tax", spelled=spelled)
    if including is not None and excluding is not None:
        raise Refused(422, "price_including_tax and price_excluding_tax cannot both be given")
    rate = RATE if tax_id is None else sum((each["rate"] for each in call.store["taxes"][tax_id]["rates"]), Decimal(0))
    if including is not None:
        excluding = (including / (1 + rate)).quantize(FIVE, ROUND_HALF_UP)
    elif excluding is not None:
        including = (excluding * (1 + rate)).quantize(FIVE, ROUND_HALF_UP)
    else:
        return {}
    return {"price_including_tax": including, "price_excluding_tax": excluding}


def codes(call: ApiCall, given: Iterable[Mapping[str, Any]], sku: str | None = None) -> list[dict[str, str]]:
    """Return codes with their ids, the SKU among them. Raises Refused for an unknown type and for one code twice."""
    found: dict[str, dict[str, str]] = {}
    for each in given:
        code, kind = (text(each, "code") or "").strip(), text(each, "type", "CUSTOM")
        if not code or kind not in CODE_TYPES:
            raise Refused(422, f"A code needs text and one of the types {', '.join(CODE_TYPES)}")
        if code in found:
            raise Refused(422, f"The code {code} is given twice")
        found[code] = {"type": str(kind), "code": code}
    if sku and sku not in found:
        found = {sku: {"type": "CUSTOM", "code": sku}, **found}
    return [{"id": call.store.new_id("product_codes"), **each} for each in found.values()]


def refuse_taken(call: ApiCall, wanted: Collection[str], but: Collection[str] = ()) -> None:
    """Raise Refused (422) when a product other than `but` has one of the codes."""
    if not call.settings.unique_codes:
        return
    for code in wanted:
        for row in call.store.with_code(code):
            held = {row["sku"], *(each["code"] for each in row["codes"])}
            counts = not row["deleted_at"] or call.settings.deleted_codes == "taken"
            if row["id"] not in but and code in held and counts:
                raise Refused(422, f"The code {code} is already in use")


def free_code(call: ApiCall) -> str:
    """Take the next number of the SKU sequence that no product has."""
    while True:
        call.store.made["skus"] += 1
        code = str(10_000 + call.store.made["skus"])
        if not call.store.with_code(code):
            return code


def links(call: ApiCall, given: Iterable[Mapping[str, Any]], known: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return the links to suppliers; what a link does not say stays as it is in `known`."""
    found = []
    for each in given:
        supplier = referenced(call, "suppliers", each.get("supplier_id"), "supplier_id")
        base = next((dict(link) for link in known if link["supplier_id"] == supplier), None)
        base = base or {"id": call.store.new_id("product_suppliers"), "supplier_id": supplier, "code": None, "price": None}
        if "code" in each:
            base["code"] = text(each, "code") or None
        if "price" in each:
            base["price"] = cleared(number(each, "price", spelled=call.version.families))
        found.append(base)
    return found


def leaf(call: ApiCall, category_id: object) -> str | None:
    """Return the id of a category that has none below it. Raises Refused (422) for others."""
    found = referenced(call, "categories", category_id, "the category")
    if any(row["parent_id"] == found and not row["deleted_at"] for row in call.store["categories"].own.values() if found):
        raise Refused(422, "A product can only be in a category of the last level")
    return found


def tags(call: ApiCall, tag_ids: Iterable[str]) -> list[str]:
    return [str(referenced(call, "tags", each, "tag_ids")) for each in tag_ids]


def refuse_options(call: ApiCall, members: Sequence[Sequence[Mapping[str, str]]]) -> None:
    """Raise Refused (422) unless the options of a family's members fit together."""
    first = [option["attribute_id"] for option in members[0]]
    if not 1 <= len(first) <= MOST_ATTRIBUTES or len(members) > MOST_VARIANTS:
        raise Refused(422, f"A family has up to {MOST_ATTRIBUTES} attributes and {MOST_VARIANTS} variants")
    for attribute in first:
        if not referenced(call, "variant_attributes", attribute, "attribute_id"):
            raise Refused(422, "attribute_id is required")
    seen = set()
    for options in members:
        values = tuple(option["value"] for option in options)
        if [option["attribute_id"] for option in options] != first or not all(isinstance(each, str) and each for each in values):
            raise Refused(422, "Every variant needs a value of each attribute of its family")
        if values in seen:
            raise Refused(422, f"Two variants have the values {' / '.join(values)}")
        seen.add(values)


def free_family_name(call: ApiCall, name: str, family_id: str | None = None) -> str:
    """Return the name. Raises Refused (422) when another family has it."""
    if call.settings.unique_names:
        for row in call.store["products"].own.values():
            if row["family_id"] != family_id and not row["deleted_at"] and row["name"].casefold() == name.casefold():
                raise Refused(422, f"There is a product named {name} already")
    return name


def add(call: ApiCall, fields: Mapping[str, Any], stock: Mapping[str, Mapping[str, Any]]) -> str:
    """Add a product, and its stock at every outlet. `stock` has what was given of it, by outlet."""
    store = call.store
    product = store.put("products", new_row("products", store.new_id("products"), fields))
    for outlet in store["outlets"].own.values():
        if not outlet["deleted_at"]:
            row = {"product_id": product["id"], "outlet_id": outlet["id"], "average_cost": product["supply_price"]}
            row |= stock.get(outlet["id"], {})
            store.put("inventory", new_row("inventory", store.new_id("inventory"), row))
    return str(product["id"])


def stock_fields(call: ApiCall, entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the outlet and the fields of a row of stock; -1 clears a reorder point."""
    outlet = referenced(call, "outlets", entry.get("outlet_id"), "outlet_id")
    if outlet is None:
        raise Refused(422, "outlet_id is required")
    fields: dict[str, Any] = {}
    level = number(entry, "current_amount")
    if level is not None:
        fields["level"] = level
    if "reorder_point" in entry or "reorder_amount" in entry:
        point, amount = cleared(number(entry, "reorder_point")), number(entry, "reorder_amount")
        target = None if point is None else point + (amount or 0)
        fields |= {"reorder_point": point, "reorder_amount": None if point is None else amount, "reorder_target": target}
        fields["reorder_method"] = None if point is None else "FIXED"
    return outlet, fields


def change(call: ApiCall, row: Row, fields: Mapping[str, Any]) -> None:
    call.store.put("products", {**row, **fields, "updated_at": stamp()})
