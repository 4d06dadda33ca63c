"""What the store's people ask of its mirror, each question as one query.

The same in all of them: products that were deleted or are not active are left out (but in `trade`, which has the inactive ones,
too). A sale counts unless it was deleted, voided, or is still parked. What takes something back is no sale; it lowers what was
sold. An order is a consignment of a supplier that was neither deleted nor cancelled. Stock is what lies in the outlets that are
left, and a level below zero counts as nothing. Amounts are without tax, in the store's currency. A cost that is not known is
empty and never 0, and so is what would be reckoned from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sync_pipelines import duck
from sync_pipelines.pipelines.lightspeed_retail.collections import COLLECTIONS, SALES, VENDOR
from sync_pipelines.pipelines.mirrors import FLAG, NUMBER, TEXT, TIME, WHOLE, Column, Mirror, MirrorLog, show
from sync_pipelines.warehouse.snapshots import Warehouse

TRADE = "trade"
MEMORY = "256MB"


@dataclass(frozen=True)
class Question:
    """name: of its asset. asks: in a few words. means: exactly. needs: the tables that it is answered from. adds: columns whose
    sums are worth showing. The worst rows come first."""

    name: str
    asks: str
    means: str
    needs: tuple[str, ...]
    columns: tuple[Column, ...]
    query: str
    adds: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(column.name, column.kind) for column in self.columns])

    @property
    def notes(self) -> Mapping[str, str]:
        return {column.name: column.about for column in self.columns}


_GOODS = """
    SELECT p.id AS product_id, p.sku, coalesce(p.variant_name, p.name) AS name,
        coalesce(p.supplier_id, link.supplier_id) AS supplier_id, coalesce(s.name, link.supplier_name) AS supplier,
        coalesce(p.supplier_code, link.code) AS supplier_code, p.price_excluding_tax AS price, p.supply_price AS cost,
        coalesce(p.active, true) AS active, coalesce(p.web, false) AS web, coalesce(p.is_composite, false) AS composite,
        coalesce(p.has_inventory, true) AND NOT coalesce(p.is_composite, false) AS has_stock, p.created_at,
        coalesce(p.family_id, p.variant_parent_id, p.id) AS family,
        p.variant_parent_id IS NOT NULL
            OR (p.has_variants IS NULL AND count(*) OVER (PARTITION BY coalesce(p.family_id, p.id)) > 1) AS is_variant
    FROM products p LEFT JOIN (FROM product_suppliers WHERE position = 1) link ON link.product_id = p.id
        LEFT JOIN suppliers s ON s.id = coalesce(p.supplier_id, link.supplier_id)
    WHERE p.deleted_at IS NULL
"""
"""Products that were not deleted, with their first supplier. A product without stock of its own (not counted, or composite) is
never short of it. From 2026-10 on there is no parent: whatever shares its family is a variant."""

_GOODS_NEED = ("products", "suppliers")
_CURRENCY = "(SELECT min(currency) FROM outlets WHERE deleted_at IS NULL)"

_PRODUCT = (
    Column("product_id", TEXT, "the vendor's id"),
    Column("sku", TEXT, "its SKU"),
    Column("name", TEXT, "its name with its options"),
    Column("supplier", TEXT, "its first supplier"),
)
_STOCK = Column("stock", NUMBER, "how many there are, in all outlets; levels below zero count as nothing")
_CURRENCY_OF = Column("currency", TEXT, "of the amounts")
_MADE = Column("created_at", TIME, "when it was made; UTC")
_WORTH = (
    Column("stock_value", NUMBER, "what the stock cost, by the outlets' average cost, or else the product's; empty if not known"),
    Column("retail_value", NUMBER, "what the stock sells for, without tax"),
    _CURRENCY_OF,
)
_LAST = (
    Column("last_sale", TIME, "when it was last sold; UTC; empty: never"),
    Column("last_order", TIME, "when it was last ordered, or an order of it came; UTC; empty: never"),
)

TRADED = Question(
    TRADE,
    "Each product: what is left of it, when it was last sold and ordered",
    "Every product that was not deleted, also inactive ones. What was sold inside a composite product is not known of its parts: "
    "a sale names the composite.",
    (*_GOODS_NEED, "sales", "consignments", "consignment_lines", "inventory", "outlets"),
    (
        *_PRODUCT,
        Column("supplier_id", TEXT, "the first supplier's id"),
        Column("active", FLAG, "whether it is sold in the store"),
        Column("composite", FLAG, "whether it is made of others"),
        Column("has_stock", FLAG, "whether it has stock of its own that is counted"),
        Column("price", NUMBER, "of one, without tax"),
        Column("cost", NUMBER, "of one; empty where the token does not show it"),
        _STOCK,
        Column("stock_without_cost", NUMBER, "how many of them have a cost that is not known"),
        *_WORTH,
        *_LAST,
        Column("sold", NUMBER, "how many were sold in the last dead_stock_days, less those taken back"),
        Column("revenue", NUMBER, "what they brought, without tax"),
        Column("revenue_with_cost", NUMBER, "what those of them brought whose cost is known"),
        Column("cost_of_sales", NUMBER, "what these cost"),
        _MADE,
    ),
    f"""WITH ordered AS (
        SELECT l.product_id, max(greatest(coalesce(c.consignment_date, c.created_at, c.read_at), c.received_at)) AS last_order
        FROM consignment_lines l JOIN consignments c ON c.id = l.consignment_id
        WHERE c.deleted_at IS NULL AND c.type = 'SUPPLIER' AND coalesce(c.status, '') <> 'CANCELLED'
            AND (l.count > 0 OR l.received > 0)
        GROUP BY l.product_id
    ), stock AS (
        SELECT g.product_id, sum(greatest(i.level, 0)) AS stock,
            sum(i.level * coalesce(nullif(i.average_cost, 0), g.cost)) FILTER (i.level > 0)::DECIMAL(24, 5) AS stock_value,
            coalesce(sum(i.level) FILTER (i.level > 0 AND coalesce(nullif(i.average_cost, 0), g.cost) IS NULL), 0) AS without_cost
        FROM inventory i JOIN goods g USING (product_id) JOIN outlets o ON o.id = i.outlet_id
        WHERE i.deleted_at IS NULL AND o.deleted_at IS NULL AND g.has_stock
        GROUP BY g.product_id
    )
    SELECT g.product_id, g.sku, g.name, g.supplier, g.supplier_id, g.active, g.composite, g.has_stock, g.price, g.cost,
        coalesce(stock.stock, 0) AS stock, coalesce(stock.without_cost, 0) AS stock_without_cost,
        CASE WHEN coalesce(stock.without_cost, 0) = 0 THEN coalesce(stock.stock_value, 0) END AS stock_value,
        CASE WHEN coalesce(stock.stock, 0) = 0 THEN 0 ELSE (stock.stock * g.price)::DECIMAL(24, 5) END AS retail_value,
        {_CURRENCY} AS currency, sold.last_sale, ordered.last_order, coalesce(sold.sold, 0) AS sold,
        coalesce(sold.revenue, 0) AS revenue,
        coalesce(sold.revenue_with_cost, 0) AS revenue_with_cost, coalesce(sold.cost_of_sales, 0) AS cost_of_sales, g.created_at
    FROM goods g LEFT JOIN sold USING (product_id) LEFT JOIN ordered USING (product_id) LEFT JOIN stock USING (product_id)
    ORDER BY g.product_id""",
)

_IDLE = """FROM trade, period WHERE active AND has_stock
        AND coalesce(greatest(last_sale, last_order), created_at, TIMESTAMPTZ '1970-01-01 00:00:00Z') < since"""

NEVER_SOLD = Question(
    "never_sold",
    "Products that were never sold nor ordered",
    "No sale of it counts, and no order; also products whose stock is not counted, and composite ones.",
    (TRADE,),
    (*_PRODUCT, _STOCK, *_WORTH, _MADE),
    """SELECT product_id, sku, name, supplier, stock, stock_value, retail_value, currency, created_at
    FROM trade WHERE active AND last_sale IS NULL AND last_order IS NULL
    ORDER BY retail_value DESC NULLS LAST, stock DESC, sku, product_id""",
    ("stock", "stock_value", "retail_value"),
)
DEAD_STOCK = Question(
    "dead_stock",
    "Stock that nobody buys",
    "Stock is left, and there was no sale and no order for dead_stock_days; of what never had either, it was made before that. "
    "Composite products, and those whose stock is not counted, have none.",
    (TRADE,),
    (
        *_PRODUCT,
        _STOCK,
        Column("cost", NUMBER, "of one; empty where the token does not show it"),
        *_WORTH,
        *_LAST,
        Column("idle_days", WHOLE, "days since the later of both; empty where it had neither"),
    ),
    f"""SELECT product_id, sku, name, supplier, stock, cost, stock_value, retail_value, currency, last_sale, last_order,
        date_diff('day', greatest(last_sale, last_order), now) AS idle_days
    {_IDLE} AND stock > 0
    ORDER BY stock_value DESC NULLS LAST, retail_value DESC NULLS LAST, sku, product_id""",
    ("stock", "stock_value", "retail_value"),
)
DEAD_WITHOUT_STOCK = Question(
    "dead_without_stock",
    "Products that could go: nobody buys them, and none is left",
    "As dead_stock, but with no stock left.",
    (TRADE,),
    (*_PRODUCT, *_LAST, _MADE),
    f"""SELECT product_id, sku, name, supplier, last_sale, last_order, created_at
    {_IDLE} AND stock = 0
    ORDER BY greatest(last_sale, last_order) NULLS FIRST, sku, product_id""",
)

_PICTURED = """WITH of_family AS (SELECT DISTINCT g.family FROM product_images i JOIN goods g USING (product_id)),
        own AS (SELECT DISTINCT product_id FROM variant_images)"""
_NO_PICTURE_NEEDS = (*_GOODS_NEED, "product_images", "variant_images")
_CODE = Column("supplier_code", TEXT, "the first supplier's code for it")

VARIANTS_WITHOUT_PICTURES = Question(
    "variants_without_pictures",
    "Variants without pictures of their own, though their parent has some",
    "A variant has a parent, or (from 2026-10 on) a family with other products; the parent itself is none. Pictures of the "
    "family are the parent's.",
    _NO_PICTURE_NEEDS,
    (*_PRODUCT, _CODE),
    f"""{_PICTURED} SELECT product_id, sku, name, supplier, supplier_code FROM goods
    WHERE active AND is_variant AND family IN (FROM of_family) AND product_id NOT IN (FROM own)
    ORDER BY supplier NULLS LAST, name, sku, product_id""",
)
WEB_PRODUCTS_WITHOUT_PICTURES = Question(
    "web_products_without_pictures",
    "Products in the web shop without any picture",
    "It has no picture of its own, and its family has none. 2.0 does not say what is in the web shop.",
    _NO_PICTURE_NEEDS,
    (*_PRODUCT, _CODE),
    f"""{_PICTURED} SELECT product_id, sku, name, supplier, supplier_code FROM goods
    WHERE active AND web AND family NOT IN (FROM of_family) AND product_id NOT IN (FROM own)
    ORDER BY supplier NULLS LAST, name, sku, product_id""",
)
MARGINS_BY_SUPPLIER = Question(
    "margins_by_supplier",
    "What is earned with each supplier's products",
    "By a product's first supplier; without composite products. Of products whose cost or price is not known, neither margin is "
    "reckoned: they are counted apart. margin is of the prices as they are, each product once; earned is of what was sold in the "
    "last dead_stock_days, by the cost at the time.",
    (TRADE,),
    (
        Column("supplier_id", TEXT, "the vendor's id; empty: products without a supplier"),
        Column("supplier", TEXT, "its name"),
        Column("products", WHOLE, "how many there are of it"),
        Column("without_cost", WHOLE, "of them, with a cost that is not known"),
        Column("without_price", WHOLE, "of them, with no price"),
        Column("margin", NUMBER, "percent of the prices without tax; empty where nothing is known"),
        Column("revenue", NUMBER, "what was sold of them, without tax"),
        Column("revenue_without_cost", NUMBER, "of it, what was sold at a cost that is not known"),
        Column("earned", NUMBER, "what the rest brought more than it cost"),
        Column("earned_percent", NUMBER, "percent of that; empty where nothing is known"),
        _CURRENCY_OF,
    ),
    """SELECT supplier_id, min(supplier) AS supplier, count(*) AS products, count(*) - count(cost) AS without_cost,
        count(*) FILTER (coalesce(price, 0) = 0) AS without_price,
        round(100 * (sum(price - cost) FILTER (price > 0)
            / nullif(sum(price) FILTER (price > 0 AND cost IS NOT NULL), 0)), 2)::DECIMAL(24, 5) AS margin,
        sum(revenue) AS revenue, sum(revenue - revenue_with_cost) AS revenue_without_cost,
        sum(revenue_with_cost - cost_of_sales) AS earned,
        round(100 * (sum(revenue_with_cost - cost_of_sales)
            / nullif(sum(revenue_with_cost), 0)), 2)::DECIMAL(24, 5) AS earned_percent,
        min(currency) AS currency
    FROM trade WHERE active AND NOT composite GROUP BY supplier_id
    ORDER BY margin NULLS LAST, supplier NULLS LAST, supplier_id""",
    ("products", "without_cost", "revenue", "earned"),
)
TO_REORDER = Question(
    "to_reorder",
    "What to order now, by outlet",
    "The level, less what is owed to customers and with what is on order, is at or below the reorder point. FIXED (or no method) "
    "orders the reorder amount, MIN_MAX up to its target. On order is the whole count of supplier orders, and of transfers to "
    "the outlet, that are OPEN, SENT or DISPATCHED, for received goods come into stock when an order is RECEIVED. Left out are "
    "products without stock of their own.",
    (*_GOODS_NEED, "inventory", "outlets", "consignments", "consignment_lines"),
    (
        *_PRODUCT,
        _CODE,
        Column("outlet_id", TEXT, "the outlet's id"),
        Column("outlet", TEXT, "where it is short"),
        Column("level", NUMBER, "how many there are"),
        Column("owed", NUMBER, "how many are owed to customers"),
        Column("reorder_point", NUMBER, "the level at which to order"),
        Column("method", TEXT, "FIXED or MIN_MAX"),
        Column("on_order", NUMBER, "how many are on their way"),
        Column("to_order", NUMBER, "how many to order"),
        Column("order_cost", NUMBER, "what that costs; empty where the token does not show it"),
        _CURRENCY_OF,
    ),
    f"""WITH coming AS (
        SELECT c.outlet_id, l.product_id, sum(greatest(l.count, l.received)) AS pieces
        FROM consignment_lines l JOIN consignments c ON c.id = l.consignment_id
        WHERE c.deleted_at IS NULL AND c.type IN ('SUPPLIER', 'OUTLET') AND c.status IN ('OPEN', 'SENT', 'DISPATCHED')
        GROUP BY ALL
    ), short AS (
        SELECT g.*, i.outlet_id, o.name AS outlet, i.level, coalesce(i.to_procure, 0) AS owed, i.reorder_point,
            coalesce(i.reorder_method, 'FIXED') AS method, coalesce(coming.pieces, 0) AS on_order,
            i.level - owed + on_order AS soon,
            CASE WHEN i.reorder_method = 'MIN_MAX' THEN coalesce(i.reorder_target - soon, i.reorder_amount)
                ELSE i.reorder_amount END AS to_order
        FROM inventory i JOIN goods g USING (product_id) JOIN outlets o ON o.id = i.outlet_id
            LEFT JOIN coming ON coming.outlet_id = i.outlet_id AND coming.product_id = i.product_id
        WHERE i.deleted_at IS NULL AND o.deleted_at IS NULL AND g.active AND g.has_stock AND soon <= i.reorder_point
    )
    SELECT product_id, sku, name, supplier, supplier_code, outlet_id, outlet, level, owed, reorder_point, method, on_order,
        to_order, (to_order * cost)::DECIMAL(24, 5) AS order_cost, {_CURRENCY} AS currency
    FROM short WHERE to_order > 0
    ORDER BY soon - reorder_point, sku, product_id, outlet""",
    ("to_order", "order_cost"),
)

QUESTIONS: tuple[Question, ...] = (
    NEVER_SOLD,
    DEAD_STOCK,
    DEAD_WITHOUT_STOCK,
    VARIANTS_WITHOUT_PICTURES,
    WEB_PRODUCTS_WITHOUT_PICTURES,
    MARGINS_BY_SUPPLIER,
    TO_REORDER,
)

_IN_NUMBERS = """
    SELECT * FROM (SELECT coalesce(sum(stock), 0) AS stock, coalesce(sum(stock_without_cost), 0) AS stock_without_cost,
        coalesce(sum(stock_value), 0) AS stock_value_at_cost, coalesce(sum(retail_value), 0) AS stock_value_at_retail
        FROM trade),
    (SELECT count(*) FILTER (sells AND sold_at >= now - INTERVAL 1 DAY) AS sales_of_the_last_day,
        coalesce(sum(total_price) FILTER (sold_at >= now - INTERVAL 1 DAY), 0) AS revenue_of_the_last_day,
        count(*) FILTER (sells AND sold_at >= now - INTERVAL 30 DAY) AS sales_of_the_last_30_days,
        coalesce(sum(total_price) FILTER (sold_at >= now - INTERVAL 30 DAY), 0) AS revenue_of_the_last_30_days
        FROM counted_sales, period)
"""

_COUNTED_SALES = """
    SELECT id, read_at, coalesce(sale_date, created_at, read_at) AS sold_at, total_price,
        NOT coalesce(is_return, total_price < 0) AS sells
    FROM sales WHERE deleted_at IS NULL AND coalesce(status, '') NOT IN ('SAVED', 'VOIDED')
"""
_SOLD = """
    SELECT product_id, max(sold_at) FILTER (quantity > 0 AND NOT coalesce(is_return, false)) AS last_sale,
        sum(quantity) FILTER (sold_at >= since) AS sold, sum(price_total) FILTER (sold_at >= since) AS revenue,
        sum(price_total) FILTER (sold_at >= since AND cost IS NOT NULL) AS revenue_with_cost,
        sum(cost) FILTER (sold_at >= since) AS cost_of_sales
    FROM (SELECT sold_at, line.product_id AS product_id, line.quantity AS quantity, line.is_return AS is_return,
            line.price_total AS price_total,
            coalesce(nullif(line.cost_total, 0), (nullif(line.cost, 0) * line.quantity)::DECIMAL(24, 5)) AS cost
        FROM (SELECT sold_at, unnest(sale_lines) AS line FROM {source} JOIN counted_sales USING (id, read_at))
        WHERE coalesce(line.status, '') <> 'VOIDED'), period
    GROUP BY product_id
"""
"""Two steps, and each a table: in one query with what follows, DuckDB divides the memory among all its joins, and this one
spills every line to the disk: 5 to 8 s of CPU for 2,500,000 lines instead of 3 to 4."""

_MIRROR_OF: Mapping[str, Mirror] = {
    name: mirror for mirror in COLLECTIONS for name in (mirror.name, *(part.name for part in mirror.parts))
}


def mirror_of(table: str) -> Mirror:
    """The mirror that a table is of."""
    return _MIRROR_OF[table]


@contextmanager
def asked(
    warehouse: Warehouse,
    account: str,
    needs: Collection[str],
    days: int,
    *,
    trade: Path | None = None,
    now: datetime | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with what questions are answered from. needs: tables of mirrors; `trade` lies in a file. days: how far they look
    back. Raises NeverRead for a mirror that has no file yet."""
    moment = now or datetime.now(UTC)
    with duck.engine(MEMORY) as con:
        con.execute("SET TimeZone = 'UTC'; CREATE TABLE period (now TIMESTAMPTZ, since TIMESTAMPTZ)")
        con.execute("INSERT INTO period VALUES (?, ?)", [moment, moment - timedelta(days=days)])
        for mirror in dict.fromkeys(mirror_of(name) for name in needs if name != TRADE):
            log = MirrorLog(warehouse, VENDOR, mirror, account)
            show(con, log)
            if mirror is SALES:
                con.execute(f"CREATE TABLE counted_sales AS {_COUNTED_SALES}")
                con.execute(f"CREATE TABLE sold AS {_SOLD.format(source=log.source())}")
        if set(_GOODS_NEED) <= set(needs):
            con.execute(f"CREATE VIEW goods AS {_GOODS}")
        if trade is not None:
            con.execute(f"CREATE VIEW {TRADE} AS FROM read_parquet('{duck.quoted(trade)}')")
        yield con


def answer(con: duckdb.DuckDBPyConnection, question: Question) -> pa.Table:
    """Answer a question, from a connection that has what it needs; the columns are those that it declares."""
    return con.sql(question.query).to_arrow_table().select(question.schema.names).cast(question.schema)


def in_numbers(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Stock and sales as numbers to plot, from `trade` and the sales that count. Stock of inactive products counts, too."""
    row: dict[str, Any] = con.sql(_IN_NUMBERS).to_arrow_table().to_pylist()[0]
    return row
