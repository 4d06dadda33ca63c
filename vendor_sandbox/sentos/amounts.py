"""How Sentos writes numbers: an amount is a number here and a text there, with a point or a comma for its decimals."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from vendor_sandbox.values import is_number

_DIGITS = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_LARGEST = Decimal(10) ** 9


def read_amount(value: object, as_text: bool = True) -> Decimal | None:
    """Read a JSON number, or a text whose decimals follow the last of its points and commas. None for anything else."""
    if is_number(value):
        found = Decimal(str(value))
    elif as_text and isinstance(value, str):
        mark = max(value.rfind("."), value.rfind(","))
        whole, decimals = (value[:mark], value[mark:]) if mark >= 0 else (value, "")
        text = re.sub("[.,]", "", whole) + decimals.replace(",", ".")
        if not _DIGITS.fullmatch(text):
            return None
        found = Decimal(text)
    else:
        return None
    return found if found.is_finite() and abs(found) < _LARGEST else None


def read_whole(value: object) -> int | None:
    """Read a whole number, or its text. None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}", value, re.ASCII):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _turkish(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate({ord(","): ".", ord("."): ","})


_SPELLINGS: Sequence[Callable[[Decimal], Any]] = (
    lambda amount: amount.normalize() if amount else 0,
    _turkish,
    lambda amount: f"{amount:.2f}",
    lambda amount: f"{amount:.2f}".replace(".", ","),
    lambda amount: f"{amount:,.2f}",
)


class Spelling:
    """Spells numbers one way or another: by seed, record and field, so that a field looks the same at every read.

    Texts are left as they are.
    """

    def __init__(self, seed: int, mixed: bool) -> None:
        self._seed = seed
        self._mixed = mixed

    def choice(self, ways: int, record: object, field: str) -> int:
        """Return a number below `ways`; 0 is the plain way, and the only one where spellings are not mixed."""
        return crc32(f"{self._seed} {record} {field}".encode()) % ways if self._mixed else 0

    def amount(self, value: Any, record: object, field: str) -> Any:
        """Spell money."""
        if not is_number(value):
            return value
        exact = Decimal(str(value))
        if abs(exact) >= _LARGEST**2 or exact != round(exact, 2):
            return value
        spelt = _SPELLINGS[self.choice(len(_SPELLINGS), record, field)](exact)
        # normalize() writes 1200 as 1.2E+3.
        return Decimal(format(spelt, "f")) if isinstance(spelt, Decimal) else spelt

    def whole(self, value: Any, record: object, field: str) -> Any:
        """Spell a quantity, an id or a rate: in one of four as text."""
        return str(value) if is_number(value) and self.choice(4, record, field) == 1 else value
