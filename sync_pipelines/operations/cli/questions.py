"""How the answers to questions are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from sync_pipelines.delivery.reports import PastRun, PlannedRow, UnreadablePlan
from sync_pipelines.operations.answers import REJECTS_AT_MOST, Asked, Errors, Status, Trace, plain
from sync_pipelines.operations.cli import exits, screen
from sync_pipelines.operations.pipelines import of

T = TypeVar("T")


def show(asked: Asked[T], show_one: Callable[[T], None], *, json: bool) -> int:
    """Show what pipelines answered, and why some did not. Returns the exit code."""
    for name, why in asked.refused.items():
        screen.problem(f"{name}: {why}")
    if json:
        screen.as_json(plain(asked.answers))
    else:
        for answer in asked.answers:
            show_one(answer)
    return exits.COULD_NOT_RUN if asked.refused else exits.DONE


def show_status(status: Status) -> None:
    found = plain(status, old_names=False)
    if last := found["last_run"]:
        found["last_run"] = {name: last[name] for name in ("state", "verb", "started_at", "run_id")}
    screen.facts(found)


def show_history(runs: Sequence[PastRun]) -> None:
    if not runs:
        screen.out.print("no run yet")
        return
    names = ("started_at", "verb", "state", "counts", "calls", "plan_id", "run_id")
    screen.table([{name: run[name] for name in names} for run in plain(runs)])


def show_errors(errors: Errors) -> None:
    found, rejects = errors.problems, errors.source_rejects
    screen.table(plain(found.runs, old_names=False), "runs that failed or were stopped")
    screen.table(plain(found.rows, old_names=False), "rows that ended badly")
    screen.table(plain(found.held, old_names=False), "held rows of the last applied plan")
    screen.table(rejects.rows, f"source rows that need a person: {screen.counts(rejects.by_state)}")
    if len(rejects.rows) < rejects.total:
        every = f"; all of them: sync-pipelines errors {errors.pipeline} --all" if len(rejects.rows) < REJECTS_AT_MOST else ""
        screen.say(f"{len(rejects.rows)} of {rejects.total} source rows{every}")
    if not any((found.runs, found.rows, found.held, rejects.rows)):
        screen.out.print(f"{errors.pipeline}: nothing needs a person")


def show_trace(trace: Trace) -> None:
    screen.facts({"key": trace.key, "extract": trace.extract})
    screen.table(trace.source, "source")
    screen.table(trace.mapped, "mapped")
    screen.table([_planned(trace.pipeline, row) for row in trace.story.planned], "planned")
    screen.table(plain(trace.story.attempts, old_names=False), "attempts")
    for name in ("record", "holds", "releases"):
        screen.table([{n: v for n, v in row.items() if n != "plan"} for row in getattr(trace.story, name)], name)
    live = [{"key": key, "holds now": value} for key, value in trace.live.items()]
    screen.table(live or [{"key": trace.key, "holds now": "nothing"}], "live")


def _planned(pipeline: str, row: PlannedRow | UnreadablePlan) -> dict[str, Any]:
    """Return what a plan wanted with a record, in a line: its whole images are in --json."""
    if isinstance(row, UnreadablePlan):
        nothing = dict.fromkeys(("what", "changes", "outcome", "message"))
        return {"plan": row.plan_id, "sealed_at": "", **nothing, "run": row.problem}
    shown = of(pipeline).readable({**asdict(row), "undo_note": ""})
    return {
        "plan": row.plan_id,
        "sealed_at": row.sealed_at,
        "what": shown["what"],
        "changes": shown.get("changes") or shown.get("prices"),
        "outcome": row.outcome,
        "message": row.message or row.reason,
        "run": row.run_id,
    }
