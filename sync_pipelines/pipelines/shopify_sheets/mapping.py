"""Whole orders → rows of the spreadsheet. Every business rule of this pipeline is here and only here.

Text stays text: nothing here depends on how a cell would read it. Amounts are Decimals in the shop's currency, rounded
to its decimals; times are serial numbers, days since 1899-12-30, in the shop's zone, as spreadsheets count them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from sync_pipelines.currency import decimals
from sync_pipelines.delivery.model import Desired
from sync_pipelines.pipelines.shopify_sheets.layout import EPOCH, Layout, TabLayout, Type, key_text
from sync_pipelines.pipelines.shopify_store.days import instant
from sync_pipelines.pipelines.shopify_store.orders import Order, amount, number

VERSION = 2
"""Rises when the same order is mapped to something else: every order is then mapped again."""

LONGEST_CELL = 50_000
"""Characters in one cell (https://support.google.com/drive/answer/37603), counted in UTF-16 units: an emoji is two."""

ORDER_TYPES = ("Pickup Order", "Nationwide Shipping", "Local Delivery Order")
"""Tags that say how an order leaves the shop; the first that stands wins, and without one it is Web."""

Row = dict[str, Any]


def fingerprint_of(layout: Layout, shop: str) -> str:
    """What rows depend on besides the order (the layout; the shop and its zone): when it changes, every order is mapped again."""
    text = json.dumps([VERSION, layout.model_dump(mode="json"), shop], sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def desired(order: Order, layout: Layout, zone: ZoneInfo) -> Desired:
    """The rows of one order: its own columns by header, and under `lines` those of each line by the line's key."""
    facts = order_facts(order, zone)
    fields = _cells(facts, layout.orders)
    key = str(fields[layout.orders.key] or "")
    lines = {}
    for position, line in enumerate(order["lineItems"], 1):
        cells = _cells({**line_facts(line, position, facts), "order_key": key}, layout.lines)
        lines[str(cells[layout.lines.key])] = cells
    conflict = None if key else f"order {order['name']} has nothing for the key column {layout.orders.key!r}"
    return Desired(key or str(number(order["id"])), {**fields, "lines": lines}, conflict=conflict)


def deleted(image: Row, layout: Layout) -> Row:
    """The last rows of an order that the shop has no more: as they were, and saying so where the layout has room for it."""
    said = {"status": "Deleted", "change_note": "Deleted in the shop"}
    return {**image, **{c.header: said[c.source] for c in layout.orders.written if c.source in said}}


def _cells(facts: Mapping[str, Any], tab: TabLayout) -> Row:
    """A row's cells by header. Keys stand as they are read back (`key_text`): a blank at either end is no part of one."""
    cells = {column.header: _cell(column.value or facts[column.source], column.type) for column in tab.written}
    keys = {header: key_text(cells[header]) or None for header in (tab.key, tab.order) if header}
    return {**cells, **keys}


def _cell(value: Any, kind: Type) -> Any:
    if value is None or value == "":
        return None
    if kind == "date":
        return int(value)
    if isinstance(value, str):
        return _fitting(value.replace("\r\n", "\n").replace("\r", "\n"))
    return value


def _fitting(text: str) -> str:
    """The text, cut where a cell ends; half an emoji is left out."""
    if 2 * len(text) <= LONGEST_CELL:
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * LONGEST_CELL:
        return text
    return units[: 2 * (LONGEST_CELL - 1)].decode("utf-16-le", "ignore") + "…"


def order_facts(order: Order, zone: ZoneInfo) -> dict[str, Any]:
    """Everything a column of the orders' tab can show, by source name."""
    currency = order["currencyCode"]
    customer, shipping, billing = (order[name] or {} for name in ("customer", "shippingAddress", "billingAddress"))
    address = shipping or billing
    first = customer.get("firstName") or address.get("firstName")
    last = customer.get("lastName") or address.get("lastName")
    plain = order["name"].lstrip("#")
    paid = order["totalPriceSet"]["presentmentMoney"] if order["totalPriceSet"] else None
    tracking = [t for f in order["fulfillments"] if f["status"] != "CANCELLED" for t in f["trackingInfo"]]
    left = [line["currentQuantity"] for line in order["lineItems"]]
    return {
        "id": str(number(order["id"])),
        "name": order["name"],
        "number": plain,
        "web_key": f"WEB{plain}",
        "created_at": serial(order["createdAt"], zone),
        "processed_at": serial(order["processedAt"], zone),
        "updated_at": serial(order["updatedAt"], zone),
        "cancelled_at": serial(order["cancelledAt"], zone),
        "status": status(order),
        "financial_status": words(order["displayFinancialStatus"]),
        "fulfillment_status": words(order["displayFulfillmentStatus"]),
        "return_status": words(order["returnStatus"]),
        "customer_name": customer_name(customer, address),
        "first_name": first,
        "last_name": last,
        "email": order["email"] or (customer.get("defaultEmailAddress") or {}).get("emailAddress"),
        "phone": order["phone"]
        or (customer.get("defaultPhoneNumber") or {}).get("phoneNumber")
        or address.get("phone"),
        "shipping_address": one_line(shipping),
        "billing_address": one_line(billing),
        "street": ", ".join(filter(None, (address.get("address1"), address.get("address2")))),
        "city": address.get("city"),
        "province": address.get("province"),
        "zip": address.get("zip"),
        "country": address.get("country"),
        "country_code": address.get("countryCodeV2"),
        "currency": currency,
        "subtotal": money(order["subtotalPriceSet"], currency),
        "shipping": money(order["totalShippingPriceSet"], currency),
        "tax": money(order["totalTaxSet"], currency),
        "discounts": money(order["totalDiscountsSet"], currency),
        "total": money(order["totalPriceSet"], currency),
        "current_total": money(order["currentTotalPriceSet"], currency),
        "refunded": money(order["totalRefundedSet"], currency) or None,
        "presentment_currency": order["presentmentCurrencyCode"],
        "presentment_total_text": None
        if not paid or paid["currencyCode"] == currency
        else f"{rounded(Decimal(paid['amount']), paid['currencyCode'])} {paid['currencyCode']}",
        "tags": ", ".join(order["tags"]),
        "note": order["note"],
        "po_number": order["poNumber"],
        "source": order["sourceName"],
        "shipping_method": (order["shippingLine"] or {}).get("title"),
        "tracking": ", ".join(t["number"] for t in tracking if t["number"]),
        "attributes": pairs(order["customAttributes"]),
        "line_count": len(order["lineItems"]),
        "item_count": sum(left),
        "order_type": next((t for t in ORDER_TYPES if t in order["tags"]), "Web"),
        "change_note": change_note(order, zone),
        "test": order["test"],
    }


def customer_name(customer: Mapping[str, Any], address: Mapping[str, Any]) -> str | None:
    """The customer's name, or that of the address: without a name `displayName` is the mail address or the phone number
    (https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Customer)."""
    named = customer.get("firstName") or customer.get("lastName")
    choices = (customer.get("displayName"), address.get("name"))
    return next(filter(None, choices if named else reversed(choices)), None)


def line_facts(line: Mapping[str, Any], position: int, order: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a column of the lines' tab can show, by source name."""
    currency = order["currency"]
    taxes = [amount(tax["priceSet"]) or Decimal(0) for tax in line["taxLines"]]
    return {
        "id": str(number(line["id"])),
        "order_name": order["name"],
        "letter": "ABCDEFG"[position - 1] if position <= 7 else "*",
        "position": position,
        "sku": line["sku"],
        "title": line["title"],
        "name": line["name"],
        "variant_title": line["variantTitle"],
        "vendor": line["vendor"],
        "quantity": line["quantity"],
        "current_quantity": line["currentQuantity"],
        "currency": currency,
        "unit_price": money(line["originalUnitPriceSet"], currency),
        "discounted_total": money(line["discountedTotalSet"], currency),
        "discount": money(line["totalDiscountSet"], currency) or None,
        "tax": rounded(sum(taxes, Decimal(0)), currency),
        "properties": pairs(line["customAttributes"]),
        "status": line_status(line),
    }


def status(order: Order) -> str:
    """One word for people: how far the order is. A cancelled order keeps its row and says so."""
    if order["cancelledAt"]:
        return "Cancelled"
    if order["closedAt"]:
        return "Closed"
    return "Open"


def line_status(line: Mapping[str, Any]) -> str:
    """Removed: none of it is left, by a refund or an edit. Reduced: less than was ordered."""
    if line["quantity"] > 0 and line["currentQuantity"] == 0:
        return REMOVED
    return "Reduced" if line["currentQuantity"] < line["quantity"] else "Ordered"


REMOVED = "Removed"


def change_note(order: Order, zone: ZoneInfo) -> str | None:
    """What became of an order after it was placed, for a column that people read."""
    notes = []
    if order["cancelledAt"]:
        why = words(order["cancelReason"])
        notes.append(f"Cancelled {local(order['cancelledAt'], zone):%Y-%m-%d}" + (f" ({why})" if why else ""))
    notes += [
        f"Refunded {rounded(amount(r['totalRefundedSet']) or Decimal(0), order['currencyCode'])} {order['currencyCode']}"
        for r in order["refunds"]
    ]
    return "; ".join(notes) or None


def words(code: str | None) -> str | None:
    """PARTIALLY_PAID as people write it. A code that is new to us is shown the same way."""
    return None if code is None else code.replace("_", " ").capitalize()


def money(bag: Mapping[str, Any] | None, currency: str) -> Decimal | None:
    """The amount in the shop's currency, rounded to its decimals."""
    found = amount(bag)
    return None if found is None else rounded(found, currency)


def rounded(value: Decimal, currency: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals(currency)), ROUND_HALF_UP)


def local(text: str, zone: ZoneInfo) -> datetime:
    return instant(text).astimezone(zone)


def serial(text: str | None, zone: ZoneInfo) -> Decimal | None:
    """A time as spreadsheets count it: days since 1899-12-30 by the shop's clocks."""
    if text is None:
        return None
    wall = local(text, zone).replace(tzinfo=None)
    passed = wall - EPOCH
    return Decimal(passed.days) + (Decimal(passed.seconds) / 86_400).quantize(Decimal("0.00000001"))


def one_line(address: Mapping[str, Any]) -> str:
    """An address for one cell."""
    town = " ".join(filter(None, (address.get("zip"), address.get("city"))))
    parts = (address.get("company"), address.get("address1"), address.get("address2"), town, address.get("province"),
             address.get("countryCodeV2"))  # fmt: skip
    return ", ".join(filter(None, parts))


def pairs(attributes: Sequence[Mapping[str, Any]]) -> str:
    """Custom attributes for one cell: `Engraving: To Ann; Gift: yes`."""
    return "; ".join(f"{a['key']}: {a['value'] or ''}" for a in attributes)
