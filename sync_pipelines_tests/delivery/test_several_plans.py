"""Several plans, releases, undos, settings and clocks, one after another. Each test is a fault that was found once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import records, tables
from sync_pipelines.delivery.applying import Patience, Paused, PlanStopped, apply, settle_first
from sync_pipelines.delivery.fingerprints import Rules
from sync_pipelines.delivery.guards import PlanSummary, change_size_guards, moved_too_far
from sync_pipelines.delivery.lease import LeaseLost
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import Counts, DeliveryError, Desired, Field, Live, NotApplied, Refused, RetryLater, Unclear
from sync_pipelines.delivery.planning import make_plan
from sync_pipelines.delivery.plans import Plan, PlanFileLost
from sync_pipelines.delivery.releasing import release
from sync_pipelines.delivery.undoing import make_undo
from sync_pipelines_tests.delivery import memory
from sync_pipelines_tests.delivery.memory import FIELDS, KINDS, Crash, MemoryTarget
from sync_pipelines_tests.delivery.shop import Shop, crash_at_commit

SIZE = change_size_guards(Decimal("0.20"), Decimal("0.05"), Decimal("0.05"))
MOVE = [moved_too_far(Decimal("0.30"), lambda name: name == "price")]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@contextmanager
def owning(fields: Mapping[str, Field], kind: type[MemoryTarget] = MemoryTarget) -> Iterator[None]:
    """The settings own these fields for a while."""
    before, kind.fields = kind.fields, fields
    try:
        yield
    finally:
        kind.fields = before


@contextmanager
def replaced(kind: str, by: type[MemoryTarget]) -> Iterator[None]:
    KINDS[kind], before = by, KINDS[kind]
    try:
        yield
    finally:
        KINDS[kind] = before


def rows(shop: Shop, plan: Plan) -> list[tuple[str, str, str | None]]:
    found = shop.files.query(plan.id, "SELECT key, action, held FROM plan ORDER BY row")
    return [(r["key"], r["action"], r["held"]) for r in found]


def crashing(shop: Shop, desired: dict[str, Any], script: list[str], **options: Any) -> None:
    shop.vendor.script = list(script)
    with pytest.raises((Crash, DeliveryError)):
        shop.sync(desired, **options)
    shop.restart()


def record(shop: Shop, key: str) -> dict[str, Any]:
    return next(r for r in shop.table("record") if r["key"] == key)


# --- order is a number ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0.0, 30.0])
def test_an_older_plan_never_goes_over_what_a_newer_one_wrote(tmp_path: Path, lag: float) -> None:
    shop = Shop(tmp_path, lag=lag)
    for key in "abcdef":
        shop.vendor.set(key, {"price": 1}, "seed")
    shop.clock.sleep(100)
    old, new = shop.plan(dict.fromkeys("abcdef", 2)), shop.plan(dict.fromkeys("abcdef", 3))
    shop.vendor.script = ["ok", "rate_limited"]
    with pytest.raises(Paused):
        shop.apply(new, patience=Patience(1, 5))
    assert shop.apply(old).counts == {"delivered": 3, "drifted": 3}
    assert shop.prices() == {"a": 3, "b": 3, "c": 3, "d": 2, "e": 2, "f": 2}
    assert shop.ledger.plan(new.id)["state"] == "applying"


def test_a_clock_that_was_ahead_for_a_while_blocks_nothing(shop: Shop) -> None:
    shop.clock.ahead = timedelta(days=30)
    shop.sync({"a": 1, "b": 1})
    shop.clock.ahead = timedelta(0)
    assert shop.sync({"a": 2, "b": 1}).counts == {"delivered": 1}
    shop.vendor.set("a", {"price": 5}, "by hand")
    shop.vendor.remove("b", "by hand")
    assert shop.plan({"a": 1, "b": 1}).counts.held_by_kind == {"foreign_edit": 1, "gone": 1}


def test_with_a_clock_that_was_ahead_an_edit_is_no_old_state_once_the_lag_is_over(tmp_path: Path) -> None:
    shop = Shop(tmp_path, lag=10.0)
    shop.clock.ahead = timedelta(days=30)
    shop.sync({"a": 1})
    shop.clock.ahead = timedelta(0)
    shop.clock.sleep(60)
    shop.vendor.set("a", {"price": 5}, "by hand")
    shop.clock.sleep(60)
    assert shop.plan({"a": 2}).counts.held_by_kind == {"foreign_edit": 1}
    shop.clock.reboot()
    assert shop.plan({"a": 2}).counts.held_by_kind == {"foreign_edit": 1}


@pytest.mark.parametrize("number", range(2, 6))
def test_a_crash_between_two_plans_leaves_the_newer_one_to_go_on(shop: Shop, number: int) -> None:
    old = shop.plan({"a": 1})
    shop.vendor.script = ["rate_limited"]
    with pytest.raises(Paused):
        shop.apply(old, patience=Patience(1, 5))
    new = shop.plan({"a": 2})
    with crash_at_commit(shop.ledger, number, after=True), pytest.raises(Crash):
        shop.apply(new)
    shop.restart()
    assert shop.apply(new).counts == {"delivered": 1}
    assert shop.ledger.outcome_counts(old.id) == {"skipped": 1}


@pytest.mark.parametrize("newer", ["another value", "removed"])
def test_a_process_that_lost_its_lease_in_a_call_notes_nothing_over_what_came_since(tmp_path: Path, newer: str) -> None:
    shop = Shop(tmp_path)
    shop.sync({"a": 10, "z": 1})
    calls = []

    class Sleeps(MemoryTarget):
        def write(self, step, batch, intent):  # type: ignore[no-untyped-def]
            answers = super().write(step, batch, intent)
            calls.append(batch)
            if len(calls) == 1:  # here the machine sleeps, and another one goes on
                with shop.ledger.write() as tx:
                    tx.exec_driver_sql("UPDATE lease SET pid = 0, born = 'dead'")
                other = Ledger.at(shop.folder / "ledger.db", shop.clock)
                settle_first(self, ledger=other, files=shop.files, run="2", patience=Patience(3600, 6))
                wanted = [Desired("a", {"price": 13})] if newer == "another value" else []
                plan = make_plan(
                    self,
                    [*wanted, Desired("z", {"price": 1})],
                    ledger=other,
                    files=shop.files,
                    pipeline="test",
                    extract="new",
                    run="2",
                )
                if not wanted:
                    other.forget(self.account, "a")
                    self.vendor.remove("a", "by hand")
                else:
                    apply(self, plan.id, ledger=other, files=shop.files, run="2")
                other.close()
            return answers

    with replaced("replace", Sleeps), pytest.raises(LeaseLost):
        shop.sync({"a": 12, "z": 1})
    assert [r["key"] for r in shop.table("record")] == (["a", "z"] if newer == "another value" else ["z"])
    assert shop.sync({"a": 14, "z": 1}).counts == {"delivered": 1}


# --- what a record says, and whose it is ------------------------------------------------------------------------------


def test_a_step_that_a_read_cannot_show_is_still_due_when_the_rest_is_as_wanted(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "two_step")
    crashing(shop, {"a": 1}, ["ok", "crash_before"])
    shop.clock.sleep(100)
    shop.settle()
    plan = shop.plan({"a": 2})
    shop.vendor.set("a", {"price": 2}, "by hand")
    shop.apply(plan)
    assert shop.target.families == {"a": "8 - Amazon"}  # type: ignore[attr-defined]


def test_steps_that_an_older_plan_took_are_not_taken_for_those_of_a_newer_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "two_step")
    for value in (1, 2):
        crashing(shop, {"a": value}, ["ok", "crash_before"])
        shop.clock.sleep(300)
        shop.settle()
    assert shop.sync({"a": 3}).counts == {"delivered": 1}
    assert shop.prices() == {"a": 3}
    assert shop.sync({"a": 3}).counts == {}


def test_what_was_half_made_and_deleted_by_hand_is_made_again_whole_when_released(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "two_step")
    crashing(shop, {"a": 1}, ["ok", "crash_before"])
    shop.vendor.remove("a", "by hand")
    shop.clock.sleep(300)
    shop.settle()
    held = shop.plan({"a": 1})
    assert rows(shop, held) == [("a", "create", "gone")]
    release(shop.ledger, shop.files, held.id, ["a"], "make it again")
    assert shop.sync({"a": 1}).counts == {"delivered": 1}
    assert shop.prices() == {"a": 1}


@pytest.mark.parametrize("script", [["ok", "crash_before"], ["ok", "login_lost"]])
@pytest.mark.parametrize("value", [1, 2])
def test_a_persons_edit_of_a_half_made_record_is_held(tmp_path: Path, script: list[str], value: int) -> None:
    shop = Shop(tmp_path, "two_step")
    crashing(shop, {"a": 1}, script)
    shop.clock.sleep(300)
    shop.settle()
    shop.vendor.set("a", {"price": 55}, "by hand")
    assert shop.sync({"a": value}).counts == {"held": 1}
    assert shop.prices() == {"a": 55}


def test_a_create_in_doubt_that_a_person_edited_is_ours_and_not_overwritten(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "two_step")
    shop.vendor.script = ["crash_after"]
    plan = shop.plan({"a": 1})
    with pytest.raises(Crash):
        shop.apply(plan)
    shop.restart()
    shop.vendor.set("a", {"price": 55}, "by hand")
    shop.settle()
    assert shop.outcomes(plan) == {"a": "drifted"}
    held = shop.plan({"a": 1})
    assert rows(shop, held) == [("a", "update", "unverified")]
    assert "cannot tell whose" in shop.files.query(held.id, "SELECT reason FROM plan")[0]["reason"]
    assert record(shop, "a")["created"] == 1
    shop.sync({"a": 1}, foreign_edits="overwrite")
    assert shop.prices() == {"a": 1}
    assert shop.target.families  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["replace", "positional", "listed"])
def test_a_create_that_never_arrived_is_not_delivered_because_what_we_own_of_it_is_empty(tmp_path: Path, kind: str) -> None:
    fields = {"price": Field("create_only"), "status": Field(), "note": Field("foreign")}
    with owning(fields, KINDS[kind]):
        shop = Shop(tmp_path, kind)
        shop.vendor.script = ["lost_request"]
        assert shop.sync({"order-1": {"price": 100}}).counts == {"delivered": 1}
        assert shop.prices() == {"order-1": 100}
        assert shop.sync({"order-1": {"price": 100}}).counts == {}


def test_a_removal_in_doubt_is_not_done_because_somebody_emptied_the_record(shop: Shop) -> None:
    shop.sync({"a": 5, "z": 1})
    plan = shop.removal({"z": 1})
    shop.vendor.script = ["lost_request"]
    shop.clock.on_sleep.append(lambda: (shop.vendor.there("a") or {}).update(price=None))
    assert shop.apply(plan).counts == {"drifted": 1}
    assert record(shop, "a")["state"] == "present"


def test_doubting_a_record_changes_nothing_about_what_is_removed_or_half_made(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "removed")
    shop.sync({"a": 1, "z": 1})
    shop.remove({"z": 1})
    records.doubt(shop.ledger, shop.target.account, ["a"])
    assert rows(shop, shop.plan({"a": 2, "z": 1})) == [("a", "create", None)]
    shop = Shop(tmp_path / "half", "two_step")
    crashing(shop, {"a": 1}, ["ok", "crash_before"])
    shop.clock.sleep(300)
    shop.settle()
    records.doubt(shop.ledger, shop.target.account, ["a"])
    shop.sync({"a": 1})
    assert shop.target.families  # type: ignore[attr-defined]


# --- a life ends ------------------------------------------------------------------------------------------------------


def test_what_a_person_makes_under_a_key_that_we_removed_is_never_removed(shop: Shop) -> None:
    shop.sync({"z": 1, "a": 10})
    shop.remove({"z": 1})
    shop.vendor.set("a", {"price": 99}, "by hand")
    shop.sync({"z": 1, "a": 99})
    shop.sync({"z": 1, "a": 98})
    assert rows(shop, shop.plan({"z": 1}, remove_missing=True)) == []


def test_what_a_person_makes_again_after_deleting_ours_is_theirs(shop: Shop) -> None:
    shop.sync({"z": 1, "a": 10})
    shop.vendor.remove("a", "by hand")
    assert shop.sync({"z": 1, "a": 10}).counts == {"held": 1}
    assert record(shop, "a")["state"] == "gone"
    shop.vendor.set("a", {"price": 99}, "by hand")
    assert shop.sync({"z": 1, "a": 11}).counts == {"delivered": 1}  # nobody's edit of ours: it is another record
    assert rows(shop, shop.plan({"z": 1}, remove_missing=True)) == []


# --- freshness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["replace", "accumulating"])
def test_our_own_older_state_is_not_adopted_while_the_target_may_still_show_it(tmp_path: Path, kind: str) -> None:
    shop = Shop(tmp_path, kind, lag=10.0)
    shop.sync({"a": 6})
    shop.clock.sleep(100)
    shop.sync({"a": 3})
    shop.clock.sleep(2)
    assert rows(shop, shop.plan({"a": 6})) == [("a", "update", "settling")]
    shop.sync({"a": 6})
    shop.clock.sleep(100)
    shop.sync({"a": 6})
    assert shop.prices() == {"a": 6}


def test_an_undo_within_the_lag_takes_back_what_does_not_show_yet(tmp_path: Path) -> None:
    shop = Shop(tmp_path, lag=40.0)
    shop.vendor.set("a", {"price": 10}, "by hand")
    shop.clock.sleep(100)
    plan = shop.plan({"a": 12, "b": 7})
    shop.apply(plan)
    shop.clock.sleep(3)
    assert shop.undo(plan).counts == {"delivered": 2}
    assert shop.prices() == {"a": 10}


@pytest.mark.parametrize("edits", ["hold", "overwrite"])
def test_an_undo_is_not_forgotten_when_the_next_run_comes_within_the_lag(tmp_path: Path, edits: str) -> None:
    shop = Shop(tmp_path, lag=40.0)
    shop.vendor.set("a", {"price": 10}, "by hand")
    shop.clock.sleep(100)
    plan = shop.plan({"a": 12, "b": 7})
    shop.apply(plan)
    shop.clock.sleep(100)
    shop.undo(plan)
    for pause in (3, 200, 200):
        shop.clock.sleep(pause)
        shop.sync({"a": 12, "b": 7}, foreign_edits=edits)
        assert shop.prices() == {"a": 10}
    assert shop.plan({"a": 12, "b": 7}, foreign_edits=edits).counts.held_by_kind == {"undone": 2}


def test_what_we_removed_and_still_see_is_neither_updated_nor_made_before_it_is_away(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "two_step", lag=40.0)
    shop.sync({"z": 1, "a": 5})
    shop.clock.sleep(100)
    shop.remove({"z": 1})
    shop.clock.sleep(3)
    assert rows(shop, shop.plan({"z": 1, "a": 6})) == [("a", "update", "settling")]
    shop.clock.sleep(100)
    assert shop.sync({"z": 1, "a": 6}).counts == {"delivered": 1}


@pytest.mark.parametrize("lag", [60.01, 100.0])
def test_a_repeatable_call_that_shows_only_after_it_could_land_is_not_taken_for_lost(tmp_path: Path, lag: float) -> None:
    shop = Shop(tmp_path, lag=lag)
    shop.sync({"a": 10})
    shop.clock.sleep(200)
    crashing(shop, {"a": 12}, ["crash_after"])
    shop.settle()
    assert shop.sync({"a": 10}).counts == {"delivered": 1}
    shop.clock.sleep(200)
    assert shop.sync({"a": 10}).counts == {}
    assert shop.prices() == {"a": 10}


def test_a_repeatable_call_that_lands_at_the_last_moment_and_shows_after_that_is_found(tmp_path: Path) -> None:
    class Late(MemoryTarget):
        def write(self, step, batch, intent):  # type: ignore[no-untyped-def]
            self.vendor.late.append((self.vendor.clock.seconds + 58, lambda: [self.effect(step, c) for c in batch] and None))
            raise Crash

    shop = Shop(tmp_path, lag=5.0)
    shop.sync({"z": 1, "b": 3})
    shop.clock.sleep(100)
    with replaced("replace", Late):
        crashing(shop, {"z": 1, "b": 9}, [])
    shop.settle()
    assert shop.sync({"z": 1, "b": 3}).counts == {"delivered": 1}
    assert shop.prices() == {"z": 1, "b": 3}


def test_the_old_value_of_a_call_in_doubt_never_lands_after_a_newer_one(shop: Shop) -> None:
    """The call with 12 lands 30 s after its intent; until it can land no more nothing newer is sent."""
    shop.vendor.set("a", {"price": 10}, "seed")

    class Dies(MemoryTarget):
        def write(self, step, batch, intent):  # type: ignore[no-untyped-def]
            super().write(step, batch, intent)
            raise Crash

    with replaced("replace", Dies):
        crashing(shop, {"a": 12}, ["late"])
    shop.sync_until_done({"a": 13})
    shop.clock.sleep(1000)
    shop.vendor.land()
    assert shop.prices() == {"a": 13}


@pytest.mark.parametrize("takes", [0.0, 3.0, 8.0])
def test_a_call_that_is_done_is_waited_for_from_when_its_answer_came(tmp_path: Path, takes: float) -> None:
    class Slow(memory.DoneTarget):
        pass

    Slow.takes = takes
    with replaced("done", Slow):
        shop = Shop(tmp_path, "done", lag=5.0)
        assert shop.sync({"a": 1}).counts == {"delivered": 1}
    shop.assert_applied_once()


# --- stale means stop -------------------------------------------------------------------------------------------------


def test_after_a_wait_no_half_of_a_refused_batch_goes_out_unread(shop: Shop) -> None:
    for key in "abcd":
        shop.vendor.set(key, {"price": 1}, "seed")
    shop.vendor.bad_rows, shop.vendor.script = {"d"}, ["spoiled", "rate_limited"]
    edits = iter([777])
    shop.clock.on_sleep.append(lambda: [shop.vendor.set("c", {"price": v}, "by hand") for v in edits] and None)
    with bigger(4):
        assert shop.sync(dict.fromkeys("abcd", 2)).counts == {"delivered": 2, "drifted": 1, "rejected": 1}
    assert shop.prices()["c"] == 777


@contextmanager
def bigger(size: int) -> Iterator[None]:
    MemoryTarget.size, before = size, MemoryTarget.size
    try:
        yield
    finally:
        MemoryTarget.size = before


def test_a_row_that_never_takes_is_tried_as_often_as_said_whatever_becomes_of_its_neighbours(tmp_path: Path) -> None:
    sent: Counter[str] = Counter()

    class NamesOne(MemoryTarget):
        def write(self, step, batch, intent):  # type: ignore[no-untyped-def]
            sent.update(c.key for c in batch)
            return {**{c.key: NotApplied("a neighbour was refused") for c in batch}, batch[-1].key: Refused("bad")}

    with replaced("replace", NamesOne), bigger(200):
        shop = Shop(tmp_path)
        assert shop.sync({f"k{n:02}": n for n in range(30)}).counts == {"rejected": 30}
    assert max(sent.values()) <= 7  # six tries, and once alone


@pytest.mark.parametrize("nth", [2, 3])
def test_a_vendor_that_asks_to_wait_while_it_is_read_is_waited_for(tmp_path: Path, nth: int) -> None:
    reads = []

    class Throttled(MemoryTarget):
        def read(self, keys):  # type: ignore[no-untyped-def]
            reads.append(keys)
            if len(reads) == nth:
                raise RetryLater(5, "429 on a read")
            return super().read(keys)

    with replaced("replace", Throttled):
        assert Shop(tmp_path).sync({"a": 1}).counts == {"delivered": 1}


def test_a_vendor_that_cannot_be_read_while_planning_is_an_error_that_says_so(tmp_path: Path) -> None:
    class Throttled(MemoryTarget):
        def read(self, keys):  # type: ignore[no-untyped-def]
            raise RetryLater(5, "429 on a read")

    with replaced("replace", Throttled), pytest.raises(DeliveryError, match=r"429 on a read\. Nothing was planned"):
        Shop(tmp_path).plan({"a": 1})


# --- a person's word is spent -----------------------------------------------------------------------------------------


def test_a_release_is_used_up_and_an_undo_after_it_holds_again(shop: Shop) -> None:
    shop.vendor.set("a", {"price": 10}, "seed")
    first = shop.plan({"a": 12})
    shop.apply(first)
    shop.undo(first)
    held = shop.plan({"a": 12})
    assert held.counts.held_by_kind == {"undone": 1}
    release(shop.ledger, shop.files, held.id, ["a"], "changed my mind")
    second = shop.plan({"a": 12})
    shop.apply(second)
    shop.undo(second)
    assert shop.sync({"a": 12}).counts == {"held": 1}
    assert shop.prices() == {"a": 10}
    assert [r["ended"] for r in shop.table("release")] == ["used"]


def test_what_was_released_and_deleted_by_hand_again_is_held_again(shop: Shop) -> None:
    shop.sync({"a": 1})
    shop.vendor.remove("a", "by hand")
    release(shop.ledger, shop.files, shop.plan({"a": 1}).id, ["a"], "again please")
    shop.sync({"a": 1})
    shop.vendor.remove("a", "by hand")
    assert shop.plan({"a": 1}).counts.held_by_kind == {"gone": 1}


def test_the_same_jump_of_a_price_has_to_be_released_each_time(shop: Shop) -> None:
    shop.sync({"a": 100})
    release(shop.ledger, shop.files, shop.plan({"a": 10}, row_guards=MOVE).id, ["a"], "clearance this week")
    assert shop.sync({"a": 10}, row_guards=MOVE).counts == {"delivered": 1}
    shop.sync({"a": 100})
    assert shop.plan({"a": 10}, row_guards=MOVE).counts.held_by_kind == {"guard": 1}


def test_a_release_that_nobody_uses_ends_after_a_week_and_when_the_source_wants_something_else(shop: Shop) -> None:
    shop.sync({"a": 100, "b": 100})
    release(shop.ledger, shop.files, shop.plan({"a": 10, "b": 10}, row_guards=MOVE).id, None, "sale", kinds=["guard"])
    shop.sync({"a": 100, "b": 100})  # the source says 100 again, in a plan that is applied
    assert {r["ended"] for r in shop.table("release")} == {"another value"}
    release(shop.ledger, shop.files, shop.plan({"a": 10, "b": 100}, row_guards=MOVE).id, ["a"], "sale")
    shop.plan({"a": 100, "b": 100})  # a preview changes nothing
    assert shop.plan({"a": 10, "b": 100}, row_guards=MOVE).counts.update == 1
    shop.clock.sleep(8 * 86400)
    assert shop.plan({"a": 10, "b": 100}, row_guards=MOVE).counts.held_by_kind == {"guard": 1}


def test_a_release_answers_only_the_kind_it_was_given_for(shop: Shop) -> None:
    shop.sync({"a": 100})
    release(shop.ledger, shop.files, shop.plan({"a": 10}, row_guards=MOVE).id, ["a"], "sale")
    shop.vendor.set("a", {"price": 100, "note": "x"}, "by hand")
    records.doubt(shop.ledger, shop.target.account, ["a"])
    shop.vendor.set("a", {"price": 100}, "by hand")
    shop.vendor.remove("a", "by hand")
    assert shop.plan({"a": 10}, row_guards=MOVE).counts.held_by_kind == {"gone": 1}


def test_a_released_guard_does_not_send_a_create_twice(tmp_path: Path) -> None:
    def seven(before: Any, after: Any) -> str | None:
        return "7 needs a person" if after["price"] == 7 and (before or {}).get("price") != 7 else None

    shop = Shop(tmp_path, "two_step", lag=40.0)
    plan = shop.plan({"a": 7}, row_guards=[seven])
    release(shop.ledger, shop.files, plan.id, ["a"], "the new price is right")
    assert shop.apply(plan).counts == {"delivered": 1}
    shop.clock.sleep(3)
    again = shop.plan({"a": 7}, row_guards=[seven])
    assert rows(shop, again) == [("a", "create", "settling")]
    shop.apply(again)
    shop.assert_applied_once()


def test_a_key_that_is_named_like_a_word_of_the_command_is_a_key(shop: Shop) -> None:
    shop.sync({"all": 1, "b": 1})
    for key in ("all", "b"):
        shop.vendor.set(key, {"price": 5}, "by hand")
    assert release(shop.ledger, shop.files, shop.plan({"all": 2, "b": 2}).id, ["all"], "this one") == ["all"]


def test_an_undo_ends_when_the_source_has_wanted_something_else_since(shop: Shop) -> None:
    shop.sync({"a": 10})
    plan = shop.plan({"a": 12})
    shop.apply(plan)
    shop.undo(plan)
    assert shop.sync({"a": 12}).counts == {"held": 1}
    assert shop.sync({"a": 10}).counts == {}  # put right in the source
    assert shop.sync({"a": 12}).counts == {"delivered": 1}  # and a month later in earnest


def test_an_undone_removal_is_over_once_the_key_was_wanted_again(shop: Shop) -> None:
    shop.sync({"a": 1, "z": 1})
    plan = shop.removal({"z": 1})
    shop.apply(plan)
    shop.undo(plan)
    assert shop.plan({"z": 1}, remove_missing=True).counts.held_by_kind == {"undone": 1}
    shop.sync({"a": 1, "z": 1})
    assert shop.plan({"z": 1}, remove_missing=True).counts.held_by_kind == {"guard": 1}


@pytest.mark.parametrize("kind", ["replace", "positional", "two_step"])
def test_what_ended_unknown_and_was_settled_later_can_be_undone(tmp_path: Path, kind: str) -> None:
    class Blind(KINDS[kind]):  # type: ignore[misc]
        def settle(self, intents):  # type: ignore[no-untyped-def]
            return {c.key: Unclear("the list cannot be read now") for i in intents for c in i.changes}

    shop = Shop(tmp_path, kind)
    shop.vendor.set("a", {"price": 10}, "by hand")
    with replaced(kind, Blind):
        shop.vendor.script = ["lost_reply"]
        plan = shop.plan({"a": 12})
        assert shop.apply(plan).counts == {"unknown": 1}
    shop.settle()
    assert shop.undo(plan).counts == {"delivered": 1}
    assert shop.prices() == {"a": 10}


# --- values are compared field by field -------------------------------------------------------------------------------


@pytest.mark.parametrize(("live", "wanted"), [(Decimal("10.50"), Decimal("10.5")), (Decimal(1), 1)])
def test_amounts_are_the_same_however_they_are_written(tmp_path: Path, live: Any, wanted: Any) -> None:
    shop = Shop(tmp_path, "two_step")
    shop.vendor.set("a", {"price": live}, "seed")
    assert shop.sync({"a": wanted}).counts == {}


def test_true_is_not_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "two_step")
    shop.vendor.set("a", {"price": 1}, "seed")
    assert shop.sync({"a": True}).counts == {"delivered": 1}
    assert shop.sync({"a": True}).counts == {}


def test_two_images_never_have_one_print() -> None:
    rules = Rules({"a": Field(), "b": Field()})
    assert rules.print({"a": "x\x1db\x1ey"}) != rules.print({"a": "x", "b": "y"})
    assert rules.print({"a": 'x\x1db\x1f2:"y'}) != rules.print({"a": "x", "b": "y"})
    assert rules.print({}) != rules.print(None) == ""


def test_an_undone_value_stays_undone_when_the_settings_own_one_more_field(shop: Shop) -> None:
    shop.vendor.set("a", {"price": 10, "note": "n"}, "seed")
    plan = shop.plan({"a": 12})
    shop.apply(plan)
    shop.undo(plan)
    with owning({**FIELDS, "note": Field()}):
        assert shop.sync({"a": {"price": 12, "note": "n"}}).counts == {"held": 1}
    assert shop.prices() == {"a": 10}


def test_a_new_rule_of_equality_makes_nobody_an_editor(tmp_path: Path) -> None:
    def rounding(places: int) -> Field:
        return Field(same=lambda v: str(round(Decimal(v), places)), rule=f"rounded to {places}")

    wanted = {f"k{n}": Decimal("1.25") + n for n in range(5)}
    with owning({"price": rounding(2), "note": Field("foreign")}):
        shop = Shop(tmp_path)
        shop.sync(wanted)
    with owning({"price": rounding(1), "note": Field("foreign")}):
        assert shop.plan(wanted).counts.held == 0
        later = {key: price + 1 for key, price in wanted.items()}
        assert shop.plan(later).counts.held_by_kind == {"unverified": 5}
        assert shop.plan(later, foreign_edits="overwrite").counts.update == 5
        shop.sync(wanted)  # found equal, and noted under the rule of today
        assert shop.plan(later).counts.update == 5


@pytest.mark.parametrize("later", ["foreign", "taken out", "renamed"])
def test_a_field_that_the_settings_no_longer_own_makes_nobody_an_editor(tmp_path: Path, later: str) -> None:
    full = {"price": Field(), "size": Field(), "note": Field("foreign")}
    now = {
        "foreign": {**full, "size": Field("foreign")},
        "taken out": {"price": Field(), "note": Field("foreign")},
        "renamed": {"price": Field(), "breadth": Field(), "note": Field("foreign")},
    }[later]
    with owning(full):
        shop = Shop(tmp_path)
        shop.sync({key: {"price": 1, "size": 5} for key in "abc"})
    with owning(now):
        assert shop.sync({"a": {"price": 2}, "b": {"price": 2}, "c": {"price": 1}}).counts == {"delivered": 2}


def test_an_undo_under_other_settings_holds_and_says_what_it_cannot_take_back(tmp_path: Path) -> None:
    full = {"price": Field(), "size": Field(), "note": Field("foreign")}

    class Patches(MemoryTarget):
        def sent(self, change):  # type: ignore[no-untyped-def]
            owned = {n: v for n, v in (change.after or {}).items() if self.fields[n].ownership == "owned"}
            return {**((change.live.fields if change.live else None) or {}), **owned}

    Patches.fields = full
    with replaced("replace", Patches):
        shop = Shop(tmp_path)
        shop.vendor.set("a", {"price": 10, "size": 1}, "by hand")
        plan = shop.plan({"a": {"price": 12, "size": 2}})
        shop.apply(plan)
        Patches.fields = {**full, "size": Field("foreign")}
        undo = make_undo(shop.target, plan.id, ledger=shop.ledger, files=shop.files, run="run")
        assert undo.impossible == (("a", "the settings no longer own size: it keeps what was written"),)
        shop.apply(undo.plan)
        assert shop.vendor.there("a") == {"price": 10, "size": 2}
        assert shop.sync({"a": {"price": 12}}).counts == {"held": 1}


def test_overwrite_overwrites_each_new_edit_and_stops_only_where_the_target_does_not_keep(shop: Shop) -> None:
    shop.sync({"a": 10}, foreign_edits="overwrite")
    for value in (55, 66, 77, 66):
        shop.sync({"a": 10}, foreign_edits="overwrite")
        shop.vendor.set("a", {"price": value}, "by hand")
        assert shop.sync({"a": 10}, foreign_edits="overwrite").counts == {"delivered": 1}
    assert shop.prices() == {"a": 10}


# --- guards see the whole and each part -------------------------------------------------------------------------------


def lists(names: list[str], rows: int) -> list[Desired]:
    return [Desired(f"{name}/{n}", {"price": n + 1}, name) for name in names for n in range(rows)]


class Listed(MemoryTarget):
    def read(self, keys):  # type: ignore[no-untyped-def]
        return [Live(r.key, r.fields, r.key.partition("/")[0], r.remote_id) for r in super().read(keys)]


def test_many_small_lists_are_not_emptied(tmp_path: Path) -> None:
    with replaced("replace", Listed):
        shop = Shop(tmp_path)
        shop.apply(shop.plan({}, rows=lists([f"l{n}" for n in range(10)], 49)))
        with pytest.raises(PlanStopped, match="490 of 490 rows would be removed"):
            shop.apply(shop.plan({}, remove_missing=True, plan_guards=SIZE))


def test_a_list_too_small_to_measure_is_emptied_by_a_person_only_in_every_run(tmp_path: Path) -> None:
    with replaced("replace", Listed):
        shop = Shop(tmp_path)
        big = lists(["big"], 2000)
        shop.apply(shop.plan({}, rows=[*big, *lists(["small"], 40)]))
        for _ in range(2):
            plan = shop.plan({}, rows=big, remove_missing=True, plan_guards=SIZE)
            assert (plan.verdict, plan.counts.held_by_kind) == ("clear", {"guard": 40})
            shop.apply(plan)
        assert len(shop.prices()) == 2040


def test_a_share_is_measured_of_the_whole_plan_too() -> None:
    small = Counts(live=40, desired=40, update=40)
    whole = Counts(live=4000, desired=4000, update=4000, by_parent={f"list{n}": small for n in range(100)})
    assert SIZE[0](PlanSummary(whole, first=False)).state == "stopped"
    mixed = {"big": Counts(live=9000, desired=9000), **{f"s{n}": Counts(live=40, desired=40, update=40) for n in range(3)}}
    found = SIZE[0](PlanSummary(Counts(live=9120, desired=9120, update=120, by_parent=mixed), first=False))
    assert (found.state, "small ones together" in found.message) == ("stopped", True)


def test_what_a_person_undid_does_not_stop_the_runs_after_it(shop: Shop) -> None:
    shop.sync({f"k{n:03}": 1 for n in range(100)})
    plan = shop.plan({f"k{n:03}": 2 for n in range(100)})
    shop.apply(plan)
    shop.undo(plan)
    wanted = {f"k{n:03}": 2 for n in range(100)} | {"new": 1}
    assert shop.sync(wanted, plan_guards=SIZE).counts == {"held": 100, "delivered": 1}


def test_a_target_that_somebody_emptied_stops_the_plan_and_says_so(shop: Shop) -> None:
    wanted = {f"k{n:03}": 1 for n in range(100)}
    shop.sync(wanted)
    for n in range(60):
        shop.vendor.remove(f"k{n:03}", "by hand")
    with pytest.raises(PlanStopped, match="60 of 100 records that we wrote are not at the target any more"):
        shop.apply(shop.plan(wanted, plan_guards=[g for g in SIZE if g.__name__ == "vanished"]))


# --- a seal is checked ------------------------------------------------------------------------------------------------


def edited(plan: Plan, **new: Any) -> None:
    table = pq.read_table(plan.path)
    changed = [{**row, **new} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(changed, schema=table.schema), plan.path)


def test_a_plan_that_was_edited_is_neither_applied_nor_undone_nor_released(shop: Shop) -> None:
    shop.sync({"a": 10})
    plan = shop.plan({"a": 12})
    edited(plan, after='{"price":1200}')
    with pytest.raises(PlanFileLost, match="not as it was sealed"):
        shop.apply(plan)
    done = shop.plan({"a": 13})
    shop.apply(done)
    edited(done, before='{"price":99}')
    with pytest.raises(PlanFileLost):
        make_undo(shop.target, done.id, ledger=shop.ledger, files=shop.files, run="run")
    shop.vendor.set("a", {"price": 55}, "by hand")
    held = shop.plan({"a": 14})
    edited(held, held=None, holds=None)
    with pytest.raises(PlanFileLost):
        release(shop.ledger, shop.files, held.id, ["a"], "because")
    assert shop.prices() == {"a": 55}


def test_the_file_of_a_plan_under_way_is_lost_and_the_account_goes_on(shop: Shop) -> None:
    plan = shop.plan({"a": 1, "b": 1})
    shop.vendor.script = ["rate_limited"]
    with pytest.raises(Paused):
        shop.apply(plan, patience=Patience(1, 5))
    plan.path.unlink()
    with pytest.raises(PlanFileLost, match="is not there any more"):
        shop.apply(plan)
    assert shop.sync({"a": 1, "b": 1}).counts == {"delivered": 2}
    assert shop.ledger.outcome_counts(plan.id) == {"skipped": 2}
    assert "lost" in shop.table("outcome")[0]["message"] or "lost" in shop.table("outcome")[-1]["message"]


def test_a_call_in_doubt_whose_plan_file_is_lost_blocks_its_key_and_no_other(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    shop.vendor.script = ["crash_after"]
    with pytest.raises(Crash):
        shop.apply(plan)
    shop.restart()
    plan.path.unlink()
    shop.settle()
    assert shop.sync({"a": 2, "b": 2}).counts == {"held": 1, "delivered": 1}
    assert shop.ledger.outcome_counts(plan.id) == {"unknown": 1}
    shop.ledger.forget(shop.target.account, "a")
    assert shop.sync({"a": 2, "b": 2}).counts == {"delivered": 1}


# --- what cannot be stored, and who holds the account -----------------------------------------------------------------


@pytest.mark.parametrize("key", ["\ud800", "x\x00y"])
def test_a_key_that_cannot_be_stored_is_one_row_held_and_the_others_go(shop: Shop, key: str) -> None:
    assert shop.sync({key: 1, "b": 1}).counts == {"held": 1, "delivered": 1}
    assert shop.sync({"b": 2, "c": {"price": "half \ud83d"}}).counts == {"held": 1, "delivered": 1}


@pytest.mark.parametrize("key", ["", "k" * 10_000, "all", "ключ 🔑", "a'b\"c%"])
def test_odd_keys_are_keys(shop: Shop, key: str) -> None:
    assert shop.sync({key: 1}).counts == {"delivered": 1}
    assert shop.sync({key: 1}).counts == {}


def test_a_holder_in_another_container_of_the_same_name_is_not_taken_for_dead(shop: Shop) -> None:
    with shop.ledger.holding(shop.target.account):
        with shop.ledger.write() as tx:
            tx.exec_driver_sql("UPDATE lease SET pid = 4000000, namespace = 'pid:[4026531000]'")
        with pytest.raises(DeliveryError, match="is being written by process 4000000"):
            shop.sync({"a": 1})
        shop.clock.sleep(16 * 60)
        assert shop.sync({"a": 1}).counts == {"delivered": 1}


def test_the_statements_of_the_ledger_mean_the_same_to_postgresql() -> None:
    from sqlalchemy.dialects import postgresql

    names = (*(c.name for c in tables.record.c), "resent")
    text, _ = tables._compiled(tables.PUT_RECORD, postgresql.dialect(), names)
    assert "ON CONFLICT (account, key) DO UPDATE" in text
    assert "max(" not in text
    for table in tables.schema.tables.values():
        assert "WITHOUT" not in str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect()))


# --- what each safety is for ------------------------------------------------------------------------------------------


def test_a_row_in_doubt_is_not_sent_by_the_plan_that_has_it(tmp_path: Path) -> None:
    class Blind(KINDS["positional"]):  # type: ignore[misc]
        def settle(self, intents):  # type: ignore[no-untyped-def]
            return {}

    with replaced("positional", Blind):
        shop = Shop(tmp_path, "positional")
        plan = shop.plan({"a": 1, "b": 1, "c": 1, "d": 1})
        shop.vendor.script = ["lost_request", "rate_limited"]  # a, b and c are in doubt; d makes another pass
        assert shop.apply(plan).counts == {"unknown": 3, "delivered": 1}
        assert shop.prices() == {"d": 1}


def test_a_lease_that_was_lost_while_waiting_is_noticed_then(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    shop.vendor.script = ["rate_limited"]
    slept = []

    def other_run() -> None:
        slept.append(1)
        with shop.ledger.write() as tx:
            tx.exec_driver_sql("UPDATE lease SET token = 'of another run'")

    shop.clock.on_sleep.append(other_run)
    real, reads = MemoryTarget.read, []
    MemoryTarget.read = lambda self, keys: (reads.append(len(slept)), real(self, keys))[1]  # type: ignore[method-assign]
    try:
        with pytest.raises(LeaseLost):
            shop.apply(plan)
    finally:
        MemoryTarget.read = real  # type: ignore[method-assign]
    assert slept
    assert not any(reads), "it went on after the wait"


def test_a_process_that_stood_still_before_its_call_does_not_send(shop: Shop) -> None:
    plan = shop.plan({"a": 1})
    real = shop.ledger.engine.dialect.do_commit

    def slow(connection: Any) -> None:
        real(connection)
        if shop.table("attempt"):
            shop.clock.seconds += 60

    shop.ledger.engine.dialect.do_commit = slow  # type: ignore[method-assign]
    try:
        with pytest.raises(DeliveryError, match="stood still for too long"):
            shop.apply(plan)
    finally:
        shop.ledger.engine.dialect.do_commit = real  # type: ignore[method-assign]
    assert shop.vendor.calls == 0
    assert shop.apply(plan).counts == {"delivered": 1}


@pytest.mark.parametrize("days", [-30, 30])
def test_the_age_of_a_write_does_not_follow_the_wall_clock(tmp_path: Path, days: int) -> None:
    shop = Shop(tmp_path, "two_step", lag=40.0)
    shop.sync({"a": 1})
    shop.clock.ahead = timedelta(days=days)
    shop.clock.sleep(3)
    assert rows(shop, shop.plan({"a": 1})) == [("a", "create", "settling")]


def test_another_record_under_our_key_is_not_ours(shop: Shop) -> None:
    shop.sync({"z": 1, "a": 10})
    shop.vendor.remove("a", "by hand")
    shop.vendor.set("a", {"price": 99}, "by hand")  # another one, with another id
    assert rows(shop, shop.plan({"z": 1}, remove_missing=True)) == []
    assert rows(shop, shop.plan({"z": 1, "a": 11})) == [("a", "update", None)]


def test_a_record_that_was_replaced_since_the_plan_is_drifted(shop: Shop) -> None:
    shop.sync({"a": 10})
    plan = shop.plan({"a": 12})
    shop.vendor.remove("a", "by hand")
    shop.vendor.set("a", {"price": 10}, "by hand")
    assert shop.apply(plan).counts == {"drifted": 1}
    assert shop.prices() == {"a": 10}


def test_an_outcome_is_written_once(shop: Shop) -> None:
    row = {"plan": "p", "row": 0, "account": "x", "key": "a", "steps": "[]", "remote_id": None, "attempt": None, "message": ""}
    with shop.ledger.write() as tx:
        tables.add_outcomes(tx, [{**row, "state": "rejected"}], "then")
        tables.add_outcomes(tx, [{**row, "state": "delivered"}], "later")
    assert [o["state"] for o in shop.table("outcome")] == ["rejected"]


def test_a_plan_with_a_call_in_doubt_is_not_undone(tmp_path: Path) -> None:
    class Blind(MemoryTarget):
        def settle(self, intents):  # type: ignore[no-untyped-def]
            return {}

    with replaced("replace", Blind):
        shop = Shop(tmp_path)
        shop.vendor.script = ["lost_reply"]
        plan = shop.plan({"a": 1})
        shop.apply(plan)
        with pytest.raises(DeliveryError, match="still in doubt"):
            make_undo(shop.target, plan.id, ledger=shop.ledger, files=shop.files, run="run")


def test_the_same_call_carries_the_same_key_when_it_is_sent_again(shop: Shop) -> None:
    shop.vendor.script = ["lost_request", "rate_limited"]
    shop.sync({"a": 1})
    sent = [a["key"] for a in shop.table("attempt")]
    assert len(sent) == 3
    assert len(set(sent)) == 1


def test_what_a_target_saw_before_the_account_was_held_is_renewed(tmp_path: Path) -> None:
    renewed = []

    class Remembers(MemoryTarget):
        def renew(self) -> None:
            renewed.append([x["account"] for x in shop.table("lease")])

    with replaced("replace", Remembers):
        shop = Shop(tmp_path)
        shop.sync({"a": 1})
    assert renewed == [["memory://shop"]]


def test_two_processes_never_both_hold_an_account(tmp_path: Path) -> None:
    """Eight of them want it at once, again and again; what each sees of the lease it sees under the write lock."""
    import threading

    path = tmp_path / "ledger.db"
    Ledger.at(path).close()
    inside, most, wrong = [0], [0], []
    lock = threading.Lock()

    def run() -> None:
        ledger = Ledger.at(path)
        try:
            for _ in range(25):
                with ledger.write() as tx:
                    (n,) = tx.exec_driver_sql("SELECT count(*) FROM cursor").one()
                    with lock:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    tx.exec_driver_sql("INSERT INTO cursor (account, name, value) VALUES ('x', ?, '')", (f"{n}",))
                    with lock:
                        inside[0] -= 1
        except Exception as e:  # noqa: BLE001 - told below
            wrong.append(e)
        finally:
            ledger.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, most) == ([], [1])


def test_what_is_committed_is_on_the_disk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut cannot be made here; that every write is flushed before it counts can be seen."""
    import os

    flushed, real = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink())), real(handle))
    )
    shop.plan({"a": 1})
    assert any(name.endswith(".parquet") for name in flushed)
    assert str(shop.files.folder) in flushed
    with shop.ledger.write() as tx:
        assert tx.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_a_plan_is_not_done_while_a_row_has_no_outcome(tmp_path: Path) -> None:
    class Forgets(MemoryTarget):
        def write(self, step, batch, intent):  # type: ignore[no-untyped-def]
            with shop.ledger.write() as tx:  # what was noted of the held row is lost
                tx.exec_driver_sql("DELETE FROM outcome WHERE state = 'held'")
            return super().write(step, batch, intent)

    with replaced("replace", Forgets):
        shop = Shop(tmp_path)
        plan = shop.plan({"a": 1, "b": 0}, row_guards=MOVE)
        assert plan.counts.held == 1
        with pytest.raises(DeliveryError, match="2 rows and 1 outcomes: it is not finished"):
            shop.apply(plan)
    assert shop.ledger.plan(plan.id)["state"] == "applying"
