"""Supplier orders → Lightspeed Retail: an order file becomes new products, new costs and one stock order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_pipelines.pipelines.lightspeed_orders.settings import LightspeedOrdersSettings
from sync_pipelines.pipelines.lightspeed_retail.settings import LightspeedRetailSettings
from sync_pipelines.pipelines.shape import Check, Credential, Pipeline, PlanRequest, Write
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shape import Questions, Writer


@dataclass(frozen=True)
class FilePlanRequest(PlanRequest):
    """products: a file of products, instead of what the order of the partition makes."""

    products: str = ""


def _writer(name: str) -> Any:
    def writer() -> Writer[Any]:
        from sync_pipelines.pipelines.lightspeed_orders import planning

        made: Writer[Any] = getattr(planning, name)()
        return made

    return writer


def _account(of: str) -> Any:
    return lambda: f"{LightspeedSettings.read().account}/{of}"


def _questions() -> Questions:
    from sync_pipelines.pipelines.lightspeed_orders import questions

    return questions


COMPARISON = "lightspeed/order_comparison"
READ = ("lightspeed/supplier_orders", COMPARISON)
EACH_ROW = Check("every_row_ended_well", "no row was rejected, failed, drifted or is still in doubt")

NAMES = Write(
    plan="lightspeed/name_plan",
    applies="lightspeed/names",
    vendor="lightspeed",
    account=_account("names"),
    writer=_writer("NameWriter"),
    request=FilePlanRequest,
    planned_from=(COMPARISON,),
    plan_is="Which brands, tags, attributes and the like would be made that new products name (`make_names`). Changes nothing.",
    applied_is="The names, made: each once.",
    kinds=frozenset({"lightspeed"}),
    ended_well=EACH_ROW,
)
PRODUCTS = Write(
    plan="lightspeed/product_plan",
    applies="lightspeed/ordered_products",
    vendor="lightspeed",
    account=_account("products"),
    writer=_writer("ProductWriter"),
    request=FilePlanRequest,
    planned_from=(COMPARISON,),
    after=(NAMES.applies,),
    plan_is="Which products and variants would be made: those of an order that the store does not have. Changes nothing.",
    applied_is="The product plan, applied: each product made once, and read back by its SKU.",
    kinds=frozenset({"lightspeed"}),
    ended_well=EACH_ROW,
)
COSTS = Write(
    plan="lightspeed/cost_plan",
    applies="lightspeed/costs",
    vendor="lightspeed",
    account=_account("costs"),
    writer=_writer("CostWriter"),
    planned_from=(COMPARISON,),
    plan_is="Which costs would change, old and new: the supplier's price for products that the store has. Changes nothing.",
    applied_is="The cost plan, applied: the supplier's price, and nothing else of a product.",
    kinds=frozenset({"lightspeed"}),
    ended_well=EACH_ROW,
)
ORDERS = Write(
    plan="lightspeed/stock_order_plan",
    applies="lightspeed/stock_orders",
    vendor="lightspeed",
    account=_account("stock_orders"),
    writer=_writer("OrderWriter"),
    planned_from=(COMPARISON,),
    plan_is="The stock order that would be made: its number, supplier and outlet. Changes nothing.",
    applied_is="The stock order, made once and left open. One that was sent or received is not touched.",
    kinds=frozenset({"lightspeed"}),
    ended_well=EACH_ROW,
)
LINES = Write(
    plan="lightspeed/stock_order_line_plan",
    applies="lightspeed/stock_order_lines",
    vendor="lightspeed",
    account=_account("stock_order_lines"),
    writer=_writer("LineWriter"),
    planned_from=(COMPARISON,),
    after=(PRODUCTS.applies, ORDERS.applies),
    plan_is="The lines of the stock order, by SKU: some are of products still to be made. Changes nothing.",
    applied_is="The lines, each once, with pieces and cost.",
    kinds=frozenset({"lightspeed"}),
    ended_well=Check(
        "every_line_ended_well", "no row of this run was rejected, failed, drifted or is still in doubt", blocking=True
    ),
)

PIPELINE = Pipeline(
    name="lightspeed_orders",
    short="lightspeed-orders",
    title="Supplier orders → Lightspeed",
    about="A supplier's order file: what exists, what is new, what costs more; then products, costs and one stock order.",
    owners=("team:store",),
    settings=(LightspeedSettings, LightspeedRetailSettings, LightspeedOrdersSettings),
    credentials=(
        Credential("LIGHTSPEED_STORE", "the store's name: what comes before .retail.lightspeed.app"),
        Credential("LIGHTSPEED_TOKEN", "a personal token of the store (Setup, Personal Tokens)", secret=True),
    ),
    rights=(LightspeedSettings,),
    sources="sync_pipelines.pipelines.lightspeed_orders.sources",
    preview=READ,
    writes=(NAMES, PRODUCTS, COSTS, ORDERS, LINES),
    previews="Read a dropped order, hold it against the store, and plan. Sends nothing that changes anything.",
    syncs="Read a dropped order, hold it against the store, plan, and apply the plans if their guards are clear.",
    undoes="Take back what a run wrote, where nobody changed it since: lines, the order while it is open, costs, new products.",
    questions=_questions,
    partitions="lightspeed_order_files",
    sensors=("lightspeed_inbox",),
    options=frozenset({"partition"}),
)
