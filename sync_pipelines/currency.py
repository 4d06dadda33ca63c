"""Currencies: how many decimals an amount of each has (ISO 4217 minor units)."""

from __future__ import annotations

_NONE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def decimals(currency: str) -> int:
    """Decimals of an amount in this currency: 0, 2 or 3."""
    return 0 if currency in _NONE else 3 if currency in _THREE else 2
