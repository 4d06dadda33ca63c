"""Shopify ↔ Sentos, what is read and mapped: the ERP's products and orders, and the shop's orders as the ERP would have them."""

from collections import Counter
from datetime import timedelta
from typing import Any, Literal

import dagster as dg

from sync_pipelines.pipelines.building import Materialized, column_schema, freshness, metadata
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.shape import Fresh, Markdown
from sync_pipelines.pipelines.shopify_sentos import ORDERS, PIPELINE, erp_orders, erp_products, order_rows
from sync_pipelines.pipelines.tables import markdown

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)

erp = dg.AssetSpec(
    ["sentos", "erp"],
    group_name=GROUP,
    kinds={"sentos"},
    owners=OWNERS,
    description="The merchant's ERP: its products with the stock of each warehouse, and the orders of all its channels.",
)
warehouse = dg.AssetSpec(
    ["sentos", "warehouse"],
    deps=[ORDERS.applies.split("/")],
    group_name=GROUP,
    kinds={"sentos"},
    owners=OWNERS,
    description="Where the shop's orders are packed and sent: what Sentos has of them comes back as shipments.",
)
storefront = dg.AssetSpec(
    ["shopify", "storefront"],
    deps=[["shopify", name] for name in ("products", "prices", "stock", "shipments")],
    group_name=GROUP,
    kinds={"shopify"},
    owners=OWNERS,
    description="What customers see in the shop: its products, at what price, how many there are, and where their parcel is.",
)


class ProductsConfig(dg.Config):
    """refresh: whether the products are read again, or taken as they were read in the last hour. Stock is always read."""

    refresh: Literal["auto", "always", "never"] = "auto"


@dg.asset(
    key=list(erp_products.KEY),
    deps=[erp],
    group_name=GROUP,
    kinds={"sentos", "parquet"},
    owners=OWNERS,
    op_tags={"dagster/priority": "1"},  # the ERP's stock is read before the shop's: see stock_rule
    freshness_policy=freshness(Fresh(fail=timedelta(hours=1))),
    description="Every product of the ERP, one row per variant, with the stock of each warehouse.",
    metadata={"dagster/column_schema": column_schema(erp_products.NOTES, erp_products.SCHEMA)},
)
def sentos_products(config: ProductsConfig, run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    published = erp_products.products(run.session, config.refresh)
    problems = [row for row in erp_products.rows_of(published) if row.problem]
    shown = markdown([{"sku": row.sku, "product": row.title, "problem": row.problem} for row in problems[:20]])
    facts: dict[str, Any] = {
        "dagster/row_count": published.about.rows,
        "extract": published.about.extract,
        "read_at": published.about.at,
    }
    if problems:
        facts |= {"with_a_value_that_cannot_be_used": len(problems), "examples": Markdown(shown)}
    # stock is read every ten minutes: plans of products and prices are not out of date because of it
    goods = published.contents(without=("stock", "asked_at"))
    return Materialized(metadata=metadata(facts), data_version=dg.DataVersion(goods))


@dg.asset(
    key=list(erp_orders.KEY),
    deps=[erp],
    group_name=GROUP,
    kinds={"sentos", "parquet"},
    owners=OWNERS,
    freshness_policy=freshness(Fresh(fail=timedelta(hours=1))),
    description="How every order stands in the ERP: a log of what was made or changed there since last time, the newest wins.",
    metadata={"dagster/column_schema": column_schema(erp_orders.NOTES, erp_orders.SCHEMA)},
)
def sentos_order_states(run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    came = erp_orders.bring_up_to_date(run.session)
    states = Counter(order.status for order in erp_orders.orders_in_erp(run.session.warehouse))
    facts = {"came": came, "dagster/row_count": states.total(), **{f"status_{state}": n for state, n in sorted(states.items())}}
    return Materialized(metadata=metadata(facts))


@dg.asset(
    key=list(order_rows.KEY),
    deps=[["shopify", "orders"], ["shopify", "order_changes"], sentos_products],
    group_name=GROUP,
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    description="Every order of the shop as the ERP would get it, exact to the coin, or why it does not go.",
    metadata={"dagster/column_schema": column_schema(order_rows.NOTES, order_rows.SCHEMA)},
)
def sentos_order_rows(run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    published = order_rows.map_orders(run.session)
    rows = list(order_rows.rows_of(run.session))
    states = Counter(row.state for row in rows)
    reasons = Counter(row.reason for row in rows if row.state == "held")
    shown = markdown([{"orders": n, "held because": why} for why, n in reasons.most_common(20)])
    facts: dict[str, Any] = {"dagster/row_count": published.about.rows, **{f"orders_{s}": n for s, n in sorted(states.items())}}
    if reasons:
        facts["held"] = Markdown(shown)
    return Materialized(metadata=metadata(facts))
