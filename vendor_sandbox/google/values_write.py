"""Writing a block of plain values to a rectangle of cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.google.asking import array, choice
from vendor_sandbox.google.cells import Dressed, Formula, Held, value_of
from vendor_sandbox.google.entering import entered
from vendor_sandbox.google.ranges import Area, Box, a1, cell_name
from vendor_sandbox.google.sheet import Draft, Tab
from vendor_sandbox.wire import Refused

DIMENSIONS = ("ROWS", "COLUMNS")

Matrix = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Written:
    """What a write did. `cells` counts the cells that were set or cleared."""

    tab: Tab
    box: Box
    cells: int
    rows: int
    columns: int


def by_rows(values: object, dimension: object) -> Matrix:
    """Return the values of a ValueRange, row by row. Raises Refused (400) when they are not lists of lists."""
    choice(dimension, "major_dimension", *DIMENSIONS)
    rows = array(values if values is not None else [], "data.values")
    for at, row in enumerate(rows):
        if not isinstance(row, list):
            raise Refused(400, f"Invalid value at 'data.values[{at}]': must be a list")
    if dimension == "ROWS":
        return rows
    height = max(map(len, rows), default=0)
    return [[column[at] if at < len(column) else None for column in rows] for at in range(height)]


def write(draft: Draft, tab: Tab, area: Area, values: Matrix, typed: bool) -> Written:
    """Write from the start of the area on: null leaves a cell alone, "" clears it.

    An area of one cell extends as far as needed; a larger one must have room for all the values.
    """
    limit = area.inside(tab.row_count, tab.column_count)
    box = Box(limit.top, limit.left, limit.top + len(values), limit.left + max(map(len, values), default=0))
    if area.is_one_cell:
        area = Area(limit.top, limit.left, box.bottom, box.right)
        area.inside(tab.row_count, tab.column_count)
    elif box.bottom > limit.bottom or box.right > limit.right:
        what = f"row [{box.bottom}]" if box.bottom > limit.bottom else f"column [{cell_name(0, box.right - 1)[:-1]}]"
        raise Refused(400, f"Requested writing within range [{a1(tab.title, limit)}], but tried writing to {what}")
    if not box.width or not box.height:
        return Written(tab, limit, 0, 0, 0)
    draft.may_change(tab, box)
    cells = rows = 0
    for at, sent in enumerate(values):
        row = box.top + at
        changed = _write_row(draft, tab, row, box.left, sent, typed, at)
        cells, rows = cells + changed, rows + (changed > 0)
    return Written(tab, box, cells, rows, box.width)


def _write_row(draft: Draft, tab: Tab, row: int, left: int, sent: Sequence[Any], typed: bool, at: int) -> int:
    old = tab.row(row)[left : left + len(sent)]
    old.extend([None] * (len(sent) - len(old)))
    new: list[Held] = []
    changed = 0
    for column, (held, value) in enumerate(zip(old, sent, strict=True)):
        if value is None or not tab.shows(row, left + column):
            new.append(held)
            continue
        changed += 1
        if type(value) is str and not typed and not isinstance(held, Dressed) and 0 < len(value) <= 1000:
            new.append(value)
            continue
        cell = entered(held, value, typed, f"values[{at}][{column}]")
        if typed:
            found = value_of(cell)
            if isinstance(found, Formula):
                note_formula(draft, tab, row, left + column, found)
        new.append(cell)
    tab.put(row, left, new)
    return changed


def note_formula(draft: Draft, tab: Tab, row: int, column: int, formula: Formula) -> None:
    draft.formulas.append(
        {"spreadsheet": draft.book.title, "tab": tab.title, "cell": cell_name(row, column), "formula": formula.text}
    )
