"""Currencies: how many decimals an amount of each has (ISO 4217 minor units)."""

from __future__ import annotations

from functools import cache

USUAL = 2
"""Decimals where ISO 4217 has nothing to say: codes it does not list, metals, and units of account (CLF has four)."""


@cache
def decimals(currency: str) -> int:
    """Decimals of an amount in this currency: 0, 2 or 3."""
    from iso4217 import Currency

    try:
        exponent = Currency(currency).exponent
    except ValueError:
        return USUAL
    return exponent if exponent in (0, 3) else USUAL
