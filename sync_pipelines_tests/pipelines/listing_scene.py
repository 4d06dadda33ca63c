"""A merchandiser's desk: listings made by hand, a PIM in the sandbox, and the pipeline's steps without Dagster."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.applying import Patience, Report, apply, settle_first
from sync_pipelines.delivery.clock import Clock
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.delivery.undoing import Undo, make_undo
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.amazon_plytix import LINKS, PIPELINE, PRODUCTS, ProductPlanRequest, planning
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest, Write
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from vendor_sandbox import Sandbox
from vendor_sandbox.boots import with_check_digit

SEARCH, CREATE, FAMILY, PATCH, DELETE = (
    "POST /api/v1/products/search",
    "POST /api/v1/products",
    "POST /api/v1/products/*/family",
    "PATCH /api/v1/products/*",
    "DELETE /api/v1/products/*",
)
LINK, UNLINK = "POST /api/v1/products/*/relationships/*", "POST /api/v1/products/*/relationships/*/unlink"
GET = "GET /api/v1/products/*"
LISTINGS, HIERARCHY = "amazon_listings", "amazon_hierarchy"
PARENT = 9
"""The number of the listing that is a variation parent."""
OUT_OF_THE_WAY = {"burst": 1_000_000, "token_seconds": 1_000_000}
FAST = {
    "PLYTIX_CALLS_PER_WINDOW": "1000000",
    "PLYTIX_CALLS_PER_HOUR": "2000000",
    "PLYTIX_TOKEN_SECONDS": "1000",
    "PLYTIX_LANDS_WITHIN": "30",  # waited for on the scene's clock, which waits for what is still under way
}


class VendorsClock(Clock):
    """The real clock, for a process that does not sleep: what it should have waited has passed, for the vendor as well."""

    def __init__(self, sandbox: Sandbox | None) -> None:
        self.sandbox, self.ahead = sandbox, 0.0
        self.naps: list[float] = []

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        """What is still under way has arrived afterwards."""
        self.ahead += seconds
        self.naps.append(seconds)
        if self.sandbox:
            self.sandbox.plytix.clock.skip(seconds * self.sandbox.speed)
            while seconds >= 1 and self.sandbox._late:
                time.sleep(0.005)


@dataclass
class Synced:
    """What one run did. held: key → what kind. writes: calls that might change the PIM. calls: all of them."""

    plans: list[Plan]
    reports: list[Report]
    held: dict[str, str]
    writes: int
    calls: int

    @property
    def products(self) -> Plan:
        return self.plans[0]

    @property
    def links(self) -> Plan:
        return self.plans[1]

    @property
    def made(self) -> Report:
        return self.reports[0]

    @property
    def linked(self) -> Report:
        return self.reports[1]

    @property
    def counts(self) -> tuple[dict[str, int], ...]:
        return tuple(report.counts for report in self.reports)


class ListingScene:
    def __init__(self, sandbox: Sandbox | None, clock: Clock | None = None) -> None:
        self.sandbox = sandbox
        self.clock = VendorsClock(sandbox)
        self.ledger = Ledger.at(data_dir() / "ledger.db", clock or self.clock)
        self.files = PlanFiles(data_dir() / "plans")
        self.meter = CallMeter()
        self.client = Plytix.connect(PlytixSettings.read(), self.meter, lambda: True)
        self.client.http.sleep = self.client.auth.sleep = self.clock.sleep
        self.links = True
        """Whether runs of this desk make links, too."""

    def close(self) -> None:
        self.client.close()
        self.ledger.close()

    # --- the pipeline -----------------------------------------------------------------------------------------------

    def session(self, *applies: str, desk: planning.PlytixAccount | None = None) -> Session:
        """A run that goes on to write to these assets, with what is known of the PIM's account. All runs have one login."""
        session = Session("run", PIPELINE.name, "sync", applies=applies, ledger=self.ledger, meter=self.meter)
        session.once("plytix", lambda: self.client)
        if desk is not None:
            session.once("plytix account", lambda: desk)
        return session

    def desk(self) -> planning.PlytixAccount:
        return planning.PlytixAccount(self.client)

    def plan_products(self, found: Sequence[Entry], partition: str = "boots", **options: Any) -> Plan:
        return planning.plan_products(self.session(desk=options.pop("desk", None)), found, partition, **options)

    def plan_links(self, found: Sequence[Entry], partition: str = "boots", **options: Any) -> Plan:
        return planning.plan_links(self.session(desk=options.pop("desk", None)), found, partition, **options)

    def apply(self, target: Any, plan: Plan, **options: Any) -> Report:
        options.setdefault("patience", Patience(600, 5))
        return apply(target, plan.id, ledger=self.ledger, files=self.files, run="run", **options)

    def sync(
        self,
        found: Sequence[Entry],
        partition: str = "boots",
        *,
        check_families: bool = False,
        between: Callable[[], object] | None = None,
    ) -> Synced:
        """What the four assets do, one after the other. between: what happens between the plans and the first write."""
        before, calls = self.writes, self.meter.used["plytix"]
        writes = (PRODUCTS, LINKS) if self.links else (PRODUCTS,)
        session = self.session(*(write.applies for write in writes))
        session.once(f"mapping {partition}", lambda: list(found))
        requests = (ProductPlanRequest(scope=partition, check_families=check_families), PlanRequest(scope=partition))
        plans = [plan_and_apply.make(session, *each).plan for each in zip(writes, requests, strict=False)]
        if between:
            between()
        ended = [plan_and_apply.bring_to_its_end(session, PIPELINE.name, write, scope=partition) for write in writes]
        reports = [report for each in ended for report in each.reports]
        held = {
            row["key"]: row["held"]
            for plan in plans
            for row in self.files.query(plan.id, "SELECT key, held FROM plan WHERE held IS NOT NULL")
        }
        return Synced(plans, reports, held, self.writes - before, self.meter.used["plytix"] - calls)

    def write_of(self, plan: Plan) -> Write:
        return PIPELINE.write_to(self.ledger.plan(plan.id)["account"])

    def make_undo(self, plan: Plan) -> Undo:
        target = self.write_of(plan).writer().target_to_undo(self.session())
        settle_first(target, ledger=self.ledger, files=self.files, run="run", patience=Patience(600, 5))
        return make_undo(target, plan.id, ledger=self.ledger, files=self.files, run="run")

    def undo(self, plan: Plan) -> Report:
        return plan_and_apply.take_back(self.session(), self.write_of(plan), plan.id).reports[0]

    def outcomes(self, plan: Plan) -> dict[str, tuple[str, str]]:
        """How the rows of a plan ended: state and message by key."""
        rows = self.ledger.rows(sa.select(tables.outcome).where(tables.outcome.c.plan == plan.id))
        return {row["key"]: (row["state"], row["message"] or "") for row in rows}

    # --- the PIM ----------------------------------------------------------------------------------------------------

    @property
    def vendor(self) -> Any:
        assert self.sandbox
        return self.sandbox.plytix

    def change(self, **change: Any) -> None:
        self.vendor.change_state(change)

    def fault(self, on: str, kind: str, **options: Any) -> None:
        assert self.sandbox
        self.sandbox.faults("plytix", [{"on": on, "kind": kind, **options}])

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.vendor.state()
        return found

    @property
    def products(self) -> dict[str, dict[str, Any]]:
        """What there is, by SKU."""
        return {each["sku"]: each for each in self.state["products"].values()}

    def product(self, sku: str) -> dict[str, Any]:
        return self.products[sku]

    def links_of(self, sku: str, relationship: str = LISTINGS) -> set[str]:
        return set(self.product(sku)["links"].get(relationship, {}))

    @property
    def writes(self) -> int:
        """Calls that reached the PIM and are no reads, whatever became of them."""
        if self.sandbox is None:
            return 0
        return sum(1 for call in self.sandbox.calls("plytix") if is_write(call["method"], call["path"]))

    @property
    def refused(self) -> int:
        assert self.sandbox
        return sum(1 for call in self.sandbox.calls("plytix") if call["status"] == 429 and call["fault"] is None)

    def doubled(self) -> list[str]:
        """SKUs that were made more than once."""
        return [sku for sku, n in self.state["creates"].items() if n > 1]

    @property
    def canonical(self) -> dict[str, dict[str, Any]]:
        """Everything of the products that are not ours but their links."""
        return {
            sku: {name: value for name, value in product.items() if name not in ("links", "modified")}
            for sku, product in self.products.items()
            if not sku.startswith("AMZN-")
        }

    # --- what it should look like -----------------------------------------------------------------------------------

    def wrong(self, found: Sequence[Entry], family: str = "8 - Amazon") -> list[str]:
        """What is not right about the PIM: every entry one product in the family, each link there, nothing made twice."""
        products = self.products
        wrong = [f"{sku} was made twice" for sku in self.doubled()]
        for entry in found:
            if entry.state == "rejected":
                continue
            product = products.get(entry.suggested_sku)
            if product is None:
                wrong.append(f"{entry.suggested_sku} is missing")
                continue
            if product["family"] != family:
                wrong.append(f"{entry.suggested_sku} is in {product['family']}")
            if not self.links:
                continue
            sources = [(LISTINGS, entry.canonical_plytix_sku)] if entry.state == "matched" else []
            if entry.amazon_parent_asin:
                sources.append((HIERARCHY, f"AMZN-{entry.marketplace}-{entry.amazon_parent_asin}"))
            wrong += [
                f"{source} is not linked with {entry.suggested_sku}"
                for relationship, source in sources
                if source in products and entry.suggested_sku not in products[source]["links"].get(relationship, {})
            ]
        return wrong

    def settled_after(self, found: Sequence[Entry], partition: str = "boots") -> None:
        """One more run finishes the rest, and then all is right."""
        self.clock.sleep(10)
        self.sync(found, partition)
        self.settled(found, partition)

    def settled(self, found: Sequence[Entry], partition: str = "boots") -> None:
        """All is right, and a further run writes nothing."""
        assert self.wrong(found) == []
        settings = PlytixSettings.read()
        for account in (settings.products_account, settings.links_account):
            assert self.ledger.doubts(account) == []
        again = self.sync(found, partition)
        assert (again.writes, [*again.counts]) == (0, [{}] * (2 if self.links else 1))


def is_write(method: str, path: str) -> bool:
    return "get-token" not in path and not path.endswith("/search") and method != "GET"


def asin(n: int) -> str:
    return f"B0DESK{n:04d}"


def sku(n: int, marketplace: str = "US") -> str:
    return f"AMZN-{marketplace}-{asin(n)}"


def upc(n: int) -> str:
    return with_check_digit(f"0123456{n:04d}")


def canonical(n: int) -> str:
    """The SKU of the n-th product of the merchant's."""
    return f"CAN-{n:03d}"


def entry(n: int, **changes: Any) -> Entry:
    """The n-th listing, matched with the n-th product, a variation of the parent."""
    values: dict[str, Any] = {
        "state": "matched",
        "suggested_sku": sku(n),
        "marketplace": "US",
        "amazon_asin": asin(n),
        "amazon_parent_asin": asin(PARENT),
        "amazon_sku": f"SELLER-{n}",
        "amazon_upc": upc(n),
        "amazon_title": f"Boot {n}, Brown, 10 W",
        "amazon_size": "10 Wide",
        "amazon_color": "Brown",
        "amazon_listing_status": "active",
        "item_classification": "BASE_PRODUCT",
        "model_number": "CAN",
        "canonical_plytix_sku": canonical(n),
        "match_method": "gtin",
        "match_confidence": Decimal(1),
        **changes,
    }
    return Entry(**values)


def parent(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "state": "parent",
        "suggested_sku": sku(PARENT),
        "marketplace": "US",
        "amazon_asin": asin(PARENT),
        "amazon_title": "Boot",
        "item_classification": "VARIATION_PARENT",
        "reason": "a variation parent",
        **changes,
    }
    return Entry(**values)


def few(*numbers: int) -> list[Entry]:
    """A parent and its variations, 1 to 3 unless others are named."""
    return [parent(), *(entry(n) for n in numbers or (1, 2, 3))]


def begin(sandbox: Sandbox) -> None:
    """The PIM as a test finds it: its seed, and ten more products, without limits in the way."""
    sandbox._drop_late_calls()
    sandbox.clear_faults("plytix")
    sandbox._calls["plytix"].clear()
    sandbox.plytix.reset()
    made = [{"sku": canonical(n), "label": f"Canonical {n}"} for n in range(1, 11)]
    sandbox.plytix.change_state({"settings": OUT_OF_THE_WAY, "add": made})


def environment(sandbox: Sandbox) -> dict[str, str]:
    return {**sandbox.env, **FAST}


def clear_environment() -> list[str]:
    """Names that no test of this pipeline should find set."""
    return [name for name in os.environ if name.startswith(("PLYTIX_", "AMAZON_"))]
