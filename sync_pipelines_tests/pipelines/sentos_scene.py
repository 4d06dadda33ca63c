"""A clothes shop between Sentos and Shopify, both in the sandbox, and the pipeline's steps without Dagster.

Both begin empty: what they have is what a test puts there. People's actions (`buy`, `fulfil`, `sell`, …) change the truth, and
`offered`, `erp_stock` and the like show it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest, Write
from sync_pipelines.pipelines.shopify_sentos import ORDERS, PIPELINE, PRICES, PRODUCTS, SHIPMENTS, STOCK, erp_orders, order_rows
from sync_pipelines.pipelines.shopify_store.change_reader import ChangeReader
from sync_pipelines.pipelines.shopify_store.client import store_of
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.sentos import Sentos
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from vendor_sandbox import Sandbox

GOODS = (PRODUCTS, PRICES)
MAIN, SECOND = "Main Warehouse", "Second Warehouse"
"""Locations of the shop. The first fulfils online orders, and orders are sent from there."""
CENTRAL, DEPOT = 1, 2
"""Warehouses of Sentos. Orders are taken from the first."""
SHOP_IS_BEHIND = timedelta(seconds=2)
"""How far the shop's clock is behind ours, so that whatever somebody did there lies before the second in which we read it."""
FAST = {
    "SENTOS_CALLS": "1000000",
    "SENTOS_WRITES": "1000000",
    "SENTOS_SAME_READS": "1000000",
    "SENTOS_LAG_SECONDS": "0",
    "SENTOS_MAX_AGE_MINUTES": "0",  # products are read in every run
    "SENTOS_LANDS_WITHIN": "0.05",
    "SHOPIFY_SENTOS_LANDS_WITHIN": "0.05",
    "SHOPIFY_SENTOS_OTHER_PAYMENT": "EFT/HAVALE",
    "SHOPIFY_TIME_ZONE": "Europe/Istanbul",
}
OUT_OF_THE_WAY = {"burst": 1_000_000}
_LOCATION_IDS: dict[str, str] = {}
"""By name. They are the same in every sandbox; asked for, the shop makes the goods of its seed."""
EMPTY_ERP: dict[str, Any] = {
    "settings": {**OUT_OF_THE_WAY, "list_lag": 0, "stock_lag": 0, "clock_ahead": 0},
    "warehouses": [{"id": CENTRAL, "name": "Merkez"}, {"id": DEPOT, "name": "İkitelli Depo"}],
    "platforms": {"shopify": [{"id": 4, "name": "sikgiyim.example"}]},
    "categories": [{"id": 12, "name": "Giyim"}],
    "channels": [{"id": 3, "name": "Web Sitesi"}],
    "products": [],
}


def garment(n: int, sizes: Iterable[str] = ("S", "M"), color: str = "Siyah", pieces: int = 10, **changes: Any) -> dict[str, Any]:
    """Product number `n` of Sentos, with a variant `G<n>-<size>` for each size, of which there are so many pieces in CENTRAL."""
    return {
        "sku": f"G{n}",
        "name": f"Gömlek {n}",
        "brand": "Şık",
        "description": f"<p>Gömlek {n}</p>",
        "sale_price": Decimal("199.90"),
        "prices": {"shopify": {"list_price": Decimal("249.90"), "sale_price": Decimal("199.90")}},
        "variants": [variant(f"G{n}-{size}", size, color, pieces) for size in sizes],
        **changes,
    }


def variant(sku: str, size: str | None = "M", color: str = "Siyah", pieces: int = 10, **changes: Any) -> dict[str, Any]:
    return {
        "sku": sku,
        "barcode": f"869{sku}",
        "color": color,
        "model": None if size is None else {"name": "Beden", "value": size},
        "stocks": [{"warehouse": CENTRAL, "stock": pieces}],
        "images": [],
        **changes,
    }


class Killed(BaseException):
    """The process is gone: what an interruption raises."""


@dataclass
class Interruption:
    """What happens at the next call that `on` names: before it is sent, or (after) once its answer has come."""

    on: str
    action: Callable[[], object]
    after: bool = False
    skip: int = 0


@dataclass
class Synced:
    """What one run of a write did. held: key → reason."""

    plan: Plan
    report: Report
    held: dict[str, str]

    @property
    def counts(self) -> dict[str, int]:
        return self.report.counts


class SentosScene:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.ledger = Ledger.at(data_dir() / "ledger.db")
        self.files = PlanFiles(data_dir() / "plans")
        self.meter = CallMeter()
        self.runs = 0
        self.interruptions: list[Interruption] = []
        self._clients: dict[str, Sentos | Shopify] = {}

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self.ledger.close()

    def log_in_anew(self) -> None:
        """Let the next run take its login from the environment."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    # --- the pipeline -----------------------------------------------------------------------------------------------

    def session(self, *writes: Write, verb: str = "sync") -> Session:
        """A new run that goes on to apply these. All runs have one login."""
        self.runs += 1
        self.tick()
        applies = [write.applies for write in writes]
        session = Session(f"run-{self.runs}", PIPELINE.name, verb, applies=applies, ledger=self.ledger, meter=self.meter)
        for name, connect in (
            ("sentos", lambda: Sentos.connect(SentosSettings.read(), self.meter, lambda: True, session.limits)),
            ("shopify", lambda: Shopify.connect(ShopifySettings.read(), self.meter, lambda: True)),
        ):
            session.once(name, lambda name=name, connect=connect: self._client(name, connect))
        return session

    def _client(self, name: str, connect: Callable[[], Sentos | Shopify]) -> Sentos | Shopify:
        if name not in self._clients:
            client = self._clients[name] = connect()
            client.http.sleep = _nap
            client.http.request = partial(self._request, client.http.request)  # type: ignore[method-assign]
            if isinstance(client, Shopify):
                client.sleep = _nap
        return self._clients[name]

    def _request(self, send: Callable[..., Any], method: str, path: str, **options: Any) -> Any:
        """Send a call, with what somebody does just before or after it."""
        body = options.get("body")
        name = body["query"] if isinstance(body, dict) and "query" in body else f"{method} {path}"
        due = None
        for each in [each for each in self.interruptions if name.startswith(each.on)][:1]:
            if each.skip:
                each.skip -= 1
            else:
                self.interruptions.remove(each)
                due = each
        if due is not None and not due.after:
            due.action()
        answer = send(method, path, **options)
        if due is not None and due.after:
            due.action()
        return answer

    def interrupt(self, on: str, action: Callable[[], object], *, after: bool = False, skip: int = 0) -> None:
        """Let this happen at a later call of a run: a document of `shopify_documents`, or Sentos' `GET /products`."""
        self.interruptions.append(Interruption(on, action, after, skip))

    def read_orders(self, session: Session) -> None:
        """What the assets before the order plan do: the shop's changes, and what Sentos would get of each order."""
        ChangeReader(store_of(session)).read(move_cursor=session.verb != "preview")
        order_rows.map_orders(session)

    def read_states(self, session: Session) -> None:
        """What the asset of Sentos' orders does."""
        erp_orders.bring_up_to_date(session)

    def plan(self, write: Write, *, only: Sequence[str] = (), session: Session | None = None) -> Plan:
        session = session or self.session(write)
        if write is ORDERS:
            self.read_orders(session)
        return plan_and_apply.make(session, write, PlanRequest(tuple(only))).plan

    def apply(self, write: Write, plan: Plan, session: Session | None = None, *, limit: int | None = None) -> Report:
        ended = plan_and_apply.bring_to_its_end(session or self.session(write), PIPELINE.name, write, plan=plan.id, limit=limit)
        return ended.reports[0]

    def sync(self, *writes: Write, only: Sequence[str] = (), between: Callable[[], object] | None = None) -> list[Synced]:
        """One run: plan and apply each of these. between: what happens after each plan, before its first call."""
        session, found = self.session(*writes), []
        for write in writes:
            plan = self.plan(write, only=only, session=session)
            if between:
                between()
            found.append(Synced(plan, self.apply(write, plan, session), self.held(plan)))
        return found

    def goods(self, **options: Any) -> tuple[Synced, Synced]:
        """Products and prices, as the chain `goods` runs them."""
        products, prices = self.sync(*GOODS, **options)
        return products, prices

    def stock(self, **options: Any) -> Synced:
        return self.sync(STOCK, **options)[0]

    def orders(self, **options: Any) -> Synced:
        return self.sync(ORDERS, **options)[0]

    def shipments(self, **options: Any) -> Synced:
        return self.sync(SHIPMENTS, **options)[0]

    def undo(self, write: Write, plan: Plan) -> plan_and_apply.Ended:
        return plan_and_apply.take_back(self.session(write), write, plan.id)

    def held(self, plan: Plan) -> dict[str, str]:
        """Rows of a plan that are not sent, and why."""
        rows = self.files.query(plan.id, "SELECT key, held, reason FROM plan WHERE held IS NOT NULL")
        return {row["key"]: f"{row['held']}: {row['reason']}" for row in rows}

    def planned(self, plan: Plan) -> dict[str, str]:
        """The action of each row that is sent. What is only taken note of is not."""
        rows = self.files.query(plan.id, "SELECT key, action FROM plan WHERE held IS NULL AND action <> 'adopt'")
        return {row["key"]: row["action"] for row in rows}

    def outcomes(self, plan: Plan) -> dict[str, tuple[str, str]]:
        """How the rows of a plan ended: state and message by key."""
        rows = self.ledger.rows(sa.select(tables.outcome).where(tables.outcome.c.plan == plan.id))
        return {row["key"]: (row["state"], row["message"] or "") for row in rows}

    # --- Sentos -----------------------------------------------------------------------------------------------------

    def erp(self, **change: Any) -> dict[str, Any]:
        """What somebody does in Sentos' panel."""
        found: dict[str, Any] = self.sandbox.sentos.change_state(change)
        return found

    def add_products(self, *products: Mapping[str, Any]) -> list[int]:
        """Products that are new in Sentos. Returns their numbers."""
        found: list[int] = self.erp(add=list(products))["added"]
        return found

    def sell(self, sku: str, quantity: int = 1) -> None:
        """A marketplace sells: Sentos has the order at once."""
        self.erp(sell=[{"lines": [{"sku": sku, "quantity": quantity}]}])

    def count_in(self, sku: str, pieces: int, warehouse: int = CENTRAL) -> None:
        """Somebody counts stock in Sentos."""
        self.erp(stock={sku: {str(warehouse): pieces}})

    def erp_products(self) -> dict[int, dict[str, Any]]:
        return {product["id"]: product for product in self.sandbox.sentos.state()["products"]}

    def erp_stock(self, sku: str) -> int:
        """The truth: pieces over all warehouses, without any lag."""
        rows = [row for product in self.erp_products().values() for row in (product, *product["variants"])]
        return sum(int(entry["stock"]) for row in rows if row.get("sku") == sku for entry in row.get("stocks") or ())

    def erp_orders(self, name: str = "") -> list[dict[str, Any]]:
        """The truth: orders in Sentos that came from the shop, all or those of one name (`#1001`), oldest first."""
        found = self.sandbox.sentos.state()["orders"]
        return [o for o in found if o["order_id"].startswith("shopify-") and (not name or o["order_code"] == name)]

    def erp_status(self, name: str, status: int, **tracking: str) -> None:
        """Somebody moves the order of this name on in Sentos: 5 sent, 6 cancelled, 99 delivered. tracking: `cargo_company`, …"""
        for order in self.erp_orders(name):
            self.erp(orders={str(order["id"]): {"status": status, **({"data": tracking} if tracking else {})}})

    # --- the shop ---------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let the shop's calendar follow ours."""
        now = (datetime.now(UTC) - SHOP_IS_BEHIND).replace(microsecond=0)
        self.sandbox.shopify.change_state({"settings": {"now": now.isoformat()}})

    def shop(self, **change: Any) -> dict[str, Any]:
        """What somebody does in the shop's admin."""
        self.tick()
        found: dict[str, Any] = self.sandbox.shopify.change_state(change)
        return found

    def buy(self, *skus: str, quantity: int = 1, **fields: Any) -> str:
        """A customer buys so many of each of these. Returns the order's name."""
        lines = [{"sku": sku, "quantity": quantity} for sku in skus]
        (bought,) = self.shop(buy=[{"lines": lines, **fields}])["bought"]
        return str(bought["name"])

    def fulfil(self, name: str) -> None:
        """Somebody sends all of an order, by the shop."""
        self.shop(fulfil=[{"order": name}])

    def cancel(self, name: str, *, restock: bool = True) -> None:
        self.shop(cancel=[{"order": name, "restock": restock}])

    def order(self, name: str) -> dict[str, Any]:
        """The truth: an order of the shop."""
        return dict(self.sandbox.shopify.order(name))

    def shop_products(self) -> dict[str, dict[str, Any]]:
        """The truth: the shop's products by title."""
        return {product["title"]: product for product in self.sandbox.shopify.state()["products"]}

    def variants(self) -> dict[str, dict[str, Any]]:
        """The truth: the shop's variants by SKU, those without one by their id."""
        return {v["sku"] or v["id"]: v for p in self.sandbox.shopify.state()["products"] for v in p["variants"]}

    def offered(self, sku: str, location: str = MAIN) -> int | None:
        """The truth: what customers can buy of a SKU; None where it is not stocked."""
        found: int | None = self.variants()[sku]["inventory"].get(location)
        return found

    def price(self, sku: str) -> tuple[Decimal, Decimal | None]:
        """The truth: price, and the one crossed out beside it."""
        found = self.variants()[sku]
        listed = found["compare_at_price"]
        return Decimal(str(found["price"])), None if listed is None else Decimal(str(listed))

    def writes(self) -> dict[str, int]:
        """How often each mutation was carried out."""
        return dict(self.sandbox.shopify.state()["writes"])

    # --- faults -----------------------------------------------------------------------------------------------------

    def fault(self, vendor: str, on: str, kind: str, **options: Any) -> None:
        self.sandbox.faults(vendor, [{"on": on, "kind": kind, **options}])

    def clear_faults(self) -> None:
        self.sandbox.clear_faults("shopify")
        self.sandbox.clear_faults("sentos")


def _nap(seconds: float) -> None:
    time.sleep(min(seconds, 0.005))


def begin(sandbox: Sandbox) -> SentosScene:
    """Empty both systems, and the ledger. The environment has to lead to the sandbox already."""
    sandbox.reset()
    sandbox.sentos.change_state({"load": EMPTY_ERP})
    shop_now = (datetime.now(UTC) - SHOP_IS_BEHIND).replace(microsecond=0)
    settings = {
        **OUT_OF_THE_WAY,
        "currency": "TRY",
        "time_zone": "Europe/Istanbul",
        "now": shop_now.isoformat(),
        "product_lag": 0,
    }
    locations = [{"name": MAIN, "fulfills_online_orders": True}, {"name": SECOND}, {"name": "Old Warehouse", "active": False}]
    if not _LOCATION_IDS:
        _LOCATION_IDS.update((each["name"], each["id"]) for each in sandbox.shopify.state()["locations"])
    locations = [{"id": _LOCATION_IDS[str(each["name"])], **each} for each in locations]
    sandbox.shopify.change_state({"load": {"products": [], "locations": locations, "settings": settings}})
    return SentosScene(sandbox)


def environment(sandbox: Sandbox) -> dict[str, str]:
    return {**sandbox.env, **FAST}


def leading_here(name: str) -> bool:
    """Whether a variable of this machine's environment would lead a test elsewhere."""
    return name.startswith(("SENTOS_", "SHOPIFY_"))


def clear_environment() -> list[str]:
    return [name for name in os.environ if leading_here(name)]
