"""What this pipeline adds to the project."""

from __future__ import annotations

import dagster as dg

from sync_pipelines.pipelines.resources import SheetsResource
from sync_pipelines.pipelines.shopify_sheets import assets, automation

definitions = dg.Definitions(
    assets=[assets.order_plan, assets.orders, assets.spreadsheet],
    jobs=[automation.preview_job, automation.sync_job, automation.reconcile_job, automation.apply_job, automation.undo_job],
    schedules=[automation.often, automation.daily],
    resources={"sheets": SheetsResource(pipeline=assets.GROUP)},
)
