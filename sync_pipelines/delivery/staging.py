"""What is compared, as columns in DuckDB: the source's rows, the target's records and the ledger's, by the hundred thousand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.clock import stamp
from sync_pipelines.delivery.fingerprints import V1, Rules
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import Desired, Fields, Live, Target
from sync_pipelines.duck import CHUNK, chunks, load
from sync_pipelines.exact_json import dumps, loads
from sync_pipelines.progress import tell

LIVE_COLUMNS = pa.schema(
    [(name, pa.string()) for name in ("key", "parent", "remote_id", "problem", "body", "fingerprint", "as_recorded")]
)
DESIRED_COLUMNS = pa.schema(
    [
        ("ordinal", pa.int64()),
        *((name, pa.string()) for name in ("key", "parent", "conflict", "body", "fingerprint")),
        ("silent", pa.bool_()),
    ]
)
_TEXTS = ("key", "hash", "rules", "fields", "state", "done", "at", "plan", "remote_id", "seen")
RECORD_COLUMNS = pa.schema([(n, pa.string()) for n in _TEXTS] + [(n, pa.int64()) for n in ("created", "seq", "fresh")])

AS_RECORDED = "coalesce(l.as_recorded, CASE WHEN r.hash = l.fingerprint THEN 'same' ELSE 'differs' END)"
"""SQL over live l and record r: whether what is shown is what the ledger says we put there (`fingerprints.Comparison`)."""


def load_records(
    con: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    account: str,
    rules: str = "",
    settles_within: timedelta = timedelta(0),
    keys: Sequence[str] | None = None,
) -> None:
    """The ledger's records of one account (of these keys, or all), as the table `record`.

    `fields` only where the record cannot be compared by its hash, for it was written under others than these `rules`. `fresh`:
    1 where we wrote it less than `settles_within` ago, so that the target may still show an older state.
    """
    r = tables.record.c
    columns = [r[name] for name in _TEXTS if name != "fields"] + [r.created, r.seq]
    by_field = sa.case(((r.rules != rules) | (r.state == "partial") | r.hash.is_(None), r.fields), else_=None)
    query = sa.select(*columns, by_field.label("fields"), _fresh(ledger, settles_within).label("fresh"))
    query = query.where(r.account == account)
    if keys is not None:
        query = query.where(r.key.in_(keys))
    names = [c.name for c in columns] + ["fields", "fresh"]
    order = [names.index(name) for name in RECORD_COLUMNS.names]

    def parts() -> Iterator[Sequence[Sequence[Any]]]:
        with ledger.reader.connect() as reader:
            result = reader.execution_options(yield_per=CHUNK).execute(query)
            for part in result.partitions():
                by_column = list(zip(*part, strict=True))
                yield [by_column[n] for n in order]

    load(con, "record", RECORD_COLUMNS, parts())


def _fresh(ledger: Ledger, settles: timedelta) -> Any:
    """By the clock that does not jump where it can be compared, else by the wall clock. An age that cannot be is not fresh."""
    if not settles:
        return sa.literal(0)
    r, clock = tables.record.c, ledger.clock
    now, ticks = clock.now(), clock.monotonic()
    here = (r.boot == ledger.boot) & (r.boot != "")
    young = (r.monotonic > ticks - settles.total_seconds()) & (r.monotonic <= ticks)
    recent = (r.at > stamp(now - settles)) & (r.at <= stamp(now))
    return sa.case(
        (r.state.not_in(["present", "partial", "absent"]), 0), (here, sa.case((young, 1), else_=0)), (recent, 1), else_=0
    )


def load_live(
    con: duckdb.DuckDBPyConnection, live: Iterable[Live], target: Target, ledger: Ledger | None = None, *, bodies: bool = True
) -> None:
    """The target's records as the table `live`; without `bodies` only to compare them.

    `as_recorded` is filled for keys whose record cannot be compared by its hash (needs the table `record`, and `ledger`).
    """
    rules = target.rules
    others = _Others(con, ledger, rules) if ledger is not None else None

    def columns() -> Iterator[Sequence[Sequence[Any]]]:
        read = 0
        for chunk in chunks(live):
            read += len(chunk)
            tell(f"reading {target.name}", read, unit="records")
            pairs = [_storable_live(record) if bodies else (record, None) for record in chunk]
            yield (
                [r.key for r, _ in pairs],
                [r.parent for r, _ in pairs],
                [r.remote_id for r, _ in pairs],
                [r.problem for r, _ in pairs],
                [body for _, body in pairs],
                [rules.print(r.fields) for r, _ in pairs],
                [None] * len(pairs) if others is None else others.compared([r for r, _ in pairs]),
            )

    load(con, "live", LIVE_COLUMNS, columns())


class _Others:
    """Records that were written under other rules, or in part: compared field by field."""

    _WHICH = "rules IS DISTINCT FROM $rules OR state = 'partial' OR hash IS NULL"

    def __init__(self, con: duckdb.DuckDBPyConnection, ledger: Ledger, rules: Rules) -> None:
        self.con, self.rules = con, rules
        query = f"SELECT DISTINCT plan FROM record WHERE rules = '{V1}' AND plan IS NOT NULL"
        plans = [p for (p,) in con.execute(query).fetchall()]
        p = tables.plan.c
        earlier = ledger.rows(sa.select(p.id, p.owned).where(p.id.in_(plans))) if plans else []
        self.owned: dict[str, tuple[str, ...]] = {row["id"]: tuple(json.loads(row["owned"] or "[]")) for row in earlier}
        count = con.execute(f"SELECT count(*) FROM record WHERE {self._WHICH}", {"rules": rules.id}).fetchall()
        self.any = bool(count[0][0])

    def compared(self, live: Sequence[Live]) -> list[str | None]:
        if not self.any:
            return [None] * len(live)
        query = f"""SELECT key, hash, rules, fields, plan FROM record WHERE ({self._WHICH})
            AND key IN (SELECT unnest($keys::VARCHAR[]))"""
        parameters = {"rules": self.rules.id, "keys": [r.key for r in live]}
        records = {row[0]: row[1:] for row in self.con.execute(query, parameters).fetchall()}
        return [self._one(records[r.key], r.fields) if r.key in records else None for r in live]

    def _one(self, record: tuple[str | None, str, str | None, str], image: Fields) -> str:
        hash_, rules, fields, plan = record
        if rules == V1:
            return self.rules.compare_v1(hash_, self.owned.get(plan, ()), image)
        return self.rules.compare(fields, image)


def load_desired(con: duckdb.DuckDBPyConnection, rows: Iterable[Desired], target: Target) -> None:
    """The source's rows as the table `desired`. One whose key or values cannot be stored becomes a conflict of its own."""
    rules = target.rules

    def columns() -> Iterator[Sequence[Sequence[Any]]]:
        ordinal = 0
        for chunk in chunks(rows):
            pairs = [_storable(row) for row in chunk]
            yield (
                range(ordinal, ordinal + len(pairs)),
                [r.key for r, _ in pairs],
                [r.parent for r, _ in pairs],
                [r.conflict for r, _ in pairs],
                [body for _, body in pairs],
                [rules.print(r.fields) for r, _ in pairs],
                [r.silent for r, _ in pairs],
            )
            ordinal += len(pairs)

    load(con, "desired", DESIRED_COLUMNS, columns())


def _storable(row: Desired) -> tuple[Desired, str]:
    """The row and its fields as JSON. Raises TypeError for a float, which cannot be stored exactly."""
    for name, value in row.fields.items():
        if type(value) is float:
            raise TypeError(f"{row.key}: {name} is a float, {value!r}: it cannot be stored exactly")
    try:
        return row, _checked(row.key, row.parent, row.fields)
    except _CannotBeStored as e:
        problem = f"{e}; correct it in the source"
        return Desired(_escaped(row.key), {}, _escaped(row.parent), row.conflict or problem, row.silent), "{}"


def _storable_live(record: Live) -> tuple[Live, str]:
    try:
        return record, _checked(record.key, record.parent, record.fields)
    except _CannotBeStored as e:
        problem = f"at the target: {e}"
        return Live(_escaped(record.key), {}, _escaped(record.parent), record.remote_id, record.problem or problem), "{}"


class _CannotBeStored(Exception):
    """A key or value that no database takes."""


def _checked(key: str, parent: str, fields: Fields) -> str:
    """The fields as JSON. Raises _CannotBeStored."""
    name = key + parent
    if "\x00" in name:
        raise _CannotBeStored("its key contains a NUL character, which cannot be stored")
    try:
        name.encode()
        return dumps(fields)
    except UnicodeEncodeError:
        raise _CannotBeStored("it contains half of a character (a lone surrogate), which cannot be stored") from None


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def images(live: str | None, wanted: str | None, target: Target) -> tuple[Fields | None, Fields | None]:
    """Before and after of one key, from the two bodies."""
    before: Fields | None = loads(live)
    sought: Mapping[str, Any] | None = loads(wanted)
    return before, None if sought is None else target.merged(before, dict(sought))
