"""What is new is said once, to people who knew it otherwise."""

from pathlib import Path

import pytest

from sync_pipelines.delivery import runs
from sync_pipelines.delivery.clock import Clock
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.operations.news import NEWS, unread
from sync_pipelines_tests.operations.test_cli import run


@pytest.fixture
def ledger(own_folder: Path) -> Ledger:
    return Ledger.at(own_folder / "data" / "ledger.db")


def ran(ledger: Ledger, pipeline: str, at: str) -> None:
    runs.start_run(ledger, f"run of {pipeline}", pipeline, "sync")
    with ledger.write() as tx:
        tx.exec_driver_sql("UPDATE run SET started_at = ? WHERE pipeline = ?", (at, pipeline))


def test_who_used_a_pipeline_before_is_told_what_is_new_of_it_and_of_all_once(ledger: Ledger) -> None:
    ran(ledger, "catsy_sparklayer", "2026-10-01T00:00:00.000000Z")
    ran(ledger, "amazon_plytix", "2027-10-01T00:00:00.000000Z")  # began after the release
    ledger.close()
    told = run("history").stderr
    assert told.count("new: ") == sum(news.pipeline in ("", "catsy_sparklayer") for news in NEWS)
    assert "decimal_mark" in told
    assert run("history").stderr == ""


def test_who_begins_with_this_release_is_told_nothing(ledger: Ledger) -> None:
    ran(ledger, "catsy_sparklayer", Clock().now().replace(year=2031).isoformat())
    assert list(unread(ledger)) == []
