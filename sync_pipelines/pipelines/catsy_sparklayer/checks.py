"""What the asset checks of this pipeline say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from sync_pipelines.pipelines import plan_checks
from sync_pipelines.pipelines.tables import check_result, listed

ROWS_ACCOUNTED = dg.AssetCheckSpec(
    "every_row_accounted_for",
    asset=["catsy", "trade_prices"],
    blocking=True,
    description="rows read = desired + conflicts + rejected + blank, on every price list",
)
ALL_UNDERSTOOD = dg.AssetCheckSpec(
    "every_price_understood", asset=["catsy", "trade_prices"], description="no source row was rejected, and no SKU stands twice"
)
GUARDS = plan_checks.guards_of(["sparklayer", "price_plan"])
NOTHING_HELD = plan_checks.nothing_held_in(["sparklayer", "price_plan"])
ALL_ENDED_WELL = plan_checks.rows_ended_well_in(["sparklayer", "prices"])
AS_PLANNED = plan_checks.as_planned_in(["sparklayer", "prices"], "price_list_as_planned")


def rows_accounted(read: int, lists: int, states: Mapping[str, int]) -> dg.AssetCheckResult:
    total = sum(states.values())
    return check_result(
        ROWS_ACCOUNTED, total == read * lists, f"{read} rows read × {lists} price lists = {total} rows: {listed(states)}"
    )


def all_understood(states: Mapping[str, int], examples: str) -> dg.AssetCheckResult:
    bad = states.get("rejected", 0) + states.get("conflict", 0)
    text = f"{bad} rows not understood or in conflict" if bad else "every row understood"
    return check_result(ALL_UNDERSTOOD, not bad, text, details=examples, warn=True)
