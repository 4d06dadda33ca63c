"""SQL for people: views of everything this account has, built in memory when asked for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.operations import environment
from sync_pipelines.settings import account_of, data_dir
from sync_pipelines.warehouse.snapshots import Warehouse

SYSTEMS = ("catsy", "sparklayer")


class QueryRefused(Exception):
    """The query cannot be answered; the message says what is there to ask."""


def ask(query: str) -> list[dict[str, Any]]:
    """Rows of a query over `<vendor>.<asset>`, `sparklayer.price_plan` (the newest plan) and `ledger.<table>`."""
    with _views(query) as con:
        try:
            result = con.sql(query)
        except duckdb.Error as e:
            names = ", ".join(
                n
                for (n,) in con.sql(
                    "SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1"
                ).fetchall()
            )
            raise QueryRefused(
                f"{e}\nThere is: {names}; and of the ledger: {', '.join(sorted(tables.schema.tables))}"
            ) from e
        rows: list[dict[str, Any]] = [] if result is None else result.to_arrow_table().to_pylist()
        return rows


def export(output: Path) -> int:
    """Every mapped row with what was last put there, as CSV. Atomic. Returns the rows written."""
    query = """SELECT t.price_list, t.sku, t.currency, to_json(t.prices) AS prices, t.state, t.reason, r.state AS at_target,
        r.at AS written_at, r.plan FROM catsy.trade_prices t
        LEFT JOIN ledger.record r ON r.key = t.price_list || '/' || t.sku ORDER BY 1, 2"""
    with _views(query) as con:
        draft = output.with_name(f".{output.name}.{os.getpid()}")
        try:
            con.sql(query).write_csv(str(draft))
            (rows,) = con.sql(f"SELECT count(*) FROM ({query})").fetchall()[0]
            draft.replace(output)
        except duckdb.CatalogException as e:
            raise QueryRefused("nothing was mapped yet: run preview or sync first") from e
        except duckdb.IOException as e:
            raise QueryRefused(f"{output} cannot be written: {e}") from e
        finally:
            draft.unlink(missing_ok=True)
    return int(rows)


@contextlib.contextmanager
def _views(query: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as con, contextlib.closing(environment.ledger()) as ledger:
        con.execute("SET enable_progress_bar = false")
        warehouse = Warehouse(data_dir() / "warehouse")
        for vendor, asset, path in warehouse.snapshots():
            if vendor in SYSTEMS and path == warehouse.path((vendor, asset), account_of(vendor)):
                con.execute(f'CREATE SCHEMA IF NOT EXISTS "{vendor}"')
                con.execute(f'CREATE VIEW "{vendor}"."{asset}" AS SELECT * FROM read_parquet(\'{_quoted(path)}\')')
        newest = ledger.row(
            sa.select(tables.plan.c.id)
            .where(tables.plan.c.account == account_of("sparklayer"))
            .order_by(tables.plan.c.sealed_at.desc())
        )
        if newest is not None:
            path = environment.plan_files().path(newest["id"])
            con.execute("CREATE SCHEMA IF NOT EXISTS sparklayer")
            con.execute(f"CREATE VIEW sparklayer.price_plan AS SELECT * FROM read_parquet('{_quoted(path)}')")
        con.execute("CREATE SCHEMA ledger")
        for name, table in tables.schema.tables.items():
            if f"ledger.{name}" in query.lower():
                rows = ledger.rows(sa.select(table))
                types = {
                    c.name: pa.int64()
                    if isinstance(c.type, sa.Integer)
                    else pa.float64()
                    if isinstance(c.type, sa.Float)
                    else pa.string()
                    for c in table.columns
                }
                arrived = pa.Table.from_pylist(rows, schema=pa.schema(types.items()))
                con.register("arrived", arrived)
                con.execute(f'CREATE TABLE ledger."{name}" AS SELECT * FROM arrived')
                con.unregister("arrived")
        yield con


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
