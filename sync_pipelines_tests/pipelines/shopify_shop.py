"""A shop in the sandbox and what reads it, for tests; its calendar stands still until a test moves it on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.shopify_store.days import day_of, instant
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, whole_orders
from sync_pipelines.pipelines.shopify_store.orders import ORDERS_KEY, Order
from sync_pipelines.pipelines.shopify_store.store import Store
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import Warehouse
from vendor_sandbox import Sandbox

BEHIND_NOW = timedelta(seconds=120)
"""How far the shop's calendar is behind this machine's, so that a change is in the past at once."""


class Shop:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.warehouse = Warehouse(folder / "warehouse")
        self.ledger = Ledger.at(folder / "ledger.db")
        self.naps: list[float] = []
        self._now = (datetime.now(UTC) - BEHIND_NOW).replace(microsecond=0)
        self._clients: list[Shopify] = []
        self.pin()

    @property
    def settings(self) -> ShopifySettings:
        return ShopifySettings.read()

    @property
    def now(self) -> datetime:
        return self._now

    def pin(self, **forward: float) -> None:
        """Move the shop's calendar on by a timedelta's members."""
        self._now += timedelta(**forward)
        self.sandbox.shopify.change_state({"settings": {"now": self._now.isoformat(), "burst": 1_000_000}})

    def change(self, **changes: Any) -> dict[str, Any]:
        """Change the shop a second after the last change. Returns what the sandbox says of it."""
        self.pin(seconds=1)
        found: dict[str, Any] = self.sandbox.shopify.change_state(changes)
        return found

    def arrive(self) -> Order:
        """A new order, now."""
        (gid,) = self.change(arrive=1)["added"]
        return self.order(gid)

    def order(self, reference: object) -> Order:
        return dict(self.sandbox.shopify.order(reference))

    def store(self, run: str = "run-1") -> Store:
        """As a run of this name reads, with the environment as it is by then. It does not sleep for long."""
        client = Shopify.connect(self.settings, CallMeter())
        client.sleep = client.http.sleep = self._nap
        self._clients.append(client)
        return Store(client, self.warehouse, self.ledger, self.settings, run)

    def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        time.sleep(min(seconds, 0.01))

    def truth(self, first: date | None = None, last: date | None = None) -> dict[int, Order]:
        """The orders there are, by number, of these days."""
        found = {int(o["legacyResourceId"]): dict(o) for o in self.sandbox.shopify.orders()}
        return {
            n: o for n, o in found.items() if (first is None or self.day(o) >= first) and (last is None or self.day(o) <= last)
        }

    def day(self, order: Any) -> date:
        return day_of(instant(order["createdAt"]), self.settings.zone)

    def file(self, day: date, key: tuple[str, str] = ORDERS_KEY) -> list[dict[str, Any]] | None:
        """The rows of a day's file; None when there is no file."""
        found = self.warehouse.find(key, self.settings.account, str(day))
        return None if found is None else pq.read_table(found.path).to_pylist()

    def days(self) -> list[str]:
        """The days that were published."""
        return [p.about.partition for p in self.warehouse.partitions(ORDERS_KEY, self.settings.account)]

    def current(self) -> dict[int, Order]:
        """The orders as they are by what was read, whole, by number."""
        with current_orders(self.warehouse, self.settings.account) as con:
            return whole(con)

    def calls(self) -> int:
        return len(self.sandbox.calls("shopify"))

    def close(self) -> None:
        for client in self._clients:
            client.close()


def whole(con: duckdb.DuckDBPyConnection) -> dict[int, Order]:
    chunks = whole_orders(con, "SELECT f, n FROM current_order")
    return {int(order["legacyResourceId"]): order for chunk in chunks for order in chunk}


@contextmanager
def shop_of(folder: Path, set_variable: Callable[[str, str], None], orders: int = 300, **settings: Any) -> Iterator[Shop]:
    """A shop with so many orders; the environment points at it."""
    with Sandbox(speed=1000, orders=orders) as sandbox:
        seeded_until = datetime.now(UTC) - BEHIND_NOW  # no order is newer than the calendar that stands still
        sandbox.shopify.change_state({"settings": {"start": seeded_until.isoformat(), **settings}})
        for name, value in sandbox.env.items():
            set_variable(name, value)
        quick = {"SETTLE_LAG": "0", "BEHIND_SECONDS": "0", "BULK_POLL_SECONDS": "0.01"}
        for name, value in quick.items():
            set_variable(f"SHOPIFY_{name}", value)
        shop = Shop(sandbox, folder)
        try:
            yield shop
        finally:
            shop.close()


def always_bulk(set_variable: Callable[[str, str], None]) -> None:
    set_variable("SHOPIFY_BULK_START_SECONDS", "0")
    set_variable("SHOPIFY_BULK_PER_SECOND", "1e9")


def never_bulk(set_variable: Callable[[str, str], None]) -> None:
    set_variable("SHOPIFY_BULK_START_SECONDS", "1e9")


def environment(name: str, value: str) -> None:
    os.environ[name] = value
