"""Records as text: canonical JSON, fingerprints, and the columns in which DuckDB compares them by the hundred thousand."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import rapidjson

from sync_pipelines.delivery.model import DeliveryError, Desired, Field, Fields, Live

T = TypeVar("T")

CHUNK = 10_000
"""Rows turned into Python objects at a time."""

LIVE_COLUMNS = pa.schema(
    [(name, pa.string()) for name in ("key", "parent", "remote_id", "problem", "body", "fingerprint", "recorded")]
)
DESIRED_COLUMNS = pa.schema(
    [
        ("ordinal", pa.int64()),
        *((name, pa.string()) for name in ("key", "parent", "conflict", "body", "fingerprint")),
        ("silent", pa.bool_()),
    ]
)


def dumps(value: Any) -> str:
    """Canonical JSON: sorted keys, Decimals as the digits they have."""
    return str(rapidjson.dumps(value, sort_keys=True, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False))


def no_floats(row: Desired) -> Fields:
    """The row's fields. Raises TypeError for a float: it is no exact amount."""
    for name, value in row.fields.items():
        if type(value) is float:
            raise TypeError(f"{row.key}: {name} is a float, {value!r}: it cannot be stored exactly")
    return row.fields


def loads(text: str | None) -> Fields | None:
    return None if text is None else rapidjson.loads(text, number_mode=rapidjson.NM_DECIMAL)


def fingerprint(image: Fields | None, fields: Mapping[str, Field], names: Collection[str] | None = None) -> str:
    """32 hex digits of the owned values; "" when the record is absent or holds none of them.

    `names` picks other fields than those owned today: what an older plan owned is compared as it was then.
    """
    if image is None:
        return ""
    shown = []
    for name, field in fields.items():
        if (field.ownership == "owned") if names is None else (name in names):
            value = image.get(name)
            if value is not None:
                same = field.same(value)
                shown.append(f"{name}\x1e{same}" if type(same) is str else f"{name}\x1f{dumps(same)}")
    return blake2b("\x1d".join(sorted(shown)).encode(), digest_size=16).hexdigest() if shown else ""


@contextmanager
def no_collection() -> Iterator[None]:
    """Rows are trees: dropped, they are gone at once. Looking for cycles among them can take longer than making them."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@contextmanager
def engine(memory: str = "256MB") -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that spills to a temporary folder instead of growing. Raises DeliveryError when that is not enough."""
    with tempfile.TemporaryDirectory(prefix="sync_pipelines_") as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "threads": 1,
            "temp_directory": spill,
            "preserve_insertion_order": False,
        }
        con = duckdb.connect(":memory:", config=config)
        try:
            yield con
        except duckdb.OutOfMemoryException as e:
            raise DeliveryError(f"comparing the rows took more than {memory}, or the disk is full: {e}") from e
        finally:
            con.close()


def chunks(rows: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    rows = iter(rows)
    while chunk := list(islice(rows, size)):
        yield chunk


_SQL = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN"}


def load(
    con: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, columns: Iterable[Sequence[Sequence[Any]]]
) -> None:
    """Create `table` and append chunks of columns in the order of the schema."""
    declared = ", ".join(f'"{field.name}" {_SQL[field.type]}' for field in schema)
    con.execute(f"CREATE OR REPLACE TABLE {table} ({declared})")
    for chunk in columns:
        arrays = [pa.array(values, field.type) for values, field in zip(chunk, schema, strict=True)]
        con.from_arrow(pa.table(arrays, schema=schema)).insert_into(table)


def load_live(
    con: duckdb.DuckDBPyConnection,
    table: str,
    live: Iterable[Live],
    fields: Mapping[str, Field],
    owned_then: Mapping[str, frozenset[str]] | None = None,
) -> None:
    """Stage live records. `recorded` is the fingerprint to hold against the ledger's: over the fields that were owned
    when the key was last written (`owned_then`, for keys where they differ from today's); null where one of these is never
    compared any more, and so need not have been read."""
    then = owned_then or {}
    sent_once = {name for name, field in fields.items() if field.ownership == "create_only"}

    def as_then(record: Live) -> str | None:
        names = then[record.key]
        return None if names & sent_once else fingerprint(record.fields, fields, names)

    def columns() -> Iterator[Sequence[Sequence[Any]]]:
        for chunk in chunks(live):
            prints = [fingerprint(r.fields, fields) for r in chunk]
            recorded = [as_then(r) if r.key in then else p for r, p in zip(chunk, prints, strict=True)]
            yield (
                [r.key for r in chunk],
                [r.parent for r in chunk],
                [r.remote_id for r in chunk],
                [r.problem for r in chunk],
                [dumps(r.fields) for r in chunk],
                prints,
                recorded,
            )

    load(con, table, LIVE_COLUMNS, columns())


def load_desired(
    con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Desired], fields: Mapping[str, Field]
) -> None:
    def columns() -> Iterator[Sequence[Sequence[Any]]]:
        ordinal = 0
        for chunk in chunks(rows):
            yield (
                range(ordinal, ordinal + len(chunk)),
                [r.key for r in chunk],
                [r.parent for r in chunk],
                [r.conflict for r in chunk],
                [dumps(no_floats(r)) for r in chunk],
                [fingerprint(r.fields, fields) for r in chunk],
                [r.silent for r in chunk],
            )
            ordinal += len(chunk)

    load(con, table, DESIRED_COLUMNS, columns())


def batches(
    con: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()
) -> Iterator[list[dict[str, Any]]]:
    """Stream a result as chunks of row dicts, on a connection of its own, so that `con` stays free meanwhile."""
    with con.cursor() as cursor:
        for batch in cursor.sql(query, params=list(parameters)).to_arrow_reader(CHUNK):
            yield batch.to_pylist()
