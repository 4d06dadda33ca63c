"""What a person sees: the demo's history in the Dagster UI, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,900",
    "--virtual-time-budget=30000",
]


def seen(address: str, profile: Path) -> str:
    """The page as the browser holds it once its scripts have run."""
    assert CHROMIUM is not None, "chromium is not installed; .ci/run installs it"
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_history_of_the_demo_is_in_the_ui_with_its_lineage_and_checks(own_folder: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "workspace.yaml", own_folder)
    env = {k: v for k, v in os.environ.items() if k not in ("SYNC_PIPELINES_DATA_DIR", "DAGSTER_HOME")}
    cli = [sys.executable, "-m", "sync_pipelines.operations.cli"]
    told = subprocess.run([*cli, "demo", "--scale", "500"], env=env, capture_output=True, text=True, timeout=300)
    assert told.returncode == 0, told.stdout + told.stderr
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dev = subprocess.Popen([*cli, "dev", "--port", str(port)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/server_info", dev)
        lineage = seen(f"{address}/locations/sync_pipelines/asset-groups/catsy_sparklayer/lineage", own_folder / "one")
        for asset in ("catalogue", "products", "trade_prices", "price_plan", "prices", "storefront"):
            assert asset in lineage
        assert "every_row_ended_well" in seen(f"{address}/assets/sparklayer/prices?view=checks", own_folder / "two")
        orders = seen(
            f"{address}/assets/sheets/spreadsheet?view=lineage&lineageScope=upstream&lineageDepth=5", own_folder / "four"
        )
        for asset in ("store", "orders", "order_changes", "order_counts", "order_rows", "order_plan", "spreadsheet"):
            assert asset in orders
        days = seen(f"{address}/assets/shopify/orders?view=partitions", own_folder / "five")
        assert "partitions" in days
        missing = re.search(r"Missing \((\d+)\)", days)
        assert missing is not None
        assert int(missing[1]) < 60
        erp = seen(f"{address}/locations/sync_pipelines/asset-groups/shopify_sentos/lineage", own_folder / "eight")
        for asset in ("erp", "order_rows", "order_states", "product_plan", "stock_plan", "shipments", "warehouse", "storefront"):
            assert asset in erp
        listings = seen(
            f"{address}/assets/plytix/amazon_catalogue?view=lineage&lineageScope=upstream&lineageDepth=7", own_folder / "six"
        )
        for asset in ("seller_central", "listings", "pim", "asin_mapping", "amazon_link_plan", "amazon_products", "amazon_links"):
            assert asset in listings
        assert "mca0032" in seen(f"{address}/assets/amazon/asin_mapping?view=partitions", own_folder / "seven")
        till = seen(
            f"{address}/assets/lightspeed/margins_by_supplier?view=lineage&lineageScope=upstream&lineageDepth=5",
            own_folder / "nine",
        )
        for asset in ("store", "products", "inventory", "sales", "consignments", "consignment_lines", "trade"):
            assert asset in till
        supplier = seen(
            f"{address}/assets/lightspeed/stock_room?view=lineage&lineageScope=upstream&lineageDepth=6", own_folder / "ten"
        )
        for asset in ("suppliers_at_work", "order_comparison", "product_plan", "ordered_products", "costs", "stock_order_lines"):
            assert asset in supplier
        assert "undo_lightspeed_orders" in seen(f"{address}/runs", own_folder / "three")
        reply = requests.post(f"{address}/graphql", json={"query": "{runsOrError{...on Runs{results{jobName}}}}"}, timeout=30)
        assert {run["jobName"] for run in reply.json()["data"]["runsOrError"]["results"]} >= {
            "sync_catsy_sparklayer",
            "undo_catsy_sparklayer",
            "reconcile_shopify_sheets",
            "backfill_shopify_store",
            "sync_shopify_sentos_stock",
            "undo_amazon_plytix",
            "prove_lightspeed_retail",
            "sync_lightspeed_orders",
            "sync_lightspeed_pictures",
        }
    finally:
        dev.send_signal(signal.SIGINT)
        assert dev.wait(timeout=90) is not None


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            if requests.get(address, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise AssertionError("the UI did not come up")
