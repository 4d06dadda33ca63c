"""Pictures that the store has, and lacks: by the mirror, as it was read last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_pictures.picture_files import KINDS, kind_of
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
    """Return the active products that show no picture, neither their own nor their family's, by supplier.

    supplier: only the products of this one, whatever the case of its name. Raises NeverRead, and UsageError for a name that no
    supplier has.
    """
    name = supplier.strip().lower()
    with _mirror() as con:
        known = "SELECT count(*) FROM suppliers WHERE deleted_at IS NULL AND lower(trim(name)) = ?"
        if name and con.execute(known, [name]).fetchall() == [(0,)]:
            raise UsageError(f"the store has no supplier named {supplier!r}.")
        return _rows(con, _MISSING, supplier=name)


def unused() -> list[Row]:
    """Return the common pictures of families with variants that no variant has as its own, compared by the address of their
    first size. Raises NeverRead."""
    with _mirror() as con:
        return _rows(con, _UNUSED)


def _rows(con: duckdb.DuckDBPyConnection, query: str, **named: Any) -> list[Row]:
    found: list[Row] = con.sql(query, params=named or None).to_arrow_table().to_pylist()
    return found


_LIVE = """live AS (
        SELECT *, coalesce(family_id, variant_parent_id, id) AS family FROM products_with_lists WHERE deleted_at IS NULL
    )"""
_MISSING = f"""
    WITH {_LIVE}, of_family AS (SELECT family FROM live GROUP BY family HAVING max(len(product_images)) > 0)
    SELECT coalesce(s.name, '') AS supplier, p.sku, coalesce(p.variant_name, p.name) AS name, p.supplier_code
    FROM live p LEFT JOIN suppliers s ON s.id = p.supplier_id
    WHERE coalesce(p.active, true) AND len(p.variant_images) = 0 AND p.family NOT IN (SELECT family FROM of_family)
        AND ($supplier = '' OR lower(trim(s.name)) = $supplier)
    ORDER BY 1, 2, p.id"""
_UNUSED = f"""
    WITH {_LIVE}, families AS (SELECT family FROM live GROUP BY family HAVING count(*) > 1),
    common AS (
        SELECT family, i.id, any_value(coalesce(i.original_url, i.url)) AS url, min(sku) AS sku, any_value(name) AS name
        FROM (SELECT family, sku, name, unnest(product_images) AS i FROM live SEMI JOIN families USING (family))
        GROUP BY family, i.id
    ), own AS (
        SELECT DISTINCT family, coalesce(i.original_url, i.url) AS url
        FROM (SELECT family, unnest(variant_images) AS i FROM live SEMI JOIN families USING (family))
    )
    SELECT sku, name, id AS picture, url FROM common ANTI JOIN own USING (family, url) ORDER BY sku, url"""
_ALL = f"""
    WITH {_LIVE}, every AS (
        SELECT sku, supplier_id, unnest(product_images) AS i, false AS own, generate_subscripts(product_images, 1) AS position
        FROM live
        UNION ALL SELECT sku, supplier_id, unnest(variant_images), true, generate_subscripts(variant_images, 1) FROM live
    ), once AS (
        SELECT * FROM every WHERE sku IS NOT NULL AND coalesce(i.original_url, i.url) IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY i.id ORDER BY own DESC, sku) = 1
    )
    SELECT o.sku, coalesce(s.name, 'no supplier') AS supplier, i.id AS picture, coalesce(i.original_url, i.url) AS url,
        row_number() OVER (PARTITION BY o.sku ORDER BY own DESC, position, i.id) AS place
    FROM once o LEFT JOIN suppliers s ON s.id = o.supplier_id ORDER BY supplier, o.sku, place"""
"""Each picture once: a variant's own under its SKU, a family's under the first of its SKUs."""


@dataclass(frozen=True)
class Downloaded:
    """files: written now. there: had been before. problems: what could not be had, and why."""

    files: int
    there: int
    problems: tuple[str, ...]


def download(folder: Path, store: Lightspeed) -> Downloaded:
    """Write every picture to `<folder>/<supplier>/<SKU>[_2].jpg`, with the ending of what it truly is.

    What is there already stays, so that a download that was cut short goes on. Raises NeverRead, FileNotWritten.
    """
    written, there, problems = 0, 0, list[str]()
    with _mirror() as con:
        rows = _rows(con, _ALL)
    for place, row in _places(folder, rows):
        if any((place.parent / f"{place.name}.{kind}").exists() for kind in KINDS):
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
            problems.append(f"{row['sku']}: what is at {row['url'].partition('?')[0]} is not a known kind of picture")
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with replaced(place.parent / f"{place.name}.{kind}") as draft:
            draft.write_bytes(content)
        written += 1
    return Downloaded(written, there, tuple(problems))


def _places(folder: Path, rows: Sequence[Row]) -> Iterator[tuple[Path, Row]]:
    """Where each picture goes, without its ending. Where that would be one place for several, each has its own id in its name:
    neither case nor what a file cannot have in its name tells them apart."""
    named = []
    for row in rows:
        stem = _safe(row["sku"]) + (f"_{row['place']}" if row["place"] > 1 else "")
        named.append((folder / _safe(row["supplier"]) / stem, row))
    often = Counter(str(place).casefold() for place, _ in named)
    for place, row in named:
        yield place if often[str(place).casefold()] == 1 else place.with_name(f"{place.name} {_safe(row['picture'])}"), row


def _safe(name: str) -> str:
    """A name as a file may have it, on any system."""
    kept = "".join(each if each.isalnum() or each in "-_. " else "_" for each in name).strip(". ")[:100]
    return kept or "_"
