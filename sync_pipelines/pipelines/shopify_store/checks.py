"""What the checks of the shop's assets say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.duck import reading
from sync_pipelines.pipelines.shape import Check, Checked
from sync_pipelines.pipelines.shopify_store.day_reader import DayCompared
from sync_pipelines.pipelines.shopify_store.orders import ORDERS_KEY
from sync_pipelines.pipelines.tables import escaped
from sync_pipelines.warehouse.snapshots import Warehouse

DAYS_AS_READ = Check(
    "days_hold_what_was_read",
    "each day's file holds the orders and the sum of money that were counted when it was read",
    blocking=True,
)
NOTHING_ODD = Check("nothing_odd_noticed", "the version asked for answered, no status is new to us, personal fields are there")
FILES_AS_READ = Check(
    "files_hold_what_was_read",
    "every day's file still holds the orders and the sum of money that were counted when it was read",
    blocking=True,
)
EVERY_ORDER_COUNTED = Check(
    "every_order_counted", "every day holds as many orders as the shop counts, if need be after reading it again", blocking=True
)


def days_as_read(warehouse: Warehouse, ledger: Ledger, account: str, days: Sequence[str], check: Check = DAYS_AS_READ) -> Checked:
    """Add up each day's file again, and hold it against what was noted when it was read."""
    wrong = []
    for day in days:
        noted = notes.newest_extract(ledger, "/".join(ORDERS_KEY), account, day)
        file = warehouse.find(ORDERS_KEY, account, day)
        if noted is None or file is None:
            wrong.append(f"{day}: not there")
            continue
        with reading() as con:
            (rows, money) = file.relation(con).aggregate("count(DISTINCT order_id), coalesce(sum(total), 0)").fetchall()[0]
        if rows != noted.rows or Decimal(money) != noted.money:
            wrong.append(f"{day}: {rows} orders, {money}; noted were {noted.rows} and {noted.money}")
    return Checked(check, not wrong, "; ".join(wrong) or f"{len(days)} days, as they were read")


def nothing_odd(notices: Mapping[str, int]) -> Checked:
    found = "\n".join(f"- {escaped(text)} ({n} times)" for text, n in notices.items())
    return Checked(NOTHING_ODD, not notices, "" if notices else "nothing", details=found, warn=True)


def every_order_counted(compared: Sequence[DayCompared]) -> Checked:
    shown = [c for c in compared if c.counted is not None]
    wrong = [c for c in shown if not c.proved]
    again = sum(c.read_again is not None for c in compared)
    text = f"{sum(c.counted or 0 for c in shown)} orders on {len(shown)} days, {again} of these days read again"
    if wrong:
        text += ". Differing: " + ", ".join(f"{c.day} ({c.counted} counted, {c.stored} here)" for c in wrong[:20])
    if hidden := [c for c in compared if c.counted is None]:
        text += f". Not proved: {len(hidden)} days up to {hidden[-1].day}, which the shop hides without read_all_orders"
    return Checked(EVERY_ORDER_COUNTED, not wrong, text)
