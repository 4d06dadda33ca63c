"""Mirrors: one collection of a vendor, row by row, in a keyed log, with the lists inside its rows as tables of their own.

A mirror is declared as a table of columns; reading, proof, views and assets follow from that. A row that was deleted stays,
with `deleted_at`; one that is gone without a word gets `vanished_at` from us. Each row keeps the vendor's own text in `item`,
so that nothing is lost that no column was made for.

What is in a mirror is what was read last: `read_at` never goes back within a log, whatever becomes of our clock, and the row
that was read last wins. So reading again is harmless, and a list inside a row is replaced together with the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from sync_pipelines import duck, exact_json
from sync_pipelines.duck import chunks
from sync_pipelines.errors import SyncError
from sync_pipelines.progress import tell
from sync_pipelines.vendors.paging import Page
from sync_pipelines.warehouse.drafts import Draft
from sync_pipelines.warehouse.keyed_log import COMPARED_TOGETHER, MOST_DELTAS, TENTH, KeyedLog
from sync_pipelines.warehouse.snapshots import About, Warehouse
from sync_pipelines.warehouse.spool import as_text, dumps

Item = dict[str, Any]

TEXT, WHOLE, FLAG = pa.string(), pa.int64(), pa.bool_()
NUMBER = pa.decimal128(24, 5)
"""Amounts and quantities: exact to five places."""
TIME = pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(pa.string())
PLACES = Decimal("0.00001")

FLUSH = 1_000
"""Rows in memory before they go to the file."""
PUBLISHED_AT = 20_000
"""Rows after which what was read is published, and the cursor moved: a run that dies loses no more than this."""
LONGEST_TURN = 600.0
"""Seconds for which a run waits while another one reads the same collection."""


class ReadingRefused(SyncError):
    """The collection cannot be read now; the message says why."""


class NeverRead(SyncError):
    """What was asked for is not in the warehouse yet; the message says how it gets there."""


@dataclass(frozen=True)
class Column:
    """A column of a mirror. at: where in the vendor's item its value stands, `pricing.price` for one inside another; the first
    that has a value counts; the column's own name by default."""

    name: str
    kind: pa.DataType
    about: str
    at: tuple[str, ...] = ()

    @cached_property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(path.split(".")) for path in self.at or (self.name,))


@dataclass(frozen=True)
class Part:
    """A list inside the rows of a collection, as a table of its own. owner: its column with the id of the row it stands in."""

    name: str
    about: str
    owner: str
    at: tuple[str, ...]
    columns: tuple[Column, ...]

    @cached_property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(path.split(".")) for path in self.at)

    @cached_property
    def kind(self) -> pa.DataType:
        return pa.list_(pa.struct([(column.name, column.kind) for column in self.columns]))


@dataclass(frozen=True)
class Mirror:
    """A collection and its columns, beside `id`, `deleted_at`, `version` and what each mirror notes of a row.

    sums: columns whose totals are kept of every run. keeps_items: whether the vendor's text of each row is kept. versioned:
    whether its rows say when they changed; if not, it is read whole, and rows are told apart by what is in them.
    normal: makes the vendor's row into the shape that the columns are declared for, where its versions differ in more than names.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    parts: tuple[Part, ...] = ()
    sums: tuple[str, ...] = ()
    keeps_items: bool = True
    versioned: bool = True
    normal: Callable[[Item], Item] = lambda item: item

    @cached_property
    def every_column(self) -> tuple[Column, ...]:
        return (ID, *self.columns, DELETED, VERSION)

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of its files."""
        parts = [field for part in self.parts for field in ((part.name, part.kind), (_rows_in(part), pa.int32()))]
        return pa.schema([*((c.name, c.kind) for c in self.every_column), *parts, *NOTED])


ID = Column("id", TEXT, "the vendor's id")
DELETED = Column("deleted_at", TIME, "when it was deleted, or was found to be gone; UTC")
VERSION = Column("version", WHOLE, "the vendor's count of changes when the row last changed", ("version", "_metadata.version"))
NOTED = (("vanished_at", TIME), ("problem", TEXT), ("item", TEXT), ("read_at", TIME))
NOTES = {
    "vanished_at": "when a proof found it gone that the vendor had never said was deleted; UTC",
    "problem": "which values could not be used, and are empty here",
    "item": "the row as the vendor gave it, JSON",
    "read_at": "when it was read; UTC",
}


@dataclass
class Reading:
    """What a reading did. read: rows that came. kept: those that were new to the mirror. missing: of them, those that it should
    have had by then. vanished: rows marked as gone. gaps: why the mirror may lack something."""

    read: int = 0
    kept: int = 0
    missing: int = 0
    vanished: int = 0
    gaps: list[str] = field(default_factory=list)


# --- from the vendor's rows to columns ------------------------------------------------------------------------------------


def _rows_in(part: Part) -> str:
    """The column that says how many rows of a part there are: they need not be read to be counted."""
    return f"rows in {part.name}"


def table_of(mirror: Mirror, items: Sequence[Any], read_at: datetime) -> pa.Table:
    """Return rows as they are kept; of several with one id the last. A value that cannot be read as its column's kind is empty
    there, and `problem` says so."""
    items = _last_of_each(items)
    shaped = [mirror.normal(item) if isinstance(item, dict) else {} for item in items]
    problems = [[flaw] if (flaw := exact_json.flaw(item)) else [] for item in items]
    arrays = [_column(column, shaped, problems) for column in mirror.every_column]
    arrays[0] = _ids(arrays[0], items, problems)
    arrays[-1] = arrays[-1].fill_null(0)
    texts = _texts_of(items, arrays[-1]) if mirror.keeps_items else [None] * len(items)
    for part in mirror.parts:
        lists = _part(part, shaped, problems)
        arrays += [lists, pc.list_value_length(lists)]
    said = [", ".join(dict.fromkeys(problem)) or None for problem in problems]
    arrays += [
        pa.nulls(len(items), TIME),
        pa.array(said, TEXT),
        pa.array(texts, TEXT),
        pa.repeat(pa.scalar(read_at, TIME), len(items)),
    ]
    return pa.table(arrays, schema=mirror.schema)


def _texts_of(items: Sequence[Any], versions: pa.Array) -> list[str]:
    """The rows as the vendor gave them; those without a version, which are told apart by their text, with their keys in order."""
    return [(dumps if version else exact_json.dumps)(item) for item, version in zip(items, versions.to_pylist(), strict=True)]


def _last_of_each(items: Sequence[Any]) -> Sequence[Any]:
    """No two rows of one id are kept with one time: the later would not win."""
    last: dict[str | int, int] = {}
    for place, item in enumerate(items):
        last[str(item["id"]) if isinstance(item, dict) and item.get("id") else place] = place
    return items if len(last) == len(items) else [items[place] for place in sorted(last.values())]


def _ids(found: pa.Array, items: Sequence[Any], problems: list[list[str]]) -> pa.Array:
    """The ids; of a row without one, a mark of its content, so that it is kept and seen."""
    ids = found.to_pylist()
    for place, known in enumerate(ids):
        if not known:
            ids[place] = f"?{blake2b(dumps(items[place]).encode(), digest_size=8).hexdigest()}"
            problems[place].append("id: it came without one")
    return pa.array(ids, TEXT)


def _column(column: Column, items: Sequence[Any], problems: Sequence[list[str]], prefix: str = "") -> pa.Array:
    values = _values(items, column.paths)
    try:
        return _fast(values, column.kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, OverflowError):
        pass
    for place, value in enumerate(values):
        values[place], wrong = _read(value, column.kind)
        if wrong:
            problems[place].append(f"{prefix}{column.name}: {wrong}")
    return pa.array(values, column.kind)


def _part(part: Part, items: Sequence[Any], problems: Sequence[list[str]]) -> pa.Array:
    lists = _values(items, part.paths)
    for place, found in enumerate(lists):
        if not isinstance(found, list):
            if found:
                problems[place].append(f"{part.name}: no list")
            lists[place] = ()
    inner = [each for found in lists for each in found]
    of_row = [problems[place] for place, found in enumerate(lists) for _ in found]
    for each, problem in zip(inner, of_row, strict=True):
        if not isinstance(each, dict):
            problem.append(f"{part.name}: {_shown(each)} is no object")
    arrays = [_column(column, inner, of_row, f"{part.name}.") for column in part.columns]
    offsets = pa.array([0, *accumulate(map(len, lists))], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=list(part.kind.value_type)))


def _values(items: Sequence[Any], paths: Sequence[tuple[str, ...]]) -> list[Any]:
    """The value of each item at the first path where it has one."""
    found = _at(items, paths[0])
    for path in paths[1:]:
        lacking = [place for place, value in enumerate(found) if value is None]
        if not lacking:
            break
        for place, value in zip(lacking, _at([items[place] for place in lacking], path), strict=True):
            found[place] = value
    return found


def _at(items: Sequence[Any], path: Sequence[str]) -> list[Any]:
    found: Any = items
    for name in path:
        found = [each.get(name) if type(each) is dict else None for each in found]
    return list(found)


def _fast(values: list[Any], kind: pa.DataType) -> pa.Array:
    """All values at once, where each is of the kind already."""
    if kind == TIME:
        times = pa.array(values, TEXT).cast(TIME)
        pc.min_max(times).as_py()  # raises OverflowError for a year that nothing but Arrow knows
        return times
    if kind == TEXTS and not all(value is None or isinstance(value, list) for value in values):
        raise TypeError("a text is a list of texts to Arrow")
    if kind in (NUMBER, WHOLE) and any(value is True or value is False for value in values):
        raise TypeError("a yes or no is no number")
    return pa.array(values, kind)


def _read(value: Any, kind: pa.DataType) -> tuple[Any, str]:
    """A value as its column's kind, and why not where it cannot be that. An empty text is no value."""
    if value is None or (value == "" and kind != TEXT):
        return None, ""
    if kind == TEXT:
        return as_text(value), ""
    read: Callable[[Any], Any] = {NUMBER: _number, WHOLE: _whole, FLAG: _flag, TIME: _time, TEXTS: _texts}[kind]
    try:
        return read(value), ""
    except (ValueError, InvalidOperation, OverflowError, TypeError):
        return None, f"{_shown(value)} is no {_CALLED[kind]}"


_CALLED = {NUMBER: "number", WHOLE: "whole number", FLAG: "yes or no", TIME: "time", TEXTS: "list of texts"}
_DIGITS = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?|[+-]?\.[0-9]+")


def _number(value: Any) -> Decimal:
    """Raises ValueError for what is no number, and InvalidOperation for one that has no room."""
    text = "" if isinstance(value, bool) else str(value).strip()
    if not _DIGITS.fullmatch(text):
        raise ValueError(value)
    number = Decimal(text).quantize(PLACES, ROUND_HALF_UP)
    if number.adjusted() >= NUMBER.precision - NUMBER.scale:
        raise InvalidOperation
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number) or abs(number) >= 2**63:
        raise ValueError(value)
    return int(number)


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "1", "false", "0"):
        raise ValueError(value)
    return text in ("true", "1")


def _time(value: Any) -> datetime:
    """Vendors write UTC; a time without a zone is taken for that, a day for its begin."""
    if not isinstance(value, str):
        raise TypeError(value)
    moment = datetime.fromisoformat(value.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _texts(value: Any) -> list[str | None]:
    if not isinstance(value, list):
        raise TypeError(value)
    return [as_text(each) for each in value]


def _shown(value: Any) -> str:
    text = as_text(value) or ""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


# --- the log --------------------------------------------------------------------------------------------------------------


class MirrorLog:
    """A mirror of one account in the warehouse. vendor: the first part of its asset key."""

    def __init__(self, warehouse: Warehouse, vendor: str, mirror: Mirror, account: str) -> None:
        self.warehouse, self.mirror, self.account = warehouse, mirror, account
        self.key = (vendor, mirror.name)
        self.log = KeyedLog(warehouse, self.key, account, "id", ("read_at", "version"))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """As long as the block lasts, nobody else reads into this mirror; what a killed run left half made is dropped. Raises
        ReadingRefused after ten minutes."""
        self.log.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.log.folder / ".reading", timeout=LONGEST_TURN):
                self.log.drop_drafts()
                yield
        except Timeout as e:
            raise ReadingRefused(f"{'/'.join(self.key)}: another run has been reading it for ten minutes. Try again.") from e

    def follow(
        self, pages: Iterable[Page], keep_cursor: Callable[[int], None] = lambda _: None, *, published_at: int = PUBLISHED_AT
    ) -> Reading:
        """Keep what comes; move the cursor whenever what is before it is published."""
        reading, cursor = Reading(), None
        with self._writer() as writer:
            for page in pages:
                self._count(reading, page)
                writer.add(page.rows)
                cursor = page.cursor if page.cursor is not None else cursor
                if writer.rows >= published_at:
                    writer.publish()
                    if cursor is not None:
                        keep_cursor(cursor)
            reading.kept = writer.publish()
        if cursor is not None:
            keep_cursor(cursor)
        return reading

    def compare(self, pages: Iterable[Page], up_to: int = 0) -> Reading:
        """Keep those rows of a whole reading that the mirror does not have so, and mark what is gone from the vendor. With a
        gap, nothing is marked. up_to: the version up to which the mirror should have been complete."""
        reading, began = Reading(), self._moment(None)
        with self._writer() as writer, self.draft() as came:
            for page in pages:
                self._count(reading, page)
                for rows in chunks(page.rows, FLUSH):
                    came.write(table_of(self.mirror, rows, writer.moment()))
            came.complete(About(self.account, began.isoformat(), rows=came.rows))
            with duck.engine() as con:
                source = f"read_parquet('{duck.quoted(came.path)}')"
                con.execute(f"CREATE TABLE present AS SELECT {_TOLD_APART_BY} FROM ({self.present()})")
                con.execute(f"CREATE TABLE came AS SELECT {_TOLD_APART_BY} FROM ({_present(source)})")
                con.execute(f"CREATE TABLE new AS {_NOT_THE_SAME}")
                for new in self._rows(con, f"FROM {source} SEMI JOIN new USING (id, read_at)"):
                    versions = new.column("version")
                    expected = pc.and_(pc.greater(versions, 0), pc.less_equal(versions, up_to))
                    reading.missing += pc.sum(expected).as_py() or 0
                    writer.write(new)
                if not reading.gaps:
                    con.execute(
                        """CREATE TABLE gone AS SELECT id FROM present ANTI JOIN came USING (id)
                            WHERE vanished_at IS NULL AND read_at < ?""",
                        [began],
                    )
                    marked = (
                        f"SELECT * REPLACE (? AS vanished_at, ? AS read_at) FROM ({self.present()}) SEMI JOIN gone USING (id)"
                    )
                    for gone in self._rows(con, marked, datetime.now(UTC), writer.moment()):
                        reading.vanished += gone.column("deleted_at").null_count
                        writer.write(gone)
            reading.kept = writer.publish()
        return reading

    def _rows(self, con: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> Iterator[pa.Table]:
        """The rows of a query as they are kept, some at a time."""
        with duck.cursor(con) as second:
            for batch in second.sql(query, params=list(parameters)).to_arrow_reader(FLUSH):
                yield pa.Table.from_batches([batch]).select(self.mirror.schema.names).cast(self.mirror.schema)

    def compact(self) -> None:
        """Make one file of them, where they are many, or a tenth of their rows are none that count any more."""
        files, kept = len(self.log.files()), self.rows_in_files()
        if files > MOST_DELTAS or (files > 1 and (kept - self._present_rows()) * TENTH > kept):
            self.log.compact()

    def rows_in_files(self) -> int:
        """How many rows its files hold: it falls when they are merged, and when one of them is lost."""
        return sum(part.about.rows for part in self.warehouse.partitions(self.key, self.account))

    def _present_rows(self) -> int:
        """How many rows count. Their ids are compared by a number for each, file after file and some at a time, for there can be
        millions; two ids that fall together only make a merge come earlier."""
        parts = self.rows_in_files() // COMPARED_TOGETHER + 1
        with duck.engine() as con:
            con.execute("CREATE TABLE seen (number UBIGINT)")
            for path in self.log.files():
                con.execute(f"INSERT INTO seen SELECT hash(id) FROM read_parquet('{duck.quoted(path)}')")
            some = f"SELECT count(DISTINCT number) FROM seen WHERE number % {parts} = "
            return sum(int(con.execute(f"{some}{part}").fetchall()[0][0]) for part in range(parts))

    def totals(self) -> dict[str, Any]:
        """How many rows there are, deleted ones apart, the sums of its columns, and the rows of its parts."""
        sums = "".join(f', sum("{name}") FILTER (deleted_at IS NULL) AS "{name}"' for name in self.mirror.sums)
        parts = "".join(f', sum("{_rows_in(part)}") AS "{part.name}"' for part in self.mirror.parts)
        with duck.engine() as con:
            rows = f"""SELECT count(*) FILTER (deleted_at IS NULL) AS rows, count(*) FILTER (deleted_at IS NOT NULL) AS deleted,
                count(*) FILTER (vanished_at IS NOT NULL) AS vanished, count(problem) AS with_a_problem{sums}{parts}
                FROM (SELECT * REPLACE (coalesce(deleted_at, vanished_at) AS deleted_at) FROM ({self.present()}))"""
            found = con.execute(rows).fetchall()[0]
            names = [column[0] for column in con.description or ()]
        return {
            name: int(value) if name not in self.mirror.sums else value
            for name, value in zip(names, (v or 0 for v in found), strict=True)
        }

    def present(self) -> str:
        """A query for the row that was read last of each id, as it is kept."""
        return _present(self.any_source())

    def source(self) -> str:
        """What to select from in DuckDB. Raises NeverRead."""
        if not self.log.files():
            raise NeverRead(f"{'/'.join(self.key)} was never read for {self.account}: sync first.")
        return self.any_source()

    def any_source(self) -> str:
        """As `source`; with no rows, where there is no file yet."""
        files = ", ".join(f"'{duck.quoted(path)}'" for path in self.log.files())
        if files:
            return f"read_parquet([{files}], union_by_name = true)"
        columns = ", ".join(f'NULL::{_sql(f.type)} AS "{f.name}"' for f in self.mirror.schema)
        return f"(SELECT {columns} WHERE false)"

    def draft(self) -> Draft:
        """A file in the making, for rows of this mirror."""
        return Draft(self.warehouse.staging, [self.log.draft_name], self.mirror.schema)

    def _count(self, reading: Reading, page: Page) -> None:
        reading.read += len(page.rows)
        if page.gap:
            reading.gaps.append(page.gap)
        tell(f"reading {' '.join(self.key)}", reading.read, None, "rows")

    def _moment(self, after: datetime | None) -> datetime:
        """Now; but later than whatever was read before."""
        if after is None:
            times = [datetime.fromisoformat(part.about.at) for part in self.warehouse.partitions(self.key, self.account)]
            after = max(times, default=datetime.min.replace(tzinfo=UTC))
        return max(datetime.now(UTC), after + timedelta(microseconds=1))

    @contextmanager
    def _writer(self) -> Iterator[_Writer]:
        writer = _Writer(self)
        try:
            yield writer
        finally:
            writer.drop()


_TOLD_APART_BY = "id, version, CASE WHEN version > 0 THEN NULL ELSE md5(item) END AS content, vanished_at, read_at"
_NOT_THE_SAME = """SELECT came.id, came.read_at FROM came LEFT JOIN present USING (id) WHERE present.id IS NULL
    OR present.vanished_at IS NOT NULL OR came.version <> present.version OR came.content IS DISTINCT FROM present.content"""
"""What the mirror does not have as it came. A row that shows no version is told apart by what is in it."""


class _Writer:
    """Rows on their way into delta files of a mirror."""

    def __init__(self, of: MirrorLog) -> None:
        self._of, self._last = of, of._moment(None)
        self._draft: Draft | None = None
        self._pending: list[Item] = []
        self._first = not of.log.files()
        self.published = 0

    @property
    def rows(self) -> int:
        """How many wait to be published."""
        return len(self._pending) + (self._draft.rows if self._draft else 0)

    def moment(self) -> datetime:
        self._last = self._of._moment(self._last)
        return self._last

    def add(self, rows: Sequence[Item]) -> None:
        self._pending += rows
        if len(self._pending) >= FLUSH:
            self._flush()

    def write(self, rows: pa.Table) -> None:
        if rows.num_rows:
            if self._draft is None:
                self._draft = self._of.draft()
            self._draft.write(rows)

    def publish(self) -> int:
        """Publish what came, as one delta; of a mirror that has no file yet, even of nothing. Returns all rows published."""
        self._flush()
        if self._draft is None and self._first:
            self._draft = self._of.draft()
        if self._draft is not None:
            rows = self._draft.rows
            self._of.log.append(self._draft.complete(About(self._of.account, self.moment().isoformat(), rows=rows)))
            self._draft, self._first = None, False
            self.published += rows
        return self.published

    def drop(self) -> None:
        if self._draft is not None:
            self._draft.__exit__()
            self._draft = None

    def _flush(self) -> None:
        if self._pending:
            self.write(table_of(self._of.mirror, self._pending, self.moment()))
            self._pending = []


_SQL = {TEXT: "VARCHAR", WHOLE: "BIGINT", pa.int32(): "INTEGER", FLAG: "BOOLEAN", TIME: "TIMESTAMPTZ", NUMBER: "DECIMAL(24, 5)"}


def _sql(kind: pa.DataType) -> str:
    """A column's kind as DuckDB writes it."""
    if pa.types.is_list(kind):
        return f"{_sql(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{chr(34)}{part.name}{chr(34)} {_sql(part.type)}' for part in kind)})"
    return _SQL[kind]


# --- what people and programs ask -----------------------------------------------------------------------------------------


def _present(source: str) -> str:
    """The row that was read last of each id. Rows can be wide: only their ids and times are compared."""
    return f"FROM {source} SEMI JOIN (SELECT id, max(read_at) AS read_at FROM {source} GROUP BY id) USING (id, read_at)"


def views(mirror: Mirror, source: str, *, nested: bool = False, present: str = "") -> dict[str, str]:
    """What a mirror holds now, as SELECT statements by the names of its tables: its own, and one for each of its parts. A mirror
    that has a part of its own name is nothing but that.

    source: what to select the log from. nested: its own table alone, with the parts as lists in the rows. present: a query for
    the rows that count, where somebody has found them already.
    """
    own = ", ".join(f'"{column.name}"' for column in (ID, *mirror.columns))
    lists = "".join(f', "{part.name}"' for part in mirror.parts) if nested else ""
    noted = ", ".join(("vanished_at", "version", "problem", *(("item",) if mirror.keeps_items else ()), "read_at"))
    present = f"({present or _present(source)})"
    found = {mirror.name: f"SELECT {own}, coalesce(deleted_at, vanished_at) AS deleted_at, {noted}{lists} FROM {present}"}
    for part in () if nested else mirror.parts:
        columns = ", ".join(f'part."{column.name}"' for column in part.columns)
        found[part.name] = f"""SELECT "{part.owner}", position, {columns} FROM (SELECT id AS "{part.owner}",
                generate_subscripts("{part.name}", 1) AS position, unnest("{part.name}") AS part FROM {present})"""
    return found


@contextmanager
def opened(
    warehouse: Warehouse, vendor: str, account: str, mirrors: Sequence[Mirror], *, memory: str = "256MB"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in which each table of these mirrors is a view: see `show`. Raises NeverRead for one that has no file yet."""
    with duck.engine(memory) as con:
        for mirror in mirrors:
            show(con, MirrorLog(warehouse, vendor, mirror, account))
        yield con


def show(con: duckdb.DuckDBPyConnection, log: MirrorLog) -> None:
    """Make each table of a mirror a view, and the rows with their parts as lists one that is named `…_with_lists`. Which rows
    count is looked up once, and known by two small numbers each. Raises NeverRead for a mirror that has no file yet."""
    source, name = log.source(), log.mirror.name
    con.execute(
        f"""CREATE TABLE "{name}_places" AS SELECT arg_max(file_index, read_at)::INTEGER AS file_index,
            arg_max(file_row_number, read_at)::INTEGER AS file_row_number FROM {source} GROUP BY id"""
    )
    present = f'FROM {source} SEMI JOIN "{name}_places" USING (file_index, file_row_number)'
    (with_lists,) = views(log.mirror, source, nested=True, present=present).values()
    for view, query in {f"{name}_with_lists": with_lists, **views(log.mirror, source, present=present)}.items():
        con.execute(f'CREATE VIEW "{view}" AS {query}')


def notes_of(mirror: Mirror) -> dict[str, str]:
    """What each column of the mirror's own table holds."""
    known = {column.name: column.about for column in (ID, *mirror.columns, DELETED)}
    return {
        **known,
        "vanished_at": NOTES["vanished_at"],
        "version": VERSION.about,
        **{n: t for n, t in NOTES.items() if n != "vanished_at"},
    }


def notes_of_part(part: Part) -> Mapping[str, str]:
    return {part.owner: "whose it is", "position": "its place, from 1", **{column.name: column.about for column in part.columns}}
