"""CSV files for people: whole or not at all, and with nothing in them that a spreadsheet program would run."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sync_pipelines.whole_files import replaced

_RUN = re.compile(r"'*\s*[=+\-@＝＋－＠\t\r\n]")
"""How a text begins that a spreadsheet program may run (https://owasp.org/www-community/attacks/CSV_Injection), also behind
apostrophes, so that `as_written` takes away no more than `harmless` added."""
_NEGATIVE = re.compile(r"-[0-9]+(?:[.,][0-9]+)?")


def write_csv(output: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> int:
    """Write a CSV under its final name only when it is complete and on the disk. Returns the lines written.

    Raises FileNotWritten.
    """
    written = 0
    with replaced(output) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([harmless(name) for name in header])
        for line in lines:
            writer.writerow([harmless(value) for value in line])
            written += 1
    return written


def harmless(value: Any) -> Any:
    """Text that a spreadsheet program would run gets an apostrophe in front: it says that the rest is text.

    Numbers stay numbers, and so does the text of a negative one.
    """
    if isinstance(value, str) and _RUN.match(value) and not _NEGATIVE.fullmatch(value):
        return f"'{value}"
    return value


def as_written(cell: str) -> str:
    """The text that `harmless` was given, from the cell it made of it."""
    return cell[1:] if cell.startswith("'") and _RUN.match(cell) else cell


def write_text(path: Path, parts: Iterable[str]) -> Path:
    """Replace a file with these pieces of text, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as draft, draft.open("w", encoding="utf-8") as file:
        file.writelines(parts)
    return path
