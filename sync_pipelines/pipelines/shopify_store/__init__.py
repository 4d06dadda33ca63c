"""The shop's orders, read once for everybody: day by day, what changed since, and the proof that nothing is missing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import date

from sync_pipelines.pipelines.shape import Days, Job, Pipeline
from sync_pipelines.vendors.shopify_settings import ShopifySettings


def _offered() -> tuple[date, str]:
    from sync_pipelines.pipelines.shopify_store import offered_days

    return offered_days.offered()


def _offering(first: date) -> AbstractContextManager[None]:
    from sync_pipelines.pipelines.shopify_store import offered_days

    return offered_days.offering(first)


PIPELINE = Pipeline(
    name="shopify_store",
    short="shopify",
    title="Shopify orders",
    about="The shop's orders: read by day, for the pipelines that need them.",
    owners=("team:orders",),
    settings=(ShopifySettings,),
    sources="sync_pipelines.pipelines.shopify_store.sources",
    days=Days(_offered, _offering),
    jobs=(
        Job(
            "backfill",
            "Read chosen days whole: one run for a stretch of days, published day by day.",
            ("shopify/orders", "shopify/order_lines", "shopify/refunds"),
        ),
    ),
)
