"""What happens to an order after it was made: merged fields, cancellation, refunds, lines taken out.

Each function takes an order and returns a changed copy. They work out the new amounts; the caller sets `updatedAt`.
"""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.discounts import net
from vendor_sandbox.shopify.instants import shown
from vendor_sandbox.shopify.money import Bag, Purse, share

Order = Mapping[str, Any]


def purse_of(order: Order) -> Purse:
    return Purse(order["currencyCode"], order["presentmentCurrencyCode"])


def merged(held: Any, wanted: Any) -> Any:
    """Merge `wanted` into `held`: objects member by member, an array by position when `wanted` names positions."""
    if isinstance(wanted, Mapping) and isinstance(held, Mapping):
        return {**held, **{name: merged(held.get(name), value) for name, value in wanted.items()}}
    if isinstance(wanted, Mapping) and isinstance(held, list | tuple):
        changed = list(held)
        for position, value in wanted.items():
            changed[int(position)] = merged(changed[int(position)], value)
        return changed
    return wanted


def cancelled(order: Order, at: int, reason: str = "CUSTOMER") -> dict[str, Any]:
    return {**order, "cancelledAt": shown(at), "closedAt": shown(at), "closed": True, "cancelReason": reason}


def refunded(order: Order, at: int, quantities: Mapping[int, int], note: str | None = None) -> dict[str, Any]:
    """Return the order with one more refund: `quantities` units of the lines at these positions, with their tax."""
    purse = purse_of(order)
    lines, entries, amount, taxes, units = _without(order, purse, quantities, "RETURN")
    refund = _refund(order, at, purse.bag(amount + taxes), entries, note)
    back = purse.minor(order["totalRefundedSet"]) + amount + taxes
    whole = not any(line["currentQuantity"] for line in lines)
    return {
        **order,
        "lineItems": lines,
        "refunds": [*order["refunds"], refund],
        "totalRefundedSet": purse.bag(back),
        "netPaymentSet": purse.bag(max(0, purse.minor(order["totalReceivedSet"]) - back)),
        "displayFinancialStatus": "REFUNDED" if whole else "PARTIALLY_REFUNDED",
        "returnStatus": "RETURNED",
        **_reduced(order, purse, amount, taxes, units),
    }


def taken_out(order: Order, at: int, quantities: Mapping[int, int]) -> dict[str, Any]:
    """Return the order after an edit that took units out of the lines at these positions. What was ordered and its total stay;
    the edit leaves an empty refund, because nothing was paid back yet."""
    purse = purse_of(order)
    lines, entries, amount, taxes, units = _without(order, purse, quantities, "NO_RESTOCK")
    refunds = [*order["refunds"], _refund(order, at, purse.bag(0), entries, None)]
    edited = {"lineItems": lines, "refunds": refunds, "edited": True}
    return {**order, **edited, **_reduced(order, purse, amount, taxes, units)}


def _without(
    order: Order, purse: Purse, quantities: Mapping[int, int], restock: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int, int, int]:
    """Return the lines without these units, the refund lines for them, and their sums: net, tax, units."""
    index = ids.number_of(order["id"]) - ids.FIRST_ORDER
    lines = [dict(line) for line in order["lineItems"]]
    entries = []
    amount = taxes = units = 0
    for row, (position, quantity) in enumerate(quantities.items()):
        line = lines[position]
        part = share(net(line, purse), quantity, line["quantity"])
        tax = share(sum(purse.minor(each["priceSet"]) for each in line["taxLines"]), quantity, line["quantity"])
        amount, taxes, units = amount + part, taxes + tax, units + quantity
        # Units that were not sent yet go first.
        for name in ("currentQuantity", "refundableQuantity", "unfulfilledQuantity", "fulfillableQuantity"):
            line[name] = max(0, line[name] - quantity)
        entries.append(
            {
                "id": ids.part_gid("RefundLineItem", index, len(order["refunds"]) * 1_000 + row),
                "lineItem": {"id": line["id"]},
                "quantity": quantity,
                "restockType": restock,
                "restocked": restock == "RETURN",
                "priceSet": line["discountedUnitPriceSet"],
                "subtotalSet": purse.bag(part),
                "totalTaxSet": purse.bag(tax),
            }
        )
    return lines, entries, amount, taxes, units


def _refund(order: Order, at: int, total: Bag, entries: list[dict[str, Any]], note: str | None) -> dict[str, Any]:
    index = ids.number_of(order["id"]) - ids.FIRST_ORDER
    number = ids.part_number("Refund", index, len(order["refunds"]))
    return {
        "id": ids.gid("Refund", number),
        "legacyResourceId": str(number),
        "createdAt": shown(at),
        "processedAt": shown(at),
        "updatedAt": shown(at),
        "note": note,
        "totalRefundedSet": total,
        "refundLineItems": entries,
    }


def _reduced(order: Order, purse: Purse, amount: int, taxes: int, units: int) -> dict[str, Any]:
    def less(name: str, by: int) -> Mapping[str, Any]:
        return purse.bag(max(0, purse.minor(order[name]) - by))

    return {
        "currentSubtotalLineItemsQuantity": max(0, order["currentSubtotalLineItemsQuantity"] - units),
        "currentSubtotalPriceSet": less("currentSubtotalPriceSet", amount),
        "currentTotalTaxSet": less("currentTotalTaxSet", taxes),
        "currentTotalPriceSet": less("currentTotalPriceSet", amount + taxes),
    }
