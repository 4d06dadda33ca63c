"""What a pipeline needs next, and whether all is well: for `status`, and for monitors that ask every few minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync_pipelines.delivery import reports, runs
from sync_pipelines.delivery.ledger import Ledger, LedgerUnreadable
from sync_pipelines.errors import SyncError
from sync_pipelines.operations import environment
from sync_pipelines.operations.pipelines import ASKED, PIPELINES, of

PROGRAM = "sync-pipelines"


def what_to_do(pipeline: str, standing: reports.Standing, *, may_write: bool) -> str:
    """Return the command that a person goes on with; "" where nothing is to be done."""
    command, last, waiting = f"{PROGRAM} {PIPELINES[pipeline].short}", standing.last_run, standing.waiting_plan
    of_file = " --partition …" if PIPELINES[pipeline].partitions else ""
    first = f"preview{of_file}" if PIPELINES[pipeline].writes else "sync"
    if waiting is not None and waiting.verdict != "clear":
        return f"{command} release --plan {waiting.plan_id} --verdict --reason …"
    steps: Sequence[tuple[Callable[[], object], str]] = (
        (lambda: last is None and not _is_set_up(pipeline), "init"),
        (lambda: any(run.state == "failed" for run in standing.broken), "errors"),
        (lambda: standing.rows_ended_badly, "errors"),
        (lambda: not may_write, first if last is None else "enable"),
        (lambda: standing.calls_in_doubt, f"sync{of_file}"),
        (lambda: waiting is not None, f"apply --plan {waiting.plan_id if waiting else ''}"),
        (lambda: standing.rows_held, "errors"),
        (lambda: last is None, first),
    )
    return next((f"{command} {verb}" for is_due, verb in steps if is_due()), "")


def _is_set_up(pipeline: str) -> bool:
    try:
        of(pipeline).ready()
    except SyncError:
        return False
    return True


@dataclass(frozen=True)
class Problem:
    """Why a pipeline needs a person."""

    pipeline: str
    problem: str


@dataclass(frozen=True)
class Health:
    """Whether all is well. unknown: why of a pipeline nothing can be told, by its name."""

    problems: tuple[Problem, ...]
    unknown: Mapping[str, str]


def check(pipelines: Sequence[str] = ASKED, *, max_age: timedelta | None = None, strict: bool = False) -> Health:
    """Look whether these pipelines need a person. Asks no vendor.

    max_age: how old the last good sync of a pipeline may be, if it was ever synced. strict: count held rows as well.
    Raises LedgerUnreadable: then nothing can be told of any.
    """
    problems, unknown = list[Problem](), dict[str, str]()
    with closing(environment.ledger()) as ledger:
        for name in pipelines:
            try:
                problems += [Problem(name, text) for text in _problems(ledger, name, max_age, strict=strict)]
            except LedgerUnreadable:
                raise
            except (SyncError, OSError) as e:
                unknown[name] = str(e)
    return Health(tuple(problems), unknown)


def _problems(ledger: Ledger, pipeline: str, max_age: timedelta | None, *, strict: bool) -> list[str]:
    standing = reports.standing(ledger, pipeline, PIPELINES[pipeline].accounts)
    found, last, waiting = [], standing.last_run, standing.waiting_plan
    if last is not None and last.run_id in {run["id"] for run in runs.dead_runs(ledger)}:
        found.append(f"run {last.run_id} ({last.verb}) was killed; the next run settles what it left")
    for run in standing.broken:
        found.append(f"run {run.run_id} ({run.verb}) ended {run.state}{f': {run.message}' if run.message else ''}")
    if not standing.broken and waiting is not None and waiting.verdict != "clear":
        found.append(f"plan {waiting.plan_id} was stopped by a guard and waits")
    if standing.rows_ended_badly:
        found.append(f"{standing.rows_ended_badly} rows ended badly")
    if standing.calls_in_doubt:
        found.append(f"{standing.calls_in_doubt} calls were never answered and are not settled")
    if strict and standing.rows_held:
        found.append(f"{standing.rows_held} rows are held")
    if max_age is not None and (why := _too_old(ledger, pipeline, max_age)):
        found.append(why)
    return found


def _too_old(ledger: Ledger, pipeline: str, max_age: timedelta) -> str:
    """Return what to say of a last good sync that is older than allowed; "" otherwise, and where none was ever tried."""
    for verb in PIPELINES[pipeline].syncs_as:
        if not runs.was_ever_run(ledger, pipeline, verb):
            continue
        last = runs.last_good_end(ledger, pipeline, verb)
        if last is None:
            return f"no {verb} ended well yet"
        if datetime.now(UTC) - datetime.fromisoformat(last) > max_age:
            return f"the last good {verb} ended {last}, more than {max_age.total_seconds() / 3600:g} hours ago"
    return ""
