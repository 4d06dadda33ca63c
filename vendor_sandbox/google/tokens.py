"""The sandbox's service account, its key, and the access tokens issued for signed assertions.

Flow: https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
"""

import base64
import binascii
import json
import secrets
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vendor_sandbox.limits import Clock
from vendor_sandbox.wire import Reply, Request

EMAIL = "order-book-sync@sandbox-project.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
TOKEN_PATH = "/token"  # noqa: S105

_AUTH = "https://www.googleapis.com/auth/"
_SHEETS_WRITE = ("spreadsheets", "drive", "drive.file")
_ALLOWED = {
    "write": _SHEETS_WRITE,
    "read": (*_SHEETS_WRITE, "spreadsheets.readonly", "drive.readonly"),
    "drive": ("drive", "drive.file", "drive.readonly", "drive.metadata", "drive.metadata.readonly"),
}
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_ASSERTION = 3600
_SKEW = 300
"""Seconds by which two clocks may differ."""


@cache
def _key() -> rsa.RSAPrivateKey:
    """Return the key. It is made once per process, because that takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_document(token_uri: str) -> dict[str, str]:
    """Return the key file of the service account, as the vendor's console provides it."""
    private = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": "sandbox-project",
        "private_key_id": "sandbox-key",
        "private_key": private.decode(),
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }


class _Unproven(Exception):
    """An assertion that is not accepted: the OAuth error and its description."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error = error


class Tokens:
    """Access tokens and how long they are valid, on the clock given."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self.seconds = seconds
        self._live: dict[str, tuple[frozenset[str], float]] = {}

    def issue(self, *scopes: str) -> str:
        """Issue a token without an assertion, for a test; for all of Sheets and Drive unless scopes are named."""
        token = f"ya29.sandbox-{secrets.token_hex(16)}"
        wanted = frozenset(scopes or (_AUTH + "spreadsheets", _AUTH + "drive"))
        self._live[token] = (wanted, self._clock.now() + self.seconds)
        return token

    def answer(self, request: Request) -> Reply:
        """Answer a call to the token endpoint."""
        try:
            scopes = _proven(request)
        except _Unproven as refused:
            return Reply.json(400, {"error": refused.error, "error_description": str(refused)})
        found = {"access_token": self.issue(*scopes), "expires_in": int(self.seconds), "token_type": "Bearer"}
        return Reply.json(200, found)

    def live(self, token: str | None) -> bool:
        _, ends = self._live.get(token or "", (frozenset(), float("-inf")))
        return ends > self._clock.now()

    def may(self, token: str | None, kind: str) -> bool:
        """Whether the scopes of a live token allow this kind of call: read, write or drive."""
        scopes = self._live[token or ""][0]
        return any(_AUTH + each in scopes for each in _ALLOWED[kind])

    def forget(self, token: str | None) -> None:
        self._live.pop(token or "", None)

    def count(self) -> int:
        return sum(self._clock.now() < ends for _, ends in self._live.values())


def _proven(request: Request) -> list[str]:
    """Check an assertion's signature and claims, and return the scopes that it asks for. Raises _Unproven."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    if form.get("grant_type") != _GRANT:
        raise _Unproven("unsupported_grant_type", "Invalid grant_type")
    head, _, signature = form.get("assertion", "").rpartition(".")
    encoded_header, _, encoded_claims = head.partition(".")
    header, claims = _decoded(encoded_header), _decoded(encoded_claims)
    if header.get("alg") != "RS256":
        raise _Unproven("invalid_grant", "Invalid JWT: the algorithm must be RS256.")
    try:
        _key().public_key().verify(_bytes(signature), head.encode(), padding.PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise _Unproven("invalid_grant", "Invalid JWT Signature.") from error
    own = f"http://{request.headers.get('host', '')}/google{TOKEN_PATH}"
    if claims.get("aud") not in (AUDIENCE, own):
        raise _Unproven("invalid_grant", "Invalid JWT: the audience must be the token endpoint.")
    if claims.get("iss") != EMAIL:
        raise _Unproven("invalid_grant", "Invalid grant: account not found")
    issued, expires, now = claims.get("iat"), claims.get("exp"), time.time()
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        raise _Unproven("invalid_grant", "Invalid JWT: iat and exp are required.")
    if expires < now - _SKEW or issued > now + _SKEW or expires - issued > _LONGEST_ASSERTION:
        raise _Unproven(
            "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        )
    scopes = str(claims.get("scope", "")).split()
    if not scopes:
        raise _Unproven("invalid_scope", "Empty or missing scope not allowed.")
    return scopes


def _decoded(part: str) -> Mapping[str, Any]:
    try:
        found = json.loads(_bytes(part))
    except ValueError as error:
        raise _Unproven("invalid_grant", "Invalid JWT: it cannot be read.") from error
    if not isinstance(found, dict):
        raise _Unproven("invalid_grant", "Invalid JWT: it cannot be read.")
    return found


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise _Unproven("invalid_grant", "Invalid JWT: it cannot be read.") from error
