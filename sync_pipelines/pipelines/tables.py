"""What people are shown of rows and counts: Markdown in which no cell can break the row or run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sync_pipelines.delivery.model import Counts


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """At most as many rows as are given, as a Markdown table; "" for none."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = ["| " + " | ".join(map(escaped, names)) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(escaped(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


_ACTIVE = re.compile(r"[\\`*\[\]!<>&|~#$]|(?<!\w)_|_(?!\w)")
_ADDRESS = re.compile(r"(https?:(?=//)|www(?=\.)|(?<=[\w.+-])@(?=\w))", re.IGNORECASE)
_JOINER = "\u2060"


def escaped(value: Any) -> str:
    """A value as Markdown that shows just this text, in one line: no image, link, HTML or emphasis comes of it.

    Addresses get an invisible joiner: the UI makes links of bare ones, however their signs are written.
    """
    text = "" if value is None else " ".join(str(value).splitlines())
    return _ACTIVE.sub(lambda sign: f"&#{ord(sign[0])};", _ADDRESS.sub(rf"\1{_JOINER}", text))


def shown_counts(counts: Counts) -> dict[str, int]:
    """A plan's counts by action, for metadata and the run's record."""
    return {name: n for name, n in asdict(counts).items() if isinstance(n, int) and name not in ("live", "desired")}


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{state} {n}" for state, n in sorted(counts.items()) if n)
