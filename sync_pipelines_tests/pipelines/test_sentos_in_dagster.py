"""What a person sees of Shopify ↔ Sentos in the Dagster UI: which plans are out of date."""

from __future__ import annotations

from decimal import Decimal

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from sync_pipelines_tests.pipelines.sentos_scene import SentosScene


def test_a_plan_of_prices_is_out_of_date_once_prices_changed_and_not_because_stock_was_read(shop: SentosScene) -> None:
    from sync_pipelines.definitions import defs

    found = defs()

    def run(job: str) -> None:
        shop.tick()
        assert found.resolve_job_def(job).execute_in_process(instance=instance).success

    def of_prices() -> StaleStatus:
        graph = found.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        return resolver.get_status(dg.AssetKey(["shopify", "price_plan"]))

    with dg.DagsterInstance.ephemeral() as instance:
        run("sync_shopify_sentos_prices")
        assert of_prices() == StaleStatus.FRESH
        for n in (1, 2):
            shop.count_in("G1-S", 40 + n)
            run("sync_shopify_sentos_stock")
        assert of_prices() == StaleStatus.FRESH
        number = next(iter(shop.erp_products()))
        shop.erp(set={str(number): {"prices": {"shopify": {"sale_price": Decimal("179.90")}}}})
        run("sync_shopify_sentos_stock")
        assert of_prices() == StaleStatus.STALE
