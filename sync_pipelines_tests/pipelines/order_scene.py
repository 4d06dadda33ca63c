"""A shop's order desk: orders made by hand, a spreadsheet in the sandbox, and the pipeline's steps without Dagster."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import notes, tables
from sync_pipelines.delivery.applying import Report, apply
from sync_pipelines.delivery.clock import Clock
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.delivery.undoing import Undo, make_undo
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_sheets import ORDERS as ORDERS_WRITE
from sync_pipelines.pipelines.shopify_sheets import PIPELINE, Compare, OrderPlanRequest, mapping, planning
from sync_pipelines.pipelines.shopify_sheets.layout import Layout, key_text, read_layout, same
from sync_pipelines.pipelines.shopify_sheets.prepare import prepare
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.pipelines.shopify_sheets.target import OrderRows
from sync_pipelines.pipelines.shopify_store.change_reader import FIRST_DAY
from sync_pipelines.pipelines.shopify_store.orders import CHANGES_KEY, ORDERS, Order, OrderTables
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Sheets
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.keyed_log import KeyedLog
from sync_pipelines.warehouse.snapshots import About, Staged, Warehouse, staged_file, with_about
from vendor_sandbox import Sandbox

WRITE = "POST */values:batchUpdate"
GROW = "POST */v4/spreadsheets/*:batchUpdate"
READ = "POST */values:batchGetByDataFilter"
TABS = "GET */v4/spreadsheets/*"
FIRST = date(2026, 1, 1)


def money(amount: str, currency: str = "EUR", paid: tuple[str, str] | None = None) -> dict[str, Any]:
    """A MoneyBag; paid: amount and currency that the customer saw, where they differ."""
    theirs = paid or (amount, currency)
    return {
        "shopMoney": {"amount": amount, "currencyCode": currency},
        "presentmentMoney": {"amount": theirs[0], "currencyCode": theirs[1]},
    }


def line(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/LineItem/{n}",
        "sku": f"SKU-{n}",
        "name": f"Thing {n} - Blue",
        "title": f"Thing {n}",
        "variantTitle": "Blue",
        "vendor": "Acme",
        "quantity": 2,
        "currentQuantity": 2,
        "unfulfilledQuantity": 2,
        "requiresShipping": True,
        "taxable": True,
        "isGiftCard": False,
        "originalUnitPriceSet": money("10.50"),
        "discountedTotalSet": money("21.00"),
        "totalDiscountSet": money("0.00"),
        "discountAllocations": [],
        "taxLines": [{"title": "VAT", "rate": 0.19, "priceSet": money("3.35")}],
        "customAttributes": [],
        "variant": {"id": "gid://shopify/ProductVariant/1"},
        "product": {"id": "gid://shopify/Product/1"},
        **changes,
    }


def address(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Ann Lee",
        "firstName": "Ann",
        "lastName": "Lee",
        "company": None,
        "address1": "1 High Street",
        "address2": None,
        "city": "Bern",
        "province": None,
        "zip": "3011",
        "country": "Switzerland",
        "countryCodeV2": "CH",
        "phone": None,
        **changes,
    }


def order(n: int, lines: int | Sequence[dict[str, Any]] = 2, **changes: Any) -> Order:
    """A whole order, number `n`, made `n` minutes into May 2026."""
    made = (datetime(2026, 5, 1, 8, 0, tzinfo=UTC) + timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
    number = 5_000_000 + n
    listed = [line(n * 1000 + i) for i in range(1, lines + 1)] if isinstance(lines, int) else list(lines)
    return {
        "id": f"gid://shopify/Order/{number}",
        "createdAt": made,
        "legacyResourceId": str(number),
        "name": f"#{1000 + n}",
        "updatedAt": made,
        "processedAt": made,
        "cancelledAt": None,
        "cancelReason": None,
        "closedAt": None,
        "test": False,
        "currencyCode": "EUR",
        "presentmentCurrencyCode": "EUR",
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "returnStatus": "NO_RETURN",
        "note": None,
        "tags": [],
        "email": f"buyer{n}@example.com",
        "phone": "+4930123456",
        "poNumber": None,
        "sourceName": "web",
        "taxesIncluded": True,
        "requiresShipping": True,
        "paymentGatewayNames": ["shopify_payments"],
        "totalPriceSet": money("42.00"),
        "currentTotalPriceSet": money("42.00"),
        "subtotalPriceSet": money("38.00"),
        "totalTaxSet": money("6.70"),
        "totalDiscountsSet": money("0.00"),
        "totalShippingPriceSet": money("4.00"),
        "edited": False,
        "currentSubtotalPriceSet": money("38.00"),
        "currentTotalTaxSet": money("6.70"),
        "currentShippingPriceSet": money("4.00"),
        "totalTipReceivedSet": money("0.00"),
        "currentTotalDutiesSet": None,
        "currentTotalAdditionalFeesSet": None,
        "totalRefundedSet": money("0.00"),
        "customAttributes": [],
        "taxLines": [],
        "customer": {
            "id": f"gid://shopify/Customer/{n}",
            "displayName": f"Buyer {n}",
            "firstName": "Buyer",
            "lastName": str(n),
            "defaultEmailAddress": None,
            "defaultPhoneNumber": None,
        },
        "shippingAddress": address(),
        "billingAddress": address(),
        "shippingLine": None,
        "fulfillments": [],
        "refunds": [],
        "lineItems": listed,
        **changes,
    }


def orders(first: int, last: int, lines: int = 2) -> list[Order]:
    return [order(n, lines) for n in range(first, last + 1)]


class Hurried(Clock):
    """The real clock, for a process that does not sleep: what it should have waited has passed all the same."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds


@dataclass
class Synced:
    """What one run did. held: key → what kind. hit: orders found overwritten and put right."""

    plan: Plan
    reports: list[Report]
    hit: list[str]
    reads: int
    writes: int
    held: dict[str, str] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        total = Counter[str]()
        for report in self.reports:
            total.update(report.counts)
        return dict(total)


class OrderScene:
    """layout and title as the environment says. The orders of the shop are in `shop`, by number; deleted ones are not."""

    def __init__(self, sandbox: Sandbox, clock: Clock | None = None) -> None:
        self.sandbox = sandbox
        self.ledger = Ledger.at(data_dir() / "ledger.db", clock or Hurried())
        self.files = PlanFiles(data_dir() / "plans")
        self.warehouse = Warehouse(data_dir() / "warehouse")
        self.shop: dict[int, Order] = {}
        self._client: Sheets | None = None
        self._edits = 0

    @property
    def settings(self) -> ShopifySheetsSettings:
        return ShopifySheetsSettings.read()

    @property
    def layout(self) -> Layout:
        return read_layout(self.settings.layout)

    @property
    def title(self) -> str:
        return self.settings.spreadsheet

    # --- the shop ---------------------------------------------------------------------------------------------------

    def take(self, *made: Order, changed: bool = True) -> None:
        """Orders as the shop now has them reach the warehouse, each a newer version than the one before, or the same one read
        again."""
        self._edits += changed
        stamped = []
        for each in made:
            newer = copy.deepcopy(each)
            at = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=self._edits)
            newer["updatedAt"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            self.shop[int(each["legacyResourceId"]) - 5_000_000] = newer
            stamped.append(newer)
        shop = ShopifySettings.read()
        collected = OrderTables(shop.zone, datetime.now(UTC))
        for each in stamped:
            collected.add(each)
        rows = collected.flush()[0]
        log = KeyedLog(self.warehouse, CHANGES_KEY, shop.account, "order_id", ("updated_at", "read_at"))
        with staged_file(self.warehouse.staging, "changes") as draft:
            about = About(shop.account, datetime.now(UTC).isoformat(), rows=rows.num_rows)
            import pyarrow.parquet as pq

            pq.write_table(with_about(rows.cast(ORDERS), about), draft)
            log.append(Staged(draft, about))

    def change(self, n: int, **changes: Any) -> None:
        self.take({**self.shop[n], **changes})

    # --- the pipeline -----------------------------------------------------------------------------------------------

    def client(self) -> Sheets:
        """One for all runs: reading the key file anew takes a while."""
        if self._client is None:
            self._client = Sheets.connect(GoogleSettings.read(), CallMeter(), lambda: True)
            for http in (self._client.http._reads, self._client.http._writes, self._client.http._drive):
                http.sleep = lambda seconds: None
        return self._client

    def prepare(self) -> list[str]:
        client = self.client()
        return prepare(client, client.find(self.title), self.layout, 2)

    def session(self, *applies: str, rows: OrderRows | None = None) -> Session:
        """A run that goes on to write to these assets, with the look at the sheet that is given."""
        session = Session("run", PIPELINE.name, "sync", applies=applies, ledger=self.ledger)
        notes.set_cursor(self.ledger, ShopifySettings.read().shop, FIRST_DAY, str(FIRST), "run")
        session.once("google", self.client)
        for http in (self.client().http._reads, self.client().http._writes, self.client().http._drive):
            http.meter = session.meter
        if rows is not None:
            session.once("spreadsheet", lambda: rows)
        return session

    def target(self) -> OrderRows:
        return planning.spreadsheet(self.session())

    def plan(self, there: OrderRows, **options: Any) -> Plan:
        session = self.session(rows=there)
        planning.map_orders(session)
        return planning.OrderWriter().make_plan(session, OrderPlanRequest(**options))

    def apply(self, there: OrderRows, plan: Plan) -> Report:
        return apply(there, plan.id, ledger=self.ledger, files=self.files, run="run")

    def sync(self, compare: Compare = "changed", between: Callable[[], object] | None = None) -> Synced:
        """What the assets do, one after the other. between: what happens between plan and apply."""
        reads, writes = self._calls()
        session = self.session(ORDERS_WRITE.applies)
        planning.map_orders(session)
        plan = plan_and_apply.make(session, ORDERS_WRITE, OrderPlanRequest(compare=compare)).plan
        if between:
            between()
        hit: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            repair = planning.repair_overwritten
            patch.setattr(planning, "repair_overwritten", lambda s, rows: (hit.extend(sorted(rows.hit)), repair(s, rows))[1])
            ended = plan_and_apply.bring_to_its_end(session, PIPELINE.name, ORDERS_WRITE)
        held = self.files.query(plan.id, "SELECT key, held FROM plan WHERE held IS NOT NULL")
        after, strays = self._calls(), list(planning.spreadsheet(session).strays)
        return Synced(
            plan, list(ended.reports), hit, after[0] - reads, after[1] - writes, {r["key"]: r["held"] for r in held}, strays
        )

    def _calls(self) -> tuple[int, int]:
        """Reads and writes so far; in a child process nobody counts."""
        return (self.sandbox.google.reads, self.sandbox.google.writes) if self.sandbox else (0, 0)

    def make_undo(self, plan: Plan) -> Undo:
        return make_undo(self.target(), plan.id, ledger=self.ledger, files=self.files, run="run")

    def undo(self, plan: Plan) -> Report:
        return plan_and_apply.take_back(self.session(), ORDERS_WRITE, plan.id).reports[0]

    def states(self) -> dict[str, str]:
        r = tables.record.c
        return {
            x["key"]: x["state"] for x in self.ledger.rows(sa.select(tables.record).where(r.account == self.settings.account))
        }

    # --- the spreadsheet --------------------------------------------------------------------------------------------

    def person(self, do: str, tab: str = "Orders", **how: Any) -> None:
        self.sandbox.google.change_state({"person": [self.action(do, tab, **how)]})

    def action(self, do: str, tab: str = "Orders", **how: Any) -> dict[str, Any]:
        return {"spreadsheet": self.title, "tab": tab, "do": do, **how}

    def fault(self, on: str, kind: str, **options: Any) -> None:
        self.sandbox.faults("google", [{"on": on, "kind": kind, **options}])

    def cells(self, tab: str = "Orders") -> list[list[Any]]:
        return self.sandbox.google.rows(self.title, tab)

    def table(self, tab: str = "Orders") -> list[dict[str, Any]]:
        """Rows below the header, by header; `row` is where each stands. Left out are those of blank cells and empty boxes."""
        header, *rows = self.cells(tab)
        header = [h and str(h).strip() for h in header]
        named = [
            ({"row": n} | {h: v for h, v in zip(header, r, strict=False) if h})
            for n, r in enumerate(rows, 2)
            if any(v is not None and v is not False for v in r)
        ]
        return [{**dict.fromkeys((h for h in header if h), None), **each} for each in named]

    def row(self, n: int) -> dict[str, Any]:
        """The one row of an order."""
        key = mapping.desired(self.shop[n], self.layout, self._zone).key
        (found,) = [r for r in self.table(self.layout.orders.tab) if key_text(exact(r[self.layout.orders.key])) == key]
        return found

    def lines(self, n: int) -> list[dict[str, Any]]:
        key = mapping.desired(self.shop[n], self.layout, self._zone).key
        return [r for r in self.table(self.layout.lines.tab) if key_text(exact(r[self.layout.lines.order])) == key]

    def notes(self, header: str, tab: str = "Orders") -> dict[str, Any]:
        """What people wrote into a column of theirs, by what stands in the key column of the same row."""
        key = (self.layout.orders if tab == self.layout.orders.tab else self.layout.lines).key
        return {str(r[key]): r[header] for r in self.table(tab) if r.get(header) is not None}

    @property
    def _zone(self) -> Any:
        return ShopifySettings.read().zone

    def wrong(self, numbers: Iterable[int] | None = None) -> list[str]:
        """What is not right about the sheet: every order once, its lines once, each owned cell as mapped."""
        found: list[str] = []
        tabs = self.layout.tabs
        rows = [self.table(tab.tab) for tab in tabs]
        keys = Counter(key_text(exact(r[tabs[0].key])) for r in rows[0])
        line_keys = Counter(key_text(exact(r[tabs[1].key])) for r in rows[1])
        wanted = {n: mapping.desired(self.shop[n], self.layout, self._zone) for n in (self.shop if numbers is None else numbers)}
        for n, want in wanted.items():
            if keys[want.key] != 1:
                found.append(f"order {n} ({want.key}) stands {keys[want.key]} times")
                continue
            (row,) = [r for r in rows[0] if key_text(exact(r[tabs[0].key])) == want.key]
            found += differing(f"order {n}", tabs[0], want.fields, row)
            mine = want.fields["lines"]
            for name, cells in mine.items():
                if line_keys[name] != 1:
                    found.append(f"order {n}: line {name} stands {line_keys[name]} times")
                    continue
                (at,) = [r for r in rows[1] if key_text(exact(r[tabs[1].key])) == name]
                found += differing(f"order {n} line {name}", tabs[1], cells, at)
            for at in rows[1]:
                if key_text(exact(at[tabs[1].order])) == want.key and key_text(exact(at[tabs[1].key])) not in mine:
                    status = next((c.header for c in tabs[1].written if c.source == "status"), None)
                    if status is None or at.get(status) != mapping.REMOVED:
                        found.append(f"order {n} has a line too many in row {at['row']}: {at}")
        return found


def exact(value: Any) -> Any:
    """A double of the sheet as the client reads it."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else Decimal(repr(value))
    return value


def differing(what: str, tab: Any, wanted: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    found = []
    for column in tab.written:
        if column.write != "always":
            continue
        there, want = exact(row.get(column.header)), wanted.get(column.header)
        if column.header in (tab.key, tab.order):
            there = key_text(there)
        if same(column.type, there) != same(column.type, want):
            found.append(f"{what}: {column.header} is {there!r}, wanted {want!r} (row {row['row']})")
    return found


def settled(desk: OrderScene) -> None:
    """All is right, and a further run has nothing to do, however closely it looks."""
    assert desk.wrong() == []
    assert desk.ledger.doubts(desk.settings.account) == []
    again = desk.sync("all")
    assert (again.writes, again.counts, again.hit) == (0, {}, [])
