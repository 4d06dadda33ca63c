"""The least calls that a run could have made, from what it really did: fresh, unchanged, limited, chosen keys, previewed, over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.amazon_plytix import LINKS, PRODUCTS, ProductPlanRequest
from sync_pipelines.pipelines.amazon_plytix import PIPELINE as AMAZON
from sync_pipelines.pipelines.catsy_sparklayer import PIPELINE as CATSY
from sync_pipelines.pipelines.catsy_sparklayer import PRICES
from sync_pipelines.pipelines.shape import PlanRequest
from sync_pipelines.pipelines.shopify_sheets import ORDERS, OrderPlanRequest, planning
from sync_pipelines.pipelines.shopify_sheets import PIPELINE as SHEETS
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines_tests.pipelines.listing_scene import ListingScene, few
from sync_pipelines_tests.pipelines.merchant import Merchant, plain_items, set_prices
from sync_pipelines_tests.pipelines.order_scene import OrderScene, order, orders
from vendor_sandbox import Sandbox

Calls = dict[str, tuple[int, int]]
"""By vendor: calls made, and the least."""


def during(meter: CallMeter, do: Callable[[], object]) -> Calls:
    """What a run makes the meter count."""
    used, minimum = meter.used.copy(), meter.minimum.copy()
    do()
    vendors = (meter.used - used) | (meter.minimum - minimum)
    return {v: (meter.used[v] - used[v], meter.minimum[v] - minimum[v]) for v in vendors}


class TestCatsy:
    @pytest.fixture
    def merchant(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Merchant:
        monkeypatch.setenv("SPARKLAYER_BATCH_SIZE", "100")
        self.sandbox = sandbox
        return Merchant()

    def sync(self, merchant: Merchant, *, limit: int | None = None, only: tuple[str, ...] = ()) -> Calls:
        def run() -> None:
            session = merchant.session(PRICES.applies)
            plan = merchant.plan("auto", only=only, session=session)
            plan_and_apply.bring_to_its_end(session, CATSY.name, PRICES, plan=plan.id, limit=limit)

        return during(merchant.meter, run)

    def test_each_kind_of_run_makes_the_least_calls_there_are(self, merchant: Merchant) -> None:
        login, lists_and_prices, before_and_after = 1, 2, 2
        preview = during(merchant.meter, lambda: merchant.plan("auto"))
        assert preview == {"catsy": (1, 1), "sparklayer": (login + lists_and_prices,) * 2}
        assert self.sync(merchant, limit=0) == {"sparklayer": (lists_and_prices,) * 2}
        assert self.sync(merchant, limit=150) == {"sparklayer": (lists_and_prices + before_and_after + 2,) * 2}
        assert self.sync(merchant) == {"sparklayer": (lists_and_prices + before_and_after + 1,) * 2}
        assert self.sync(merchant) == {"sparklayer": (lists_and_prices,) * 2}

        items = plain_items(self.sandbox, 5)
        set_prices(self.sandbox, {item["id"]: "99.00" for item in items})
        merchant.products()
        assert self.sync(merchant, only=(items[0]["sku"],)) == {"sparklayer": (lists_and_prices + before_and_after + 1,) * 2}

    def test_applying_a_plan_that_was_applied_takes_none(self, merchant: Merchant) -> None:
        plan = merchant.plan()
        merchant.apply(plan)
        assert during(merchant.meter, lambda: merchant.apply(plan)) == {}

    def test_what_has_to_be_repeated_is_more_than_the_least(self, merchant: Merchant) -> None:
        self.sandbox.faults("sparklayer", [{"on": "PATCH *", "kind": "status", "status": 409, "times": 1}])
        used, least = self.sync(merchant)["sparklayer"]
        assert used > least


class TestSheets:
    def run(
        self, desk: OrderScene, *, apply: bool = True, limit: int | None = None, only: tuple[str, ...] = ()
    ) -> tuple[int, int]:
        session = desk.session(*([ORDERS.applies] if apply else []))
        planning.map_orders(session)
        plan_and_apply.make(session, ORDERS, OrderPlanRequest(only=only))
        if apply:
            plan_and_apply.bring_to_its_end(session, SHEETS.name, ORDERS, limit=limit)
        return session.meter.used["google"], session.meter.minimum["google"]

    def test_each_kind_of_run_is_held_against_what_it_did(self, desk: OrderScene) -> None:
        found, look, rows, around, write = 2, 1, 1, 2, 1

        def least(most: int, **how: Any) -> int:
            """… which is no more than was used, and no more than so many less."""
            used, minimum = self.run(desk, **how)
            assert 0 <= used - minimum <= most
            return minimum

        desk.take(*orders(1, 10))
        another_look = 1  # where the first was more than a second ago
        assert least(another_look, apply=False) == found + look
        grid = 1
        assert least(another_look + grid + 1, limit=4) == found + look + around + write
        assert least(another_look + grid + 1) == found + look + around + write
        assert least(0) == found + look
        desk.change(3, note="ring twice")
        desk.change(4, note="ring thrice")
        assert least(1, only=("5000003",)) == found + look + rows + around + write
        assert least(1) == found + look + rows + around + write

    def test_an_order_that_alone_is_larger_than_a_request_is_one_write(
        self, desk: OrderScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_WRITE_BYTES", "10000")
        desk.take(order(1, 200), order(2))
        used, least = self.run(desk)
        assert (used, least) == (9, 7)

    def test_applying_a_plan_that_was_applied_takes_none(self, full: OrderScene) -> None:
        (plan,) = full.ledger.column(sa.select(tables.plan.c.id))
        session = full.session()
        plan_and_apply.bring_to_its_end(session, SHEETS.name, ORDERS, plan=plan)
        assert session.meter.minimum["google"] == 0


class TestAmazon:
    def run(
        self, scene: ListingScene, *, apply: bool = True, limit: int | None = None, only: tuple[str, ...] = ()
    ) -> tuple[int, int]:
        """Calls made, but for those that read again what is about to change; and the least."""
        session = scene.session(*(write.applies for write in AMAZON.writes if apply))
        session.once("mapping boots", few)
        before = scene.meter.used["plytix"], scene.meter.minimum["plytix"]
        plan_and_apply.make(session, PRODUCTS, ProductPlanRequest(only=only, scope="boots"))
        plan_and_apply.make(session, LINKS, PlanRequest(only=only, scope="boots"))
        planned = scene.meter.used["plytix"]
        writes = scene.writes
        for write in (PRODUCTS, LINKS) if apply else ():
            plan_and_apply.bring_to_its_end(session, AMAZON.name, write, scope="boots", limit=limit)
        return planned + scene.writes - writes - before[0], scene.meter.minimum["plytix"] - before[1]

    def test_each_kind_of_run_makes_the_least_calls_there_are(self, merchandiser: ListingScene) -> None:
        account, searches = 4, 2
        links = 4  # a product is made in two calls
        merchandiser.client.login()
        merchandiser.desk().account  # noqa: B018 - what is looked at once and for all
        assert self.run(merchandiser, apply=False) == (account + searches,) * 2
        assert self.run(merchandiser, limit=1) == (account + searches + 2 * 1,) * 2
        assert self.run(merchandiser) == (account + searches + 2 * 3 + links,) * 2
        assert self.run(merchandiser) == (account + searches,) * 2
        assert self.run(merchandiser, only=(few()[1].suggested_sku,)) == (account + searches,) * 2

    def test_applying_plans_that_were_applied_takes_no_more_than_a_look_at_the_account(self, merchandiser: ListingScene) -> None:
        plans = merchandiser.sync(few()).plans
        session = merchandiser.session()
        session.once("mapping boots", few)
        before = merchandiser.meter.minimum["plytix"]
        for plan, write in zip(plans, AMAZON.writes, strict=True):
            plan_and_apply.bring_to_its_end(session, AMAZON.name, write, plan=plan.id, scope="boots")
        assert merchandiser.meter.minimum["plytix"] - before == 4
