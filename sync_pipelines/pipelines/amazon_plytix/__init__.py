"""Amazon → Plytix: what is listed on Amazon becomes products of the PIM, linked with the product each is a listing of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.shape import Check, Credential, Cron, Job, Pipeline, PlanRequest, Write
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.plytix_settings import PlytixSettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shape import Questions, Writer


@dataclass(frozen=True)
class ProductPlanRequest(PlanRequest):
    """check_families: also look at the family of every product that exists, one call for each, and mend it."""

    check_families: bool = False


def _products() -> Writer[Any]:
    from sync_pipelines.pipelines.amazon_plytix.planning import ProductWriter

    return ProductWriter()


def _links() -> Writer[Any]:
    from sync_pipelines.pipelines.amazon_plytix.planning import LinkWriter

    return LinkWriter()


def _questions() -> Questions:
    from sync_pipelines.pipelines.amazon_plytix import questions

    return questions


PRODUCTS = Write(
    plan="plytix/amazon_product_plan",
    applies="plytix/amazon_products",
    vendor="plytix",
    account=lambda: PlytixSettings.read().products_account,
    writer=_products,
    request=ProductPlanRequest,
    planned_from=("amazon/asin_mapping",),
    plan_is="Which Amazon products would be made or changed in Plytix, value by value. Sends nothing that changes it.",
    applied_is="The product plan, applied: each product made once and put into its family, one outcome per SKU in the ledger.",
    kinds=frozenset({"plytix"}),
    # products that were made are linked, even where others were refused
    ended_well=Check("every_row_ended_well", "no row was rejected, failed, drifted or is still in doubt"),
)
LINKS = Write(
    plan="plytix/amazon_link_plan",
    applies="plytix/amazon_links",
    vendor="plytix",
    account=lambda: PlytixSettings.read().links_account,
    writer=_links,
    planned_from=("amazon/asin_mapping",),
    after=(PRODUCTS.applies,),
    plan_is=(
        "Which links would be added in Plytix: product → its listing, parent → variation. By SKU, for some are of products "
        "still to be made. Sends nothing that changes it."
    ),
    applied_is="The link plan, applied: what is missing is added, nothing is ever unlinked. One outcome per link in the ledger.",
    kinds=frozenset({"plytix"}),
    ended_well=Check(
        "every_item_ended_well",
        "no product and no link of this run was rejected, failed, drifted or is still in doubt",
        blocking=True,
    ),
)
READ = ("amazon/listings", "plytix/products", "amazon/asin_mapping", "amazon/unmatched_items")

GO_ON = Cron(
    "go_on",
    "sync",
    "20 * * * *",
    "Every hour: goes on with files whose sync was not brought to its end, for quota or a crash. Ships stopped.",
)

PIPELINE = Pipeline(
    name="amazon_plytix",
    short="amazon",
    title="Amazon → Plytix",
    about="Amazon listings and the PIM: match, then make products and links.",
    owners=("team:merchandising",),
    settings=(AmazonSettings, PlytixSettings, AmazonPlytixSettings),
    credentials=(
        Credential("PLYTIX_API_KEY", "Plytix API key of a key made for this", secret=True),
        Credential("PLYTIX_API_PASSWORD", "Plytix API password", secret=True),
        Credential("AMAZON_CLIENT_ID", "Amazon client id (leave empty without one)", optional=True),
        Credential("AMAZON_CLIENT_SECRET", "Amazon client secret (leave empty without one)", secret=True, optional=True),
        Credential("AMAZON_REFRESH_TOKEN", "Amazon refresh token (leave empty without one)", secret=True, optional=True),
    ),
    environment=(
        "Amazon's login is optional: its catalogue completes what a listings report leaves out. "
        "Another account of the PIM, by its alias: PLYTIX_ACCOUNTS=main,second and PLYTIX_SECOND_API_KEY, …."
    ),
    rights=(PlytixSettings,),
    sources="sync_pipelines.pipelines.amazon_plytix.sources",
    preview=READ,
    writes=(PRODUCTS, LINKS),
    jobs=(Job("map", "Read a file and the PIM, and match. Writes the mapping file, and plans nothing.", READ),),
    previews="Read a dropped file and the PIM, match, and plan. Sends nothing that changes anything.",
    syncs="Read a dropped file and the PIM, match, plan, and apply the plans if their guards are clear.",
    undoes="Take back what a run wrote: its links, then the products that it made, where nobody changed them since.",
    questions=_questions,
    commands="sync_pipelines.pipelines.amazon_plytix.commands",
    partitions="amazon_files",
    own_crons=(GO_ON,),
    sensors=("amazon_inbox",),
    options=frozenset({"partition", "refresh"}),
)
