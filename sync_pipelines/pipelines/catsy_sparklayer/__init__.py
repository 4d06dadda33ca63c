"""Catsy → SparkLayer: trade prices from the PIM become the prices of B2B price lists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.shape import Credential, Cron, Fresh, Pipeline, Write
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shape import Questions, Writer


def _writer() -> Writer[Any]:
    from sync_pipelines.pipelines.catsy_sparklayer.planning import PriceWriter

    return PriceWriter()


def _questions() -> Questions:
    from sync_pipelines.pipelines.catsy_sparklayer import questions

    return questions


FRESH = Fresh(fail=timedelta(hours=50), warn=timedelta(hours=26))
"""Of a daily schedule one run may be missed, a second one may not."""

PRICES = Write(
    plan="sparklayer/price_plan",
    applies="sparklayer/prices",
    vendor="sparklayer",
    account=lambda: SparkLayerSettings.read().account,
    writer=_writer,
    planned_from=("catsy/trade_prices",),
    plan_is="What would change on each SparkLayer price list, price by price. Sends nothing that changes it.",
    applied_is="The plan, applied: each price sent once, one outcome per row in the ledger, read back afterwards.",
    kinds=frozenset({"sparklayer"}),
    as_planned="price_list_as_planned",
    fresh=FRESH,
)

PIPELINE = Pipeline(
    name="catsy_sparklayer",
    short="catsy",
    title="Catsy → SparkLayer",
    about="Catsy and SparkLayer: the PIM's trade prices to B2B price lists.",
    owners=("team:merchandising",),
    settings=(CatsySettings, SparkLayerSettings, CatsySparkLayerSettings),
    credentials=(
        Credential("CATSY_BASE_URL", "Catsy API address", "https://api.catsy.com/api/v3"),
        Credential("CATSY_QUERY_ID", "id of the saved query in Catsy"),
        Credential("CATSY_BEARER_TOKEN", "Catsy API key of a user made for this", secret=True),
        Credential(
            "SPARKLAYER_URL", "SparkLayer address (https://test.app.sparklayer.io for the test site)", "https://app.sparklayer.io"
        ),
        Credential("SPARKLAYER_SITE_ID", "SparkLayer site id"),
        Credential("SPARKLAYER_CLIENT_ID", "SparkLayer client id"),
        Credential("SPARKLAYER_CLIENT_SECRET", "SparkLayer client secret", secret=True),
    ),
    environment="The old script's names (SITE_ID, CLIENT_ID, CLIENT_SECRET) work, too.",
    rights=(SparkLayerSettings,),
    sources="sync_pipelines.pipelines.catsy_sparklayer.sources",
    preview=("catsy/products", "catsy/trade_prices"),
    writes=(PRICES,),
    undoes="Take back what a plan wrote, where the list still holds it.",
    crons=(Cron("daily", "sync", "30 4 * * *", "Every day at 04:30 UTC. Ships stopped."),),
    questions=_questions,
    options=frozenset({"refresh", "from_csv"}),
)
