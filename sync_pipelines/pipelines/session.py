"""What a run has: ledger, plan files, warehouse, call meter, clients made when first used, and the right to write.

Plain Python. Dagster's assets, the command line and the tests make a session and call the same functions with it.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from sync_pipelines import alerts, logs
from sync_pipelines.credentials import redact
from sync_pipelines.delivery import runs
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import BAD_OUTCOMES
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.delivery.retention import prune
from sync_pipelines.pipelines import rights
from sync_pipelines.pipelines.sections import check_file
from sync_pipelines.pipelines.tables import shown_counts
from sync_pipelines.settings import RetentionSettings, data_dir, sandbox_on
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.warehouse.snapshots import Warehouse

T = TypeVar("T")


def open_ledger() -> Ledger:
    return Ledger.at(data_dir() / "ledger.db")


def may_write(ledger: Ledger, pipeline: str, system: str) -> bool:
    """Return whether a person has turned writing on for the account of this system. The sandbox needs nobody's leave."""
    if sandbox_on():
        return True
    rights.tie_to_login(ledger, pipeline, system)
    return rights.is_allowed(ledger, pipeline, system)


class Session:
    """One run. Use it in a `with` block, or close it: clients and ledger are closed with it.

    pipeline: whose run it is; "" for a run of assets that somebody chose, until the first step says so.
    verb: what a person or a schedule asked for: sync, preview, backfill, …; `materialize` from the UI.
    applies: the assets that this run goes on to write to.
    """

    def __init__(
        self,
        run: str,
        pipeline: str = "",
        verb: str = "materialize",
        *,
        applies: Collection[str] = (),
        ledger: Ledger | None = None,
        meter: CallMeter | None = None,
    ) -> None:
        self.id, self.pipeline, self.verb = run, pipeline, verb
        self.ledger, self.meter = ledger or open_ledger(), meter or CallMeter()
        self.plans, self.warehouse = PlanFiles(data_dir() / "plans"), Warehouse(data_dir() / "warehouse")
        self.limits: Path = data_dir() / "limits"
        self._applies = frozenset(applies)
        self._made: dict[str, str] = {}
        self._taken_up: dict[str, str] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._deciding: dict[str, dict[str, int]] = {}
        self._stopped: set[str] = set()
        self._cut_short: set[str] = set()
        self._facts: dict[str, Any] = {}
        self._things: dict[str, Any] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.close_clients()
        self.ledger.close()

    def close_clients(self) -> None:
        for thing in self._things.values():
            if callable(close := getattr(thing, "close", None)):
                close()
        self._things.clear()

    # --- what the steps of a run have in common -------------------------------------------------------------------------

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return something that the steps of a run share, made by the first that asks. What can be closed is, at the end."""
        if name not in self._things:
            self._things[name] = make()
        return cast("T", self._things[name])

    def right(self, pipeline: str, system: str) -> Callable[[], bool]:
        """Return whether the pipeline may write to this system, as a client asks it before each call; looked up once."""
        allowed = may_write(self.ledger, pipeline, system)
        return lambda: allowed

    def applies_in_this_run(self, asset: str) -> bool:
        """Return whether this run goes on to write to the asset: whether its job, as it was launched, has that step."""
        return asset in self._applies

    # --- what the run's record says -------------------------------------------------------------------------------------

    def plan_made(self, asset: str) -> str:
        """The plan that an earlier step of this run made for this asset, or ""."""
        return self._made.get(asset, "")

    def plan_of(self, asset: str) -> str:
        """The plan that this run made for this asset, or took up, or ""."""
        return self._taken_up.get(asset, "") or self.plan_made(asset)

    def planned(self, asset: str, plan: Plan) -> None:
        """Note a plan of this run, and what it is for."""
        self.takes_up(asset, plan)
        self._made[asset] = plan.id
        self.count(asset, shown_counts(plan.counts))
        if plan.verdict != "clear":
            self.stopped(asset)

    def takes_up(self, asset: str, plan: Plan) -> None:
        """Note that this run brings a plan to its end, whoever made it."""
        self._taken_up[asset] = plan.id
        self._facts.setdefault("plan", plan.id)
        self.note(pipeline=plan.pipeline)
        self._stopped.discard(asset)
        self.count(asset, {})

    def stopped(self, asset: str) -> None:
        """Note that a guard stopped the plan for this asset."""
        self._stopped.add(asset)

    def cut_short(self, asset: str, counts: Mapping[str, int]) -> None:
        """Note that a plan was not brought to its end, and what became of its rows until then."""
        self._cut_short.add(asset)
        self.count(asset, counts)

    def count(self, asset: str, counts: Mapping[str, int], deciding: Mapping[str, int] | None = None) -> None:
        """Note what a step counted; the run counts all of its steps together. deciding: those of the outcomes that can make the
        run end badly, where others are as they should be."""
        self._counts[asset] = dict(counts)
        self._deciding[asset] = dict(counts if deciding is None else deciding)

    def counted(self, asset: str) -> Mapping[str, int]:
        """What an earlier step of this run counted."""
        return self._counts.get(asset, {})

    def note(self, *, pipeline: str | None = None, **facts: Any) -> None:
        """Facts for the run's record: plan, source_rejects, message."""
        if pipeline and not self.pipeline:
            self.pipeline = pipeline
            runs.note_run(self.ledger, self.id, pipeline=pipeline)
        self._facts.update(facts)

    def end(self, problem: str, keep: timedelta) -> None:
        """Record how the run ended, and say so where somebody is to know. problem: why it does not count as done, or "".

        keep: how long plans and outcomes are kept. Raises what the ledger raises, after an alert.
        """
        message = problem or self._facts.pop("message", "")
        self._facts.pop("message", None)
        counts = dict(sum((Counter(each) for each in self._counts.values()), Counter()))
        state: Literal["done", "stopped", "incomplete", "failed"] = "done"
        if self._stopped:
            state = "stopped"
        elif any(each.get(bad) for each in self._deciding.values() for bad in BAD_OUTCOMES) and not self._cut_short:
            state = "incomplete"
        elif problem:
            state = "failed"
        try:
            recovered = runs.recovered(self.ledger, self.pipeline, self.id, self.verb)
            calls = self.meter.shown()
            runs.end_run(self.ledger, self.id, state, message=redact(message)[:2000], calls=calls, counts=counts, **self._facts)
            prune(self.ledger, self.plans, keep)
        except Exception as e:
            alerts.alert("failed", self.pipeline, self.id, f"the end of the run could not be recorded: {e}. {message}")
            raise
        if state != "done":
            alerts.alert(state, self.pipeline, self.id, message or json.dumps(counts))
        elif recovered:
            alerts.alert("recovered", self.pipeline, self.id, "this run ended well; the one before it did not")


@contextlib.contextmanager
def recorded(
    run: str, pipeline: str, verb: str, *, applies: Collection[str], dead: Callable[[str], None], unproved: Callable[[], str]
) -> Iterator[Session]:
    """Run within a session whose begin and end the ledger and the alerts know of, whatever happens in between.

    dead: told of each run whose process is gone. unproved: says afterwards why the run does not count as done, or "".
    """
    with contextlib.ExitStack() as opened:
        try:
            check_file()
            keep = timedelta(days=RetentionSettings.read().days)
            logs.set_up(data_dir() / "logs")
            session = Session(run, pipeline, verb, applies=applies)
            opened.callback(session.ledger.close)
            for each in runs.mark_dead_runs(session.ledger):
                dead(each["id"])
            runs.start_run(session.ledger, run, pipeline, verb)
        except Exception as e:
            alerts.alert("failed", pipeline, run, f"the run could not begin: {e}")
            raise
        try:
            yield session
        finally:
            session.close_clients()
            session.end(unproved(), keep)
