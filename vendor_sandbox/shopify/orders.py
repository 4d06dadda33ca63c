"""A shop's orders from a seed: an order is a pure function of (seed, index), computed on demand.

An order is stored as the API shows it, except that its connections are plain arrays. Creation times rise with the index
and spread over the 90 days before `start`.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from vendor_sandbox.catalogue import Catalogue, seeded
from vendor_sandbox.hardware import VARIANTS, Hardware, hardware
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.discounts import CODE, Kind, discounted, net
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.instants import DAY, shown
from vendor_sandbox.shopify.money import Purse, share
from vendor_sandbox.shopify.people import customer, mailing_address
from vendor_sandbox.shopify.traps import TRAPS, Trap

SPAN = 90 * DAY
_TRAPS_FROM = 70
"""A shop with fewer orders has no trap orders: they would be most of it."""
_MASS_EDIT = 97
"""Every 97th order was changed by one mass edit, three hours before `start`: these orders share one `updatedAt`."""
_BY_CODE, _OFF_THE_ORDER = (11, 5), (13, 6)
"""Every 11th order was bought with a code, every 13th had an amount off the whole order: (of so many, the place among them)."""

_METHODS = ("Pickup Order", "Nationwide Shipping", "Local Delivery Order")
_OTHER_TAGS = ("VIP", "wholesale", "gift", "repeat buyer, online")
_GATEWAYS = ("shopify_payments", "paypal", "manual", "gift_card")
_SOURCES = ("web", "web", "web", "pos", "shopify_draft_order", "580111")
_PLAIN = Trap("plain")


def orders_of(products: int) -> int:
    """Return how many orders a shop with so many products has by default."""
    return 400 if products <= 1_000 else 2_000


class SeededOrders:
    """`size` orders, numbered from 0. Indexes beyond them give further plain orders, which are not in use yet."""

    def __init__(self, seed: int, size: int, start: int, currency: str, catalogue: Catalogue) -> None:
        self.seed, self.size, self.start, self.currency = seed, size, start, currency
        self._catalogue = catalogue
        self.order: Callable[[int], Order] = lru_cache(maxsize=2_048)(self._order)

    @cached_property
    def _traps(self) -> dict[int, Trap]:
        if self.size < _TRAPS_FROM:
            return {}
        # In the younger half, so that an app that may not see old orders sees them too.
        places = seeded(self.seed).sample(range(self.size // 2, self.size), len(TRAPS))
        return dict(zip(places, TRAPS, strict=True))

    @cached_property
    def _products(self) -> Sequence[Hardware]:
        return hardware(self._catalogue)

    @property
    def trap_places(self) -> Mapping[str, int]:
        """The index of each order that is out of the ordinary, by what is odd about it."""
        return {trap.name: index for index, trap in self._traps.items()}

    def times(self, index: int) -> tuple[int, int, int]:
        """Return when a seeded order was created, processed and last changed."""
        bits = hash((self.seed, index)) & 0xFFFFFFFFFFFF
        slot = SPAN / self.size
        created = int(self.start - SPAN + slot * (index + (bits & 1023) / 1024))
        later = (bits >> 10) & 0xFFFFF  # up to twelve days
        updated = min(created + (later if bits >> 30 & 3 == 0 else later >> 6), self.start - 1)
        if index % _MASS_EDIT == 0:
            updated = max(created, self.start - 3 * 3_600)
        trap = self._traps.get(index)
        return created, created - (trap.imported_after if trap else 0), updated

    def _order(self, index: int) -> Order:
        trap = self._traps.get(index)
        order = self.plain(index, *self.times(index), trap)
        return order if trap is None else trap.applied(order)

    def plain(self, index: int, created: int, processed: int, updated: int, trap: Trap | None = None) -> dict[str, Any]:
        """Return an ordinary order with the times given."""
        rng = seeded(self.seed * 1_000_003 + index)
        trap = trap or _PLAIN
        purse = Purse(self.currency, trap.presentment, trimmed=index % 7 == 3)
        count = trap.lines if trap.lines is not None else 1 + int(rng.random() * 5)
        lines = [self._line(index, position, purse, rng, trap.quantity) for position in range(count)]
        discount = trap.discount or _discount_of(index)
        if discount:
            lines = discounted(lines, discount, purse)
        method = _METHODS[int(rng.random() * 3)]
        shipping = (0, 1_200, 500)[_METHODS.index(method)]
        buyer = int(rng.random() * max(1, self.size // 3))
        by_chance = rng.random() < 0.7
        fulfilled = by_chance if trap.shipped is None else trap.shipped
        financial = _financial(rng.random())
        address = mailing_address(buyer, ids.FIRST_ORDER + index) if method != "Pickup Order" else None
        tags = [method] if rng.random() < 0.7 else sorted([method, _OTHER_TAGS[int(rng.random() * 4)]])
        order: dict[str, Any] = {
            "id": ids.order_gid(index),
            "legacyResourceId": str(ids.FIRST_ORDER + index),
            "name": f"#{ids.FIRST_NUMBER + index}",
            "number": ids.FIRST_NUMBER + index,
            "createdAt": shown(created),
            "processedAt": shown(processed),
            "updatedAt": shown(updated),
            "cancelledAt": None,
            "cancelReason": None,
            "closed": False,
            "closedAt": None,
            "confirmed": True,
            "edited": False,
            "test": False,
            "currencyCode": purse.currency,
            "presentmentCurrencyCode": purse.presentment,
            "displayFinancialStatus": financial,
            "displayFulfillmentStatus": "FULFILLED" if fulfilled else "UNFULFILLED",
            "returnStatus": "NO_RETURN",
            "fullyPaid": financial == "PAID",
            "unpaid": financial in ("PENDING", "AUTHORIZED"),
            "note": "Leave at the back door" if rng.random() < 0.1 else None,
            "tags": tags,
            "customer": customer(buyer),
            "email": f"buyer{buyer}@example.com",
            "phone": None,
            "customerLocale": "en-US",
            "poNumber": f"PO-{index:05d}" if rng.random() < 0.2 else None,
            "sourceName": _SOURCES[int(rng.random() * len(_SOURCES))],
            "paymentGatewayNames": [_GATEWAYS[int(rng.random() * len(_GATEWAYS))]],
            "discountCodes": [CODE] if discount == "code" else [],
            "customAttributes": [{"key": "gift_wrap", "value": "yes"}] if rng.random() < 0.1 else [],
            "taxesIncluded": False,
            "requiresShipping": address is not None,
            "shippingAddress": address,
            "billingAddress": mailing_address(buyer, ids.FIRST_ORDER + index + 10**9),
            "lineItems": lines,
            "refunds": [],
            "fulfillments": [_fulfillment(index, created, updated, lines)] if fulfilled and lines else [],
        }
        order.update(totals(index, lines, shipping, method, purse))
        if fulfilled:
            order["lineItems"] = [{**line, "unfulfilledQuantity": 0, "fulfillableQuantity": 0} for line in lines]
        if not order["fullyPaid"]:
            order.update(totalReceivedSet=purse.bag(0), netPaymentSet=purse.bag(0))
        return order

    def _line(self, index: int, position: int, purse: Purse, rng: random.Random, units: int | None) -> dict[str, Any]:
        sold = self._products[int(rng.random() * len(self._products))]
        place, item = sold.place, sold.item
        quantity = units or 1 + int(rng.random() * rng.random() * 10)
        unit = sold.price
        total = unit * quantity
        off = total // 10 if rng.random() < 0.15 else 0
        after = share(total - off, 1, quantity)
        variant = sold.variant
        title = item["name"]
        product = {"id": ids.gid("Product", 2_000_000 + place), "legacyResourceId": str(2_000_000 + place)}
        product |= {"title": title, "handle": str(item["sku"]).lower(), "vendor": item["brand"]}
        number = 2_500_000 + place
        return {
            "id": ids.part_gid("LineItem", index, position),
            "sku": item["sku"],
            "name": title if variant == VARIANTS[0] else f"{title} - {variant}",
            "title": title,
            "variantTitle": None if variant == VARIANTS[0] else variant,
            "vendor": item["brand"],
            "quantity": quantity,
            "currentQuantity": quantity,
            "refundableQuantity": quantity,
            "unfulfilledQuantity": quantity,
            "fulfillableQuantity": quantity,
            "nonFulfillableQuantity": 0,
            "requiresShipping": True,
            "restockable": True,
            "taxable": True,
            "isGiftCard": False,
            "customAttributes": [{"key": "engraving", "value": "A & B"}] if rng.random() < 0.05 else [],
            "originalUnitPriceSet": purse.bag(unit),
            "originalTotalSet": purse.bag(total),
            "discountedUnitPriceSet": purse.bag(after),
            "discountedUnitPriceAfterAllDiscountsSet": purse.bag(after),
            "discountedTotalSet": purse.bag(total - off),
            "totalDiscountSet": purse.bag(off),
            "discountAllocations": [{"allocatedAmountSet": purse.bag(off)}] if off else [],
            "taxLines": [_tax_line(purse, share(total - off, 725, 10_000))],
            "variant": {
                "id": ids.gid("ProductVariant", number),
                "legacyResourceId": str(number),
                "sku": item["sku"],
                "title": variant,
                "displayName": f"{title} - {variant}",
                "barcode": None,
            },
            "product": product,
        }


def _discount_of(index: int) -> Kind | None:
    if index % _BY_CODE[0] == _BY_CODE[1]:
        return "code"
    return "order" if index % _OFF_THE_ORDER[0] == _OFF_THE_ORDER[1] else None


def _financial(chance: float) -> str:
    for limit, status in ((0.85, "PAID"), (0.93, "PENDING"), (0.97, "AUTHORIZED"), (0.99, "PARTIALLY_PAID")):
        if chance < limit:
            return status
    return "VOIDED"


def _tax_line(purse: Purse, minor: int) -> dict[str, Any]:
    return {"title": "State tax", "rate": 0.0725, "ratePercentage": 7.25, "priceSet": purse.bag(minor)}


def _fulfillment(index: int, created: int, updated: int, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    number = ids.part_number("Fulfillment", index, 0)
    at = shown(min(updated, created + 3_600))
    tracking = f"0{index:011d}"
    return {
        "id": ids.gid("Fulfillment", number),
        "legacyResourceId": str(number),
        "name": f"#{ids.FIRST_NUMBER + index}-F1",
        "status": "SUCCESS",
        "displayStatus": "DELIVERED" if index % 2 else "IN_TRANSIT",
        "createdAt": at,
        "updatedAt": at,
        "inTransitAt": None if index % 2 else at,
        "deliveredAt": at if index % 2 else None,
        "estimatedDeliveryAt": None,
        "events": [],
        "requiresShipping": True,
        "totalQuantity": sum(line["quantity"] for line in lines),
        "fulfillmentLineItems": [
            {
                "id": ids.part_gid("FulfillmentLineItem", index, position),
                "quantity": line["quantity"],
                "lineItem": {"id": line["id"]},
            }
            for position, line in enumerate(lines)
        ],
        "trackingInfo": [{"company": "UPS", "number": tracking, "url": f"https://tracking.example.com/?number={tracking}"}],
    }


def totals(index: int, lines: Sequence[Mapping[str, Any]], shipping: int, method: str, purse: Purse) -> dict[str, Any]:
    """Return the order's own amounts: those of its lines after discounts, tax on top of them, and shipping."""
    subtotal = sum(net(line, purse) for line in lines)
    discounts = sum(purse.minor(each["allocatedAmountSet"]) for line in lines for each in line["discountAllocations"])
    tax = sum(purse.minor(line["taxLines"][0]["priceSet"]) for line in lines)
    quantity = sum(line["quantity"] for line in lines)
    total = purse.bag(subtotal + tax + shipping)
    shipped = purse.bag(shipping)
    line = {
        "id": ids.part_gid("ShippingLine", index, 0),
        "title": method,
        "code": method.partition(" ")[0].upper(),
        "source": "shopify",
        "originalPriceSet": shipped,
        "discountedPriceSet": shipped,
    }
    return {
        "subtotalLineItemsQuantity": quantity,
        "currentSubtotalLineItemsQuantity": quantity,
        "subtotalPriceSet": purse.bag(subtotal),
        "currentSubtotalPriceSet": purse.bag(subtotal),
        "totalDiscountsSet": purse.bag(discounts),
        "currentTotalDiscountsSet": purse.bag(discounts),
        "totalTaxSet": purse.bag(tax),
        "currentTotalTaxSet": purse.bag(tax),
        "totalShippingPriceSet": shipped,
        "currentShippingPriceSet": shipped,
        "originalTotalPriceSet": total,
        "totalPriceSet": total,
        "currentTotalPriceSet": total,
        "totalReceivedSet": total,
        "netPaymentSet": total,
        "totalRefundedSet": purse.bag(0),
        "totalTipReceivedSet": purse.bag(0),
        "currentTotalDutiesSet": None,
        "currentTotalAdditionalFeesSet": None,
        "taxLines": [_tax_line(purse, tax)] if lines else [],
        "shippingLine": line,
    }
