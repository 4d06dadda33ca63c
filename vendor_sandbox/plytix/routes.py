"""The paths of the API: V1 has everything, V2 only the products."""

from collections.abc import Mapping

from vendor_sandbox.plytix import definition_calls, link_calls, product_calls, second_version
from vendor_sandbox.plytix.calls import ApiCall
from vendor_sandbox.vendor import Handler, Routes
from vendor_sandbox.wire import Refused, Reply


def _no_jobs(_call: ApiCall, _job: str) -> Reply:
    raise Refused(403, "Forbidden")


_PRODUCTS: Mapping[str, Handler] = {
    "POST /products/search": product_calls.search,
    "POST /products": product_calls.create,
    "GET /products/{id}": product_calls.get,
    "PATCH /products/{id}": product_calls.patch,
    "DELETE /products/{id}": product_calls.delete,
    "POST /products/{id}/family": product_calls.assign_family,
    "GET /products/{id}/variants": product_calls.variants,
    "POST /products/{id}/variant/{variant}": product_calls.link_variant,
    "DELETE /products/{id}/variant/{variant}": product_calls.unlink_variant,
    "POST /products/{id}/relationships/{relationship}": link_calls.link,
    "POST /products/{id}/relationships/{relationship}/unlink": link_calls.unlink,
    "PATCH /products/{id}/relationships/{relationship}/product/{related}": link_calls.change_quantity,
}
_DEFINITIONS: Mapping[str, Handler] = {
    "POST /attributes/product/search": definition_calls.search_attributes,
    "POST /attributes/product": definition_calls.create_attribute,
    "GET /attributes/product/{id}": definition_calls.get_attribute,
    "POST /product_families/search": definition_calls.search_families,
    "POST /product_families": definition_calls.create_family,
    "GET /product_families/{id}": definition_calls.get_family,
    "GET /product_families/{id}/attributes": definition_calls.family_attributes,
    "GET /product_families/{id}/all_attributes": definition_calls.family_attributes,
    "POST /product_families/{id}/attributes/link": definition_calls.link_attributes,
    "POST /product_families/{id}/attributes/unlink": definition_calls.unlink_attributes,
    "POST /relationships/search": definition_calls.search_relationships,
    "POST /relationships": definition_calls.create_relationship,
    "GET /relationships/{id}": definition_calls.get_relationship,
    "GET /filters/product": definition_calls.product_filters,
    "GET /jobs/{id}": _no_jobs,
}


_PRODUCTS_2: Mapping[str, Handler] = {
    "POST /products/search": product_calls.search,
    "POST /products": second_version.create,
    "GET /products/{id}": second_version.get,
    "PATCH /products/{id}": second_version.patch,
    "DELETE /products/{id}": product_calls.delete,
    "POST /products/{id}/family": product_calls.assign_family,
    "POST /products/{id}/relationships/{relationship}": second_version.link,
    "PATCH /products/{id}/relationships/{relationship}": second_version.change_quantities,
    "DELETE /products/{id}/relationships/{relationship}": second_version.unlink,
}


def _below(prefix: str, table: Mapping[str, Handler]) -> dict[str, Handler]:
    return {route.replace(" ", f" {prefix}", 1): handler for route, handler in table.items()}


ROUTES = Routes({**_below("/api/v1", {**_PRODUCTS, **_DEFINITIONS}), **_below("/api/v2", _PRODUCTS_2)})
