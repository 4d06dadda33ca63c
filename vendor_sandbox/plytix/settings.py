"""What a test may set on Plytix, with the value assumed where the vendor's pages do not say."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vendor_sandbox.values import flag, number, one_of, or_null, setting, texts, whole

PLANS: Mapping[str, tuple[int, int]] = {"free": (20, 2_000), "paid": (50, 5_000)}
"""Calls per window of 10 seconds and per hour."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """`*_seconds` and `search_lag` run on the sandbox's clock, which `speed` scales; the calendar does not."""

    # Limits and tokens
    plan: str = setting("paid", one_of(*PLANS))
    calls_per_window: int | None = setting(None, or_null(whole(1)))
    """Null means the plan's limit, here and for `calls_per_hour`."""
    calls_per_hour: int | None = setting(None, or_null(whole(1)))
    window_seconds: float = setting(10.0, number(above=0))
    hour_seconds: float = setting(3600.0, number(above=0))
    count_rejected: bool = setting(False, flag)
    """Whether a call that got 429 counts too."""
    burst: int = setting(0, whole(0))
    """Calls that every counter allows beyond its limit. A high value takes the limits out of a test's way."""
    token_seconds: float = setting(900.0, number(above=0))
    token_calls: int = setting(10, whole(1))
    """Tokens that the token service issues in `token_window_seconds`, over all accounts."""
    token_window_seconds: float = setting(60.0, number(above=0))
    bare_login_errors: bool = setting(False, flag)
    """Whether the token service answers errors as `{"msg": ...}`, without the envelope."""
    expires_in: bool = setting(False, flag)
    """Whether a token comes with the wall seconds that it lives."""
    forbidden: tuple[str, ...] = setting((), texts)
    """Calls that the key's role forbids, such as `POST /products`; `*` stands for anything."""
    deprecated: tuple[str, ...] = setting((), texts)
    """Calls, written the same way, that are answered with X-Plytix-Deprecation."""

    # Writing
    duplicate_status: int = setting(409, one_of(409, 422))
    sku_ignores_case: bool = setting(False, flag)
    """Whether a SKU counts as taken when another one differs from it only in case."""
    null_on_create: str = setting("refuse", one_of("refuse", "ignore"))
    outside_family: str = setting("refuse", one_of("refuse", "accept"))
    """What happens to a value for an attribute that is not in the product's family."""
    error_fields: str = setting("label", one_of("label", "prefixed"))
    """How an error names a custom attribute: `amazon_asin` or `attributes.amazon_asin`."""
    most_links: int = setting(300, whole(1))
    """How many products one product may be linked to in one relationship."""
    mixed_batch: str = setting("refuse", one_of("refuse", "link_known"))
    """A link call with an unknown product gets 409: what happens to the other products in it."""
    link_seconds: float = setting(0.0, number())
    """A link call reads the present links, works this long, and writes them back with its own. When two run at once for one
    product, the links of the first one are lost."""
    family_seconds: float = setting(2.0, number())
    """A change of a family's attributes, answered with 202, takes effect after this long."""

    # Searching
    search_lag: float = setting(2.0, number())
    """A search sees a product as it was until this long after a write; GET sees it at once."""
    reorder: bool = setting(True, flag)
    """Whether a product search without `order` returns another order at every call."""
    filters_required: bool = setting(True, flag)
    unknown_columns: str = setting("refuse", one_of("refuse", "ignore"))
    most_columns: int = setting(50, whole(1))
    most_ordered: int = setting(10_000, whole(0))
    """An ordered search that matches more products gets 428."""
    sku_in: bool = setting(True, flag)
    """Whether `sku` may be searched with `in`, `!in` and `!like`, which are not documented."""
    in_ignores_case: bool = setting(False, flag)
    """Whether `in` on `sku` ignores case; on options it never does."""
    filter_instants: bool = setting(False, flag)
    """Whether a date filter accepts `2026-01-15T09:00:00` too."""
    day_means: str = setting("midnight", one_of("midnight", "day"))
    """What `created lte 2026-01-15` compares with: the beginning of that day, or the whole day."""
    counts: str = setting("matches", one_of("matches", "page", "none"))
    """`count` and `total_count`: matches and all products; rows of the page and matches; or neither is sent."""
    row_relationship_key: str = setting("relationship_label", one_of("relationship_label", "label"))
    """The member of a search row's relationship that holds the label."""

    @property
    def limits(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Calls and seconds, of the short window and of the hour."""
        short, hour = PLANS[self.plan]
        return (
            ((self.calls_per_window or short) + self.burst, self.window_seconds),
            ((self.calls_per_hour or hour) + self.burst, self.hour_seconds),
        )

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
