"""SQL for people: views of everything this account has, built in memory when asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.errors import SyncError
from sync_pipelines.operations import environment
from sync_pipelines.operations.pipelines import PIPELINES, account
from sync_pipelines.settings import ACCOUNTS, account_of, data_dir
from sync_pipelines.warehouse.snapshots import Warehouse


@dataclass(frozen=True)
class OldView:
    """A table of the old order log, as a view over what takes its place; `tables`: of the ledger."""

    tables: tuple[str, ...]
    query: str


OLD_VIEWS = {
    "order_tracking": OldView(
        ("record",),
        """SELECT o.order_id::VARCHAR AS shopify_order_id, try_cast(regexp_extract(o.name, '[0-9]+') AS INTEGER) AS order_number,
            o.created_at, r."at" AS updated_at, r."at" AS sync_timestamp, r.hash AS order_hash, NULL AS line_items_hash,
            NULL AS sheets_row_number, CASE r.state WHEN 'present' THEN 'synced' ELSE r.state END AS sync_status
        FROM ledger.record r JOIN sheets.order_rows o ON o.key = r.key WHERE r.account = '{account}'""",
    ),
    "sync_history": OldView(
        ("run",),
        """SELECT id, started_at AS sync_timestamp,
            coalesce((counts->>'delivered')::INT, 0) + coalesce((counts->>'unchanged')::INT, 0) AS orders_processed,
            coalesce((counts->>'create')::INT, 0) AS orders_new, coalesce((counts->>'delivered')::INT, 0) AS orders_updated,
            state AS status, message AS error_message
        FROM ledger.run WHERE pipeline = 'shopify_sheets' AND verb IN ('sync', 'reconcile')""",
    ),
    "sync_errors": OldView(
        ("outcome",),
        """SELECT o.plan || '/' || o."row" AS id, o."at" AS error_timestamp, o.key AS order_id, o.state AS error_type,
            o.message AS error_message, 0 AS retry_count, EXISTS (FROM ledger.outcome l WHERE l.account = o.account
                AND l.key = o.key AND l."at" > o."at" AND l.state IN ('delivered', 'unchanged')) AS resolved
        FROM ledger.outcome o WHERE account = '{account}' AND state IN ('rejected', 'failed', 'unknown', 'drifted')""",
    ),
}


class QueryRefused(SyncError):
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


@contextlib.contextmanager
def _views(query: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as con, contextlib.closing(environment.ledger()) as ledger:
        con.execute("SET enable_progress_bar = false")
        warehouse = Warehouse(data_dir() / "warehouse")
        for vendor, asset in warehouse.assets():
            # what joins two vendors is stored under one's name and for the other's account
            accounts = [account_of(system) for system in sorted(ACCOUNTS, key=lambda system: system != vendor)]
            files = next((found for a in accounts if (found := warehouse.files((vendor, asset), a))), [])
            if files:
                con.execute(f'CREATE SCHEMA IF NOT EXISTS "{vendor}"')
                listed = ", ".join(f"'{_quoted(path)}'" for path in files)
                con.execute(
                    f'CREATE VIEW "{vendor}"."{asset}" AS SELECT * FROM read_parquet([{listed}], union_by_name = true)'
                )
        for part in (part for steps in PIPELINES.values() for part in steps.parts):
            newest = ledger.row(
                sa.select(tables.plan.c.id)
                .where(tables.plan.c.account == part.account())
                .order_by(tables.plan.c.seq.desc())
            )
            if newest is not None:
                schema, name = part.plan_view
                path = environment.plan_files().path(newest["id"])
                con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                con.execute(f"CREATE VIEW {schema}.{name} AS SELECT * FROM read_parquet('{_quoted(path)}')")
        con.execute("CREATE SCHEMA ledger")
        old_views = [name for name in OLD_VIEWS if name in query.lower()]
        needed = {table for name in old_views for table in OLD_VIEWS[name].tables}
        for name, table in tables.schema.tables.items():
            if f"ledger.{name}" in query.lower() or name in needed:
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
        for name in old_views:
            mine = account("shopify_sheets").replace("'", "''")
            with contextlib.suppress(duckdb.CatalogException):  # nothing was mapped yet: the query says what is there
                con.execute(f"CREATE VIEW {name} AS {OLD_VIEWS[name].query.format(account=mine)}")
        yield con


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
