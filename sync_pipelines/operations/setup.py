"""Getting a real account going without fear: ask, test, write .env; and say what holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import typer
from dotenv import dotenv_values, set_key

from sync_pipelines.operations import environment, screen
from sync_pipelines.operations.launch import COULD_NOT_RUN, DONE
from sync_pipelines.operations.pipelines import PIPELINES, of
from sync_pipelines.pipelines.observations import Observation
from sync_pipelines.pipelines.sections import SECTIONS, check_file
from sync_pipelines.settings import SettingsError, home


def init(pipeline: str) -> int:
    """Ask for every variable (what is set is the default), test the login, and only then write .env."""
    questions = of(pipeline)
    path = home() / ".env"
    known = dotenv_values(path) if path.exists() else {}
    answers: dict[str, str] = {}
    for asked in PIPELINES[pipeline].credentials:
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


def _wrong_settings() -> dict[str, list[Observation]]:
    """What is wrong with the settings, by pipeline ("": what all share). All are read here; a run reads only its own."""
    found: dict[str, list[Observation]] = {}
    of_one = {section: name for name, pipeline in PIPELINES.items() for section in pipeline.settings}
    looks: list[tuple[str, Callable[[], object]]] = [("", check_file)]
    looks += [(of_one.get(section, ""), section.read) for section in SECTIONS]
    for name, look in looks:
        try:
            look()
        except SettingsError as e:
            found.setdefault(name, []).append(Observation("settings", "problem", str(e)))
    return found


def validate(pipelines: list[str], *, deep: bool, json: bool) -> int:
    environment.ledger().close()  # without it nothing can run
    wrong = _wrong_settings()
    found = [{"pipeline": p, **asdict(f)} for p, problems in wrong.items() for f in problems]
    for p in pipelines:
        if not wrong.get(p) and not wrong.get(""):
            found += [{"pipeline": p, **asdict(f)} for f in of(p).validate(deep=deep)]
    screen.as_json(found) if json else screen.table(found)
    return COULD_NOT_RUN if any(f["verdict"] == "problem" for f in found) else DONE
