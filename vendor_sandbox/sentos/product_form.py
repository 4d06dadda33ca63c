"""Prices and stocks that a client sends, and what is wrong with them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from vendor_sandbox.sentos.amounts import read_amount, read_whole
from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.shown import price_keys
from vendor_sandbox.sentos.stock import Stocks, count_in, warehouse_of, with_count

AMOUNTS = ("purchase_price", "sale_price")


class Unusable(Exception):
    """A value that Sentos does not store. The answer is still 200: `member` of its `errors` says why."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member
        self.message = message


def sent_amount(call: ApiCall, value: Any, field: str) -> Decimal:
    """Read a price. Raises Unusable."""
    amount = read_amount(value, as_text=call.settings.text_prices)
    if amount is None or amount < 0:
        raise Unusable("price", f"{field}: geçersiz fiyat")
    return amount


def sent_prices(call: ApiCall, held: Mapping[str, Any], sent: Any) -> dict[str, Any]:
    """Return the prices by platform, with those that were sent. Raises Unusable."""
    if not isinstance(sent, dict):
        raise Unusable("price", "prices: geçersiz fiyat")
    platforms = {shown: platform for platform, shown in price_keys(call).items()} or {
        platform: platform for platform in call.store.lists["platforms"]
    }
    prices = dict(held)
    for key, pair in sent.items():
        if key not in platforms or not isinstance(pair, dict):
            raise Unusable("price", f"{key}: platform bulunamadı")
        before = prices.get(platforms[key])
        known = dict(before) if isinstance(before, Mapping) else {}
        for name in ("list_price", "sale_price"):
            if name in pair:
                known[name] = sent_amount(call, pair[name], f"{key}.{name}")
        listed, sale = (read_amount(known.get(name)) for name in ("list_price", "sale_price"))
        if listed is not None and sale is not None and listed < sale:
            raise Unusable("price", f"{key}: liste fiyatı satış fiyatından küçük olamaz")
        prices[platforms[key]] = known
    return prices


def sent_stocks(call: ApiCall, held: Stocks, sent: Any) -> list[Record]:
    """Return the stocks with those that were sent, `[{"warehouse": 1, "stock": 4}]`. Raises Unusable."""
    if not isinstance(sent, list):
        raise Unusable("stocks", "stocks: geçersiz stok")
    stocks = list(held)
    if call.settings.unlisted_stock == "zero":
        stocks = []
    for entry in sent:
        warehouse = warehouse_of(entry) if isinstance(entry, dict) else None
        count = read_whole(entry.get("stock")) if isinstance(entry, dict) else None
        if warehouse is None or count is None or not call.store.known_warehouse(warehouse):
            raise Unusable("stocks", "stocks: geçersiz depo veya stok")
        before = count_in(held, warehouse) if call.settings.stock_writes == "add" else 0
        stocks = with_count(stocks, warehouse, before + count)
    return stocks
