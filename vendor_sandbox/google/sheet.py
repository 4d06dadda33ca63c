"""A spreadsheet: its tabs and their cells, and who may do what with it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vendor_sandbox.google.cells import Held, Row, Value, value_of
from vendor_sandbox.google.ranges import Area, Box, read_cells, read_grid_range, split_title, unparsable
from vendor_sandbox.wire import Refused

ROWS, COLUMNS = 1000, 26
"""The size of a new tab."""


@dataclass(frozen=True)
class Protection:
    """A protected range. `rest` has the members that are kept as sent: description, warningOnly."""

    id: int
    area: Area
    editors: tuple[str, ...] = ()
    unprotected: tuple[Area, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)

    def bars(self, who: str, box: Box) -> bool:
        """Whether this protection keeps `who` from changing these cells."""
        if self.rest.get("warningOnly") or who in self.editors or not self.area.meets(box):
            return False
        return not any(area.holds(box) for area in self.unprotected)


@dataclass
class Tab:
    """One sheet of a spreadsheet. `properties` are the API's properties that have no effect here, such as tabColorStyle."""

    sheet_id: int
    title: str
    row_count: int = ROWS
    column_count: int = COLUMNS
    rows: list[Row] = field(default_factory=list)
    frozen_rows: int = 0
    frozen_columns: int = 0
    hidden: bool = False
    properties: dict[str, Any] = field(default_factory=dict)
    filter: tuple[Area, Mapping[str, Any]] | None = None
    protections: list[Protection] = field(default_factory=list)
    merges: list[Area] = field(default_factory=list)
    """Ranges of cells shown as one cell. Only the top left cell of each has a value."""

    @property
    def box(self) -> Box:
        return Box(0, 0, self.row_count, self.column_count)

    def copy(self) -> "Tab":
        return dataclasses.replace(
            self,
            rows=list(self.rows),
            properties=dict(self.properties),
            protections=list(self.protections),
            merges=list(self.merges),
        )

    def row(self, index: int) -> Row:
        return self.rows[index] if index < len(self.rows) else []

    def held(self, row: int, column: int) -> Held:
        cells = self.row(row)
        return cells[column] if column < len(cells) else None

    def value(self, row: int, column: int) -> Value:
        return value_of(self.held(row, column))

    def slice(self, box: Box) -> list[Row]:
        """Return the cells of a rectangle, without padding after the last cell of a row or the last row."""
        return [row[box.left : box.right] for row in self.rows[box.top : box.bottom]]

    def put(self, row: int, column: int, cells: Sequence[Held]) -> None:
        """Replace the cells of one row from `column` on."""
        if len(self.rows) <= row:
            self.rows.extend([] for _ in range(row + 1 - len(self.rows)))
        old = self.rows[row]
        before = old[:column]
        before.extend([None] * (column - len(before)))
        self.rows[row] = [*before, *cells, *old[column + len(cells) :]]

    def resize(self, rows: int, columns: int) -> None:
        """Cut or extend the grid at its end."""
        if rows < 1 or columns < 1:
            raise Refused(400, "Invalid grid size: a sheet needs at least one row and one column")
        if columns < self.column_count:
            self.rows = [row[:columns] for row in self.rows]
        self.rows = self.rows[:rows]
        self.row_count, self.column_count = rows, columns

    def merge(self, area: Area) -> None:
        """Merge these cells into one: only the value of the top left cell stays."""
        self.merges.append(area)
        box = area.clipped(self.row_count, self.column_count)
        for row in range(box.top, min(box.bottom, len(self.rows))):
            cells = self.rows[row][box.left : box.right]
            self.put(row, box.left, [each if self.shows(row, box.left + at) else None for at, each in enumerate(cells)])

    def shows(self, row: int, column: int) -> bool:
        """Whether this cell is visible: not hidden in a merged range."""
        return not self.merges or not any(
            area.holds(Box(row, column, row + 1, column + 1)) and (row, column) != (area.top, area.left) for area in self.merges
        )

    def last_row(self) -> int:
        """Return how many rows there are up to the last one with a value."""
        for index in range(len(self.rows) - 1, -1, -1):
            if any(value_of(held) is not None for held in self.rows[index]):
                return index + 1
        return 0


@dataclass
class Book:
    """A spreadsheet. `role` is what the service account may do: owner, writer, reader, or None for not shared."""

    id: str
    title: str
    role: str | None = "writer"
    tabs: list[Tab] = field(default_factory=list)
    created: str = "2026-01-05T09:00:00.000Z"
    modified: str = "2026-01-05T09:00:00.000Z"
    properties: dict[str, Any] = field(default_factory=lambda: {"locale": "en_US", "timeZone": "America/New_York"})
    trashed: bool = False
    """In the bin: Drive still lists it, and it can still be read and written."""
    metadata: list[dict[str, Any]] = field(default_factory=list)
    """Developer metadata in the shape of the API; entries are replaced, never changed in place."""
    named: list[tuple[str, str, int, Area]] = field(default_factory=list)
    """Named ranges: id, name, sheet id, area."""

    def copy(self) -> "Book":
        return dataclasses.replace(
            self,
            tabs=[tab.copy() for tab in self.tabs],
            properties=dict(self.properties),
            metadata=list(self.metadata),
            named=list(self.named),
        )

    @property
    def cells(self) -> int:
        """The number of grid cells, empty ones included, which the cell limit counts."""
        return sum(tab.row_count * tab.column_count for tab in self.tabs)

    def tab(self, sheet_id: object) -> Tab:
        """Return the tab with this id. Raises Refused (400) when there is none."""
        for tab in self.tabs:
            if tab.sheet_id == sheet_id and not isinstance(sheet_id, bool):
                return tab
        raise Refused(400, f"No grid with id: {sheet_id}")

    def titled(self, title: str) -> Tab | None:
        """Return the tab with this title; if there is none, one whose title differs only in case."""
        exact = [tab for tab in self.tabs if tab.title == title]
        alike = exact or [tab for tab in self.tabs if tab.title.casefold() == title.casefold()]
        return alike[0] if alike else None

    def find(self, text: object) -> tuple[Tab, Area]:
        """Return the tab and cells of an A1 range or a named range. Raises Refused (400) when there are none."""
        if not isinstance(text, str):
            raise unparsable(str(text))
        title, cells = split_title(text)
        if title is None:
            tab: Tab | None = self.tabs[0]
        else:
            tab = self.titled(title)
            if tab is None and cells is None:
                for _, name, sheet_id, area in self.named:
                    if name.casefold() == title.casefold():
                        return self.tab(sheet_id), area
        area_found = Area() if cells is None else read_cells(cells)
        if tab is None or area_found is None:
            raise unparsable(text)
        return tab, area_found

    def place(self, sent: Mapping[str, Any]) -> tuple[Tab, Area]:
        """Return the tab and cells of a GridRange."""
        return self.tab(sent.get("sheetId", 0)), read_grid_range(sent)


@dataclass
class Draft:
    """A copy of a spreadsheet that a call works on: stored when the call succeeds, dropped when anything is refused."""

    book: Book
    who: str | None
    """The account that makes the change; None is the owner on screen, who may change everything."""
    formulas: list[dict[str, Any]] = field(default_factory=list)
    """Every cell that became a formula."""

    def may_change(self, tab: Tab, box: Box) -> None:
        """Raise Refused (400), as recorded, when a cell of the rectangle is protected from the account."""
        if self.who is not None and any(each.bars(self.who, box) for each in tab.protections):
            raise Refused(
                400,
                "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove "
                "protection if you need to edit.",
            )
