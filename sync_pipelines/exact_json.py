"""JSON with exact numbers: Decimals keep their digits, in both directions."""

from __future__ import annotations

from typing import Any

import rapidjson


def dumps(value: Any) -> str:
    """Canonical JSON: sorted keys, Decimals as the digits they have. Raises UnicodeEncodeError for half a surrogate pair."""
    return str(rapidjson.dumps(value, sort_keys=True, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False))


def loads(text: str | None) -> Any:
    """What `dumps` wrote, with numbers as int and Decimal; None for None."""
    return None if text is None else rapidjson.loads(text, number_mode=rapidjson.NM_DECIMAL)
