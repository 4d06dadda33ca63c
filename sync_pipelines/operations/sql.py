"""SQL for people: views of everything this account has, built in memory when asked for.

DuckDB is given Arrow data that Python reads, and then loses its access to files for good: whatever a query calls, it can
neither read nor write one. A list of statements and functions would not be enough: since DuckDB 2.0 a common table
expression of a SELECT may be a COPY.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.errors import UsageError
from sync_pipelines.operations import environment
from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.pipelines.mirrors import Mirror, views
from sync_pipelines.pipelines.sections import ACCOUNTS, account_of
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import SnapshotUnreadable, Warehouse


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


class QueryRefused(UsageError):
    """The query cannot be answered; the message says what is there to ask."""


QUESTIONS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI}
"""SELECT, WITH, VALUES, FROM …, DESCRIBE, SHOW and SUMMARIZE are the first to DuckDB's parser; PIVOT is the last."""

POSSIBLE = (
    "One question at a time is answered: SELECT (also WITH, VALUES, FROM …, PIVOT), EXPLAIN, DESCRIBE, SHOW or SUMMARIZE, "
    "over what is listed by `show tables`. Files, settings and extensions are out of reach, and nothing can be changed."
)

LOGS = "as_read"
"""Where the files of mirrors are, each row as often as it was read; nobody is shown it."""

LOCKED = (
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def ask(query: str) -> list[dict[str, Any]]:
    """Rows of one question over `<vendor>.<asset>`, `sparklayer.price_plan` (the newest plan) and `ledger.<table>`.

    Raises QueryRefused for a query that fails, and for anything that is not a question.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as e:
        raise QueryRefused(f"{e}\n{POSSIBLE}") from e
    if len(statements) != 1 or statements[0].type not in QUESTIONS:
        raise QueryRefused(f"that is not a question, and nothing was done. {POSSIBLE}")
    with _views(query) as (con, missing):
        names = con.execute(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables WHERE table_schema <> ? ORDER BY 1",
            [LOGS],
        ).fetchall()
        if re.fullmatch(r"\s*show\s+tables\s*;?\s*", query, re.IGNORECASE):
            listed = {name for (name,) in names} | {f"ledger.{table}" for table in tables.schema.tables}
            return [{"name": name} for name in sorted(listed)]
        try:
            result = con.sql(query)
            rows: list[dict[str, Any]] = [] if result is None else result.to_arrow_table().to_pylist()
        except duckdb.PermissionException as e:
            raise QueryRefused(f"{e}\nNothing was done. {POSSIBLE}") from e
        except duckdb.Error as e:
            raise QueryRefused(
                f"{e}\nThere is: {', '.join(name for (name,) in names)}; "
                f"and of the ledger: {', '.join(sorted(tables.schema.tables))}. {POSSIBLE}"
                + "".join(f"\nNot there: {reason}" for reason in missing)
            ) from e
        return rows


def _mirrors() -> Iterator[tuple[tuple[str, str], Mirror]]:
    """Every mirror, by vendor and name: what is asked of them is what they hold now, not all that was ever read."""
    for module in (importlib.import_module(pipeline.mirrors) for pipeline in PIPELINES if pipeline.mirrors):
        yield from (((module.VENDOR, mirror.name), mirror) for mirror in module.COLLECTIONS)


def _accounts(vendor: str) -> Iterator[str]:
    """For whom files of a vendor may be stored: its own account; another vendor's, for what joins two is under one's name; the
    shop, whatever its time zone; and what a pipeline writes to."""
    yield from map(account_of, sorted(ACCOUNTS, key=lambda system: system != vendor))
    yield ShopifySettings.read().shop
    yield from (write.account() for pipeline in PIPELINES for write in pipeline.writes)


@contextlib.contextmanager
def _views(query: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """A connection that sees the views and nothing else, and which views there are not, and why."""
    missing: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="sync_pipelines_") as spill,
        duckdb.connect(":memory:", config={"temp_directory": spill}) as con,
        contextlib.closing(environment.ledger()) as ledger,
    ):
        con.execute("SET enable_progress_bar = false")
        warehouse = Warehouse(data_dir() / "warehouse")
        mirrors = dict(_mirrors())
        for vendor, asset in warehouse.assets():
            with _said(missing, f"{vendor}.{asset}"):
                files = next((found for of in _accounts(vendor) if (found := warehouse.files((vendor, asset), of))), [])
                if files and (mirror := mirrors.get((vendor, asset))) is not None:
                    _view(con, LOGS, f"{vendor}_{asset}", _rows_of(files))
                    for name, held in views(mirror, f'"{LOGS}"."{vendor}_{asset}"').items():
                        con.execute(f'CREATE SCHEMA IF NOT EXISTS "{vendor}"; CREATE VIEW "{vendor}"."{name}" AS {held}')
                elif files:
                    _view(con, vendor, asset, _rows_of(files))
        for write in (write for pipeline in PIPELINES for write in pipeline.writes):
            schema, _, name = write.plan.partition("/")
            with _said(missing, f"{schema}.{name}"):
                newest = ledger.row(
                    sa.select(tables.plan.c.id).where(tables.plan.c.account == write.account()).order_by(tables.plan.c.seq.desc())
                )
                if newest is not None:
                    _view(con, schema, name, _rows_of([environment.plan_files().path(newest["id"])]))
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
                _view(con, "ledger", name, pa.Table.from_pylist(rows, schema=pa.schema(types.items())))
        for name in old_views:
            mine = account_of("sheets").replace("'", "''")
            with contextlib.suppress(duckdb.CatalogException):  # nothing was mapped yet: the query says what is there
                con.execute(f"CREATE VIEW {name} AS {OLD_VIEWS[name].query.format(account=mine)}")
        for statement in LOCKED:
            con.execute(statement)
        yield con, missing


@contextlib.contextmanager
def _said(missing: list[str], view: str) -> Iterator[None]:
    """Go on without a view whose settings or files are not right: other questions are answered all the same."""
    try:
        yield
    except (SettingsError, SnapshotUnreadable, OSError) as e:
        missing.append(f"{view}: {e}")


def _rows_of(files: Sequence[Path]) -> ds.Dataset:
    """What these Parquet files hold together; a column that some of them lack is empty there.

    Raises OSError naming a file that cannot be read: an answer without its rows would be wrong.
    """
    schemas = []
    for path in files:
        try:
            schemas.append(pq.read_schema(path))
        except (OSError, pa.ArrowInvalid) as e:
            raise OSError(f"{path} cannot be read ({e}). Materialize its asset again.") from e
    return ds.dataset(
        [str(path) for path in files], schema=pa.unify_schemas(schemas, promote_options="permissive"), format="parquet"
    )


def _view(con: duckdb.DuckDBPyConnection, schema: str, name: str, data: ds.Dataset | pa.Table) -> None:
    con.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"; USE "{schema}"')
    con.from_arrow(data).create_view(name)
    con.execute("USE memory")
