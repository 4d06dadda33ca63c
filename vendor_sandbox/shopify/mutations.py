"""The root fields that change goods, and the tags of goods and orders."""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.shopify import ids, inventory_writes, product_set, product_writes, variant_writes
from vendor_sandbox.shopify.answers import Typed, denied
from vendor_sandbox.shopify.idempotency import Keys
from vendor_sandbox.shopify.paging import Failed
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.store import Store
from vendor_sandbox.shopify.writing import Mutation, Writing, done

_WITHOUT_KEY: Mapping[str, Mutation] = {
    "productCreate": product_writes.create,
    "productUpdate": product_writes.update,
    "productSet": product_set.set_product,
    "productDelete": product_writes.delete,
    "productOptionsCreate": product_writes.create_options,
    "productVariantsBulkCreate": variant_writes.bulk_create,
    "productVariantsBulkUpdate": variant_writes.bulk_update,
    "inventoryItemUpdate": inventory_writes.update_item,
}
_WITH_KEY: Mapping[str, tuple[str, Mutation]] = {
    "inventorySetQuantities": ("inventoryAdjustmentGroup", inventory_writes.set_quantities),
    "inventoryActivate": ("inventoryLevel", inventory_writes.activate),
}
"""Mutations that must have an idempotency key, with the member of their payload that is null when they are refused."""


class GoodsMutations:
    """Carries out the mutations of one request. `concurrent`: idempotency keys look as if they were in use."""

    def __init__(self, writing: Writing, keys: Keys, store: Store, shop: Mapping[str, Any], concurrent: bool = False) -> None:
        self._writing, self._keys, self._store, self._shop, self._concurrent = writing, keys, store, shop, concurrent

    @property
    def resolvers(self) -> Mapping[str, Callable[[Selected], Any]]:
        return {
            **dict.fromkeys(_WITHOUT_KEY, self._plain),
            **dict.fromkeys(_WITH_KEY, self._once),
            "tagsAdd": lambda field: self._tag(field, product_writes.add_tags),
            "tagsRemove": lambda field: self._tag(field, product_writes.remove_tags),
        }

    def _plain(self, field: Selected) -> dict[str, Any]:
        return {"shop": self._shop, **done(field, self._writing, _WITHOUT_KEY[field.name])}

    def _once(self, field: Selected) -> dict[str, Any]:
        result, mutation = _WITH_KEY[field.name]
        if field.name == "inventorySetQuantities" and field.idempotency_key is not None:
            inventory_writes.check_members(field.arguments)
        app, settings = self._writing.access.app, self._writing.settings
        return self._keys.once(field, app, settings, result, lambda: done(field, self._writing, mutation), self._concurrent)

    def _tag(self, field: Selected, change: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
        kind, number = ids.read_gid(field.arguments["id"]) or ("", 0)
        writing, tags = self._writing, field.arguments["tags"]
        scope = {"Product": "write_products", "Order": "write_orders"}.get(kind)
        if scope is not None and not writing.access.may(scope):
            raise denied(field.name, scope)
        if kind == "Product" and number in writing.goods.products:
            changed = change(writing, writing.goods.products[number], tags)
            writing.goods.put_product(changed)
        elif kind == "Order" and (index := self._store.index_of(field.arguments["id"])) is not None:
            changed = change(writing, self._store.order(index), tags)
            self._store.put({index: changed}, writing.settings.index_lag)
        elif kind in ("Product", "Order"):
            return {"node": None, "userErrors": [{"field": ["id"], "message": f"{kind} does not exist", "code": None}]}
        else:
            raise Failed(f"Invalid id: {field.arguments['id']}", "RESOURCE_NOT_FOUND")
        writing.goods.writes[field.name] += 1
        return {"node": Typed(kind, changed), "userErrors": []}
