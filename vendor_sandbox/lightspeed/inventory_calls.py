"""Stock: a list by version until 2026-01, a bare array from 2026-04 on (https://x-series-api.lightspeedhq.com/docs/2026-04-release-notes)."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from vendor_sandbox.lightspeed import lists, small_shown
from vendor_sandbox.lightspeed.api import ApiCall, json_text
from vendor_sandbox.lightspeed.store import Row
from vendor_sandbox.values import is_number
from vendor_sandbox.wire import Refused, Reply

_DEFAULT_SIZE, _MAX_SIZE = 1000, 5000

_LIST = lists.version_list("inventory")


def list_inventory(call: ApiCall) -> Reply:
    if call.version.posts_inventory:
        raise Refused(405, "Stock is read with POST /inventory in this version", {"Allow": "POST"})
    return _LIST(call)


def post_inventory(call: ApiCall) -> Reply:
    """List stock. The order is descending unless the body says `asc`."""
    if not call.version.posts_inventory:
        raise Refused(405, "Stock is read with GET /inventory in this version", {"Allow": "GET"})
    body = call.request.json_body() if call.request.body else {}
    if not isinstance(body, dict):
        raise Refused(400, "The body must be an object")
    direction = body.get("sort_direction", "desc")
    return _answered(call, body, body.get("product_id"), body.get("size", _DEFAULT_SIZE), direction)


def of_product(call: ApiCall, product_id: str) -> Reply:
    """List the stock of a product. Here the order is ascending, and the parameters have other names."""
    if not call.version.posts_inventory:
        raise Refused(404, "There is nothing at this path in this version")
    options: dict[str, Any] = {
        "variants": call.flag("variants"),
        "include_deleted": call.flag("include_deleted"),
        "after": call.number("after", 0),
        "before": call.number("before", 0) or None,
    }
    direction = call.parameter("order_direction") or "asc"
    return _answered(call, options, product_id, call.number("page_size", _DEFAULT_SIZE), direction)


def of_product_until_dates(call: ApiCall, product_id: str) -> Reply:
    """List the stock of a product as 2.0 does, with the level and the cost that its list does not have."""
    after = call.number("after", 0)
    call.row("products", product_id)
    rows = (each for each in call.store.stock_of(product_id) if each["version"] > after)
    page, envelope = lists.page_of(call, rows, after)
    shown = [
        {
            **small_shown.stock(call, row),
            "current_amount": small_shown.available(row),
            "average_cost": row["average_cost"] if call.sees_cost else None,
        }
        for row in page
    ]
    return Reply.json(200, {"data": shown, **envelope})


def _answered(call: ApiCall, body: Mapping[str, Any], product_id: str | None, size: Any, direction: str) -> Reply:
    for name in ("after", "before"):
        if body.get(name) is not None and not is_number(body[name]):
            raise Refused(422, f"{name} must be a number")
    if not isinstance(size, int) or not 1 <= size <= _MAX_SIZE or direction not in ("asc", "desc"):
        raise Refused(422, f"size must be between 1 and {_MAX_SIZE}, and the direction asc or desc")
    after = body.get("after") or 0
    rows: Iterable[Row]
    if product_id is None:
        rows = call.store["inventory"].after(after, reverse=direction == "desc")
    else:
        family = call.store.family(_family(call, product_id)) if body.get("variants") else []
        stock = [row for each in ([row["id"] for row in family] or [product_id]) for row in call.store.stock_of(each)]
        stock.sort(key=lambda row: row["version"], reverse=direction == "desc")
        rows = (row for row in stock if row["version"] > after)
    if body.get("before"):
        rows = (each for each in rows if each["version"] < body["before"] + (call.settings.before == "inclusive"))
    if not body.get("include_deleted"):
        rows = (each for each in rows if not each["deleted_at"])
    page = list(itertools.islice(rows, size))
    if lists.is_short(call, page):
        # not between rows of one version: no client could get at the rest of them
        short, last = len(page) * 3 // 4, page[len(page) * 3 // 4 - 1]["version"]
        page = page[:short] + list(itertools.takewhile(lambda row: row["version"] == last, page[short:]))
    return json_text(f"[{','.join(call.shown(small_shown.stock, each) for each in page)}]")


def _family(call: ApiCall, root_id: str) -> str:
    """Return the family of a root: the id of its parent, or its own."""
    row = call.store["products"].get(root_id)
    return str(row["family_id"]) if row is not None else root_id
