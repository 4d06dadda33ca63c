"""Pictures that the store has, and lacks: by the mirror, as it was read last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from sync_pipelines.pipelines.lightspeed_pictures.picture_files import kind_of
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS, SUPPLIERS, VENDOR
from sync_pipelines.pipelines.mirrors import opened
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.lightspeed import Lightspeed
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.warehouse.snapshots import Warehouse
from sync_pipelines.whole_files import replaced

Row = Mapping[str, Any]


@contextmanager
def _mirror() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with products and suppliers. Raises NeverRead."""
    with opened(Warehouse(data_dir() / "warehouse"), VENDOR, LightspeedSettings.read().account, (PRODUCTS, SUPPLIERS)) as con:
        yield con


def missing(supplier: str = "") -> list[Row]:
    """The active products that show no picture, neither their own nor their family's, by supplier. Raises NeverRead."""
    with _mirror() as con:
        return _rows(con, _MISSING, supplier=supplier.strip().lower())


def unused() -> list[Row]:
    """The pictures of families with variants that no variant has as its own, by their first size's address. Raises NeverRead."""
    with _mirror() as con:
        return _rows(con, _UNUSED)


def _rows(con: duckdb.DuckDBPyConnection, query: str, **named: Any) -> list[Row]:
    found: list[Row] = con.sql(query, params=named or None).to_arrow_table().to_pylist()
    return found


_MISSING = """
    SELECT coalesce(s.name, '') AS supplier, p.sku, coalesce(p.variant_name, p.name) AS name, p.supplier_code
    FROM products_with_lists p LEFT JOIN suppliers s ON s.id = p.supplier_id
    WHERE p.deleted_at IS NULL AND coalesce(p.active, true) AND len(p.product_images) + len(p.variant_images) = 0
        AND ($supplier = '' OR lower(trim(s.name)) = $supplier)
    ORDER BY 1, 2"""
_UNUSED = """
    WITH live AS (SELECT * FROM products_with_lists WHERE deleted_at IS NULL AND family_id IS NOT NULL),
    families AS (SELECT family_id FROM live GROUP BY family_id HAVING count(*) > 1),
    common AS (
        SELECT family_id, i.id, any_value(coalesce(i.original_url, i.url)) AS url, min(sku) AS sku, any_value(name) AS name
        FROM (SELECT family_id, sku, name, unnest(product_images) AS i FROM live SEMI JOIN families USING (family_id))
        GROUP BY family_id, i.id
    ), own AS (
        SELECT DISTINCT family_id, coalesce(i.original_url, i.url) AS url
        FROM (SELECT family_id, unnest(variant_images) AS i FROM live SEMI JOIN families USING (family_id))
    )
    SELECT sku, name, id AS picture, url FROM common ANTI JOIN own USING (family_id, url) ORDER BY sku, url"""
_ALL = """
    WITH live AS (SELECT * FROM products_with_lists WHERE deleted_at IS NULL AND sku IS NOT NULL),
    every AS (
        SELECT sku, supplier_id, unnest(product_images) AS i, false AS own, generate_subscripts(product_images, 1) AS position
        FROM live
        UNION ALL SELECT sku, supplier_id, unnest(variant_images), true, generate_subscripts(variant_images, 1) FROM live
    ), once AS (SELECT * FROM every QUALIFY row_number() OVER (PARTITION BY i.id ORDER BY own DESC, sku) = 1)
    SELECT o.sku, coalesce(s.name, 'no supplier') AS supplier, coalesce(i.original_url, i.url) AS url,
        row_number() OVER (PARTITION BY o.sku ORDER BY own DESC, position) AS place
    FROM once o LEFT JOIN suppliers s ON s.id = o.supplier_id WHERE coalesce(i.original_url, i.url) IS NOT NULL
    ORDER BY supplier, o.sku, place"""
"""Each picture once: a variant's own under its SKU, a family's under the first of its SKUs."""


@dataclass(frozen=True)
class Downloaded:
    """files: written now. there: had been before. problems: what could not be had, and why."""

    files: int
    there: int
    problems: tuple[str, ...]


def download(folder: Path, store: Lightspeed) -> Downloaded:
    """Write every picture to `<folder>/<supplier>/<SKU>[_2].jpg`, by what it truly is. What is there already stays, so that a
    download that was cut short goes on. Raises NeverRead, FileNotWritten."""
    written, there, problems = 0, 0, list[str]()
    with _mirror() as con:
        rows = _rows(con, _ALL)
    for row in rows:
        stem = _safe(row["sku"]) + (f"_{row['place']}" if row["place"] > 1 else "")
        place = folder / _safe(row["supplier"])
        if any((place / f"{stem}.{kind}").exists() for kind in ("jpg", "png")):
            there += 1
            continue
        try:
            with store.http.download(row["url"], what=f"picture of {row['sku']}", in_lines=False) as pieces:
                content = b"".join(pieces)
        except VendorError as e:
            problems.append(f"{row['sku']}: {e}")
            continue
        kind = kind_of(content)
        if kind is None:
            problems.append(f"{row['sku']}: {urlsplit(row['url']).path} is neither jpg nor png")
            continue
        place.mkdir(parents=True, exist_ok=True)
        with replaced(place / f"{stem}.{kind}") as draft:
            draft.write_bytes(content)
        written += 1
    return Downloaded(written, there, tuple(problems))


def _safe(name: str) -> str:
    """A name as a file may have it, on any system."""
    kept = "".join(each if each.isalnum() or each in "-_. " else "_" for each in name).strip(". ")
    return kept or "_"
