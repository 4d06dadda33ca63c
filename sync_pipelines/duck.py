"""DuckDB as the engine that compares, joins and streams: in memory, spilling to a folder of its own."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from sync_pipelines.errors import SyncError

T = TypeVar("T")

CHUNK = 10_000
"""Rows turned into Python objects at a time."""

pa.set_memory_pool(pa.system_memory_pool())
"""Arrow's own allocators keep what was used once: 30 to 60 MB in a run that reads and publishes 10,000 rows."""

_SQL = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN"}


class ComparingFailed(SyncError):
    """DuckDB ran out of memory or disk. Nothing was sent because of it."""


class _Instance:
    """One DuckDB with its spill folder. Connecting takes 14 ms, attaching a fresh database to one that is there 0.4 ms."""

    def __init__(self, memory: str) -> None:
        self.pid, self.number = os.getpid(), 0
        self.spill = tempfile.mkdtemp(prefix="sync_pipelines_")
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "threads": 1,
            "temp_directory": self.spill,
            "preserve_insertion_order": False,
        }
        self.con = duckdb.connect(":memory:", config=config)

    def begin(self) -> None:
        self.number += 1
        self.con.execute(f"ATTACH ':memory:' AS use{self.number}; USE use{self.number}")
        _database[id(self.con)] = f"use{self.number}"

    def end(self) -> None:
        self.con.execute(f"USE memory; DETACH {_database.pop(id(self.con))}")

    def close(self) -> None:
        self.con.close()
        shutil.rmtree(self.spill, ignore_errors=True)


_idle: dict[str, list[_Instance]] = {}
"""By memory limit: instances that nobody uses just now."""


@atexit.register
def _close() -> None:
    for one in (each for waiting in _idle.values() for each in waiting if each.pid == os.getpid()):
        one.close()


_database: dict[int, str] = {}
"""The attached database in use, by the identity of the connection: a new cursor has to be told."""


@contextmanager
def engine(memory: str = "256MB") -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty in-memory DuckDB that spills to a temporary folder instead of growing. Raises ComparingFailed when that is
    not enough."""
    waiting = _idle.setdefault(memory, [])
    one = waiting.pop() if waiting else None
    if one is None or one.pid != os.getpid():  # another process's instance does not survive a fork
        one = _Instance(memory)
    one.begin()
    try:
        yield one.con
    except duckdb.OutOfMemoryException as e:
        one.close()
        raise ComparingFailed(f"comparing the rows took more than {memory}, or the disk is full: {e}") from e
    except BaseException:
        one.close()
        raise
    one.end()
    waiting.append(one)


_readers: dict[int, duckdb.DuckDBPyConnection] = {}
"""By process: another process's does not survive a fork."""


@contextmanager
def reading() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for queries over files. Those of a process share one DuckDB: making one takes 18 ms, a cursor 0.2 ms."""
    pid = os.getpid()
    if pid not in _readers:
        _readers.setdefault(pid, duckdb.connect(":memory:"))
    with _readers[pid].cursor() as con:
        yield con


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


def chunks(rows: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    rows = iter(rows)
    while chunk := list(islice(rows, size)):
        yield chunk


def load(con: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, columns: Iterable[Sequence[Sequence[Any]]]) -> None:
    """Create `table` and append chunks of columns in the order of the schema."""
    declared = ", ".join(f'"{field.name}" {_SQL[field.type]}' for field in schema)
    con.execute(f"CREATE OR REPLACE TABLE {table} ({declared})")
    for chunk in columns:
        arrays = [pa.array(values, field.type) for values, field in zip(chunk, schema, strict=True)]
        con.from_arrow(pa.table(arrays, schema=schema)).insert_into(table)


@contextmanager
def cursor(con: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A second connection to the same tables, so that `con` stays free while its result is streamed."""
    with con.cursor() as second:
        if (name := _database.get(id(con))) is not None:
            second.execute(f"USE {name}")
        yield second


def batches(con: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> Iterator[list[dict[str, Any]]]:
    """Stream a result as chunks of row dicts, on a connection of its own, so that `con` stays free meanwhile."""
    with cursor(con) as second:
        for batch in second.sql(query, params=list(parameters)).to_arrow_reader(CHUNK):
            yield batch.to_pylist()


def quoted(path: Path) -> str:
    """A path inside a SQL string."""
    return str(path).replace("'", "''")
