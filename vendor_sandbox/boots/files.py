"""Files that list the boots as a merchant has them: the report of all listings, and the export of one style.

Columns of the report: https://developer-docs.amazon.com/sp-api/docs/report-type-values-inventory.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from vendor_sandbox.boots.listing import Item

COLUMNS = (
    "item-name",
    "item-description",
    "listing-id",
    "seller-sku",
    "price",
    "quantity",
    "open-date",
    "image-url",
    "item-is-marketplace",
    "product-id-type",
    "zshop-shipping-fee",
    "item-note",
    "item-condition",
    "zshop-category1",
    "zshop-browse-path",
    "zshop-storefront-feature",
    "asin1",
    "asin2",
    "asin3",
    "will-ship-internationally",
    "expedited-shipping",
    "zshop-boldface",
    "product-id",
    "bid-for-featured-placement",
    "add-delete",
    "pending-quantity",
    "fulfillment-channel",
    "merchant-shipping-group",
    "status",
)
MORE_COLUMNS = ("Business Price", "Quantity Price Type", *reversed(COLUMNS), "product-for-sale")
EUROPEAN_COLUMNS = (*COLUMNS[:9], *["Deprecated column"] * 10, *COLUMNS[9:])
FRENCH_COLUMNS = ("item-name", "seller-sku", "price", "quantity", "product-id-type", "product-id", "open-date", "status")
"""No `asin1`: such a report names the ASIN as `product-id`, and its type by a word."""
FEW_COLUMNS = ("status", "asin1", "seller-sku", "item-name")

_TWO_CHANNELS_EVERY = 7
_ASIN, _ISBN, _UPC, _EAN = "1", "2", "3", "4"
_MARKETPLACE_IDS = {"US": "ATVPDKIKX0DER", "CA": "A2EUQ1WTGCTBG2"}


def listings_report(items: Iterable[Item], *, encoding: str = "utf-8", columns: Sequence[str] = COLUMNS) -> bytes:
    """Write the all-listings report: tabs between values, nothing quoted; a row per seller SKU, empty where a value is unknown.

    Some ASINs have a second row for a second channel, before or after the first; its status is Active only if the
    first one's is. Variation parents that have a seller SKU have a row without product-id. Raises UnicodeEncodeError
    when a title does not fit the encoding.
    """
    rows = [row for item in items for row in _rows(item)]
    if "asin1" not in columns:
        rows = [{**row, "product-id-type": "ASIN", "product-id": row["asin1"]} for row in rows]
    lines = ["\t".join(columns), *("\t".join(row.get(name, "") for name in columns) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode(encoding)


def _rows(item: Item) -> list[dict[str, str]]:
    if item.seller_sku is None:
        return []
    bits = crc32(item.asin.encode())
    kind, code = _product_id(item, bits)
    for_sale = item.status == "Active" and item.classification != "VARIATION_PARENT"
    row = {
        "item-name": item.title,
        "listing-id": f"{bits:08X}{len(item.title):03d}",
        "seller-sku": item.seller_sku,
        "price": f"{60 + bits % 140}.{bits % 100:02d}" if for_sale else "",
        "quantity": str(bits % 50) if for_sale else "",
        "open-date": f"2024-{1 + bits % 12:02d}-{1 + bits % 28:02d} {bits % 24:02d}:{bits % 60:02d}:07 PST",
        "item-is-marketplace": "y",
        "product-id-type": kind,
        "item-condition": "11",
        "asin1": item.asin,
        "product-id": code,
        "pending-quantity": "0",
        "fulfillment-channel": "DEFAULT",
        "merchant-shipping-group": "Migrated Template",
        "status": item.status,
    }
    if item.classification == "VARIATION_PARENT" or bits % _TWO_CHANNELS_EVERY:
        return [row]
    second = {**row, "seller-sku": f"{item.seller_sku}-FBA", "fulfillment-channel": "AMAZON_NA", "quantity": ""}
    if bits & 16:
        return [row, second]
    second["status"] = "Inactive"
    return [second, row] if item.status == "Active" else [row, second]


def _product_id(item: Item, bits: int) -> tuple[str, str]:
    """Return `product-id-type` and `product-id`. For every fourth item with a UPC, the report names the ASIN instead."""
    if item.classification == "VARIATION_PARENT":
        return "", ""
    if item.upc is not None and bits & 3:
        return _UPC, item.upc
    if item.upc is None and item.ean is not None:
        return (_ISBN if item.ean.startswith("978") else _EAN), item.ean
    return _ASIN, item.asin


def export_json(items: Sequence[Item], style: str) -> bytes:
    """Write the catalogue export of a style: `metadata` and `variants`. All items must be of one marketplace, US or CA.

    As in real exports, `amazon_sku` is the part number, and `product_type` and `amazon_listing_status` are null.
    """
    named = {item.parent_asin for item in items}
    metadata = {
        "style": style,
        "marketplace_id": _MARKETPLACE_IDS[items[0].marketplace if items else "US"],
        "export_date": "2026-01-15T09:00:00Z",
        "item_count": len(items),
        "parent_asins_added": sum(item.asin in named for item in items),
    }
    document = {"metadata": metadata, "variants": [_variant(item) for item in items]}
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def _variant(item: Item) -> dict[str, Any]:
    image = f"https://images.example.com/{item.asin}"
    codes = (("UPC", item.upc), ("EAN", item.ean), ("GTIN", item.gtin))
    return {
        "amazon_asin": item.asin,
        "amazon_parent_asin": item.parent_asin,
        "amazon_sku": item.part_number,
        "upc": item.upc,
        "ean": item.ean,
        "title": item.title,
        "brand": item.brand,
        "model_number": item.model_number,
        "part_number": item.part_number,
        "size": item.size,
        "color": item.colour,
        "variation_theme": item.theme,
        "item_classification": item.classification,
        "product_type": None,
        "amazon_listing_status": None,
        "amazon_image_main": f"{image}.jpg",
        **{f"amazon_image_variant_{number}": f"{image}-{number}.jpg" if number < 3 else None for number in range(1, 9)},
        "amazon_image_swatch": None,
        "_identifiers": [{"identifierType": kind, "identifier": code} for kind, code in codes if code],
        "_relationships": [] if item.parent_asin is None else [{"type": "VARIATION", "parentAsins": [item.parent_asin]}],
    }
