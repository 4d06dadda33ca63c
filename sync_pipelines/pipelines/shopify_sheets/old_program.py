"""What the old program left behind: its database of orders that it had written to the spreadsheet.

They are taken over, never written again: an order that is in the sheet is brought up to date where it stands; one that a
person has since removed is not made again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sync_pipelines.delivery import notes, records
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sheets.layout import Layout
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.settings import home

TAKEN_OVER = "old database"
KEYS = {"id": "{id}", "name": "#{number}", "number": "{number}", "web_key": "WEB{number}"}
"""How the key of an order in the sheet follows from what the old program kept, by the key column's source."""


def take_over(ledger: Ledger, layout: Layout, run: str) -> int:
    """Note the orders that the old program tracked, once for each state of its database. Returns how many it tracked.

    Raises DeliveryError when there is such a file and it cannot be read.
    """
    settings = ShopifySheetsSettings.read()
    path = home() / settings.old_database
    if not path.exists():
        return 0
    stamp = f"{path.stat().st_size} {path.stat().st_mtime_ns}"
    if notes.get_cursor(ledger, settings.account, TAKEN_OVER) == stamp:
        return 0
    source = layout.orders.by_header[layout.orders.key].source
    if source not in KEYS:
        raise DeliveryError(
            f"{path}: the old program's orders cannot be found again by the key column {layout.orders.key!r} (its source is "
            f"{source!r}). Use a layout whose key is one of {', '.join(KEYS)}, or move the file away. Nothing was sent."
        )
    keys = {KEYS[source].format(id=order, number=number): at for order, number, at in _tracked(path)}
    records.inherit(ledger, settings.account, keys)
    notes.set_cursor(ledger, settings.account, TAKEN_OVER, stamp, run)
    return len(keys)


def _tracked(path: Path) -> list[tuple[str, str, str]]:
    """Id, number and time of every order tracked."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            query = "SELECT shopify_order_id, order_number, coalesce(sync_timestamp, '') FROM order_tracking"
            return [(str(i).rsplit("/", 1)[-1], str(n), str(at)) for i, n, at in con.execute(query)]
    except sqlite3.Error as e:
        raise DeliveryError(
            f"{path} cannot be read as the old program's database: {e}. Nothing was sent: without it orders could be written "
            "a second time. Restore the file, or set [shopify_sheets] old_database to another path."
        ) from e
