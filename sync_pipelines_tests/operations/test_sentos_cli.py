"""The commands of Shopify ↔ Sentos as a person uses them: a child process per command, the sandbox behind it."""

from __future__ import annotations

import csv
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from sync_pipelines.pipelines.shopify_sentos import PIPELINE
from sync_pipelines_tests.operations.test_cli import answer, run
from sync_pipelines_tests.pipelines import sentos_scene, sentos_shirts
from sync_pipelines_tests.pipelines.sentos_scene import SentosScene, garment
from sync_pipelines_tests.pipelines.sentos_shirts import made, sent
from vendor_sandbox import Sandbox

P = "shopify_sentos"
WORDS = ("created", "updated", "unchanged", "failed", "skipped")

A_SECOND = 1.0
"""The kernel tells when a process began by a clock of whole seconds."""


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[SentosScene]:
    """Three shirts in both systems and a fourth in Sentos only; no orders."""
    with Sandbox(speed=1000, orders=0) as running:
        for name, value in sentos_scene.environment(running).items():
            monkeypatch.setenv(name, value)
        scene = sentos_shirts.stocked(sentos_scene.begin(running))
        scene.add_products(garment(4))
        yield scene
        scene.close()


def sentos(shop: SentosScene, *arguments: str, code: int = 0) -> Any:
    shop.tick()
    return answer("sentos", *arguments, code=code)


def targets(ended: Any) -> dict[str, dict[str, int]]:
    """What came of each target, without what did not occur."""
    return {row["target"]: {word: row[word] for word in WORDS if row[word]} for row in ended["targets"]}


def changes(shop: SentosScene) -> int:
    """How many calls were made that change something."""
    in_shop = sum(str(call.get("operation")).startswith("mutation") for call in shop.sandbox.calls("shopify"))
    return in_shop + sum(call["method"] != "GET" for call in shop.sandbox.calls("sentos"))


def test_a_person_previews_all_five_syncs_traces_exports_and_takes_back(shop: SentosScene, own_folder: Path) -> None:
    name = shop.buy("G1-S", "G2-M")
    preview = sentos(shop, "preview")
    assert changes(shop) == 0
    assert len(preview["plan_ids"]) == len(PIPELINE.writes) == 5
    assert preview["counts"]["create"] >= 2, "a product and an order"

    began = time.monotonic()
    first = sentos(shop, "sync")
    elapsed = time.monotonic() - began
    assert [each["state"] for each in first["runs"]] == ["done"] * 3
    found = targets(first)
    assert list(found) == [write.applies for write in PIPELINE.writes]
    assert found["shopify/products"]["created"] == 1
    assert found["sentos/orders"] == {"created": 1}
    assert all(row["total"] == sum(row[word] for word in WORDS) for row in first["targets"])
    assert sum(each["seconds"]["total"] for each in first["runs"]) <= elapsed + A_SECOND, "each run counts its own"
    assert made(shop) == {"shopify-5000000001": 1}

    shop.erp_status(name, 5, cargo_company="Aras", tracking_number="TN1")
    block = run("sentos", "sync", "--only", "shipments").stdout
    (line,) = [line.split() for line in block.splitlines() if line.startswith("shopify/shipments ")]
    assert line == ["shopify/shipments", "1", "0", "0", "0", "0", "1"]
    assert len(sent(shop, name)) == 1

    before = changes(shop)
    again = sentos(shop, "sync")
    assert all(set(counts) <= {"unchanged", "skipped"} for counts in targets(again).values())
    assert changes(shop) == before

    sku, order = answer("trace", P, "G1-S"), answer("trace", P, name)
    assert sku["live"]["shop G1-S"]["price"] == "199.90"
    assert sku["source"][0]["sku"] == "G1-S"
    assert order["live"][f"sentos {name}"] == {"status": 5, "tracking_number": "TN1"}
    assert {row["outcome"] for row in order["planned"]} >= {"delivered"}
    product = answer("sentos", "product", "G1-S")
    assert {row["sku"] for row in product["variants"]} == {"G1-S", "G1-M"}
    assert "NOBODY: no products of Sentos are known" in run("sentos", "product", "NOBODY", code=2).stderr

    exported = own_folder / "all.csv"
    assert answer("export", P, "--output", str(exported))["rows"] == 9
    rows = list(csv.DictReader(exported.open(encoding="utf-8")))
    assert {row["what"] for row in rows} == {"sku", "order"}
    status = answer("status", P)[0]
    assert status["orders_in_sentos"] == 1
    assert status["last_run"]["state"] == "done"

    shipped = next(each for each in answer("history", P) if each["counts"].get("delivered") == 1)
    assert answer("undo", P, "--run", shipped["run_id"], "--dry-run")["counts"] == {"go_back": 1, "stay": 0, "impossible": 0}
    assert len(sent(shop, name)) == 1
    orders_run = first["runs"][-1]["run_id"]
    foreseen = answer("undo", P, "--run", orders_run, "--dry-run")
    assert foreseen["counts"]["impossible"] == 1
    assert answer("undo", P, "--run", shipped["run_id"])["state"] == "done"
    assert sent(shop, name) == []


def test_only_some_keys_and_a_limit_for_each_target(shop: SentosScene) -> None:
    names = [shop.buy("G1-S") for _ in range(3)]
    for n in (1, 2, 3):
        shop.count_in(f"G{n}-S", 50)
    stock = sentos(shop, "sync", "--only", "stock")
    assert list(targets(stock)) == ["shopify/stock"]
    assert len(stock["runs"]) == 1
    assert made(shop) == {}

    told = run("sentos", "sync", "--only", "stok", code=2).stderr
    assert "stock" in told
    assert "mean" in told.casefold()
    assert "Nothing was done" in told
    assert "NOBODY: not among what was last read" in run("sentos", "sync", "--keys", "NOBODY", code=2).stderr

    for n in (1, 2, 3):
        shop.count_in(f"G{n}-S", 30)
    sentos(shop, "preview", "--only", "orders")
    some = sentos(shop, "sync", "--keys", "G1-S", "--keys", names[1])
    assert [order["order_code"] for order in shop.erp_orders()] == [names[1]]
    assert [shop.offered(f"G{n}-S") for n in (2, 3)] == [50, 50]
    assert shop.offered("G1-S") is not None
    assert targets(some)["sentos/orders"] == {"created": 1}

    limited = targets(sentos(shop, "sync", "--limit", "1"))
    assert limited["sentos/orders"]["created"] == 1
    assert limited["shopify/stock"]["updated"] == 1
    assert sum(limited["shopify/products"].get(word, 0) for word in ("created", "updated")) == 1
    assert sum(made(shop).values()) == 2


def test_what_needs_a_person_is_listed_settled_and_tried_again(shop: SentosScene) -> None:
    name = shop.buy("G1-S")
    sentos(shop, "sync", "--only", "orders")
    shop.shop(set={name: {"shippingAddress": {**shop.order(name)["shippingAddress"], "city": "Şişli"}}})
    refused = shop.buy("G2-S")
    shop.fault("sentos", "POST /api/orders", "status", status=422, body='{"message": "telefon kısa"}')
    ended = sentos(shop, "sync", "--only", "orders", code=1)
    assert targets(ended)["sentos/orders"]["failed"] == 1
    errors = answer("errors", P)[0]
    assert any("telefon" in row["message"] for row in errors["rows"])
    (changed,) = [row for row in errors["source_rejects"]["rows"] if row["state"] == "changed"]
    assert changed["name"] == name
    assert "the address changed" in changed["reason"]

    assert f"{name}: in Sentos" in run("sentos", "settle", name).stdout
    assert "no order is known as #9999" in run("sentos", "settle", "#9999", code=2).stderr
    retried = targets(sentos(shop, "retry"))
    assert retried["sentos/orders"] == {"created": 1}
    assert {order["order_code"] for order in shop.erp_orders()} == {name, refused}
    assert answer("errors", P)[0]["source_rejects"]["total"] == 0


def test_a_stop_in_goods_stops_neither_stock_nor_orders(shop: SentosScene, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.buy("G1-S")
    shop.sandbox.shopify.change_state({"settings": {"currency": "EUR"}})
    shop.count_in("G1-S", 7)
    ended = sentos(shop, "sync", code=1)
    states = [each["state"] for each in ended["runs"]]
    assert states[0] != "done"
    assert states[1] == "done"
    assert shop.offered("G1-S") == 6


def test_init_takes_what_both_systems_need_and_names_what_is_missing(shop: SentosScene, own_folder: Path) -> None:
    asked = [each.variable for each in PIPELINE.credentials if each.asked and not each.optional and not each.default]
    assert asked == ["SENTOS_API_URL", "SENTOS_API_KEY", "SENTOS_API_SECRET", "SHOPIFY_STORE_NAME", "SHOPIFY_ACCESS_TOKEN"]
    given = {name: os.environ[name] for name in asked}
    nothing = {**dict.fromkeys(asked, ""), "SYNC_PIPELINES_SANDBOX": ""}
    options = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    assert "SENTOS_API_SECRET" in "".join(told(run("init", P, *options[:4], code=2, **nothing)))
    done = run("init", P, *options, **nothing)
    written = dotenv_values(own_folder / ".env")
    assert {name: written[name] for name in asked} == given
    assert given["SENTOS_API_SECRET"] not in "".join(told(done))


def test_enabling_covers_both_systems(shop: SentosScene) -> None:
    shop.buy("G1-S")
    live = {"SYNC_PIPELINES_SANDBOX": ""}
    shop.tick()
    for target in ("orders", "prices"):
        assert "read-only" in "".join(told(run("sentos", "sync", "--only", target, code=2, **live)))
    assert changes(shop) == 0
    run("enable", P, **live)
    both = targets(answer("sentos", "sync", "--only", "orders", "--only", "prices", **live))
    assert both["sentos/orders"] == {"created": 1}
    assert both["shopify/prices"]["updated"] >= 1
    run("disable", P, **live)
    shop.buy("G2-S")
    shop.tick()
    run("sentos", "sync", "--only", "orders", code=2, **live)
    assert sum(made(shop).values()) == 1


def told(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    return done.stdout, done.stderr
