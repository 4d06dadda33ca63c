"""Guards: the last look at a plan before it may be applied.

A row guard holds one row; a plan guard stops the plan. What they find is sealed into the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from sync_pipelines.delivery.model import Counts, Fields, Finding

ENOUGH_ROWS = 50
"""With fewer live rows than this a share says nothing: there is no baseline."""

RowGuard = Callable[[Fields | None, Fields], str | None]
"""Given before (None on a create) and after: the reason to hold the row, or None."""


@dataclass(frozen=True)
class Sight:
    """What a plan guard sees. `first`: nothing was ever applied to this account, so nothing can be compared with."""

    counts: Counts
    first: bool


PlanGuard = Callable[[Sight], Finding]


def moved_too_far(share: Decimal, fields: Callable[[str], bool], what: str = "price") -> RowGuard:
    """Hold a row when an amount is zero, or moved by more than `share` of what it was (0.3 is 30 %)."""

    def guard(before: Fields | None, after: Fields) -> str | None:
        for name, value in after.items():
            if not fields(name) or value is None:
                continue
            was = (before or {}).get(name)
            if was is not None and Decimal(value) == Decimal(was):
                continue
            if Decimal(value) == 0:
                return f"{what} {name} would be zero"
            if was is not None and Decimal(was) != 0:
                by = (Decimal(value) - Decimal(was)) / Decimal(was)
                if abs(by) > share:
                    return (
                        f"{what} {name} would move by {by:+.0%} ({was} → {value}); more than {share:.0%} needs a person"
                    )
        return None

    return guard


def share_of_live(
    guard: str, limit: Decimal, part: Callable[[Counts], int], of: Callable[[Counts], int], what: str
) -> PlanGuard:
    """Stop when `part` is more than `limit` of `of`, in the whole plan or in any one of its parents."""

    def look(sight: Sight) -> Finding:
        if sight.first:
            return Finding(guard, "no_baseline", "first run on this account: nothing to compare with")
        found: list[Finding] = []
        for parent, counts in (sight.counts.by_parent or {"": sight.counts}).items():
            where, whole = f" of {parent}" if parent else "", of(counts)
            if counts.live < ENOUGH_ROWS:
                found.append(
                    Finding(guard, "no_baseline", f"fewer than {ENOUGH_ROWS} live rows{where}: nothing to compare with")
                )
                continue
            measured = Decimal(part(counts)) / max(whole, 1)
            text = f"{part(counts)} of {whole} rows{where} {what} ({measured:.1%}; limit {limit:.0%})"
            found.append(Finding(guard, "stopped" if measured > limit else "clear", text))
        return worst(guard, found)

    return look


def change_size_guards(moving: Decimal, removed: Decimal, held: Decimal) -> list[PlanGuard]:
    """The three that every target wants: too much would move, be removed, or be held back."""
    return [
        share_of_live("moving", moving, lambda c: c.update + c.remove, lambda c: c.live, "would move"),
        share_of_live("removed", removed, lambda c: c.remove, lambda c: c.live, "would be removed"),
        share_of_live("held", held, waiting_for_a_person, lambda c: c.desired, "are held back"),
    ]


def waiting_for_a_person(counts: Counts) -> int:
    return counts.held - counts.held_by_kind.get("settling", 0)


def source_shrank(share: Decimal, rows: int, earlier: Sequence[int]) -> PlanGuard:
    """Stop when the source has fewer rows than `share` of the median of its earlier complete extracts."""

    def look(_: Sight) -> Finding:
        if not earlier:
            return Finding("source", "no_baseline", f"first complete extract ({rows} rows): nothing to compare with")
        usual = Decimal(median(earlier))
        text = f"{rows} rows read; the median of the last {len(earlier)} complete extracts is {usual:.0f} (limit {share:.0%})"
        return Finding("source", "stopped" if rows < usual * share else "clear", text)

    return look


def must_hold(guard: str, problems: Iterable[str], fine: str) -> PlanGuard:
    """Stop on any of these problems, whatever the numbers say."""
    found = list(problems)
    return lambda _: Finding(guard, "stopped" if found else "clear", "; ".join(found) or fine)


def worst(guard: str, found: Sequence[Finding]) -> Finding:
    order: dict[str, int] = {"stopped": 0, "no_baseline": 1, "clear": 2}
    ranked = sorted(found, key=lambda f: order[f.state])
    same = [f for f in ranked if f.state == ranked[0].state]
    return Finding(guard, ranked[0].state, "; ".join(f.message for f in same))


def verdict(findings: Iterable[Finding]) -> str:
    return "stopped" if any(f.state == "stopped" for f in findings) else "clear"


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{"guard": f.guard, "state": f.state, "message": f.message} for f in findings]
