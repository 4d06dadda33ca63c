"""Stock of the shop, kept from Sentos: what is written, what is not, and what becomes of a call that goes wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines.delivery import runs
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sentos import PRICES, PRODUCTS, STOCK
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines_tests.pipelines.sentos_scene import CENTRAL, DEPOT, MAIN, SECOND, Killed, SentosScene, garment, variant

SET, STOCK_AT = "mutation inventorySetQuantities", "mutation inventoryActivate"


def in_step(scene: SentosScene, *products: dict[str, Any]) -> None:
    """These products in both systems, with their stock."""
    scene.add_products(*(products or (garment(1), garment(2))))
    scene.sync(PRODUCTS, STOCK)
    scene.sandbox.shopify.change_state({"settings": {}})


def offers(scene: SentosScene, *skus: str, location: str = MAIN) -> list[int | None]:
    return [scene.offered(sku, location) for sku in skus]


# --- calls -------------------------------------------------------------------------------------------------------------


def test_the_least_calls_count_what_an_item_takes_that_is_stocked_for_the_first_time(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPIFY_SENTOS_TRACK_UNTRACKED", "true")
    in_step(sentos)
    spent = []
    for away in ([], ["G1-S"], ["G1-M", "G2-S", "G2-M"]):
        sentos.shop(inventory={sku: {MAIN: None, SECOND: 4} for sku in away})
        sentos.meter.used.clear(), sentos.meter.minimum.clear()
        sentos.stock()
        spent.append((sentos.meter.used["shopify"], sentos.meter.minimum["shopify"]))
    (idle, idle_least), *others = spent
    assert [used - idle for used, _ in others] == [least - idle_least for _, least in others] == [4, 10]


# --- what is planned ----------------------------------------------------------------------------------------------------


def test_products_and_their_stock_in_one_run_and_a_second_writes_nothing(sentos: SentosScene) -> None:
    sentos.add_products(garment(1, pieces=7), garment(2, pieces=0))
    *_, stock = sentos.sync(PRODUCTS, PRICES, STOCK)
    assert stock.counts == {"delivered": 2}  # nothing of the others, which is what they were made with
    assert offers(sentos, "G1-S", "G1-M", "G2-S", "G2-M") == [7, 7, 0, 0]
    writes = sentos.writes()
    again = sentos.sync(PRODUCTS, PRICES, STOCK)
    assert [sentos.planned(each.plan) for each in again] == [{}, {}, {}]
    assert sentos.writes() == writes


def test_stock_that_is_planned_before_its_product_is_made_is_set_once_it_is(sentos: SentosScene) -> None:
    """As a run does it: all plans first."""
    sentos.add_products(garment(1, pieces=7))
    session = sentos.session(PRODUCTS, STOCK)
    plans = {write: sentos.plan(write, session=session) for write in (PRODUCTS, STOCK)}
    assert sentos.planned(plans[STOCK]) == {"G1-S": "create", "G1-M": "create"}
    for write, plan in plans.items():
        sentos.apply(write, plan, session)
    assert offers(sentos, "G1-S", "G1-M") == [7, 7]


def test_what_cannot_be_made_has_no_stock_to_plan(sentos: SentosScene) -> None:
    sentos.add_products(garment(1, currency="USD"), garment(2))
    *_, stock = sentos.sync(PRODUCTS, PRICES, STOCK)
    assert set(sentos.planned(stock.plan)) == {"G2-S", "G2-M"}
    assert sentos.planned(sentos.stock().plan) == {}


def test_what_is_ordered_and_not_in_sentos_is_taken_off_until_it_is(sentos: SentosScene) -> None:
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=3)
    sentos.shop(inventory={"G1-S": {MAIN: 10}})  # somebody counts, and forgets the order
    assert sentos.stock().counts == {"delivered": 1}
    assert sentos.offered("G1-S") == 7
    sentos.orders()
    assert sentos.erp_stock("G1-S") == 7
    assert sentos.planned(sentos.stock().plan) == {}
    sentos.erp_status(name, 5, tracking_number="1", cargo_company="Aras Kargo")
    sentos.shipments()
    assert sentos.planned(sentos.stock().plan) == {}
    assert sentos.offered("G1-S") == 7


def test_an_order_that_the_shop_sent_before_sentos_had_it_is_taken_off_and_listed(sentos: SentosScene) -> None:
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=3)
    sentos.fulfil(name)
    sentos.count_in("G1-S", 12)
    session = sentos.session(STOCK)
    sentos.apply(STOCK, sentos.plan(STOCK, session=session), session)
    assert sentos.offered("G1-S") == 9
    assert session.once("unsettled pieces", dict) == {name: 3}
    sentos.orders()
    assert sentos.erp_stock("G1-S") == 9
    assert sentos.planned(sentos.stock().plan) == {}
    assert sentos.offered("G1-S") == 9


@pytest.mark.parametrize("seconds", [-60, 60], ids=["behind", "ahead"])
def test_the_shops_clock_may_differ_from_ours(sentos: SentosScene, seconds: float) -> None:
    in_step(sentos)
    theirs = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    sentos.sandbox.shopify.change_state({"settings": {"now": theirs}, "buy": [{"lines": [{"sku": "G1-S", "quantity": 3}]}]})
    sentos.sandbox.shopify.change_state({"fulfil": [{"order": "#1001"}]})
    sentos.count_in("G1-S", 12)
    sentos.stock()
    assert sentos.offered("G1-S") == 9


def test_an_order_that_was_cancelled_in_sentos_before_its_list_says_so(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pieces are back in the stock at once, and the shop still owes them."""
    monkeypatch.setenv("SENTOS_LAG_SECONDS", "1")
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=3)
    sentos.orders()
    time.sleep(1.1)  # from then on Sentos' stock is surely without it
    sentos.stock()
    assert sentos.offered("G1-S") == 7
    sentos.erp(settings={"panel_lag": 0.9 * sentos.sandbox.speed})
    sentos.erp_status(name, 6)
    sentos.stock()
    assert sentos.offered("G1-S") == 7


def test_an_order_that_sentos_just_got_is_not_taken_for_lowered_stock(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_step(sentos)
    monkeypatch.setenv("SENTOS_LAG_SECONDS", "5")
    sentos.erp(settings={"stock_lag": 5 * sentos.sandbox.speed})
    sentos.buy("G1-S", quantity=2)
    assert sentos.orders().counts == {"delivered": 1}
    assert sentos.planned(sentos.stock().plan) == {}
    assert (sentos.erp_stock("G1-S"), sentos.offered("G1-S")) == (8, 8)


def test_what_becomes_of_orders_is_read_after_the_shops_stock(sentos: SentosScene) -> None:
    """Read before, an order that was known and is sent meanwhile would stand for another that nobody knows."""
    in_step(sentos)
    known = sentos.buy("G1-S", quantity=2)
    sentos.orders()
    sentos.count_in("G1-S", 12)

    def meanwhile() -> None:
        sentos.fulfil(known)
        sentos.buy("G1-S", quantity=2)

    sentos.interrupt(documents.ORDER_UNITS, meanwhile, after=True)
    sentos.stock()
    assert sentos.offered("G1-S") == 6  # 8 less what was just bought: refused, for somebody bought
    sentos.stock()
    assert sentos.offered("G1-S") == 10


def test_what_was_sent_before_stock_was_first_planned_is_no_news_to_sentos(sentos: SentosScene) -> None:
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=3)
    long_ago = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    sentos.sandbox.shopify.change_state({"settings": {"now": long_ago}})
    sentos.sandbox.shopify.change_state({"fulfil": [{"order": name}]})
    assert sentos.stock().counts == {"delivered": 1}
    assert sentos.offered("G1-S") == 10


def test_pieces_that_are_added_to_an_order_after_sentos_got_it_are_taken_off(sentos: SentosScene) -> None:
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=1)
    sentos.orders()
    more = dict.fromkeys(("quantity", "currentQuantity", "unfulfilledQuantity", "refundableQuantity"), 3)
    sentos.shop(set={name: {"lineItems": {"0": more}}})
    assert sentos.offered("G1-S") == 7
    sentos.count_in("G1-S", 9)
    sentos.stock()
    assert sentos.offered("G1-S") == 7


def test_an_order_that_is_cancelled_in_sentos_and_open_in_the_shop_is_taken_off(sentos: SentosScene) -> None:
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=2)
    sentos.orders()
    sentos.erp_status(name, 6)
    assert sentos.erp_stock("G1-S") == 10
    sentos.stock()
    assert sentos.offered("G1-S") == 8


def test_an_order_that_another_program_gave_sentos_is_known_and_when_it_is_cancelled_there_is_not(sentos: SentosScene) -> None:
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=2)
    order = sentos.order(name)
    lines = [{"sku": "G1-S", "quantity": 2, "price": Decimal("199.90")}]
    same = {"order_id": order["legacyResourceId"], "order_code": name, "total": Decimal("449.70"), "source": "MANUEL"}
    (number,) = sentos.erp(sell=[{**same, "lines": lines}])["sold"]
    sentos.orders()
    assert (sentos.erp_orders(), sentos.erp_stock("G1-S")) == ([], 8)
    assert sentos.planned(sentos.stock().plan) == {}
    sentos.erp(orders={str(number): {"status": 6}})
    assert sentos.erp_stock("G1-S") == 10
    sentos.stock()
    assert sentos.offered("G1-S") == 8


def test_orders_of_sentos_are_read_after_its_stock(sentos: SentosScene) -> None:
    """Else one that is cancelled between the two readings would be known, and its pieces back in stock."""
    in_step(sentos)
    name = sentos.buy("G1-S", quantity=2)
    sentos.orders()
    session = sentos.session(STOCK)
    sentos.read_states(session)
    sentos.erp_status(name, 6)
    sentos.apply(STOCK, sentos.plan(STOCK, session=session), session)
    assert sentos.offered("G1-S") == 8


def test_safety_stock_and_warehouses_that_count(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [{"warehouse": CENTRAL, "stock": 4}, {"warehouse": DEPOT, "stock": 5}]
    in_step(sentos, garment(1, (), variants=[variant("A", stocks=both), variant("B", "L", stocks=both[1:])]))
    assert offers(sentos, "A", "B") == [9, 5]
    monkeypatch.setenv("SHOPIFY_SENTOS_WAREHOUSES", "[1]")
    sentos.stock()
    assert offers(sentos, "A", "B") == [4, 0]
    monkeypatch.setenv("SHOPIFY_SENTOS_SAFETY_STOCK", "3")
    sentos.stock()
    assert offers(sentos, "A", "B") == [1, 0]


@pytest.mark.parametrize(
    ("stocks", "offered"),
    [
        ([{"warehouse": 1, "stock": "3"}], 3),
        ([{"warehouse": 1, "stock": -4}], 0),
        ([{"warehouse": 1, "stock": "-4"}, {"warehouse": 2, "stock": 6}], 2),
        ([{"warehouse": {"id": 1}, "stock": "8"}], 8),
        ([{"warehouse": 77, "stock": 9}], 9),
        ([{"warehouse": 1, "stock": ""}], 0),
        ([], 0),
    ],
)
def test_however_sentos_writes_a_stock(sentos: SentosScene, stocks: list[Any], offered: int) -> None:
    in_step(sentos, garment(1, (), variants=[variant("A", stocks=stocks)]))
    assert sentos.offered("A") == offered


@pytest.mark.parametrize("stock", ["2,5", "viele", {"n": 1}])
def test_a_stock_that_is_no_number_holds_its_row_alone(sentos: SentosScene, stock: Any) -> None:
    in_step(sentos)
    product = next(iter(sentos.erp_products().values()))
    odd = [{**v, "stocks": [{"warehouse": 1, "stock": stock if v["sku"] == "G1-S" else 3}]} for v in product["variants"]]
    sentos.erp(set={str(product["id"]): {"variants": odd}})
    found = sentos.stock()
    assert "Sentos' stock cannot be used" in found.held["G1-S"]
    assert offers(sentos, "G1-S", "G1-M") == [10, 3]


# --- where it is kept ---------------------------------------------------------------------------------------------------


def test_what_is_not_stocked_at_the_location_is_stocked_there_and_then_set(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.shop(inventory={"G1-S": {MAIN: None, SECOND: 4}})
    found = sentos.stock()
    assert found.counts == {"delivered": 1}
    assert (sentos.offered("G1-S"), sentos.offered("G1-S", SECOND)) == (10, 4)
    assert sentos.planned(sentos.stock().plan) == {}


def test_an_item_that_comes_back_to_the_location_is_compared_with_what_it_had_there(sentos: SentosScene) -> None:
    """Without a quantity the shop brings the old one back; somebody may buy of it before ours is set."""
    in_step(sentos)
    sentos.shop(inventory={"G1-S": {MAIN: 6}})
    sentos.shop(inventory={"G1-S": {MAIN: None}})
    sentos.interrupt(documents.SET_STOCK, lambda: sentos.buy("G1-S", quantity=2))
    found = sentos.stock()
    assert found.counts == {"drifted": 1}
    assert sentos.offered("G1-S") == 4
    sentos.stock()
    assert sentos.offered("G1-S") == 8


def test_an_item_that_is_ordered_where_it_is_not_stocked_is_not_offered_twice(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.shop(inventory={"G1-S": {MAIN: 0}})
    sentos.shop(inventory={"G1-S": {MAIN: None}})
    sentos.buy("G1-S", quantity=2)
    assert sentos.stock().counts == {"drifted": 1}
    assert sentos.stock().counts == {"delivered": 1}
    assert sentos.offered("G1-S") == 8


def test_what_the_shop_does_not_track_is_left_alone_unless_the_settings_say_so(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_step(sentos)
    sentos.shop(variants={"G1-S": {"tracked": False}})
    sentos.count_in("G1-S", 3)
    assert "does not track its stock" in sentos.stock().held["G1-S"]
    monkeypatch.setenv("SHOPIFY_SENTOS_TRACK_UNTRACKED", "true")
    assert sentos.stock().counts == {"delivered": 1}
    there = sentos.variants()["G1-S"]
    assert (there["tracked"], there["inventory"][MAIN]) == (True, 3)


def test_the_location_is_named_by_its_name(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    in_step(sentos)
    monkeypatch.setenv("SHOPIFY_SENTOS_LOCATION", SECOND)
    sentos.stock()
    assert offers(sentos, "G1-S", location=SECOND) == [10]
    sentos.count_in("G1-S", 3)
    sentos.stock()
    assert (sentos.offered("G1-S"), sentos.offered("G1-S", SECOND)) == (10, 3)


def test_an_order_that_is_sent_from_another_location_says_nothing_of_this_one(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_step(sentos)
    monkeypatch.setenv("SHOPIFY_SENTOS_LOCATION", SECOND)
    sentos.stock()
    sentos.buy("G1-S", quantity=2)  # from the main one
    assert sentos.planned(sentos.stock().plan) == {}
    assert sentos.offered("G1-S", SECOND) == 10


@pytest.mark.parametrize("named", ["Nowhere", "Old Warehouse", "main warehouse"])
def test_a_location_that_is_not_there_stops_the_run(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    in_step(sentos)
    monkeypatch.setenv("SHOPIFY_SENTOS_LOCATION", named)
    with pytest.raises(DeliveryError, match=f"no active location '{named}'.*'Main Warehouse'"):
        sentos.stock()


def test_without_a_location_for_online_orders_nothing_is_planned(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.shop(locations={MAIN: {"fulfills_online_orders": False}})
    with pytest.raises(DeliveryError, match="no active location of the shop fulfils online orders"):
        sentos.stock()


# --- writing ------------------------------------------------------------------------------------------------------------


def test_so_many_skus_go_in_two_calls(sentos: SentosScene) -> None:
    in_step(sentos, *(garment(n, [f"S{size}" for size in range(60)]) for n in range(1, 6)))
    before = sentos.writes()["inventorySetQuantities"]
    sentos.erp(stock={sku: {"1": 3} for sku in sentos.variants()})
    assert sentos.stock().counts == {"delivered": 300}
    assert sentos.writes()["inventorySetQuantities"] == before + 2
    assert {sentos.offered(sku) for sku in list(sentos.variants())[::50]} == {3}


def test_somebody_buys_just_before_the_write_and_the_others_of_the_call_still_go(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.erp(stock={"G1-S": {"1": 6}, "G1-M": {"1": 6}, "G2-S": {"1": 20}})
    sentos.fault("shopify", SET, "between", change={"buy": [{"lines": [{"sku": "G1-M", "quantity": 2}]}]})
    found = sentos.stock()
    assert found.counts == {"delivered": 2, "drifted": 1}
    assert "somebody bought" in sentos.outcomes(found.plan)["G1-M"][1]
    assert offers(sentos, "G1-S", "G1-M", "G2-S") == [6, 8, 20]
    assert sentos.stock().counts == {"delivered": 1}
    assert sentos.offered("G1-M") == 4


@pytest.mark.parametrize("field", ["entry", "none"])
def test_a_stale_row_is_found_wherever_the_shop_says_it(sentos: SentosScene, field: str) -> None:
    in_step(sentos)
    sentos.shop(settings={"stale_field": field})
    sentos.erp(stock={"G1-S": {"1": 6}, "G1-M": {"1": 6}})
    sentos.fault("shopify", SET, "between", change={"buy": [{"lines": [{"sku": "G1-M", "quantity": 2}]}]})
    assert sentos.stock().counts == {"delivered": 1, "drifted": 1}
    assert offers(sentos, "G1-S", "G1-M") == [6, 8]


@pytest.mark.parametrize("on", [SET, STOCK_AT])
@pytest.mark.parametrize("kind", ["lost_reply", "lost_request"])
def test_a_lost_answer_is_settled_without_a_second_effect(sentos: SentosScene, on: str, kind: str) -> None:
    in_step(sentos)
    sentos.count_in("G1-S", 6)
    if on == STOCK_AT:
        sentos.shop(inventory={"G1-S": {MAIN: None}})
    sentos.fault("shopify", on, kind)
    sentos.stock()
    sentos.stock()  # an item that was stocked there, and no further, is set by the next run
    assert sentos.offered("G1-S") == 6
    sentos.buy("G1-S")
    assert sentos.offered("G1-S") == 5
    assert sentos.planned(sentos.stock().plan) == {}


def test_a_process_that_is_killed_after_its_call_writes_nothing_over_a_sale(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.count_in("G1-S", 6)

    def killed() -> None:
        raise Killed

    sentos.interrupt(documents.SET_STOCK, killed, after=True)
    with pytest.raises(Killed):
        sentos.stock()
    sentos.buy("G1-S")
    sentos.stock()
    assert sentos.offered("G1-S") == 5


@pytest.mark.parametrize("keys", ["refused", "reused"])
def test_a_call_that_failed_unheard_is_sent_again_under_another_key(sentos: SentosScene, keys: str) -> None:
    """What the key of a call that failed is worth is the shop's choice. Here its answer was lost, and what failed it is over."""
    in_step(sentos)
    sentos.shop(settings={"failed_keys": keys})
    sentos.count_in("G1-S", 6)
    sentos.interrupt(documents.SET_STOCK, lambda: sentos.shop(locations={MAIN: {"active": False}}))
    sentos.fault("shopify", SET, "lost_reply")
    sentos.interrupt(documents.VARIANTS, lambda: sentos.shop(locations={MAIN: {"active": True, "fulfills_online_orders": True}}))
    assert sentos.stock().counts == {"delivered": 1}
    assert sentos.offered("G1-S") == 6


def test_a_key_that_is_still_in_use_is_waited_for(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.count_in("G1-S", 6)
    sentos.fault("shopify", SET, "key_in_use")
    assert set(sentos.stock().counts) <= {"delivered", "unchanged"}
    assert sentos.offered("G1-S") == 6


def test_an_old_plan_is_refused(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.count_in("G1-S", 6)
    plan = sentos.plan(STOCK)
    valid = datetime.fromisoformat(sentos.ledger.plan(plan.id)["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < valid < timedelta(minutes=16)


def test_implausibly_many_rises_are_held_and_lowerings_go(sentos: SentosScene) -> None:
    skus = [f"S{size}" for size in range(60)]
    in_step(sentos, garment(1, skus))
    sentos.erp(stock={f"G1-S{n}": {"1": 25 if n < 40 else 4} for n in range(50)})
    found = sentos.stock()
    assert found.counts == {"delivered": 10, "held": 40}
    assert len(found.held) == 40
    assert "more than 50% needs a person" in found.held["G1-S0"]
    assert offers(sentos, "G1-S0", "G1-S45") == [10, 4]


def test_stock_is_not_taken_back(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.count_in("G1-S", 6)
    found = sentos.stock()
    undone = sentos.undo(STOCK, found.plan)
    assert [key for key, why in undone.impossible if "stock is not taken back" in why] == ["G1-S"]
    assert sentos.offered("G1-S") == 6


def test_what_a_person_counts_in_the_shop_is_overwritten(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.shop(inventory={"G1-S": {MAIN: 99}, "G1-M": {MAIN: 1}})
    found = sentos.stock()
    assert (found.counts, found.held) == ({"delivered": 2}, {})
    assert offers(sentos, "G1-S", "G1-M") == [10, 10]


def test_an_implausibly_small_reading_of_sentos_stops_everything(sentos: SentosScene) -> None:
    in_step(sentos, *(garment(n) for n in range(1, 11)))
    sentos.erp(delete=list(sentos.erp_products())[3:])
    found = sentos.plan(STOCK)
    assert found.verdict == "stopped"
    assert sentos.offered("G9-S") == 10


# --- what Sentos has no more --------------------------------------------------------------------------------------------


def test_what_leaves_sentos_is_not_offered_once_two_readings_miss_it(sentos: SentosScene) -> None:
    in_step(sentos, *(garment(n) for n in range(1, 11)))
    sentos.erp(delete=list(sentos.erp_products())[:1])
    assert sentos.planned(sentos.stock().plan) == {}
    assert sentos.offered("G1-S") == 10
    found = sentos.stock()
    assert found.counts == {"delivered": 2}
    assert offers(sentos, "G1-S", "G1-M", "G2-S") == [0, 0, 10]
    assert sentos.planned(sentos.stock().plan) == {}


def test_what_comes_back_in_between_stays(sentos: SentosScene) -> None:
    in_step(sentos, *(garment(n) for n in range(1, 11)))
    (number, product), *_ = sentos.erp_products().items()
    variants = product["variants"]
    for there in (variants[:1], variants, variants[:1]):
        sentos.erp(set={str(number): {"variants": there}})
        assert sentos.planned(sentos.stock().plan) == {}
    assert sentos.offered("G1-M") == 10


def test_what_is_another_row_by_now_keeps_its_stock(sentos: SentosScene) -> None:
    """A SKU that is renamed on both sides: the variant is not gone, it has another key."""
    in_step(sentos, *(garment(n) for n in range(1, 11)))
    (number, product), *_ = sentos.erp_products().items()
    renamed = [{**v, "sku": v["sku"].replace("G1", "NEW")} for v in product["variants"]]
    sentos.erp(set={str(number): {"variants": renamed}})
    sentos.shop(variants={"G1-S": {"sku": "NEW-S"}, "G1-M": {"sku": "NEW-M"}})
    for _ in range(3):
        sentos.stock()
        assert offers(sentos, "NEW-S", "NEW-M") == [10, 10]


def test_what_others_sell_in_the_shop_and_sentos_never_had_keeps_its_stock(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.shop(products={"add": [{"title": "Mug", "variants": [{"sku": "MUG", "inventory": {MAIN: 5}}]}]})
    for _ in range(3):
        sentos.stock()
    assert sentos.offered("MUG") == 5


@pytest.mark.parametrize(("outcome", "state"), [("drifted", "done"), ("rejected", "incomplete")])
def test_somebody_who_buys_in_between_does_not_make_a_run_end_badly(sentos: SentosScene, outcome: str, state: str) -> None:
    session = sentos.session(STOCK)
    runs.start_run(session.ledger, session.id, session.pipeline, "sync stock")
    deciding, _ = STOCK.writer().ended(session, {outcome: 1})
    session.count(STOCK.applies, {outcome: 1}, deciding)
    session.end("", timedelta(days=1))
    known = runs.get_run(session.ledger, session.id)
    assert known is not None
    assert known["state"] == state
