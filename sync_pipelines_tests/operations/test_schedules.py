"""When each pipeline runs next by itself, as `status` says it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipelines.operations import environment
from sync_pipelines.operations.cli import questions
from sync_pipelines.operations.schedules import next_match, schedules_of
from sync_pipelines.operations.servers import WORKSPACE
from sync_pipelines_tests.operations.test_cli import answer, run

LINES = ["30 4 * * *", "*/15 * * * *", "20 * * * *", "5 1-3 * * 1-5", "0 12 1,15 * 0", "59 23 31 12 *", "0 0 13 * 5"]


@settings(deadline=None)
@given(
    line=st.sampled_from(LINES),
    after=st.datetimes(datetime(2026, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given a zone
)
def test_a_cron_line_is_due_when_dagster_says_it_is(line: str, after: datetime) -> None:
    from dagster._utils.schedules import cron_string_iterator

    theirs = cron_string_iterator(after.timestamp(), line, "UTC")
    wanted = next(moment for moment in theirs if moment > after)
    assert next_match(line, after).timestamp() == wanted.timestamp()


@pytest.mark.parametrize(
    ("after", "due"),
    [("2027-05-01T00:00", 2028), ("2028-02-28T00:00", 2028), ("2028-02-28T12:00", 2028), ("2028-02-29T00:00", 2032)],
)
def test_a_leap_day_is_met(after: str, due: int) -> None:
    """Not held against Dagster, which looks past a leap day on the day before it."""
    assert next_match("0 0 29 2 *", datetime.fromisoformat(after).replace(tzinfo=UTC)) == datetime(due, 2, 29, tzinfo=UTC)


def test_a_line_that_is_never_due_is_said_to_be() -> None:
    with pytest.raises(ValueError, match="never due"):
        next_match("0 0 31 2 *", datetime.now(UTC))


def states(pipeline: str) -> dict[str, str]:
    return {each.name: each.state for each in schedules_of(pipeline)}


def heartbeat(folder: Path, at: datetime) -> None:
    with sqlite3.connect(folder / "history" / "runs.db") as con:
        con.execute("DELETE FROM daemon_heartbeats")
        stamp = at.strftime("%Y-%m-%d %H:%M:%S.%f")
        con.execute("INSERT INTO daemon_heartbeats (daemon_type, daemon_id, timestamp) VALUES ('SCHEDULER', 'x', ?)", [stamp])


def test_a_schedule_is_on_once_somebody_starts_it_and_a_daemon_runs(own_folder: Path) -> None:
    assert states("shopify_sheets") == {"often_shopify_sheets": "off", "daily_shopify_sheets": "off"}
    assert states("amazon_plytix") == {"go_on_amazon_plytix": "off"}
    folder = environment.instance_folder()
    start = [sys.executable, "-m", "dagster", "schedule", "start", "often_shopify_sheets", "--workspace", str(WORKSPACE)]
    subprocess.run(start, cwd=folder, check=True, capture_output=True, timeout=120)
    assert states("shopify_sheets")["often_shopify_sheets"] == "no daemon"

    now = datetime.now(UTC)
    heartbeat(folder, now - timedelta(minutes=10))
    assert states("shopify_sheets")["often_shopify_sheets"] == "no daemon"
    heartbeat(folder, now)
    first, second = schedules_of("shopify_sheets")
    assert (first.verb, first.state, second.state, second.next_run) == ("sync", "on", "off", None)
    assert first.next_run
    assert timedelta(0) < datetime.fromisoformat(first.next_run) - now <= timedelta(minutes=15)

    shown = answer("status", "shopify_sheets")[0]["schedules"]
    assert [each["state"] for each in shown] == ["on", "off"]
    assert "sync (*/15 * * * *, UTC): next 20" in " ".join(run("status", "shopify_sheets").stdout.split())
    assert "no schedule is on" in " ".join(run("status", COLUMNS="250").stdout.split())


def test_an_instance_that_keeps_its_state_elsewhere_is_not_guessed_about(own_folder: Path) -> None:
    (environment.instance_folder() / "dagster.yaml").write_text("storage:\n  postgres: {}\n")
    assert set(states("shopify_sheets").values()) == {"unknown"}
    (schedule,) = schedules_of("catsy_sparklayer")
    assert "whether it is on is not known" in questions._scheduled(schedule)


def test_status_does_not_load_dagster(own_folder: Path) -> None:
    program = "import sys; from sync_pipelines.operations import answers; answers.of_all(answers.status); print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
