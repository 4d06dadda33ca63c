"""What Sentos has sent, told to the shop: each parcel once, with its carrier and number, and what people did there is left."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sentos import SHIPMENTS, questions, shipment_target
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_sentos.shipment_plan import carrier
from sync_pipelines.vendors import shopify_units
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines_tests.pipelines.sentos_scene import MAIN, SentosScene
from sync_pipelines_tests.pipelines.sentos_shirts import made, operations, sent
from vendor_sandbox.shopify.access import NO_FULFILMENT_ORDERS_TOKEN, READ_FULFILMENT_ORDERS_TOKEN

SHIP = "mutation fulfillmentCreate"
KEY = "shopify-5000000001"


@pytest.fixture
def packed(shop: SentosScene) -> str:
    """An order of one shirt of one kind and two of another, in Sentos. Returns its name."""
    (bought,) = shop.shop(buy=[{"lines": [{"sku": "G1-S", "quantity": 1}, {"sku": "G2-M", "quantity": 2}]}])["bought"]
    shop.orders()
    return str(bought["name"])


def send(shop: SentosScene, name: str, number: str = "TN1", company: str = "Yurtiçi", status: int = 5) -> None:
    shop.erp_status(
        name,
        status,
        cargo_company=company,
        tracking_number=number,
        tracking_url=f"https://kargo.example/{number.split(maxsplit=1)[0]}",
    )


def pieces(parcel: dict[str, Any]) -> int:
    return sum(int(line["quantity"]) for line in parcel["fulfillmentLineItems"])


def writes(shop: SentosScene) -> int:
    return sum(str(call.get("operation")).startswith("mutation fulfillment") for call in shop.sandbox.calls("shopify"))


class TestTold:
    def test_an_order_that_sentos_sent_is_sent_in_the_shop_with_carrier_number_and_address(
        self, shop: SentosScene, packed: str
    ) -> None:
        send(shop, packed)
        run = shop.shipments()
        assert (run.counts, run.report.read_back, run.report.as_planned) == ({"delivered": 1}, 1, 1)
        (parcel,) = sent(shop, packed)
        assert parcel["trackingInfo"] == [{"company": "Yurtiçi Kargo", "number": "TN1", "url": "https://kargo.example/TN1"}]
        assert pieces(parcel) == 3
        assert shop.order(packed)["displayFulfillmentStatus"] == "FULFILLED"

    @pytest.mark.parametrize("notify", [False, True])
    def test_the_customer_is_mailed_by_a_setting_only(
        self, *, shop: SentosScene, packed: str, monkeypatch: pytest.MonkeyPatch, notify: bool
    ) -> None:
        if notify:
            monkeypatch.setenv("SHOPIFY_SENTOS_NOTIFY_CUSTOMER", "true")
        assert shop.plan(SHIPMENTS).counts.changes == 0
        send(shop, packed)
        sent_: list[dict[str, Any]] = []
        client = shop.session().once("shopify", lambda: None)
        change = client.change
        client.change = lambda document, variables, **more: (sent_.append(variables), change(document, variables, **more))[1]
        try:
            shop.shipments()
        finally:
            del client.change
        assert [each["fulfillment"]["notifyCustomer"] for each in sent_] == [notify]

    def test_a_second_run_writes_nothing_and_nothing_goes_back_to_sentos(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        shop.shipments()
        before = writes(shop), len(shop.sandbox.calls("shopify"))
        again = shop.shipments()
        assert (again.counts, again.held) == ({}, {})
        assert (writes(shop), len(shop.sandbox.calls("shopify"))) == before, "nor is the shop asked"
        run = shop.orders()
        assert (set(run.counts) <= {"unchanged"}, run.held) == (True, {})
        assert [row for row in questions.rejects(10)[1] if row["state"] == "changed"] == []

    @pytest.mark.parametrize("status", [1, 2, 3, 4, 6])
    def test_an_order_in_another_state_is_not_told(self, shop: SentosScene, packed: str, status: int) -> None:
        shop.erp(orders={KEY: {"status": status, "data": {"tracking_number": "TN1"}}})
        assert shop.shipments().counts == {}

    def test_an_order_without_a_number_waits_for_it(self, shop: SentosScene, packed: str) -> None:
        shop.erp_status(packed, 5)
        assert shop.shipments().counts == {}
        send(shop, packed)
        assert shop.shipments().counts == {"delivered": 1}

    def test_a_number_may_have_any_letters(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed, "A+B/1@7%")
        assert shop.shipments().counts == {"delivered": 1}
        assert [info["number"] for info in sent(shop, packed)[0]["trackingInfo"]] == ["A+B/1@7%"]
        assert shop.shipments().counts == {}

    def test_several_numbers_are_one_shipment_of_several_parcels(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed, "TN1, TN2;TN3")
        assert shop.shipments().counts == {"delivered": 1}
        (parcel,) = sent(shop, packed)
        assert [info["number"] for info in parcel["trackingInfo"]] == ["TN1", "TN2", "TN3"]
        assert shop.shipments().counts == {}

    def test_lines_that_sentos_rejects_are_left_out(self, shop: SentosScene, packed: str) -> None:
        lines = [
            {**line, "status": "rejected" if line["sku"] == "G1-S" else "accepted"} for line in shop.erp_orders()[0]["lines"]
        ]
        shop.erp(orders={KEY: {"lines": lines}})
        send(shop, packed)
        assert shop.shipments().counts == {"delivered": 1}
        (parcel,) = sent(shop, packed)
        assert pieces(parcel) == 2
        assert shop.order(packed)["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED"
        assert shop.shipments().counts == {}

    def test_a_line_that_sentos_sends_in_part_is_sent_in_part(self, shop: SentosScene, packed: str) -> None:
        lines = [{**line, "quantity": 1} for line in shop.erp_orders()[0]["lines"]]
        shop.erp(orders={KEY: {"lines": lines}})
        send(shop, packed)
        shop.shipments()
        assert [pieces(parcel) for parcel in sent(shop, packed)] == [2]
        assert shop.shipments().counts == {}

    def test_two_lines_of_one_sku_are_both_sent(self, shop: SentosScene) -> None:
        """A total that its pieces do not divide goes to Sentos in two lines."""
        (bought,) = shop.shop(buy=[{"lines": [{"sku": "G1-S", "quantity": 1, "price": "10"}, {"sku": "G1-S", "quantity": 2}]}])[
            "bought"
        ]
        shop.orders()
        send(shop, bought["name"])
        shop.shipments()
        assert [pieces(parcel) for parcel in sent(shop, bought["name"])] == [3]

    def test_an_order_of_more_lines_than_come_in_one_call_is_sent_whole(self, shop: SentosScene) -> None:
        lines = [{"sku": sku, "quantity": 1} for sku in ("G1-S", "G1-M", "G2-S", "G2-M")] * 16
        (bought,) = shop.shop(buy=[{"lines": lines}])["bought"]
        shop.orders()
        send(shop, bought["name"])
        assert shop.shipments().counts == {"delivered": 1}
        (parcel,) = sent(shop, bought["name"])
        assert (pieces(parcel), len(parcel["fulfillmentLineItems"])) == (64, 64)
        assert shop.order(bought["name"])["displayFulfillmentStatus"] == "FULFILLED"
        send(shop, bought["name"], status=99)
        assert shop.shipments().counts == {"delivered": 1}
        assert shop.shipments().counts == {}

    def test_an_order_that_an_earlier_program_made_is_told_too(self, shop: SentosScene) -> None:
        name = shop.buy("G1-S")
        shop.erp(sell=[{"order_id": KEY.removeprefix("shopify-"), "order_code": name, "lines": [{"sku": "G1-S", "quantity": 1}]}])
        shop.orders()
        shop.erp(
            orders={KEY.removeprefix("shopify-"): {"status": 5, "data": {"cargo_company": "Aras", "tracking_number": "TN9"}}}
        )
        assert shop.shipments().counts == {"delivered": 1}
        assert sent(shop, name)[0]["trackingInfo"][0]["number"] == "TN9"
        assert made(shop) == {}

    def test_more_orders_than_are_asked_for_in_one_call_are_all_told(self, shop: SentosScene) -> None:
        shop.shop(buy=[{"lines": [{"sku": "G1-S", "quantity": 1}]} for _ in range(30)])
        shop.orders()
        for order in shop.erp_orders():
            shop.erp(orders={str(order["id"]): {"status": 5, "data": {"tracking_number": f"TN{order['id']}"}}})
        assert shop.shipments().counts == {"delivered": 30}
        assert shop.shipments().counts == {}
        assert operations(shop, SHIP) == 30


class TestCarriers:
    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            ("Yurtiçi", "Yurtiçi Kargo"),
            ("YURTİÇİ KARGO", "Yurtiçi Kargo"),
            ("yurtiçi kargo servisi", "Yurtiçi Kargo"),
            ("YURTIÇI", "Yurtiçi Kargo"),
            (" Aras Kargo ", "Aras Kargo"),
            ("SÜRAT", "Sürat Kargo"),
            ("PTT Kargo", "PTT"),
            ("Kolay Gelsin", "Kolay Gelsin"),
            ("", ""),
        ],
    )
    def test_a_carrier_has_the_shops_name_whatever_its_letters(self, theirs: str, ours: str) -> None:
        assert carrier(theirs, ShopifySentosSettings()) == ours

    def test_the_names_are_settings(self) -> None:
        settings = ShopifySentosSettings(carriers={"HIZLI": "Hızlı Kargo A.Ş."})
        assert carrier("hızlı kargo", settings) == "Hızlı Kargo A.Ş."
        assert carrier("Yurtiçi", settings) == "Yurtiçi"


class TestPlaces:
    def test_an_order_that_is_sent_from_two_locations_is_sent_in_two_calls(self, shop: SentosScene, packed: str) -> None:
        shop.shop(split={packed: {"1": 300000002}})
        send(shop, packed)
        run = shop.shipments()
        assert run.counts == {"delivered": 2}
        assert sorted(pieces(parcel) for parcel in sent(shop, packed)) == [1, 2]
        assert {info["number"] for parcel in sent(shop, packed) for info in parcel["trackingInfo"]} == {"TN1"}
        assert operations(shop, SHIP) == 2
        again = shop.shipments()
        assert (again.counts, again.held) == ({}, {})

    def test_an_order_in_more_parts_than_can_be_read_is_held_and_the_others_go(
        self, shop: SentosScene, packed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shipment_target, "PARTS", 1)
        monkeypatch.setattr(shopify_units, "MOST_PARTS", 1)
        shop.shop(split={packed: {"1": 300000002}})
        other = shop.buy("G1-S")
        shop.orders()
        send(shop, packed), send(shop, other, "TN2")
        run = shop.shipments()
        assert run.counts == {"delivered": 1, "held": 1}
        assert run.held == {f"{KEY}/TN1": "conflict: the shop sends it in more parts than can be read: send it by hand"}
        monkeypatch.setattr(shopify_units, "MOST_PARTS", 2)
        assert shop.shipments().counts == {"delivered": 2}

    def test_no_more_pieces_are_sent_from_several_locations_than_sentos_has_sent(self, shop: SentosScene) -> None:
        (bought,) = shop.shop(buy=[{"lines": [{"sku": "G1-S", "quantity": 1}, {"sku": "G1-S", "quantity": 2}]}])["bought"]
        name = bought["name"]
        shop.shop(split={name: {"1": 300000002}})
        shop.orders()
        (order,) = shop.erp_orders()
        shop.erp(orders={KEY: {"lines": [{**order["lines"][0], "sku": "G1-S", "quantity": 2}]}})
        send(shop, name)
        shop.shipments()
        assert sum(pieces(parcel) for parcel in sent(shop, name)) == 2
        again = shop.shipments()
        assert (again.counts, again.held) == ({}, {})

    def test_the_second_location_is_told_after_the_first_was_refused(self, shop: SentosScene, packed: str) -> None:
        shop.shop(split={packed: {"1": 300000002}})
        send(shop, packed)
        shop.fault("shopify", SHIP, "lost_request")
        assert shop.shipments().counts == {"delivered": 2}
        assert operations(shop, SHIP) == 3
        assert sorted(pieces(parcel) for parcel in sent(shop, packed)) == [1, 2]


class TestPeople:
    def test_an_order_on_hold_waits_with_its_reason(self, shop: SentosScene, packed: str) -> None:
        shop.shop(hold=[{"order": packed, "reason": "OTHER", "notes": "sor"}])
        send(shop, packed)
        for _ in range(2):
            run = shop.shipments()
            assert len(run.held) == 1
            assert "held there" in next(iter(run.held.values()))
        assert sent(shop, packed) == []
        shop.shop(release_hold=[packed])
        assert shop.shipments().counts == {"delivered": 1}

    def test_an_order_that_somebody_sent_by_hand_is_left_and_counted(self, shop: SentosScene, packed: str) -> None:
        shop.shop(fulfil=[{"order": packed, "tracking": {"company": "Elden", "number": "X1"}}])
        send(shop, packed)
        from sync_pipelines.pipelines import plan_and_apply
        from sync_pipelines.pipelines.shape import PlanRequest

        made_ = plan_and_apply.make(shop.session(SHIPMENTS), SHIPMENTS, PlanRequest())
        assert made_.metadata["sent_by_hand_and_left"] == 1
        run = shop.shipments()
        assert (run.counts, run.held) == ({}, {})
        assert [info["number"] for info in sent(shop, packed)[0]["trackingInfo"]] == ["X1"]

    def test_the_same_number_typed_in_by_hand_is_the_same_parcel(self, shop: SentosScene, packed: str) -> None:
        shop.shop(fulfil=[{"order": packed, "tracking": {"company": "Elden", "number": "TN1"}}])
        send(shop, packed)
        assert shop.shipments().counts == {"unchanged": 1}
        assert operations(shop, SHIP) == 0
        assert shop.shipments().counts == {}

    def test_what_is_left_after_somebody_sent_a_part_by_hand_is_sent(self, shop: SentosScene, packed: str) -> None:
        shop.shop(fulfil=[{"order": packed, "lines": {"0": 1}, "tracking": {"company": "Elden", "number": "X1"}}])
        send(shop, packed)
        assert shop.shipments().counts == {"delivered": 1}
        assert [pieces(parcel) for parcel in sent(shop, packed)] == [1, 2]

    def test_an_order_that_was_cancelled_in_the_shop_needs_a_person(self, shop: SentosScene, packed: str) -> None:
        shop.cancel(packed)
        send(shop, packed)
        run = shop.shipments()
        assert list(run.held.values()) == ["conflict: cancelled in the shop, and sent by Sentos"]
        assert operations(shop, SHIP) == 0

    def test_one_that_is_cancelled_between_plan_and_call_is_not_sent(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        run = shop.shipments(between=lambda: shop.cancel(packed))
        assert run.counts == {"drifted": 1}
        assert sent(shop, packed) == []

    def test_one_that_is_sent_by_hand_between_plan_and_call_is_not_sent_twice(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        run = shop.shipments(between=lambda: shop.fulfil(packed))
        assert run.counts == {"drifted": 1}
        assert len(sent(shop, packed)) == 1
        assert shop.shipments().held == {}

    def test_one_that_is_deleted_in_the_shop_is_passed_over(self, shop: SentosScene, packed: str) -> None:
        other = shop.buy("G3-S")
        shop.orders()
        shop.shop(delete=[packed])
        send(shop, packed)
        send(shop, other, "TN2")
        run = shop.shipments()
        assert (run.counts, run.held) == ({"delivered": 1}, {})

    def test_a_number_that_sentos_changes_later_is_for_a_person(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        shop.shipments()
        send(shop, packed, "TN2")
        run = shop.shipments()
        (why,) = run.held.values()
        assert "TN2" in why
        assert "TN1" in why
        assert [info["number"] for parcel in sent(shop, packed) for info in parcel["trackingInfo"]] == ["TN1"]
        send(shop, packed, "TN1")
        assert shop.shipments().held == {}

    def test_a_number_that_comes_later_is_for_a_person(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        shop.shipments()
        send(shop, packed, "TN1, TN2")
        for _ in range(2):
            run = shop.shipments()
            assert run.counts == {"held": 1}
            assert "a further number for it now, TN2" in next(iter(run.held.values()))

    def test_parcels_that_somebody_typed_in_one_by_one_are_the_same_parcels(self, shop: SentosScene, packed: str) -> None:
        for line, number in (("0", "TN1"), ("1", "TN2")):
            n = 1 if line == "0" else 2
            shop.shop(fulfil=[{"order": packed, "lines": {line: n}, "tracking": {"company": "PTT", "number": number}}])
        send(shop, packed, "TN1, TN2")
        run = shop.shipments()
        assert (set(run.counts) <= {"unchanged"}, run.held) == (True, {})
        assert len(sent(shop, packed)) == 2


class TestDelivered:
    def test_a_parcel_that_arrived_is_told_once(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        shop.shipments()
        send(shop, packed, status=99)
        assert shop.shipments().counts == {"delivered": 1}
        assert sent(shop, packed)[0]["displayStatus"] == "DELIVERED"
        assert shop.shipments().counts == {}
        assert operations(shop, "mutation fulfillmentEventCreate") == 1

    def test_one_that_arrived_before_the_shop_knew_of_it_is_told_in_two_runs(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed, status=99)
        assert [shop.shipments().counts for _ in range(3)] == [{"delivered": 1}, {"delivered": 1}, {}]
        assert sent(shop, packed)[0]["displayStatus"] == "DELIVERED"

    def test_that_it_arrived_is_told_by_a_setting(self, shop: SentosScene, packed: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SENTOS_MARK_DELIVERED", "false")
        send(shop, packed)
        shop.shipments()
        send(shop, packed, status=99)
        assert shop.shipments().counts == {}
        assert operations(shop, "mutation fulfillmentEventCreate") == 0

    def test_that_it_arrived_is_not_told_twice_after_a_lost_answer(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        shop.shipments()
        send(shop, packed, status=99)
        shop.fault("shopify", "mutation fulfillmentEventCreate", "lost_reply")
        assert shop.shipments().counts == {"delivered": 1}
        assert len(sent(shop, packed)[0]["events"]) == 1


class TestFaults:
    @pytest.mark.parametrize("kind", ["lost_reply", "cut_body", "html"])
    def test_a_shipment_whose_answer_was_lost_is_found_and_not_made_again(
        self, shop: SentosScene, packed: str, kind: str
    ) -> None:
        send(shop, packed)
        shop.fault("shopify", SHIP, kind)
        assert shop.shipments().counts == {"delivered": 1}
        assert len(sent(shop, packed)) == 1
        assert shop.shipments().counts == {}

    def test_one_that_lands_late_is_waited_for(self, shop: SentosScene, packed: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SENTOS_LANDS_WITHIN", "0.8")
        send(shop, packed)
        shop.fault("shopify", SHIP, "late", seconds=0.4)
        assert shop.shipments().counts == {"delivered": 1}
        assert len(sent(shop, packed)) == 1
        assert operations(shop, SHIP) == 1

    def test_one_that_never_arrived_is_sent_again(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        shop.fault("shopify", SHIP, "lost_request")
        assert shop.shipments().counts == {"delivered": 1}
        assert len(sent(shop, packed)) == 1

    @pytest.mark.parametrize("token", [NO_FULFILMENT_ORDERS_TOKEN, READ_FULFILMENT_ORDERS_TOKEN])
    def test_a_missing_right_is_named_in_one_sentence(
        self, shop: SentosScene, packed: str, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        send(shop, packed)
        login = shop.sandbox.env["SHOPIFY_ACCESS_TOKEN"]
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", token)
        shop.log_in_anew()
        with pytest.raises((DeliveryError, VendorError), match=r"merchant_managed_fulfillment_orders"):
            shop.shipments()
        assert sent(shop, packed) == []
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", login)
        shop.log_in_anew()
        assert shop.shipments().counts == {"delivered": 1}
        assert len(sent(shop, packed)) == 1


class TestTakenBack:
    def test_an_undo_cancels_the_shipment_and_the_next_run_does_not_make_it_again(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        run = shop.shipments()
        assert shop.undo(SHIPMENTS, run.plan).counts == {"delivered": 1}
        assert sent(shop, packed) == []
        again = shop.shipments()
        assert again.counts == {"held": 1}
        assert "undone" in next(iter(again.held.values()))
        send(shop, packed, "TN2")
        assert shop.shipments().counts == {"delivered": 1}

    def test_one_that_somebody_touched_stays(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        run = shop.shipments()
        send(shop, packed, status=99)
        shop.shipments()
        ended = shop.undo(SHIPMENTS, run.plan)
        assert ended.counts == {"drifted": 1}
        assert len(sent(shop, packed)) == 1

    def test_that_it_arrived_is_not_taken_back_and_the_undo_says_why(self, shop: SentosScene, packed: str) -> None:
        send(shop, packed)
        shop.shipments()
        send(shop, packed, status=99)
        run = shop.shipments()
        (why,) = shop.undo(SHIPMENTS, run.plan).impossible
        assert why[1] == shipment_target.NOT_TAKEN_BACK


def test_the_first_location_is_where_orders_are_sent_from(shop: SentosScene, packed: str) -> None:
    send(shop, packed)
    shop.shipments()
    locations = {each["id"]: each["name"] for each in shop.sandbox.shopify.state()["locations"]}
    at = sent(shop, packed)[0]["location"]
    assert locations.get(at, locations.get(f"gid://shopify/Location/{at}")) == MAIN
