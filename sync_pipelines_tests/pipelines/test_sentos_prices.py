"""Prices of the shop, kept from Sentos' price list."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines.delivery.releasing import release
from sync_pipelines.pipelines.shopify_sentos import PRICES
from sync_pipelines_tests.pipelines.sentos_scene import SentosScene, Synced, garment, variant

D = Decimal
UPDATE = "mutation productVariantsBulkUpdate"


def in_step(scene: SentosScene, *products: dict[str, Any]) -> list[int]:
    numbers = scene.add_products(*(products or (garment(1), garment(2))))
    scene.goods()
    return numbers


def prices(scene: SentosScene, **options: Any) -> Synced:
    return scene.sync(PRICES, **options)[0]


def priced(scene: SentosScene, n: int, sale: Any, listed: Any = None, **fields: Any) -> None:
    """Change the price of product number `n` in Sentos."""
    number = next(i for i, product in scene.erp_products().items() if product["sku"] == f"G{n}")
    scene.erp(set={str(number): {"prices": {"shopify": {"list_price": listed, "sale_price": sale}}, **fields}})


def test_a_changed_price_goes_in_one_call_per_product_and_a_second_run_writes_nothing(sentos: SentosScene) -> None:
    in_step(sentos)
    before = sentos.writes().get("productVariantsBulkUpdate", 0)
    priced(sentos, 1, "219,90", "299,90")
    assert prices(sentos).counts == {"delivered": 2}
    assert sentos.price("G1-S") == sentos.price("G1-M") == (D("219.90"), D("299.90"))
    assert sentos.price("G2-S") == (D("199.90"), D("249.90"))
    assert sentos.writes()["productVariantsBulkUpdate"] == before + 1
    assert sentos.planned(prices(sentos).plan) == {}


@pytest.mark.parametrize(
    ("sale", "listed", "now"),
    [
        ("219.90", "299.90", (D("219.90"), D("299.90"))),
        (D("219.9"), D("299.9"), (D("219.90"), D("299.90"))),
        (" 219,90 ", "1.299,90", (D("219.90"), D("1299.90"))),
        ("219,90", "219,90", (D("219.90"), None)),
        ("219,90", "200", (D("219.90"), None)),
        ("219,90", None, (D("219.90"), D("249.90"))),
        ("219,90", "", (D("219.90"), D("249.90"))),
    ],
)
def test_a_list_price_is_crossed_out_where_it_is_the_higher_one(sentos: SentosScene, sale: Any, listed: Any, now: Any) -> None:
    in_step(sentos)
    priced(sentos, 1, sale, listed)
    prices(sentos)
    assert sentos.price("G1-S") == now


@pytest.mark.parametrize(
    ("key", "lists", "now"),
    [
        ("4", {"4": {"list_price": 0, "sale_price": "209,90"}}, D("209.90")),
        ("shopify", {"trendyol": {"list_price": 0, "sale_price": "209,90"}}, D("189.90")),
        ("shopify", {"shopify": {"list_price": 250, "sale_price": ""}}, D("189.90")),
        ("shopify", [], D("189.90")),
        ("none", {"shopify": {"list_price": 0, "sale_price": "209,90"}}, D("189.90")),
    ],
)
def test_the_price_list_of_the_settings_or_else_the_products_own_price(
    sentos: SentosScene, monkeypatch: pytest.MonkeyPatch, key: str, lists: Any, now: Decimal
) -> None:
    (number, _) = in_step(sentos)
    if key != "shopify":
        monkeypatch.setenv("SHOPIFY_SENTOS_PRICE_KEY", key)
    sentos.erp(set={str(number): {"prices": lists, "sale_price": "189,90"}})
    prices(sentos)
    assert sentos.price("G1-S")[0] == now


@pytest.mark.parametrize(("sale", "why"), [("0", "zero"), (99, "50%"), ("300", "50%")])
def test_a_price_that_moves_too_far_is_held_until_a_person_releases_it(sentos: SentosScene, sale: Any, why: str) -> None:
    in_step(sentos, garment(1), *(garment(n) for n in range(2, 9)))
    priced(sentos, 1, sale)
    found = prices(sentos)
    assert found.held["G1-S"].startswith("guard")
    assert sentos.price("G1-S")[0] == D("199.90")
    release(sentos.ledger, sentos.files, found.plan.id, ["G1-S", "G1-M"], "on sale")
    assert prices(sentos).counts == {"delivered": 2}
    assert sentos.price("G1-S")[0] == D(sale)


@pytest.mark.parametrize("sale", ["Fiyat sorunuz", "-5,00", None])
def test_a_price_that_is_none_holds_its_product(sentos: SentosScene, sale: Any) -> None:
    in_step(sentos)
    priced(sentos, 1, sale, sale_price=sale)
    found = prices(sentos)
    assert set(found.held) == {"G1-S", "G1-M"}
    assert sentos.price("G1-S")[0] == D("199.90")


def test_a_product_in_another_currency_is_held_alone(sentos: SentosScene) -> None:
    in_step(sentos, *(garment(n) for n in range(1, 9)))
    priced(sentos, 1, 10, currency="USD")
    priced(sentos, 2, 210)
    found = prices(sentos)
    assert found.held["G1-S"] == "conflict: Sentos' price is in USD, the shop is in TRY"
    assert (sentos.price("G1-S")[0], sentos.price("G2-S")[0]) == (D("199.90"), D(210))


def test_a_shop_in_another_currency_stops_everything(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.shop(settings={"currency": "USD"})
    priced(sentos, 1, 210)
    assert sentos.plan(PRICES).verdict == "stopped"


def test_a_persons_price_is_held_or_overwritten_as_the_settings_say(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    in_step(sentos, *(garment(n) for n in range(1, 9)))
    sentos.goods()
    priced(sentos, 1, 210)
    prices(sentos)
    sentos.shop(variants={"G1-S": {"price": "205.00"}})
    found = prices(sentos)
    assert found.held["G1-S"].startswith("foreign_edit")
    assert sentos.price("G1-S")[0] == D(205)
    monkeypatch.setenv("SHOPIFY_SENTOS_FOREIGN_EDITS", "overwrite")
    assert prices(sentos).counts == {"delivered": 1}
    assert sentos.price("G1-S")[0] == D(210)


def test_a_price_that_somebody_changes_between_plan_and_write_stays(sentos: SentosScene) -> None:
    in_step(sentos)
    priced(sentos, 1, 210)
    found = prices(sentos, between=lambda: sentos.shop(variants={"G1-S": {"price": "205.00"}}))
    assert found.counts == {"delivered": 1, "drifted": 1}
    assert (sentos.price("G1-S")[0], sentos.price("G1-M")[0]) == (D(205), D(210))


def test_a_product_that_is_deleted_between_plan_and_write_drifts_and_the_others_go(sentos: SentosScene) -> None:
    in_step(sentos)
    priced(sentos, 1, 210)
    priced(sentos, 2, 210)
    gone = sentos.shop_products()["Gömlek 1"]["id"]
    found = prices(sentos, between=lambda: sentos.shop(products={"set": {gone: None}}))
    assert found.counts == {"delivered": 2, "drifted": 2}
    assert sentos.price("G2-S")[0] == D(210)


def test_a_product_that_is_deleted_in_the_very_moment_drifts(sentos: SentosScene) -> None:
    in_step(sentos)
    priced(sentos, 1, 210)
    gone = sentos.shop_products()["Gömlek 1"]["id"]
    sentos.fault("shopify", UPDATE, "between", change={"products": {"set": {gone: None}}})
    assert prices(sentos).counts == {"drifted": 2}


def test_a_variant_that_is_deleted_in_the_very_moment_does_not_stop_its_siblings(sentos: SentosScene) -> None:
    in_step(sentos, garment(1, ("S", "M", "L")))
    priced(sentos, 1, 210)
    sentos.fault("shopify", UPDATE, "between", change={"variants": {"G1-M": None}})
    assert prices(sentos).counts == {"delivered": 2, "drifted": 1}
    assert (sentos.price("G1-S")[0], sentos.price("G1-L")[0]) == (D(210), D(210))


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "cut_body"])
def test_a_lost_answer_is_settled_by_reading(sentos: SentosScene, kind: str) -> None:
    in_step(sentos)
    priced(sentos, 1, 210)
    sentos.fault("shopify", UPDATE, kind)
    found = prices(sentos)
    assert set(found.counts) <= {"delivered", "unchanged"}
    assert sentos.price("G1-S")[0] == D(210)
    assert sentos.planned(prices(sentos).plan) == {}


def test_undo_restores_what_was_there_and_says_what_it_cannot(sentos: SentosScene) -> None:
    in_step(sentos)
    sentos.shop(variants={"G1-S": {"price": "180.00", "compare_at_price": None}})
    found = prices(sentos)
    assert sentos.price("G1-S") == (D("199.90"), D("249.90"))
    sentos.undo(PRICES, found.plan)
    assert sentos.price("G1-S") == (D(180), None)
    again = prices(sentos)
    assert again.held["G1-S"].startswith("undone")
    priced(sentos, 1, 205)
    assert prices(sentos).counts["delivered"] == 2
    assert sentos.price("G1-S") == (D(205), None)


def test_two_plans_an_undo_and_another_price_list_in_a_row(sentos: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = in_step(sentos)
    priced(sentos, 1, 210, 260)
    first = prices(sentos)
    priced(sentos, 1, 220, 270)
    second = prices(sentos)
    undone = sentos.undo(PRICES, first.plan)
    assert undone.counts.get("drifted") == 2  # a later plan wrote over it
    assert sentos.price("G1-S") == (D(220), D(270))
    sentos.undo(PRICES, second.plan)
    assert sentos.price("G1-S") == (D(210), D(260))
    sentos.erp(set={str(numbers[0]): {"prices": {"4": {"list_price": 0, "sale_price": 230}}}})
    monkeypatch.setenv("SHOPIFY_SENTOS_PRICE_KEY", "4")
    prices(sentos)
    assert sentos.price("G1-S") == (D(230), None)
    assert sentos.planned(prices(sentos).plan) == {}


def test_more_variants_than_fit_in_a_call_go_in_two(sentos: SentosScene) -> None:
    colors = ("Siyah", "Beyaz", "Mavi")
    in_step(sentos, garment(1, (), variants=[variant(f"G1-{c}-{n}", f"{n}", c) for c in colors for n in range(90)]))
    before = sentos.writes().get("productVariantsBulkUpdate", 0)
    priced(sentos, 1, 210)
    assert prices(sentos).counts == {"delivered": 270}
    assert sentos.writes()["productVariantsBulkUpdate"] == before + 2


def test_only_the_skus_that_are_named(sentos: SentosScene) -> None:
    in_step(sentos)
    priced(sentos, 1, 210)
    assert prices(sentos, only=["G1-S"]).counts == {"delivered": 1}
    assert (sentos.price("G1-S")[0], sentos.price("G1-M")[0]) == (D(210), D("199.90"))
