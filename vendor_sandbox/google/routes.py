"""The methods of the API: their paths, their parameters, and the counters they use."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote

from vendor_sandbox.google import batch_update, metadata, showing, store, values_calls
from vendor_sandbox.google.asking import Ask, choice
from vendor_sandbox.wire import Refused, Request


@dataclass(frozen=True)
class Route:
    """One method. `kind` says which counter it uses and which scopes it needs: read, write or drive."""

    method: str
    path: "re.Pattern[str]"
    kind: str
    act: store.Act
    parameters: tuple[str, ...] = ()


def find_route(request: Request) -> tuple[Route, dict[str, str]] | None:
    """Return the method that a request calls and the parts of its path, decoded; None when there is no such method."""
    for route in ROUTES:
        if route.method == request.method and (found := route.path.fullmatch(request.path)):
            return route, {name: unquote(part) for name, part in found.groupdict().items()}
    return None


def read_body(request: Request) -> Mapping[str, Any]:
    """Return the body as a JSON object, {} when there is none. Raises Refused (400) for anything else."""
    if not request.body:
        return {}
    if request.media_type != "application/json":
        raise Refused(400, f"Invalid content type {request.media_type!r}: the body must be application/json")
    try:
        found = json.loads(request.body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"Invalid JSON payload received. {error}") from error
    if not isinstance(found, dict):
        raise Refused(400, "Invalid JSON payload received. Root element must be a message.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def read_query(request: Request, route: Route) -> dict[str, list[str]]:
    """Return the parameters, each with all its values. Raises Refused (400) for an unknown one."""
    found: dict[str, list[str]] = {}
    for name, value in request.pairs:
        if name not in route.parameters and name not in _EVERYWHERE:
            raise Refused(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.')
        found.setdefault(name, []).append(value)
    if "alt" in found:
        choice(found["alt"][-1], "alt", "json")
    return found


_EVERYWHERE = ("alt", "fields", "key", "prettyPrint", "quotaUser")
_SHOWN = ("majorDimension", "valueRenderOption", "dateTimeRenderOption")
_ENTERED = ("valueInputOption", "includeValuesInResponse", "responseValueRenderOption", "responseDateTimeRenderOption")
_GET = ("includeGridData", "ranges", "excludeTablesInBandedRanges", "commentsViewMode")
_FILE = ("supportsAllDrives", "includeItemsFromAllDrives")
_LIST = ("q", "pageSize", "pageToken", "orderBy", "spaces", "corpora", "driveId", *_FILE)
_RANGE = "/values/(?P<range>[^/]+)"


def _sheets(rule: str, act: Callable[[Ask], dict[str, Any]], parameters: tuple[str, ...] = (), kind: str = "") -> Route:
    """Return a method on one spreadsheet, below /v4/spreadsheets/{id}. A GET is a read, anything else a write."""
    method, _, path = rule.partition(" ")
    kind = kind or ("read" if method == "GET" else "write")
    carry_out = store.reading(act) if kind == "read" else store.writing(act)
    return Route(method, re.compile(r"/v4/spreadsheets/(?P<id>[^/:]+)" + path), kind, carry_out, parameters)


ROUTES = (
    _sheets("GET ", showing.get, _GET),
    _sheets("POST :batchUpdate", batch_update.batch_update),
    _sheets("POST :getByDataFilter", showing.get_by_filter, kind="read"),
    _sheets("GET /values:batchGet", values_calls.batch_get, ("ranges", *_SHOWN)),
    _sheets("POST /values:batchUpdate", values_calls.batch_update),
    _sheets("POST /values:batchClear", values_calls.batch_clear),
    _sheets("POST /values:batchGetByDataFilter", values_calls.batch_get_by_filter, kind="read"),
    _sheets("POST /values:batchUpdateByDataFilter", values_calls.batch_update_by_filter),
    _sheets("POST /values:batchClearByDataFilter", values_calls.batch_clear_by_filter),
    _sheets(f"POST {_RANGE}:append", values_calls.append, ("insertDataOption", *_ENTERED)),
    _sheets(f"POST {_RANGE}:clear", values_calls.clear),
    _sheets(f"GET {_RANGE}", values_calls.get, _SHOWN),
    _sheets(f"PUT {_RANGE}", values_calls.update, _ENTERED),
    _sheets("POST /developerMetadata:search", metadata.search, kind="read"),
    _sheets("GET /developerMetadata/(?P<metadataId>[0-9]+)", metadata.get),
    Route("POST", re.compile(r"/v4/spreadsheets/(?P<id>[^/:]+)/sheets/(?P<sheetId>[0-9]{1,10}):copyTo"), "write", store.copy_tab),
    Route("POST", re.compile("/v4/spreadsheets"), "write", store.create),
    Route("GET", re.compile("/drive/v3/files"), "drive", store.list_files, _LIST),
    Route("GET", re.compile("/drive/v3/files/(?P<file>[^/]+)"), "drive", store.one_file, _FILE),
)
