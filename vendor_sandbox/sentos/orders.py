"""An order, as it is kept: made by a client of the API, or by a marketplace that Sentos is connected to."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from vendor_sandbox.sentos import stock
from vendor_sandbox.sentos.amounts import read_amount, read_whole
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.settings import Settings
from vendor_sandbox.sentos.store import Store

STATUSES: Mapping[int, str] = {
    1: "Onay Bekliyor",
    2: "Onaylandı",
    3: "Tedarik Sürecinde",
    4: "Hazırlanıyor",
    5: "Kargoya Verildi",
    6: "İptal / İade Edildi",
    99: "Teslim Edildi",
}
APPROVED, SHIPPED, CANCELLED, DELIVERED = 2, 5, 6, 99
_FORWARD = (1, 2, 3, 4, 5, 99)

FIELDS: Mapping[str, Any] = {
    "id": 0,
    "order_id": "",
    "order_code": "",
    "package_code": "",
    "status": 1,
    "source": "",
    "shop": "",
    "channel_id": None,
    "order_type": "normal",
    "order_date": None,
    "created_at": None,
    "updated_at": None,
    "ship_due_date": None,
    "currency": "TL",
    "total": 0,
    "shipping_total": 0,
    "carrying_charge": 0,
    "service_fee": 0,
    "payment_method": None,
    "payment_status": "paid",
    "cargo_provider": "",
    "cargo_number": "",
    "cargo_label": "",
    "tracking_info": {"cargo_company": "", "tracking_number": "", "tracking_link": ""},
    "has_invoice": "no",
    "invoice_type": "",
    "invoice_number": "",
    "invoice_url": "",
    "note": "",
    "customer": None,
    "invoice_address": None,
    "shipment_address": None,
    "lines": [],
    "stock_taken": False,
}
"""Every field of an order, with the value that it has when nobody gave one."""


def may_move(old: int, new: int, transitions: str) -> bool:
    """Return whether an order may go from one status to another. To stay is always allowed; 6 and 99 are final."""
    if old == new or transitions == "any":
        return True
    if old not in _FORWARD or old == DELIVERED:
        return False
    return new == CANCELLED or (new in _FORWARD and _FORWARD.index(new) > _FORWARD.index(old))


def new_order(store: Store, settings: Settings, fields: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return an order made at this time, and take its pieces out of their warehouses. It is not stored yet."""
    order_id = store.new_id("order")
    lines = [_new_line(each) for each in fields.get("lines", [])]
    order = {
        **FIELDS,
        "order_date": at,
        "created_at": at,
        "updated_at": at,
        "total": sum((each["amount"] for each in lines), _amount(fields.get("shipping_total", 0))),
        **fields,
        "id": order_id,
        "lines": _with_ids(store, lines, order_id, settings.line_ids),
    }
    if settings.lowers_stock and order["status"] != CANCELLED:
        stock.move(store, order["lines"], -1, settings.stock_lag)
        order["stock_taken"] = True
    return order


def with_status(store: Store, settings: Settings, order: Record, status: int) -> dict[str, Any]:
    """Return the order with this status. Cancelling puts its pieces back, once."""
    if status == CANCELLED and order["stock_taken"] and settings.returns_stock:
        stock.move(store, order["lines"], 1, settings.stock_lag)
        order = {**order, "stock_taken": False}
    return {**order, "status": status}


def with_tracking(order: Record, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the order with what `data` says of `cargo_company`, `tracking_number` and `tracking_url`."""
    held = order["tracking_info"]
    tracking = {
        "cargo_company": data.get("cargo_company", held["cargo_company"]),
        "tracking_number": data.get("tracking_number", held["tracking_number"]),
        "tracking_link": data.get("tracking_url", held["tracking_link"]),
    }
    number, company = tracking["tracking_number"], tracking["cargo_company"]
    return {**order, "tracking_info": tracking, "cargo_provider": company, "cargo_number": number}


def _new_line(sent: Mapping[str, Any]) -> dict[str, Any]:
    price, quantity = _amount(sent.get("price", 0)), read_whole(sent.get("quantity", 1)) or 0
    return {
        "id": 0,
        "orderlineid": "",
        "sku": sent.get("sku", ""),
        "barcode": sent.get("barcode", ""),
        "name": sent.get("name", ""),
        "color": sent.get("color", ""),
        "model": sent.get("model"),
        "status": "accepted",
        "quantity": quantity,
        "list_price": sent.get("list_price", price),
        "price": price,
        "discount": 0,
        "amount": price * quantity,
        "currency": "TL",
        "vat_rate": sent.get("vat_rate", 10),
        "images": [],
        "warehouse_id": sent.get("warehouse_id"),
        "product_id": sent.get("product_id"),
    }


def _with_ids(store: Store, lines: Sequence[dict[str, Any]], order_id: int, line_ids: str) -> list[dict[str, Any]]:
    """Number the lines. With `unsafe`, one order in three has 0 on every line, and one in three the same id."""
    ids = [store.new_id("line") for _ in lines]
    if line_ids == "unsafe" and order_id % 3:
        ids = [0 if order_id % 3 == 1 else ids[0]] * len(ids)
    return [{**line, "id": number, "orderlineid": str(number)} for line, number in zip(lines, ids, strict=True)]


def _amount(value: Any) -> Decimal:
    return read_amount(value) or Decimal(0)
