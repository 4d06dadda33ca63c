"""What looking at an account found: one line per thing looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "problem", "holds", "differs", "unknown"]


@dataclass(frozen=True)
class Observation:
    """One thing looked at, and what was found."""

    what: str
    verdict: Verdict
    text: str


def fact(what: str, holds: bool, text: str) -> Observation:
    """Something assumed about a vendor, and whether it is so on this account."""
    return Observation(what, "holds" if holds else "differs", text)
