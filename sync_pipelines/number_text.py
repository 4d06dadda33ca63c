"""Numbers written as text: read exactly, or refused with the reason. Every amount, quantity and rate that arrives as text is
read here."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from sync_pipelines.errors import SyncError

DecimalMark = Literal["auto", ".", ","]

_PLAIN = re.compile(r"-?[0-9]+(?:[.,]([0-9]+))?")
_BY_MARK = {
    mark: re.compile(rf"-?(?:[0-9]+|[0-9]{{1,3}}(?:\{other}[0-9]{{3}})+)(?:\{mark}[0-9]+)?")
    for mark, other in ((".", ","), (",", "."))
}


class NumberUnclear(SyncError, ValueError):
    """The text is not a number, or could be two different ones. The message says why and shows the text."""


class MarkUnclear(NumberUnclear):
    """Only who knows the decimal mark can read the number."""


def read_number(text: str, mark: DecimalMark = "auto") -> Decimal:
    """Read a number, with all the digits it is written with; spaces around it are dropped.

    `mark` is the decimal mark, and the other one of dot and comma then groups thousands: with ".", "1,234.50" is 1234.50.
    With "auto" a number has at most one mark, and it is the decimal mark; a mark with exactly three digits behind it is
    refused, because "1,200" may be 1200 as well as 1.2.
    Raises MarkUnclear then, and NumberUnclear for all else: exponents, NaN, infinity, currency signs, a plus sign.
    """
    cell = text.strip()
    if mark == "auto":
        plain = _PLAIN.fullmatch(cell)
        if plain and len(plain[1] or "") == 3:
            raise MarkUnclear(f"cannot tell a decimal mark from a thousands mark: {cell!r}")
        if plain:
            return Decimal(cell.replace(",", "."))
    elif _BY_MARK[mark].fullmatch(cell):
        return Decimal(cell.replace(",", "") if mark == "." else cell.replace(".", "").replace(",", "."))
    raise NumberUnclear(f"{_why(cell)}: {cell!r}")


def _why(cell: str) -> str:
    if re.fullmatch(r"(?i)[+-]?(nan|inf|infinity)", cell):
        return "not a number"
    if re.fullmatch(r"-?[0-9]{1,3}([.,'\s][0-9]{3})+([.,][0-9]+)?", cell):
        return "thousands mark"
    if re.search(r"[$€£¥₺]|\b[A-Z]{3}\b", cell):
        return "currency sign"
    return "not a plain number"
