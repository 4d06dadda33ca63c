"""Tokens, scopes and call limits.

OAuth: https://x-series-api.lightspeedhq.com/docs/authorization, limits: https://x-series-api.lightspeedhq.com/docs/rate_limiting.
"""

import math
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from vendor_sandbox.lightspeed.settings import Settings
from vendor_sandbox.limits import Clock, SlidingWindow
from vendor_sandbox.wire import Reply, Request

TOKEN = "sandbox-lightspeed-personal-token"  # noqa: S105
"""A personal token with all scopes."""
CLIENT_ID, CLIENT_SECRET = "sandbox-lightspeed-client", "sandbox-lightspeed-client-secret"
DOMAIN_PREFIX = "sandbox"

COST = "product:cost:view"
SCOPES = (
    *("products:read", "products:write", "suppliers:read", "suppliers:write", "inventory:read", "inventory:write"),
    *("consignments:read", "consignments:write:stock_order", "consignments:write:stock_transfer"),
    *("consignments:write:inventory_count", "sales:read", "sales:write", "outlets:read", "registers:read"),
    *("taxes:read", "taxes:write", "retailer:read", "payment_types:read", "users:read", "customers:read", COST),
)


@dataclass(frozen=True)
class Grant:
    """What a token may do, until when on the sandbox's clock, and whose limit its calls count in."""

    scopes: Collection[str]
    ends: float
    application: str
    refresh_token: str | None = None


class Tokens:
    """Personal tokens, and OAuth's codes and pairs of tokens. A refresh token is good for one use."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self.settings = settings
        self._grants: dict[str, Grant] = {TOKEN: Grant(SCOPES, math.inf, TOKEN)}
        self._codes: dict[str, Collection[str]] = {}
        self._refresh: dict[str, Collection[str]] = {}
        self._exchanged: dict[str, dict[str, Any]] = {}
        """Replies by the refresh token that was used up for them."""

    def personal(self, scopes: Collection[str], seconds: float | None) -> str:
        """Make a personal token, which ends after so many seconds if at all."""
        token = f"lsxs_pt_{secrets.token_hex(20)}"
        self._grants[token] = Grant(scopes, math.inf if seconds is None else self._clock.now() + seconds, token)
        return token

    def authorize(self, scopes: Collection[str]) -> str:
        """Return the code that a browser brings back when somebody lets the application in."""
        code = secrets.token_urlsafe(20)
        self._codes[code] = scopes
        return code

    def grant(self, token: str | None) -> Grant | None:
        found = self._grants.get(token or "")
        return found if found is not None and self._clock.now() < found.ends else None

    def revoke(self, token: str | None = None) -> None:
        """End an access token, or all tokens."""
        if token is None:
            self._grants, self._refresh, self._codes, self._exchanged = {}, {}, {}, {}
        else:
            self._grants.pop(token, None)

    def live(self) -> int:
        return sum(self._clock.now() < each.ends for each in self._grants.values())

    def answer(self, request: Request) -> Reply:
        """Answer a call to the token endpoint: parameters in a form in the body, nowhere else."""
        if request.media_type != "application/x-www-form-urlencoded":
            return _refusal("invalid_request", "The parameters must be sent as a form.")
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _refusal("invalid_client", "Client authentication failed.", 401)
        match form.get("grant_type"):
            case "authorization_code":
                if "redirect_uri" not in form:
                    return _refusal("invalid_request", "redirect_uri is missing.")
                scopes = self._codes.pop(form.get("code", ""), None)
                return _refusal("invalid_grant", "The code is not valid.") if scopes is None else self._pair(scopes)
            case "refresh_token":
                return self._refreshed(form.get("refresh_token", ""))
        return _refusal("unsupported_grant_type", "This grant type is not offered.")

    def _refreshed(self, used: str) -> Reply:
        scopes = self._refresh.pop(used, None)
        if scopes is None:
            if self.settings.refresh_reuse == "grace" and used in self._exchanged:
                return Reply.json(200, self._exchanged[used])
            return _refusal("invalid_grant", "The refresh token is invalid.")
        self._grants = {token: each for token, each in self._grants.items() if each.refresh_token != used}
        return self._pair(scopes, used)

    def _pair(self, scopes: Collection[str], used: str | None = None) -> Reply:
        access, refresh = secrets.token_urlsafe(30), secrets.token_urlsafe(30)
        seconds = self.settings.token_seconds
        self._grants[access] = Grant(scopes, self._clock.now() + seconds, CLIENT_ID, refresh)
        self._refresh[refresh] = scopes
        lives = self._clock.on_the_wall(seconds)
        body = {
            "access_token": access,
            "token_type": "Bearer",
            "expires": int(time.time() + lives),
            "expires_in": int(lives),
            "refresh_token": refresh,
            "domain_prefix": DOMAIN_PREFIX,
        }
        if self.settings.scope_in_reply:
            body["scope"] = " ".join(scopes)
        if used is not None:
            self._exchanged[used] = body
        return Reply.json(200, body)


def _refusal(error: str, description: str, status: int = 400) -> Reply:
    return Reply.json(status, {"error": error, "error_description": description})


class Window:
    """The calls that an application has left; fixed windows are aligned to the epoch, on the sandbox's clock."""

    def __init__(self, clock: Clock, settings: Settings, most: int) -> None:
        self.most = most
        self._clock, self._settings = clock, settings
        self._offset = time.time() - clock.now()
        self._sliding = SlidingWindow(clock, most, settings.window_seconds) if settings.window == "sliding" else None
        self._number = -1
        self._used = 0

    def take(self) -> float:
        """Count a call. Returns 0.0 when it has room, else the wall seconds until one has."""
        if self._sliding is not None:
            wait = self._sliding.wait()
            if not wait or self._settings.count_refused:
                self._sliding.take()
            return wait
        now, length = self._clock.now() + self._offset, self._settings.window_seconds
        if self._number != now // length:
            self._number, self._used = int(now // length), 0
        if self._used >= self.most:
            return self._clock.on_the_wall(max(0.001, (self._number + 1) * length - now))
        self._used += 1
        return 0.0

    @property
    def left(self) -> int:
        if self._sliding is not None:
            return 0 if self._sliding.wait() else 1
        return self.most - self._used


def retry_after(wait: float, settings: Settings) -> str:
    """Return the header: an HTTP date, rounded up to a whole second, or seconds."""
    if settings.retry_after == "seconds":
        return str(math.ceil(wait))
    return formatdate(math.ceil(time.time() + wait), usegmt=True)


def limit_headers(window: Window) -> Mapping[str, str]:
    return {"X-RateLimit-Limit": str(window.most), "X-RateLimit-Remaining": str(window.left)}
