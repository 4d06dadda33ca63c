"""A call about one spreadsheet, and how its parameters and members are read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from vendor_sandbox.google.sheet import Book, Draft
from vendor_sandbox.wire import Refused


@dataclass
class Ask:
    """One call. A write works on `draft`, a copy of the spreadsheet; a read looks at `book`."""

    parts: Mapping[str, str]
    """The path's parts by name, decoded."""
    query: Mapping[str, list[str]]
    body: Mapping[str, Any]
    book: Book
    draft: Draft
    metadata_characters: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The mask of the `fields` parameter."""

    def option(self, name: str, default: str, *choices: str) -> str:
        """Return an enumerated parameter of the query. Raises Refused (400) when it is not one of the choices."""
        return choice(self.query.get(name, [default])[-1], f"{name}", *choices)

    def flag(self, name: str) -> bool:
        """Return a boolean parameter of the query; Python's True and False are understood too."""
        return self.option(name, "false", "true", "false", "True", "False") in ("true", "True")


def members(value: object, known: Collection[str], where: str) -> dict[str, Any]:
    """Return the members of an object that are set (null is not). Raises Refused (400) for an unknown member."""
    if not isinstance(value, dict):
        raise Refused(400, f"Invalid value at '{where}': must be an object")
    for name in value:
        if name not in known:
            raise Refused(400, f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field.")
    return {name: found for name, found in value.items() if found is not None}


def choice(value: object, where: str, *choices: str) -> str:
    if not isinstance(value, str) or value not in choices:
        raise Refused(400, f"Invalid value at '{where}': {value!r} is not one of {', '.join(choices)}")
    return value


def whole(value: object, where: str, default: int | None = None, least: int = 0) -> int:
    """Read a whole number that fits 32 bits. Raises Refused (400) for anything else, and when it is missing without a default."""
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
        raise Refused(400, f"Invalid value at '{where}': must be a whole number of at least {least}")
    return value


def text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise Refused(400, f"Invalid value at '{where}': must be a text that is not empty")
    return value


def flag(value: object, where: str) -> bool:
    """Read a boolean member; one that is not set is false."""
    if value is not None and not isinstance(value, bool):
        raise Refused(400, f"Invalid value at '{where}': must be true or false")
    return bool(value)


def array(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(400, f"Invalid value at '{where}': must be a list")
    return value
