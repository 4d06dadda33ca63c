"""Whole days of orders: read, proved complete by count, and published, each as one file per table.

Files are published before anything says that they are there; reading again is harmless.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from sync_pipelines.delivery import notes
from sync_pipelines.duck import no_collection
from sync_pipelines.pipelines.shopify_store.days import day_of, days_between, end_of, instant, start_of, stretches, within
from sync_pipelines.pipelines.shopify_store.drafts import Ascending, write_all
from sync_pipelines.pipelines.shopify_store.exports import Way
from sync_pipelines.pipelines.shopify_store.orders import DAY_ASSETS, ORDERS_KEY, Order, OrderTables
from sync_pipelines.pipelines.shopify_store.store import FLUSH, SHOWN_WITHOUT_ALL, Store
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.shopify_orders import OrderVanished
from sync_pipelines.warehouse.drafts import Draft
from sync_pipelines.warehouse.snapshots import About

log = logging.getLogger(__name__)

READINGS = 3
"""How often a day that moves while it is read is read in all."""

_ByDay = Callable[[date], Iterator[Order]]


class DaysIncomplete(VendorError):
    """Days whose orders could not be proved to be all of them. They are not published; others are."""


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


class DayReader:
    """Reads days of one shop into the warehouse."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def read(self, first: date, last: date) -> list[DayRead]:
        """Read every order of these days and publish day by day what is proved complete.

        A day that is not over is read up to a moment ago. Raises ReadingRefused (before anything is read) and
        DaysIncomplete (after the other days are published).
        """
        began = datetime.now(UTC)
        upto = (began - timedelta(seconds=self.store.settings.settle_lag)).replace(microsecond=0)
        self.store.refuse_hidden(start_of(first, self.store.zone), began)
        days = [d for d in days_between(first, last) if start_of(d, self.store.zone) < upto]
        if not days:
            return []
        ends = {d: min(end_of(d, self.store.zone), upto) for d in days}
        searches = {d: within("created_at", start_of(d, self.store.zone), ends[d]) for d in days}
        counted = dict(zip(days, self.store.counts([searches[d] for d in days]), strict=True))
        way = self.store.choose_way(sum(counted.values()), len(days))
        published: list[DayRead] = []
        moved: list[date] = []
        with self._whole_days(way, days, within("created_at", start_of(days[0], self.store.zone), ends[days[-1]])) as by_day:
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
                + "".join(f" {why}." for why in self.store.rejected)
            )
        return sorted(published, key=lambda read: read.day)

    def compare(self, stored: Mapping[date, int]) -> list[DayCompared]:
        """Ask the shop how many orders each of these days has, many days a call; read again those that differ.

        stored: how many we have of each day, today among them. A day that this token is not shown has no count.
        """
        if not stored:
            return []
        began = datetime.now(UTC)
        upto = (began - timedelta(seconds=self.store.settings.settle_lag)).replace(microsecond=0)
        shown = datetime.min.replace(tzinfo=UTC) if self.store.facts.all_orders else began - SHOWN_WITHOUT_ALL
        begun = [d for d in sorted(stored) if start_of(d, self.store.zone) < upto]
        days = [d for d in begun if start_of(d, self.store.zone) >= shown]
        searches = [within("created_at", start_of(d, self.store.zone), min(end_of(d, self.store.zone), upto)) for d in days]
        counted = dict(zip(days, self.store.counts(searches), strict=True))
        read: dict[date, int] = {}
        for first, last in stretches([d for d in days if counted[d] != stored[d]]):
            try:
                read |= {r.day: r.orders for r in self.read(first, last)}
            except DaysIncomplete as e:  # the days that are proved are published; the others show as differing
                self.store.client.notice(str(e))
                published = self.store.warehouse.partitions(ORDERS_KEY, self.store.account)
                new = {p.about.partition: p.about.rows for p in published if p.about.at >= began.isoformat()}
                read |= {d: new[str(d)] for d in days_between(first, last) if str(d) in new}
        return [DayCompared(d, counted.get(d), stored[d], read.get(d)) for d in begun]

    def _read_again(self, days: Sequence[date], searches: Mapping[date, str], ends: Mapping[date, datetime]) -> list[DayRead]:
        """Count and read these days once more, each by itself, after a rest. Returns those that agree now."""
        log.warning("shopify: %d days, %s first, are not as many orders as the shop counts; reading again", len(days), days[0])
        self.store.client.sleep(self.store.settings.settle_lag)
        began = datetime.now(UTC)
        counted = self.store.counts([searches[day] for day in days])
        read = [
            self._stage(day, self.store.pages(searches[day]), n, began, ends[day]) for day, n in zip(days, counted, strict=True)
        ]
        return [day for day in read if day]

    @contextmanager
    def _whole_days(self, way: Way, days: Sequence[date], search: str) -> Iterator[_ByDay]:
        """Gives, day after day in ascending order, the whole orders of that day."""
        with ExitStack() as stack:
            export = self.store.exports.export_if(
                way, stack, search, lambda created: str(day_of(instant(created), self.store.zone))
            )
            if export:
                yield lambda day: self.store.exported(export.orders(str(day)))
            else:
                pages = groupby(self.store.pages(search), lambda o: day_of(instant(o["createdAt"]), self.store.zone))
                yield Ascending(pages).of

    def _stage(self, day: date, orders: Iterable[Order], counted: int, began: datetime, end: datetime) -> DayRead | None:
        """Write a day's files and publish them, if they hold as many orders as the shop counts; None if not."""
        collected = OrderTables(self.store.zone, began)
        seen: set[int] = set()
        with ExitStack() as stack, no_collection():
            files = {key: stack.enter_context(Draft(self.store.warehouse.staging, key, schema)) for key, schema in DAY_ASSETS}
            try:
                for order in orders:
                    if int(order["legacyResourceId"]) in seen:
                        continue
                    seen.add(int(order["legacyResourceId"]))
                    self.store.look_at(order)
                    collected.add(order)
                    if len(collected.orders) >= FLUSH:
                        write_all(files, collected)
            except OrderVanished as e:
                log.warning("%s", e)
                return None
            write_all(files, collected)
            if collected.count != counted:
                return None
            open_end = end if end < end_of(day, self.store.zone) else None
            for key, draft in files.items():
                about = About(
                    self.store.account,
                    began.isoformat(),
                    f"{began:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
                    draft.rows,
                    partition=str(day),
                    money=str(collected.money) if key == ORDERS_KEY else "",
                    until=open_end.isoformat() if open_end else "",
                )
                self.store.warehouse.publish(key, draft.complete(about))
                if key == ORDERS_KEY:
                    self._note(about)
        return DayRead(day, collected.count, collected.money)

    def _note(self, about: About) -> None:
        notes.note_extract(
            self.store.ledger,
            about.extract,
            source="/".join(ORDERS_KEY),
            account=self.store.account,
            rows=about.rows,
            repeats=0,
            origin="api",
            run=self.store.run,
            partition=about.partition,
            money=about.money,
        )
