"""What this pipeline adds to the project."""

from __future__ import annotations

import dagster as dg

from sync_pipelines.pipelines.catsy_sparklayer import assets, automation
from sync_pipelines.pipelines.resources import CatsyResource, SparkLayerResource

definitions = dg.Definitions(
    assets=[assets.catalogue, assets.products, assets.trade_prices, assets.price_plan, assets.prices, assets.storefront],
    jobs=[automation.preview_job, automation.sync_job, automation.apply_job, automation.undo_job],
    schedules=[automation.daily],
    resources={"catsy": CatsyResource(), "sparklayer": SparkLayerResource(pipeline=assets.GROUP)},
)
