"""A supplier's order file, read line by line. What cannot be read is told, with its row and column, and never guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sync_pipelines.decoding import LOST
from sync_pipelines.nearest import meant
from sync_pipelines.number_text import NumberUnclear, read_number
from sync_pipelines.pipelines.lightspeed_orders.file_tables import TOO_LONG, FileRefused, Row, Table, read_table, text_of
from sync_pipelines.pipelines.lightspeed_orders.layouts import Columns, OrderLayout
from sync_pipelines.pipelines.lightspeed_orders.price_rules import FIVE
from sync_pipelines.pipelines.spreadsheets import overwritten

MOST_PIECES, HIGHEST_COST = 1_000_000, Decimal(10) ** 9
"""Beyond these a barcode stands in the wrong column."""
EXACT = 10**15
"""From here on a spreadsheet program does not keep all digits of a number."""
_WITH_FRACTION = re.compile(r"[0-9]{8,}[.,]0+")


@dataclass(frozen=True)
class OrderLine:
    """A line of an order. quantity: pieces. cost: of one piece. family: of a variant, whose options have name and value.

    problem: why it cannot be used.
    """

    row: int
    key: str = ""
    supplier_code: str = ""
    description: str = ""
    quantity: int = 0
    cost: Decimal | None = None
    family: str = ""
    options: tuple[tuple[str, str], ...] = ()
    brand: str = ""
    category: str = ""
    problem: str = ""


def read_order(path: Path, layout: OrderLayout) -> list[OrderLine]:
    """Read an order file by a layout. Raises FileRefused, OSError."""
    names = _names(layout)
    table = read_table(path, skip_rows=layout.skip_rows, sheet=layout.sheet, encoding=layout.encoding, names=names)
    found = _found(path, table, layout)
    if not table.rows:
        raise FileRefused(f"{path} has a header and no row.")
    return [_Reader(place, row, found, layout).line() for place, row in table.rows]


def _names(layout: OrderLayout) -> list[str]:
    """The columns that a layout may find in a file."""
    packs = [layout.pieces_per_pack] if isinstance(layout.pieces_per_pack, str) else []
    return [*(name for field in Columns.model_fields for name in _of_field(layout.columns, field)), *packs]


def _of_field(columns: Columns, field: str) -> Iterator[str]:
    value = getattr(columns, field)
    yield from filter(None, (value,) if isinstance(value, str) else value)


def _found(path: Path, table: Table, layout: OrderLayout) -> dict[str, str]:
    """The names of a header, by how they are looked for. Raises FileRefused where one is missing or stands there twice."""
    found = {_folded(name): name for name in table.header if name}
    columns = layout.columns
    missing = [name for name in _needed(layout) if _folded(name) not in found]
    if not any(_folded(name) in found for name in (columns.key, columns.supplier_code) if name):
        either = " or ".join(filter(None, (columns.key, columns.supplier_code)))
        missing = [either, *(name for name in missing if name not in (columns.key, columns.supplier_code))]
    if missing:
        hints = "".join(meant(name, filter(None, table.header)) for name in missing)
        raise FileRefused(
            f"{path} has no column {', '.join(missing)}. It has: {', '.join(filter(None, table.header)) or 'none'}.{hints} "
            "Name the columns in a layout (data/suppliers/<supplier>.toml), or the key's with --key."
        )
    times = Counter(map(_folded, table.header))
    if twice := [name for name in _names(layout) if times[_folded(name)] > 1]:
        raise FileRefused(f"{path} has the column {twice[0]} {times[_folded(twice[0])]} times. Leave the one that is meant.")
    return found


def _needed(layout: OrderLayout) -> Iterator[str]:
    """The columns without which nothing is read: quantity and cost, and whatever the layout names itself."""
    named = layout.columns.model_fields_set
    for field in Columns.model_fields:
        if field in named or field in ("quantity", "cost"):
            yield from _of_field(layout.columns, field)
    if isinstance(layout.pieces_per_pack, str):
        yield layout.pieces_per_pack


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


class _Reader:
    """Reads one row; what is wrong with it is gathered."""

    def __init__(self, place: int, row: Row, found: Mapping[str, str], layout: OrderLayout) -> None:
        self.place, self.row, self.found, self.layout = place, row, found, layout
        self.problems = list[str]()

    def line(self) -> OrderLine:
        columns, layout = self.layout.columns, self.layout
        if TOO_LONG in self.row:
            self.problems.append("the row has more cells than the header")
        pieces = self._whole(layout.pieces_per_pack) if isinstance(layout.pieces_per_pack, str) else layout.pieces_per_pack
        quantity, cost = self._whole(columns.quantity), self._cost()
        if pieces and cost is not None and layout.cost_of == "pack":
            cost = (cost / pieces).quantize(FIVE)
        key, supplier_code = self._code(columns.key), self._code(columns.supplier_code)
        if not key and not supplier_code:
            self.problems.append(f"neither {columns.key} nor {columns.supplier_code} says what it is")
        return OrderLine(
            self.place,
            key,
            supplier_code,
            self._text(columns.description),
            (quantity or 0) * (pieces or 0),
            cost,
            self._text(columns.variant_name),
            self._options(),
            self._text(columns.brand),
            self._text(columns.category),
            "; ".join(dict.fromkeys(self.problems)),
        )

    def _whole(self, column: str) -> int | None:
        """A count of pieces or packs."""
        number = self._number(column)
        if number is None:
            return None
        if not 0 < number <= MOST_PIECES or number % 1:
            self.problems.append(f"{column} is {number}: whole pieces are ordered, 1 to {MOST_PIECES:,}")
            return None
        return int(number)

    def _cost(self) -> Decimal | None:
        """A cost. 0 is none: a free piece and a missing price look the same, and it would become the product's cost."""
        column = self.layout.columns.cost
        cost = self._number(column)
        if cost is None or 0 < cost < HIGHEST_COST:
            return cost
        self.problems.append(f"{column} is {cost}: a cost is more than 0" + (", and not as much" if cost > 0 else ""))
        return None

    def _options(self) -> tuple[tuple[str, str], ...]:
        columns = self.layout.columns
        kinds, values = map(self._text, columns.variant_types), map(self._text, columns.variant_values)
        options = [(kind, value) for kind, value in zip(kinds, values, strict=True) if kind or value]
        for kind, value in options:
            if not kind or not value:
                self.problems.append(f"an option is {kind or 'without a name'}: {value or 'without a value'}")
        if self._text(columns.variant_name) and not options:
            self.problems.append(f"{columns.variant_name} names a family, and no option says which variant")
        return tuple(options)

    def _cell(self, column: str) -> Any:
        return self.row.get(self.found.get(_folded(column), "")) if column else None

    def _text(self, column: str) -> str:
        """A text. Sizes like 10-12 are dates to a spreadsheet program, and what it looks up may be an error."""
        cell, text = self._cell(column), text_of(self._cell(column))
        if isinstance(cell, date | time | timedelta):
            self.problems.append(f"{column}: {text!r} is a date or time that a spreadsheet program put there")
        elif lost := overwritten(text):
            self.problems.append(f"{column}: {lost}")
        elif LOST in text:
            self.problems.append(f"{column}: {text!r} has bytes that are not text. Name the file's encoding in the layout")
        return text

    def _code(self, column: str) -> str:
        """A code, as text. A number that lost digits or has a fraction is not a code any more."""
        cell, text = self._cell(column), self._text(column)
        if isinstance(cell, bool) or (isinstance(cell, float) and not cell.is_integer()) or _WITH_FRACTION.fullmatch(text):
            self.problems.append(f"{column}: {text!r} is a number that a spreadsheet program put there. Make the column text")
        elif isinstance(cell, int | float) and abs(cell) >= EXACT:
            self.problems.append(f"{column}: a spreadsheet program keeps 15 digits of {text}. Make the column text")
        elif "\n" in text:
            self.problems.append(f"{column}: {text!r} stands on several lines")
        return text

    def _number(self, column: str) -> Decimal | None:
        cell, text = self._cell(column), text_of(self._cell(column))
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return Decimal(str(round(cell, 5)))
        if not text:
            self.problems.append(f"{column} is empty")
            return None
        try:
            return self._written(text)
        except NumberUnclear as e:
            self.problems.append(f"{column}: {e}. The layout has decimal_mark = {self.layout.decimal_mark!r}")
            return None

    def _written(self, text: str) -> Decimal:
        """A number by the layout's marks; a currency sign beside it does not count."""
        bare = text.strip("$€£¥₺ \u00a0")
        other = "," if self.layout.decimal_mark == "." else "."
        if self.layout.thousands:
            bare = re.sub(r"(?<=[0-9])[ \u00a0\u202f'’](?=[0-9])", other, bare)
        elif other in bare:
            raise NumberUnclear(f"{text!r} has a {other!r}, and thousands = false")
        return read_number(bare, self.layout.decimal_mark)
