"""How a plan ends: limits, drift, refusals, waiting, the lease, the ledger."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery.applying import Patience, Paused, PlanStopped
from sync_pipelines.delivery.ledger import Busy, LeaseLost, Ledger, LedgerUnreadable
from sync_pipelines.delivery.model import Change, DeliveryError, NotApplied, Refused, Step
from sync_pipelines.delivery.planning import _Decider
from sync_pipelines.delivery.plans import is_first
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


def test_a_limit_that_leaves_nothing_out_is_none(shop: Shop) -> None:
    """Else an account whose every run has a limit would be new for ever, and its guards would compare with nothing."""
    for n, limit in ((7, 3), (7, 100), (8, 1)):
        shop.apply(shop.plan({f"k{i}": 1 for i in range(n)}), limit=limit)
        assert is_first(shop.ledger, shop.target.account) == (limit == 3)


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


def test_a_plan_older_than_what_was_applied_last_is_refused(shop: Shop) -> None:
    shop.vendor.set("a", {"price": 1}, "seed")
    old = shop.plan({"a": 2})
    shop.sync({"a": 3})
    with pytest.raises(DeliveryError, match="make a new plan"):
        shop.apply(old)
    assert shop.prices() == {"a": 3}


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


def test_a_vendor_that_asks_to_wait_again_and_again_pauses_the_plan_and_fails_no_row(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    shop.vendor.script = ["rate_limited"] * 3
    with pytest.raises(Paused, match="3 times in a row"):
        shop.apply(plan, patience=Patience(3600, 3))
    assert shop.vendor.calls == 3
    assert shop.ledger.plan(plan.id)["state"] == "applying"
    assert shop.apply(plan).counts == {"delivered": 1}


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
    assert shop.ledger.forget(shop.target.account, "a")
    assert shop.ledger.doubts(shop.target.account) == []
    assert not shop.ledger.forget(shop.target.account, "a")
    shop.sync_until_done({"a": 1})
    shop.assert_applied_once()


# Found in review; each was a row lost, doubled, or sent over somebody's edit.


def crashed_before_its_call(shop: Shop, desired: dict) -> None:
    shop.vendor.script = ["crash_before"]
    with pytest.raises(Crash):
        shop.sync(desired)
    shop.restart()


def test_a_hand_edit_made_while_a_row_was_in_doubt_is_not_overwritten(shop: Shop) -> None:
    shop.sync({"a": 10})
    crashed_before_its_call(shop, {"a": 12})
    shop.vendor.set("a", {"price": 15}, "by hand")
    assert shop.sync({"a": 12}).counts == {"held": 1}
    assert shop.sync({"a": 12}).counts == {"held": 1}
    assert shop.prices() == {"a": 15}


def test_a_price_that_changed_again_while_the_last_one_was_in_doubt_goes_out_in_the_next_run(shop: Shop) -> None:
    shop.vendor.set("a", {"price": 10}, "seed")
    shop.vendor.script = ["crash_after"]
    with pytest.raises(Crash):
        shop.sync({"a": 12})
    shop.restart()
    (plan,) = shop.sync_until_done({"a": 13})
    assert shop.outcomes(plan) == {"a": "delivered"}
    assert shop.prices() == {"a": 13}


def test_what_changed_during_a_wait_is_seen_before_the_row_is_sent_again(shop: Shop) -> None:
    shop.sync({"a": 10})
    plan = shop.plan({"a": 12})
    shop.vendor.script = ["rate_limited"]
    edits = iter([{"price": 99, "note": "mine"}])
    shop.clock.on_sleep.append(lambda: [shop.vendor.set("a", e, "by hand") for e in edits] and None)
    assert shop.apply(plan).counts == {"drifted": 1}
    assert shop.vendor.records["a"].fields == {"price": 99, "note": "mine"}


def test_many_bad_rows_named_one_at_a_time_leave_the_good_ones_delivered(shop: Shop) -> None:
    class NamesOne(MemoryTarget):
        def write(self, step, batch, intent):  # type: ignore[no-untyped-def]
            bad = next((c for c in batch if c.key in self.vendor.bad_rows), None)
            if bad is None:
                return super().write(step, batch, intent)
            answers = {c.key: NotApplied("a neighbour was refused") for c in batch}
            return {**answers, bad.key: Refused("bad row")}

    KINDS["replace"], real = NamesOne, KINDS["replace"]
    MemoryTarget.size, before = 50, MemoryTarget.size
    try:
        shop.vendor.bad_rows = {f"k{n:02}" for n in range(0, 40, 5)}
        assert shop.sync({f"k{n:02}": n for n in range(50)}).counts == {"delivered": 42, "rejected": 8}
    finally:
        KINDS["replace"], MemoryTarget.size = real, before


def test_a_row_already_as_wanted_ends_unchanged_on_a_target_that_is_not_read_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "comparing")
    shop.sync({"a": 1})
    shop.vendor.set("a", {"price": 2}, "by hand")
    assert shop.sync({"a": 2}).counts == {"unchanged": 1}
    assert shop.sync({"a": 2}).counts == {}


def test_the_id_that_a_first_step_gave_is_there_when_a_crash_came_before_the_second(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "two_step", lag=500.0)
    plan = shop.plan({"a": 1})
    shop.vendor.script = ["ok", "crash_before"]
    with pytest.raises(Crash):
        shop.apply(plan)
    shop.restart()
    shop.clock.sleep(100)
    assert shop.apply(plan).counts == {"delivered": 1}
    shop.assert_applied_once()


def test_what_somebody_else_made_meanwhile_is_not_taken_for_ours(shop: Shop) -> None:
    shop.sync({"b": 1})
    plan = shop.plan({"a": 1, "b": 1})
    shop.vendor.set("a", {"price": 1}, "by hand")
    assert shop.apply(plan).counts == {"unchanged": 1}
    assert shop.plan({"b": 1}, remove_missing=True).counts.remove == 0


def test_lifting_one_plan_does_not_open_another_that_was_stopped(shop: Shop) -> None:
    from sync_pipelines.delivery.guards import must_hold
    from sync_pipelines.delivery.releasing import lift

    wrong = [must_hold("currency", ["the list is in NZD"], "fine")]
    lift(shop.ledger, shop.files, shop.plan({"a": 1, "b": 1}, plan_guards=wrong).id, "looked at")
    stopped = shop.plan({"a": 1, "b": 2}, plan_guards=wrong)
    with pytest.raises(PlanStopped):
        shop.apply(stopped)


def test_a_plan_made_again_after_it_expired_may_be_applied(shop: Shop) -> None:
    shop.plan({"a": 1})
    shop.clock.sleep(30 * 3600)
    shop.extracts -= 1
    assert shop.apply(shop.plan({"a": 1})).counts == {"delivered": 1}


def test_a_row_that_was_rejected_once_is_no_error_any_more_when_it_turns_out_equal(shop: Shop) -> None:
    shop.vendor.bad_rows = {"a"}
    shop.sync({"a": 1})
    assert [b["key"] for b in shop.ledger.bad_outcomes()] == ["a"]
    shop.vendor.set("a", {"price": 1}, "by hand")
    shop.sync({"a": 1})
    assert shop.ledger.bad_outcomes() == []


def test_a_first_run_with_a_limit_leaves_the_next_one_a_first_run(shop: Shop) -> None:
    from sync_pipelines_tests.delivery.test_guards import SIZE

    for n in range(100):
        shop.vendor.set(f"k{n:02}", {"price": 1}, "seed")
    wanted = {f"k{n:02}": 2 for n in range(100)}
    shop.apply(shop.plan(wanted, plan_guards=SIZE), limit=10)
    assert shop.plan(wanted, plan_guards=SIZE).verdict == "clear"


def test_two_runs_on_one_account_are_one_too_many(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    with shop.ledger.holding(shop.target.account), pytest.raises(Busy, match="is being written by process"):
        shop.apply(plan)
    assert shop.vendor.calls == 0
    assert shop.apply(plan).counts == {"delivered": 1}


def during_the_first_call(shop: Shop, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Do something else while a call of `shop` is on its way."""
    real, calls = MemoryTarget.effect, list[str]()

    def effect(self: MemoryTarget, step: Step, change: Change) -> Any:
        calls.append(change.key)
        if len(calls) == 1:
            act()
        return real(self, step, change)

    monkeypatch.setattr(MemoryTarget, "effect", effect)


def test_regression_a_plan_waits_for_a_live_run_and_calls_none_of_its_rows_held(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a run at work look like rows in doubt: enough of them tripped the guard on held rows."""
    desired = {f"K{n}": n for n in range(10)}
    seen = dict[str, Any]()

    def beside() -> None:
        for what, act in {"plan": lambda: shop.plan(desired), "settle": shop.settle}.items():
            with pytest.raises(Busy, match="is being written by process"):
                act()
            seen[what] = "busy"

    during_the_first_call(shop, monkeypatch, beside)
    shop.sync(desired)
    assert seen == {"plan": "busy", "settle": "busy"}
    assert shop.plan(desired).counts.unchanged == 10


def test_a_run_that_means_to_write_looks_first_who_else_does(shop: Shop) -> None:
    with shop.ledger.holding(shop.target.account), pytest.raises(Busy, match="is being written by process"):
        shop.settle()  # nothing is in doubt yet
    shop.settle()


def test_a_run_that_began_and_ended_while_a_plan_was_made_makes_it_busy(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows it had in flight when the doubts were read are no rows in doubt any more."""
    desired = {f"K{n}": n for n in range(10)}
    shop.vendor.script = ["lost_reply"]
    with pytest.raises(DeliveryError):
        shop.apply(shop.plan(desired), patience=Patience(0, tries=1))
    real = _Decider.refuse_company

    def another_run_first(self: _Decider) -> None:
        shop.settle()
        real(self)

    monkeypatch.setattr(_Decider, "refuse_company", another_run_first)
    shop.clock.sleep(1000)
    with pytest.raises(Busy, match="another run wrote"):
        shop.plan(desired)


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
