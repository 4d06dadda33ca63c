"""The pipelines. Adding one is a folder, and a line here."""

from __future__ import annotations

from sync_pipelines.pipelines.amazon_plytix import PIPELINE as AMAZON_PLYTIX
from sync_pipelines.pipelines.catsy_sparklayer import PIPELINE as CATSY_SPARKLAYER
from sync_pipelines.pipelines.lightspeed_orders import PIPELINE as LIGHTSPEED_ORDERS
from sync_pipelines.pipelines.lightspeed_pictures import PIPELINE as LIGHTSPEED_PICTURES
from sync_pipelines.pipelines.lightspeed_retail import PIPELINE as LIGHTSPEED_RETAIL
from sync_pipelines.pipelines.shape import Pipeline
from sync_pipelines.pipelines.shopify_sentos import PIPELINE as SHOPIFY_SENTOS
from sync_pipelines.pipelines.shopify_sheets import PIPELINE as SHOPIFY_SHEETS
from sync_pipelines.pipelines.shopify_store import PIPELINE as SHOPIFY_STORE

PIPELINES: tuple[Pipeline, ...] = (
    CATSY_SPARKLAYER,
    SHOPIFY_STORE,
    SHOPIFY_SHEETS,
    SHOPIFY_SENTOS,
    AMAZON_PLYTIX,
    LIGHTSPEED_RETAIL,
    LIGHTSPEED_ORDERS,
    LIGHTSPEED_PICTURES,
)
