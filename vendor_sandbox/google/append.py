"""Where `values.append` puts its rows: after the table that it finds in the range given.

A table is a group of filled cells with nothing but empty cells around it, corners included:
https://developers.google.com/workspace/sheets/api/guides/values#append_values. Of several tables in the range the
last one counts: the one whose last filled cell in the range comes last, row by row.
"""

from vendor_sandbox.google.cells import value_of
from vendor_sandbox.google.ranges import Box
from vendor_sandbox.google.sheet import Tab


def table_for(tab: Tab, search: Box) -> Box | None:
    """Return the table after which rows appended to this range go; None when there is none: they go to the range's start."""
    last = _last_filled(tab, search)
    if last is not None:
        return _table_around(tab, *last)
    # An empty cell may still lie within a table.
    for row, column in _nearest_filled(tab, search.top, search.left):
        table = _table_around(tab, row, column)
        if table.top <= search.top < table.bottom and table.left <= search.left < table.right:
            return table
    return None


def _last_filled(tab: Tab, box: Box) -> tuple[int, int] | None:
    for row in range(min(box.bottom, len(tab.rows)) - 1, box.top - 1, -1):
        cells = tab.rows[row]
        for column in range(min(box.right, len(cells)) - 1, box.left - 1, -1):
            if value_of(cells[column]) is not None:
                return row, column
    return None


def _nearest_filled(tab: Tab, row: int, column: int) -> list[tuple[int, int]]:
    """Return the nearest filled cells to the left, to the right, above and below."""
    width = max(map(len, tab.rows), default=0)
    ways = (
        [(row, each) for each in range(column - 1, -1, -1)],
        [(row, each) for each in range(column + 1, width)],
        [(each, column) for each in range(row - 1, -1, -1)],
        [(each, column) for each in range(row + 1, len(tab.rows))],
    )
    found = [next((cell for cell in way if tab.value(*cell) is not None), None) for way in ways]
    return [cell for cell in found if cell is not None]


def _table_around(tab: Tab, row: int, column: int) -> Box:
    """Return the table around a filled cell, grown until the ring of cells around it is empty."""
    top, left, bottom, right = row, column, row + 1, column + 1
    while True:
        grown = (top, left, bottom, right)
        while top and _filled(tab, top - 1, left - 1, right + 1):
            top -= 1
        while _filled(tab, bottom, left - 1, right + 1):
            bottom += 1
        rows = range(max(0, top - 1), bottom + 1)
        while left and any(_filled(tab, each, left - 1, left) for each in rows):
            left -= 1
        while any(_filled(tab, each, right, right + 1) for each in rows):
            right += 1
        if grown == (top, left, bottom, right):
            return Box(top, left, bottom, right)


def _filled(tab: Tab, row: int, start: int, end: int) -> bool:
    """Whether the row has a value in these columns."""
    cells = tab.rows[row] if row < len(tab.rows) else []
    return any(value_of(held) is not None for held in cells[max(0, start) : end])
