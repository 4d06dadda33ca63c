"""What a test may set on Sentos, with the value assumed where the vendor's reference does not say, or could not be read."""

import dataclasses
from typing import Any

from vendor_sandbox.sentos.calendar import read_stamp
from vendor_sandbox.values import Check, Unfit, flag, number, one_of, or_null, setting, texts, whole

_PARTS = ("customer", "invoice_address", "shipment_address", "lines")


def _stamp(value: object) -> str:
    if not isinstance(value, str) or read_stamp(value) is None:
        raise Unfit("must be a time such as 2026-01-05 13:10:00")
    return value


def _some_of(*choices: str) -> Check:
    def check(value: object) -> tuple[str, ...]:
        found = texts(value)
        if not set(found) <= set(choices):
            raise Unfit("must be among " + ", ".join(choices))
        return found

    return check


@dataclasses.dataclass(frozen=True)
class Settings:
    """`window_seconds`, `list_lag` and `stock_lag` run on the sandbox's clock, which `speed` scales; the calendar does not."""

    # Limits: in any span of `window_seconds`
    window_seconds: float = setting(60.0, number(above=0))
    writes: int = setting(12, whole(1))
    puts_are_writes: bool = setting(True, flag)
    """Whether PUT shares the limit of POST."""
    same_gets: int = setting(2, whole(1))
    """How often the same GET may be made: same path, same parameters, in the query or in the body. Unknown parameters do not
    make it another one."""
    calls: int | None = setting(60, or_null(whole(1)))
    """All calls of the account together; null for no such limit."""
    count_rejected: bool = setting(True, flag)
    """Whether a call that got 429 counts too."""
    burst: int = setting(0, whole(0))
    """Calls that every limit allows beyond itself. A high value takes the limits out of a test's way."""
    retry_after: bool = setting(False, flag)
    rate_headers: bool = setting(False, flag)
    """Whether a 429 carries x-ratelimit-limit, -remaining and -reset."""

    # Errors
    login_status: int = setting(401, one_of(401, 403))
    errors_as: str = setting("laravel", one_of("laravel", "message", "html"))
    """Body of an error: `message` and `errors` by field, `message` alone, or a page of HTML."""

    # Lists
    default_size: int = setting(20, whole(1))
    max_size: int = setting(100, whole(1))
    over_max_size: str = setting("clamp", one_of("clamp", "refuse"))
    product_order: str = setting("newest", one_of("newest", "oldest"))
    """How products come without `orderby_id`."""
    near_matches: bool = setting(True, flag)
    """Whether the filters `sku` and `barcode` return a similar product too, in front of the right one."""
    orders_as: str = setting("page", one_of("page", "array"))
    channels_as: str = setting("array", one_of("array", "data", "content", "items", "channels"))
    parameters_from: str = setting("both", one_of("both", "query", "body"))
    """Where `/orders` reads its parameters. With `both` the query wins."""
    order_filters: tuple[str, ...] = setting(
        ("status", "marketplace"), _some_of("status", "marketplace", "order_code", "order_id")
    )
    """Filters of `/orders` that are honoured, besides the dates; the others are ignored."""
    day_means: str = setting("midnight", one_of("midnight", "day"))
    """What an end date without a time includes: the first second of that day, or all of it."""
    list_lag: float = setting(10.0, number())
    """`/orders` lists an order as it was until this long after it was made or changed; `/orders/{id}` sees it at once."""
    stock_lag: float = setting(10.0, number())
    """Products are read as if the pieces of an order were still there, or not back yet, until this long after a client
    made or cancelled it."""
    panel_lag: float = setting(0.0, number())
    """`/orders` lists an order as it was until this long after somebody changed it in the panel; its stock is back at once."""
    shows_updated_at: bool = setting(False, flag)
    """Whether an order shows `updated_at`, by which lists can be filtered and sorted in any case."""

    # What is shown
    spellings: str = setting("mixed", one_of("mixed", "plain"))
    """Whether numbers come as numbers and as text, with either decimal mark, and warehouses as ids and as objects."""
    line_ids: str = setting("unsafe", one_of("unsafe", "unique"))
    """Whether the lines of some new orders all have the id 0, or share one id."""
    price_keys: str = setting("platform", one_of("platform", "shop"))
    """Keys of `prices`: the platform (`shopify`), or the id of its first shop (`4`)."""
    variant_prices: bool = setting(False, flag)
    """Whether variants show the prices that `platform-variants` gave them."""
    clock_ahead: float = setting(30.0, number())
    """How far Sentos' clock is ahead, in seconds of the calendar."""
    now: str | None = setting(None, or_null(_stamp))
    """Stops Sentos' calendar at a time of its own (UTC+3)."""

    # Products
    text_prices: bool = setting(True, flag)
    """Whether prices of products may be sent as text, `"249,90"`."""
    stock_writes: str = setting("set", one_of("set", "add"))
    """Whether a stock that is sent is the new one, or what is added to it."""
    unlisted_stock: str = setting("keep", one_of("keep", "zero"))
    """What happens to the warehouses and variants that an update of stock does not name."""
    unknown_variants: str = setting("refuse", one_of("refuse", "ignore"))
    """What an update does about a SKU that the product does not have: 200 with `errors` and nothing stored, or nothing at all."""

    # Orders
    create_status: int = setting(201, one_of(200, 201))
    ids_at: str = setting("nested", one_of("nested", "top"))
    """Where the answer to a new order or channel has the id: in `order` or `saleschannel`, or at the top."""
    required: tuple[str, ...] = setting(("order_id", *_PARTS), texts)
    """Members that a new order must have."""
    free_lines: bool = setting(False, flag)
    """Whether a line may have the price 0."""
    unknown_skus: str = setting("accept", one_of("accept", "refuse"))
    """What happens to a new order with a SKU that no product has. An accepted one lowers no stock for it."""
    duplicate_order_id: str = setting("create", one_of("create", "refuse"))
    """What a second POST with the same `order_id` does: make a second order, or answer 422."""
    lowers_stock: bool = setting(True, flag)
    """Whether a new order takes its pieces out of the warehouse."""
    returns_stock: bool = setting(True, flag)
    """Whether status 6 puts them back."""
    transitions: str = setting("forward", one_of("forward", "any"))
    editable: tuple[str, ...] = setting(("status", "note", "data"), _some_of("status", "note", "data", *_PARTS[:3]))
    """Members that `PUT /orders/{id}` changes; others are ignored."""

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
