"""A supplier's order file, read: CSV, Excel, or the tables in the text of a PDF. What cannot be read is told, never guessed."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sync_pipelines.decoding import NotText, decoded
from sync_pipelines.errors import UsageError
from sync_pipelines.nearest import meant
from sync_pipelines.number_text import NumberUnclear, read_number
from sync_pipelines.pipelines.lightspeed_orders.layouts import OrderLayout

SUFFIXES = {".csv", ".txt", ".tsv", ".xlsx", ".pdf"}
LARGEST = 50 * 1024 * 1024
_AS_NUMBER = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
"""A long code that a spreadsheet program made a number of."""

Row = Mapping[str, Any]


class FileRefused(UsageError):
    """The file cannot be taken in; the message says where it is wrong and what to do."""


@dataclass(frozen=True)
class Table:
    """Rows of a file under the names of its header, with their places: a line of a CSV file, a row of a sheet."""

    header: Sequence[str]
    rows: Sequence[tuple[int, Row]]
    lost: tuple[str, ...] = ()


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


def digest_of(path: Path) -> str:
    """What tells contents apart. Raises OSError."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()


def read_order(path: Path, layout: OrderLayout) -> list[OrderLine]:
    """Read an order file by a layout. Raises FileRefused, OSError."""
    table = read_table(path, layout)
    return list(_lines(path, table, layout))


def read_table(path: Path, layout: OrderLayout | None = None) -> Table:
    """Read the rows of a file. Raises FileRefused, OSError."""
    layout = layout or OrderLayout()
    if path.suffix.lower() not in SUFFIXES:
        raise FileRefused(f"{path} is no order file: {', '.join(sorted(SUFFIXES))} are read.")
    size = path.stat().st_size
    if not size:
        raise FileRefused(f"{path} is empty.")
    if size > LARGEST:
        raise FileRefused(f"{path} has {size // 1024**2} MB; an order has {LARGEST // 1024**2} MB at most.")
    lost: tuple[str, ...] = ()
    if path.suffix.lower() == ".xlsx":
        cells = _of_excel(path, layout)
    elif path.suffix.lower() == ".pdf":
        cells = _of_pdf(path)
    else:
        cells, lost = _of_csv(path, layout)
    rows = [(place, row) for place, row in cells if place > layout.skip_rows and any(_text(cell) for cell in row)]
    if not rows:
        raise FileRefused(f"{path} has no row." if not layout.skip_rows else f"{path} has no row below row {layout.skip_rows}.")
    header = [_text(cell) for cell in rows[0][1]]
    found = []
    for place, row in rows[1:]:
        named = dict(zip(header, [*row, *[None] * (len(header) - len(row))], strict=False))
        if len(row) > len(header) and any(_text(cell) for cell in row[len(header) :]):
            named[TOO_LONG] = True
        found.append((place, named))
    return Table(header, found, lost)


TOO_LONG = "\0"
"""In a row that has more cells than the header: some separator stands in a text, and the columns may have slipped."""


def _of_csv(path: Path, layout: OrderLayout) -> tuple[list[tuple[int, Sequence[Any]]], tuple[str, ...]]:
    data, lost = path.read_bytes(), tuple[str, ...]()
    try:
        if layout.encoding:
            text = data.decode(layout.encoding)
        else:
            whole = decoded(data)
            text, lost = whole.text, whole.lost
    except (NotText, UnicodeDecodeError, LookupError) as e:
        raise FileRefused(f"{path}: {e}") from e
    if "\0" in text:
        raise FileRefused(f"{path} is no text file. Save the order as CSV or Excel (.xlsx).")
    lines = text.splitlines()
    head = next((line for number, line in enumerate(lines, 1) if number > layout.skip_rows and line.strip()), "")
    mark = max(",;\t|", key=lambda each: _outside_quotes(head, each))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    found = list[tuple[int, Sequence[Any]]]()
    begun = 1
    try:
        for row in reader:
            found.append((begun, row))
            begun = reader.line_num + 1
    except csv.Error as e:
        raise FileRefused(f"{path}, line {begun}: {e}. A quote may be missing.") from e
    return found, lost


def _outside_quotes(line: str, mark: str) -> int:
    return re.sub(r'"[^"]*"', "", line).count(mark)


def _of_excel(path: Path, layout: OrderLayout) -> list[tuple[int, Sequence[Any]]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as e:
        raise FileRefused(f"{path} is no Excel file (.xlsx): {e}") from e
    try:
        if layout.sheet and layout.sheet not in book.sheetnames:
            raise FileRefused(f"{path} has no sheet {layout.sheet!r}; it has {', '.join(book.sheetnames)}.")
        sheet = book[layout.sheet] if layout.sheet else book.worksheets[0]
        return [(place, row) for place, row in enumerate(sheet.iter_rows(values_only=True), 1)]
    finally:
        book.close()


def _of_pdf(path: Path) -> list[tuple[int, Sequence[Any]]]:
    """The tables in the text of a PDF, page after page; a header that is printed on each page counts once."""
    import pdfplumber
    from pdfminer.pdfexceptions import PDFException
    from pdfplumber.utils.exceptions import PdfminerException

    rows = list[Sequence[Any]]()
    try:
        with pdfplumber.open(path) as document:
            for page in document.pages:
                for table in page.extract_tables() or page.extract_tables(_BY_TEXT):
                    rows += [[_text(cell) for cell in row] for row in table if row not in rows[:1]]
    except (PDFException, PdfminerException) as e:
        raise FileRefused(f"{path} is no PDF that can be read: {e}") from e
    if not rows:
        raise FileRefused(f"{path} has no table in its text; a scan has none. Ask the supplier for CSV or Excel.")
    return list(enumerate(rows, 1))


_BY_TEXT = {"vertical_strategy": "text", "horizontal_strategy": "text"}


def _lines(path: Path, table: Table, layout: OrderLayout) -> Iterator[OrderLine]:
    columns, found = layout.columns, _found(table.header)
    needed = {"quantity": columns.quantity, "cost": columns.cost}
    missing = [name for name in needed.values() if _folded(name) not in found]
    if not {_folded(columns.key), _folded(columns.supplier_code)} & found.keys():
        missing.insert(0, f"{columns.key} or {columns.supplier_code}")
    if isinstance(layout.pieces_per_pack, str) and _folded(layout.pieces_per_pack) not in found:
        missing.append(layout.pieces_per_pack)
    if missing:
        hints = "".join(meant(name, table.header) for name in missing)
        raise FileRefused(
            f"{path} has no column {', '.join(missing)}. It has: {', '.join(filter(None, table.header)) or 'none'}.{hints} "
            "Name the columns in a layout (data/suppliers/<supplier>.toml), or the key's with --key."
        )
    if not table.rows:
        raise FileRefused(f"{path} has a header and no row.")
    for place, row in table.rows:
        yield _Reader(place, row, found, layout).line()


def _found(header: Iterable[str]) -> dict[str, str]:
    """The names of a header, by how they are looked for."""
    return {_folded(name): name for name in header if name}


def _folded(name: str) -> str:
    return name.strip().casefold()


class _Reader:
    """Reads one row; what is wrong with it is gathered."""

    def __init__(self, place: int, row: Row, found: Mapping[str, str], layout: OrderLayout) -> None:
        self.place, self.row, self.found, self.layout = place, row, found, layout
        self.problems = list[str]()

    def line(self) -> OrderLine:
        columns, layout = self.layout.columns, self.layout
        if TOO_LONG in self.row:
            self.problems.append("the row has more cells than the header")
        pieces = self._pieces()
        quantity, cost = self._number(columns.quantity), self._number(columns.cost)
        if quantity is not None and (quantity <= 0 or quantity != int(quantity)):
            self.problems.append(f"{columns.quantity} is {quantity}: an order has whole pieces, one at least")
            quantity = None
        if cost is not None and cost < 0:
            self.problems.append(f"{columns.cost} is {cost}")
            cost = None
        if cost is not None and layout.cost_of == "pack" and pieces:
            cost = (cost / pieces).quantize(Decimal("0.00001"))
        key, supplier_code = self._code(columns.key), self._code(columns.supplier_code)
        if not key and not supplier_code:
            self.problems.append(f"neither {columns.key} nor {columns.supplier_code} says what it is")
        return OrderLine(
            self.place,
            key,
            supplier_code,
            self._text(columns.description),
            int(quantity or 0) * (pieces or 1),
            cost,
            self._text(columns.variant_name),
            self._options(),
            self._text(columns.brand),
            self._text(columns.category),
            "; ".join(self.problems),
        )

    def _pieces(self) -> int | None:
        per_pack = self.layout.pieces_per_pack
        if isinstance(per_pack, int):
            return per_pack
        pieces = self._number(per_pack)
        if pieces is not None and (pieces < 1 or pieces != int(pieces)):
            self.problems.append(f"{per_pack} is {pieces}: a pack has whole pieces")
            return None
        return None if pieces is None else int(pieces)

    def _options(self) -> tuple[tuple[str, str], ...]:
        columns = self.layout.columns
        pairs = [
            (self._text(kind), self._text(value))
            for kind, value in zip(columns.variant_types, columns.variant_values, strict=False)
        ]
        for kind, value in pairs:
            if bool(kind) != bool(value):
                self.problems.append(f"an option is {kind or 'without a name'}: {value or 'without a value'}")
        options = tuple((kind, value) for kind, value in pairs if kind and value)
        if self._text(columns.variant_name) and not options:
            self.problems.append(f"{columns.variant_name} names a family, and no option says which variant")
        return options

    def _cell(self, column: str) -> Any:
        return self.row.get(self.found.get(_folded(column), "")) if column else None

    def _text(self, column: str) -> str:
        return _text(self._cell(column))

    def _code(self, column: str) -> str:
        """A code, as text. What a spreadsheet program made of it, a date or a number that lost digits, is no code any more."""
        cell, text = self._cell(column), self._text(column)
        lost = isinstance(cell, datetime | date | time | bool) or (isinstance(cell, float) and cell != int(cell))
        if lost or _AS_NUMBER.fullmatch(text):
            self.problems.append(f"{column} is {text}: a spreadsheet program made a date or a number of the code")
            return ""
        return text

    def _number(self, column: str) -> Decimal | None:
        cell, text = self._cell(column), self._text(column)
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
        if other in bare and not self.layout.thousands:
            raise NumberUnclear(f"{text!r} has a {other!r}, and thousands = false")
        return read_number(bare, self.layout.decimal_mark)


def _text(cell: Any) -> str:
    """A cell as text. A whole number is written without a fraction, as its digits stand in the cell."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell == int(cell):
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell).strip()
