"""Lines of consignments: set one by one, or many at once, where counts of a supplier order add up.

A line has no id, and a product may be on several. What a call says of a product, its first line gets.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.consignment_writes import changeable
from vendor_sandbox.lightspeed.lists import line_shown
from vendor_sandbox.lightspeed.store import Row, stamp
from vendor_sandbox.lightspeed.writing import body_of, object_of, referenced
from vendor_sandbox.values import is_number
from vendor_sandbox.wire import Refused, Reply

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,5})?")
_COUNTING = ("STOCKTAKE_IN_PROGRESS", "STOCKTAKE_IN_PROGRESS_PROCESSED")
_SET: Mapping[tuple[str, str], Sequence[str]] = {
    ("SUPPLIER", "OPEN"): ("count", "cost"),
    ("SUPPLIER", "SENT"): ("count", "cost", "received"),
    ("SUPPLIER", "DISPATCHED"): ("received", "cost"),
    ("OUTLET", "OPEN"): ("count", "cost"),
    ("OUTLET", "SENT"): ("count", "received"),
    ("RETURN", "OPEN"): ("count",),
    ("RETURN", "SENT"): ("count",),
    **{("STOCKTAKE", status): ("received",) for status in _COUNTING},
}
"""What of a line can be set, by type and status. The rest of a body changes nothing, and no error says so."""
_KEPT: Mapping[str, Sequence[str]] = {"SUPPLIER": ("DISPATCHED",), "OUTLET": ("SENT",), "RETURN": ("SENT",)}
"""The states in which no line can be deleted."""
_OPEN, _SENT = ("SUPPLIER", "OPEN"), ("SUPPLIER", "SENT")


def add(call: ApiCall, consignment_id: str) -> Reply:
    """Add a line, a second one for a product that has one."""
    row, body = changeable(call, consignment_id), _wrapped(call)
    values, product = _values(call, body), _product(call, body)
    if call.settings.line_again == "refuse" and _place(call, consignment_id, product["id"]) is not None:
        raise Refused(422, "The product is on the consignment already")
    line = _put(call, consignment_id, None, _made(row, product, values))
    if "received" in values and _kind(row) == _SENT:
        _dispatch(call, row)
    return Reply.json(200, {"data": line_shown(line)})


def update(call: ApiCall, consignment_id: str, product_id: str) -> Reply:
    """Set what the state of the consignment lets one set of a line."""
    row, values = changeable(call, consignment_id), _values(call, _wrapped(call))
    place = _place(call, consignment_id, product_id)
    if place is None:
        raise Refused(404, f"The product {product_id} is not on the consignment")
    wanted = {name: values[name] for name in _SET.get(_kind(row), ()) if name in values}
    line = _put(call, consignment_id, place, {**call.store.lines[consignment_id][place], **wanted})
    if "received" in wanted and _kind(row) == _SENT:
        _dispatch(call, row)
    return Reply.json(200, {"data": {"data": [line_shown(line)]}})


def delete(call: ApiCall, consignment_id: str, product_id: str) -> Reply:
    """Delete every line of a product."""
    row = changeable(call, consignment_id)
    if row["status"] in _KEPT.get(row["type"], ()):
        raise Refused(422, f"No product can be taken from a consignment that is {row['status']}")
    lines = call.store.lines.get(consignment_id, ())
    left = tuple(line for line in lines if line["product_id"] != product_id)
    if len(left) == len(lines):
        raise Refused(404, f"The product {product_id} is not on the consignment")
    call.store.lines[consignment_id] = left
    if call.settings.lines_touch:
        call.store.touch("consignments", consignment_id)
    return Reply(204)


def bulk(call: ApiCall, consignment_id: str) -> Reply:
    """Add and change many lines. Of a supplier order, what is sent adds to what is there: a second call doubles it.

    More lines than the vendor recommends take too long: they are written, and the answer is an error.
    """
    row, body = changeable(call, consignment_id), call.request.json_body()
    if not isinstance(body, list) or not body:
        raise Refused(400, "The body must be an array of products")
    wanted = [(_product(call, object_of(each)), _values(call, object_of(each))) for each in body]
    if not all({"count", "received"} & values.keys() for _, values in wanted):
        raise Refused(422, "Every product needs a count or what was received")
    answered = {}
    for product, values in wanted:
        place = _place(call, consignment_id, product["id"])
        known = None if place is None else call.store.lines[consignment_id][place]
        line = _made(row, product, values) if known is None else _summed(row, known, values)
        shown = line_shown(_put(call, consignment_id, place, line))
        answered[product["id"]] = {name: shown[name] for name in ("count", "received") if name in values}
    if _kind(row) in (_OPEN, _SENT) and any("received" in values for _, values in wanted):
        _dispatch(call, row)
    if len(body) > call.settings.bulk_most:
        raise Refused(504, "The server took too long")
    return Reply.json(200, {"data": answered})


def _kind(row: Row) -> tuple[str, str]:
    return row["type"], row["status"]


def _wrapped(call: ApiCall) -> dict[str, Any]:
    body = body_of(call)
    if "data" in body:
        return object_of(body["data"])
    if call.settings.line_wrapper == "required":
        raise Refused(422, "data is required")
    return body


def _product(call: ApiCall, body: Mapping[str, Any]) -> Row:
    product_id = referenced(call, "products", body.get("product_id"), "product_id")
    if product_id is None:
        raise Refused(422, "product_id is required")
    return call.store["products"][product_id]


def _values(call: ApiCall, body: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the numbers of a line, which are text."""
    found = {}
    for name in ("count", "received", "cost"):
        value = body.get(name)
        if value is None:
            continue
        loose = call.settings.line_numbers == "any" and is_number(value) and value >= 0
        if not loose and not (isinstance(value, str) and _NUMBER.fullmatch(value)):
            raise Refused(422, f"{name} must be a number, as a string")
        found[name] = Decimal(value)
    return found


def _place(call: ApiCall, consignment_id: str, product_id: str) -> int | None:
    lines = call.store.lines.get(consignment_id, ())
    return next((place for place, line in enumerate(lines) if line["product_id"] == product_id), None)


def _made(row: Row, product: Row, values: Mapping[str, Decimal]) -> dict[str, Any]:
    """Return a new line. What a supplier's order does not say of the cost is what the product costs."""
    cost = product["supply_price"] or Decimal(0) if row["type"] in ("SUPPLIER", "RETURN") else None
    return {
        "product_id": product["id"],
        "product_sku": product["sku"],
        "count": values.get("count", Decimal(0)),
        "received": values.get("received", Decimal(0)),
        "cost": values.get("cost", cost),
        "is_included": True,
        "status": "PENDING",
        "created_at": stamp(),
        "deleted_at": None,
    }


def _summed(row: Row, line: Row, values: Mapping[str, Decimal]) -> dict[str, Any]:
    if row["type"] != "SUPPLIER":
        known = _SET.get(_kind(row), ())
        return {**line, **{name: value for name, value in values.items() if name in known}}
    summed = ("received",) if row["status"] == "DISPATCHED" else ("count", "received")
    added = {name: (line[name] or 0) + values[name] for name in summed if name in values}
    return {**line, **added, **({"cost": values["cost"]} if "cost" in values else {})}


def _put(call: ApiCall, consignment_id: str, place: int | None, line: Mapping[str, Any]) -> Row:
    return call.store.put_line(consignment_id, place, {**line, "updated_at": stamp()}, touch=call.settings.lines_touch)


def _dispatch(call: ApiCall, row: Row) -> None:
    """Mark an order as on its way, because somebody says that something of it has arrived."""
    call.store.put("consignments", {**call.store["consignments"][row["id"]], "status": "DISPATCHED", "updated_at": stamp()})
