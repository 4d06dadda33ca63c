"""Families and their products as 2026-10 writes them: https://x-series-api.lightspeedhq.com/v1.0/docs/product_families_creating_variant_families."""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.lightspeed import product_rows as rows
from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.family_shown import STANDARD, VARIANT
from vendor_sandbox.lightspeed.product_writes import costs
from vendor_sandbox.lightspeed.store import Row
from vendor_sandbox.lightspeed.writing import body_of, flag, items, live, needed, number, object_of, referenced, shut, text, texts
from vendor_sandbox.wire import Refused, Reply

_FAMILY = ("name", "description", "brand_id", "category_id", "tag_ids", "track_inventory", "variant_attribute_ids")
_PRODUCT = (
    *("codes", "prices", "suppliers", "variant_attributes", "active", "account_code_sale", "account_code_purchase"),
    *("measurements", "outlet_taxes"),
)
_PRICES = ("price_including_tax", "price_excluding_tax", "supply_price")
_MOST_CODES = 200


def _of_families(call: ApiCall) -> None:
    if not call.version.families:
        raise Refused(404, "There is nothing at this path in this version")


def create(call: ApiCall) -> Reply:
    _of_families(call)
    body = body_of(call, (*_FAMILY, "classification", "products"))
    kind = needed(body, "classification")
    if kind not in (STANDARD, VARIANT):
        raise Refused(422, f"classification must be {STANDARD} or {VARIANT}")
    attributes = texts(body, "variant_attribute_ids")
    name = rows.free_family_name(call, needed(body, "name"))
    shared = {"family_id": call.store.new_id("families"), "handle": name.lower().replace(" ", "-"), **_shared(call, body)}
    parts = items(body, "products")
    if not parts or (kind == STANDARD and (len(parts) > 1 or attributes)) or (kind == VARIANT and not attributes):
        raise Refused(422, "A standard family has one product, a family of variants has attributes and products")
    found = _add(call, {**shared, "name": name}, attributes, parts, [])
    return Reply.json(201, {"data": {"product_family_id": shared["family_id"], "product_ids": found[::-1]}})


def add_products(call: ApiCall, family_id: str) -> Reply:
    """Add variants to a family."""
    members = _members(call, family_id)
    attributes = [each["attribute_id"] for each in members[0]["options"]]
    parts = items(body_of(call, ("products",)), "products")
    if not attributes or not parts:
        raise Refused(422, "Products can be added to a family of variants")
    family = ("family_id", "name", "handle", "description", "brand_id", "category_id", "tag_ids", "has_inventory")
    found = _add(call, {each: members[0][each] for each in family}, attributes, parts, [each["options"] for each in members])
    return Reply.json(201, {"data": {"product_family_id": family_id, "product_ids": found[::-1]}})


def update(call: ApiCall, family_id: str) -> Reply:
    members = _members(call, family_id)
    body = _patch(call, _FAMILY)
    changes = _shared(call, body)
    if "name" in body:
        changes["name"] = rows.free_family_name(call, needed(body, "name"), family_id)
    options = {each["id"]: each["options"] for each in members}
    if "variant_attribute_ids" in body:
        order = texts(body, "variant_attribute_ids")
        for each in members:
            if sorted(order) != sorted(option["attribute_id"] for option in each["options"]):
                raise Refused(422, "variant_attribute_ids must be the family's own")
            options[each["id"]] = sorted(each["options"], key=lambda option: order.index(option["attribute_id"]))
    for each in members:
        rows.change(call, each, {**changes, "options": options[each["id"]]})
    return Reply.json(200, {"data": {"id": family_id}})


def update_product(call: ApiCall, product_id: str) -> Reply:
    _of_families(call)
    row = live(call, "products", product_id)
    body = _patch(call, _PRODUCT)
    changes = _own(call, body, row, but=[product_id])
    if "variant_attributes" in body:
        attributes = [each["attribute_id"] for each in row["options"]]
        others = [each["options"] for each in call.store.members(row["family_id"]) if each["id"] != product_id]
        changes["options"] = _options(attributes, body)
        rows.refuse_options(call, [*others, changes["options"]])
    rows.change(call, row, changes)
    return Reply.json(200, {"data": {"id": product_id}})


def generate_codes(call: ApiCall) -> Reply:
    """Make codes that no product has: numbers of the sequence, or a prefix, which gets a number from the second on."""
    _of_families(call)
    wanted = items(body_of(call, ("codes",)), "codes")
    counts = [each.get("count") for each in wanted]
    whole = [each for each in counts if isinstance(each, int) and each >= 1]
    if not whole or len(whole) < len(counts) or sum(whole) > _MOST_CODES:
        raise Refused(422, f"Between 1 and {_MOST_CODES} codes can be made at once")
    made = []
    for each in wanted:
        prefix, found = text(each, "prefix"), list[str]()
        number_of = 0
        while len(found) < each["count"]:
            code = rows.free_code(call) if prefix is None else f"{prefix}-{number_of}" if number_of else prefix
            number_of += 1
            found += [] if call.store.with_code(code) else [code]
        made.append({"codes": found})
    return Reply.json(200, {"data": made})


def _members(call: ApiCall, family_id: str) -> list[Row]:
    _of_families(call)
    members = call.store.members(family_id)
    if not members:
        raise Refused(404, f"There is no family {family_id}")
    return members


def _patch(call: ApiCall, known: Sequence[str]) -> dict[str, Any]:
    body = body_of(call, known)
    if not body:
        raise Refused(400, "At least one field is needed")
    return body


def _shared(call: ApiCall, body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "description" in body:
        found["description"] = text(body, "description")
    if "brand_id" in body:
        found["brand_id"] = referenced(call, "brands", body["brand_id"], "brand_id")
    if "category_id" in body:
        found["category_id"] = rows.leaf(call, body["category_id"])
    if "tag_ids" in body:
        found["tag_ids"] = rows.tags(call, texts(body, "tag_ids"))
    if "track_inventory" in body:
        found["has_inventory"] = flag(body, "track_inventory", True)
    return found


def _add(
    call: ApiCall,
    shared: Mapping[str, Any],
    attributes: Sequence[str],
    parts: Sequence[dict[str, Any]],
    others: Sequence[Sequence[Mapping[str, str]]],
) -> list[str]:
    made = []
    for part in parts:
        shut(call, part, _PRODUCT)
        if not part.get("codes"):
            raise Refused(422, "A product needs a code; codes are not made up for it")
        unpriced = {"price_including_tax": 0, "price_excluding_tax": 0, "supply_price": 0, "suppliers": []}
        made.append({**shared, **unpriced, **_own(call, part, None, ()), "options": _options(attributes, part)})
    if attributes:
        rows.refuse_options(call, [*others, *(each["options"] for each in made)])
    wanted = [code["code"] for each in made for code in each["codes"]]
    if len(set(wanted)) < len(wanted):
        raise Refused(422, "Two products have one code")
    return [rows.add(call, each, {}) for each in made]


def _options(attributes: Sequence[str], part: Mapping[str, Any]) -> list[dict[str, str]]:
    values = texts(part, "variant_attributes")
    if len(values) != len(attributes):
        raise Refused(422, "variant_attributes needs one value for each attribute of the family")
    return [{"attribute_id": name, "value": value} for name, value in zip(attributes, values, strict=True)]


def _own(call: ApiCall, part: Mapping[str, Any], row: Row | None, but: Sequence[str]) -> dict[str, Any]:
    """Return the fields of one product that a body has. A price of what it costs is that of its first supplier, too."""
    found: dict[str, Any] = {}
    if "codes" in part:
        found["codes"] = rows.codes(call, items(part, "codes"))
        if not found["codes"]:
            raise Refused(422, "A product needs a code")
        rows.refuse_taken(call, [each["code"] for each in found["codes"]], but)
        found["sku"] = found["codes"][0]["code"]
    if "suppliers" in part:
        found["suppliers"] = rows.links(call, items(part, "suppliers"))
        found |= costs(row or {"supply_price": 0}, found["suppliers"])
    if "prices" in part:
        priced = shut(call, object_of(part["prices"]), _PRICES)
        found |= rows.prices(call, priced, row["tax_id"] if row else None)
        if priced.get("supply_price") is not None:
            found["supply_price"] = number(priced, "supply_price", spelled=True)
            first, *others = found.get("suppliers", row["suppliers"] if row else []) or [None]
            found["suppliers"] = [{**first, "price": found["supply_price"]}, *others] if first else []
    if "active" in part:
        active = shut(call, object_of(part["active"]), ("in_store", "ecwid"))
        found["active"] = flag(active, "in_store", row["active"] if row else True)
        found["web_enabled"] = flag(active, "ecwid", row["web_enabled"] if row else False)
    for name in ("account_code_sale", "account_code_purchase"):
        if name in part:
            found[name] = text(part, name)
    return found
