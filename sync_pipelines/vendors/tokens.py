"""A token that a vendor gives for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sync_pipelines.credentials import remember
from sync_pipelines.vendors.failures import Permanent, Reply, shaped

T = TypeVar("T")


def granted(vendor: str) -> Callable[[Reply], tuple[str, float]]:
    """Reads an OAuth reply: the token and the seconds it lasts, an hour where it does not say."""

    @shaped(vendor)
    def read(reply: Reply) -> tuple[str, float]:
        document = reply.json()
        if not isinstance(document["access_token"], str):
            raise TypeError("the token is no text")
        return document["access_token"], float(document.get("expires_in") or 3600)

    return read


class FixedToken:
    """A token that a person made and that does not end."""

    def __init__(self, token: str) -> None:
        self._token = token

    def call(self, send: Callable[[str], T]) -> T:
        return send(self._token)


class Login:
    """Fetches a token when it is first needed, again near its end, and once more when the vendor refuses it.

    fetch: asks the vendor for a token; gives it and the seconds it lasts. refused: the statuses that mean so. early: seconds
    before its end at which it is renewed; a tenth of its life if that is shorter.
    """

    def __init__(self, fetch: Callable[[], tuple[str, float]], refused: tuple[int, ...] = (401,), early: float = 60.0) -> None:
        self._fetch, self._refused, self._early = fetch, refused, early
        self._token, self._renew_at = "", 0.0

    def renew(self) -> None:
        """Get a token now. Raises Permanent when the credentials are refused."""
        self._token, lasts = self._fetch()
        remember(self._token)
        self._renew_at = time.monotonic() + lasts - min(self._early, lasts / 10)

    def call(self, send: Callable[[str], T]) -> T:
        """Make a call with a token that is good. Raises what `send` raises."""
        if not self._token or time.monotonic() >= self._renew_at:
            self.renew()
        try:
            return send(self._token)
        except Permanent as e:
            if e.status not in self._refused:
                raise
        self.renew()
        return send(self._token)
