"""A stand-in for the Selling Partner API of Amazon: logging in, and reading the catalogue.

Operations: https://github.com/amzn/selling-partner-api-models, models/catalog-items-api-model/catalogItems_2022-04-01.json;
rates: https://developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits. What they leave open is a setting
(`settings.Settings`).
"""

import dataclasses
import threading
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vendor_sandbox.amazon.asking import Search, read_item_query, read_search
from vendor_sandbox.amazon.change import changed_store, store_document
from vendor_sandbox.amazon.sections import browse_class, emptied, shown
from vendor_sandbox.amazon.settings import MARKETPLACE_IDS, Settings
from vendor_sandbox.amazon.store import PARENT, Store
from vendor_sandbox.amazon.tokens import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, TOKEN_PATH, Tokens
from vendor_sandbox.boots import Boots, Item
from vendor_sandbox.catalogue import Catalogue
from vendor_sandbox.faults import Kinds
from vendor_sandbox.limits import Bucket, Clock
from vendor_sandbox.values import texts
from vendor_sandbox.vendor import Routes, Vendor, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

_ITEMS_PATH = "/catalog/2022-04-01/items"
_TOKEN_HEADER = "x-amz-access-token"  # noqa: S105
_CODES = {403: "Unauthorized", 404: "NOT_FOUND", 429: "QuotaExceeded", 500: "InternalFailure", 503: "ServiceUnavailable"}
_RATE_SHOWN_ON = (200, 400, 404)


class Amazon(Vendor):
    """The boots' listings in the marketplaces, and one seller who may read them."""

    name = "amazon"
    own_faults: ClassVar[Kinds] = {"empty_sections": {"asins": texts}, "no_next_token": {}}

    def __init__(self, catalogue: Catalogue, clock: Clock, boots: Boots) -> None:
        self._boots = boots
        self._serving = threading.local()
        super().__init__(catalogue, clock)

    def reset(self) -> None:
        with self.lock:
            self.store = Store(lambda: self._boots.items)
            self.tokens = Tokens(self.clock)
            self._use(Settings())

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self._buckets = {
            operation: Bucket(self.clock, settings.rate_per_second, settings.burst) for operation in ("search", "get")
        }

    def env(self, base_url: str) -> dict[str, str]:
        return {
            "AMAZON_LWA_URL": base_url + TOKEN_PATH,
            "AMAZON_BASE_URL": base_url,
            "AMAZON_CLIENT_ID": CLIENT_ID,
            "AMAZON_CLIENT_SECRET": CLIENT_SECRET,
            "AMAZON_REFRESH_TOKEN": REFRESH_TOKEN,
            "AMAZON_CALLS_PER_SECOND": plain_text(self.settings.rate_per_second * self.clock.speed),
            "AMAZON_BURST": str(self.settings.burst),
        }

    def admit(self, request: Request, /) -> Reply | None:
        operation = self._serving.operation = _operation(request)
        with self.lock:
            # Only a call with a good token can be counted for its seller.
            if operation not in self._buckets or self.tokens.fault_of(request.headers.get(_TOKEN_HEADER)):
                return None
            wait = self._buckets[operation].take()
        return self.problem(429, "You exceeded your quota for the requested resource.") if wait else None

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return an error in the shape of what this thread is serving: the login, or the API, which never answers 401."""
        operation = getattr(self._serving, "operation", "")
        if operation == "login":
            error, _, description = detail.partition(": ")
            return self._reply(status, {"error": error, "error_description": description or error}, headers)
        message, details = detail, ""
        if status in (401, 403):
            status, message, details = self.settings.denied_status, "Access to requested resource is denied.", detail
        code = _CODES.get(403 if status == 401 else status, "InvalidInput")
        return self._reply(status, {"errors": [{"code": code, "message": message, "details": details}]}, headers)

    def _reply(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        shown_headers = {"x-amzn-RequestId": str(uuid.uuid4()), **(headers or {})}
        if status in _RATE_SHOWN_ON and getattr(self._serving, "operation", "") in self._buckets:
            shown_headers["x-amzn-RateLimit-Limit"] = str(round(self.settings.rate_per_second * self.clock.speed, 4))
        return Reply.json(status, body, **shown_headers)

    def respond(self, request: Request) -> Reply:
        if request.path == TOKEN_PATH:
            return self._log_in(request)
        with self.lock:
            fault = self.tokens.fault_of(request.headers.get(_TOKEN_HEADER))
        if fault is not None:
            raise Refused(403, fault)
        handler, arguments = _ROUTES.find(request)
        with self.lock:
            return handler(self, request, *arguments)

    def _log_in(self, request: Request) -> Reply:
        if request.method != "POST":
            raise Refused(405, "invalid_request: a token is asked for with POST", {"Allow": "POST"})
        with self.lock:
            granted = self.tokens.grant(request, self.settings.token_seconds, self.settings.bad_client_status)
        return self._reply(200, granted)

    def forget_token(self, request: Request, /) -> None:
        with self.lock:
            self.tokens.forget(request.headers.get(_TOKEN_HEADER))

    # The catalogue

    def search(self, request: Request) -> Reply:
        asked = read_search(request, self.settings)
        found = self._found(asked)
        reachable = found if asked.identifiers else found[: self.settings.keyword_limit]
        start, end = asked.offset, asked.offset + asked.page_size
        body: dict[str, Any] = {"numberOfResults": len(found)}
        if asked.keywords:
            body["numberOfResults"] = max(0, len(found) + self.settings.estimate_off_by) if found else 0
            body["refinements"] = _refinements(found)
        pagination = {}
        if end < len(reachable) and not self._loses_token(asked) and not request.faulted("no_next_token"):
            pagination["nextToken"] = asked.token_for(end)
        if start > 0:
            pagination["previousToken"] = asked.token_for(max(0, start - asked.page_size))
        if pagination:
            body["pagination"] = pagination
        items = [self._shown([item], asked.sections, request) for item in reachable[start:end]]
        return self._reply(200, {**body, "items": items})

    def _found(self, asked: Search) -> list[Item]:
        if asked.identifiers:
            if asked.kind == "SKU" and asked.seller_id != self.settings.seller_id:
                return []
            by_digits = self.settings.codes_match == "digits"
            return self.store.coded(asked.marketplace, asked.kind, asked.identifiers, by_digits)
        found = self.store.worded(asked.marketplace, asked.keywords)
        brands = {brand.casefold() for brand in asked.brands}
        return [
            item
            for item in found
            if not (self.settings.keywords_hide_parents and item.classification == PARENT)
            and (not brands or item.brand.casefold() in brands)
            and (not asked.classifications or browse_class(item)[0] in asked.classifications)
        ]

    def _loses_token(self, asked: Search) -> bool:
        lost = self.settings.lost_token_at_20
        return asked.asked_for_20 and (lost == "always" or (lost == "identifiers" and bool(asked.identifiers)))

    def item(self, request: Request, asin: str) -> Reply:
        marketplaces, sections = read_item_query(request, self.settings)
        listed = [self.store.in_marketplace(each).get(asin) for each in marketplaces]
        items = [item for item in listed if item is not None]
        if not items:
            ids = ",".join(MARKETPLACE_IDS[each] for each in marketplaces)
            raise Refused(404, f"Requested item, {asin}, not found in marketplace(s) {ids}.")
        return self._reply(200, self._shown(items, sections, request))

    def _shown(self, items: Sequence[Item], sections: Sequence[str], request: Request) -> dict[str, Any]:
        found = shown(items, sections, self.store, self.settings.package_hierarchies)
        if request.fault is not None and request.faulted("empty_sections"):
            hit = request.fault.options.get("asins")
            if hit is None or items[0].asin in hit:
                return emptied(found)
        return found

    # The truth

    def state(self) -> dict[str, Any]:
        with self.lock:
            return {**store_document(self.store), "tokens": self.tokens.live(), "settings": dataclasses.asdict(self.settings)}

    def change(self, body: Any) -> dict[str, Any]:
        self.store, settings, revoke = changed_store(body, self.store, self.settings)
        if revoke:
            self.tokens = Tokens(self.clock)
        if settings != self.settings:
            self._use(settings)
        return {}


def _operation(request: Request) -> str:
    """Return what a request counts as: login, search, get, or an empty string for none of them."""
    if request.path == TOKEN_PATH:
        return "login"
    if request.path == _ITEMS_PATH:
        return "search"
    return "get" if request.path.startswith(f"{_ITEMS_PATH}/") else ""


def _refinements(items: Sequence[Item]) -> dict[str, Any]:
    """Return what a keyword search can be narrowed by, the largest group first."""
    brands = Counter(item.brand for item in items)
    classes = Counter(browse_class(item) for item in items)
    return {
        "brands": [{"numberOfResults": count, "brandName": brand} for brand, count in brands.most_common(10)],
        "classifications": [
            {"numberOfResults": count, "displayName": name, "classificationId": browse_id}
            for (browse_id, name), count in classes.most_common(10)
        ],
    }


_ROUTES = Routes({f"GET {_ITEMS_PATH}": Amazon.search, f"GET {_ITEMS_PATH}/{{asin}}": Amazon.item})
