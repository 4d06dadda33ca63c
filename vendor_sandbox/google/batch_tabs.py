"""The requests of `spreadsheets.batchUpdate` about tabs and the spreadsheet as a whole."""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.google import metadata
from vendor_sandbox.google.asking import flag, members, text, whole
from vendor_sandbox.google.masks import applied, read_mask
from vendor_sandbox.google.ranges import Area
from vendor_sandbox.google.sheet import Book, Draft, Tab
from vendor_sandbox.google.showing import sheet_properties
from vendor_sandbox.wire import Refused

Sent = Mapping[str, Any]

_BOOK_PROPERTIES = ("title", "locale", "timeZone", "autoRecalc", "defaultFormat", "spreadsheetTheme")
_TAB_PROPERTIES = (
    "sheetId",
    "title",
    "index",
    "sheetType",
    "gridProperties",
    "hidden",
    "tabColor",
    "tabColorStyle",
    "rightToLeft",
)
_GRID = (
    "rowCount",
    "columnCount",
    "frozenRowCount",
    "frozenColumnCount",
    "hideGridlines",
    "rowGroupControlAfter",
    "columnGroupControlAfter",
)


def add_tab(draft: Draft, sent: Sent) -> dict[str, Any]:
    book = draft.book
    wanted = members(sent.get("properties", {}), _TAB_PROPERTIES, "properties")
    taken = {tab.sheet_id for tab in book.tabs}
    sheet_id = whole(wanted.get("sheetId"), "sheet_id", _free_id(book, str(wanted.get("title", ""))))
    if sheet_id in taken:
        raise Refused(400, f"addSheet: A sheet with the id {sheet_id} already exists.")
    tab = Tab(sheet_id, "")
    index = whole(wanted.get("index"), "index", len(book.tabs))
    book.tabs.insert(index, tab)
    title = wanted.get("title") or _free_title(book)
    _set_tab(draft, tab, {**wanted, "title": title, "index": min(index, len(book.tabs) - 1)})
    return {"addSheet": {"properties": sheet_properties(book, tab)}}


def _free_id(book: Book, title: str) -> int:
    """Return a free id, made from the title so that it is repeatable; the vendor's are unpredictable."""
    found = sum((at + 1) * 7919 * ord(letter) for at, letter in enumerate(title or "Sheet")) % 2_000_000_000 + 1
    taken = {tab.sheet_id for tab in book.tabs}
    while found in taken:
        found += 1
    return found


def _free_title(book: Book) -> str:
    number = len(book.tabs)
    while book.titled(f"Sheet{number}") is not None:
        number += 1
    return f"Sheet{number}"


def _set_tab(draft: Draft, tab: Tab, wanted: Mapping[str, Any]) -> None:
    """Give a tab the properties of a whole SheetProperties."""
    book = draft.book
    title = text(wanted.get("title"), "title")
    if len(title) > 100:
        raise Refused(400, "A sheet name may hold at most 100 characters.")
    if any(other is not tab and other.title.casefold() == title.casefold() for other in book.tabs):
        raise Refused(400, f'A sheet with the name "{title}" already exists. Please enter another name.')
    tab.title = title
    grid = members(wanted.get("gridProperties", {}), _GRID, "grid_properties")
    rows = whole(grid.get("rowCount"), "row_count", tab.row_count)
    columns = whole(grid.get("columnCount"), "column_count", tab.column_count)
    if rows < tab.row_count or columns < tab.column_count:
        draft.may_change(tab, tab.box)
    tab.resize(rows, columns)
    tab.frozen_rows = whole(grid.get("frozenRowCount"), "frozen_row_count", 0)
    tab.frozen_columns = whole(grid.get("frozenColumnCount"), "frozen_column_count", 0)
    if tab.frozen_rows >= rows or tab.frozen_columns >= columns:
        raise Refused(400, "You can't freeze all visible rows or columns on the sheet.")
    tab.hidden = flag(wanted.get("hidden"), "hidden")
    if all(each.hidden for each in book.tabs):
        raise Refused(400, "You can't hide all the sheets in a document.")
    tab.properties = {name: wanted[name] for name in ("tabColor", "tabColorStyle", "rightToLeft") if name in wanted}
    if "index" in wanted:
        # The index counts the tab at its old place too: beyond that place, the new one is one less.
        before = book.tabs.index(tab)
        target = whole(wanted["index"], "index")
        book.tabs.remove(tab)
        book.tabs.insert(target - 1 if target > before + 1 else target, tab)


def update_tab(draft: Draft, sent: Sent) -> None:
    wanted = members(sent.get("properties"), _TAB_PROPERTIES, "properties")
    tab = draft.book.tab(wanted.get("sheetId", 0))
    mask = read_mask(sent.get("fields"))
    mask.pop("sheetId", None)
    now = sheet_properties(draft.book, tab)
    changed = applied(mask, now, wanted)
    if "index" not in mask:
        changed.pop("index", None)
    # Only its editors may rename or resize a tab that is protected as a whole.
    if any(each.area == Area() for each in tab.protections):
        draft.may_change(tab, tab.box)
    _set_tab(draft, tab, {**changed, "title": changed.get("title")})


def delete_tab(draft: Draft, sent: Sent) -> None:
    book = draft.book
    tab = book.tab(sent.get("sheetId", 0))
    draft.may_change(tab, tab.box)
    if not any(each is not tab and not each.hidden for each in book.tabs):
        raise Refused(400, "You can't remove all the visible sheets in a document.")
    metadata.drop_tab(book, tab)
    book.named = [each for each in book.named if each[2] != tab.sheet_id]
    book.tabs.remove(tab)


def duplicate_tab(draft: Draft, sent: Sent) -> dict[str, Any]:
    book = draft.book
    source = book.tab(sent.get("sourceSheetId", 0))
    title = sent.get("newSheetName") or f"Copy of {source.title}"
    added = {"sheetId": sent.get("newSheetId"), "index": sent.get("insertSheetIndex", 0), "title": title}
    add_tab(draft, {"properties": {name: found for name, found in added.items() if found is not None}})
    tab = book.titled(title) or source
    tab.rows, tab.row_count, tab.column_count = list(source.rows), source.row_count, source.column_count
    tab.frozen_rows, tab.frozen_columns = source.frozen_rows, source.frozen_columns
    return {"duplicateSheet": {"properties": sheet_properties(book, tab)}}


def update_book(draft: Draft, sent: Sent) -> None:
    wanted = members(sent.get("properties"), _BOOK_PROPERTIES, "properties")
    now = {**draft.book.properties, "title": draft.book.title}
    changed = applied(read_mask(sent.get("fields")), now, wanted)
    draft.book.title = text(changed.pop("title", None), "title")
    draft.book.properties = changed
