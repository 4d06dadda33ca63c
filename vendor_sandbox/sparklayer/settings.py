"""What a test may set on SparkLayer, with the value assumed where the vendor does not say."""

import dataclasses

from vendor_sandbox.values import flag, number, one_of, or_null, setting, texts, whole


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is unknown about SparkLayer, with the value assumed. `speed` does not scale `processing_seconds`."""

    rate_per_second: float = setting(10.0, number(above=0))
    burst: int = setting(20, whole(1))
    token_seconds: float = setting(3600.0, number(above=0))
    new_token_ends_old: bool = setting(False, flag)
    processing_seconds: float = setting(0.0, number())
    patch_status: int = setting(204, one_of(200, 201, 204))
    create_status: int = setting(200, one_of(200, 201))
    atomic: bool = setting(True, flag)
    errors_as: str = setting("rows", one_of("rows", "problem"))
    line_base: int = setting(1, one_of(0, 1))
    refuse_duplicates: bool = setting(True, flag)
    max_entries: int | None = setting(None, or_null(whole(1)))
    max_body_bytes: int | None = setting(None, or_null(whole(1)))
    known_skus: tuple[str, ...] | None = setting(None, or_null(texts))
    min_quantity: int = setting(1, whole(0))
    negative_prices: bool = setting(False, flag)
    string_prices: bool = setting(False, flag)


ANY_PRICE = Settings(min_quantity=0, negative_prices=True)
"""For rows that a test stores behind the API's back."""
