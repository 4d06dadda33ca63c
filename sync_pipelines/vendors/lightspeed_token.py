"""Lightspeed's tokens: a personal one that a person made and that does not renew, or one of OAuth that does.

Renewing revokes the token before and gives another one to renew with, once. So one process at a time renews, and what it got
is on the disk before it is used: whoever comes later finds it there. Source: the vendor's page on authorization.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from sync_pipelines.credentials import CredentialMissing, remember, secret
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.failures import Permanent, Reply, Transient, shaped
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.vendors.tokens import FixedToken

T = TypeVar("T")

AUTHORIZE = "https://secure.retail.lightspeed.app/connect"
SCOPES = (
    "products:read suppliers:read inventory:read consignments:read sales:read outlets:read registers:read taxes:read "
    "retailer:read payment_types:read users:read products:write inventory:write consignments:write:stock_order suppliers:write"
)
EARLY = 60.0
"""Seconds before its end at which a token is renewed; a tenth of its life if that is shorter."""
LONGEST_TURN = 120.0
"""Seconds to wait while another process renews."""
LOGIN_AGAIN = "Connect the store again: sync-pipelines lightspeed login."


@dataclass(frozen=True)
class Tokens:
    """What a store gave. renew_at: when the access token is to be renewed, seconds of the epoch."""

    access: str
    refresh: str
    renew_at: float


_TOKENS = TypeAdapter(Tokens)


class RenewedToken:
    """A token of OAuth, kept in a file of its own, for its owner alone."""

    def __init__(self, settings: LightspeedSettings, meter: CallMeter, folder: Path) -> None:
        mark = blake2b(settings.account.encode(), digest_size=5).hexdigest()
        self.file = folder / f"lightspeed-{settings.store}-{mark}.json"
        self._lock = FileLock(self.file.with_suffix(".lock"))
        self._http = Http(
            "lightspeed", f"{settings.base_url}/api/1.0", meter=meter, reads=(("POST", r"/token"),), timeout=settings.timeout
        )

    def call(self, send: Callable[[str], T]) -> T:
        """Make a call with a token that is good: renewed near its end, and once more where it is refused."""
        tokens = self._kept()
        if time.time() >= tokens.renew_at:
            tokens = self.renewed(tokens)
        try:
            return send(tokens.access)
        except Permanent as e:
            if e.status != 401:
                raise
        return send(self.renewed(tokens).access)

    def renewed(self, used: Tokens) -> Tokens:
        """Return a token other than the one that was used: another process's, if it renewed meanwhile, or a new one.

        Raises Permanent where the store refuses: also after an answer was lost, if it had renewed, for what the answer held
        cannot be asked for again. Raises Transient while another process is at it for long.
        """
        try:
            with self._lock.acquire(timeout=LONGEST_TURN):
                tokens = self._kept()
                if tokens.access != used.access:
                    return tokens
                return self._granted({"grant_type": "refresh_token", "refresh_token": tokens.refresh})
        except Timeout as e:
            raise Transient(f"lightspeed: a new token: another process has been asking for one for {LONGEST_TURN:.0f} s.") from e

    def begin(self, code: str, redirect_uri: str) -> None:
        """Take in the code that the store gave to a person who allowed the application."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            self._granted({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def _granted(self, asked: dict[str, str]) -> Tokens:
        body = {**asked, "client_id": secret("LIGHTSPEED_CLIENT_ID"), "client_secret": secret("LIGHTSPEED_CLIENT_SECRET")}
        try:
            tokens: Tokens = self._http.request(
                "POST",
                "/token",
                what="a new token",
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(body).encode(),
                read=_granted,
                tries=3,
            )
        except Permanent as e:
            raise Permanent(f"{e} {LOGIN_AGAIN}", status=e.status, body=e.body) from e
        self._keep(tokens)
        return tokens

    def _keep(self, tokens: Tokens) -> None:
        """On the disk before it is used, and nobody else's to read."""
        draft = self.file.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(tokens), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.file)
        remember(tokens.access)
        remember(tokens.refresh)

    def _kept(self) -> Tokens:
        """Raises CredentialMissing where no person has connected the store yet, or the file is damaged."""
        try:
            tokens = _TOKENS.validate_json(self.file.read_bytes(), strict=True)
        except FileNotFoundError as e:
            raise CredentialMissing(
                "LIGHTSPEED_TOKEN is not set, and no store is connected. Put a personal token into .env, or connect the store "
                "with LIGHTSPEED_CLIENT_ID and LIGHTSPEED_CLIENT_SECRET: sync-pipelines lightspeed login."
            ) from e
        except ValidationError:  # whose text has the tokens
            raise CredentialMissing(f"{self.file} is damaged. {LOGIN_AGAIN}") from None
        remember(tokens.access)
        remember(tokens.refresh)
        return tokens


@shaped("lightspeed")
def _granted(reply: Reply) -> Tokens:
    document = reply.json()
    access, refresh, lasts = document["access_token"], document["refresh_token"], float(document.get("expires_in") or 3600)
    if not isinstance(access, str) or not isinstance(refresh, str):
        raise TypeError("a token is no text")
    return Tokens(access, refresh, time.time() + lasts - min(EARLY, lasts / 10))


def token_of(settings: LightspeedSettings, http: Http) -> FixedToken | RenewedToken:
    """The personal token, where there is one; else that of the connected store. Raises CredentialMissing."""
    try:
        return FixedToken(secret("LIGHTSPEED_TOKEN"))
    except CredentialMissing:
        if not os.environ.get("LIGHTSPEED_CLIENT_ID", "").strip():
            raise
    return RenewedToken(settings, http.meter, data_dir() / "tokens")
