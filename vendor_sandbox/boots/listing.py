"""A product as its maker knows it, a listing of it on a marketplace, and the numbers and SKUs they share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Canonical:
    """A product as its maker knows it. `sku` is STYLE-WIDTH-SIZE with two digits before the point: MCA0032-M-09.5.

    gtin: a UPC of 12 digits, sometimes padded with zeros to 13 or 14. ean: 13 digits. size: without padding, as in 9.5.
    """

    sku: str
    label: str
    gtin: str | None
    ean: str | None
    brand: str
    style: str
    colour: str
    width: str
    size: str


@dataclass(frozen=True, slots=True)
class Item:
    """A listing: one ASIN in one marketplace (US or CA; an ASIN listed in both is two items).

    seller_sku is None for what the merchant does not sell itself. `expected` is the SKU of the canonical product that
    this listing truly is of. `why` says how a matcher with all the item's data ought to find it: "gtin" (a UPC, EAN or
    GTIN), "sku" (the seller's, ignoring case and padding), "model_size" (model number, size and width), "ambiguous"
    (its only clue fits two products, so none may be chosen), "none" (no such product), "parent".
    """

    asin: str
    parent_asin: str | None
    seller_sku: str | None
    part_number: str | None
    title: str
    brand: str
    model_number: str | None
    size: str | None
    colour: str | None
    upc: str | None
    ean: str | None
    gtin: str | None
    classification: str
    theme: str | None
    status: str
    marketplace: str
    expected: str | None
    why: str


def with_check_digit(digits: str) -> str:
    """Complete a UPC, EAN or GTIN that lacks its last digit (https://www.gs1.org/services/how-calculate-check-digit)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return f"{digits}{-weighted % 10}"


def unpadded(sku: str) -> str:
    """Return MCA0032-M-9.5 for MCA0032-M-09.5."""
    head, _, size = sku.rpartition("-")
    return f"{head}-{size.removeprefix('0')}"
