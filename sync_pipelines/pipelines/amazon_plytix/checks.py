"""What the checks of this pipeline say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import dagster as dg

from sync_pipelines.delivery.model import BAD_OUTCOMES
from sync_pipelines.pipelines import plan_checks
from sync_pipelines.pipelines.tables import check_result, listed

LISTINGS, MAPPING = ["amazon", "listings"], ["amazon", "asin_mapping"]
PRODUCT_PLAN, LINK_PLAN = ["plytix", "amazon_product_plan"], ["plytix", "amazon_link_plan"]
PRODUCTS, LINKS = ["plytix", "amazon_products"], ["plytix", "amazon_links"]

ROWS_ACCOUNTED = dg.AssetCheckSpec(
    "every_row_accounted_for",
    asset=LISTINGS,
    blocking=True,
    description="rows of the file = listings + further rows of the same ASIN + rows that are not understood",
)
ALL_UNDERSTOOD = dg.AssetCheckSpec("every_row_understood", asset=LISTINGS, description="no row of the file was rejected")
ALL_DECIDED = dg.AssetCheckSpec(
    "nothing_ambiguous", asset=MAPPING, description="no listing fits several products, or too unsurely for a decision"
)
PRODUCT_GUARDS, LINK_GUARDS = plan_checks.guards_of(PRODUCT_PLAN), plan_checks.guards_of(LINK_PLAN)
NO_PRODUCT_HELD, NO_LINK_HELD = plan_checks.nothing_held_in(PRODUCT_PLAN), plan_checks.nothing_held_in(LINK_PLAN)
PRODUCTS_ENDED_WELL = plan_checks.rows_ended_well_in(PRODUCTS, blocking=False)
"""Not blocking: products that were made are linked, even where others were refused."""

LINKS_ENDED_WELL = dg.AssetCheckSpec(
    "every_item_ended_well",
    asset=LINKS,
    blocking=True,
    description="no product and no link of this run was rejected, failed, drifted or is still in doubt",
)


def rows_accounted(rows: int, listings: int, repeats: int, rejected: int, added: int) -> dg.AssetCheckResult:
    text = (
        f"{rows} rows = {listings} listings + {repeats} further rows of the same ASIN + {rejected} not understood; "
        f"{added} parents were added from the catalogue"
    )
    return check_result(ROWS_ACCOUNTED, rows == listings + repeats + rejected, text)


def all_understood(rejected: int, examples: str) -> dg.AssetCheckResult:
    text = f"{rejected} rows not understood" if rejected else "every row understood"
    return check_result(ALL_UNDERSTOOD, not rejected, text, details=examples, warn=True)


def all_decided(states: Mapping[str, int]) -> dg.AssetCheckResult:
    return check_result(ALL_DECIDED, not states.get("ambiguous") and not states.get("held"), listed(states), warn=True)


def links_ended_well(products: Mapping[str, int], links: Mapping[str, int]) -> dg.AssetCheckResult:
    both = Counter(products) + Counter(links)
    text = f"products: {listed(products) or 'nothing to do'}; links: {listed(links) or 'nothing to do'}"
    return check_result(LINKS_ENDED_WELL, not any(both[bad] for bad in BAD_OUTCOMES), text)
