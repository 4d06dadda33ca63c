"""What a person does to a spreadsheet on screen, between two calls of a program.

An action names a spreadsheet (title or id), usually a tab (title; by default the first) and what to `do`. Rows count
from 1 and columns have letters, as a person sees them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.google import batch_cells, batch_tabs, batch_update
from vendor_sandbox.google.dimensions import Axis, delete, insert, move, sort
from vendor_sandbox.google.ranges import Area, column_number, quoted_title
from vendor_sandbox.google.sheet import Book, Draft, Tab
from vendor_sandbox.google.values_write import write
from vendor_sandbox.values import BadChange, checked, flag, known_members, one_of, text, texts, whole
from vendor_sandbox.wire import Refused

Action = Mapping[str, Any]


def act(books: Mapping[str, Book], action: object) -> Book:
    """Return a copy of the spreadsheet after the action. Raises BadChange for an action that is impossible."""
    kind = action.get("do") if isinstance(action, dict) else None
    if not isinstance(kind, str) or kind not in _ACTIONS:
        raise BadChange(f"unknown action {kind!r}; known: {', '.join(_ACTIONS)}")
    options, carry_out = _ACTIONS[kind]
    asked = known_members(action, ("do", "spreadsheet", "tab", *options), f"person {kind!r}")
    draft = Draft(find_book(books, asked.get("spreadsheet")).copy(), who=None)
    tab = draft.book.tabs[0]
    if "tab" in asked:
        found = draft.book.titled(checked(text, asked["tab"], "person: tab"))
        if found is None:
            raise BadChange(f"person: there is no tab {asked['tab']!r}")
        tab = found
    try:
        carry_out(draft, tab, asked)
    except Refused as refused:
        raise BadChange(f"person {kind!r}: {refused.detail}") from refused
    return draft.book


def find_book(books: Mapping[str, Book], wanted: object) -> Book:
    """Return the spreadsheet with this id, or the first with this title. Raises BadChange when there is none."""
    if isinstance(wanted, str):
        if wanted in books:
            return books[wanted]
        for book in books.values():
            if book.title == wanted:
                return book
    raise BadChange(f"there is no spreadsheet {wanted!r}")


def _row(asked: Action, name: str) -> int:
    return int(checked(whole(1), asked.get(name), f"person: {name}")) - 1


def _column(asked: Action, name: str) -> int:
    letters = checked(text, asked.get(name), f"person: {name}")
    if not letters.isascii() or not letters.isalpha() or len(letters) > 3:
        raise BadChange(f"person: {name} must be the letters of a column")
    return column_number(letters)


def _count(asked: Action) -> int:
    return int(checked(whole(1), asked.get("count", 1), "person: count"))


def _line(asked: Action, name: str, axis: Axis) -> int:
    return _row(asked, name) if axis == "ROWS" else _column(asked, name)


def _area(draft: Draft, tab: Tab, asked: Action, default: Area) -> Area:
    if "range" not in asked:
        return default
    return draft.book.find(f"{quoted_title(tab.title)}!{checked(text, asked['range'], 'person: range')}")[1]


def _type(draft: Draft, tab: Tab, asked: Action) -> None:
    """Type into cells, so that formulas and dates are read; `values` are rows from the cell on."""
    cell = checked(text, asked.get("cell"), "person: cell")
    area = draft.book.find(f"{quoted_title(tab.title)}!{cell}")[1]
    values = asked.get("values", [[asked.get("value", "")]])
    if not isinstance(values, list) or not all(isinstance(row, list) for row in values):
        raise BadChange("person: values must be rows of values")
    write(draft, tab, area, [[_plain(each) for each in row] for row in values], typed=True)


def _plain(value: object) -> object:
    """Turn exact numbers from JSON into the doubles that a spreadsheet has."""
    return value if value is None or isinstance(value, bool | str | int | list | dict) else float(str(value))


def _insert(axis: Axis) -> Callable[[Draft, Tab, Action], None]:
    def carry_out(draft: Draft, tab: Tab, asked: Action) -> None:
        at = _line(asked, "at", axis)
        insert(draft, tab, axis, at, _count(asked), like_before=at > 0)
        if "values" in asked:
            start = f"A{at + 1}" if axis == "ROWS" else f"{asked['at']}1"
            _type(draft, tab, {"cell": start, "values": asked["values"]})

    return carry_out


def _delete(axis: Axis) -> Callable[[Draft, Tab, Action], None]:
    def carry_out(draft: Draft, tab: Tab, asked: Action) -> None:
        at = _line(asked, "at", axis)
        delete(draft, tab, axis, at, at + _count(asked))

    return carry_out


def _move(axis: Axis) -> Callable[[Draft, Tab, Action], None]:
    """Return the action that moves lines in front of the line called `to` before the move."""

    def carry_out(draft: Draft, tab: Tab, asked: Action) -> None:
        at = _line(asked, "at", axis)
        move(draft, tab, axis, at, at + _count(asked), _line(asked, "to", axis))

    return carry_out


def _sort(draft: Draft, tab: Tab, asked: Action) -> None:
    area = _area(draft, tab, asked, Area(top=1))
    descending = checked(flag, asked.get("descending", False), "person: descending")
    sort(draft, tab, area.clipped(tab.row_count, tab.column_count), [(_column(asked, "by"), descending)])


def _rename_tab(draft: Draft, tab: Tab, asked: Action) -> None:
    title = checked(text, asked.get("to"), "person: to")
    if any(other is not tab and other.title.casefold() == title.casefold() for other in draft.book.tabs):
        raise BadChange(f"person: there is a tab {title!r} already")
    tab.title = title


def _rename_header(draft: Draft, tab: Tab, asked: Action) -> None:
    for column in range(tab.column_count):
        if tab.value(0, column) == asked.get("from"):
            write(draft, tab, Area(0, column, 1, column + 1), [[asked.get("to", "")]], typed=True)
            return
    raise BadChange(f"person: there is no header {asked.get('from')!r}")


def _filter(draft: Draft, tab: Tab, asked: Action) -> None:
    tab.filter = _area(draft, tab, asked, Area()), {"criteria": asked.get("criteria", {})}


def _unfilter(_draft: Draft, tab: Tab, _asked: Action) -> None:
    tab.filter = None


def _protect(draft: Draft, tab: Tab, asked: Action) -> None:
    area = _area(draft, tab, asked, Area())
    users = list(checked(texts, asked.get("editors", []), "person: editors"))
    protected = {
        "range": area.grid_range(tab.sheet_id),
        "editors": {"users": users},
        "warningOnly": checked(flag, asked.get("warning_only", False), "person: warning_only"),
    }
    batch_update.add_protection(draft, {"protectedRange": protected})


def _unprotect(_draft: Draft, tab: Tab, _asked: Action) -> None:
    tab.protections = []


def _merge(draft: Draft, tab: Tab, asked: Action) -> None:
    tab.merge(_area(draft, tab, asked, Area()))


def _unmerge(_draft: Draft, tab: Tab, _asked: Action) -> None:
    tab.merges = []


def _add_tab(draft: Draft, _tab: Tab, asked: Action) -> None:
    batch_tabs.add_tab(draft, {"properties": {"title": checked(text, asked.get("title"), "person: title")}})


def _delete_tab(draft: Draft, tab: Tab, _asked: Action) -> None:
    batch_tabs.delete_tab(draft, {"sheetId": tab.sheet_id})


def _share(draft: Draft, _tab: Tab, asked: Action) -> None:
    draft.book.role = checked(one_of("writer", "reader"), asked.get("role", "writer"), "person: role")


def _unshare(draft: Draft, _tab: Tab, _asked: Action) -> None:
    draft.book.role = None


def _trash(draft: Draft, _tab: Tab, _asked: Action) -> None:
    draft.book.trashed = True


def _restore(draft: Draft, _tab: Tab, _asked: Action) -> None:
    draft.book.trashed = False


def _rename(draft: Draft, _tab: Tab, asked: Action) -> None:
    draft.book.title = checked(text, asked.get("to"), "person: to")


def _format(draft: Draft, tab: Tab, asked: Action) -> None:
    cell = {"userEnteredFormat": {"numberFormat": asked.get("number_format", {"type": "TEXT"})}}
    where = _area(draft, tab, asked, Area()).grid_range(tab.sheet_id)
    _, repeat = batch_cells.KINDS["repeatCell"]
    repeat(draft, {"range": where, "cell": cell, "fields": "userEnteredFormat.numberFormat"})


_ACTIONS: Mapping[str, tuple[tuple[str, ...], Callable[[Draft, Tab, Action], None]]] = {
    "type": (("cell", "value", "values"), _type),
    "insert_rows": (("at", "count", "values"), _insert("ROWS")),
    "delete_rows": (("at", "count"), _delete("ROWS")),
    "insert_columns": (("at", "count", "values"), _insert("COLUMNS")),
    "delete_columns": (("at", "count"), _delete("COLUMNS")),
    "move_rows": (("at", "count", "to"), _move("ROWS")),
    "move_columns": (("at", "count", "to"), _move("COLUMNS")),
    "sort": (("range", "by", "descending"), _sort),
    "rename_tab": (("to",), _rename_tab),
    "rename_header": (("from", "to"), _rename_header),
    "filter": (("range", "criteria"), _filter),
    "unfilter": ((), _unfilter),
    "protect": (("range", "editors", "warning_only"), _protect),
    "unprotect": ((), _unprotect),
    "merge": (("range",), _merge),
    "unmerge": ((), _unmerge),
    "add_tab": (("title",), _add_tab),
    "delete_tab": ((), _delete_tab),
    "share": (("role",), _share),
    "unshare": ((), _unshare),
    "trash": ((), _trash),
    "restore": ((), _restore),
    "rename_spreadsheet": (("to",), _rename),
    "format": (("range", "number_format"), _format),
}
