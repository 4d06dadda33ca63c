"""The requests of `spreadsheets.batchUpdate` that write, format, sort and shift cells."""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.google.asking import array, choice, members, whole
from vendor_sandbox.google.cells import Formula, Held, data_of, dressed, value_of
from vendor_sandbox.google.dimensions import Insert, reshape, sort
from vendor_sandbox.google.entering import extended
from vendor_sandbox.google.masks import Mask, applied, named, read_mask
from vendor_sandbox.google.ranges import GRID_RANGE, Area, Box
from vendor_sandbox.google.sheet import Draft, Tab
from vendor_sandbox.google.values_write import note_formula
from vendor_sandbox.wire import Refused

Sent = Mapping[str, Any]

_CELL = ("userEnteredValue", "userEnteredFormat", "note", "dataValidation", "textFormatRuns")
_FORMATS = ("TEXT", "NUMBER", "PERCENT", "CURRENCY", "DATE", "TIME", "DATE_TIME", "SCIENTIFIC")
_DRESS = ("userEnteredFormat", "note", "dataValidation", "textFormatRuns")


def _changed(held: Held, cell: Sent, mask: Mask) -> Held:
    """Return the cell with the mask's fields taken from a CellData."""
    value = extended(cell.get("userEnteredValue", {})) if named(mask, "userEnteredValue") else value_of(held)
    if "*" in mask:
        return dressed(value, {name: cell[name] for name in _DRESS if name in cell})
    data = data_of(held)
    dress = {name: mask[name] for name in _DRESS if name in mask}
    fresh = applied(dress, data, cell) if dress else data
    return dressed(value, {name: part for name, part in fresh.items() if part not in ({}, "")})


def _put(draft: Draft, tab: Tab, row: int, column: int, cells: list[Held]) -> None:
    for at, held in enumerate(cells):
        value = value_of(held)
        if isinstance(value, Formula) and value != tab.value(row, column + at):
            note_formula(draft, tab, row, column + at, value)
    tab.put(row, column, cells)


def _rows(sent: object) -> list[list[Sent]]:
    """Return the cells of a list of RowData."""
    found: list[list[Sent]] = []
    for row in array(sent, "rows"):
        cells = array(members(row, ("values",), "rows").get("values", []), "values")
        found.append([_cell(cell if cell is not None else {}) for cell in cells])
    return found


def _cell(sent: object) -> Sent:
    """Return a CellData, checked."""
    found = members(sent, _CELL, "cell")
    for name, kind in (("userEnteredFormat", dict), ("dataValidation", dict), ("textFormatRuns", list), ("note", str)):
        if not isinstance(found.get(name, kind()), kind):
            raise Refused(400, f"Invalid value at 'cell.{name}'")
    wanted = found.get("userEnteredFormat", {}).get("numberFormat")
    if wanted is not None:
        wanted = members(wanted, ("type", "pattern"), "number_format")
        choice(wanted.get("type"), "number_format.type", *_FORMATS)
        if not isinstance(wanted.get("pattern", ""), str):
            raise Refused(400, "Invalid value at 'number_format.pattern'")
    return found


def _place(draft: Draft, sent: object) -> tuple[Tab, Area]:
    return draft.book.place(members(sent, GRID_RANGE, "range"))


def _update_cells(draft: Draft, sent: Sent) -> None:
    mask = read_mask(sent.get("fields"))
    rows = _rows(sent.get("rows", []))
    width = max(map(len, rows), default=0)
    if ("range" in sent) == ("start" in sent):
        raise Refused(400, "Either a range or a start must be set")
    if "start" in sent:
        start = members(sent["start"], ("sheetId", "rowIndex", "columnIndex"), "start")
        tab = draft.book.tab(start.get("sheetId", 0))
        top, left = whole(start.get("rowIndex"), "row_index", 0), whole(start.get("columnIndex"), "column_index", 0)
        box = Box(top, left, top + len(rows), left + width)
        if rows and width:
            Area(box.top, box.left, box.bottom, box.right).inside(tab.row_count, tab.column_count)
    else:
        tab, area = _place(draft, sent["range"])
        box = area.inside(tab.row_count, tab.column_count)
        if len(rows) > box.height or width > box.width:
            raise Refused(400, "Attempting to write more rows or columns than the range has")
    draft.may_change(tab, box)
    for at in range(box.height):
        cells = rows[at] if at < len(rows) else []
        # A range is filled as a whole: cells that were not sent become empty. A start reaches only as far as the cells sent.
        count = box.width if "range" in sent else len(cells)
        fresh = [
            _changed(tab.held(box.top + at, box.left + column), cells[column] if column < len(cells) else {}, mask)
            for column in range(count)
        ]
        _put(draft, tab, box.top + at, box.left, fresh)


def _append_cells(draft: Draft, sent: Sent) -> None:
    mask = read_mask(sent.get("fields"))
    tab = draft.book.tab(sent.get("sheetId", 0))
    rows = _rows(sent.get("rows", []))
    width = max(map(len, rows), default=0)
    if width > tab.column_count:
        raise Refused(400, f"Attempting to write column: {width - 1}, beyond the last column of the sheet")
    top = tab.last_row()
    if top + len(rows) > tab.row_count:
        reshape(draft, tab, "ROWS", Insert(tab.row_count, top + len(rows) - tab.row_count))
    draft.may_change(tab, Box(top, 0, top + len(rows), width))
    for at, cells in enumerate(rows):
        fresh = [_changed(tab.held(top + at, column), cell, mask) for column, cell in enumerate(cells)]
        _put(draft, tab, top + at, 0, fresh)


def _repeat_cell(draft: Draft, sent: Sent) -> None:
    mask = read_mask(sent.get("fields"))
    cell = _cell(sent.get("cell", {}))
    tab, area = _place(draft, sent.get("range"))
    box = area.clipped(tab.row_count, tab.column_count)
    draft.may_change(tab, box)
    blank = _changed(None, cell, mask)
    for row in range(box.top, box.bottom):
        held = tab.row(row)[box.left : box.right]
        fresh = [_changed(each, cell, mask) for each in held]
        _put(draft, tab, row, box.left, [*fresh, *([blank] * (box.width - len(fresh)))])


def _set_validation(draft: Draft, sent: Sent) -> None:
    cell = {"dataValidation": sent["rule"]} if "rule" in sent else {}
    _repeat_cell(draft, {"range": sent.get("range"), "cell": cell, "fields": "dataValidation"})


def _sort_range(draft: Draft, sent: Sent) -> None:
    tab, area = _place(draft, sent.get("range"))
    by = []
    for each in array(sent.get("sortSpecs", []), "sort_specs"):
        spec = members(each, ("dimensionIndex", "sortOrder"), "sort_specs")
        order = choice(spec.get("sortOrder", "ASCENDING"), "sort_order", "ASCENDING", "DESCENDING")
        by.append((whole(spec.get("dimensionIndex"), "dimension_index", 0), order == "DESCENDING"))
    sort(draft, tab, area.clipped(tab.row_count, tab.column_count), by)


def _insert_range(draft: Draft, sent: Sent) -> None:
    _shift_cells(draft, sent, inserting=True)


def _delete_range(draft: Draft, sent: Sent) -> None:
    _shift_cells(draft, sent, inserting=False)


def _shift_cells(draft: Draft, sent: Sent, inserting: bool) -> None:
    """Insert or delete cells: the rest of their columns (ROWS) or rows (COLUMNS) moves along."""
    down = choice(sent.get("shiftDimension"), "shift_dimension", "ROWS", "COLUMNS") == "ROWS"
    tab, area = _place(draft, sent.get("range"))
    box = area.clipped(tab.row_count, tab.column_count)
    rest = Box(box.top, box.left, tab.row_count, box.right) if down else Box(box.top, box.left, box.bottom, tab.column_count)
    draft.may_change(tab, rest)
    cells = [[tab.held(row, column) for column in range(rest.left, rest.right)] for row in range(rest.top, rest.bottom)]
    if down:
        blank: list[list[Held]] = [[None] * rest.width for _ in range(box.height)]
        cells = [*blank, *cells] if inserting else [*cells[box.height :], *blank]
    else:
        cells = [[*([None] * box.width), *row] if inserting else [*row[box.width :], *([None] * box.width)] for row in cells]
    if inserting:
        # The grid grows only when filled cells would fall off its end.
        while down and len(cells) > rest.height and not any(cells[-1]):
            cells.pop()
        grow = max(0, len(cells) - rest.height) if down else max(0, max(map(_filled_to, cells)) - rest.width)
        tab.resize(tab.row_count + (grow if down else 0), tab.column_count + (0 if down else grow))
    for at, row in enumerate(cells):
        tab.put(rest.top + at, rest.left, row[: tab.column_count - rest.left])


def _filled_to(row: list[Held]) -> int:
    return max((at + 1 for at, held in enumerate(row) if held is not None), default=0)


Act = Callable[[Draft, Sent], dict[str, Any] | None]

KINDS: Mapping[str, tuple[tuple[str, ...], Act]] = {
    "updateCells": (("rows", "fields", "start", "range"), _update_cells),
    "appendCells": (("sheetId", "rows", "fields"), _append_cells),
    "repeatCell": (("range", "cell", "fields"), _repeat_cell),
    "setDataValidation": (("range", "rule", "filteredRowsIncluded"), _set_validation),
    "sortRange": (("range", "sortSpecs"), _sort_range),
    "insertRange": (("range", "shiftDimension"), _insert_range),
    "deleteRange": (("range", "shiftDimension"), _delete_range),
}
