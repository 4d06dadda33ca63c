"""A merchant with the sandbox's Catsy and SparkLayer: the pipeline's own steps, without Dagster."""

from __future__ import annotations

import uuid
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa

from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.catsy_sparklayer import PIPELINE, PRICES, extract, planning
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest
from sync_pipelines.warehouse.snapshots import Published


class Merchant:
    def __init__(self) -> None:
        self.run = str(uuid.uuid4())
        first = Session(self.run, PIPELINE.name, "sync")
        self.meter, self.ledger, self.files, self.warehouse = first.meter, first.ledger, first.plans, first.warehouse
        self.sparklayer = planning.client(first)

    def session(self, *applies: str) -> Session:
        """A run that goes on to write to these assets. All runs have one login."""
        session = Session(self.run, PIPELINE.name, "sync", applies=applies, ledger=self.ledger, meter=self.meter)
        session.once("sparklayer", lambda: self.sparklayer)
        return session

    def products(self, refresh: Any = "always") -> Published:
        return extract.catalogue(self.session(), refresh).published

    def trade_prices(self, products: Published | None = None) -> pa.Table:
        return planning.map_prices(products or self.products(), CatsySparkLayerSettings.read())

    def plan(self, refresh: Any = "always", *, only: tuple[str, ...] = (), session: Session | None = None) -> Plan:
        session = session or self.session()
        extract.catalogue(session, refresh)
        planning.map_catalogue(session)
        return plan_and_apply.make(session, PRICES, PlanRequest(only)).plan

    def apply(self, plan: Plan, session: Session | None = None) -> Report:
        ended = plan_and_apply.bring_to_its_end(session or self.session(), PIPELINE.name, PRICES, plan=plan.id)
        return ended.reports[0]

    def sync(self, refresh: Any = "always") -> Report:
        session = self.session(PRICES.applies)
        return self.apply(self.plan(refresh, session=session), session)

    def undo(self, plan: Plan) -> Report:
        return plan_and_apply.take_back(self.session(), PRICES, plan.id).reports[0]


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
