"""What products cost as a delivery target: the supplier's own price, and nothing else of the product.

What a product costs (`supply_price`) follows the price of its first supplier. Before 2026-10 a price can be written only for a
supplier that the product's family has, and a supplier added only to all of the family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sync_pipelines.delivery.model import Answer, Applied, Change, Field, Intent, Live, PrerequisiteMissing, Refused, Stale, Step
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.sending import StoreTarget, amount
from sync_pipelines.pipelines.lightspeed_orders.store import Store, StoreProduct, SupplierLink
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS, SUPPLIERS

WRITE = "products:write"
_OF = " @ "


def key_of(sku: str, supplier: str) -> str:
    return f"{sku}{_OF}{supplier}"


def sku_of(key: str) -> str:
    return key.partition(_OF)[0]


class Costs(StoreTarget):
    """Costs of the products of one store. Key: `BOOT-9 @ Mesa Cordwain`. Fields: cost (in the store's currency), and linked:
    whether the product has this supplier."""

    name = "lightspeed/costs"
    thing = "product"
    window: ClassVar[int | None] = 500

    def __init__(self, store: Store, account: str, wanted: Sequence[str]) -> None:
        super().__init__(store, account)
        self.wanted = wanted
        self.fields: Mapping[str, Field] = {"cost": Field(same=amount, rule="amount"), "linked": Field()}
        self.steps = (Step("cost", self.lands, frozenset(), frozenset({"update"}), repeatable=True),)

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        wanted = self.wanted if keys is None else keys
        with as_delivery_failures():
            self.store.read(PRODUCTS, SUPPLIERS, again=keys is not None)
            found = self.store.products({sku_of(key) for key in wanted})
        for key in dict.fromkeys(wanted):
            sku, _, supplier = key.partition(_OF)
            products = found.get(sku, ())
            if len(products) > 1:
                yield Live(
                    key, {"cost": None, "linked": False}, "", None, f"{len(products)} products of the store have SKU {sku}"
                )
            elif products:
                yield self._live(key, supplier, products[0])

    def _live(self, key: str, supplier: str, product: StoreProduct) -> Live:
        problem = None
        try:
            link = product.link(self.store.lookup("suppliers").find(supplier))
        except Ambiguous as e:
            link, problem = None, str(e)
        if link is None and product.links:
            problem = problem or f"it has other suppliers, and not {supplier}"
        elif link is None and product.siblings > 1 and not self.by_families:
            problem = problem or f"it has no supplier, and {supplier} could be added only to all {product.siblings} of its family"
        return Live(key, {"cost": link.price if link else None, "linked": link is not None}, "", product.id, problem)

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        return self.answered(batch, lambda: {change.key: self._send(change)})

    def _send(self, change: Change) -> Answer:
        sku, _, supplier = change.key.partition(_OF)
        supplier_id = self.store.lookup("suppliers").find(supplier)
        if supplier_id is None:
            return PrerequisiteMissing(self.store.lookup("suppliers").missing(supplier))
        product = self.store.by_ids([str(change.remote_id)]).get(str(change.remote_id))
        if product is None or product.sku != sku:
            return Stale("the product is not in the store any more, or has another SKU")
        after = change.after or {}
        linked, price = bool(after.get("linked")), after.get("cost")
        if product.link(supplier_id) is None and not linked:
            return Refused("there is nothing to take back")
        others = [link for link in product.links if link.supplier_id != supplier_id]
        if self.by_families:
            links = (
                [
                    SupplierLink(supplier_id, link.code, price) if link.supplier_id == supplier_id else link
                    for link in product.links
                ]
                if linked
                else others
            )
            if linked and product.link(supplier_id) is None:
                links = [*links, SupplierLink(supplier_id, None, price)]
            self._write("PATCH", change, {"suppliers": [_shown(link) for link in links]})
        elif linked and product.link(supplier_id) is not None:
            self._write(
                "PUT", change, {"details": {"product_suppliers": [{"supplier_id": supplier_id, "price": _or_none(price)}]}}
            )
        elif product.siblings > 1:
            return Refused(f"suppliers are common to all {product.siblings} products of its family")
        else:
            links = [*others, SupplierLink(supplier_id, None, price)] if linked else others
            self._write("PUT", change, {"common": {"product_suppliers": [_shown(link) for link in links]}})
        return Applied(product.id)

    def _write(self, method: str, change: Change, body: Mapping[str, Any]) -> None:
        what = f"cost of {change.key}"
        self.store.client.write(method, f"/products/{change.remote_id}", body, what=what, scope=WRITE)


def _or_none(price: Any) -> Any:
    """-1 is what the vendor takes for no price."""
    return -1 if price is None else price


def _shown(link: SupplierLink) -> dict[str, Any]:
    found: dict[str, Any] = {"supplier_id": link.supplier_id}
    if link.code is not None:
        found["code"] = link.code
    if link.price is not None:
        found["price"] = link.price
    return found
