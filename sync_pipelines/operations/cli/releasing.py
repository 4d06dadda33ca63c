"""What a release would let through, shown before it is given; and the question to whoever sits at a terminal."""

from __future__ import annotations

import sys

import typer

from sync_pipelines.operations.answers import Foreseen, LetThrough
from sync_pipelines.operations.cli import exits, screen


def show(foreseen: Foreseen) -> None:
    """List what would be let through: a group per kind of hold, values that become zero first."""
    for group in foreseen.let_through:
        screen.table(group.first, _title(group))
        if group.rows > len(group.first):
            screen.say(f"and {group.rows - len(group.first)} more")
    if not foreseen.let_through:
        screen.say(f"No row of plan {foreseen.plan_id} would be let through.")
    if foreseen.still_held:
        screen.say(f"{foreseen.still_held} more stay held: there is another reason beside this one.")


def _title(group: LetThrough) -> str:
    rows = f"{group.rows} row{'' if group.rows == 1 else 's'}"
    if group.kind == "zero":
        return f"{rows} in which a value becomes ZERO"
    return f"{rows} of a stopped plan" if group.kind == "verdict" else f"{rows} held ({group.kind})"


def ask(*, yes: bool) -> None:
    """Ask at a terminal whether to go on; a script is not asked. Ends the command for a no, with nothing released."""
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    if not typer.confirm("Let these through?"):
        screen.say("Nothing was released.")
        raise typer.Exit(exits.NEEDS_A_PERSON)
