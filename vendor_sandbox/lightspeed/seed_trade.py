"""What was ordered and sold before the sandbox starts: consignments in every state, and sales of every status."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from vendor_sandbox.catalogue import Catalogue
from vendor_sandbox.lightspeed import ids
from vendor_sandbox.lightspeed.rows import RATE
from vendor_sandbox.lightspeed.sales_shown import STATES, line_of
from vendor_sandbox.lightspeed.seed import OUTLETS, PAYMENT_TYPES, SUPPLIERS, Seed
from vendor_sandbox.lightspeed.store import Store, stamp
from vendor_sandbox.lightspeed.traps import add_traps
from vendor_sandbox.limits import Clock

CONSIGNMENTS: tuple[tuple[str, str], ...] = (
    *(("SUPPLIER", status) for status in ("OPEN", "SENT", "DISPATCHED", "RECEIVED", "CANCELLED")),
    *(("OUTLET", status) for status in ("OPEN", "SENT", "RECEIVED", "CANCELLED")),
    *(("RETURN", status) for status in ("OPEN", "SENT", "CANCELLED")),
    ("STOCKTAKE", "STOCKTAKE_SCHEDULED"),
    ("STOCKTAKE", "STOCKTAKE_IN_PROGRESS"),
    ("STOCKTAKE", "STOCKTAKE_IN_PROGRESS_PROCESSED"),
    ("STOCKTAKE", "STOCKTAKE_COMPLETE"),
    ("STOCKTAKE", "CLOSED"),
    ("STOCKTAKE", "CANCELLED"),
)
MANY_LINES = 620
SALES = 260
_DAY_ONE = datetime(2026, 2, 2, 9, tzinfo=UTC)


def seeded_store(catalogue: Catalogue, clock: Clock) -> Store:
    """Return the whole store as it is at the start."""
    seed = Seed(catalogue, clock)
    seed.fill_small()
    seed.fill_products()
    add_traps(seed)
    _fill_consignments(seed)
    _fill_sales(seed)
    return seed.store


def _fill_consignments(seed: Seed) -> None:
    products = list(seed.store["products"].own)
    for number, (kind, status) in enumerate(CONSIGNMENTS):
        _consignment(seed, kind, status, f"{kind} {status}", products[number * 7 : number * 7 + number % 6])
    _consignment(seed, "SUPPLIER", "RECEIVED", "All of it", products[:MANY_LINES])
    _consignment(seed, "SUPPLIER", "SENT", "One product three times", [products[3], products[3], products[4], products[3]])
    seed.delete("consignments", _consignment(seed, "SUPPLIER", "OPEN", "Deleted", products[:2]))


def _consignment(seed: Seed, kind: str, status: str, name: str, products: list[str]) -> str:
    number = len(seed.store["consignments"].own)
    at = stamp(_DAY_ONE + timedelta(days=number))
    arrived = status in ("RECEIVED", "STOCKTAKE_COMPLETE")
    consignment = seed.put(
        "consignments",
        {
            "type": kind,
            "status": status,
            "name": name,
            "reference": f"PO-{1000 + number}",
            "outlet_id": ids.uuid("outlets", number % len(OUTLETS)),
            "source_outlet_id": ids.uuid("outlets", (number + 1) % len(OUTLETS)) if kind == "OUTLET" else None,
            "supplier_id": ids.uuid("suppliers", number % (len(SUPPLIERS) - 1)) if kind in ("SUPPLIER", "RETURN") else None,
            "consignment_date": at,
            "received_at": at if arrived else None,
            **{"created_at": at, "updated_at": at},
        },
    )
    for place, product in enumerate(products):
        cost = (seed.store["products"][product]["supply_price"] or 0) + place
        count, received = Decimal(1 + place % 9), Decimal(1 + place % 4)
        line = {
            "product_id": product,
            "product_sku": seed.store["products"][product]["sku"],
            "count": None if kind == "STOCKTAKE" and place == 1 else count,
            "received": received if arrived or status == "DISPATCHED" else Decimal(0),
            "cost": None if kind == "OUTLET" and status == "OPEN" else cost,
            "is_included": None if kind != "STOCKTAKE" and place % 5 == 1 else True,
            "status": "RECEIVE_SUCCESS" if arrived else "PENDING",
            **{"created_at": at, "updated_at": at, "deleted_at": None},
        }
        seed.store.put_line(consignment, None, line, touch=False)
    return consignment


def _fill_sales(seed: Seed) -> None:
    products = list(seed.store["products"].own)
    statuses = [*STATES, *["CLOSED"] * 12]
    for number in range(SALES):
        status = statuses[number % len(statuses)]
        _sale(seed, number, status, list(_bought(seed, products)), None)
    first = [each for each in seed.store["sales"].own.values() if each["status"] == "CLOSED"][:5]
    for place, sold in enumerate(first):
        lines = [(line["product_id"], -line["quantity"]) for line in sold["lines"][:1]]
        back = _sale(seed, SALES + place, "SAVED" if place == 4 else "CLOSED", lines, sold["id"])
        seed.store.put("sales", {**sold, "return_sale_ids": (back,)})
    gone = _sale(seed, SALES + len(first), "VOIDED", [(products[0], Decimal(1))], None)
    seed.delete("sales", gone)


def _bought(seed: Seed, products: list[str]) -> Iterator[tuple[str, Decimal]]:
    for product in seed.choose.choices(products[: len(products) * 2 // 3], k=seed.choose.choice((1, 1, 2, 3, 5))):
        yield product, Decimal(seed.choose.choice(("1", "1", "1", "2", "0.75")))


def _sale(seed: Seed, number: int, status: str, bought: list[tuple[str, Decimal]], return_for: str | None) -> str:
    outlet = number % len(OUTLETS)
    register, at = ids.uuid("registers", outlet), stamp(_DAY_ONE + timedelta(hours=3 * number))
    tax, rate = ids.uuid("taxes", 1), ids.uuid("tax_rates", 150)
    lines = []
    for place, (product_id, quantity) in enumerate(bought):
        product = seed.store["products"][product_id]
        fields = {
            "id": ids.uuid("sale_lines", number * 16 + place),
            "product_id": product_id,
            "quantity": quantity,
            "price": product["price_excluding_tax"],
            "cost": product["supply_price"],
            "discount": Decimal(0),
            **{"tax_id": tax, "rate_id": rate, "sequence": place, "note": None},
            "is_return": quantity < 0,
            "reason": "Too small" if quantity < 0 else None,
            "status": "SAVED" if status in ("SAVED", "SERVICE") else "VOIDED" if status == "VOIDED" else "CONFIRMED",
        }
        lines.append(line_of(fields, RATE))
    total, taxes = sum(each["price_total"] for each in lines), sum(each["tax_total"] for each in lines)
    sequence = 2000 + number // len(OUTLETS)
    prefix = seed.store["registers"][register]["invoice_prefix"]
    sale = {
        "outlet_id": ids.uuid("outlets", outlet),
        "register_id": register,
        "user_id": ids.uuid("users", number % 3),
        "customer_id": ids.uuid("customers", number % 40) if number % 4 == 0 else None,
        "invoice_number": f"{prefix}{sequence}",
        "invoice_sequence": sequence,
        "receipt_number": f"{prefix}{sequence}",
        "status": status,
        "note": "" if number % 3 else None,
        "short_code": f"c{number:05x}",
        "return_for": return_for,
        "sale_date": at,
        "rate_id": rate,
        **{"total_price": total, "total_tax": taxes, "total_incl": total + taxes},
        "lines": tuple(lines),
        "payments": tuple(_payments(number, status, total + taxes, outlet, at)),
        **{"created_at": at, "updated_at": at},
    }
    return seed.put("sales", sale)


def _payments(number: int, status: str, total: Any, outlet: int, at: str) -> Iterator[dict[str, Any]]:
    """Yield payments: none of a sale that is parked, half of one on layby, two halves of some."""
    if status in ("SAVED", "VOIDED", "SERVICE", "ONACCOUNT"):
        return
    half = round(total / 2, 2)
    for place, paid in enumerate([half] if status == "LAYBY" else [half, total - half] if number % 5 == 0 else [total]):
        kind = (number + place) % (len(PAYMENT_TYPES) - 1)
        yield {
            "id": ids.uuid("sale_payments", number * 4 + place),
            "type_id": ids.uuid("payment_types", kind),
            "name": PAYMENT_TYPES[kind][0],
            "amount": paid,
            "date": at,
            "register_id": ids.uuid("registers", outlet),
            "outlet_id": ids.uuid("outlets", outlet),
        }
