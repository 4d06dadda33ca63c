"""Finds products by whatever code somebody holds in their hands.

Case and blanks do not count. Numbers are the same with and without leading zeros: a UPC is an EAN that begins with 0. An ISBN of
ten digits and its one of thirteen (978…) are one book, with or without hyphens.
"""

from __future__ import annotations

from typing import Any

import duckdb
from stdnum import isbn

NEEDS = (
    *("products", "product_codes", "product_suppliers", "product_options", "suppliers", "inventory", "outlets"),
    *("sales", "consignments", "consignment_lines"),
)
LIKE_ENOUGH, MOST_MEANT = 0.88, 3

MACROS = r"""
    CREATE MACRO bare(code) AS lower(regexp_replace(code, '\s', '', 'g'));
    CREATE MACRO same(bare) AS CASE
        WHEN regexp_full_match(replace(bare, '-', ''), '97[89][0-9]{10}|[0-9]{9}[0-9x]') THEN ltrim(replace(bare, '-', ''), '0')
        WHEN regexp_full_match(bare, '[0-9]+') THEN coalesce(nullif(ltrim(bare, '0'), ''), '0')
        ELSE bare END;
"""
"""What makes codes comparable: `same(bare(code))` is equal for two codes that mean the same."""

_PREPARED = f"""{MACROS}
    CREATE TABLE codes AS SELECT *, bare(code) AS bare FROM (
        SELECT id AS product_id, id AS code, 'id' AS what FROM products
        UNION ALL SELECT id, sku, 'SKU' FROM products
        UNION ALL SELECT product_id, code, coalesce(upper(type), 'code') FROM product_codes
        UNION ALL SELECT id, supplier_code, 'supplier code' FROM products
        UNION ALL SELECT product_id, code, 'supplier code' FROM product_suppliers
        UNION ALL SELECT id, handle, 'handle' FROM products
    ) WHERE code <> '';
"""

_FOUND = """
    WITH matched AS (
        SELECT product_id, list(DISTINCT what || ' ' || code ORDER BY what || ' ' || code) AS matched,
            bool_or(bare = bare($code)) AS exactly
        FROM codes WHERE same(bare) IN (SELECT same(bare(form)) FROM (SELECT unnest($forms) AS form)) GROUP BY product_id
    ), ordered AS (
        SELECT l.product_id, max(c.day) AS last_order, arg_max(c.reference, c.day) AS last_order_reference
        FROM consignment_lines l JOIN (
            SELECT *, greatest(coalesce(consignment_date, created_at, read_at), received_at) AS day FROM consignments
        ) c ON c.id = l.consignment_id
        WHERE c.deleted_at IS NULL AND c.type = 'SUPPLIER' AND coalesce(c.status, '') <> 'CANCELLED'
            AND (l.count > 0 OR l.received > 0)
        GROUP BY l.product_id
    ), stock AS (
        SELECT i.product_id, list({'outlet': o.name, 'level': i.level} ORDER BY o.name, o.id) AS stock
        FROM inventory i JOIN outlets o ON o.id = i.outlet_id WHERE i.deleted_at IS NULL AND o.deleted_at IS NULL
        GROUP BY i.product_id
    ), options AS (
        SELECT product_id, list({'name': name, 'value': value} ORDER BY position) AS options
        FROM product_options GROUP BY product_id
    ), supplied AS (
        SELECT l.product_id,
            list({'supplier': coalesce(s.name, l.supplier_name), 'code': l.code, 'price': l.price} ORDER BY position)
                AS suppliers
        FROM product_suppliers l LEFT JOIN suppliers s ON s.id = l.supplier_id GROUP BY l.product_id
    )
    SELECT p.id AS product_id, p.sku, coalesce(p.variant_name, p.name) AS name, matched.matched,
        coalesce(options.options, []) AS options, p.price_including_tax, p.price_excluding_tax, p.supply_price AS cost,
        (SELECT min(currency) FROM outlets WHERE deleted_at IS NULL) AS currency, coalesce(stock.stock, []) AS stock,
        coalesce(supplied.suppliers, []) AS suppliers, sold.last_sale, ordered.last_order, ordered.last_order_reference,
        coalesce(p.active, true) AS active, p.deleted_at
    FROM matched JOIN products p ON p.id = matched.product_id LEFT JOIN sold USING (product_id)
        LEFT JOIN ordered USING (product_id) LEFT JOIN stock USING (product_id) LEFT JOIN options USING (product_id)
        LEFT JOIN supplied USING (product_id)
    ORDER BY p.deleted_at IS NOT NULL, NOT exactly, p.sku, p.id
"""

_MEANT = """
    SELECT min(code) FROM codes WHERE what <> 'id' AND jaro_winkler_similarity(bare, bare($code)) >= $enough
    GROUP BY same(bare) ORDER BY max(jaro_winkler_similarity(bare, bare($code))) DESC, 1 LIMIT $most
"""


def forms_of(code: str) -> list[str]:
    """A code, and as the other kind of ISBN where it is one."""
    if not isbn.is_valid(code):
        return [code]
    long = isbn.to_isbn13(isbn.compact(code))
    return [code, long, *([isbn.to_isbn10(long)] if long.startswith("978") else [])]


def find(con: duckdb.DuckDBPyConnection, code: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the products that have a code: live ones first, and first those that have it literally; and, where there are none,
    up to three codes that may have been meant. con: as `answers.asked` gives it for NEEDS."""
    con.execute(_PREPARED)
    found = con.sql(_FOUND, params={"code": code, "forms": forms_of(code)}).to_arrow_table().to_pylist()
    if found:
        return found, []
    meant = con.execute(_MEANT, {"code": code, "enough": LIKE_ENOUGH, "most": MOST_MEANT}).fetchall()
    return [], [each for (each,) in meant]
