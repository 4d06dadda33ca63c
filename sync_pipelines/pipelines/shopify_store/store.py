"""The shop's orders as one run reads them: in pages or by a bulk export, whole, with what was odd about them noted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.exact_json import FLAW
from sync_pipelines.pipelines.shopify_store.days import day_of
from sync_pipelines.pipelines.shopify_store.exports import Exports, Way
from sync_pipelines.pipelines.shopify_store.orders import Order, anonymous, oddities
from sync_pipelines.progress import tell
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.shopify import ShopFacts, Shopify
from sync_pipelines.vendors.shopify_orders import REFUND_IDS, SortKey, add_refund_lines, flaw_of, lacking, paged
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import Warehouse

log = logging.getLogger(__name__)

CURRENCY = "currency"
"""The cursor that keeps the shop's currency."""
SHOWN_WITHOUT_ALL = timedelta(days=60)
"""How far back a shop shows orders to an app without read_all_orders (https://shopify.dev/docs/api/usage/access-scopes)."""
FLUSH = 500
"""Orders that are kept in memory until they are written."""


class ReadingRefused(VendorError):
    """What was asked for cannot be read whole; nothing was read."""


class Store:
    """One shop in one run: what it says of itself, its orders, and how they were read. The readers of a run share it."""

    def __init__(self, client: Shopify, warehouse: Warehouse, ledger: Ledger, settings: ShopifySettings, run: str) -> None:
        self.client, self.warehouse, self.ledger, self.settings, self.run = client, warehouse, ledger, settings, run
        self.zone, self.account = settings.zone, settings.account
        self.ways: list[Way] = []
        self._anonymous = Counter[bool]()
        self._read = self._needed = 0
        self._facts: ShopFacts | None = None
        self.exports = Exports(client, ledger, settings, warehouse.staging, run)
        self.rejected: dict[str, None] = {}
        """Orders that could not be kept, and why."""

    @property
    def facts(self) -> ShopFacts:
        """What the shop says of itself. Raises ReadingRefused when its days are not the settings' days."""
        if self._facts is None:
            self._facts = self.client.shop()
            self._needed += 1
            if self._facts.time_zone != self.settings.time_zone:
                raise ReadingRefused(
                    f"shopify: the shop's time zone is {self._facts.time_zone}, the settings say {self.settings.time_zone}: "
                    "its days would be cut in the wrong place. Set [shopify] time_zone."
                )
            if notes.get_cursor(self.ledger, self.settings.shop, CURRENCY) != self._facts.currency:
                notes.set_cursor(self.ledger, self.settings.shop, CURRENCY, self._facts.currency, self.run)
        return self._facts

    def today(self) -> date:
        return day_of(datetime.now(UTC), self.zone)

    def refuse_hidden(self, start: datetime, now: datetime) -> None:
        """Raises ReadingRefused for a reading that begins before what the shop shows to this app."""
        if not self.facts.all_orders and start < now - SHOWN_WITHOUT_ALL:
            raise ReadingRefused(
                f"shopify: without the scope read_all_orders a shop shows no order older than {SHOWN_WITHOUT_ALL.days} days, "
                f"and says nothing about those it leaves out: the days from {start:%Y-%m-%d} would look complete and not be. "
                "Ask Shopify for read_all_orders, or begin later. Nothing was read."
            )

    def counts(self, searches: Sequence[str]) -> list[int]:
        """How many orders each of these searches finds, exactly."""
        found = self.client.counts(searches)
        self._needed += -(-len(searches) // documents.MANY)
        return found

    def choose_way(self, orders: int, days: int) -> Way:
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

    def pages(self, search: str, sort: SortKey = "CREATED_AT") -> Iterator[Order]:
        """The orders that a search finds, page by page."""
        s = self.settings
        read = refunded = more_lines = 0
        for page in paged(self.client, search, sort, page_size=s.page_size, lines=s.lines_per_page):
            read += len(page)
            for order in self._kept(page):
                refunded += bool(order["refunds"])
                more_lines += -(-max(0, len(order["lineItems"]) - s.lines_per_page) // 250)
                yield order
        self._needed += max(1, -(-read // s.page_size)) + -(-refunded // REFUND_IDS) + more_lines

    def exported(self, orders: Iterable[Order]) -> Iterator[Order]:
        """Orders of a bulk export, completed with the refunded lines that it does not have."""
        part: list[Order] = []
        refunded = 0
        for order in self._kept(orders):
            part.append(order)
            refunded += bool(order["refunds"])
            if len(part) == FLUSH:
                add_refund_lines(self.client, part)
                yield from part
                part = []
        add_refund_lines(self.client, part)
        self._needed += -(-refunded // REFUND_IDS)
        yield from part

    def _kept(self, orders: Iterable[Order]) -> Iterator[Order]:
        """Yield the orders that can be kept. An order that lacks a needed field is left out and named; one with an unusable
        value is kept, marked and named."""
        for order in orders:
            if missing := lacking(order):
                name = order.get("name") or order.get("id") or "an order"
                self.rejected[f"{name} came without {', '.join(missing)}, and is not kept"] = None
                continue
            if flaw := flaw_of(order):
                self.client.notice(f"{order['name']}: {flaw}")
                order[FLAW] = flaw
            yield order

    def look_at(self, order: Order) -> None:
        """Count an order that was read, and note what is odd about it."""
        self._read += 1
        expected = self.ways[-1].orders if self.ways else 0
        tell("reading orders", self._read, expected if self._read <= expected else None, "orders")
        for oddity in oddities(order):
            self.client.notice(oddity)
        self._anonymous[anonymous(order)] += 1

    @property
    def least_calls(self) -> int:
        """The least calls for what was read so far: the shop, a count of days for every 40 of them, whole pages of orders (or
        start, look at and fetch a bulk export), refund lines 100 orders at a time, lines that do not fit into a page 250 at a
        time. A reading that was not ended counts for nothing."""
        return self._needed + 2 * self.client.exports_started + self.exports.fetched

    def notices(self) -> dict[str, int]:
        """What was odd and survived, how often."""
        notices = {**self.client.notices, **dict.fromkeys(self.rejected, 1)}
        if self._anonymous[True] >= 20 and not self._anonymous[False]:
            notices["no order came with a personal field: the app may lack the approval for them"] = self._anonymous[True]
        return notices
