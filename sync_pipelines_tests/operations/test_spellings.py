"""What a command is called: general verbs, the pipelines' short names, and every spelling of earlier versions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from sync_pipelines.operations import answers, environment, order_sheet, retail_store, running
from sync_pipelines.operations.cli import binding, general
from sync_pipelines.operations.cli.root import app
from sync_pipelines.operations.launch import Ended
from sync_pipelines.operations.pipelines import PIPELINES, WRITERS

SHORT = {name: PIPELINES[name].short for name in WRITERS}
COMMANDS: Any = typer.main.get_command(app)


@dataclass
class Prompt:
    """A command line whose answers are noted instead of given."""

    asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def run(self, line: str, code: int = 0) -> str:
        done = CliRunner(env={"COLUMNS": "400"}).invoke(app, line.split())
        assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
        return str(done.output)

    def asks(self, line: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """What a line asks for, with the options that say something."""
        self.asked.clear()
        self.run(line)
        ((name, given, named),) = self.asked
        return name, given, {option: value for option, value in named.items() if value not in (None, False, "auto")}


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prompt]:
    prompt = Prompt()
    ended = Ended("some", "run", None, "done", "", {}, 0, {"used": 0, "minimum": 0}, {"total": 0, "startup": 0})

    def note(name: str, gives: Any) -> Any:
        def asked(*given: Any, **named: Any) -> Any:
            prompt.asked.append((name, given, named))
            return gives

        return asked

    for name in ("preview", "sync", "apply", "undo", "backfill", "reconcile"):
        monkeypatch.setattr(running, name, note(name, ended))
    for module, name, gives in (
        (running, "retry", ()),
        (answers, "disable", None),
        (answers, "history", ()),
        (order_sheet, "orders", []),
        (order_sheet, "missing", ()),
        (order_sheet, "prepare", order_sheet.Prepared("some", ())),
        (retail_store, "report", retail_store.Report("some", 1, {}, ())),
        (order_sheet, "report", order_sheet.Report({"currency": "", "days": []}, environment.data_dir())),
    ):
        monkeypatch.setattr(module, name, note(name, gives))
    return prompt


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("catsy sync --limit 3", "sync catsy_sparklayer --limit 3"),
        ("catsy preview --refresh always", "preview catsy_sparklayer --refresh always"),
        ("sheets sync --force", "sync shopify_sheets --force"),
        ("sheets apply --plan abc", "apply shopify_sheets --plan abc"),
        ("amazon preview --partition x", "preview amazon_plytix --partition x"),
        ("amazon retry --keys A --keys B", "retry amazon_plytix --keys A --keys B"),
        ("amazon undo --run abc", "undo amazon_plytix --run abc"),
        ("amazon disable", "disable amazon_plytix"),
        ("sheets history --limit 3", "history shopify_sheets --limit 3"),
        ("sheets reconcile", "reconcile"),
        ("sheets reconcile --strict", "reconcile shopify_sheets --strict"),
        ("sheets orders --limit 3", "orders --limit 3"),
        ("sheets orders", "orders shopify_sheets"),
        ("sheets missing", "missing"),
        ("sheets missing", "missing shopify_sheets"),
        ("sheets prepare", "prepare"),
        ("sheets prepare", "prepare shopify_sheets"),
        ("sheets prepare", "prepare sheets"),
        ("catsy sync --limit 3", "sync catsy --limit 3"),
        ("sheets history --limit 3", "history sheets --limit 3"),
        ("sheets report --days 3", "report --days 3"),
        ("sheets report -o x.html", "report shopify_sheets -o x.html"),
        ("lightspeed report --days 3 -o x", "report lightspeed_retail --days 3 -o x"),
        ("lightspeed report", "report lightspeed"),
        ("sheets backfill --from 2026-01-01 --to 2026-01-02", "backfill shopify_store --from 2026-01-01 --to 2026-01-02"),
    ],
)
def test_old_spellings_ask_for_the_same(prompt: Prompt, short: str, long: str) -> None:
    assert prompt.asks(short) == prompt.asks(long)


def test_a_command_of_several_pipelines_is_the_first_ones_without_a_name(prompt: Prompt) -> None:
    assert prompt.asks("report")[1] == (7, None) != prompt.asks("report lightspeed")[1]
    assert "366 days" in prompt.run("report --days 367", code=2)


def test_pipelines_whose_commands_take_other_options_do_not_share_a_name() -> None:
    def one(days: int = 1) -> None: ...
    def other(weeks: int = 1) -> None: ...

    with pytest.raises(TypeError, match="take other options"):
        binding.with_a_name({"shopify_sheets": one, "lightspeed_retail": other})


def test_what_is_asked_for(prompt: Prompt) -> None:
    assert prompt.asks("catsy sync --limit 3") == ("sync", ("catsy_sparklayer",), {"limit": 3})
    days = (date(2026, 1, 1), date(2026, 1, 2))
    assert prompt.asks("sheets backfill --from 2026-01-01 --to 2026-01-02") == ("backfill", ("shopify_store", *days), {})


@pytest.mark.parametrize("name", WRITERS)
def test_every_general_verb_works_for_every_pipeline_without_naming_it(name: str) -> None:
    group = COMMANDS.commands[SHORT[name]].commands
    own, _ = binding.own_commands(name)
    verbs = {verb for verb, (_, pipelines) in general.VERBS.items() if name in pipelines}
    assert len(verbs) == 16
    assert set(group) == verbs | set(own)
    for verb in verbs - set(own):
        there = {p.name for p in COMMANDS.commands[verb].params}
        here = {p.name for p in group[verb].params}
        assert here == there - {"pipeline"} - (binding.OWNED - set(PIPELINES[name].options)), verb


def test_a_pipeline_that_only_reads_days_has_no_verb_but_that() -> None:
    assert set(COMMANDS.commands["shopify"].commands) == {"backfill"}


def test_a_pipelines_own_command_wins_over_a_general_verb() -> None:
    assert {"mapping", "dry_run", "execute"} <= {p.name for p in COMMANDS.commands["amazon"].commands["sync"].params}


def test_an_option_of_another_pipeline_is_unknown_under_a_short_name(prompt: Prompt) -> None:
    assert "No such option" in prompt.run("sheets sync --refresh always", code=2)
    assert "No such option" in prompt.run("catsy preview --partition x", code=2)
    assert prompt.asked == []


def test_a_name_that_is_no_pipeline_is_refused(prompt: Prompt) -> None:
    assert "shopify_store" in prompt.run("sync shopify_store", code=2)
    assert "catsy_sparklayer" in prompt.run("missing catsy_sparklayer", code=2)
    assert prompt.asked == []


def test_a_mistyped_pipeline_or_command_is_answered_with_the_likest(prompt: Prompt) -> None:
    assert "Did you mean catsy?" in prompt.run("sync catzy", code=2)
    assert "Did you mean amazon_plytix?" in prompt.run("status amazon_plytx", code=2)
    assert "Did you mean 'sync'?" in prompt.run("sinc", code=2)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("missing", "also: sync-pipelines sheets missing"),
        ("sheets missing", "also: sync-pipelines missing"),
        ("sheets backfill", "also: sync-pipelines backfill shopify_store"),
        ("shopify backfill", "also: sync-pipelines backfill shopify_store"),
        ("backfill", "also: sync-pipelines shopify backfill, sync-pipelines sheets backfill"),
        ("apply", "also: " + ", ".join(f"sync-pipelines {short} apply" for short in SHORT.values())),
        ("lightspeed sync", "also: sync-pipelines sync lightspeed_retail"),
        ("sheets report", "also: sync-pipelines report"),
        ("lightspeed report", "also: sync-pipelines report lightspeed_retail"),
        ("report", "also: sync-pipelines sheets report, sync-pipelines lightspeed report"),
        ("amazon errors", "also: sync-pipelines errors amazon_plytix"),
    ],
)
def test_help_names_the_other_spelling(prompt: Prompt, command: str, told: str) -> None:
    assert told in [line.strip() for line in prompt.run(f"{command} --help").splitlines()]


def test_help_says_whose_an_option_is(prompt: Prompt) -> None:
    assert "shopify_sheets: also minutes after the last good sync" in prompt.run("sync --help")
    assert "shopify_sheets:" not in prompt.run("sheets sync --help")


def test_a_verb_is_bound_by_its_signature_alone() -> None:
    given: dict[str, Any] = {}

    def verb(pipeline: Annotated[str, typer.Argument(help="which")], refresh: str = "auto", force: bool = False) -> None:
        """Do it."""
        given.update(pipeline=pipeline, refresh=refresh, force=force)

    sheets = binding.bound(verb, "shopify_sheets")
    assert list(inspect.signature(sheets).parameters) == ["force"]
    assert sheets.__doc__ == "Do it."
    sheets(force=True)
    assert given == {"pipeline": "shopify_sheets", "refresh": "auto", "force": True}
