"""Whole orders → rows of the spreadsheet. Every business rule of this pipeline is here and only here.

Text stays text: nothing here depends on how a cell would read it. Amounts are Decimals in the shop's currency, rounded
to its decimals; times are serial numbers, days since 1899-12-30, in the shop's zone, as spreadsheets count them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from sync_pipelines.delivery.model import Desired
from sync_pipelines.exact_json import flaw
from sync_pipelines.pipelines.shopify_sheets.layout import EPOCH, Layout, TabLayout, Type, key_text
from sync_pipelines.pipelines.shopify_store import amounts
from sync_pipelines.pipelines.shopify_store.amounts import rounded
from sync_pipelines.pipelines.shopify_store.days import instant
from sync_pipelines.pipelines.shopify_store.orders import Order, amount, number

VERSION = 3
"""Rises when the same order is mapped to something else: every order is then mapped again."""

LONGEST_CELL = 50_000
"""Characters in one cell (https://support.google.com/drive/answer/37603), counted in UTF-16 units: an emoji is two."""

ORDER_TYPES = ("Pickup Order", "Nationwide Shipping", "Local Delivery Order")
"""Tags that say how an order leaves the shop; the first that stands wins, and without one it is Web."""

NEEDED = ("currencyCode", "totalPriceSet", "currentTotalPriceSet", "processedAt", "tags", "customAttributes", "fulfillments")
LINE_NEEDED = ("id", "quantity", "currentQuantity", "originalUnitPriceSet", "taxLines", "customAttributes")
"""What the schema says is always there, and no row can do without. Anything else may be missing: its cells are empty."""

Row = dict[str, Any]


def fingerprint_of(layout: Layout, shop: str) -> str:
    """What rows depend on besides the order (the layout; the shop and its zone): when it changes, every order is mapped again."""
    text = json.dumps([VERSION, layout.model_dump(mode="json"), shop], sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def desired(order: Order, layout: Layout, zone: ZoneInfo) -> Desired:
    """The rows of one order: its own columns by header, and under `lines` those of each line by the line's key.

    One that came without something it needs, or with a value that cannot be used, is a conflict that says so.
    """
    wrong = [f"came without {', '.join(missing)}"] if (missing := lacking(order)) else []
    wrong += [f"has a value that cannot be used ({unusable})"] if (unusable := flaw(order)) else []
    if wrong:
        return Desired(str(number(order["id"])), {"lines": {}}, conflict=f"{order['name']} {' and '.join(wrong)}")
    facts = order_facts(order, zone)
    fields = _cells(facts, layout.orders)
    key = str(fields[layout.orders.key] or "")
    lines = {}
    for position, (line, total) in enumerate(zip(order["lineItems"], amounts.line_totals(order), strict=True), 1):
        found = {**line_facts(line, position, facts), "current_total": total, "order_key": key}
        cells = _cells(found, layout.lines)
        lines[str(cells[layout.lines.key])] = cells
    conflict = None if key else f"order {order['name']} has nothing for the key column {layout.orders.key!r}"
    return Desired(key or str(number(order["id"])), {**fields, "lines": lines}, conflict=conflict)


def lacking(order: Order) -> list[str]:
    """What an order and its lines came without and cannot do without."""
    lines = enumerate(order["lineItems"], 1)
    return [
        *(name for name in NEEDED if _is_missing(order, name)),
        *(f"{name} of line {at}" for at, line in lines for name in _lacking_in(line or {})),
    ]


def _lacking_in(line: Mapping[str, Any]) -> list[str]:
    known = not all(_is_missing(line, name) for name in ("discountAllocations", "discountedTotalSet"))
    return [name for name in LINE_NEEDED if _is_missing(line, name)] + ([] if known else ["discountAllocations"])


def _is_missing(held: Mapping[str, Any], name: str) -> bool:
    found = held.get(name)
    return amount(found) is None if name.endswith("Set") else found is None


def deleted(image: Row, layout: Layout) -> Row:
    """The last rows of an order that the shop has no more: as they were, and saying so where the layout has room for it."""
    said = {"status": "Deleted", "change_note": "Deleted in the shop"}
    return {**image, **{c.header: said[c.source] for c in layout.orders.written if c.source in said}}


def _cells(facts: Mapping[str, Any], tab: TabLayout) -> Row:
    """Return a row's cells by header. Keys are normalised as they will be read back (`key_text`): without spaces at the ends."""
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
    customer, shipping, billing = (order.get(name) or {} for name in ("customer", "shippingAddress", "billingAddress"))
    address = shipping or billing
    first = customer.get("firstName") or address.get("firstName")
    last = customer.get("lastName") or address.get("lastName")
    plain = order["name"].lstrip("#")
    shipments = [f for f in order["fulfillments"] if f.get("status") != "CANCELLED"]
    tracking = [t for f in shipments for t in f.get("trackingInfo") or ()]
    pieces = [line["currentQuantity"] for line in order["lineItems"]]

    def now(name: str, before: str) -> Decimal | None:
        """An amount as it is now; of an order that was read before that was asked for, as it was."""
        return money(order.get(name, order.get(before)), currency)

    return {
        "id": str(number(order["id"])),
        "name": order["name"],
        "number": plain,
        "web_key": f"WEB{plain}",
        "created_at": serial(order["createdAt"], zone),
        "processed_at": serial(order["processedAt"], zone),
        "updated_at": serial(order["updatedAt"], zone),
        "cancelled_at": serial(order.get("cancelledAt"), zone),
        "status": status(order),
        "financial_status": words(order.get("displayFinancialStatus")),
        "fulfillment_status": words(order.get("displayFulfillmentStatus")),
        "return_status": words(order.get("returnStatus")),
        "customer_name": customer_name(customer, address),
        "first_name": first,
        "last_name": last,
        "email": order.get("email") or (customer.get("defaultEmailAddress") or {}).get("emailAddress"),
        "phone": order.get("phone") or (customer.get("defaultPhoneNumber") or {}).get("phoneNumber") or address.get("phone"),
        "shipping_address": one_line(shipping),
        "billing_address": one_line(billing),
        "street": ", ".join(filter(None, (address.get("address1"), address.get("address2")))),
        "city": address.get("city"),
        "province": address.get("province"),
        "zip": address.get("zip"),
        "country": address.get("country"),
        "country_code": address.get("countryCodeV2"),
        "currency": currency,
        "subtotal": money(order.get("subtotalPriceSet"), currency),
        "current_subtotal": now("currentSubtotalPriceSet", "subtotalPriceSet"),
        "shipping": money(order.get("totalShippingPriceSet"), currency),
        "current_shipping": now("currentShippingPriceSet", "totalShippingPriceSet"),
        "tax": money(order.get("totalTaxSet"), currency),
        "current_tax": now("currentTotalTaxSet", "totalTaxSet"),
        "discounts": money(order.get("totalDiscountsSet"), currency),
        "total": money(order["totalPriceSet"], currency),
        "current_total": money(order["currentTotalPriceSet"], currency),
        "refunded": money(order.get("totalRefundedSet"), currency) or None,
        "presentment_currency": order.get("presentmentCurrencyCode"),
        "presentment_total_text": abroad(order["totalPriceSet"], currency),
        "current_presentment_total_text": abroad(order["currentTotalPriceSet"], currency),
        "tags": ", ".join(order["tags"]),
        "note": order.get("note"),
        "po_number": order.get("poNumber"),
        "source": order.get("sourceName"),
        "shipping_method": (order.get("shippingLine") or {}).get("title"),
        "tracking": ", ".join(t["number"] for t in tracking if t.get("number")),
        "attributes": pairs(order["customAttributes"]),
        "line_count": len(order["lineItems"]),
        "item_count": sum(pieces),
        "order_type": next((t for t in ORDER_TYPES if t in order["tags"]), "Web"),
        "change_note": change_note(order, zone),
        "test": bool(order.get("test")),
    }


def customer_name(customer: Mapping[str, Any], address: Mapping[str, Any]) -> str | None:
    """The customer's name, or that of the address: without a name `displayName` is the mail address or the phone number
    (https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Customer)."""
    named = customer.get("firstName") or customer.get("lastName")
    choices = (customer.get("displayName"), address.get("name"))
    return next(filter(None, choices if named else reversed(choices)), None)


def line_facts(line: Mapping[str, Any], position: int, order: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a column of the lines' tab can show, by source name, but for the order's key and `current_total`.

    `discounted_total`, `discount` and `tax` are of the pieces ordered (`quantity`), those that begin with `current_` of the
    pieces that are left.
    """
    currency, discount, tax = order["currency"], amounts.discount(line), amounts.tax(line)
    return {
        "id": str(number(line["id"])),
        "order_name": order["name"],
        "letter": "ABCDEFG"[position - 1] if position <= 7 else "*",
        "position": position,
        "sku": line.get("sku"),
        "title": line.get("title"),
        "name": line.get("name"),
        "variant_title": line.get("variantTitle"),
        "vendor": line.get("vendor"),
        "quantity": line["quantity"],
        "current_quantity": line["currentQuantity"],
        "currency": currency,
        "unit_price": money(line["originalUnitPriceSet"], currency),
        "discounted_total": rounded(amounts.ordered(line) - discount, currency),
        "discount": rounded(discount, currency) or None,
        "current_discount": rounded(amounts.left(discount, line), currency) or None,
        "tax": rounded(tax, currency),
        "current_tax": rounded(amounts.left(tax, line), currency),
        "properties": pairs(line["customAttributes"]),
        "status": line_status(line),
    }


def abroad(bag: Mapping[str, Any], currency: str) -> str | None:
    """What the customer saw, with its currency; None where that is the shop's."""
    paid, theirs = amount(bag, "presentmentMoney"), (bag.get("presentmentMoney") or {}).get("currencyCode")
    return None if paid is None or theirs in (None, currency) else f"{rounded(paid, theirs)} {theirs}"


def status(order: Order) -> str:
    """One word for people: how far the order is. A cancelled order keeps its row and says so."""
    if order.get("cancelledAt"):
        return "Cancelled"
    if order.get("closedAt"):
        return "Closed"
    return "Open"


def line_status(line: Mapping[str, Any]) -> str:
    """Removed: none of it is left, by a refund or an edit. Reduced: less than was ordered."""
    if line["quantity"] > 0 and line["currentQuantity"] == 0:
        return REMOVED
    return "Reduced" if line["currentQuantity"] < line["quantity"] else "Ordered"


REMOVED = "Removed"


def change_note(order: Order, zone: ZoneInfo) -> str | None:
    """What became of an order after it was placed, for a column that people read. A refund of nothing is what an edit leaves."""
    notes, currency = [], order["currencyCode"]
    if order.get("edited"):
        notes.append(f"Edited (ordered for {money(order['totalPriceSet'], currency)} {currency})")
    if order.get("cancelledAt"):
        why = words(order.get("cancelReason"))
        notes.append(f"Cancelled {local(order['cancelledAt'], zone):%Y-%m-%d}" + (f" ({why})" if why else ""))
    refunds = (money(refund.get("totalRefundedSet"), currency) for refund in order["refunds"])
    notes += [f"Refunded {refunded} {currency}" for refunded in refunds if refunded]
    return "; ".join(notes) or None


def words(code: str | None) -> str | None:
    """PARTIALLY_PAID as people write it. A code that is new to us is shown the same way."""
    return None if code is None else code.replace("_", " ").capitalize()


def money(bag: Mapping[str, Any] | None, currency: str) -> Decimal | None:
    """The amount in the shop's currency, rounded to its decimals."""
    found = amount(bag)
    return None if found is None else rounded(found, currency)


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
    parts = (
        address.get("company"),
        address.get("address1"),
        address.get("address2"),
        town,
        address.get("province"),
        address.get("countryCodeV2"),
    )
    return ", ".join(filter(None, parts))


def pairs(attributes: Sequence[Mapping[str, Any]]) -> str:
    """Custom attributes for one cell: `Engraving: To Ann; Gift: yes`."""
    return "; ".join(f"{a.get('key')}: {a.get('value') or ''}" for a in attributes)
