"""Amazon → Plytix, left to right: what is listed, which products these are, what would change, what was changed."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import dagster as dg

from sync_pipelines.delivery.applying import Report, settle_first
from sync_pipelines.delivery.model import DeliveryError, Target
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines import plan_and_apply, plan_checks, rights
from sync_pipelines.pipelines.amazon_plytix import (
    call_estimate,
    checks,
    entries,
    intake,
    listings,
    planning,
    reports_for_people,
    unfinished,
)
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, Catalogue
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.amazon_plytix.files import FileRefused
from sync_pipelines.pipelines.amazon_plytix.link_target import AmazonLinks
from sync_pipelines.pipelines.amazon_plytix.planning import Desk
from sync_pipelines.pipelines.amazon_plytix.target import AmazonProducts
from sync_pipelines.pipelines.plan_and_apply import ApplyConfig, apply_plan, count_outcomes, in_turn, plan_to_apply, tell_plan
from sync_pipelines.pipelines.resources import AmazonResource, PlytixResource, RunResource, writes_on
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.tables import column_schema, markdown
from sync_pipelines.settings import data_dir

T = TypeVar("T")

GROUP = planning.PIPELINE
OWNERS = ["team:merchandising"]
FILES = dg.DynamicPartitionsDefinition(name="amazon_files")
"""One partition per file that was dropped, named by its stem."""

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
    deps=[["plytix", "amazon_links"]],
    group_name=GROUP,
    kinds={"plytix"},
    owners=OWNERS,
    description="What merchandisers see in Plytix: a product for every ASIN, linked with the product it is a listing of.",
)


class ListingsConfig(dg.Config):
    """file: another one than was dropped for this partition. style: only the listings of one style."""

    file: str = ""
    style: str = ""


class CatalogueConfig(dg.Config):
    """refresh: whether the products are read again, or taken as they were last read."""

    refresh: Literal["auto", "always", "never"] = "auto"


class MappingConfig(dg.Config):
    """mapping: a file to take as this partition's mapping. style: match only with the products of one style."""

    mapping: str = ""
    style: str = ""


class ProductPlanConfig(plan_and_apply.PlanConfig):
    """check_families: also look at the family of every product that exists, one call for each, and mend it."""

    check_families: bool = False


class LinkPlanConfig(plan_and_apply.PlanConfig):
    """only: plan just these links, by their keys; those of products are left out."""


def _desk(run: RunResource, plytix: PlytixResource) -> Desk:
    return run.shared("plytix desk", lambda: Desk(plytix.client(run)))


def _mapping(run: RunResource, partition: str) -> list[Entry]:
    account = account_of("plytix")
    return run.shared(f"mapping {partition}", lambda: intake.mapping_of(run.warehouse, account, partition))


def _settle(run: RunResource, target: Target) -> None:
    """Settle what earlier runs left in doubt, when it is this run's turn to write."""
    patience = planning.patience()
    _in_turn(run, lambda: settle_first(target, ledger=run.ledger, files=run.plans, run=run.id, patience=patience))


def _in_turn(run: RunResource, do: Callable[[], T]) -> T:
    """Wait while the run of another file writes to the account. A preview does not wait. Raises Busy."""
    return in_turn(do, 0.0 if run.verb == "preview" else planning.patience().seconds)


CHOSEN = "chosen keys"
"""Whether the run is of keys that a person chose: what the rest of the file is owed stays as it is."""


def _begin(run: RunResource, partition: str, since: unfinished.Since) -> None:
    """In a run that goes on to write: make sure that it may, and note that this file's sync is under way."""
    if run.applies_in_this_run(AmazonProducts.name):
        _may_write(run, partition)
        unfinished.begin(run.ledger, account_of("plytix"), partition, since, run.id)


def _may_write(run: RunResource, partition: str) -> None:
    """Raises DeliveryError where a run that goes on to write may not."""
    if run.applies_in_this_run(AmazonProducts.name) and not writes_on(GROUP, "plytix"):
        unfinished.end(run.ledger, account_of("plytix"), partition)
        raise DeliveryError(
            f"{rights.holder('plytix')} is read-only. Nothing was sent. Turn writing on: sync-pipelines enable {GROUP} (for "
            "another account than main with --plytix-account before the command)."
        )


def _end(run: RunResource, partition: str) -> None:
    """Note that nothing is left to go on with by itself."""
    if not run.shared(CHOSEN, lambda: False):
        unfinished.end(run.ledger, account_of("plytix"), partition)


@dg.asset(
    key=list(listings.LISTINGS_KEY),
    deps=[seller_central],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"amazon", "parquet"},
    owners=OWNERS,
    check_specs=[checks.ROWS_ACCOUNTED, checks.ALL_UNDERSTOOD],
    description=(
        "One row per ASIN of a dropped file; with a login, completed from Amazon's catalogue: parents, identifiers, size, "
        "colour. A dropped mapping lists nothing: it is the answer already."
    ),
    metadata={"dagster/column_schema": column_schema(listings.NOTES, listings.SCHEMA)},
)
def amazon_listings(
    context: dg.AssetExecutionContext, config: ListingsConfig, run: RunResource, amazon: AmazonResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    run.note(pipeline=GROUP)
    partition = context.partition_key
    if run.verb == "map" and partition in unfinished.unfinished(run.ledger, account_of("plytix")):
        raise DeliveryError(
            f"a sync of {partition} is not ended; another mapping now would leave its rest undone. Finish it first: "
            f"sync-pipelines sync {GROUP} --partition {partition}."
        )
    _begin(run, partition, "file")
    try:
        read = intake.read_partition(
            partition, lambda: amazon.client(run), file=Path(config.file) if config.file else None, style=config.style
        )
    except FileRefused:
        _end(run, partition)  # reading it again would end no better
        raise
    published = intake.publish_listings(run.warehouse, read, partition)
    run.shared("listings read", lambda: True)
    run.meter.minimum["amazon"] += read.least_calls
    rejected = [row for row in read.listings if row.problem]
    run.note(source_rejects=len(rejected))
    examples = markdown([{"line": row.line, "problem": row.problem} for row in rejected[:20]])
    metadata: dict[str, Any] = {
        "file": read.dropped.path.name,
        "kind": read.dropped.kind,
        "dagster/row_count": published.about.rows,
        "completed_from_the_catalogue": read.asked,
        "not_in_the_catalogue": read.unknown,
        "calls": run.meter.used["amazon"],
    }
    if read.dropped.lost:
        metadata["bytes_that_are_no_character"] = dg.MetadataValue.md(markdown([{"place": place} for place in read.dropped.lost]))
    if others := intake.left_aside(read.dropped, partition):
        metadata["left_aside"] = f"{', '.join(others)}: for the same partition, and not looked at"
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            checks.rows_accounted(read.rows, read.of_the_file, read.repeats, len(rejected), read.added),
            checks.all_understood(len(rejected), examples),
        ],
    )


@dg.asset(
    key=list(PRODUCTS_KEY),
    deps=[pim],
    group_name=GROUP,
    kinds={"plytix", "parquet"},
    owners=OWNERS,
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=32)),
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
def plytix_products(config: CatalogueConfig, run: RunResource, plytix: PlytixResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    desk = _desk(run, plytix)
    run.note(pipeline=GROUP)
    source = Catalogue(run.warehouse, run.ledger, desk.settings, desk.plytix, run.id)
    found = source.cached(config.refresh)
    told = "from the cache, no call made"
    if found is None:
        with source.read(desk.client, desk.account.identifiers, desk.account.model_number) as staged:
            found = run.warehouse.publish(PRODUCTS_KEY, staged)
        call_estimate.least_calls(run.meter, records=found.about.rows)
        told = f"read in {run.meter.used['plytix']} calls"
    metadata: dict[str, Any] = {"how": told, "extract": found.about.extract, "dagster/row_count": found.about.rows}
    if source.rejected:
        shown = [{"sku": sku, "problem": why} for sku, why in source.rejected.items()]
        metadata |= {"rejected": len(shown), "not_usable": dg.MetadataValue.md(markdown(shown[:20]))}
    return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=list(entries.MAPPING_KEY),
    deps=[amazon_listings, plytix_products],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    check_specs=[checks.ALL_DECIDED],
    description=(
        "Which product each listing is a listing of, by which rule, and how sure; also as `data/<file>_mapping.json`. "
        "Where two fit, neither is chosen."
    ),
    metadata={"dagster/column_schema": column_schema(entries.NOTES, entries.SCHEMA)},
)
def asin_mapping(context: dg.AssetExecutionContext, config: MappingConfig, run: RunResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    run.note(pipeline=GROUP)
    partition = context.partition_key
    mapping, origin = intake.mapping_for(
        run.warehouse,
        partition,
        Path(config.mapping) if config.mapping else None,
        style=config.style,
        just_read=run.shared("listings read", lambda: False),
    )
    intake.publish_mapping(run.warehouse, mapping, account_of("plytix"), partition, origin)
    _begin(run, partition, "mapping")
    states = Counter[str](entry.state for entry in mapping.entries)
    run.note(source_rejects=states["rejected"])
    metadata: dict[str, Any] = {
        "from": origin,
        **{f"rows_{state}": n for state, n in states.items()},
        "dagster/row_count": len(mapping.entries),
        "products_without_a_listing": len(mapping.unlisted),
        "duplicates": dg.MetadataValue.json(list(mapping.duplicates)[:20]),
    }
    if noted := [entry for entry in mapping.entries if entry.note]:
        run.note(message=f"of {len(noted)} listings not all is written; of {noted[0].amazon_asin}: {noted[0].note}")
        metadata["notes"] = dg.MetadataValue.md(markdown([{"asin": e.amazon_asin, "note": e.note} for e in noted[:20]]))
    if not config.mapping:
        written = intake.write_mapping(mapping, entries.mapping_path(data_dir(), partition))
        metadata["file"] = dg.MetadataValue.path(str(written))
    return dg.MaterializeResult(metadata=metadata, check_results=[checks.all_decided(states)])


@dg.asset(
    key=["amazon", "unmatched_items"],
    deps=[asin_mapping],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"csv"},
    owners=OWNERS,
    description="Listings without a product, with several, or matched too unsurely: for a person, also as a CSV.",
)
def unmatched_items(context: dg.AssetExecutionContext, run: RunResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    partition = context.partition_key
    rows = reports_for_people.questions(_mapping(run, partition))
    path = reports_for_people.write_questions(rows, data_dir() / f"{partition}_unmatched.csv")
    shown = markdown([{n: row[n] for n in ("state", "amazon_asin", "amazon_title", "reason", "candidates")} for row in rows[:20]])
    metadata: dict[str, Any] = {
        "dagster/row_count": len(rows),
        "file": dg.MetadataValue.path(str(path)),
        "items": dg.MetadataValue.md(shown or "every listing has its product"),
    }
    return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=checks.PRODUCT_PLAN,
    deps=[asin_mapping],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"plytix", "duckdb"},
    owners=OWNERS,
    check_specs=[checks.PRODUCT_GUARDS, checks.NO_PRODUCT_HELD],
    description="Which Amazon products would be made or changed in Plytix, value by value. Sends nothing that changes it.",
)
def amazon_product_plan(
    context: dg.AssetExecutionContext, config: ProductPlanConfig, run: RunResource, plytix: PlytixResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    desk, partition = _desk(run, plytix), context.partition_key
    if run.shared(CHOSEN, lambda: bool(config.only)):
        _may_write(run, partition)
    else:
        _begin(run, partition, "mapping")
    if run.applies_in_this_run(AmazonProducts.name):
        _settle(run, desk.products())
    found = _mapping(run, partition)
    plan = _in_turn(
        run,
        lambda: planning.plan_products(
            desk,
            found,
            partition,
            ledger=run.ledger,
            plans=run.plans,
            run=run.id,
            check_families=config.check_families,
            only=_chosen(config.only, links=False),
        ),
    )
    return dg.MaterializeResult(
        metadata=_told(run, desk, AmazonProducts.name, plan, config.only),
        check_results=[plan_checks.guards(checks.PRODUCT_GUARDS, plan), plan_checks.nothing_held(checks.NO_PRODUCT_HELD, plan)],
    )


@dg.asset(
    key=checks.LINK_PLAN,
    deps=[asin_mapping],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"plytix", "duckdb"},
    owners=OWNERS,
    check_specs=[checks.LINK_GUARDS, checks.NO_LINK_HELD],
    description=(
        "Which links would be added in Plytix: product → its listing, parent → variation. By SKU, for some are of products "
        "still to be made. Sends nothing that changes it."
    ),
)
def amazon_link_plan(
    context: dg.AssetExecutionContext, config: LinkPlanConfig, run: RunResource, plytix: PlytixResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    desk, partition = _desk(run, plytix), context.partition_key
    if run.applies_in_this_run(AmazonLinks.name):
        _settle(run, desk.links())
    found = _mapping(run, partition)
    plan = _in_turn(
        run,
        lambda: planning.plan_links(
            desk, found, partition, ledger=run.ledger, plans=run.plans, run=run.id, only=_chosen(config.only, links=True)
        ),
    )
    call_estimate.least_calls(run.meter, records=len({link.source for link in planning.links_of(found)}))
    return dg.MaterializeResult(
        metadata=_told(run, desk, AmazonLinks.name, plan, config.only),
        check_results=[plan_checks.guards(checks.LINK_GUARDS, plan), plan_checks.nothing_held(checks.NO_LINK_HELD, plan)],
    )


def _told(run: RunResource, desk: Desk, target: str, plan: Plan, only: list[str]) -> dict[str, Any]:
    """What the UI shows of a plan; once both are made, the preview is written, in a run that applies neither."""
    calls = call_estimate.calls_of(run.plans, plan.id)
    took = call_estimate.duration(call_estimate.seconds_at_quota(calls, desk.plytix))
    metadata = {**tell_plan(run, target, plan, planning.readable), "calls_to_send": calls, "takes_at_quota": took}
    if plan.verdict != "clear" and target == AmazonProducts.name:
        _end(run, plan.scope)  # a person has to look; where links alone are stopped, once the products are made
    if all(run.plan_made(name) for name in PARTS) and not run.applies_in_this_run(AmazonProducts.name):
        _write_result(run, plan.scope, dry_run=True, whole=not only)
    return metadata


PARTS = (AmazonProducts.name, AmazonLinks.name)


def _write_result(run: RunResource, partition: str, *, dry_run: bool, whole: bool) -> None:
    """Write how every item stands by the plans of this run, applied or not."""
    products, links = (run.plan_made(name) for name in PARTS)
    reports_for_people.write_result(
        run.ledger, run.plans, _mapping(run, partition), partition, products, links, run=run.id, dry_run=dry_run, whole=whole
    )


def _apply(run: RunResource, target: Target, plan: Plan, limit: int | None) -> Report:
    """Bring a plan to its end, and note how its rows ended and the least calls that it takes."""
    report = apply_plan(run, target, plan, limit, planning.patience())
    call_estimate.least_calls(run.meter, sent=report.writes)
    count_outcomes(run, target.name, plan, report.counts)
    return report


def _ended(run: RunResource, plan: Plan, report: Report) -> dict[str, Any]:
    """What the UI shows of a plan that was applied."""
    return {
        "plan": plan.id,
        **report.counts,
        "calls": run.meter.used["plytix"],
        "calls_least": run.meter.minimum["plytix"],
        "dagster/row_count": plan.counts.live + plan.counts.create,
    }


def _chosen(keys: list[str], *, links: bool) -> set[str] | None:
    """Of the keys that a person named those of links, or those of products; None where nothing was named."""
    return {key for key in keys if planning.is_link(key) == links} if keys else None


@dg.asset(
    key=checks.PRODUCTS,
    deps=[amazon_product_plan],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"plytix"},
    owners=OWNERS,
    check_specs=[checks.PRODUCTS_ENDED_WELL],
    description="The product plan, applied: each product made once and put into its family, one outcome per SKU in the ledger.",
)
def amazon_products(
    context: dg.AssetExecutionContext, config: ApplyConfig, run: RunResource, plytix: PlytixResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    desk, partition = _desk(run, plytix), context.partition_key
    target = desk.products()
    plan = plan_to_apply(run, GROUP, target, config, partition)
    target = desk.as_planned(run.ledger, plan)
    whole = not run.ledger.plan(plan.id)["partial"]
    links = run.plan_made(AmazonLinks.name)
    call_estimate.tell_duration(call_estimate.calls_of(run.plans, plan.id, links), desk.plytix)
    report = _apply(run, target, plan, config.limit)
    _write_result(run, partition, dry_run=False, whole=whole)
    if links and run.ledger.plan(links)["verdict"] != "clear":
        _end(run, partition)
    return dg.MaterializeResult(
        metadata=_ended(run, plan, report), check_results=[plan_checks.rows_ended_well(checks.PRODUCTS_ENDED_WELL, report.counts)]
    )


@dg.asset(
    key=checks.LINKS,
    deps=[amazon_link_plan, amazon_products],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"plytix"},
    owners=OWNERS,
    check_specs=[checks.LINKS_ENDED_WELL],
    description="The link plan, applied: what is missing is added, nothing is ever unlinked. One outcome per link in the ledger.",
)
def amazon_links(
    context: dg.AssetExecutionContext, config: ApplyConfig, run: RunResource, plytix: PlytixResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    desk, partition = _desk(run, plytix), context.partition_key
    target = desk.links()
    plan = plan_to_apply(run, GROUP, target, config, partition)
    made = run.plan_made(AmazonProducts.name)
    whole = bool(made) and not run.ledger.plan(made)["partial"]
    if not made:
        planning.refuse_before_products(run.ledger, desk.plytix, plan)
        call_estimate.tell_duration(call_estimate.calls_of(run.plans, plan.id), desk.plytix)
    report = _apply(run, target, plan, config.limit)
    _write_result(run, partition, dry_run=False, whole=whole)
    _end(run, partition)
    return dg.MaterializeResult(
        metadata=_ended(run, plan, report),
        check_results=[checks.links_ended_well(run.counted(AmazonProducts.name), report.counts)],
    )
