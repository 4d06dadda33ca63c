"""Items that a careless client gets wrong, each with a name that says what it is."""

from decimal import Decimal
from typing import Any


def _priced(what: str, price: object, **more: Any) -> dict[str, Any]:
    code = what.upper().replace(" ", "-")
    return {"sku": f"TRAP-{code}", "name": f"Trap: price {what}", "price_trade": price, "brand": "Trapper", **more}


def _coded(what: str, sku: object, price: object = "7.50", **more: Any) -> dict[str, Any]:
    return {"sku": sku, "name": f"Trap: {what}", "price_trade": price, "brand": "Trapper", **more}


_ASSETS = [
    {
        "id": 501,
        "asset_type": "IMAGE",
        "url": "https://images.example.com/501.jpg",
        "large_url": "https://images.example.com/501-large.jpg",
        "thumbnail_url": "https://images.example.com/501-thumb.jpg",
    },
    {"id": 502, "asset_type": "PDF", "url": "https://images.example.com/502.pdf"},
]

TRAPS: tuple[dict[str, Any], ...] = (
    {"sku": "TRAP-PRICE-MISSING", "name": "Trap: price missing", "brand": "Trapper"},
    _priced("null", None),
    _priced("blank", ""),
    _priced("only spaces", "   "),
    _priced("string", "4.20"),
    _priced("number", Decimal("0.35")),
    _priced("whole number", 12),
    _priced("with spaces around", " 4.20 "),
    _priced("comma decimal", "4,20"),
    _priced("non-numeric", "call for price"),
    _priced("not available", "N/A"),
    _priced("thousands comma", "1,234.50"),
    _priced("thousands point", "1.234,50"),
    _priced("thousands space", "1 234.50"),
    _priced("currency sign", "$4.20"),
    _priced("currency sign behind", "4,20 €"),
    _priced("currency code", "AUD 4.20"),
    _priced("negative string", "-4.20"),
    _priced("negative number", Decimal("-1.50")),
    _priced("zero string", "0.00"),
    _priced("zero number", 0),
    _priced("too many decimals string", "4.12345"),
    _priced("too many decimals number", Decimal("1.005")),
    _priced("NaN", "NaN"),
    _priced("infinity", "inf"),
    _priced("exponent", "1e3"),
    _priced("true", True),
    _priced("list", ["4.20", "4.50"]),
    _priced("object", {"amount": "4.20", "currency": "AUD"}),
    _priced("break not lower", "4.20", price_trade_100="4.90"),
    _priced("break non-numeric", "4.20", price_trade_100="ask"),
    _coded("duplicate SKU, same price, first", "TRAP-DUPLICATE-SAME", "6.10"),
    _coded("duplicate SKU, same price, second", "TRAP-DUPLICATE-SAME", "6.10"),
    _coded("duplicate SKU, other price, first", "TRAP-DUPLICATE-OTHER", "6.20"),
    _coded("duplicate SKU, other price, second", "TRAP-DUPLICATE-OTHER", "6.90"),
    _coded("SKU differs by case, upper", "TRAP-CASE-X1", "3.10"),
    _coded("SKU differs by case, lower", "trap-case-x1", "3.20"),
    _coded("SKU differs by spaces, bare", "TRAP-SPACES", "3.30"),
    _coded("SKU differs by spaces, padded", " TRAP-SPACES ", "3.40"),
    _coded("SKU with leading zeros", "05300"),
    _coded("SKU without the leading zeros", "5300", "8.50"),
    _coded("SKU non-ASCII", "TRAP-ÖSE-Ø8-螺栓"),
    _coded("SKU with a slash", "TRAP-1/2-INCH"),
    _coded("SKU with a hash", "TRAP-#8"),
    _coded("SKU with a percent sign", "TRAP-50%2F"),
    {"name": "Trap: SKU missing", "price_trade": "7.50", "brand": "Trapper"},
    _coded("SKU null", None),
    _coded("SKU blank", ""),
    _coded("SKU as a number", 4711),
    _coded("other keys", "TRAP-OTHER-KEYS", number="0042", series=["S1", "S2"], weight_kg=Decimal("0.250")),
    _coded("list and object values", "TRAP-NESTED", colours=["zinc", "black"], assets=_ASSETS, main_image=501),
    _coded("text with quotes and lines", "TRAP-TEXT", description='Sizes "6, 8; 10".\r\nSecond line\tand a tab'),
)
