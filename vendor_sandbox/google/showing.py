"""A spreadsheet as `spreadsheets.get` shows it: properties, tabs, metadata and, when asked for, the cells."""

from collections.abc import Sequence
from typing import Any

from vendor_sandbox.google.asking import Ask, array, flag, members
from vendor_sandbox.google.cells import Held, data_of, value_of
from vendor_sandbox.google.display import Failed, effective, formatted
from vendor_sandbox.google.entering import shown_extended
from vendor_sandbox.google.masks import named
from vendor_sandbox.google.metadata import place_on, read_filter
from vendor_sandbox.google.ranges import Area, Box
from vendor_sandbox.google.sheet import Book, Protection, Tab

_ERRORS = {"#NAME?": "NAME", "#REF!": "REF", "#VALUE!": "VALUE", "#DIV/0!": "DIVIDE_BY_ZERO"}


def spreadsheet_document(book: Book, places: Sequence[tuple[Tab, Area]], grid_data: bool) -> dict[str, Any]:
    """Return the spreadsheet. With `places`, only their tabs, and only their cells as grid data."""
    tabs = [tab for tab in book.tabs if not places or any(where is tab for where, _ in places)]
    found: dict[str, Any] = {
        "spreadsheetId": book.id,
        "properties": {"title": book.title, "autoRecalc": "ON_CHANGE", **book.properties},
        "sheets": [_sheet(book, tab, [area for where, area in places if where is tab] or [Area()], grid_data) for tab in tabs],
        "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{book.id}/edit",
    }
    if book.named:
        found["namedRanges"] = [
            {"namedRangeId": name_id, "name": name, "range": area.grid_range(sheet_id)}
            for name_id, name, sheet_id, area in book.named
        ]
    if own := place_on(book, None):
        found["developerMetadata"] = own
    return found


def _sheet(book: Book, tab: Tab, areas: Sequence[Area], grid_data: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"properties": sheet_properties(book, tab)}
    if grid_data:
        found["data"] = [_grid_data(book, tab, area.clipped(tab.row_count, tab.column_count)) for area in areas]
    if tab.filter is not None:
        area, rest = tab.filter
        found["basicFilter"] = {"range": area.grid_range(tab.sheet_id), **rest}
    if tab.merges:
        found["merges"] = [area.grid_range(tab.sheet_id) for area in tab.merges]
    if tab.protections:
        found["protectedRanges"] = [protection_document(tab, each, None) for each in tab.protections]
    if own := place_on(book, tab):
        found["developerMetadata"] = own
    return found


def sheet_properties(book: Book, tab: Tab) -> dict[str, Any]:
    grid = {"rowCount": tab.row_count, "columnCount": tab.column_count}
    if tab.frozen_rows:
        grid["frozenRowCount"] = tab.frozen_rows
    if tab.frozen_columns:
        grid["frozenColumnCount"] = tab.frozen_columns
    return {
        "sheetId": tab.sheet_id,
        "title": tab.title,
        "index": book.tabs.index(tab),
        "sheetType": "GRID",
        "gridProperties": grid,
        **({"hidden": True} if tab.hidden else {}),
        **tab.properties,
    }


def protection_document(tab: Tab, each: Protection, who: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"protectedRangeId": each.id, "range": each.area.grid_range(tab.sheet_id), **each.rest}
    if who is not None:
        found["requestingUserCanEdit"] = who in each.editors
    if each.unprotected:
        found["unprotectedRanges"] = [area.grid_range(tab.sheet_id) for area in each.unprotected]
    if not each.rest.get("warningOnly"):
        found["editors"] = {"users": list(each.editors)}
    return found


def _grid_data(book: Book, tab: Tab, box: Box) -> dict[str, Any]:
    rows = []
    for cells in tab.slice(box):
        values = [_cell(book, tab, held) for held in cells]
        while values and not values[-1]:
            values.pop()
        rows.append({"values": values} if values else {})
    while rows and not rows[-1]:
        rows.pop()
    found: dict[str, Any] = {}
    if box.top:
        found["startRow"] = box.top
    if box.left:
        found["startColumn"] = box.left
    return {**found, **({"rowData": rows} if rows else {})}


def _cell(book: Book, tab: Tab, held: Held) -> dict[str, Any]:
    data = data_of(held)
    found: dict[str, Any] = {}
    value = value_of(held)
    if value is not None:
        worth = effective(book, tab, held)
        found["userEnteredValue"] = shown_extended(value)
        if isinstance(worth, Failed):
            found["effectiveValue"] = {"errorValue": {"type": _ERRORS.get(worth, "ERROR"), "message": str(worth)}}
        else:
            found["effectiveValue"] = shown_extended("" if worth is None else worth)
        found["formattedValue"] = formatted(worth, data.get("userEnteredFormat", {}).get("numberFormat", {}))
    found.update(data)
    if "userEnteredFormat" in data:
        found["effectiveFormat"] = data["userEnteredFormat"]
    return found


# Calls


def get(ask: Ask) -> dict[str, Any]:
    """Answer `spreadsheets.get`. A field mask, if sent, decides about grid data, whatever includeGridData says."""
    places = [ask.book.find(text) for text in ask.query.get("ranges", [])]
    grid_data = named(dict(ask.fields), "sheets", "data") if ask.fields else ask.flag("includeGridData")
    return spreadsheet_document(ask.book, places, grid_data)


def get_by_filter(ask: Ask) -> dict[str, Any]:
    known = ("dataFilters", "includeGridData", "excludeTablesInBandedRanges", "commentsViewMode")
    body = members(ask.body, known, "body")
    places = [
        place for each in array(body.get("dataFilters", []), "data_filters") for place in read_filter(each).places(ask.book)
    ]
    grid_data = (
        named(dict(ask.fields), "sheets", "data") if ask.fields else flag(body.get("includeGridData"), "include_grid_data")
    )
    return spreadsheet_document(ask.book, places, grid_data)
