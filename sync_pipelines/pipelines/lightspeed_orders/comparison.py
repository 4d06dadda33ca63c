"""An order held against the store: of each line, what it means, and why.

Lines find products by any code that is scanned (SKU, EAN, ISBN either way) and by the supplier's own code. What the search of the
vendor answers is never used: it may answer another product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from sync_pipelines.csv_files import write_csv
from sync_pipelines.duck import load
from sync_pipelines.pipelines.lightspeed_orders.layouts import OrderLayout
from sync_pipelines.pipelines.lightspeed_orders.order_files import OrderLine
from sync_pipelines.pipelines.lightspeed_orders.price_rules import FIVE, moves
from sync_pipelines.pipelines.lightspeed_retail.finding import MACROS, forms_of

COMPARISON_KEY = ("lightspeed", "order_comparison")
Verdict = Literal["exists", "new", "cost_changed", "conflict", "rejected"]
VERDICTS: tuple[Verdict, ...] = ("rejected", "conflict", "new", "cost_changed", "exists")
"""Worst first."""


@dataclass(frozen=True)
class ComparedLine:
    """A line of an order, as it means something in the store. Amounts are in the store's currency, costs of one piece.

    sku: of the product in the store; of a new one, the key in the file. new_price: by the supplier's rule. codes: type and code.
    """

    row: int
    verdict: Verdict
    sku: str = ""
    supplier_code: str = ""
    name: str = ""
    quantity: int = 0
    cost: Decimal | None = None
    old_cost: Decimal | None = None
    old_price: Decimal | None = None
    new_price: Decimal | None = None
    price_moves: bool = False
    reason: str = ""
    note: str = ""
    product_id: str = ""
    family: str = ""
    options: tuple[tuple[str, str], ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    brand: str = ""
    category: str = ""
    tax: str = ""
    account_code: str = ""
    account_code_purchase: str = ""


NOTES = {
    "row": "where the line stands in the file; of several for one product, the first",
    "verdict": "exists, new, cost_changed, conflict (a person decides) or rejected (the row cannot be read)",
    "sku": "the product's in the store; of a new one, the key in the file",
    "supplier_code": "the supplier's code for it",
    "name": "the product's in the store; of a new one, the file's, cased by the layout",
    "quantity": "pieces, of all lines for the product",
    "cost": "of one piece, by the file",
    "old_cost": "of one piece, in the store: the supplier's price, or else the product's cost",
    "old_price": "in the store",
    "new_price": "what the supplier's rule makes of the cost",
    "price_moves": "whether that is more than 5 % away from the price in the store",
    "reason": "why a line is a conflict, or rejected",
    "note": "what else to know of it",
    "product_id": "the vendor's id",
    "family": "the name of the variant's family",
    "options": "name and value of each option of a variant",
    "codes": "further codes of a new product: type and code",
    "brand": "of a new product",
    "category": "of a new product",
    "tax": "of a new product, where it is not the store's own",
    "account_code": "of a new product",
    "account_code_purchase": "of a new product",
}
_PAIRS = pa.list_(pa.list_(pa.string()))
_AMOUNT = pa.decimal128(24, 5)
_TYPES = {
    "row": pa.int64(),
    "quantity": pa.int64(),
    "price_moves": pa.bool_(),
    "options": _PAIRS,
    "codes": _PAIRS,
    **dict.fromkeys(("cost", "old_cost", "old_price", "new_price"), _AMOUNT),
}
SCHEMA = pa.schema([(field.name, _TYPES.get(field.name, pa.string())) for field in fields(ComparedLine)])


def table(lines: Iterable[ComparedLine]) -> pa.Table:
    rows = [asdict(line) for line in lines]
    for row in rows:
        row |= {name: None if row[name] is None else row[name].quantize(FIVE) for name in _TYPES if _TYPES[name] == _AMOUNT}
    return pa.Table.from_pylist(rows, SCHEMA)


def lines_of(rows: pa.Table) -> list[ComparedLine]:
    """The lines of a table; columns that are none of theirs are left out."""
    found = rows.select(SCHEMA.names).to_pylist()
    return [
        ComparedLine(**{**row, **{name: tuple((a, b) for a, b in row[name] or ()) for name in ("options", "codes")}})
        for row in found
    ]


@dataclass(frozen=True)
class Shop:
    """What a comparison needs to know of the store. supplier, supplier_id: whose order it is. rate: of the tax that new products
    get (0.2 is 20 %). exclusive: whether prices are without tax."""

    supplier: str
    supplier_id: str
    rate: Decimal
    exclusive: bool


@dataclass(frozen=True)
class _Product:
    id: str
    sku: str
    name: str
    active: bool
    has_variants: bool
    gone: bool
    price: Decimal | None
    supply_price: Decimal | None
    brand: str
    category: str
    links: dict[str, Decimal | None]
    options: tuple[tuple[str, str], ...]


def compare(lines: Sequence[OrderLine], layout: OrderLayout, shop: Shop, con: duckdb.DuckDBPyConnection) -> list[ComparedLine]:
    """Say of each line what it means. con: a DuckDB with the views of products, brands and categories; tables are made in it."""
    by_code, by_supplier, products = _matches(lines, shop, con)
    found = []
    for line in lines:
        hits = [products[product] for product in by_code.get(line.row, ())]
        supplied = [products[product] for product in by_supplier.get(line.row, ())]
        found.append(_Judge(line, layout, shop).judge(hits, supplied))
    return _added_up(found)


class _Judge:
    """Says what one line means."""

    def __init__(self, line: OrderLine, layout: OrderLayout, shop: Shop) -> None:
        self.line, self.layout, self.shop = line, layout, shop
        self.notes = list[str]()
        self.plain = ComparedLine(
            line.row, "rejected", line.key, line.supplier_code, layout.cased(line.description), line.quantity, line.cost
        )

    def judge(self, hits: Sequence[_Product], supplied: Sequence[_Product]) -> ComparedLine:
        line = self.line
        if line.problem:
            return replace(self.plain, reason=line.problem)
        live = [product for product in hits if not product.gone]
        theirs = [product for product in supplied if not product.gone]
        if len(live) > 1:
            return self._conflict(f"{len(live)} products have the code {line.key}: {_skus(live)}")
        if live:
            others = [product for product in theirs if product.id != live[0].id]
            if theirs and len(others) == len(theirs) == 1:
                return self._conflict(
                    f"two products: {line.key} is {live[0].sku}, and the supplier's code {line.supplier_code} is {others[0].sku}"
                )
            return self._there(live[0])
        if len(theirs) > 1 and line.options:
            theirs = [product for product in theirs if _same_options(product.options, line.options)]
        elif len(theirs) > 1 and not line.key:
            return self._conflict(f"the supplier's code {line.supplier_code} stands for {len(theirs)} products: {_skus(theirs)}")
        elif len(theirs) > 1:
            return self._conflict(
                f"no product has the code {line.key}, and the supplier's code {line.supplier_code} stands for {len(theirs)}: "
                f"{_skus(theirs)}"
            )
        if theirs and not (line.options and not _same_options(theirs[0].options, line.options)):
            if line.key:
                self.notes.append(f"found by the supplier's code; {line.key} is none of its codes")
            return self._there(theirs[0])
        if hits or supplied:
            self.notes.append(f"a product that was deleted had this code: {_skus([*hits, *supplied])}")
        return self._new()

    def _there(self, product: _Product) -> ComparedLine:
        line, shop = self.line, self.shop
        found = replace(
            self.plain,
            sku=product.sku,
            name=product.name,
            product_id=product.id,
            old_price=product.price,
            options=product.options,
            family=product.name if product.options else "",
            brand=product.brand,
            category=product.category,
        )
        if not product.active:
            return self._conflict("it is discontinued: not active in the store", found)
        if line.options and not product.options:
            return self._conflict(f"{product.sku} is a product of its own, and the order has it as a variant", found)
        if line.options and not _same_options(product.options, line.options):
            what = "a parent's code: it" if product.has_variants else "it"
            return self._conflict(
                f"{what} has the options {_shown(product.options)} in the store, and {_shown(line.options)} in the order", found
            )
        if product.links and shop.supplier_id not in product.links:
            return self._conflict(f"it is another supplier's in the store, not {shop.supplier}'s", found)
        price = product.links.get(shop.supplier_id)
        old = product.supply_price if price is None else price
        new_price = self._price()
        found = replace(found, old_cost=old, new_price=new_price, price_moves=moves(product.price, new_price))
        if not old:
            self.notes.append("its cost is not shown to the token, or not set")
            return self._noted(replace(found, verdict="exists"))
        changed = line.cost is not None and line.cost.quantize(FIVE) != old.quantize(FIVE)
        return self._noted(replace(found, verdict="cost_changed" if changed else "exists"))

    def _new(self) -> ComparedLine:
        line, new = self.line, self.layout.new
        if not line.key:
            return self._conflict(f"new, and {self.layout.columns.key} is empty: a new product needs a code to be its SKU")
        if not line.description and not line.family:
            return self._conflict("new, and nothing says its name")
        if len(line.options) > 3:
            return self._conflict("a variant has three options at most")
        return self._noted(
            replace(
                self.plain,
                verdict="new",
                family=self.layout.cased(line.family) if line.options else "",
                options=line.options,
                new_price=self._price(),
                codes=_codes(line.key),
                brand=line.brand or new.brand or self.shop.supplier,
                category=line.category or new.category,
                tax=new.tax,
                account_code=new.account_code,
                account_code_purchase=new.account_code_purchase,
            )
        )

    def _price(self) -> Decimal | None:
        if self.line.cost is None:
            return None
        return self.layout.price.price(self.line.cost, self.shop.rate, exclusive=self.shop.exclusive)

    def _conflict(self, reason: str, found: ComparedLine | None = None) -> ComparedLine:
        return self._noted(replace(found or self.plain, verdict="conflict", reason=reason))

    def _noted(self, found: ComparedLine) -> ComparedLine:
        return replace(found, note="; ".join(self.notes))


def _added_up(lines: Sequence[ComparedLine]) -> list[ComparedLine]:
    """Lines for one product become one, with all pieces; with different costs nobody knows which one holds."""
    same = defaultdict[str, list[ComparedLine]](list)
    alone = list[ComparedLine]()
    for line in lines:
        if line.verdict in ("conflict", "rejected"):
            alone.append(line)
        else:
            same[line.product_id or line.sku.casefold()].append(line)
    found = []
    for each in same.values():
        first, rows = each[0], ", ".join(str(line.row) for line in each)
        if len({line.cost for line in each}) > 1 or len({(line.family, line.options) for line in each}) > 1:
            reason = f"rows {rows} are for the same product and do not agree on its cost or options"
            found += [replace(line, verdict="conflict", reason=reason) for line in each]
        elif len(each) > 1:
            note = "; ".join(filter(None, (first.note, f"rows {rows} add up")))
            found.append(replace(first, quantity=sum(line.quantity for line in each), note=note))
        else:
            found.append(first)
    return sorted([*found, *alone], key=lambda line: line.row)


def _codes(key: str) -> tuple[tuple[str, str], ...]:
    """What kind of code the key of a new product is; a plain one needs no saying."""
    from stdnum import ean, isbn

    if isbn.is_valid(key):
        return (("ISBN", key),)
    if ean.is_valid(key):
        return (("UPC" if len(key) == 12 else "EAN", key),)
    return ()


def _same_options(one: Iterable[Sequence[str]], other: Iterable[Sequence[str]]) -> bool:
    def plain(options: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
        return sorted(tuple(part.strip().casefold() for part in option) for option in options)

    return plain(one) == plain(other)


def _skus(products: Iterable[_Product]) -> str:
    return ", ".join(sorted({product.sku for product in products})[:5])


def _shown(options: Iterable[Sequence[str]]) -> str:
    return " / ".join(f"{name} {value}" for name, value in options) or "none"


# --- matching -----------------------------------------------------------------------------------------------------------

_LINES = pa.schema([("row", pa.int64()), ("form", pa.string()), ("of_supplier", pa.bool_())])


def _matches(
    lines: Sequence[OrderLine], shop: Shop, con: duckdb.DuckDBPyConnection
) -> tuple[dict[int, list[str]], dict[int, list[str]], dict[str, _Product]]:
    """The products that lines may be: by any code, and by this supplier's own; and these products."""
    wanted = [(line.row, form, False) for line in lines if line.key for form in forms_of(line.key)]
    wanted += [(line.row, form, True) for line in lines if line.supplier_code for form in forms_of(line.supplier_code)]
    con.execute(MACROS)
    load(con, "wanted", _LINES, [list(zip(*wanted, strict=True))] if wanted else [])
    con.execute(_CODES, {"supplier": shop.supplier_id})
    by_code, by_supplier = defaultdict[int, list[str]](list), defaultdict[int, list[str]](list)
    ids = set[str]()
    for row, product, of_supplier in con.execute(_MATCHED).fetchall():
        (by_supplier if of_supplier else by_code)[row].append(product)
        ids.add(product)
    query = _PRODUCTS.format(price=f"price_{'excluding' if shop.exclusive else 'including'}_tax")
    rows = con.sql(query, params={"ids": sorted(ids)}).to_arrow_table().to_pylist() if ids else []
    return by_code, by_supplier, {row["id"]: _product(row) for row in rows}


_CODES = """
    CREATE TABLE codes AS SELECT product_id, same(bare(code)) AS same, of_supplier FROM (
        SELECT id AS product_id, sku AS code, false AS of_supplier FROM products
        UNION SELECT product_id, code, false FROM product_codes
        UNION SELECT product_id, code, true FROM product_suppliers WHERE supplier_id = $supplier
        UNION SELECT id, supplier_code, true FROM products WHERE supplier_id = $supplier
    ) WHERE code <> ''"""
_MATCHED = """
    SELECT DISTINCT w.row, c.product_id, w.of_supplier FROM wanted w
    JOIN codes c ON c.same = same(bare(w.form)) AND c.of_supplier = w.of_supplier ORDER BY 1, 2"""
_PRODUCTS = """
    SELECT p.id, p.sku, coalesce(p.name, '') AS name, coalesce(p.active, true) AS active,
        coalesce(p.has_variants, false) AS has_variants, p.deleted_at IS NOT NULL AS gone, p.{price} AS price, p.supply_price,
        coalesce(b.name, '') AS brand, coalesce(c.name, '') AS category, p.product_suppliers, p.product_options
    FROM products_with_lists p LEFT JOIN brands b ON b.id = p.brand_id LEFT JOIN categories c ON c.id = p.category_id
    WHERE list_contains($ids, p.id)"""


def _product(row: dict[str, Any]) -> _Product:
    links = {link["supplier_id"]: link["price"] for link in row.pop("product_suppliers") or () if link["supplier_id"]}
    options = tuple((option["name"] or "", option["value"] or "") for option in row.pop("product_options") or ())
    return _Product(**row, links=links, options=options)


# --- files for people -----------------------------------------------------------------------------------------------------

IMPORT_COLUMNS = (
    *("sku", "name", "variant_option_one_name", "variant_option_one_value", "variant_option_two_name"),
    *("variant_option_two_value", "variant_option_three_name", "variant_option_three_value", "product_category"),
    *("supply_price", "retail_price", "tax_name", "account_code", "account_code_purchase", "brand_name", "supplier_name"),
    *("supplier_code", "active", "track_inventory"),
)
"""Columns of the vendor's product import, as the older scripts wrote them."""


def write_files(folder: Path, lines: Sequence[ComparedLine], supplier: str) -> dict[str, int]:
    """Write `newproducts.csv` and `updateproducts.csv`, in the vendor's import format. Returns the rows of each.

    What is there keeps the store's name, category and options, and its price. Raises FileNotWritten.
    """
    new = [line for line in lines if line.verdict == "new"]
    changed = [line for line in lines if line.verdict == "cost_changed"]
    return {
        "newproducts.csv": write_csv(folder / "newproducts.csv", IMPORT_COLUMNS, (_import_row(line, supplier) for line in new)),
        "updateproducts.csv": write_csv(
            folder / "updateproducts.csv",
            ("product_id", *IMPORT_COLUMNS),
            ([line.product_id, *_import_row(line, supplier)] for line in changed),
        ),
    }


def _import_row(line: ComparedLine, supplier: str) -> list[Any]:
    options = [part for option in [*line.options, ("", ""), ("", ""), ("", "")][:3] for part in option]
    price = line.new_price if line.verdict == "new" else line.old_price
    return [
        *(line.sku, line.family or line.name, *options, line.category, _plain(line.cost), _plain(price), line.tax),
        *(line.account_code, line.account_code_purchase, line.brand, supplier, line.supplier_code, 1, 1),
    ]


def _plain(value: Decimal | None) -> str:
    """An amount without the zeros behind its cents."""
    if value is None:
        return ""
    short = value.normalize()
    return f"{short:f}" if short.as_tuple().exponent < -2 else f"{value.quantize(Decimal('0.01')):f}"  # type: ignore[operator]
