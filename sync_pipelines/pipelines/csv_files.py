"""CSV files for people: whole or not at all, and with nothing in them that a spreadsheet program would run."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sync_pipelines.delivery.model import DeliveryError


def write_csv(output: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> int:
    """Write a CSV under its final name only when it is complete. Returns the lines written. Raises DeliveryError."""
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    written = 0
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for line in lines:
                writer.writerow([harmless(value) for value in line])
                written += 1
        draft.replace(output)
    except OSError as e:
        raise DeliveryError(f"{output} cannot be written: {e.strerror}") from e
    finally:
        draft.unlink(missing_ok=True)
    return written


def harmless(value: Any) -> Any:
    """Text that a spreadsheet program would take for a formula gets the apostrophe that says it is none."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def write_text(path: Path, parts: Iterable[str]) -> Path:
    """Replace a file with these pieces of text, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(parts)
    return draft.replace(path)
