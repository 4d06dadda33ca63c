"""Products that a careless client gets wrong. The names say what is wrong with each."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

_SIZES = ("S", "M", "L")
_COLORS = ("Siyah", "Beyaz", "Kırmızı", "Yeşil", "Mavi", "Sarı", "Mor", "Turuncu", "Gri", "Bej")


def traps() -> Iterator[dict[str, Any]]:
    """Yield the traps, without ids."""
    yield from _priced()
    yield from _stocked()
    yield from _coded()
    yield from _varied()


def _product(what: str, sku: str, variants: Sequence[dict[str, Any]] = (), **more: Any) -> dict[str, Any]:
    price = Decimal("249.90")
    return {
        "category_id": 13,
        "sku": sku,
        "name": f"Trap: {what}",
        "brand": "Trapper",
        "description": f"<p>{what}</p>",
        "barcode": "",
        "purchase_price": Decimal("120.00"),
        "sale_price": price,
        "currency": "TL",
        "vat_rate": 10,
        "volumetric_weight": 1,
        "stocks": [] if variants else [{"warehouse": 1, "stock": 5}],
        "prices": {"shopify": {"list_price": price + 50, "sale_price": price}},
        "images": [],
        "variants": list(variants),
        **more,
    }


def _variant(sku: str, color: Any = "Siyah", size: str | None = "M", **more: Any) -> dict[str, Any]:
    return {
        "sku": sku,
        "barcode": "",
        "color": color,
        "model": {"name": "Beden", "value": size} if size is not None else None,
        "stocks": [{"warehouse": 1, "stock": 4}],
        "images": [],
        **more,
    }


def _priced() -> Iterator[dict[str, Any]]:
    prices = {
        "thousands point": "1.299,90",
        "thousands comma": "1,299.90",
        "decimal comma": "29,90",
        "decimal point": "29.90",
        "number": Decimal("29.9"),
        "blanks around": " 29,90 ",
        "blank": "",
        "zero": 0,
        "null": None,
        "words": "Fiyat sorunuz",
        "negative": "-5,00",
    }
    for what, price in prices.items():
        sku = f"TRAP-PRICE-{what.upper().replace(' ', '-')}"
        shop = {"list_price": price, "sale_price": price}
        yield _product(f"price {what}", sku, sale_price=price, prices={"shopify": shop})
    yield _product("no price for the shop", "TRAP-PRICE-NONE", prices=[])
    yield _product("list price below sale price", "TRAP-PRICE-BELOW", prices={"shopify": {"list_price": 10, "sale_price": 20}})
    yield _product("another currency", "TRAP-PRICE-USD", currency="USD")


def _stocked() -> Iterator[dict[str, Any]]:
    stocks: dict[str, list[dict[str, Any]]] = {
        "as text": [{"warehouse": 1, "stock": "3"}, {"warehouse": 2, "stock": 2}],
        "negative": [{"warehouse": 1, "stock": -4}],
        "negative text": [{"warehouse": 1, "stock": "-4"}, {"warehouse": 2, "stock": 6}],
        "warehouse as object": [{"warehouse": {"id": 1, "name": "Merkez"}, "stock": 8}],
        "warehouse as bare object": [{"warehouse": {"id": 1}, "stock": "8"}],
        "warehouse unknown": [{"warehouse": 77, "stock": 9}],
        "blank": [{"warehouse": 1, "stock": ""}],
        "nowhere": [],
    }
    for what, entries in stocks.items():
        sku = f"TRAP-STOCK-{what.upper().replace(' ', '-')}"
        yield _product(f"stock {what}", sku, [_variant(f"{sku}-M", stocks=entries)])
    yield _product("without variants", "TRAP-SINGLE", stocks=[{"warehouse": 1, "stock": "11"}, {"warehouse": 2, "stock": 1}])


def _coded() -> Iterator[dict[str, Any]]:
    for what, sku in {
        "SKU a number": "42",
        "SKU with zeros": "00042",
        "SKU with an S": "S42",
        "SKU with emoji": "TRAP-👕-🇹🇷",
        "SKU with a slash": "TRAP-1/2",
        "SKU with a quote": "TRAP-15\"-D'OR",
        "SKU with a percent sign": "TRAP-50%2F",
        "SKU with Turkish letters": "TRAP-ÇŞĞİıÖÜ",
        "SKU with blanks around": " TRAP-BLANKS ",
        "SKU upper": "TRAP-CASE",
        "SKU lower": "trap-case",
    }.items():
        yield _product(what, sku)
    yield _product("SKU blank", "TRAP-BLANK", [_variant(""), _variant("TRAP-BLANK-L", size="L")])
    for place in ("first", "second"):
        sku = f"TRAP-TWICE-{place.upper()}"
        yield _product(f"SKU in two products, {place}", sku, [_variant("TRAP-TWICE-M"), _variant(f"{sku}-L", size="L")])
    for place in ("A", "B"):
        yield _product("same name", f"TRAP-NAME-{place}")


def _varied() -> Iterator[dict[str, Any]]:
    many = [
        _variant(f"TRAP-MANY-{place:02d}-{size}", color, size)
        for place, color in enumerate((*_COLORS, *(f"Açık {each}" for each in _COLORS)))
        for size in _SIZES
    ]
    yield _product("sixty variants", "TRAP-MANY", many)
    yield _product("model null", "TRAP-MODEL", [_variant("TRAP-MODEL-1", size=None), _variant("TRAP-MODEL-2", "Bej", None)])
    yield _product("colour blank", "TRAP-COLOUR", [_variant("TRAP-COLOUR-S", "", "S"), _variant("TRAP-COLOUR-M", "", "M")])
    yield _product("neither colour nor model", "TRAP-PLAIN", [_variant("TRAP-PLAIN-1", "", None)])
    yield _product("variants alike", "TRAP-ALIKE", [_variant("TRAP-ALIKE-1"), _variant("TRAP-ALIKE-2")])
    text = '<b>"kalın"</b> & 50% 👕\u00a0İndirim'
    yield {**_product("text", "TRAP-TEXT"), "name": text, "description": f"<p>{text}</p>\r\n<script>alert(1)</script>"}
