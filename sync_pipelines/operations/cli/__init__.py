"""The command line: typer commands over `answers` and its neighbours, printing, exit codes. Each command is one verb.

`general` has the verbs that work for every pipeline; a pipeline's own are in `commands.py` of its folder; `binding` puts both
together under the pipelines' short names; `root` is the whole. What a command needs is loaded when it is called.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from sync_pipelines import private_files
from sync_pipelines.errors import SyncError, UsageError

AT_THE_SCREEN = {"alerts", "init", "demo", "dev", "sandbox"}
"""Commands with which somebody sits at the screen: nobody else is told when they cannot run."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 needs a person, 2 could not run."""
    private_files.begin()
    try:
        from sync_pipelines.operations.cli.root import app

        app(spread(sys.argv[1:]))
    except Exception as e:  # noqa: BLE001 - a command ends with a message, whatever happened
        sys.exit(_could_not_run(e))


def _could_not_run(error: Exception) -> int:
    """Say what went wrong, on the screen and, unless only the person at the prompt needs to know, by an alert.

    A mistake in what was asked, and another run that is at work on the account, are for the person who asked.
    """
    from sync_pipelines import alerts
    from sync_pipelines.credentials import redact
    from sync_pipelines.delivery.lease import Busy
    from sync_pipelines.operations.cli import screen
    from sync_pipelines.operations.cli.exits import COULD_NOT_RUN

    message = str(error)
    if not isinstance(error, SyncError | OSError):
        message = f"{type(error).__name__}: {message}. This was not expected: data/logs/sync_debug.log has the details."
    logging.getLogger("sync_pipelines.operations").debug("the command failed", exc_info=error)
    if os.environ.get("SYNC_PIPELINES_DEBUG"):
        screen.err.print_exception()
    if "--json" in sys.argv:
        screen.as_json({"state": "failed", "message": redact(message), "exit_code": COULD_NOT_RUN})
    screen.problem(message)
    if not isinstance(error, UsageError | Busy) and not set(sys.argv) & AT_THE_SCREEN:
        alerts.alert("failed", _pipeline_of(sys.argv[1:]), "", message)
    return COULD_NOT_RUN


def _pipeline_of(arguments: Sequence[str]) -> str:
    """Return the pipeline that a command line is about: named in full or by its short name; or ""."""
    from sync_pipelines.operations.pipelines import PIPELINES

    by_name = {name: name for name in PIPELINES}
    by_short = {declared.short: name for name, declared in PIPELINES.items()}
    return next((names[a] for names in (by_name, by_short) for a in arguments if a in names), "")


def spread(arguments: list[str]) -> list[str]:
    """Return `--keys A B` as `--keys A --keys B`: a person who names several keys need not say so each time."""
    found: list[str] = []
    of_keys = False
    for argument in arguments:
        option = argument.startswith("-")
        if of_keys and not option and found[-1] != "--keys":
            found.append("--keys")
        found.append(argument)
        of_keys = argument == "--keys" or (of_keys and not option)
    return found
