"""JSON with exact numbers: Decimals keep their digits, in both directions."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import rapidjson

FLAW = "_flaw"
"""The key under which `read` notes in a record what in it cannot be used."""


_LARGEST_EXPONENT = 308
"""Of a double: rapidjson reads no number beyond it, in any mode."""


class _NotANumber(str):
    """NaN or an infinity, as it was written."""


def dumps(value: Any) -> str:
    """Canonical JSON: sorted keys, Decimals as the digits they have. Raises UnicodeEncodeError for half a surrogate pair."""
    return str(rapidjson.dumps(value, sort_keys=True, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False))


def loads(text: str | None) -> Any:
    """What `dumps` wrote, with numbers as int and Decimal; None for None."""
    return None if text is None else rapidjson.loads(text, number_mode=rapidjson.NM_DECIMAL)


def read(text: str) -> Any:
    """What a vendor wrote, with numbers as int and Decimal. Raises ValueError, RecursionError.

    Nothing can store half a character (a lone surrogate), NaN, an infinity, or a number like 1e400, though the last is good
    JSON. One of them in one record does not spoil the page: half a character comes spelt out, such a number as None, and every
    object around it says so (`flaw`).
    """
    try:
        return loads(text)
    except ValueError:
        return _shown(json.loads(text, parse_float=_decimal, parse_constant=_NotANumber))[0]


def flaw(record: Any) -> str | None:
    """Which value of an object that `read` gave cannot be used, and why; None for a whole one."""
    found = record.get(FLAW) if isinstance(record, dict) else None
    return found if isinstance(found, str) else None


def _shown(value: Any) -> tuple[Any, str]:
    """The value as it can be stored, and where in it the first one that cannot was, and why."""
    if isinstance(value, dict):
        pairs = [(_shown(key), _shown(inner)) for key, inner in value.items()]
        made = {key: inner for (key, _), (inner, _) in pairs}
        wrong = [why for (_, why), _ in pairs] + [_at(key, why) for (key, _), (_, why) in pairs]
        found = next(filter(None, wrong), "")
        return ({**made, FLAW: found} if found else made), found
    if isinstance(value, list):
        parts = [_shown(inner) for inner in value]
        wrong = [_at(f"[{place}]", why) for place, (_, why) in enumerate(parts)]
        return [part for part, _ in parts], next(filter(None, wrong), "")
    if isinstance(value, _NotANumber):
        return None, f": {value} is not a number"
    if isinstance(value, Decimal) and value.adjusted() > _LARGEST_EXPONENT:
        return None, ": a number with more digits than can be stored"
    if isinstance(value, str):
        shown = value.encode("utf-8", "backslashreplace").decode()
        half = next((c for c in value if "\ud800" <= c <= "\udfff"), "")
        return shown, half and f": half of a character, \\u{ord(half):04x}"  # not the text: it may be somebody's
    return value, ""


def _decimal(text: str) -> Decimal | _NotANumber:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what even Decimal knows
        return _NotANumber(text)


def _at(place: str, why: str) -> str:
    if not why:
        return ""
    return f"{place}{why}" if why[0] in ":[" else f"{place}.{why}"
