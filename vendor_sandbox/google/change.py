"""The changes that a test may make behind the API's back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.google.person import act, find_book
from vendor_sandbox.google.quota import Settings
from vendor_sandbox.google.ranges import MOST_COLUMNS
from vendor_sandbox.google.sheet import Book, Tab
from vendor_sandbox.google.state import read_book
from vendor_sandbox.values import BadChange, checked, flag, known_members, whole, with_changes

COUNTERS = ("reads", "writes", "drive_calls", "largest_write", "large_writes")
_MEMBERS = ("load", "create", "grid", "person", "settings", "revoke_tokens")
_DOCUMENT = ("spreadsheets", "settings", "tokens", "formulas_entered", *COUNTERS)


@dataclass(frozen=True)
class Changed:
    """The truth after a change. `counters` and `formulas` are set only when a state was loaded."""

    books: dict[str, Book]
    settings: Settings
    counters: Mapping[str, int]
    formulas: list[dict[str, Any]] | None
    created: list[str]
    revoke_tokens: bool


def changed(body: object, books: Mapping[str, Book], settings: Settings) -> Changed:
    """Apply a change: members in the order load, create, grid, person, settings. Raises BadChange."""
    wanted = known_members(body, _MEMBERS, "the change")
    books = dict(books)
    loaded: dict[str, Any] = {}
    if "load" in wanted:
        loaded = known_members(wanted["load"], _DOCUMENT, "load")
        books = {book.id: book for each in _array(loaded, "spreadsheets") for book in [read_book(each, "load")]}
        settings = with_changes(settings, loaded.get("settings", {}))
    created = [read_book(each, "create") for each in _array(wanted, "create")]
    for book in created:
        if book.id in books:
            raise BadChange(f"create: a spreadsheet with the id {book.id!r} exists; give this one another id")
        books[book.id] = book
    for each in _array(wanted, "grid"):
        _resize(books, each)
    for action in _array(wanted, "person"):
        book = act(books, action)
        books[book.id] = book
    return Changed(
        books,
        with_changes(settings, wanted.get("settings", {})),
        {name: checked(whole(0), loaded[name], f"load.{name}") for name in COUNTERS if name in loaded},
        _array(loaded, "formulas_entered") if "load" in wanted else None,
        [book.id for book in created],
        bool(checked(flag, wanted.get("revoke_tokens", False), "revoke_tokens")),
    )


def find_tab(book: Book, title: str | None) -> Tab:
    """Return the tab with exactly this title, the first tab for None. Raises BadChange."""
    for tab in book.tabs:
        if title in (None, tab.title):
            return tab
    raise BadChange(f"there is no tab {title!r} in {book.title!r}")


def _resize(books: dict[str, Book], order: object) -> None:
    found = known_members(order, ("spreadsheet", "tab", "rows", "columns"), "grid")
    book = find_book(books, found.get("spreadsheet")).copy()
    tab = find_tab(book, found.get("tab"))
    rows = checked(whole(1), found.get("rows", tab.row_count), "grid.rows")
    tab.resize(rows, checked(whole(1, MOST_COLUMNS), found.get("columns", tab.column_count), "grid.columns"))
    books[book.id] = book


def _array(found: Mapping[str, Any], name: str) -> list[Any]:
    value = found.get(name, [])
    if not isinstance(value, list):
        raise BadChange(f"{name} must be an array")
    return value
