"""Answers as data: what a program that is not the command line gets, and what it is told instead of an answer."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.credentials import CredentialMissing, secret
from sync_pipelines.delivery import reports, runs
from sync_pipelines.delivery.ledger import LedgerUnreadable
from sync_pipelines.delivery.reports import AttemptOf, BadRow
from sync_pipelines.errors import UsageError
from sync_pipelines.operations import answers, environment, order_sheet, running, ui
from sync_pipelines.operations.pipelines import ASKED
from sync_pipelines.pipelines.sections import check_file
from sync_pipelines.settings import RetentionSettings, SettingsError, data_dir
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings

P = "catsy_sparklayer"


@dataclass(frozen=True)
class Inner:
    two: int
    three: tuple[Path, ...]


@dataclass(frozen=True)
class Outer:
    one: str
    inner: Inner = field(metadata=answers.FLAT)
    four: Inner | None = None


def test_a_flat_field_stands_among_the_others_in_their_order() -> None:
    found = answers.plain([Outer("a", Inner(2, (Path("x"),)), Inner(5, ()))])
    assert found == [{"one": "a", "two": 2, "three": ["x"], "four": {"two": 5, "three": []}}]
    assert list(found[0]) == ["one", "two", "three", "four"]


def test_a_run_and_a_plan_have_one_name_in_every_answer_and_keep_their_old_ones() -> None:
    row = BadRow("A", "rejected", "no", "p1", "2026-01-01")
    assert answers.plain(row) == {**answers.plain(row, old_names=False), "plan": "p1"}
    assert answers.plain(row, old_names=False)["plan_id"] == "p1"
    attempt = AttemptOf("A", "a1", "r1", "p1", "prices", "answered", None, "2026-01-01", None)
    shown = answers.plain([attempt])[0]
    assert (shown["run_id"], shown["run"], shown["plan_id"], shown["plan"]) == ("r1", "r1", "p1", "p1")


def test_a_pipeline_that_cannot_answer_keeps_no_other_from_it() -> None:
    def question(name: str) -> str:
        if name == P:
            raise SettingsError("wrong")
        return name

    asked = answers.of_all(question)
    assert asked.answers == tuple(name for name in ASKED if name != P)
    assert asked.refused == {P: "wrong"}


def test_without_a_ledger_nobody_can_answer() -> None:
    data_dir().mkdir()
    (data_dir() / "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerUnreadable):
        answers.of_all(answers.status)


def test_an_answer_is_typed_and_cannot_be_changed(capsys: pytest.CaptureFixture[str]) -> None:
    found = answers.status(P)
    assert (found.standing.last_run, found.standing.records) == (None, 0)
    assert answers.history() == ()
    with pytest.raises(FrozenInstanceError):
        found.pipeline = "other"  # type: ignore[misc]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: running.sync(P, force=True), "--force: only for shopify_sheets"),
        (
            lambda: running.preview("shopify_sheets", refresh="always"),
            "only for catsy_sparklayer, shopify_sentos and amazon_plytix",
        ),
        (lambda: running.preview(P, from_csv=Path("nowhere.csv")), "nowhere.csv is not there"),
        (lambda: running.rehearse(P), "--test: only for shopify_sheets"),
        (lambda: running.undo(P, "0000000000"), "no plan 0000000000"),
        (lambda: answers.reset(P, "X"), "nothing is known of 'X'"),
        (lambda: answers.release(P, "0000000000", "why"), "say what to release"),
        (lambda: answers.export(P, Path("no/such.csv")), "there is no folder no"),
        (lambda: answers.sql("selec 1"), "SELECT"),
        (lambda: order_sheet.report(3, Path()), "is a folder"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_says_so(ask: Any, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=told):
        ask()
    assert capsys.readouterr() == ("", "")
    assert not (data_dir() / "dagster").exists(), "nothing was begun"


def test_a_variable_is_set_for_one_question_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLYTIX_ALIAS", "main")
    with environment.variables(PLYTIX_ALIAS="second", AMAZON_MARKETPLACE="US", OTHER=None):
        assert (os.environ["PLYTIX_ALIAS"], os.environ["AMAZON_MARKETPLACE"]) == ("second", "US")
    assert os.environ["PLYTIX_ALIAS"] == "main"
    assert not {"AMAZON_MARKETPLACE", "OTHER"} & set(os.environ)


def test_a_start_of_an_id_is_enough_and_one_that_fits_several_says_which() -> None:
    with answers.open_ledger() as ledger:
        for run in ("aaaa1111-0", "aaaa2222-0", "bbbb3333-0"):
            runs.start_run(ledger, run, P, "sync")
    page = ui.page_of("b", port=1)
    assert (page.run_id, page.served) == ("bbbb3333-0", False)
    assert page.address == "http://127.0.0.1:1/runs/bbbb3333-0"
    with pytest.raises(UsageError, match=r"aaaa fits several runs: aaaa1111 \(sync of .*\); aaaa2222 \(.*Give more"):
        ui.page_of("aaaa")
    with pytest.raises(UsageError, match="no run and no plan cccc"):
        ui.page_of("cccc")
    with pytest.raises(UsageError, match="no run and no plan"):
        ui.page_of("")


def test_a_mistyped_name_in_the_settings_is_answered_with_the_likest(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_folder / "settings.toml").write_text("[katsy]\n[sparklayer]\nbatch_sise = 3\n[retention]\nzzz = 1\n")
    monkeypatch.setenv("CATSY_BEARER_TOKN", "x")
    with pytest.raises(SettingsError, match=r"nothing reads: katsy\. Did you mean catsy\?"):
        check_file()
    with pytest.raises(SettingsError, match=r"batch_sise: nothing reads this setting\. Did you mean batch_size\?"):
        SparkLayerSettings.read()
    with pytest.raises(SettingsError, match=r"zzz: nothing reads this setting\.$"):
        RetentionSettings.read()
    with pytest.raises(CredentialMissing, match=r"CATSY_BEARER_TOKN is set: is that a misspelling\?"):
        secret("CATSY_BEARER_TOKEN")


def test_a_mistyped_key_is_answered_with_the_likest(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"wholesale/BOLT-M8-90", "wholesale/NUT-M6-70"}
    monkeypatch.setattr(reports, "known_keys", lambda *_: known)
    assert answers.keys_like(P, "BOLT-M8-9O") == ("BOLT-M8-90",)
    with pytest.raises(UsageError, match=r"nothing is known of 'NUT-M6-7' .* Did you mean NUT-M6-70\?"):
        answers.reset(P, "NUT-M6-7")
