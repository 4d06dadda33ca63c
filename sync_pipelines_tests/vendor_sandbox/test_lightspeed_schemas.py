"""The replies of Lightspeed's stand-in, held against the vendor's document of 2.0 and against what that of 2026-07 says."""

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox import lightspeed_schemas as schemas
from sync_pipelines_tests.vendor_sandbox.conftest import exact
from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox

READS_OF_2_0 = (
    *("products", "suppliers", "brands", "tags", "product_types", "consignments", "sales", "outlets", "registers", "taxes"),
    *("users", "payment_types", "inventory", "product_categories", "variant_attributes", "retailer"),
    *("products/{product_id}", "products/{product_id}/inventory", "consignments/{consignment_id}/products"),
)
_NULLS = {"Product.supply_price: null"}
"""Costs that the token may not see."""
DEVIATIONS_OF_2_0 = {
    # Null, as the later document allows, or as public clients saw
    *_NULLS,
    *("Product.price_including_tax: null", "ProductCategory.parent_category_id: null", "ConsignmentProduct.is_included: null"),
    *("ProductSupplier.code: null", "ProductSupplier.price: null", "ProductSupplier.supplier_id: null"),
    *("Sale.customer_id: null", "Sale.source_id: null", "Supplier.contact: null"),
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


def departures_from_2_0(lightspeed: LightspeedCaller, *operations: str) -> set[str]:
    """Where replies depart from the document of 2.0, but for where its own examples do."""
    found: set[str] = set()
    for operation in operations:
        wanted, schema = schemas.reply_of_2_0(operation)
        assert schema is not None
        status, body = reply(lightspeed, "2.0", operation)
        assert status == wanted, operation
        found |= set(schemas.departures(body, schema, schemas.document()["components"]["schemas"], operation))
    return found - schemas.departures_of_examples()


def test_2_0_replies_as_its_document_says(lightspeed: LightspeedCaller) -> None:
    assert departures_from_2_0(lightspeed, *(f"GET /{path}" for path in READS_OF_2_0)) == DEVIATIONS_OF_2_0


def test_2026_07_replies_as_its_document_says(lightspeed: LightspeedCaller) -> None:
    lightspeed.set(flat_returns=False)
    found: set[str] = set()
    for operation, schema in schemas.REPLIES_OF_2026_07.items():
        status, body = reply(lightspeed, "2026-07", operation)
        assert status == 200, operation
        found |= set(schemas.departures(body, schema, schemas.OF_2026_07, operation))
    assert found == DEVIATIONS_OF_2026_07


def test_a_return_that_is_not_finished_is_a_sale_of_2_0(lightspeed: LightspeedCaller) -> None:
    lightspeed.set(flat_returns=True)
    (sale,) = [row for row in lightspeed.rows("sales") if "status" in row]
    known = schemas.document()["components"]["schemas"]
    assert set(schemas.departures(sale, known["Sale"], known, "Sale")) <= DEVIATIONS_OF_2_0 | schemas.departures_of_examples()


def test_without_pictures_a_product_lacks_members_that_are_required(lightspeed: LightspeedCaller) -> None:
    (product,) = lightspeed.get("products", page_size=1, include_images="false")["data"]
    missing = set(schemas.departures(product, {"$ref": "Product"}, schemas.OF_2026_07)) - DEVIATIONS_OF_2026_07
    assert missing == {"Product.images: missing", "Product.skuImages: missing"}
