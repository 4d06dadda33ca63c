"""Stock orders as delivery targets: an order (a consignment of type SUPPLIER), and its lines.

An order is found by its reference, and is touched only while it is OPEN. Lines are added many at a time by a call that adds up
when it is sent twice: what became of one whose answer was lost is seen in the order, and nothing is sent before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, ClassVar

from sync_pipelines.delivery.model import Answer, Applied, Change, Field, Intent, Live, PrerequisiteMissing, Refused, Stale, Step
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.sending import StoreTarget, amount
from sync_pipelines.pipelines.lightspeed_orders.store import Consignment, Line, Store, skus_of
from sync_pipelines.pipelines.lightspeed_retail.collections import CONSIGNMENTS
from sync_pipelines.vendors.failures import Permanent
from sync_pipelines.vendors.lightspeed import one

WRITE = "consignments:write:stock_order"
OPEN = "OPEN"
_OF = " / "


def key_of(reference: str, sku: str) -> str:
    return f"{reference}{_OF}{sku}"


def touched(order: Consignment) -> str:
    """Why an order is not touched any more; "" while it is open."""
    return "" if order.status == OPEN else f"order {order.reference} is {order.status} in the store; it is not touched any more"


class Orders(StoreTarget):
    """Stock orders of one store. Key: the reference. Fields: supplier and outlet, by name; open, whether it may still change."""

    name = "lightspeed/stock_orders"
    thing = "order"

    def __init__(self, store: Store, account: str, wanted: Sequence[str]) -> None:
        super().__init__(store, account)
        self.wanted = wanted
        self.fields: Mapping[str, Field] = {
            "reference": Field(),
            "supplier": Field("create_only"),
            "outlet": Field("create_only"),
            "file": Field("create_only"),
            "status": Field("foreign"),
        }
        self.steps = (
            Step("make", self.lands, frozenset(), frozenset({"create"}), atomic=True),
            Step("delete", self.lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        wanted = self.wanted if keys is None else keys
        with as_delivery_failures():
            self.store.read(CONSIGNMENTS, again=keys is not None)
            found = self.store.orders(wanted)
        for reference in dict.fromkeys(wanted):
            orders = found.get(reference, ())
            if orders:
                problem = None if len(orders) == 1 else f"the store has {len(orders)} orders with this number"
                yield self._live(orders[0], problem)

    def _live(self, order: Consignment, problem: str | None) -> Live:
        fields = {
            "reference": order.reference,
            "supplier": self.store.lookup("suppliers").name_of(order.supplier_id),
            "outlet": self.store.lookup("outlets").name_of(order.outlet_id),
            "status": order.status,
        }
        return Live(order.reference, fields, "", order.id, problem)

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        return self.answered(batch, lambda: {change.key: self._send(step, change)})

    def _send(self, step: Step, change: Change) -> Answer:
        client, what = self.store.client, f"order {change.key}"
        if step.name == "make":
            after = change.after or {}
            body: dict[str, Any] = {"name": change.key, "reference": change.key, "type": "SUPPLIER", "status": OPEN}
            for name, kind in (("supplier", "suppliers"), ("outlet", "outlets")):
                lookup = self.store.lookup(kind)
                try:
                    body[f"{name}_id"] = lookup.find(after[name])
                except Ambiguous as e:
                    return Refused(str(e))
                if body[f"{name}_id"] is None:
                    return PrerequisiteMissing(lookup.missing(after[name]))
            return Applied(str(client.write("POST", "/consignments", body, what=what, scope=WRITE, read=one)["id"]))
        order = order_now(self.store, str(change.remote_id))
        if order is None:
            return Applied(change.remote_id)
        if why := touched(order):
            return Stale(why)
        if lines := self.store.lines(order.id):
            return Stale(f"it has {len(lines)} lines that this does not take back; it stays")
        client.write("DELETE", f"/consignments/{order.id}", None, what=what, scope=WRITE)
        return Applied(order.id)


class OrderLines(StoreTarget):
    """Lines of stock orders. Key: `PO-104 / BOOT-9`. Fields: count (pieces) and cost (of one, in the store's currency)."""

    name = "lightspeed/stock_order_lines"
    thing = "line"
    window: ClassVar[int | None] = 2_000

    def __init__(self, store: Store, account: str, wanted: Sequence[str], lines_a_call: int) -> None:
        super().__init__(store, account)
        self.wanted, self.lines_a_call = wanted, lines_a_call
        self.fields: Mapping[str, Field] = {
            "count": Field(same=amount, rule="amount"),
            "cost": Field("owned" if store.shows_costs else "create_only", same=amount, rule="amount"),
        }
        self.steps = (
            Step("add", self.lands, frozenset(), frozenset({"create"}), atomic=True),
            Step("set", self.lands, frozenset(), frozenset({"update"}), repeatable=True),
            Step("delete", self.lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """The lines of the orders that are meant, each order's as they are now."""
        wanted = dict.fromkeys(self.wanted if keys is None else keys)
        with as_delivery_failures():
            self.store.read(CONSIGNMENTS, again=keys is not None)
            orders = self.store.orders({reference_of(key) for key in wanted})
            for reference, found in orders.items():
                for order in found[:1]:
                    yield from (live for live in self._lines(reference, order) if live.key in wanted)

    def _lines(self, reference: str, order: Consignment) -> Iterator[Live]:
        by_product = defaultdict[str, list[Line]](list)
        for line in self.store.lines(order.id):
            by_product[line.product_id].append(line)
        names = {product.id: product.sku for product in self.store.by_ids(by_product).values()}
        for product_id, lines in by_product.items():
            sku = names.get(product_id) or lines[0].sku
            if sku is None:
                continue
            count = sum((line.count for line in lines), Decimal(0))
            problem = None if len(lines) == 1 else f"the order has this product on {len(lines)} lines: make one of them"
            fields = {"count": count, "cost": lines[0].cost or None}
            yield Live(key_of(reference, sku), fields, reference, product_id, problem)

    def groups(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """New lines of an order together; others one by one."""
        if step.name != "add":
            yield from super().groups(step, changes)
            return
        for _, same in groupby(changes, key=lambda change: change.parent):
            rows = list(same)
            yield from (rows[start : start + self.lines_a_call] for start in range(0, len(rows), self.lines_a_call))

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        return self.answered(batch, lambda: self._send(step, batch))

    def _send(self, step: Step, batch: Sequence[Change]) -> Mapping[str, Answer]:
        reference = batch[0].parent
        orders = self.store.orders([reference]).get(reference, ())
        if len(orders) != 1:
            why = f"order {reference} is not in the store" if not orders else f"the store has {len(orders)} orders {reference}"
            return {change.key: PrerequisiteMissing(why) for change in batch}
        now = order_now(self.store, orders[0].id)
        if now is None or touched(now):
            return {change.key: Stale(touched(now) if now else f"order {reference} was deleted") for change in batch}
        if step.name == "add":
            return self._add(now, batch)
        (change,) = batch
        client, path, what = self.store.client, f"/consignments/{now.id}/products/{change.remote_id}", f"line {change.key}"
        if step.name == "delete":
            client.write("DELETE", path, None, what=what, scope=WRITE)
        else:
            client.write("PUT", path, {"data": _values(change)}, what=what, scope=WRITE)
        return {change.key: Applied(change.remote_id)}

    def _add(self, order: Consignment, batch: Sequence[Change]) -> Mapping[str, Answer]:
        known = skus_of(self.store.products({sku_of(change.key) for change in batch}))
        answers: dict[str, Answer] = {}
        body, sent = [], []
        for change in batch:
            sku = sku_of(change.key)
            if sku not in known:
                answers[change.key] = PrerequisiteMissing(f"product {sku} is not in the store")
            else:
                body.append({"product_id": known[sku], **_values(change)})
                sent.append(change)
        if sent:
            what = f"{len(sent)} lines of order {order.reference}"
            self.store.client.write("POST", f"/consignments/{order.id}/bulk", body, what=what, scope=WRITE)
            answers |= {change.key: Applied(known[sku_of(change.key)]) for change in sent}
        return answers


def order_now(store: Store, consignment_id: str) -> Consignment | None:
    """An order as it is now; None where it was deleted."""
    try:
        row = store.client.call("GET", f"/consignments/{consignment_id}", f"order {consignment_id}", "consignments:read", one)
    except Permanent as e:
        if e.status == 404:
            return None
        raise
    if row.get("deleted_at"):
        return None
    return Consignment(row["id"], row.get("reference") or "", row["status"], row.get("supplier_id"), row.get("outlet_id"))


def reference_of(key: str) -> str:
    return key.partition(_OF)[0]


def sku_of(key: str) -> str:
    return key.partition(_OF)[2]


def _values(change: Change) -> dict[str, str]:
    """The numbers of a line, which the vendor wants as text."""
    after = change.after or {}
    return {name: amount(after[name]) or "" for name in ("count", "cost") if after.get(name) is not None}
