"""What Sentos holds when the sandbox starts: a clothing shop's products, in warehouses in two towns, and marketplace orders."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from vendor_sandbox.catalogue import seeded
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
SMALLEST_WITH_TRAPS = 200
"""A store with fewer variants than this has no traps: they would be most of it."""

_DAYS = 30
_VARIANTS_FOR_AN_ORDER = 10
_MOST_ORDERS = 500


@dataclass(frozen=True)
class _Kind:
    category: int
    code: str
    name: str
    axis: str
    sizes: tuple[str, ...]
    lowest: int


_KINDS = (
    _Kind(13, "TSH", "Tişört", "Beden", ("XS", "S", "M", "L", "XL"), 199),
    _Kind(14, "GML", "Gömlek", "Beden", ("S", "M", "L", "XL", "XXL"), 449),
    _Kind(15, "PNT", "Pantolon", "Beden", ("28", "30", "32", "34", "36", "38"), 599),
    _Kind(16, "AYK", "Ayakkabı", "Numara", ("38", "39", "40", "41", "42", "43", "44"), 1249),
    _Kind(13, "COC", "Çocuk Tişörtü", "Yaş", ("2-3", "4-5", "6-7"), 149),
    _Kind(17, "CNT", "Çanta", "", (), 899),
)
_COLORS = (("Siyah", "SYH"), ("Beyaz", "BYZ"), ("Kırmızı", "KRM"), ("Yeşil", "YSL"), ("Gümüş", "GMS"), ("Açık Mavi", "AMV"))
_STYLES = ("Basic", "Oversize", "Slim Fit", "Çizgili", "Işıltılı", "Örgü", "Şal Yaka", "Ütü İstemez", "Yağmurluk", "Düz Dikiş")
_BRANDS = ("Şık", "Ada Butik", "Öz Tekstil", "İpekyol Ev", "Çınar")
_MODELS = {(kind.axis, size): {"name": kind.axis, "value": size} for kind in _KINDS for size in kind.sizes}


def seeded_store(clock: Clock, seed: int, size: int, today: datetime) -> Store:
    """Return a store with about `size` variants; its orders were made in the 30 days before `today`."""
    store = Store(clock, seed, _products(seed, size), lists=LISTS)
    _add_orders(store, seeded(seed + 1), min(_MOST_ORDERS, size // _VARIANTS_FOR_AN_ORDER), today)
    return store


def _products(seed: int, size: int) -> Iterator[Record]:
    """Yield about `size` variants in whole products: plain ones, with the traps at seeded places among them."""
    choose = seeded(seed)
    found = list(traps()) if size >= SMALLEST_WITH_TRAPS else []
    left = size - sum(_sellable(each) for each in found)
    plain: list[dict[str, Any]] = []
    while left > 0:
        plain.append(_plain(choose, len(plain)))
        left -= _sellable(plain[-1])
    for trap in found:
        plain.insert(choose.randint(0, len(plain)), trap)
    variant_id = FIRST_IDS["variant"]
    for number, product in enumerate(plain):
        variants = [{"id": variant_id + place, **each} for place, each in enumerate(product["variants"])]
        variant_id += len(variants)
        yield {"id": FIRST_IDS["product"] + number, **product, "variants": variants}


def _sellable(product: Record) -> int:
    """Return how many of its rows are sold: its variants, or the product itself."""
    return len(product["variants"]) or 1


def _plain(choose: random.Random, number: int) -> dict[str, Any]:
    kind, style = choose.choice(_KINDS), choose.choice(_STYLES)
    sku = f"{kind.code}-{number:05d}"
    price = Decimal(kind.lowest + 10 * choose.randrange(60)) + Decimal(choose.choice(("0.90", "0.99", "0.50", "0.00")))
    colors = choose.sample(_COLORS, k=choose.randint(1, 2)) if kind.sizes else []
    images = [{"id": number * 10 + place, "url": f"https://cdn.example.com/sentos/{sku}_{place}.jpg"} for place in (1, 2)]
    # Every fourth product has its images on the first variant only.
    on_variant = bool(kind.sizes) and number % 4 == 2
    variants = [
        {
            "sku": f"{sku}-{code}-{size}",
            "barcode": _ean(number, 100 * place + index),
            "color": color,
            "model": _MODELS[kind.axis, size],
            "stocks": _stocks(choose),
            "images": images if on_variant and not place and not index else [],
        }
        for place, (color, code) in enumerate(colors)
        for index, size in enumerate(kind.sizes)
    ]
    product = {
        "category_id": kind.category,
        "sku": sku,
        "name": f"{style} {kind.name} {number}",
        "brand": choose.choice(_BRANDS),
        "description": f"<p>{style} {kind.name.lower()}; %100 pamuk, yıkanabilir.</p>",
        "barcode": _ean(number, 999),
        "purchase_price": round(price * Decimal("0.45"), 2),
        "sale_price": price,
        "currency": "TL",
        "vat_rate": choose.choice((10, 20)),
        "volumetric_weight": choose.randint(1, 5),
        "stocks": [] if variants else _stocks(choose),
        "prices": {
            "shopify": {"list_price": price + choose.choice((0, 50, 100)), "sale_price": price},
            "trendyol": {"list_price": price + 120, "sale_price": price + 20},
        },
        "images": images,
        "variants": variants,
    }
    if on_variant:
        del product["images"]
    return product


def _ean(number: int, part: int) -> str:
    """Return a barcode with Turkey's prefix and a check digit."""
    digits = f"869{number:06d}{part:03d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _stocks(choose: random.Random) -> list[dict[str, Any]]:
    """Return what is in the warehouses: often in both, sometimes nothing, now and then less than nothing."""
    main = choose.choice((0, 1, 3, 4, 7, 12, 25, 40)) if choose.randrange(40) else -choose.randint(1, 4)
    stocks = [{"warehouse": 1, "stock": main}]
    if choose.randrange(3):
        stocks.append({"warehouse": 2, "stock": choose.randrange(15)})
    return stocks


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
