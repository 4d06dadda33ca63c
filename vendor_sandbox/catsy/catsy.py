"""A stand-in for the Catsy PIM: v3 items of a saved query and the v4 product filter.

The vendor's reference is the request collection at https://api-docs.catsy.com/. What it leaves open is a setting
(`settings.Settings`).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from vendor_sandbox.catalogue import Item
from vendor_sandbox.catsy.items import Items
from vendor_sandbox.catsy.settings import Settings
from vendor_sandbox.faults import Kinds
from vendor_sandbox.limits import Bucket
from vendor_sandbox.values import BadChange, checked, is_number, known_members, mapping, or_null, text, whole, with_changes
from vendor_sandbox.vendor import Routes, Vendor, phrase, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

FULL_TOKEN = "sandbox-catsy-token-full"  # noqa: S105
PRICELESS_TOKEN = "sandbox-catsy-token-without-price"  # noqa: S105
"""Belongs to a role that may not read the attributes in the setting `unreadable`."""
FORBIDDEN_TOKEN = "sandbox-catsy-token-forbidden"  # noqa: S105
"""A valid token that gets 403 everywhere."""

QUERY_ID = "0c5a7e1d-5a4d-4b0c-8e57-000000000007"


class Catsy(Vendor):
    """The items of the PIM. Clients can only read them; a test changes them through `change_state`."""

    name = "catsy"
    own_faults: ClassVar[Kinds] = {
        "no_array": {},
        "empty_page": {},
        "total_moves": {"by": whole()},
        "shift": {"by": whole(1)},
        "unordered": {"by": whole(1)},
    }

    def reset(self) -> None:
        with self.lock:
            self.items = Items(self.catalogue)
            self._use(Settings())

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self._bucket = Bucket(self.clock, settings.rate_per_second, settings.burst)

    def env(self, base_url: str) -> dict[str, str]:
        return {
            "CATSY_BASE_URL": f"{base_url}/api/v3",
            "CATSY_BEARER_TOKEN": FULL_TOKEN,
            "CATSY_QUERY_ID": QUERY_ID,
            "CATSY_RATE_PER_SECOND": plain_text(self.settings.rate_per_second * self.clock.speed),
            "CATSY_BURST": str(self.settings.burst),
        }

    def admit(self, _request: Request, /) -> Reply | None:
        wait = self._bucket.take()
        if not wait:
            return None
        # Whether the vendor sends Retry-After is unknown; a fraction is the form that catches more clients out.
        headers = {"Retry-After": f"{wait + 0.0005:.3f}"} if self.settings.retry_after else {}
        return self.problem(429, "too many requests", headers)

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        body = {"error": {"status": status, "title": phrase(status), "message": detail}}
        return Reply.json(status, body, **(headers or {}))

    def respond(self, request: Request) -> Reply:
        if request.bearer not in (FULL_TOKEN, PRICELESS_TOKEN, FORBIDDEN_TOKEN):
            raise Refused(401, "a valid bearer token is needed")
        if request.bearer == FORBIDDEN_TOKEN:
            raise Refused(403, "the role of this token may not use the API")
        handler, arguments = _ROUTES.find(request)
        with self.lock:
            return handler(self, request, *arguments)

    def query_items(self, request: Request, query_id: str) -> Reply:
        if query_id != QUERY_ID:
            raise Refused(404, f"there is no query {query_id}")
        limit = self._page_size(request, "limit")
        offset = _whole_parameter(request, "offset", default=0, least=0)
        self._move(request)
        if self.settings.ignores_offset:
            offset = 0
        page = list(self.items.page(offset, limit))
        if request.fault is not None and request.faulted("unordered"):
            by = request.fault.options["by"]  # rows of the previous page are repeated in place of others
            page[:by] = self.items.page(max(0, offset - by), by)
        return self._page(request, "items", page, len(self.items), self.settings.total_at)

    def filter_products(self, request: Request) -> Reply:
        body = request.json_body()
        filters = body.get("filters") if isinstance(body, dict) else None
        if not isinstance(filters, list):
            raise Refused(400, "the body must be an object with an array `filters`")
        tests = [_read_filter(each) for each in filters]
        page = _whole_parameter(request, "page", default=1, least=1)
        size = self._page_size(request, "resultsPerPage")
        self._move(request)
        start = (page - 1) * size
        if not tests:
            products, total = list(self.items.page(start, size)), len(self.items)
        else:
            hidden = self._hidden(request)
            found = [item for item in self.items if _passes(item, tests, hidden)]
            products, total = found[start : start + size], len(found)
        return self._page(request, "products", products, total, "pagination.total_results")

    def _page_size(self, request: Request, name: str) -> int:
        size = _whole_parameter(request, name, default=self.settings.default_limit, least=1)
        if size > self.settings.max_limit and self.settings.over_max_limit == "refuse":
            raise Refused(400, f"{name} must be at most {self.settings.max_limit}")
        return min(size, self.settings.max_limit)

    def _move(self, request: Request) -> None:
        if request.fault is not None and request.faulted("shift"):
            self.items.insert_newcomers(request.fault.options["by"])
        if request.fault is not None and request.faulted("total_moves"):
            moved = self.settings.total_moved_by + request.fault.options["by"]
            self.settings = dataclasses.replace(self.settings, total_moved_by=moved)

    def _page(self, request: Request, key: str, page: Sequence[Item], total: int, total_at: str) -> Reply:
        total += self.settings.total_moved_by
        shown = [] if request.faulted("empty_page") else [self._shown(request, item) for item in page]
        body: dict[str, Any] = {} if request.faulted("no_array") else {key: shown}
        if total_at == "pagination.total_results":
            body["pagination"] = {"total_results": total}
        elif total_at != "none":
            body[total_at] = total
        return Reply.json(200, body)

    def _hidden(self, request: Request) -> tuple[str, ...]:
        return self.settings.unreadable if request.bearer == PRICELESS_TOKEN else ()

    def _shown(self, request: Request, item: Item) -> Item:
        readable, other = self._readable(request, item), self.settings.ids_shown.get(str(item["id"]))
        return readable if other is None else {**readable, "id": other}

    def _readable(self, request: Request, item: Item) -> Item:
        hidden = self._hidden(request)
        if not hidden:
            return item
        if self.settings.unreadable_as == "omitted":
            return {key: value for key, value in item.items() if key not in hidden}
        instead = None if self.settings.unreadable_as == "null" else ""
        return {key: instead if key in hidden else value for key, value in item.items()}

    def state(self) -> dict[str, Any]:
        with self.lock:
            items, settings = self.items.copy(), self.settings
        return {"items": list(items), "total": len(items), "settings": dataclasses.asdict(settings)}

    def change(self, body: Any) -> dict[str, Any]:
        change = known_members(body, ("load", "set", "insert", "add", "reprice", "settings"), "the change")
        items, settings = self.items.copy(), self.settings
        answer: dict[str, Any] = {}
        if "load" in change:
            document = known_members(change["load"], ("items", "total", "settings"), "load")
            items = Items.loaded(self.catalogue, _array(document.get("items"), "load.items"))
            settings = with_changes(settings, document.get("settings", {}))
        for item_id, attributes in checked(mapping, change.get("set", {}), "set").items():
            items.change(item_id, checked(or_null(mapping), attributes, f"set.{item_id}"))
        if "insert" in change:
            answer["inserted"] = items.add(_array(change["insert"], "insert"), in_front=True)
        if "add" in change:
            answer["added"] = items.add(_array(change["add"], "add"))
        if "reprice" in change:
            answer.update(_reprice(items, change["reprice"]))
        settings = with_changes(settings, change.get("settings", {}))
        self.items = items
        if settings != self.settings:
            self._use(settings)
        return answer


def _whole_parameter(request: Request, name: str, default: int, least: int) -> int:
    raw = request.query.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdecimal()) or len(raw) > 18 or int(raw) < least:
        raise Refused(400, f"{name} must be a whole number of at least {least}")
    return int(raw)


def _read_filter(raw: object) -> tuple[str, str, str]:
    """Return attribute, operator and value of one filter; the server knows only `is` and `contains`."""
    if not isinstance(raw, dict) or not isinstance(raw.get("attributeKey"), str) or "value" not in raw:
        raise Refused(400, "a filter needs attributeKey, operator and value")
    if raw.get("operator") not in ("is", "contains"):
        raise Refused(400, f"operator {raw.get('operator')!r} is not supported; use is or contains")
    return raw["attributeKey"], raw["operator"], str(raw["value"])


def _passes(item: Item, tests: Sequence[tuple[str, str, str]], hidden: Sequence[str]) -> bool:
    return all(key not in hidden and _holds(item.get(key), operator, wanted) for key, operator, wanted in tests)


def _holds(value: object, operator: str, wanted: str) -> bool:
    if value is None:
        return False
    if isinstance(value, list):
        return any(_holds(each, operator, wanted) for each in value)
    return str(value) == wanted if operator == "is" else wanted in str(value)


def _array(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadChange(f"{where} must be an array")
    return value


def _reprice(items: Items, order: object) -> dict[str, Any]:
    wanted = known_members(order, ("attribute", "share", "factor", "seed"), "reprice")
    attribute = checked(text, wanted.get("attribute", "price_trade"), "reprice.attribute")
    share, factor = (_decimal(wanted.get(name), f"reprice.{name}") for name in ("share", "factor"))
    if share > 1:
        raise BadChange("reprice.share must be at most 1")
    repriced = items.reprice(attribute, share, factor, checked(whole(), wanted.get("seed", 1), "reprice.seed"))
    skus = [item.get("sku") for item in repriced] if len(repriced) <= 1000 else None
    return {"repriced": len(repriced), "skus": skus}


def _decimal(value: object, where: str) -> Decimal:
    try:
        found = Decimal(value) if isinstance(value, str) or is_number(value) else None  # type: ignore[arg-type]
    except ArithmeticError:
        found = None
    if found is None or not found.is_finite() or found < 0:
        raise BadChange(f"{where} must be a number of at least 0, or its text")
    return found


_ROUTES = Routes({"GET /api/v3/queries/{query_id}/items": Catsy.query_items, "POST /v4/products/filter": Catsy.filter_products})
