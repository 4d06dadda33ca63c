"""What changed since last time: every order that did, whole, in a log in which the newest version wins.

Files are published before a cursor moves; reading again is harmless. A crash leaves what was published, and a cursor
that is not ahead of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.duck import no_collection
from sync_pipelines.pipelines.shopify_store.day_reader import DayReader, DaysIncomplete
from sync_pipelines.pipelines.shopify_store.days import day_of, instant, start_of, stretches, within
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, orders_without
from sync_pipelines.pipelines.shopify_store.orders import CHANGES_KEY, ORDERS, ORDERS_KEY, OrderTables
from sync_pipelines.pipelines.shopify_store.store import FLUSH, SHOWN_WITHOUT_ALL, ReadingRefused, Store
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.shopify_orders import SortKey
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.drafts import Draft
from sync_pipelines.warehouse.keyed_log import KeyedLog
from sync_pipelines.warehouse.snapshots import About

CURSOR = "order_changes"
"""The cursor that says up to when changes were read."""
READ_WITH = "order fields"
"""The cursor that says by which newest field every stored order was read."""
FIRST_DAY = "orders from"
"""The cursor that says from which day on every order is kept up to date."""
CLOCKS_AGREE = timedelta(seconds=5)
LONGEST_TURN = 600.0
"""Seconds for which a run waits while another one reads the changes of the same shop."""
SHORT = timedelta(hours=2)
"""A reading of changes this short is paged without asking for an estimate first."""


class ChangeReader:
    """Reads what changed in one shop into the log `shopify/order_changes`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.log = KeyedLog(store.warehouse, CHANGES_KEY, store.account, "order_id", ("updated_at", "read_at"))

    def read(self, *, move_cursor: bool = True) -> int:
        """Read every order that changed since the cursor, whole, into the log; move the cursor. Returns how many are new
        to it: the overlap with the last reading is not stored twice. The first time: every order created in the last
        `lookback_days`. Without `move_cursor` (a preview) the next reading begins where this one did.

        One run at a time reads the changes of a shop; others wait for it, and raise ReadingRefused after ten minutes."""
        self.log.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.log.folder / ".reading", timeout=LONGEST_TURN):
                return self._read(move_cursor=move_cursor)
        except Timeout as e:
            raise ReadingRefused(
                "shopify: another run is reading the shop's changes, for more than ten minutes. Try again."
            ) from e

    def _read(self, *, move_cursor: bool) -> int:
        began = datetime.now(UTC)
        until = (began - timedelta(seconds=self.store.settings.behind_seconds)).replace(microsecond=0)
        cursor, read = notes.get_cursor(self.store.ledger, self.store.settings.shop, CURSOR), 0
        first = first_day(self.store.ledger, self.store.settings)
        outdated = self._outdated()
        # the first time (a preview before it has left files, and no cursor), whenever the files are gone on which a cursor
        # stands, and when more is read of an order than before
        if cursor is None or not self.log.files() or any(day >= first for day in outdated.values()):
            since = start_of(first, self.store.zone)
            self.store.refuse_hidden(since, began)
            known = set() if outdated else self._digests(datetime.min.replace(tzinfo=UTC))
            read += self._append(within("created_at", since, until), "CREATED_AT", known, began, even_empty=True)
        if cursor is not None:
            since = instant(cursor) - timedelta(minutes=self.store.settings.overlap_minutes)
            if until > since:
                read += self._append(
                    within("updated_at", since, until), "UPDATED_AT", self._digests(since), began, short=until - since <= SHORT
                )
        up_to_date = self._read_outdated({number: day for number, day in outdated.items() if day < first})
        if move_cursor:
            if up_to_date:
                notes.set_cursor(self.store.ledger, self.store.account, READ_WITH, documents.NEWEST_FIELD, self.store.run)
            notes.set_cursor(self.store.ledger, self.store.settings.shop, FIRST_DAY, str(first), self.store.run)
            notes.set_cursor(
                self.store.ledger,
                self.store.settings.shop,
                CURSOR,
                self._by_the_shops_clock(until, began).isoformat(),
                self.store.run,
            )
        if self.log.due():
            self.log.compact()
        return read

    def read_orders(self, numbers: Sequence[int]) -> int:
        """Read these orders, whole, into the log. Returns how many were new to it."""
        began, read = datetime.now(UTC), 0
        known = self._digests(datetime.min.replace(tzinfo=UTC)) if numbers else set()
        for start in range(0, len(numbers), documents.MANY):
            search = " OR ".join(f"id:{n}" for n in numbers[start : start + documents.MANY])
            read += self._append(search, "CREATED_AT", known, began, short=True)
        return read

    def _outdated(self) -> dict[int, date]:
        """Orders that were stored before all was read of an order that is read now, and their days. Those that the shop no
        longer shows stay as they are: what is new of them cannot be had."""
        if notes.get_cursor(self.store.ledger, self.store.account, READ_WITH) == documents.NEWEST_FIELD:
            return {}
        with current_orders(self.store.warehouse, self.store.account) as con:
            outdated = dict(orders_without(con, documents.NEWEST_FIELD))
        if not outdated:
            return {}
        hidden = date.min if self.store.facts.all_orders else day_of(datetime.now(UTC) - SHOWN_WITHOUT_ALL, self.store.zone)
        if out_of_sight := sum(day <= hidden for day in outdated.values()):
            self.store.client.notice(
                f"{out_of_sight} orders are older than the shop shows without read_all_orders: they keep the values they were "
                "last read with"
            )
        return {number: day for number, day in outdated.items() if day > hidden}

    def _read_outdated(self, orders: Mapping[int, date]) -> bool:
        """Read again, whole, the days of these orders that were read whole, and the other orders by their numbers. Returns
        whether that worked; a day that cannot be proved is left for next time."""
        whole = {p.about.partition for p in self.store.warehouse.partitions(ORDERS_KEY, self.store.account)} if orders else set()
        days = {day for day in orders.values() if str(day) in whole}
        incomplete = False
        for first, last in stretches(sorted(days)):
            try:
                DayReader(self.store).read(first, last)
            except DaysIncomplete as e:
                self.store.client.notice(str(e))
                incomplete = True
        self.read_orders([number for number, day in orders.items() if day not in days])
        return not incomplete

    def _by_the_shops_clock(self, until: datetime, began: datetime) -> datetime:
        """Up to when changes were read: no later than the shop's own clock allows, should ours be fast."""
        answered_at = self.store.client.answered_at
        if answered_at is None:
            return until
        theirs = answered_at - (datetime.now(UTC) - began) - timedelta(seconds=self.store.settings.behind_seconds)
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
        collected = OrderTables(self.store.zone, began)
        with Draft(self.store.warehouse.staging, CHANGES_KEY, ORDERS) as draft, ExitStack() as stack, no_collection():

            def keep() -> None:
                rows = collected.flush()[0]
                pairs = zip(rows.column("order_id").to_pylist(), rows.column("digest").to_pylist(), strict=True)
                draft.write(rows.filter(pa.array([pair not in known for pair in pairs], pa.bool_())))

            way = None if short else self.store.choose_way(self.store.counts([search])[0], 1)
            # by day, as whole days are: one file of everything would be cut into more files than may be open
            export = self.store.exports.export_if(way, stack, search, lambda created: created[:10])
            if export:
                orders = self.store.exported(order for label in export.labels for order in export.orders(label))
            else:
                orders = self.store.pages(search, sort)
            for order in orders:
                self.store.look_at(order)
                collected.add(order)
                if len(collected.orders) >= FLUSH:
                    keep()
            keep()
            if draft.rows or even_empty:
                extract = f"{began:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
                self.log.append(draft.complete(About(self.store.account, began.isoformat(), extract, draft.rows)))
        return draft.rows

    def _digests(self, since: datetime) -> set[tuple[int, str]]:
        """The versions of orders updated since then that the log has already."""
        files = self.log.files()
        if not files:
            return set()
        columns = ["order_id", "digest"]
        newer = pc.field("updated_at") >= pa.scalar(since, pa.timestamp("us", tz="UTC"))
        versions = pq.ParquetDataset(files, filters=newer).read(columns)
        return set(zip(*(versions.column(c).to_pylist() for c in columns), strict=True))


def first_day(ledger: Ledger, settings: ShopifySettings) -> date:
    """The day from which every order is kept up to date: settled by the first reading of changes."""
    settled = notes.get_cursor(ledger, settings.shop, FIRST_DAY)
    today = day_of(datetime.now(UTC), settings.zone)
    return date.fromisoformat(settled) if settled else today - timedelta(days=settings.lookback_days)
