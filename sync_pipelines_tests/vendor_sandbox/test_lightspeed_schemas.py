"""The replies of Lightspeed's stand-in, held against the vendor's document of 2.0 and against what that of 2026-07 says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox import lightspeed_schemas as schemas
from sync_pipelines_tests.vendor_sandbox.conftest import exact
from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox
from vendor_sandbox.lightspeed.small_shown import CONTACT

READS_OF_2_0 = (
    *("products", "suppliers", "brands", "tags", "product_types", "consignments", "sales", "outlets", "registers", "taxes"),
    *("users", "payment_types", "inventory", "product_categories", "variant_attributes", "retailer"),
    *("products/{product_id}", "products/{product_id}/inventory", "consignments/{consignment_id}/products"),
)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_NULLS = {"Product.supply_price: null"}
"""Costs that the token may not see."""
DEVIATIONS_OF_2_0 = {
    # Null, as the later document allows, or as public clients saw
    *_NULLS,
    *("Product.price_including_tax: null", "ProductCategory.parent_category_id: null", "ConsignmentProduct.is_included: null"),
    *("ProductSupplier.code: null", "ProductSupplier.price: null", "ProductSupplier.supplier_id: null"),
    *("Sale.customer_id: null", "Sale.source_id: null", "Supplier.contact: null"),
    *(
        f"Supplier.contact.{name}: null"
        for name in CONTACT
        if name not in ("company_name", "email", "postal_country_id", "twitter")
    ),
    # Members of the later document, or that public clients saw
    *("Brand.description: not in the document", "Product.product_category: not in the document"),
    *("Product.skuImages: not in the document", "Supplier.contact.twitter: not in the document"),
    *("Supplier.version: not in the document", "VariantAttributeResponse.is_deprecated: not in the document"),
}
DEVIATIONS_OF_2026_07 = {
    # Null, as the document's texts say
    *_NULLS,
    *("Category.parent_category_id: null", "Line.is_included: null"),
    # As in the document's examples
    *("Code.type: custom", "Product.is_active: not in the document", "Option.id: not in the document"),
    *("Picture.sizes: not in the document", "Supply.description: not in the document", "Supply.source: not in the document"),
    *("Supply.version: not in the document", "Consignment.filters: not in the document"),
    *(
        "Consignment.show_inactive: not in the document",
        "GET /consignments/{consignment_id}/products.version: not in the document",
    ),
    # As public clients saw
    *("Attribute.is_deprecated: not in the document", "Product.ecwid_enabled_webstore: not in the document"),
}

DEVIATIONS_OF_WRITES = {
    "2.0": {"InventoryCountItem.deleted_at: null", "POST /consignments/{consignment_id}/bulk.data.{id}: not in the document"},
    "2026-07": {"Counted.deleted_at: null"},
}
"""A line that was not deleted; and ids of products, as in the example, where the schema has a member `product_id`."""


@pytest.fixture(scope="module")
def lightspeed() -> Iterator[LightspeedCaller]:
    with Sandbox() as sandbox:
        yield fresh(sandbox)


def reply(lightspeed: LightspeedCaller, version: str, operation: str) -> tuple[int, Any]:
    """Ask for everything, deleted rows too, of the row that has most to show."""
    method, _, path = operation.partition(" ")
    lines = lightspeed.sandbox.lightspeed.store.lines
    known = {"product_id": lightspeed.truth("products")[1]["id"], "consignment_id": max(lines, key=lambda each: len(lines[each]))}
    answer = lightspeed.call(
        method,
        path.lstrip("/").format(**known),
        {"size": 5000, "include_deleted": True} if method == "POST" else None,
        version=version,
        params={"deleted": "true", "page_size": 1000} if method == "GET" else {},
    )
    return answer.status_code, exact(answer)


def test_2_0_replies_as_its_document_says(lightspeed: LightspeedCaller) -> None:
    found: set[str] = set()
    for operation in (f"GET /{path}" for path in READS_OF_2_0):
        wanted, schema = schemas.reply_of_2_0(operation)
        status, body = reply(lightspeed, "2.0", operation)
        assert (status, schema is None) == (wanted, False), operation
        found |= set(schemas.departures(body, schema, schemas.document()["components"]["schemas"], operation))
    assert found - schemas.departures_of_examples() == DEVIATIONS_OF_2_0


def test_2026_07_replies_as_its_document_says(lightspeed: LightspeedCaller) -> None:
    lightspeed.set(flat_returns=False)
    found: set[str] = set()
    for operation, schema in schemas.REPLIES_OF_2026_07.items():
        status, body = reply(lightspeed, "2026-07", operation)
        assert status == 200, operation
        found |= set(schemas.departures(body, schema, schemas.OF_2026_07, operation))
    assert found == DEVIATIONS_OF_2026_07


def written(lightspeed: LightspeedCaller, version: str) -> Iterator[tuple[str, requests.Response]]:
    """Carry out every write that both documents have, and what is read only after one, in an order that lets each succeed."""
    outlet = next(row["id"] for row in lightspeed.truth("outlets") if not row["deleted_at"])
    order = {"name": "Spring", "outlet_id": outlet, "type": "SUPPLIER"}
    category = {"categories": [{"payload_id": "r", "name": f"Kitchen {version}"}]}
    made: dict[str, str] = {}

    def do(operation: str, body: object = None, *, keep: str = "", **options: object) -> tuple[str, requests.Response]:
        method, _, path = operation.partition(" ")
        answer = lightspeed.call(method, path.lstrip("/").format(**made), body, version=version, **options)
        if keep:
            content = answer.json()["data"]
            content = content[0] if isinstance(content, list) else content
            made[keep] = content["id"] if isinstance(content, dict) else content
        return operation, answer

    for kind, named in (
        ("suppliers", "supplier_id"),
        ("brands", "brand_id"),
        ("tags", "tag_id"),
        ("variant_attributes", "attribute-id"),
    ):
        yield do(f"POST /{kind}", {"name": f"New {version}"}, keep=named)
        yield do(f"PUT /{kind}/{{{named}}}", {"name": f"Newer {version}"})
        yield do(f"DELETE /{kind}/{{{named}}}")
    yield do("POST /product_categories/bulk", category, keep="category_id")
    yield do("DELETE /product_categories/bulk", {"category_ids": [made["category_id"]]})
    yield do("POST /products", {"name": f"Ladle {version}", "supply_price": 2}, keep="product_id")
    picture = {"image": ("a.png", b"\x89PNG\r\n\x1a\n")}
    yield do("POST /products/{product_id}/actions/image_upload", keep="product_image_id", files=picture)
    yield do("GET /product_images/{product_image_id}")
    yield do("PUT /product_images/{product_image_id}", {"position": 1})
    yield do("DELETE /product_images/{product_image_id}")
    yield do("POST /consignments", order, keep="consignment_id")
    line = {"product_id": made["product_id"], "count": "2"}
    yield do("POST /consignments/{consignment_id}/products", {"data": line})
    yield do("PUT /consignments/{consignment_id}/products/{product_id}", {"data": line})
    yield do("POST /consignments/{consignment_id}/bulk", [line])
    yield do("GET /consignments/{consignment_id}/totals")
    yield do("PUT /consignments/{consignment_id}", {**order, "status": "SENT"})
    yield do("DELETE /consignments/{consignment_id}/products/{product_id}")
    yield do("DELETE /consignments/{consignment_id}")
    yield do("DELETE /products/{product_id}")
    yield do("POST /products", {"name": f"Spoon {version}"}, keep="product_id")
    yield do("DELETE /products/{product_id}/all")


@pytest.mark.parametrize("version", ["2.0", "2026-07"])
def test_writes_are_answered_as_the_documents_say(lightspeed: LightspeedCaller, version: str) -> None:
    known = schemas.document()["components"]["schemas"] if version == "2.0" else schemas.OF_2026_07
    found, done = set(), set()
    for operation, answer in written(lightspeed, version):
        status, schema = schemas.reply_of_2_0(operation) if version == "2.0" else schemas.WRITES_OF_2026_07[operation]
        assert answer.status_code == status, (operation, answer.text)
        assert bool(answer.content) == (schema is not None), operation
        found |= set(schemas.departures(exact(answer), schema, known, operation)) if schema else set()
        done.add(operation)
    assert done == schemas.WRITES_OF_2026_07.keys()
    found = {_ID.sub("{id}", each) for each in found} - schemas.departures_of_examples()
    assert found - DEVIATIONS_OF_2_0 - DEVIATIONS_OF_2026_07 == DEVIATIONS_OF_WRITES[version]


def test_a_return_that_is_not_finished_is_a_sale_of_2_0(lightspeed: LightspeedCaller) -> None:
    lightspeed.set(flat_returns=True)
    (sale,) = [row for row in lightspeed.rows("sales") if "status" in row]
    known = schemas.document()["components"]["schemas"]
    assert set(schemas.departures(sale, known["Sale"], known, "Sale")) <= DEVIATIONS_OF_2_0 | schemas.departures_of_examples()


def test_without_pictures_a_product_lacks_members_that_are_required(lightspeed: LightspeedCaller) -> None:
    (product,) = lightspeed.get("products", page_size=1, include_images="false")["data"]
    missing = set(schemas.departures(product, {"$ref": "Product"}, schemas.OF_2026_07)) - DEVIATIONS_OF_2026_07
    assert missing == {"Product.images: missing", "Product.skuImages: missing"}
