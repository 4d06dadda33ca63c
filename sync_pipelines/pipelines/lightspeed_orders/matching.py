"""Which products of the store the lines of an order may be: by any code that is scanned, and by the supplier's own.

Codes are compared in the form in which `lightspeed find` compares them. Deleted products are found, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from sync_pipelines.duck import load
from sync_pipelines.pipelines.lightspeed_orders.order_files import OrderLine
from sync_pipelines.pipelines.lightspeed_retail.finding import MACROS, forms_of

Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Product:
    """A product of the store. price: as the store counts, with or without tax. links: what each of its suppliers takes.
    has_variants: it is the one that the API has as the parent of the others. gone: deleted."""

    id: str
    sku: str
    name: str
    active: bool
    has_variants: bool
    tracked: bool
    gone: bool
    price: Decimal | None
    supply_price: Decimal | None
    account_code: str
    account_code_purchase: str
    brand: str
    category: str
    links: Mapping[str, Decimal | None]
    options: Options

    def has(self, options: Options) -> bool:
        """Whether these are options of it; an order need not name all of them."""
        return not Counter(map(_plain, options)) - Counter(map(_plain, self.options))


def _plain(option: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.strip().casefold() for part in option)


@dataclass(frozen=True)
class Matches:
    """What lines match, by their rows. codes: products with the line's key as a code. supplied: products that this supplier calls
    as the line does. keys: the line's key in the form in which codes are compared."""

    codes: Mapping[int, Sequence[Product]]
    supplied: Mapping[int, Sequence[Product]]
    keys: Mapping[int, str]


def matches(lines: Sequence[OrderLine], supplier_id: str, con: duckdb.DuckDBPyConnection, *, exclusive: bool) -> Matches:
    """Find what lines match. con: with the views of products, brands and categories; tables are made in it. exclusive: whether
    the store's prices are without tax."""
    wanted = [(line.row, form, False) for line in lines if line.key for form in forms_of(line.key)]
    wanted += [(line.row, form, True) for line in lines if line.supplier_code for form in forms_of(line.supplier_code)]
    con.execute(MACROS)
    load(con, "asked", _ASKED, [list(zip(*wanted, strict=True))] if wanted else [])
    con.execute(_CODES, {"supplier": supplier_id})
    found = con.execute(_MATCHED).fetchall()
    products = _products({product for _, product, _ in found}, con, exclusive=exclusive)
    codes, supplied = defaultdict[int, list[Product]](list), defaultdict[int, list[Product]](list)
    for row, product, of_supplier in found:
        (supplied if of_supplier else codes)[row].append(products[product])
    keys = dict(con.execute("SELECT row, min(same) FROM wanted WHERE NOT of_supplier GROUP BY row").fetchall())
    return Matches(codes, supplied, keys)


_ASKED = pa.schema([("row", pa.int64()), ("form", pa.string()), ("of_supplier", pa.bool_())])
_CODES = """
    CREATE TABLE wanted AS SELECT row, same(bare(form)) AS same, of_supplier FROM asked;
    CREATE TABLE codes AS SELECT product_id, same(bare(code)) AS same, of_supplier FROM (
        SELECT id AS product_id, sku AS code, false AS of_supplier FROM products
        UNION SELECT product_id, code, false FROM product_codes
        UNION SELECT product_id, code, true FROM product_suppliers WHERE supplier_id = $supplier
        UNION SELECT id, supplier_code, true FROM products WHERE supplier_id = $supplier
    ) WHERE code <> ''"""
_MATCHED = "SELECT DISTINCT w.row, c.product_id, of_supplier FROM wanted w JOIN codes c USING (same, of_supplier) ORDER BY 1, 2"
_PRODUCTS = """
    SELECT p.id, coalesce(p.sku, '') AS sku, coalesce(p.name, '') AS name, coalesce(p.active, true) AS active,
        coalesce(p.has_variants, false) AS has_variants, coalesce(p.has_inventory, true) AS tracked,
        p.deleted_at IS NOT NULL AS gone, p.{price} AS price, p.supply_price, coalesce(p.account_code, '') AS account_code,
        coalesce(p.account_code_purchase, '') AS account_code_purchase, coalesce(b.name, '') AS brand,
        coalesce(c.name, '') AS category, p.supplier_id, p.product_suppliers, p.product_options
    FROM products_with_lists p LEFT JOIN brands b ON b.id = p.brand_id LEFT JOIN categories c ON c.id = p.category_id
    WHERE list_contains($ids, p.id)"""


def _products(ids: Iterable[str], con: duckdb.DuckDBPyConnection, *, exclusive: bool) -> dict[str, Product]:
    query = _PRODUCTS.format(price=f"price_{'excluding' if exclusive else 'including'}_tax")
    rows = con.sql(query, params={"ids": sorted(ids)}).to_arrow_table().to_pylist()
    return {row["id"]: _product(row) for row in rows}


def _product(row: dict[str, Any]) -> Product:
    links = {link["supplier_id"]: link["price"] for link in row.pop("product_suppliers") or () if link["supplier_id"]}
    if first := row.pop("supplier_id"):  # 2.0 may show this one alone
        links.setdefault(first, None)
    options = tuple((option["name"] or "", option["value"] or "") for option in row.pop("product_options") or ())
    return Product(**row, links=links, options=options)
