"""Keys, tokens and call limits. A limit is a fixed window that begins with the first call after the previous window."""

import secrets
from collections.abc import Mapping

from vendor_sandbox.limits import Clock, Window
from vendor_sandbox.plytix.settings import Settings

MAIN, SECOND = "main", "second"
KEYS: Mapping[str, tuple[str, str]] = {
    MAIN: ("sandbox-plytix-key", "sandbox-plytix-password"),
    SECOND: ("sandbox-plytix-second-key", "sandbox-plytix-second-password"),
}
"""API key and password of each account."""


class Quota:
    """The two windows of an account; every call counts in both."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._windows = [Window(clock, most, seconds) for most, seconds in settings.limits]
        self._count_rejected = settings.count_rejected

    def take(self) -> float:
        """Count a call. Returns 0.0 when it has room, else the wall seconds until it has."""
        wait = max(window.wait() for window in self._windows)
        if not wait or self._count_rejected:
            for window in self._windows:
                window.take()
        return wait


class Tokens:
    """The tokens issued, each for one account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: dict[str, tuple[str, float]] = {}

    def give(self, account: str, seconds: float) -> str:
        token = f"sandbox-{secrets.token_hex(24)}"
        self._given[token] = (account, self._clock.now() + seconds)
        return token

    def account(self, authorization: str) -> str | None:
        """Return the account behind an Authorization header. `Bearer` needs its capital B and a single space after it."""
        scheme, _, token = authorization.partition(" ")
        account, ends = self._given.get(token, ("", 0.0))
        return account if scheme == "Bearer" and self._clock.now() < ends else None

    def live(self) -> int:
        return sum(self._clock.now() < ends for _, ends in self._given.values())

    def revoke(self, authorization: str | None = None) -> None:
        """End the token of a header, or all of them."""
        if authorization is None:
            self._given = {}
        else:
            self._given.pop(authorization.partition(" ")[2], None)
