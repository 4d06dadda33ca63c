"""Supplier orders and product files as a person uses them: a child process per command, the sandbox behind it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipelines_tests.operations.test_cli import answer, run
from sync_pipelines_tests.pipelines import lightspeed_orders_scene
from sync_pipelines_tests.pipelines.lightspeed_orders_scene import SUPPLIER, OrderScene
from vendor_sandbox import Sandbox

P = "lightspeed_orders"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[OrderScene]:
    with Sandbox(speed=1000) as running:
        for name, value in {**running.env, **lightspeed_orders_scene.FAST}.items():
            monkeypatch.setenv(name, value)
        yield lightspeed_orders_scene.begin(running)


def test_an_order_is_looked_at_placed_and_taken_back(store: OrderScene, own_folder: Path, tmp_path: Path) -> None:
    boot = store.boots()[0]
    path = store.file(
        ("", "", boot["sku"], 2, "99.50", "", "", ""),
        ("", "wax", "WAX-1", 5, "4.10", "", "", ""),
        ("", "bad", "BAD-1", "1,200", "4.10", "", "", ""),
    )
    arguments = ("lightspeed", "order", str(path), "--supplier", SUPPLIER)
    shown = run(*arguments, "--dry-run", "-o", str(tmp_path))
    assert shown.returncode == 0, shown.stderr
    assert "order po-1 of Mesa Cordwain, for Main Street" in shown.stdout
    assert "87.16000 → 99.50000" in shown.stdout
    assert [row["sku"] for row in csv.DictReader((tmp_path / "newproducts.csv").open(encoding="utf-8"))] == ["WAX-1"]
    assert [row for row in store.rows("consignments") if row["reference"] == "po-1"] == []

    placed = answer(*arguments, "--execute")
    assert {line["sku"]: line["verdict"] for line in placed["lines"]} == {
        boot["sku"]: "cost_changed",
        "WAX-1": "new",
        "BAD-1": "rejected",
    }
    assert placed["counts"] == {"delivered": 5, "held": 1}
    assert store.lines("po-1") == {boot["sku"]: (2, "99.50"), "WAX-1": (5, "4.10")}
    assert answer("sync", P, "--partition", "po-1", code=2)["state"] == "failed"  # nobody says whose order it is

    trace = json.dumps(answer("trace", P, "WAX-1"))
    assert "po-1 / WAX-1" in trace
    assert "1,200" in json.dumps(answer("errors", P, "--partition", "po-1"))
    (told,) = answer("sql", "select supplier, verdict, quantity from lightspeed.order_comparison where sku = 'WAX-1'")
    assert (told["supplier"], told["quantity"]) == (SUPPLIER, 5)

    undone = answer("undo", P, "--run", placed["run_id"])
    assert undone["counts"].get("delivered") == 5
    assert [row for row in store.rows("products") if row["sku"] == "WAX-1" and not row["deleted_at"]] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere.csv", "--dry-run"), "is not there"),
        (("po-1.csv", "--dry-run", "--execute"), "say which: --dry-run or --execute"),
        (("po-1.csv", "--supplier", SUPPLIER, "--key", "EAN", "--dry-run"), "has no column EAN or CODE"),
        (("po-1.csv", "--dry-run"), "nothing says whose order it is"),
    ],
)
def test_a_slip_of_the_finger_costs_nothing(
    store: OrderScene, own_folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    path = store.file(("WAX-1", 5, "4.10"), header=("BARCODES", "QNTY", "COST"))
    monkeypatch.chdir(path.parent)
    before = store.calls()
    shown = run("lightspeed", "order", *arguments, code=2)
    assert told in " ".join(f"{shown.stdout} {shown.stderr}".split())
    assert store.calls() == before


def test_products_are_made_and_kept_in_step_from_a_file(store: OrderScene, own_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    header = (
        "sku",
        "name",
        "brand_name",
        "supplier_name",
        "supply_price",
        "retail_price",
        "tags",
        "variant_option_one_name",
        "variant_option_one_value",
    )
    rows = [
        ("WAX-1", "Wax", "Kestrel", SUPPLIER, "4.10", "10.25", "gift", "", ""),
        ("RED-1", "Laces", "", SUPPLIER, "1.10", "2.75", "", "Colour", "Red"),
        ("BLUE-1", "Laces", "", SUPPLIER, "1.10", "2.75", "", "Colour", "Blue"),
        ("ODD-1", "Odd", "Kestrell", SUPPLIER, "1", "2", "", "", ""),
    ]

    def write() -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    write()
    made = answer("lightspeed", "products", str(path), "--execute")
    assert made["counts"] == {"delivered": 3, "held": 1}
    assert "Did you mean Kestrel?" in json.dumps(answer("errors", P, "--all"))
    wax, red, blue = (store.product(sku) for sku in ("WAX-1", "RED-1", "BLUE-1"))
    assert (wax["name"], f"{wax['price_including_tax']:.2f}", red["family_id"]) == ("Wax", "10.25", blue["family_id"])
    rows[:] = [("WAX-1", "Boot wax", "", "", "4.20", "", "", "", "")]
    write()
    assert answer("lightspeed", "products", str(path), "--execute")["counts"] == {"delivered": 1}
    wax = store.product("WAX-1")
    assert (wax["name"], f"{wax['supply_price']:.2f}", f"{wax['price_including_tax']:.2f}") == ("Boot wax", "4.20", "10.25")
    assert answer("lightspeed", "products", str(path), "--execute")["counts"] == {"unchanged": 1}
