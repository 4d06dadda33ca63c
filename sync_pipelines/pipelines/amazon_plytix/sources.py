"""Amazon → Plytix, what is read: listings, the PIM's products, and which product each listing is a listing of."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.amazon_plytix import LINKS, PIPELINE, checks, entries, intake, listings, unfinished
from sync_pipelines.pipelines.amazon_plytix import reports_for_people as reports
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, read_products
from sync_pipelines.pipelines.amazon_plytix.files import FileRefused
from sync_pipelines.pipelines.amazon_plytix.inbox import FILES, amazon_inbox, go_on
from sync_pipelines.pipelines.amazon_plytix.planning import mapping_of, plytix_of
from sync_pipelines.pipelines.building import Materialized, column_schema, freshness, metadata, results, specs
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Fresh, Markdown
from sync_pipelines.pipelines.tables import markdown
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.amazon import Amazon, has_login
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.plytix_settings import PlytixSettings

__all__ = ["amazon_inbox", "go_on"]

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)
JUST_READ = "listings just read"
"""Whether the listings are of this very run."""

seller_central = dg.AssetSpec(
    ["amazon", "seller_central"],
    group_name=GROUP,
    kinds={"amazon"},
    owners=OWNERS,
    description="The seller's listings on Amazon: a report or an export that somebody drops, and the catalogue behind it.",
)
pim = dg.AssetSpec(
    ["plytix", "pim"],
    group_name=GROUP,
    kinds={"plytix"},
    owners=OWNERS,
    description="The merchant's own products in Plytix, the PIM. This pipeline never changes one, but for its links.",
)
amazon_catalogue = dg.AssetSpec(
    ["plytix", "amazon_catalogue"],
    deps=[LINKS.applies.split("/")],
    group_name=GROUP,
    kinds={"plytix"},
    owners=OWNERS,
    description="What merchandisers see in Plytix: a product for every ASIN, linked with the product it is a listing of.",
)


class ListingsConfig(dg.Config):
    """file: another one than was dropped for this partition. style: only the listings of one style."""

    file: str | None = None
    style: str | None = None


class CatalogueConfig(dg.Config):
    """refresh: whether the products are read again, or taken as they were last read."""

    refresh: Literal["auto", "always", "never"] = "auto"


class MappingConfig(dg.Config):
    """mapping: a file to take as this partition's mapping. style: match only with the products of one style."""

    mapping: str | None = None
    style: str | None = None


@dg.asset(
    key=list(listings.LISTINGS_KEY),
    deps=[seller_central],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"amazon", "parquet"},
    owners=OWNERS,
    check_specs=specs(listings.LISTINGS_KEY, [checks.ROWS_ACCOUNTED, checks.ALL_UNDERSTOOD]),
    description=(
        "One row per ASIN of a dropped file; with a login, completed from Amazon's catalogue: parents, identifiers, size, "
        "colour. A dropped mapping lists nothing: it is the answer already."
    ),
    metadata={"dagster/column_schema": column_schema(listings.NOTES, listings.SCHEMA)},
)
def amazon_listings(context: dg.AssetExecutionContext, config: ListingsConfig, run: RunResource) -> Materialized:
    session, partition = run.session, context.partition_key
    session.note(pipeline=GROUP)
    if session.verb == "map" and partition in unfinished.unfinished(session.ledger, PlytixSettings.read().account):
        raise DeliveryError(
            f"a sync of {partition} is not ended; another mapping now would leave its rest undone. Finish it first: "
            f"sync-pipelines sync {GROUP} --partition {partition}."
        )
    unfinished.begin(session, partition, "file")
    given = Path(config.file) if config.file else None
    try:
        read = intake.read_partition(partition, lambda: _catalogue(session), file=given, style=config.style or "")
    except FileRefused:
        unfinished.end(session, partition)  # reading it again would end no better
        raise
    published = intake.publish_listings(session.warehouse, read, partition)
    session.once(JUST_READ, lambda: True)
    session.meter.minimum["amazon"] += read.least_calls
    rejected = [row for row in read.listings if row.problem]
    session.note(source_rejects=PIPELINE.source_rejects(partition))
    facts: dict[str, Any] = {
        "file": read.dropped.path.name,
        "kind": read.dropped.kind,
        "dagster/row_count": published.about.rows,
        "completed_from_the_catalogue": read.asked,
        "not_in_the_catalogue": read.unknown,
        "calls": session.meter.used["amazon"],
    }
    if read.dropped.lost:
        facts["bytes_that_are_no_character"] = Markdown(markdown([{"place": place} for place in read.dropped.lost]))
    if others := intake.left_aside(read.dropped, partition):
        facts["left_aside"] = f"{', '.join(others)}: for the same partition, and not looked at"
    examples = markdown([{"line": row.line, "problem": row.problem} for row in rejected[:20]])
    found = [
        checks.rows_accounted(read.rows, read.of_the_file, read.repeats, len(rejected), read.added),
        checks.all_understood(len(rejected), examples),
    ]
    return Materialized(metadata=metadata(facts), check_results=results(listings.LISTINGS_KEY, found))


def _catalogue(session: Session) -> Amazon | None:
    """Amazon's catalogue, where a login is set."""
    if not has_login():
        return None
    return session.once("amazon", lambda: Amazon.connect(AmazonSettings.read(), session.meter, session.limits))


@dg.asset(
    key=list(PRODUCTS_KEY),
    deps=[pim],
    group_name=GROUP,
    kinds={"plytix", "parquet"},
    owners=OWNERS,
    freshness_policy=freshness(Fresh(fail=timedelta(days=32))),
    description="Every product of the PIM that listings may be of, with its identifiers. Taken from the cache when fresh enough.",
    metadata={
        "dagster/column_schema": column_schema(
            {
                "id": "id in Plytix",
                "sku": "as it stands there",
                "label": "its name",
                "gtin": "the PIM's own identifier",
                "code:<attribute>": "further identifiers",
            }
        )
    },
)
def plytix_products(config: CatalogueConfig, run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    read = read_products(run.session, plytix_of(run.session), config.refresh)
    about = read.published.about
    facts: dict[str, Any] = {"how": read.how, "extract": about.extract, "dagster/row_count": about.rows}
    if read.rejected:
        shown = [{"sku": sku, "problem": why} for sku, why in read.rejected.items()]
        facts |= {"rejected": len(shown), "not_usable": Markdown(markdown(shown[:20]))}
    return Materialized(metadata=metadata(facts))


@dg.asset(
    key=list(entries.MAPPING_KEY),
    deps=[amazon_listings, plytix_products],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    check_specs=specs(entries.MAPPING_KEY, [checks.ALL_DECIDED]),
    description=(
        "Which product each listing is a listing of, by which rule, and how sure; also as `data/<file>_mapping.json`. "
        "Where two fit, neither is chosen."
    ),
    metadata={"dagster/column_schema": column_schema(entries.NOTES, entries.SCHEMA)},
)
def asin_mapping(context: dg.AssetExecutionContext, config: MappingConfig, run: RunResource) -> Materialized:
    session, partition = run.session, context.partition_key
    session.note(pipeline=GROUP)
    mapping, origin = intake.mapping_for(
        session.warehouse,
        partition,
        Path(config.mapping) if config.mapping else None,
        style=config.style or "",
        just_read=session.once(JUST_READ, lambda: False),
    )
    intake.publish_mapping(session.warehouse, mapping, PlytixSettings.read().account, partition, origin)
    unfinished.begin(session, partition, "mapping")
    states = Counter[str](entry.state for entry in mapping.entries)
    session.note(source_rejects=PIPELINE.source_rejects(partition))
    facts: dict[str, Any] = {
        "from": origin,
        **{f"rows_{state}": n for state, n in states.items()},
        "dagster/row_count": len(mapping.entries),
        "products_without_a_listing": len(mapping.unlisted),
        "duplicates": list(mapping.duplicates)[:20],
    }
    if noted := [entry for entry in mapping.entries if entry.note]:
        session.note(message=f"of {len(noted)} listings not all is written; of {noted[0].amazon_asin}: {noted[0].note}")
        facts["notes"] = Markdown(markdown([{"asin": e.amazon_asin, "note": e.note} for e in noted[:20]]))
    if not config.mapping:
        facts["file"] = intake.write_mapping(mapping, entries.mapping_path(data_dir(), partition))
    return Materialized(metadata=metadata(facts), check_results=results(entries.MAPPING_KEY, [checks.all_decided(states)]))


@dg.asset(
    key=["amazon", "unmatched_items"],
    deps=[asin_mapping],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"csv"},
    owners=OWNERS,
    description="Listings without a product, with several, or matched too unsurely: for a person, also as a CSV.",
)
def unmatched_items(context: dg.AssetExecutionContext, run: RunResource) -> Materialized:
    partition = context.partition_key
    rows = reports.questions(mapping_of(run.session, partition))
    path = reports.write_questions(rows, data_dir() / f"{partition}_unmatched.csv")
    names = ("state", "amazon_asin", "amazon_title", "reason", "candidates")
    shown = markdown([{name: row[name] for name in names} for row in rows[:20]]) or "every listing has its product"
    facts = {"dagster/row_count": len(rows), "file": path, "items": Markdown(shown)}
    return Materialized(metadata=metadata(facts))
