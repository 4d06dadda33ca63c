"""The Lightspeed mirror as a person uses it: a child process per command, the sandbox behind it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from sync_pipelines_tests.operations.test_cli import answer, run
from sync_pipelines_tests.pipelines import lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene
from vendor_sandbox import Sandbox

P = "lightspeed_retail"
COLUMNS = {
    "suppliers": "id name deleted_at",
    "products": "id sku name family_id price_excluding_tax price_including_tax supply_price active deleted_at version",
    "product_codes": "product_id type code",
    "product_suppliers": "product_id supplier_id code price",
    "product_options": "product_id position name value",
    "consignments": "id type status reference deleted_at",
    "consignment_lines": "consignment_id product_id created_at count received cost",
    "inventory": "product_id outlet_id level reorder_point deleted_at",
    "sales": "id status invoice_number total_price total_tax deleted_at",
    "sale_lines": "sale_id id product_id quantity price_total",
    "sale_payments": "sale_id id amount",
}
"""What older queries and people's questions count on."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[LightspeedScene]:
    with Sandbox(speed=1000) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield lightspeed_scene.begin(running)


def sql(query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer("sql", query)
    return found


def test_a_person_syncs_asks_traces_and_proves(store: LightspeedScene, own_folder: Path) -> None:
    store.fault("GET */suppliers", "unusable", field="default_markup", value="NaN")
    first = answer("sync", P)
    assert first["calls"]["used"] >= first["calls"]["minimum"] > 0
    assert [each for each in store.differences() if not each.startswith("suppliers")] == []
    assert "default_markup: NaN is not a number" in json.dumps(answer("errors", P))

    counts = []
    for table, columns in COLUMNS.items():
        listed = ", ".join(f'"{name}"' for name in columns.split())
        counts.append(f"SELECT '{table}' AS name, count(*) AS rows FROM (SELECT {listed} FROM lightspeed.{table})")
    assert {row["name"] for row in sql(" UNION ALL ".join(counts)) if row["rows"]} == COLUMNS.keys()
    (product,) = sql("SELECT id, supply_price FROM lightspeed.products WHERE sku = 'TRAP-FIVE-DECIMALS'")
    assert Decimal(str(product["supply_price"])) == Decimal("0.00001")

    status = answer("status", P)[0]
    assert status["mirrored"]["products"]["rows"] == len(store.ids("products"))
    assert status["last_run"]["state"] == "done"

    told = answer("trace", P, "TRAP-FIVE-DECIMALS")
    assert [row["id"] for row in told["source"] if row["table"] == "products"] == [product["id"]]
    assert told["extract"]["origin"] == "api"
    sale = store.rows("sales")[-1]
    assert sale["id"] in {row.get("id") for row in answer("trace", P, sale["invoice_number"])["source"]}
    assert "TRAP-FIVE-DECIMALS" in run("trace", P, product["id"]).stdout

    gone = store.ids("sales")[0]
    store.change(vanish={"sales": [gone]})
    proved = run("lightspeed", "prove", "--json", code=None)
    assert "1 gone" in proved.stdout
    (marked,) = sql(f"SELECT deleted_at, vanished_at FROM lightspeed.sales WHERE id = '{gone}'")
    assert marked["deleted_at"] == marked["vanished_at"] is not None
    assert [each for each in store.differences(proved=True) if not each.startswith("suppliers")] == []


def test_validate_names_what_the_token_lacks(store: LightspeedScene, own_folder: Path) -> None:
    assert "all collections" in run("validate", P).stdout
    token = store.change(personal_token={"scopes": ["products:read", "suppliers:read"]})["personal_token"]
    said = run("validate", P, code=None, LIGHTSPEED_TOKEN=token)
    assert said.returncode != 0
    assert "the token lacks consignments:read, inventory:read" in said.stdout
    assert token not in said.stdout + said.stderr


@pytest.mark.deep
def test_a_sync_without_a_scope_names_it_and_reads_the_rest(store: LightspeedScene, own_folder: Path) -> None:
    token = store.change(personal_token={"scopes": ["products:read", "suppliers:read"]})["personal_token"]
    ended = run("sync", P, code=None, LIGHTSPEED_TOKEN=token)
    assert ended.returncode != 0
    assert "needs the scope" in ended.stdout + ended.stderr
    assert sql("SELECT count(*) AS rows FROM lightspeed.products")[0]["rows"] > 0, "what it may read was read"


def test_init_asks_for_a_store_and_a_token_and_tests_them(store: LightspeedScene, own_folder: Path) -> None:
    known = {name: os.environ[name] for name in ("LIGHTSPEED_STORE", "LIGHTSPEED_TOKEN")}
    not_set = {name: "" for name in os.environ if name.startswith(("LIGHTSPEED_", "SYNC_PIPELINES_SANDBOX"))}
    done = run("init", P, stdin="\n".join(known.values()) + "\n", **{**not_set, "LIGHTSPEED_URL": os.environ["LIGHTSPEED_URL"]})
    written = dotenv_values(own_folder / ".env")
    assert {name: written[name] for name in known} == known
    assert "all collections" in done.stdout
    assert known["LIGHTSPEED_TOKEN"] not in done.stdout + done.stderr
