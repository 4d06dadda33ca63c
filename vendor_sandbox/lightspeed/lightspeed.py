"""A stand-in for Lightspeed Retail X-Series: https://x-series-api.lightspeedhq.com.

It serves 2.0, 2.1, 3.0 and the versions by date. What the vendor's documents leave open is a setting (`settings.Settings`).
"""

import time
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from vendor_sandbox.lightspeed import bulk, change, jobs, pictures
from vendor_sandbox.lightspeed.access import DOMAIN_PREFIX, TOKEN, Grant, Tokens, Window, limit_headers, retry_after
from vendor_sandbox.lightspeed.api import ApiCall, error_reply, version_named
from vendor_sandbox.lightspeed.products_shown import PICTURES
from vendor_sandbox.lightspeed.routes import PATHS, ROUTES, SCOPES_OF
from vendor_sandbox.lightspeed.seed_trade import seeded_store
from vendor_sandbox.lightspeed.settings import Settings
from vendor_sandbox.lightspeed.store import Store
from vendor_sandbox.values import checked, known_members, mapping, with_changes
from vendor_sandbox.vendor import Vendor, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

_TOKEN_PATH = ("api", "1.0", "token")
_LANDS_WITHIN_SECONDS = 180
"""How long a call may take to have its effect: a client looks only after waiting this long."""
_CALLS_OF_A_REGISTER, _CALLS_BESIDE = 300, 50


class Lightspeed(Vendor):
    """One retailer."""

    name = "lightspeed"

    def reset(self) -> None:
        with self.lock:
            self._store: Store | None = None
            self._calls: Counter[str] = Counter()
            self._templates: dict[Any, str] = {}
            self.settings = Settings()
            self.tokens = Tokens(self.clock, self.settings)
            self._windows: dict[str, Window] = {}

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self.tokens.settings = settings
        self._windows = {}
        self._templates.clear()
        if self._store is not None:
            self._fit(self._store)

    def _fit(self, store: Store) -> None:
        """Give a store what the settings say of it."""
        store.lag = self.settings.search_lag
        bulk.add_bulk(store, self.settings.more_products, self.settings.more_sales)

    @cached_property
    def _seed(self) -> Store:
        return seeded_store(self.catalogue, self.clock)

    @property
    def store(self) -> Store:
        """What the retailer has. It is made from the seed on first use."""
        with self.lock:
            if self._store is None:
                self._store = self._seed.copy()
                self._fit(self._store)
            return self._store

    def env(self, base_url: str) -> dict[str, str]:
        scaled = self.clock.on_the_wall
        return {
            "LIGHTSPEED_URL": base_url,
            "LIGHTSPEED_STORE": DOMAIN_PREFIX,
            "LIGHTSPEED_TOKEN": TOKEN,
            "LIGHTSPEED_WINDOW_SECONDS": plain_text(scaled(self.settings.window_seconds)),
            "LIGHTSPEED_LAG_SECONDS": plain_text(scaled(self.settings.search_lag)),
            "LIGHTSPEED_LANDS_WITHIN": plain_text(scaled(_LANDS_WITHIN_SECONDS)),
        }

    # Calls

    def _window(self, application: str) -> Window:
        if application not in self._windows:
            registers = self.settings.registers
            if registers is None:
                registers = sum(not each["deleted_at"] for each in self.store["registers"].after())
            most = _CALLS_OF_A_REGISTER * registers + _CALLS_BESIDE if application else self.settings.token_calls
            self._windows[application] = Window(self.clock, self.settings, most + self.settings.burst)
        return self._windows[application]

    def admit(self, request: Request, /) -> Reply | None:
        """Apply the limit of the application, or of the token endpoint. A call without a token is refused later."""
        with self.lock:
            grant = self.tokens.grant(request.bearer)
            of_token = request.parts == _TOKEN_PATH
            if grant is None and not of_token:
                return None
            window = self._window("" if of_token else grant.application if grant else "")
            wait = window.take()
            if not wait:
                return None
            headers = {**limit_headers(window), "Retry-After": retry_after(wait, self.settings)}
            if of_token:
                headers["X-RateLimit-Reset"] = str(int(time.time() + wait))
        return self.problem(429, "", headers)

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        if status == 429 and "Retry-After" not in (headers or {}):
            headers = {**(headers or {}), "Retry-After": retry_after(1.0, self.settings)}
        return error_reply(self.settings.bad_value if status == 422 else status, detail, headers or {}, self.settings)

    def forget_token(self, request: Request, /) -> None:
        with self.lock:
            self.tokens.revoke(request.bearer or "")

    def operations(self, request: Request, /) -> list[str]:
        """Name a call by its path without version and ids: `GET products/{id}`."""
        try:
            return [f"{request.method} {_route_of(request)}"]
        except Refused:
            return []

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        with self.lock:
            grant = self.tokens.grant(request.bearer)
            if grant is None:
                return reply
            headers = {**limit_headers(self._window(grant.application)), **reply.headers}
        return Reply(reply.status, reply.body, headers)

    def respond(self, request: Request) -> Reply:
        if request.parts[0] == PICTURES:
            with self.lock:
                return pictures.served(self.store, request.parts[-1])
        if request.parts == _TOKEN_PATH:
            if request.method != "POST":
                raise Refused(405, "Tokens are asked for with POST", {"Allow": "POST"})
            with self.lock:
                return self.tokens.answer(request)
        with self.lock:
            grant = self.tokens.grant(request.bearer)
        if grant is None:
            raise Refused(401, "The access token is missing, unknown or has expired")
        if self.settings.user_agent == "required" and not request.headers.get("user-agent"):
            raise Refused(400, "A User-Agent is required")
        return self._answer(request, grant)

    def _answer(self, request: Request, grant: Grant) -> Reply:
        if request.parts[0] != "api" or len(request.parts) < 3:
            raise Refused(404, "There is nothing at this path")
        version = version_named(request.parts[1], self.settings)
        handler, arguments = ROUTES.find(_below(request))
        needed = SCOPES_OF[handler]
        missing = [scope for scope in needed if scope not in grant.scopes]
        if missing:
            raise Refused(403, f"The token lacks a scope: {', '.join(missing)}")
        with self.lock:
            self._calls[f"{request.method} {_route_of(request)}"] += 1
            jobs.run_due(self.store, self.settings.image_fails)
            call = ApiCall(request, version, self.store, self.settings, grant.scopes, self._templates)
            return handler(call, *arguments)

    # The truth

    def state(self) -> dict[str, Any]:
        with self.lock:
            jobs.run_due(self.store, self.settings.image_fails)
            return {
                **change.document_of(self.store),
                "calls": dict(self._calls),
                "settings": self.settings.document(),
                "tokens": self.tokens.live(),
            }

    def change(self, body: Any) -> dict[str, Any]:
        wanted = known_members(body, (*change.MEMBERS, *change.ACCESS, "settings"), "the change")
        settings = self.settings
        if "load" in wanted:
            loaded = dict(checked(mapping, wanted["load"], "load"))
            for told in ("calls", "tokens"):  # of the process that showed them
                loaded.pop(told, None)
            settings = with_changes(settings, loaded.pop("settings", {}))
            wanted["load"] = loaded
        settings = with_changes(settings, wanted.get("settings", {}))
        answer: dict[str, Any] = {}
        members = {name: value for name, value in wanted.items() if name in change.MEMBERS}
        store = None
        if members:
            store = self.store.copy()
            answer = change.change_store(members, store)
        answer |= change.change_access({name: wanted[name] for name in change.ACCESS if name in wanted}, self.tokens)
        if store is not None:
            self._store = store
        if settings != self.settings:
            self._use(settings)
        return answer


def _below(request: Request) -> Request:
    """Return the request with its path below the version."""
    path = "/" + "/".join(request.path.lstrip("/").split("/")[2:])
    return Request(request.method, path, request.query, request.headers, request.body, request.fault, request.pairs)


def _route_of(request: Request) -> str:
    """Return the route of a call: `/products/{id}`. Raises Refused."""
    if len(request.parts) < 3:
        raise Refused(404, "There is nothing at this path")
    return PATHS[ROUTES.find(_below(request))[0]]
