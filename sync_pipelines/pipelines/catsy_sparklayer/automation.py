"""Jobs and the schedule. Schedules ship stopped; nothing here is decided by the environment."""

import dagster as dg

from sync_pipelines.pipelines.catsy_sparklayer import planning
from sync_pipelines.pipelines.catsy_sparklayer.assets import GROUP, price_plan, prices, products, trade_prices
from sync_pipelines.pipelines.plan_and_apply import UndoConfig, tags, take_back
from sync_pipelines.pipelines.resources import RunResource, SparkLayerResource

CLEAR_PLAN = [products, trade_prices, price_plan]


preview_job = dg.define_asset_job(
    f"preview_{GROUP}",
    CLEAR_PLAN,
    tags=tags(GROUP, "preview"),
    description="Read both systems and plan. Sends nothing that changes anything.",
)
sync_job = dg.define_asset_job(
    f"sync_{GROUP}",
    [*CLEAR_PLAN, prices],
    tags=tags(GROUP, "sync"),
    description="Read, plan, and apply the plan if its guards are clear.",
)
apply_job = dg.define_asset_job(
    f"apply_{GROUP}",
    [prices],
    tags=tags(GROUP, "apply"),
    description="Apply a plan that was previewed (and released, if a guard stopped it).",
)


@dg.op(out=dg.Out(dg.Nothing), description="Plan the way back from what a plan wrote, and apply that.")
def undo_prices(context: dg.OpExecutionContext, config: UndoConfig, run: RunResource, sparklayer: SparkLayerResource) -> None:
    target = planning.target(sparklayer.client(run))
    for plan_id in config.plans:
        undone, _ = take_back(context, run, target, plan_id, planning.readable)
        planning.least_calls(run.meter, undone, planned=False, applied=True)


@dg.job(name=f"undo_{GROUP}", tags=tags(GROUP, "undo"), description="Take back what a plan wrote, where the list still holds it.")
def undo_job() -> None:
    undo_prices()


daily = dg.ScheduleDefinition(
    name=f"daily_{GROUP}",
    job=sync_job,
    cron_schedule="30 4 * * *",
    execution_timezone="UTC",
    description="Every day at 04:30 UTC. Ships stopped.",
)
