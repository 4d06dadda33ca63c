"""Shopify ↔ Sentos: goods, prices and stock from the ERP to the shop, orders the other way, shipments back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sync_pipelines.pipelines.shape import Chain, Check, Credential, Cron, Fresh, Pipeline, Write
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shape import Questions, Writer


def _products() -> Writer[Any]:
    from sync_pipelines.pipelines.shopify_sentos.product_plan import ProductWriter

    return ProductWriter()


def _prices() -> Writer[Any]:
    from sync_pipelines.pipelines.shopify_sentos.price_plan import PriceWriter

    return PriceWriter()


def _stock() -> Writer[Any]:
    from sync_pipelines.pipelines.shopify_sentos.stock_plan import StockWriter

    return StockWriter()


def _orders() -> Writer[Any]:
    from sync_pipelines.pipelines.shopify_sentos.order_plan import OrderWriter

    return OrderWriter()


def _shipments() -> Writer[Any]:
    from sync_pipelines.pipelines.shopify_sentos.shipment_plan import ShipmentWriter

    return ShipmentWriter()


def _questions() -> Questions:
    from sync_pipelines.pipelines.shopify_sentos import questions

    return questions


GOODS = ("sentos/products", "shopify/catalog")
ORDERS_READ = ("sentos/products", "shopify/order_changes", "sentos/order_states", "sentos/order_rows")
EACH_ROW = Check("every_row_ended_well", "no row was rejected, failed, drifted or is still in doubt")

PRODUCTS = Write(
    plan="shopify/product_plan",
    applies="shopify/products",
    vendor="shopify",
    account=lambda: ShopifySentosSettings.goods_account("products"),
    writer=_products,
    planned_from=GOODS,
    reads=GOODS,
    plan_is="Which products would be made in the shop, and which variants, SKUs, barcodes and tags added. Changes nothing.",
    applied_is="The product plan, applied: each product made once, as a draft; what people made there stays.",
    kinds=frozenset({"shopify"}),
    ended_well=EACH_ROW,
    fresh=Fresh(fail=timedelta(days=3), warn=timedelta(days=2)),
)
PRICES = Write(
    plan="shopify/price_plan",
    applies="shopify/prices",
    vendor="shopify",
    account=lambda: ShopifySentosSettings.goods_account("prices"),
    writer=_prices,
    planned_from=GOODS,
    reads=GOODS,
    after=(PRODUCTS.applies,),
    plan_is="Which prices would change in the shop, SKU by SKU: Sentos' price list against what the shop has. Changes nothing.",
    applied_is="The price plan, applied: one call per product, one outcome per SKU in the ledger.",
    kinds=frozenset({"shopify"}),
    as_planned="prices_as_planned",
    fresh=Fresh(fail=timedelta(hours=6), warn=timedelta(hours=3)),
)
STOCK = Write(
    plan="shopify/stock_plan",
    applies="shopify/stock",
    vendor="shopify",
    account=lambda: ShopifySentosSettings.goods_account("stock"),
    writer=_stock,
    planned_from=(*GOODS, "sentos/order_states"),
    reads=(*GOODS, "sentos/order_states"),
    after=(PRODUCTS.applies,),
    plan_is=(
        "What the shop may offer of every SKU: the ERP's stock, less what was ordered or sent and is not known there yet. "
        "Changes nothing."
    ),
    applied_is="The stock plan, applied: compared and set, so that a sale that comes between is never written over.",
    kinds=frozenset({"shopify"}),
    ended_well=Check("every_row_ended_well", "no row was rejected, failed or is still in doubt"),
    fresh=Fresh(fail=timedelta(hours=1), warn=timedelta(minutes=30)),
)
ORDERS = Write(
    plan="sentos/order_plan",
    applies="sentos/orders",
    vendor="sentos",
    account=ShopifySentosSettings.orders_account,
    writer=_orders,
    planned_from=("sentos/order_rows", "sentos/order_states"),
    reads=ORDERS_READ,
    plan_is="Which orders of the shop the ERP would get, and which it has already, whoever made them. Changes nothing.",
    applied_is="The order plan, applied: each order made once, whatever became of an answer; cancellations told.",
    kinds=frozenset({"sentos"}),
    ended_well=EACH_ROW,
    fresh=Fresh(fail=timedelta(hours=1), warn=timedelta(minutes=20)),
)
SHIPMENTS = Write(
    plan="shopify/shipment_plan",
    applies="shopify/shipments",
    vendor="shopify",
    account=lambda: ShopifySentosSettings.goods_account("shipments"),
    writer=_shipments,
    planned_from=("sentos/order_states",),
    reads=("sentos/order_states",),
    plan_is="Which parcels that Sentos has sent the shop does not know yet. Changes nothing.",
    applied_is="The shipment plan, applied: each parcel told once, with its carrier and number; and that it was delivered.",
    kinds=frozenset({"shopify"}),
    ended_well=EACH_ROW,
    fresh=Fresh(fail=timedelta(hours=1), warn=timedelta(minutes=20)),
)

PIPELINE = Pipeline(
    name="shopify_sentos",
    short="sentos",
    title="Shopify ↔ Sentos",
    about="Goods, prices and stock from the ERP to the shop, orders the other way, shipments back.",
    owners=("team:shop",),
    settings=(ShopifySettings, SentosSettings, ShopifySentosSettings),
    credentials=(
        Credential("SENTOS_API_URL", "Sentos' API Url from its panel (https://<company>.sentos.com.tr/api)"),
        Credential("SENTOS_API_KEY", "Sentos' API key (API Anahtar)", secret=True),
        Credential("SENTOS_API_SECRET", "Sentos' API secret (API Şifre)", secret=True),
        Credential("SHOPIFY_STORE_NAME", "the shop (my-shop, or my-shop.myshopify.com)"),
        Credential(
            "SHOPIFY_ACCESS_TOKEN",
            "Admin API token of an app there (read_all_orders, read_customers, write_products, write_inventory, read_locations, "
            "write_merchant_managed_fulfillment_orders)",
            secret=True,
        ),
        Credential("SHOPIFY_CLIENT_ID", "client id of the app, instead of a token", optional=True, asked=False),
        Credential("SHOPIFY_CLIENT_SECRET", "its client secret", secret=True, optional=True, asked=False),
        Credential("SHOPIFY_TIME_ZONE", "the shop's time zone", "UTC"),
        Credential("SHOPIFY_SENTOS_TITLE", "who keeps titles: create_only (the shop) or owned (Sentos)", "create_only"),
        Credential("SHOPIFY_SENTOS_DESCRIPTION", "who keeps descriptions: create_only or owned", "create_only"),
        Credential(
            "SHOPIFY_SENTOS_PICTURES", "who keeps pictures: create_only, or added (Sentos adds its new ones)", "create_only"
        ),
    ),
    environment="Sentos takes its key and secret by HTTP Basic, and no other way is tried.",
    rights=(ShopifySettings, SentosSettings),
    sources="sync_pipelines.pipelines.shopify_sentos.sources",
    preview=("sentos/products", "shopify/catalog", "shopify/order_changes", "sentos/order_states", "sentos/order_rows"),
    writes=(PRODUCTS, PRICES, STOCK, ORDERS, SHIPMENTS),
    chains=(
        Chain("goods", "Make products and keep prices: from Sentos to the shop.", (PRODUCTS, PRICES)),
        Chain("prices", "Keep prices: from Sentos to the shop.", (PRICES,)),
        Chain("stock", "Keep stock: from Sentos to the shop, without ever offering what is not there.", (STOCK,)),
        Chain("orders", "Orders from the shop to Sentos, and what was sent of them back.", (ORDERS, SHIPMENTS)),
    ),
    previews="Read both systems and plan all five: products, prices, stock, orders, shipments. Changes nothing anywhere.",
    undoes="Take back what a run wrote in the shop, where nobody changed it since. Not stock, and not orders in the ERP.",
    crons=(
        Cron("often", "sync", "*/10 * * * *", "Every 10 minutes: stock. Ships stopped.", "stock"),
        Cron("orders", "sync", "*/5 * * * *", "Every 5 minutes: orders and shipments. Ships stopped.", "orders"),
        Cron("prices", "sync", "20 * * * *", "Every hour: prices. Ships stopped.", "prices"),
        Cron("daily", "sync", "10 2 * * *", "Every night at 02:10 UTC: products and prices. Ships stopped.", "goods"),
    ),
    questions=_questions,
    commands="sync_pipelines.pipelines.shopify_sentos.commands",
    options=frozenset({"refresh", "only", "keys"}),
)
