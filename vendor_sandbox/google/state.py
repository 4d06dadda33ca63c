"""Spreadsheets as documents, as the sandbox's state shows them and a test may load or create them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from vendor_sandbox.google.cells import Dressed, Formula, Held, Row, Value, plain_number
from vendor_sandbox.google.ranges import MOST_COLUMNS, Area, read_grid_range
from vendor_sandbox.google.seed import book_id
from vendor_sandbox.google.sheet import COLUMNS, ROWS, Book, Protection, Tab
from vendor_sandbox.values import BadChange, checked, flag, known_members, mapping, one_of, text, texts, whole
from vendor_sandbox.wire import Refused

_BOOK = ("id", "title", "role", "trashed", "created", "modified", "properties", "tabs", "metadata", "named")
_TAB = (
    "sheetId",
    "title",
    "rows",
    "columns",
    "frozenRows",
    "frozenColumns",
    "hidden",
    "properties",
    "cells",
    "filter",
    "protected",
    "merges",
)
_PROTECTION = ("id", "range", "editors", "unprotected", "rest")


def book_document(book: Book) -> dict[str, Any]:
    """Return a spreadsheet as a document.

    Cells are rows of null, true, a number, a text, {"formula": "=..."} or {"value": one of these, "data": {...}},
    where data holds userEnteredFormat, note and dataValidation as the API names them."""
    return {
        "id": book.id,
        "title": book.title,
        "role": book.role,
        "trashed": book.trashed,
        "created": book.created,
        "modified": book.modified,
        "properties": dict(book.properties),
        "tabs": [_tab_document(tab) for tab in book.tabs],
        "metadata": list(book.metadata),
        "named": [
            {"id": name_id, "name": name, "range": area.grid_range(sheet_id)} for name_id, name, sheet_id, area in book.named
        ],
    }


def _tab_document(tab: Tab) -> dict[str, Any]:
    cells = [[_shown(held) for held in row] for row in tab.rows]
    for row in cells:
        while row and row[-1] is None:
            row.pop()
    while cells and not cells[-1]:
        cells.pop()
    return {
        "sheetId": tab.sheet_id,
        "title": tab.title,
        "rows": tab.row_count,
        "columns": tab.column_count,
        "frozenRows": tab.frozen_rows,
        "frozenColumns": tab.frozen_columns,
        "hidden": tab.hidden,
        "properties": dict(tab.properties),
        "filter": None if tab.filter is None else {**tab.filter[1], "range": tab.filter[0].grid_range(tab.sheet_id)},
        "protected": [
            {
                "id": each.id,
                "range": each.area.grid_range(tab.sheet_id),
                "editors": list(each.editors),
                "unprotected": [area.grid_range(tab.sheet_id) for area in each.unprotected],
                "rest": dict(each.rest),
            }
            for each in tab.protections
        ],
        "merges": [area.grid_range(tab.sheet_id) for area in tab.merges],
        "cells": cells,
    }


def _shown(held: Held) -> Any:
    if isinstance(held, Dressed):
        return {"value": _shown(held.value), "data": dict(held.data)}
    if isinstance(held, Formula):
        return {"formula": held.text}
    return plain_number(held) if isinstance(held, float) else held


def read_book(document: object, where: str) -> Book:
    """Read a spreadsheet from a document; only its title is required. Raises BadChange."""
    found = known_members(document, _BOOK, where)
    title = checked(text, found.get("title"), f"{where}.title")
    tabs = [_read_tab(each, at, f"{where}.tabs[{at}]") for at, each in enumerate(_array(found, "tabs", where, [{}]))]
    if not tabs or len({tab.sheet_id for tab in tabs}) < len(tabs) or len({tab.title for tab in tabs}) < len(tabs):
        raise BadChange(f"{where}.tabs must be one or more, with different titles and ids")
    role = checked(one_of("owner", "writer", "reader", None), found.get("role", "writer"), f"{where}.role")
    book = Book(str(found.get("id") or book_id(title)), title, role, tabs)
    book.trashed = checked(flag, found.get("trashed", False), f"{where}.trashed")
    book.created = str(found.get("created", book.created))
    book.modified = str(found.get("modified", book.modified))
    book.properties = {**book.properties, **checked(mapping, found.get("properties", {}), f"{where}.properties")}
    book.metadata = [checked(mapping, each, f"{where}.metadata") for each in _array(found, "metadata", where, [])]
    for each in _array(found, "named", where, []):
        name = known_members(each, ("id", "name", "range"), f"{where}.named")
        area = _area(name.get("range"), f"{where}.named.range")
        book.named.append((str(name.get("id")), str(name.get("name")), name["range"].get("sheetId", 0), area))
    return book


def _read_tab(document: object, at: int, where: str) -> Tab:
    found = known_members(document, _TAB, where)
    cells = [_read_row(row, f"{where}.cells[{index}]") for index, row in enumerate(_array(found, "cells", where, []))]
    tab = Tab(
        checked(whole(0), found.get("sheetId", at), f"{where}.sheetId"),
        checked(text, found.get("title", f"Sheet{at + 1}"), f"{where}.title"),
        checked(whole(1), found.get("rows", max(ROWS, len(cells))), f"{where}.rows"),
        checked(whole(1, MOST_COLUMNS), found.get("columns", max([COLUMNS, *map(len, cells)])), f"{where}.columns"),
        cells,
        checked(whole(0), found.get("frozenRows", 0), f"{where}.frozenRows"),
        checked(whole(0), found.get("frozenColumns", 0), f"{where}.frozenColumns"),
        checked(flag, found.get("hidden", False), f"{where}.hidden"),
        checked(mapping, found.get("properties", {}), f"{where}.properties"),
    )
    if len(cells) > tab.row_count or any(len(row) > tab.column_count for row in cells):
        raise BadChange(f"{where}.cells do not fit the grid")
    if found.get("filter") is not None:
        rest = dict(checked(mapping, found["filter"], f"{where}.filter"))
        tab.filter = _area(rest.pop("range", {}), f"{where}.filter.range"), rest
    tab.protections = [_read_protection(each, f"{where}.protected") for each in _array(found, "protected", where, [])]
    tab.merges = [_area(each, f"{where}.merges") for each in _array(found, "merges", where, [])]
    return tab


def _read_protection(document: object, where: str) -> Protection:
    found = known_members(document, _PROTECTION, where)
    return Protection(
        checked(whole(1), found.get("id"), f"{where}.id"),
        _area(found.get("range", {}), f"{where}.range"),
        checked(texts, found.get("editors", []), f"{where}.editors"),
        tuple(_area(each, f"{where}.unprotected") for each in _array(found, "unprotected", where, [])),
        checked(mapping, found.get("rest", {}), f"{where}.rest"),
    )


def _area(sent: object, where: str) -> Area:
    try:
        return read_grid_range(checked(mapping, sent, where))
    except Refused as refused:
        raise BadChange(f"{where}: {refused.detail}") from refused


def _read_row(row: object, where: str) -> Row:
    if not isinstance(row, list):
        raise BadChange(f"{where} must be an array")
    return [read_cell(cell, where) for cell in row]


def read_cell(cell: Any, where: str) -> Held:
    if isinstance(cell, dict) and "formula" not in cell:
        found = known_members(cell, ("value", "data"), where)
        return Dressed(_read_value(found.get("value"), where), checked(mapping, found.get("data", {}), where))
    return _read_value(cell, where)


def _read_value(value: Any, where: str) -> Value:
    match value:
        case None | bool():
            return value
        case str():
            return value or None
        case int() | float() | Decimal():
            return float(value)
        case {"formula": str(formula)} if len(value) == 1:
            return Formula(formula)
    raise BadChange(f"{where}: {value!r} is not a cell")


def _array(found: Mapping[str, Any], name: str, where: str, default: list[Any]) -> list[Any]:
    value = found.get(name, default)
    if not isinstance(value, list):
        raise BadChange(f"{where}.{name} must be an array")
    return value
