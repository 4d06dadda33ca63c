"""Products before 2026-10: created alone or with variants, updated by what is common to a family and what is one product's own.

https://x-series-api.lightspeedhq.com/docs/products_variants_creating_variants and .../products_variants_update.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.lightspeed import product_rows as rows
from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.change import delete
from vendor_sandbox.lightspeed.store import Row
from vendor_sandbox.lightspeed.writing import body_of, flag, items, live, needed, number, object_of, referenced, shut, text, texts
from vendor_sandbox.wire import Refused, Reply

_ONE = (
    *("sku", "product_codes", "supplier_code", "supply_price", "price_including_tax", "price_excluding_tax", "product_suppliers"),
    *("inventory", "all_outlets_tax", "outlet_taxes", "images", "weight", "weight_unit", "length", "width", "height"),
    "dimensions_unit",
)
_CREATED = (
    *("name", "description", "handle", "brand_id", "product_category_id", "product_type_id", "tag_ids", "supplier_id"),
    *("account_code_sale", "account_code_purchase", "is_active", "source", "source_id", "source_variant_id", "attributes"),
    *("loyalty_amount", "composite", "variants", *_ONE),
)
_COMMON = (
    *("name", "description", "brand_id", "product_category_id", "tag_ids", "track_inventory", "account_code_sale"),
    *("account_code_purchase", "product_suppliers", "variant_attributes"),
)
_DETAILS = (
    *("is_active", "product_codes", "product_suppliers", "variant_attribute_values", "inventory", "price_including_tax"),
    *("price_excluding_tax", "all_outlets_tax", "outlet_taxes", "loyalty_amount", "composite_components", "packaging"),
    *("weight", "weight_unit", "length", "width", "height", "dimensions_unit"),
)


def _of_parents(call: ApiCall) -> None:
    if call.version.families:
        raise Refused(404, "Products are written by families in this version")


def create(call: ApiCall) -> Reply:
    """Make a product or a family with its variants, or with 2.1 one more variant. Answers ids alone, in no order to rely on."""
    _of_parents(call)
    if call.version.name == "2.1":
        return _add_variant(call)
    body = body_of(call, _CREATED)
    name = rows.free_family_name(call, needed(body, "name"))
    shared: dict[str, Any] = {
        "family_id": call.store.new_id("families"),
        "handle": text(body, "handle") or name.lower().replace(" ", "-"),
    }
    shared |= {"name": name, "active": flag(body, "is_active", True), "source_id": text(body, "source_id"), **_common(call, body)}
    parts: list[dict[str, Any]] = [body]
    options: list[list[dict[str, Any]]] = [[]]
    if "variants" in body:
        parts = [shut(call, each, (*_ONE, "variant_definitions")) for each in items(body, "variants")]
        options = [_defined(each) for each in parts]
        rows.refuse_options(call, options or [[]])
    made = []
    for part, chosen in zip(parts, options, strict=True):
        made.append(({**shared, **_one(call, part, body), "options": chosen}, _stock(call, part)))
    wanted = [code["code"] for fields, _ in made for code in fields["codes"]]
    if len(set(wanted)) < len(wanted):
        raise Refused(422, "Two variants have one code")
    rows.refuse_taken(call, wanted)
    found = [rows.add(call, fields, stock) for fields, stock in made]
    return Reply.json(200, {"data": found[::-1]})


def _common(call: ApiCall, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a family that a body has, under the names of creates and updates alike."""
    found: dict[str, Any] = {}
    for name in ("description", "account_code_sale", "account_code_purchase"):
        if name in body:
            found[name] = text(body, name)
    if "brand_id" in body:
        found["brand_id"] = referenced(call, "brands", body["brand_id"], "brand_id")
    category = next((each for each in ("product_category_id", "product_type_id") if each in body), None)
    if category:
        found["category_id"] = rows.leaf(call, body[category])
    if "tag_ids" in body:
        found["tag_ids"] = rows.tags(call, texts(body, "tag_ids"))
    return found


def _defined(variant: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"attribute_id": each.get("attribute_id"), "value": each.get("value")} for each in items(variant, "variant_definitions")
    ]


def _one(call: ApiCall, part: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of one product that is made. What it costs is said of it, and of its first supplier."""
    given = items(part, "product_codes")
    sku = text(part, "sku") or (given[0].get("code") if given else None) or rows.free_code(call)
    supplier, code, cost = body.get("supplier_id"), text(part, "supplier_code"), number(part, "supply_price")
    single = [{"supplier_id": supplier, "code": code, "price": cost}] if supplier or code else []
    suppliers = rows.links(call, items(part, "product_suppliers") or single)
    if suppliers and suppliers[0]["price"] is None:
        suppliers[0]["price"] = cost
    tax = referenced(call, "taxes", object_of(part.get("all_outlets_tax") or {}).get("tax_id"), "tax_id")
    priced = rows.prices(call, part, tax) or {"price_including_tax": 0, "price_excluding_tax": 0}
    return {
        **priced,
        "sku": sku,
        "codes": rows.codes(call, given, sku),
        "suppliers": suppliers,
        "supply_price": cost or (suppliers[0]["price"] if suppliers else None) or 0,
        "tax_id": tax,
    }


def _stock(call: ApiCall, part: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    entries = items(part, "inventory")
    if any(each.get("current_amount") is None for each in entries):
        raise Refused(422, "current_amount is required")
    return dict(rows.stock_fields(call, each) for each in entries)


def _add_variant(call: ApiCall) -> Reply:
    """Add a variant to the family with the name of `common`. The body is assumed to have the blocks of an update."""
    body = body_of(call, ("common", "details"))
    common, details = object_of(body.get("common")), object_of(body.get("details"))
    name = needed(common, "name")
    members = [each for each in call.store["products"].own.values() if each["name"] == name and not each["deleted_at"]]
    if not members or not members[0]["options"]:
        raise Refused(422, f"There is no family of variants named {name}")
    first = members[0]
    values = {each.get("attribute_id"): each.get("attribute_value") for each in items(details, "variant_attribute_values")}
    options = [{"attribute_id": each["attribute_id"], "value": values.get(each["attribute_id"])} for each in first["options"]]
    rows.refuse_options(call, [*(each["options"] for each in members), options])
    supplier = first["suppliers"][0]["supplier_id"] if first["suppliers"] else None
    fields = _one(call, details, {"supplier_id": supplier})
    rows.refuse_taken(call, [each["code"] for each in fields["codes"]])
    family = ("family_id", "name", "handle", "description", "brand_id", "category_id", "tag_ids", "account_code_sale")
    shared = {each: first[each] for each in (*family, "account_code_purchase", "has_inventory")}
    made = {**shared, **fields, "options": options, "active": flag(details, "is_active", True)}
    return Reply.json(200, {"data": [rows.add(call, made, _stock(call, details))]})


def update(call: ApiCall, product_id: str) -> Reply:
    """Update a product. `common` changes every member of its family, whichever of them is named."""
    _of_parents(call)
    if call.version.name in ("2.0", "3.0"):
        raise Refused(405, "Products are updated with version 2.1", {"Allow": "GET, DELETE"})
    row = live(call, "products", product_id)
    body = body_of(call, ("common", "details"))
    common = shut(call, object_of(body.get("common") or {}), _COMMON)
    details = shut(call, object_of(body.get("details") or {}), _DETAILS)
    shared = _common(call, common)
    if "name" in common:
        shared["name"] = rows.free_family_name(call, needed(common, "name"), row["family_id"])
    if "track_inventory" in common:
        shared["has_inventory"] = flag(common, "track_inventory", True)
    changes = {each["id"]: {**shared, **_family_links(call, each, common)} for each in call.store.members(row["family_id"])}
    changes[product_id] |= _own(call, row, details, changes[product_id])
    _reorder(call, row, common, changes)
    stock = [rows.stock_fields(call, each) for each in items(details, "inventory")]
    for each in call.store.members(row["family_id"]):
        if common or each["id"] == product_id:
            rows.change(call, each, changes[each["id"]])
    for outlet, fields in stock:
        set_stock(call, product_id, outlet, fields)
    return Reply.json(200, {})


def set_stock(call: ApiCall, product_id: str, outlet_id: str, fields: Mapping[str, Any]) -> None:
    for row in call.store.stock_of(product_id):
        if row["outlet_id"] == outlet_id:
            call.store.put("inventory", {**row, **fields})


def _family_links(call: ApiCall, row: Row, common: Mapping[str, Any]) -> dict[str, Any]:
    if "product_suppliers" not in common:
        return {}
    found = rows.links(call, items(common, "product_suppliers"), row["suppliers"])
    return {"suppliers": found, **costs(row, found)}


def costs(row: Row, suppliers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a product costs now: what its first supplier takes, where that is known."""
    first = suppliers[0]["price"] if suppliers else None
    return {"supply_price": row["supply_price"] if first is None else first}


def _own(call: ApiCall, row: Row, details: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of the one product."""
    found: dict[str, Any] = {}
    if "is_active" in details:
        found["active"] = flag(details, "is_active", True)
    if "all_outlets_tax" in details:
        found["tax_id"] = referenced(call, "taxes", object_of(details["all_outlets_tax"]).get("tax_id"), "tax_id")
    found |= rows.prices(call, details, found.get("tax_id", row["tax_id"]))
    if "product_codes" in details:
        found["codes"] = rows.codes(call, items(details, "product_codes"))
        if not found["codes"]:
            raise Refused(422, "A product needs a code")
        rows.refuse_taken(call, [each["code"] for each in found["codes"]], [row["id"]])
        found["sku"] = found["codes"][0]["code"]
    if "product_suppliers" in details:
        known = [dict(each) for each in shared.get("suppliers", row["suppliers"])]
        changed = {each["supplier_id"]: each for each in rows.links(call, items(details, "product_suppliers"), known)}
        if not changed.keys() <= {each["supplier_id"] for each in known}:
            raise Refused(422, "The supplier is not one of the family's")
        found["suppliers"] = [changed.get(each["supplier_id"], each) for each in known]
        found |= costs(row, found["suppliers"])
    if "variant_attribute_values" in details:
        values = {each.get("attribute_id"): each.get("attribute_value") for each in items(details, "variant_attribute_values")}
        if not values.keys() <= {each["attribute_id"] for each in row["options"]}:
            raise Refused(422, "The attribute is not one of the family's")
        found["options"] = [{**each, "value": values.get(each["attribute_id"], each["value"])} for each in row["options"]]
        others = [each["options"] for each in call.store.members(row["family_id"]) if each["id"] != row["id"]]
        rows.refuse_options(call, [*others, found["options"]])
    return found


def _reorder(call: ApiCall, row: Row, common: Mapping[str, Any], changes: Mapping[str, dict[str, Any]]) -> None:
    """Put the options of a family in the order of `variant_attributes`: ids in 2.1, objects later. Others are refused."""
    if "variant_attributes" not in common:
        return
    name = "variant_attributes"
    order = texts(common, name) if call.version.name == "2.1" else [each.get("attribute_id") for each in items(common, name)]
    for member in call.store.members(row["family_id"]):
        options: Sequence[Any] = changes[member["id"]].get("options") or member["options"]
        if sorted(map(str, order)) != sorted(each["attribute_id"] for each in options):
            raise Refused(422, "variant_attributes must be the family's own")
        changes[member["id"]]["options"] = sorted(options, key=lambda each: order.index(each["attribute_id"]))


def delete_one(call: ApiCall, product_id: str) -> Reply:
    live(call, "products", product_id)
    delete(call.store, "products", product_id)
    return Reply(200)


def delete_all(call: ApiCall, product_id: str) -> Reply:
    """Delete the family of a product."""
    _of_parents(call)
    for row in call.store.members(live(call, "products", product_id)["family_id"]):
        delete(call.store, "products", row["id"])
    return Reply(200)
