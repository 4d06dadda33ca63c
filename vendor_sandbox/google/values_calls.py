"""The `spreadsheets.values` calls: reading and writing ranges of plain values.

Reference: https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.google.append import table_for
from vendor_sandbox.google.asking import Ask, array, choice, flag, members
from vendor_sandbox.google.cells import with_value
from vendor_sandbox.google.dimensions import insert
from vendor_sandbox.google.display import rendered
from vendor_sandbox.google.metadata import Filter, read_filter
from vendor_sandbox.google.ranges import Area, Box, a1
from vendor_sandbox.google.sheet import Book, Draft, Tab
from vendor_sandbox.google.values_write import DIMENSIONS, Matrix, Written, by_rows, write
from vendor_sandbox.wire import Refused

RENDERS = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
MOMENTS = ("SERIAL_NUMBER", "FORMATTED_STRING")
_RESPONSE = ("includeValuesInResponse", "responseValueRenderOption", "responseDateTimeRenderOption")
_INPUTS = ("RAW", "USER_ENTERED")


@dataclass(frozen=True)
class Showing:
    """How a reply shows values."""

    render: str = "FORMATTED_VALUE"
    moments: str = "SERIAL_NUMBER"
    dimension: str = "ROWS"


# Reading


def value_range(book: Book, tab: Tab, area: Area, showing: Showing) -> dict[str, Any]:
    box = area.clipped(tab.row_count, tab.column_count)
    found: dict[str, Any] = {"range": a1(tab.title, box), "majorDimension": showing.dimension}
    rows = list(_shown_rows(book, tab, box, showing))
    if showing.dimension == "COLUMNS":
        width = max(map(len, rows), default=0)
        rows = [_trimmed([row[at] if at < len(row) else "" for row in rows]) for at in range(width)]
    while rows and not rows[-1]:
        rows.pop()
    if rows:
        found["values"] = rows
    return found


def _shown_rows(book: Book, tab: Tab, box: Box, showing: Showing) -> Iterator[list[Any]]:
    quick = showing.render != "FORMATTED_VALUE"
    for cells in tab.slice(box):
        row = []
        for held in cells:
            if quick and type(held) is str:
                row.append(held)
            else:
                row.append(rendered(book, tab, held, showing.render, showing.moments))
        yield _trimmed(row)


def _trimmed(row: list[Any]) -> list[Any]:
    end = len(row)
    while end and row[end - 1] == "":
        end -= 1
    return row[:end]


def _asked_showing(ask: Ask) -> Showing:
    return Showing(
        ask.option("valueRenderOption", RENDERS[0], *RENDERS),
        ask.option("dateTimeRenderOption", MOMENTS[0], *MOMENTS),
        ask.option("majorDimension", "ROWS", *DIMENSIONS),
    )


def get(ask: Ask) -> dict[str, Any]:
    return value_range(ask.book, *ask.book.find(ask.parts["range"]), _asked_showing(ask))


def batch_get(ask: Ask) -> dict[str, Any]:
    showing = _asked_showing(ask)
    found = [value_range(ask.book, *ask.book.find(text), showing) for text in ask.query.get("ranges", [])]
    return {"spreadsheetId": ask.book.id, **({"valueRanges": found} if found else {})}


def batch_get_by_filter(ask: Ask) -> dict[str, Any]:
    body = members(ask.body, ("dataFilters", "majorDimension", "valueRenderOption", "dateTimeRenderOption"), "body")
    showing = Showing(
        choice(body.get("valueRenderOption", RENDERS[0]), "value_render_option", *RENDERS),
        choice(body.get("dateTimeRenderOption", MOMENTS[0]), "date_time_render_option", *MOMENTS),
        choice(body.get("majorDimension", "ROWS"), "major_dimension", *DIMENSIONS),
    )
    # Sorted by position, as recorded; ranges that are equal within the grid share one entry.
    by_place: dict[tuple[int, int, int, int, int], list[Filter]] = {}
    for wanted in _filters(body):
        for tab, area in wanted.places(ask.book):
            box = area.clipped(tab.row_count, tab.column_count)
            place = (ask.book.tabs.index(tab), box.top, box.left, box.bottom, box.right)
            by_place.setdefault(place, []).append(wanted)
    found = [
        {
            "valueRange": value_range(ask.book, ask.book.tabs[tab_index], Area(*corners), showing),
            "dataFilters": [each.sent for each in filters],
        }
        for (tab_index, *corners), filters in sorted(by_place.items(), key=lambda each: each[0])
    ]
    return {"spreadsheetId": ask.book.id, **({"valueRanges": found} if found else {})}


def _filters(body: Mapping[str, Any]) -> list[Filter]:
    return [read_filter(each) for each in array(body.get("dataFilters", []), "data_filters")]


# Writing


def _update_reply(book: Book, done: Written, shown: Showing | None) -> dict[str, Any]:
    """Return an UpdateValuesResponse; zero counts are left out, as proto3 does."""
    found: dict[str, Any] = {"spreadsheetId": book.id, "updatedRange": a1(done.tab.title, done.box)}
    counts = {"updatedRows": done.rows, "updatedColumns": done.columns, "updatedCells": done.cells}
    found.update({name: count for name, count in counts.items() if count})
    if shown is not None:
        area = Area(done.box.top, done.box.left, done.box.bottom, done.box.right)
        found["updatedData"] = value_range(book, done.tab, area, shown)
    return found


def _response_showing(asked: Mapping[str, Any], dimension: str) -> Showing | None:
    if not flag(asked.get("includeValuesInResponse"), "include_values_in_response"):
        return None
    return Showing(
        choice(asked.get("responseValueRenderOption", RENDERS[0]), "response_value_render_option", *RENDERS),
        choice(asked.get("responseDateTimeRenderOption", MOMENTS[0]), "response_date_time_render_option", *MOMENTS),
        dimension,
    )


def _query_showing(ask: Ask, dimension: str) -> Showing | None:
    asked: dict[str, Any] = {name: ask.query[name][-1] for name in _RESPONSE if name in ask.query}
    asked["includeValuesInResponse"] = ask.flag("includeValuesInResponse")
    return _response_showing(asked, dimension)


def _typed(option: object) -> bool:
    if option not in _INPUTS:
        raise Refused(400, "'valueInputOption' is required but not specified")
    return option == "USER_ENTERED"


def _sent_values(ask: Ask) -> tuple[Matrix, str]:
    """Return the body's values and major dimension. Its range, if it has one, must be that of the path."""
    body = members(ask.body, ("range", "majorDimension", "values"), "data")
    book = ask.draft.book
    if "range" in body and book.find(body["range"]) != book.find(ask.parts["range"]):
        raise Refused(400, f"Requested range {ask.parts['range']} does not match the range of the values, {body['range']}")
    dimension = body.get("majorDimension", "ROWS")
    return by_rows(body.get("values"), dimension), dimension


def update(ask: Ask) -> dict[str, Any]:
    typed = _typed(ask.query.get("valueInputOption", [""])[-1])
    values, dimension = _sent_values(ask)
    book = ask.draft.book
    done = write(ask.draft, *book.find(ask.parts["range"]), values, typed)
    return _update_reply(book, done, _query_showing(ask, dimension))


def append(ask: Ask) -> dict[str, Any]:
    typed = _typed(ask.query.get("valueInputOption", [""])[-1])
    inserting = ask.option("insertDataOption", "OVERWRITE", "OVERWRITE", "INSERT_ROWS") == "INSERT_ROWS"
    values, dimension = _sent_values(ask)
    draft = ask.draft
    tab, area = draft.book.find(ask.parts["range"])
    search = area.clipped(tab.row_count, tab.column_count)
    table = table_for(tab, search)
    top, left = (search.top, search.left) if table is None else (table.bottom, table.left)
    new_rows = len(values) if inserting else max(0, top + len(values) - tab.row_count)
    if new_rows:
        at = min(top, tab.row_count) if inserting else tab.row_count
        insert(draft, tab, "ROWS", at, new_rows, like_before=inserting and at > 0)
    start = Area(top, left, top + 1, left + 1)
    nothing = Written(tab, Box(top, left, top + 1, left + 1), 0, 0, 0)
    done = write(draft, tab, start, values, typed) if values else nothing
    found: dict[str, Any] = {"spreadsheetId": draft.book.id}
    if table is not None:
        found["tableRange"] = a1(tab.title, table)
    return {**found, "updates": _update_reply(draft.book, done, _query_showing(ask, dimension))}


def batch_update(ask: Ask) -> dict[str, Any]:
    body = members(ask.body, ("valueInputOption", "data", *_RESPONSE), "body")
    typed = _typed(body.get("valueInputOption"))
    writes = []
    for at, each in enumerate(array(body.get("data", []), "data")):
        sent = members(each, ("range", "majorDimension", "values"), f"data[{at}]")
        dimension = sent.get("majorDimension", "ROWS")
        place = ask.draft.book.find(sent.get("range"))
        writes.append((*place, by_rows(sent.get("values"), dimension), dimension))
    done = [(write(ask.draft, tab, area, values, typed), dimension) for tab, area, values, dimension in writes]
    responses = [_update_reply(ask.draft.book, each, _response_showing(body, how)) for each, how in done]
    return _totals(ask.draft.book, [each for each, _ in done], responses)


def _totals(book: Book, done: Sequence[Written], responses: list[dict[str, Any]]) -> dict[str, Any]:
    written = [each for each in done if each.cells]
    rows = {(each.tab.sheet_id, row) for each in written for row in range(each.box.top, each.box.bottom)}
    columns = {(each.tab.sheet_id, column) for each in written for column in range(each.box.left, each.box.right)}
    counts = {
        "totalUpdatedRows": len(rows),
        "totalUpdatedColumns": len(columns),
        "totalUpdatedCells": sum(each.cells for each in written),
        "totalUpdatedSheets": len({each.tab.sheet_id for each in written}),
    }
    found = {"spreadsheetId": book.id, **{name: count for name, count in counts.items() if count}}
    return {**found, "responses": responses} if responses else found


def batch_update_by_filter(ask: Ask) -> dict[str, Any]:
    body = members(ask.body, ("valueInputOption", "data", *_RESPONSE), "body")
    typed = _typed(body.get("valueInputOption"))
    done, responses = [], []
    for at, each in enumerate(array(body.get("data", []), "data")):
        sent = members(each, ("dataFilter", "majorDimension", "values"), f"data[{at}]")
        wanted = read_filter(sent.get("dataFilter"))
        dimension = sent.get("majorDimension", "ROWS")
        values = by_rows(sent.get("values"), dimension)
        for tab, area in wanted.places(ask.draft.book):
            done.append(write(ask.draft, tab, area, values, typed))
            reply = _update_reply(ask.draft.book, done[-1], _response_showing(body, dimension))
            del reply["spreadsheetId"]
            responses.append({**reply, "dataFilter": wanted.sent})
    return _totals(ask.draft.book, done, responses)


# Clearing


def _clear(draft: Draft, tab: Tab, area: Area) -> str:
    """Clear the values; format, validation and metadata stay."""
    box = area.clipped(tab.row_count, tab.column_count)
    draft.may_change(tab, box)
    for row in range(box.top, min(box.bottom, len(tab.rows))):
        cells = tab.rows[row][box.left : box.right]
        if cells:
            tab.put(row, box.left, [with_value(held, None) for held in cells])
    return a1(tab.title, box)


def clear(ask: Ask) -> dict[str, Any]:
    members(ask.body, (), "body")
    return {"spreadsheetId": ask.draft.book.id, "clearedRange": _clear(ask.draft, *ask.draft.book.find(ask.parts["range"]))}


def batch_clear(ask: Ask) -> dict[str, Any]:
    ranges = array(members(ask.body, ("ranges",), "body").get("ranges", []), "ranges")
    places = [ask.draft.book.find(text) for text in ranges]
    return _cleared(ask, places)


def batch_clear_by_filter(ask: Ask) -> dict[str, Any]:
    wanted = _filters(members(ask.body, ("dataFilters",), "body"))
    return _cleared(ask, [place for each in wanted for place in each.places(ask.draft.book)])


def _cleared(ask: Ask, places: Sequence[tuple[Tab, Area]]) -> dict[str, Any]:
    cleared = [_clear(ask.draft, tab, area) for tab, area in places]
    return {"spreadsheetId": ask.draft.book.id, **({"clearedRanges": cleared} if cleared else {})}
