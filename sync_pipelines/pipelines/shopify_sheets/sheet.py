"""The spreadsheet as it was last seen: where the columns and rows are. People sort, insert and move them at any time."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sheets.layout import Layout, TabLayout, key_text
from sync_pipelines.vendors.failures import Permanent
from sync_pipelines.vendors.google_sheets import Cells, Sheets, Tab

GAP = 8
"""Rows between two wanted ones that are read along rather than beginning another range."""


class LayoutProblem(DeliveryError):
    """The spreadsheet is not laid out as the settings say; the message says what to do. Nothing was written."""


@dataclass
class Seen:
    """One tab as it was seen. columns: place of each header, from 1. keys: what the key column holds, by row."""

    layout: TabLayout
    tab: Tab
    columns: dict[str, int]
    rows: dict[str, list[int]] = field(default_factory=dict)
    """Rows by key, from 1; a key that stands twice has two."""
    order_of: dict[int, str] = field(default_factory=dict)
    """In the tab of lines: the order's key, by row."""
    key_at: dict[int, str] = field(default_factory=dict)
    used: int = 1
    """The last row of ours: with a key, or with anything in a column of ours (a total below the table). New rows go below
    it, whatever stands in other columns. Certain once `below_seen`."""
    seen: bool = False
    below_seen: bool = False
    grid_rows: int = 0
    formatted_from: int | None = None
    """From this row to the end of the grid the columns have their number formats."""

    @property
    def first_column(self) -> int:
        return min(self.columns[c.header] for c in self.layout.written)

    @property
    def last_column(self) -> int:
        return max(self.columns[c.header] for c in self.layout.written)

    def column(self, header: str) -> int:
        return self.columns[header]

    def place(self, header: str) -> int:
        """Where a header's cell is in a row that begins with the first of our columns."""
        return self.columns[header] - self.first_column

    @property
    def width(self) -> int:
        return self.last_column - self.first_column + 1

    def says_something(self, cells: Sequence[Any]) -> bool:
        """Whether any column of ours holds something in a row from our first column on. A box that is not ticked is
        prefilled, and says nothing."""
        places = (self.place(column.header) for column in self.layout.written)
        return any(cells[at] not in (None, "") and cells[at] is not False for at in places if at < len(cells))


class Sheet:
    """One spreadsheet, laid out as the settings say. `look` sees; nothing here writes."""

    def __init__(self, client: Sheets, spreadsheet: str, layout: Layout) -> None:
        self.client, self.id, self.layout = client, spreadsheet, layout
        self.tabs: dict[str, Tab] = {}
        self._orders: Seen | None = None
        self._lines: Seen | None = None
        self._seen_at = -1e9

    @property
    def orders(self) -> Seen:
        if self._orders is None:
            self.look()
        assert self._orders is not None  # noqa: S101 - look() sees both or raises
        return self._orders

    @property
    def lines(self) -> Seen:
        if self._lines is None:
            self.look()
        assert self._lines is not None  # noqa: S101
        return self._lines

    @property
    def both(self) -> tuple[Seen, Seen]:
        return self.orders, self.lines

    @property
    def age(self) -> float:
        """Seconds since the rows were last seen."""
        return time.monotonic() - self._seen_at

    @property
    def cells(self) -> int:
        """Cells of all tabs together, empty ones counted, as the limit counts them."""
        ours = {s.tab.title: s.grid_rows for s in (self._orders, self._lines) if s is not None}
        return sum(ours.get(tab.title, tab.rows) * tab.columns for tab in self.tabs.values())

    def forget(self) -> None:
        """Take nothing for granted any more, the grid included."""
        self.tabs, self._orders, self._lines, self._seen_at = {}, None, None, -1e9

    def grow_old(self) -> None:
        """Look again before anything is taken to be where it was."""
        self._seen_at = -1e9

    def look_before_writing(self, keys: Collection[str], hold: float) -> None:
        """Make sure that where rows are, and where new ones go, was seen within the last `hold` seconds."""
        if self.age > hold:
            self.look(keys)
        while not (self.orders.below_seen and self.lines.below_seen):
            self.look(keys)

    def look(self, keys: Collection[str] = (), *, more: Sequence[tuple[str, int]] = ()) -> dict[str, list[list[Any]]]:
        """See where every row is, and give the rows of these orders: under `orders` and `lines`, each row as
        [number, *cells from our first to our last column].

        One read where the rows are where they were last time; one more where they are not. `more`: also the rows at these
        places, (tab, row), whatever they hold.
        """
        if self.tabs:
            try:
                return self._look(keys, more)
            except (LayoutProblem, Permanent):  # the grid, too, is not what it was: columns were inserted, rows deleted
                self.forget()
        return self._look(keys, more)

    def _look(self, keys: Collection[str], more: Sequence[tuple[str, int]]) -> dict[str, list[list[Any]]]:
        if not self.tabs:
            self.tabs = self.client.tabs(self.id)
            self._orders, self._lines = (self._expected(tab) for tab in self.layout.tabs)
        before = (self._orders, self._lines)
        wanted = {s.tab.title: self._rows_of(s, keys) for s in before if s is not None}
        for title, row in more:
            wanted[title].add(row)
        found = self._read(wanted)
        missing = {s.tab.title: self._rows_of(s, keys) - wanted.get(s.tab.title, set()) for s in self.both}
        if any(missing.values()):
            for title, read in self._only_rows(missing).items():
                found[title].update(read)
        self._seen_at = time.monotonic()
        return self._chosen(found, keys, more)

    def rows(self, keys: Collection[str]) -> dict[str, list[list[Any]]]:
        """The rows of these orders, where they were last seen, as `look` gives them. One read, or none."""
        found = self._only_rows({s.tab.title: self._rows_of(s, keys) for s in self.both})
        return self._chosen(found, keys, ())

    def _chosen(
        self, found: Mapping[str, Mapping[int, list[Any]]], keys: Collection[str], more: Sequence[tuple[str, int]]
    ) -> dict[str, list[list[Any]]]:
        chosen = {}
        for name, seen in (("orders", self.orders), ("lines", self.lines)):
            rows = self._rows_of(seen, keys) | {row for title, row in more if title == seen.tab.title}
            chosen[name] = [[row, *found[seen.tab.title][row]] for row in sorted(rows) if row in found[seen.tab.title]]
        return chosen

    def has_rows(self, keys: Collection[str]) -> bool:
        """Whether any of these orders has a row, or a line has, as last seen."""
        wanted = set(keys)
        return not wanted.isdisjoint(self.orders.rows) or not wanted.isdisjoint(self.lines.order_of.values())

    def _rows_of(self, seen: Seen, keys: Collection[str]) -> set[int]:
        if seen.layout.order:
            wanted = set(keys)
            return {row for row, key in seen.order_of.items() if key in wanted} if wanted else set()
        return {row for key in keys for row in seen.rows.get(key, ())}

    def _expected(self, layout: TabLayout) -> Seen:
        """A tab before it was seen: its columns where a new sheet has them."""
        tab = self.tabs.get(layout.tab)
        if tab is None:
            close = [t for t in self.tabs if t.strip().casefold() == layout.tab.strip().casefold()]
            hint = f" There is {close[0]!r}: rename it." if close else ""
            raise LayoutProblem(
                f"the spreadsheet has no tab {layout.tab!r} (it has: {', '.join(map(repr, self.tabs))}).{hint} "
                "A blank one is set up by `sync-pipelines prepare shopify_sheets`. Nothing was written."
            )
        return Seen(layout, tab, {header: n for n, header in enumerate(layout.headers, 1)}, grid_rows=tab.rows)

    def _read(self, wanted: Mapping[str, set[int]]) -> dict[str, dict[int, list[Any]]]:
        """One read: the headers, the key columns, what stands below the last key, and these rows. Again, if the columns
        turn out to be elsewhere."""
        for _ in range(3):
            ranges: list[Cells] = []
            rows = {seen.tab.title: _ranges(seen, wanted[seen.tab.title]) for seen in self.both}
            for seen in self.both:
                title, columns = seen.tab.title, seen.tab.columns
                ranges.append(Cells(title, 1, 1, 1, columns))
                ranges += [Cells(title, 1, seen.column(h), None, seen.column(h)) for h in _key_headers(seen.layout)]
                if below := _below(seen):
                    ranges.append(below)
                ranges += rows[title]
            values = dict(zip(ranges, self.client.values(self.id, ranges), strict=True))
            found: dict[str, dict[int, list[Any]]] = {}
            moved = False
            for seen in self.both:
                header = values[Cells(seen.tab.title, 1, 1, 1, seen.tab.columns)]
                places = _columns(seen.layout, header[0] if header else [])
                moved = moved or any(places[h] != seen.columns.get(h) for h in seen.layout.by_header)
                seen.columns = places
            if moved:
                continue
            for seen in self.both:
                _refuse_merged_keys(seen)
                _take_keys(seen, values)
                found[seen.tab.title] = {
                    cells.row + n: row for cells in rows[seen.tab.title] for n, row in enumerate(values[cells])
                }
            return found
        raise LayoutProblem("columns are being moved faster than they can be read. Nothing was written; try again.")

    def _only_rows(self, wanted: Mapping[str, set[int]]) -> dict[str, dict[int, list[Any]]]:
        by_tab = {seen.tab.title: _ranges(seen, wanted[seen.tab.title]) for seen in self.both}
        ranges = [cells for each in by_tab.values() for cells in each]
        values = dict(zip(ranges, self.client.values(self.id, ranges) if ranges else (), strict=True))
        return {
            title: {cells.row + n: row for cells in each for n, row in enumerate(values[cells])} for title, each in by_tab.items()
        }


def _below(seen: Seen) -> Cells | None:
    """What lies below the last key, once it is known where that is: people may have written there."""
    last = max(seen.key_at, default=1)
    if not seen.seen or last >= seen.grid_rows:
        return None
    return Cells(seen.tab.title, last + 1, seen.first_column, None, seen.last_column)


def _key_headers(layout: TabLayout) -> tuple[str, ...]:
    return (layout.key, layout.order) if layout.order else (layout.key,)


def _refuse_merged_keys(seen: Seen) -> None:
    """Raises LayoutProblem for merged cells in a key column: only the first of them has a value, which hides the other rows."""
    for merged in seen.tab.merges:
        for header in _key_headers(seen.layout):
            if (merged.last_row or 0) > 1 and merged.column <= seen.column(header) <= merged.last_column:
                raise LayoutProblem(
                    f"the cells {merged} are merged, and the key column {header!r} is among them: only the first of them has a "
                    "value, so that rows are not found. Unmerge them (Format > Merge cells) and fill the key in, row by row. "
                    "Nothing was written."
                )


def _take_keys(seen: Seen, values: Mapping[Cells, list[list[Any]]]) -> None:
    def column(header: str) -> list[str]:
        at = seen.column(header)
        return [key_text(row[0]) if row else "" for row in values[Cells(seen.tab.title, 1, at, None, at)]]

    below = _below(seen)
    rows_below = enumerate(values[below], below.row) if below else ()
    foot = max((row for row, cells in rows_below if seen.says_something(cells)), default=1)
    seen.below_seen, seen.seen = seen.seen, True
    keys = column(seen.layout.key)
    seen.key_at = {row: key for row, key in enumerate(keys, 1) if key and row > 1}
    seen.rows = {}
    for row, key in seen.key_at.items():
        seen.rows.setdefault(key, []).append(row)
    seen.used = max(foot, *seen.key_at, 1)
    if seen.layout.order:
        orders = column(seen.layout.order)
        seen.order_of = {row: key for row, key in enumerate(orders, 1) if key and row > 1}
        seen.used = max(seen.used, *seen.order_of, 1)
    seen.grid_rows = max(seen.grid_rows, seen.used)


def _columns(layout: TabLayout, header: Sequence[Any]) -> dict[str, int]:
    """Where each header stands. Raises LayoutProblem for one of ours that is missing or stands twice."""
    places: dict[str, list[int]] = {}
    for n, text in enumerate(header, 1):
        places.setdefault(key_text(text), []).append(n)
    ours = [column.header for column in layout.written]
    missing = [h for h in ours if h.strip() not in places]
    twice = [h for h in ours if len(places.get(h.strip(), ())) > 1]
    if missing or twice:
        problems = [f"has no column {', '.join(map(repr, missing))}"] if missing else []
        problems += [f"has several columns {', '.join(map(repr, twice))}"] if twice else []
        raise LayoutProblem(
            f"tab {layout.tab!r} {' and '.join(problems)}. Give the first row these headers again (a renamed one: its old "
            "name back, or its new name in the layout). A blank tab is set up by `sync-pipelines prepare shopify_sheets`. "
            "Nothing was written."
        )
    return {h: places[h.strip()][0] for h in layout.headers if h.strip() in places}


def _ranges(seen: Seen, rows: Iterable[int]) -> list[Cells]:
    """The rows, from our first column to our last, as few rectangles; rows close to each other are read together."""
    found: list[list[int]] = []
    for row in sorted(r for r in rows if r <= seen.grid_rows):
        if found and row - found[-1][1] <= GAP:
            found[-1][1] = row
        else:
            found.append([row, row])
    return [Cells(seen.tab.title, first, seen.first_column, last, seen.last_column) for first, last in found]
