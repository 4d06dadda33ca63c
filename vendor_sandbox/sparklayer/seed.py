"""What a SparkLayer site holds when the sandbox starts, made from the catalogue."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from vendor_sandbox.catalogue import Catalogue, seeded
from vendor_sandbox.sparklayer.prices import Row
from vendor_sandbox.sparklayer.store import Store
from vendor_sandbox.traps import TRAPS

WHOLESALE, VIP, TRADE_NZ, PLATFORM = "wholesale", "vip", "trade-nz", "shop-default"
_MOST_PRICED = 5000
_LEGACY_SKUS = 12

_LISTS: tuple[dict[str, Any], ...] = (
    {"slug": WHOLESALE, "name": "Wholesale", "currency_code": "AUD", "source": "integration"},
    {
        "slug": VIP,
        "name": "VIP, a tenth off wholesale",
        "currency_code": "AUD",
        "source": "custom",
        "rules": [
            {"source_price_list_slug": WHOLESALE, "adjustment_percentage": Decimal("0.100000"), "adjustment_direction": "minus"}
        ],
    },
    {"slug": TRADE_NZ, "name": "Trade NZ", "currency_code": "NZD", "source": "integration"},
    {"slug": PLATFORM, "name": "Shop default", "currency_code": "AUD", "source": "platform"},
)


def seeded_store(catalogue: Catalogue) -> Store:
    """Return four lists. `wholesale` has Catsy's prices for a twentieth of the catalogue, and 12 SKUs unknown to Catsy."""
    store = Store()
    for fields in _LISTS:
        store.create(fields, reserved=())
    prices = store.lists[WHOLESALE].prices
    for position, index in enumerate(_priced(catalogue)):
        item = catalogue.item(index)
        prices[item["sku"]] = _rows(position, Decimal(item["price_trade"]))
    for number in range(1, _LEGACY_SKUS + 1):
        prices[f"LEGACY-{number:03d}"] = [_row(1, Decimal(f"{number}.90"))]
    return store


def _priced(catalogue: Catalogue) -> list[int]:
    wanted = min(_MOST_PRICED, round(catalogue.size * 0.05))
    # A few more than needed are drawn, because traps among them are left out.
    drawn = seeded(catalogue.seed).sample(range(catalogue.size), min(catalogue.size, wanted + len(TRAPS)))
    return sorted([index for index in drawn if not catalogue.is_trap(index)][:wanted])


def _rows(position: int, price: Decimal) -> list[Row]:
    rows = [_row(1, price, "each" if position % 7 == 2 else None)]
    if position % 5 == 1:
        rows.append(_row(250, (price * Decimal("0.80")).quantize(Decimal("0.01"), ROUND_HALF_UP)))
    if position % 9 == 4:
        rows = [{**row, "tax_type": "net", "display_tax_rate": 10} for row in rows]
    return rows


def _row(quantity: int, price: Decimal, unit: str | None = None) -> Row:
    return {"quantity": quantity, "price": price, "unit_of_measure": unit}
