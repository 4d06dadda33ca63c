"""What the checks of the shop's assets say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import dagster as dg
import duckdb

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.shopify_store.day_reader import DayCompared
from sync_pipelines.pipelines.shopify_store.orders import ORDERS_KEY
from sync_pipelines.pipelines.tables import check_result, escaped
from sync_pipelines.warehouse.snapshots import Warehouse

DAYS_AS_READ = dg.AssetCheckSpec(
    "days_hold_what_was_read",
    asset=list(ORDERS_KEY),
    blocking=True,
    description="each day's file holds the orders and the sum of money that were counted when it was read",
)
NOTHING_ODD = dg.AssetCheckSpec(
    "nothing_odd_noticed",
    asset=["shopify", "order_changes"],
    description="the version asked for answered, no status is new to us, personal fields are there",
)
FILES_AS_READ = dg.AssetCheckSpec(
    "files_hold_what_was_read",
    asset=["shopify", "order_counts"],
    blocking=True,
    description="every day's file still holds the orders and the sum of money that were counted when it was read",
)
EVERY_ORDER_COUNTED = dg.AssetCheckSpec(
    "every_order_counted",
    asset=["shopify", "order_counts"],
    blocking=True,
    description="every day holds as many orders as the shop counts, if need be after reading it again",
)


def days_as_read(
    warehouse: Warehouse, ledger: Ledger, account: str, days: Sequence[str], spec: dg.AssetCheckSpec = DAYS_AS_READ
) -> dg.AssetCheckResult:
    """Add up each day's file again, and hold it against what was noted when it was read."""
    wrong = []
    for day in days:
        noted = notes.newest_extract(ledger, "/".join(ORDERS_KEY), account, day)
        file = warehouse.find(ORDERS_KEY, account, day)
        if noted is None or file is None:
            wrong.append(f"{day}: not there")
            continue
        with duckdb.connect(":memory:") as con:
            (rows, money) = file.relation(con).aggregate("count(DISTINCT order_id), coalesce(sum(total), 0)").fetchall()[0]
        if rows != noted.rows or Decimal(money) != noted.money:
            wrong.append(f"{day}: {rows} orders, {money}; noted were {noted.rows} and {noted.money}")
    return check_result(spec, not wrong, "; ".join(wrong) or f"{len(days)} days, as they were read")


def nothing_odd(notices: Mapping[str, int]) -> dg.AssetCheckResult:
    found = "\n".join(f"- {escaped(text)} ({n} times)" for text, n in notices.items())
    return check_result(NOTHING_ODD, not notices, "" if notices else "nothing", details=found, warn=True)


def every_order_counted(compared: Sequence[DayCompared]) -> dg.AssetCheckResult:
    shown = [c for c in compared if c.counted is not None]
    wrong = [c for c in shown if not c.proved]
    again = sum(c.read_again is not None for c in compared)
    text = f"{sum(c.counted or 0 for c in shown)} orders on {len(shown)} days, {again} of these days read again"
    if wrong:
        text += ". Differing: " + ", ".join(f"{c.day} ({c.counted} counted, {c.stored} here)" for c in wrong[:20])
    if hidden := [c for c in compared if c.counted is None]:
        text += f". Not proved: {len(hidden)} days up to {hidden[-1].day}, which the shop hides without read_all_orders"
    return check_result(EVERY_ORDER_COUNTED, not wrong, text)
