"""What the steps of every pipeline do with a plan: tell it, apply it, take it back; and the options they take."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field

from sync_pipelines.delivery.applying import Patience, PlanStopped, Report, apply, settle_first
from sync_pipelines.delivery.ledger import Busy
from sync_pipelines.delivery.model import Target
from sync_pipelines.delivery.plans import Plan, newest_waiting, stored, worst_first
from sync_pipelines.delivery.undoing import make_undo
from sync_pipelines.pipelines.resources import PIPELINE_TAG, VERB_TAG, RunResource
from sync_pipelines.pipelines.tables import markdown, shown_counts

log = logging.getLogger(__name__)

T = TypeVar("T")

TURN = 5.0
"""Seconds between two looks whether another run has ended."""

Readable = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""A planned row for people."""


class PlanConfig(dg.Config):
    """only: plan just these keys."""

    only: list[str] = Field(default_factory=list)


class ApplyConfig(dg.Config):
    """plan: which one; empty is the one made in this run, else the newest that waits. limit: the first N changes only."""

    plan: str = ""
    limit: int | None = None


class UndoConfig(dg.Config):
    """plans: the applied plans to take back, the last one first."""

    plans: list[str]


def tags(pipeline: str, verb: str) -> dict[str, str]:
    """What a job carries, so that the ledger and the queue know which pipeline it is of."""
    return {PIPELINE_TAG: pipeline, VERB_TAG: verb}


def tell_plan(run: RunResource, target: str, plan: Plan, readable: Readable) -> dict[str, Any]:
    """Note a plan for `target` (the asset it is for) and give what the UI shows of it: 20 rows at most, worst first."""
    run.planned(plan.pipeline, target, plan)
    return {
        "plan": plan.id,
        "verdict": plan.verdict,
        **shown_counts(plan.counts),
        "dagster/row_count": plan.counts.changes + plan.counts.held,
        "changes": dg.MetadataValue.md(changes(run, plan, readable) or "nothing would change"),
    }


def changes(run: RunResource, plan: Plan, readable: Readable) -> str:
    return markdown([readable(row) for row in worst_first(run.plans, plan.id)])


def plan_to_apply(run: RunResource, pipeline: str, target: Target, config: ApplyConfig, scope: str = "") -> Plan:
    """The plan that is named, or was made in this run, or waits. Raises DeliveryError where there is none."""
    chosen = config.plan or run.plan_made(target.name) or newest_waiting(run.ledger, target.account, pipeline, scope)
    plan = stored(run.plans, run.ledger.plan(chosen))
    run.applies(pipeline, target.name, plan)
    return plan


def in_turn(do: Callable[[], T], seconds: float) -> T:
    """Do what needs the right to write to an account; where another run has it, wait for it for so long. Raises Busy."""
    until = time.monotonic() + seconds
    while True:
        try:
            return do()
        except Busy as e:
            if time.monotonic() > until:
                raise
            log.info("waiting for its turn: %s", e)
            time.sleep(min(TURN, seconds))


def apply_plan(
    run: RunResource, target: Target, plan: Plan, limit: int | None = None, patience: Patience | None = None
) -> Report:
    """Bring a plan to its end. A plan of a partition waits for its turn: those of others may be under way.

    Raises PlanStopped and what else `apply` raises.
    """
    turn = patience.seconds if patience and plan.scope else 0.0
    try:
        return in_turn(
            lambda: apply(target, plan.id, ledger=run.ledger, files=run.plans, run=run.id, limit=limit, patience=patience), turn
        )
    except PlanStopped:
        run.stopped(target.name)
        raise


def count_outcomes(run: RunResource, target: str, plan: Plan, counts: Mapping[str, int]) -> None:
    """Note how the rows of an applied plan ended; what needed nothing counts as unchanged."""
    run.count(target, {**counts, "unchanged": counts.get("unchanged", 0) + plan.counts.unchanged})


def take_back(
    context: dg.OpExecutionContext,
    run: RunResource,
    target: Target,
    plan_id: str,
    readable: Readable,
    patience: Patience | None = None,
) -> tuple[Plan, Report]:
    """Plan the way back from what a plan wrote, and apply that."""
    settle_first(target, ledger=run.ledger, files=run.plans, run=run.id, patience=patience)
    undo = make_undo(target, plan_id, ledger=run.ledger, files=run.plans, run=run.id)
    run.planned(undo.plan.pipeline, target.name, undo.plan)
    report = apply_plan(run, target, undo.plan, patience=patience)
    run.count(target.name, {})
    run.count(undo.plan.id, {**report.counts, "impossible": len(undo.impossible)})
    metadata: dict[str, Any] = {
        "plan": undo.plan.id,
        "undo_of": plan_id,
        **report.counts,
        "changes": dg.MetadataValue.md(changes(run, undo.plan, readable)),
    }
    context.log_event(
        dg.AssetMaterialization(
            target.name.split("/"), description=f"undo of plan {plan_id}", metadata=metadata, partition=undo.plan.scope or None
        )
    )
    if undo.impossible:
        context.log.warning("not taken back: %s", "; ".join(f"{key}: {why}" for key, why in undo.impossible[:20]))
    return undo.plan, report


def total(reports: Sequence[Report]) -> dict[str, int]:
    """Outcomes of several plans together."""
    counts: dict[str, int] = {}
    for report in reports:
        for state, n in report.counts.items():
            counts[state] = counts.get(state, 0) + n
    return counts
