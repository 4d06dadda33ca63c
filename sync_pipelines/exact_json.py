"""JSON with exact numbers: Decimals keep their digits, in both directions."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import rapidjson


class Unusable(str):
    """A value that JSON libraries pass on and no store can hold, as text that can be shown. `why` says what it was."""

    why: str

    def __new__(cls, shown: str, why: str) -> Unusable:
        made = super().__new__(cls, shown)
        made.why = why
        return made


def dumps(value: Any) -> str:
    """Canonical JSON: sorted keys, Decimals as the digits they have. Raises UnicodeEncodeError for half a surrogate pair."""
    return str(rapidjson.dumps(value, sort_keys=True, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False))


def loads(text: str | None) -> Any:
    """What `dumps` wrote, with numbers as int and Decimal; None for None."""
    return None if text is None else rapidjson.loads(text, number_mode=rapidjson.NM_DECIMAL)


def read(text: str) -> Any:
    """What a vendor wrote, with numbers as int and Decimal, and `Unusable` in place of half a character or NaN.

    One such value in one record is no reason to refuse a page: `flaw` finds it. Raises ValueError, RecursionError.
    """
    try:
        return loads(text)
    except ValueError:
        return _usable(
            json.loads(text, parse_float=Decimal, parse_constant=lambda n: Unusable(n, f"{n} is not a number"))
        )


def flaw(record: Any, at: str = "") -> str | None:
    """Where a record that `read` gave holds a value that cannot be used, and why; None where it holds none."""
    if isinstance(record, Unusable):
        return f"{at or 'value'}: {record.why}: {record}"
    inner: Any = ()
    if isinstance(record, dict):
        inner = [
            pair
            for key, value in record.items()
            for pair in ((key, at or "a name"), (value, f"{at}.{key}".lstrip(".")))
        ]
    elif isinstance(record, list):
        inner = [(value, f"{at}[{place}]") for place, value in enumerate(record)]
    return next((found for value, place in inner if (found := flaw(value, place))), None)


def _usable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_usable(key): _usable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_usable(inner) for inner in value]
    if isinstance(value, str) and not isinstance(value, Unusable) and not _whole(value):
        shown = value.encode("utf-8", "backslashreplace").decode()
        return Unusable(shown, "half of a character (a lone surrogate)")
    return value


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
