"""Every business rule of the pipeline: Catsy items → trade prices → what each SparkLayer price list should hold.

Pure functions. rows read = desired (conflicts among them) + rejected + blank, per price list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from sync_pipelines import currency
from sync_pipelines.delivery.model import Desired
from sync_pipelines.pipelines.spreadsheets import overwritten
from sync_pipelines.settings import PriceList

State = Literal["desired", "conflict", "rejected", "blank"]

TRADE_PRICES = pa.schema(
    [
        ("price_list", pa.string()),
        ("sku", pa.string()),
        ("currency", pa.string()),
        ("prices", pa.list_(pa.struct([("quantity", pa.int64()), ("price", pa.decimal128(18, 3))]))),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("trimmed", pa.bool_()),
        ("source_id", pa.string()),
    ]
)
"""catsy/trade_prices: one row per source item and price list. `prices`: unit price from each quantity on, in `currency`."""

COLUMN_NOTES = {
    "price_list": "slug of the SparkLayer price list",
    "sku": "product code as Catsy has it, without surrounding spaces",
    "currency": "ISO 4217 code of every price in the row",
    "prices": "unit price from each quantity on; exact decimals, tax basis as agreed for the list",
    "state": "desired, conflict (held, not sent), rejected (not understood) or blank (says nothing: never a removal)",
    "reason": "why the row is not desired",
    "trimmed": "whether spaces around the SKU were dropped",
    "source_id": "id of the item in Catsy",
}


class PriceRejected(ValueError):
    """A price cell that is not understood for certain. The message says why."""


@dataclass(frozen=True)
class SourceItem:
    """One Catsy item as text: its id, its product code, and the price attributes by name. None is no value."""

    id: str | None
    sku: str | None
    prices: Mapping[str, str | None]


@dataclass(frozen=True)
class TradePrice:
    """One row of catsy/trade_prices."""

    price_list: str
    sku: str
    currency: str
    prices: tuple[tuple[int, Decimal], ...]
    state: State
    reason: str
    trimmed: bool
    source_id: str | None


def trade_price(text: str, digits: int) -> Decimal:
    """Parse one price cell: digits with at most one dot or comma as the decimal mark; surrounding space is dropped.

    `digits`: the decimals the currency has. Raises PriceRejected for anything else: thousands marks, currency signs,
    NaN, infinity, negatives, exponents, more decimals than the currency has (zeros at the end do not count).
    """
    cell = text.strip()
    if not re.fullmatch(r"[0-9]+([.,][0-9]+)?", cell):
        raise PriceRejected(f"{_why(cell)}: {cell!r}")
    whole, _, fraction = cell.replace(",", ".").partition(".")
    if len(fraction.rstrip("0")) > digits:
        raise PriceRejected(f"more decimals than the currency has ({digits}): {cell!r}")
    if "," in cell and len(fraction) == 3 and digits == 3:
        raise PriceRejected(f"cannot tell a thousands mark from a decimal mark: {cell!r}")
    if len(whole.lstrip("0")) > 12:
        raise PriceRejected(f"too large for a price: {cell!r}")
    return Decimal(f"{whole}.{fraction[:digits] or '0'}").quantize(Decimal(1).scaleb(-digits))


def _why(cell: str) -> str:
    if re.match(r"[-−]|\(", cell):
        return "negative"
    if re.fullmatch(r"(?i)[+]?(nan|inf|infinity)", cell):
        return "not a number"
    if re.fullmatch(r"[0-9]{1,3}([.,'\s  ][0-9]{3})+([.,][0-9]+)?", cell):
        return "thousands mark"
    if re.search(r"[$€£¥₺]|\b[A-Z]{3}\b", cell):
        return "currency sign"
    return "not a plain number"


def trade_prices(
    items: Iterable[SourceItem], lists: Sequence[PriceList], conflicts: Mapping[str, str], *, of_a_file: bool = False
) -> Iterator[TradePrice]:
    """Map items to rows, one per item and list, in source order. `conflicts`: from `sku_conflicts`, over all items.
    `of_a_file`: they are from a file that a spreadsheet program may have saved."""
    for item in items:
        lost = overwritten(item.sku or "") if of_a_file else None
        for price_list in lists:
            yield _row(item, price_list, conflicts, lost)


def _row(item: SourceItem, price_list: PriceList, conflicts: Mapping[str, str], lost: str | None) -> TradePrice:
    sku = (item.sku or "").strip()
    prices: list[tuple[int, Decimal]] = []
    state: State = "desired"
    reason = ""
    for step in price_list.breaks:
        cell = item.prices.get(step.attribute)
        if cell is None or not cell.strip():
            continue
        try:
            prices.append((step.quantity, trade_price(cell, currency.decimals(price_list.currency))))
        except PriceRejected as e:
            state, reason = "rejected", f"{step.attribute}: {e}"
            break
    if not sku:
        state, reason = "rejected", "no SKU"
    elif lost:
        state, reason = "rejected", f"SKU {lost}"
    elif state == "desired" and not prices:
        state, reason = "blank", "no price"
    elif state == "desired" and sku in conflicts:
        state, reason = "conflict", conflicts[sku]
    kept = tuple(prices) if state in ("desired", "conflict") else ()
    return TradePrice(price_list.slug, sku, price_list.currency, kept, state, reason, sku != (item.sku or ""), item.id)


def sku_conflicts(skus: Iterable[str | None]) -> dict[str, str]:
    """SKUs that no row may be sent for: the same under two ids, or told apart by case only. SKU → reason."""
    spellings: dict[str, list[str]] = {}
    for raw in skus:
        sku = (raw or "").strip()
        if sku:
            spellings.setdefault(sku.casefold(), []).append(sku)
    found: dict[str, str] = {}
    for same in spellings.values():
        if len(same) > 1:
            others = sorted(set(same))
            reason = (
                f"{len(same)} products in Catsy have this SKU" if len(others) == 1
                else f"SKUs that differ by case only: {', '.join(others)}"
            )  # fmt: skip
            found.update(dict.fromkeys(others, reason))
    return found


def key(price_list: str, sku: str) -> str:
    """The business key of a price: list and SKU. A slug has no slash, so the first one parts them."""
    return f"{price_list}/{sku}"


def price_field(quantity: int) -> str:
    """The name of the field that holds the price from this quantity on."""
    return f"price@{quantity}"


def desired_prices(rows: Iterable[Mapping[str, Any]]) -> Iterator[Desired]:
    """What the price lists should hold, from rows of catsy/trade_prices.

    A row with nothing to say keeps its key from being taken for gone.
    """
    for row in rows:
        if not row["sku"]:
            continue
        unit = Decimal(1).scaleb(-currency.decimals(row["currency"]))  # the table has room for three decimals
        yield Desired(
            key=key(row["price_list"], row["sku"]),
            parent=row["price_list"],
            fields={price_field(p["quantity"]): p["price"].quantize(unit) for p in row["prices"]},
            conflict=row["reason"] if row["state"] == "conflict" else None,
            silent=row["state"] in ("rejected", "blank"),
        )


def as_columns(rows: Iterable[TradePrice]) -> pa.Table:
    """Rows as the table of catsy/trade_prices."""
    columns: list[list[Any]] = [[] for _ in TRADE_PRICES]
    for row in rows:
        prices = [{"quantity": q, "price": p} for q, p in row.prices]
        values = (row.price_list, row.sku, row.currency, prices, row.state, row.reason, row.trimmed, row.source_id)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, TRADE_PRICES, strict=True)], schema=TRADE_PRICES)
