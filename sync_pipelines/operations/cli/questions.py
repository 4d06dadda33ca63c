"""How the answers to questions are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sync_pipelines.delivery.reports import PastRun
from sync_pipelines.operations.answers import REJECTS_AT_MOST, Asked, Errors, Status, plain
from sync_pipelines.operations.cli import exits, screen
from sync_pipelines.operations.health import Health
from sync_pipelines.operations.schedules import Scheduled

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
    """Show all that one pipeline says of itself."""
    found = plain(status, old_names=False)
    if last := found["last_run"]:
        found["last_run"] = {name: last[name] for name in ("state", "verb", "started_at", "run_id")}
    found["schedules"] = "; ".join(map(_scheduled, status.schedules))
    found["what_to_do"] = status.what_to_do or "nothing"
    screen.facts(found)


def show_statuses(asked: Asked[Status], *, json: bool) -> int:
    """Show a line for each pipeline. Returns the exit code."""
    code = show(asked, lambda _: None, json=json)
    if not json:
        screen.table([_line(status) for status in asked.answers])
    return code


def _scheduled(schedule: Scheduled) -> str:
    """Return a schedule in words: `sync 2026-11-30 21:15:00 UTC`."""
    told = {
        "on": f"next {schedule.next_run}",
        "off": "off",
        "no daemon": "on, but no daemon runs it (sync-pipelines up)",
        "unknown": "whether it is on is not known",
    }
    return f"{schedule.verb} ({schedule.cron}, UTC): {told[schedule.state]}"


def _next_run(status: Status) -> str:
    """Return when a pipeline runs next by itself, or why that cannot be told."""
    running = [each for each in status.schedules if each.state != "off"]
    if not running:
        return "no schedule is on" if status.schedules else ""
    first = running[0]
    return f"{first.verb} {first.next_run}" if first.next_run else "no daemon runs" if first.state == "no daemon" else "not known"


def _line(status: Status) -> dict[str, Any]:
    standing = status.standing
    last, waiting = standing.last_run, standing.waiting_plan
    return {
        "pipeline": status.pipeline,
        "last run": "none yet" if last is None else f"{last.verb} {last.state}, {last.ended_at or last.started_at}",
        "next run": _next_run(status),
        "writes": status.writes.partition(" ")[0],
        "held": standing.rows_held,
        "ended badly": standing.rows_ended_badly,
        "source rejects": status.source_rejects,
        "in doubt": standing.calls_in_doubt,
        "waits": waiting and f"plan {waiting.plan_id} ({waiting.verdict})",
        "what to do": status.what_to_do or "nothing",
    }


def show_health(found: Health, *, json: bool) -> int:
    """Show what needs a person. Returns 0 where all is well, 1 where something is not, 2 where that cannot be told."""
    code = exits.COULD_NOT_RUN if found.unknown else exits.NEEDS_A_PERSON if found.problems else exits.DONE
    if json:
        screen.as_json({**plain(found), "exit_code": code})
        return code
    for name, why in found.unknown.items():
        screen.say(f"{name}: cannot be told: {why}")
    for each in found.problems:
        screen.say(f"{each.pipeline}: {each.problem}")
    if code == exits.DONE:
        screen.say("all is well")
    return code


def show_history(runs: Sequence[PastRun]) -> None:
    if not runs:
        screen.out.print("no run yet")
        return
    names = ("started_at", "verb", "state", "counts", "calls", "plan_id", "run_id")
    screen.table([{name: run[name] for name in names} for run in plain(runs)])


def listing(pipeline: str, partition: str | None) -> str:
    """Return the command that lists the source rows of a pipeline, or of one file, that need a person."""
    return f"sync-pipelines errors {pipeline}{f' --partition {partition}' if partition else ''}"


def show_errors(errors: Errors) -> None:
    found, rejects = errors.problems, errors.source_rejects
    screen.table(plain(found.runs, old_names=False), "runs that failed or were stopped")
    screen.table(plain(found.rows, old_names=False), "rows that ended badly")
    screen.table(plain(found.held, old_names=False), "held rows of the last applied plan")
    screen.table(rejects.rows, f"source rows that need a person: {screen.counts(rejects.by_state)}")
    if len(rejects.rows) < rejects.total:
        every = (
            f"; all of them: {listing(errors.pipeline, errors.partition)} --all" if len(rejects.rows) < REJECTS_AT_MOST else ""
        )
        screen.say(f"{len(rejects.rows)} of {rejects.total} source rows{every}")
    if not any((found.runs, found.rows, found.held, rejects.rows)):
        screen.out.print(f"{errors.pipeline}: nothing needs a person")
