"""Whole days proved by count, changes read once, and which version of an order is the one that holds."""

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from sync_pipelines.delivery import notes, runs
from sync_pipelines.pipelines.shopify_store import change_reader, checks
from sync_pipelines.pipelines.shopify_store.change_reader import CURSOR, ChangeReader, first_day
from sync_pipelines.pipelines.shopify_store.day_reader import DayCompared, DayReader, DaysIncomplete
from sync_pipelines.pipelines.shopify_store.days import days_between, end_of, instant, start_of
from sync_pipelines.pipelines.shopify_store.order_versions import OrdersMoved, current_orders, stored_per_day, whole_orders
from sync_pipelines.pipelines.shopify_store.orders import (
    CHANGES_KEY,
    LINES,
    LINES_KEY,
    ORDERS,
    ORDERS_KEY,
    REFUNDS,
    REFUNDS_KEY,
    OrderTables,
)
from sync_pipelines.pipelines.shopify_store.store import CURRENCY, ReadingRefused
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Transient
from sync_pipelines.vendors.shopify_orders import paged
from sync_pipelines.warehouse.snapshots import BASE, About, Staged, Warehouse
from sync_pipelines_tests.pipelines.shopify_shop import Shop, always_bulk, never_bulk, shop_of, whole
from vendor_sandbox.shopify import NO_CUSTOMERS_TOKEN, RECENT_ORDERS_TOKEN, REDACTED_TOKEN

API = "POST /admin/api/*"
DST_ENDS = date(2026, 11, 1)
DST_BEGINS = date(2026, 3, 8)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shop_of(tmp_path / "data", monkeypatch.setenv) as running:
        never_bulk(monkeypatch.setenv)
        yield running


@pytest.fixture(params=["pages", "bulk"])
def either_way(request: pytest.FixtureRequest, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop, read page by page and read in bulk."""
    if request.param == "bulk":
        monkeypatch.setenv("SHOPIFY_BULK_START_SECONDS", "0")
        always_bulk(monkeypatch.setenv)
    return shop


def recent(shop: Shop, days: int = 6) -> tuple[date, date]:
    """The last days of the shop's calendar, its today last."""
    today = shop.day({"createdAt": shop.now.isoformat()})
    return today - timedelta(days=days - 1), today


def same(found: Any, real: Any) -> bool:
    """Whether an order as read is the order as it is, by what moves when it changes."""
    names = ("updatedAt", "note", "cancelledAt", "displayFinancialStatus", "totalPriceSet")
    ours = [found[n] for n in names] + [[line["currentQuantity"] for line in found["lineItems"]], len(found["refunds"])]
    theirs = [real[n] for n in names] + [[line["currentQuantity"] for line in real["lineItems"]], len(real["refunds"])]
    return json.dumps(ours, default=str, sort_keys=True) == json.dumps(theirs, default=str, sort_keys=True)


def assert_current(shop: Shop, first: date | None = None) -> None:
    truth, current = shop.truth(first), shop.current()
    assert current.keys() == truth.keys()
    assert all(same(current[n], truth[n]) for n in truth)


class TestWholeDays:
    def test_each_day_holds_exactly_its_orders_lines_and_refunds(self, either_way: Shop) -> None:
        shop = either_way
        first, last = recent(shop, 10)
        read = DayReader(shop.store()).read(first, last)
        assert [each.day for each in read] == days_between(first, last)
        everything = shop.truth()
        for each in read:
            truth = {n: o for n, o in everything.items() if shop.day(o) == each.day}
            rows = shop.file(each.day) or []
            assert {row["order_id"] for row in rows} == truth.keys()
            assert len(rows) == each.orders == len(truth)
            money = sum((Decimal(o["totalPriceSet"]["shopMoney"]["amount"]) for o in truth.values()), Decimal(0))
            assert each.money == money == sum((row["total"] for row in rows), Decimal(0))
            assert len(shop.file(each.day, LINES_KEY) or []) == sum(len(o["lineItems"]) for o in truth.values())
            refunded = sum(max(1, len(r["refundLineItems"])) for o in truth.values() for r in o["refunds"])
            assert len(shop.file(each.day, REFUNDS_KEY) or []) == refunded
            assert all(row["day"] == each.day for row in rows)
        assert shop.sandbox.shopify.state()["token_leaks"] == 0

    def test_both_ways_store_the_same(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        first, last = recent(shop, 15)
        DayReader(shop.store()).read(first, last)
        digests = [{r["order_id"]: r["digest"] for r in shop.file(d) or []} for d in days_between(first, last)]
        always_bulk(monkeypatch.setenv)
        store = shop.store("run-2")
        DayReader(store).read(first, last)
        assert [way.bulk for way in store.ways] == [True]
        assert digests == [{r["order_id"]: r["digest"] for r in shop.file(d) or []} for d in days_between(first, last)]

    def test_few_orders_are_paged_and_many_exported_and_the_estimate_is_shown(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_BULK_START_SECONDS", "0.5")
        store = shop.store()
        DayReader(store).read(*recent(shop, 2))
        DayReader(store).read(*recent(shop, 40))
        assert [way.bulk for way in store.ways] == [False, True]
        assert "page by page" in str(store.ways[0])
        assert "one bulk operation" in str(store.ways[1])
        assert shop.sandbox.shopify.state()["bulk_started"] == 1

    def test_an_empty_day_is_an_empty_file_and_not_a_missing_one(self, either_way: Shop) -> None:
        day = date(2026, 1, 5)
        (read,) = DayReader(either_way.store()).read(day, day)
        assert (read.orders, read.money) == (0, Decimal(0))
        assert [either_way.file(day, key) for key in (ORDERS_KEY, LINES_KEY, REFUNDS_KEY)] == [[], [], []]

    def test_a_day_that_has_not_begun_is_not_published(self, shop: Shop) -> None:
        tomorrow = shop.store().today() + timedelta(days=1)
        assert DayReader(shop.store()).read(tomorrow, tomorrow) == []
        assert shop.days() == []

    @pytest.mark.parametrize("day", [DST_ENDS, DST_BEGINS])
    def test_a_day_on_which_the_clocks_change_holds_its_first_and_its_last_second(self, either_way: Shop, day: date) -> None:
        shop, zone = either_way, either_way.settings.zone
        second = timedelta(seconds=1)
        begins, ends = start_of(day, zone), end_of(day, zone)
        inside = [begins, begins + timedelta(hours=2), begins + timedelta(hours=3), ends - second]
        outside = [begins - second, ends]
        added = shop.change(add=[{"createdAt": t.isoformat()} for t in (*inside, *outside)])["added"]
        numbers = [int(gid.rsplit("/")[-1]) for gid in added]
        DayReader(shop.store()).read(day, day)
        found = {row["order_id"] for row in shop.file(day) or []}
        assert set(numbers[:4]) <= found
        assert not set(numbers[4:]) & found
        DayReader(shop.store()).read(day - timedelta(days=1), day + timedelta(days=1))
        assert [
            n in {row["order_id"] for row in shop.file(d) or []}
            for n, d in ((numbers[4], day - timedelta(days=1)), (numbers[5], day + timedelta(days=1)))
        ] == [True, True]

    def test_today_is_read_up_to_now_and_says_so(self, shop: Shop) -> None:
        order = shop.arrive()
        today = shop.day(order)
        DayReader(shop.store()).read(today, today)
        published = shop.warehouse.find(ORDERS_KEY, shop.settings.account, str(today))
        assert published is not None
        assert int(order["legacyResourceId"]) in {row["order_id"] for row in shop.file(today) or []}
        if today == shop.store().today():
            assert published.about.until
            assert instant(published.about.until) <= datetime.now(UTC)

    def test_orders_newer_than_the_settle_lag_are_left_for_later(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SETTLE_LAG", "3600")
        order = shop.arrive()
        read = DayReader(shop.store()).read(shop.day(order), shop.day(order))
        rows = [row["order_id"] for each in read for row in shop.file(each.day) or []]
        assert int(order["legacyResourceId"]) not in rows

    def test_what_is_noted_of_a_day_is_checked_against_its_file(self, shop: Shop) -> None:
        first, last = recent(shop, 3)
        account = shop.settings.account
        shop.arrive()
        DayReader(shop.store()).read(first, last)
        days = [str(d) for d in days_between(first, last)]
        assert checks.days_as_read(shop.warehouse, shop.ledger, account, days).passed
        busiest = max(days, key=lambda d: len(shop.file(date.fromisoformat(d)) or []))
        other = next(day for day in days if day != busiest)
        path = shop.warehouse.path(ORDERS_KEY, account, busiest)
        path.write_bytes(shop.warehouse.path(ORDERS_KEY, account, other).read_bytes())
        assert not checks.days_as_read(shop.warehouse, shop.ledger, account, days).passed


class TestDaysThatMove:
    def test_a_day_that_gets_an_order_while_it_is_read_is_read_again(self, either_way: Shop) -> None:
        shop = either_way
        first, last = recent(shop, 4)
        store = shop.store()
        counts, late = store.client.counts, list[dict[str, Any]]()

        def counted(filters: Sequence[str]) -> list[int]:
            found = counts(filters)
            if not late:
                late.append(shop.arrive())
            return found

        store.client.counts = counted  # type: ignore[method-assign]
        read = DayReader(store).read(first, last)
        assert [each.day for each in read] == days_between(first, last)
        assert int(late[0]["legacyResourceId"]) in {row["order_id"] for row in shop.file(last) or []}
        assert_current(shop, first)

    def test_a_day_that_loses_an_order_while_it_is_read_is_read_again(self, either_way: Shop) -> None:
        shop = either_way
        first, last = recent(shop, 4)
        store, victim = shop.store(), next(iter(shop.truth(first, last).values()))
        counts = store.client.counts

        def counted(filters: Sequence[str]) -> list[int]:
            found = counts(filters)
            if int(victim["legacyResourceId"]) in shop.truth():
                shop.change(delete=[victim["name"]])
            return found

        store.client.counts = counted  # type: ignore[method-assign]
        DayReader(store).read(first, last)
        assert_current(shop, first)

    def test_a_day_that_never_matches_is_not_published_and_the_others_are(self, either_way: Shop) -> None:
        shop = either_way
        first, last = recent(shop, 5)
        truth = shop.truth(first, last)
        victim = next(o for o in truth.values() if first < shop.day(o) < last)
        bad = shop.day(victim)
        before = DayReader(shop.store("earlier")).read(bad, bad)
        shop.change(settings={"index_lag": 1e9})
        shop.change(delete=[victim["name"]])  # counts go on seeing it, lists do not
        with pytest.raises(DaysIncomplete, match=str(bad)):
            DayReader(shop.store()).read(first, last)
        assert shop.days() == [str(d) for d in days_between(first, last)]
        published = {d: shop.warehouse.find(ORDERS_KEY, shop.settings.account, str(d)) for d in days_between(first, last)}
        assert [d for d, p in published.items() if p and p.about.rows == len(shop.truth(d, d)) + (d == bad)] == list(published)
        assert before[0].orders == len(shop.file(bad) or []), "what was published of it before stays"

    def test_an_order_that_goes_while_its_refunds_are_read_costs_its_day_another_reading_and_no_more(
        self, either_way: Shop
    ) -> None:
        shop = either_way
        victim = shop.sandbox.shopify.traps()["several refunds"]
        day = shop.day(victim)
        store = shop.store()
        call = store.client.call

        def deleted_before(document: str, *args: Any, **kwargs: Any) -> Any:
            if document == documents.REFUND_LINES and int(victim["legacyResourceId"]) in shop.truth():
                shop.change(delete=[victim["name"]])
            return call(document, *args, **kwargs)

        store.client.call = deleted_before  # type: ignore[method-assign]
        first, last = day - timedelta(days=2), min(day + timedelta(days=2), recent(shop)[1])
        read = DayReader(store).read(first, last)
        assert [each.day for each in read] == days_between(first, last)
        assert int(victim["legacyResourceId"]) not in {row["order_id"] for row in shop.file(day) or []}

    def test_an_order_edited_while_its_day_is_read_is_right_after_the_next_changes(self, either_way: Shop) -> None:
        shop = either_way
        store = shop.store()
        ChangeReader(store).read()
        first, last = recent(shop, 10)
        shop.sandbox.faults("shopify", [{"on": API, "kind": "order_changes", "edit": 2, "times": 6}])
        DayReader(store).read(first, last)
        shop.sandbox.clear_faults("shopify")
        shop.pin(seconds=5)
        ChangeReader(shop.store("run-2")).read()
        assert any(o["note"] == "changed meanwhile" for o in shop.truth(first).values()) or store.ways[0].bulk
        found = shop.current()
        assert all(same(found[n], o) for n, o in shop.truth(first).items())


class TestRefusals:
    def test_days_that_the_shop_would_hide_are_refused_before_anything_is_read(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", RECENT_ORDERS_TOKEN)
        first, last = recent(shop, 70)
        with pytest.raises(ReadingRefused, match="read_all_orders"):
            DayReader(shop.store()).read(first, last)
        assert (shop.days(), shop.calls()) == ([], 1)
        DayReader(shop.store()).read(last - timedelta(days=55), last - timedelta(days=52))
        assert len(shop.days()) == 4
        monkeypatch.setenv("SHOPIFY_LOOKBACK_DAYS", "70")
        with pytest.raises(ReadingRefused, match="read_all_orders"):
            ChangeReader(shop.store()).read()
        assert notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR) is None

    def test_another_zone_than_the_shops_is_refused(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_TIME_ZONE", "Europe/Berlin")
        with pytest.raises(ReadingRefused, match="America/New_York"):
            DayReader(shop.store()).read(*recent(shop))
        with pytest.raises(ReadingRefused, match="America/New_York"):
            ChangeReader(shop.store()).read()
        assert shop.days() == []

    def test_nothing_of_a_failed_export_is_used_and_the_days_are_read_page_by_page(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        always_bulk(monkeypatch.setenv)
        shop.change(next_bulk={"status": "FAILED", "after_objects": 30})
        store = shop.store()
        DayReader(store).read(*recent(shop))
        assert shop.days() == [str(d) for d in days_between(*recent(shop))]
        assert any("Read page by page instead" in text for text in store.notices())
        assert not any("/bulk/" in call["path"] for call in shop.sandbox.calls("shopify"))

    def test_a_cut_download_publishes_no_day_and_the_next_run_uses_the_same_export(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        always_bulk(monkeypatch.setenv)
        first, last = recent(shop, 6)
        last -= timedelta(days=1)  # days that are over: the same search, whenever it is made
        shop.sandbox.faults("shopify", [{"on": "GET /bulk/*", "kind": "cut_body", "times": 10}])
        with pytest.raises(Transient):
            DayReader(shop.store("run-1")).read(first, last)
        assert shop.days() == []
        shop.sandbox.clear_faults("shopify")
        DayReader(shop.store("run-2")).read(first, last)
        assert shop.days() == [str(d) for d in days_between(first, last)]
        assert shop.sandbox.shopify.state()["bulk_started"] == 1
        assert list((shop.warehouse.staging).iterdir()) == []


class TestCrashes:
    def test_days_are_published_one_by_one_and_a_crash_leaves_whole_ones(
        self, either_way: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = either_way
        first, last = recent(shop, 6)
        publish, seen = Warehouse.publish, itertools.count(1)

        def crash(self: Warehouse, key: Sequence[str], staged: Staged) -> Any:
            if next(seen) == 9:  # the orders of the third day
                raise KeyboardInterrupt
            return publish(self, key, staged)

        monkeypatch.setattr(Warehouse, "publish", crash)
        with pytest.raises(KeyboardInterrupt):
            DayReader(shop.store()).read(first, last)
        monkeypatch.setattr(Warehouse, "publish", publish)
        days = days_between(first, last)
        assert shop.days() == [str(d) for d in days[:2]]
        assert all(len(shop.file(d) or []) == len(shop.truth(d, d)) for d in days[:2])
        assert list(shop.warehouse.staging.iterdir()) == []
        DayReader(shop.store("run-2")).read(first, last)
        assert_current(shop, first)

    @pytest.mark.parametrize("number", [1, 5, 9])
    def test_a_killed_process_leaves_no_half_day(self, shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        always_bulk(monkeypatch.setenv)
        first, last = recent(shop, 4)
        last -= timedelta(days=1)
        child = f"""
import os, signal
from datetime import date
from pathlib import Path
from sync_pipelines.delivery import runs
from sync_pipelines.pipelines.shopify_store.day_reader import DayReader
from vendor_sandbox import shopify
from sync_pipelines_tests.pipelines.shopify_shop import Shop
class Reader(Shop):
    def pin(self, **_): pass
shop = Reader(None, Path({str(shop.warehouse.root.parent)!r}))
real, seen = Path.replace, [0]
def deadly(self, target):
    seen[0] += 1
    if seen[0] == {number}: os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.replace = deadly
runs.start_run(shop.ledger, "killed", "shopify_store", "backfill")
DayReader(shop.store("killed")).read(date.fromisoformat("{first}"), date.fromisoformat("{last}"))
"""
        died = subprocess.run([sys.executable, "-c", child], env=dict(os.environ), capture_output=True, timeout=60)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
        assert len(shop.days()) == (number - 1) // 3
        for day in map(date.fromisoformat, shop.days()):
            assert len(shop.file(day) or []) == len(shop.truth(day, day))
        assert [r["id"] for r in runs.mark_dead_runs(shop.ledger)] == ["killed"]
        DayReader(shop.store("after")).read(first, last)
        assert shop.current().keys() == shop.truth(first, last).keys()
        assert shop.sandbox.shopify.state()["bulk_started"] == 1, "the export that the killed run had paid for is used"

    def test_exports_of_a_run_that_still_runs_are_left_alone(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        always_bulk(monkeypatch.setenv)
        account, client = shop.settings.account, shop.store().client
        for run in ("alive", "dead"):
            runs.start_run(shop.ledger, run, "shopify_store", "backfill")
            shop.sandbox.shopify.change_state({"next_bulk": {"status": "RUNNING"}})
            left = client.start_export(documents.export(f"name:'{run}'"))
            notes.set_cursor(shop.ledger, account, f"bulk {run}", left.id, run)
        runs.end_run(shop.ledger, "dead", "failed")
        DayReader(shop.store("mine")).read(*recent(shop, 3))
        running = [e.query for e in client.exports_running()]
        assert [("alive" in query, "dead" in query) for query in running] == [(True, False)]
        assert notes.get_cursor(shop.ledger, account, "bulk alive") is not None
        assert notes.get_cursor(shop.ledger, account, "bulk dead") is None

    def test_a_crash_while_taking_over_does_not_forget_what_was_left(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        always_bulk(monkeypatch.setenv)
        client = shop.store().client
        shop.sandbox.shopify.change_state({"next_bulk": {"status": "RUNNING"}})
        left = client.start_export(documents.export("name:'dead'"))
        notes.set_cursor(shop.ledger, shop.settings.account, "bulk dead", left.id, "dead")
        store = shop.store("second")

        def crash(export_id: str) -> None:
            raise KeyboardInterrupt

        store.client.cancel_export = crash  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            DayReader(store).read(*recent(shop, 3))
        DayReader(shop.store("third")).read(*recent(shop, 3))
        assert client.exports_running() == []


class TestChanges:
    def test_the_first_reading_takes_the_orders_of_the_last_days(self, either_way: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        shop = either_way
        monkeypatch.setenv("SHOPIFY_LOOKBACK_DAYS", "12")
        store = shop.store()
        first = store.today() - timedelta(days=12)
        assert ChangeReader(store).read() == len(shop.truth(first))
        assert_current(shop, first)
        assert first_day(shop.ledger, shop.settings) == first

    def test_after_that_every_changed_order_is_read_however_old(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        oldest = min(shop.truth().values(), key=lambda o: str(o["createdAt"]))
        shop.change(set={oldest["name"]: {"note": "found after all"}})
        fresh = shop.arrive()
        shop.pin(seconds=5)
        assert ChangeReader(shop.store()).read() >= 2
        current = shop.current()
        assert current[int(oldest["legacyResourceId"])]["note"] == "found after all"
        assert same(current[int(fresh["legacyResourceId"])], fresh)

    def test_what_was_read_is_not_stored_again(self, shop: Shop) -> None:
        store = shop.store()
        ChangeReader(store).read()
        shop.arrive()
        shop.pin(seconds=5)
        assert ChangeReader(store).read() >= 1
        files = ChangeReader(store).log.files()
        assert ChangeReader(store).read() == 0
        assert ChangeReader(shop.store("another run")).read() == 0
        assert ChangeReader(store).log.files() == files, "nothing new is no file"

    def test_a_preview_reads_and_leaves_the_cursor(self, shop: Shop) -> None:
        assert ChangeReader(shop.store()).read(move_cursor=False) > 0
        assert notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR) is None
        ChangeReader(shop.store()).read()
        before = notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR)
        order = shop.arrive()
        shop.pin(seconds=5)
        ChangeReader(shop.store()).read(move_cursor=False)
        assert notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR) == before
        ChangeReader(shop.store()).read()
        assert str(notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR)) >= str(before)
        assert int(order["legacyResourceId"]) in shop.current()

    def test_regression_what_comes_after_a_first_preview_is_read_by_the_first_run(self, shop: Shop) -> None:
        """The preview left files and no cursor: the run after it read nothing, and moved the cursor past what had come."""
        ChangeReader(shop.store()).read(move_cursor=False)
        order = shop.arrive()
        shop.pin(seconds=5)
        ChangeReader(shop.store()).read()
        assert int(order["legacyResourceId"]) in shop.current()

    def test_it_ends_a_little_behind_now_and_the_next_begins_before_that(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_BEHIND_SECONDS", "60")
        began = datetime.now(UTC)
        ChangeReader(shop.store()).read()
        cursor = notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR)
        assert cursor is not None
        assert timedelta(seconds=58) <= began - instant(cursor) <= timedelta(seconds=62)
        # an order of 10 minutes before the cursor, that the search did not show then
        late = instant(cursor) - timedelta(minutes=10)
        (gid,) = shop.sandbox.shopify.change_state({"add": [{"createdAt": late.isoformat(), "updatedAt": late.isoformat()}]})[
            "added"
        ]
        ChangeReader(shop.store()).read()
        assert int(gid.rsplit("/")[-1]) in shop.current()

    @pytest.mark.parametrize("at", ["before the file is published", "before the cursor moves"])
    def test_a_crash_leaves_a_cursor_that_is_not_ahead_of_the_files(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, at: str
    ) -> None:
        ChangeReader(shop.store()).read()
        order = shop.arrive()
        shop.pin(seconds=5)
        before = notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR)

        def crash(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            if at == "before the file is published":
                patch.setattr(Warehouse, "publish", crash)
            else:
                patch.setattr(notes, "set_cursor", crash)
            with pytest.raises(KeyboardInterrupt):
                ChangeReader(shop.store()).read()
        assert notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR) == before
        stored = int(order["legacyResourceId"]) in shop.current()
        assert stored == (at == "before the cursor moves")
        assert ChangeReader(shop.store()).read() == (0 if stored else 1)
        assert_current(shop, first_day(shop.ledger, shop.settings))

    def test_a_failed_call_moves_no_cursor_and_publishes_nothing(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        before, files = notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR), ChangeReader(shop.store()).log.files()
        shop.arrive()
        shop.sandbox.faults("shopify", [{"on": API, "kind": "graphql_error", "times": 50}])
        with pytest.raises(Transient):
            ChangeReader(shop.store()).read()
        assert (notes.get_cursor(shop.ledger, shop.settings.shop, CURSOR), ChangeReader(shop.store()).log.files()) == (
            before,
            files,
        )

    def test_a_change_that_the_index_shows_late_is_found_by_the_overlap(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        shop.change(settings={"index_lag": 1e9})
        shop.change(arrive=1)
        number = max(shop.truth())
        shop.pin(seconds=5)
        ChangeReader(shop.store()).read()
        assert number not in shop.current()
        shop.sandbox.shopify.clock.skip(1e9)
        ChangeReader(shop.store()).read()
        assert number in shop.current()

    def test_the_log_is_compacted_when_it_is_due_and_loses_nothing(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        for _ in range(3):
            shop.change(set={o["name"]: {"note": f"{shop.now}"} for o in list(shop.truth().values())[-20:]})
            shop.pin(seconds=3)
            ChangeReader(shop.store()).read()
        files = ChangeReader(shop.store()).log.files()
        assert files[-1].stem.startswith(BASE)
        assert len(files) < 4
        assert_current(shop, first_day(shop.ledger, shop.settings))

    def test_single_orders_are_fetched_by_their_numbers(self, shop: Shop) -> None:
        numbers = sorted(shop.truth())[:90]
        store = shop.store()
        assert ChangeReader(store).read_orders(numbers) == 90
        assert shop.current().keys() == set(numbers)
        assert ChangeReader(store).read_orders([*numbers, 999_999_999_999]) == 0
        assert ChangeReader(store).read_orders([]) == 0

    def test_a_long_gap_is_read_in_bulk_and_by_day(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        always_bulk(monkeypatch.setenv)
        monkeypatch.setenv("SHOPIFY_LOOKBACK_DAYS", "80")
        store = shop.store()
        ChangeReader(store).read()
        assert [way.bulk for way in store.ways] == [True]
        assert_current(shop, first_day(shop.ledger, shop.settings))


class TestTheNewestVersion:
    """Of an order in a day's file and in the log, in either order, and of one that is gone."""

    @pytest.mark.parametrize("order", list(itertools.permutations(["day", "change", "edit"])))
    def test_it_is_the_one_that_holds_wherever_it_stands(self, shop: Shop, order: tuple[str, ...]) -> None:
        ChangeReader(shop.store()).read()
        first, last = recent(shop, 3)
        name = next(iter(shop.truth(last - timedelta(days=1), last).values()))["name"]
        DayReader(shop.store()).read(first, last)
        for n, step in enumerate(order):
            if step == "edit":
                shop.change(set={name: {"note": f"edit {n}"}})
            elif step == "day":
                DayReader(shop.store(f"day {n}")).read(first, last)
            else:
                shop.pin(seconds=2)
                ChangeReader(shop.store(f"changes {n}")).read()
        shop.pin(seconds=2)
        ChangeReader(shop.store("last")).read()
        assert_current(shop, first_day(shop.ledger, shop.settings))

    def test_an_older_file_read_later_does_not_bring_an_old_version_back(self, shop: Shop) -> None:
        first, last = recent(shop, 3)
        DayReader(shop.store()).read(first, last)
        old = {d: shop.warehouse.path(ORDERS_KEY, shop.settings.account, str(d)).read_bytes() for d in days_between(first, last)}
        ChangeReader(shop.store()).read()
        name = next(iter(shop.truth(first, last).values()))["name"]
        shop.change(set={name: {"note": "newer"}})
        shop.pin(seconds=2)
        ChangeReader(shop.store()).read()
        for day, content in old.items():
            shop.warehouse.path(ORDERS_KEY, shop.settings.account, str(day)).write_bytes(content)
        assert_current(shop, first_day(shop.ledger, shop.settings))

    def test_a_deleted_order_is_gone_when_its_day_was_read_without_it(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        order = shop.arrive()
        shop.pin(seconds=2)
        ChangeReader(shop.store()).read()
        number, day = int(order["legacyResourceId"]), shop.day(order)
        shop.change(delete=[order["name"]])
        assert number in shop.current(), "nobody has told yet"
        DayReader(shop.store()).read(day, day)
        assert number not in shop.current()
        ChangeReader(shop.store("again")).read()
        assert number not in shop.current()
        assert_current(shop, first_day(shop.ledger, shop.settings))

    def test_a_deleted_order_of_a_day_file_is_gone_after_the_next_reading_of_the_day(self, shop: Shop) -> None:
        first, last = recent(shop, 3)
        DayReader(shop.store()).read(first, last)
        victim = next(iter(shop.truth(first, last).values()))
        shop.change(delete=[victim["name"]])
        DayReader(shop.store("again")).read(shop.day(victim), shop.day(victim))
        assert_current(shop, first)

    def test_an_order_that_came_after_its_day_was_read_is_there(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        today = recent(shop)[1]
        DayReader(shop.store()).read(today, today)
        order = shop.arrive()
        number = int(order["legacyResourceId"])
        assert number not in shop.current()
        shop.pin(seconds=2)
        ChangeReader(shop.store()).read()
        assert number in shop.current()

    def test_an_empty_warehouse_has_no_orders(self, shop: Shop) -> None:
        assert shop.current() == {}
        with current_orders(shop.warehouse, shop.settings.account) as con:
            assert stored_per_day(con, date(2026, 11, 1), date(2026, 11, 3)) == dict.fromkeys(
                days_between(date(2026, 11, 1), date(2026, 11, 3)), 0
            )

    def test_another_shops_files_are_never_read(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        ChangeReader(shop.store()).read()
        DayReader(shop.store()).read(*recent(shop, 3))
        mine = shop.current().keys()
        assert mine
        account = shop.settings.account
        monkeypatch.setenv("SHOPIFY_URL", f"{shop.settings.url}/")
        assert shop.settings.account == account, "a slash is no other shop"
        with current_orders(shop.warehouse, "https://another.myshopify.com") as con:
            assert whole(con) == {}
        assert notes.get_cursor(shop.ledger, "https://another.myshopify.com", CURSOR) is None

    def test_a_file_replaced_while_orders_are_read_gives_no_other_orders(self, shop: Shop) -> None:
        """A row number means nothing in the next file of the same name."""
        first, last = recent(shop, 3)
        DayReader(shop.store()).read(first, last)
        day = max(days_between(first, last), key=lambda d: len(shop.file(d) or []))
        victim = min(shop.truth(day, day).values(), key=lambda o: str(o["createdAt"]))
        with current_orders(shop.warehouse, shop.settings.account) as con:
            shop.change(delete=[victim["name"]])
            DayReader(shop.store("meanwhile")).read(day, day)
            with pytest.raises(OrdersMoved, match="Run again"):
                list(whole_orders(con, "SELECT f, n FROM current_order"))

    def test_a_log_compacted_while_orders_are_read_gives_the_same_orders(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        with current_orders(shop.warehouse, shop.settings.account) as con:
            wanted = con.execute("SELECT count(*) FROM current_order").fetchall()
            ChangeReader(shop.store()).log.compact()
            assert [(sum(len(part) for part in whole_orders(con, "SELECT f, n FROM current_order")),)] == wanted

    def test_a_file_that_is_gone_while_orders_are_read_gives_no_other_orders(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        with current_orders(shop.warehouse, shop.settings.account) as con:
            for path in ChangeReader(shop.store()).log.files():
                path.unlink()
            with pytest.raises(OrdersMoved, match="Run again"):
                list(whole_orders(con, "SELECT f, n FROM current_order"))

    def test_one_run_at_a_time_reads_the_changes(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        reader = ChangeReader(shop.store())
        reader.read()
        monkeypatch.setattr(change_reader, "LONGEST_TURN", 0.1)
        with FileLock(reader.log.folder / ".reading"), pytest.raises(ReadingRefused, match="another run is reading"):
            reader.read()
        assert reader.read() == 0

    def test_a_log_compacted_after_its_files_were_listed_is_listed_again(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ChangeReader(shop.store()).read()
        partitions = Warehouse.partitions

        def then_compacted(self: Warehouse, key: Sequence[str], account: str) -> Any:
            found = partitions(self, key, account)
            if tuple(key) == CHANGES_KEY:
                monkeypatch.undo()
                shop_log.compact()
            return found

        shop_log, account, wanted = ChangeReader(shop.store()).log, shop.settings.account, len(shop.current())
        monkeypatch.setattr(Warehouse, "partitions", then_compacted)
        with current_orders(shop.warehouse, account) as con:
            assert con.execute("SELECT count(*) FROM current_order").fetchall() == [(wanted,)]


class TestComparing:
    def compared(self, shop: Shop, run: str = "compare") -> list[DayCompared]:
        store = shop.store(run)
        with current_orders(shop.warehouse, shop.settings.account) as con:
            stored = stored_per_day(con, first_day(shop.ledger, shop.settings), store.today())
        return DayReader(store).compare(stored)

    def test_days_that_agree_are_asked_for_many_a_call_and_not_read_again(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        before = shop.calls()
        compared = self.compared(shop)
        assert len(compared) == 31
        assert [c for c in compared if c.read_again is not None] == []
        assert checks.every_order_counted(compared).passed
        assert shop.calls() - before <= 2

    def test_a_day_that_differs_is_read_again_whole(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        first = first_day(shop.ledger, shop.settings)
        victims = list(shop.truth(first).values())[::17]
        shop.change(delete=[o["name"] for o in victims])
        compared = self.compared(shop)
        assert {c.day for c in compared if c.read_again is not None} == {shop.day(o) for o in victims}
        assert checks.every_order_counted(compared).passed
        assert_current(shop, first)

    def test_an_order_that_comes_meanwhile_is_no_alarm(self, shop: Shop) -> None:
        ChangeReader(shop.store()).read()
        shop.arrive()  # so that today is read again
        store = shop.store("compare")
        with current_orders(shop.warehouse, shop.settings.account) as con:
            stored = stored_per_day(con, first_day(shop.ledger, shop.settings), store.today())
        counts, counted = store.client.counts, list[int]()

        def one_more(filters: Sequence[str]) -> list[int]:
            found = counts(filters)
            counted.append(len(filters))
            if len(counted) == 1:
                shop.arrive()
            return found

        store.client.counts = one_more  # type: ignore[method-assign]
        assert checks.every_order_counted(DayReader(store).compare(stored)).passed

    def test_an_order_within_the_settle_lag_is_no_alarm(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SETTLE_LAG", "300")
        monkeypatch.setenv("SHOPIFY_BEHIND_SECONDS", "300")
        ChangeReader(shop.store()).read()
        shop.arrive()
        compared = self.compared(shop)
        assert checks.every_order_counted(compared).passed

    def test_days_that_have_passed_out_of_sight_do_not_stop_the_comparison_of_the_others(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A shop without read_all_orders, two months after its first reading."""
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", RECENT_ORDERS_TOKEN)
        ChangeReader(shop.store()).read()
        long_ago = shop.store().today() - timedelta(days=75)
        notes.set_cursor(shop.ledger, shop.settings.shop, change_reader.FIRST_DAY, str(long_ago), "run-0")
        order = shop.arrive()
        compared = self.compared(shop)
        assert max(c.day for c in compared if c.read_again is not None) == shop.day(order)
        assert min(c.day for c in compared if c.counted is not None) > long_ago
        assert min(c.day for c in compared) == long_ago  # and it says so
        assert int(order["legacyResourceId"]) in shop.current()

    def test_nothing_stored_is_nothing_to_compare(self, shop: Shop) -> None:
        assert DayReader(shop.store()).compare({}) == []
        assert shop.calls() == 0


class TestOddities:
    def test_a_status_nobody_knows_is_stored_and_noticed(self, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
        shop.sandbox.faults("shopify", [{"on": API, "kind": "unknown_enum", "times": 10}])
        store = shop.store()
        with caplog.at_level(logging.WARNING):
            ChangeReader(store).read()
        assert any("NEWLY_INVENTED" in text for text in store.notices())
        assert "NEWLY_INVENTED" in {o["displayFinancialStatus"] for o in shop.current().values()}
        assert not checks.nothing_odd(store.notices()).passed

    def test_orders_without_any_personal_field_are_noticed(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", REDACTED_TOKEN)
        store = shop.store()
        assert ChangeReader(store).read() > 20
        assert any("personal" in text for text in store.notices())

    def test_a_shop_where_all_is_as_it_should_be_gives_no_notice(self, either_way: Shop) -> None:
        store = either_way.store()
        ChangeReader(store).read()
        DayReader(store).read(*recent(either_way))
        assert store.notices() == {}
        assert checks.nothing_odd(store.notices()).passed

    def test_orders_without_customers_are_stored_and_noticed(self, either_way: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        shop = either_way  # an export would fail for the field that a page only leaves out
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", NO_CUSTOMERS_TOKEN)
        store = shop.store()
        DayReader(store).read(*recent(shop))
        assert_current(shop, recent(shop)[0])
        assert list(store.notices()) == ["customer is withheld from this token"]

    def test_traps_are_stored_as_they_are(self, either_way: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        shop = either_way
        monkeypatch.setenv("SHOPIFY_LOOKBACK_DAYS", "95")
        assert ChangeReader(shop.store()).read() == 300
        assert_current(shop)
        current = shop.current()
        for name, trap in shop.sandbox.shopify.traps().items():
            found = current[int(trap["legacyResourceId"])]
            assert same(found, trap), name
            assert (found["note"], found["phone"], found["poNumber"]) == (trap["note"], trap["phone"], trap["poNumber"])
            assert [line["sku"] for line in found["lineItems"]] == [line["sku"] for line in trap["lineItems"]], name


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("KWD", 3), ("USD", 2)])
def test_money_keeps_the_decimals_of_its_currency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, currency: str, digits: int
) -> None:
    with shop_of(tmp_path / "data", monkeypatch.setenv, orders=80, currency=currency) as shop:
        store = shop.store()
        read = DayReader(store).read(*recent(shop, 30))
        assert (store.facts.currency, notes.get_cursor(shop.ledger, shop.settings.shop, CURRENCY)) == (currency, currency)
        for each in read:
            for row in shop.file(each.day) or []:
                real = shop.order(row["order_id"])
                assert row["currency"] == currency
                assert row["total"] == Decimal(real["totalPriceSet"]["shopMoney"]["amount"])
                assert row["total"] == round(row["total"], digits)
                assert row["presentment_currency"] == real["presentmentCurrencyCode"]
                assert row["presentment_total"] == Decimal(real["totalPriceSet"]["presentmentMoney"]["amount"])
            money = sum((row["total"] for row in shop.file(each.day) or []), Decimal(0))
            assert each.money == money
        assert sum(each.orders for each in read) > 5


def test_the_tables_of_an_order_are_typed_and_its_rows_add_up(shop: Shop) -> None:
    trap = shop.sandbox.shopify.traps()["several refunds"]
    client = shop.store().client
    ((order,),) = paged(client, f"name:'{trap['name']}'", "CREATED_AT", page_size=5, lines=5)
    tables = OrderTables(shop.settings.zone, datetime.now(UTC))
    assert tables.add(order) == shop.day(trap)
    orders, lines, refunds = tables.flush()
    assert (orders.schema, lines.schema, refunds.schema) == (ORDERS, LINES, REFUNDS)
    assert (orders.num_rows, lines.num_rows, refunds.num_rows) == (1, 3, 3)
    assert [line["position"] for line in lines.to_pylist()] == [1, 2, 3]
    assert {r["line_id"] for r in refunds.to_pylist()} == {line["line_id"] for line in lines.to_pylist()}
    assert orders.to_pylist()[0]["refunded"] == Decimal(trap["totalRefundedSet"]["shopMoney"]["amount"])
    assert tables.flush()[0].num_rows == 0


def test_a_refund_without_lines_is_a_row_all_the_same(shop: Shop) -> None:
    name = next(o for o in shop.truth().values() if not o["refunds"] and o["lineItems"])["name"]
    shop.change(refund=[{"order": name, "lines": {}, "note": "Only money"}])
    order = shop.order(name)
    DayReader(shop.store()).read(shop.day(order), shop.day(order))
    rows = [r for r in shop.file(shop.day(order), REFUNDS_KEY) or [] if r["order_id"] == int(order["legacyResourceId"])]
    assert [(r["note"], r["line_id"], r["quantity"]) for r in rows] == [("Only money", None, None)]


def test_what_a_file_says_of_itself_is_what_it_holds(shop: Shop) -> None:
    first, last = recent(shop, 3)
    DayReader(shop.store()).read(first, last)
    for published in shop.warehouse.partitions(ORDERS_KEY, shop.settings.account):
        rows = shop.file(date.fromisoformat(published.about.partition)) or []
        assert isinstance(published.about, About)
        assert published.about.rows == len(rows)
        assert Decimal(published.about.money) == sum((row["total"] for row in rows), Decimal(0))


def test_a_shop_without_recent_orders_still_shows_changes_to_old_ones(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reading found nothing: its empty file is what the cursor stands on."""
    _, last = recent(shop, 3)
    monkeypatch.setenv("SHOPIFY_LOOKBACK_DAYS", "1")
    old = [o for o in shop.truth().values() if shop.day(o) < last - timedelta(days=3)]
    victim = max(old, key=lambda o: o["createdAt"])
    DayReader(shop.store()).read(shop.day(victim), shop.day(victim))
    shop.change(delete=[o["name"] for o in shop.truth().values() if shop.day(o) >= last - timedelta(days=2)])
    assert ChangeReader(shop.store()).read() == 0
    shop.change(set={victim["name"]: {"note": "CHANGED"}})
    shop.pin(seconds=5)
    assert ChangeReader(shop.store("next")).read() >= 1
    assert shop.current()[int(victim["legacyResourceId"])]["note"] == "CHANGED"


class TestOrdersThatLackSomething:
    @pytest.mark.parametrize("field", ["createdAt", "updatedAt", "legacyResourceId", "lineItems"])
    def test_an_order_that_cannot_be_kept_is_named_and_the_others_are_read(self, shop: Shop, field: str) -> None:
        store = shop.store()
        shop.sandbox.faults("shopify", [{"on": API, "kind": "without", "field": field, "after": 2}])
        read = ChangeReader(store).read()
        assert read == len(shop.truth(first_day(shop.ledger, shop.settings))) - 1
        (told,) = store.notices()
        assert told.endswith(f"came without {field}, and is not kept")
        assert told.startswith("#")

    def test_a_day_with_such_an_order_stays_as_it_was_and_says_which(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        victim = next(iter(shop.truth(*recent(shop)).values()))
        day = shop.day(victim)
        pages = paged

        def bare(*args: Any, **kwargs: Any) -> Iterator[list[dict[str, Any]]]:
            for page in pages(*args, **kwargs):
                for order in page:
                    order.update({"updatedAt": None} if order["name"] == victim["name"] else {})
                yield page

        monkeypatch.setattr("sync_pipelines.pipelines.shopify_store.store.paged", bare)
        with pytest.raises(DaysIncomplete, match=f"{victim['name']} came without updatedAt"):
            DayReader(shop.store()).read(day, day)
        assert shop.days() == []

    @pytest.mark.parametrize("field", ["totalPriceSet", "displayFinancialStatus", "test", "sku", "variant"])
    def test_an_order_without_anything_else_is_kept(self, either_way: Shop, field: str) -> None:
        shop = either_way
        victim = next(o for o in shop.truth(*recent(shop)).values() if o["lineItems"])
        for order in [victim, *victim["lineItems"]]:
            if field in order:
                shop.change(set={victim["name"]: {field: None} if order is victim else {"lineItems": {"0": {field: None}}}})
        (read,) = DayReader(shop.store()).read(shop.day(victim), shop.day(victim))
        assert int(victim["legacyResourceId"]) in {row["order_id"] for row in shop.file(read.day) or []}


class TestMoreIsReadOfAnOrderThanBefore:
    MONEY = ("currentSubtotalPriceSet", "currentTotalTaxSet", "currentShippingPriceSet")
    ADDED = (*MONEY, "edited", documents.NEWEST_FIELD)

    @pytest.fixture
    def earlier(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
        """A shop read by an earlier version: a day long ago, the last days whole, what changed, an old order by its number."""
        with monkeypatch.context() as before:
            money = "{ shopMoney { amount currencyCode } }"
            plain = documents.ORDERS.replace(f"discountAllocations {{ allocatedAmountSet {money} }}", "")
            for name in self.ADDED:
                plain = plain.replace(f"{name} {money}" if name in self.MONEY else name, "")
            before.setattr(documents, "ORDERS", plain)
            before.setattr(documents, "NEWEST_FIELD", "name")
            store = shop.store()
            first, last = recent(shop, 50)
            DayReader(store).read(first, first + timedelta(days=2))
            DayReader(store).read(last - timedelta(days=2), last)
            ChangeReader(store).read()
            ChangeReader(store).read_orders([next(iter(shop.truth()))])
        assert not any(name in order for order in shop.current().values() for name in self.ADDED)
        return shop

    def test_every_stored_order_that_lacks_it_is_read_again_once(self, earlier: Shop) -> None:
        before = earlier.current().keys()
        ChangeReader(earlier.store("run-2")).read()
        found = earlier.current()
        assert found.keys() == before
        assert all(name in order for order in found.values() for name in self.ADDED)
        assert all("discountAllocations" in line for order in found.values() for line in order["lineItems"])
        calls = earlier.calls()
        ChangeReader(earlier.store("run-3")).read()
        assert earlier.calls() - calls <= 3, "nothing of it is read a third time"

    def test_a_preview_leaves_it_to_the_next_run_to_note_that(self, earlier: Shop) -> None:
        ChangeReader(earlier.store("run-2")).read(move_cursor=False)
        assert notes.get_cursor(earlier.ledger, earlier.settings.account, change_reader.READ_WITH) == "name"

    def test_what_the_shop_no_longer_shows_stays_as_it_was_and_is_told(
        self, earlier: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", RECENT_ORDERS_TOKEN)
        store = earlier.store("run-2")
        ChangeReader(store).read()
        assert any("1 orders are older than the shop shows" in text for text in store.notices())
        left = [order for order in earlier.current().values() if documents.NEWEST_FIELD not in order]
        assert len(left) == 1

    def test_whoever_reads_more_of_an_order_says_so(self) -> None:
        """A field that was added: name one of the order's own in NEWEST_FIELD, and pin the fields again."""
        fields = " ".join((documents.ORDER_FIELDS + documents.LINE_FIELDS + documents.REFUND_LINE_FIELDS).split())
        assert documents.NEWEST_FIELD in documents.ORDER_FIELDS.split()
        assert (documents.NEWEST_FIELD, blake2b(fields.encode(), digest_size=4).hexdigest()) == (
            "paymentGatewayNames",
            "b1f50532",
        )
