"""The shop's orders in Sentos: each made once, whatever becomes of an answer, of a process or of an order meanwhile."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines.delivery import notes, reports
from sync_pipelines.delivery.ledger import Busy
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sentos import ORDERS, PIPELINE, as_sent, both_sides, order_target, questions
from sync_pipelines.pipelines.shopify_sentos.erp_orders import CURSOR
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.sentos import written_time
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines_tests.pipelines.sentos_scene import OUT_OF_THE_WAY, SentosScene, Synced
from sync_pipelines_tests.pipelines.sentos_shirts import made

CREATE, LIST, CHANGE = "POST /api/orders", "GET /api/orders", "PUT /api/orders/*"
KEY = "shopify-5000000001"
"""The first order that somebody buys."""


def calls(scene: SentosScene, method: str) -> list[int | None]:
    return [call["status"] for call in scene.sandbox.calls("sentos") if call["method"] == method]


def writes(scene: SentosScene) -> int:
    return len(calls(scene, "POST")) + len(calls(scene, "PUT"))


def outcomes(scene: SentosScene, synced: Synced) -> dict[str, str]:
    return {key: state for key, (state, _) in scene.outcomes(synced.plan).items()}


def actions(scene: SentosScene, synced: Synced) -> dict[str, str]:
    """What was planned of each order, with what is only taken note of."""
    rows = scene.files.query(synced.plan.id, "SELECT key, action FROM plan WHERE held IS NULL")
    return {row["key"]: row["action"] for row in rows}


class TestMade:
    def test_an_order_is_made_once_exactly_as_it_was_bought(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S", "G2-M", quantity=2, note="kapıya bırakın")
        assert shop.orders().counts == {"delivered": 1}
        (there,) = shop.erp_orders()
        owed = Decimal(shop.order(name)["currentTotalPriceSet"]["shopMoney"]["amount"])
        lines = [(line["sku"], line["quantity"], line["warehouse_id"]) for line in there["lines"]]
        assert (there["order_id"], there["order_code"], there["status"]) == (KEY, name, 2)
        assert (there["total"], there["currency"], there["channel_id"]) == (owed, "TL", 3)
        assert lines == [("G1-S", 2, 1), ("G2-M", 2, 1)]
        assert there["note"] == "kapıya bırakın"
        assert there["shipment_address"]["city"] == "İstanbul"
        assert made(shop) == {KEY: 1}

    def test_a_second_run_writes_nothing_and_asks_for_two_lists(self, shop: SentosScene) -> None:
        shop.buy("G1-S")
        shop.orders()
        before, read = writes(shop), len(calls(shop, "GET"))
        again = shop.orders()
        assert (again.counts, again.held) == ({}, {})
        assert writes(shop) == before
        assert len(calls(shop, "GET")) - read <= 5, "channels, warehouses, products, and two lists of orders"

    def test_what_was_read_in_a_preview_does_not_move_where_a_run_begins(self, shop: SentosScene) -> None:
        shop.buy("G1-S")
        plan = shop.plan(ORDERS, session=shop.session(verb="preview"))
        assert plan.counts.create == 1
        assert writes(shop) == 0
        assert notes.get_cursor(shop.ledger, SentosSettings.read().account, CURSOR) is None
        assert shop.orders().counts == {"delivered": 1}

    def test_the_state_goes_on_in_sentos_by_itself_and_nothing_is_written_or_held(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        before = writes(shop)
        for status in (3, 4, 5, 99):
            shop.erp_status(name, status)
            again = shop.orders()
            assert (set(again.counts) <= {"unchanged"}, again.held) == (True, {})
        assert writes(shop) == before
        assert shop.erp_orders()[0]["status"] == 99

    def test_what_came_between_a_first_preview_and_the_first_run_is_read(self, shop: SentosScene) -> None:
        shop.plan(ORDERS, session=shop.session(verb="preview"))
        shop.buy("G1-S")
        time.sleep(2.1)  # the order is older than the second that the next reading begins in
        assert shop.orders().counts == {"delivered": 1}

    def test_an_order_that_sentos_refuses_does_not_stop_the_others(self, shop: SentosScene) -> None:
        one, two = shop.buy("G1-S"), shop.buy("G2-S")
        shop.fault("sentos", CREATE, "status", status=422, body='{"message": "telefon", "errors": {"phone": ["kısa"]}}')
        run = shop.orders()
        assert sorted(outcomes(shop, run).values()) == ["delivered", "rejected"]
        assert any("kısa" in message for _, message in shop.outcomes(run.plan).values())
        assert {o["order_code"] for o in shop.erp_orders()} < {one, two}
        assert shop.orders().counts == {"delivered": 1}
        assert set(made(shop).values()) == {1}

    def test_an_order_that_sentos_did_not_make_by_its_own_word_goes_in_the_next_run(self, shop: SentosScene) -> None:
        shop.buy("G1-S")
        shop.fault("sentos", CREATE, "not_done")
        run = shop.orders()
        assert outcomes(shop, run) == {KEY: "rejected"}
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}

    def test_one_order_that_is_named_goes_alone(self, shop: SentosScene) -> None:
        names = [shop.buy("G1-S") for _ in range(3)]
        shop.read_orders(shop.session())
        keys = tuple(questions.full_keys([names[1]]))
        assert shop.orders(only=keys).counts == {"delivered": 1}
        assert [o["order_code"] for o in shop.erp_orders()] == [names[1]]
        assert shop.orders(only=("G1-S",)).counts == {}, "a SKU names no order"
        assert len(shop.erp_orders()) == 1


class TestAdopted:
    def old(self, shop: SentosScene, name: str, **changes: Any) -> None:
        """An earlier program made this order in Sentos."""
        order = shop.order(name)
        fields = {
            "order_id": f"eski-{order['legacyResourceId']}",
            "order_code": name,
            "order_date": written_time(datetime.fromisoformat(order["createdAt"])),
            "total": Decimal(order["currentTotalPriceSet"]["shopMoney"]["amount"]),
            "lines": [{"sku": "G1-S", "quantity": 1}],
            **changes,
        }
        shop.erp(sell=[fields])

    @pytest.mark.parametrize("by", ["our number", "the shop's number", "name, day and total"])
    def test_what_an_earlier_program_made_is_taken_note_of_and_not_made_again(self, shop: SentosScene, by: str) -> None:
        name = shop.buy("G1-S")
        ids = {"our number": KEY, "the shop's number": KEY.removeprefix("shopify-")}
        self.old(shop, name, **({"order_id": ids[by], "order_code": "x", "total": 1} if by in ids else {}))
        run = shop.orders()
        assert (run.counts, actions(shop, run)) == ({"unchanged": 1}, {KEY: "adopt"})
        assert writes(shop) == 0
        assert shop.orders().counts == {}
        shop.cancel(name)
        assert shop.orders().counts == {"delivered": 1}
        assert [o["status"] for o in shop.sandbox.sentos.state()["orders"] if o["source"] == "TRENDYOL"][-1] == 6
        assert made(shop) == {}

    @pytest.mark.parametrize("other", [{"total": Decimal(1)}, {"order_date": "2026-01-05 12:00:00"}, {"order_code": "#9"}])
    def test_an_order_that_differs_in_name_day_or_total_is_another_one(self, shop: SentosScene, other: dict[str, Any]) -> None:
        name = shop.buy("G1-S")
        self.old(shop, name, **other)
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}

    def test_an_order_of_another_shop_with_the_same_name_day_and_total_is_another_one(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        self.old(shop, name, order_id="shopify-7000000001")
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}

    def test_one_order_in_sentos_stands_for_one_of_the_shop(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        other = shop.buy("G1-S")
        shop.shop(set={other: {"name": name}})
        self.old(shop, name)
        run = shop.orders()
        assert sorted(actions(shop, run).values()) == ["adopt", "create"]
        assert sum(made(shop).values()) == 1

    def test_of_two_that_were_made_of_one_the_first_that_is_not_cancelled_is_it(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        for _ in range(3):
            self.old(shop, name, order_id=KEY)
        first, second, _ = (o["id"] for o in shop.erp_orders())
        shop.erp(orders={str(first): {"status": 6}})
        shop.orders()
        shop.cancel(name)
        shop.orders()
        assert [o["status"] for o in shop.erp_orders()] == [6, 6, 2]
        assert second

    def test_an_old_order_that_is_still_to_be_sent_is_looked_for_where_it_was_made(self, shop: SentosScene) -> None:
        """It comes up because somebody touched it, long after an earlier program gave it to Sentos."""
        shop.buy("G2-S")
        shop.orders()
        long_ago = datetime.now(UTC) - timedelta(days=200)
        name = shop.buy("G1-S")
        at = long_ago.replace(microsecond=0).isoformat().replace("+00:00", "Z")
        shop.shop(set={name: {"createdAt": at, "processedAt": at}})
        self.old(shop, name, order_date=written_time(long_ago), created_at=written_time(long_ago + timedelta(hours=1)))
        run = shop.orders()
        assert actions(shop, run) == {"shopify-5000000002": "adopt"}
        assert list(made(shop)) == [KEY]
        reads = len(calls(shop, "GET"))
        assert shop.orders().counts == {}
        assert len(calls(shop, "GET")) - reads <= 5, "it is not looked for again"

    @pytest.mark.parametrize("lost", ["ledger", "everything", "warehouse"])
    def test_a_program_that_lost_what_it_knew_makes_nothing_twice(self, shop: SentosScene, lost: str) -> None:
        name, other = shop.buy("G1-S"), shop.buy("G2-S")
        shop.orders()
        shop.close()
        for path in data_dir().iterdir():
            if lost == "everything" or (lost == "ledger") == path.name.startswith("ledger"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shop.__init__(shop.sandbox)  # type: ignore[misc]
        run = shop.orders()
        assert (set(run.counts) <= {"unchanged"}, run.held) == (True, {})
        assert set(made(shop).values()) == {1}
        shop.cancel(name)
        assert shop.orders().counts == {"delivered": 1}
        assert {o["order_code"]: o["status"] for o in shop.erp_orders()} == {name: 6, other: 2}


class TestLostAnswers:
    @pytest.mark.parametrize("kind", ["lost_reply", "done_but_error", "cut_body", "html"])
    def test_an_order_whose_answer_was_lost_is_found_and_not_made_again(self, shop: SentosScene, kind: str) -> None:
        shop.buy("G1-S"), shop.buy("G2-S")
        shop.fault("sentos", CREATE, kind)
        assert shop.orders().counts == {"delivered": 2}
        assert set(made(shop).values()) == {1}
        assert shop.orders().counts == {}

    @pytest.mark.parametrize("kind", ["lost_request", "html_error"])
    def test_one_that_never_arrived_is_sent_again_once_that_is_certain(self, shop: SentosScene, kind: str) -> None:
        shop.buy("G1-S")
        shop.fault("sentos", CREATE, kind, **({"status": 502} if kind == "html_error" else {}))
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}
        assert len(calls(shop, "POST")) == 2

    def test_a_look_before_the_list_shows_it_proves_nothing(self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
        shop.erp(settings={"list_lag": 400})  # 0.4 s
        monkeypatch.setenv("SENTOS_LAG_SECONDS", "0.5")
        shop.buy("G1-S")
        shop.fault("sentos", CREATE, "lost_reply")
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}
        assert len(calls(shop, "POST")) == 1

    def test_a_look_before_the_call_has_landed_proves_nothing(self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SENTOS_LANDS_WITHIN", "0.8")
        shop.buy("G1-S")
        shop.fault("sentos", CREATE, "late", seconds=0.4)
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}
        assert len(calls(shop, "POST")) == 1

    def test_a_look_that_fails_proves_nothing(self, shop: SentosScene) -> None:
        shop.buy("G1-S")
        shop.fault("sentos", CREATE, "lost_reply")
        shop.fault("sentos", LIST, "html_error", status=502, after=2, times=200)
        run = shop.orders()
        assert outcomes(shop, run) == {KEY: "unknown"}
        shop.clear_faults()
        again = shop.orders()
        assert again.held == {}
        assert made(shop) == {KEY: 1}
        assert shop.orders().counts == {}

    def test_an_order_is_found_however_far_sentos_clock_is_ahead(self, shop: SentosScene) -> None:
        shop.erp(settings={"clock_ahead": 240})
        shop.buy("G1-S")
        shop.fault("sentos", CREATE, "lost_reply")
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}
        name = shop.buy("G2-S")
        shop.orders()
        shop.erp_status(name, 5)
        shop.orders()
        assert {o.status for _, o in questions._erp_orders().values()} == {2, 5}

    def test_an_order_is_found_among_more_than_a_page_of_others(self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SENTOS_PAGE_SIZE", "5")
        for _ in range(12):
            shop.sell("G3-S")
        shop.buy("G1-S")
        shop.fault("sentos", CREATE, "lost_reply")
        shop.fault("sentos", LIST, "drift", by=3, times=40)
        assert shop.orders().counts == {"delivered": 1}
        assert made(shop) == {KEY: 1}

    def test_a_cancellation_whose_answer_was_lost_is_told_once(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        shop.cancel(name)
        shop.fault("sentos", CHANGE, "lost_reply")
        assert shop.orders().counts == {"delivered": 1}
        assert shop.erp_orders()[0]["status"] == 6
        assert shop.orders().counts == {}


class TestTwoAtOnce:
    def test_a_second_run_is_turned_away_while_the_first_one_sends(self, shop: SentosScene) -> None:
        shop.buy("G1-S")
        plan = shop.plan(ORDERS)
        with shop.ledger.holding(ShopifySentosSettings.orders_account()), pytest.raises(Busy):
            shop.apply(ORDERS, plan)
        assert made(shop) == {}
        assert shop.apply(ORDERS, plan).counts == {"delivered": 1}

    def test_an_older_plan_is_not_applied_after_a_newer_one(self, shop: SentosScene) -> None:
        shop.buy("G1-S")
        older = shop.plan(ORDERS)
        shop.buy("G2-S")
        assert shop.apply(ORDERS, shop.plan(ORDERS)).counts == {"delivered": 2}
        with pytest.raises(DeliveryError, match="was made after plan"):
            shop.apply(ORDERS, older)
        assert set(made(shop).values()) == {1}

    def test_a_plan_that_waited_does_not_make_what_was_made_meanwhile(self, shop: SentosScene) -> None:
        name, other = shop.buy("G1-S"), shop.buy("G2-S")
        plan = shop.plan(ORDERS)
        order = shop.order(other)
        shop.erp(sell=[{"order_id": f"shopify-{order['legacyResourceId']}", "lines": [{"sku": "G2-S", "quantity": 1}]}])
        assert shop.apply(ORDERS, plan).counts == {"delivered": 1, "unchanged": 1}
        assert made(shop) == {KEY: 1}
        assert shop.orders().counts == {}
        assert {o["order_code"] for o in shop.erp_orders()} >= {name}

    def test_runs_at_the_same_time_make_each_order_once(self, shop: SentosScene) -> None:
        for _ in range(6):
            shop.buy("G1-S")
        plans = [shop.plan(ORDERS), shop.plan(ORDERS, only=[KEY, "shopify-5000000002"])]
        sessions = [shop.session(ORDERS) for _ in range(2)]
        problems: list[Exception] = []

        def run(n: int) -> None:
            try:
                shop.apply(ORDERS, plans[n], sessions[n])
            except DeliveryError as e:
                problems.append(e)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(2)]
        [thread.start() for thread in threads]
        [thread.join(60) for thread in threads]
        assert len(problems) == 1
        shop.orders()
        assert sorted(made(shop).values()) == [1] * 6

    def test_two_shops_on_one_sentos_do_not_see_each_others_orders(
        self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.buy("G1-S")
        shop.orders()
        shop.erp(sell=[{"order_id": "shopify-7000000001", "order_code": "#1001", "lines": [{"sku": "G2-S", "quantity": 1}]}])
        shop.erp(orders={"shopify-7000000001": {"status": 5, "data": {"tracking_number": "T7"}}})
        run = shop.orders()
        assert (run.counts, run.plan.counts.live) == ({}, 1)
        sent = shop.shipments()
        assert (sent.counts, sent.held) == ({}, {})
        assert ShopifySentosSettings.orders_account().endswith(f"orders of {questions.ShopifySettings.read().shop}")


class TestCancelled:
    def test_an_order_cancelled_before_it_was_sent_is_not_sent(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.cancel(name)
        assert shop.orders().counts == {}
        assert writes(shop) == 0

    @pytest.mark.parametrize("status", [1, 2, 3, 4])
    def test_one_cancelled_after_it_was_sent_is_cancelled_there(self, shop: SentosScene, status: int) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        if status > 2:
            shop.erp_status(name, status)
        elif status == 1:
            shop.erp(orders={KEY: {"status": 1}})
        shop.cancel(name)
        assert shop.orders().counts == {"delivered": 1}
        assert shop.erp_orders()[0]["status"] == 6
        assert shop.orders().counts == {}
        assert calls(shop, "PUT") == [200]

    @pytest.mark.parametrize("status", [5, 99])
    def test_where_it_cannot_be_cancelled_any_more_a_person_has_to_see_to_it(self, shop: SentosScene, status: int) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        shop.erp_status(name, status)
        shop.cancel(name)
        run = shop.orders()
        assert list(run.held) == [KEY]
        assert f"in state {status} in Sentos" in run.held[KEY]
        assert calls(shop, "PUT") == []

    def test_one_that_was_sent_off_a_moment_before_is_not_cancelled_over_it(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        shop.cancel(name)
        run = shop.orders(between=lambda: shop.erp_status(name, 5))
        assert set(outcomes(shop, run).values()) <= {"drifted", "rejected"}
        assert shop.erp_orders()[0]["status"] == 5
        assert KEY in shop.orders().held

    def test_one_cancelled_in_sentos_first_needs_nothing(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        shop.erp_status(name, 6)
        shop.cancel(name)
        assert set(shop.orders().counts) <= {"unchanged"}
        assert calls(shop, "PUT") == []

    def test_one_cancelled_while_its_create_is_in_doubt_is_settled_and_cancelled(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.fault("sentos", CREATE, "lost_reply")
        shop.fault("sentos", LIST, "html_error", status=502, after=2, times=200)
        shop.orders()
        shop.clear_faults()
        shop.cancel(name)
        run = shop.orders()
        assert run.counts == {"delivered": 1}
        assert [o["status"] for o in shop.erp_orders()] == [6]
        assert made(shop) == {KEY: 1}

    def test_one_cancelled_while_its_create_never_arrived_is_not_made(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.fault("sentos", CREATE, "lost_request")
        shop.fault("sentos", LIST, "html_error", status=502, after=2, times=200)
        shop.orders()
        shop.clear_faults()
        shop.cancel(name)
        assert shop.orders().counts == {}
        assert made(shop) == {}

    def test_an_order_deleted_in_sentos_is_not_made_again_without_a_person(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        shop.erp(delete_orders=[KEY])
        shutil.rmtree(data_dir() / "warehouse")  # what was read of it is forgotten, too
        run = shop.orders()
        assert list(run.held) == [KEY]
        assert made(shop) == {KEY: 1}
        shop.cancel(name)
        assert shop.orders().counts == {}


class TestHeld:
    def test_a_held_order_is_listed_once_with_its_reason_and_stops_no_other(self, shop: SentosScene) -> None:
        shop.shop(products={"add": [{"title": "Kupon", "status": "ACTIVE", "variants": [{"sku": "NOBODY", "price": "5"}]}]})
        held, fine = shop.buy("NOBODY"), shop.buy("G1-S")
        run = shop.orders()
        assert run.counts == {"delivered": 1, "held": 1}
        assert [o["order_code"] for o in shop.erp_orders()] == [fine]
        problems = reports.problems(shop.ledger, PIPELINE.name, PIPELINE.accounts, every=False)
        assert [(row.key, "NOBODY" in row.message) for row in problems.held] == [
            (f"shopify-{shop.order(held)['legacyResourceId']}", True)
        ]
        assert questions.rejects(100) == ({}, [])

    def test_a_held_order_goes_once_its_reason_is_gone(self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOPIFY_SENTOS_OTHER_PAYMENT")
        shop.buy("G1-S", paymentGatewayNames=["havale"])
        assert "no payment method" in shop.orders().held[KEY]
        monkeypatch.setenv("SHOPIFY_SENTOS_PAYMENTS", '{"havale": "EFT/HAVALE"}')
        assert shop.orders().counts == {"delivered": 1}
        assert shop.erp_orders()[0]["payment_method"] == "EFT/HAVALE"

    def test_settings_that_change_between_runs_do_not_touch_what_was_sent(
        self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.buy("G1-S")
        shop.orders()
        for name, value in {
            "ORDER_STATUS": "1",
            "ORDER_WAREHOUSE": "2",
            "OTHER_PAYMENT": "NAKIT",
            "FINANCIAL": '["PENDING"]',
        }.items():
            monkeypatch.setenv(f"SHOPIFY_SENTOS_{name}", value)
        run = shop.orders()
        assert (run.counts, run.held) == ({}, {})
        assert shop.erp_orders()[0]["status"] == 2

    @pytest.mark.parametrize("choice", ["goes", "left_out"])
    def test_an_order_that_the_shop_sent_before_sentos_had_it(
        self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch, choice: str
    ) -> None:
        monkeypatch.setenv("SHOPIFY_SENTOS_SENT_ALREADY", choice)
        shop.fulfil(shop.buy("G1-S"))
        assert shop.orders().counts == ({"delivered": 1} if choice == "goes" else {})

    def test_old_orders_go_only_while_they_are_to_be_sent(self, shop: SentosScene) -> None:
        shop.orders()
        open_, sent = shop.buy("G1-S"), shop.buy("G2-S")
        at = (datetime.now(UTC) - timedelta(days=200)).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        shop.shop(set={name: {"createdAt": at, "processedAt": at} for name in (open_, sent)})
        shop.fulfil(sent)
        shop.buy("G3-S")
        shop.orders()
        assert [o["order_code"] for o in shop.erp_orders()] == [open_, "#1003"]

    def test_an_order_is_not_taken_back_and_the_undo_says_why(self, shop: SentosScene) -> None:
        shop.buy("G1-S")
        run = shop.orders()
        ended = shop.undo(ORDERS, run.plan)
        assert list(ended.impossible) == [(KEY, order_target.NEVER_BY_RUN)]
        assert shop.erp_orders()[0]["status"] == 2


class TestChangedAfterSending:
    def listed(self) -> dict[str, str]:
        return {row["name"]: row["reason"] for row in questions.rejects(100)[1] if row["state"] == "changed"}

    def edit(self, shop: SentosScene, name: str, district: str = "Şişli") -> None:
        address = {**shop.order(name)["shippingAddress"], "city": district}
        shop.shop(set={name: {"shippingAddress": address}})

    def test_another_address_is_listed_for_a_person_and_nothing_is_written(self, shop: SentosScene) -> None:
        name, other = shop.buy("G1-S"), shop.buy("G2-S")
        shop.orders()
        assert self.listed() == {}
        before = writes(shop)
        self.edit(shop, name)
        for _ in range(2):
            run = shop.orders()
            assert (set(run.counts) <= {"unchanged"}, run.held) == (True, {})
            assert list(self.listed()) == [name]
        assert self.listed()[name].startswith("the address changed in the shop after Sentos got the order")
        assert f"sentos settle '{name}'" in self.listed()[name]
        assert writes(shop) == before
        assert other not in self.listed()

    def test_it_is_listed_until_a_person_has_seen_to_it_and_again_after_the_next_change(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S", "G2-S")
        shop.orders()
        self.edit(shop, name)
        shop.orders()
        assert both_sides.settle(name) == [f"{name}: in Sentos as it is in the shop now"]
        assert self.listed() == {}
        shop.orders()
        assert self.listed() == {}
        shop.shop(edit=[{"order": name, "lines": {"0": 1}}])
        shop.orders()
        assert self.listed()[name].startswith("the lines and the amounts changed")

    def test_a_change_that_was_taken_back_is_not_listed_any_more(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.orders()
        was = shop.order(name)["shippingAddress"]["city"]
        self.edit(shop, name)
        shop.orders()
        self.edit(shop, name, was)
        shop.orders()
        assert self.listed() == {}

    def test_a_change_right_after_the_call_is_seen_too(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        plan = shop.plan(ORDERS, session=shop.session(verb="preview"))
        self.edit(shop, name)
        shop.apply(ORDERS, plan)
        shop.orders()
        assert list(self.listed()) == [name]

    def test_a_change_before_it_was_sent_goes_with_it(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.plan(ORDERS)
        self.edit(shop, name, "Beşiktaş")
        shop.orders()
        assert self.listed() == {}
        assert shop.erp_orders()[0]["shipment_address"]["district"] == "Beşiktaş"

    def test_an_order_that_was_sent_off_or_cancelled_has_not_changed(self, shop: SentosScene) -> None:
        sent, cancelled = shop.buy("G1-S"), shop.buy("G2-S")
        shop.orders()
        shop.fulfil(sent)
        shop.cancel(cancelled)
        shop.orders()
        assert self.listed() == {}

    def test_an_adopted_order_is_compared_from_when_it_was_found(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.erp(sell=[{"order_id": KEY, "order_code": name, "lines": [{"sku": "G1-S", "quantity": 1}]}])
        shop.orders()
        self.edit(shop, name)
        shop.orders()
        assert list(self.listed()) == [name]
        assert as_sent.SENT_AS in {e.what for e in notes.explanations(shop.ledger, as_sent._account()).values()}

    def test_what_is_settled_of_an_order_that_sentos_never_had_is_its_stock(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.read_orders(shop.session())
        assert both_sides.settle(name) == [f"{name}: its pieces are seen to"]


class TestPace:
    def many(self, shop: SentosScene, n: int) -> None:
        shop.shop(buy=[{"lines": [{"sku": "G1-S", "quantity": 1}]} for _ in range(n)])

    @pytest.fixture
    def paced(self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Twelve writes in a window, which lasts so many seconds of the wall."""

        def set_(window: float, **settings: Any) -> None:
            shop.erp(settings={**OUT_OF_THE_WAY, "burst": 0, "window_seconds": window * shop.sandbox.speed, "same_gets": 1000})
            monkeypatch.setenv("SENTOS_WINDOW_SECONDS", str(window))
            for name, value in {"SENTOS_WRITES": 12, "SENTOS_CALLS": 60, **settings}.items():
                monkeypatch.setenv(name, str(value))

        return set_

    def test_the_quota_of_writes_is_used_to_the_full_and_nothing_is_refused(
        self, shop: SentosScene, paced: Callable[..., None]
    ) -> None:
        self.many(shop, 61)
        paced(3.0)
        assert shop.orders().counts == {"delivered": 61}
        sent = [call["at"] for call in shop.sandbox.calls("sentos") if call["method"] == "POST"]
        took = moment(sent[-1]) - moment(sent[0])
        assert took < timedelta(seconds=5 * 3.0 / 0.98), "five windows, of which 98 % are used"
        assert 429 not in calls(shop, "POST") + calls(shop, "GET")
        assert sorted(made(shop).values()) == [1] * 61

    def test_a_run_ends_after_its_minutes_and_the_next_goes_on(
        self, shop: SentosScene, paced: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.many(shop, 30)
        paced(0.3)
        monkeypatch.setenv("SHOPIFY_SENTOS_ORDER_MINUTES", str(0.3 / 60))
        runs = [shop.orders() for _ in range(3)]
        assert [run.counts for run in runs] == [
            {"delivered": 12, "skipped": 18},
            {"delivered": 12, "skipped": 6},
            {"delivered": 6},
        ]
        assert sorted(made(shop).values()) == [1] * 30
        codes = [o["order_code"] for o in shop.erp_orders()]
        assert codes == sorted(codes), "the oldest first"

    def test_the_plan_says_how_long_sending_takes(self, shop: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
        from sync_pipelines.pipelines import plan_and_apply
        from sync_pipelines.pipelines.shape import PlanRequest

        self.many(shop, 30)
        monkeypatch.setenv("SENTOS_WRITES", "12")
        monkeypatch.setenv("SENTOS_WINDOW_SECONDS", "60")
        session = shop.session(verb="preview")
        shop.read_orders(session)
        metadata = plan_and_apply.make(session, ORDERS, PlanRequest()).metadata
        assert metadata["takes"] == "2 minutes at 12 calls a minute, 120 orders a run"


def moment(text: str | float) -> Any:
    return datetime.fromisoformat(text) if isinstance(text, str) else datetime.fromtimestamp(text, UTC)
