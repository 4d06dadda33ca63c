"""A merchant with one memory vendor and a ledger on disk: plan, apply, crash, start again, and the invariants."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.applying import Patience, Report, apply, settle_first
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError, Desired
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.delivery.releasing import release
from sync_pipelines.delivery.undoing import make_undo
from sync_pipelines.exact_json import dumps
from sync_pipelines_tests.delivery.memory import KINDS, NOT_REPEATABLE, Crash, MemoryTarget, TestClock, Vendor


class Shop:
    def __init__(self, folder: Path, kind: str = "replace", lag: float = 0.0) -> None:
        self.folder, self.kind = folder, kind
        self.clock = TestClock()
        self.vendor = Vendor(self.clock, lag=lag)
        self.files = PlanFiles(folder / "plans")
        self.ledger = Ledger.at(folder / "ledger.db", self.clock)
        self.extracts = 0

    @property
    def target(self) -> MemoryTarget:
        return KINDS[self.kind](self.vendor)

    def plan(self, desired: dict[str, Any], **options: Any) -> Plan:
        """Plan prices by key; a value may be a dict of fields. Keyword policy settings go to Policy."""
        self.extracts += 1
        policy = Policy(**{k: options.pop(k) for k in ("remove_missing", "foreign_edits") if k in options})
        rows = [Desired(k, v if isinstance(v, dict) else self.target.wants(v)) for k, v in desired.items()]
        return make_plan(
            self.target,
            options.pop("rows", rows),
            ledger=self.ledger,
            files=self.files,
            pipeline="test",
            extract=f"extract-{self.extracts}",
            run="run",
            policy=policy,
            **options,
        )

    def settle(self) -> None:
        settle_first(self.target, ledger=self.ledger, files=self.files, run="run", patience=Patience(3600, tries=6))

    def apply(self, plan: Plan | str, **options: Any) -> Report:
        plan_id = plan if isinstance(plan, str) else plan.id
        options.setdefault("patience", Patience(3600, tries=6))
        return apply(self.target, plan_id, ledger=self.ledger, files=self.files, run="run", **options)

    def sync(self, desired: dict[str, Any], **options: Any) -> Report:
        return self.apply(self.plan(desired, **options))

    def removal(self, desired: dict[str, Any], **options: Any) -> Plan:
        """A plan that removes what is not desired, with its removals released: so few rows have no share to measure."""
        plan = self.plan(desired, remove_missing=True, **options)
        release(self.ledger, self.files, plan.id, None, "too few to compare", kinds=["guard"])
        return plan

    def remove(self, desired: dict[str, Any], **options: Any) -> Report:
        return self.apply(self.removal(desired, **options))

    def undo(self, plan: Plan | Report) -> Report:
        plan_id = plan.id if isinstance(plan, Plan) else plan.plan
        return self.apply(make_undo(self.target, plan_id, ledger=self.ledger, files=self.files, run="run").plan)

    def sync_until_done(self, desired: dict[str, Any], attempts: int = 40, **options: Any) -> list[Plan]:
        """Run like a scheduler does: after a crash or a failed run start again, until a run ends well. Returns all plans."""
        plans: list[Plan] = []
        for _ in range(attempts):
            try:
                self.settle()
                plans.append(self.plan(desired, **options))
                self.apply(plans[-1])
            except (Crash, DeliveryError):
                self.restart()
                continue
            return plans
        raise AssertionError("the runs never ended well")

    def restart(self) -> None:
        """The process is gone: what it held in memory is lost, its lease stays."""
        self.ledger.close()
        with sqlite3.connect(self.folder / "ledger.db") as con:
            con.execute("UPDATE lease SET pid = 0, born = 'of a dead process'")
        self.ledger = Ledger.at(self.folder / "ledger.db", self.clock)

    def prices(self) -> dict[str, Any]:
        """What the target holds in truth."""
        return {k: r.fields.get("price") for k, r in self.vendor.records.items() if r.fields is not None}

    def outcomes(self, plan: Plan) -> dict[str, str]:
        return {r["key"]: r["state"] for r in self.ledger.rows(sa.select(tables.outcome).where(tables.outcome.c.plan == plan.id))}

    def table(self, name: str) -> list[dict[str, Any]]:
        return self.ledger.rows(sa.select(tables.schema.tables[name]))

    # --- invariants -------------------------------------------------------------------------------------------------

    def assert_sums_match(self, plans: list[Plan]) -> None:
        """One outcome per planned row of every plan that was begun; desired = unchanged + planned rows."""
        for plan in plans:
            planned = self.files.query(plan.id, "SELECT count(*) AS n FROM plan")[0]["n"]
            if self.ledger.plan(plan.id)["state"] == "done":
                assert sum(self.ledger.outcome_counts(plan.id).values()) == planned, dumps([plan.id, planned])
            counts = plan.counts
            assert counts.desired == counts.unchanged + planned - counts.remove

    def assert_applied_once(self) -> None:
        for (key, step), n in self.vendor.effects.items():
            assert step != "doubled", f"{key} was made twice"
            if step in NOT_REPEATABLE.get(self.kind, ()):
                assert n == 1, f"{step} of {key} took effect {n} times"

    def assert_a_clean_run_writes_nothing(self, desired: dict[str, Any]) -> None:
        self.vendor.script.clear()
        self.clock.sleep(1000)
        calls = self.vendor.calls
        plan = self.plan(desired)
        self.apply(plan)
        assert self.vendor.calls == calls, f"a clean run wrote: {plan.counts}"


@contextmanager
def crash_at_commit(ledger: Ledger, number: int, *, after: bool) -> Iterator[Callable[[], int]]:
    """Die just before or just after the ledger's commit with this number (from 0). Yields how many there were."""
    dialect, real, seen = ledger.engine.dialect, ledger.engine.dialect.do_commit, 0

    def do_commit(connection: Any) -> None:
        nonlocal seen
        seen += 1
        if seen - 1 == number and not after:
            raise Crash
        real(connection)
        if seen - 1 == number and after:
            raise Crash

    dialect.do_commit = do_commit  # type: ignore[method-assign]
    try:
        yield lambda: seen
    finally:
        dialect.do_commit = real  # type: ignore[method-assign]
