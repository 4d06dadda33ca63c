"""Pages of a connection, and the cursors between them: https://shopify.dev/docs/api/usage/pagination-graphql."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.shopify import ids

LARGEST = 250


class Failed(Exception):
    """A field that could not be answered: it becomes null, with this entry in `errors`."""

    def __init__(self, message: str, code: str, **more: Any) -> None:
        super().__init__(message)
        self.extensions = {"code": code, **more}


@dataclass(frozen=True)
class Page:
    """A page of a connection: some of its items, and whether there are more before and after them."""

    items: Sequence[Any]
    cursor: Callable[[int], str]
    """Returns the cursor of the item at a position of `items`."""
    before: bool
    after: bool

    def info(self) -> dict[str, Any]:
        return {
            "hasNextPage": self.after,
            "hasPreviousPage": self.before,
            "startCursor": self.cursor(0) if self.items else None,
            "endCursor": self.cursor(len(self.items) - 1) if self.items else None,
        }


def page_size(arguments: Mapping[str, Any]) -> tuple[int, bool]:
    """Return how many items are wanted, and whether from the end. Raises Failed unless one of `first` and `last` is set."""
    given = {name: arguments[name] for name in ("first", "last") if arguments.get(name) is not None}
    if not given:
        raise Failed("you must provide one of first or last", "BAD_REQUEST")
    if len(given) == 2:
        raise Failed("providing both first and last is not supported", "BAD_REQUEST")
    ((name, size),) = given.items()
    if not 0 <= size <= LARGEST:
        raise Failed(f"{name} must be between 0 and {LARGEST}, not {size}", "BAD_REQUEST")
    return size, name == "last"


def cursor_of(number: int, value: str, sort: str) -> str:
    place = {"last_id": number, "last_value": value, "sort": sort}
    return base64.b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()


def read_cursor(cursor: str | None, sort: str) -> tuple[int, str] | None:
    """Return number and sort value of a cursor. Raises Failed for one that is malformed or belongs to another sort."""
    if cursor is None:
        return None
    try:
        place = json.loads(base64.b64decode(cursor, validate=True))
        number, value, made_for = int(place["last_id"]), str(place["last_value"]), place["sort"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failed("Invalid cursor for current pagination.", "BAD_REQUEST") from error
    if made_for != sort:
        raise Failed(f"Invalid cursor for current pagination sort: it was made for {made_for}.", "BAD_REQUEST")
    return number, value


def pages_of(arguments: Mapping[str, Any]) -> Callable[[Sequence[Mapping[str, Any]]], Page]:
    """Return the function that cuts a page from an array. Raises Failed for arguments that make no sense."""
    size, from_end = page_size(arguments)
    after, before = (read_cursor(arguments.get(name), "id") for name in ("after", "before"))
    reverse = bool(arguments.get("reverse"))

    def page(items: Sequence[Mapping[str, Any]]) -> Page:
        inside = items[::-1] if reverse else items
        if after:
            inside = inside[_place(inside, after[0], reverse, behind=True) :]
        if before:
            inside = inside[: _place(inside, before[0], reverse, behind=False)]
        start = max(0, len(inside) - size) if from_end else 0
        cut = inside[start : start + size]

        def cursor(position: int) -> str:
            number = ids.number_of(cut[position]["id"])
            return cursor_of(number, str(number), "id")

        return Page(cut, cursor, bool(after) or start > 0, bool(before) or start + len(cut) < len(inside))

    return page


def _place(items: Sequence[Mapping[str, Any]], number: int, reverse: bool, behind: bool) -> int:
    """Return where the item with this number is, or just behind it; for one that is gone, where it would be if sorted by id."""
    numbers = [ids.number_of(each["id"]) for each in items]
    if number in numbers:
        return numbers.index(number) + behind
    return sum(each > number if reverse else each < number for each in numbers)
