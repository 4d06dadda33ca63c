"""Getting a real account going without fear: ask, test, write .env."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import typer
from dotenv import dotenv_values, set_key

from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.cli.exits import COULD_NOT_RUN, DONE
from sync_pipelines.operations.pipelines import PIPELINES, of
from sync_pipelines.settings import home


def init(pipeline: str) -> int:
    """Ask for every variable (what is set is the default), test the login, and only then write .env."""
    questions = of(pipeline)
    path = home() / ".env"
    known = dotenv_values(path) if path.exists() else {}
    answers: dict[str, str] = {}
    for asked in (each for each in PIPELINES[pipeline].credentials if each.asked):
        variable, is_secret = asked.variable, asked.secret
        now = os.environ.get(variable) or known.get(variable) or asked.default
        shown = "as it is" if is_secret and now else now
        answer = typer.prompt(f"{asked.what} ({variable})", default=shown or None, hide_input=is_secret, show_default=bool(shown))
        answers[variable] = now if is_secret and answer == "as it is" else str(answer).strip()
    os.environ.update(answers)
    found = questions.validate(deep=False)
    screen.table([asdict(f) for f in found])
    if any(f.verdict == "problem" for f in found) and not typer.confirm(
        "That did not work. Write .env all the same?", default=False
    ):
        return COULD_NOT_RUN
    write_env(path, answers)
    screen.say(f"written to {path}, readable by you alone.")
    screen.say(
        f"Nothing is written to a live account yet. Look first: sync-pipelines preview {pipeline}; "
        f"then: sync-pipelines enable {pipeline}"
    )
    return DONE


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
