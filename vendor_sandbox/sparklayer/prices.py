"""Reading the body of a SparkLayer pricing update: the valid entries, and an error for each of the others.

Rules: https://docs.sparklayer.io/developers/api/pricing/update-pricing-by-price-list
"""

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from vendor_sandbox.sparklayer.settings import Settings
from vendor_sandbox.values import is_number

Row = dict[str, Any]
"""quantity, price and unit_of_measure; also tax_type and the SKU's display_tax_rate, if they were sent."""


_ROW_FIELDS = ("quantity", "price", "unit_of_measure", "tax_type")


@dataclasses.dataclass(frozen=True)
class Entry:
    """All prices of one SKU on one list. They replace those it has; an entry without rows removes the SKU."""

    slug: str
    sku: str
    rows: tuple[Row, ...]


class RowError(Exception):
    """One entry that cannot be stored."""

    def __init__(self, field: str, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.line = line


def read_entries(
    body: list[Any], settings: Settings, slug: str | None = None, sku: str | None = None
) -> tuple[list[Entry], list[RowError]]:
    """Return the entries of a body and its errors. What the path names (list or SKU) must not be a field of an entry."""
    entries: list[Entry] = []
    errors: list[RowError] = []
    seen: set[tuple[Any, ...]] = set()
    known = None if settings.known_skus is None else frozenset(settings.known_skus)
    for line, raw in enumerate(body, settings.line_base):
        try:
            entry = _read_entry(raw, settings, slug, sku)
            if known is not None and entry.sku not in known:
                raise RowError("sku", "is not a product of the store")
            keys = [(entry.slug, entry.sku, row["quantity"], row["unit_of_measure"]) for row in entry.rows]
            if settings.refuse_duplicates and (len(set(keys)) < len(keys) or not seen.isdisjoint(keys)):
                raise RowError("sku", "has the same quantity and unit_of_measure twice in this request")
            seen.update(keys)
            entries.append(entry)
        except RowError as error:
            error.line = line
            errors.append(error)
    return entries, errors


def _read_entry(raw: object, settings: Settings, slug: str | None, sku: str | None) -> Entry:
    if not isinstance(raw, dict):
        raise RowError("", "must be an object")
    named = [name for name, given in (("sku", sku), ("price_list_slug", slug)) if given is None]
    for name in raw:
        if name not in (*named, "pricing", "display_tax_rate"):
            raise RowError(name, "is not a field of an entry")
    for name in named:
        if not isinstance(raw.get(name), str) or not raw[name].strip():
            raise RowError(name, "is required and must be a string")
    if not isinstance(raw.get("pricing"), list):
        raise RowError("pricing", "is required and must be an array")
    extra: Row = {}
    if raw.get("display_tax_rate") is not None:
        if not is_number(raw["display_tax_rate"]):
            raise RowError("display_tax_rate", "must be a number")
        extra["display_tax_rate"] = raw["display_tax_rate"]
    rows = tuple({**read_row(row, settings), **extra} for row in raw["pricing"])
    return Entry(slug or raw["price_list_slug"], sku or raw["sku"], rows)


def read_row(raw: object, settings: Settings) -> Row:
    """Read one price. `quantity` is 1 when absent, and the price keeps the digits it was sent with. Raises RowError."""
    if not isinstance(raw, dict):
        raise RowError("pricing", "must be an array of objects")
    for name in raw:
        if name not in _ROW_FIELDS:
            raise RowError(name, "is not a field of a price")
    quantity = raw.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < settings.min_quantity:
        raise RowError("quantity", f"must be a whole number of at least {settings.min_quantity}")
    unit = raw.get("unit_of_measure")
    if unit is not None and not isinstance(unit, str):
        raise RowError("unit_of_measure", "must be a string or null")
    row: Row = {"quantity": quantity, "price": _read_price(raw, settings), "unit_of_measure": unit}
    if raw.get("tax_type") is not None:
        if raw["tax_type"] not in ("net", "gross"):
            raise RowError("tax_type", "must be net or gross")
        row["tax_type"] = raw["tax_type"]
    return row


def _read_price(raw: dict[str, Any], settings: Settings) -> int | Decimal:
    if raw.get("price") is None:
        raise RowError("price", "is required")
    price = raw["price"]
    if settings.string_prices and isinstance(price, str):
        try:
            price = Decimal(price)
        except ArithmeticError:
            price = None
    if not is_number(price) or not Decimal(price).is_finite():
        raise RowError("price", "must be a number")
    if price < 0 and not settings.negative_prices:
        raise RowError("price", "must be at least 0")
    found: int | Decimal = price
    return found


def merged(entries: list[Entry]) -> Iterator[tuple[str, str, list[Row]]]:
    """Yield list, SKU and new rows (by quantity) of each pair that the entries name; of equal rows the last one counts."""
    pairs: dict[tuple[str, str], dict[tuple[int, str | None], Row]] = {}
    for entry in entries:
        rows = pairs.setdefault((entry.slug, entry.sku), {})
        for row in entry.rows:
            rows[row["quantity"], row["unit_of_measure"]] = row
    for (slug, sku), rows in pairs.items():
        yield slug, sku, in_order(list(rows.values()))


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["quantity"], row["unit_of_measure"] or ""))
