"""Questions in SQL: what is answered, and that no query gets at a file, a setting or the ledger itself."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sync_pipelines.operations import environment
from sync_pipelines.operations.sql import QueryRefused, ask
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import About, Warehouse

SEEN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def data(own_folder: Path) -> Path:
    """A ledger, one asset of two rows, and a file beside them that is none of the query's business."""
    products = pa.table(
        {
            "sku": ["A", "B"],
            "price": pa.array([Decimal("1.10"), Decimal("20.25")], pa.decimal128(18, 2)),
            "seen": pa.array([SEEN, SEEN], pa.timestamp("us", "UTC")),
        }
    )
    about = About(account=account_of("catsy"), at=SEEN.isoformat())
    Warehouse(data_dir() / "warehouse").write(("catsy", "products"), products, about)
    environment.ledger().close()
    (own_folder / "outside.csv").write_text("word\nhidden-word\n")
    pq.write_table(pa.table({"word": ["hidden-word"]}), own_folder / "outside.parquet")
    return own_folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT sku, price FROM catsy.products WHERE price > 5", [{"sku": "B", "price": Decimal("20.25")}]),
        ("SELECT sum(price) AS s FROM catsy.products;", [{"s": Decimal("21.35")}]),
        ("SELECT max(seen) = TIMESTAMPTZ '2026-03-01 09:30:00+00' AS same FROM catsy.products", [{"same": True}]),
        ("WITH a AS (FROM catsy.products) SELECT count(*) AS n FROM a -- all", [{"n": 2}]),
        ("FROM catsy.products SELECT sku LIMIT 1", [{"sku": "A"}]),
        ("VALUES (1)", [{"col0": 1}]),
        ("SELECT count(*) AS n FROM ledger.run AS a, ledger.run AS b", [{"n": 0}]),
        ("PIVOT catsy.products ON sku USING sum(price)", None),
        ("DESCRIBE catsy.products", None),
        ("SUMMARIZE catsy.products", None),
        ("EXPLAIN SELECT 1", None),
        ("EXPLAIN ANALYZE FROM catsy.products", None),
        ("SHOW ALL TABLES", None),
    ],
)
def test_a_question_is_answered(data: Path, query: str, rows: list[dict[str, object]] | None) -> None:
    answer = ask(query)
    assert answer == rows if rows is not None else answer


def test_show_tables_lists_what_can_be_asked_for(data: Path) -> None:
    names = [row["name"] for row in ask("show tables;")]
    assert names == sorted(names)
    assert {"catsy.products", "ledger.outcome", "ledger.run"} <= set(names)


def test_what_is_kept_for_a_shop_or_for_what_is_written_can_be_asked_for_too(data: Path) -> None:
    """The shop's catalogue is not cut by days, and orders as the ERP gets them are of two accounts."""
    kept = {("shopify", "catalog"): ShopifySettings.read().shop, ("sentos", "order_rows"): ShopifySentosSettings.orders_account()}
    for key, account in kept.items():
        Warehouse(data_dir() / "warehouse").write(key, pa.table({"sku": ["A"]}), About(account=account, at=SEEN.isoformat()))
    assert ask("SELECT c.sku FROM shopify.catalog AS c JOIN sentos.order_rows USING (sku)") == [{"sku": "A"}]


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{here}/data/ledger.db'",
        "COPY catsy.products TO '{here}/new.csv'",
        "COPY catsy.products FROM '{here}/outside.csv'",
        "WITH a AS (COPY (SELECT 1) TO '{here}/data/ledger.db') FROM a",
        "WITH a AS (COPY (SELECT 1) TO '{here}/.tmp/new.csv') FROM a",
        "WITH a AS (COPY (SELECT 1) TO '{parquet}') FROM a",
        "WITH a AS (INSERT INTO ledger.run SELECT * FROM ledger.run RETURNING *) FROM a",
        "WITH a AS (UPDATE ledger.run SET state = 'done' RETURNING *) FROM a",
        "WITH a AS (DELETE FROM ledger.run RETURNING *) FROM a",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{here}/data/ledger.db'",
        "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{here}/data/ledger.db'",
        "EXPLAIN ANALYZE CREATE TABLE t AS FROM '{here}/outside.csv'",
        "SELECT 1; COPY (SELECT 1) TO '{here}/data/ledger.db'",
        "EXPORT DATABASE '{here}/export'",
        "IMPORT DATABASE '{here}/export'",
        "ATTACH '{here}/data/ledger.db' AS l",
        "ATTACH ':memory:' AS m",
        "CREATE TABLE t AS FROM '{here}/outside.csv'",
        "INSERT INTO ledger.run DEFAULT VALUES",
        "DELETE FROM ledger.run",
        "DROP VIEW catsy.products",
        "FROM '{here}/outside.csv'",
        "FROM '{here}/outside.parquet'",
        "FROM read_csv('{here}/outside.csv')",
        "FROM read_parquet('{here}/outside.parquet')",
        "FROM read_parquet('{parquet}')",
        "FROM read_text('{here}/outside.csv')",
        "FROM read_blob('{here}/outside.csv')",
        "FROM read_json('{here}/outside.csv')",
        "FROM sniff_csv('{here}/outside.csv')",
        "FROM parquet_schema('{here}/outside.parquet')",
        "FROM parquet_metadata('{here}/outside.parquet')",
        "FROM glob('{here}/*')",
        "FROM query('FROM read_csv(''{here}/outside.csv'')')",
        "FROM query_table('{here}/outside.csv')",
        "FROM sqlite_scan('{here}/data/ledger.db', 'run')",
        "FROM 'https://example.com/a.csv'",
        "SELECT (FROM read_text('{here}/outside.csv') SELECT content)",
        "DESCRIBE FROM '{here}/outside.csv'",
        "SUMMARIZE FROM '{here}/outside.csv'",
        "PIVOT (FROM '{here}/outside.csv') ON word USING count(*)",
        "FROM enable_logging(storage = 'file', storage_config = {{'path': '{here}/log'}})",
        "FROM statements",
        "SELECT getenv('HOME')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "PRAGMA enable_profiling",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "CHECKPOINT",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "-- nothing",
        "",
    ],
)
def test_what_is_not_a_question_over_the_views_is_refused_and_touches_no_file(
    data: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """`COPY … TO 'data/ledger.db'` used to replace the ledger and end with exit code 0."""
    monkeypatch.chdir(data)
    (data / ".tmp").mkdir()
    parquet = next((data / "data" / "warehouse").rglob("*.parquet"))
    before = files(data)
    with pytest.raises(QueryRefused, match="One question at a time is answered") as refused:
        ask(query.format(here=data, parquet=parquet))
    assert "hidden-word" not in str(refused.value)
    assert files(data) == before
