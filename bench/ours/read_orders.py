"""Our reading of whole days without Dagster: every order of the days, published day by day; prints what it was.

Arguments: the first and the last day.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import date

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.shopify_store.day_reader import DayReader
from sync_pipelines.pipelines.shopify_store.store import Store
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import Warehouse


def main(first: date, last: date) -> None:
    began, meter, settings = time.perf_counter(), CallMeter(), ShopifySettings.read()
    ledger, client = Ledger.at(data_dir() / "ledger.db"), Shopify.connect(settings, meter)
    store = Store(client, Warehouse(data_dir() / "warehouse"), ledger, settings, "bench")
    try:
        read = DayReader(store).read(first, last)
        least = store.least_calls
    finally:
        client.close()
        ledger.close()
    print(
        json.dumps(
            {
                "orders": sum(day.orders for day in read),
                "days": len(read),
                "way": "; ".join(map(str, store.ways)),
                "calls": sum(meter.used.values()),
                "least": least,
                "path": str(data_dir() / "warehouse"),
                "inside": time.perf_counter() - began,
            }
        )
    )


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]))
