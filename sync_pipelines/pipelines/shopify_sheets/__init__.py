"""Shopify → Google Sheets: every order of the shop, once, in the spreadsheet that the staff work from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from sync_pipelines.pipelines.shape import Check, Credential, Cron, Fresh, Job, Pipeline, PlanRequest, Write
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shape import Questions, Writer

Compare = Literal["changed", "all"]


@dataclass(frozen=True)
class OrderPlanRequest(PlanRequest):
    """compare: look at the rows of orders that changed, or at every row. only: just the orders with these keys."""

    compare: Compare = "changed"


def _writer() -> Writer[Any]:
    from sync_pipelines.pipelines.shopify_sheets.planning import OrderWriter

    return OrderWriter()


def _questions() -> Questions:
    from sync_pipelines.pipelines.shopify_sheets import questions

    return questions


ROOM_LEFT = Check("room_left", "the spreadsheet is not close to its limit of cells")
NOBODY_IN_THE_WAY = Check("nobody_moved_rows_meanwhile", "no row was moved between our look and our call")

ORDERS = Write(
    plan="sheets/order_plan",
    applies="sheets/orders",
    vendor="google",
    account=lambda: ShopifySheetsSettings.read().account,
    writer=_writer,
    request=OrderPlanRequest,
    planned_from=("sheets/order_rows",),
    plan_is=(
        "What would change in the spreadsheet, order by order: every order whose stored state is not the one last delivered. "
        "Sends nothing that changes it."
    ),
    applied_is="The plan, applied: each order and its lines written once, read back, one outcome per order in the ledger.",
    kinds=frozenset({"googlesheets"}),
    plan_checks=(ROOM_LEFT,),
    checks=(NOBODY_IN_THE_WAY,),
    as_planned="sheet_as_planned",
    fresh=Fresh(fail=timedelta(hours=6), warn=timedelta(hours=1)),
)

PIPELINE = Pipeline(
    name="shopify_sheets",
    short="sheets",
    title="Shopify → Google Sheets",
    about="Shopify orders and the spreadsheet: every order once, always current, nothing missing.",
    owners=("team:orders",),
    settings=(ShopifySettings, GoogleSettings, ShopifySheetsSettings),
    credentials=(
        Credential("SHOPIFY_STORE_NAME", "the shop (my-shop, or my-shop.myshopify.com)"),
        Credential(
            "SHOPIFY_ACCESS_TOKEN", "Admin API token of an app there (read_orders, read_customers, read_all_orders)", secret=True
        ),
        Credential("SHOPIFY_CLIENT_ID", "client id of the app, instead of a token", optional=True, asked=False),
        Credential("SHOPIFY_CLIENT_SECRET", "its client secret", secret=True, optional=True, asked=False),
        Credential("SHOPIFY_TIME_ZONE", "the shop's time zone", "UTC"),
        Credential("GOOGLE_SERVICE_ACCOUNT_FILE", "path of the Google service account's JSON key file"),
        Credential("TARGET_SPREADSHEET", "the spreadsheet: its address, its id, or its title"),
    ),
    environment="A token, or the id and secret of an app of the same organization.",
    rights=(ShopifySheetsSettings,),
    sources="sync_pipelines.pipelines.shopify_sheets.sources",
    preview=("shopify/order_changes", "sheets/order_rows"),
    writes=(ORDERS,),
    jobs=(
        Job(
            "reconcile",
            "Prove that nothing is missing: compare every day with the shop's own count, read again the days that differ, and "
            "look at every row of the spreadsheet.",
            ("shopify/order_changes", "shopify/order_counts", "sheets/order_rows", *ORDERS.assets),
            {ORDERS.plan: {"compare": "all"}},
        ),
    ),
    previews="Read what changed in the shop, and plan. Sends nothing that changes anything, and moves no cursor.",
    syncs="Read what changed in the shop, plan, and apply the plan if its guards are clear.",
    undoes="Take back what a plan wrote, where the sheet still holds it.",
    crons=(
        Cron("often", "sync", "*/15 * * * *", "Every 15 minutes: what changed in the shop reaches the sheet. Ships stopped."),
        Cron("daily", "reconcile", "40 3 * * *", "Every day at 03:40 UTC: proof by count, a look at every row. Ships stopped."),
    ),
    questions=_questions,
    commands="sync_pipelines.pipelines.shopify_sheets.commands",
    pause=lambda: timedelta(minutes=ShopifySheetsSettings.read().pause_minutes),
    options=frozenset({"force", "test"}),
)
