"""The order spreadsheet's commands as a person uses them: a child process per command, the sandbox behind it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines_tests import forked
from sync_pipelines_tests.operations.test_cli import answer, run
from vendor_sandbox import Sandbox

P = "shopify_sheets"
BOOK = "Order Book"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A shop with 120 orders and a blank spreadsheet."""
    with Sandbox(scale=300, speed=1000, orders=120) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


def ids(shop: Sandbox) -> list[str]:
    """The order ids that the sheet shows, row by row."""
    header, *rows = shop.google.rows(BOOK, "Orders")
    return [row[header.index("Order ID")] for row in rows]


def test_a_blank_spreadsheet_is_set_up_filled_questioned_and_kept_up_to_date(shop: Sandbox, own_folder: Path) -> None:
    found = {f["what"]: f for f in answer("validate", P, code=2)}
    assert found["spreadsheet layout"]["verdict"] == "problem"
    assert "sync-pipelines prepare" in found["spreadsheet layout"]["text"]
    refused = answer("sync", P, code=2)
    assert "has no tab 'Orders'" in refused["message"]
    assert answer("prepare")["done"][0] == "tab 'Orders' made"
    assert answer("prepare")["done"] == []

    writes = shop.google.writes
    test = answer("sync", P, "--test")
    assert shop.google.writes == writes
    assert test["counts"]["create"] > 20
    written = sorted((own_folder / "test_output").iterdir())
    assert [p.suffix for p in written] == [".csv", ".json"]
    assert len(json.loads(written[1].read_text())) == test["counts"]["create"]

    first = answer("sync", P)
    assert first["counts"]["delivered"] == test["counts"]["create"] == len(set(ids(shop))) == len(ids(shop))
    assert first["read_back"] == first["as_planned"] == first["counts"]["delivered"]
    skipped = answer("sync", P)
    assert skipped["state"] == "skipped"
    assert "another one needs --force" in skipped["message"]
    assert "Nothing was done" in run("sync", P).stdout

    newest = answer("orders", "--limit", "3")
    assert [o["name"] for o in newest] == ["#1120", "#1119", "#1118"]
    assert all(o["sheet"].startswith("as it is, since") for o in newest)
    shop.shopify.change_state({"cancel": [1120], "delete": [1118], "arrive": 1})
    shop.shopify.change_state({"set": {"#1117": {"lineItems": {"0": {"currentQuantity": -1}}}}})
    time.sleep(1.1)
    again = answer("sync", P, "--force")
    assert again["counts"]["delivered"] == 2
    rejects = answer("errors", P)[0]["source_rejects"]
    assert rejects["by_state"] == {"conflict": 1}
    assert again["source_rejects"] == rejects["total"] == answer("status", P)[0]["source_rejects"]
    proof = answer("reconcile")
    assert proof["counts"]["delivered"] == 1
    header, *rows = shop.google.rows(BOOK, "Orders")
    statuses = {row[header.index("Order")]: row[header.index("Status")] for row in rows}
    assert (statuses["#1120"], statuses["#1118"], statuses["#1119"]) == ("Cancelled", "Deleted", "Open")
    gaps = {g["name"]: g["what"] for g in answer("missing")}
    assert gaps["#1118"] == "deleted"

    story = answer("trace", P, "1119")
    assert story["live"][newest[1]["key"]]["rows"]
    assert [p["outcome"] for p in story["planned"]] == ["delivered"]
    assert "Did you mean #1119" in run("retry", P, "--keys", "#11119", code=2).stderr
    assert answer("reset", P, "#1119")["forgotten"] == [newest[1]["key"]]
    assert answer("sync", P, "--force")["counts"] == {"unchanged": 1, "held": 1}

    exported = own_folder / "orders.csv"
    assert answer("export", P, "--output", str(exported))["rows"] >= len(ids(shop))
    assert exported.read_text(encoding="utf-8").startswith("Order,Order ID,Created,")
    report = answer("report", "--days", "7")
    page = Path(report["page"]).read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "http" not in page.replace(os.environ["SHOPIFY_URL"], "")
    assert len(report["days"]) == 7

    state = answer("status", P)[0]
    assert state["records"] == len(ids(shop))
    assert state["calls_in_doubt"] == 0
    tracked = answer("sql", "SELECT count(*) AS n, count(DISTINCT shopify_order_id) AS d FROM order_tracking")[0]
    assert tracked["n"] == tracked["d"] == len(ids(shop))
    history = answer("sql", "SELECT status, orders_processed FROM sync_history ORDER BY sync_timestamp")
    assert [h["status"] for h in history] == ["failed", "done", "done", "done", "done"]
    assert answer("sql", "SELECT * FROM sync_errors") == []
    undone = answer("undo", P, "--run", again["run_id"])
    assert undone["counts"]["delivered"] + undone["counts"].get("drifted", 0) == 2


def test_a_sync_of_the_first_changes_is_followed_by_a_whole_one_without_force(shop: Sandbox) -> None:
    answer("prepare")
    first = answer("sync", P, "--limit", "10")
    assert first["counts"]["delivered"] == 10
    rest = answer("sync", P)
    assert rest["state"] == "done"
    assert rest["counts"]["delivered"] == first["counts"]["skipped"]
    assert answer("sync", P)["state"] == "skipped"


def test_older_days_are_backfilled_in_one_run_and_written_by_the_next_sync(shop: Sandbox) -> None:
    answer("prepare")
    answer("sync", P)
    before = set(ids(shop))
    oldest = min(shop.shopify.orders(), key=lambda o: o["createdAt"])["createdAt"][:10]
    filled = answer("backfill", "shopify_store", "--from", oldest, "--to", oldest)
    assert filled["state"] == "done"
    assert "1 days" in filled["message"]
    answer("sync", P, "--force")
    added = set(ids(shop)) - before
    assert len(added) == filled["counts"]["orders"] > 0
    assert run("backfill", "shopify_store", "--from", "2026-02-02", "--to", "2026-02-01", code=2).stderr.count("before") == 1


def test_days_beyond_sixty_are_refused_without_the_right_to_see_them(shop: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from vendor_sandbox.shopify import RECENT_ORDERS_TOKEN

    monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", RECENT_ORDERS_TOKEN)
    refused = answer("backfill", "shopify_store", "--from", "2026-01-01", "--to", "2026-01-02", code=2)
    assert "read_all_orders" in refused["message"]


def test_an_old_users_settings_database_and_order_book_are_taken_over(
    shop: Sandbox, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old program wrote to its order book; one tracked order was deleted there since by a person."""
    monkeypatch.setenv("TARGET_SPREADSHEET", "Bakery Order Book")
    monkeypatch.setenv("SHOPIFY_SHEETS_LAYOUT", "order_book")
    orders = sorted(shop.shopify.orders(), key=lambda o: o["createdAt"])[-3:]
    kept, lost = orders[0], orders[1]
    number = kept["name"].lstrip("#")
    shop.google.change_state(
        {
            "person": [
                {
                    "spreadsheet": "Bakery Order Book",
                    "tab": "Customer Orders",
                    "do": "type",
                    "cell": "A30",
                    "values": [["Ready", "11-01-2026", f"WEB{number}", number]],
                }
            ]
        }
    )
    with sqlite3.connect(own_folder / "shopify_sync.db") as old:
        old.execute(
            "CREATE TABLE order_tracking (shopify_order_id TEXT PRIMARY KEY, order_number INTEGER UNIQUE, sync_timestamp TEXT)"
        )
        rows = [(o["legacyResourceId"], int(o["name"].lstrip("#")), "2026-11-01 10:00:00") for o in (kept, lost)]
        old.executemany("INSERT INTO order_tracking VALUES (?, ?, ?)", rows)
    answer("prepare")
    ended = answer("sync", P)
    header, *rows = shop.google.rows("Bakery Order Book", "Customer Orders")
    key, status = header.index("OrderID"), header.index("Status")
    mine = [row for row in rows if len(row) > key and row[key] == f"WEB{number}"]
    assert len(mine) == 1
    assert mine[0][status] == "Ready"  # the staff's own
    assert mine[0][header.index("Total")] == pytest.approx(float(kept["totalPriceSet"]["shopMoney"]["amount"]))
    assert not any(len(row) > key and row[key] == f"WEB{lost['name'].lstrip('#')}" for row in rows)
    assert ended["counts"]["held"] >= 1
    held = answer("errors", P)[0]["held"]
    assert any("no longer at the target" in h["message"] for h in held)


def test_a_config_json_of_the_old_program_is_taken_over_and_never_guessed_about(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"shopify": {"store_name": "old-shop", "access_token": "shpat_old"}, "target_spreadsheet": "Old Orders"}
    (own_folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert answer("status", P)[0]["account"].endswith("spreadsheet Old Orders")
    assert answer("status", P)[0]["shop"] == "https://old-shop.myshopify.com"
    monkeypatch.setenv("SHOPIFY_STORE_NAME", "new-shop")
    refused = run("status", P, code=2).stderr
    assert "SHOPIFY_STORE_NAME is set" in refused
    assert "shpat_old" not in refused


def test_a_sync_killed_in_the_middle_is_put_right_by_the_next_one(shop: Sandbox) -> None:
    answer("prepare")
    shop.faults("google", [{"on": "POST /v4/spreadsheets/*/values:batchUpdate", "kind": "slow", "seconds": 5.0}])
    child = forked.Command(["sync", P])
    deadline = time.monotonic() + 30
    while not any(c["fault"] == "slow" for c in shop.calls("google")):
        assert time.monotonic() < deadline, "the sync never came to its write"
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    shop.clear_faults("google")
    time.sleep(5.2)  # the call that nobody waits for any more lands, or does not
    ended = answer("sync", P)
    assert ended["state"] == "done"
    assert len(ids(shop)) == len(set(ids(shop))) > 0
    assert answer("status", P)[0]["calls_in_doubt"] == 0
    writes = shop.google.writes
    answer("sync", P, "--force")
    assert shop.google.writes == writes


def test_options_of_another_pipeline_are_refused(own_folder: Path) -> None:
    assert "only for catsy_sparklayer" in run("sync", P, "--refresh", "always", code=2).stderr
    assert "only for shopify_sheets" in run("sync", "catsy_sparklayer", "--force", code=2).stderr
    assert "SHOPIFY_STORE_NAME is not set" in run("sync", P, code=2).stderr


def test_nothing_personal_is_in_logs_events_or_previews(shop: Sandbox, own_folder: Path) -> None:
    answer("prepare")
    shop.shopify.change_state({"set": {1119: {"email": "hidden.person@example.org", "note": "Xylophone lane 7"}}})
    time.sleep(1.1)
    shown = run("preview", P).stdout + run("sync", P).stdout
    kept = [p for p in (own_folder / "data").rglob("*") if p.is_file() and p.suffix in (".log", ".db", ".db-wal")]
    texts = [p.read_bytes() for p in kept if "limits" not in p.parts]
    assert texts
    for secret in (b"hidden.person", b"Xylophone", b"sandbox-shopify-token"):
        assert secret not in shown.encode()
        assert not [p for p, text in zip(kept, texts, strict=False) if secret in text]


def test_answers_are_json_for_programs(shop: Sandbox) -> None:
    answer("prepare")
    for command in (["orders"], ["missing"], ["report"], ["errors", P], ["history", P]):
        found: Any = run(*command, "--json", code=None)
        assert found.stdout == "" or json.loads(found.stdout) is not None
