"""How a plan ends: limits, drift, refusals, waiting, the lease, the ledger."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from sync_pipelines.delivery.applying import Patience, Paused
from sync_pipelines.delivery.ledger import Busy, LeaseLost, Ledger, LedgerUnreadable
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines_tests.delivery.memory import KINDS, Crash, MemoryTarget
from sync_pipelines_tests.delivery.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_finished_plan_gives_its_outcomes_again_without_a_call(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    first = shop.apply(plan)
    calls = shop.vendor.calls
    assert shop.apply(plan).counts == first.counts == {"delivered": 1}
    assert shop.vendor.calls == calls


def test_a_limit_sends_the_first_changes_and_skips_the_rest(shop: Shop) -> None:
    plan = shop.plan({f"k{n}": n for n in range(7)})
    assert shop.apply(plan, limit=3).counts == {"delivered": 3, "skipped": 4}
    assert shop.sync({f"k{n}": n for n in range(7)}).counts == {"delivered": 4}


def test_a_limit_of_nothing_sends_nothing(shop: Shop) -> None:
    assert shop.apply(shop.plan({"a": 1}), limit=0).counts == {"skipped": 1}
    assert shop.vendor.calls == 0


def test_a_row_edited_between_plan_and_apply_drifts_and_is_left_alone(shop: Shop) -> None:
    shop.vendor.set("a", {"price": 1}, "seed")
    plan = shop.plan({"a": 2, "b": 2})
    shop.vendor.set("a", {"price": 50}, "by hand")
    shop.vendor.set("b", {"price": 60}, "by hand")
    assert shop.apply(plan).counts == {"drifted": 2}
    assert shop.prices() == {"a": 50, "b": 60}


def test_a_row_that_another_plan_wrote_meanwhile_drifts(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "comparing")  # not read again before sending
    shop.vendor.set("a", {"price": 1}, "seed")
    old = shop.plan({"a": 2})
    shop.sync({"a": 3})
    assert shop.apply(old).counts == {"drifted": 1}


@pytest.mark.parametrize("kind", ["replace", "positional"])
def test_a_batch_refused_as_a_whole_is_halved_until_the_row_is_found(tmp_path: Path, kind: str) -> None:
    shop = Shop(tmp_path, kind)
    MemoryTarget.size, before = 16, MemoryTarget.size
    try:
        shop.vendor.bad_rows = {"k05"}
        shop.vendor.script = ["spoiled"] * 20
        report = shop.sync({f"k{n:02}": n for n in range(16)})
        assert report.counts == {"delivered": 15, "rejected": 1}
        shop.assert_applied_once()
        splits = math.ceil(math.log2(16))
        assert shop.vendor.calls <= 1 + 2 * splits
    finally:
        MemoryTarget.size = before


def test_a_row_that_never_takes_effect_fails_after_its_tries(shop: Shop) -> None:
    shop.vendor.script = ["rate_limited"] * 50
    report = shop.apply(shop.plan({"a": 1}), patience=Patience(3600, 3))
    assert report.counts == {"failed": 1}
    assert shop.vendor.calls == 3


def test_a_wait_beyond_patience_pauses_and_the_next_run_goes_on(shop: Shop) -> None:
    plan = shop.plan({"a": 1, "b": 2, "c": 3, "d": 4})
    shop.vendor.script = ["ok", "rate_limited"]
    with pytest.raises(Paused, match="the next run goes on"):
        shop.apply(plan, patience=Patience(1, 5))
    assert shop.ledger.plan(plan.id)["state"] == "applying"
    assert shop.apply(plan).counts == {"delivered": 4}
    shop.assert_applied_once()


def test_a_lost_login_stops_the_run_and_leaves_the_plan_open(shop: Shop) -> None:
    plan = shop.plan({"a": 1, "b": 2, "c": 3, "d": 4})
    shop.vendor.script = ["ok", "login_lost"]
    with pytest.raises(DeliveryError, match="401"):
        shop.apply(plan)
    newer = shop.plan({"a": 1, "b": 2, "c": 3, "d": 5})
    assert shop.apply(newer).counts == {"delivered": 1}
    assert shop.ledger.outcome_counts(plan.id) == {"delivered": 3, "skipped": 1}


def test_a_doubt_that_cannot_be_settled_ends_unknown_and_blocks_its_key(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "positional")

    class Blind(KINDS["positional"]):  # type: ignore[misc]
        def settle(self, intents):  # type: ignore[no-untyped-def]
            return {}

    KINDS["positional"], real = Blind, KINDS["positional"]
    try:
        shop.vendor.script = ["lost_request"]
        plan = shop.plan({"a": 1})
        assert shop.apply(plan).counts == {"unknown": 1}
        again = shop.plan({"a": 2})
        assert again.counts.held_by_kind == {"doubt": 1}
        assert [b["key"] for b in shop.ledger.bad_outcomes(shop.target.account)] == ["a"]
    finally:
        KINDS["positional"] = real
    assert shop.sync_until_done({"a": 2})
    assert shop.sync({"a": 2}).counts in ({}, {"delivered": 1})
    assert shop.prices() == {"a": 2}
    assert shop.ledger.bad_outcomes(shop.target.account) == []


def test_forgetting_a_key_ends_its_doubt_and_never_makes_it_twice(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "positional")
    shop.vendor.script = ["crash_after"]
    plan = shop.plan({"a": 1})
    with pytest.raises(Crash):
        shop.apply(plan)
    shop.restart()
    shop.clock.sleep(100)
    assert shop.ledger.forget(shop.target.account, "a") is False  # nothing ended yet: the doubt stays, and is settled
    shop.sync_until_done({"a": 1})
    shop.assert_applied_once()
    assert shop.ledger.forget(shop.target.account, "a") is True
    assert shop.sync({"a": 1}).counts == {}
    shop.assert_applied_once()


def test_two_runs_on_one_account_are_one_too_many(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    with shop.ledger.holding(shop.target.account), pytest.raises(Busy, match="is being written by process"):
        shop.apply(plan)
    assert shop.vendor.calls == 0
    assert shop.apply(plan).counts == {"delivered": 1}


def test_the_lease_of_a_dead_process_of_this_host_is_taken_over_at_once(shop: Shop) -> None:
    lease = shop.ledger.holding(shop.target.account)
    lease.__enter__()
    shop.restart()
    assert shop.sync({"a": 1}).counts == {"delivered": 1}


def test_the_lease_of_another_host_is_taken_over_when_it_was_silent_for_long(shop: Shop) -> None:
    with shop.ledger.holding(shop.target.account):
        with shop.ledger.write() as tx:
            tx.exec_driver_sql("UPDATE lease SET host = 'elsewhere'")
        with pytest.raises(Busy):
            shop.sync({"a": 1})
        shop.clock.sleep(16 * 60)
        assert shop.sync({"a": 1}).counts == {"delivered": 1}


def test_nothing_is_sent_after_the_lease_was_lost(shop: Shop) -> None:
    plan = shop.plan({"a": 1, "b": 2, "c": 3, "d": 4})
    real = MemoryTarget.write

    def write_and_lose(self, step, batch, intent):  # type: ignore[no-untyped-def]
        answers = real(self, step, batch, intent)
        with shop.ledger.write() as tx:
            tx.exec_driver_sql("UPDATE lease SET token = 'of another run'")
        return answers

    MemoryTarget.write = write_and_lose  # type: ignore[method-assign]
    try:
        with pytest.raises(LeaseLost):
            shop.apply(plan)
    finally:
        MemoryTarget.write = real  # type: ignore[method-assign]
    assert shop.vendor.calls == 1
    with shop.ledger.write() as tx:
        tx.exec_driver_sql("DELETE FROM lease")
    assert shop.apply(plan).counts == {"delivered": 4}
    shop.assert_applied_once()


def test_a_plan_for_another_account_is_refused(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    MemoryTarget.account, before = "memory://other", MemoryTarget.account
    try:
        with pytest.raises(DeliveryError, match="the settings now point to memory://other"):
            shop.apply(plan)
    finally:
        MemoryTarget.account = before


def test_a_plan_that_waited_too_long_is_refused(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    shop.clock.sleep(25 * 3600)
    with pytest.raises(DeliveryError, match="expired"):
        shop.apply(plan)


def test_a_damaged_plan_file_is_an_error_that_names_it(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    plan.path.write_bytes(b"not parquet")
    with pytest.raises(Exception, match=plan.id):
        shop.apply(plan)
    assert shop.vendor.calls == 0


def test_a_damaged_ledger_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(LedgerUnreadable, match="Restore it from a copy"):
        Ledger.at(tmp_path / "ledger.db")


def test_a_target_that_gives_a_row_twice_is_stopped_before_the_second_send(shop: Shop) -> None:
    class Stutters(MemoryTarget):
        def batches(self, step, changes):  # type: ignore[no-untyped-def]
            for batch in super().batches(step, changes):
                yield batch
                yield batch

    KINDS["replace"], real = Stutters, KINDS["replace"]
    try:
        with pytest.raises(DeliveryError, match="would be sent twice"):
            shop.sync({"a": 1})
    finally:
        KINDS["replace"] = real
    assert shop.vendor.calls == 1
