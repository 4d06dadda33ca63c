"""What came to a product since it was made: the reasons not to delete it again."""

from __future__ import annotations

from sync_pipelines.pipelines.lightspeed_orders.store import Store
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS


def came_to(store: Store, product_id: str) -> list[str]:
    """Return what a product has by now, of what deleting it would take along. Raises VendorError and its kin."""
    found = list[str]()
    if store.was_sold(product_id):
        found.append("sales")
    if store.has_stock(product_id):
        found.append("stock")
    if orders := store.orders_with(product_id):
        found.append(f"{orders} orders")
    store.read_lately(PRODUCTS)
    product = store.by_ids([product_id]).get(product_id)
    if product is not None and product.has_pictures:
        found.append("pictures")
    return found
