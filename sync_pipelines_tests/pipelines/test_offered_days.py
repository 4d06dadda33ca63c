"""The days that the UI offers: from the first of which anything is kept, and any day that a person asks for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import dagster as dg
import pytest

from sync_pipelines.delivery import notes
from sync_pipelines.errors import UsageError
from sync_pipelines.operations import environment, running
from sync_pipelines.pipelines.shopify_store import offered_days
from sync_pipelines.pipelines.shopify_store.change_reader import FIRST_DAY
from sync_pipelines.pipelines.shopify_store.day_reader import DayReader
from sync_pipelines.settings import data_dir
from sync_pipelines_tests.pipelines.shopify_shop import Shop, shop_of

LINES, ORDERS, REFUNDS = (dg.AssetKey(["shopify", name]) for name in ("order_lines", "orders", "refunds"))


@pytest.fixture
def shop(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shop_of(data_dir(), monkeypatch.setenv, orders=60) as shop:
        yield shop


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> date:
    """The day on which the test began: midnight may pass meanwhile."""
    began = datetime.now(UTC)

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return began.astimezone(tz)

    monkeypatch.setattr(offered_days, "datetime", Stopped)
    return began.date()


def first_partition() -> date:
    from sync_pipelines.definitions import defs

    days = defs().resolve_asset_graph().get(ORDERS).partitions_def
    assert isinstance(days, dg.DailyPartitionsDefinition)
    return date.fromisoformat(str(days.get_first_partition_key()))


def test_before_anything_is_read_the_days_are_those_that_the_first_reading_takes(own_folder: Path, today: date) -> None:
    assert offered_days.offered() == (today - timedelta(days=30), "UTC")
    assert not (own_folder / "data").exists()


def test_the_days_begin_where_the_first_reading_of_changes_began(shop: Shop) -> None:
    notes.set_cursor(shop.ledger, shop.settings.shop, FIRST_DAY, "2026-03-04", "run")
    assert first_partition() == date(2026, 3, 4)
    notes.set_cursor(shop.ledger, "https://another.example", FIRST_DAY, "2025-01-01", "run")
    assert first_partition() == date(2026, 3, 4)


def test_days_that_were_read_are_offered_from_then_on(shop: Shop) -> None:
    oldest = min(shop.day(order) for order in shop.truth().values())
    assert first_partition() > oldest
    DayReader(shop.store()).read(oldest, oldest)
    assert first_partition() == oldest


def test_a_first_day_that_is_set_is_the_first_partition(shop: Shop, monkeypatch: pytest.MonkeyPatch, today: date) -> None:
    DayReader(shop.store()).read(today - timedelta(days=40), today - timedelta(days=40))
    monkeypatch.setenv("SHOPIFY_FIRST_DAY", str(today - timedelta(days=20)))
    assert first_partition() == today - timedelta(days=20)
    monkeypatch.setenv("SHOPIFY_FIRST_DAY", "2021-05-01")
    assert first_partition() == date(2021, 5, 1)


def test_a_wrong_setting_leaves_the_other_pipelines_their_definitions(monkeypatch: pytest.MonkeyPatch, today: date) -> None:
    monkeypatch.setenv("SHOPIFY_TIME_ZONE", "Mars/Base")
    assert first_partition() == today - timedelta(days=30)


def test_a_ledger_that_cannot_be_read_leaves_the_definitions_and_is_left_as_it_is(own_folder: Path, today: date) -> None:
    ledger = data_dir() / "ledger.db"
    ledger.parent.mkdir()
    ledger.write_bytes(b"not a database, " * 200)
    assert first_partition() == today - timedelta(days=30)
    assert ledger.read_bytes() == b"not a database, " * 200


def test_a_backfill_reads_days_that_were_not_offered_and_they_are_from_then_on(shop: Shop) -> None:
    oldest = min(shop.day(order) for order in shop.truth().values())
    ended = running.backfill("shopify_store", oldest, oldest + timedelta(days=1))
    assert ended.state == "done", ended.message
    assert first_partition() == oldest
    environment.instance_folder()
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(ORDERS) == {str(oldest), str(oldest + timedelta(days=1))}


def test_a_backfill_that_read_nothing_adds_no_days_that_are_missing(shop: Shop, today: date) -> None:
    before = first_partition()
    shop.sandbox.faults("shopify", [{"on": "POST *", "kind": "status", "status": 401, "times": 50}])
    assert running.backfill("shopify_store", today - timedelta(days=300), today - timedelta(days=299)).state == "failed"
    assert first_partition() == before


def test_a_backfill_of_days_before_the_first_that_may_be_read_is_refused_before_a_run_begins(shop: Shop) -> None:
    with pytest.raises(UsageError, match="2019-12-31 is before the first day that may be read, 2020-01-01"):
        running.backfill("shopify_store", date(2019, 12, 31), date(2020, 1, 2))
    assert shop.calls() == 0


@pytest.mark.parametrize("chosen", [ORDERS, LINES, REFUNDS], ids=str)
def test_one_of_the_three_is_materialized_alone_and_the_files_of_all_are_published(
    shop: Shop, chosen: dg.AssetKey, today: date
) -> None:
    from sync_pipelines.definitions import defs

    day = min(shop.day(order) for order in shop.truth().values() if shop.day(order) > today - timedelta(days=25))
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs().resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, asset_selection=[chosen], partition_key=str(day))
        assert result.success
        told = {event.asset_key for event in result.get_asset_materialization_events()}
        assert told == {chosen}
        assert [c.passed for c in result.get_asset_check_evaluations()] == ([True] if chosen == ORDERS else [])
    for key in (ORDERS, LINES, REFUNDS):
        assert shop.file(day, (key.path[0], key.path[1])) is not None
