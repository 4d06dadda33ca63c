"""What a cell holds: a plain value, or a `Dressed` one when it also has a format, a note or a validation rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.wire import Refused

MOST_CHARACTERS = 50_000
"""Per cell: https://support.google.com/drive/answer/37603."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula with its leading `=`."""

    text: str


Value = bool | float | str | Formula | None
"""None is an empty cell; numbers are doubles, dates are serial days since 1899-12-30."""


@dataclass(frozen=True, slots=True)
class Dressed:
    """A value with the rest of its CellData: userEnteredFormat, note and dataValidation, named as in the API."""

    value: Value
    data: Mapping[str, Any]


Held = Value | Dressed
Row = list[Held]
"""The cells of a row up to the last one that is not empty. A row is replaced when it changes, never changed in place."""


def value_of(held: Held) -> Value:
    return held.value if isinstance(held, Dressed) else held


def data_of(held: Held) -> Mapping[str, Any]:
    return held.data if isinstance(held, Dressed) else {}


def dressed(value: Value, data: Mapping[str, Any]) -> Held:
    return Dressed(value, data) if data else value


def with_value(held: Held, value: Value) -> Held:
    """Return the cell with another value; format, note and validation stay."""
    return Dressed(value, held.data) if isinstance(held, Dressed) else value


def number_format(held: Held) -> Mapping[str, Any]:
    """Return the number format that a person or a program gave the cell; empty when there is none."""
    found: Mapping[str, Any] = data_of(held).get("userEnteredFormat", {}).get("numberFormat", {})
    return found


def with_number_format(held: Held, wanted: Mapping[str, Any]) -> Held:
    data = data_of(held)
    return Dressed(
        value_of(held), {**data, "userEnteredFormat": {**data.get("userEnteredFormat", {}), "numberFormat": dict(wanted)}}
    )


def checked_text(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise Refused(400, f"Your input contains more than the maximum of {MOST_CHARACTERS} characters in a single cell.")
    return text


def plain_number(value: float) -> int | float:
    """Return a double as JSON shows it: 1042, not 1042.0."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
