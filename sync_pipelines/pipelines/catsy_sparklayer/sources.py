"""Catsy → SparkLayer, what is read: the catalogue and its trade prices; and where the prices are seen in the end."""

from pathlib import Path
from typing import Literal

import dagster as dg

from sync_pipelines.pipelines.building import Materialized, column_schema, freshness, metadata, results, specs
from sync_pipelines.pipelines.catsy_sparklayer import FRESH, PIPELINE, checks, extract, mapping, planning
from sync_pipelines.pipelines.resources import RunResource

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)

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
    """Run config for reading the catalogue. from_csv: a full export of the old script, taken in instead of asking Catsy."""

    refresh: Literal["auto", "always", "never"] = "auto"
    from_csv: str | None = None


@dg.asset(
    key=list(extract.KEY),
    deps=[catalogue],
    group_name=GROUP,
    kinds={"catsy", "parquet"},
    owners=OWNERS,
    freshness_policy=freshness(FRESH),
    dagster_type=dg.Any,
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
def products(config: ExtractConfig, run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    read = extract.catalogue(run.session, config.refresh, Path(config.from_csv) if config.from_csv else None)
    about = read.published.about
    facts = {"how": read.how, "extract": about.extract, "repeats_dropped": about.repeats, "origin": about.origin}
    return Materialized(value=read.published, metadata=metadata(facts))


@dg.asset(
    key=list(planning.TRADE_PRICES),
    deps=[products],
    group_name=GROUP,
    kinds={"duckdb"},
    owners=OWNERS,
    check_specs=specs(planning.TRADE_PRICES, [checks.ROWS_ACCOUNTED, checks.ALL_UNDERSTOOD]),
    dagster_type=dg.Any,
    description="One row per product and price list: the exact price from each quantity on, or why there is none.",
    metadata={"dagster/column_schema": column_schema(mapping.COLUMN_NOTES, mapping.TRADE_PRICES)},
)
def trade_prices(run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    mapped = planning.map_catalogue(run.session)
    rows = {f"rows_{state}": n for state, n in mapped.states.items()}
    return Materialized(
        value=mapped.published,
        metadata=metadata({**rows, "examples": mapped.examples}),
        check_results=results(
            planning.TRADE_PRICES,
            [
                checks.rows_accounted(mapped.read, mapped.lists, mapped.states),
                checks.all_understood(mapped.states, mapped.examples),
            ],
        ),
    )
