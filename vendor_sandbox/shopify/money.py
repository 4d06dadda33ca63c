"""Amounts of an order: counted in the currency's smallest unit, written as the API's MoneyBag."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Bag = Mapping[str, Any]

_DECIMALS: Mapping[str, int] = {"JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3, "OMR": 3, "TND": 3}


def decimals_of(currency: str) -> int:
    return _DECIMALS.get(currency, 2)


class Purse:
    """Makes the MoneyBags of one order. A buyer abroad saw amounts in `presentment`, not those that the shop books."""

    def __init__(self, currency: str, presentment: str | None = None, trimmed: bool = False) -> None:
        self.currency = currency
        self.presentment = presentment or currency
        self._trimmed = trimmed
        self._made: dict[int, Bag] = {}

    def bag(self, minor: int) -> Bag:
        found = self._made.get(minor)
        if found is None:
            shop = self._money(minor, self.currency)
            abroad = shop if self.presentment == self.currency else self._money(minor * 92 // 100, self.presentment)
            found = self._made[minor] = {"shopMoney": shop, "presentmentMoney": abroad}
        return found

    def minor(self, bag: Bag) -> int:
        """Return the amount of a bag in the shop's currency."""
        return int(Decimal(bag["shopMoney"]["amount"]).scaleb(decimals_of(self.currency)).to_integral_value())

    def _money(self, minor: int, currency: str) -> dict[str, str]:
        digits = decimals_of(currency)
        if not digits:
            return {"amount": str(minor), "currencyCode": currency}
        whole, rest = divmod(minor, 10**digits)
        part = f"{rest:0{digits}d}"
        if self._trimmed:  # the vendor writes 42.50 here and 42.5 there
            part = part.rstrip("0") or "0"
        return {"amount": f"{whole}.{part}", "currencyCode": currency}


def share(minor: int, part: int, of: int) -> int:
    """Return `minor` x part / of, rounded half up."""
    return int((Decimal(minor) * part / of).quantize(Decimal(1), ROUND_HALF_UP)) if of else 0
