"""Google Sheets through gspread, with every request on our own way out: its limits, retries and deadlines are ours.

Sources of the rules: https://developers.google.com/workspace/sheets/api/limits (60 reads and 60 writes a minute for one
login, 2 MB a request), …/sheets/api/guides/values (RAW), …/reference/rest/v4/spreadsheets.values/batchUpdate.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import rapidjson
from google.auth.exceptions import GoogleAuthError
from google.oauth2.service_account import Credentials
from gspread.http_client import HTTPClient
from gspread.utils import absolute_range_name, rowcol_to_a1

from sync_pipelines.credentials import CredentialMissing, remember
from sync_pipelines.settings import GoogleSettings
from sync_pipelines.vendors.http import CallMeter, Http, Permanent, RateLimited, Reply, Transient, VendorError

log = logging.getLogger(__name__)

SHEETS_HOST, DRIVE_HOST = "sheets.googleapis.com", "www.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive.metadata.readonly")
READS = (
    ("GET", r"/v4/spreadsheets/[^/]+"),
    ("GET", r"/v4/spreadsheets/[^/]+/values.*"),
    ("POST", r"/v4/spreadsheets/[^/]+/values:batchGetByDataFilter"),
    ("GET", r"/drive/v3/files(/[^/]+)?"),
)
DRIVE_FILES = f"https://{DRIVE_HOST}/drive/v3/files"
RATE_REASONS = frozenset({"userRateLimitExceeded", "rateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
"""Reasons of a 403 that is as good as a 429 (https://developers.google.com/workspace/drive/api/guides/handle-errors)."""
PROTECTED = "protected cell or object"
"""What the reply says of a protected range, whatever its status: recorded is 400."""
RENEW_BEFORE = 300.0


class SpreadsheetUnknown(Permanent):
    """No spreadsheet, or several, answer to what the settings name."""


class CellsProtected(Permanent):
    """The login may not write to some of the cells: somebody protected them. Nothing was written."""


@dataclass(frozen=True)
class Tab:
    """One tab: its grid is `rows` × `columns` cells, empty ones included. Of merged cells only the top left one has a value."""

    title: str
    sheet_id: int
    rows: int
    columns: int
    merges: tuple[Cells, ...] = ()


@dataclass(frozen=True)
class Cells:
    """A rectangle of a tab, counted from 1, both ends included. `last_row` None: to the end of the grid."""

    tab: str
    row: int
    column: int
    last_row: int | None
    last_column: int

    def __str__(self) -> str:
        first, last = rowcol_to_a1(self.row, self.column), rowcol_to_a1(self.last_row or 1, self.last_column)
        end = last if self.last_row else last.rstrip("0123456789")
        return str(absolute_range_name(self.tab, f"{first}:{end}"))


Row = Sequence[Any]
"""Values of one row: text, Decimal, int, bool; None leaves a cell as it is, "" empties it."""


class Sheets:
    """Client of one Google login. Reads and writes have a quota each, shared by all processes on this machine."""

    def __init__(self, http: _OwnHttp) -> None:
        self.http = http

    @classmethod
    def connect(
        cls, settings: GoogleSettings, meter: CallMeter, writes_on: Callable[[], bool], limits: Path | None = None
    ) -> Sheets:
        """Raises CredentialMissing when there is no usable key file, HostRefused for an address not allowed."""
        return cls(_OwnHttp(settings, meter, writes_on, limits))

    def close(self) -> None:
        self.http.close()

    @property
    def login(self) -> str:
        """The mail address that a spreadsheet has to be shared with."""
        return str(self.http.credentials.service_account_email)

    def find(self, title: str) -> str:
        """The id of the one spreadsheet with this title that is not in the bin. Raises SpreadsheetUnknown when it is not just
        one. One call for 1,000 spreadsheets of that title."""
        asked = title.replace("\\", "\\\\").replace('"', '\\"')
        query = {
            "q": f'mimeType="application/vnd.google-apps.spreadsheet" and name="{asked}"', "pageSize": 1000,
            "fields": "nextPageToken,files(id,name,trashed)", "supportsAllDrives": True, "includeItemsFromAllDrives": True,
        }  # fmt: skip
        listed: list[dict[str, Any]] = []
        page: dict[str, Any] = {"nextPageToken": None}
        while "nextPageToken" in page:
            page = self.http.request("get", DRIVE_FILES, params={**query, "pageToken": page["nextPageToken"]}).json()
            listed += [f for f in page.get("files", ()) if f["name"] == title]
        found = [f["id"] for f in listed if not f.get("trashed")]
        if len(found) == 1:
            return str(found[0])
        if found:
            raise SpreadsheetUnknown(
                f"google: {len(found)} spreadsheets are titled {title!r}. Name it by its id: {', '.join(found)}."
            )
        if listed:
            raise SpreadsheetUnknown(
                f"google: what is titled {title!r} is in the bin ({', '.join(f['id'] for f in listed)}). Restore it, or share "
                f"the spreadsheet that is meant with {self.login}."
            )
        raise SpreadsheetUnknown(f"google: no spreadsheet is titled {title!r}. Share it with {self.login}.")

    def in_bin(self, spreadsheet: str) -> bool | None:
        """Whether this spreadsheet is in the bin; None where Drive does not say: its API may be off for this login, or down."""
        try:
            found = self.http.request(
                "get", f"{DRIVE_FILES}/{spreadsheet}", params={"fields": "trashed", "supportsAllDrives": True}
            )
        except (Permanent, RateLimited, Transient) as e:
            if isinstance(e, Permanent) and e.status not in (403, 404):
                raise
            log.info("google: whether spreadsheet %s is in the bin is not known: %s", spreadsheet, e)
            return None
        return bool(found.json().get("trashed"))

    def tabs(self, spreadsheet: str) -> dict[str, Tab]:
        """Every tab by its title. One read."""
        fields = "sheets(properties(sheetId,title,gridProperties(rowCount,columnCount)),merges)"
        found = self.http.fetch_sheet_metadata(spreadsheet, params={"fields": fields, "includeGridData": "false"})
        tabs = [_tab(sheet["properties"], sheet.get("merges", ())) for sheet in found.get("sheets", ())]
        return {tab.title: tab for tab in tabs if tab}

    def values(self, spreadsheet: str, ranges: Sequence[Cells]) -> list[list[list[Any]]]:
        """What stands in these rectangles, row by row, without the empty ends. One read, however many there are.

        Dates are numbers: days since 1899-12-30. Numbers are int or Decimal.
        """
        body = {
            "dataFilters": [{"a1Range": str(cells)} for cells in ranges], "majorDimension": "ROWS",
            "valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "SERIAL_NUMBER",
        }  # fmt: skip
        url = f"https://{SHEETS_HOST}/v4/spreadsheets/{spreadsheet}/values:batchGetByDataFilter"
        found = self.http.request("post", url, json=body).json().get("valueRanges", [])
        by_range: dict[str, list[list[Any]]] = {}
        for each in found:
            for asked in each.get("dataFilters", ()):
                by_range[asked["a1Range"]] = each["valueRange"].get("values", [])
        missing = [str(cells) for cells in ranges if str(cells) not in by_range]
        if missing:
            raise Transient(f"google: the reply leaves out {', '.join(missing[:3])}, which was asked for")
        return [by_range[str(cells)] for cells in ranges]

    def reserve_write(self) -> None:
        """Wait, now, for the quota of the next write: so that what is looked up for it is not old when it goes out."""
        self.http.reserve_write()

    def write(self, spreadsheet: str, data: Sequence[tuple[Cells, Sequence[Row]]]) -> None:
        """Put values where they are said to go, as they are: no text becomes a formula, a number or a date. One write.

        Not repeated here. Raises RateLimited and NeverSent (nothing was done), Permanent (refused), Transient and NoReply
        (what became of it is not known).
        """
        ranges = [{"range": str(cells), "majorDimension": "ROWS", "values": rows} for cells, rows in data]
        self.http.values_batch_update(spreadsheet, {"valueInputOption": "RAW", "data": ranges})

    def change(self, spreadsheet: str, requests: Sequence[Mapping[str, Any]]) -> None:
        """Change the spreadsheet's build: tabs, grid, formats. All of it or nothing. One write, not repeated here."""
        self.http.batch_update(spreadsheet, {"requests": list(requests)})


def _tab(properties: Mapping[str, Any], merges: Sequence[Mapping[str, int]]) -> Tab | None:
    """None for a tab without a grid, such as a chart."""
    title, grid = properties["title"], properties.get("gridProperties")
    if grid is None:
        return None
    rows, columns = grid["rowCount"], grid["columnCount"]
    merged = (
        Cells(
            title, m.get("startRowIndex", 0) + 1, m.get("startColumnIndex", 0) + 1,
            m.get("endRowIndex", rows), m.get("endColumnIndex", columns),
        )
        for m in merges
    )  # fmt: skip
    return Tab(title, properties.get("sheetId", 0), rows, columns, tuple(merged))


class _OwnHttp(HTTPClient):
    """What gspread sends, sent by us: reads are retried, writes are their sender's affair."""

    def __init__(
        self, settings: GoogleSettings, meter: CallMeter, writes_on: Callable[[], bool], limits: Path | None
    ) -> None:
        self.timeout = None
        self.credentials = _credentials(settings)
        rates = [(settings.calls_per_minute, settings.quota_seconds)]

        def out(url: str, kind: str, rates: Sequence[tuple[int, float]] = ()) -> Http:
            file = limits / f"google-{kind}.db" if limits else None
            return _GoogleHttp(
                "google", url, meter=meter, reads=READS, writes_on=writes_on, rates=rates, limits_file=file,
                timeout=settings.timeout, deadline=settings.deadline,
            )  # fmt: skip

        self._reads = out(settings.sheets_url, "reads", rates)
        self._writes = out(settings.sheets_url, "writes", rates)
        self._drive = out(settings.drive_url, "drive")
        token = urlsplit(self.credentials._token_uri)
        self._login = Http(
            "google", f"{token.scheme}://{token.netloc}", meter=CallMeter(), reads=(("POST", r".*"),), timeout=60.0
        )
        self._renew_at = 0.0

    def reserve_write(self) -> None:
        self._writes.reserve()

    def close(self) -> None:
        for http in (self._reads, self._writes, self._drive, self._login):
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
        for attempt in (1, 2):
            try:
                return http.request(  # type: ignore[no-any-return]
                    method, parts.path, what=_what(method, parts.path), params=_strings(params), body=json,
                    headers={"Authorization": f"Bearer {self._token()}"}, read=_answer, **options,
                )  # fmt: skip
            except Permanent as e:
                if e.status != 401 or attempt == 2:
                    raise self._told(e) from e
                self._renew_at = 0.0
        raise AssertionError("unreachable")

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

    def _token(self) -> str:
        """A token that will hold for a while. `refresh` is called as such: what google-auth wraps around it would start a
        thread that calls another host."""
        if time.monotonic() >= self._renew_at:
            try:
                self.credentials.refresh(self._send_login)
            except GoogleAuthError as e:
                raise Permanent(f"google: login of {self.credentials.service_account_email}: {e}", status=401) from e
            remember(self.credentials.token)
            self._renew_at = time.monotonic() + 3600 - RENEW_BEFORE
        return str(self.credentials.token)

    def _send_login(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> _Login:
        """What google-auth asks of a transport."""
        reply = self._login.request(method, urlsplit(url).path, what="login", headers=headers, body=body)
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


def _credentials(settings: GoogleSettings) -> Any:
    """Raises CredentialMissing for a key file that is not there or not one."""
    path = settings.service_account_file
    if path is None:
        raise CredentialMissing(
            "GOOGLE_SERVICE_ACCOUNT_FILE is not set: the path of the service account's JSON key file."
        )
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        remember(str(info["private_key_id"]))
        return Credentials.from_service_account_info(info, scopes=SCOPES)  # type: ignore[no-untyped-call]
    except OSError as e:
        raise CredentialMissing(f"GOOGLE_SERVICE_ACCOUNT_FILE: {path} cannot be read: {e.strerror}") from e
    except (ValueError, KeyError, TypeError) as e:
        raise CredentialMissing(
            f"GOOGLE_SERVICE_ACCOUNT_FILE: {path} is no key file of a service account ({type(e).__name__}). Make a JSON key "
            "for it in the Google Cloud console."
        ) from None


def _strings(params: Any) -> Any:
    """Query values as text; what gspread leaves unset is left out."""
    if params is None:
        return None
    return {
        name: str(value) if isinstance(value, bool) else value
        for name, value in dict(params).items()
        if value is not None
    }


def _what(method: str, path: str) -> str:
    return f"{method} {path.rsplit('/', 1)[-1][:60]}"


def size(rows: Sequence[Row]) -> int:
    """Bytes that values take in a request."""
    return len(rapidjson.dumps(rows, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False).encode())


__all__ = ["Cells", "Row", "Sheets", "SpreadsheetUnknown", "Tab", "VendorError", "size"]
