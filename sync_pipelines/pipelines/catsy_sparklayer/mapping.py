"""Every business rule of the pipeline: Catsy items → trade prices → what each SparkLayer price list should hold.

Pure functions. rows read = desired (conflicts among them) + rejected + blank, per price list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from sync_pipelines import currency
from sync_pipelines.delivery.model import Desired
from sync_pipelines.exact_json import loads
from sync_pipelines.number_text import DecimalMark, MarkUnclear, NumberUnclear, read_number
from sync_pipelines.pipelines.catsy_sparklayer.settings import PriceList
from sync_pipelines.pipelines.spreadsheets import overwritten

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

_TOO_LARGE = Decimal(10) ** 12

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
    """One Catsy item: its id, its product code, and the price attributes by name.

    A price is text, a number where Catsy gave a JSON number that reads differently as text, or None for no value.
    flaw: what in the item cannot be used (`exact_json.flaw`).
    """

    id: str | None
    sku: str | None
    prices: Mapping[str, str | int | Decimal | None]
    flaw: str | None = None


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


def trade_price(cell: str | int | Decimal, digits: int, mark: DecimalMark = "auto") -> Decimal:
    """Read one price of a currency with so many decimals (`digits`). `mark`: the decimal mark of prices given as text.

    Raises PriceRejected for what `read_number` refuses, for negatives, and for more decimals than the currency has (zeros
    at the end do not count).
    """
    if not isinstance(cell, str):
        cell, mark = format(Decimal(cell), "f"), "."
    if re.match(r"[-−(]", cell.strip()):
        raise PriceRejected(f"negative: {cell.strip()!r}")
    try:
        price = read_number(cell, mark)
    except MarkUnclear as e:
        raise PriceRejected(f"{e}; [catsy] decimal_mark can name it") from e
    except NumberUnclear as e:
        raise PriceRejected(str(e)) from e
    if price >= _TOO_LARGE:
        raise PriceRejected(f"too large for a price: {cell!r}")
    rounded = price.quantize(Decimal(1).scaleb(-digits))
    if rounded != price:
        raise PriceRejected(f"more decimals than the currency has ({digits}): {cell!r}")
    return rounded


def price_in(cell: str | int | Decimal, currency_code: str, mark: DecimalMark = "auto") -> Decimal | None:
    """The price that a cell holds in a list of this currency; None for a blank cell, which says nothing.

    How the API gives Catsy's data type Price is not documented. Understood are a number, a text, `{"value", "currency"}`
    and "12.50 AUD", where the currency is the list's. Raises PriceRejected for all else.
    """
    amount, stated = cell, currency_code
    if isinstance(cell, str):
        text = cell.strip()
        if text.startswith("{"):
            amount, stated = _value_and_currency(text)
        elif behind := re.fullmatch(r"(.*[0-9])\s+([A-Z]{3})", text, re.DOTALL):
            amount, stated = behind[1], behind[2]
    if stated != currency_code:
        raise PriceRejected(f"in {stated!r}, but the price list is in {currency_code}: {cell!r}")
    if isinstance(amount, str) and not amount.strip():
        return None
    return trade_price(amount, currency.decimals(currency_code), mark)


def _value_and_currency(text: str) -> tuple[str | int | Decimal, str]:
    try:
        found = loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or set(found) != {"value", "currency"}:
        raise PriceRejected(f'not a price ("value", "currency"): {text[:80]!r}')
    value = "" if found["value"] is None else found["value"]
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise PriceRejected(f"its value is neither a number nor a text: {text[:80]!r}")
    return value, str(found["currency"])


def reads_differently_as_text(cell: str, mark: DecimalMark) -> bool:
    """Whether the text of a JSON number might be read as another number, or refused, if it were text to begin with."""
    behind = cell.partition(".")[2]
    return bool(behind) and (mark == "," or len(behind) == 3)


def trade_prices(
    items: Iterable[SourceItem],
    lists: Sequence[PriceList],
    conflicts: Mapping[str, str],
    mark: DecimalMark = "auto",
    *,
    of_a_file: bool = False,
) -> Iterator[TradePrice]:
    """Map items to rows, one per item and list, in source order. `conflicts`: from `sku_conflicts`, over all items.
    `of_a_file`: they are from a file that a spreadsheet program may have saved."""
    for item in items:
        lost = overwritten(item.sku or "") if of_a_file else None
        for price_list in lists:
            yield _row(item, price_list, conflicts, mark, lost)


def _row(
    item: SourceItem, price_list: PriceList, conflicts: Mapping[str, str], mark: DecimalMark, lost: str | None
) -> TradePrice:
    sku = (item.sku or "").strip()
    prices: list[tuple[int, Decimal]] = []
    state: State = "desired"
    reason = ""
    for step in price_list.breaks:
        cell = item.prices.get(step.attribute)
        try:
            price = None if cell is None else price_in(cell, price_list.currency, mark)
        except PriceRejected as e:
            state, reason = "rejected", f"{step.attribute}: {e}"
            break
        if price is not None:
            prices.append((step.quantity, price))
    if item.flaw:
        state, reason = "rejected", item.flaw
    elif not sku:
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
                f"{len(same)} products in Catsy have this SKU"
                if len(others) == 1
                else f"SKUs that differ by case only: {', '.join(others)}"
            )
            found.update(dict.fromkeys(others, reason))
    return found


def versions(ids: Iterable[str | None], skus: Iterable[str | None]) -> dict[str, str]:
    """SKUs of which Catsy gave one and the same item with different content; repeats are dropped before. SKU → reason."""
    seen = Counter((item_id, (sku or "").strip()) for item_id, sku in zip(ids, skus, strict=True) if item_id)
    return {
        sku: f"Catsy gave item {item_id} {n} times, with different content" for (item_id, sku), n in seen.items() if n > 1 and sku
    }


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
