"""An order held against the store: of each line, what it means, and why.

What the search of the vendor answers is never used: it may answer another product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import Literal

import duckdb
import pyarrow as pa

from sync_pipelines.pipelines.lightspeed_orders.layouts import OrderLayout
from sync_pipelines.pipelines.lightspeed_orders.matching import Options, Product, matches
from sync_pipelines.pipelines.lightspeed_orders.order_files import OrderLine
from sync_pipelines.pipelines.lightspeed_orders.price_rules import FIVE, moves

COMPARISON_KEY = ("lightspeed", "order_comparison")
Verdict = Literal["exists", "new", "cost_changed", "conflict", "rejected"]
VERDICTS: tuple[Verdict, ...] = ("rejected", "conflict", "new", "cost_changed", "exists")
"""Worst first."""
UNDEFINED = "Undefined"
"""The category of new products that nobody gave one, where the store has it."""


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
    options: Options = ()
    codes: tuple[tuple[str, str], ...] = ()
    brand: str = ""
    category: str = ""
    tax: str = ""
    account_code: str = ""
    account_code_purchase: str = ""
    tracked: bool = True


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
    "brand": "the product's in the store; of a new one, its line's, its layout's, or one named as the supplier",
    "category": "the product's in the store; of a new one, its line's or its layout's",
    "tax": "of a new product, where it is not the store's own",
    "account_code": "sales account: the product's in the store; of a new one, by its layout",
    "account_code_purchase": "purchase account, likewise",
    "tracked": "whether its stock is counted",
}
_PAIRS = pa.list_(pa.list_(pa.string()))
_AMOUNT = pa.decimal128(24, 5)
_TYPES = {
    "row": pa.int64(),
    "quantity": pa.int64(),
    "price_moves": pa.bool_(),
    "tracked": pa.bool_(),
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
    get (0.2 is 20 %). exclusive: whether prices are without tax. makes: the collections whose missing names are made."""

    supplier: str
    supplier_id: str
    rate: Decimal
    exclusive: bool
    makes: Collection[str] = ()


def compare(lines: Sequence[OrderLine], layout: OrderLayout, shop: Shop, con: duckdb.DuckDBPyConnection) -> list[ComparedLine]:
    """Say of each line what it means. con: a DuckDB with the views of products, brands and categories; tables are made in it."""
    found = matches(lines, shop.supplier_id, con, exclusive=shop.exclusive)
    known = {kind: _names(kind, con) for kind in ("brands", "categories")}
    judged = [
        _Judge(line, layout, shop, known).judge(found.codes.get(line.row, ()), found.supplied.get(line.row, ())) for line in lines
    ]
    return _added_up(judged, found.keys)


def _names(kind: str, con: duckdb.DuckDBPyConnection) -> set[str]:
    rows = con.execute(f"SELECT name FROM {kind} WHERE deleted_at IS NULL AND name IS NOT NULL").fetchall()
    return {_folded(name) for (name,) in rows}


def _folded(name: str) -> str:
    return name.strip().casefold()


class _Judge:
    """Says what one line means. known: names that the store has, by collection."""

    def __init__(self, line: OrderLine, layout: OrderLayout, shop: Shop, known: Mapping[str, Collection[str]]) -> None:
        self.line, self.layout, self.shop, self.known = line, layout, shop, known
        self.notes = list[str]()
        self.plain = ComparedLine(
            line.row, "rejected", line.key, line.supplier_code, layout.cased(line.description), line.quantity, line.cost
        )

    def judge(self, coded: Sequence[Product], supplied: Sequence[Product]) -> ComparedLine:
        """coded: products that have the line's key as a code. supplied: those that the supplier calls so."""
        line = self.line
        if line.problem:
            return replace(self.plain, reason=line.problem)
        live = [product for product in coded if not product.gone]
        theirs = [product for product in supplied if not product.gone]
        if len(live) > 1:
            return self._conflict(f"{len(live)} products have the code {line.key}: {_skus(live)}")
        if live:
            if theirs and live[0] not in theirs:
                return self._conflict(
                    f"two products: {line.key} is {live[0].sku}, and the supplier's code {line.supplier_code} is {_skus(theirs)}"
                )
            return self._there(live[0])
        fitting = [product for product in theirs if product.has(line.options)]
        if len(fitting) > 1:
            unknown = f"no product has the code {line.key}, and " if line.key else ""
            return self._conflict(
                f"{unknown}the supplier's code {line.supplier_code} stands for {len(fitting)}: {_skus(fitting)}"
            )
        alone = [product for product in theirs if not product.options]
        if fitting or alone:
            if line.key:
                self.notes.append(f"found by the supplier's code; {line.key} is none of its codes")
            return self._there((fitting or alone)[0])
        if gone := [product for product in (*coded, *supplied) if product.gone]:
            self.notes.append(f"a product that was deleted had this code: {_skus(gone)}")
        return self._new()

    def _there(self, product: Product) -> ComparedLine:
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
            account_code=product.account_code,
            account_code_purchase=product.account_code_purchase,
            tracked=product.tracked,
        )
        if not product.active:
            return self._conflict("it is discontinued: not active in the store", found)
        if line.options and not product.options:
            return self._conflict(f"{product.sku} is a product of its own, and the order has it as a variant", found)
        if not product.has(line.options):
            what = "a parent's code: it" if product.has_variants else "it"
            return self._conflict(
                f"{what} has the options {_shown(product.options)} in the store, and {_shown(line.options)} in the order", found
            )
        if product.links and shop.supplier_id not in product.links:
            return self._conflict(f"it is another supplier's in the store, not {shop.supplier}'s", found)
        old = product.links.get(shop.supplier_id) or product.supply_price
        new_price = self._price()
        found = replace(found, old_cost=old, new_price=new_price, price_moves=moves(product.price, new_price))
        if not old:
            self.notes.append("its cost is not shown to the token, or not set")
            return self._noted(replace(found, verdict="exists"))
        changed = line.cost is not None and line.cost.quantize(FIVE) != old.quantize(FIVE)
        return self._noted(replace(found, verdict="cost_changed" if changed else "exists"))

    def _new(self) -> ComparedLine:
        line, columns, new = self.line, self.layout.columns, self.layout.new
        if not line.key:
            return self._conflict(f"new, and {columns.key} is empty: a new product needs a code to be its SKU")
        if line.options and not line.family:
            return self._conflict(f"new, with options, and {columns.variant_name} is empty: nothing says of which family it is")
        if not line.description and not line.family:
            return self._conflict("new, and nothing says its name")
        return self._noted(
            replace(
                self.plain,
                verdict="new",
                family=self.layout.cased(line.family),
                options=line.options,
                new_price=self._price(),
                codes=_codes(line.key),
                brand=self._known("brands", line.brand or new.brand, self.shop.supplier),
                category=self._known("categories", line.category or new.category, UNDEFINED),
                tax=new.tax,
                account_code=new.account_code,
                account_code_purchase=new.account_code_purchase,
            )
        )

    def _known(self, kind: str, asked: str, usual: str) -> str:
        """The name that was asked for, or the usual one; neither where the store lacks it and it is not made."""
        name = asked or usual
        if _folded(name) in self.known[kind] or (asked and kind in self.shop.makes):
            return name
        if asked:
            self.notes.append(f"{asked} is not among the store's {kind} and stays empty")
        return ""

    def _price(self) -> Decimal | None:
        if self.line.cost is None:
            return None
        return self.layout.price.price(self.line.cost, self.shop.rate, exclusive=self.shop.exclusive)

    def _conflict(self, reason: str, found: ComparedLine | None = None) -> ComparedLine:
        return self._noted(replace(found or self.plain, verdict="conflict", reason=reason))

    def _noted(self, found: ComparedLine) -> ComparedLine:
        return replace(found, note="; ".join(self.notes))


def _added_up(lines: Sequence[ComparedLine], keys: Mapping[int, str]) -> list[ComparedLine]:
    """Lines for one product become one, with all pieces; with different costs nobody knows which one holds.

    keys: by row, the key in the form in which codes are compared: two new products do not differ in zeros alone.
    """
    same = defaultdict[str, list[ComparedLine]](list)
    alone = list[ComparedLine]()
    for line in lines:
        if line.verdict in ("conflict", "rejected"):
            alone.append(line)
        else:
            same[line.product_id or f"new {keys[line.row]}"].append(line)
    found = []
    for each in same.values():
        first, rows = each[0], ", ".join(str(line.row) for line in each)
        if len({line.cost for line in each}) > 1 or len({(line.family, line.options) for line in each}) > 1:
            reason = f"rows {rows} are for the same product and do not agree on its cost or options"
            found += [replace(line, verdict="conflict", reason=reason) for line in each]
        elif len(each) > 1:
            notes = dict.fromkeys((*(line.note for line in each), f"rows {rows} add up"))
            found.append(replace(first, quantity=sum(line.quantity for line in each), note="; ".join(filter(None, notes))))
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


def _skus(products: Iterable[Product]) -> str:
    return ", ".join(sorted({product.sku for product in products})[:5])


def _shown(options: Iterable[Sequence[str]]) -> str:
    return " / ".join(f"{name} {value}" for name, value in options) or "none"
