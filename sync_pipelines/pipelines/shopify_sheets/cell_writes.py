"""Where the rows of orders and of their lines go, and what goes there; and rows as cells by header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync_pipelines.delivery.model import Change
from sync_pipelines.exact_json import dumps
from sync_pipelines.pipelines.shopify_sheets.layout import Column, Layout, TabLayout, key_text, same
from sync_pipelines.pipelines.shopify_sheets.sheet import Seen, Sheet
from sync_pipelines.vendors.google_sheets import Cells, Row

LINES = "lines"
UNKEYED = "?"
"""Begins the name of a line's row that has its order's key and no key of its own: an older program's."""

Cell = dict[str, Any]


class CellWrites:
    """Where the rows of a batch go, and what goes there."""

    def __init__(self, orders: TabLayout, lines: TabLayout, sheet: Sheet) -> None:
        self.sheet, self.layouts = sheet, (orders, lines)
        self.last = [seen.used for seen in sheet.both]
        self.places: dict[str, list[tuple[str, int]]] = {}
        self._rows: tuple[dict[int, list[Any]], dict[int, list[Any]]] = ({}, {})

    def place(self, change: Change) -> None:
        orders, lines = self.sheet.both
        mine = self.places.setdefault(change.key, [])
        row = next(iter(orders.rows.get(change.key, ())), None)
        if change.after is None:
            if row:
                self._put(0, row, _cells(orders, {}, self.layouts[0].written, clear=True), mine)
        elif row is None:
            self._put(0, None, _cells(orders, change.after, self.layouts[0].written), mine)
        else:
            self._put(0, row, _cells(orders, change.after, _kept(self.layouts[0])), mine)
        there = _rows_by_line(lines, change.key)
        after = (change.after or {}).get(LINES) or {}
        before = ((change.live.fields if change.live else change.before) or {}).get(LINES) or {}
        claimed = claims(before, after)
        for name, cells in after.items():
            was = claimed.get(name, name)
            at = there.pop(was, None)
            strayed = None if at else next(iter(lines.rows.get(name, ())), None)
            if strayed:  # somebody emptied, or changed, the cell with its order's key
                self._put(1, strayed, _cells(lines, cells, _always(self.layouts[1])), mine)
            elif at is None:
                self._put(1, None, _cells(lines, cells, self.layouts[1].written), mine)
            elif was != name or lines_same(self.layouts[1], {"": before.get(name)}) != lines_same(self.layouts[1], {"": cells}):
                columns = _always(self.layouts[1]) if was != name else _kept(self.layouts[1])
                self._put(1, at, _cells(lines, cells, columns), mine)
        ours = (change.before or {}).get(LINES) or {}
        for name, at in there.items():
            if name in ours and not name.startswith(UNKEYED) and name not in after:
                self._put(1, at, _cells(lines, {}, self.layouts[1].written, clear=True), mine)

    def _put(self, which: int, row: int | None, cells: list[Any], mine: list[tuple[str, int]]) -> None:
        if row is None:
            self.last[which] += 1
            row = self.last[which]
        self._rows[which][row] = cells
        mine.append((self.sheet.both[which].tab.title, row))

    def ranges(self) -> list[tuple[Cells, Sequence[Row]]]:
        """Rows that stand together as one rectangle each."""
        found: list[tuple[Cells, Sequence[Row]]] = []
        for seen, rows in zip(self.sheet.both, self._rows, strict=True):
            block: list[list[Any]] = []
            start = 0
            for row in [*sorted(rows), None]:
                if block and row != start + len(block):
                    found.append((_rectangle(seen, start, len(block)), block))
                    block = []
                if row is not None:
                    start = start if block else row
                    block.append(rows[row])
            seen.used = max(seen.used, *rows, 1) if rows else seen.used
        return found


def _rectangle(seen: Seen, row: int, rows: int) -> Cells:
    return Cells(seen.tab.title, row, seen.first_column, row + rows - 1, seen.last_column)


def _rows_by_line(lines: Seen, key: str) -> dict[str, int]:
    """The rows of one order's lines by the line's key; rows without one are numbered as `_live` numbers them."""
    found: dict[str, int] = {}
    for row in sorted(r for r, order in lines.order_of.items() if order == key):
        found[lines.key_at.get(row) or f"{UNKEYED}{len(found) + 1}"] = row
    return found


def claims(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, str]:
    """Which row without a key is which line: in their order, if there are just as many of one as of the other."""
    unkeyed = [name for name in there if name.startswith(UNKEYED)]
    open_lines = [name for name in wanted if name not in there and not name.startswith(UNKEYED)]
    return dict(zip(open_lines, unkeyed, strict=True)) if unkeyed and len(unkeyed) == len(open_lines) else {}


def _kept(tab: TabLayout) -> tuple[Column, ...]:
    """The columns written into a row that is there: never its key, so that a row that was moved keeps its own."""
    return tuple(c for c in _always(tab) if c.header not in (tab.key, tab.order))


def _always(tab: TabLayout) -> tuple[Column, ...]:
    return tuple(c for c in tab.written if c.write == "always")


def _cells(seen: Seen, values: Mapping[str, Any], columns: Sequence[Column], *, clear: bool = False) -> list[Any]:
    """One row from our first column to our last: our values, None (left alone) between them, "" for what is to be empty."""
    row: list[Any] = [None] * seen.width
    for column in columns:
        value = None if clear else values.get(column.header)
        row[seen.place(column.header)] = "" if value is None else value
    return row


def named(seen: Seen, cells: Sequence[Any]) -> Cell:
    """A row's cells by header, without the empty ones. Keys are text, whatever a person's retyping made of them."""
    found: Cell = {}
    for column in seen.layout.written:
        place = seen.place(column.header)
        value = cells[place] if place < len(cells) else None
        if column.header in (seen.layout.key, seen.layout.order):
            value = key_text(value)
        if value is not None and value != "":
            found[column.header] = value
    return found


def lines_same(tab: TabLayout, lines: Mapping[str, Any] | None) -> str:
    """Lines in the form in which two sets of them are compared: their columns that are always written."""
    return dumps(
        {
            name: {c.header: shown for c in tab.written if c.write == "always" and (shown := same(c.type, cells.get(c.header)))}
            for name, cells in (lines or {}).items()
            if cells is not None
        }
    )


def lines_differing(layout: Layout, was: Mapping[str, Any], now: Mapping[str, Any]) -> int:
    """How many lines are not the same in both."""
    return sum(
        lines_same(layout.lines, {"": was.get(name)}) != lines_same(layout.lines, {"": now.get(name)}) for name in {*was, *now}
    )
