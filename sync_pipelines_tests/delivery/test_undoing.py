"""Taking back what a plan wrote: exactly, or with the reason why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.delivery.releasing import release
from sync_pipelines.delivery.undoing import Undo, make_undo
from sync_pipelines_tests.delivery.memory import KINDS
from sync_pipelines_tests.delivery.shop import Shop


def undo(shop: Shop, plan: Plan) -> Undo:
    return make_undo(shop.target, plan.id, ledger=shop.ledger, files=shop.files, run="run")


@pytest.mark.parametrize("kind", ["replace", "windowed", "positional", "two_step", "comparing"])
def test_undo_restores_updates_and_removes_what_was_made(tmp_path: Path, kind: str) -> None:
    shop = Shop(tmp_path, kind)
    shop.vendor.set("old", {"price": 1, "note": "theirs"}, "seed")
    plan = shop.plan({"old": 2, "new": 3})
    shop.apply(plan)
    back = undo(shop, plan)
    assert back.impossible == ()
    assert shop.apply(back.plan).counts == {"delivered": 2}
    assert shop.prices() == {"old": 1}
    assert shop.vendor.records["old"].fields["note"] == "theirs"


def test_undo_gives_back_what_was_removed(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sync({"a": 1, "b": 2})
    plan = shop.removal({"b": 2})
    shop.apply(plan)
    shop.apply(undo(shop, plan).plan)
    assert shop.prices() == {"a": 1, "b": 2}
    assert shop.plan({"b": 2}, remove_missing=True).counts.held_by_kind == {"undone": 1}


def test_what_somebody_changed_since_is_left_alone(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.vendor.set("a", {"price": 1}, "seed")
    plan = shop.plan({"a": 2, "b": 3})
    shop.apply(plan)
    shop.vendor.set("a", {"price": 50}, "by hand")
    assert shop.apply(undo(shop, plan).plan).counts == {"delivered": 1, "drifted": 1}
    assert shop.prices() == {"a": 50}


def test_an_undone_value_waits_until_the_source_changes_or_a_person_releases_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.vendor.set("a", {"price": 1}, "seed")
    plan = shop.plan({"a": 2})
    shop.apply(plan)
    shop.apply(undo(shop, plan).plan)
    held = shop.plan({"a": 2})
    assert held.counts.held_by_kind == {"undone": 1}
    assert shop.plan({"a": 3}).counts.update == 1
    release(shop.ledger, shop.files, held.id, ["a"], "it was right after all")
    assert shop.sync({"a": 2}).counts == {"delivered": 1}


def test_rows_that_were_held_skipped_or_unchanged_are_not_undone(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.vendor.bad_rows = {"bad"}
    plan = shop.plan({"a": 1, "b": 2, "bad": 3})
    shop.apply(plan, limit=3)
    assert undo(shop, plan).plan.counts.remove == 2


def test_what_nothing_can_take_back_is_listed_with_its_reason_before_anything_is_sent(tmp_path: Path) -> None:
    shop = Shop(tmp_path)

    class Final(KINDS["replace"]):  # type: ignore[misc]
        def reverse(self, change):  # type: ignore[no-untyped-def]
            return "orders are final" if change.action == "create" else super().reverse(change)

    KINDS["replace"], real = Final, KINDS["replace"]
    try:
        shop.vendor.set("old", {"price": 1}, "seed")
        plan = shop.plan({"old": 2, "new": 3})
        notes = {r["key"]: r["undo_note"] for r in shop.files.query(plan.id, "SELECT key, undo_note FROM plan")}
        assert notes == {"old": None, "new": "orders are final"}
        shop.apply(plan)
        calls = shop.vendor.calls
        back = undo(shop, plan)
        assert (back.impossible, shop.vendor.calls) == ((("new", "orders are final"),), calls)
    finally:
        KINDS["replace"] = real


def test_a_plan_that_is_not_finished_is_not_undone(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    plan = shop.plan({"a": 1, "b": 2, "c": 3, "d": 4})
    shop.vendor.script = ["ok", "login_lost"]
    with pytest.raises(DeliveryError, match="401"):
        shop.apply(plan)
    with pytest.raises(DeliveryError, match="is not finished"):
        undo(shop, plan)
