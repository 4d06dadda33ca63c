"""One order of the shop as the body that Sentos makes an order from, or the reason why it does not go."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b
from typing import Any

from sync_pipelines.number_text import NumberUnclear
from sync_pipelines.pipelines.shopify_sentos.addresses import people
from sync_pipelines.pipelines.shopify_sentos.order_amounts import Extra, Line, OrderHeld, amounts_of, unit_prices
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_store.days import instant
from sync_pipelines.pipelines.shopify_store.orders import Order
from sync_pipelines.vendors.sentos import TURKEY, written_time

__all__ = ["ErpItem", "Facts", "OrderHeld", "body", "changed_parts", "digest_of_what_cannot_change", "goes", "order_id"]

GIFT_CARD = "gift_card"
_CURRENCIES = {"TRY": "TL"}
_EXTRA_NAMES: Mapping[Extra, str] = {"tip": "Tip", "duties": "Duties", "fees": "Additional fees"}


@dataclass(frozen=True)
class ErpItem:
    """A SKU that Sentos sells. vat_rate: in percent."""

    sku: str
    product_id: int
    vat_rate: Decimal | None


@dataclass(frozen=True)
class Facts:
    """What is known of the Sentos account. items: by exact SKU, trimmed. ambiguous: SKUs that two products have."""

    channel_id: int
    warehouse_id: int
    items: Mapping[str, ErpItem]
    ambiguous: Collection[str]


def order_id(order: Order) -> str:
    """By what Sentos knows an order of the shop."""
    return f"shopify-{order['legacyResourceId']}"


def goes(order: Order, settings: ShopifySentosSettings) -> str | None:
    """Why an order is not for Sentos at all; None for one that goes there."""
    state, source = order.get("displayFinancialStatus"), order.get("sourceName") or ""
    skipped = {tag.strip().casefold() for tag in settings.skip_tags}
    tag = next((tag for tag in order.get("tags") or () if tag.strip().casefold() in skipped), None)
    if order.get("test"):
        return "a test order"
    if order.get("cancelledAt"):
        return "cancelled"
    if state not in settings.financial:
        return f"its payment is {state}" if state else "it has no payment state"
    if tag is not None:
        return f"it has the tag {tag!r}"
    if source.casefold() in {channel.strip().casefold() for channel in settings.skip_channels}:
        return f"it came from {source!r}"
    if settings.first_order and instant(order["createdAt"]).astimezone(TURKEY).date() < settings.first_order:
        return f"it was made before {settings.first_order}"
    if not any(line.get("currentQuantity") != 0 for line in order["lineItems"]):
        return "nothing of it is left"
    return None


def body(order: Order, settings: ShopifySentosSettings, facts: Facts) -> dict[str, Any]:
    """The body of Sentos' POST /orders, with exact Decimals. Raises OrderHeld."""
    try:
        return _body(order, settings, facts)
    except NumberUnclear as e:
        raise OrderHeld(f"an amount is unclear: {e}") from None


def _body(order: Order, settings: ShopifySentosSettings, facts: Facts) -> dict[str, Any]:
    persons = people(order, settings)
    found = amounts_of(order)
    currency = order["currencyCode"]
    made = {
        "order_id": order_id(order),
        "order_code": order["name"].strip(),
        "status": settings.order_status,
        "channel_id": facts.channel_id,
        "order_date": written_time(instant(order["createdAt"])),
        "currency": _CURRENCIES.get(currency, currency),
        "payment_method": payment_method(order, settings),
        "shipping_total": found.shipping,
        **persons,
        "lines": [
            {**row, "warehouse_id": facts.warehouse_id, "quantity": pieces, "price": price}
            for row, quantity, total in _rows(found.lines, found.extras, settings, facts)
            for pieces, price in unit_prices(total, quantity, currency)
        ],
    }
    if any(not row["price"] for row in made["lines"]) and settings.free_lines == "held":
        raise OrderHeld("a line costs nothing")
    if (order.get("note") or "").strip():
        made["note"] = order["note"]
    return made


def payment_method(order: Order, settings: ShopifySentosSettings) -> str:
    """Of several ways to pay, the first that Sentos has a name for; gift cards come last. Raises OrderHeld."""
    names = order.get("paymentGatewayNames")
    if names is None:
        raise OrderHeld("the shop gave no paymentGatewayNames")
    methods = {gateway.strip().casefold(): method for gateway, method in settings.payments.items()}
    for gateway in sorted((name.strip().casefold() for name in names), key=lambda name: name == GIFT_CARD):
        if gateway in methods:
            return methods[gateway]
    if settings.other_payment:
        return settings.other_payment
    raise OrderHeld(f"no payment method for {', '.join(map(repr, names))}" if names else "no payment method: nobody paid")


def _rows(
    lines: Collection[tuple[Line, Decimal]], extras: Mapping[Extra, Decimal], settings: ShopifySentosSettings, facts: Facts
) -> Iterator[tuple[dict[str, Any], int, Decimal]]:
    """Each line but for its pieces and price; its quantity and its total."""
    for line, total in lines:
        item = _item(line, settings, facts)
        yield _row(line.get("name") or item.sku, item, line), line["currentQuantity"], total
    for extra, total in extras.items():
        if getattr(settings, extra) == "service_line":
            yield _row(_EXTRA_NAMES[extra], _service(settings, facts), {}), 1, total
        elif getattr(settings, extra) == "held":
            raise OrderHeld(f"it has {'a tip' if extra == 'tip' else _EXTRA_NAMES[extra].lower()}")


def _row(name: str, item: ErpItem, line: Line) -> dict[str, Any]:
    row = {"product_id": item.product_id, "sku": item.sku, "name": name}
    vat_rate = item.vat_rate if item.vat_rate is not None else _tax_rate(line)
    return row if vat_rate is None else {**row, "vat_rate": vat_rate}


def _tax_rate(line: Line) -> Decimal | None:
    """In whole percent; None for a line without a tax, which says nothing about the goods."""
    rates = [Decimal(str(tax["rate"])) for tax in line.get("taxLines") or () if tax.get("rate") is not None]
    return (sum(rates, Decimal(0)) * 100).quantize(Decimal(1), ROUND_HALF_UP) if rates else None


def _item(line: Line, settings: ShopifySentosSettings, facts: Facts) -> ErpItem:
    sku = (line.get("sku") or "").strip()
    if sku and sku in facts.ambiguous:
        raise OrderHeld(f"two products of Sentos have the SKU {sku!r}")
    if sku in facts.items and not line.get("isGiftCard"):
        return facts.items[sku]
    if settings.without_sku == "service_line":
        return _service(settings, facts)
    if line.get("isGiftCard"):
        raise OrderHeld("it has a gift card")
    raise OrderHeld(f"Sentos does not know the SKU {sku!r}" if sku else "it has a line without a SKU")


def _service(settings: ShopifySentosSettings, facts: Facts) -> ErpItem:
    item = facts.items.get(settings.service_sku.strip())
    if item is None:
        raise OrderHeld(f"Sentos does not know the service SKU {settings.service_sku!r}")
    return item


_ADDRESS = ("name", "company", "address1", "address2", "city", "province", "zip", "countryCodeV2", "phone")


def digest_of_what_cannot_change(order: Order) -> str:
    """Digests of what Sentos cannot change of an order that it has: `addresses.lines.amounts`. Stays the same when more is read
    of an order, and when it is shipped."""
    addresses = [[(order.get(which) or {}).get(name) for name in _ADDRESS] for which in ("shippingAddress", "billingAddress")]
    lines = [[line.get("id"), line.get("sku"), line.get("currentQuantity")] for line in order["lineItems"]]
    sums = [_plain(order.get(name)) for name in ("currentTotalPriceSet", "currentShippingPriceSet")]
    return ".".join(blake2b(json.dumps(part).encode(), digest_size=8).hexdigest() for part in (addresses, lines, sums))


def changed_parts(before: str, after: str) -> list[str]:
    """Which parts two of these digests differ in, in words."""
    parts = zip(("the address", "the lines", "the amounts"), before.split("."), after.split("."), strict=True)
    return [what for what, was, now in parts if was != now]


def _plain(bag: Mapping[str, Any] | None) -> str | None:
    """An amount as text that does not depend on how many zeros it is written with."""
    found = ((bag or {}).get("shopMoney") or {}).get("amount")
    return None if found is None else found.rstrip("0").rstrip(".") if "." in found else found
