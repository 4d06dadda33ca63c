"""Guards, the verdict they seal, and what a person may release."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery.applying import PlanStopped
from sync_pipelines.delivery.guards import change_size_guards, moved_too_far, must_hold, source_shrank
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.releasing import lift, release
from sync_pipelines_tests.delivery.shop import Shop

SIZE = change_size_guards(Decimal("0.20"), Decimal("0.05"), Decimal("0.05"))
MOVE = moved_too_far(Decimal("0.30"), lambda name: name == "price")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A hundred rows, synced once."""
    shop = Shop(tmp_path)
    shop.sync({f"sku-{n:03}": 100 for n in range(100)})
    return shop


def book(**changed: int) -> dict[str, int]:
    return {**{f"sku-{n:03}": 100 for n in range(100)}, **{k.replace("_", "-"): v for k, v in changed.items()}}


def states(plan: Any) -> dict[str, str]:
    return {f.guard: f.state for f in plan.findings}


def test_a_price_that_moves_too_far_or_to_zero_is_held_and_the_others_go(shop: Shop) -> None:
    report = shop.sync(book(sku_000=131, sku_001=0, sku_002=69, sku_003=130), row_guards=[MOVE])
    assert report.counts == {"held": 3, "delivered": 1}
    assert shop.prices()["sku-000"] == shop.prices()["sku-001"] == shop.prices()["sku-002"] == 100


def test_too_many_moving_rows_stop_the_plan_before_the_first_write(shop: Shop) -> None:
    calls = shop.vendor.calls
    plan = shop.plan({f"sku-{n:03}": 101 if n < 21 else 100 for n in range(100)}, plan_guards=SIZE)
    assert (plan.verdict, states(plan)["moving"]) == ("stopped", "stopped")
    with pytest.raises(PlanStopped, match="21 of 100 rows would move"):
        shop.apply(plan)
    assert shop.vendor.calls == calls
    assert shop.table("outcome")[-1]["plan"] != plan.id


def test_a_fifth_of_the_rows_may_move(shop: Shop) -> None:
    plan = shop.plan({f"sku-{n:03}": 101 if n < 20 else 100 for n in range(100)}, plan_guards=SIZE)
    assert plan.verdict == "clear"


def test_a_mass_removal_and_a_mass_hold_stop_the_plan(shop: Shop) -> None:
    removal = shop.plan({f"sku-{n:03}": 100 for n in range(94)}, plan_guards=SIZE, remove_missing=True)
    assert states(removal)["removed"] == "stopped"
    hold = shop.plan({f"sku-{n:03}": 0 if n < 6 else 100 for n in range(100)}, plan_guards=SIZE, row_guards=[MOVE])
    assert states(hold)["held"] == "stopped"


def test_without_a_baseline_the_guards_say_so_and_let_creates_and_updates_through(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for n in range(60):
        shop.vendor.set(f"sku-{n:03}", {"price": 90}, "seed")
    plan = shop.plan(book(), plan_guards=SIZE)
    assert set(states(plan).values()) == {"no_baseline"}
    assert shop.apply(plan).counts == {"delivered": 100}


def test_one_list_that_moves_whole_is_seen_among_lists_that_do_not(shop: Shop) -> None:
    from sync_pipelines.delivery.guards import PlanSummary
    from sync_pipelines.delivery.model import Counts

    quiet, loud = Counts(live=1000, desired=1000), Counts(live=60, desired=60, update=60)
    whole = Counts(live=1060, desired=1060, update=60, by_parent={"quiet": quiet, "loud": loud})
    found = SIZE[0](PlanSummary(whole, first=False))
    assert found.state == "stopped"
    assert "of loud" in found.message


def test_a_source_that_shrank_stops_the_plan_and_one_without_history_says_so(shop: Shop) -> None:
    assert states(shop.plan(book(), plan_guards=[source_shrank(Decimal("0.7"), 69, [100, 90, 110])]))["source"] == "stopped"
    assert states(shop.plan(book(), plan_guards=[source_shrank(Decimal("0.7"), 70, [100, 90, 110])]))["source"] == "clear"
    assert states(shop.plan(book(), plan_guards=[source_shrank(Decimal("0.7"), 1, [])]))["source"] == "no_baseline"


def test_a_wrong_currency_stops_even_the_first_plan(tmp_path: Path) -> None:
    plan = Shop(tmp_path).plan({"a": 1}, plan_guards=[must_hold("currency", ["list x is in NZD"], "fine")])
    assert plan.verdict == "stopped"


def test_a_released_row_goes_for_the_value_seen_and_for_no_other(shop: Shop) -> None:
    held = shop.plan(book(sku_000=200, sku_001=200), row_guards=[MOVE])
    assert release(shop.ledger, shop.files, held.id, ["sku-000"], "new supplier") == ["sku-000"]
    assert shop.sync(book(sku_000=200, sku_001=200), row_guards=[MOVE]).counts == {"delivered": 1, "held": 1}
    assert shop.sync(book(sku_000=400, sku_001=200), row_guards=[MOVE]).counts == {"held": 2}


def test_a_row_released_before_its_plan_is_applied_goes_with_it(shop: Shop) -> None:
    plan = shop.plan(book(sku_000=200), row_guards=[MOVE])
    release(shop.ledger, shop.files, plan.id, ["sku-000"], "checked")
    assert shop.apply(plan).counts == {"delivered": 1}


def test_a_stopped_plan_goes_once_a_person_lifts_it_with_name_and_reason(shop: Shop) -> None:
    plan = shop.plan({f"sku-{n:03}": 120 for n in range(100)}, plan_guards=SIZE)
    lift(shop.ledger, shop.files, plan.id, "yearly price rise")
    assert shop.apply(plan).counts == {"delivered": 100}
    said = shop.table("release")[0]
    assert said["why"] == "yearly price rise"
    assert said["who"]


def test_lifting_a_plan_and_releasing_its_rows_are_two_words_and_neither_implies_the_other(shop: Shop) -> None:
    wanted = {f"sku-{n:03}": 0 if n == 7 else 120 for n in range(100)}
    plan = shop.plan(wanted, plan_guards=SIZE, row_guards=[MOVE])
    release(shop.ledger, shop.files, plan.id, ["sku-007"], "this one is right")
    with pytest.raises(PlanStopped, match="--verdict"):
        shop.apply(plan)
    other = shop.plan(wanted | {"sku-008": 0}, plan_guards=SIZE, row_guards=[MOVE])
    lift(shop.ledger, shop.files, other.id, "yearly price rise")
    assert shop.apply(other).counts == {"delivered": 99, "held": 1}
    assert shop.prices()["sku-007"] == 0


def test_only_a_stopped_plan_has_a_verdict_to_lift(shop: Shop) -> None:
    with pytest.raises(DeliveryError, match="no verdict to lift"):
        lift(shop.ledger, shop.files, shop.plan({"sku-001": 101}).id, "because")


def test_rows_are_released_by_the_kind_of_their_hold_and_for_nothing_else_that_holds_them(shop: Shop) -> None:
    shop.vendor.set("sku-001", {"price": 150}, "by hand")
    plan = shop.plan(book(sku_000=0, sku_001=0), row_guards=[MOVE])
    assert release(shop.ledger, shop.files, plan.id, None, "sale", kinds=["guard"]) == ["sku-000", "sku-001"]
    assert shop.apply(plan).counts == {"delivered": 1, "held": 1}
    assert shop.prices()["sku-001"] == 150
    again = shop.plan(book(sku_000=0, sku_001=0), row_guards=[MOVE])
    assert again.counts.held_by_kind == {"foreign_edit": 1}


def test_a_kind_that_nobody_can_release_is_refused_by_name(shop: Shop) -> None:
    plan = shop.plan(book(sku_000=0), row_guards=[MOVE])
    with pytest.raises(DeliveryError, match="settling cannot be released"):
        release(shop.ledger, shop.files, plan.id, None, "because", kinds=["settling"])


def test_a_conflict_cannot_be_released_and_a_reason_is_needed(shop: Shop) -> None:
    from sync_pipelines.delivery.model import Desired

    plan = shop.plan({}, rows=[Desired("a", {"price": 1}, conflict="two products")])
    with pytest.raises(DeliveryError, match="has to be settled"):
        release(shop.ledger, shop.files, plan.id, ["a"], "because")
    with pytest.raises(DeliveryError, match="needs a reason"):
        release(shop.ledger, shop.files, plan.id, ["a"], " ")
    with pytest.raises(DeliveryError, match="holds no row nowhere"):
        release(shop.ledger, shop.files, plan.id, ["nowhere"], "because")
    assert shop.table("release") == []
