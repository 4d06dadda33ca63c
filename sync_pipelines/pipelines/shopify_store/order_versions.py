"""The orders as they are: daily files and the log of changes together, newest version of each order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from sync_pipelines.duck import cursor, engine
from sync_pipelines.errors import SyncError
from sync_pipelines.pipelines.shopify_store.days import days_between
from sync_pipelines.pipelines.shopify_store.orders import CHANGES_KEY, ORDERS, ORDERS_KEY, Order, loads
from sync_pipelines.warehouse.snapshots import Published, Warehouse

CHUNK = 1_000

_CURRENT = """
CREATE OR REPLACE TABLE current_order AS
SELECT order_id, name, v.day, created_at, updated_at, last_read, digest, test, total, currency, cancelled_at, f, n FROM (
    SELECT *, row_number() OVER newest AS place, bool_or(of_day) OVER same AS in_day, max(read_at) OVER same AS last_read
    FROM version WINDOW same AS (PARTITION BY order_id), newest AS (same ORDER BY updated_at DESC, read_at DESC)) v
LEFT JOIN day_read d ON d.day = v.day AND v.created_at < d.until
WHERE place = 1 AND (in_day OR d.day IS NULL OR last_read > d.read_at)
"""


class OrdersMoved(SyncError):
    """Files of orders were replaced by another run while they were read. Nothing is wrong with them: run again."""


@contextmanager
def current_orders(warehouse: Warehouse, account: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the table `current_order`: one row per order that exists, with where its text stands (`f`, `n`).

    The newest version wins, by updated_at and then by when it was read. An order that only the log knows is gone when
    its day was read whole later and did not have it: deleted in the shop. `day_read` holds the days read, and up to when.
    """
    with engine("512MB") as con:
        con.execute("SET TimeZone = 'UTC'")
        for tries_left in (2, 1, 0):
            try:
                _look(con, warehouse.partitions(ORDERS_KEY, account), warehouse.partitions(CHANGES_KEY, account))
                break
            except duckdb.IOException:  # the log was compacted since its files were listed
                if not tries_left:
                    raise
        yield con


def _look(con: duckdb.DuckDBPyConnection, days: Sequence[Published], changes: Sequence[Published]) -> None:
    reads = [(d.about.partition, d.about.at, d.about.until or "9999-01-01T00:00:00+00:00") for d in days]
    con.execute("CREATE OR REPLACE TABLE day_read (day DATE, read_at TIMESTAMPTZ, until TIMESTAMPTZ)")
    if reads:
        con.executemany("INSERT INTO day_read VALUES (?, ?, ?)", reads)
    con.execute(f"CREATE OR REPLACE VIEW version AS {_versions([d.path for d in days], [c.path for c in changes])}")
    con.execute(_CURRENT)


def _versions(days: Sequence[Path], changes: Sequence[Path]) -> str:
    """Every version of every order, in narrow columns."""
    columns = "order_id, name, day, created_at, updated_at, read_at, digest, test, total, currency, cancelled_at"
    parts = [
        f"SELECT {columns}, {of_day} AS of_day, filename AS f, file_row_number AS n FROM read_parquet("
        f"[{', '.join(quoted(p) for p in paths)}], filename = true, file_row_number = true)"
        for paths, of_day in ((days, "true"), (changes, "false"))
        if paths
    ]
    if parts:
        return " UNION ALL ".join(parts)
    types = {pa.int64(): "BIGINT", pa.string(): "VARCHAR", pa.date32(): "DATE", pa.bool_(): "BOOLEAN"}
    empty = ", ".join(
        f"NULL::{types.get(ORDERS.field(c).type, 'DECIMAL(24,6)' if c == 'total' else 'TIMESTAMPTZ')} AS {c}"
        for c in columns.split(", ")
    )
    return f"SELECT {empty}, false AS of_day, '' AS f, 0 AS n WHERE false"


def whole_orders(con: duckdb.DuckDBPyConnection, chosen: str, parameters: Sequence[object] = ()) -> Iterator[list[Order]]:
    """Whole orders, parsed, a chunk at a time: those of `chosen`, a query over `current_order` that gives `f` and `n`.

    Raises OrdersMoved when a file is no longer the one that `current_order` was made from.
    """
    con.execute(
        f"""CREATE OR REPLACE TABLE wanted AS
            SELECT f, n, order_id, digest FROM current_order SEMI JOIN ({chosen}) w USING (f, n)""",
        list(parameters),
    )
    for file, rows in con.execute("SELECT f, count(*) FROM wanted GROUP BY f ORDER BY f").fetchall():
        query = f"""SELECT "order" FROM read_parquet({quoted(file)}, file_row_number = true) r
            SEMI JOIN (SELECT n, order_id, digest FROM wanted WHERE f = ?) w
            ON w.n = file_row_number AND w.order_id = r.order_id AND w.digest = r.digest"""
        found = 0
        with cursor(con) as second:
            try:
                for batch in second.sql(query, params=[file]).to_arrow_reader(CHUNK):
                    found += batch.num_rows
                    yield [loads(text) for text in batch.column(0).to_pylist()]
            except duckdb.IOException as e:
                raise OrdersMoved(f"{file} was replaced while its orders were read. Run again.") from e
        if found != rows:
            raise OrdersMoved(f"{file} was replaced while its orders were read. Run again.")


def orders_without(con: duckdb.DuckDBPyConnection, field: str) -> list[tuple[int, date]]:
    """Number and day of the orders of `current_order` whose stored text has no such field. Reads every text."""
    files = [str(f) for (f,) in con.execute("SELECT DISTINCT f FROM current_order").fetchall()]
    if not files:
        return []
    texts = f"read_parquet([{', '.join(map(quoted, files))}], filename = true, file_row_number = true)"
    query = f"""SELECT c.order_id, c.day FROM current_order c
        JOIN (SELECT filename, file_row_number FROM {texts} WHERE NOT contains("order", ?)) t
        ON t.filename = c.f AND t.file_row_number = c.n ORDER BY c.order_id"""
    return con.execute(query, [f'"{field}":']).fetchall()


def stored_per_day(con: duckdb.DuckDBPyConnection, first: date, last: date) -> dict[date, int]:
    """How many orders we have of every day from the first that is kept up to date, and of every day that was read whole."""
    days = set(days_between(first, last))
    days |= {day for (day,) in con.execute("SELECT day FROM day_read").fetchall()}
    counts = con.execute("SELECT day, count(*) FROM current_order GROUP BY day").fetchall()
    stored = dict.fromkeys(days, 0)
    stored.update({day: n for day, n in counts if day in days})
    return stored


def quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"
