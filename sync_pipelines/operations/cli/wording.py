"""How people read values: ids by their first characters, moments in the local time zone, no Python notation.

Programs get the whole id and ISO 8601 in UTC: `--json` does not pass through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

SHORT_ID = 8
"""Characters of an id that are shown. Every command that takes an id takes any start of it that fits only one."""

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{20}"
_ANY_ID = re.compile(rf"\b(?:{_ID})\b")
_NAMED_ID = re.compile(rf"\b((?:plans?|runs?) )({_ID})\b", re.IGNORECASE)
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
_HOLDS_IDS = frozenset({"plan", "plan_id", "run", "run_id", "undo_of"})


def short(identifier: str) -> str:
    """Return the start of a run's or a plan's id."""
    return identifier[:SHORT_ID]


def local(moment: str) -> str:
    """Return a moment, given as ISO 8601 with its offset, in the time zone of this machine: `2026-11-30 19:20:55 CET`."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def text(message: str) -> str:
    """Return a message with its moments in local time and the ids of plans and runs in short."""
    message = _NAMED_ID.sub(lambda found: found[1] + short(found[2]), message)
    return _MOMENT.sub(lambda found: local(found[0]), message)


def value(of: Any, name: str = "") -> str:
    """Return any value as a person reads it; "–" for nothing. name: of the column or fact that holds it."""
    if of is None or of in ("", {}, [], ()):
        return "–"
    if isinstance(of, bool):
        return "yes" if of else "no"
    if isinstance(of, datetime):
        return local(of.isoformat()) if of.tzinfo else of.isoformat(" ", "seconds")
    if isinstance(of, Mapping):
        return ", ".join(f"{key} {_inside(each, str(key))}" for key, each in of.items())
    if isinstance(of, list | tuple | set | frozenset):
        return ", ".join(_inside(each) for each in of)
    shown = str(of)
    if name in _HOLDS_IDS:
        shown = _ANY_ID.sub(lambda found: short(found[0]), shown)
    return text(shown)


def _inside(of: Any, name: str = "") -> str:
    """Return a value that stands within another one: a group of several is put in brackets."""
    return f"({value(of, name)})" if of and isinstance(of, Mapping) else value(of, name)
