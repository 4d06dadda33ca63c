"""The many products, rows of stock and sales that the sizes of the settings ask for, each made from its index."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vendor_sandbox.lightspeed import ids
from vendor_sandbox.lightspeed.lazy import Lazy, lazy_id
from vendor_sandbox.lightspeed.rows import DEFAULTS
from vendor_sandbox.lightspeed.store import Store, stamp

OUTLETS = 3
"""Rows of stock of each product."""
_LINES = 4
"""Sales have one to four lines: 2.5 on average."""
_STARTED = datetime(2024, 1, 1, tzinfo=UTC)
_GST = (23, 20)
"""Price with tax and without, in a ratio of whole numbers."""


def add_bulk(store: Store, products: int, sales: int) -> None:
    """Put so many lazy products, with their stock, and sales below all other rows. Those put before are dropped."""
    sold = products or len(store["products"].own)
    own = list(store["products"].own)

    def product_id(number: int) -> str:
        return lazy_id("products", number) if products else own[number]

    lazies = {
        "products": Lazy("products", products, 1, _product_facts, _product),
        "inventory": Lazy("inventory", products * OUTLETS, 3, _stock_facts, _stock),
        "sales": Lazy(
            "sales", sales, 5, lambda index: _sale_facts(index, sold, product_id), _sale, lambda index: index % _LINES + 1
        ),
    }
    for name, made in lazies.items():
        store[name].lazy = made if made.size else None


def _price(number: int) -> int:
    """Return a product's price without tax, in a hundred-thousandth of the currency."""
    return (number * 7919 % 20_000 + 100) * _GST[1] * 50


def _five(amount: int) -> str:
    """Write an amount in hundred-thousandths."""
    return f"{amount // 100_000}.{amount % 100_000:05d}"


def _product_facts(index: int) -> dict[str, str]:
    price = _price(index)
    return {
        "id": lazy_id("products", index),
        "family": lazy_id("families", index),
        "code_id": lazy_id("product_codes", index),
        "link_id": lazy_id("product_suppliers", index),
        "sku": f"BULK-{index:07d}",
        "code": f"B{index % 5000:04d}/{index // 5000}",
        "name": f"Bulk item {index:07d}",
        "n_excluding": _five(price),
        "n_including": _five(price * _GST[0] // _GST[1]),
        "n_cost": _five(price * 2 // 5),
    }


def _product(_shape: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **DEFAULTS["products"],
        "id": facts["id"],
        "family_id": facts["family"],
        "name": facts["name"],
        "handle": facts["sku"],
        "sku": facts["sku"],
        "codes": [{"id": facts["code_id"], "type": "CUSTOM", "code": facts["sku"]}],
        "suppliers": [
            {"id": facts["link_id"], "supplier_id": ids.uuid("suppliers", 3), "code": facts["code"], "price": facts["n_cost"]}
        ],
        "supply_price": facts["n_cost"],
        "price_excluding_tax": facts["n_excluding"],
        "price_including_tax": facts["n_including"],
        "brand_id": ids.uuid("brands", 2),
        "category_id": ids.uuid("categories", 5),
        "created_at": stamp(_STARTED),
        "updated_at": stamp(_STARTED),
        "deleted_at": None,
    }


def _stock_facts(index: int) -> dict[str, str]:
    product, outlet = divmod(index, OUTLETS)
    return {
        "id": lazy_id("inventory", index),
        "product": lazy_id("products", product),
        "outlet": ids.uuid("outlets", outlet),
        "n_level": str(index * 31 % 97),
        "n_cost": _five(_price(product) * 2 // 5),
    }


def _stock(_shape: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **DEFAULTS["inventory"],
        "id": facts["id"],
        "product_id": facts["product"],
        "outlet_id": facts["outlet"],
        "level": facts["n_level"],
        "average_cost": facts["n_cost"],
        "deleted_at": None,
    }


def _sale_facts(index: int, sold: int, product_id: Any) -> dict[str, str]:
    outlet = index % OUTLETS
    facts = {
        "id": lazy_id("sales", index),
        "payment": lazy_id("sale_payments", index),
        "outlet": ids.uuid("outlets", outlet),
        "register": ids.uuid("registers", outlet),
        "number": f"B{outlet}-{index // OUTLETS + 1}",
        "n_sequence": str(index // OUTLETS + 1),
        "short": f"b{index:06x}",
        "at": (_STARTED + timedelta(minutes=index)).isoformat(),
    }
    total = 0
    for place in range(index % _LINES + 1):
        number, quantity = (index * 13 + place * 101) % sold, 1 + place % 2
        price = _price(number)
        total += price * quantity
        facts[f"id{place}"] = lazy_id("sale_lines", index * _LINES + place)
        facts[f"product{place}"] = product_id(number)
        for name, amount in (("price", price), ("cost", price * 2 // 5), ("tax", price * 3 // 20)):
            facts[f"n_{name}{place}"] = _five(amount)
            facts[f"n_{name}_total{place}"] = _five(amount * quantity)
    facts |= {"n_total": _five(total), "n_tax": _five(total * 3 // 20), "n_incl": _five(total * 23 // 20)}
    return facts


def _sale(lines: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    tax, rate = ids.uuid("taxes", 1), ids.uuid("tax_rates", 150)
    return {
        **DEFAULTS["sales"],
        "id": facts["id"],
        "outlet_id": facts["outlet"],
        "register_id": facts["register"],
        "user_id": ids.uuid("users", 0),
        "invoice_number": facts["number"],
        "invoice_sequence": facts["n_sequence"],
        "receipt_number": facts["number"],
        "short_code": facts["short"],
        "sale_date": facts["at"],
        "created_at": facts["at"],
        "updated_at": facts["at"],
        "deleted_at": None,
        "rate_id": rate,
        "total_price": facts["n_total"],
        "total_tax": facts["n_tax"],
        "total_incl": facts["n_incl"],
        "lines": tuple(_line(place, facts, tax, rate) for place in range(lines)),
        "payments": (
            {
                "id": facts["payment"],
                "type_id": ids.uuid("payment_types", 0),
                "name": "Cash",
                "amount": facts["n_incl"],
                "date": facts["at"],
                "register_id": facts["register"],
                "outlet_id": facts["outlet"],
            },
        ),
    }


def _line(place: int, facts: Mapping[str, Any], tax: str, rate: str) -> dict[str, Any]:
    return {
        "id": facts[f"id{place}"],
        "product_id": facts[f"product{place}"],
        "quantity": 1 + place % 2,
        "discount": 0,
        "discount_total": 0,
        **{name: facts[f"n_{name}{place}"] for name in ("price", "cost", "tax", "price_total", "cost_total", "tax_total")},
        **{"tax_id": tax, "rate_id": rate, "sequence": place, "note": None, "is_return": False, "reason": None},
        "status": "CONFIRMED",
    }
