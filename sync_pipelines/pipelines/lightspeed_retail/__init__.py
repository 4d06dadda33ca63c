"""Lightspeed Retail: a mirror of the store that is right, and the questions it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipelines.pipelines.lightspeed_retail.settings import LightspeedRetailSettings
from sync_pipelines.pipelines.shape import Credential, Cron, Job, Pipeline
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shape import Questions


def _questions() -> Questions:
    from sync_pipelines.pipelines.lightspeed_retail import questions

    return questions


def _assets(*names: str) -> tuple[str, ...]:
    return tuple(f"lightspeed/{name}" for name in names)


STOCK = _assets("inventory")
SALES = _assets("sales", "sale_lines", "sale_payments")
REST = _assets(
    "suppliers",
    "products",
    "product_codes",
    "product_suppliers",
    "product_options",
    "product_images",
    "variant_images",
    "brands",
    "tags",
    "product_types",
    "categories",
    "variant_attributes",
    "consignments",
    "consignment_lines",
    "outlets",
    "registers",
    "taxes",
    "tax_rates",
    "users",
    "payment_types",
)

ANSWERS = _assets(
    "trade",
    "never_sold",
    "dead_stock",
    "dead_without_stock",
    "variants_without_pictures",
    "web_products_without_pictures",
    "margins_by_supplier",
    "to_reorder",
)

PIPELINE = Pipeline(
    name="lightspeed_retail",
    short="lightspeed",
    title="Lightspeed Retail",
    about="The till's products, stock, orders and sales: mirrored, and the questions they answer.",
    owners=("team:store",),
    settings=(LightspeedSettings, LightspeedRetailSettings),
    credentials=(
        Credential("LIGHTSPEED_STORE", "the store's name: what comes before .retail.lightspeed.app"),
        Credential("LIGHTSPEED_TOKEN", "a personal token of the store (Setup, Personal Tokens)", secret=True),
        Credential(
            "LIGHTSPEED_URL", "another address of the API", "https://{store}.retail.lightspeed.app", optional=True, asked=False
        ),
        Credential("LIGHTSPEED_CLIENT_ID", "client id of an application, instead of a token", optional=True, asked=False),
        Credential("LIGHTSPEED_CLIENT_SECRET", "its client secret", secret=True, optional=True, asked=False),
    ),
    environment="With an application instead of a personal token: sync-pipelines lightspeed login.",
    sources="sync_pipelines.pipelines.lightspeed_retail.sources",
    mirrors="sync_pipelines.pipelines.lightspeed_retail.collections",
    jobs=(
        Job(
            "sync",
            "Read what changed in the store since last time, all collections, and answer the questions.",
            (*REST, *STOCK, *SALES, *ANSWERS),
        ),
        Job("counter", "Read what changed in stock and sales since last time.", (*STOCK, *SALES)),
        Job("prove", "Read every collection whole and hold the mirror against it.", _assets("proof")),
    ),
    crons=(
        Cron("often", "counter", "*/15 * * * *", "Every 15 minutes: stock and sales. Ships stopped."),
        Cron("hourly", "sync", "5 * * * *", "Every hour: everything. Ships stopped."),
        Cron("nightly", "prove", "30 1 * * *", "Every night at 01:30 UTC: the proof that nothing is missing. Ships stopped."),
    ),
    questions=_questions,
    options=frozenset({"format"}),
    commands="sync_pipelines.pipelines.lightspeed_retail.commands",
)
