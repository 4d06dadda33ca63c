"""Guards: the last look at a plan before it may be applied.

A row guard holds one row; a plan guard stops the plan. What they find is sealed into the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from sync_pipelines.delivery.model import Counts, Fields, GuardFinding, HeldKind

ENOUGH_ROWS = 50
"""With fewer live rows than this a share says nothing: there is no baseline."""

RowGuard = Callable[[Fields | None, Fields], str | None]
"""Given before (None on a create) and after: the reason to hold the row, or None."""


@dataclass(frozen=True)
class PlanSummary:
    """What a plan guard sees. first: nothing was ever applied to this account, so nothing can be compared with. written: how
    many records of ours should be there (None: only chosen keys were looked at); vanished: how many of these are not there any
    more, and nobody took note of it yet."""

    counts: Counts
    first: bool
    written: int | None = None
    vanished: int = 0


PlanGuard = Callable[[PlanSummary], GuardFinding]


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
                    return f"{what} {name} would move by {by:+.0%} ({was} → {value}); more than {share:.0%} needs a person"
        return None

    return guard


def share_of_live(guard: str, limit: Decimal, part: Callable[[Counts], int], of: Callable[[Counts], int], what: str) -> PlanGuard:
    """Stop when `part` is more than `limit` of `of`: in the whole plan, in any one of its parents, or in those together that
    are too small to be measured alone."""

    def look(summary: PlanSummary) -> GuardFinding:
        if summary.first:
            return GuardFinding(guard, "no_baseline", "first run on this account: nothing to compare with")
        return worst(guard, [measured(where, counts) for where, counts in _groups(summary.counts).items()])

    def measured(where: str, counts: Sequence[Counts]) -> GuardFinding:
        live, some, whole = (sum(f(c) for c in counts) for f in (lambda c: c.live, part, of))
        if live < ENOUGH_ROWS:
            text = f"fewer than {ENOUGH_ROWS} live rows{where}: nothing to compare with"
            return GuardFinding(guard, "no_baseline", text)
        share = Decimal(some) / max(whole, 1)
        text = f"{some} of {whole} rows{where} {what} ({share:.1%}; limit {limit:.0%})"
        return GuardFinding(guard, "stopped" if share > limit else "clear", text)

    return look


def _groups(counts: Counts) -> dict[str, list[Counts]]:
    """What shares are measured of, by how a message names it."""
    large = {f" of {p}": [c] for p, c in counts.by_parent.items() if p and c.live >= ENOUGH_ROWS}
    small = [c for c in counts.by_parent.values() if c.live < ENOUGH_ROWS]
    groups = {**large, **({" of the small ones together": small} if large and small else {})}
    return groups if len(counts.by_parent) == 1 and large else {**groups, "": [counts]}


def has_baseline(counts: Counts, *, first: bool) -> Callable[[str], bool]:
    """Whether the share of what is removed from a parent can be measured: alone, or with the other small ones."""
    small = sum(c.live for c in counts.by_parent.values() if c.live < ENOUGH_ROWS)

    def measurable(parent: str) -> bool:
        of = counts.by_parent.get(parent, Counts())
        return not first and (of.live >= ENOUGH_ROWS or small >= ENOUGH_ROWS)

    return measurable


def change_size_guards(moving: Decimal, removed: Decimal, held: Decimal) -> list[PlanGuard]:
    """What every target wants: too much would move, be removed, or be held back; most of what we wrote has vanished."""
    return [
        share_of_live("moving", moving, lambda c: c.update + c.remove, lambda c: c.live, "would move"),
        share_of_live("removed", removed, lambda c: c.remove, lambda c: c.live, "would be removed"),
        share_of_live("held", held, waiting_for_a_person, lambda c: c.desired, "are held back"),
        vanished,
    ]


DECIDED: tuple[HeldKind, ...] = ("settling", "undone")
"""Reasons to hold a row that are no news: it needs a moment, or a person has decided."""


def waiting_for_a_person(counts: Counts) -> int:
    return counts.held - sum(counts.held_by_kind.get(kind, 0) for kind in DECIDED)


def vanished(summary: PlanSummary) -> GuardFinding:
    """Stop when most of what we wrote is not at the target any more: somebody emptied it, or it is another one."""
    if summary.written is None or summary.written < ENOUGH_ROWS:
        return GuardFinding("vanished", "no_baseline", "too few records of ours are known to compare with")
    text = f"{summary.vanished} of {summary.written} records that we wrote are not at the target any more"
    return GuardFinding("vanished", "stopped" if summary.vanished * 2 > summary.written else "clear", text)


def source_shrank(share: Decimal, rows: int, earlier: Sequence[int]) -> PlanGuard:
    """Stop when the source has fewer rows than `share` of the median of its earlier complete extracts."""

    def look(_: PlanSummary) -> GuardFinding:
        if not earlier:
            return GuardFinding("source", "no_baseline", f"first complete extract ({rows} rows): nothing to compare with")
        usual = Decimal(median(earlier))
        text = f"{rows} rows read; the median of the last {len(earlier)} complete extracts is {usual:.0f} (limit {share:.0%})"
        return GuardFinding("source", "stopped" if rows < usual * share else "clear", text)

    return look


def must_hold(guard: str, problems: Iterable[str], fine: str) -> PlanGuard:
    """Stop on any of these problems, whatever the numbers say."""
    stated = list(problems)
    return lambda _: GuardFinding(guard, "stopped" if stated else "clear", "; ".join(stated) or fine)


def worst(guard: str, findings: Sequence[GuardFinding]) -> GuardFinding:
    order: dict[str, int] = {"stopped": 0, "no_baseline": 1, "clear": 2}
    ranked = sorted(findings, key=lambda f: order[f.state])
    same = [f for f in ranked if f.state == ranked[0].state]
    return GuardFinding(guard, ranked[0].state, "; ".join(f.message for f in same))


def verdict(findings: Iterable[GuardFinding]) -> str:
    return "stopped" if any(f.state == "stopped" for f in findings) else "clear"


def as_json(findings: Iterable[GuardFinding]) -> list[dict[str, Any]]:
    return [{"guard": f.guard, "state": f.state, "message": f.message} for f in findings]
