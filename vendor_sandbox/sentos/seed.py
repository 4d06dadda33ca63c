"""What Sentos holds when the sandbox starts: a clothing shop's products, in warehouses in two towns, and marketplace orders."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from vendor_sandbox.catalogue import Catalogue, seeded
from vendor_sandbox.clothes import SMALLEST_WITH_TRAPS, garments, sellable, stocks
from vendor_sandbox.hardware import Hardware, hardware
from vendor_sandbox.limits import Clock
from vendor_sandbox.sentos.calendar import stamp
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.orders import APPROVED, CANCELLED, DELIVERED, SHIPPED, new_order, with_tracking
from vendor_sandbox.sentos.people import address, customer
from vendor_sandbox.sentos.settings import Settings
from vendor_sandbox.sentos.store import FIRST_IDS, Store, rows_of
from vendor_sandbox.sentos.traps import traps

LISTS: dict[str, Any] = {
    "warehouses": [{"id": 1, "name": "Merkez"}, {"id": 2, "name": "İkitelli Depo"}],
    "platforms": {
        "trendyol": [{"id": 1, "name": "Şık Giyim Trendyol"}],
        "hepsiburada": [{"id": 2, "name": "Şık Giyim HB"}],
        "n11": [{"id": 3, "name": "sikgiyim"}],
        "shopify": [{"id": 4, "name": "sikgiyim.example"}],
    },
    "categories": [
        {"id": 12, "name": "Giyim", "parent_id": 0},
        {"id": 13, "name": "Tişört", "parent_id": 12},
        {"id": 14, "name": "Gömlek", "parent_id": 12},
        {"id": 15, "name": "Pantolon", "parent_id": 12},
        {"id": 16, "name": "Ayakkabı", "parent_id": 0},
        {"id": 17, "name": "Çanta & Aksesuar", "parent_id": 0},
    ],
    "channels": [
        {
            "id": 3,
            "name": "Web Sitesi",
            "url": "https://sikgiyim.example",
            "payment_method": "online",
            "order_prefix": "",
            "note": "",
        }
    ],
}
_DAYS = 30
_VARIANTS_FOR_AN_ORDER = 10
_MOST_ORDERS = 500


def seeded_store(clock: Clock, catalogue: Catalogue, today: datetime) -> Store:
    """Return a store with about as many variants of clothes as the catalogue is large, and the hardware of the web shop.

    Its orders were made in the 30 days before `today`, and are of clothes only.
    """
    seed, size = catalogue.seed, catalogue.size
    store = Store(clock, seed, _products(seed, size), lists=LISTS)
    _add_orders(store, seeded(seed + 1), min(_MOST_ORDERS, size // _VARIANTS_FOR_AN_ORDER), today)
    for each in _hardware(seeded(seed + 2), hardware(catalogue)[:size]):
        store.put_product({"id": store.new_id("product"), **each})
    return store


def _hardware(choose: random.Random, sold: Sequence[Hardware]) -> Iterator[Record]:
    """Yield the hardware as products without variants, in a shop of a small scale only as many as that."""
    for each in sold:
        price = Decimal(each.price).scaleb(-2)
        yield {
            "category_id": 17,
            "sku": each.item["sku"],
            "name": each.item["name"],
            "brand": each.item["brand"],
            "description": f"<p>{each.item['short_description']}</p>",
            "barcode": each.barcode,
            "purchase_price": round(price * Decimal("0.6"), 2),
            "sale_price": price,
            "currency": "TL",
            "vat_rate": 20,
            "volumetric_weight": 1,
            "stocks": stocks(choose),
            "prices": {"shopify": {"list_price": price, "sale_price": price}},
            "images": [],
            "variants": [],
        }


def _products(seed: int, size: int) -> Iterator[Record]:
    """Yield about `size` variants in whole products: plain ones, with the traps at seeded places among them."""
    choose = seeded(seed)
    found = list(traps()) if size >= SMALLEST_WITH_TRAPS else []
    plain = list(garments(choose, size - sum(map(sellable, found))))
    for trap in found:
        plain.insert(choose.randint(0, len(plain)), trap)
    variant_id = FIRST_IDS["variant"]
    for number, product in enumerate(plain):
        variants = [{"id": variant_id + place, **each} for place, each in enumerate(product["variants"])]
        variant_id += len(variants)
        yield {"id": FIRST_IDS["product"] + number, **product, "variants": variants}


def _add_orders(store: Store, choose: random.Random, count: int, today: datetime) -> None:
    """Add orders of the marketplaces. Their pieces have left the stock already."""
    settings = Settings(lowers_stock=False)
    products = list(store.products.values())
    for number in range(count):
        when = stamp(today - timedelta(minutes=_DAYS * 24 * 60 * (count - number) // count))
        status = choose.choice((APPROVED, 4, SHIPPED, SHIPPED, DELIVERED, DELIVERED, CANCELLED))
        platform = choose.choice(("trendyol", "hepsiburada", "n11"))
        fields = {
            "order_id": str(8_100_000_000 + 37 * number),
            "order_code": f"{platform[:2].upper()}{100_000 + number}",
            "package_code": f"PK{500_000 + number}",
            "status": status,
            "source": platform.upper(),
            "shop": LISTS["platforms"][platform][0]["name"],
            "payment_method": "KREDIKARTI/BANKAKARTI",
            "ship_due_date": when,
            "customer": customer(number),
            "invoice_address": address(number),
            "shipment_address": address(number + (number % 5 == 0)),
            "lines": _lines(choose, products),
        }
        order = {**new_order(store, settings, fields, when), "stock_taken": status != CANCELLED}
        if status in (SHIPPED, DELIVERED):
            tracking = {"cargo_company": choose.choice(("Yurtiçi", "Aras", "MNG")), "tracking_number": str(730_000_000 + number)}
            order = with_tracking(order, {**tracking, "tracking_url": f"https://kargo.example/{730_000_000 + number}"})
        store.put_order(order)


def _lines(choose: random.Random, products: Sequence[Record]) -> list[dict[str, Any]]:
    lines = []
    for product in choose.choices(products, k=choose.choice((1, 1, 2, 3))):
        row = choose.choice(list(rows_of(product))[-1 if product["variants"] else 0 :])
        lines.append(
            {
                "sku": row["sku"],
                "barcode": row.get("barcode", ""),
                "name": product["name"],
                "color": row.get("color", ""),
                "model": row.get("model"),
                "quantity": choose.choice((1, 1, 1, 2)),
                "price": product["sale_price"],
                "warehouse_id": 1,
                "product_id": product["id"],
            }
        )
    return lines
