"""`spreadsheets.batchUpdate`: a list of requests carried out in order, all of them or none.

Reference: https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/batchUpdate.
"""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.google import batch_cells, batch_tabs, metadata
from vendor_sandbox.google.asking import Ask, array, choice, flag, members, text, whole
from vendor_sandbox.google.dimensions import Axis, delete, insert, move, reshape
from vendor_sandbox.google.dimensions import Insert as InsertLines
from vendor_sandbox.google.masks import read_mask
from vendor_sandbox.google.ranges import GRID_RANGE, read_grid_range
from vendor_sandbox.google.sheet import Draft, Protection, Tab
from vendor_sandbox.google.showing import protection_document, spreadsheet_document
from vendor_sandbox.wire import Refused

Sent = Mapping[str, Any]

_PROTECTION = ("protectedRangeId", "range", "description", "warningOnly", "requestingUserCanEdit", "unprotectedRanges", "editors")
_RANGE = ("sheetId", "dimension", "startIndex", "endIndex")


def batch_update(ask: Ask) -> dict[str, Any]:
    known = ("requests", "includeSpreadsheetInResponse", "responseRanges", "responseIncludeGridData", "commentsViewMode")
    body = members(ask.body, known, "body")
    requests = array(body.get("requests", []), "requests")
    if not requests:
        raise Refused(400, "Must specify at least one request.")
    replies = []
    for at, request in enumerate(requests):
        try:
            replies.append(_carried_out(ask, request))
        except Refused as refused:
            raise Refused(refused.status, f"Invalid requests[{at}]: {refused.detail}") from refused
    book = ask.draft.book
    found: dict[str, Any] = {"spreadsheetId": book.id, "replies": replies}
    if flag(body.get("includeSpreadsheetInResponse"), "include_spreadsheet_in_response"):
        places = [book.find(each) for each in array(body.get("responseRanges", []), "response_ranges")]
        found["updatedSpreadsheet"] = spreadsheet_document(
            book, places, flag(body.get("responseIncludeGridData"), "response_include_grid_data")
        )
    return found


def _carried_out(ask: Ask, request: object) -> dict[str, Any]:
    kinds = members(request, (*_KINDS, *batch_cells.KINDS, *_METADATA), "request")
    if len(kinds) != 1:
        raise Refused(400, "exactly one kind of request must be set")
    ((kind, sent),) = kinds.items()
    if not isinstance(sent, dict):
        raise Refused(400, f"Invalid value at '{kind}': must be an object")
    sent = {name: found for name, found in sent.items() if found is not None}
    if kind in _METADATA:
        return _METADATA[kind](ask, sent)
    known, act = _KINDS[kind] if kind in _KINDS else batch_cells.KINDS[kind]
    return act(ask.draft, members(sent, known, kind)) or {}


# Rows and columns


def _axis_range(draft: Draft, sent: object) -> tuple[Tab, Axis, int, int]:
    found = members(sent, _RANGE, "range")
    tab = draft.book.tab(found.get("sheetId", 0))
    axis = _axis(found.get("dimension"))
    size = tab.row_count if axis == "ROWS" else tab.column_count
    start = whole(found.get("startIndex"), "start_index", 0)
    end = whole(found.get("endIndex"), "end_index", size)
    if start >= end:
        raise Refused(400, "Invalid range: the end index must be greater than the start index")
    return tab, axis, start, end


def _axis(value: object) -> Axis:
    return "ROWS" if choice(value, "dimension", "ROWS", "COLUMNS") == "ROWS" else "COLUMNS"


def _append_dimension(draft: Draft, sent: Sent) -> None:
    tab = draft.book.tab(sent.get("sheetId", 0))
    axis = _axis(sent.get("dimension"))
    length = whole(sent.get("length"), "length", least=1)
    reshape(draft, tab, axis, InsertLines(tab.row_count if axis == "ROWS" else tab.column_count, length))


def _insert_dimension(draft: Draft, sent: Sent) -> None:
    tab, axis, start, end = _axis_range(draft, sent.get("range"))
    insert(draft, tab, axis, start, end - start, like_before=flag(sent.get("inheritFromBefore"), "inherit_from_before"))


def _delete_dimension(draft: Draft, sent: Sent) -> None:
    delete(draft, *_axis_range(draft, sent.get("range")))


def _move_dimension(draft: Draft, sent: Sent) -> None:
    move(draft, *_axis_range(draft, sent.get("source")), whole(sent.get("destinationIndex"), "destination_index", 0))


def _auto_resize(draft: Draft, sent: Sent) -> None:
    _axis_range(draft, sent.get("dimensions"))


def _update_dimension(draft: Draft, sent: Sent) -> None:
    """Check the request only: sizes and hidden lines mean nothing here."""
    _axis_range(draft, sent.get("range"))
    members(sent.get("properties"), ("hiddenByUser", "pixelSize", "developerMetadata"), "properties")
    read_mask(sent.get("fields"))


# Filters, protection, names


def _set_filter(draft: Draft, sent: Sent) -> None:
    wanted = members(sent.get("filter"), ("range", "sortSpecs", "criteria", "filterSpecs"), "filter")
    tab, area = draft.book.place(members(wanted.pop("range", None), GRID_RANGE, "range"))
    draft.may_change(tab, area.clipped(tab.row_count, tab.column_count))
    tab.filter = area, wanted


def _clear_filter(draft: Draft, sent: Sent) -> None:
    draft.book.tab(sent.get("sheetId", 0)).filter = None


def add_protection(draft: Draft, sent: Sent) -> dict[str, Any]:
    wanted = members(sent.get("protectedRange"), _PROTECTION, "protected_range")
    taken = {each.id for tab in draft.book.tabs for each in tab.protections}
    wanted_id = whole(wanted.get("protectedRangeId"), "protected_range_id", metadata.next_id(taken), least=1)
    if wanted_id in taken:
        raise Refused(400, f"A protected range with the id {wanted_id} already exists.")
    tab, area = draft.book.place(members(wanted.get("range"), GRID_RANGE, "range"))
    editors = members(wanted.get("editors", {}), ("users", "groups", "domainUsersCanEdit"), "editors")
    users = [str(user) for user in array(editors.get("users", []), "editors.users")]
    if draft.who is not None and draft.who not in users:
        users.append(draft.who)
    free = array(wanted.get("unprotectedRanges", []), "unprotected_ranges")
    rest: dict[str, Any] = {name: wanted[name] for name in ("description", "warningOnly") if name in wanted}
    added = Protection(wanted_id, area, tuple(users), tuple(read_grid_range(each) for each in free), rest)
    tab.protections.append(added)
    return {"addProtectedRange": {"protectedRange": protection_document(tab, added, draft.who)}}


def _delete_protection(draft: Draft, sent: Sent) -> None:
    for tab in draft.book.tabs:
        for each in tab.protections:
            if each.id == sent.get("protectedRangeId"):
                draft.may_change(tab, each.area.clipped(tab.row_count, tab.column_count))
                tab.protections.remove(each)
                return
    raise Refused(400, f"No protected range with id: {sent.get('protectedRangeId')}")


def _add_name(draft: Draft, sent: Sent) -> dict[str, Any]:
    wanted = members(sent.get("namedRange"), ("namedRangeId", "name", "range"), "named_range")
    name = text(wanted.get("name"), "name")
    tab, area = draft.book.place(members(wanted.get("range"), GRID_RANGE, "range"))
    name_id = str(wanted.get("namedRangeId") or f"named-{len(draft.book.named) + 1}-{name}")
    if any(name_id == each[0] or name.casefold() == each[1].casefold() for each in draft.book.named):
        raise Refused(400, f"A named range with the name {name!r} or its id already exists.")
    draft.book.named.append((name_id, name, tab.sheet_id, area))
    shown = {"namedRangeId": name_id, "name": name, "range": area.grid_range(tab.sheet_id)}
    return {"addNamedRange": {"namedRange": shown}}


def _delete_name(draft: Draft, sent: Sent) -> None:
    kept = [each for each in draft.book.named if each[0] != sent.get("namedRangeId")]
    if len(kept) == len(draft.book.named):
        raise Refused(400, f"No named range with id: {sent.get('namedRangeId')}")
    draft.book.named = kept


# Developer metadata


def _create_metadata(ask: Ask, sent: Sent) -> dict[str, Any]:
    wanted = members(sent, ("developerMetadata",), "createDeveloperMetadata").get("developerMetadata")
    entry = metadata.create(ask.draft, wanted, ask.metadata_characters)
    return {"createDeveloperMetadata": {"developerMetadata": entry}}


def _update_metadata(ask: Ask, sent: Sent) -> dict[str, Any]:
    wanted = members(sent, ("dataFilters", "developerMetadata", "fields"), "updateDeveloperMetadata")
    changed = metadata.update(ask.draft, wanted, ask.metadata_characters)
    return {"updateDeveloperMetadata": {"developerMetadata": changed}}


def _delete_metadata(ask: Ask, sent: Sent) -> dict[str, Any]:
    gone = metadata.delete(ask.draft, members(sent, ("dataFilter",), "deleteDeveloperMetadata"))
    return {"deleteDeveloperMetadata": {"deletedDeveloperMetadata": gone} if gone else {}}


Act = Callable[[Draft, Sent], dict[str, Any] | None]

_KINDS: Mapping[str, tuple[tuple[str, ...], Act]] = {
    "addSheet": (("properties",), batch_tabs.add_tab),
    "updateSheetProperties": (("properties", "fields"), batch_tabs.update_tab),
    "deleteSheet": (("sheetId",), batch_tabs.delete_tab),
    "duplicateSheet": (("sourceSheetId", "insertSheetIndex", "newSheetId", "newSheetName"), batch_tabs.duplicate_tab),
    "updateSpreadsheetProperties": (("properties", "fields"), batch_tabs.update_book),
    "appendDimension": (("sheetId", "dimension", "length"), _append_dimension),
    "insertDimension": (("range", "inheritFromBefore"), _insert_dimension),
    "deleteDimension": (("range",), _delete_dimension),
    "moveDimension": (("source", "destinationIndex"), _move_dimension),
    "autoResizeDimensions": (("dimensions",), _auto_resize),
    "updateDimensionProperties": (("range", "properties", "fields"), _update_dimension),
    "setBasicFilter": (("filter",), _set_filter),
    "clearBasicFilter": (("sheetId",), _clear_filter),
    "addProtectedRange": (("protectedRange",), add_protection),
    "deleteProtectedRange": (("protectedRangeId",), _delete_protection),
    "addNamedRange": (("namedRange",), _add_name),
    "deleteNamedRange": (("namedRangeId",), _delete_name),
}

_METADATA: Mapping[str, Callable[[Ask, Sent], dict[str, Any]]] = {
    "createDeveloperMetadata": _create_metadata,
    "updateDeveloperMetadata": _update_metadata,
    "deleteDeveloperMetadata": _delete_metadata,
}
