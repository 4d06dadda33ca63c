"""One field of a target: whose it is, and when two values of it are equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Fields = dict[str, Any]
"""One record's values by field name: text, int, Decimal, bool, None, and lists or dicts of these. Never a float."""


def as_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Field:
    """One field of the target. Two values are equal when `same` maps both to the same thing.

    owned: compared and kept in step. create_only: sent when the record is made, never compared. foreign: theirs; read
    with the record, put into the plan's images, never compared and never changed. private: its values may be personal
    and appear in no reason, preview or message, and in the ledger only as a hash. rule: the name of `same` in the ledger;
    give `same` a new name when it means something new, for what was written under another name is not compared by it.
    """

    ownership: Literal["owned", "create_only", "foreign"] = "owned"
    same: Callable[[Any], Any] = as_is
    private: bool = False
    rule: str = ""

    def __post_init__(self) -> None:
        if not self.rule:
            object.__setattr__(self, "rule", _named(self.same))


def _named(same: Callable[[Any], Any]) -> str:
    """A rule without a name is known by its function and what that is bound to."""
    if same is as_is:
        return "exact"
    bound = [cell.cell_contents for cell in getattr(same, "__closure__", None) or ()]
    return f"{getattr(same, '__qualname__', type(same).__name__)}{bound or ''}"
