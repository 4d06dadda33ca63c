"""Whether all is well, as a monitor asks it, and what a person is told to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery import reports, runs
from sync_pipelines.delivery.ledger import Ledger, LedgerUnreadable
from sync_pipelines.operations import answers, health
from sync_pipelines.operations.pipelines import ASKED
from sync_pipelines_tests.operations.test_cli import P, answer, run
from vendor_sandbox import Sandbox

WELL = reports.Standing(None, None, None, 0, 0, 0, 0)
RUN = reports.PastRun("run-1", P, "sync", "done", "2026-01-01", None, None, {}, 0, reports.CallCount(0, 0), "")


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    for variable in ("SPARKLAYER_SITE_ID", "CATSY_QUERY_ID"):
        monkeypatch.setenv(variable, "x")
    with answers.open_ledger() as ledger:
        yield ledger


def problems(**asked: Any) -> list[str]:
    return [found.problem for found in health.check([P], **asked).problems]


def test_a_pipeline_that_never_ran_is_well(ledger: Ledger) -> None:
    assert problems(max_age=timedelta(0), strict=True) == []


def test_a_run_that_failed_needs_a_person_until_one_ends_well(ledger: Ledger) -> None:
    runs.start_run(ledger, "run-1", P, "sync")
    assert problems() == []
    runs.end_run(ledger, "run-1", "failed", message="the shop is closed")
    assert problems() == ["run run-1 (sync) ended failed: the shop is closed"]
    assert problems(max_age=timedelta(hours=1))[1:] == ["no sync ended well yet"]
    runs.start_run(ledger, "run-2", P, "sync")
    runs.end_run(ledger, "run-2", "done")
    assert problems(max_age=timedelta(hours=1)) == []
    (late,) = problems(max_age=timedelta(0))
    assert late.startswith("the last good sync ended 20")


def test_a_chain_that_failed_is_not_mended_by_another_one(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    sentos = "shopify_sentos"
    for name, value in {"SENTOS_API_URL": "https://x.sentos.com.tr/api", "SHOPIFY_STORE_NAME": "x"}.items():
        monkeypatch.setenv(name, value)

    def told(**asked: Any) -> list[str]:
        return [found.problem for found in health.check([sentos], **asked).problems]

    def ran(run_id: str, verb: str, state: runs.RunState) -> None:
        runs.start_run(ledger, run_id, sentos, verb)
        runs.end_run(ledger, run_id, state)

    ran("run-1", "sync stock", "failed")
    ran("run-2", "sync orders", "done")
    assert told() == ["run run-1 (sync stock) ended failed"]
    assert told(max_age=timedelta(hours=1))[1:] == ["no sync stock ended well yet"]
    assert [run.run_id for run in reports.problems(ledger, sentos, (), every=False).runs] == ["run-1"]
    assert not runs.recovered(ledger, sentos, "run-2", "sync orders")
    ran("run-3", "sync stock", "done")
    assert (told(max_age=timedelta(hours=1)), reports.problems(ledger, sentos, (), every=False).runs) == ([], ())
    assert runs.recovered(ledger, sentos, "run-3", "sync stock")


def test_a_run_whose_process_is_gone_needs_a_person(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as another:
        another.setattr("os.getpid", lambda: 4_000_000)
        another.setattr(runs, "process_start", lambda _: "long ago")
        runs.start_run(ledger, "run-1", P, "sync")
    assert problems() == ["run run-1 (sync) was killed; the next run settles what it left"]


def test_what_cannot_be_told_of_one_pipeline_is_no_news_of_another(own_folder: Path) -> None:
    (own_folder / "settings.toml").write_text("[sparklayer]\nnonsense = 1\n")
    found = health.check()
    assert list(found.unknown) == [P]
    (own_folder / "data" / "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerUnreadable):
        health.check()


@pytest.mark.parametrize(
    ("standing", "may_write", "told"),
    [
        (WELL, True, "init"),
        (replace(WELL, last_run=RUN), True, ""),
        (replace(WELL, last_run=RUN), False, "enable"),
        (replace(WELL, last_run=RUN, broken=(replace(RUN, state="failed"),)), False, "errors"),
        (replace(WELL, last_run=RUN, rows_ended_badly=1, rows_held=1), True, "errors"),
        (replace(WELL, last_run=RUN, rows_held=1), True, "errors"),
        (replace(WELL, last_run=RUN, waiting_plan=reports.WaitingPlan("ab12", "clear", "")), True, "apply --plan ab12"),
        (
            replace(WELL, last_run=RUN, waiting_plan=reports.WaitingPlan("ab12", "stopped", "")),
            True,
            "release --plan ab12 --verdict --reason …",
        ),
    ],
)
def test_what_to_do_is_a_command(standing: reports.Standing, may_write: bool, told: str) -> None:
    expected = f"sync-pipelines catsy {told}" if told else ""
    assert health.what_to_do(P, standing, may_write=may_write) == expected


def test_a_monitor_gets_exit_codes_and_a_person_a_table(sandbox: Sandbox) -> None:
    table = run("status").stdout
    assert "sync-pipelines catsy preview" in table
    assert [line.split()[0] for line in table.splitlines()[1:] if line[0] != " "] == list(ASKED)
    assert "all is well" in run("status", "--check").stdout
    run("sync", P, code=2, CATSY_QUERY_ID="00000000-0000-0000-0000-000000000000")
    found = answer("status", "--check", code=1)
    assert (found["exit_code"], [p["pipeline"] for p in found["problems"]]) == (1, [P])
    assert f"{P}: run " in run("catsy", "status", "--check", code=1).stdout
    run("status", "--check", code=2, SPARKLAYER_BATCH_SIZE="many")
    run("status", "--max-age", "3", code=2)
