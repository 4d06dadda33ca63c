"""The Drive v3 listing, by which gspread finds spreadsheets by title.

Query language: https://developers.google.com/workspace/drive/api/guides/search-files.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from vendor_sandbox.google.sheet import Book
from vendor_sandbox.wire import Refused

SPREADSHEET = "application/vnd.google-apps.spreadsheet"
_LARGEST_PAGE = 1000
_TEXT = r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'"
_CLAUSE = re.compile(rf"\s*(mimeType|name|trashed)\s*(=|!=|contains)\s*(?:{_TEXT}|(true|false))\s*(and\b|$)")


def listed(books: Iterable[Book], query: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return a page of the spreadsheets shared with the account that match `q`; trashed ones too, unless `q` excludes them."""
    found = [book for book in books if book.role is not None]
    for name, operator, wanted in _clauses(query.get("q", [""])[-1]):
        found = [book for book in found if _holds(book, name, operator, wanted)]
    size = query.get("pageSize", ["100"])[-1]
    if not re.fullmatch(r"[1-9]\d{0,8}", size):
        raise Refused(400, "Invalid value for pageSize: it must be at least 1.")
    token = query.get("pageToken", ["from-0"])[-1]
    if not re.fullmatch(r"from-\d{1,9}", token):
        raise Refused(400, "Invalid Value")
    start = int(token.removeprefix("from-"))
    end = start + min(int(size), _LARGEST_PAGE)
    page: dict[str, Any] = {"kind": "drive#fileList", "incompleteSearch": False}
    if end < len(found):
        page["nextPageToken"] = f"from-{end}"
    return {**page, "files": [file_document(book) for book in found[start:end]]}


def file_document(book: Book) -> dict[str, Any]:
    return {
        "kind": "drive#file",
        "mimeType": SPREADSHEET,
        "id": book.id,
        "name": book.title,
        "createdTime": book.created,
        "modifiedTime": book.modified,
        "trashed": book.trashed,
    }


def _clauses(text: str) -> list[tuple[str, str, str]]:
    """Return the clauses of a query, joined by `and`. Raises Refused (400) for anything else."""
    found, at = [], 0
    while at < len(text.rstrip()):
        clause = _CLAUSE.match(text, at)
        if clause is None or (clause[6] == "and" and not text[clause.end() :].strip()):
            raise Refused(400, "Invalid Value")
        name, operator, double, single, truth, _ = clause.groups()
        given = double if double is not None else single
        found.append((name, operator, truth if given is None else re.sub(r"\\(.)", r"\1", given)))
        at = clause.end()
    return found


def _holds(book: Book, name: str, operator: str, wanted: str) -> bool:
    actual = {"mimeType": SPREADSHEET, "name": book.title, "trashed": str(book.trashed).lower()}[name]
    if operator == "contains":
        # `contains` on a name compares the beginnings of its words.
        return any(word.casefold().startswith(wanted.casefold()) for word in (actual, *actual.split()))
    same = actual.casefold() == wanted.casefold() if name == "name" else actual == wanted
    return same if operator == "=" else not same
