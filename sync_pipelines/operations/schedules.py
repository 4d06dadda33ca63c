"""When each pipeline runs next by itself: its schedules as declared, and whether Dagster's instance has them on.

Nothing of Dagster is loaded, for `status` answers at once: on and off, and the daemon's sign of life, stand in its SQLite files.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sync_pipelines.operations.pipelines import PIPELINES
from sync_pipelines.settings import data_dir

State = Literal["on", "off", "no daemon", "unknown"]
"""no daemon: it is on, and nothing runs it, for no daemon of Dagster's gave a sign of life lately."""
ALIVE = timedelta(minutes=5)
"""How old the daemon's last sign of life may be; it gives one every half a minute."""
LONGEST = 366 * 4 + 1
"""Days in which a cron line matches at least once, if it ever does."""


@dataclass(frozen=True)
class Scheduled:
    """A schedule. next_run: ISO 8601 in UTC; None where it is not on."""

    name: str
    verb: str
    cron: str
    state: State
    next_run: str | None


def schedules_of(pipeline: str) -> tuple[Scheduled, ...]:
    """Return the schedules of a pipeline, the next to run first."""
    declared = PIPELINES[pipeline]
    on, now = _switched_on(), datetime.now(UTC)
    alive = _daemon_is_alive(now) if on else False
    found = []
    for cron in (*declared.crons, *declared.own_crons):
        name = f"{cron.name}_{pipeline}"
        state: State = "unknown" if on is None else "off" if name not in on else "on" if alive else "no daemon"
        following = next_match(cron.cron, now).isoformat() if state == "on" else None
        found.append(Scheduled(name, cron.verb, cron.cron, state, following))
    return tuple(sorted(found, key=lambda each: each.next_run or "~"))


def _switched_on() -> set[str] | None:
    """The names of all schedules that are on; None where that cannot be told: the instance keeps it elsewhere, or unreadably."""
    folder = _instance()
    if not (folder / "schedules" / "schedules.db").exists():
        settings = folder / "dagster.yaml"
        elsewhere = settings.exists() and any(line.startswith("storage:") for line in settings.read_text().splitlines())
        return None if elsewhere else set()
    try:
        with _opened(folder / "schedules" / "schedules.db") as con:
            rows = con.execute(
                "SELECT instigator_body FROM instigators WHERE instigator_type = 'SCHEDULE' AND status = 'RUNNING'"
            ).fetchall()
        return {json.loads(body)["origin"]["job_name"] for (body,) in rows}
    except (sqlite3.Error, ValueError, KeyError, TypeError):
        return None


def _daemon_is_alive(now: datetime) -> bool:
    try:
        with _opened(_instance() / "history" / "runs.db") as con:
            (last,) = con.execute("SELECT max(timestamp) FROM daemon_heartbeats WHERE daemon_type = 'SCHEDULER'").fetchone()
    except sqlite3.Error:
        return False
    return last is not None and now - datetime.fromisoformat(last).replace(tzinfo=UTC) < ALIVE


def _instance() -> Path:
    return Path(os.environ.get("DAGSTER_HOME") or data_dir() / "dagster")


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """A connection that changes nothing and waits for nobody long. Not a read-only file: a log beside it may have to be read."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=2)) as con:
        con.execute("PRAGMA query_only = 1")
        yield con


def next_match(cron: str, after: datetime) -> datetime:
    """Return the next minute after a moment at which a cron line of five fields is due: numbers, `*`, `a-b`, `/n` and lists.

    Raises ValueError for a line that never is.
    """
    minutes, hours, days, months, weekdays = (
        _field(text, *bounds) for text, bounds in zip(cron.split(), ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7)), strict=True)
    )
    free_day, free_weekday = (text.startswith("*") for text in (cron.split()[2], cron.split()[4]))
    first = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for ahead in range(LONGEST):
        day = first + timedelta(days=ahead)
        in_month, in_week = day.day in days, day.isoweekday() in weekdays or (day.isoweekday() == 7 and 0 in weekdays)
        due = in_month and in_week if free_day or free_weekday else in_month or in_week
        if day.month not in months or not due:
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                moment = day.replace(hour=hour, minute=minute)
                if moment >= first:
                    return moment
    raise ValueError(f"{cron}: is never due")


def _field(text: str, first: int, last: int) -> set[int]:
    found = set[int]()
    for part in text.split(","):
        stretch, _, step = part.partition("/")
        low, _, high = (f"{first}-{last}" if stretch == "*" else stretch).partition("-")
        found.update(range(int(low), int(high or (last if step else low)) + 1, int(step or 1)))
    return found
