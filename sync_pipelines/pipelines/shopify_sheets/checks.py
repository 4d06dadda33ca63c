"""What the checks of this pipeline say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines import plan_checks
from sync_pipelines.pipelines.shopify_sheets.planning import NEARLY_FULL
from sync_pipelines.pipelines.tables import check_result

PLAN, ROWS = ["sheets", "order_plan"], ["sheets", "orders"]
GUARDS = plan_checks.guards_of(PLAN)
NOTHING_HELD = plan_checks.nothing_held_in(PLAN)
ROOM_LEFT = dg.AssetCheckSpec("room_left", asset=PLAN, description="the spreadsheet is not close to its limit of cells")
ALL_ENDED_WELL = plan_checks.rows_ended_well_in(ROWS)
AS_PLANNED = plan_checks.as_planned_in(ROWS, "sheet_as_planned")
NOBODY_IN_THE_WAY = dg.AssetCheckSpec(
    "nobody_moved_rows_meanwhile", asset=ROWS, description="no row was moved between our look and our call"
)


def room_left(plan: Plan) -> dg.AssetCheckResult:
    text = next((f.message for f in plan.findings if f.guard == "cells"), "")
    return check_result(ROOM_LEFT, NEARLY_FULL not in text, text, warn=True)


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
