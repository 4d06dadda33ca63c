"""The demo: one process, one story per pipeline, real runs against the sandbox."""

from __future__ import annotations

from sync_pipelines import logs
from sync_pipelines.demo.amazon_plytix import AmazonStory
from sync_pipelines.demo.catsy_sparklayer import PriceStory
from sync_pipelines.demo.lightspeed_orders import SupplierStory
from sync_pipelines.demo.lightspeed_retail import StoreStory
from sync_pipelines.demo.playground import Playground
from sync_pipelines.demo.shopify_sentos import ErpStory
from sync_pipelines.demo.shopify_sheets import OrderStory
from sync_pipelines.operations.cli import exits, screen
from sync_pipelines.settings import data_dir

STORIES = (PriceStory, OrderStory, ErpStory, AmazonStory, StoreStory, SupplierStory)


def tell(scale: int) -> int:
    """Run every pipeline built so far. Returns 0 when all that was claimed was seen to be so."""
    playground = Playground(fresh=True, scale=scale)
    screen.out.print(
        f"[bold]sync_pipelines demo[/] · a made-up merchant with {scale} products in Catsy, price lists in SparkLayer, "
        "a shop in Shopify, a spreadsheet in Google Sheets, an ERP called Sentos, listings on Amazon, a PIM in Plytix and "
        "a till on Lightspeed, all on this machine"
    )
    went_wrong: list[str] = []
    with playground:
        logs.set_up(data_dir() / "logs")
        for kind in STORIES:
            story = kind(playground)
            story.tell_it()
            went_wrong += story.went_wrong
    if went_wrong:
        return exits.NEEDS_A_PERSON
    screen.out.print(
        "\nEvery run above is in the Dagster UI, with lineage, checks and plans: [bold]make dev[/], then http://127.0.0.1:3000\n"
        "All of it lives in data/sandbox/. On your own account: [bold]sync-pipelines init catsy_sparklayer[/] "
        "(or shopify_sheets, shopify_sentos, amazon_plytix, lightspeed_retail, lightspeed_orders, "
        "lightspeed_pictures)"
    )
    return exits.DONE
