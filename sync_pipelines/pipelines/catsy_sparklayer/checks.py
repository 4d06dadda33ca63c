"""What the asset checks of this pipeline say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import BAD_OUTCOMES
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines.tables import check_result, listed

ROWS_ACCOUNTED = dg.AssetCheckSpec(
    "every_row_accounted_for", asset=["catsy", "trade_prices"], blocking=True,
    description="rows read = desired + conflicts + rejected + blank, on every price list",
)  # fmt: skip
ALL_UNDERSTOOD = dg.AssetCheckSpec(
    "every_price_understood", asset=["catsy", "trade_prices"],
    description="no source row was rejected, and no SKU stands twice",
)  # fmt: skip
GUARDS = dg.AssetCheckSpec(
    "guards", asset=["sparklayer", "price_plan"], blocking=True,
    description="the guards' verdict, sealed into the plan; a stopped plan is not applied",
)  # fmt: skip
NOTHING_HELD = dg.AssetCheckSpec(
    "nothing_waits_for_a_person", asset=["sparklayer", "price_plan"], description="no row of the plan is held back"
)
ALL_ENDED_WELL = dg.AssetCheckSpec(
    "every_row_ended_well", asset=["sparklayer", "prices"], blocking=True,
    description="no row was rejected, failed, drifted or is still in doubt",
)  # fmt: skip
AS_PLANNED = dg.AssetCheckSpec(
    "price_list_as_planned", asset=["sparklayer", "prices"],
    description="what was written was read back and is there",
)  # fmt: skip


def rows_accounted(read: int, lists: int, states: Mapping[str, int]) -> dg.AssetCheckResult:
    total = sum(states.values())
    return check_result(
        ROWS_ACCOUNTED,
        total == read * lists,
        f"{read} rows read × {lists} price lists = {total} rows: {listed(states)}",
    )


def all_understood(states: Mapping[str, int], examples: str) -> dg.AssetCheckResult:
    bad = states.get("rejected", 0) + states.get("conflict", 0)
    text = "every row understood" if not bad else f"{bad} rows not understood or in conflict\n\n{examples}"
    return check_result(ALL_UNDERSTOOD, not bad, text, warn=True)


def guards(plan: Plan) -> dg.AssetCheckResult:
    text = "\n".join(f"- **{f.guard}** {f.state.replace('_', ' ')}: {f.message}" for f in plan.findings)
    return check_result(GUARDS, plan.verdict == "clear", text)


def nothing_held(plan: Plan) -> dg.AssetCheckResult:
    return check_result(
        NOTHING_HELD, plan.counts.held == 0, f"held: {listed(plan.counts.held_by_kind) or 'none'}", warn=True
    )


def all_ended_well(report: Report) -> dg.AssetCheckResult:
    bad = {state: n for state, n in report.counts.items() if state in BAD_OUTCOMES}
    return check_result(ALL_ENDED_WELL, not bad, listed(report.counts) or "nothing to do")


def as_planned(report: Report) -> dg.AssetCheckResult:
    if report.read_back is None:
        return check_result(AS_PLANNED, True, "nothing was sent")
    return check_result(
        AS_PLANNED,
        report.as_planned == report.read_back,
        f"{report.as_planned} of {report.read_back} rows sent are there as planned",
        warn=True,
    )
