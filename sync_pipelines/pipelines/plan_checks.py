"""The checks that every plan and every applied plan has, whatever the target: reasons a person can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import BAD_OUTCOMES
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines.tables import check_result, escaped, listed


def guards_of(plan: Sequence[str]) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        "guards",
        asset=list(plan),
        blocking=True,
        description="the guards' verdict, sealed into the plan; a stopped plan is not applied",
    )


def nothing_held_in(plan: Sequence[str]) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec("nothing_waits_for_a_person", asset=list(plan), description="no row of the plan is held back")


def rows_ended_well_in(asset: Sequence[str], *, blocking: bool = True) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        "every_row_ended_well",
        asset=list(asset),
        blocking=blocking,
        description="no row was rejected, failed, drifted or is still in doubt",
    )


def as_planned_in(asset: Sequence[str], name: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=list(asset), description="what was written was read back and is there")


def guards(spec: dg.AssetCheckSpec, plan: Plan) -> dg.AssetCheckResult:
    found = "\n".join(f"- **{f.guard}** {f.state.replace('_', ' ')}: {escaped(f.message)}" for f in plan.findings)
    return check_result(spec, plan.verdict == "clear", "", details=found)


def nothing_held(spec: dg.AssetCheckSpec, plan: Plan) -> dg.AssetCheckResult:
    held = listed(plan.counts.held_by_kind) or "none"
    return check_result(spec, plan.counts.held == 0, f"held: {held}", warn=True)


def rows_ended_well(spec: dg.AssetCheckSpec, counts: Mapping[str, int]) -> dg.AssetCheckResult:
    bad = {state: n for state, n in counts.items() if n and state in BAD_OUTCOMES}
    return check_result(spec, not bad, listed(counts) or "nothing to do")


def as_planned(spec: dg.AssetCheckSpec, reports: Sequence[Report]) -> dg.AssetCheckResult:
    sent = [report for report in reports if report.read_back is not None]
    back, planned = sum(r.read_back or 0 for r in sent), sum(r.as_planned or 0 for r in sent)
    text = f"{planned} of {back} rows sent are there as planned" if sent else "nothing was sent"
    return check_result(spec, planned == back, text, warn=True)
