"""shopify/catalog: every variant of the shop with its product and its stock, read once for everybody who plans from it."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_store.client import store_of
from sync_pipelines.pipelines.shopify_store.store import Store
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.shopify import BulkFailed, NoRoomForBulk
from sync_pipelines.vendors.shopify_catalog import Level, Product, Variant
from sync_pipelines.warehouse import typed_rows
from sync_pipelines.warehouse.snapshots import About, Published

log = logging.getLogger(__name__)

KEY = ("shopify", "catalog")
POINTS_A_PAGE = 100.0
"""What a page of variants costs; a shop restores at least this much a second."""

SCHEMA = pa.schema(
    [
        ("variant_id", pa.string()),
        ("item_id", pa.string()),
        ("sku", pa.string()),
        ("barcode", pa.string()),
        ("price", pa.decimal128(24, 6)),
        ("compare_at", pa.decimal128(24, 6)),
        ("currency", pa.string()),
        ("tracked", pa.bool_()),
        ("options", pa.string()),
        ("levels", pa.string()),
        ("product_id", pa.string()),
        ("title", pa.string()),
        ("handle", pa.string()),
        ("status", pa.string()),
        ("vendor", pa.string()),
        ("type", pa.string()),
        ("description", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("option_names", pa.list_(pa.string())),
        ("read_at", pa.timestamp("us", tz="UTC")),
    ]
)
NOTES = {
    "variant_id": "Shopify's id for the variant",
    "item_id": "its id for what is stocked",
    "sku": "trimmed; empty where it has none",
    "barcode": "trimmed; empty where it has none",
    "price": "in the shop's currency",
    "compare_at": "the price crossed out beside it",
    "currency": "of the shop",
    "tracked": "whether the shop counts its stock",
    "options": "JSON: the variant's value of each option",
    "levels": "JSON: at each location what is available, and what is committed to orders",
    "product_id": "Shopify's id for the product",
    "title": "the product's title",
    "handle": "its address in the shop",
    "status": "ACTIVE, DRAFT, ARCHIVED, …",
    "vendor": "the product's vendor",
    "type": "the product's type",
    "description": "HTML",
    "tags": "the product's tags",
    "option_names": "the product's options in their order",
    "read_at": "when it was asked for, UTC",
}


def catalog(session: Session) -> Published:
    """Return shopify/catalog as this run has read it. Raises VendorError; then the last whole reading stays."""
    return session.once("shopify catalog", lambda: read(session))


def read(session: Session) -> Published:
    """Read the whole catalogue now, by the faster of two ways, and publish it."""
    store = store_of(session)
    variants = list(_variants(store))
    now = datetime.now(UTC)
    extract = f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    rows = pa.Table.from_pylist([_row(variant, store.facts.currency) for variant in variants], SCHEMA)
    about = About(store.settings.shop, now.isoformat(), extract, len(variants))
    session.note(message=f"shopify/catalog: {len(variants)} variants")
    return session.warehouse.write(KEY, rows, about)


def rows_of(published: Published) -> Iterator[Variant]:
    """The variants of a snapshot; those of one product share it."""
    products: dict[str, Product] = {}

    def variant(*values: Any) -> Variant:
        row = dict(zip(SCHEMA.names, values, strict=True))
        product = products.get(row["product_id"])
        if product is None:
            product = products[row["product_id"]] = Product(
                row["product_id"],
                row["title"],
                row["handle"],
                row["status"],
                row["vendor"],
                row["type"],
                row["description"],
                tuple(row["tags"]),
                tuple(row["option_names"]),
            )
        return Variant(
            row["variant_id"],
            row["item_id"],
            row["sku"],
            row["barcode"],
            row["price"],
            row["compare_at"],
            row["tracked"],
            row["options"],
            row["levels"],
            product,
            row["read_at"],
        )

    return typed_rows.objects(published.path, variant, SCHEMA, {"options": json.loads, "levels": _levels})


def _levels(text: str) -> dict[str, Level]:
    return {location: Level(*both) for location, both in json.loads(text).items()}


def _variants(store: Store) -> Iterator[Variant]:
    """Read in pages, or by a bulk export where that is faster by estimate. A shop that does not get an export done is read in
    pages."""
    settings, client = store.settings, store.client
    number = shop.count(client)
    pages = -(-number // shop.PAGE)
    paged_seconds = pages / min(settings.calls_per_second, 100 / POINTS_A_PAGE)
    bulk_seconds = settings.bulk_start_seconds + number * 3 / settings.bulk_per_second
    meter = client.http.meter
    if bulk_seconds < paged_seconds:
        with ExitStack() as stack:
            try:
                export = stack.enter_context(store.exports.finished(documents.CATALOG_EXPORT))
                variants = store.exports.lines_of(export, lambda lines: shop.exported(lines, export))
            except (BulkFailed, NoRoomForBulk) as e:
                client.notice(f"{e} Read page by page instead.")
            else:
                meter.minimum["shopify"] += 4
                yield from variants
                return
    meter.minimum["shopify"] += 1 + max(1, pages)
    yield from shop.paged(client)


def _row(variant: Variant, currency: str) -> dict[str, object]:
    product = variant.product
    return {
        "variant_id": variant.id,
        "item_id": variant.item_id,
        "sku": variant.sku,
        "barcode": variant.barcode,
        "price": variant.price,
        "compare_at": variant.compare_at,
        "currency": currency,
        "tracked": variant.tracked,
        "options": json.dumps(dict(variant.options), ensure_ascii=False),
        "levels": json.dumps({at: [level.available, level.committed] for at, level in variant.levels.items()}),
        "product_id": product.id,
        "title": product.title,
        "handle": product.handle,
        "status": product.status,
        "vendor": product.vendor,
        "type": product.type,
        "description": product.description,
        "tags": list(product.tags),
        "option_names": list(product.options),
        "read_at": variant.read_at,
    }
