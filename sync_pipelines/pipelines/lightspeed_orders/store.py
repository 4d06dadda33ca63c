"""What a run knows of the store: its mirrors, brought up to date whenever something depends on how it is now.

The lists by version do not lag as the search does, and one page of them says what became of hundreds of rows.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import duckdb

from sync_pipelines import duck
from sync_pipelines.pipelines.lightspeed_orders import PIPELINE
from sync_pipelines.pipelines.lightspeed_orders.lookups import Lookup
from sync_pipelines.pipelines.lightspeed_retail import reading
from sync_pipelines.pipelines.lightspeed_retail.collections import (
    BRANDS,
    CATEGORIES,
    CONSIGNMENT_LINES,
    CONSIGNMENTS,
    OUTLETS,
    PRODUCTS,
    SALES,
    SUPPLIERS,
    TAGS,
    TAXES,
    VARIANT_ATTRIBUTES,
)
from sync_pipelines.pipelines.mirrors import Mirror, show
from sync_pipelines.pipelines.session import Session
from sync_pipelines.vendors.lightspeed import Lightspeed, rows_of
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

MEMORY = "96MB"
LATELY = 5.0
"""Seconds for which it is enough to have looked whether anything came to a product."""
SMALL: Mapping[str, tuple[str, Mirror, str]] = {
    "suppliers": ("supplier", SUPPLIERS, ""),
    "brands": ("brand", BRANDS, ""),
    "tags": ("tag", TAGS, ""),
    "categories": ("category", CATEGORIES, ""),
    "variant_attributes": ("variant attribute", VARIANT_ATTRIBUTES, " AND NOT coalesce(is_deprecated, false)"),
    "outlets": ("outlet", OUTLETS, ""),
    "taxes": ("tax", TAXES, ""),
}
"""Collections that are looked up by name: what one row is called, the mirror, and which of its rows are not in use."""


@dataclass(frozen=True)
class SupplierLink:
    """What a supplier takes for a product, and what they call it."""

    supplier_id: str
    code: str | None
    price: Decimal | None


@dataclass(frozen=True)
class StoreProduct:
    """A product that is not deleted. price: as the store counts, with or without tax. siblings: products of its family, itself
    among them. options: name and value of each attribute."""

    id: str
    sku: str
    name: str | None
    family_id: str | None
    description: str | None
    brand_id: str | None
    category_id: str | None
    tag_ids: tuple[str, ...]
    active: bool
    price: Decimal | None
    supply_price: Decimal | None
    account_code: str | None
    account_code_purchase: str | None
    links: tuple[SupplierLink, ...]
    options: tuple[tuple[str, str], ...]
    siblings: int
    has_pictures: bool

    def link(self, supplier_id: str | None) -> SupplierLink | None:
        return next((link for link in self.links if link.supplier_id == supplier_id), None)


@dataclass(frozen=True)
class Consignment:
    """A supplier's order that is not deleted."""

    id: str
    reference: str
    status: str
    supplier_id: str | None
    outlet_id: str | None


@dataclass(frozen=True)
class Line:
    product_id: str
    sku: str | None
    count: Decimal
    received: Decimal
    cost: Decimal | None


class Store:
    """The store of a run, with the right to write of a pipeline. Use `of(session)`."""

    def __init__(self, session: Session, pipeline: str) -> None:
        self._session, self._pipeline = session, pipeline
        self._opened = ExitStack()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._shown: set[str] = set()
        self._read: set[str] = set()
        self._read_at: dict[str, float] = {}
        self._lookups: dict[str, Lookup] = {}
        self._seen: dict[str, StoreProduct] = {}
        self._sold: set[str] | None = None

    def close(self) -> None:
        self._opened.close()
        self._con = None

    @cached_property
    def client(self) -> Lightspeed:
        """The client that may write, where a person has enabled the pipeline. Closed with the session."""
        right = self._session.right(self._pipeline, LightspeedSettings.system)
        settings, meter, limits = LightspeedSettings.read(), self._session.meter, self._session.limits
        return self._session.once("lightspeed to write to", lambda: Lightspeed.connect(settings, meter, right, limits))

    @cached_property
    def tax_exclusive(self) -> bool:
        """Whether the store's prices are without tax."""
        return bool(self.client.retailer().get("tax_exclusive"))

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, *mirrors: Mirror, again: bool = False) -> None:
        """Bring these mirrors up to date, once in a run; now, with `again`."""
        for mirror in mirrors:
            if again or mirror.name not in self._read:
                if reading.bring_up_to_date(self._session, mirror).kept or mirror.name not in self._read:
                    self._forget(mirror)
                self._read.add(mirror.name)
                self._read_at[mirror.name] = time.monotonic()

    def read_lately(self, *mirrors: Mirror) -> None:
        """Bring these mirrors up to date, but for those that were a moment ago: what comes between is as if it came after."""
        now = time.monotonic()
        for mirror in mirrors:
            if now - self._read_at.get(mirror.name, -LATELY) >= LATELY:
                self.read(mirror, again=True)

    def _forget(self, mirror: Mirror) -> None:
        self.close()  # its views are of the files that there were
        self._shown.clear()
        if mirror is SALES:
            self._sold = None
        if mirror is PRODUCTS:
            self._seen.clear()
        for kind, (_, of, _) in SMALL.items():
            if of is mirror:
                self._lookups.pop(kind, None)

    def opened(self, *mirrors: Mirror) -> duckdb.DuckDBPyConnection:
        """A DuckDB with the views of these mirrors, as they were read last in this run."""
        self.read(*mirrors)
        if self._con is None:
            self._con = self._opened.enter_context(duck.engine(MEMORY))
        for mirror in mirrors:
            if mirror.name not in self._shown:
                show(self._con, reading.log_of(self._session.warehouse, mirror))
                self._shown.add(mirror.name)
        return self._con

    @contextmanager
    def with_mirrors(self, *mirrors: Mirror) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `opened`, for what makes tables of its own there."""
        self.read(*mirrors)
        with duck.engine(MEMORY) as con:
            for mirror in mirrors:
                show(con, reading.log_of(self._session.warehouse, mirror))
            yield con

    def lookup(self, kind: str) -> Lookup:
        """Names and ids of a small collection: see `SMALL`."""
        if kind not in self._lookups:
            what, mirror, unused = SMALL[kind]
            query = f"SELECT id, name FROM {mirror.name} WHERE deleted_at IS NULL AND name IS NOT NULL{unused} ORDER BY id"
            self._lookups[kind] = Lookup(what, self.opened(mirror).execute(query).fetchall())
        return self._lookups[kind]

    def leaves(self) -> set[str]:
        """The ids of the categories that products may be in."""
        query = """SELECT id FROM categories WHERE deleted_at IS NULL AND id NOT IN
            (SELECT parent_category_id FROM categories WHERE deleted_at IS NULL AND parent_category_id IS NOT NULL)"""
        return {row for (row,) in self.opened(CATEGORIES).execute(query).fetchall()}

    def first_outlet(self) -> str | None:
        """The name of the first outlet that is not deleted, in the order in which the store lists them."""
        query = "SELECT name FROM outlets WHERE deleted_at IS NULL ORDER BY version, id LIMIT 1"
        found = self.opened(OUTLETS).execute(query).fetchall()
        return str(found[0][0]) if found else None

    def currency(self) -> str:
        query = "SELECT coalesce(min(currency), '') FROM outlets WHERE deleted_at IS NULL"
        return str(self.opened(OUTLETS).execute(query).fetchall()[0][0])

    @cached_property
    def shows_costs(self) -> bool:
        """Whether the token shows what products cost. Of a store where none costs anything, nobody can tell."""
        query = "SELECT count(supply_price) FROM products WHERE deleted_at IS NULL"
        return bool(self.opened(PRODUCTS).execute(query).fetchall()[0][0])

    # --- products ---------------------------------------------------------------------------------------------------

    def products(self, skus: Collection[str]) -> dict[str, list[StoreProduct]]:
        """The products that are not deleted, by SKU; several where the store has a SKU twice."""
        return self._products("sku", skus, lambda product: product.sku)

    def families(self, names: Collection[str]) -> dict[str, list[StoreProduct]]:
        """The products that are not deleted under these names, whatever their case, by the name in small letters."""
        return self._products("lower(name)", {name.lower() for name in names}, lambda product: (product.name or "").lower())

    def by_ids(self, ids: Collection[str]) -> dict[str, StoreProduct]:
        """These products, as they were when the mirror was last brought up to date."""
        self._products("id", set(ids) - self._seen.keys(), lambda product: product.id)
        return {each: self._seen[each] for each in ids if each in self._seen}

    def _products(self, by: str, wanted: Collection[str], key: Any) -> dict[str, list[StoreProduct]]:
        found = defaultdict[str, list[StoreProduct]](list)
        if wanted:
            con = self.opened(PRODUCTS)
            query = _PRODUCTS.format(by=by, price=f"price_{'excluding' if self.tax_exclusive else 'including'}_tax")
            for row in con.sql(query, params={"wanted": sorted(wanted)}).to_arrow_table().to_pylist():
                product = _product(row)
                found[key(product)].append(product)
                self._seen[product.id] = product
        return dict(found)

    def pictures(self, images: Collection[str]) -> set[str]:
        """Those of these pictures that products show, by their ids."""
        query = f"SELECT DISTINCT id FROM ({_PICTURES}) WHERE list_contains($images, id)"
        rows = self.opened(PRODUCTS).execute(query, {"images": list(images)}).fetchall() if images else []
        return {row for (row,) in rows}

    def pictures_of(self, product_id: str) -> set[str]:
        """The pictures that a product shows: its own, and those of its family."""
        query = f"SELECT id FROM ({_PICTURES}) WHERE product_id = ?"
        return {row for (row,) in self.opened(PRODUCTS).execute(query, [product_id]).fetchall()}

    # --- orders -----------------------------------------------------------------------------------------------------

    def orders(self, references: Collection[str]) -> dict[str, list[Consignment]]:
        """The suppliers' orders that are not deleted, by reference."""
        found = defaultdict[str, list[Consignment]](list)
        query = """SELECT id, reference, status, supplier_id, outlet_id FROM consignments
            WHERE type = 'SUPPLIER' AND deleted_at IS NULL AND list_contains($wanted, reference) ORDER BY id"""
        rows = self.opened(CONSIGNMENTS).execute(query, {"wanted": sorted(references)}).fetchall()
        for row in rows:
            found[row[1]].append(Consignment(*row))
        return dict(found)

    def lines(self, consignment_id: str) -> list[Line]:
        """The lines of an order, as they are now: one call for each thousand."""
        return [
            Line(
                str(row.get("product_id")),
                row.get("product_sku"),
                _number(row.get("count")) or Decimal(0),
                _number(row.get("received")) or Decimal(0),
                _number(row.get("cost")),
            )
            for row in self.client.consignment_lines(consignment_id)
        ]

    def products_that_name(self, kind: str, row_id: str) -> int:
        """How many products that are not deleted name a row of a small collection, as they are now."""
        self.read(PRODUCTS, again=True)
        query = f"SELECT count(*) FROM products_with_lists WHERE deleted_at IS NULL AND {_NAMES[kind]}"
        return int(self.opened(PRODUCTS).execute(query, {"id": row_id}).fetchall()[0][0])

    def was_sold(self, product_id: str) -> bool:
        """Whether a sale that is not deleted has a product; by the search, which lags, where sales are not mirrored."""
        if SALES in reading.mirrored() and reading.log_of(self._session.warehouse, SALES).log.files():
            self.read_lately(SALES)
            if self._sold is None:
                query = "SELECT DISTINCT product_id FROM sale_lines l JOIN sales s ON s.id = l.sale_id WHERE s.deleted_at IS NULL"
                self._sold = {row for (row,) in self.opened(SALES).execute(query).fetchall()}
            return product_id in self._sold
        params = {"type": "sales", "product_id": product_id, "page_size": 1}
        what = f"sales of product {product_id}"
        return bool(self.client.call("GET", "/search", what, "sales:read", rows_of, params=params))

    def has_stock(self, product_id: str) -> bool:
        """Whether there is stock of a product at any outlet, or some is owed, as of now."""
        path = f"/inventory/{product_id}" if self.client.settings.stock_by_post else f"/products/{product_id}/inventory"
        rows = self.client.call("GET", path, f"stock of product {product_id}", "inventory:read", rows_of)
        names = ("current_inventory_level", "inventory_level", "quantity_to_procure")
        return any(row.get(name) for row in rows for name in names)

    def orders_with(self, product_id: str) -> int:
        """How many consignments that are not deleted have a line with a product, as of now."""
        self.read_lately(CONSIGNMENTS, CONSIGNMENT_LINES)
        query = """SELECT count(DISTINCT l.consignment_id) FROM consignment_lines l JOIN consignments c ON c.id = l.consignment_id
            WHERE l.product_id = ? AND c.deleted_at IS NULL"""
        return int(self.opened(CONSIGNMENTS, CONSIGNMENT_LINES).execute(query, [product_id]).fetchall()[0][0])


def of(session: Session, pipeline: str = PIPELINE.name) -> Store:
    """What this run knows of the store. pipeline: whose right to write it has."""
    return session.once(f"lightspeed store of {pipeline}", lambda: Store(session, pipeline))


_PRODUCTS = """
    WITH live AS (SELECT * FROM products_with_lists WHERE deleted_at IS NULL),
    found AS (SELECT * FROM live WHERE list_contains($wanted, {by})),
    families AS (SELECT family_id, count(*) AS siblings FROM live SEMI JOIN found USING (family_id) GROUP BY family_id)
    SELECT id, sku, name, family_id, description, brand_id, category_id, tag_ids, coalesce(active, true) AS active,
        {price} AS price, supply_price, account_code, account_code_purchase, product_suppliers, product_options,
        coalesce(siblings, 1) AS siblings, len(product_images) + len(variant_images) > 0 AS has_pictures
    FROM found LEFT JOIN families USING (family_id) ORDER BY id"""


_PICTURES = "SELECT product_id, id FROM product_images UNION ALL SELECT product_id, id FROM variant_images"
_NAMES = {
    "suppliers": "len(list_filter(product_suppliers, lambda link: link.supplier_id = $id)) > 0",
    "brands": "brand_id = $id",
    "tags": "list_contains(tag_ids, $id)",
    "categories": "category_id = $id",
    "variant_attributes": "len(list_filter(product_options, lambda option: option.attribute_id = $id)) > 0",
}
"""The condition that a product names a row, by its collection."""


def _product(row: Mapping[str, Any]) -> StoreProduct:
    links = tuple(
        SupplierLink(link["supplier_id"], link["code"], link["price"])
        for link in row["product_suppliers"] or ()
        if link["supplier_id"]
    )
    options = tuple((option["name"] or "", option["value"] or "") for option in row["product_options"] or ())
    plain = {name: row[name] for name in StoreProduct.__dataclass_fields__ if name in row}
    return StoreProduct(
        **{**plain, "tag_ids": tuple(row["tag_ids"] or ()), "has_pictures": bool(row["has_pictures"])},
        links=links,
        options=options,
    )


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def skus_of(products: Mapping[str, Sequence[StoreProduct]]) -> dict[str, str]:
    """The id under each SKU that only one product has."""
    return {sku: found[0].id for sku, found in products.items() if len(found) == 1}
