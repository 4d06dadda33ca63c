"""Whatever customers, people and failing calls do, in whatever order: the shop never offers what is not there.

After every run of stock the truth of both sandboxes is asked; when sales stop, both sides agree within two runs, and the second
writes nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sentos import ORDERS, SHIPMENTS
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines_tests.pipelines.sentos_scene import Killed, SentosScene, garment

LAG = 0.08
"""Wall seconds until Sentos shows the stock without a new order's pieces, and lists the order."""
READINGS = (documents.CATALOG, documents.CHANGED_ORDERS, documents.ORDER_UNITS, documents.SET_STOCK)
CANCELLED, SENT = 6, (5, 99)


class Story:
    """Two products of three variants, few pieces of each, and what then happens."""

    def __init__(self, scene: SentosScene, seed: int) -> None:
        self.scene, self.random = scene, random.Random(seed)
        self.log: list[str] = []
        self.busy = False
        """Whether anything happens while stock is read: then what was not written may be out of date."""
        scene.add_products(garment(1, pieces=4), garment(2, ("S",), pieces=3))
        self.skus = ["G1-S", "G1-M", "G2-S"]
        scene.goods()
        scene.stock()
        scene.erp(
            settings={
                "stock_lag": LAG * scene.sandbox.speed,
                "list_lag": LAG * scene.sandbox.speed,
                "panel_lag": LAG * scene.sandbox.speed * 0.9,
            }
        )

    # --- the truth --------------------------------------------------------------------------------------------------

    def truth(self) -> dict[str, int]:
        """Pieces that may be sold: what Sentos has, less what the shop sold and Sentos does not know, and what Sentos still holds
        back for orders that were cancelled in the shop."""
        scene = self.scene
        given = {o["order_id"]: o for o in scene.erp_orders()}
        there = {sku: scene.erp_stock(sku) for sku in self.skus}
        for order in scene.sandbox.shopify.orders():
            erp = given.get(f"shopify-{order['legacyResourceId']}", {})
            held = bool(erp) and erp["status"] != CANCELLED
            sent = order["displayFulfillmentStatus"] == "FULFILLED"
            returned = bool(erp) and not held and sent
            for line in order["lineItems"]:
                if order["cancelledAt"] and not sent:
                    there[line["sku"]] += line["quantity"] * (held and erp["status"] not in SENT)
                elif not held and not returned:
                    there[line["sku"]] -= line["quantity"]
        return there

    def offered(self) -> dict[str, int]:
        there = self.scene.variants()
        return {sku: there[sku]["inventory"]["Main Warehouse"] for sku in self.skus}

    def check(self, written: set[str]) -> None:
        """Nothing that a run wrote, or found to be right, is offered and not there."""
        truth, offered = self.truth(), self.offered()
        wrong = {sku: (offered[sku], truth[sku]) for sku in written if offered[sku] > max(0, truth[sku])}
        assert not wrong, f"offered, and there: {wrong}\n" + "\n".join(self.log[-25:])

    # --- what happens -----------------------------------------------------------------------------------------------

    def orders(self, *, sent: bool = False, given: bool | None = None) -> list[str]:
        """Names of orders that are neither cancelled nor sent (or sent), of which Sentos has one or not."""
        known = {o["order_code"]: o["status"] for o in self.scene.erp_orders()}
        return [
            o["name"]
            for o in self.scene.sandbox.shopify.orders()
            if not o["cancelledAt"]
            and (o["displayFulfillmentStatus"] == "FULFILLED") == sent
            and (given is None or (known.get(o["name"], CANCELLED) != CANCELLED) == given)
            and (given is not False or o["name"] not in known)
        ]

    def buy(self) -> None:
        """A customer buys what is offered, and never more."""
        offered = self.offered()
        can = [sku for sku in self.skus if offered[sku] > 0]
        if can:
            sku = self.random.choice(can)
            quantity = self.random.randint(1, min(2, offered[sku]))
            self.log.append(f"   buys {quantity} {sku}: {self.scene.buy(sku, quantity=quantity)}")

    def fulfil(self) -> None:
        known_or_new = self.orders(given=True) + self.orders(given=False)
        if known_or_new:
            self.log.append(f"   sent by the shop: {(name := self.random.choice(known_or_new))}")
            self.scene.fulfil(name)

    def cancel(self) -> None:
        if names := self.orders():
            self.log.append(f"   cancelled in the shop: {(name := self.random.choice(names))}")
            self.scene.cancel(name)

    def sent_by_sentos(self) -> None:
        if names := self.orders(given=True):
            self.log.append(f"   sent by Sentos: {(name := self.random.choice(names))}")
            self.scene.erp_status(name, 5, cargo_company="Aras Kargo", tracking_number=name.strip("#"))

    def cancelled_in_sentos(self) -> None:
        if names := self.orders(given=True):
            self.log.append(f"   cancelled in Sentos: {(name := self.random.choice(names))}")
            self.scene.erp_status(name, CANCELLED)

    def returned(self) -> None:
        if names := self.orders(sent=True, given=True):
            self.log.append(f"   came back: {(name := self.random.choice(names))}")
            self.scene.erp_status(name, CANCELLED)

    def goods_in(self) -> None:
        sku = self.random.choice(self.skus)
        shown = max(0, self.scene.erp_stock(sku))
        self.wait()  # what a person counts is what is there, whatever Sentos shows late
        self.log.append(f"   goods in: {sku} {shown} + 3")
        self.scene.count_in(sku, shown + 3)

    def sold_elsewhere(self) -> None:
        sku = self.random.choice(self.skus)
        self.wait()
        if self.truth()[sku] > 0:
            self.log.append(f"   sold elsewhere: {sku}")
            self.scene.sell(sku)

    def wait(self) -> None:
        time.sleep(LAG * 1.1)

    def run_orders(self) -> None:
        if self.random.random() < 0.3:
            kind = self.random.choice(["lost_reply", "lost_request"])
            self.log.append(f"   {kind} of an order")
            self.scene.fault("sentos", "POST /api/orders", kind)
        if self.random.random() < 0.1:
            self.scene.interrupt("POST /orders", self.killed, after=self.random.random() < 0.5)
        self.run(lambda: self.scene.sync(ORDERS, SHIPMENTS) and None)

    def run_stock(self) -> None:
        meanwhile = self.random.choice([0, 0, 1, 1, 2])
        self.busy = meanwhile > 0
        for _ in range(meanwhile):
            action = self.random.choice([self.buy, self.buy, self.fulfil, self.cancel, self.sent_by_sentos, self.nested_orders])
            on = self.random.choice(READINGS)
            self.scene.interrupt(on, self.named(f"   meanwhile, at {on.split('(')[0].strip()}:", action))
        if self.random.random() < 0.2:
            kind = self.random.choice(["lost_reply", "lost_request"])
            self.log.append(f"   {kind} of stock")
            self.scene.fault("shopify", "mutation inventorySetQuantities", kind)
        if self.random.random() < 0.1:
            self.scene.interrupt(self.random.choice(READINGS), self.killed, after=self.random.random() < 0.5)
        self.run(self.stock)

    def stock(self) -> None:
        found = self.scene.stock()
        outcomes = self.scene.outcomes(found.plan)
        self.log.append(f"   stock: {found.counts} {found.held} {self.offered()}")
        states = {key: state for key, (state, _) in outcomes.items()}
        self.check(
            {sku for sku in self.skus if states.get(sku) == "delivered" or (not self.busy and states.get(sku) != "drifted")}
        )

    def nested_orders(self) -> None:
        """Another process sends orders meanwhile."""
        try:
            self.scene.sync(ORDERS)
        except (DeliveryError, VendorError) as e:
            self.log.append(f"   orders meanwhile: {e}")

    def named(self, what: str, action: Callable[[], None]) -> Callable[[], None]:
        def act() -> None:
            self.log.append(what)
            action()

        return act

    def killed(self) -> None:
        raise Killed

    def run(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (DeliveryError, VendorError, Killed) as e:
            self.log.append(f"   ended: {type(e).__name__} {e}")
        self.scene.interruptions.clear()
        self.scene.clear_faults()

    def live(self, steps: int) -> None:
        weights: dict[Callable[[], None], int] = {
            self.buy: 6,
            self.fulfil: 2,
            self.cancel: 1,
            self.sent_by_sentos: 1,
            self.cancelled_in_sentos: 1,
            self.returned: 1,
            self.goods_in: 1,
            self.sold_elsewhere: 1,
            self.wait: 2,
            self.run_orders: 3,
            self.run_stock: 6,
        }
        for step in self.random.choices(list(weights), list(weights.values()), k=steps):
            self.log.append(step.__name__)
            step()

    def ends_well(self) -> None:
        """Sales have stopped. Orders arrive in Sentos; then stock is right at once, and a second run has nothing to do."""
        scene = self.scene
        for _ in range(3):
            self.run(lambda: scene.sync(ORDERS, SHIPMENTS) and None)
            self.wait()
        self.busy = False
        self.run(self.stock)
        again: Any = scene.stock()
        assert scene.planned(again.plan) == {}, self.log[-25:]
        there = {sku: max(0, pieces) for sku, pieces in self.truth().items()}
        assert self.offered() == there, "\n".join(self.log[-40:])


@pytest.fixture
def lagging(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> SentosScene:
    monkeypatch.setenv("SENTOS_LAG_SECONDS", str(LAG))
    return sentos


def lived(scene: SentosScene, seed: int, steps: int) -> None:
    story = Story(scene, seed)
    story.live(steps)
    story.ends_well()


def test_whatever_happens_the_shop_offers_only_what_is_there(lagging: SentosScene) -> None:
    lived(lagging, 1, 35)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100, 108))
def test_whatever_happens_for_long_the_shop_offers_only_what_is_there(lagging: SentosScene, seed: int) -> None:
    lived(lagging, seed, 150)
