"""What Lightspeed's documents say of replies: 2.0 from the vendor's own document, 2026-07 kept by hand.

A value is compared with a schema in `departures`, which finds everything that differs, not only the first thing.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from vendor_sandbox import exact_json

FIXTURE = Path(__file__).parents[1] / "fixtures" / "lightspeed_2_0_openapi.json.gz"

Schema = Mapping[str, Any]


@cache
def document() -> Mapping[str, Any]:
    """Return the vendor's document of 2.0."""
    with gzip.open(FIXTURE, "rt", encoding="utf-8") as file:
        found: Mapping[str, Any] = json.load(file)
    return found


def reply_of_2_0(operation: str) -> tuple[int, Schema | None]:
    """Return the status and schema that the document has for `GET /products`; no schema for a reply without a body."""
    method, _, path = operation.partition(" ")
    replies = document()["paths"][path][method.lower()]["responses"]
    status = next(each for each in replies if each.startswith("2"))
    content = replies[status].get("content", {})
    return int(status), content.get("application/json", {}).get("schema")


@cache
def departures_of_examples() -> frozenset[str]:
    """Return where the examples of the vendor's document depart from its own schemas."""
    found: set[str] = set()
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            for reply in operation["responses"].values() if "responses" in operation else ():
                content = reply.get("content", {})
                schema = content.get("application/json", {}).get("schema")
                examples = [each["example"] for each in content.values() if "example" in each]
                for example in examples if schema else ():
                    exact = exact_json.loads(json.dumps(example))
                    found |= set(departures(exact, schema, document()["components"]["schemas"], f"{method.upper()} {path}"))
    return frozenset(found)


def departures(value: object, schema: Schema, components: Mapping[str, Schema], where: str = "reply") -> Iterator[str]:
    """Yield where a value departs from a schema: `Product.supply_price: null`."""
    if "$ref" in schema:
        if value is None and schema.get("nullable"):
            return
        name = schema["$ref"].rpartition("/")[2]
        yield from departures(value, components[name], components, name)
        return
    kind = schema.get("type", "object" if "allOf" in schema else None)
    if value is None:
        if not schema.get("nullable"):
            yield f"{where}: null"
    elif (kind is not None and not isinstance(value, _TYPES[kind])) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{where}: {type(value).__name__}"
    elif value not in schema.get("enum", [value]):
        yield f"{where}: {value}"
    elif isinstance(value, dict):
        yield from _members(value, schema, components, where)
    elif isinstance(value, list):
        for each in value:
            yield from departures(each, schema["items"], components, f"{where}[]")


_TYPES: Mapping[str, Any] = {
    **{"string": str, "integer": int, "number": (int, Decimal), "boolean": bool, "array": list, "object": dict}
}


def _members(value: dict[str, Any], schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    wholes = [components[each["$ref"].rpartition("/")[2]] for each in schema.get("allOf", ())]
    known = {name: each for whole in (*wholes, schema) for name, each in whole.get("properties", {}).items()}
    required = {name for whole in (*wholes, schema) for name in whole.get("required", ())}
    yield from (f"{where}.{name}: missing" for name in required - value.keys())
    for name, each in value.items():
        if name in known:
            yield from departures(each, known[name], components, f"{where}.{name}")
        elif known:
            yield f"{where}.{name}: not in the document"


def _schema(words: str) -> dict[str, Any]:
    """Read `text`, `number?` (nullable), `[Tag]` (an array), `open|shut` (these values), or the name of a component."""
    if words.endswith("?"):
        return {**_schema(words[:-1]), "nullable": True}
    if words.startswith("["):
        return {"type": "array", "items": _schema(words[1:-1])}
    if words.isupper() or "|" in words:
        return {"type": "string", "enum": words.split("|")}
    if words in _PLAIN:
        return {"type": _PLAIN[words]}
    return {"$ref": words}


_PLAIN = {"text": "string", "whole": "integer", "number": "number", "flag": "boolean", "any": "object"}


def _object(members: Mapping[str, str]) -> Schema:
    """Read an object; members with a `!` are required."""
    required = [name.rstrip("!") for name in members if name.endswith("!")]
    return {"type": "object", "required": required, "properties": {n.rstrip("!"): _schema(w) for n, w in members.items()}}


def _of(words: str, names: str) -> Mapping[str, str]:
    return dict.fromkeys(names.split(), words)


_POSTAL = "address1 address2 suburb city postcode state country_id"
_ADDRESSES = " ".join(f"{kind}_{part}" for kind in ("postal", "physical") for part in _POSTAL.split())
_STATUSES = (
    "OPEN|SENT|DISPATCHED|RECEIVED|STOCKTAKE_SCHEDULED|STOCKTAKE_IN_PROGRESS|STOCKTAKE_IN_PROGRESS_PROCESSED"
    "|STOCKTAKE_COMPLETE|CLOSED|CANCELLED"
)

OF_2026_07: Mapping[str, Schema] = {
    name: _object(members)
    for name, members in {
        "Version": _of("whole?", "min! max!"),
        "Named": {"id": "text", "name": "text", "deleted_at": "text?", "version": "whole"},
        "Supply": {"id": "text", "name": "text", "deleted_at": "text?"},
        "Step": {"id!": "text", "name!": "text"},
        "Category": {
            **_of("text", "id name root_category_id parent_category_id"),
            **{"leaf_category": "flag", "category_path": "[Step]"},
        },
        "Picture": {"id": "text", "url": "text", "version": "whole"},
        "Code": {"id!": "text", "code!": "text", "type": "CUSTOM|EAN|ISBN|ITF|JAN|UPC"},
        "Link": {"id!": "text", "product_id!": "text", **_of("text?", "supplier_id! supplier_name! code"), "price": "number?"},
        "Option": _of("text", "name value"),
        "NameValue": _of("text", "name! value!"),
        "KeyValue": _of("text", "key! value!"),
        "Product": {
            **_of("text", "id! handle! name! sku! family_id source created_at updated_at image_url image_thumbnail_url"),
            **_of("flag", "active! is_composite! has_inventory! has_variants!"),
            **_of("text?", "description brand_id product_type_id supplier_id supplier_code source_id source_variant_id"),
            **_of("text?", "account_code account_code_purchase deleted_at variant_name variant_parent_id"),
            **{"button_order": "whole", "variant_count": "whole?", "version!": "whole", "packaging!": "any"},
            **{"price_including_tax!": "number?", "price_excluding_tax!": "number", "supply_price": "number"},
            **{"loyalty_amount": "number?", "brand": "Named?", "type": "Named?", "supplier": "Supply?"},
            **{"product_category": "Category?", "categories!": "[Named]", "tag_ids!": "[text]", "customizations!": "[any]"},
            **{"images!": "[Picture]", "skuImages!": "[Picture]", "attributes!": "[NameValue]", "variant_options!": "[Option]"},
            **{"product_codes!": "[Code]", "product_suppliers!": "[Link]"},
        },
        "Contact": _of("text?", f"first_name last_name company_name phone mobile fax website email twitter {_ADDRESSES}"),
        "Supplier": {
            **_of("text", "id! name! source!"),
            **{"version!": "whole", "contact!": "Contact?", "default_markup": "number"},
            **_of("text?", "description deleted_at"),
        },
        "Brand": {**_of("text", "id! name!"), **_of("text?", "description deleted_at"), "version": "whole"},
        "ProductType": {
            **_of("text", "id! name!"),
            **{"leaf_category!": "flag", "category_path": "[Step]", "deleted_at": "text?", "version": "whole"},
        },
        "Attribute": {"id": "text", "name": "text", "deleted_at": "text?"},
        "Stock": {
            **_of("text", "id outlet_id product_id"),
            **{"current_inventory_level": "number", "quantity_to_procure": "number", "reorder_method": "FIXED|MIN_MAX?"},
            **_of("number?", "average_cost reorder_point reorder_amount reorder_target"),
            **{"version": "whole", "deleted_at": "text?"},
        },
        "Consignment": {
            **_of("text", "id name outlet_id updated_at"),
            **{"type": "SUPPLIER|OUTLET|STOCKTAKE|RETURN", "status": _STATUSES, "version": "whole"},
            **_of("text?", "consignment_date created_at deleted_at due_at received_at reference source_outlet_id"),
            **_of("text?", "supplier_id supplier_invoice"),
            **_of("number?", "total_count_gain total_cost_gain total_count_loss total_cost_loss"),
        },
        "Line": {
            **_of("text", "product_id! received status created_at updated_at"),
            **_of("text?", "product_sku count cost deleted_at"),
            **{"is_included": "flag", "version": "whole"},
        },
        "TaxPart": {"rate_id": "text", "total_tax": "number"},
        "Pricing": _of("number", "price total cost cost_total discount discount_total loyalty_amount loyalty_amount_total"),
        "LineTax": {"id": "text", "amount": "number", "total": "number"},
        "LineReturn": {"is_return": "flag", "reason": "text"},
        "LineMeta": {"is_price_override": "flag", "sequence": "whole", "tax_components": "[TaxPart]"},
        "Id": {"id": "text"},
        "SaleLine": {
            **_of("text", "id note status"),
            **{"product": "Id", "quantity": "number", "pricing": "Pricing", "tax": "LineTax"},
            **{"return": "LineReturn", "_metadata": "LineMeta"},
        },
        "PaidBy": _of("text", "id config_id name"),
        "PaidAt": _of("text", "id register_id outlet_id"),
        "Payment": {**_of("text", "id date"), "amount": "number", "type": "PaidBy", "source": "PaidAt"},
        "SaleSource": {**_of("text", "id type register_id outlet_id"), "author": "Id"},
        "Totals": _of("number", "price price_incl_tax tax loyalty surcharge"),
        "SaleTax": {"id": "text", "tax": "number"},
        "SaleReturn": {"is_return": "flag", "original_sale_id": "text", "return_sale_ids": "[text]"},
        "SaleMeta": {"version": "whole"},
        "Sale": {
            **_of("text", "id customer_id invoice_number receipt_number note short_code date created_at updated_at deleted_at"),
            **{"state": "parked|pending|voided|closed", "attributes": "[text]", "source": "SaleSource"},
            **{"line_items": "[SaleLine]", "payments": "[Payment]", "taxes": "[SaleTax]", "totals": "Totals"},
            **{"adjustments": "[any]", "ecom_custom_charges": "[any]", "external_applications": "[any]"},
            **{"return": "SaleReturn", "_metadata": "SaleMeta"},
        },
        "Outlet": {
            **_of("text", "id! name! default_tax_id! currency! currency_symbol! email"),
            **_of("text?", "time_zone! deleted_at physical_address_1 physical_address_2 physical_suburb physical_city"),
            **_of("text?", "physical_postcode physical_state physical_country_id"),
            **{"display_prices!": "inclusive|exclusive", "attributes!": "[KeyValue]", "version!": "whole"},
        },
        "Rate": {**_of("text", "id! name! display_name!"), "rate!": "number"},
        "Tax": {
            **_of("text", "id! name display_name!"),
            **{"version!": "whole", "deleted_at!": "text?", "is_default!": "flag", "rates": "[Rate]"},
        },
        "PaymentType": {
            **_of("text", "id! name!"),
            **_of("whole", "type_id! version!"),
            **_of("flag", "disabled! internal!"),
            **{"config": "any?", "deleted_at": "text?"},
        },
        "Currency": _of("text", "code symbol"),
        "Sequence": {"enabled": "flag", "value": "whole"},
        "Retailer": {
            **_of("text", "id domain_prefix name timezone country account_status"),
            **{"tax_exclusive": "flag", "currency": "Currency", "sku_sequence": "Sequence"},
        },
        "PageInfo": {"has_next": "flag", "last_seen": "text"},
        "Categories": {"categories": "[Category]"},
        "CategoryPage": {"data": "Categories", "page_info": "PageInfo"},
        "Image": {**_of("text", "id product_id status"), "position": "number", "version": "whole"},
        "Counted": {
            **_of("text", "product_id! cost! count! received! status! created_at! updated_at! deleted_at! product_sku"),
            **{"version!": "whole", "is_included": "flag"},
        },
        "Lines": {"data": "[Line]"},
        "Sums": _of("text", "total_sent_count total_sent_cost total_received_count total_received_cost"),
        "Job": _of("text", "id job_id"),
        "Payload": {"data": "Job"},
        "MadeAttribute": _of("text", "id name created_at updated_at"),
        "MadeCategory": _of("text", "id name payload_id parent_category_id"),
        "GoneCategory": {"ids": "[text]", "job_id": "text"},
        "GoneCategories": {"categories": "[GoneCategory]"},
    }.items()
}
"""Members that the stand-in shows, those that are required, and those that it should show and does not, of the 2026-07 document."""


def listed(row: str) -> Schema:
    """Return the schema of a list of such rows with a version."""
    return _object({"data!": f"[{row}]", "version!": "Version"})


def single(row: str) -> Schema:
    return _object({"data!": row})


def array(row: str) -> Schema:
    return _schema(f"[{row}]")


REPLIES_OF_2026_07: Mapping[str, Schema] = {
    "GET /products": listed("Product"),
    "GET /products/{product_id}": single("Product"),
    "GET /suppliers": listed("Supplier"),
    "GET /brands": listed("Brand"),
    "GET /tags": listed("Named"),
    "GET /product_types": listed("ProductType"),
    "GET /product_categories": _schema("CategoryPage"),
    "GET /variant_attributes": single("[Attribute]"),
    "POST /inventory": array("Stock"),
    "GET /consignments": listed("Consignment"),
    "GET /consignments/{consignment_id}/products": single("[Line]"),
    "GET /sales": listed("Sale"),
    "GET /outlets": listed("Outlet"),
    "GET /taxes": single("[Tax]"),
    "GET /payment_types": listed("PaymentType"),
    "GET /retailer": single("Retailer"),
}

WRITES_OF_2026_07: Mapping[str, tuple[int, Schema | None]] = {
    "POST /suppliers": (200, single("text")),
    "PUT /suppliers/{supplier_id}": (200, _schema("Id")),
    "DELETE /suppliers/{supplier_id}": (200, single("Job")),
    "POST /brands": (200, single("text")),
    "PUT /brands/{brand_id}": (200, single("Id")),
    "DELETE /brands/{brand_id}": (200, _object({"payload!": "Payload"})),
    "POST /tags": (200, single("text")),
    "PUT /tags/{tag_id}": (200, single("Named")),
    "DELETE /tags/{tag_id}": (200, single("Job")),
    "POST /variant_attributes": (201, single("MadeAttribute")),
    "PUT /variant_attributes/{attribute-id}": (200, single("Option")),
    "DELETE /variant_attributes/{attribute-id}": (200, single("Id")),
    "POST /product_categories/bulk": (200, single("[MadeCategory]")),
    "DELETE /product_categories/bulk": (200, single("GoneCategories")),
    "POST /products": (200, single("[text]")),
    "POST /products/{product_id}/actions/image_upload": (201, single("Image")),
    "GET /product_images/{product_image_id}": (200, single("Image")),
    "PUT /product_images/{product_image_id}": (200, single("Image")),
    "DELETE /product_images/{product_image_id}": (204, None),
    "POST /consignments": (201, single("Consignment")),
    "POST /consignments/{consignment_id}/products": (200, single("Counted")),
    "PUT /consignments/{consignment_id}/products/{product_id}": (200, single("Lines")),
    "POST /consignments/{consignment_id}/bulk": (200, single("any")),
    "GET /consignments/{consignment_id}/totals": (200, single("[Sums]")),
    "PUT /consignments/{consignment_id}": (200, single("Consignment")),
    "DELETE /consignments/{consignment_id}/products/{product_id}": (204, None),
    "DELETE /consignments/{consignment_id}": (204, None),
    "DELETE /products/{product_id}": (200, None),
    "DELETE /products/{product_id}/all": (200, None),
}
