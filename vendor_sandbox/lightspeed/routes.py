"""Which handler answers which path below the version, and the scopes that it needs."""

from collections.abc import Collection, Mapping

from vendor_sandbox.lightspeed import (
    category_calls,
    consignment_lines,
    consignment_writes,
    family_writes,
    image_calls,
    inventory_calls,
    lists,
    product_writes,
    search,
    small_writes,
)
from vendor_sandbox.vendor import Handler, Routes

Entry = tuple[str, Handler, Collection[str]]

_READS: tuple[Entry, ...] = (
    ("GET /products", lists.list_products, ["products:read"]),
    ("GET /products/{id}", lists.one("products"), ["products:read"]),
    ("GET /suppliers", lists.version_list("suppliers"), ["suppliers:read"]),
    ("GET /suppliers/{id}", lists.one("suppliers"), ["suppliers:read"]),
    ("GET /brands", lists.version_list("brands"), ["products:read"]),
    ("GET /brands/{id}", lists.one("brands"), ["products:read"]),
    ("GET /tags", lists.version_list("tags"), ["products:read"]),
    ("GET /tags/{id}", lists.one("tags"), ["products:read"]),
    ("GET /product_types", lists.version_list("product_types"), ["products:read"]),
    ("GET /product_types/{id}", lists.one("product_types"), ["products:read"]),
    ("GET /product_categories", category_calls.list_categories, ["products:read"]),
    ("GET /variant_attributes", lists.variant_attributes, ["products:read"]),
    ("GET /variant_attributes/{id}", lists.variant_attribute, ["products:read"]),
    ("GET /product_families/{id}", lists.get_family, ["products:read"]),
    ("GET /products/{id}/family", lists.family_of, ["products:read"]),
    ("GET /product_images/{id}", image_calls.get, ["products:read"]),
    ("GET /inventory", inventory_calls.list_inventory, ["inventory:read"]),
    ("POST /inventory", inventory_calls.post_inventory, ["inventory:read"]),
    ("GET /inventory/{id}", inventory_calls.of_product, ["inventory:read"]),
    ("GET /products/{id}/inventory", inventory_calls.of_product_until_dates, ["inventory:read"]),
    ("GET /consignments", lists.version_list("consignments"), ["consignments:read"]),
    ("GET /consignments/{id}", lists.one("consignments"), ["consignments:read"]),
    ("GET /consignments/{id}/products", lists.consignment_lines, ["consignments:read"]),
    ("GET /consignments/{id}/totals", consignment_writes.totals, ["consignments:read"]),
    ("GET /sales", lists.version_list("sales"), ["sales:read"]),
    ("GET /sales/{id}", lists.get_sale, ["sales:read"]),
    ("GET /outlets", lists.version_list("outlets"), ["outlets:read"]),
    ("GET /outlets/{id}", lists.one("outlets"), ["outlets:read"]),
    ("GET /registers", lists.version_list("registers"), ["registers:read"]),
    ("GET /registers/{id}", lists.one("registers"), ["registers:read"]),
    ("GET /taxes", lists.version_list("taxes"), ["taxes:read"]),
    ("GET /users", lists.version_list("users"), ["users:read"]),
    ("GET /payment_types", lists.version_list("payment_types"), ["payment_types:read"]),
    ("GET /retailer", lists.retailer, ["retailer:read", "payment_types:read"]),
    ("GET /search", search.search, []),
)

_PRODUCTS, _SUPPLIERS = ["products:write"], ["suppliers:write"]
_WRITES: tuple[Entry, ...] = (
    ("POST /products/generate_product_codes", family_writes.generate_codes, _PRODUCTS),
    ("POST /products", product_writes.create, _PRODUCTS),
    ("PUT /products/{id}", product_writes.update, _PRODUCTS),
    ("PATCH /products/{id}", family_writes.update_product, _PRODUCTS),
    ("DELETE /products/{id}", product_writes.delete_one, _PRODUCTS),
    ("DELETE /products/{id}/all", product_writes.delete_all, _PRODUCTS),
    ("POST /product_families", family_writes.create, _PRODUCTS),
    ("PATCH /product_families/{id}", family_writes.update, _PRODUCTS),
    ("POST /product_families/{id}/products", family_writes.add_products, _PRODUCTS),
    ("POST /suppliers", small_writes.create("suppliers", small_writes.supplier), _SUPPLIERS),
    ("PUT /suppliers/{id}", small_writes.update("suppliers", small_writes.supplier, lambda _, key: {"id": key}), _SUPPLIERS),
    ("DELETE /suppliers/{id}", small_writes.delete("suppliers", lambda _, deleted: {"data": deleted}), _SUPPLIERS),
    ("POST /brands", small_writes.create("brands", small_writes.brand), _PRODUCTS),
    ("PUT /brands/{id}", small_writes.update("brands", small_writes.brand, lambda _, key: {"data": {"id": key}}), _PRODUCTS),
    ("DELETE /brands/{id}", small_writes.delete("brands", small_writes.deleted_brand), _PRODUCTS),
    ("POST /tags", small_writes.create("tags", small_writes.tag), _PRODUCTS),
    ("PUT /tags/{id}", small_writes.update("tags", small_writes.tag, small_writes.updated_tag), _PRODUCTS),
    ("DELETE /tags/{id}", small_writes.delete("tags", lambda _, deleted: {"data": deleted}), _PRODUCTS),
    ("POST /variant_attributes", small_writes.create_attribute, _PRODUCTS),
    ("PUT /variant_attributes/{id}", small_writes.update_attribute, _PRODUCTS),
    ("DELETE /variant_attributes/{id}", small_writes.delete_attribute, _PRODUCTS),
    ("POST /product_categories/bulk", small_writes.write_categories, _PRODUCTS),
    ("DELETE /product_categories/bulk", small_writes.delete_categories, _PRODUCTS),
    ("POST /products/{id}/actions/image_upload", image_calls.upload, _PRODUCTS),
    ("POST /products/{id}/images", image_calls.upload_of_variant, _PRODUCTS),
    ("POST /product_families/{id}/images", image_calls.upload_of_family, _PRODUCTS),
    ("DELETE /products/{id}/images/{image_id}", image_calls.delete_of(family=False), _PRODUCTS),
    ("DELETE /product_families/{id}/images/{image_id}", image_calls.delete_of(family=True), _PRODUCTS),
    ("PUT /product_images/{id}", image_calls.move, _PRODUCTS),
    ("DELETE /product_images/{id}", image_calls.delete, _PRODUCTS),
    # Which scope a write of a consignment needs depends on its type.
    ("POST /consignments", consignment_writes.create, []),
    ("PUT /consignments/{id}", consignment_writes.update, []),
    ("DELETE /consignments/{id}", consignment_writes.delete, []),
    ("POST /consignments/{id}/products", consignment_lines.add, []),
    ("PUT /consignments/{id}/products/{product_id}", consignment_lines.update, []),
    ("DELETE /consignments/{id}/products/{product_id}", consignment_lines.delete, []),
    ("POST /consignments/{id}/bulk", consignment_lines.bulk, []),
)
_ENTRIES = (*_WRITES, *_READS)

ROUTES = Routes({route: handler for route, handler, _ in _ENTRIES})
SCOPES_OF: Mapping[Handler, Collection[str]] = {handler: scopes for _, handler, scopes in _ENTRIES}
PATHS: Mapping[Handler, str] = {handler: route.partition(" ")[2] for route, handler, _ in _ENTRIES}
"""The path of each handler: `/products/{id}`."""
