"""The store's mirror as one SQLite file: the tables of `shop_tables`, made anew each time, whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import URL, Column, Connection, Float, NullPool, Numeric, Table, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from sync_pipelines import duck
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_retail.collections import (
    CONSIGNMENT_LINES,
    CONSIGNMENTS,
    INVENTORY,
    OUTLETS,
    PRODUCTS,
    SALES,
    SUPPLIERS,
)
from sync_pipelines.pipelines.lightspeed_retail.shop_tables import Exact, LatestVersion, Moment, ShopTable
from sync_pipelines.pipelines.mirrors import Mirror
from sync_pipelines.progress import tell
from sync_pipelines.whole_files import FileNotWritten, replaced

OURS = 0x53504C53
"""The `application_id` by which a file is known as an export (https://sqlite.org/pragma.html#pragma_application_id)."""
ROWS_TOGETHER = 2_000
CACHE = 64_000
"""Kilobytes of the new file in memory: keys are UUIDs, and come in any order."""

ROWS: Mapping[str, tuple[Mirror, str]] = {
    "outlets": (OUTLETS, "SELECT *, NULL::TIMESTAMPTZ AS created_at, NULL::TIMESTAMPTZ AS updated_at FROM outlets"),
    "suppliers": (SUPPLIERS, "SELECT *, first_name AS contact_first_name, last_name AS contact_last_name FROM suppliers"),
    "products": (
        PRODUCTS,
        """SELECT * REPLACE (CASE WHEN variant_parent_id IS NULL THEN name ELSE coalesce(variant_name, name) END AS name),
            name AS family_name, variant_parent_id AS parent_id, account_code AS saleaccountcode,
            account_code_purchase AS purchaseaccountcode FROM products""",
    ),
    "product_suppliers": (PRODUCTS, "FROM product_suppliers"),
    "product_codes": (PRODUCTS, "FROM product_codes"),
    "variant_options": (PRODUCTS, "SELECT *, attribute_id AS id FROM product_options"),
    "product_images": (
        PRODUCTS,
        "SELECT *, false AS of_variant FROM product_images UNION ALL BY NAME SELECT *, true AS of_variant FROM variant_images",
    ),
    "sales": (SALES, "FROM sales"),
    "sale_line_items": (
        SALES,
        """SELECT *, price_total AS total_price, tax_total AS total_tax FROM (SELECT sale_id, created_at, position, line.* FROM (
            SELECT id AS sale_id, created_at, generate_subscripts(sale_lines, 1) AS position, unnest(sale_lines) AS line
            FROM sales_with_lists))""",
    ),
    "payments": (
        SALES,
        """SELECT *, name AS payment_type, paid_at AS payment_date FROM (SELECT sale_id, created_at, position, payment.* FROM (
            SELECT id AS sale_id, created_at, generate_subscripts(sale_payments, 1) AS position, unnest(sale_payments) AS payment
            FROM sales_with_lists))""",
    ),
    "consignments": (
        CONSIGNMENTS,
        "SELECT * REPLACE (coalesce(nullif(reference, ''), name) AS name), name AS note FROM consignments",
    ),
    "consignment_products": (CONSIGNMENT_LINES, "SELECT *, product_id AS id FROM consignment_lines"),
    "inventory": (INVENTORY, "SELECT *, level AS inventory_level, level AS current_amount FROM inventory"),
}
"""Of each table the mirror that it is made from, and its rows, over the views of the mirror. Nothing large is joined or sorted:
memory stays the same however many sales there are."""


def write(output: Path, con: duckdb.DuckDBPyConnection, mirrored: Collection[Mirror]) -> Mapping[str, int]:
    """Write the file; tables of what is not mirrored are empty. Returns the rows of each table.

    con: with the views of all mirrors in `mirrored`. Raises FileNotWritten, and UsageError for another's file in the way.
    """
    _look_at(output)
    with replaced(output) as draft:
        engine = create_engine(URL.create("sqlite", database=str(draft)), poolclass=NullPool, hide_parameters=True)
        try:
            with engine.connect() as shop:
                return _fill(shop, con, mirrored)
        except OperationalError as e:
            raise FileNotWritten(f"{output} cannot be written: {e.orig}. What was there before stays.") from e


def _look_at(output: Path) -> None:
    """A database may hold what somebody made by hand; and one that is open has parts of itself beside it, which SQLite would
    take for parts of the new one (https://sqlite.org/howtocorrupt.html, 1.4)."""
    if output.is_file() and output.stat().st_size:
        with output.open("rb") as file:
            head = file.read(72)
        if not head.startswith(b"SQLite format 3\0") or head[68:72] != OURS.to_bytes(4, "big"):
            raise UsageError(f"{output} is there, and no export of ours. Name another file, or move that one away.")
    for ending in ("-journal", "-wal"):
        beside = Path(f"{output}{ending}")
        if beside.is_file() and beside.stat().st_size:
            raise UsageError(f"{output} is open in another program, or one that wrote to it broke off ({beside.name} is there).")


def _fill(shop: Connection, con: duckdb.DuckDBPyConnection, mirrored: Collection[Mirror]) -> Mapping[str, int]:
    # a draft that is not finished is dropped, so that nothing in it has to survive anything
    for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE}", f"application_id = {OURS}"):
        shop.exec_driver_sql(f"PRAGMA {setting}")
    counts = {}
    for table in ShopTable.metadata.sorted_tables:
        shop.execute(CreateTable(table))
        rows = _versions(mirrored) if table.name == LatestVersion.__tablename__ else _rows(table, mirrored)
        counts[table.name] = _insert(shop, table, con, rows) if rows else 0
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            shop.execute(CreateIndex(index))
    shop.commit()
    return counts


def _rows(table: Table, mirrored: Collection[Mirror]) -> str:
    """A query for the rows of a table, as SQLite stores them."""
    mirror, rows = ROWS[table.name]
    columns = ", ".join(_stored(column) for column in table.columns)
    return f"SELECT {columns} FROM ({rows})" if mirror in mirrored else ""


def _stored(column: Column[Any]) -> str:
    name = f'"{column.name}"'
    match column.type:
        case Exact():
            return f'CAST("{column.name.removesuffix("_exact")}" AS VARCHAR) AS {name}'
        case Float() | Numeric():
            return f"CAST({name} AS DOUBLE) AS {name}"
        case Moment():
            return f"strftime(make_timestamp(epoch_us({name})), '%Y-%m-%d %H:%M:%S.%f') AS {name}"
    return name


def _versions(mirrored: Collection[Mirror]) -> str:
    entities = [mirror.name for mirror in (SUPPLIERS, PRODUCTS, SALES, CONSIGNMENTS, INVENTORY, OUTLETS) if mirror in mirrored]
    each = " UNION ALL ".join(f"SELECT '{name}' AS entity, coalesce(max(version), 0) FROM \"{name}\"" for name in entities)
    return f"{each} ORDER BY entity" if each else ""


def _insert(shop: Connection, table: Table, con: duckdb.DuckDBPyConnection, rows: str) -> int:
    insert, written = str(table.insert().compile(shop)), 0
    with duck.cursor(con) as reading:
        for batch in reading.sql(rows).to_arrow_reader(ROWS_TOGETHER):
            if batch.num_rows:
                shop.exec_driver_sql(insert, list(zip(*(column.to_pylist() for column in batch.columns), strict=True)))
            written += batch.num_rows
            tell(f"writing {table.name}", written, None, "rows")
    return written
