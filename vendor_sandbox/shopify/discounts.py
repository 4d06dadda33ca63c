"""Discounts on the lines of an order, besides the automatic discount that some lines have.

Each share of a discount that a line gets is one of its `discountAllocations`. `discountedTotalSet` ignores discounts by
code and on the whole order, `totalDiscountSet` those on the whole order; tax is on what is left after all discounts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from vendor_sandbox.shopify.money import Purse, share

Kind = Literal["code", "order"]
Line = Mapping[str, Any]

CODE = "SUMMER15"
_PERCENT = 15
_OFF_THE_ORDER = 500


def net(line: Line, purse: Purse) -> int:
    """Return the amount for the units ordered after all discounts."""
    allocated = sum(purse.minor(each["allocatedAmountSet"]) for each in line["discountAllocations"])
    return purse.minor(line["originalTotalSet"]) - allocated


def discounted(lines: Sequence[Line], kind: Kind, purse: Purse) -> list[dict[str, Any]]:
    """Return the lines with a discount by code on each, or with an amount off the whole order spread over them."""
    nets = [net(line, purse) for line in lines]
    if kind == "code":
        return [_less(line, share(each, _PERCENT, 100), purse, by_code=True) for line, each in zip(lines, nets, strict=True)]
    spread, found = min(_OFF_THE_ORDER, sum(nets)), []
    for at, line in enumerate(lines):
        part = share(spread, nets[at], sum(nets[at:]))
        spread -= part
        found.append(_less(line, part, purse, by_code=False))
    return found


def _less(line: Line, off: int, purse: Purse, *, by_code: bool) -> dict[str, Any]:
    allocations = [*line["discountAllocations"], *([{"allocatedAmountSet": purse.bag(off)}] if off else [])]
    changed = {**line, "discountAllocations": allocations}
    left = net(changed, purse)
    if by_code:
        changed["totalDiscountSet"] = purse.bag(purse.minor(line["totalDiscountSet"]) + off)
    return {
        **changed,
        "discountedUnitPriceAfterAllDiscountsSet": purse.bag(share(left, 1, line["quantity"])),
        "taxLines": [{**each, "priceSet": purse.bag(share(left, 725, 10_000))} for each in line["taxLines"]],
    }
