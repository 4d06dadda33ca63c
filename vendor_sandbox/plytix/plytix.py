"""A stand-in for the Plytix PIM API (V1, and the products of V2) and its token service: https://apidocs.plytix.com.

What the vendor's pages leave open is a setting (`settings.Settings`).
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from vendor_sandbox.boots import Boots
from vendor_sandbox.catalogue import Catalogue
from vendor_sandbox.faults import Kinds
from vendor_sandbox.limits import Clock, Window
from vendor_sandbox.plytix import change, state
from vendor_sandbox.plytix.access import KEYS, MAIN, SECOND, Quota, Tokens
from vendor_sandbox.plytix.calls import ApiCall
from vendor_sandbox.plytix.problems import Problem, entry, error_reply
from vendor_sandbox.plytix.routes import ROUTES
from vendor_sandbox.plytix.seed import seeded_store
from vendor_sandbox.plytix.settings import Settings
from vendor_sandbox.plytix.store import Store
from vendor_sandbox.values import checked, flag, known_members, mapping, with_changes
from vendor_sandbox.vendor import Vendor, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

_TOKEN_PATH = "/auth/api/get-token"  # noqa: S105
_LANDS_WITHIN_SECONDS = 180
"""How long a call may take to have its effect: a client looks only after waiting this long."""

_MEMBERS = ("load", *change.MEMBERS, "accounts", "settings", "revoke_tokens")
_DOCUMENT = (*state.MEMBERS, "accounts", "settings", "tokens")
_OTHERS = tuple(name for name in KEYS if name != MAIN)


class Plytix(Vendor):
    """Two accounts, each with its key, data and counters. In states and changes, `main` is at the top level."""

    name = "plytix"
    own_faults: ClassVar[Kinds] = {"family_lost": {}}

    def __init__(self, catalogue: Catalogue, clock: Clock, boots: Boots) -> None:
        self._boots = boots
        super().__init__(catalogue, clock)

    def reset(self) -> None:
        with self.lock:
            self._stores: dict[str, Store] = {}
            self._tokens = Tokens(self.clock)
            self._use(Settings())

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self._quotas = {name: Quota(self.clock, settings) for name in KEYS}
        self._token_window = Window(self.clock, settings.token_calls + settings.burst, settings.token_window_seconds)

    def store(self, account: str = MAIN) -> Store:
        """Return an account's data as it is now; it is made from the seed on first use."""
        with self.lock:
            if account not in self._stores:
                self._stores[account] = seeded_store(self.clock, account, self._boots)
            self._stores[account].settle()
            return self._stores[account]

    def env(self, base_url: str) -> dict[str, str]:
        (calls, seconds), (calls_per_hour, hour) = self.settings.limits
        key, password = KEYS[MAIN]
        second_key, second_password = KEYS[SECOND]
        scaled = self.clock.on_the_wall
        return {
            "PLYTIX_AUTH_URL": base_url + _TOKEN_PATH,
            "PLYTIX_BASE_URL": f"{base_url}/api/v1",
            "PLYTIX_API_KEY": key,
            "PLYTIX_API_PASSWORD": password,
            "PLYTIX_ACCOUNTS": ",".join(KEYS),
            "PLYTIX_SECOND_API_KEY": second_key,
            "PLYTIX_SECOND_API_PASSWORD": second_password,
            "PLYTIX_CALLS_PER_WINDOW": str(calls),
            "PLYTIX_CALLS_PER_HOUR": str(calls_per_hour),
            "PLYTIX_WINDOW_SECONDS": plain_text(scaled(seconds)),
            "PLYTIX_HOUR_SECONDS": plain_text(scaled(hour)),
            "PLYTIX_TOKEN_SECONDS": plain_text(scaled(self.settings.token_seconds)),
            "PLYTIX_LAG_SECONDS": plain_text(scaled(self.settings.search_lag)),
            "PLYTIX_LANDS_WITHIN": plain_text(scaled(_LANDS_WITHIN_SECONDS)),
        }

    # Calls

    def admit(self, request: Request, /) -> Reply | None:
        """Limit the token service over all accounts, and calls per account. A call without an account is refused later."""
        with self.lock:
            if request.path == _TOKEN_PATH:
                wait = self._token_window.wait()
                if not wait:
                    self._token_window.take()
            else:
                account = self._tokens.account(request.headers.get("authorization", ""))
                wait = self._quotas[account].take() if account else 0.0
        if not wait:
            return None
        return self.problem(429, "Too many requests", {"Retry-After": f"{wait + 0.0005:.3f}"})

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        entries = [entry("http_status_code", 400)] if status == 400 else []
        return error_reply(status, detail, entries, headers)

    def forget_token(self, request: Request, /) -> None:
        with self.lock:
            self._tokens.revoke(request.headers.get("authorization", ""))

    def respond(self, request: Request) -> Reply:
        if request.path == _TOKEN_PATH:
            return self._give_token(request)
        if request.path.endswith("/"):
            return Reply(308, headers={"Location": f"/{self.name}{request.path.rstrip('/')}"})
        with self.lock:
            account = self._tokens.account(request.headers.get("authorization", ""))
            if account is None:
                raise Refused(401, "The access token is missing, unknown or has expired")
            try:
                reply = self._answer(request, account)
            except Problem as problem:
                reply = error_reply(problem.status, problem.message, problem.entries)
        if _is_among(request, self.settings.deprecated):
            reply = Reply(reply.status, reply.body, {**reply.headers, "X-Plytix-Deprecation": "this call will go"})
        return reply

    def _answer(self, request: Request, account: str) -> Reply:
        handler, arguments = ROUTES.find(request)
        if _is_among(request, self.settings.forbidden):
            raise Refused(403, "The role of this key does not allow this call")
        return handler(ApiCall(request, self.store(account), self.settings, self.lock), *arguments)

    def _give_token(self, request: Request) -> Reply:
        if request.method != "POST":
            raise Refused(405, "a token is asked for with POST", {"Allow": "POST"})
        body = request.json_body()
        if not isinstance(body, dict) or not {"api_key", "api_password"} <= body.keys():
            raise Refused(400, "api_key and api_password are required")
        pair = (body["api_key"], body["api_password"])
        account = next((name for name, known in KEYS.items() if known == pair), None)
        if account is None:
            if self.settings.bare_login_errors:
                return Reply.json(401, {"msg": "Invalid credentials"})
            return error_reply(401, "Invalid credentials", [entry("http_status_code", 401)])
        with self.lock:
            given: dict[str, Any] = {"access_token": self._tokens.give(account, self.settings.token_seconds)}
        if self.settings.expires_in:
            given["expires_in"] = int(self.clock.on_the_wall(self.settings.token_seconds))
        return Reply.json(200, {"data": [given]})

    # The truth

    def state(self) -> dict[str, Any]:
        with self.lock:
            return {
                **state.account_document(self.store()),
                "accounts": {name: state.account_document(self.store(name)) for name in _OTHERS},
                "settings": self.settings.document(),
                "tokens": self._tokens.live(),
            }

    def change(self, body: Any) -> dict[str, Any]:
        wanted = known_members(body, _MEMBERS, "the change")
        settings, stores = self.settings, {}
        if "load" in wanted:
            loaded = known_members(wanted["load"], _DOCUMENT, "load")
            settings = with_changes(settings, loaded.get("settings", {}))
            stores = self._loaded(loaded)
        settings = with_changes(settings, wanted.get("settings", {}))
        accounts = known_members(wanted.get("accounts", {}), _OTHERS, "accounts")
        for account, order in ((MAIN, _own(wanted)), *accounts.items()):
            members = known_members(order, change.MEMBERS, f"accounts.{account}")
            if members:
                stores[account] = stores[account] if account in stores else self.store(account).copy()
                change.change_account(members, stores[account])
        revoke = checked(flag, wanted.get("revoke_tokens", False), "revoke_tokens")
        self._stores |= stores
        if revoke:
            self._tokens.revoke()
        if settings != self.settings:
            self._use(settings)
        return {}

    def _loaded(self, document: dict[str, Any]) -> dict[str, Store]:
        own = {name: value for name, value in document.items() if name in state.MEMBERS}
        accounts = known_members(document.get("accounts", {}), _OTHERS, "load.accounts")
        documents = {MAIN: own, **{name: checked(mapping, each, "load") for name, each in accounts.items()}}
        numbers = {name: number for number, name in enumerate(KEYS, start=1)}
        return {
            name: state.loaded_store(each, self.clock, numbers[name], "load" if name == MAIN else f"load.{name}")
            for name, each in documents.items()
        }


def _own(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if name in change.MEMBERS}


def _is_among(request: Request, patterns: tuple[str, ...]) -> bool:
    call = f"{request.method} /{'/'.join(request.parts[2:])}"
    return any(fnmatchcase(call, pattern) for pattern in patterns)
