"""Whatever goes wrong before, in or after a run: a message, exit code 2, somebody is told, and nothing counts as done."""

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sync_pipelines.delivery import runs
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.shopify_sheets import order_rows
from sync_pipelines.warehouse.snapshots import Warehouse
from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines.merchant import plain_items
from vendor_sandbox import Sandbox

P = "catsy_sparklayer"
FIRST_SKU = "SELECT sku FROM catsy.trade_prices WHERE state = 'desired' ORDER BY sku LIMIT 1"


class Merchant:
    """A command line whose alerts are heard."""

    def __init__(self, folder: Path) -> None:
        self.data, self._heard = folder / "data", folder / "heard.jsonl"

    def run(self, *arguments: str, code: int = 0, largest_file: int | None = None, **env: str) -> str:
        """What the command printed. Never a traceback."""
        alert = f"sh -c 'cat >> {self._heard}; echo >> {self._heard}'"
        done = forked.command(arguments, {**os.environ, "ALERT_COMMAND": alert, **env}, timeout=100, largest_file=largest_file)
        printed = done.stdout + done.stderr
        assert done.returncode == code, f"exit {done.returncode}\n{printed}"
        assert "Traceback" not in printed
        return printed

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Every alert so far."""
        lines = self._heard.read_text().splitlines() if self._heard.exists() else []
        return [json.loads(line) for line in lines if line]


@pytest.fixture
def merchant(sandbox: Sandbox, own_folder: Path) -> Merchant:
    return Merchant(own_folder)


def garble(path: Path) -> None:
    assert path.exists()
    path.write_bytes(b"\xff" * max(4096, path.stat().st_size))


@pytest.mark.parametrize("file", ["dagster.yaml", "history/runs.db", "schedules/schedules.db"])
def test_a_file_of_dagster_that_is_damaged(merchant: Merchant, file: str) -> None:
    merchant.run("preview", P)
    garble(merchant.data / "dagster" / file)
    printed = merchant.run("sync", P, code=2)
    assert "Dagster could not record the run" in printed
    assert "may be moved away" in printed
    assert [(e["event"], e["pipeline"]) for e in merchant.heard] == [("failed", P)]
    (merchant.data / "dagster" / file).unlink()  # as the message says
    assert "250 delivered" in merchant.run("sync", P)


def test_a_ledger_that_is_damaged(merchant: Merchant) -> None:
    merchant.run("preview", P)
    garble(merchant.data / "ledger.db")
    for verb in ("sync", "status", "errors", "history", "validate"):
        assert "ledger.db" in merchant.run(verb, P, code=2)
    assert [e["event"] for e in merchant.heard] == ["failed"] * 5


def test_a_data_folder_that_cannot_be_made(merchant: Merchant, own_folder: Path) -> None:
    (own_folder / "file").write_text("not a folder")
    merchant.run("sync", P, code=2, SYNC_PIPELINES_DATA_DIR=str(own_folder / "file" / "data"))
    assert [e["event"] for e in merchant.heard] == ["failed"]


@pytest.mark.parametrize("left", ["", "{", "[]", "\xff", '{"Order Book": 5}'])
def test_regression_a_spreadsheets_file_cut_by_a_crash_is_made_anew(merchant: Merchant, left: str) -> None:
    merchant.data.mkdir()
    (merchant.data / "spreadsheets.json").write_bytes(left.encode("latin-1"))
    merchant.run("status")
    assert merchant.heard == []


def test_calls_counted_in_a_damaged_file_are_counted_anew(merchant: Merchant) -> None:
    merchant.run("preview", P)
    garble(merchant.data / "limits" / "catsy.db")
    assert "250 delivered" in merchant.run("sync", P, "--refresh", "always")


def test_regression_one_cut_parquet_stops_only_the_questions_about_it(merchant: Merchant) -> None:
    merchant.run("preview", P)
    (cut,) = (merchant.data / "warehouse" / "catsy" / "products").glob("*.parquet")
    cut.write_bytes(cut.read_bytes()[:-100])
    assert "300" in merchant.run("sql", "SELECT count(*) FROM catsy.trade_prices")
    assert "price_plan" in merchant.run("sql", "show tables", SHOPIFY_TIME_ZONE="Mars/Base")
    printed = merchant.run("sql", "SELECT count(*) FROM catsy.products", code=2)
    assert f"Not there: catsy.products: {cut} cannot be read" in printed.replace("\n", "")


def test_nobody_is_told_is_said_on_the_screen(merchant: Merchant, own_folder: Path) -> None:
    (own_folder / "data").write_text("not a folder: no log either")
    assert "the alert command failed" in merchant.run("sync", P, code=2, ALERT_COMMAND="/nope/alert")


def test_whether_alerts_arrive_can_be_tried(merchant: Merchant) -> None:
    assert "ALERT_COMMAND  yes" in merchant.run("alerts", "test")
    assert [heard["event"] for heard in merchant.heard] == ["test"]
    assert "the alert command failed" in merchant.run("alerts", "test", code=1, ALERT_COMMAND="/nope/alert")
    assert "nobody is told of anything" in merchant.run("alerts", "test", code=1, ALERT_COMMAND="")


MISTAKES = (
    ["apply", P, "--plan", "0000000000"],
    ["undo", P, "--run", "0000000000"],
    ["reset", P, "NO-SUCH-SKU"],
    ["sql", "selec 1"],
    ["release", P, "--plan", "0000000000", "--verdict", "--reason", "x"],
)


def test_a_mistake_at_the_prompt_is_for_the_person_at_the_prompt(merchant: Merchant) -> None:
    merchant.run("preview", P)
    for mistake in MISTAKES:
        merchant.run(*mistake, code=2)
        assert merchant.heard == [], mistake


WRONG_ARGUMENTS = (
    ["retry", P, "--keys", "NO-SUCH-SKU"],
    ["retry", "shopify_sheets", "--keys", "#999999"],
    ["retry", "amazon_plytix", "--keys", "AMZN-US-B000000000"],
    ["preview", "amazon_plytix", "--partition", "nowhere"],
    ["sync", "amazon_plytix", "--partition", "nowhere"],
    ["backfill", "shopify_store", "--from", "2090-01-01", "--to", "2090-01-02"],
    ["sync", P, "--from-csv", "cut.csv"],
    ["amazon", "map", "--listings", "cut.txt"],
    ["amazon", "map", "--listings", "report.txt", "--style", "NONE"],
    ["amazon", "map", "--listings", "report.txt", "--refresh", "never"],
    ["amazon", "map", "--listings", "report.txt", "--marketplace", "USA"],
    ["amazon", "map", "--listings", "report.txt", "--plytix-account", "mian"],
    ["--plytix-account", "mian", "amazon", "status"],
    ["amazon", "sync", "--dry-run", "--mapping", "cut.json"],
)


def test_a_wrong_argument_is_refused_before_a_run_begins(
    merchant: Merchant, sandbox: Sandbox, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_folder)
    (own_folder / "report.txt").write_bytes(sandbox.boots.files()["all_listings.txt"])
    (own_folder / "cut.txt").write_bytes(sandbox.boots.files()["all_listings.txt"].partition(b"\n")[0])
    (own_folder / "cut.csv").write_text('id,sku,price_trade\n1,A,"1.00')
    (own_folder / "cut.json").write_text('{"matched": [5]}')
    merchant.run("preview", P)
    for mistake in WRONG_ARGUMENTS:
        # with a login, which listings are of a style is known once Amazon's catalogue was asked
        without_login = {"AMAZON_REFRESH_TOKEN": ""} if "--style" in mistake else {}
        printed = merchant.run(*mistake, code=2, **without_login)
        assert ": began " not in printed, mistake
        assert merchant.heard == [], mistake
    merchant.run("sync", P)
    assert merchant.heard == [], "nothing failed, so nothing recovered"
    history = json.loads(merchant.run("history", "--json"))
    assert [(run["verb"], run["state"]) for run in history] == [("sync", "done"), ("preview", "done")]


def test_what_is_read_last_where_nothing_was_read_yet_is_a_slip(merchant: Merchant) -> None:
    assert "Run once without --refresh never" in merchant.run("sync", P, "--refresh", "never", code=2)
    assert (merchant.heard, "no run yet" in merchant.run("history")) == ([], True)


def test_a_key_that_the_source_has_lost_is_refused_before_a_run_begins(merchant: Merchant, sandbox: Sandbox) -> None:
    merchant.run("sync", P)
    lost, *others = plain_items(sandbox, 3)
    sandbox.vendors["catsy"].change_state({"set": {str(lost["id"]): None}})
    merchant.run("preview", P, "--refresh", "always")
    printed = merchant.run("retry", P, "--keys", lost["sku"], code=2)
    assert f"{lost['sku']}: the source had it no more when it was last read" in printed
    assert "done" in merchant.run("retry", P, "--keys", others[0]["sku"])
    assert merchant.heard == []
    history = json.loads(merchant.run("history", "--json"))
    assert [run["verb"] for run in history] == ["retry", "preview", "sync"]


def test_of_keys_that_ended_badly_those_the_source_has_lost_are_left_to_the_next_sync(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    refused, lost = plain_items(sandbox, 2)
    known = [item["sku"] for item in plain_items(sandbox, 300)[2:]]
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": known}})
    merchant.run("sync", P, code=1)
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": None}})
    sandbox.vendors["catsy"].change_state({"set": {str(lost["id"]): None}})
    merchant.run("preview", P, "--refresh", "always")
    printed = merchant.run("retry", P)
    assert f"/{lost['sku']}: the source had it no more" in printed
    assert f"/{refused['sku']}: the source" not in printed


def test_links_are_not_applied_before_the_products_they_need(merchant: Merchant, sandbox: Sandbox, own_folder: Path) -> None:
    (own_folder / "mca0032.txt").write_bytes(sandbox.boots.files()["mca0032.txt"])
    mapping = json.loads(merchant.run("amazon", "map", "--listings", str(own_folder / "mca0032.txt"), "--json"))["mapping"]
    merchant.run("amazon", "sync", "--mapping", mapping, "--dry-run")
    plans = json.loads(merchant.run("sql", "SELECT id FROM ledger.plan WHERE account LIKE '% links'", "--json"))
    printed = merchant.run("apply", "amazon_plytix", "--plan", plans[0]["id"], code=2)
    assert "is not applied yet. Nothing was sent. First: sync-pipelines apply amazon_plytix" in printed
    assert merchant.heard == []


def test_a_plan_that_is_over_is_refused_before_a_run_begins(merchant: Merchant) -> None:
    waits = json.loads(merchant.run("preview", P, "--json"))["plan_id"]
    merchant.run("retry", P, "--keys", json.loads(merchant.run("sql", FIRST_SKU, "--json"))[0]["sku"])
    merchant.run("sync", P)
    printed = merchant.run("apply", P, "--plan", waits, code=2)
    assert "is applied. Nothing was sent" in printed
    assert merchant.heard == []
    assert len(json.loads(merchant.run("history", "--json"))) == 3


@pytest.mark.parametrize(
    "command",
    [
        ["preview", P, "--from-csv", "no/such.csv"],
        ["catsy", "sync", "--from-csv", "."],
        ["amazon", "map", "--listings", "no/such.txt"],
        ["amazon", "sync", "--mapping", "no/such.json", "--execute"],
        ["export", P, "-o", "no/such.csv"],
        ["catsy", "export", "-o", "."],
        ["sheets", "report", "-o", "no/such.html"],
    ],
    ids=" ".join,
)
def test_a_mistyped_path_is_said_before_anything_is_begun(merchant: Merchant, sandbox: Sandbox, command: list[str]) -> None:
    merchant.run(*command, code=2)
    assert merchant.heard == []
    assert "no run yet" in merchant.run("history")
    assert all(not sandbox.calls(vendor) for vendor in ("catsy", "sparklayer", "shopify", "google", "plytix"))


def test_an_account_that_another_run_holds_is_no_alarm_at_the_prompt(merchant: Merchant) -> None:
    merchant.run("preview", P)
    with contextlib.closing(Ledger.at(merchant.data / "ledger.db")) as ledger, ledger.holding(account_of("sparklayer")):
        assert "is being written by process" in merchant.run("reset", P, "SOME-SKU", code=2)
    assert merchant.heard == []


def test_an_alert_names_the_pipeline_by_its_full_name(merchant: Merchant) -> None:
    merchant.run("catsy", "sync", code=2, CATSY_BEARER_TOKEN="")
    merchant.run("sheets", "prepare", code=2, TARGET_SPREADSHEET="")
    assert [e["pipeline"] for e in merchant.heard] == [P, "shopify_sheets"]


@pytest.mark.parametrize("kilobytes", [60, 200, *(pytest.param(n, marks=pytest.mark.deep) for n in (30, 120, 160, 250, 300))])
def test_regression_a_run_on_a_full_disk_is_not_done(merchant: Merchant, sandbox: Sandbox, kilobytes: int) -> None:
    merchant.run("preview", P)
    printed = merchant.run("sync", P, code=2, largest_file=kilobytes << 10)
    assert "disk" in printed
    assert {e["event"] for e in merchant.heard} == {"failed"}
    merchant.run("sync", P)
    effects = sandbox.vendors["sparklayer"].state()["effects"]["wholesale"]
    assert (len(effects), max(effects.values())) == (250, 1)


def test_a_run_whose_steps_left_no_trace_did_not_end_well(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of Dagster's own files is full and that of the ledger is not: no failure is recorded, and no success."""
    heard = own_folder / "heard.json"
    monkeypatch.setenv("ALERT_COMMAND", f"sh -c 'cat > {heard}'")

    @dg.asset
    def silent(context: dg.AssetExecutionContext, run: RunResource) -> None:
        run.session.note(pipeline="silent")
        (events,) = (own_folder / "dagster").rglob(f"{context.run.run_id}.db")
        with sqlite3.connect(events) as con:
            con.execute("CREATE TRIGGER full BEFORE INSERT ON event_logs BEGIN SELECT RAISE(IGNORE); END")

    (own_folder / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(own_folder / "dagster")) as instance:
        done = dg.materialize([silent], resources={"run": RunResource()}, instance=instance)
    with contextlib.closing(Ledger.at(own_folder / "data" / "ledger.db")) as ledger:
        recorded = runs.get_run(ledger, done.run_id)
    assert recorded["state"] == "failed"
    assert recorded["message"].startswith("how silent ended is not recorded. Is the disk full?")
    assert json.loads(heard.read_text())["event"] == "failed"


def test_regression_a_damaged_file_of_one_pipeline_silences_no_other(merchant: Merchant) -> None:
    merchant.run("preview", P)
    account = Warehouse(merchant.data / "warehouse").path(order_rows.KEY, account_of("sheets"))
    account.parent.mkdir(parents=True, exist_ok=True)
    account.write_bytes(b"PAR1 cut")
    printed = merchant.run("status", code=2)
    assert "catsy_sparklayer" in printed
    assert f"shopify_sheets: {account}" in printed
    assert merchant.heard == []


class TestSettings:
    WRONG = {
        "AMAZON_PLYTIX_MIN_CONFIDENCE": "7",
        "SHOPIFY_TIME_ZONE": "Mars/Base",
        "PLYTIX_PAGE_SIZE": "1000",
        "SHOPIFY_SHEETS_MAX_HELD": "-1",
    }

    def test_regression_wrong_settings_stop_only_the_pipelines_that_read_them(self, merchant: Merchant) -> None:
        assert "250 create" in merchant.run("preview", P, **self.WRONG)
        assert merchant.heard == []

    def test_its_own_pipeline_says_which_it_is(self, merchant: Merchant) -> None:
        printed = merchant.run("sync", "shopify_sheets", code=2, SHOPIFY_TIME_ZONE="Mars/Base")
        assert "time_zone: " in printed
        assert [(e["event"], e["pipeline"]) for e in merchant.heard] == [("failed", "shopify_sheets")]

    def test_a_backfill_by_a_wrong_zone_reads_nothing(self, merchant: Merchant, sandbox: Sandbox) -> None:
        days = ("--from", "2026-01-01", "--to", "2026-01-02")
        printed = merchant.run("backfill", "shopify_store", *days, code=2, SHOPIFY_TIME_ZONE="Mars/Base")
        assert "time_zone: " in printed
        assert sandbox.calls("shopify") == []
        assert [e["event"] for e in merchant.heard] == ["failed"]

    def test_questions_about_all_pipelines_are_answered_for_the_others(self, merchant: Merchant) -> None:
        for question in ("status", "errors"):
            printed = merchant.run(question, code=2, **self.WRONG)
            assert "amazon_plytix: settings [plytix]" in printed
            assert "catsy_sparklayer" in printed
        assert merchant.heard == []

    def test_validate_reads_them_all(self, merchant: Merchant) -> None:
        printed = merchant.run("validate", P, "--json", code=2, **self.WRONG)
        found = [f for f in json.loads(printed[printed.index("[") :]) if f["verdict"] == "problem"]
        assert sorted(f["pipeline"] for f in found) == ["amazon_plytix", "amazon_plytix", "shopify_sheets", "shopify_sheets"]

    def test_a_wrong_setting_that_all_share_stops_a_run_before_it_begins(self, merchant: Merchant) -> None:
        assert "days: " in merchant.run("sync", P, code=2, RETENTION_DAYS="0")
        assert len(merchant.heard) == 1
