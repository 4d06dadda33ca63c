"""A whole order: one shape, however it was read, and the rows it becomes in the warehouse.

An `Order` is the order as the shop gives it (see `shopify_documents.ORDER_FIELDS`), with `lineItems` as a plain list of
all its lines and `refundLineItems` as a plain list in each refund.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa

from sync_pipelines.number_text import read_number
from sync_pipelines.pipelines.shopify_store.days import day_of, instant

Order = dict[str, Any]

_MONEY = pa.decimal128(24, 6)
_WHEN = pa.timestamp("us", tz="UTC")

ORDERS = pa.schema(
    [
        ("order_id", pa.int64()),
        ("name", pa.string()),
        ("day", pa.date32()),
        ("created_at", _WHEN),
        ("updated_at", _WHEN),
        ("currency", pa.string()),
        ("total", _MONEY),
        ("current_total", _MONEY),
        ("refunded", _MONEY),
        ("presentment_currency", pa.string()),
        ("presentment_total", _MONEY),
        ("financial_status", pa.string()),
        ("fulfillment_status", pa.string()),
        ("cancelled_at", _WHEN),
        ("test", pa.bool_()),
        ("lines", pa.int32()),
        ("read_at", _WHEN),
        ("digest", pa.string()),
        ("order", pa.string()),
    ]
)
LINES = pa.schema(
    [
        ("order_id", pa.int64()),
        ("line_id", pa.int64()),
        ("position", pa.int32()),
        ("sku", pa.string()),
        ("title", pa.string()),
        ("variant_title", pa.string()),
        ("quantity", pa.int64()),
        ("current_quantity", pa.int64()),
        ("currency", pa.string()),
        ("unit_price", _MONEY),
        ("discounted_total", _MONEY),
        ("variant_id", pa.int64()),
        ("product_id", pa.int64()),
    ]
)
REFUNDS = pa.schema(
    [
        ("order_id", pa.int64()),
        ("refund_id", pa.int64()),
        ("created_at", _WHEN),
        ("currency", pa.string()),
        ("refunded", _MONEY),
        ("line_id", pa.int64()),
        ("quantity", pa.int64()),
        ("subtotal", _MONEY),
        ("tax", _MONEY),
        ("restock", pa.string()),
        ("note", pa.string()),
    ]
)
ORDERS_KEY, LINES_KEY, REFUNDS_KEY = ("shopify", "orders"), ("shopify", "order_lines"), ("shopify", "refunds")
CHANGES_KEY = ("shopify", "order_changes")
DAY_ASSETS = ((LINES_KEY, LINES), (REFUNDS_KEY, REFUNDS), (ORDERS_KEY, ORDERS))
"""In the order in which a day's files are published: the orders last, for they say that the day is there."""

NOTES = {
    "order_id": "Shopify's number for the order",
    "name": "as the shop shows it, such as #1001",
    "day": "of creation, in the shop's zone",
    "created_at": "UTC",
    "updated_at": "UTC",
    "currency": "of the shop; all amounts without another word are in it",
    "total": "before returns, with tax",
    "current_total": "after returns and edits",
    "refunded": "paid back so far",
    "presentment_currency": "what the customer paid in",
    "presentment_total": "in that currency",
    "lines": "how many",
    "read_at": "when it was read, UTC",
    "digest": "of the whole order",
    "order": "the whole order as JSON",
    "line_id": "Shopify's number for the line",
    "quantity": "ordered",
    "current_quantity": "left after returns and edits",
    "unit_price": "before discounts",
    "discounted_total": "of the line, after its own discounts",
    "subtotal": "of what was returned, without tax",
    "restock": "what became of the goods",
}
"""What the columns hold, for people."""

STATUSES = {
    "displayFinancialStatus": frozenset(
        {"AUTHORIZED", "EXPIRED", "PAID", "PARTIALLY_PAID", "PARTIALLY_REFUNDED", "PENDING", "REFUNDED", "VOIDED"}
    ),
    "displayFulfillmentStatus": frozenset(
        {
            "FULFILLED",
            "FULFILLMENT_NOT_REQUIRED",
            "IN_PROGRESS",
            "ON_HOLD",
            "OPEN",
            "PARTIALLY_FULFILLED",
            "PENDING_FULFILLMENT",
            "REQUEST_DECLINED",
            "RESTOCKED",
            "SCHEDULED",
            "UNFULFILLED",
        }
    ),
    "cancelReason": frozenset({"CUSTOMER", "DECLINED", "FRAUD", "INVENTORY", "OTHER", "STAFF"}),
    "returnStatus": frozenset(
        {"INSPECTION_COMPLETE", "IN_PROGRESS", "NO_RETURN", "RETURNED", "RETURN_FAILED", "RETURN_REQUESTED"}
    ),
}
"""What the API's version 2026-10 can say (https://shopify.dev/docs/api/admin-graphql/2026-10/enums). New ones come between
versions, and are taken as they stand."""


def number(gid: str | None) -> int | None:
    """The bare number of a global id: `gid://shopify/Order/5001` is 5001."""
    return None if gid is None else int(gid.rsplit("/", 1)[1].partition("?")[0])


def amount(bag: Mapping[str, Any] | None, money: str = "shopMoney") -> Decimal | None:
    """The amount in a MoneyBag, digit by digit; None where there is none."""
    found = ((bag or {}).get(money) or {}).get("amount")
    return None if found is None else read_number(found, ".")


def dumps(order: Order) -> bytes:
    """Canonical JSON: the same order gives the same text, however it was read."""
    return orjson.dumps(order, option=orjson.OPT_SORT_KEYS, default=_plain)


def _plain(value: Any) -> float:
    """Of an order only the rate of a tax is a number with a fraction; amounts are text, digit by digit."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} in an order")


def loads(text: str | bytes) -> Order:
    order: Order = orjson.loads(text)
    return order


def oddities(order: Order) -> list[str]:
    """What is new to us in an order: statuses that this version of the API did not have."""
    found = []
    for name, known in STATUSES.items():
        value = order.get(name)
        if value is not None and value not in known:
            found.append(f"{name} {value!r} is not one we know; it is taken as it stands")
    return found


_NAMING = (
    "email",
    "phone",
    "displayName",
    "firstName",
    "lastName",
    "defaultEmailAddress",
    "defaultPhoneNumber",
    "address1",
    "address2",
    "zip",
)


def anonymous(order: Order) -> bool:
    """Whether every field that could name a person is empty. What holds them (customer, addresses) may be there all the same:
    without the approval for them a shop blanks the fields (https://shopify.dev/docs/apps/launch/protected-customer-data)."""
    people = [order, *(order.get(name) or {} for name in ("customer", "shippingAddress", "billingAddress"))]
    return not any(person.get(name) for person in people for name in _NAMING)


@dataclass
class OrderTables:
    """Orders collected as columns. `money`: the sum of their totals, in the shop's currency."""

    zone: ZoneInfo
    read_at: datetime
    count: int = 0
    money: Decimal = Decimal(0)
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    refunds: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, order: Order) -> date:
        """Returns the order's day. What the shop left out of it is null, but for `shopify_orders.NEEDED`."""
        number_, text, created = int(order["legacyResourceId"]), dumps(order), instant(order["createdAt"])
        day, currency, total = day_of(created, self.zone), order.get("currencyCode"), amount(order.get("totalPriceSet"))
        cancelled = order.get("cancelledAt")
        self.count += 1
        self.money += total or 0
        self.orders.append(
            (
                number_,
                order["name"],
                day,
                created,
                instant(order["updatedAt"]),
                currency,
                total,
                amount(order.get("currentTotalPriceSet")),
                amount(order.get("totalRefundedSet")),
                order.get("presentmentCurrencyCode"),
                amount(order.get("totalPriceSet"), "presentmentMoney"),
                order.get("displayFinancialStatus"),
                order.get("displayFulfillmentStatus"),
                cancelled and instant(cancelled),
                bool(order.get("test")),
                len(order["lineItems"]),
                self.read_at,
                blake2b(text, digest_size=16).hexdigest(),
                text,
            )
        )
        for position, line in enumerate(order["lineItems"], 1):
            self.lines.append(
                (
                    number_,
                    number(line.get("id")),
                    position,
                    line.get("sku"),
                    line.get("title"),
                    line.get("variantTitle"),
                    line.get("quantity"),
                    line.get("currentQuantity"),
                    currency,
                    amount(line.get("originalUnitPriceSet")),
                    amount(line.get("discountedTotalSet")),
                    number((line.get("variant") or {}).get("id")),
                    number((line.get("product") or {}).get("id")),
                )
            )
        for refund in order["refunds"]:
            made = refund.get("createdAt")
            back = amount(refund.get("totalRefundedSet"))
            head = (number_, number(refund["id"]), made and instant(made), currency, back)
            lines: Sequence[Mapping[str, Any]] = refund["refundLineItems"] or ({},)
            for line in lines:
                self.refunds.append(
                    (
                        *head,
                        number((line.get("lineItem") or {}).get("id")),
                        line.get("quantity"),
                        amount(line.get("subtotalSet")),
                        amount(line.get("totalTaxSet")),
                        line.get("restockType"),
                        refund.get("note"),
                    )
                )
        return day

    def flush(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """The rows since the last flush: orders, lines, refunds."""
        taken = tuple(
            table(rows, schema) for rows, schema in ((self.orders, ORDERS), (self.lines, LINES), (self.refunds, REFUNDS))
        )
        for rows in (self.orders, self.lines, self.refunds):
            rows.clear()
        return taken[0], taken[1], taken[2]


def table(rows: Sequence[tuple[Any, ...]] | Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(values, f.type) for values, f in zip(columns, schema, strict=True)], schema=schema)
