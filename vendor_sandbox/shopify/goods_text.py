"""How the shop writes what it is sent: handles, tags, prices."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation

from vendor_sandbox.shopify.money import decimals_of

HIGHEST = Decimal(10) ** 18
"""Prices and costs are lower than this."""
LONGEST = 255
_LAST_NUMBER = re.compile(r"^(.*?)-?(\d+)$")


def handle_of(text: str) -> str:
    """Return the handle for a title or a handle sent: `  Mixed CASE / 東京 100 % ` is `mixed-case-東京-100`."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-") or "product"


def free_handle(handle: str, taken: Callable[[str], bool]) -> str:
    """Return the handle, with its last number raised until it is free: `x-34`, `x-35`; `product`, `product-1`."""
    while taken(handle):
        found = _LAST_NUMBER.match(handle)
        handle = f"{found[1]}-{int(found[2]) + 1}" if found and found[1] else f"{handle}-1"
    return handle


def tidy_tags(tags: Iterable[str], held: Iterable[str] = ()) -> list[str]:
    """Return tags as the shop keeps them: trimmed, each once in its first spelling, sorted without regard to case."""
    kept: dict[str, str] = {}
    for tag in (*held, *tags):
        if tag.strip():
            kept.setdefault(tag.strip().casefold(), tag.strip())
    return sorted(kept.values(), key=lambda tag: (tag.casefold(), tag))


def split_tags(tags: Iterable[str]) -> list[str]:
    return [part for tag in tags for part in tag.split(",")]


def amount(value: object) -> Decimal | None:
    """Return the number that a price stands for; None for a text that is no number."""
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def price_text(value: object, currency: str) -> str:
    """Write a price with as many decimals as the currency has: `24.00`."""
    found = amount(value)
    if found is None:
        raise ValueError(f"{value!r} is not a price")
    return str(round(found, decimals_of(currency)))
