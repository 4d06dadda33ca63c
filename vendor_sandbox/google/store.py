"""The spreadsheets behind the API, and the calls that concern more than one of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vendor_sandbox.google import drive
from vendor_sandbox.google.asking import Ask, members, text
from vendor_sandbox.google.batch_tabs import add_tab
from vendor_sandbox.google.ranges import MOST_COLUMNS
from vendor_sandbox.google.seed import book_id, seeded_books
from vendor_sandbox.google.sheet import Book, Draft
from vendor_sandbox.google.showing import sheet_properties, spreadsheet_document
from vendor_sandbox.google.tokens import EMAIL
from vendor_sandbox.wire import Refused


@dataclass
class Store:
    """Spreadsheets by id. A spreadsheet is replaced by a changed copy, never changed in place."""

    cell_limit: int
    books: dict[str, Book] = field(default_factory=seeded_books)
    formulas_entered: list[dict[str, Any]] = field(default_factory=list)

    def shared(self, wanted: str, writing: bool) -> Book:
        """Return the spreadsheet with this id. Raises Refused unless the account may read it (or write it)."""
        book = self.books.get(wanted)
        if book is None:
            raise Refused(404, "Requested entity was not found.")
        if book.role is None or (writing and book.role == "reader"):
            raise Refused(403, "The caller does not have permission")
        return book

    def keep(self, draft: Draft) -> None:
        """Store the result of a call. Raises Refused (400) when the spreadsheet grew beyond the limits."""
        book = draft.book
        before = self.books[book.id].cells if book.id in self.books else 0
        if book.cells > self.cell_limit and book.cells > before:
            raise Refused(
                400, f"This action would increase the number of cells in the workbook above the limit of {self.cell_limit} cells."
            )
        if any(tab.column_count > MOST_COLUMNS for tab in book.tabs):
            raise Refused(400, f"A sheet may have at most {MOST_COLUMNS} columns.")
        book.modified = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        self.books[book.id] = book
        self.formulas_entered.extend(draft.formulas)


Act = Callable[[Store, Ask], dict[str, Any]]


def reading(act: Callable[[Ask], dict[str, Any]]) -> Act:
    return lambda _store, ask: act(ask)


def writing(act: Callable[[Ask], dict[str, Any]]) -> Act:
    """Make a call that writes work on a copy, which is stored when nothing was refused."""

    def carry_out(store: Store, ask: Ask) -> dict[str, Any]:
        reply = act(ask)
        store.keep(ask.draft)
        return reply

    return carry_out


def create(store: Store, ask: Ask) -> dict[str, Any]:
    body = members(ask.body, ("properties", "sheets"), "body")
    wanted = members(body.get("properties", {}), ("title", "locale", "timeZone", "autoRecalc"), "properties")
    title = wanted.pop("title", "Untitled spreadsheet")
    book = Book(book_id(f"{title} {len(store.books)}"), title, "owner")
    book.properties.update(wanted)
    draft = Draft(book, EMAIL)
    for sheet in body.get("sheets") or [{}]:
        properties = members(sheet, ("properties",), "sheets").get("properties", {})
        first = {} if book.tabs else {"sheetId": 0}
        add_tab(draft, {"properties": {"title": f"Sheet{len(book.tabs) + 1}", **first, **properties}})
    store.keep(draft)
    return spreadsheet_document(book, [], grid_data=False)


def copy_tab(store: Store, ask: Ask) -> dict[str, Any]:
    body = members(ask.body, ("destinationSpreadsheetId",), "body")
    target = store.shared(text(body.get("destinationSpreadsheetId"), "destination"), writing=True).copy()
    source = ask.book.tab(int(ask.parts["sheetId"]))
    title, number = f"Copy of {source.title}", 2
    while target.titled(title) is not None:
        title, number = f"Copy of {source.title} {number}", number + 1
    draft = Draft(target, EMAIL)
    add_tab(draft, {"properties": {"title": title}})
    tab = target.tabs[-1]
    tab.rows, tab.row_count, tab.column_count = list(source.rows), source.row_count, source.column_count
    store.keep(draft)
    return sheet_properties(target, tab)


def list_files(store: Store, ask: Ask) -> dict[str, Any]:
    return drive.listed(store.books.values(), ask.query)


def one_file(store: Store, ask: Ask) -> dict[str, Any]:
    book = store.books.get(ask.parts["file"])
    if book is None or book.role is None:
        raise Refused(404, f"File not found: {ask.parts['file']}.")
    return drive.file_document(book)
