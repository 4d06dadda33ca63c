"""The `userErrors` of a mutation: what the shop says is wrong, and with which entry of the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipelines.credentials import redact

SHOWN = 3
"""How many of a reply's errors are told."""


@dataclass(frozen=True)
class UserError:
    """One of them. field: the path to what is wrong. code: "" for the types that have none, and where it is null."""

    field: Sequence[str]
    message: str
    code: str

    def __str__(self) -> str:
        where = ".".join(self.field)
        return redact(f"{where}: {self.message}" if where else self.message)

    def row(self, member: str) -> int | None:
        """The index of the entry that it names, in the list with this name; None where it names none."""
        for name, index in zip(self.field, self.field[1:], strict=False):
            if name == member and index.isdecimal():
                return int(index)
        return None


def user_errors(payload: Mapping[str, Any]) -> list[UserError]:
    """What a payload says is wrong; nothing where all was done."""
    return [
        UserError(tuple(map(str, each.get("field") or ())), str(each.get("message") or ""), str(each.get("code") or ""))
        for each in payload["userErrors"]
    ]


def listed(errors: Sequence[UserError]) -> str:
    """What they say, the first of them whole: one wrong option makes as many as there are variants."""
    more = f" … and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
    return "; ".join(map(str, errors[:SHOWN])) + more
