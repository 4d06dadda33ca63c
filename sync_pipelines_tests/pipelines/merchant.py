"""A merchant with the sandbox's Catsy and SparkLayer: the pipeline's steps, without Dagster."""

from __future__ import annotations

import uuid
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa

from sync_pipelines.delivery.applying import Patience, Report, apply, settle_first
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.delivery.undoing import make_undo
from sync_pipelines.pipelines.catsy_sparklayer import planning
from sync_pipelines.pipelines.catsy_sparklayer.extract import KEY, Products
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.catsy import Catsy
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.sparklayer import SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines.warehouse.snapshots import Published, Warehouse


class Merchant:
    def __init__(self) -> None:
        self.meter = CallMeter()
        self.ledger = Ledger.at(data_dir() / "ledger.db")
        self.files = PlanFiles(data_dir() / "plans")
        self.warehouse = Warehouse(data_dir() / "warehouse")
        self.run = str(uuid.uuid4())
        self.catsy = Catsy.connect(CatsySettings.read(), self.meter)
        self.sparklayer = SparkLayer.connect(SparkLayerSettings.read(), self.meter, lambda: True)

    def products(self, refresh: Any = "always") -> Published:
        source = Products(self.warehouse, self.ledger, CatsySettings.read(), CatsySparkLayerSettings.read().attributes, self.run)
        found = source.cached(refresh)
        if found is None:
            with source.extract(lambda: self.catsy) as staged:
                found = self.warehouse.publish(KEY, staged)
        return found

    def trade_prices(self, products: Published | None = None) -> pa.Table:
        return planning.map_prices(products or self.products(), CatsySparkLayerSettings.read())

    def plan(self, refresh: Any = "always", **options: Any) -> Plan:
        products = self.products(refresh)
        return planning.plan_prices(
            self.sparklayer,
            self.trade_prices(products),
            products.about,
            ledger=self.ledger,
            files=self.files,
            run=self.run,
            **options,
        )

    def apply(self, plan: Plan) -> Report:
        return apply(
            planning.target(self.sparklayer),
            plan.id,
            ledger=self.ledger,
            files=self.files,
            run=self.run,
            patience=Patience(60, 5),
        )

    def sync(self, refresh: Any = "always") -> Report:
        settle_first(planning.target(self.sparklayer), ledger=self.ledger, files=self.files, run=self.run)
        return self.apply(self.plan(refresh))

    def undo(self, plan: Plan) -> Report:
        back = make_undo(planning.target(self.sparklayer), plan.id, ledger=self.ledger, files=self.files, run=self.run)
        return self.apply(back.plan)


def listed(sandbox: Any, slug: str = "wholesale") -> dict[str, list[dict[str, Any]]]:
    """The truth: what a price list holds, per SKU."""
    return next(x["prices"] for x in sandbox.vendors["sparklayer"].state()["lists"] if x["slug"] == slug)


def price(sandbox: Any, sku: str, quantity: int = 1, slug: str = "wholesale") -> Decimal | None:
    rows = listed(sandbox, slug).get(sku, [])
    return next((Decimal(str(r["price"])) for r in rows if r["quantity"] == quantity), None)


def plain_items(sandbox: Any, n: int) -> list[dict[str, Any]]:
    """Products of the catalogue with a plain price and nothing peculiar about them."""
    items = sandbox.vendors["catsy"].state()["items"]
    plain = (i for i in items if isinstance(i.get("sku"), str) and "TRAP" not in i["name"].upper() + i["sku"].upper())
    return list(islice((i for i in plain if isinstance(i.get("price_trade"), str)), n))


def set_prices(sandbox: Any, prices: dict[Any, Any]) -> None:
    sandbox.vendors["catsy"].change_state({"set": {str(k): {"price_trade": v} for k, v in prices.items()}})


def set_listed(sandbox: Any, rows: dict[str, Any], slug: str = "wholesale") -> None:
    sandbox.vendors["sparklayer"].change_state({"set": {slug: rows}})
