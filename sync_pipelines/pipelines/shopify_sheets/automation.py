"""Jobs and schedules. Schedules ship stopped; nothing here is decided by the environment."""

import dagster as dg

from sync_pipelines.pipelines.plan_and_apply import UndoConfig, tags, take_back
from sync_pipelines.pipelines.resources import RunResource, SheetsResource
from sync_pipelines.pipelines.shopify_sheets import planning
from sync_pipelines.pipelines.shopify_sheets.assets import GROUP, order_plan, orders
from sync_pipelines.pipelines.shopify_store.assets import order_changes, order_counts

preview_job = dg.define_asset_job(
    f"preview_{GROUP}",
    [order_changes, order_plan],
    tags=tags(GROUP, "preview"),
    description="Read what changed in the shop, and plan. Sends nothing that changes anything, and moves no cursor.",
)
sync_job = dg.define_asset_job(
    f"sync_{GROUP}",
    [order_changes, order_plan, orders],
    tags=tags(GROUP, "sync"),
    description="Read what changed in the shop, plan, and apply the plan if its guards are clear.",
)
reconcile_job = dg.define_asset_job(
    f"reconcile_{GROUP}",
    [order_changes, order_counts, order_plan, orders],
    tags=tags(GROUP, "reconcile"),
    config={"ops": {"sheets__order_plan": {"config": {"compare": "all"}}}},
    description=(
        "Prove that nothing is missing: compare every day with the shop's own count, read again the days that differ, and "
        "look at every row of the spreadsheet."
    ),
)
apply_job = dg.define_asset_job(
    f"apply_{GROUP}",
    [orders],
    tags=tags(GROUP, "apply"),
    description="Apply a plan that was previewed (and released, if a guard stopped it).",
)


@dg.op(out=dg.Out(dg.Nothing), description="Plan the way back from what a plan wrote, and apply that.")
def undo_orders(context: dg.OpExecutionContext, config: UndoConfig, run: RunResource, sheets: SheetsResource) -> None:
    there = planning.target(sheets.client(run), run.ledger)
    for plan_id in config.plans:
        undone, report = take_back(context, run, there, plan_id, planning.readable)
        planning.least_calls(run.meter, there, undone, planned=False, sent=report.writes)


@dg.job(
    name=f"undo_{GROUP}", tags=tags(GROUP, "undo"), description="Take back what a plan wrote, where the sheet still holds it."
)
def undo_job() -> None:
    undo_orders()


often = dg.ScheduleDefinition(
    name=f"often_{GROUP}",
    job=sync_job,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    description="Every 15 minutes: what changed in the shop reaches the spreadsheet. Ships stopped.",
)
daily = dg.ScheduleDefinition(
    name=f"daily_{GROUP}",
    job=reconcile_job,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    description="Every day at 03:40 UTC: the proof by count, and a look at every row. Ships stopped.",
)
