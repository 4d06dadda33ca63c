"""Making, reading and changing one order."""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.sentos.amounts import read_whole
from vendor_sandbox.sentos.calendar import read_stamp
from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.order_form import ADDRESSES, complaints_about
from vendor_sandbox.sentos.orders import STATUSES, may_move, new_order, with_status, with_tracking
from vendor_sandbox.sentos.problems import INVALID, Problem, invalid, not_found
from vendor_sandbox.sentos.shown import shown_order, shown_result
from vendor_sandbox.wire import Reply

_TAKEN_OVER = (
    *("order_id", "order_code", "status", "channel_id", "order_date", "currency", "payment_method", "shipping_total", "note"),
    *("customer", *ADDRESSES, "lines"),
)
_REPLACED = ("note", "customer", *ADDRESSES)


def get_order(call: ApiCall, number: str) -> Reply:
    return Reply.json(200, shown_order(call, _order(call, number)))


def create_order(call: ApiCall) -> Reply:
    """Make an order. Nothing keeps a client from making it twice, unless the setting `duplicate_order_id` does."""
    body = call.body()
    complaints = complaints_about(call, body)
    if complaints:
        raise Problem(422, INVALID, complaints)
    if call.request.faulted("not_done"):
        return Reply.json(200, {"errors": {"order": ["Sipariş kaydedilemedi."]}, "message": "Hata", "order": []})
    order = new_order(call.store, call.settings, _fields(call, body), call.now())
    call.store.put_order(order, call.settings.list_lag)
    call.store.counts["orders_created"] += 1
    call.store.creates[order["order_id"]] += 1
    return Reply.json(call.settings.create_status, _answer(call, order))


def _fields(call: ApiCall, body: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: body[name] for name in _TAKEN_OVER if body.get(name)}
    if "status" in fields:
        fields["status"] = read_whole(fields["status"])
    for place, name in enumerate(("customer", *ADDRESSES)):
        if name in fields:
            fields[name] = {"id": 10 * (call.store.last_ids["order"] + 1) + place, **fields[name]}
    if "order_date" in fields and read_stamp(fields["order_date"]) is None:
        fields["order_date"] = f"{fields['order_date']} 00:00:00"
    channel = next(each for each in call.store.lists["channels"] if each["id"] == body["channel_id"])
    return {**fields, "source": "MANUEL", "shop": channel["name"]}


def update_order(call: ApiCall, number: str) -> Reply:
    """Change what the setting `editable` names; other members are ignored. A status that cannot follow the present one is 422."""
    order: Record = _order(call, number)
    body = {name: value for name, value in call.body().items() if name in call.settings.editable}
    status = read_whole(body["status"]) if "status" in body else order["status"]
    if status is None or status not in STATUSES or not may_move(order["status"], status, call.settings.transitions):
        raise invalid("status", "The selected status is invalid.")
    if not isinstance(body.get("data", {}), dict):
        raise invalid("data", "The data must be an object.")
    if call.request.faulted("not_done"):
        return Reply.json(200, {"errors": {"order": ["Sipariş güncellenemedi."]}, "message": "Hata", "order": []})
    if status != order["status"]:
        order = with_status(call.store, call.settings, order, status)
    order = with_tracking(order, body.get("data", {}))
    replaced = {name: body[name] for name in _REPLACED if name in body}
    order = {**order, **replaced, "updated_at": call.now()}
    call.store.put_order(order, call.settings.list_lag)
    call.store.counts["orders_updated"] += 1
    return Reply.json(200, _answer(call, order))


def _answer(call: ApiCall, order: Record) -> dict[str, Any]:
    short = shown_result(call, order)
    return {"order": short} if call.settings.ids_at == "nested" else short


def _order(call: ApiCall, number: str) -> Record:
    """Return the order with this id of Sentos. Raises Problem (404)."""
    order = call.store.orders.get(int(number)) if number.isascii() and number.isdecimal() else None
    if order is None:
        raise not_found()
    return order
