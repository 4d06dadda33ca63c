"""The shop, read once for everybody: its orders day by day, what changed since, and the proof that nothing is missing."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa

from sync_pipelines.delivery import notes
from sync_pipelines.pipelines.building import Materialized, column_schema, days_of, freshness, metadata, results, specs
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.shape import Fresh, Markdown
from sync_pipelines.pipelines.shopify_store import PIPELINE, catalog, checks
from sync_pipelines.pipelines.shopify_store.change_reader import ChangeReader, first_day
from sync_pipelines.pipelines.shopify_store.client import store_of
from sync_pipelines.pipelines.shopify_store.day_reader import DayReader, DaysIncomplete
from sync_pipelines.pipelines.shopify_store.days import stretches
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, stored_per_day
from sync_pipelines.pipelines.shopify_store.orders import (
    CHANGES_KEY,
    LINES,
    LINES_KEY,
    NOTES,
    ORDERS,
    ORDERS_KEY,
    REFUNDS,
    REFUNDS_KEY,
)
from sync_pipelines.pipelines.tables import markdown
from sync_pipelines.vendors.shopify_settings import ShopifySettings

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)
FRESH = Fresh(fail=timedelta(hours=6), warn=timedelta(hours=1))
COUNTS_KEY = ("shopify", "order_counts")


store = dg.AssetSpec(
    ["shopify", "store"],
    group_name=GROUP,
    kinds={"shopify"},
    owners=OWNERS,
    description="The merchant's shop in Shopify. Somebody else's: this pipeline only reads it.",
)


def _day_asset(key: tuple[str, str], schema: pa.Schema, description: str) -> dg.AssetSpec:
    notes = {field.name: NOTES.get(field.name, field.name.replace("_", " ")) for field in schema}
    return dg.AssetSpec(
        list(key),
        deps=[store],
        group_name=GROUP,
        kinds={"shopify", "parquet"},
        owners=OWNERS,
        description=description,
        metadata={"dagster/column_schema": column_schema(notes, schema)},
    )


@dg.multi_asset(
    name="order_days",
    specs=[
        _day_asset(ORDERS_KEY, ORDERS, "Every order created on a day of the shop, whole, and proved to be all of them by count."),
        _day_asset(LINES_KEY, LINES, "Every line of the orders of a day."),
        _day_asset(REFUNDS_KEY, REFUNDS, "Every refunded line of the orders of a day, whenever it was refunded."),
    ],
    partitions_def=days_of(PIPELINE),
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    check_specs=specs(ORDERS_KEY, [checks.DAYS_AS_READ]),
)
def order_days(context: dg.AssetExecutionContext, run: RunResource) -> Iterator[Any]:
    """Orders, lines and refunds come from one reading: the files of all three are published, whichever were asked for."""
    session = run.session
    reader = store_of(session)
    session.note(pipeline=GROUP)
    days = [date.fromisoformat(key) for key in context.partition_keys]
    read, incomplete = [], []
    for first, last in stretches(days):
        try:
            read += DayReader(reader).read(first, last)
        except DaysIncomplete as e:  # the other stretches are read all the same
            incomplete.append(str(e))
    if incomplete:
        raise DaysIncomplete("\n".join(incomplete))
    session.note(message=f"{len(read)} days: {'; '.join(map(str, reader.ways))}")
    session.count("shopify/orders", {"orders": sum(day.orders for day in read)})
    session.meter.minimum["shopify"] = reader.least_calls
    facts: dict[str, Any] = {
        "days": len(read),
        "orders": sum(day.orders for day in read),
        "money": f"{sum(day.money for day in read)} {reader.facts.currency}",
        "how": "; ".join(map(str, reader.ways)) or "nothing to read",
        "noticed": reader.notices(),
        "calls": session.meter.used["shopify"],
    }
    for key in (LINES_KEY, REFUNDS_KEY, ORDERS_KEY):
        if dg.AssetKey(list(key)) in context.selected_asset_keys:
            yield Materialized(asset_key=list(key), metadata=metadata(facts))
    if context.selected_asset_check_keys:
        found = checks.days_as_read(session.warehouse, session.ledger, reader.account, [str(d.day) for d in read])
        yield from results(ORDERS_KEY, [found])


@dg.asset(
    key=list(CHANGES_KEY),
    deps=[store],
    group_name=GROUP,
    kinds={"shopify", "parquet"},
    owners=OWNERS,
    freshness_policy=freshness(FRESH),
    check_specs=specs(CHANGES_KEY, [checks.NOTHING_ODD]),
    description=(
        "Every order that changed since last time, whole: a log in which the newest version of an order wins, also over the "
        "daily files. The first reading takes the last days (lookback_days)."
    ),
    metadata={
        "dagster/column_schema": column_schema({f.name: NOTES.get(f.name, f.name.replace("_", " ")) for f in ORDERS}, ORDERS)
    },
)
def order_changes(run: RunResource) -> Materialized:
    settings = ShopifySettings.read()
    session = run.session
    reader = store_of(session)
    session.note(pipeline=GROUP)
    read = ChangeReader(reader).read(move_cursor=session.verb != "preview")
    session.note(message=f"shopify/order_changes: {read} new versions of orders")
    session.meter.minimum["shopify"] = reader.least_calls
    facts: dict[str, Any] = {
        "new_versions": read,
        "read_up_to": notes.get_cursor(session.ledger, settings.shop, "order_changes") or "",
        "how": "; ".join(map(str, reader.ways)) or "page by page",
        "noticed": reader.notices(),
        "calls": session.meter.used["shopify"],
    }
    return Materialized(metadata=metadata(facts), check_results=results(CHANGES_KEY, [checks.nothing_odd(reader.notices())]))


@dg.asset(
    key=list(COUNTS_KEY),
    deps=[list(ORDERS_KEY), list(CHANGES_KEY)],
    group_name=GROUP,
    kinds={"shopify"},
    owners=OWNERS,
    check_specs=specs(COUNTS_KEY, [checks.EVERY_ORDER_COUNTED, checks.FILES_AS_READ]),
    dagster_type=dg.Any,
    description=(
        "The proof, day by day: how many orders the shop counts, and how many we have. A day that differs is read again, whole."
    ),
    metadata={
        "dagster/column_schema": column_schema(
            {"day": "in the shop's zone", "counted": "by the shop", "stored": "here", "read_again": "orders, where they differed"}
        )
    },
)
def order_counts(context: dg.AssetExecutionContext, run: RunResource) -> Materialized:
    settings = ShopifySettings.read()
    session = run.session
    reader = store_of(session)
    session.note(pipeline=GROUP)
    with current_orders(session.warehouse, settings.account) as con:
        stored = stored_per_day(con, first_day(session.ledger, settings), reader.today())
    compared = DayReader(reader).compare(stored)
    read_again = [c for c in compared if c.read_again is not None]
    for key in (LINES_KEY, REFUNDS_KEY, ORDERS_KEY):
        for day in read_again:
            context.log_event(
                dg.AssetMaterialization(list(key), partition=str(day.day), description="read again: counts differed")
            )
    session.meter.minimum["shopify"] = reader.least_calls
    rows = [{"day": c.day, "counted": c.counted, "stored": c.stored, "read_again": c.read_again} for c in compared]
    schema = pa.schema([("day", pa.date32()), ("counted", pa.int64()), ("stored", pa.int64()), ("read_again", pa.int64())])
    files = [p.about.partition for p in session.warehouse.partitions(ORDERS_KEY, settings.account)]
    differing = [row for row in rows if row["counted"] != row["stored"]]
    session.note(message=f"{len(rows)} days compared, {len(differing)} read again")
    return Materialized(
        value=pa.Table.from_pylist(rows, schema=schema),
        metadata=metadata(
            {"days": len(rows), "days_read_again": len(differing), "differing": Markdown(markdown(differing[:20]) or "none")}
        ),
        check_results=results(
            COUNTS_KEY,
            [
                checks.every_order_counted(compared),
                checks.days_as_read(session.warehouse, session.ledger, settings.account, files, checks.FILES_AS_READ),
            ],
        ),
    )


@dg.asset(
    key=list(catalog.KEY),
    deps=[store],
    group_name=GROUP,
    kinds={"shopify", "parquet"},
    owners=OWNERS,
    description="Every variant of the shop with its product, price and stock at each location, in pages or by a bulk export.",
    metadata={"dagster/column_schema": column_schema(catalog.NOTES, catalog.SCHEMA)},
)
def shop_catalog(run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    published = catalog.catalog(run.session)
    facts = {
        "dagster/row_count": published.about.rows,
        "extract": published.about.extract,
        "calls": run.session.meter.used["shopify"],
    }
    # plans change the shop themselves, and are not out of date because of it: they follow what they are made from
    return Materialized(metadata=metadata(facts), data_version=dg.DataVersion(published.about.account))
