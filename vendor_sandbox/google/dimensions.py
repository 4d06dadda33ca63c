"""Inserting, deleting and moving rows and columns, with everything that is anchored to them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from vendor_sandbox.google.cells import Held, Row, data_of, dressed, value_of
from vendor_sandbox.google.ranges import Area, Box
from vendor_sandbox.google.sheet import Book, Draft, Protection, Tab
from vendor_sandbox.wire import Refused

Axis = Literal["ROWS", "COLUMNS"]
Span = tuple[int, int | None]

T = TypeVar("T")


class Shift(Protocol):
    """How the rows, or columns, of a tab shift."""

    def lines(self, lines: list[T], blank: T) -> list[T]: ...

    def span(self, start: int, end: int | None) -> Span | None:
        """Return where a range of lines is afterwards; None when nothing of it is left."""

    @property
    def growth(self) -> int: ...


@dataclass(frozen=True)
class Insert:
    at: int
    count: int

    def lines(self, lines: list[T], blank: T) -> list[T]:
        if self.at >= len(lines):
            return lines
        return [*lines[: self.at], *([blank] * self.count), *lines[self.at :]]

    def span(self, start: int, end: int | None) -> Span | None:
        whole = start == 0 and end is None
        first = start + self.count if self.at <= start and not whole else start
        return first, end + self.count if end is not None and self.at < end else end

    @property
    def growth(self) -> int:
        return self.count


@dataclass(frozen=True)
class Delete:
    start: int
    end: int

    def lines(self, lines: list[T], blank: T) -> list[T]:
        return [*lines[: self.start], *lines[self.end :]]

    def span(self, start: int, end: int | None) -> Span | None:
        first, last = self._moved(start), None if end is None else self._moved(end)
        return None if first == last else (first, last)

    def _moved(self, index: int) -> int:
        return index - max(0, min(index, self.end) - self.start)

    @property
    def growth(self) -> int:
        return self.start - self.end


@dataclass(frozen=True)
class Move:
    """Move lines `start` to `end` in front of the line whose index is `to` before the move."""

    start: int
    end: int
    to: int

    def lines(self, lines: list[T], blank: T) -> list[T]:
        padded = [*lines, *([blank] * (max(self.end, self.to) - len(lines)))]
        block = padded[self.start : self.end]
        if self.to < self.start:
            return [*padded[: self.to], *block, *padded[self.to : self.start], *padded[self.end :]]
        return [*padded[: self.start], *padded[self.end : self.to], *block, *padded[self.to :]]

    def span(self, start: int, end: int | None) -> Span | None:
        if end is None:
            return start, end
        if end == start + 1 or (self.start <= start and end <= self.end):
            moved = self._moved(start)
            return moved, moved + end - start
        return start, end

    def _moved(self, index: int) -> int:
        count = self.end - self.start
        if self.start <= index < self.end:
            return index + (self.to - self.end if self.to > self.end else self.to - self.start)
        if self.end <= index < self.to:
            return index - count
        return index + count if self.to <= index < self.start else index

    @property
    def growth(self) -> int:
        return 0


def reshape(draft: Draft, tab: Tab, axis: Axis, shift: Shift) -> None:
    """Apply the shift to the cells of a tab and to everything anchored to them."""
    if axis == "ROWS":
        empty: Row = []
        tab.rows = shift.lines(tab.rows, empty)
        tab.row_count += shift.growth
        tab.rows = tab.rows[: tab.row_count]
    else:
        blank: Held = None
        tab.rows = [shift.lines(row, blank) for row in tab.rows]
        tab.column_count += shift.growth
    if tab.row_count < 1 or tab.column_count < 1:
        raise Refused(400, "Sorry, it is not possible to delete all the rows or columns of a sheet.")
    _carry_along(draft.book, tab, axis, shift)


def _carry_along(book: Book, tab: Tab, axis: Axis, shift: Shift) -> None:
    tab.protections = [here for each in tab.protections if (here := _moved_protection(each, axis, shift)) is not None]
    tab.merges = [left for each in tab.merges if (left := moved_area(each, axis, shift)) is not None]
    if tab.filter is not None:
        shown = moved_area(tab.filter[0], axis, shift)
        tab.filter = None if shown is None else (shown, tab.filter[1])
    named = []
    for name_id, name, sheet_id, area in book.named:
        left = moved_area(area, axis, shift) if sheet_id == tab.sheet_id else area
        if left is not None:
            named.append((name_id, name, sheet_id, left))
    book.named = named
    book.metadata = [kept for each in book.metadata if (kept := _moved_metadata(each, tab, axis, shift)) is not None]


def moved_area(area: Area, axis: Axis, shift: Shift) -> Area | None:
    if axis == "ROWS":
        span = shift.span(area.top, area.bottom)
        return None if span is None else dataclasses.replace(area, top=span[0], bottom=span[1])
    span = shift.span(area.left, area.right)
    return None if span is None else dataclasses.replace(area, left=span[0], right=span[1])


def _moved_protection(each: Protection, axis: Axis, shift: Shift) -> Protection | None:
    area = moved_area(each.area, axis, shift)
    if area is None:
        return None
    free = [moved for one in each.unprotected if (moved := moved_area(one, axis, shift)) is not None]
    return dataclasses.replace(each, area=area, unprotected=tuple(free))


def _moved_metadata(each: dict[str, Any], tab: Tab, axis: Axis, shift: Shift) -> dict[str, Any] | None:
    at = each["location"].get("dimensionRange")
    if at is None or at["sheetId"] != tab.sheet_id or at["dimension"] != axis:
        return each
    span = shift.span(at["startIndex"], at["endIndex"])
    if span is None:
        return None
    location = {**each["location"], "dimensionRange": {**at, "startIndex": span[0], "endIndex": span[1]}}
    return {**each, "location": location}


def insert(draft: Draft, tab: Tab, axis: Axis, at: int, count: int, like_before: bool = False) -> None:
    """Insert blank rows or columns in front of `at`; with `like_before` they have the formats of the line before."""
    size = tab.row_count if axis == "ROWS" else tab.column_count
    if not 0 <= at <= size or (like_before and at == 0):
        raise Refused(400, f"Invalid range: cannot insert {axis.lower()} at index {at}")
    # Only those who may edit a protected range can insert lines into it.
    if 0 < at < size:
        line = Box(at - 1, 0, at + 1, tab.column_count) if axis == "ROWS" else Box(0, at - 1, tab.row_count, at + 1)
        for each in tab.protections:
            start, end = (each.area.top, each.area.bottom) if axis == "ROWS" else (each.area.left, each.area.right)
            if start < at and (end is None or at < end):
                draft.may_change(tab, line)
    reshape(draft, tab, axis, Insert(at, count))
    if not like_before:
        return
    if axis == "ROWS":
        formats = [_format_of(held) for held in tab.row(at - 1)]
        if any(formats):
            for row in range(at, at + count):
                tab.put(row, 0, formats)
    else:
        for row, cells in enumerate(tab.rows):
            kept = _format_of(cells[at - 1]) if at <= len(cells) else None
            if kept is not None:
                tab.put(row, at, [kept] * count)


def _format_of(held: Held) -> Held:
    return dressed(None, {name: part for name, part in data_of(held).items() if name != "note"})


def delete(draft: Draft, tab: Tab, axis: Axis, start: int, end: int) -> None:
    size = tab.row_count if axis == "ROWS" else tab.column_count
    if not 0 <= start < end <= size:
        raise Refused(400, f"Invalid range: cannot delete {axis.lower()} {start} to {end} of {size}")
    draft.may_change(tab, _lines_box(tab, axis, start, end))
    reshape(draft, tab, axis, Delete(start, end))


def move(draft: Draft, tab: Tab, axis: Axis, start: int, end: int, to: int) -> None:
    size = tab.row_count if axis == "ROWS" else tab.column_count
    if not 0 <= start < end <= size or not 0 <= to <= size or start < to < end:
        raise Refused(400, f"Invalid range: cannot move {axis.lower()} {start} to {end} to index {to} of {size}")
    draft.may_change(tab, _lines_box(tab, axis, min(start, to), max(end, to)))
    reshape(draft, tab, axis, Move(start, end, to))


def _lines_box(tab: Tab, axis: Axis, start: int, end: int) -> Box:
    return Box(start, 0, end, tab.column_count) if axis == "ROWS" else Box(0, start, tab.row_count, end)


def sort(draft: Draft, tab: Tab, box: Box, by: Sequence[tuple[int, bool]]) -> None:
    """Sort the rows of a rectangle by (column, descending) pairs; numbers before text before TRUE, blanks last.

    Cells beside the rectangle, and developer metadata, stay where they are.
    """
    draft.may_change(tab, box)
    rows = [tab.row(row)[box.left : box.right] for row in range(box.top, min(box.bottom, len(tab.rows)))]
    for column, descending in reversed(by):
        if not box.left <= column < box.right:
            raise Refused(400, f"Invalid sortSpecs: column {column} is not in the range")
        at = column - box.left
        filled = [row for row in rows if _rank(row, at) is not None]
        filled.sort(key=lambda row, at=at: _rank(row, at) or (), reverse=descending)  # type: ignore[misc]
        rows = [*filled, *[row for row in rows if _rank(row, at) is None]]
    for index, row in enumerate(rows):
        tab.put(box.top + index, box.left, [*row, *([None] * (box.width - len(row)))])


def _rank(row: Row, at: int) -> tuple[Any, ...] | None:
    value = value_of(row[at]) if at < len(row) else None
    if value is None:
        return None
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, float):
        return 0, value
    return 1, str(getattr(value, "text", value)).casefold()
