"""What a release would let through, before a person says so: by kind of hold, and values that become zero apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.delivery.releasing import VERDICT, looked_at, refuse_unless_stopped, released_by
from sync_pipelines.exact_json import loads

ZERO = "zero"
"""The group of rows in which a value becomes zero."""


@dataclass(frozen=True)
class LetThrough:
    """Rows that a release would let through for one kind of reason: how many, and the first of them as the plan has them.

    kind: of hold; "zero" for rows in which a value becomes zero, which are in no other group; "verdict" for the rows of a
    stopped plan that are not held.
    """

    kind: str
    rows: int
    first: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Foreseen:
    """What a release would do. let_through: by kind, values that become zero first. still_held: rows with another reason, too."""

    plan_id: str
    let_through: tuple[LetThrough, ...]
    still_held: int


def foresee(
    ledger: Ledger,
    files: PlanFiles,
    plan_id: str,
    why: str,
    *,
    keys: Sequence[str] | None = None,
    kinds: Collection[str] | None = None,
    verdict: bool = False,
    shown: int = 5,
) -> Foreseen:
    """Return what `release` (of these keys and kinds) and `lift` (with `verdict`) would let through. Changes nothing.

    Raises RequestRefused as they do.
    """
    plan = looked_at(ledger, files, plan_id, why)
    groups: dict[str, list[dict[str, Any]]] = {}
    sizes: Counter[str] = Counter()
    still_held = 0

    def add(kind: str, row: dict[str, Any]) -> None:
        group = ZERO if _becomes_zero(row) else kind
        sizes[group] += 1
        if len(groups.setdefault(group, [])) < shown:
            groups[group].append(row)

    if verdict:
        refuse_unless_stopped(plan)
        for part in files.stream(plan["id"], "SELECT * FROM plan WHERE held IS NULL ORDER BY row"):
            for row in part:
                add(VERDICT, row)
    if keys or kinds:
        for row, released in released_by(files, plan["id"], keys, kinds):
            if set(released) == set(row["holds"].split(",")):
                add(row["held"], row)
            else:
                still_held += 1
    order = sorted(groups, key=lambda kind: (kind != ZERO, kind))
    return Foreseen(plan["id"], tuple(LetThrough(kind, sizes[kind], tuple(groups[kind])) for kind in order), still_held)


def _becomes_zero(row: Mapping[str, Any]) -> bool:
    """Whether a number of the record goes to zero; of what a guard held also one that was not there before."""
    after = row["after"] or ""
    if "0" not in after:
        return False
    before, wanted = loads(row["before"]) or {}, loads(after) or {}
    by_guard = "guard" in (row["holds"] or "").split(",")
    return any(
        _is_number(value) and value == 0 and (before.get(name) != 0 if _is_number(before.get(name)) else by_guard)
        for name, value in wanted.items()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
