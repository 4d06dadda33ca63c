"""What a test may set on the shop, with the value assumed where the vendor does not say."""

import dataclasses
import re
from typing import Any

from vendor_sandbox.shopify.instants import instant_text, zone_name
from vendor_sandbox.values import Check, Unfit, flag, number, one_of, or_null, setting, text, texts, whole


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise Unfit("must be a currency code of three letters")
    return value


_BROKEN = ("*/missing/* IMAGE_DOWNLOAD_FAILURE", "*.txt UNSUPPORTED_IMAGE_FILE_TYPE", "*.html UNSUPPORTED_IMAGE_FILE_TYPE")
_or_null_instant: Check = or_null(instant_text)


@dataclasses.dataclass(frozen=True)
class Settings:
    """`*_seconds`, `*_lag` and `url_life` run on the sandbox's clock, which `speed` scales; the calendar does not."""

    rate_per_second: float = setting(100.0, number(above=0))
    """Points added to the bucket each second."""
    burst: int = setting(2_000, whole(1))
    """The size of the bucket."""
    max_cost: int = setting(1_000, whole(1))
    token_seconds: float = setting(86_399.0, number(above=0))
    versions: tuple[str, ...] = setting(("2026-01", "2026-04", "2026-07", "2026-10"), texts)
    release_candidate: str = setting("2027-01", text)
    time_zone: str = setting("America/New_York", zone_name)
    currency: str = setting("USD", _currency)
    now: str | None = setting(None, _or_null_instant)
    """Stops the shop's calendar at an instant. Null: the calendar follows the wall clock."""
    start: str | None = setting(None, _or_null_instant)
    """The seeded orders lie in the 90 days before this instant. Null: before the sandbox was started."""
    index_lag: float = setting(0.0, number())
    """Searches and counts see an order as it was until this long after a change; `order(id:)` sees it at once."""
    product_lag: float = setting(5.0, number())
    """Searches for goods and the total stock of a product see a change this long afterwards; reading by id sees it at once."""
    media_seconds: float = setting(3.0, number())
    """How long a picture is fetched and processed."""
    media_fails: tuple[str, ...] = setting(_BROKEN, texts)
    """Which pictures fail: `pattern CODE`, a pattern of addresses and a code of MediaErrorCode."""
    key_seconds: float = setting(86_400.0, number())
    """How long an idempotency key is remembered."""
    failed_keys: str = setting("refused", one_of("refused", "reused"))
    """What a key is worth whose first request failed."""
    stale_field: str = setting("changeFromQuantity", one_of("changeFromQuantity", "entry", "none"))
    """What the `field` of CHANGE_FROM_QUANTITY_STALE names."""
    stale_atomic: bool = setting(True, flag)
    """Whether one stale quantity refuses them all."""
    inactive_locations: bool = setting(False, flag)
    """Whether stock can be set at a location that was deactivated."""
    levels_under: str = setting("node", one_of("node", "object"))
    """What `__parentId` names for a connection below an object field of a bulk query: the line's node, or that object."""
    bulk_seconds: float = setting(1.0, number())
    """A bulk operation runs at least this long."""
    bulk_at_once: int = setting(5, whole(1))
    url_life: float = setting(7 * 86_400.0, number())
    interleave: int = setting(3, whole(0))
    """In a bulk result the children of an order come after this many further orders (unless `groupObjects`)."""

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
