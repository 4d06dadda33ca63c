"""How far something that takes a while has come, for whoever wants to show it.

What works tells, without knowing who hears it: `tell` costs next to nothing where nobody does, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a stage has come. done: how many of what `unit` names. total: of how many in all; None where nobody knows."""

    stage: str
    done: int = 0
    total: int | None = None
    unit: str = ""


_listeners: list[Callable[[Progress], None]] = []


def tell(stage: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
    """Say how far a stage has come, in this process."""
    for hear in tuple(_listeners):
        hear(Progress(stage, done, total, unit))


@contextmanager
def heard_by(listener: Callable[[Progress], None]) -> Iterator[None]:
    """Let a listener hear what is told while the block lasts. It may be called from any thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
