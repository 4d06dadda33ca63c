"""Backfilling chosen days."""

import dagster as dg

from sync_pipelines.pipelines.resources import PIPELINE_TAG, VERB_TAG
from sync_pipelines.pipelines.shopify_store.assets import GROUP, order_days

backfill_job = dg.define_asset_job(
    f"backfill_{GROUP}",
    [order_days],
    tags={PIPELINE_TAG: GROUP, VERB_TAG: "backfill"},
    description="Read chosen days whole: one run for a stretch of days, published day by day.",
)
