"""Orders that a careless client gets wrong, each with a name that says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vendor_sandbox.shopify.discounts import Kind
from vendor_sandbox.shopify.edits import Order, cancelled, merged, refunded, taken_out
from vendor_sandbox.shopify.instants import DAY, instant


@dataclass(frozen=True)
class Trap:
    """How one order differs from a plain one: lines and units, members merged into it, and one more edit."""

    name: str
    lines: int | None = None
    quantity: int | None = None
    """Units of every line."""
    discount: Kind | None = None
    shipped: bool | None = None
    """Whether the order was sent; None leaves it to chance."""
    presentment: str | None = None
    imported_after: int = 0
    """Seconds between the sale (`processedAt`) and its creation in this shop."""
    members: Mapping[str, Any] = field(default_factory=dict)
    edit: Callable[[Order], Order] | None = None

    def applied(self, order: Order) -> Order:
        changed: Order = merged(order, self.members)
        return self.edit(changed) if self.edit else changed


def _at(order: Order) -> int:
    return instant(order["updatedAt"])


def _cancelled(order: Order) -> Order:
    every_unit = {position: line["quantity"] for position, line in enumerate(order["lineItems"])}
    return cancelled(refunded(order, _at(order), every_unit, "Out of stock"), _at(order), "INVENTORY")


def _cancelled_unpaid(order: Order) -> Order:
    return cancelled(order, _at(order), "CUSTOMER")


def _partly_refunded(order: Order) -> Order:
    return refunded(order, _at(order), {0: 1, 1: 2}, "Damaged in transit")


def _refunded_three_times(order: Order) -> Order:
    for position, note in enumerate(("First", None, "Third,\nwith a second line")):
        order = refunded(order, _at(order), {position: 1}, note)
    return order


def _edited(order: Order) -> Order:
    return taken_out(order, _at(order), {0: 3, 1: 1})


def _refunded_nothing(order: Order) -> Order:
    return refunded(order, _at(order), {}, "Not finished by the provider")


def _shipped_twice(order: Order) -> Order:
    (shipment,) = order["fulfillments"]
    tracked = [{**each, "number": "1Z-CANCELLED"} for each in shipment["trackingInfo"]]
    return {**order, "fulfillments": [{**shipment, "status": "CANCELLED", "trackingInfo": tracked}, shipment]}


def _person(first: str, last: str) -> dict[str, Any]:
    return {"firstName": first, "lastName": last, "name": f"{first} {last}"}


def _named(first: str, last: str) -> dict[str, Any]:
    customer = {"firstName": first, "lastName": last, "displayName": f"{first} {last}"}
    return {"customer": customer, "billingAddress": _person(first, last)}


_UNPAID = {"displayFinancialStatus": "VOIDED", "fullyPaid": False, "unpaid": True}

TRAPS: tuple[Trap, ...] = (
    Trap("300 lines", lines=300),
    Trap("no lines", lines=0, shipped=False),
    Trap("no customer", members={"customer": None, "email": None, "billingAddress": None}),
    Trap("line without a SKU", lines=2, members={"lineItems": {"0": {"sku": None, "variant": {"sku": None}}}}),
    Trap("line with a blank SKU", lines=2, members={"lineItems": {"1": {"sku": ""}}}),
    Trap("custom item", lines=2, members={"lineItems": {"0": {"product": None, "variant": None, "vendor": None}}}),
    Trap("gift card", lines=1, members={"lineItems": {"0": {"isGiftCard": True, "requiresShipping": False}}}),
    Trap("partial refund", lines=3, quantity=3, edit=_partly_refunded),
    Trap("several refunds", lines=3, quantity=3, edit=_refunded_three_times),
    Trap("edited, one line removed", lines=3, quantity=3, shipped=False, edit=_edited),
    Trap("discount by code", lines=3, quantity=3, discount="code"),
    Trap("discount on the order, several refunds", lines=3, quantity=3, discount="order", edit=_refunded_three_times),
    Trap("discount by code, edited", lines=3, quantity=3, discount="code", shipped=False, edit=_edited),
    Trap("refund of nothing", edit=_refunded_nothing),
    Trap("one shipment cancelled", lines=1, shipped=True, edit=_shipped_twice),
    Trap("customer known by phone", members={"customer": {"firstName": None, "lastName": None, "displayName": "+15550100"}}),
    Trap("name with a blank at its end", members={"name": "EU/7002 "}),
    Trap("bought in euro", presentment="EUR"),
    Trap("emoji and lines in the note", members={"note": 'Thank you 🎉\r\nRing twice;\t"please"\u2028bye'}),
    Trap("name with =", members=_named("=HYPERLINK(1)", "Equals")),
    Trap("name with +", members=_named("+1", "Plus")),
    Trap("name with -", members=_named("-2", "Minus")),
    Trap("name with @", members=_named("@SUM(A1)", "At")),
    Trap("leading zeros", members={"phone": "00441632960000", "billingAddress": {"zip": "00501", "phone": "0015550000"}}),
    Trap(
        "twenty digits",
        lines=1,
        members={"poNumber": "12345678901234567890", "lineItems": {"0": {"sku": "98765432109876543210"}}},
    ),
    Trap("test order", members={"test": True}),
    Trap("cancelled and refunded", lines=2, quantity=1, shipped=False, edit=_cancelled),
    Trap("cancelled before payment", shipped=False, members=_UNPAID, edit=_cancelled_unpaid),
    Trap("no financial status", members={"displayFinancialStatus": None}),
    Trap("imported later than sold", imported_after=2 * DAY, members={"sourceName": "import"}),
    Trap("no shipping", members={"shippingAddress": None, "shippingLine": None, "requiresShipping": False}),
    Trap("closed", edit=lambda order: {**order, "closed": True, "closedAt": order["updatedAt"]}),
)
