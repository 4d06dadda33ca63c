"""What a test may set on the marketplace, with the value assumed where the vendor does not say."""

import dataclasses
from collections.abc import Mapping

from vendor_sandbox.values import flag, number, one_of, setting, text, whole

MARKETPLACE_IDS: Mapping[str, str] = {"US": "ATVPDKIKX0DER", "CA": "A2EUQ1WTGCTBG2", "MX": "A1AM78C64UM0Y8"}
SELLER_ID = "A1SANDBOXSELLER"


@dataclasses.dataclass(frozen=True)
class Settings:
    """`token_seconds` and the rate run on the sandbox's clock, which `speed` scales."""

    rate_per_second: float = setting(2.0, number(above=0))
    """For each operation separately."""
    burst: int = setting(2, whole(1))
    token_seconds: float = setting(3600.0, number(above=0))
    bad_client_status: int = setting(401, one_of(400, 401))
    denied_status: int = setting(403, one_of(401, 403))
    """For a call whose access token is missing, unknown or expired."""
    default_page_size: int = setting(10, whole(1, 20))
    lost_token_at_20: str = setting("always", one_of("always", "identifiers", "never"))
    """Which searches give no page token when pageSize=20 is sent
    (https://github.com/amzn/selling-partner-api-models/issues/2999)."""
    keyword_limit: int = setting(1000, whole(1))
    """How many items the pages of a keyword search reach at most."""
    keywords_hide_parents: bool = setting(True, flag)
    estimate_off_by: int = setting(7, whole())
    """How far `numberOfResults` of a keyword search is from the truth."""
    malformed_asin_fails: bool = setting(True, flag)
    """Whether one malformed ASIN fails the whole search; otherwise it is just not found
    (https://github.com/amzn/selling-partner-api-models/issues/2894)."""
    codes_match: str = setting("type", one_of("type", "digits"))
    """type: a search by UPC looks at UPCs only. digits: only the number counts, in any kind of code, ignoring leading zeros."""
    unknown_parameters_fail: bool = setting(True, flag)
    package_hierarchies: bool = setting(True, flag)
    """Whether some items also have a case pack as a parent, which is not a variation parent."""
    seller_id: str = setting(SELLER_ID, text)
