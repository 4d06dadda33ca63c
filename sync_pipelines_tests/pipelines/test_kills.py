"""A real process, killed for real at every commit, call and rename; the next run needs no person."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines.merchant import Merchant, listed
from vendor_sandbox import Sandbox


def child(point: str) -> subprocess.CompletedProcess[str]:
    return forked.command([point], timeout=60, module="sync_pipelines_tests.pipelines.killed_prices")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["commit", "call", "file"])
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.deep)], ids=["some", "each"])
def test_a_process_killed_at_any_point_loses_nothing_and_doubles_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, when: str, every: int
) -> None:
    monkeypatch.setenv("SPARKLAYER_BATCH_SIZE", "100")
    for number in range(1, 40, every):
        monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(tmp_path / f"{kind}-{number}"))
        sandbox.reset()
        ended = child(f"{kind}:{number}:{when}")
        if ended.returncode == 0:
            break
        assert ended.returncode == -9, ended.stderr
        assert_the_next_run_puts_all_right(sandbox)
    else:
        raise AssertionError("the sync has more points than this test tries")
    assert number > {"commit": 10, "call": 8, "file": 3}[kind]


def assert_the_next_run_puts_all_right(sandbox: Sandbox) -> None:
    merchant = Merchant()
    merchant.sync("auto")
    plans = merchant.ledger.rows(sa.select(tables.plan))
    for plan in plans:
        if plan["state"] == "done":
            planned = merchant.files.query(plan["id"], "SELECT count(*) AS n FROM plan")[0]["n"]
            assert sum(merchant.ledger.outcome_counts(plan["id"]).values()) == planned
    assert merchant.ledger.doubts(merchant.ledger.plan(plans[0]["id"])["account"]) == []
    rows = [
        r
        for r in merchant.trade_prices(merchant.products("never")).to_pylist()
        if r["state"] == "desired" and r["prices"][0]["price"] > 0
    ]
    prices = listed(sandbox)
    assert all(float(prices[r["sku"]][0]["price"]) == float(r["prices"][0]["price"]) for r in rows)
    assert max(sandbox.vendors["sparklayer"].state()["effects"]["wholesale"].values()) == 1
    writes = sandbox.vendors["sparklayer"].state()["writes"]
    assert set(Merchant().sync("auto").counts) <= {"held"}
    assert sandbox.vendors["sparklayer"].state()["writes"] == writes


def test_a_second_process_is_turned_away_while_the_first_one_writes(sandbox: Sandbox) -> None:
    from sync_pipelines.delivery.ledger import Busy
    from sync_pipelines.pipelines.sections import account_of

    merchant = Merchant()
    plan = merchant.plan()
    script = (
        "import sys, time; from sync_pipelines_tests.pipelines.merchant import Merchant; from sync_pipelines.pipelines.sections import account_of\n"
        "with Merchant().ledger.holding(account_of('sparklayer')):\n    print('held', flush=True); sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=str(holder.pid)):
            merchant.apply(plan)
        assert sandbox.vendors["sparklayer"].state()["writes"] == 0
    finally:
        holder.kill()
        holder.wait()
    assert merchant.ledger.row(sa.select(tables.lease))["account"] == account_of("sparklayer")
    assert "delivered" in merchant.apply(plan).counts
