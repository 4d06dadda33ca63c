"""The spreadsheet of orders as a delivery target: one record per order, its own row and those of its lines together.

Rows are found by the key column just before they are written, wherever people have put them; what was written is read
back before it counts (`DoneReadBack`). Between that look and the call somebody may still move a row: then our values stand in
another order's row. Reading back shows it; that other order is compared again and put right, and the collision told.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from typing import Any, ClassVar

from sync_pipelines.currency import decimals
from sync_pipelines.delivery.fingerprints import Rules
from sync_pipelines.delivery.model import (
    Answer,
    BatchRefused,
    CannotGoOn,
    Change,
    DoneReadBack,
    Field,
    Fields,
    Intent,
    Live,
    RetryLater,
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.duck import chunks
from sync_pipelines.exact_json import dumps
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.shopify_sheets.cell_writes import LINES, UNKEYED, Cell, CellWrites, claims, lines_same, named
from sync_pipelines.pipelines.shopify_sheets.layout import Column, Layout, TabLayout, same
from sync_pipelines.pipelines.shopify_sheets.mapping import REMOVED
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.pipelines.shopify_sheets.sheet import LayoutProblem, Sheet
from sync_pipelines.vendors.failures import Permanent, RateLimited, Transient
from sync_pipelines.vendors.google_account import CellsProtected
from sync_pipelines.vendors.google_sheets import Row, size

log = logging.getLogger(__name__)

RANGE_BYTES = 80
MOST_CHANGES = 5_000
GROW_AT_LEAST = 500
AT_ONCE = 5_000
"""Orders whose rows are held at a time."""
JUST_NOW = 1.0
"""Seconds."""


class OrderRows(Target):
    """Orders and their lines on two tabs of one spreadsheet.

    Fields: one per written column of the orders' tab, by its header; `lines`: the line's key → its cells by header.
    """

    name = "sheets/orders"
    window: ClassVar[int | None] = 20_000

    def __init__(
        self,
        sheet: Sheet,
        settings: ShopifySheetsSettings,
        currency: str,
        disturbed: Callable[[Sequence[str]], None] = lambda _: None,
        overwritten: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> None:
        """disturbed: told the keys of orders in whose rows our values may have ended up; overwritten: of those that lost
        their row to a new one of ours."""
        self.sheet, self.account, self.settings = sheet, settings.account, settings
        self.layout, self.decimals = sheet.layout, decimals(currency)
        self._disturbed, self._overwritten = disturbed, overwritten
        self.hit: set[str] = set()
        """Orders in whose rows ours may have ended up, or that lost their row to ours, since somebody looked."""
        self.strays: dict[str, None] = {}
        """Rows without a key that hold what was meant for an order: for a person to empty."""
        self._unanswered: dict[str, dict[str, list[tuple[str, int]]]] = {}
        """By intent: where rows went of which no answer came."""
        self._stood: list[tuple[dict[str, list[int]], dict[str, list[int]], dict[int, str]]] = []
        """Rows of orders, rows of lines and the lines' orders, as they stood when new rows were put below them."""
        self._to_make = 0
        """Orders that had no row when they were last read, and were not written since."""
        self._written: dict[str, int] = {}
        """By order: bytes of its rows in a request that the vendor took, since `least_sent` was asked."""
        self.fields = fields_of(sheet.layout)
        self.steps = (Step("rows", timedelta(seconds=settings.lands_within), atomic=True),)

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """Orders as they stand in the sheet: one read, or two where rows are not where they were, and one more for every
        5,000 orders; none where it was seen just now that there are no such rows."""
        if keys is None:
            keys = list(self.known())
        if not keys or (self.sheet.age < JUST_NOW and not self.sheet.has_rows(keys)):
            self._to_make = len(keys)
            return
        found = self.sheet.look(keys if len(keys) <= AT_ONCE else ())
        self._to_make = sum(key not in self.sheet.orders.rows for key in keys)
        if len(keys) <= AT_ONCE:
            yield from self._live(keys, found)
            return
        below = self.sheet.orders.used + 1
        by_place = sorted(keys, key=lambda key: self.sheet.orders.rows.get(key, [below])[0])
        for part in chunks(by_place, AT_ONCE):
            yield from self._live(part, self.sheet.rows(part))

    def renew(self) -> None:
        self.sheet.grow_old()

    def known(self) -> dict[str, list[int]]:
        """Every order's key in the sheet, with its rows. One read."""
        self.sheet.look()
        return dict(self.sheet.orders.rows)

    def _live(self, keys: Sequence[str], found: Mapping[str, list[list[Any]]]) -> Iterator[Live]:
        orders, lines = self.sheet.both
        by_row = {row[0]: row[1:] for row in found["orders"]}
        of_order: dict[str, list[tuple[int, Cell]]] = {}
        for row, *values in found["lines"]:
            of_order.setdefault(lines.order_of.get(row, ""), []).append((row, named(lines, values)))
        for key in keys:
            rows = orders.rows.get(key, [])
            if not rows and key not in of_order:
                continue
            problem = f"stands in rows {', '.join(map(str, rows))} of {orders.tab.title!r}" if len(rows) > 1 else None
            fields: Fields = named(orders, by_row.get(rows[0], [])) if rows else {}
            mine: dict[str, Cell] = {}
            for row, cells in of_order.get(key, []):
                name = lines.key_at.get(row) or f"{UNKEYED}{len(mine) + 1}"
                if name in mine:
                    problem = f"line {name} stands in several rows of {lines.tab.title!r}"
                mine[name] = cells
            yield Live(key, {**fields, LINES: mine}, remote_id=None, problem=problem)

    def merged(self, before: Fields | None, wanted: Fields) -> Fields:
        """Lines that the order has no more stay, marked as removed; rows without a key become the lines they stand for."""
        if before is None:
            return wanted
        there, lines = before.get(LINES) or {}, dict(wanted[LINES])
        if not claims(there, lines):
            lines.update({name: cells for name, cells in there.items() if name.startswith(UNKEYED)})
        status = next((c.header for c in self.layout.lines.written if c.source == "status"), None)
        for name, cells in there.items():
            if name not in lines and not name.startswith(UNKEYED):  # ours have a status; a row without one is the staff's
                lines[name] = {**cells, status: REMOVED} if status and cells.get(status) else cells
        merged = super().merged(before, wanted)
        if before.get(self.layout.orders.key) is None:  # only its lines are there: the row is made, whole
            merged = {**wanted}
        return {**merged, LINES: lines}

    def gone(self, live: Fields | None) -> bool:
        return _gone(self.layout.orders.key, live)

    def reverse(self, change: Change) -> Change | str:
        """Restore the cells; of a row that was made, empty ours. A row is never deleted; a line's key, once filled in, stays."""
        back = super().reverse(change)
        if isinstance(back, str) or back.after is None:
            return back
        was, now = back.after.get(LINES) or {}, (back.before or {}).get(LINES) or {}
        names = {unkeyed: name for name, unkeyed in claims(was, now).items()}
        key = self.layout.lines.key
        kept = {names.get(n, n): {**cells, key: names[n]} if n in names else cells for n, cells in was.items()}
        return replace(back, after={**back.after, LINES: kept})

    # --- writing ----------------------------------------------------------------------------------------------------

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """As many orders as fit into one request of the size the vendor recommends."""
        batch: list[Change] = []
        taken = 0
        for change in changes:
            needs = self._size(change)
            if batch and (taken + needs > self.settings.write_bytes or len(batch) >= MOST_CHANGES):
                yield batch
                batch, taken = [], 0
            batch.append(change)
            taken += needs
        if batch:
            yield batch

    def _size(self, change: Change) -> int:
        image = change.after or change.before or {}
        rows: list[Row] = [
            [v for n, v in image.items() if n != LINES],
            *(list(c.values()) for c in image.get(LINES, {}).values()),
        ]
        between = max(seen.width - len(seen.layout.written) for seen in self.sheet.both)  # each a null: left alone
        ranges = 1 if change.before is None else len(rows)  # new rows stand together
        return size(rows) + 5 * between * len(rows) + RANGE_BYTES * ranges

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        try:
            self.sheet.client.reserve_write()
            self.sheet.look_before_writing([c.key for c in batch], self.settings.positions_hold)
            cells = CellWrites(self.layout.orders, self.layout.lines, self.sheet)
            for change in batch:
                cells.place(change)
            self._make_room(cells)
            if any(last > seen.used for seen, last in zip(self.sheet.both, cells.last, strict=True)):
                self._stood.append((self.sheet.orders.rows, self.sheet.lines.rows, self.sheet.lines.order_of))
        except LayoutProblem as e:
            raise CannotGoOn(str(e)) from e
        except (RateLimited, Transient) as e:  # nothing of these orders was sent
            self.sheet.forget()
            raise RetryLater(e.retry_after or self.settings.positions_hold or 1.0, str(e)) from e
        except Permanent as e:
            self.sheet.forget()
            raise CannotGoOn(str(e)) from e
        try:
            with as_delivery_failures(pause=30.0):
                self.sheet.client.write(self.sheet.id, cells.ranges())
        except Transient as e:
            self.sheet.forget()
            self._unanswered[intent.id] = cells.places
            return {change.key: Unclear(str(e)) for change in batch}
        except Permanent as e:
            self.sheet.forget()
            if e.status == 400 and not isinstance(e, CellsProtected):
                raise BatchRefused(str(e)) from e
            raise CannotGoOn(str(e)) from e
        most = self.settings.write_bytes
        self._written.update({change.key: min(self._size(change), most) for change in batch})
        return {change.key: DoneReadBack(json.dumps(cells.places[change.key])) for change in batch}

    def least_sent(self) -> int:
        """Return the least calls for what was written since this was last asked: a look before, a look after, and full
        requests."""
        written, self._written = sum(self._written.values()), {}
        return 2 + math.ceil(written / self.settings.write_bytes) if written else 0

    def _make_room(self, cells: CellWrites) -> None:
        """Grow the grids to what is about to be written, and give the new rows their number formats. One write, or none."""
        requests: list[dict[str, Any]] = []
        grown = zip(self.sheet.both, cells.last, strict=True)
        cells_then = self.sheet.cells + sum(max(0, last - seen.grid_rows) * seen.tab.columns for seen, last in grown)
        room = self.settings.cell_limit - cells_then
        made = cells.last[0] - self.sheet.orders.used
        share = max(1.0, self._to_make / made) if made else 1.0  # this batch of all that are to be made: room for the rest
        self._to_make = max(0, self._to_make - made)
        for seen, last in zip(self.sheet.both, cells.last, strict=True):
            new = last - seen.used
            if new <= 0:
                continue
            if last > seen.grid_rows:
                needed = last - seen.grid_rows
                spare = max(0, min(room // seen.tab.columns, max(round(new * (share - 1)), GROW_AT_LEAST - needed)))
                room -= spare * seen.tab.columns
                more = needed + spare
                requests.append({"appendDimension": {"sheetId": seen.tab.sheet_id, "dimension": "ROWS", "length": more}})
                seen.grid_rows += more
                seen.formatted_from = None
            if seen.formatted_from is None or seen.formatted_from > seen.used + 1:
                requests += formats(seen.layout, seen.tab.sheet_id, seen.columns, seen.used + 1, self.decimals)
                seen.formatted_from = seen.used + 1
        if requests:
            self.sheet.client.change(self.sheet.id, requests)

    # --- reading back -----------------------------------------------------------------------------------------------

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        """Read back what was written, and look who stands where it was written."""
        places = [place for i in intents for mine in self._places(i).values() for place in mine]
        keys = [c.key for i in intents for c in i.changes]
        found = self.sheet.look(keys, more=places)
        live = {record.key: record for record in self._live(keys, found)}
        orders, others = self.sheet.orders, {*keys, *(key for rows, *_ in self._stood for key in rows)}
        nobodys = {(orders.tab.title, row): cells for row, *cells in found["orders"] if orders.key_at.get(row) not in others}
        answers = {
            c.key: self._under_another_key(c, self._places(i).get(c.key, ()), nobodys) or self.settled(i.step, c, live.get(c.key))
            for i in intents
            for c in i.changes
        }
        self._tell_of_others(intents, found)
        return answers

    def _under_another_key(
        self, change: Change, places: Iterable[tuple[str, int]], found: Mapping[tuple[str, int], list[Any]]
    ) -> Stale | None:
        """Whether a row that was made stands where it went, all but its key: whoever changed the key, it was written, and
        writing it again would make another one. found: the rows that are no other order's, by their places."""
        orders, key = self.sheet.orders, self.layout.orders.key
        if not self.gone(change.before) or self.gone(change.after) or change.key in orders.rows:
            return None
        for place in places:
            cells = named(orders, found.get(place, ()))
            if cells and all(
                same(c.type, cells.get(h)) == same(c.type, (change.after or {}).get(h))
                for h, c in self.layout.orders.by_header.items()
                if h != key and c.write == "always"
            ):
                return Stale(
                    f"read back: the row stands in row {place[1]} of {place[0]!r} with the key {cells.get(key, '')!r}. Give it "
                    f"the key {change.key!r} again, and nothing that changes it."
                )
        return None

    def _places(self, intent: Intent) -> Mapping[str, list[tuple[str, int]]]:
        """Where the rows of each key went, as far as that is known."""
        told = {key: [(title, row) for title, row in json.loads(handle)] for key, handle in intent.handles.items()}
        return told or self._unanswered.get(intent.id, {})

    def _tell_of_others(self, intents: Sequence[Intent], found: Mapping[str, list[list[Any]]]) -> None:
        """Orders that stand where we wrote somebody else, or stand nowhere since we wrote new rows: a row was moved between
        our look and our call. A row without a key that came in its place keeps what was meant for another, and is told."""
        orders, lines = self.sheet.both
        filled = {
            seen.tab.title: {row for row, *cells in found[name] if seen.says_something(cells)}
            for name, seen in (("orders", orders), ("lines", lines))
        }
        owner = {orders.tab.title: orders.key_at, lines.tab.title: lines.order_of}
        hit: dict[str, str] = {}
        for intent in intents:
            for key, places in self._places(intent).items():
                for title, row in places:
                    stands = owner[title].get(row, "")
                    if not stands and row in filled[title]:
                        self.strays[f"row {row} of {title!r} has no key and holds what was meant for {key}"] = None
                    if stands and stands != key:
                        hit[stands] = f"{key} was written to row {row} of {title!r}, where {stands} stands now"
        if hit:
            for told in list(hit.values())[:20]:
                log.warning("sheets/orders: somebody moved rows while we wrote: %s. Both are compared again.", told)
            self.hit.update(hit)
            self._disturbed(sorted(hit))
        if lost := self._lost(intents):
            log.warning(
                "sheets/orders: new rows were written over those of %s, which somebody moved there. They are made again.",
                ", ".join(sorted(lost)[:20]),
            )
            self.hit.update(lost)
            self._overwritten(sorted(lost))

    def _lost(self, intents: Sequence[Intent]) -> set[str]:
        """Orders that had a row, or a line's row, before new ones were written, and have it no more. What we took back
        ourselves is none of them."""
        orders, lines = self.sheet.both
        stood, self._stood = self._stood, []
        ours = {c.key: set((c.after or {}).get(LINES) or {}) if c.after else None for i in intents for c in i.changes}
        lost: set[str] = set()
        for rows, line_rows, order_of in stood:
            if _pushed_down(rows, orders.rows):
                lost.update(key for key in rows if key not in orders.rows and ours.get(key, "kept") is not None)
            if not _pushed_down(line_rows, lines.rows):
                continue
            for name, (row, *_) in line_rows.items():
                key = order_of.get(row, "")
                kept = ours.get(key, {name})
                if key and name not in lines.rows and kept and name in kept:
                    lost.add(key)
        return lost


def _pushed_down(before: Mapping[str, list[int]], now: Mapping[str, list[int]]) -> bool:
    """Whether rows came to stand lower than they did: only so can one get under the new rows. Where none did, what is
    missing was deleted by somebody. Of the last rows nobody can tell: no row below them shows whether they moved."""
    last = max((rows[0] for key, rows in before.items() if key in now), default=0)
    return any(now[key][0] > rows[0] if key in now else rows[0] > last for key, rows in before.items())


def unkeyed_lines(_: Fields | None, after: Fields) -> str | None:
    """A row guard: rows of this order without a line key, of which nobody can say which line each is."""
    left = [name for name in after.get(LINES) or {} if name.startswith(UNKEYED)]
    if not left:
        return None
    return (
        f"{len(left)} rows of lines have no line key and are not as many as the lines that lack a row: fill the key column "
        "in, or clear those rows. Released as it is, every line gets a row of its own beside them"
    )


def fields_of(layout: Layout) -> dict[str, Field]:
    """The fields of an order in the sheet, with how two values of each are compared."""
    return {
        **{column.header: _field(column) for column in layout.orders.written},
        LINES: Field(same=lambda lines: lines_same(layout.lines, lines), private=True, rule=_lines_rule(layout)),
    }


def _lines_rule(layout: Layout) -> str:
    """Lines are compared in the columns that are always written."""
    compared = sorted(f"{c.header}\x1f{c.type}" for c in layout.lines.written if c.write == "always")
    return f"lines {blake2b(dumps(compared).encode(), digest_size=6).hexdigest()}"


def _field(column: Column) -> Field:
    ownership: Any = {"always": "owned", "once": "create_only"}[column.write]
    return Field(ownership, same=lambda value: same(column.type, value), private=True, rule=f"cell {column.type}")


def rules_of(layout: Layout) -> Rules:
    """How orders are compared that are laid out like this."""
    return Rules(fields_of(layout), partial(_gone, layout.orders.key))


def _gone(key: str, image: Fields | None) -> bool:
    """Its own row says whether an order is there. Lines without it are what somebody who deleted the row left over."""
    return image is None or image.get(key) is None


def formats(tab: TabLayout, sheet_id: int, columns: Mapping[str, int], first_row: int, places: int) -> list[dict[str, Any]]:
    """Number formats for the columns that hold amounts and times, from a row to the end of the grid."""
    money = "#,##0" + ("." + "0" * places if places else "")
    patterns = {
        "money": ("NUMBER", money),
        "date": ("DATE", tab.date_format),
        "datetime": ("DATE_TIME", tab.datetime_format),
        "integer": ("NUMBER", "0"),
    }
    return [
        {
            "repeatCell": {
                "range": {
                    "sheetId": sheet_id,
                    "startRowIndex": first_row - 1,
                    "startColumnIndex": columns[c.header] - 1,
                    "endColumnIndex": columns[c.header],
                },
                "cell": {"userEnteredFormat": {"numberFormat": dict(zip(("type", "pattern"), patterns[c.type], strict=True))}},
                "fields": "userEnteredFormat.numberFormat",
            }
        }
        for c in tab.written
        if c.type in patterns
    ]
