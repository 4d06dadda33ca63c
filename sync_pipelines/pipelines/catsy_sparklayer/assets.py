"""Catsy → SparkLayer, left to right: the catalogue, its trade prices, what would change, what was changed."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from sync_pipelines.delivery.applying import settle_first
from sync_pipelines.pipelines import plan_checks
from sync_pipelines.pipelines.catsy_sparklayer import checks, mapping, planning
from sync_pipelines.pipelines.catsy_sparklayer.extract import KEY, Products
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.catsy_sparklayer.target import NOT_SHOWN
from sync_pipelines.pipelines.plan_and_apply import ApplyConfig, PlanConfig, apply_plan, count_outcomes, plan_to_apply, tell_plan
from sync_pipelines.pipelines.resources import CatsyResource, RunResource, SparkLayerResource
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.tables import column_schema, markdown
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.warehouse.snapshots import Published
from sync_pipelines.warehouse.spool import export_csv

GROUP = "catsy_sparklayer"
PRICES = "sparklayer/prices"
OWNERS = ["team:merchandising"]
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))
"""Of a daily schedule one run may be missed, a second one may not."""

catalogue = dg.AssetSpec(
    ["catsy", "catalogue"],
    group_name=GROUP,
    kinds={"catsy"},
    owners=OWNERS,
    description="The merchant's products in Catsy, the PIM. Somebody else's: this project only reads it.",
)
storefront = dg.AssetSpec(
    ["sparklayer", "storefront"],
    deps=[["sparklayer", "prices"]],
    group_name=GROUP,
    kinds={"sparklayer"},
    owners=OWNERS,
    description="What trade customers see in the shop: SparkLayer shows the prices of their list.",
)


class ExtractConfig(dg.Config):
    """How the catalogue is come by. from_csv: a full export of the old script, taken in instead of asking Catsy."""

    refresh: Literal["auto", "always", "never"] = "auto"
    from_csv: str = ""


@dg.asset(
    key=list(KEY),
    deps=[catalogue],
    group_name=GROUP,
    kinds={"catsy", "parquet"},
    owners=OWNERS,
    freshness_policy=FRESH,
    description=(
        "Every item of the saved query, whole or not at all: the item as JSON text, id, SKU and the price attributes as "
        "text. Also written as a CSV for people. Taken from the cache when that is fresh enough."
    ),
    metadata={
        "dagster/column_schema": column_schema(
            {
                "id": "id in Catsy",
                "sku": "product code as it stands there",
                "price:<attribute>": "price as text, digit by digit",
                "item": "the whole item as JSON",
            }
        )
    },
)
def products(config: ExtractConfig, run: RunResource, catsy: CatsyResource) -> dg.MaterializeResult[Published]:
    settings, attributes = CatsySettings.read(), CatsySparkLayerSettings.read().attributes
    source = Products(run.warehouse, run.ledger, settings, attributes, run.id)
    run.note(pipeline=GROUP)
    cached = None if config.from_csv else source.cached(config.refresh)
    if cached is None:
        reading = source.from_csv(Path(config.from_csv)) if config.from_csv else source.extract(lambda: catsy.client(run))
        with reading as staged:
            cached = run.warehouse.publish(KEY, staged)
        export_csv(cached.path, data_dir() / settings.output_file, (settings.sku_attribute, *attributes))
        told = "read from Catsy" if cached.about.origin == "api" else f"taken in from {cached.about.origin}"
    else:
        told = f"from the cache, {cached.about.age.total_seconds() / 3600:.1f} h old, no call made"
    if cached.about.doubt:
        told += f"; not proved to be whole ({cached.about.doubt}): nothing is removed for being missing from it"
    run.note(message=f"catsy/products: {told}")
    facts: dict[str, Any] = {
        "how": told,
        "extract": cached.about.extract,
        "repeats_dropped": cached.about.repeats,
        "origin": cached.about.origin,
    }
    return dg.MaterializeResult(value=cached, metadata=facts)


@dg.asset(
    key=["catsy", "trade_prices"],
    group_name=GROUP,
    kinds={"duckdb"},
    owners=OWNERS,
    check_specs=[checks.ROWS_ACCOUNTED, checks.ALL_UNDERSTOOD],
    dagster_type=dg.Any,
    description="One row per product and price list: the exact price from each quantity on, or why there is none.",
    metadata={"dagster/column_schema": column_schema(mapping.COLUMN_NOTES, mapping.TRADE_PRICES)},
)
def trade_prices(products: Published, run: RunResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    settings = CatsySparkLayerSettings.read()
    rows = planning.map_prices(products, settings)
    states = Counter(rows.column("state").to_pylist())
    doubtful = rows.filter(pc.is_in(rows.column("state"), pa.array(["rejected", "conflict"])))
    examples = markdown(doubtful.slice(0, 20).select(["price_list", "sku", "state", "reason", "source_id"]).to_pylist())
    run.note(source_rejects=states["rejected"])
    return dg.MaterializeResult(
        value=rows,
        metadata={**{f"rows_{state}": n for state, n in states.items()}, "examples": dg.MetadataValue.md(examples)},
        check_results=[
            checks.rows_accounted(products.about.rows, len(settings.price_lists), states),
            checks.all_understood(states, examples),
        ],
    )


@dg.asset(
    key=["sparklayer", "price_plan"],
    ins={"trade_prices": dg.AssetIn(key=["catsy", "trade_prices"])},
    group_name=GROUP,
    kinds={"sparklayer", "duckdb"},
    owners=OWNERS,
    check_specs=[checks.GUARDS, checks.NOTHING_HELD],
    description="What would change on each SparkLayer price list, price by price. Sends nothing that changes it.",
)
def price_plan(
    config: PlanConfig, trade_prices: pa.Table, run: RunResource, sparklayer: SparkLayerResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    source = planning.extract_of_prices(run.warehouse, account_of("catsy"))
    client = sparklayer.client(run)
    if run.applies_in_this_run(PRICES):
        settle_first(planning.target(client), ledger=run.ledger, files=run.plans, run=run.id)
    only = planning.known_keys(config.only, trade_prices) if config.only else None
    plan = planning.plan_prices(client, trade_prices, source, ledger=run.ledger, files=run.plans, run=run.id, only=only)
    planning.least_calls(run.meter, plan, planned=True, applied=False)
    metadata = tell_plan(run, PRICES, plan, planning.readable)
    return dg.MaterializeResult(
        metadata={**metadata, "not_shown_by_the_vendor": NOT_SHOWN},
        check_results=[plan_checks.guards(checks.GUARDS, plan), plan_checks.nothing_held(checks.NOTHING_HELD, plan)],
    )


@dg.asset(
    key=["sparklayer", "prices"],
    deps=[["sparklayer", "price_plan"]],
    group_name=GROUP,
    kinds={"sparklayer"},
    owners=OWNERS,
    freshness_policy=FRESH,
    check_specs=[checks.ALL_ENDED_WELL, checks.AS_PLANNED],
    description="The plan, applied: each price sent once, one outcome per row in the ledger, read back afterwards.",
)
def prices(config: ApplyConfig, run: RunResource, sparklayer: SparkLayerResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    target = planning.target(sparklayer.client(run))
    planned_here = run.plan_made(PRICES)
    plan = plan_to_apply(run, GROUP, target, config)
    report = apply_plan(run, target, plan, config.limit)
    planning.least_calls(run.meter, plan, planned=plan.id == planned_here, applied=True, limit=config.limit)
    count_outcomes(run, PRICES, plan, report.counts)
    return dg.MaterializeResult(
        metadata={
            "plan": plan.id,
            **report.counts,
            "calls": run.meter.used["sparklayer"],
            "calls_least": run.meter.minimum["sparklayer"],
            "dagster/row_count": plan.counts.live + plan.counts.create,
        },
        check_results=[
            plan_checks.rows_ended_well(checks.ALL_ENDED_WELL, report.counts),
            plan_checks.as_planned(checks.AS_PLANNED, [report]),
        ],
    )
