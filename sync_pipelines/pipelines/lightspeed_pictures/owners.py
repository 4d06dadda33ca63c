"""Whose pictures are whose, by the mirror of products as it was read last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from sync_pipelines.vendors.lightspeed_pictures import Owner


@dataclass(frozen=True)
class Pictured:
    """A product that is not deleted. images: ids of all pictures that it and its family show."""

    owner: Owner
    images: frozenset[str]


def with_skus(con: duckdb.DuckDBPyConnection, skus: Collection[str]) -> dict[str, list[Pictured]]:
    """Return the products by SKU; several where the store has a SKU twice. con: with the views of products."""
    found = defaultdict[str, list[Pictured]](list)
    for sku, product_id, family_id, images in con.execute(_WITH_SKUS, {"skus": sorted(skus)}).fetchall():
        found[sku].append(Pictured(Owner(sku, product_id, family_id), frozenset(images or ())))
    return dict(found)


def showing(con: duckdb.DuckDBPyConnection, images: Collection[str]) -> dict[str, Owner]:
    """Return by picture the product that shows it; pictures that none shows are left out. con: as in `with_skus`."""
    rows = con.execute(_SHOWING, {"images": sorted(images)}).fetchall()
    return {image: Owner(sku or product_id, product_id, family_id, own) for image, sku, product_id, family_id, own in rows}


_FAMILY = "coalesce(family_id, variant_parent_id, id)"
_WITH_SKUS = f"""
    WITH live AS (SELECT *, {_FAMILY} AS family FROM products_with_lists WHERE deleted_at IS NULL),
    found AS (SELECT sku, id, family_id, family FROM live WHERE sku IN (SELECT unnest($skus::VARCHAR[]))),
    shown AS (
        SELECT family, list(DISTINCT image) AS images FROM (
            SELECT family, unnest([i.id FOR i IN product_images || variant_images]) AS image
            FROM live WHERE family IN (SELECT family FROM found)
        ) GROUP BY family
    )
    SELECT f.sku, f.id, f.family_id, s.images FROM found f LEFT JOIN shown s USING (family) ORDER BY f.id"""
_SHOWING = """
    WITH shown AS (
        SELECT id, sku, family_id, unnest([i.id FOR i IN product_images]) AS image, false AS own
        FROM products_with_lists WHERE deleted_at IS NULL AND len(product_images) > 0
        UNION ALL SELECT id, sku, family_id, unnest([i.id FOR i IN variant_images]), true
        FROM products_with_lists WHERE deleted_at IS NULL AND len(variant_images) > 0
    )
    SELECT image, min_by(sku, id), min(id), min_by(family_id, id), bool_or(own) FROM shown
    WHERE image IN (SELECT unnest($images::VARCHAR[])) GROUP BY image"""
