"""Shopify orders → Google Sheets, left to right: what would change in the spreadsheet, what was changed."""

from datetime import timedelta
from typing import Literal

import dagster as dg

from sync_pipelines.delivery.applying import settle_first
from sync_pipelines.pipelines import plan_and_apply, plan_checks
from sync_pipelines.pipelines.plan_and_apply import ApplyConfig, apply_plan, count_outcomes, plan_to_apply, tell_plan, total
from sync_pipelines.pipelines.resources import RunResource, SheetsResource, ShopifyResource
from sync_pipelines.pipelines.shopify_sheets import checks, missing, old_program, planning
from sync_pipelines.pipelines.shopify_sheets.layout import Layout
from sync_pipelines.pipelines.shopify_store.change_reader import first_day
from sync_pipelines.pipelines.shopify_store.orders import CHANGES_KEY, ORDERS_KEY
from sync_pipelines.pipelines.shopify_store.store import Store
from sync_pipelines.vendors.shopify_settings import ShopifySettings

GROUP = "shopify_sheets"
ORDERS = "sheets/orders"
OWNERS = ["team:orders"]
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=6), warn_window=timedelta(hours=1))

spreadsheet = dg.AssetSpec(
    ["sheets", "spreadsheet"],
    deps=[["sheets", "orders"]],
    group_name=GROUP,
    kinds={"googlesheets"},
    owners=OWNERS,
    description="What the staff work from: one row per order, one per line, beside columns of their own.",
)


class PlanConfig(plan_and_apply.PlanConfig):
    """compare: look at the rows of orders that changed, or at every row. only: just the orders with these keys."""

    compare: Literal["changed", "all"] = "changed"


@dg.asset(
    key=["sheets", "order_plan"],
    deps=[list(ORDERS_KEY), list(CHANGES_KEY), ["shopify", "order_counts"]],
    group_name=GROUP,
    kinds={"googlesheets", "duckdb"},
    owners=OWNERS,
    check_specs=[checks.GUARDS, checks.NOTHING_HELD, checks.ROOM_LEFT],
    description=(
        "What would change in the spreadsheet, order by order: every order whose stored state is not the one last delivered. "
        "Sends nothing that changes it."
    ),
)
def order_plan(config: PlanConfig, run: RunResource, sheets: SheetsResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    there = run.shared("spreadsheet", lambda: planning.target(sheets.client(run), run.ledger))
    if run.applies_in_this_run(ORDERS):
        settle_first(there, ledger=run.ledger, files=run.plans, run=run.id)
        old_program.take_over(run.ledger, there.layout, run.id)
    mapped = planning.bring_up_to_date(run.warehouse, there)
    plan = planning.plan_rows(
        there,
        mapped,
        first_day(run.ledger, ShopifySettings.read()),
        ledger=run.ledger,
        files=run.plans,
        run=run.id,
        compare=config.compare,
        only=config.only or None,
    )
    planning.least_calls(run.meter, there, plan, planned=True, sent=0)
    metadata = {**tell_plan(run, ORDERS, plan, planning.readable), "orders": mapped.about.rows}
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            plan_checks.guards(checks.GUARDS, plan),
            plan_checks.nothing_held(checks.NOTHING_HELD, plan),
            checks.room_left(plan),
        ],
    )


@dg.asset(
    key=["sheets", "orders"],
    deps=[["sheets", "order_plan"]],
    group_name=GROUP,
    kinds={"googlesheets"},
    owners=OWNERS,
    freshness_policy=FRESH,
    check_specs=[checks.ALL_ENDED_WELL, checks.AS_PLANNED, checks.NOBODY_IN_THE_WAY],
    description="The plan, applied: each order and its lines written once, read back, one outcome per order in the ledger.",
)
def orders(config: ApplyConfig, run: RunResource, sheets: SheetsResource, shopify: ShopifyResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    there = run.shared("spreadsheet", lambda: planning.target(sheets.client(run), run.ledger))
    plan = plan_to_apply(run, GROUP, there, config)
    reports = [apply_plan(run, there, plan, config.limit)]
    hit = sorted(there.hit)

    def find(layout: Layout, keys: set[str]) -> None:
        missing.find_orders(keys, layout, Store(shopify.client(run), run.warehouse, run.ledger, ShopifySettings.read(), run.id))

    repaired, lost = planning.repair_overwritten(
        there, warehouse=run.warehouse, ledger=run.ledger, files=run.plans, run=run.id, find=find
    )
    reports += repaired
    planning.least_calls(run.meter, there, plan, planned=False, sent=sum(r.writes for r in reports))
    counts = total(reports)
    if lost:
        counts["unknown"] = counts.get("unknown", 0) + len(lost)
    count_outcomes(run, ORDERS, plan, counts)
    return dg.MaterializeResult(
        metadata={
            "plan": plan.id,
            **counts,
            "rows_hit_and_put_right": len(hit) - len(lost),
            "calls": run.meter.used["google"],
            "calls_least": run.meter.minimum["google"],
        },
        check_results=[
            plan_checks.rows_ended_well(checks.ALL_ENDED_WELL, counts),
            plan_checks.as_planned(checks.AS_PLANNED, reports),
            checks.nobody_in_the_way(hit, lost, list(there.strays)),
        ],
    )
