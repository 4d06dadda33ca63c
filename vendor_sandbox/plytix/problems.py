"""Errors in the vendor's envelope: `{"error": {"msg": ..., "errors": [{"field": ..., "msg": ...}]}}`."""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.wire import Reply

Entry = Mapping[str, Any]

SCHEMA = "Schema validation error"
PRODUCT_DATA = "product data validation failed"


class Problem(Exception):
    """A refused call, with entries that name the fields at fault."""

    def __init__(self, status: int, message: str, entries: Sequence[Entry] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.entries = list(entries)


def entry(field: str, message: object, **more: object) -> Entry:
    return {"field": field, "msg": message, **more}


def invalid(field: str, message: object) -> Problem:
    """Return a 422 about one member of the body."""
    return Problem(422, SCHEMA, [entry(field, message)])


def not_found(what: str) -> Problem:
    return Problem(404, f"No results found for {what}", [entry("id", f"No results found for {what}")])


def error_reply(status: int, message: str, entries: Sequence[Entry] = (), headers: Mapping[str, str] | None = None) -> Reply:
    error: dict[str, Any] = {"msg": message}
    if entries:
        error["errors"] = list(entries)
    return Reply.json(status, {"error": error}, **(headers or {}))
