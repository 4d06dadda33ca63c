"""What the clothing shop sells, which its ERP and its web shop both know: made from a seed, one garment after another.

A garment is a plain record: `sku`, `name`, `brand`, `description`, `barcode`, prices in TL, `images`, and `variants` with
`sku`, `barcode`, `color`, `model` (`{"name": "Beden", "value": "M"}`) and `stocks`; without variants it is sold as it is.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from vendor_sandbox.catalogue import seeded

Garment = Mapping[str, Any]

SMALLEST_WITH_TRAPS = 200
"""An ERP with fewer variants than this has no traps: they would be most of it."""
TRAPS = 110
"""How many of its variants are traps otherwise (`sentos/traps.py`)."""


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


def sellable(product: Garment) -> int:
    """Return how many of its rows are sold: its variants, or the product itself."""
    return len(product["variants"]) or 1


def garments_sold(seed: int, size: int) -> list[dict[str, Any]]:
    """Return the garments in an ERP with about `size` variants."""
    return list(garments(seeded(seed), size - (TRAPS if size >= SMALLEST_WITH_TRAPS else 0)))


def garments(choose: random.Random, variants: int) -> Iterator[dict[str, Any]]:
    """Yield whole garments until they have this many variants."""
    number = 0
    while variants > 0:
        made = garment(choose, number)
        yield made
        variants -= sellable(made)
        number += 1


def garment(choose: random.Random, number: int) -> dict[str, Any]:
    """Return the garment with this number. Each takes the same choices from the generator, so they are made in order."""
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
            "barcode": ean(number, 100 * place + index),
            "color": color,
            "model": _MODELS[kind.axis, size],
            "stocks": stocks(choose),
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
        "barcode": ean(number, 999),
        "purchase_price": round(price * Decimal("0.45"), 2),
        "sale_price": price,
        "currency": "TL",
        "vat_rate": choose.choice((10, 20)),
        "volumetric_weight": choose.randint(1, 5),
        "stocks": [] if variants else stocks(choose),
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


def ean(number: int, part: int) -> str:
    """Return a barcode with Turkey's prefix and a check digit."""
    digits = f"869{number:06d}{part:03d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def stocks(choose: random.Random) -> list[dict[str, Any]]:
    """Return what is in the warehouses: often in both, sometimes nothing, now and then less than nothing."""
    main = choose.choice((0, 1, 3, 4, 7, 12, 25, 40)) if choose.randrange(40) else -choose.randint(1, 4)
    stocks = [{"warehouse": 1, "stock": main}]
    if choose.randrange(3):
        stocks.append({"warehouse": 2, "stock": choose.randrange(15)})
    return stocks
