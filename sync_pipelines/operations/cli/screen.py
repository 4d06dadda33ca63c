"""How answers look: tables and panels for people, JSON for programs. Progress goes to standard error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sync_pipelines.credentials import redact
from sync_pipelines.operations.cli import wording

out = Console(width=None if Console().is_terminal else 160)
err = Console(stderr=True)


def as_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))  # noqa: T201 - the answer itself


def table(rows: Sequence[Mapping[str, Any]], title: str = "", *, literal: bool = False) -> None:
    """Print rows under the names of the first one's columns. literal: as they are, also ids and times."""
    if not rows:
        return
    shown = Table(title=wording.text(title) or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in rows[0]:
        shown.add_column(str(name).replace("_", " "), overflow="fold")
    for row in rows:
        shown.add_row(*(_literal(value) if literal else _cell(name, value) for name, value in row.items()))
    out.print(shown)


def facts(pairs: Mapping[str, Any]) -> None:
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        out.print(f"[bold]{name.replace('_', ' '):<{width}}[/]  {_cell(name, value)}")


def counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in numbers.items() if n) or "nothing"


def say(text: str) -> None:
    """Print a line of an answer literally: brackets in a key or a path are not markup."""
    out.print(wording.text(text), markup=False, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Something to know, on standard error: what is printed for programs stays as it is."""
    err.print(escape(redact(wording.text(message))), soft_wrap=True, highlight=False)


def problem(message: str) -> None:
    err.print(f"[bold red]✗[/] {escape(redact(wording.text(message)))}", soft_wrap=True, highlight=False)


def _cell(name: str, value: Any) -> str:
    return escape(wording.value(value, name))


def _literal(value: Any) -> str:
    return "–" if value is None or value == "" else escape(str(value))
