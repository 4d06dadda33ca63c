"""Getting a real account going without fear: ask, test, write .env."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from dotenv import dotenv_values, set_key, unset_key

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

    What a failed login may be due to is asked again, with what was answered as the default. Each answer is kept at once, so
    that the next `init` goes on where this one was interrupted. given: answers as NAME=value; with any, nothing is asked, and
    what is not among them has to be set or have a default. Raises UsageError for what is missing.
    """
    path, asked = home() / ".env", [each for each in PIPELINES[pipeline].credentials if each.asked]
    try:
        answers = _answers(pipeline, asked, path, given)
    except (typer.Abort, KeyboardInterrupt):
        screen.problem(f"interrupted; .env is as it was.{_kept(asked)}")
        return COULD_NOT_RUN
    if answers is None:
        screen.problem(f"nothing was written to .env.{'' if given else _kept(asked)}")
        return COULD_NOT_RUN
    write_env(path, answers)
    _forget(asked)
    screen.say(f"written to {path}, readable by you alone.")
    screen.say(
        f"Nothing is written to a live account yet. Look first: sync-pipelines preview {pipeline}; "
        f"then: sync-pipelines enable {pipeline}"
        if PIPELINES[pipeline].writes
        else f"Next: sync-pipelines sync {pipeline}"
    )
    return DONE


def _answers(pipeline: str, asked: Sequence[Credential], path: Path, given: Sequence[str]) -> dict[str, str] | None:
    """Ask, and test the answers until they are right or wanted all the same. Returns None where they are not wanted."""
    answers = _known(asked, path)
    if given:
        answers |= _taken(given, asked)
        _require(pipeline, asked, answers)
    else:
        if earlier := _earlier(asked):
            screen.say(f"going on with what was answered before: {', '.join(earlier)}")
            answers |= earlier
        _ask(asked, answers)
    while problems := _problems(pipeline, answers):
        doubtful = [] if given else _doubtful(asked, problems)
        if doubtful and typer.confirm(f"Ask again for {', '.join(each.variable for each in doubtful)}?", default=True):
            _ask(doubtful, answers)
        elif given or not typer.confirm("That did not work. Write .env all the same?", default=False):
            return None
        else:
            break
    return answers


def _known(asked: Sequence[Credential], path: Path) -> dict[str, str]:
    """Return what is set already, in the environment or the file, or is the default."""
    written = dotenv_values(path) if path.exists() else {}
    return {each.variable: os.environ.get(each.variable) or written.get(each.variable) or each.default for each in asked}


# --- answers of an `init` that was not ended ---------------------------------------------------------------------------------


def _draft() -> Path:
    return home() / ".env.init"


def _earlier(asked: Sequence[Credential]) -> dict[str, str]:
    """Return what was answered by an `init` that was not ended."""
    if not _draft().exists():
        return {}
    kept = dotenv_values(_draft())
    return {each.variable: value for each in asked if (value := kept.get(each.variable)) is not None}


def _kept(asked: Sequence[Credential]) -> str:
    """Say where the answers are, with a blank before it; "" where there are none."""
    return f" What was answered is kept in {_draft()}, readable by you alone; the next init goes on." if _earlier(asked) else ""


def _forget(asked: Sequence[Credential]) -> None:
    """Drop the answers from the draft, and the draft with the last of them: one of another pipeline may be in it."""
    if not _draft().exists():
        return
    for name in _earlier(asked):
        unset_key(_draft(), name, quote_mode="never")
    if not dotenv_values(_draft()):
        _draft().unlink()


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
            write_env(_draft(), {each.variable: answers[each.variable]})


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
