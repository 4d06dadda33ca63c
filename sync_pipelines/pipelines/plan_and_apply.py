"""The steps of every write, in their order: make a plan, apply it, take it back. Assets, jobs, commands and tests call these.

Plain Python over a `Session`. What one step hands to the next is the plan's id.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from sync_pipelines.delivery.applying import PlanStopped, Report, apply, settle_first
from sync_pipelines.delivery.ledger import Busy, Ledger, LedgerUnreadable
from sync_pipelines.delivery.model import BAD_OUTCOMES, OutcomeState, RequestRefused, Target
from sync_pipelines.delivery.plans import Plan, newest_unless_done, newest_waiting, stored, worst_first
from sync_pipelines.delivery.undoing import make_undo
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import GUARDS, NOTHING_HELD, Check, Checked, Markdown, Pipeline, PlanRequest, Write, Writer
from sync_pipelines.pipelines.tables import escaped, listed, markdown, shown_counts
from sync_pipelines.progress import tell

log = logging.getLogger(__name__)

T = TypeVar("T")

TURN = 5.0
"""Seconds between two looks whether another run has ended."""

NO_OUTCOMES: Mapping[str, int] = dict.fromkeys(get_args(OutcomeState), 0)
"""Every outcome is counted, also where there is none of it: a plot over runs has no holes."""


@dataclass(frozen=True)
class Planned:
    """A plan that was made: what the UI shows of it, and what was checked."""

    plan: Plan
    metadata: Mapping[str, Any]
    checks: Sequence[Checked]


@dataclass(frozen=True)
class Ended:
    """A plan that was brought to its end. reports: its own first. impossible: rows of an undo that cannot go back, and why."""

    plan: Plan
    reports: Sequence[Report]
    counts: Mapping[str, int]
    metadata: Mapping[str, Any]
    checks: Sequence[Checked]
    impossible: Sequence[tuple[str, str]] = ()


def make(session: Session, write: Write, request: PlanRequest) -> Planned:
    """Make the plan of a write. In a run that goes on to apply it, settle first what earlier runs left in doubt.

    Raises Busy while another run writes to the account, DeliveryError, and what the target raises.
    """
    writer = write.writer()
    tell(f"planning {write.applies}")
    writer.begin(session, request)
    turn = writer.turn(session)
    target = writer.target(session)
    if session.applies_in_this_run(write.applies):
        in_turn(lambda: _settle(session, writer, target), turn)
        writer.settled(session, target)
    plan = in_turn(lambda: writer.make_plan(session, request), turn)
    session.planned(write.applies, plan)
    writer.least_calls(session, target, plan, None, None)
    extra = writer.planned(session, target, plan, request)
    metadata = {
        "plan": plan.id,
        "verdict": plan.verdict,
        **shown_counts(plan.counts),
        "dagster/row_count": plan.counts.changes + plan.counts.held,
        "changes": _changes(session, plan, writer) or Markdown("nothing would change"),
    }
    return Planned(plan, {**metadata, **extra.metadata}, [guards_held(plan), _nothing_held(plan), *extra.checks])


def bring_to_its_end(
    session: Session, pipeline: str, write: Write, *, plan: str = "", limit: int | None = None, scope: str = ""
) -> Ended:
    """Apply the plan that is named, or was made in this run, or waits for this scope.

    limit: the first N changes only. Raises DeliveryError where there is no plan, PlanStopped where a guard stopped it, and
    what `apply` raises.
    """
    writer = write.writer()
    chosen = plan or session.plan_made(write.applies) or newest_waiting(session.ledger, write.account(), pipeline, scope)
    found = stored(session.plans, session.ledger.plan(chosen))
    session.takes_up(write.applies, found)
    if applied_at := session.ledger.finished_at(found.id):
        session.note(message=f"plan {found.id} was applied at {applied_at}; nothing was sent. These are its outcomes.")
    target = writer.target_for(session, found)
    writer.begin_applying(session, target, found)
    limit = min((n for n in (limit, writer.most(session)) if n is not None), default=None)
    report = _apply(session, write, writer, target, found, limit)
    extra = writer.applied(session, target, found, report)
    reports = [report, *extra.reports]
    writer.least_calls(session, target, found, report, limit)
    counts = {**total(reports)}
    for state, n in extra.counts.items():
        counts[state] = counts.get(state, 0) + n
    shown = {**counts, "unchanged": counts.get("unchanged", 0) + found.counts.unchanged}
    session.count(write.applies, shown, writer.ended(session, counts)[0])
    return _ended(session, write, writer, found, reports, counts, extra.metadata, extra.checks)


def refuse_too_early(ledger: Ledger, pipeline: Pipeline, write: Write, scope: str) -> None:
    """Raise RequestRefused while a plan waits that makes what this write needs: it was made beside it, and goes first."""
    for earlier in (each for each in pipeline.writes if each.applies in write.after):
        waiting = newest_unless_done(ledger, earlier.account(), scope)  # an older one that waits is not of the same run
        if waiting is not None and waiting[1].create:
            raise RequestRefused(
                f"plan {waiting[0]} makes what {write.applies} needs, and is not applied yet. Nothing was sent. First: "
                f"sync-pipelines apply {pipeline.name} --plan {waiting[0]}"
            )


def take_back(session: Session, write: Write, plan_id: str) -> Ended:
    """Plan the way back from what a plan wrote, and apply that. Raises what `make_undo` and `apply` raise."""
    writer = write.writer()
    tell(f"planning the way back of {write.applies}")
    target = writer.target_to_undo(session)
    _settle(session, writer, target)
    undo = make_undo(target, plan_id, ledger=session.ledger, files=session.plans, run=session.id)
    session.planned(write.applies, undo.plan)
    report = _apply(session, write, writer, target, undo.plan, None)
    writer.least_calls(session, target, undo.plan, report, None)
    session.count(write.applies, {})
    session.count(undo.plan.id, {**report.counts, "impossible": len(undo.impossible)})
    shown = {"undo_of": plan_id, "changes": _changes(session, undo.plan, writer)}
    return _ended(session, write, writer, undo.plan, [report], report.counts, shown, (), undo.impossible)


def _ended(
    session: Session,
    write: Write,
    writer: Writer[Any],
    plan: Plan,
    reports: Sequence[Report],
    counts: Mapping[str, int],
    shown: Mapping[str, Any],
    checks: Sequence[Checked],
    impossible: Sequence[tuple[str, str]] = (),
) -> Ended:
    deciding, text = writer.ended(session, counts)
    metadata = {
        "plan": plan.id,
        **NO_OUTCOMES,
        **counts,
        "calls": session.meter.used[write.vendor],
        "calls_least": session.meter.minimum[write.vendor],
        **shown,
    }
    found = [_ended_well(write.ended_well, deciding, text), *checks]
    if write.as_planned:
        found.append(_as_planned(as_planned_check(write), reports))
    return Ended(plan, reports, counts, metadata, found, impossible)


def size_of(plan: Plan) -> dict[str, int]:
    """How many rows the target holds once a plan is applied that looked at all of them, for the UI."""
    return {"dagster/row_count": plan.counts.live + plan.counts.create}


def _settle(session: Session, writer: Writer[Any], target: Target) -> None:
    patience = writer.patience()
    settle_first(target, ledger=session.ledger, files=session.plans, run=session.id, patience=patience)


def _apply(session: Session, write: Write, writer: Writer[Any], target: Target, plan: Plan, limit: int | None) -> Report:
    """Bring a plan to its end. A plan of a partition waits for its turn: those of others may be under way."""
    patience = writer.patience()
    turn = patience.seconds if patience and plan.scope else 0.0

    def to_its_end() -> Report:
        return apply(target, plan.id, ledger=session.ledger, files=session.plans, run=session.id, limit=limit, patience=patience)

    try:
        return in_turn(to_its_end, turn)
    except PlanStopped:
        session.stopped(write.applies)
        raise
    except BaseException:
        with suppress(LedgerUnreadable):  # what keeps the run from its end may keep it from being counted, too
            session.cut_short(write.applies, session.ledger.outcome_counts(plan.id))
        raise


def in_turn(do: Callable[[], T], seconds: float) -> T:
    """Do what needs the right to write to an account; where another run has it, wait for it for so long. Raises Busy."""
    until = time.monotonic() + seconds
    while True:
        try:
            return do()
        except Busy as e:
            if time.monotonic() > until:
                raise
            log.info("waiting for its turn: %s", e)
            time.sleep(min(TURN, seconds))


def total(reports: Sequence[Report]) -> dict[str, int]:
    """Outcomes of several plans together."""
    counts: dict[str, int] = {}
    for report in reports:
        for state, n in report.counts.items():
            counts[state] = counts.get(state, 0) + n
    return counts


def _changes(session: Session, plan: Plan, writer: Writer[Any]) -> Markdown:
    """What the UI shows of a plan: 20 rows at most, worst first."""
    return Markdown(markdown([writer.readable(row) for row in worst_first(session.plans, plan.id)]))


# --- what is checked of every plan --------------------------------------------------------------------------------------


def plan_checks(write: Write) -> tuple[Check, ...]:
    return (GUARDS, NOTHING_HELD, *write.plan_checks)


def applied_checks(write: Write) -> tuple[Check, ...]:
    return (write.ended_well, *((as_planned_check(write),) if write.as_planned else ()), *write.checks)


def as_planned_check(write: Write) -> Check:
    return Check(write.as_planned, "what was written was read back and is there")


def guards_held(plan: Plan) -> Checked:
    details = "\n".join(f"- **{f.guard}** {f.state.replace('_', ' ')}: {escaped(f.message)}" for f in plan.findings)
    stopped = "; ".join(f"{f.guard}: {f.message}" for f in plan.findings if f.state == "stopped")
    return Checked(GUARDS, plan.verdict == "clear", "", details, failure=stopped)


def _nothing_held(plan: Plan) -> Checked:
    return Checked(NOTHING_HELD, plan.counts.held == 0, f"held: {listed(plan.counts.held_by_kind) or 'none'}", warn=True)


def _ended_well(check: Check, counts: Mapping[str, int], text: str) -> Checked:
    bad = {state: n for state, n in counts.items() if state in BAD_OUTCOMES and n}
    ended_badly = f"{sum(bad.values())} rows ended badly ({listed(bad)}). `sync-pipelines errors` lists them."
    return Checked(check, not bad, text or listed(counts) or "nothing to do", failure=ended_badly)


def _as_planned(check: Check, reports: Sequence[Report]) -> Checked:
    sent = [report for report in reports if report.read_back is not None]
    back, planned = sum(r.read_back or 0 for r in sent), sum(r.as_planned or 0 for r in sent)
    text = f"{planned} of {back} rows sent are there as planned" if sent else "nothing was sent"
    return Checked(check, planned == back, text, warn=True)
