"""What each line of an order comes to: as it was ordered, and as it is now, after refunds and edits.

A shop gives the amounts of a line for the pieces ordered, those refunded and removed included
(https://shopify.dev/docs/api/admin-graphql/2026-10/objects/LineItem). What is left has its share of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sync_pipelines.currency import decimals
from sync_pipelines.pipelines.shopify_store.orders import Order, amount

Line = Mapping[str, Any]


def rounded(value: Decimal, currency: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals(currency)), ROUND_HALF_UP)


def ordered(line: Line) -> Decimal:
    """The price of the pieces ordered, before discounts."""
    return (amount(line["originalUnitPriceSet"]) or Decimal(0)) * int(line["quantity"])


def discount(line: Line) -> Decimal:
    """Everything taken off the pieces ordered: automatically, by code, and the line's part of what was taken off the order."""
    if line.get("discountAllocations") is None:  # read before these were asked for
        return ordered(line) - (amount(line.get("discountedTotalSet")) or Decimal(0))
    return sum((amount(each.get("allocatedAmountSet")) or Decimal(0) for each in line["discountAllocations"]), Decimal(0))


def tax(line: Line) -> Decimal:
    """The tax of the pieces ordered."""
    return sum((amount(each.get("priceSet")) or Decimal(0) for each in line["taxLines"]), Decimal(0))


def left(value: Decimal, line: Line) -> Decimal:
    """The part of an amount of the pieces ordered that falls to those that are left."""
    return value * int(line["currentQuantity"]) / int(line["quantity"]) if line["quantity"] else Decimal(0)


def line_totals(order: Order) -> Sequence[Decimal]:
    """What is left of each line, after all discounts, in the shop's decimals. Together they are the order's subtotal as it
    is now, as far as `fitted` can make them that."""
    exact = [left(ordered(line) - discount(line), line) for line in order["lineItems"]]
    return fitted(exact, amount(order.get("currentSubtotalPriceSet")), order["currencyCode"])  # once it was not asked for


def fitted(exact: Sequence[Decimal], whole: Decimal | None, currency: str) -> list[Decimal]:
    """Amounts in the currency's decimals that come to `whole`: cents that rounding gains or loses go to the amounts that were
    rounded, the most rounded first. Where it is more than rounding, or no whole is known, each amount is just rounded."""
    totals = [rounded(value, currency) for value in exact]
    if whole is None:
        return totals
    coin = Decimal(1).scaleb(-decimals(currency))
    gap = rounded(whole, currency) - sum(totals, Decimal(0))
    step = coin.copy_sign(gap)
    inexact = [at for at, value in enumerate(exact) if value != totals[at]]
    if abs(gap) <= coin * len(inexact):
        for at in sorted(inexact, key=lambda at: (totals[at] - exact[at]) * step)[: int(abs(gap) / coin)]:
            totals[at] += step
    return totals
