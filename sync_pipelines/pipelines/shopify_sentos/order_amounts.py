"""What an order of the shop comes to, line by line, as Sentos takes it: the lines and the shipping, each with its tax, are
together exactly what the customer owes now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import Any, Literal

from sync_pipelines.currency import decimals
from sync_pipelines.pipelines.shopify_store import amounts
from sync_pipelines.pipelines.shopify_store.orders import Order, amount

Line = Mapping[str, Any]
Extra = Literal["tip", "duties", "fees"]

SENTOS_DECIMALS = 2
EXTRAS: Mapping[Extra, str] = {
    "tip": "totalTipReceivedSet",
    "duties": "currentTotalDutiesSet",
    "fees": "currentTotalAdditionalFeesSet",
}
"""What a total may have in it besides lines and shipping, and the order's field for it."""

_NEEDED = ("currencyCode", "taxesIncluded", "currentTotalPriceSet", "currentTotalTaxSet", "currentShippingPriceSet")
_LINE_NEEDED = ("quantity", "currentQuantity", "originalUnitPriceSet", "discountAllocations", "taxLines")


class OrderHeld(ValueError):
    """Why an order cannot go to Sentos, for a person. Without anything that could name a customer."""


@dataclass(frozen=True)
class Amounts:
    """An order as it is now, in the shop's currency. lines: those of which something is left, with what that comes to after all
    discounts and with its tax. extras: what else is in the total. Together with shipping they are `total`."""

    lines: Sequence[tuple[Line, Decimal]]
    shipping: Decimal
    extras: Mapping[Extra, Decimal]
    total: Decimal


def amounts_of(order: Order) -> Amounts:
    """Split up what the customer owes now. Raises OrderHeld where the parts cannot be made to come to it."""
    _look_for_gaps(order)
    currency = order["currencyCode"]
    if decimals(currency) > SENTOS_DECIMALS:
        raise OrderHeld(f"amounts in {currency} have more decimals than Sentos keeps")
    present = {name: found for name, field in EXTRAS.items() if (found := _rounded(order, field))}
    tip = _tip_line(order, present.get("tip"))
    goods = [line for line in order["lineItems"] if line is not tip]
    totals = list(amounts.line_totals({**order, "lineItems": goods}))
    shipping = _rounded(order, "currentShippingPriceSet")
    if not order["taxesIncluded"]:
        taxes, rest = _taxes(goods, _rounded(order, "currentTotalTaxSet"), currency)
        totals = [total + tax for total, tax in zip(totals, taxes, strict=True)]
        if rest and (rest < 0 or not shipping):
            raise OrderHeld(f"the order's tax is not that of its lines: it has {rest} {currency} more")
        shipping += rest
    total = _rounded(order, "currentTotalPriceSet")
    extras = _in_total(total - sum(totals, shipping), present)
    if extras is None or any(each < 0 for each in totals):
        parts = "".join(f", {name} {value}" for name, value in present.items())
        raise OrderHeld(
            f"its parts do not come to the total: lines {sum(totals, Decimal(0))}, shipping {shipping}{parts}, total {total} "
            f"{currency}"
        )
    left = [(line, each) for line, each in zip(goods, totals, strict=True) if line["currentQuantity"]]
    return Amounts(left, shipping, extras, total)


def unit_prices(total: Decimal, quantity: int, currency: str) -> Iterator[tuple[int, Decimal]]:
    """Pieces and the price of one, that come to exactly the total: at one price, or at two that are one coin apart."""
    coin = Decimal(1).scaleb(-decimals(currency))
    price, dearer = divmod(int(total / coin), quantity)
    for pieces, each in ((quantity - dearer, price), (dearer, price + 1)):
        if pieces:
            yield pieces, each * coin


def _look_for_gaps(order: Order) -> None:
    def missing(held: Mapping[str, Any], name: str) -> bool:
        return amount(held.get(name)) is None if name.endswith("Set") else held.get(name) is None

    found = [name for name in _NEEDED if missing(order, name)]
    found += sorted({name for line in order["lineItems"] for name in _LINE_NEEDED if missing(line, name)})
    if found:
        raise OrderHeld(f"the shop gave no {found[0]}")


def _rounded(order: Order, field: str) -> Decimal:
    return amounts.rounded(amount(order.get(field)) or Decimal(0), order["currencyCode"])


def _taxes(lines: Sequence[Line], whole: Decimal, currency: str) -> tuple[Sequence[Decimal], Decimal]:
    """The tax of what is left of each line, and the rest of the order's tax, which is that of its shipping."""
    taxes = amounts.fitted([amounts.left(amounts.tax(line), line) for line in lines], whole, currency)
    return taxes, whole - sum(taxes, Decimal(0))


def _tip_line(order: Order, tip: Decimal | None) -> Line | None:
    """The line that is the tip. Shopify lists a tip among the lines and leaves it out of the subtotal
    (https://shopify.dev/docs/api/admin-graphql/2026-10/objects/TipSale); nothing on the line says what it is."""
    for line in order["lineItems"] if tip else ():
        is_goods = line.get("product") or line.get("variant") or line.get("sku") or line.get("requiresShipping")
        if not is_goods and amounts.left(amounts.ordered(line), line) == tip:
            found: Line = line
            return found
    return None


def _in_total(rest: Decimal, present: Mapping[Extra, Decimal]) -> Mapping[Extra, Decimal] | None:
    """Which of the amounts present make up the rest of a total. Duties may be in the prices, and among the fees, too."""
    for count in range(len(present) + 1):
        for names in combinations(present, count):
            if sum((present[name] for name in names), Decimal(0)) == rest:
                return {name: present[name] for name in names}
    return None
