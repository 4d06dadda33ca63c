"""Shopify orders → Google Sheets, left to right: what would change in the spreadsheet, what was changed."""

from datetime import timedelta
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from sync_pipelines.delivery.applying import PlanStopped, apply, settle_first
from sync_pipelines.delivery.plans import newest_waiting, stored, worst_first
from sync_pipelines.pipelines.resources import RunResource, SheetsResource, ShopifyResource
from sync_pipelines.pipelines.shopify_sheets import checks, missing, old_program, sync
from sync_pipelines.pipelines.shopify_sheets.layout import Layout
from sync_pipelines.pipelines.shopify_store.orders import CHANGES_KEY, ORDERS_KEY
from sync_pipelines.pipelines.shopify_store.reading import Store, first_day
from sync_pipelines.pipelines.tables import markdown, shown_counts
from sync_pipelines.settings import ShopifySettings

GROUP = "shopify_sheets"
OWNERS = ["team:orders"]
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=6), warn_window=timedelta(hours=1))

spreadsheet = dg.AssetSpec(
    ["sheets", "spreadsheet"], deps=[["sheets", "orders"]], group_name=GROUP, kinds={"googlesheets"}, owners=OWNERS,
    description="What the staff work from: one row per order, one per line, beside columns of their own.",
)  # fmt: skip


class PlanConfig(dg.Config):
    """compare: look at the rows of orders that changed, or at every row. only: just the orders with these keys."""

    compare: Literal["changed", "all"] = "changed"
    only: list[str] = Field(default_factory=list)


class ApplyConfig(dg.Config):
    """plan: which one; empty is the one made in this run, else the newest that waits. limit: the first N changes only."""

    plan: str = ""
    limit: int | None = None


@dg.asset(
    key=["sheets", "order_plan"], deps=[list(ORDERS_KEY), list(CHANGES_KEY), ["shopify", "order_counts"]], group_name=GROUP,
    kinds={"googlesheets", "duckdb"}, owners=OWNERS, check_specs=[checks.GUARDS, checks.NOTHING_HELD, checks.ROOM_LEFT],
    description=(
        "What would change in the spreadsheet, order by order: every order whose stored state is not the one last delivered. "
        "Sends nothing that changes it."
    ),
)  # fmt: skip
def order_plan(config: PlanConfig, run: RunResource, sheets: SheetsResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    there = run.shared("spreadsheet", lambda: sync.target(sheets.client(run), run.ledger))
    if run.will_make("sheets/orders"):
        settle_first(there, ledger=run.ledger, files=run.plans, run=run.id)
        old_program.take_over(run.ledger, there.layout, run.id)
    mapped = sync.bring_up_to_date(run.warehouse, there)
    plan = sync.plan_rows(
        there, mapped, first_day(run.ledger, ShopifySettings.read()), ledger=run.ledger, files=run.plans, run=run.id,
        compare=config.compare, only=config.only or None,
    )  # fmt: skip
    sync.least_calls(run.meter, there, plan, planned=True, sent=0)
    run.note(pipeline=GROUP, plan=plan.id, counts=shown_counts(plan.counts), stopped=plan.verdict != "clear")
    table = markdown([sync.readable(row) for row in worst_first(run.plans, plan.id)])
    metadata: dict[str, Any] = {
        "plan": plan.id,
        "verdict": plan.verdict,
        **shown_counts(plan.counts),
        "orders": mapped.about.rows,
        "dagster/row_count": plan.counts.changes + plan.counts.held,
        "changes": dg.MetadataValue.md(table or "nothing would change"),
    }
    return dg.MaterializeResult(
        metadata=metadata, check_results=[checks.guards(plan), checks.nothing_held(plan), checks.room_left(plan)]
    )


@dg.asset(
    key=["sheets", "orders"], deps=[["sheets", "order_plan"]], group_name=GROUP, kinds={"googlesheets"}, owners=OWNERS,
    freshness_policy=FRESH, check_specs=[checks.ALL_ENDED_WELL, checks.AS_PLANNED, checks.NOBODY_IN_THE_WAY],
    description="The plan, applied: each order and its lines written once, read back, one outcome per order in the ledger.",
)  # fmt: skip
def orders(
    config: ApplyConfig, run: RunResource, sheets: SheetsResource, shopify: ShopifyResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    there = run.shared("spreadsheet", lambda: sync.target(sheets.client(run), run.ledger))
    planned_here = run.plan_made
    plan = stored(
        run.plans, run.ledger.plan(config.plan or planned_here or newest_waiting(run.ledger, there.account, GROUP))
    )
    run.note(pipeline=GROUP, plan=plan.id, counts={}, stopped=False)
    try:
        reports = [apply(there, plan.id, ledger=run.ledger, files=run.plans, run=run.id, limit=config.limit)]
    except PlanStopped:
        run.note(stopped=True)
        raise
    hit = sorted(there.hit)

    def find(layout: Layout, keys: set[str]) -> None:
        missing.find_orders(
            keys, layout, Store(shopify.client(run), run.warehouse, run.ledger, ShopifySettings.read(), run.id)
        )

    repaired, lost = sync.put_right(
        there, warehouse=run.warehouse, ledger=run.ledger, files=run.plans, run=run.id, find=find
    )
    reports += repaired
    sync.least_calls(run.meter, there, plan, planned=False, sent=sum(r.writes for r in reports))
    counts = checks.total(reports)
    if lost:
        counts["unknown"] = counts.get("unknown", 0) + len(lost)
    run.note(counts={**counts, "unchanged": counts.get("unchanged", 0) + plan.counts.unchanged})
    return dg.MaterializeResult(
        metadata={
            "plan": plan.id,
            **counts,
            "rows_hit_and_put_right": len(hit) - len(lost),
            "calls": run.meter.used["google"],
            "calls_least": run.meter.minimum["google"],
        },
        check_results=[
            checks.all_ended_well(reports),
            checks.as_planned(reports),
            checks.nobody_in_the_way(hit, lost, list(there.strays)),
        ],
    )
