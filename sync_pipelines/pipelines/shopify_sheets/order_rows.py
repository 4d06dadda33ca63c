"""Every order as the spreadsheet should show it, kept beside the orders: only what changed is mapped again.

`sheets/order_rows` of the warehouse, one row per order that exists: its key in the sheet, the fingerprint of its rows and
the rows themselves. An order that was deleted in the shop stays with its last rows, as `gone`. Another layout, zone or
shop makes the file void.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import Desired
from sync_pipelines.delivery.staging import load_records
from sync_pipelines.delivery.undoing import holds_of
from sync_pipelines.duck import cursor, engine, load, no_collection
from sync_pipelines.exact_json import dumps, loads
from sync_pipelines.pipelines.shopify_sheets import mapping
from sync_pipelines.pipelines.shopify_sheets.layout import Layout
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.pipelines.shopify_sheets.target import OrderRows, rules_of
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, quoted, whole_orders
from sync_pipelines.pipelines.shopify_store.orders import number, table
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import About, Published, SnapshotUnreadable, Staged, Warehouse, staged_file, with_about

log = logging.getLogger(__name__)

KEY = ("sheets", "order_rows")
CHUNK = 5_000

SCHEMA = pa.schema(
    [
        ("order_id", pa.int64()),
        ("digest", pa.string()),
        ("key", pa.string()),
        ("name", pa.string()),
        ("day", pa.date32()),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("read_at", pa.timestamp("us", tz="UTC")),
        ("read_whole", pa.bool_()),
        ("test", pa.bool_()),
        ("gone", pa.bool_()),
        ("lines", pa.int32()),
        ("conflict", pa.string()),
        ("fingerprint", pa.string()),
        ("body", pa.string()),
    ]
)


NOTES = {
    "order_id": "number in the shop",
    "key": "what the spreadsheet knows it by",
    "day": "of its creation, in the shop's zone",
    "read_whole": "whether its day was read whole",
    "gone": "the shop has it no more",
    "lines": "rows of its lines",
    "conflict": "why it cannot be written",
    "fingerprint": "of its rows, as a plan compares them",
    "body": "its rows as JSON",
}


def mapped_by(layout: Layout) -> str:
    """What rows were mapped by: layout, shop and the mapping's own version. Rows of another origin are mapped anew."""
    return mapping.fingerprint_of(layout, ShopifySettings.read().account)


def bring_up_to_date(warehouse: Warehouse, layout: Layout, account: str) -> Published:
    """Map the orders that are new or changed and keep the rows of the others. An order that is gone from the shop keeps
    its last rows, marked so."""
    shop = ShopifySettings.read()
    origin = mapped_by(layout)
    try:
        known = warehouse.find(KEY, account)
    except SnapshotUnreadable as e:
        log.warning("the rows mapped so far are mapped anew: %s", e)
        known = None
    if known is not None and known.about.origin != origin:
        known = None
    with current_orders(warehouse, shop.account) as con, staged_file(warehouse.staging, "-".join(KEY)) as draft:
        old = f"SELECT * FROM read_parquet({quoted(known.path)})" if known else f"SELECT {_nothing()} WHERE false"
        con.execute(f"CREATE VIEW old AS {old}")
        con.execute(_FATES)
        if known is not None and not con.execute("FROM fate WHERE fate <> 'same' LIMIT 1").fetchall():
            return known
        with no_collection(), pq.ParquetWriter(draft, SCHEMA, compression="zstd", compression_level=1) as writer:
            rows = 0
            for found in (_kept(con), _gone(con, layout), _mapped(con, layout, shop.zone)):
                for part in found:
                    writer.write_table(part)
                    rows += part.num_rows
            about = About(account, datetime.now(UTC).isoformat(), rows=rows, origin=origin)
            writer.add_key_value_metadata(with_about(SCHEMA.empty_table(), about).schema.metadata)
        return warehouse.publish(KEY, Staged(draft, about))


_FATES = """
CREATE TABLE fate AS
SELECT coalesce(c.order_id, o.order_id) AS order_id, c.whole, CASE
    WHEN c.order_id IS NULL AND NOT o.gone AND d.day IS NOT NULL THEN 'gone'
    WHEN c.order_id IS NULL THEN 'same'
    WHEN o.order_id IS NULL OR o.gone OR o.digest <> c.digest THEN 'new'
    WHEN o.read_whole <> c.whole THEN 'whole'
    ELSE 'same' END AS fate
FROM (SELECT c.order_id, c.digest, d.day IS NOT NULL AS whole FROM current_order c LEFT JOIN day_read d USING (day)) c
FULL JOIN old o ON o.order_id = c.order_id
LEFT JOIN day_read d ON d.day = o.day AND o.created_at < d.until AND o.read_at < d.read_at
"""
"""An order that we have no more is gone only if its day was read whole since we last had it: that, and nothing else, shows
that the shop has it no more. A file that is missing shows nothing."""


def _kept(con: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
    """Rows that are as they were; `whole`: but for the day, which was read whole since."""
    query = """SELECT o.* REPLACE (coalesce(f.whole, o.read_whole) AS read_whole) FROM old o
        JOIN fate f ON f.order_id = o.order_id AND f.fate IN ('same', 'whole')"""
    for batch in con.sql(query).to_arrow_reader(CHUNK):
        yield pa.Table.from_batches([batch]).cast(SCHEMA)


def _gone(con: duckdb.DuckDBPyConnection, layout: Layout) -> Iterator[pa.Table]:
    """The last rows of orders that the shop has no more."""
    rules = rules_of(layout)
    query = "SELECT o.* FROM old o JOIN fate f ON f.order_id = o.order_id AND f.fate = 'gone'"
    for batch in con.sql(query).to_arrow_reader(CHUNK):
        rows = batch.to_pylist()
        for row in rows:
            image = mapping.deleted(loads(row["body"]) or {}, layout)
            row.update(gone=True, body=dumps(image), fingerprint=rules.print(image))
        yield pa.Table.from_pylist(rows, schema=SCHEMA)


def _mapped(con: duckdb.DuckDBPyConnection, layout: Layout, zone: ZoneInfo) -> Iterator[pa.Table]:
    """New rows for orders that are new or changed."""
    rules = rules_of(layout)
    chosen = "FROM current_order WHERE order_id IN (SELECT order_id FROM fate WHERE fate = 'new')"
    narrow = f"SELECT order_id, digest, day, created_at, last_read, day IN (SELECT day FROM day_read) {chosen}"
    facts = {row[0]: row for row in con.execute(narrow).fetchall()}
    for orders in whole_orders(con, f"SELECT f, n {chosen}"):
        found = []
        for order in orders:
            order_id, digest, day, created, read_at, whole = facts[number(order["id"])]
            row = mapping.desired(order, layout, zone)
            found.append(
                (
                    order_id,
                    digest,
                    row.key,
                    order["name"],
                    day,
                    created,
                    read_at,
                    whole,
                    bool(order.get("test")),
                    False,
                    len(order["lineItems"]),
                    row.conflict,
                    rules.print(row.fields),
                    dumps(row.fields),
                )
            )
        yield table(found, SCHEMA)


def _nothing() -> str:
    types = {pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.string(): "VARCHAR", pa.date32(): "DATE", pa.bool_(): "BOOLEAN"}
    return ", ".join(f"NULL::{types.get(f.type, 'TIMESTAMPTZ')} AS {f.name}" for f in SCHEMA)


def keys(rows: Published) -> set[str]:
    """The keys of every order that was mapped."""
    return set(pq.read_table(rows.path, columns=["key"]).column(0).to_pylist())


@dataclass(frozen=True)
class Candidates:
    """The orders that may need something. in_scope: how many the sheet should show; known: rows that we put there and
    that were as we left them; new_lines: rows of lines that orders without a row will need."""

    keys: frozenset[str]
    in_scope: int
    known: int
    new_orders: int
    new_lines: int
    con: duckdb.DuckDBPyConnection

    def desired(self) -> Iterator[Desired]:
        """Their rows, oldest order first."""
        query = """SELECT r.key, r.conflict, r.body FROM scope r JOIN candidate c USING (order_id)
            ORDER BY created_at, order_id"""
        with cursor(self.con) as second:
            for batch in second.sql(query).to_arrow_reader(CHUNK):
                for key, conflict, body in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield Desired(key, loads(body) or {}, conflict=conflict)


@contextmanager
def candidates(
    rows: Published, ledger: Ledger, there: OrderRows, sheet: dict[str, list[int]], first: date, *, compare_all: bool
) -> Iterator[Candidates]:
    """Orders whose rows are not what was last put there, or not where they were put, or (compare_all) every one.

    In scope is what was created from `first` on, what lies on a day that was read whole, what we or our predecessor once
    wrote, and what stands in the sheet.
    """
    with engine("512MB") as con:
        con.execute("SET TimeZone = 'UTC'")
        load_records(con, ledger, there.account)
        held = sorted(holds_of(ledger, there.account))
        load(con, "held", pa.schema([("key", pa.string())]), [[held]])
        con.execute("CREATE TABLE there (key VARCHAR, times INTEGER)")
        if sheet:
            pairs = pa.table({"key": list(sheet), "times": [len(found) for found in sheet.values()]})
            con.from_arrow(pairs).insert_into("there")
        tests = "" if ShopifySheetsSettings.read().test_orders else "AND NOT test"
        con.execute(
            f"""CREATE VIEW scope AS SELECT * FROM read_parquet({quoted(rows.path)})
            WHERE (key IN (SELECT key FROM record) OR key IN (SELECT key FROM there)
                OR NOT gone AND (day >= DATE '{first}' OR read_whole)) {tests}"""
        )
        con.execute(
            """CREATE TABLE candidate AS SELECT s.order_id, s.key, s.lines, t.key IS NULL AS absent
            FROM scope s LEFT JOIN record r ON r.key = s.key LEFT JOIN there t ON t.key = s.key
            WHERE $1 OR s.conflict IS NOT NULL OR r.key IS NULL OR r.state <> 'present'
               OR NOT coalesce(r.rules = $2 AND r.hash = s.fingerprint, false) OR s.key IN (SELECT key FROM held)
               OR coalesce(t.times, 0) <> 1""",
            [compare_all, there.rules.id],
        )
        keys = frozenset(key for (key,) in con.execute("SELECT key FROM candidate").fetchall())
        in_scope, known, new_orders, new_lines = con.execute(
            """SELECT (SELECT count(*) FROM scope), (SELECT count(*) FROM record WHERE state = 'present'),
                count(*) FILTER (absent), coalesce(sum(lines) FILTER (absent), 0)::BIGINT FROM candidate"""
        ).fetchall()[0]
        yield Candidates(keys, in_scope, known, new_orders, new_lines, con)
