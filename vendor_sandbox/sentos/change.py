"""The changes a test may make behind the API's back: what people do in Sentos' panel, and what marketplaces send."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vendor_sandbox.sentos.calls import now
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.orders import APPROVED, FIELDS, new_order, with_status, with_tracking
from vendor_sandbox.sentos.people import address, customer
from vendor_sandbox.sentos.settings import Settings
from vendor_sandbox.sentos.state import LISTS, put_product, read_list, read_order
from vendor_sandbox.sentos.stock import set_stock
from vendor_sandbox.sentos.store import Store
from vendor_sandbox.values import BadChange, array, checked, known_members, mapping, whole

MEMBERS = (*LISTS, "add", "set", "delete", "stock", "sell", "orders", "delete_orders")

Answer = dict[str, Any]


def change_store(body: dict[str, Any], store: Store, settings: Settings) -> Answer:
    """Apply the members to the store, in the order of MEMBERS. Raises BadChange, and leaves the store half changed then.

    Reads see the changes at once, as they see those that people make in the panel.
    Returns the ids of products that were added and of orders that were sold.
    """
    answer: Answer = {}
    settings = replace(settings, stock_lag=0.0)
    for member in MEMBERS:
        if member in LISTS and member in body:
            store.put_list(member, read_list(member, body[member]))
        elif member in body:
            answer |= _CHANGES[member](body[member], store, settings)
    return answer


def _add(body: Any, store: Store, _settings: Settings) -> Answer:
    """Add products, each an object as in the state; every field may be left out."""
    return {"added": [put_product(store, fields, "add")["id"] for fields in array(body, "add")]}


def _set(body: Any, store: Store, _settings: Settings) -> Answer:
    """Change products, by id: fields to replace, or null to delete."""
    for key, fields in checked(mapping, body, "set").items():
        product = _product(store, key, "set")
        if fields is None:
            store.remove_product(product["id"])
        else:
            put_product(store, fields, f"set.{key}", product)
    return {}


def _delete(body: Any, store: Store, _settings: Settings) -> Answer:
    for key in array(body, "delete"):
        store.remove_product(_product(store, key, "delete")["id"])
    return {}


def _stock(body: Any, store: Store, _settings: Settings) -> Answer:
    """Set stock, by SKU and warehouse: `{"TSH-01-M": {"1": 4}}`. Of two products with the SKU, both change."""
    for sku, counts in checked(mapping, body, "stock").items():
        where = f"stock.{sku}"
        products = store.with_sku(sku)
        if not products:
            raise BadChange(f"{where}: no product has this SKU")
        wanted = {}
        for warehouse, count in checked(mapping, counts, where).items():
            if not (warehouse.isdecimal() and store.known_warehouse(int(warehouse))):
                raise BadChange(f"{where}: there is no warehouse {warehouse}")
            wanted[int(warehouse)] = checked(whole(), count, f"{where}.{warehouse}")
        for product in products:
            store.put_product(set_stock(product, sku, wanted))
    return {}


def _sell(body: Any, store: Store, settings: Settings) -> Answer:
    """Add orders that marketplaces send, which take stock: `[{"lines": [{"sku", "quantity"}], ...}]`."""
    return {"sold": [sell(store, settings, fields)["id"] for fields in array(body, "sell")]}


def sell(store: Store, settings: Settings, fields: Any) -> Record:
    """Add an order of a marketplace. What `fields` does not say is made up; a line's warehouse is the first one.

    Raises BadChange.
    """
    wanted = read_order(fields, "sell")
    warehouses = [each["id"] for each in store.lists["warehouses"]]
    lines = []
    for line in wanted.get("lines", []):
        known_members(line, ("sku", "quantity", "price", "name", "warehouse_id", "product_id"), "sell: lines")
        products = store.with_sku(line.get("sku"))
        if not products:
            raise BadChange(f"sell: lines: no product has the SKU {line.get('sku')!r}")
        checked(whole(1), line.get("quantity", 1), "sell: lines: quantity")
        first = {"warehouse_id": warehouses[0] if warehouses else None, "name": products[0]["name"]}
        lines.append({**first, "price": products[0]["sale_price"], **line})
    number = store.last_ids["order"] + 1
    made_up = {
        "order_id": str(8_200_000_000 + number),
        "order_code": f"TR{number}",
        "status": APPROVED,
        "source": "TRENDYOL",
        "payment_method": "KREDIKARTI/BANKAKARTI",
        "customer": customer(number),
        "invoice_address": address(number),
        "shipment_address": address(number),
    }
    given = {name: value for name, value in wanted.items() if name != "id"}
    at = wanted.get("created_at") or now(settings)
    order = new_order(store, replace(settings, stock_lag=0.0), {**made_up, **given, "lines": lines}, at)
    store.put_order(order)
    return order


def _orders(body: Any, store: Store, settings: Settings) -> Answer:
    """Change orders, by Sentos' id or by `order_id`: any of their fields, and `data` as in `PUT /orders/{id}`.

    Status 6 puts the pieces back; any status may follow any other.
    """
    for name, fields in checked(mapping, body, "orders").items():
        where = f"orders.{name}"
        wanted = dict(known_members(fields, (*FIELDS, "data"), where))
        data = checked(mapping, wanted.pop("data", {}), f"{where}: data")
        for order in _named(store, name, where):
            changed: Record = order
            if "status" in wanted:
                status = read_order({"status": wanted["status"]}, where)["status"]
                changed = with_status(store, settings, changed, status)
            changed = {**with_tracking(changed, data), "updated_at": now(settings), **read_order(wanted, where)}
            if changed["id"] != order["id"]:
                raise BadChange(f"{where}: the id of an order cannot be changed")
            store.put_order(changed, settings.panel_lag)
    return {}


def _delete_orders(body: Any, store: Store, _settings: Settings) -> Answer:
    for name in array(body, "delete_orders"):
        for order in _named(store, str(name), "delete_orders"):
            store.remove_order(order["id"])
    return {}


def _named(store: Store, name: str, where: str) -> list[Record]:
    found = store.orders_named(name)
    if not found:
        raise BadChange(f"{where}: there is no order {name!r}")
    return found


def _product(store: Store, key: Any, where: str) -> Record:
    number = str(key)
    product = store.products.get(int(number)) if number.isascii() and number.isdecimal() else None
    if product is None:
        raise BadChange(f"{where}: there is no product with id {number}")
    return product


_CHANGES: dict[str, Callable[[Any, Store, Settings], Answer]] = {
    "add": _add,
    "set": _set,
    "delete": _delete,
    "stock": _stock,
    "sell": _sell,
    "orders": _orders,
    "delete_orders": _delete_orders,
}
