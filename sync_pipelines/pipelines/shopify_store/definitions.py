"""What the shop's reading adds to the project."""

from __future__ import annotations

import dagster as dg

from sync_pipelines.pipelines.resources import ShopifyResource
from sync_pipelines.pipelines.shopify_store import assets, automation

definitions = dg.Definitions(
    assets=[assets.store, assets.order_days, assets.order_changes, assets.order_counts],
    jobs=[automation.backfill_job],
    resources={"shopify": ShopifyResource()},
)
