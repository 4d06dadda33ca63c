"""The questions as assets, over the sandbox's store: what they say is what its truth, looked at row by row, says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.warehouse.snapshots import Warehouse
from sync_pipelines_tests.pipelines import lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene
from vendor_sandbox import Sandbox


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[LightspeedScene]:
    with Sandbox(speed=1000) as sandbox:
        for name, value in sandbox.env.items():
            monkeypatch.setenv(name, value)
        yield lightspeed_scene.begin(sandbox)


def answered(name: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    found = Warehouse(data_dir() / "warehouse").find(["lightspeed", name], LightspeedSettings.read().account)
    assert found
    rows: list[dict[str, Any]] = pq.read_table(found.path).to_pylist()
    return rows


def test_a_sync_answers_the_questions_and_says_in_numbers_what_there_is(store: LightspeedScene) -> None:
    from sync_pipelines.definitions import defs

    with dg.DagsterInstance.ephemeral() as instance:
        result = defs().resolve_job_def("sync_lightspeed_retail").execute_in_process(instance=instance)
        told = {e.asset_key.path[-1]: e.materialization.metadata for e in result.get_asset_materialization_events()}
    truth = store.vendor.state()
    products = {row["id"]: row for row in truth["products"] if row["active"] and not row["deleted_at"]}
    sold = {
        line["product_id"]
        for sale in truth["sales"]
        if sale["status"] not in ("SAVED", "VOIDED") and not sale["deleted_at"]
        for line in sale["lines"]
        if float(line["quantity"]) > 0
    }
    ordered = {
        line["product_id"]
        for order in truth["consignments"]
        if order["type"] == "SUPPLIER" and order["status"] != "CANCELLED" and not order["deleted_at"]
        for line in truth["lines"].get(order["id"], ())
    }
    assert {row["product_id"] for row in answered("never_sold")} == products.keys() - sold - ordered != set()
    assert [row["sku"] for row in answered("web_products_without_pictures")] == ["TRAP-ON-THE-WEB-WITHOUT-A-PICTURE"]
    assert answered("to_reorder")
    assert all(row["to_order"] > 0 and row["level"] - row["owed"] <= row["reorder_point"] for row in answered("to_reorder"))
    hidden = sum(row["without_cost"] for row in answered("margins_by_supplier"))
    assert hidden == sum(not float(row["supply_price"] or 0) for row in products.values()) > 0
    level = sum(max(0.0, float(row["level"])) for row in truth["inventory"] if _counted(row, truth) and not row["deleted_at"])
    assert told["trade"]["stock"].value == pytest.approx(level)
    for number in ("stock_value_at_cost", "stock_value_at_retail", "sales_of_the_last_day", "revenue_of_the_last_30_days"):
        assert isinstance(told["trade"][number].value, int | float)
    assert told["never_sold"]["dagster/row_count"].value == len(answered("never_sold"))
    assert told["to_reorder"]["worst"].value.count("\n") == 21


def _counted(row: dict[str, Any], truth: dict[str, Any]) -> bool:
    outlets = {each["id"] for each in truth["outlets"] if not each["deleted_at"]}
    products = {each["id"] for each in truth["products"] if not each["deleted_at"] and each["has_inventory"]}
    return row["product_id"] in products and row["outlet_id"] in outlets
