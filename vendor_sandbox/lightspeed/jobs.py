"""What the vendor does some time after a call that said it would."""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.lightspeed import consignment_stock, image_calls
from vendor_sandbox.lightspeed.store import Row, Store, stamp


def run_due(store: Store, image_fails: tuple[str, ...] = ()) -> None:
    """Do what is due. Products of the sizes that the settings ask for are left as they are."""
    now = store.clock.now()
    due = [job for job in store.jobs if job[0] <= now]
    store.jobs = [job for job in store.jobs if job[0] > now]
    for _, collection, row_id in due:
        if collection == "consignments":
            consignment_stock.include(store, row_id)
        elif collection == "images":
            image_calls.finish(store, row_id, image_fails)
        else:
            _part(store, collection, row_id)


def _part(store: Store, collection: str, row_id: str) -> None:
    """Part all products from a row that was deleted."""
    part = _PARTED[collection]
    for product in list(store["products"].own.values()):
        changes = {} if product["deleted_at"] else part(store, product, row_id)
        if changes:
            store.put("products", {**product, **changes, "updated_at": stamp()})


def _from_supplier(_store: Store, product: Row, supplier_id: str) -> Mapping[str, Any]:
    left = [link for link in product["suppliers"] if link["supplier_id"] != supplier_id]
    return {"suppliers": left} if len(left) != len(product["suppliers"]) else {}


def _from_brand(_store: Store, product: Row, brand_id: str) -> Mapping[str, Any]:
    return {"brand_id": None} if product["brand_id"] == brand_id else {}


def _from_tag(_store: Store, product: Row, tag_id: str) -> Mapping[str, Any]:
    left = [each for each in product["tag_ids"] if each != tag_id]
    return {"tag_ids": left} if len(left) != len(product["tag_ids"]) else {}


def _from_category(store: Store, product: Row, category_id: str) -> Mapping[str, Any]:
    """Move a product to the next category above that is left, if any is."""
    if product["category_id"] != category_id:
        return {}
    above = store["categories"][category_id]["parent_id"]
    while above is not None and store["categories"][above]["deleted_at"]:
        above = store["categories"][above]["parent_id"]
    return {"category_id": above}


_PARTED: Mapping[str, Callable[[Store, Row, str], Mapping[str, Any]]] = {
    "suppliers": _from_supplier,
    "brands": _from_brand,
    "tags": _from_tag,
    "categories": _from_category,
}
