"""How the API shows products and orders: with numbers spelt one way or another."""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.sentos.amounts import Spelling
from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.stock import warehouse_of

_HIDDEN = ("channel_id", "currency", "stock_taken")
_HIDDEN_OF_LINES = ("warehouse_id", "product_id")
_ORDER_AMOUNTS = ("total", "shipping_total", "carrying_charge", "service_fee")
_LINE_AMOUNTS = ("list_price", "price", "discount", "amount")


def shown_product(call: ApiCall, product: Record) -> dict[str, Any]:
    """Return a product as it is read. Where it has no `images`, its first variant has them."""
    spelling, record = call.spelling, f"product {product['id']}"
    found = {
        **product,
        "id": spelling.whole(product["id"], record, "id"),
        "category_id": spelling.whole(product.get("category_id"), record, "category_id"),
        "vat_rate": spelling.whole(product.get("vat_rate"), record, "vat_rate"),
        "stocks": _stocks(call, product["stocks"], record),
        "prices": _prices(call, product["prices"], record),
        "variants": [_variant(call, each) for each in product["variants"]],
    }
    for name in ("purchase_price", "sale_price"):
        found[name] = spelling.amount(product.get(name), record, name)
    return found


def _variant(call: ApiCall, variant: Record) -> dict[str, Any]:
    record = f"variant {variant.get('id')}"
    found = {**variant, "stocks": _stocks(call, variant["stocks"], record)}
    if "id" in found:
        found["id"] = call.spelling.whole(found["id"], record, "id")
    prices = found.pop("prices", {})
    if call.settings.variant_prices:
        found["prices"] = _prices(call, prices, record)
    return found


def _stocks(call: ApiCall, stocks: Sequence[Record], record: str) -> list[dict[str, Any]]:
    names = {each["id"]: each["name"] for each in call.store.lists["warehouses"]}
    found = []
    for entry in stocks:
        warehouse = warehouse_of(entry)
        shown = entry.get("warehouse")
        if shown == warehouse and warehouse in names and call.spelling.choice(5, record, f"warehouse {warehouse}") == 1:
            shown = {"id": warehouse, "name": names[warehouse]}
        stock = call.spelling.whole(entry.get("stock"), record, f"stock in {warehouse}")
        found.append({**entry, "warehouse": shown, "stock": stock})
    return found


def _prices(call: ApiCall, prices: Any, record: str) -> Any:
    if not isinstance(prices, Mapping):
        return prices
    keys = price_keys(call)
    return {
        keys.get(key, key): {name: call.spelling.amount(value, record, f"{key} {name}") for name, value in pair.items()}
        if isinstance(pair, Mapping)
        else pair
        for key, pair in prices.items()
    }


def price_keys(call: ApiCall) -> dict[str, str]:
    """Return the key of `prices` that each platform has in the API, by the platform's name."""
    if call.settings.price_keys == "platform":
        return {}
    return {platform: str(shops[0]["id"]) for platform, shops in call.store.lists["platforms"].items() if shops}


def shown_order(call: ApiCall, order: Record) -> dict[str, Any]:
    """Return an order as it is read."""
    spelling, record = call.spelling, f"order {order['id']}"
    hidden = _HIDDEN if call.settings.shows_updated_at else (*_HIDDEN, "updated_at")
    found = {name: value for name, value in order.items() if name not in hidden}
    for name in ("id", "status"):
        found[name] = spelling.whole(order[name], record, name)
    for name in _ORDER_AMOUNTS:
        found[name] = spelling.amount(order.get(name), record, name)
    found["lines"] = [_line(spelling, each, f"{record} line {place}") for place, each in enumerate(order["lines"])]
    return found


def shown_result(call: ApiCall, order: Record) -> dict[str, Any]:
    """Return what the answer to a write says of an order."""
    return {name: value for name, value in shown_order(call, order).items() if name in ("id", "order_code", "status")}


def _line(spelling: Spelling, line: Record, record: str) -> dict[str, Any]:
    found = {name: value for name, value in line.items() if name not in _HIDDEN_OF_LINES}
    for name in _LINE_AMOUNTS:
        found[name] = spelling.amount(line.get(name), record, name)
    for name in ("quantity", "vat_rate"):
        found[name] = spelling.whole(line.get(name), record, name)
    return found
