"""What a test may set on Catsy, with the value assumed where the vendor does not say."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vendor_sandbox.values import flag, mapping, number, one_of, setting, texts, whole

_PLACES_OF_THE_TOTAL = ("pagination.total_results", "total", "totalCount", "none")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is unknown about Catsy, with the value assumed."""

    rate_per_second: float = setting(2.0, number(above=0))
    burst: int = setting(10, whole(1))
    retry_after: bool = setting(False, flag)
    default_limit: int = setting(100, whole(1))
    max_limit: int = setting(500, whole(1))
    over_max_limit: str = setting("cap", one_of("cap", "refuse"))
    total_at: str = setting("pagination.total_results", one_of(*_PLACES_OF_THE_TOTAL))
    total_moved_by: int = setting(0, whole())
    unreadable: tuple[str, ...] = setting(("price_trade",), texts)
    unreadable_as: str = setting("omitted", one_of("omitted", "null", "blank"))
    ignores_offset: bool = setting(False, flag)
    ids_shown: Mapping[str, Any] = setting({}, mapping)
    """Ids to show instead of an item's own, by that id: variants may come with their product's id."""
