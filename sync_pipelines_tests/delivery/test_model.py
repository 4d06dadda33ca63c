"""Delivery over a life of its own: sources, people, plans, crashes, releases, undos, settings and clocks in any order.

Whatever the order: nothing that must not be repeated is repeated, nobody's record is touched, nothing that is held goes without a
person's word, what a person changed or undid is not written over, a look changes nothing, every planned row has one outcome;
and when all is quiet the target is as the source wants it, and a further run writes nothing.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from sync_pipelines.delivery.applying import Patience
from sync_pipelines.delivery.ledger import Busy
from sync_pipelines.delivery.model import DeliveryError, Fields
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.delivery.releasing import release
from sync_pipelines_tests.delivery.memory import FAULTS, KINDS, Crash
from sync_pipelines_tests.delivery.shop import Shop, crash_at_commit

KEYS = ("a", "b", "c")
NEEDS_A_PERSON = 7
"""The price that a guard holds."""


def guard(before: Fields | None, after: Fields) -> str | None:
    if after.get("price") == NEEDS_A_PERSON and (before or {}).get("price") != NEEDS_A_PERSON:
        return f"{NEEDS_A_PERSON} needs a person"
    return None


keys = st.sampled_from(KEYS)
values = st.sampled_from([1, 2, 3, NEEDS_A_PERSON])


class Life(RuleBasedStateMachine):
    kind = "replace"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.source: dict[str, int] = {}
        self.changed: dict[str, float] = {}
        """When a person last changed a key at the target, and nobody has written to it with a person's word since."""
        self.words: set[str] = set()
        """Keys for which a person released something since it was last held."""
        self.undone: dict[str, int] = {}
        """What was taken back, while the source has not wanted anything else since."""
        self.waiting: list[Plan] = []
        self.applied: list[Plan] = []

    @initialize(lag=st.sampled_from([0.0, 10.0]))
    def open(self, lag: float) -> None:
        self.shop = Shop(Path(self.folder.name), self.kind, lag)
        self.shop.vendor.set("theirs", {"price": 9, "note": "by hand"}, "seed")
        self.shop.clock.sleep(100)

    def teardown(self) -> None:
        try:
            if hasattr(self, "shop"):
                self.all_is_quiet()
        finally:
            if hasattr(self, "shop"):
                self.shop.ledger.close()
            self.folder.cleanup()

    # --- the source and people ----------------------------------------------------------------------------------------

    @rule(key=keys, value=values)
    def source_wants(self, key: str, value: int) -> None:
        self.source[key] = value

    @rule(key=keys)
    def source_drops(self, key: str) -> None:
        self.source.pop(key, None)

    @rule(key=keys, value=st.integers(20, 23))
    def person_writes(self, key: str, value: int) -> None:
        fields = {**(self.shop.vendor.there(key) or {}), **self.shop.target.wants(value)}
        self.shop.vendor.set(key, fields, "by hand")
        self.shop.vendor.records[key].visible_at = 0.0  # what people do in the vendor's own pages shows at once
        self.changed[key] = self.shop.clock.seconds

    @rule(key=keys)
    def person_deletes(self, key: str) -> None:
        if self.shop.vendor.there(key) is not None:
            self.shop.vendor.remove(key, "by hand")
            self.shop.vendor.records.pop(key, None)
            self.changed[key] = self.shop.clock.seconds

    # --- runs ---------------------------------------------------------------------------------------------------------

    def plan(self, **options: Any) -> Plan:
        tables = ("record", "attempt", "outcome", "hold", "release")
        before, calls = [self.shop.table(t) for t in tables], self.shop.vendor.calls
        plan = self.shop.plan(dict(self.source), row_guards=[guard], **options)
        assert (before, calls) == ([self.shop.table(t) for t in tables], self.shop.vendor.calls), "a look changed something"
        return plan

    def apply(self, plan: Plan) -> None:
        wanted = {r["key"]: r for r in self.shop.files.query(plan.id, "SELECT key, action, held, holds FROM plan")}
        there, writes = {k: self.shop.vendor.there(k) for k in KEYS}, dict(self.shop.vendor.effects)
        known, late = self.shop.ledger.plan(plan.id)["state"], {key for key in KEYS if self.late(key)}
        try:
            self.shop.apply(plan, patience=Patience(3600, 6))
        except (Crash, DeliveryError):
            self.shop.restart()
        else:
            self.applied.append(plan)
        if known == "done":
            assert writes == dict(self.shop.vendor.effects), "a finished plan wrote something"
        for key in KEYS:
            if self.shop.vendor.there(key) != there[key]:
                self.was_written(key, wanted.get(key), there[key], plan, was_late=key in late)

    def was_written(self, key: str, row: dict[str, Any] | None, before: Fields | None, plan: Plan, *, was_late: bool) -> None:
        """Our writes, as a person would judge them. A call of an earlier plan may land while this one waits: only what this
        plan called for is held against it."""
        assert key != "theirs"
        if row is None or self.late(key):
            return
        if row["held"]:
            called = any(a["plan"] == plan.id and key in json.loads(a["keys"]) for a in self.shop.table("attempt"))
            assert key in self.words or (was_late and not called), f"{key} was held for {row['holds']} and written"
        now = self.shop.vendor.there(key) or {}
        if plan.undo_of is None and key in self.undone and now.get("price") == self.undone[key]:
            assert key in self.words, f"{key}: {self.undone[key]} was undone and is back"
        seen = self.changed.get(key, 1e9) < self.planned_at.get(plan.id, 0.0)
        if seen and self.hold and plan.undo_of is None and self.ours(key):
            assert key in self.words, f"{key} was changed by a person to {before} and written over"
        if plan.undo_of is None:
            self.undone.pop(key, None)
        self.changed.pop(key, None)
        self.words.discard(key)

    def late(self, key: str) -> bool:
        return any(key in d.keys for d in self.shop.ledger.doubts(self.shop.target.account)) or bool(self.shop.vendor.late)

    def ours(self, key: str) -> bool:
        """Whether we had put something there before the person came: what was never ours may be taken over."""
        return self.wrote.get(key, False)

    @property
    def planned_at(self) -> dict[str, float]:
        found: dict[str, float] = self.__dict__.setdefault("_planned_at", {})
        return found

    @property
    def wrote(self) -> dict[str, bool]:
        found: dict[str, bool] = self.__dict__.setdefault("_wrote", {})
        return found

    hold = True

    def made(self, plan: Plan) -> Plan:
        self.planned_at[plan.id] = self.shop.clock.seconds
        for record in self.shop.table("record"):
            self.wrote[record["key"]] = record["state"] in ("present", "partial")
        return plan

    @rule(edits=st.sampled_from(["hold", "overwrite"]), remove=st.booleans())
    def sync(self, edits: str, remove: bool) -> None:
        self.settle()
        try:
            plan = self.made(self.plan(foreign_edits=edits, remove_missing=remove))
        except (Crash, DeliveryError):
            self.shop.restart()
            return
        for key, value in list(self.undone.items()):
            if self.source.get(key) != value:
                del self.undone[key]
        self.hold = edits == "hold"
        self.apply(plan)

    @rule(only=st.sets(keys, min_size=1))
    def preview(self, only: set[str]) -> None:
        self.waiting.append(self.made(self.plan(only=only if len(only) < 3 else None)))

    @precondition(lambda self: self.waiting)
    @rule(number=st.integers(0, 9))
    def apply_what_waits(self, number: int) -> None:
        self.hold = True
        self.apply(self.waiting[number % len(self.waiting)])

    @precondition(lambda self: self.waiting)
    @rule(number=st.integers(0, 9), lose=st.booleans())
    def plan_file_is_lost_or_edited(self, number: int, lose: bool) -> None:
        plan = self.waiting.pop(number % len(self.waiting))
        self.waiting = [other for other in self.waiting if other.id != plan.id]
        self.applied = [other for other in self.applied if other.id != plan.id]
        if lose:
            plan.path.unlink(missing_ok=True)
        elif plan.path.exists():
            plan.path.write_bytes(plan.path.read_bytes() + b"x")
        writes = dict(self.shop.vendor.effects)
        if self.shop.ledger.plan(plan.id)["state"] != "done":
            with pytest.raises(DeliveryError):
                self.shop.apply(plan)
        assert writes == dict(self.shop.vendor.effects)

    @precondition(lambda self: self.waiting)
    @rule(kinds=st.sampled_from([["guard"], ["undone"], ["gone"], ["foreign_edit", "unverified"], ["guard", "gone"]]))
    def person_releases(self, kinds: list[str]) -> None:
        for plan in self.waiting[-1:]:
            if plan.path.exists():
                self.words |= set(release(self.shop.ledger, self.shop.files, plan.id, None, "looked at", kinds=kinds))

    @precondition(lambda self: self.applied)
    @rule(number=st.integers(0, 9))
    def undo(self, number: int) -> None:
        from sync_pipelines.delivery.undoing import make_undo

        plan = self.applied[-1 - number % len(self.applied)]
        self.settle()
        try:
            back = make_undo(self.shop.target, plan.id, ledger=self.shop.ledger, files=self.shop.files, run="run").plan
        except DeliveryError:
            return
        held = {h["key"] for h in self.shop.table("hold")}
        self.apply(self.made(back))
        if plan.undo_of is None:
            for row in self.shop.table("hold"):
                if row["key"] not in held and self.source.get(row["key"]) is not None:
                    after = self.shop.files.query(plan.id, "SELECT after FROM plan WHERE key = ?", [row["key"]])
                    if after and after[0]["after"] and f'"price":{self.source[row["key"]]}' in after[0]["after"]:
                        self.undone[row["key"]] = self.source[row["key"]]

    def settle(self) -> None:
        try:
            self.shop.settle()
        except (Crash, DeliveryError):
            self.shop.restart()

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    @rule(script=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def vendor_has_a_bad_day(self, script: list[str]) -> None:
        self.shop.vendor.script = list(script)

    @rule(number=st.integers(0, 12), after=st.booleans())
    def process_dies(self, number: int, after: bool) -> None:
        with crash_at_commit(self.shop.ledger, number, after=after):
            try:
                plan = self.made(self.shop.plan(dict(self.source), row_guards=[guard]))
                for key, value in list(self.undone.items()):
                    if self.source.get(key) != value:
                        del self.undone[key]
                self.hold = True
                self.apply(plan)
            except Crash:
                pass
        self.shop.restart()

    @rule(seconds=st.sampled_from([1, 8, 70, 400]))
    def time_passes(self, seconds: int) -> None:
        self.shop.clock.sleep(seconds)

    @rule(days=st.sampled_from([-30, 0, 30]))
    def wall_clock_is_set(self, days: int) -> None:
        self.shop.clock.ahead = timedelta(days=days)

    @rule()
    def machine_boots(self) -> None:
        self.shop.restart()
        self.shop.clock.reboot()

    @rule()
    def a_second_run_is_turned_away(self) -> None:
        calls = self.shop.vendor.calls
        with self.shop.ledger.holding(self.shop.target.account), pytest.raises((Busy, DeliveryError)):
            self.shop.apply(self.made(self.plan()))
        assert self.shop.vendor.calls == calls

    # --- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_doubled_and_theirs_is_theirs(self) -> None:
        if hasattr(self, "shop"):
            doubled = [key for key, step in self.shop.vendor.effects if step == "doubled"]
            assert not doubled, f"{doubled} made twice"
            assert self.shop.vendor.there("theirs") == {"price": 9, "note": "by hand"}
            for plan in self.applied:
                counts = plan.counts
                planned = counts.changes + counts.adopt + counts.held
                assert sum(self.shop.ledger.outcome_counts(plan.id).values()) == planned

    def all_is_quiet(self) -> None:
        """No more faults: people say yes to all that is held, and the target comes to what the source wants."""
        shop = self.shop
        shop.vendor.script.clear()
        shop.clock.ahead = timedelta(0)
        for _ in range(8):
            shop.clock.sleep(1000)
            shop.vendor.land()
            self.settle()
            plan = shop.plan(dict(self.source), row_guards=[guard])
            kinds = [k for k in plan.counts.held_by_kind if k not in ("doubt", "settling")]
            if kinds:
                release(shop.ledger, shop.files, plan.id, None, "yes")
            shop.apply(plan)
            quiet = not plan.counts.changes and not plan.counts.held and not shop.ledger.doubts(shop.target.account)
            if quiet:
                break
            for doubt in shop.ledger.doubts(shop.target.account):  # its plan's file is lost: a person looked at the record
                for key in doubt.keys:
                    shop.ledger.forget(shop.target.account, key)
        shop.clock.sleep(1000)
        calls = shop.vendor.calls
        last = shop.plan(dict(self.source), row_guards=[guard])
        shop.apply(last)
        assert (last.counts.changes, last.counts.held, shop.vendor.calls) == (0, 0, calls), "it does not come to rest"
        wanted = {k: shop.target.wants(v) for k, v in self.source.items()}
        owned = shop.target.owned()
        held = {k: {n: (shop.vendor.there(k) or {}).get(n) for n in owned} for k in self.source}
        assert held == {k: {n: w.get(n) for n in owned} for k, w in wanted.items()}


def test_a_call_of_an_earlier_plan_that_lands_while_a_newer_one_waits_is_not_the_newer_ones() -> None:
    """The newer plan holds the key for doubt, waits until the older call has landed, and dies before its own first call."""
    life = type("LifeOfAccepted", (Life,), {"kind": "accepted"})()
    try:
        life.open(lag=0.0)
        life.source_wants(key="b", value=1)
        life.process_dies(after=True, number=4)
        assert life.shop.vendor.late
        life.source_wants(key="a", value=1)
        life.process_dies(after=False, number=8)
        assert life.shop.vendor.there("b") == {"price": 1}
        assert life.shop.vendor.effects["b", "upload"] == 1
        (attempt,) = (a for a in life.shop.table("attempt") if "b" in json.loads(a["keys"]))
        assert attempt["plan"] == min(life.shop.table("plan"), key=lambda p: p["seq"])["id"]
    finally:
        life.teardown()


def lives(kind: str, examples: int, steps: int = 12) -> None:
    machine = type(f"LifeOf{kind}", (Life,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"windowed"}))
def test_a_short_life(kind: str) -> None:
    lives(kind, 3)


@pytest.mark.deep
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_long_life(kind: str, part: int) -> None:
    lives(kind, int(os.environ.get("DEEP_EXAMPLES", "60")), 20)
