"""What a plan says, row by row, before anything is sent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipelines.delivery.model import Desired, Field
from sync_pipelines_tests.delivery.memory import MemoryTarget
from sync_pipelines_tests.delivery.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def planned(shop: Shop, plan: Any) -> dict[str, tuple[str, str | None]]:
    return {r["key"]: (r["action"], r["held"]) for r in shop.files.query(plan.id, "SELECT * FROM plan")}


def test_what_differs_is_planned_and_what_is_equal_is_only_counted(shop: Shop) -> None:
    shop.vendor.set("same", {"price": 1}, "seed")
    shop.vendor.set("other", {"price": 2}, "seed")
    plan = shop.plan({"same": 1, "other": 3, "new": 4})
    assert planned(shop, plan) == {"other": ("update", None), "new": ("create", None)}
    assert (plan.counts.unchanged, plan.counts.update, plan.counts.create, plan.counts.desired) == (1, 1, 1, 3)


def test_a_plan_sends_nothing_and_changes_no_record(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    assert plan.verdict == "clear"
    assert shop.vendor.calls == 0
    assert shop.table("record") == shop.table("attempt") == shop.table("outcome") == []


def test_the_same_question_gives_the_same_plan(shop: Shop) -> None:
    first = shop.plan({"a": 1})
    shop.extracts -= 1
    assert shop.plan({"a": 1}).id == first.id


def test_a_plan_that_is_due_again_after_it_was_applied_is_a_new_one(shop: Shop) -> None:
    shop.vendor.set("a", {"price": 1}, "seed")
    first = shop.plan({"a": 2}, foreign_edits="overwrite")
    shop.apply(first)
    shop.vendor.set("a", {"price": 1}, "by hand")
    shop.extracts -= 1
    second = shop.plan({"a": 2}, foreign_edits="overwrite")
    assert second.id != first.id
    assert shop.apply(second).counts == {"delivered": 1}


def test_a_field_the_source_does_not_speak_of_stays_as_it_is(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    MemoryTarget.fields, before = {**MemoryTarget.fields, "stock": Field()}, MemoryTarget.fields
    try:
        shop.vendor.set("a", {"price": 1, "stock": 7, "note": "theirs"}, "seed")
        shop.sync({"a": {"price": 2}})
        assert shop.vendor.records["a"].fields == {"price": 2, "stock": 7, "note": "theirs"}
    finally:
        MemoryTarget.fields = before


def test_keys_that_stand_twice_are_held_on_either_side(shop: Shop) -> None:
    plan = shop.plan({}, rows=[Desired("a", {"price": 1}), Desired("a", {"price": 1}), Desired("b", {"price": 2})])
    assert [(r["key"], r["held"]) for r in shop.files.query(plan.id, "SELECT * FROM plan ORDER BY row")] == [
        ("a", "conflict"),
        ("a", "conflict"),
        ("b", None),
    ]
    assert shop.apply(plan).counts == {"held": 2, "delivered": 1}


def test_a_key_of_which_the_source_says_nothing_is_neither_changed_nor_gone(shop: Shop) -> None:
    shop.sync({"a": 1, "b": 2})
    plan = shop.plan({}, rows=[Desired("a", {}, silent=True), Desired("b", {"price": 2})], remove_missing=True)
    assert planned(shop, plan) == {}
    assert plan.counts.desired == 1


def test_only_what_we_made_is_ever_removed(shop: Shop) -> None:
    shop.vendor.set("theirs", {"price": 9}, "seed")
    shop.sync({"theirs": 10, "ours": 1})
    assert planned(shop, shop.plan({})) == {}
    assert shop.remove({}).counts == {"delivered": 1}
    assert set(shop.prices()) == {"theirs"}


def test_a_removal_on_the_first_run_needs_a_person(shop: Shop) -> None:
    first = shop.plan({"a": 1, "b": 1})
    shop.apply(first, limit=1)
    with shop.ledger.write() as tx:
        tx.exec_driver_sql("UPDATE plan SET state = 'sealed'")  # as if nothing had ever been finished
    assert planned(shop, shop.plan({}, remove_missing=True)) == {"a": ("remove", "guard")}


def test_a_hand_edit_since_our_last_write_is_held_and_overwritten_only_on_request(shop: Shop) -> None:
    shop.sync({"a": 1})
    shop.vendor.set("a", {"price": 99}, "by hand")
    held = shop.plan({"a": 2})
    assert planned(shop, held) == {"a": ("update", "foreign_edit")}
    assert "price is 99, wanted 2" in shop.files.query(held.id, "SELECT reason FROM plan")[0]["reason"]
    assert planned(shop, shop.plan({"a": 2}, foreign_edits="overwrite")) == {"a": ("update", None)}


def test_a_hand_edit_to_just_what_we_want_is_taken_note_of_without_a_call(shop: Shop) -> None:
    shop.sync({"a": 1})
    shop.vendor.set("a", {"price": 2}, "by hand")
    calls = shop.vendor.calls
    assert shop.sync({"a": 2}).counts == {"unchanged": 1}
    assert shop.vendor.calls == calls
    assert shop.sync({"a": 3}).counts == {"delivered": 1}  # and is no foreign edit afterwards


def test_a_record_we_made_that_is_gone_is_not_made_again_silently(shop: Shop) -> None:
    shop.sync({"a": 1})
    shop.vendor.remove("a", "by hand")
    plan = shop.plan({"a": 1})
    assert planned(shop, plan) == {"a": ("create", "gone")}


def test_a_value_the_target_does_not_keep_is_sent_twice_and_then_held_by_name(shop: Shop) -> None:
    for _ in range(2):
        shop.sync({"a": 1}, foreign_edits="overwrite")
        shop.vendor.records["a"].fields["price"] = 1000  # the vendor alters what it is sent
    plan = shop.plan({"a": 1}, foreign_edits="overwrite")
    assert planned(shop, plan) == {"a": ("update", "unkept")}
    assert "sent 2 times and not kept" in shop.files.query(plan.id, "SELECT reason FROM plan")[0]["reason"]


def test_what_was_just_written_and_does_not_show_yet_is_left_for_the_next_plan(tmp_path: Path) -> None:
    shop = Shop(tmp_path, lag=30.0)
    shop.sync({"a": 1})
    assert planned(shop, shop.plan({"a": 1})) == {"a": ("create", "settling")}
    shop.clock.sleep(31)
    assert planned(shop, shop.plan({"a": 1})) == {}


def test_a_change_of_what_the_settings_own_is_no_foreign_edit(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sync({"a": 1})
    shop.vendor.records["a"].fields["stock"] = 5
    MemoryTarget.fields, before = {**MemoryTarget.fields, "stock": Field()}, MemoryTarget.fields
    try:
        assert planned(shop, shop.plan({"a": {"price": 1, "stock": 6}})) == {"a": ("update", None)}
    finally:
        MemoryTarget.fields = before


def test_only_these_keys_are_planned_when_a_person_names_them(shop: Shop) -> None:
    shop.sync({"a": 1, "b": 1})
    plan = shop.plan({"a": 2, "b": 2}, only={"a"}, remove_missing=True)
    assert planned(shop, plan) == {"a": ("update", None)}
    assert plan.counts.desired == plan.counts.live == 1


def test_a_float_is_refused_because_it_cannot_be_stored_exactly(shop: Shop) -> None:
    with pytest.raises(TypeError, match="cannot be stored exactly"):
        shop.plan({"a": 0.1})


prices = st.one_of(st.none(), st.integers(0, 5), st.decimals(0, 5, places=2))
books = st.dictionaries(st.sampled_from("abcdefgh"), prices, max_size=8)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(live=books, wanted=books)
def test_applying_a_plan_brings_the_target_to_what_is_desired_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, live: dict[str, Any], wanted: dict[str, Any]
) -> None:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    for key, price in live.items():
        shop.vendor.set(key, {"price": price, "note": key}, "seed")
    plan = shop.plan(wanted)
    shop.apply(plan)
    for key in {*live, *wanted}:
        expected = wanted[key] if key in wanted else live[key]  # None clears the field
        held = shop.vendor.records.get(key)
        assert (held.fields.get("price") if held else None) == expected
        assert held is None or key not in live or held.fields["note"] == key
    assert shop.plan(wanted).counts.changes == 0
    shop.assert_sums_match([plan])


def test_amounts_survive_a_plan_digit_by_digit(shop: Shop) -> None:
    amount = Decimal("12345678901234567890.123456789")
    shop.sync({"a": amount})
    assert shop.vendor.records["a"].fields["price"] == amount
