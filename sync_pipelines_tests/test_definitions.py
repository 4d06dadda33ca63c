"""The graph as the UI shows it, and one run of it in Dagster."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.pipelines.amazon_plytix import intake
from sync_pipelines.pipelines.shopify_sheets import questions
from sync_pipelines.settings import data_dir
from sync_pipelines_tests.frozen import assert_frozen, graph, helps, reported
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    from sync_pipelines.definitions import defs

    return defs()


def test_a_code_server_can_load_all_of_it(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)
    defs.get_repository_def().load_all_definitions()


def test_the_graph_the_jobs_and_their_options_change_on_purpose_only(defs: dg.Definitions) -> None:
    assert_frozen("graph.json", graph(defs))


def test_the_help_of_every_command_changes_on_purpose_only() -> None:
    assert_frozen("help.txt", helps())


def test_dagster_can_serve_all_of_it(defs: dg.Definitions) -> None:
    """What the UI and the daemon look at when they load the project: names that are unique, jobs that can be built."""
    dg.Definitions.validate_loadable(defs)
    defs.get_repository_def().load_all_definitions()


def test_the_launchpad_fills_in_only_what_people_turn(defs: dg.Definitions) -> None:
    """It fills in every option that has a default."""
    repository, filled_in = defs.get_repository_def(), set()
    for name in (name for name in repository.job_names if not name.startswith("__")):
        for node in repository.get_job(name).nodes:
            fields = getattr(node.definition.config_schema.config_type, "fields", {})
            filled_in |= {(node.name, field) for field, how in fields.items() if how.default_provided and how.default_value}
    assert filled_in == {("catsy__products", "refresh"), ("plytix__products", "refresh"), ("sentos__products", "refresh")}


_READ = (
    *("suppliers", "products", "brands", "tags", "product_types", "categories", "variant_attributes", "consignments"),
    *("inventory", "sales", "outlets", "registers", "taxes", "users", "payment_types"),
)
_ORDERS, _PICTURED = ("consignments", "consignment_lines"), ("products", "suppliers", "product_images", "variant_images")
_LIGHTSPEED = {
    *(("lightspeed/store", f"lightspeed/{name}") for name in _READ),
    *(("lightspeed/products", f"lightspeed/product_{name}") for name in ("codes", "suppliers", "options", "images")),
    ("lightspeed/products", "lightspeed/variant_images"),
    ("lightspeed/sales", "lightspeed/sale_lines"),
    ("lightspeed/sales", "lightspeed/sale_payments"),
    ("lightspeed/taxes", "lightspeed/tax_rates"),
    ("lightspeed/consignments", "lightspeed/consignment_lines"),
    *((f"lightspeed/{name}", "lightspeed/proof") for name in (*_READ, "consignment_lines")),
    *((f"lightspeed/{name}", "lightspeed/trade") for name in ("products", "suppliers", "inventory", "outlets", "sales")),
    *((f"lightspeed/{name}", "lightspeed/to_reorder") for name in ("products", "suppliers", "inventory", "outlets")),
    *((f"lightspeed/{name}", f"lightspeed/{of}") for name in _ORDERS for of in ("trade", "to_reorder")),
    *(
        ("lightspeed/trade", f"lightspeed/{of}")
        for of in ("never_sold", "dead_stock", "dead_without_stock", "margins_by_supplier")
    ),
    *((f"lightspeed/{name}", f"lightspeed/{of}_without_pictures") for name in _PICTURED for of in ("variants", "web_products")),
}
"""What a store's mirror is made of: each collection, the lists in its rows, and the proof of them all; and what is asked of it."""
_WRITES = (
    *(("name_plan", "names"), ("product_plan", "ordered_products"), ("cost_plan", "costs")),
    *(("stock_order_plan", "stock_orders"), ("stock_order_line_plan", "stock_order_lines")),
)
_HELD_AGAINST = (
    *("suppliers", "brands", "tags", "categories", "variant_attributes", "outlets", "taxes", "products", "consignments"),
)
_FROM_ORDERS = {
    ("lightspeed/suppliers_at_work", "lightspeed/supplier_orders"),
    ("lightspeed/supplier_orders", "lightspeed/order_comparison"),
    *((f"lightspeed/{name}", "lightspeed/order_comparison") for name in _HELD_AGAINST),
    *(("lightspeed/order_comparison", f"lightspeed/{plan}") for plan, _ in _WRITES),
    *((f"lightspeed/{plan}", f"lightspeed/{applied}") for plan, applied in _WRITES),
    ("lightspeed/names", "lightspeed/ordered_products"),
    ("lightspeed/ordered_products", "lightspeed/stock_order_lines"),
    ("lightspeed/stock_orders", "lightspeed/stock_order_lines"),
    ("lightspeed/stock_order_lines", "lightspeed/stock_room"),
    ("lightspeed/costs", "lightspeed/stock_room"),
}
"""From a supplier's file to an order that the stock room sees."""
_FROM_PICTURES = {
    ("lightspeed/photographer", "lightspeed/picture_files"),
    ("lightspeed/products", "lightspeed/picture_files"),
    ("lightspeed/picture_files", "lightspeed/image_plan"),
    ("lightspeed/image_plan", "lightspeed/images"),
    ("lightspeed/images", "lightspeed/shop_window"),
}
"""From a folder to what customers see."""


def test_the_graph_reads_from_left_to_right(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    arrows = {(p.to_user_string(), k.to_user_string()) for k in graph.get_all_asset_keys() for p in graph.get(k).parent_keys}
    assert arrows == {
        ("catsy/catalogue", "catsy/products"),
        ("catsy/products", "catsy/trade_prices"),
        ("catsy/trade_prices", "sparklayer/price_plan"),
        ("sparklayer/price_plan", "sparklayer/prices"),
        ("sparklayer/prices", "sparklayer/storefront"),
        ("shopify/store", "shopify/orders"),
        ("shopify/store", "shopify/order_lines"),
        ("shopify/store", "shopify/refunds"),
        ("shopify/store", "shopify/order_changes"),
        ("shopify/orders", "shopify/order_counts"),
        ("shopify/order_changes", "shopify/order_counts"),
        ("shopify/orders", "sheets/order_rows"),
        ("shopify/order_changes", "sheets/order_rows"),
        ("shopify/order_counts", "sheets/order_rows"),
        ("sheets/order_rows", "sheets/order_plan"),
        ("sheets/order_plan", "sheets/orders"),
        ("sheets/orders", "sheets/spreadsheet"),
        ("amazon/seller_central", "amazon/listings"),
        ("amazon/listings", "amazon/asin_mapping"),
        ("plytix/pim", "plytix/products"),
        ("plytix/products", "amazon/asin_mapping"),
        ("amazon/asin_mapping", "amazon/unmatched_items"),
        ("amazon/asin_mapping", "plytix/amazon_product_plan"),
        ("amazon/asin_mapping", "plytix/amazon_link_plan"),
        ("plytix/amazon_product_plan", "plytix/amazon_products"),
        ("plytix/amazon_link_plan", "plytix/amazon_links"),
        ("plytix/amazon_products", "plytix/amazon_links"),
        ("plytix/amazon_links", "plytix/amazon_catalogue"),
        ("sentos/erp", "sentos/products"),
        ("sentos/erp", "sentos/order_states"),
        ("shopify/store", "shopify/catalog"),
        ("sentos/products", "shopify/product_plan"),
        ("shopify/catalog", "shopify/product_plan"),
        ("shopify/product_plan", "shopify/products"),
        ("sentos/products", "shopify/price_plan"),
        ("shopify/catalog", "shopify/price_plan"),
        ("shopify/price_plan", "shopify/prices"),
        ("shopify/products", "shopify/prices"),
        ("sentos/products", "shopify/stock_plan"),
        ("shopify/catalog", "shopify/stock_plan"),
        ("sentos/order_states", "shopify/stock_plan"),
        ("shopify/stock_plan", "shopify/stock"),
        ("shopify/products", "shopify/stock"),
        ("shopify/orders", "sentos/order_rows"),
        ("shopify/order_changes", "sentos/order_rows"),
        ("sentos/products", "sentos/order_rows"),
        ("sentos/order_rows", "sentos/order_plan"),
        ("sentos/order_states", "sentos/order_plan"),
        ("sentos/order_plan", "sentos/orders"),
        ("sentos/orders", "sentos/warehouse"),
        ("sentos/order_states", "shopify/shipment_plan"),
        ("shopify/shipment_plan", "shopify/shipments"),
        ("shopify/products", "shopify/storefront"),
        ("shopify/prices", "shopify/storefront"),
        ("shopify/stock", "shopify/storefront"),
        ("shopify/shipments", "shopify/storefront"),
        *_LIGHTSPEED,
        *_FROM_ORDERS,
        *_FROM_PICTURES,
    }


def test_every_asset_says_what_it_is_who_owns_it_and_of_what_kind(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.description
        assert spec.owners
        assert spec.kinds
        assert spec.group_name in {pipeline.name for pipeline in PIPELINES}


def test_jobs_schedule_and_checks_are_there_under_their_names(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    assert {j for j in repository.job_names if not j.startswith("__")} == {
        "preview_catsy_sparklayer",
        "sync_catsy_sparklayer",
        "apply_catsy_sparklayer",
        "undo_catsy_sparklayer",
        "backfill_shopify_store",
        "preview_shopify_sheets",
        "sync_shopify_sheets",
        "reconcile_shopify_sheets",
        "apply_shopify_sheets",
        "undo_shopify_sheets",
        "preview_amazon_plytix",
        "sync_amazon_plytix",
        "map_amazon_plytix",
        "apply_amazon_plytix",
        "undo_amazon_plytix",
        "preview_shopify_sentos",
        "sync_shopify_sentos_goods",
        "sync_shopify_sentos_prices",
        "sync_shopify_sentos_stock",
        "sync_shopify_sentos_orders",
        "apply_shopify_sentos",
        "undo_shopify_sentos",
        "sync_lightspeed_retail",
        "counter_lightspeed_retail",
        "prove_lightspeed_retail",
        *(f"{verb}_lightspeed_{what}" for verb in ("preview", "sync", "apply", "undo") for what in ("orders", "pictures")),
    }
    schedules = {s.name: s.cron_schedule for s in repository.schedule_defs}
    assert schedules == {
        "daily_catsy_sparklayer": "30 4 * * *",
        "often_shopify_sheets": "*/15 * * * *",
        "daily_shopify_sheets": "40 3 * * *",
        "go_on_amazon_plytix": "20 * * * *",
        "often_shopify_sentos": "*/10 * * * *",
        "orders_shopify_sentos": "*/5 * * * *",
        "prices_shopify_sentos": "20 * * * *",
        "daily_shopify_sentos": "10 2 * * *",
        "often_lightspeed_retail": "*/15 * * * *",
        "hourly_lightspeed_retail": "5 * * * *",
        "nightly_lightspeed_retail": "30 1 * * *",
        "nightly_lightspeed_pictures": "40 2 * * *",
    }
    assert all(s.default_status == dg.DefaultScheduleStatus.STOPPED for s in repository.schedule_defs)
    assert {s.name: s.default_status for s in repository.sensor_defs} == dict.fromkeys(
        ("amazon_inbox", "lightspeed_inbox"), dg.DefaultSensorStatus.STOPPED
    )
    checks = {c.to_user_string() for c in defs.resolve_asset_graph().asset_check_keys}
    assert len(checks) == 78


def test_days_of_orders_are_partitions_in_the_shops_zone_with_today_among_them(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    days = graph.get(dg.AssetKey(["shopify", "orders"])).partitions_def
    assert isinstance(days, dg.DailyPartitionsDefinition)
    before = datetime.now(ZoneInfo(days.timezone)).date()
    assert days.get_last_partition_key() in (str(before), str(datetime.now(ZoneInfo(days.timezone)).date()))
    assert graph.get(dg.AssetKey(["shopify", "refunds"])).partitions_def == days
    assert graph.get(dg.AssetKey(["sheets", "orders"])).partitions_def is None


def test_dropped_files_are_partitions_of_what_is_made_of_them_and_the_pims_products_are_read_for_all(
    defs: dg.Definitions,
) -> None:
    graph = defs.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["plytix", "products"])).partitions_def is None
    for key in ("amazon/listings", "amazon/asin_mapping", "plytix/amazon_products", "plytix/amazon_links"):
        files = graph.get(dg.AssetKey(key.split("/"))).partitions_def
        assert isinstance(files, dg.DynamicPartitionsDefinition)
        assert files.name == "amazon_files"


def test_importing_the_definitions_needs_no_environment_and_touches_nothing(tmp_path: Path) -> None:
    script = "from sync_pipelines.definitions import defs; defs(); import os; print(sorted(os.listdir('.')))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "['data']" or done.stdout.strip() == "[]", done.stderr


def test_a_run_in_dagster_tells_rows_checks_and_schemas(sandbox: Sandbox, defs: dg.Definitions) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("sync_catsy_sparklayer").execute_in_process(instance=instance)
        assert result.success
        assert_frozen("sync_catsy_sparklayer.json", reported(result))
        checks = {c.check_name: c.passed for c in result.get_asset_check_evaluations()}
        assert checks == {
            "every_row_accounted_for": True,
            "every_price_understood": False,
            "guards": True,
            "nothing_waits_for_a_person": False,
            "every_row_ended_well": True,
            "price_list_as_planned": True,
        }
        rows = {
            e.asset_key.to_user_string(): e.materialization.metadata["dagster/row_count"].value
            for e in result.get_asset_materialization_events()
        }
        assert rows["catsy/products"] == rows["catsy/trade_prices"] == 300
        plan = next(e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == "price_plan")
        shown = plan.materialization.metadata["changes"].value
        assert shown.startswith("| key | what | prices | reason |")
        assert len(shown.splitlines()) <= 22


def test_a_guard_that_stops_is_a_failed_blocking_check_and_no_write(sandbox: Sandbox, defs: dg.Definitions) -> None:
    sandbox.vendors["sparklayer"].change_state({"currency": {"wholesale": "USD"}})
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("sync_catsy_sparklayer").execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success
        guards = next(c for c in result.get_asset_check_evaluations() if c.check_name == "guards")
        assert not guards.passed
        assert "is in USD" in guards.metadata["what"].value
    assert sandbox.vendors["sparklayer"].state()["writes"] == 0


def test_orders_reach_the_sheet_in_dagster_with_their_checks(sandbox: Sandbox, defs: dg.Definitions) -> None:
    questions.set_up()
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("sync_shopify_sheets").execute_in_process(instance=instance)
        assert_frozen("sync_shopify_sheets.json", reported(result))
        checks = {c.check_name: c.passed for c in result.get_asset_check_evaluations()}
        assert checks == {
            "nothing_odd_noticed": True,
            "guards": True,
            "nothing_waits_for_a_person": True,
            "room_left": True,
            "every_row_ended_well": True,
            "sheet_as_planned": True,
            "nobody_moved_rows_meanwhile": True,
        }
        plan = next(e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == "order_plan")
        shown = plan.materialization.metadata["changes"].value
        assert shown.startswith("| key | order | what | changes | reason |")
        assert "@example.com" not in shown
        assert len(sandbox.google.rows("Order Book", "Orders")) == plan.materialization.metadata["create"].value + 1


def test_the_daily_proof_reads_again_a_day_that_differs(sandbox: Sandbox, defs: dg.Definitions) -> None:
    questions.set_up()
    with dg.DagsterInstance.ephemeral() as instance:
        assert defs.resolve_job_def("sync_shopify_sheets").execute_in_process(instance=instance).success
        gone = max(sandbox.shopify.orders(), key=lambda o: o["createdAt"])
        sandbox.shopify.change_state({"delete": [gone["name"]]})
        result = defs.resolve_job_def("reconcile_shopify_sheets").execute_in_process(instance=instance)
        assert_frozen("reconcile_shopify_sheets.json", reported(result))
        counts = next(e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == "order_counts")
        assert counts.materialization.metadata["days_read_again"].value == 1
        read_again = instance.get_materialized_partitions(dg.AssetKey(["shopify", "orders"]))
        assert len(read_again) == 1
        passed = {c.check_name: c.passed for c in result.get_asset_check_evaluations()}
        assert passed["every_order_counted"]
        assert passed["sheet_as_planned"]


def test_a_dropped_file_reaches_the_pim_in_dagster_with_its_checks_and_its_files(
    sandbox: Sandbox, defs: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CALLS_PER_WINDOW": "100000", "CALLS_PER_HOUR": "200000"}.items():
        monkeypatch.setenv(f"PLYTIX_{name}", value)
    sandbox.plytix.change_state({"settings": {"burst": 1_000_000}})
    file = intake.inbox() / "mca0032.txt"
    file.parent.mkdir(parents=True)
    header, *rows = sandbox.boots.files()[file.name].splitlines(keepends=True)
    file.write_bytes(header + b"".join(rows[:6]))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("amazon_files", ["mca0032"])
        job = defs.resolve_job_def("sync_amazon_plytix")
        result = job.execute_in_process(instance=instance, partition_key="mca0032")
        assert_frozen("sync_amazon_plytix.json", reported(result))
        checks = {(c.asset_key.path[-1], c.check_name): c.passed for c in result.get_asset_check_evaluations()}
        assert checks.pop(("asin_mapping", "nothing_ambiguous")) in (True, False)
        assert len(checks) == 8
        assert all(checks.values())
        plan = next(e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == "amazon_product_plan")
        assert plan.materialization.metadata["changes"].value.startswith("| key | what | changes | reason |")
        assert plan.materialization.metadata["takes_at_quota"].value
        made = sandbox.plytix.state()["creates"]
        told = json.loads((data_dir() / "mca0032_mapping.sync_products.json").read_text())
        assert (told["created"], told["errors"]) == (len(made), [])
        assert set(made.values()) == {1}
        assert (data_dir() / "mca0032_mapping.json").exists()
        counts = sandbox.plytix.state()["counts"]
        again = job.execute_in_process(instance=instance, partition_key="mca0032")
        assert again.success
        now = sandbox.plytix.state()["counts"]
        assert {name: n for name, n in now.items() if name != "searches"} == {
            name: n for name, n in counts.items() if name != "searches"
        }
        cached = next(e for e in again.get_asset_materialization_events() if e.asset_key.path == ["plytix", "products"])
        assert "from the cache" in str(cached.materialization.metadata["how"].value)
