"""Every request that goes to Google: the login, the way out with its limits and retries, and what a refusal means.

Sources of the rules: https://developers.google.com/workspace/sheets/api/limits (60 reads and 60 writes a minute for one
login), …/workspace/drive/api/guides/handle-errors, …/identity/protocols/oauth2/service-account.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from google.auth.exceptions import GoogleAuthError
from gspread.http_client import HTTPClient

from sync_pipelines.vendors.failures import Permanent, RateLimited, Reply, Transient
from sync_pipelines.vendors.google_account import DRIVE_HOST, CellsProtected, service_account
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.tokens import Login

READS = (
    ("GET", r"/v4/spreadsheets/[^/]+"),
    ("GET", r"/v4/spreadsheets/[^/]+/values.*"),
    ("POST", r"/v4/spreadsheets/[^/]+/values:batchGetByDataFilter"),
    ("GET", r"/drive/v3/files(/[^/]+)?"),
)
RATE_REASONS = frozenset({"userRateLimitExceeded", "rateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
"""Reasons of a 403 that is as good as a 429 (https://developers.google.com/workspace/drive/api/guides/handle-errors)."""
PROTECTED = "protected cell or object"
"""What the reply says of a protected range, whatever its status: recorded is 400."""
RENEW_BEFORE = 300.0


class GoogleCalls(HTTPClient):
    """What gspread sends, sent by us: reads are retried, writes are their sender's affair."""

    def __init__(self, settings: GoogleSettings, meter: CallMeter, writes_on: Callable[[], bool], limits: Path | None) -> None:
        self.timeout = None
        self.credentials = service_account(settings)
        rates = [(settings.calls_per_minute, settings.quota_seconds)]

        def out(url: str, kind: str, rates: Sequence[tuple[int, float]] = ()) -> Http:
            file = limits / f"google-{kind}.db" if limits else None
            return _GoogleHttp(
                "google",
                url,
                meter=meter,
                reads=READS,
                writes_on=writes_on,
                rates=rates,
                limits_file=file,
                timeout=settings.timeout,
                deadline=settings.deadline,
            )

        self._reads = out(settings.sheets_url, "reads", rates)
        self._writes = out(settings.sheets_url, "writes", rates)
        self._drive = out(settings.drive_url, "drive")
        token = urlsplit(self.credentials._token_uri)
        self._out_to_login = Http(
            "google", f"{token.scheme}://{token.netloc}", meter=CallMeter(), reads=(("POST", r".*"),), timeout=60.0
        )
        self._login = Login(self._fetch_token, early=RENEW_BEFORE)

    def reserve_write(self) -> None:
        self._writes.reserve()

    def close(self) -> None:
        for http in (self._reads, self._writes, self._drive, self._out_to_login):
            http.close()

    def request(  # type: ignore[override]
        self,
        method: str,
        endpoint: str,
        params: Any = None,
        data: Any = None,
        json: Mapping[str, Any] | None = None,
        files: Any = None,
        headers: Any = None,
    ) -> _Answer:
        """Called by gspread for everything. Raises VendorError and its kin, never gspread's APIError."""
        parts = urlsplit(endpoint)
        method = method.upper()
        http = self._drive if parts.hostname == DRIVE_HOST else self._reads
        read = http.is_read(method, parts.path)
        if http is self._reads and not read:
            http = self._writes
        options: dict[str, Any] = {} if read else {"retry": lambda _: False}

        def send(token: str) -> _Answer:
            answer: _Answer = http.request(
                method,
                parts.path,
                what=_what(method, parts.path),
                params=_strings(params),
                body=json,
                headers={"Authorization": f"Bearer {token}"},
                read=_answer,
                **options,
            )
            return answer

        try:
            return self._login.call(send)
        except Permanent as e:
            raise self._told(e) from e

    def _told(self, error: Permanent) -> Permanent:
        if PROTECTED in error.body:
            return CellsProtected(
                f"{error} Some of the cells are protected: let {self.credentials.service_account_email} edit them (Data > "
                "Protect sheets and ranges), or take the protection off the columns of the layout and the rows below",
                status=error.status,
                body=error.body,
            )
        if error.status not in (403, 404):
            return error
        text = (
            f"{error} Is the spreadsheet shared, as editor, with {self.credentials.service_account_email}?"
            if error.status == 403
            else f"{error} There is no such spreadsheet, or it was deleted: correct the setting."
        )
        return Permanent(text, status=error.status, body=error.body)

    def _fetch_token(self) -> tuple[str, float]:
        """`refresh` is called as such: what google-auth wraps around it would start a thread that calls another host."""
        try:
            self.credentials.refresh(self._send_login)
        except GoogleAuthError as e:
            raise Permanent(f"google: login of {self.credentials.service_account_email}: {e}", status=401) from e
        return str(self.credentials.token), 3600.0

    def _send_login(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> _Login:
        """What google-auth asks of a transport."""
        reply = self._out_to_login.request(method, urlsplit(url).path, what="login", headers=headers, body=body)
        return _Login(reply.status, reply.headers, reply.text.encode())


class _GoogleHttp(Http):
    """A way out on which a 403 about the rate is what it is elsewhere: 429."""

    def _once(self, *call: Any) -> Reply:
        try:
            return super()._once(*call)
        except Permanent as e:
            if e.status != 403 or RATE_REASONS.isdisjoint(_reasons(e.body)):
                raise
            self.meter.refused[self.vendor] += 1
            raise RateLimited(str(e), status=e.status, body=e.body, retry_after=e.retry_after) from e


def _reasons(body: str) -> set[str]:
    """The reasons that an error names: Drive's in `errors`, those of the Sheets API in `details`."""
    try:
        error = json.loads(body)["error"]
        return {str(each.get("reason")) for name in ("errors", "details") for each in error.get(name) or ()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


@dataclass(frozen=True)
class _Login:
    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True)
class _Answer:
    """As much of a requests.Response as gspread looks at."""

    body: dict[str, Any]

    def json(self) -> dict[str, Any]:
        return self.body


def _answer(reply: Reply) -> _Answer:
    body = reply.json()
    if not isinstance(body, dict):
        raise Transient("google: the reply is no object", status=reply.status)
    return _Answer(body)


def _strings(params: Any) -> Any:
    """Query values as text; what gspread leaves unset is left out."""
    if params is None:
        return None
    return {name: str(value) if isinstance(value, bool) else value for name, value in dict(params).items() if value is not None}


def _what(method: str, path: str) -> str:
    return f"{method} {path.rsplit('/', 1)[-1][:60]}"
