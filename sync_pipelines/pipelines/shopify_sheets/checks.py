"""What the checks of this pipeline say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import BAD_OUTCOMES
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines.shopify_sheets.sync import NEARLY_FULL
from sync_pipelines.pipelines.tables import check_result, listed

PLAN, ROWS = ["sheets", "order_plan"], ["sheets", "orders"]
GUARDS = dg.AssetCheckSpec(
    "guards",
    asset=PLAN,
    blocking=True,
    description="the guards' verdict, sealed into the plan; a stopped plan is not applied",
)
NOTHING_HELD = dg.AssetCheckSpec(
    "nothing_waits_for_a_person", asset=PLAN, description="no row of the plan is held back"
)
ROOM_LEFT = dg.AssetCheckSpec("room_left", asset=PLAN, description="the spreadsheet is not close to its limit of cells")
ALL_ENDED_WELL = dg.AssetCheckSpec(
    "every_row_ended_well", asset=ROWS, blocking=True,
    description="no row was rejected, failed, drifted or is still in doubt",
)  # fmt: skip
AS_PLANNED = dg.AssetCheckSpec(
    "sheet_as_planned", asset=ROWS, description="what was written was read back and is there"
)
NOBODY_IN_THE_WAY = dg.AssetCheckSpec(
    "nobody_moved_rows_meanwhile", asset=ROWS, description="no row was moved between our look and our call"
)


def guards(plan: Plan) -> dg.AssetCheckResult:
    text = "\n".join(f"- **{f.guard}** {f.state.replace('_', ' ')}: {f.message}" for f in plan.findings)
    return check_result(GUARDS, plan.verdict == "clear", text)


def nothing_held(plan: Plan) -> dg.AssetCheckResult:
    return check_result(
        NOTHING_HELD, plan.counts.held == 0, f"held: {listed(plan.counts.held_by_kind) or 'none'}", warn=True
    )


def room_left(plan: Plan) -> dg.AssetCheckResult:
    text = next((f.message for f in plan.findings if f.guard == "cells"), "")
    return check_result(ROOM_LEFT, NEARLY_FULL not in text, text, warn=True)


def all_ended_well(reports: Sequence[Report]) -> dg.AssetCheckResult:
    counts = total(reports)
    return check_result(
        ALL_ENDED_WELL, not BAD_OUTCOMES & {s for s, n in counts.items() if n}, listed(counts) or "nothing to do"
    )


def as_planned(reports: Sequence[Report]) -> dg.AssetCheckResult:
    sent = [r for r in reports if r.read_back is not None]
    back, planned = sum(r.read_back or 0 for r in sent), sum(r.as_planned or 0 for r in sent)
    text = f"{planned} of {back} rows sent are there as planned" if sent else "nothing was sent"
    return check_result(AS_PLANNED, planned == back, text, warn=True)


def nobody_in_the_way(hit: Sequence[str], lost: Sequence[str], strays: Sequence[str]) -> dg.AssetCheckResult:
    if lost:
        told = ", ".join(lost[:20])
        text = f"rows of {told} were written over while somebody moved them, and no order is known by these keys: look at them"
    elif hit:
        text = f"{len(hit)} orders stood where others were written; compared again and put right: {', '.join(hit[:20])}"
    else:
        text = "nobody did"
    if strays:
        text = "; ".join(["somebody moved rows while we wrote. To be emptied by hand", *strays[:20], text])
    return check_result(NOBODY_IN_THE_WAY, not hit and not strays, text, warn=not lost)


def total(reports: Sequence[Report]) -> dict[str, int]:
    """Outcomes of several plans together."""
    counts: dict[str, int] = {}
    for report in reports:
        for state, n in report.counts.items():
            counts[state] = counts.get(state, 0) + n
    return counts
