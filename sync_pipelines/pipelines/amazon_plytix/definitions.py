"""What this pipeline adds to the project."""

from __future__ import annotations

import dagster as dg

from sync_pipelines.pipelines.amazon_plytix import assets, automation
from sync_pipelines.pipelines.resources import AmazonResource, PlytixResource

definitions = dg.Definitions(
    assets=[
        assets.seller_central,
        assets.pim,
        assets.amazon_listings,
        assets.plytix_products,
        assets.asin_mapping,
        assets.unmatched_items,
        assets.amazon_product_plan,
        assets.amazon_link_plan,
        assets.amazon_products,
        assets.amazon_links,
        assets.amazon_catalogue,
    ],
    jobs=[automation.preview_job, automation.sync_job, automation.map_job, automation.apply_job, automation.undo_job],
    schedules=[automation.go_on],
    sensors=[automation.amazon_inbox],
    resources={"amazon": AmazonResource(), "plytix": PlytixResource(pipeline=assets.GROUP)},
)
