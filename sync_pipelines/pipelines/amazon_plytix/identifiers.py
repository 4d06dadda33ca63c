"""What tells products apart: UPC, EAN and GTIN as one space of numbers, SKUs with their sizes padded, ASINs."""

from __future__ import annotations

import re

from stdnum import ean

_ASIN = re.compile(r"[0-9]{9}[0-9X]|[A-Z][A-Z0-9]{9}")
"""github.com/amzn/selling-partner-api-docs/issues/2543: one that is none turns away the whole search it is in."""
_LAST_SIZE = re.compile(r"-(\d)(\.\d+)?$")


class NoIdentifier(ValueError):
    """The text is no identifier; the message says why."""


def gtin14(text: str) -> str:
    """A UPC, EAN or GTIN as 14 digits, zeros put back in front; so the same number is the same text, however it is written.

    Raises NoIdentifier for other characters, more than 14 digits, nothing but zeros, or a check digit that is not right
    (https://www.gs1.org/services/how-calculate-check-digit).
    """
    digits = text.strip().replace(" ", "").replace("-", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 14 or not int(digits):
        raise NoIdentifier(f"{text!r} is not a UPC, EAN or GTIN")
    number = digits.zfill(14)
    if ean.calc_check_digit(number[:-1]) != number[-1]:
        raise NoIdentifier(f"{text!r} has a wrong check digit")
    return number


def is_code(text: str) -> bool:
    """Whether the text is a UPC, EAN or GTIN."""
    try:
        gtin14(text)
    except NoIdentifier:
        return False
    return True


def padded_sku(sku: str) -> str:
    """A SKU to compare by: in capitals, and with a size of one digit padded, so that ABC-M-9.5 is ABC-M-09.5."""
    return _LAST_SIZE.sub(lambda found: f"-0{found[1]}{found[2] or ''}", sku.strip().upper())


def is_asin(text: str) -> bool:
    return _ASIN.fullmatch(text) is not None


def amazon_sku(marketplace: str, asin: str) -> str:
    """The SKU of the PIM's product for a listing."""
    return f"AMZN-{marketplace}-{asin}"
