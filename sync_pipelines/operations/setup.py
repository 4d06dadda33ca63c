"""Getting a real account going without fear: ask, test, write .env."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from dotenv import dotenv_values, set_key

from sync_pipelines.errors import UsageError
from sync_pipelines.nearest import meant
from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.cli.exits import COULD_NOT_RUN, DONE
from sync_pipelines.operations.pipelines import PIPELINES, of
from sync_pipelines.pipelines.observations import Observation
from sync_pipelines.pipelines.shape import Credential
from sync_pipelines.settings import home

AS_IT_IS = "as it is"
"""What stands for a secret that is set, as the default of its question."""


def init(pipeline: str, given: Sequence[str] = ()) -> int:
    """Ask for every variable (what is set is the default), test the login, and only then write .env.

    What a failed login may be due to is asked again, with what was answered as the default. given: answers as NAME=value; with
    any, nothing is asked, and what is not among them has to be set or have a default. Raises UsageError for what is missing.
    """
    path = home() / ".env"
    asked = [each for each in PIPELINES[pipeline].credentials if each.asked]
    answers = _known(asked, path)
    if given:
        answers |= _taken(given, asked)
        _require(pipeline, asked, answers)
    else:
        _ask(asked, answers)
    while problems := _problems(pipeline, answers):
        doubtful = [] if given else _doubtful(asked, problems)
        if doubtful and typer.confirm(f"Ask again for {', '.join(each.variable for each in doubtful)}?", default=True):
            _ask(doubtful, answers)
        elif given or not typer.confirm("That did not work. Write .env all the same?", default=False):
            screen.problem("nothing was written to .env.")
            return COULD_NOT_RUN
        else:
            break
    write_env(path, answers)
    screen.say(f"written to {path}, readable by you alone.")
    screen.say(
        f"Nothing is written to a live account yet. Look first: sync-pipelines preview {pipeline}; "
        f"then: sync-pipelines enable {pipeline}"
    )
    return DONE


def _known(asked: Sequence[Credential], path: Path) -> dict[str, str]:
    """Return what is set already, in the environment or the file, or is the default."""
    written = dotenv_values(path) if path.exists() else {}
    return {each.variable: os.environ.get(each.variable) or written.get(each.variable) or each.default for each in asked}


def _taken(given: Sequence[str], asked: Sequence[Credential]) -> dict[str, str]:
    """Return answers given as NAME=value. Raises UsageError for others."""
    names, found = [each.variable for each in asked], dict[str, str]()
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError("--set takes NAME=value.")  # which is not shown: it may be a secret
        if name not in names:
            raise UsageError(f"--set {name}: not one of {', '.join(names)}.{meant(name, names)}")
        found[name] = value.strip()
    return found


def _require(pipeline: str, asked: Sequence[Credential], answers: Mapping[str, str]) -> None:
    missing = [each for each in asked if not answers[each.variable] and not each.optional]
    if missing:
        told = "; ".join(f"{each.variable} ({each.what})" for each in missing)
        raise UsageError(f"init {pipeline} needs {told}. Give each with --set NAME=value, or export it. Nothing was written.")


def _ask(asked: Sequence[Credential], answers: dict[str, str]) -> None:
    for each in asked:
        now = answers[each.variable]
        shown = AS_IT_IS if each.secret and now else now
        default = shown or ("" if each.optional else None)
        answer = typer.prompt(f"{each.what} ({each.variable})", default=default, hide_input=each.secret, show_default=bool(shown))
        if not (each.secret and answer == AS_IT_IS):
            answers[each.variable] = str(answer).strip()


def _problems(pipeline: str, answers: Mapping[str, str]) -> list[Observation]:
    """Test the answers, show what was found, and return what is wrong."""
    os.environ.update(answers)
    found = of(pipeline).validate(deep=False)
    screen.table([asdict(each) for each in found])
    return [each for each in found if each.verdict == "problem"]


def _doubtful(asked: Sequence[Credential], problems: Sequence[Observation]) -> list[Credential]:
    """Return what may be wrong: the variables that a problem names, else all of the system that it is about."""
    doubtful: set[str] = set()
    for problem in problems:
        named = {each.variable for each in asked if each.variable in problem.text}
        system = f"{problem.what.partition(' ')[0].upper()}_"
        doubtful |= named or {each.variable for each in asked if each.variable.startswith(system)}
    return [each for each in asked if each.variable in doubtful]


def write_env(path: Path, values: dict[str, str]) -> None:
    """Set these variables in an environment file that nobody else may read; others in it stay.

    python-dotenv, which this project and Dagster read the file with, gives every value back as it is.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    path.chmod(0o600)
    for name, value in values.items():
        set_key(path, name, _quoted(value), quote_mode="never")
    path.chmod(0o600)


def _quoted(value: str) -> str:
    """A value for python-dotenv: it expands `${NAME}` inside any quotes, and a carriage return survives only as `\\r`."""
    text = value.replace("\\", "\\\\").replace("${", "${:-$}{")
    if "\r" in text:
        return '"' + text.replace('"', '\\"').replace("\r", "\\r") + '"'
    return "'" + text.replace("'", "\\'") + "'"
