"""What a test may set on Lightspeed, with the value assumed where the vendor's documents do not say (sheet, section 14)."""

import dataclasses
from typing import Any

from vendor_sandbox.values import flag, number, one_of, or_null, setting, texts, whole


@dataclasses.dataclass(frozen=True)
class Settings:
    """`window_seconds`, `token_seconds` and `search_lag` run on the sandbox's clock, which `speed` scales."""

    # Limits
    registers: int | None = setting(None, or_null(whole(1)))
    """How many registers the limit counts: 300 calls each and 50 more in a window. Null: those that are not deleted."""
    window_seconds: float = setting(300.0, number(above=0))
    window: str = setting("fixed", one_of("fixed", "sliding"))
    """A fixed window is aligned to the epoch."""
    count_refused: bool = setting(True, flag)
    """Whether a call that got 429 counts too."""
    burst: int = setting(0, whole(0))
    """Calls beyond the limit. A high value takes the limit out of a test's way."""
    retry_after: str = setting("date", one_of("date", "seconds"))
    token_calls: int = setting(10, whole(1))
    """Calls to the token endpoint in a window."""

    # Access
    token_seconds: float = setting(86_400.0, number(above=0))
    """How long an OAuth access token lives."""
    refresh_reuse: str = setting("refuse", one_of("refuse", "grace"))
    """What happens to a refresh token that was used before: refused, or answered with the tokens it was exchanged for."""
    scope_in_reply: bool = setting(True, flag)
    user_agent: str = setting("any", one_of("any", "required"))
    unknown_version: int = setting(404, one_of(404, 400))

    # Lists
    default_size: int = setting(200, whole(1))
    max_size: int = setting(1000, whole(1))
    short_pages: bool = setting(True, flag)
    """Whether some pages have fewer rows than asked for while more remain."""
    max_ahead: bool = setting(True, flag)
    """Whether `version.max` may be above the highest version of the rows; no row is skipped by it."""
    before: str = setting("inclusive", one_of("inclusive", "exclusive"))
    without_row_version: tuple[str, ...] = setting(("brands", "tags", "product_types"), texts)
    """Lists of the date versions whose rows have no `version`."""
    without_envelope: tuple[str, ...] = setting(("taxes",), texts)
    """Lists whose reply has no `version`."""
    empty_version: str = setting("null", one_of("null", "after", "none"))
    """The `version` of an empty page in the date versions: nulls, the number asked after, or no member. 2.0 has zeros."""
    deleted_by_default: bool = setting(False, flag)
    """Whether lists that know `deleted` show deleted rows without it."""
    consignments_as: str = setting("version", one_of("version", "object", "array"))
    """A bare array in 2.0 and an object in the date versions, or the same in all."""
    categories_at: str = setting("data.categories", one_of("data.categories", "data.data.categories"))
    sku_misses: bool = setting(True, flag)
    """Whether `GET /products?sku=` answers another product when none has the code."""
    lines_touch: bool = setting(True, flag)
    """Whether a change of a consignment's line gives the consignment a new version."""
    text_numbers: str = setting("2026-10", one_of("none", "2026-10", "all"))
    """Where some of the prices of products are text."""
    flat_returns: bool = setting(True, flag)
    """Whether a return that is not finished is shown as in 2.0 by the date versions too, as in their document's example."""
    family_images: str = setting("all", one_of("all", "parent"))
    """Which members of a family show its images."""
    search_lag: float = setting(2.0, number())
    """How long search shows a row as it was."""

    # Errors
    errors_as: str = setting("title", one_of("title", "object", "errors", "nothing"))
    """The body of errors other than 429: a title and a message, an object with code and message, a list in `errors`, or none."""
    bad_value: int = setting(422, one_of(422, 400))

    # Writes
    unknown_members: str = setting("ignore", one_of("ignore", "refuse"))
    """What becomes of members of a body that are not known; 2026-10 refuses them."""
    unique_names: bool = setting(True, flag)
    """Whether a name that is taken, whatever its case, is refused: of a supplier, brand, tag or attribute, or of a family."""
    unique_codes: bool = setting(True, flag)
    """Whether a code that another product has is refused."""
    deleted_codes: str = setting("free", one_of("free", "taken"))
    """Whether the codes of deleted products may be used again."""
    brand_delete: str = setting("payload", one_of("payload", "data"))
    update_reply: str = setting("nothing", one_of("nothing", "product"))
    """What an update of a product answers: an empty object, or the product."""
    moves_stock: bool = setting(True, flag)
    """Whether consignments that move on change stock."""
    consignment_put: str = setting("whole", one_of("whole", "partial"))
    """Whether an update of a consignment must have its name, outlet and type."""
    consignment_replies: str = setting("data", one_of("data", "bare"))
    skip_sent: bool = setting(False, flag)
    """Whether a supplier's order may go from OPEN to DISPATCHED."""
    line_wrapper: str = setting("required", one_of("required", "optional"))
    """Whether a line must be wrapped in `data`."""
    line_numbers: str = setting("text", one_of("text", "any"))
    line_again: str = setting("another", one_of("another", "refuse"))
    """What becomes of a product that is added to a consignment a second time."""
    bulk_most: int = setting(500, whole(1))
    """More lines than these in one call are written, and answered with 504."""
    image_types: str = setting("two", one_of("two", "all"))
    """Which files are taken: jpg and png, or gif, tiff and webp too."""
    image_status: int = setting(201, one_of(201, 200))
    image_polls: int = setting(2, whole(0))
    """How often an image says that it is being processed before it is ready."""
    image_seconds: float = setting(60.0, number())
    """After how long it is ready even if nobody asks."""
    image_fails: tuple[str, ...] = setting((), texts)
    """Patterns of the names of files that cannot be processed."""
    job_seconds: float = setting(2.0, number())
    """How long the vendor takes for what it does later."""

    # The store
    more_products: int = setting(0, whole(0, 10_000_000))
    """Products beside those of the seed, with three rows of stock each. They come first in lists, so set
    it before anything is read."""
    more_sales: int = setting(0, whole(0, 10_000_000))
    """Sales beside those of the seed, with 2.5 lines each; they too come first."""
    tax_exclusive: bool = setting(False, flag)
    time_zone: str = setting("Pacific/Auckland", one_of("Pacific/Auckland", "Europe/London", "America/New_York", "UTC"))

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
