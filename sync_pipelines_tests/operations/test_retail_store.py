"""The report over the store: questions with counts and first rows, and each of them as a CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sync_pipelines.errors import UsageError
from sync_pipelines.operations import retail_store
from sync_pipelines.operations.cli.root import app
from sync_pipelines.pipelines.lightspeed_retail.answers import QUESTIONS
from sync_pipelines.pipelines.mirrors import NeverRead
from sync_pipelines_tests.pipelines import lightspeed_scene
from vendor_sandbox import Sandbox

NAMES = [question.name for question in QUESTIONS]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def empty(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def mirrored(empty: Sandbox) -> Sandbox:
    lightspeed_scene.begin(empty).sync()
    return empty


def lines(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_report_has_every_question_and_its_csv(mirrored: Sandbox, own_folder: Path) -> None:
    found = retail_store.report(output=own_folder / "answers")
    assert [each.question for each in found.answers] == NAMES
    assert found.days == 365
    assert found.numbers["stock_value_at_cost"] > 0
    for each in found.answers:
        assert each.csv
        assert len(lines(each.csv)) == each.rows
        assert len(each.first) == min(each.rows, retail_store.FIRST)
    assert [row["sku"] for row in lines(own_folder / "answers" / "web_products_without_pictures.csv")] == [
        "TRAP-ON-THE-WEB-WITHOUT-A-PICTURE"
    ]


def test_fewer_days_find_more_dead_stock(mirrored: Sandbox) -> None:
    def dead(days: int) -> int:
        return next(each.rows for each in retail_store.report(days).answers if each.question == "dead_stock")

    assert dead(1) > dead(3650) == 0


def test_one_file_is_for_the_question_whose_name_it_has(mirrored: Sandbox, own_folder: Path) -> None:
    found = retail_store.report(output=own_folder / "to_reorder.csv")
    assert [each.question for each in found.answers if each.csv] == ["to_reorder"]
    with pytest.raises(UsageError, match=r"one file holds one question.*Did you mean dead_stock\?"):
        retail_store.report(output=own_folder / "dead_stok.csv")
    (own_folder / "taken").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        retail_store.report(output=own_folder / "taken")


def test_a_collection_that_is_left_out_leaves_out_its_questions_only(mirrored: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSPEED_RETAIL_LEAVE_OUT", "sales,users")
    found = retail_store.report()
    assert {each.question: each.not_answered for each in found.answers if each.not_answered} == dict.fromkeys(
        ("never_sold", "dead_stock", "dead_without_stock", "margins_by_supplier"), "not mirrored, by the settings: sales"
    )
    assert found.numbers == {}


def test_before_the_first_sync_it_says_what_was_never_read(empty: Sandbox) -> None:
    with pytest.raises(NeverRead, match="was never read"):
        retail_store.report()


def test_both_spellings_print_the_same_and_json_has_the_same(mirrored: Sandbox) -> None:
    answered = CliRunner().invoke(app, ["report", "lightspeed_retail", "--json"])
    assert answered.exit_code == 0
    found = json.loads(answered.stdout)
    assert [each["question"] for each in found["answers"]] == NAMES
    shown = CliRunner().invoke(app, ["lightspeed", "report"]).stdout
    for each in found["answers"]:
        assert f"{each['rows']} ({each['question']})" in shown
