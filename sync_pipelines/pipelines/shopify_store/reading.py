"""How the shop's orders come into the warehouse: whole days, proved by count, and what changed since last time.

Files are published before a cursor moves; reading again is harmless. A crash leaves what was published, and a cursor
that is not ahead of it.
"""

from __future__ import annotations

import logging
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from sync_pipelines.delivery import runs, tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.duck import no_collection
from sync_pipelines.exact_json import FLAW
from sync_pipelines.pipelines.shopify_store.days import day_of, days_between, end_of, instant, start_of, stretches, within
from sync_pipelines.pipelines.shopify_store.drafts import Ascending, Draft, write_all
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, orders_without
from sync_pipelines.pipelines.shopify_store.orders import (
    CHANGES_KEY,
    DAY_ASSETS,
    ORDERS,
    ORDERS_KEY,
    Order,
    OrderTables,
    anonymous,
    oddities,
)
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Transient, VendorError
from sync_pipelines.vendors.shopify import BulkFailed, NoRoomForBulk, ShopFacts, Shopify
from sync_pipelines.vendors.shopify_orders import (
    REFUND_IDS,
    OrderVanished,
    SortedExport,
    SortKey,
    add_refund_lines,
    finished_export,
    flaw_of,
    lacking,
    paged,
)
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.keyed_log import KeyedLog
from sync_pipelines.warehouse.snapshots import About, Warehouse

log = logging.getLogger(__name__)

CURSOR = "order_changes"
READ_WITH = "order fields"
"""The cursor that says by which newest field every stored order was read."""
FIRST_DAY = "orders from"
CURRENCY = "currency"
CLOCKS_AGREE = timedelta(seconds=5)
DOWNLOADS = 3
"""How often the result of a bulk export is fetched, when the line is cut."""
READINGS = 3
"""How often a day that moves while it is read is read in all."""
SHOWN_WITHOUT_ALL = timedelta(days=60)
"""How far back a shop shows orders to an app without read_all_orders (https://shopify.dev/docs/api/usage/access-scopes)."""
SHORT = timedelta(hours=2)
"""A reading of changes this short is paged without asking for an estimate first."""
FLUSH = 500

_ByDay = Callable[[date], Iterator[Order]]
_Label = Callable[[str], str]


class ReadingRefused(VendorError):
    """What was asked for cannot be read whole; nothing was read."""


class DaysIncomplete(VendorError):
    """Days whose orders could not be proved to be all of them. They are not published; others are."""


@dataclass(frozen=True)
class Way:
    """How a reading goes, and what either way would take by estimate."""

    orders: int
    paged_seconds: float
    bulk_seconds: float

    @property
    def bulk(self) -> bool:
        return self.bulk_seconds < self.paged_seconds

    def __str__(self) -> str:
        chosen = "one bulk operation" if self.bulk else "page by page"
        took = f"{self.paged_seconds:.0f} s in pages, {self.bulk_seconds:.0f} s in bulk"
        return f"{self.orders} orders {chosen} (by estimate: {took})"


@dataclass(frozen=True)
class DayRead:
    """A day as it was published: its orders, and the sum of their totals in the shop's currency."""

    day: date
    orders: int
    money: Decimal


@dataclass(frozen=True)
class DayCompared:
    """What the shop counts for a day (None: this token is not shown it), what we had, and what we have after reading it
    again (None: not read again, or not proved)."""

    day: date
    counted: int | None
    stored: int
    read_again: int | None

    @property
    def proved(self) -> bool:
        """A day that was read again was held against a count of its own."""
        return self.read_again is not None or self.counted == self.stored


class Store:
    """The orders of one shop, as one run brings them up to date."""

    def __init__(self, client: Shopify, warehouse: Warehouse, ledger: Ledger, settings: ShopifySettings, run: str) -> None:
        self.client, self.warehouse, self.ledger, self.settings, self.run = client, warehouse, ledger, settings, run
        self.zone, self.account = settings.zone, settings.account
        self.ways: list[Way] = []
        self._anonymous = Counter[bool]()
        self._read = self._refunded = self._more_lines = 0
        self._facts: ShopFacts | None = None
        self.rejected: dict[str, None] = {}
        """Orders that could not be kept, and why."""

    @property
    def facts(self) -> ShopFacts:
        """What the shop says of itself. Raises ReadingRefused when its days are not the settings' days."""
        if self._facts is None:
            self._facts = self.client.shop()
            if self._facts.time_zone != self.settings.time_zone:
                raise ReadingRefused(
                    f"shopify: the shop's time zone is {self._facts.time_zone}, the settings say {self.settings.time_zone}: "
                    "its days would be cut in the wrong place. Set [shopify] time_zone."
                )
            if self.ledger.cursor(self.settings.shop, CURRENCY) != self._facts.currency:
                self.ledger.set_cursor(self.settings.shop, CURRENCY, self._facts.currency, self.run)
        return self._facts

    def today(self) -> date:
        return day_of(datetime.now(UTC), self.zone)

    # --- whole days -------------------------------------------------------------------------------------------------

    def read_days(self, first: date, last: date) -> list[DayRead]:
        """Read every order of these days and publish day by day what is proved complete.

        A day that is not over is read up to a moment ago. Raises ReadingRefused (before anything is read) and
        DaysIncomplete (after the other days are published).
        """
        began = datetime.now(UTC)
        upto = (began - timedelta(seconds=self.settings.settle_lag)).replace(microsecond=0)
        self._refuse_hidden(start_of(first, self.zone), began)
        days = [d for d in days_between(first, last) if start_of(d, self.zone) < upto]
        if not days:
            return []
        ends = {d: min(end_of(d, self.zone), upto) for d in days}
        searches = {d: within("created_at", start_of(d, self.zone), ends[d]) for d in days}
        counted = dict(zip(days, self.client.counts([searches[d] for d in days]), strict=True))
        way = self._way(sum(counted.values()), len(days))
        published: list[DayRead] = []
        moved: list[date] = []
        with self._whole_days(way, days, within("created_at", start_of(days[0], self.zone), ends[days[-1]])) as by_day:
            for day in days:
                done = self._stage(day, by_day(day), counted[day], began, ends[day])
                if done:
                    published.append(done)
                else:
                    moved.append(day)
        for _ in range(READINGS - 1):
            if moved:
                again = self._read_again(moved, searches, ends)
                published += again
                moved = [day for day in moved if day not in {read.day for read in again}]
        if moved:
            named = ", ".join(str(d) for d in moved)
            raise DaysIncomplete(
                f"shopify: {named}: the orders read are not as many as the shop counts, in {READINGS} readings. These days "
                "are not published; what was published of them before stays. Try again later."
                + "".join(f" {told}." for told in self.rejected)
            )
        return sorted(published, key=lambda read: read.day)

    def _read_again(self, days: Sequence[date], searches: Mapping[date, str], ends: Mapping[date, datetime]) -> list[DayRead]:
        """Count and read these days once more, each by itself, after a rest. Returns those that agree now."""
        log.warning("shopify: %d days, %s first, are not as many orders as the shop counts; reading again", len(days), days[0])
        self.client.sleep(self.settings.settle_lag)
        began = datetime.now(UTC)
        counted = self.client.counts([searches[day] for day in days])
        found = [self._stage(day, self._paged(searches[day]), n, began, ends[day]) for day, n in zip(days, counted, strict=True)]
        return [read for read in found if read]

    def _refuse_hidden(self, start: datetime, now: datetime) -> None:
        if not self.facts.all_orders and start < now - SHOWN_WITHOUT_ALL:
            raise ReadingRefused(
                f"shopify: without the scope read_all_orders a shop shows no order older than {SHOWN_WITHOUT_ALL.days} days, "
                f"and says nothing about those it leaves out: the days from {start:%Y-%m-%d} would look complete and not be. "
                "Ask Shopify for read_all_orders, or begin later. Nothing was read."
            )

    def _way(self, orders: int, days: int) -> Way:
        """By estimate: pages at the rate a shop answers them, against a bulk operation's start and its export rate."""
        s = self.settings
        pages = max(days and 1, -(-orders // s.page_size))
        bulk_seconds = s.bulk_start_seconds + orders * 4 / s.bulk_per_second
        if "read_customers" not in self.facts.scopes:
            bulk_seconds = float("inf")  # an export fails for a field that a page only leaves out
        way = Way(orders, pages / s.calls_per_second + orders / 100, bulk_seconds)
        self.ways.append(way)
        log.info("shopify: %s", way)
        return way

    def _paged(self, search: str, sort: SortKey = "CREATED_AT") -> Iterator[Order]:
        s = self.settings
        for page in paged(self.client, search, sort, page_size=s.page_size, lines=s.lines_per_page):
            yield from self._kept(page)

    def _kept(self, orders: Iterable[Order]) -> Iterator[Order]:
        """Yield the orders that can be kept. An order that lacks a needed field is left out and named; one with an unusable
        value is kept, marked and named."""
        for order in orders:
            if missing := lacking(order):
                told = order.get("name") or order.get("id") or "an order"
                self.rejected[f"{told} came without {', '.join(missing)}, and is not kept"] = None
                continue
            if flaw := flaw_of(order):
                self.client.notice(f"{order['name']}: {flaw}")
                order[FLAW] = flaw
            yield order

    @contextmanager
    def _whole_days(self, way: Way, days: Sequence[date], search: str) -> Iterator[_ByDay]:
        """Gives, day after day in ascending order, the whole orders of that day."""
        with ExitStack() as stack:
            export = self._export_if(way, stack, search, lambda created: str(day_of(instant(created), self.zone)))
            if export:
                yield lambda day: self._with_refunds(export.orders(str(day)))
            else:
                pages = groupby(self._paged(search), lambda o: day_of(instant(o["createdAt"]), self.zone))
                yield Ascending(pages).of

    def _export_if(self, way: Way | None, stack: ExitStack, search: str, label: _Label) -> SortedExport | None:
        """A bulk export, if that is the way; None for pages, also where the shop does not get an export done."""
        if way is None or not way.bulk:
            return None
        try:
            return stack.enter_context(self._exported(search, label))
        except (BulkFailed, NoRoomForBulk) as e:
            self.client.notice(f"{e} Read page by page instead.")
            return None

    @contextmanager
    def _exported(self, search: str, label: _Label) -> Iterator[SortedExport]:
        """A finished bulk export, sorted by label in a folder that is gone afterwards."""
        s, name, left = self.settings, f"bulk {self.run}", self._left_behind()

        def remember(export_id: str) -> None:
            self.ledger.set_cursor(self.account, name, export_id, self.run)
            for settled in left.keys() - {name}:
                self.ledger.drop_cursor(self.account, settled)

        export = finished_export(
            self.client,
            search,
            left_behind=list(left.values()),
            remember=remember,
            poll=s.bulk_poll_seconds,
            patience=s.bulk_patience_minutes * 60,
            room=s.bulk_room_minutes * 60,
        )
        self.warehouse.staging.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for attempt in range(1, DOWNLOADS + 1):
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bulk-", dir=self.warehouse.staging))
                sorted_export = SortedExport(Path(folder), label)
                try:
                    with self.client.result(export) as lines:
                        sorted_export.take(lines, export)
                    break
                except Transient as e:
                    if attempt == DOWNLOADS:
                        raise
                    log.warning("shopify: %s; fetching the result again", e)
            yield sorted_export
        self.ledger.drop_cursor(self.account, name)

    def _left_behind(self) -> dict[str, str]:
        """Bulk exports that were started by runs which are over, and never seen to their end. They are ours to end.
        By the name of the cursor that remembers each."""
        c, r = tables.cursor.c, tables.run.c
        running = sa.select(r.id).where(r.state == "running", r.id != self.run)
        query = sa.select(c.name, c.value).where(c.account == self.account, c.name.startswith("bulk "), c.run.not_in(running))
        return {row["name"]: row["value"] for row in self.ledger.rows(query)}

    def _with_refunds(self, orders: Iterator[Order]) -> Iterator[Order]:
        part: list[Order] = []
        for order in self._kept(orders):
            part.append(order)
            if len(part) == FLUSH:
                add_refund_lines(self.client, part)
                yield from part
                part = []
        add_refund_lines(self.client, part)
        yield from part

    def _stage(self, day: date, orders: Iterable[Order], counted: int, began: datetime, end: datetime) -> DayRead | None:
        """Write a day's files and publish them, if they hold as many orders as the shop counts; None if not."""
        collected = OrderTables(self.zone, began)
        seen: set[int] = set()
        with ExitStack() as stack, no_collection():
            files = {key: stack.enter_context(Draft(self.warehouse.staging, key, schema)) for key, schema in DAY_ASSETS}
            try:
                for order in orders:
                    if int(order["legacyResourceId"]) in seen:
                        continue
                    seen.add(int(order["legacyResourceId"]))
                    self._look_at(order)
                    collected.add(order)
                    if len(collected.orders) >= FLUSH:
                        write_all(files, collected)
            except OrderVanished as e:
                log.warning("%s", e)
                return None
            write_all(files, collected)
            if collected.count != counted:
                return None
            open_end = end if end < end_of(day, self.zone) else None
            for key, draft in files.items():
                about = About(
                    self.account,
                    began.isoformat(),
                    f"{began:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
                    draft.rows,
                    partition=str(day),
                    money=str(collected.money) if key == ORDERS_KEY else "",
                    until=open_end.isoformat() if open_end else "",
                )
                self.warehouse.publish(key, draft.complete(about))
                if key == ORDERS_KEY:
                    self._note(about)
        return DayRead(day, collected.count, collected.money)

    def least_calls(self, *, counted: int = 0) -> int:
        """The least calls for what was read: a count of days for every 40 of them, whole pages of orders (or start, look
        at and fetch a bulk export), refund lines 100 orders at a time, lines that do not fit into a page 250 at a time.

        counted: filters that were counted.
        """
        bulk = sum(way.bulk for way in self.ways)
        pages = 0 if bulk else max(1, -(-self._read // self.settings.page_size))
        return -(-counted // documents.MANY) + 3 * bulk + pages + -(-self._refunded // REFUND_IDS) + self._more_lines

    def _look_at(self, order: Order) -> None:
        self._read += 1
        self._refunded += bool(order["refunds"])
        self._more_lines += -(-max(0, len(order["lineItems"]) - self.settings.lines_per_page) // 250)
        for oddity in oddities(order):
            self.client.notice(oddity)
        self._anonymous[anonymous(order)] += 1

    def notices(self) -> dict[str, int]:
        """What was odd and survived, how often."""
        found = {**self.client.notices, **dict.fromkeys(self.rejected, 1)}
        if self._anonymous[True] >= 20 and not self._anonymous[False]:
            found["no order came with a personal field: the app may lack the approval for them"] = self._anonymous[True]
        return found

    def _note(self, about: About) -> None:
        runs.note_extract(
            self.ledger,
            about.extract,
            source="/".join(ORDERS_KEY),
            account=self.account,
            rows=about.rows,
            repeats=0,
            origin="api",
            run=self.run,
            partition=about.partition,
            money=about.money,
        )

    def compare_days(self, stored: Mapping[date, int]) -> list[DayCompared]:
        """Ask the shop how many orders each of these days has, many days a call; read again those that differ.

        stored: how many we have of each day, today among them. A day that this token is not shown has no count.
        """
        if not stored:
            return []
        began = datetime.now(UTC)
        upto = (began - timedelta(seconds=self.settings.settle_lag)).replace(microsecond=0)
        shown = datetime.min.replace(tzinfo=UTC) if self.facts.all_orders else began - SHOWN_WITHOUT_ALL
        begun = [d for d in sorted(stored) if start_of(d, self.zone) < upto]
        days = [d for d in begun if start_of(d, self.zone) >= shown]
        searches = [within("created_at", start_of(d, self.zone), min(end_of(d, self.zone), upto)) for d in days]
        counted = dict(zip(days, self.client.counts(searches), strict=True))
        read: dict[date, int] = {}
        for first, last in stretches([d for d in days if counted[d] != stored[d]]):
            try:
                read |= {r.day: r.orders for r in self.read_days(first, last)}
            except DaysIncomplete as e:  # the days that are proved are published; the others show as differing
                self.client.notice(str(e))
                published = self.warehouse.partitions(ORDERS_KEY, self.account)
                new = {p.about.partition: p.about.rows for p in published if p.about.at >= began.isoformat()}
                read |= {d: new[str(d)] for d in days_between(first, last) if str(d) in new}
        return [DayCompared(d, counted.get(d), stored[d], read.get(d)) for d in begun]

    # --- what changed -----------------------------------------------------------------------------------------------

    def changes(self) -> KeyedLog:
        return KeyedLog(self.warehouse, CHANGES_KEY, self.account, "order_id", ("updated_at", "read_at"))

    def read_changes(self, *, move_cursor: bool = True) -> int:
        """Read every order that changed since the cursor, whole, into the log; move the cursor. Returns how many are new
        to it: the overlap with the last reading is not stored twice. The first time: every order created in the last
        `lookback_days`. Without `move_cursor` (a preview) the next reading begins where this one did."""
        began = datetime.now(UTC)
        until = (began - timedelta(seconds=self.settings.behind_seconds)).replace(microsecond=0)
        cursor, read = self.ledger.cursor(self.settings.shop, CURSOR), 0
        first = first_day(self.ledger, self.settings)
        outdated = self._outdated()
        # the first time, whenever the files are gone on which a cursor stands, and when more is read of an order than before
        if not self.changes().files() or any(day >= first for day in outdated.values()):
            since = start_of(first, self.zone)
            self._refuse_hidden(since, began)
            read += self._append(within("created_at", since, until), "CREATED_AT", set(), began, even_empty=True)
        if cursor is not None:
            since = instant(cursor) - timedelta(minutes=self.settings.overlap_minutes)
            if until > since:
                read += self._append(
                    within("updated_at", since, until), "UPDATED_AT", self._digests(since), began, short=until - since <= SHORT
                )
        up_to_date = self._read_outdated({number: day for number, day in outdated.items() if day < first})
        if move_cursor:
            if up_to_date:
                self.ledger.set_cursor(self.account, READ_WITH, documents.NEWEST_FIELD, self.run)
            self.ledger.set_cursor(self.settings.shop, FIRST_DAY, str(first), self.run)
            self.ledger.set_cursor(self.settings.shop, CURSOR, self._by_the_shops_clock(until, began).isoformat(), self.run)
        if self.changes().due():
            self.changes().compact()
        return read

    def _outdated(self) -> dict[int, date]:
        """Orders that were stored before all was read of an order that is read now, and their days. Those that the shop no
        longer shows stay as they are: what is new of them cannot be had."""
        if self.ledger.cursor(self.account, READ_WITH) == documents.NEWEST_FIELD:
            return {}
        with current_orders(self.warehouse, self.account) as con:
            found = dict(orders_without(con, documents.NEWEST_FIELD))
        if not found:
            return {}
        hidden = date.min if self.facts.all_orders else day_of(datetime.now(UTC) - SHOWN_WITHOUT_ALL, self.zone)
        if out_of_sight := sum(day <= hidden for day in found.values()):
            self.client.notice(
                f"{out_of_sight} orders are older than the shop shows without read_all_orders: they keep the values they were "
                "last read with"
            )
        return {number: day for number, day in found.items() if day > hidden}

    def _read_outdated(self, orders: Mapping[int, date]) -> bool:
        """Read again, whole, the days of these orders that were read whole, and the other orders by their numbers. Returns
        whether that worked; a day that cannot be proved is left for next time."""
        whole = {p.about.partition for p in self.warehouse.partitions(ORDERS_KEY, self.account)} if orders else set()
        days = {day for day in orders.values() if str(day) in whole}
        incomplete = False
        for first, last in stretches(sorted(days)):
            try:
                self.read_days(first, last)
            except DaysIncomplete as e:
                self.client.notice(str(e))
                incomplete = True
        self.read_orders([number for number, day in orders.items() if day not in days])
        return not incomplete

    def _by_the_shops_clock(self, until: datetime, began: datetime) -> datetime:
        """Up to when changes were read: no later than the shop's own clock allows, should ours be fast."""
        told = self.client.answered_at
        if told is None:
            return until
        theirs = told - (datetime.now(UTC) - began) - timedelta(seconds=self.settings.behind_seconds)
        return until if theirs >= until - CLOCKS_AGREE else theirs

    def _append(
        self,
        search: str,
        sort: SortKey,
        known: set[tuple[int, str]],
        began: datetime,
        *,
        short: bool = False,
        even_empty: bool = False,
    ) -> int:
        """Read what a search finds into the log. known: versions that it has already."""
        collected = OrderTables(self.zone, began)
        with Draft(self.warehouse.staging, CHANGES_KEY, ORDERS) as draft, ExitStack() as stack, no_collection():

            def keep() -> None:
                rows = collected.flush()[0]
                pairs = zip(rows.column("order_id").to_pylist(), rows.column("digest").to_pylist(), strict=True)
                draft.write(rows.filter(pa.array([pair not in known for pair in pairs], pa.bool_())))

            way = None if short else self._way(self.client.counts([search])[0], 1)
            # by day, as whole days are: one file of everything would be cut into more files than may be open
            export = self._export_if(way, stack, search, lambda created: created[:10])
            if export:
                orders = self._with_refunds(order for label in export.labels for order in export.orders(label))
            else:
                orders = self._paged(search, sort)
            for order in orders:
                self._look_at(order)
                collected.add(order)
                if len(collected.orders) >= FLUSH:
                    keep()
            keep()
            if draft.rows or even_empty:
                extract = f"{began:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
                self.changes().append(draft.complete(About(self.account, began.isoformat(), extract, draft.rows)))
        return draft.rows

    def _digests(self, since: datetime) -> set[tuple[int, str]]:
        """The versions of orders updated since then that the log has already."""
        files = self.changes().files()
        if not files:
            return set()
        columns = ["order_id", "digest"]
        newer = pc.field("updated_at") >= pa.scalar(since, pa.timestamp("us", tz="UTC"))
        found = pq.ParquetDataset(files, filters=newer).read(columns)
        return set(zip(*(found.column(c).to_pylist() for c in columns), strict=True))

    def read_orders(self, numbers: Sequence[int]) -> int:
        """Read these orders, whole, into the log. Returns how many were new to it."""
        began, read = datetime.now(UTC), 0
        known = self._digests(datetime.min.replace(tzinfo=UTC)) if numbers else set()
        for start in range(0, len(numbers), documents.MANY):
            search = " OR ".join(f"id:{n}" for n in numbers[start : start + documents.MANY])
            read += self._append(search, "CREATED_AT", known, began, short=True)
        return read


def first_day(ledger: Ledger, settings: ShopifySettings) -> date:
    """The day from which every order is kept up to date: settled by the first reading of changes."""
    known = ledger.cursor(settings.shop, FIRST_DAY)
    today = day_of(datetime.now(UTC), settings.zone)
    return date.fromisoformat(known) if known else today - timedelta(days=settings.lookback_days)


def stored_per_day(con: duckdb.DuckDBPyConnection, first: date, last: date) -> dict[date, int]:
    """How many orders we have of every day from the first that is kept up to date, and of every day that was read whole."""
    days = set(days_between(first, last))
    days |= {day for (day,) in con.execute("SELECT day FROM day_read").fetchall()}
    found = con.execute("SELECT day, count(*) FROM current_order GROUP BY day").fetchall()
    stored = dict.fromkeys(days, 0)
    stored.update({day: n for day, n in found if day in days})
    return stored
