"""What a new order must be like."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from vendor_sandbox.sentos.amounts import read_amount, read_whole
from vendor_sandbox.sentos.calendar import read_day, read_stamp
from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.orders import STATUSES
from vendor_sandbox.values import is_number

PAYMENT_METHODS = ("KREDIKARTI/BANKAKARTI", "EFT/HAVALE", "NAKIT", "KAPIDAODEME/NAKIT", "KAPIDAODEME/KREDIKARTI")
CURRENCIES = ("TL", "USD", "EUR", "GBP")
ADDRESSES = ("invoice_address", "shipment_address")
_ADDRESS = ("name", "address", "city", "district")
_MOST_PIECES = 100_000
_PHONE = re.compile(r"\d{11,13}", re.ASCII)
_IDENTITY = re.compile(r"\d{11}", re.ASCII)

Complaint = tuple[str, str]


def complaints_about(call: ApiCall, body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with each field of a new order, `lines.0.price` for one of a line; empty when nothing is."""
    found: dict[str, list[str]] = defaultdict(list)
    for field, complaint in _complaints(call, body):
        found[field].append(complaint)
    return found


def _complaints(call: ApiCall, body: Mapping[str, Any]) -> Iterator[Complaint]:
    for name in call.settings.required:
        if body.get(name) in (None, "", [], {}):
            yield name, f"The {name} field is required."
    yield from _head(call, body)
    yield from _people(body)
    lines = body.get("lines") or []
    if not isinstance(lines, list):
        yield "lines", "The lines must be an array."
        return
    for place, line in enumerate(lines):
        if not isinstance(line, dict):
            yield f"lines.{place}", "The line must be an object."
            continue
        yield from ((f"lines.{place}.{name}", complaint) for name, complaint in _line(call, line))


def _head(call: ApiCall, body: Mapping[str, Any]) -> Iterator[Complaint]:
    order_id = body.get("order_id")
    for name in ("order_id", "order_code", "note"):
        if not isinstance(body.get(name) or "", str):
            yield name, f"The {name} must be a string."
    if call.settings.duplicate_order_id == "refuse" and order_id in _taken(call):
        yield "order_id", "The order_id has already been taken."
    if read_whole(body.get("status", 1)) not in STATUSES:
        yield "status", "The selected status is invalid."
    if body.get("payment_method") not in PAYMENT_METHODS:
        yield "payment_method", "The selected payment_method is invalid."
    if body.get("currency", "TL") not in CURRENCIES:
        yield "currency", "The selected currency is invalid."
    if body.get("channel_id") not in [each["id"] for each in call.store.lists["channels"]]:
        yield "channel_id", "The selected channel_id is invalid."
    date = body.get("order_date", "2026-01-05")
    if not isinstance(date, str) or (read_stamp(date) or read_day(date)) is None:
        yield "order_date", "The order_date does not match the format Y-m-d H:i:s."
    if not _at_least(body.get("shipping_total", 0), 0):
        yield "shipping_total", "The shipping_total must be a number of at least 0."


def _taken(call: ApiCall) -> list[str]:
    return [each["order_id"] for each in call.store.orders.values()]


def _people(body: Mapping[str, Any]) -> Iterator[Complaint]:
    for name in ("customer", *ADDRESSES):
        person = body.get(name)
        if not person:
            continue
        if not isinstance(person, dict):
            yield name, f"The {name} must be an object."
            continue
        for field in ("name",) if name == "customer" else _ADDRESS:
            if not isinstance(person.get(field), str) or not person[field].strip():
                yield f"{name}.{field}", f"The {name}.{field} field is required."
        if not _PHONE.fullmatch(str(person.get("phone", ""))):
            yield f"{name}.phone", f"The {name}.phone must be between 11 and 13 digits."
        identity = person.get("turkishIdentityNumber")
        if identity is not None and not _IDENTITY.fullmatch(str(identity)):
            yield f"{name}.turkishIdentityNumber", f"The {name}.turkishIdentityNumber must be 11 digits."


def _line(call: ApiCall, line: Mapping[str, Any]) -> Iterator[Complaint]:
    if not isinstance(line.get("sku"), str) or not line["sku"]:
        yield "sku", "The sku field is required."
    elif call.settings.unknown_skus == "refuse" and not call.store.with_sku(line["sku"]):
        yield "sku", "The selected sku is invalid."
    if not call.store.known_warehouse(line.get("warehouse_id")):
        yield "warehouse_id", "The selected warehouse_id is invalid."
    if line.get("product_id") is not None and read_whole(line["product_id"]) not in call.store.products:
        yield "product_id", "The selected product_id is invalid."
    if not _at_least(line.get("price"), 0) or (not line["price"] and not call.settings.free_lines):
        yield "price", "The price must be a number greater than 0."
    quantity = line.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 < quantity <= _MOST_PIECES:
        yield "quantity", f"The quantity must be a whole number between 1 and {_MOST_PIECES}."
    if not _at_least(line.get("vat_rate", 0), 0):
        yield "vat_rate", "The vat_rate must be a number of at least 0."


def _at_least(value: Any, least: int) -> bool:
    """Whether a value is a JSON number, not its text, and not too small."""
    amount = read_amount(value) if is_number(value) else None
    return amount is not None and amount >= least
