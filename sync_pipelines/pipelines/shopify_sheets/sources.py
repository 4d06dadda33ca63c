"""Shopify orders → Google Sheets, what is read: the rows that every order should have; and where they are seen in the end."""

import dagster as dg

from sync_pipelines.pipelines.building import Materialized, column_schema, metadata
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.shopify_sheets import ORDERS, PIPELINE, order_rows, planning
from sync_pipelines.pipelines.shopify_store.orders import CHANGES_KEY, ORDERS_KEY

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)

spreadsheet = dg.AssetSpec(
    ["sheets", "spreadsheet"],
    deps=[ORDERS.applies.split("/")],
    group_name=GROUP,
    kinds={"googlesheets"},
    owners=OWNERS,
    description="What the staff work from: one row per order, one per line, beside columns of their own.",
)


@dg.asset(
    key=list(order_rows.KEY),
    deps=[list(ORDERS_KEY), list(CHANGES_KEY), ["shopify", "order_counts"]],
    group_name=GROUP,
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    description=(
        "What each order should look like in the spreadsheet, by its layout: orders that are new or changed are mapped, the "
        "rows of the others are kept. An order that the shop has no more keeps its last rows, marked so."
    ),
    metadata={"dagster/column_schema": column_schema(order_rows.NOTES, order_rows.SCHEMA)},
)
def mapped_orders(run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    mapped = planning.map_orders(run.session)
    return Materialized(metadata=metadata({"dagster/row_count": mapped.about.rows, "path": mapped.path}))
