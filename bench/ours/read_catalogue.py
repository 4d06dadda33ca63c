"""Our extract without Dagster and without the CSV: read the catalogue, publish the snapshot, print what it was.

An empty catalogue ends in ExtractFailed by design; the process has then done everything but keep items.
"""

from __future__ import annotations

import json
import time

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.catsy_sparklayer.extract import KEY, Products
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.catsy import Catsy, ExtractFailed
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.warehouse.snapshots import Warehouse


def main() -> None:
    began = time.perf_counter()
    settings, ledger, warehouse = (CatsySettings.read(), Ledger.at(data_dir() / "ledger.db"), Warehouse(data_dir() / "warehouse"))
    client = Catsy.connect(settings, CallMeter(), data_dir() / "limits" / "catsy.db")
    products = Products(warehouse, ledger, settings, CatsySparkLayerSettings.read().attributes, "bench")
    rows, path = 0, ""
    try:
        with products.extract(lambda: client) as staged:
            published = warehouse.publish(KEY, staged)
            rows, path = published.about.rows, str(published.path)
    except ExtractFailed as e:
        if "gave no items" not in str(e):
            raise
    finally:
        client.close()
        ledger.close()
    print(json.dumps({"rows": rows, "path": path, "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
