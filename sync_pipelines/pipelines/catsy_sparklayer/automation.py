"""Jobs and the schedule. Schedules ship stopped; nothing here is decided by the environment."""

from typing import Any

import dagster as dg

from sync_pipelines.delivery.applying import apply, settle_first
from sync_pipelines.delivery.plans import worst_first
from sync_pipelines.delivery.undoing import make_undo
from sync_pipelines.pipelines.catsy_sparklayer import sync
from sync_pipelines.pipelines.catsy_sparklayer.assets import GROUP, price_plan, prices, products, trade_prices
from sync_pipelines.pipelines.resources import PIPELINE_TAG, VERB_TAG, RunResource, SparkLayerResource
from sync_pipelines.pipelines.tables import markdown

CLEAR_PLAN = [products, trade_prices, price_plan]


def _tags(verb: str) -> dict[str, str]:
    return {PIPELINE_TAG: GROUP, VERB_TAG: verb}


preview_job = dg.define_asset_job(
    f"preview_{GROUP}",
    CLEAR_PLAN,
    tags=_tags("preview"),
    description="Read both systems and plan. Sends nothing that changes anything.",
)
sync_job = dg.define_asset_job(
    f"sync_{GROUP}",
    [*CLEAR_PLAN, prices],
    tags=_tags("sync"),
    description="Read, plan, and apply the plan if its guards are clear.",
)
apply_job = dg.define_asset_job(
    f"apply_{GROUP}",
    [prices],
    tags=_tags("apply"),
    description="Apply a plan that was previewed (and released, if a guard stopped it).",
)


class UndoConfig(dg.Config):
    """plan: the applied plan to take back."""

    plan: str


@dg.op(out=dg.Out(dg.Nothing), description="Plan the way back from what a plan wrote, and apply that.")
def undo_prices(
    context: dg.OpExecutionContext, config: UndoConfig, run: RunResource, sparklayer: SparkLayerResource
) -> None:
    target = sync.target(sparklayer.client(run))
    settle_first(target, ledger=run.ledger, files=run.plans, run=run.id)
    undo = make_undo(target, config.plan, ledger=run.ledger, files=run.plans, run=run.id)
    run.note(pipeline=GROUP, plan=undo.plan.id)
    report = apply(target, undo.plan.id, ledger=run.ledger, files=run.plans, run=run.id)
    sync.least_calls(run.meter, undo.plan, planned=False, applied=True)
    run.note(counts={**report.counts, "impossible": len(undo.impossible)})
    table = markdown([sync.readable(row) for row in worst_first(run.plans, undo.plan.id)])
    metadata: dict[str, Any] = {
        "plan": undo.plan.id,
        "undo_of": config.plan,
        **report.counts,
        "changes": dg.MetadataValue.md(table),
    }
    context.log_event(
        dg.AssetMaterialization(["sparklayer", "prices"], description=f"undo of plan {config.plan}", metadata=metadata)
    )
    if undo.impossible:
        context.log.warning("not taken back: %s", "; ".join(f"{key}: {why}" for key, why in undo.impossible[:20]))


@dg.job(
    name=f"undo_{GROUP}", tags=_tags("undo"), description="Take back what a plan wrote, where the list still holds it."
)
def undo_job() -> None:
    undo_prices()


daily = dg.ScheduleDefinition(
    name=f"daily_{GROUP}", job=sync_job, cron_schedule="30 4 * * *", execution_timezone="UTC",
    description="Every day at 04:30 UTC. Ships stopped.",
)  # fmt: skip
