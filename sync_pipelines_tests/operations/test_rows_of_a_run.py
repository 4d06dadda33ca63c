"""The table under a run: the plan of a preview, and of everything that applies what became of each row."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path

from sync_pipelines_tests.operations.test_cli import P, answer, open_attempt, run
from sync_pipelines_tests.pipelines.merchant import plain_items
from sync_pipelines_tests.terminal import Terminal
from vendor_sandbox import Sandbox

STATES = r"held \(\w+\)|in doubt|not sent|rejected|delivered|skipped|unchanged"


def outcomes(printed: str) -> list[str]:
    """The column with the outcomes, row by row, in the order of the table."""
    return re.findall(rf"^wholesale/\S+ +({STATES}) +(?:create|update|remove)", printed, re.MULTILINE)


def test_a_preview_shows_the_plan_and_a_sync_what_became_of_it(sandbox: Sandbox) -> None:
    planned = run("preview", P).stdout
    assert "20 of 260 rows, worst first" in planned
    assert outcomes(planned) == []
    assert 'all of them: sync-pipelines sql "SELECT key, action, held, reason FROM sparklayer.price_plan"' in planned
    synced = run("sync", P).stdout
    assert "20 of 260 rows, what did not end well first" in synced
    assert [o.split()[0] for o in outcomes(synced)] == ["held"] * 10 + ["delivered"] * 10


def test_with_a_limit_the_rows_that_were_sent_are_all_shown_and_no_other_seems_to_be(sandbox: Sandbox) -> None:
    synced = run("sync", P, "--limit", "30").stdout
    assert outcomes(synced).count("delivered") == 30
    assert "skipped" not in outcomes(synced)
    assert "220 more were not sent: beyond the limit" in synced
    sent = set(sandbox.vendors["sparklayer"].state()["effects"]["wholesale"])
    shown = re.findall(r"^wholesale/(\S+) +delivered", synced, re.MULTILINE)
    assert set(shown) == sent


def test_rows_that_ended_badly_come_first_and_where_the_rest_of_them_is_listed(sandbox: Sandbox) -> None:
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": [i["sku"] for i in plain_items(sandbox, 100)]}})
    synced = run("sync", P, code=1).stdout
    assert outcomes(synced) == ["rejected"] * 20
    assert f"20 of 260 rows; all of them: sync-pipelines errors {P}" in synced
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": None}})
    assert set(outcomes(run("retry", P).stdout)) == {"delivered"}
    last = answer("history", P)[0]
    assert set(outcomes(run("undo", P, "--run", last["run_id"]).stdout)) == {"delivered"}


def test_a_finished_plan_is_said_to_be_finished(sandbox: Sandbox) -> None:
    first = answer("sync", P)
    writes = sandbox.vendors["sparklayer"].state()["writes"]
    printed = run("apply", P, "--plan", first["plan_id"]).stdout
    assert re.search(rf"plan {first['plan_id'][:8]} was applied at .+; nothing was sent", printed)
    assert "rows sent are there as planned" not in printed
    assert outcomes(printed)[-1] == "delivered"
    again = answer("apply", P, "--plan", first["plan_id"])
    assert again["applied_before"] in again["message"]
    assert again["calls"]["minimum"] <= again["calls"]["used"]
    assert sandbox.vendors["sparklayer"].state()["writes"] == writes


def answered(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "data" / "ledger.db") as con:
        return {state for (state,) in con.execute("SELECT state FROM outcome")}


def test_ctrl_c_shows_what_was_sent_and_what_was_not(sandbox: Sandbox, own_folder: Path) -> None:
    sandbox.faults("sparklayer", [{"on": "PATCH *", "kind": "slow", "seconds": 30, "after": 1}])
    with Terminal("sync", P, env={**os.environ, "SPARKLAYER_BATCH_SIZE": "100"}) as terminal:
        terminal.until(lambda: open_attempt(own_folder) and "delivered" in answered(own_folder))
        terminal.interrupt()
        assert terminal.end() == 2
    sandbox.clear_faults("sparklayer")
    assert "interrupted. What was sent and not answered is settled by the next run" in terminal.printed
    assert "100 delivered" in terminal.printed
    assert "in doubt" in outcomes(terminal.printed)
    assert "20 of 260 rows, what did not end well first" in terminal.printed
