"""Google Sheets through gspread, with every request on our own way out: its limits, retries and deadlines are ours.

Sources of the rules: https://developers.google.com/workspace/sheets/api/limits (60 reads and 60 writes a minute for one
login, 2 MB a request), …/sheets/api/guides/values (RAW), …/reference/rest/v4/spreadsheets.values/batchUpdate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rapidjson

from sync_pipelines.vendors.failures import Permanent, RateLimited, Transient, VendorError
from sync_pipelines.vendors.google_account import DRIVE_HOST, SHEETS_HOST
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.http import CallMeter

if TYPE_CHECKING:
    from sync_pipelines.vendors.google_calls import GoogleCalls

log = logging.getLogger(__name__)

DRIVE_FILES = f"https://{DRIVE_HOST}/drive/v3/files"


class SpreadsheetUnknown(Permanent):
    """No spreadsheet, or several, answer to what the settings name."""


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
        from gspread.utils import absolute_range_name, rowcol_to_a1

        first, last = rowcol_to_a1(self.row, self.column), rowcol_to_a1(self.last_row or 1, self.last_column)
        end = last if self.last_row else last.rstrip("0123456789")
        return str(absolute_range_name(self.tab, f"{first}:{end}"))


Row = Sequence[Any]
"""Values of one row: text, Decimal, int, bool; None leaves a cell as it is, "" empties it."""


class Sheets:
    """Client of one Google login. Reads and writes have a quota each, shared by all processes on this machine."""

    def __init__(self, http: GoogleCalls) -> None:
        self.http = http

    @classmethod
    def connect(
        cls, settings: GoogleSettings, meter: CallMeter, writes_on: Callable[[], bool], limits: Path | None = None
    ) -> Sheets:
        """Raises CredentialMissing when there is no usable key file, HostRefused for an address not allowed."""
        from sync_pipelines.vendors.google_calls import GoogleCalls

        return cls(GoogleCalls(settings, meter, writes_on, limits))

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
            "q": f'mimeType="application/vnd.google-apps.spreadsheet" and name="{asked}"',
            "pageSize": 1000,
            "fields": "nextPageToken,files(id,name,trashed)",
            "supportsAllDrives": True,
            "includeItemsFromAllDrives": True,
        }
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
            "dataFilters": [{"a1Range": str(cells)} for cells in ranges],
            "majorDimension": "ROWS",
            "valueRenderOption": "UNFORMATTED_VALUE",
            "dateTimeRenderOption": "SERIAL_NUMBER",
        }
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
            title,
            m.get("startRowIndex", 0) + 1,
            m.get("startColumnIndex", 0) + 1,
            m.get("endRowIndex", rows),
            m.get("endColumnIndex", columns),
        )
        for m in merges
    )
    return Tab(title, properties.get("sheetId", 0), rows, columns, tuple(merged))


def size(rows: Sequence[Row]) -> int:
    """Bytes that values take in a request."""
    return len(rapidjson.dumps(rows, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False).encode())


__all__ = ["Cells", "Row", "Sheets", "SpreadsheetUnknown", "Tab", "VendorError", "size"]
