"""A stand-in for SparkLayer's price lists and prices.

Sources: https://docs.sparklayer.io/developers/api/pricing/update-pricing-by-price-list,
https://docs.sparklayer.io/developers/api/core/get-an-access-token and https://docs.sparklayer.io/developers/errors.
What they leave open is a setting (`settings.Settings`).
"""

import dataclasses
import math
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from vendor_sandbox.faults import Kinds
from vendor_sandbox.limits import Bucket
from vendor_sandbox.sparklayer.change import changed_store, store_document
from vendor_sandbox.sparklayer.prices import Entry, Row, RowError, read_entries
from vendor_sandbox.sparklayer.seed import seeded_store
from vendor_sandbox.sparklayer.settings import Settings
from vendor_sandbox.sparklayer.store import BadList, PriceList, Store
from vendor_sandbox.vendor import Routes, Vendor, phrase, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

SITE_ID = "sandbox-site"
CLIENT_ID = "sandbox-client-id"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105

OTHER_SITE_ID = "sandbox-other-site"
"""A second site with a key of its own, on a plan without API access: it gets tokens, but 403 for everything else."""
OTHER_CLIENT_ID = "sandbox-other-client-id"
OTHER_CLIENT_SECRET = "sandbox-other-client-secret"  # noqa: S105

_KEYS = {SITE_ID: (CLIENT_ID, CLIENT_SECRET), OTHER_SITE_ID: (OTHER_CLIENT_ID, OTHER_CLIENT_SECRET)}

_SECONDS_BETWEEN_BATCHES = 0.5
_LANDS_WITHIN_SECONDS = 2
"""After this long, a client may take the effect of a call whose connection was cut as final."""


class SparkLayer(Vendor):
    name = "sparklayer"
    own_faults: ClassVar[Kinds] = {"half": {}}

    def reset(self) -> None:
        with self.lock:
            # A call still in flight keeps the store it began with, so it cannot land in the fresh one.
            self.store = seeded_store(self.catalogue)
            self._in_flight: set[str] = set()
            self._tokens: dict[str, tuple[str, float]] = {}
            self._use(Settings())

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self._bucket = Bucket(self.clock, settings.rate_per_second, settings.burst)

    def env(self, base_url: str) -> dict[str, str]:
        return {
            "SPARKLAYER_URL": base_url,
            "SPARKLAYER_SITE_ID": SITE_ID,
            "SPARKLAYER_CLIENT_ID": CLIENT_ID,
            "SPARKLAYER_CLIENT_SECRET": CLIENT_SECRET,
            "SPARKLAYER_BATCH_DELAY": plain_text(_SECONDS_BETWEEN_BATCHES / self.clock.speed),
            "SPARKLAYER_LANDS_WITHIN": str(_LANDS_WITHIN_SECONDS),
        }

    def admit(self, _request: Request, /) -> Reply | None:
        wait = self._bucket.take()
        if not wait:
            return None
        return self.problem(429, "too many requests", {"Retry-After": str(max(1, math.ceil(wait)))})

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        body = {"title": phrase(status), "status": status, "detail": detail}
        return Reply.json(status, body, "application/problem+json", **(headers or {}))

    def respond(self, request: Request) -> Reply:
        if request.path == "/api/auth/token":
            return self._issue_token(request)
        site = self._site_of(request)
        if site != SITE_ID:
            raise Refused(403, "the plan of this site does not include the API")
        most = self.settings.max_body_bytes
        if most is not None and len(request.body) > most:
            raise Refused(413, f"the body may hold at most {most} bytes")
        handler, arguments = _ROUTES.find(request)
        return handler(self, request, *arguments)

    # Tokens

    def _issue_token(self, request: Request) -> Reply:
        if request.method != "POST":
            raise Refused(405, "a token is asked for with POST", {"Allow": "POST"})
        site = request.headers.get("site-id")
        if not site:
            raise Refused(400, "the header Site-Id is required")
        body = request.json_body()
        if not isinstance(body, dict) or body.get("grant_type") != "client_credentials":
            raise Refused(400, "grant_type must be client_credentials")
        if _KEYS.get(site) != (body.get("client_id"), body.get("client_secret")):
            raise Refused(401, "the credentials do not belong to this site")
        token = f"sandbox-{secrets.token_hex(12)}"
        # At least a second, so that the whole number in the reply is never longer than the token lives.
        lives = max(1.0, self.clock.on_the_wall(self.settings.token_seconds))
        with self.lock:
            if self.settings.new_token_ends_old:
                self._tokens = {known: life for known, life in self._tokens.items() if life[0] != site}
            self._tokens[token] = (site, self.clock.now() + lives * self.clock.speed)
        return Reply.json(200, {"token_type": "Bearer", "expires_in": int(lives), "access_token": token})

    def _site_of(self, request: Request) -> str:
        with self.lock:
            site, ends = self._tokens.get(request.bearer or "", ("", 0.0))
        if not site or self.clock.now() >= ends:
            raise Refused(401, "a valid access token is needed")
        if request.headers.get("site-id") != site:
            raise Refused(401, "the access token does not belong to the site in Site-Id")
        return site

    def forget_token(self, request: Request, /) -> None:
        with self.lock:
            self._tokens.pop(request.bearer or "", None)

    # Price lists

    def lists_page(self, request: Request) -> Reply:
        return self._lists_page(request, PriceList.shown)

    def lists_with_counts(self, request: Request) -> Reply:
        return self._lists_page(request, lambda each: {**each.shown(), "num_manual_prices": len(each.prices)})

    def _lists_page(self, request: Request, shown: Callable[[PriceList], dict[str, Any]]) -> Reply:
        page = _whole_parameter(request, "page", default=1, most=None)
        size = _whole_parameter(request, "page_size", default=100, most=250)
        order, _, direction = request.query.get("order_by", "name:asc").partition(":")
        if order not in ("name", "updated_at") or direction not in ("asc", "desc"):
            raise Refused(400, "order_by must be name or updated_at, a colon, and asc or desc")
        sources = request.query.get("source")
        with self.lock:
            lists = sorted(
                [each for each in self.store.lists.values() if sources is None or each.source in sources.split(",")],
                key=lambda each: (each.name if order == "name" else each.touched, each.slug),
                reverse=direction == "desc",
            )
            data = [shown(each) for each in lists[(page - 1) * size : page * size]]
        pages = max(1, math.ceil(len(lists) / size))
        pagination = {"total": len(lists), "per_page": size, "current_page": page, "total_pages": pages}
        return Reply.json(200, {"data": data, "pagination": pagination})

    def every_list(self, _request: Request) -> Reply:
        with self.lock:
            lists = sorted(self.store.lists.values(), key=lambda each: each.name)
            return Reply.json(200, [each.shown() for each in lists])

    def one_list(self, _request: Request, slug: str) -> Reply:
        with self.lock:
            return Reply.json(200, self._list(slug).shown())

    def create_list(self, request: Request) -> Reply:
        fields = _object(request.json_body())
        with self.lock, _refusing_bad_lists():
            return Reply.json(self.settings.create_status, self.store.create(fields).shown())

    def update_list(self, request: Request, slug: str) -> Reply:
        fields = _object(request.json_body())
        with self.lock, _refusing_bad_lists():
            price_list = self._list(slug)
            self.store.update(price_list, fields)
            return Reply.json(200, price_list.shown())

    def delete_list(self, _request: Request, slug: str) -> Reply:
        with self.lock, _refusing_bad_lists():
            self._list(slug)
            self.store.delete(slug)
            return Reply(204)

    def _list(self, slug: str) -> PriceList:
        if slug not in self.store.lists:
            raise Refused(404, f"there is no price list {slug!r}")
        return self.store.lists[slug]

    # Prices

    def list_prices(self, _request: Request, slug: str) -> Reply:
        with self.lock:
            prices = self._list(slug).prices
            rows = [{"sku": sku, **_shown(row)} for sku in sorted(prices) for row in prices[sku]]
        return Reply.json(200, rows) if rows else Reply(204)

    def update_list_prices(self, request: Request, slug: str) -> Reply:
        with self.lock:
            self._list(slug)
        return self._write(request, *self._entries(request, slug=slug), slugs={slug}) or self._written()

    def update_prices(self, request: Request) -> Reply:
        entries, errors = self._entries(request)
        return self._write(request, entries, errors, {each.slug for each in entries}) or self._written()

    def clear_list_prices(self, _request: Request, slug: str) -> Reply:
        with self._updating({slug}) as store:
            store.clear(slug)
        return Reply(204)

    def sku_prices(self, _request: Request, sku: str) -> Reply:
        with self.lock:
            lists = sorted(self.store.lists.values(), key=lambda each: each.slug)
            found = [(each.slug, each.prices[sku]) for each in lists if sku in each.prices]
        return Reply.json(200, [{"price_list_slug": slug, "pricing": [*map(_shown, rows)]} for slug, rows in found])

    def update_sku_prices(self, request: Request, sku: str) -> Reply:
        entries, errors = self._entries(request, sku=sku)
        return self._write(request, entries, errors, {each.slug for each in entries}) or self.sku_prices(request, sku)

    def _entries(self, request: Request, **named: str) -> tuple[list[Entry], list[RowError]]:
        body = request.json_body()
        if not isinstance(body, list):
            raise Refused(400, "the body must be an array, without an envelope")
        most = self.settings.max_entries
        if most is not None and len(body) > most:
            raise Refused(413, f"a request may hold at most {most} entries")
        return read_entries(body, self.settings, **named)

    def _write(
        self, request: Request, entries: Sequence[Entry], errors: Sequence[RowError], slugs: Collection[str]
    ) -> Reply | None:
        """Store the entries. Returns an error reply when something is wrong with them, else None."""
        with self._updating(slugs) as store:
            if errors and self.settings.atomic:
                return self._row_errors(errors)
            half = request.faulted("half")
            store.write(list(entries[: (len(entries) + 1) // 2] if half else entries))
        if half:
            raise Refused(500, "something went wrong")
        return self._row_errors(errors) if errors else None

    @contextmanager
    def _updating(self, slugs: Collection[str]) -> Iterator[Store]:
        """Give the store to an update of these lists. While it is processed, any other update of them is refused (409)."""
        with self.lock:
            for slug in slugs:
                self._list(slug)
            if not self._in_flight.isdisjoint(slugs):
                raise Refused(409, "another update of this price list is in progress")
            store, in_flight = self.store, self._in_flight
            in_flight.update(slugs)
            try:
                if self.settings.processing_seconds:
                    self.lock.wait(self.settings.processing_seconds)
                if not store.lists.keys() >= set(slugs):
                    raise Refused(404, "the price list was deleted meanwhile")
                yield store
            finally:
                in_flight.difference_update(slugs)

    def _written(self) -> Reply:
        return Reply(204) if self.settings.patch_status == 204 else Reply.json(self.settings.patch_status, [])

    def _row_errors(self, errors: Sequence[RowError]) -> Reply:
        if self.settings.errors_as == "rows":
            return Reply.json(400, [{"line": e.line, "field": e.field, "message": e.message} for e in errors])
        listed = [{"code": "invalid", "message": e.message, "property": f"[{e.line}].{e.field}"} for e in errors]
        body = {"title": phrase(400), "status": 400, "detail": "some entries are not valid", "errors": listed}
        return Reply.json(400, body, "application/problem+json")

    # The truth

    def state(self) -> dict[str, Any]:
        with self.lock:
            live = sum(self.clock.now() < ends for _, ends in self._tokens.values())
            return {**store_document(self.store), "tokens": live, "settings": dataclasses.asdict(self.settings)}

    def change(self, body: Any) -> dict[str, Any]:
        store, settings, revoke = changed_store(body, self.store, self.settings)
        self.store = store
        if revoke:
            self._tokens = {}
        if settings != self.settings:
            self._use(settings)
        return {}


def _shown(row: Row) -> dict[str, Any]:
    """Return a price as the API shows it: tax_type and display_tax_rate can be written but not read."""
    return {name: row[name] for name in ("quantity", "price", "unit_of_measure")}


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refused(400, "the body must be an object")
    return body


@contextmanager
def _refusing_bad_lists() -> Iterator[None]:
    try:
        yield
    except BadList as error:
        raise Refused(400, str(error)) from error


def _whole_parameter(request: Request, name: str, default: int, most: int | None) -> int:
    raw = request.query.get(name, str(default))
    found = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) <= 18 else 0
    if found < 1 or (most is not None and found > most):
        raise Refused(400, f"{name} must be a whole number of at least 1" + (f" and at most {most}" if most else ""))
    return found


_ROUTES = Routes(
    {
        "GET /api/v2/price-lists": SparkLayer.lists_page,
        "GET /api/v2/price-lists-num-manual-prices": SparkLayer.lists_with_counts,
        "GET /api/v1/price-lists": SparkLayer.every_list,
        "POST /api/v1/price-lists": SparkLayer.create_list,
        "GET /api/v1/price-lists/{slug}": SparkLayer.one_list,
        "PATCH /api/v1/price-lists/{slug}": SparkLayer.update_list,
        "DELETE /api/v1/price-lists/{slug}": SparkLayer.delete_list,
        "GET /api/v1/price-lists/{slug}/pricing": SparkLayer.list_prices,
        "PATCH /api/v1/price-lists/{slug}/pricing": SparkLayer.update_list_prices,
        "DELETE /api/v1/price-lists/{slug}/pricing": SparkLayer.clear_list_prices,
        "PATCH /api/v1/batch-update-pricing": SparkLayer.update_prices,
        "GET /api/v1/pricing/{sku}": SparkLayer.sku_prices,
        "PATCH /api/v1/pricing/{sku}": SparkLayer.update_sku_prices,
    }
)
