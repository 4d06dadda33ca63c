"""Rectangles of cells: the A1 notation that names them and the GridRange that counts them.

Grammar: https://developers.google.com/workspace/sheets/api/guides/concepts#cell. Here, rows and columns count from 0,
and ends are exclusive.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.wire import Refused

MOST_COLUMNS = 18_278
"""Up to column ZZZ: https://support.google.com/drive/answer/37603."""

GRID_RANGE = ("sheetId", "startRowIndex", "endRowIndex", "startColumnIndex", "endColumnIndex")

_CORNER = r"\$?([A-Za-z]{1,3})?\$?([1-9][0-9]{0,8})?"
_CELLS = re.compile(rf"{_CORNER}(?::{_CORNER})?")
_PLAIN_TITLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIKE_A_CELL = re.compile(r"[A-Za-z]{1,3}[0-9]+|[Rr][0-9]*[Cc][0-9]*|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]")


@dataclass(frozen=True)
class Box:
    """A rectangle with known ends."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


@dataclass(frozen=True)
class Area:
    """A rectangle that may be open below or to the right (None), so that it grows with its tab."""

    top: int = 0
    left: int = 0
    bottom: int | None = None
    right: int | None = None

    @property
    def is_one_cell(self) -> bool:
        return self.bottom == self.top + 1 and self.right == self.left + 1

    def clipped(self, rows: int, columns: int) -> Box:
        """Return the part inside a grid of that size. Raises Refused (400) when the area starts outside."""
        if self.top >= rows or self.left >= columns:
            raise Refused(400, f"Range exceeds grid limits. Max rows: {rows}, max columns: {columns}")
        bottom = rows if self.bottom is None else min(self.bottom, rows)
        return Box(self.top, self.left, bottom, columns if self.right is None else min(self.right, columns))

    def inside(self, rows: int, columns: int) -> Box:
        """Return the rectangle. Raises Refused (400) when any part of it is outside the grid."""
        if (self.bottom or 0) > rows or (self.right or 0) > columns:
            raise Refused(400, f"Range exceeds grid limits. Max rows: {rows}, max columns: {columns}")
        return self.clipped(rows, columns)

    def meets(self, box: Box) -> bool:
        return (
            self.top < box.bottom
            and self.left < box.right
            and (self.bottom is None or box.top < self.bottom)
            and (self.right is None or box.left < self.right)
        )

    def holds(self, box: Box) -> bool:
        return (
            self.top <= box.top
            and self.left <= box.left
            and (self.bottom is None or box.bottom <= self.bottom)
            and (self.right is None or box.right <= self.right)
        )

    def grid_range(self, sheet_id: int) -> dict[str, Any]:
        """Return the area as a GridRange; an open side has no member."""
        found: dict[str, Any] = {"sheetId": sheet_id}
        if self.top or self.bottom is not None:
            found["startRowIndex"] = self.top
        if self.bottom is not None:
            found["endRowIndex"] = self.bottom
        if self.left or self.right is not None:
            found["startColumnIndex"] = self.left
        if self.right is not None:
            found["endColumnIndex"] = self.right
        return found


def read_grid_range(sent: Mapping[str, Any]) -> Area:
    """Return the rectangle of a GridRange. The caller looks up its tab."""
    for name in sent:
        if name not in GRID_RANGE:
            raise Refused(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    top, bottom = _span(sent.get("startRowIndex"), sent.get("endRowIndex"))
    left, right = _span(sent.get("startColumnIndex"), sent.get("endColumnIndex"))
    return Area(top, left, bottom, right)


def _span(start: Any, end: Any) -> tuple[int, int | None]:
    for each in (start, end):
        if each is not None and (not isinstance(each, int) or isinstance(each, bool) or each < 0):
            raise Refused(400, "Invalid value at 'range': an index must be a whole number of at least 0")
    if end is not None and end <= (start or 0):
        raise Refused(400, "Invalid range: the end index must be greater than the start index")
    return start or 0, end


def split_title(text: str) -> tuple[str | None, str | None]:
    """Split an A1 range into its tab title and its cells: ("Tab", "A1:B2"), ("Tab", None) or (None, "A1:B2").

    A quoted text is always a title; an unquoted one without `!` means cells if it can be read so.
    """
    if text.startswith("'"):
        quoted = re.fullmatch(r"'((?:[^']|'')+)'(?:!(.*))?", text, re.DOTALL)
        if quoted is None:
            raise unparsable(text)
        return quoted[1].replace("''", "'"), quoted[2]
    title, mark, cells = text.rpartition("!")
    if mark:
        return title, cells
    return (None, text) if read_cells(text) is not None else (text, None)


def read_cells(text: str) -> Area | None:
    """Return the rectangle of `A1`, `A1:B2`, `A:C`, `2:5` or `A5:C`; None for any other text."""
    found = _CELLS.fullmatch(text)
    if found is None or not text:
        return None
    column, row, to_column, to_row = found.groups()
    if ":" not in text:
        if column is None or row is None:
            return None
        to_column, to_row = column, row
    if not (column or row) or not (to_column or to_row):
        return None
    left, right = _between(column and column_number(column), to_column and column_number(to_column))
    top, bottom = _between(row and int(row) - 1, to_row and int(to_row) - 1)
    return Area(top, left, bottom, right)


def _between(first: Any, last: Any) -> tuple[int, int | None]:
    """Return start and exclusive end of a span whose ends may be swapped or missing."""
    if first in (None, "") and last not in (None, ""):
        return 0, last + 1
    if last in (None, ""):
        return (0 if first in (None, "") else first), None
    return min(first, last), max(first, last) + 1


def unparsable(text: str) -> Refused:
    return Refused(400, f"Unable to parse range: {text}")


def column_letters(column: int) -> str:
    """Return the letters of a column: 0 -> A, 26 -> AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """Return the number of a column: A -> 0, aa -> 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def cell_name(row: int, column: int) -> str:
    return f"{column_letters(column)}{row + 1}"


def quoted_title(title: str) -> str:
    """Return the title as written before the `!`: in quotes unless it is a plain word that is not a cell's name."""
    if _PLAIN_TITLE.fullmatch(title) and not _LIKE_A_CELL.fullmatch(title):
        return title
    return "'" + title.replace("'", "''") + "'"


def a1(title: str, box: Box) -> str:
    """Return the range as replies write it: 'Customer Orders'!A2:C3, or Sheet1!A2 for one cell."""
    first, last = cell_name(box.top, box.left), cell_name(box.bottom - 1, box.right - 1)
    return f"{quoted_title(title)}!{first}" + ("" if first == last else f":{last}")
