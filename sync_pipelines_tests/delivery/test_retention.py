"""Old bodies go with age; what is in doubt, and what was last put where, stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sync_pipelines.delivery.retention import prune
from sync_pipelines_tests.delivery.memory import KINDS, Crash
from sync_pipelines_tests.delivery.shop import Shop


def test_old_plans_lose_their_rows_and_the_records_stay(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    old = shop.plan({"a": 1})
    shop.apply(old)
    shop.clock.sleep(10 * 24 * 3600)
    new = shop.plan({"a": 2})
    shop.apply(new)
    assert prune(shop.ledger, shop.files, timedelta(days=5)) == 1
    assert (old.path.exists(), new.path.exists()) == (False, True)
    assert {o["plan"] for o in shop.table("outcome")} == {new.id}
    assert shop.sync({"a": 2}).counts == {}


def test_a_plan_with_a_call_in_doubt_is_kept_however_old(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    plan = shop.plan({"a": 1})
    shop.vendor.script = ["crash_after"]
    with pytest.raises(Crash):
        shop.apply(plan)
    shop.restart()
    shop.clock.sleep(10 * 24 * 3600)
    assert prune(shop.ledger, shop.files, timedelta(days=5)) == 0
    assert plan.path.exists()


def test_a_finished_plan_of_which_a_row_ended_unknown_is_kept_until_that_is_settled(tmp_path: Path) -> None:
    class Blind(KINDS["positional"]):  # type: ignore[misc]
        def settle(self, intents):  # type: ignore[no-untyped-def]
            return {}

    shop = Shop(tmp_path, "positional")
    KINDS["positional"], real = Blind, KINDS["positional"]
    try:
        shop.vendor.script = ["lost_reply"]
        plan = shop.plan({"a": 1})
        assert shop.apply(plan).counts == {"unknown": 1}
    finally:
        KINDS["positional"] = real
    shop.clock.sleep(10 * 24 * 3600)
    assert prune(shop.ledger, shop.files, timedelta(days=5)) == 0
    shop.settle()
    assert prune(shop.ledger, shop.files, timedelta(days=5)) == 1
