"""Consignments: supplier orders, transfers, returns and stocktakes, each with the moves between states that the vendor allows.

https://x-series-api.lightspeedhq.com/docs/inventory_creating_stock_orders, and the texts of its documents.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vendor_sandbox.lightspeed import consignment_stock as stock
from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.rows import new_row
from vendor_sandbox.lightspeed.small_shown import as_it_is
from vendor_sandbox.lightspeed.store import Row, stamp
from vendor_sandbox.lightspeed.writing import body_of, flag, items, live, needed, object_of, referenced, shut, text
from vendor_sandbox.wire import Refused, Reply

_ORDER, _TRANSFER, _COUNT = (f"consignments:write:{kind}" for kind in ("stock_order", "stock_transfer", "inventory_count"))
SCOPES: Mapping[str, str] = {"SUPPLIER": _ORDER, "RETURN": _ORDER, "OUTLET": _TRANSFER, "STOCKTAKE": _COUNT}
_SCHEDULED, _COUNTING = "STOCKTAKE_SCHEDULED", "STOCKTAKE_IN_PROGRESS"
_FIRST: Mapping[str, tuple[str, ...]] = {
    "SUPPLIER": ("OPEN", "SENT"),
    "RETURN": ("OPEN", "SENT"),
    "OUTLET": ("OPEN", "SENT"),
    "STOCKTAKE": (_SCHEDULED, "STOCKTAKE"),
}
"""The states in which a consignment may be created; the first is what it gets by itself."""
_MOVES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "SUPPLIER": {"OPEN": ("SENT", "CANCELLED"), "SENT": ("DISPATCHED", "CANCELLED"), "DISPATCHED": ("RECEIVED", "CANCELLED")},
    "RETURN": {"OPEN": ("SENT", "CANCELLED")},
    "OUTLET": {"OPEN": ("SENT",), "SENT": ("RECEIVED", "CANCELLED")},
    "STOCKTAKE": {
        _SCHEDULED: (_COUNTING, "CANCELLED", "CLOSED"),
        _COUNTING: ("CANCELLED", "CLOSED"),
        f"{_COUNTING}_PROCESSED": ("STOCKTAKE_COMPLETE", "CANCELLED", "CLOSED"),
    },
}
"""From which state to which. What is in none of them is at its end, and is not changed any more."""
_KNOWN = (
    *("id", "name", "outlet_id", "type", "status", "reference", "supplier_id", "supplier_invoice", "source_outlet_id"),
    *(
        "due_at",
        "consignment_date",
        "received_at",
        "show_inactive",
        "filters",
        "created_at",
        "updated_at",
        "deleted_at",
        "version",
    ),
)


def create(call: ApiCall) -> Reply:
    body = _consignment(call)
    kind = needed(body, "type")
    if kind not in _FIRST:
        raise Refused(422, f"type must be one of {', '.join(_FIRST)}")
    need(call, kind)
    status = text(body, "status") or _FIRST[kind][0]
    if status not in _FIRST[kind]:
        raise Refused(422, f"A consignment of type {kind} cannot be created as {status}")
    fields: dict[str, Any] = {
        "name": needed(body, "name"),
        "type": kind,
        "status": _SCHEDULED if status == "STOCKTAKE" else status,
    }
    fields |= {"consignment_date": stamp(), **_fields(call, body)}
    if not fields.get("outlet_id"):
        raise Refused(422, "outlet_id is required")
    if kind == "OUTLET" and not fields.get("source_outlet_id"):
        raise Refused(422, "source_outlet_id is required")
    if kind == "STOCKTAKE":
        fields["filters"] = items(body, "filters")
    made = call.store.put("consignments", new_row("consignments", call.store.new_id("consignments"), fields))
    return _answered(call, 201, made)


def update(call: ApiCall, consignment_id: str) -> Reply:
    """Change fields of a consignment, or move it on. Raises Refused for one that is at its end."""
    row = changeable(call, consignment_id)
    body = _consignment(call)
    if call.settings.consignment_put == "whole":
        for name in ("name", "outlet_id", "type"):
            needed(body, name)
    if text(body, "type", row["type"]) != row["type"]:
        raise Refused(422, "The type of a consignment cannot change")
    changes = {"name": text(body, "name") or row["name"], **_fields(call, body)}
    status = text(body, "status") or row["status"]
    if status != row["status"]:
        _refuse_move(call, row, status)
        changes |= {"status": status} | ({"received_at": stamp()} if status == "RECEIVED" else {})
    call.store.put("consignments", {**row, **changes, "updated_at": stamp()})
    if status != row["status"]:
        if call.settings.moves_stock:
            stock.moved(call.store, consignment_id)
        if status == _COUNTING:
            call.store.later(call.settings.job_seconds, "consignments", consignment_id)
    return _answered(call, 200, call.store["consignments"][consignment_id])


def delete(call: ApiCall, consignment_id: str) -> Reply:
    """Delete a consignment. One whose stock has arrived or was counted stays, which is assumed."""
    row = live(call, "consignments", consignment_id)
    need(call, row["type"])
    if row["status"] in ("RECEIVED", "STOCKTAKE_COMPLETE"):
        raise Refused(422, f"A consignment that is {row['status']} cannot be deleted")
    call.store.put("consignments", {**row, "deleted_at": stamp()})
    return Reply(204)


def totals(call: ApiCall, consignment_id: str) -> Reply:
    row = call.row("consignments", consignment_id, deleted=False)
    if row["type"] == "STOCKTAKE":
        raise Refused(422, "A stocktake has no totals")
    lines = call.store.lines.get(consignment_id, ())
    shown = {}
    for name, column in (("sent", "count"), ("received", "received")):
        shown[f"total_{name}_count"] = f"{sum(line[column] or 0 for line in lines):.5f}"
        shown[f"total_{name}_cost"] = f"{sum((line[column] or 0) * (line['cost'] or 0) for line in lines):.10f}"
    return Reply.json(200, {"data": [shown]})


def need(call: ApiCall, kind: str) -> None:
    """Raise Refused (403) unless the token may write consignments of a type."""
    if SCOPES[kind] not in call.scopes:
        raise Refused(403, f"The token lacks a scope: {SCOPES[kind]}")


def changeable(call: ApiCall, consignment_id: str) -> Row:
    """Return a consignment that may still be changed. Raises Refused."""
    row = live(call, "consignments", consignment_id)
    need(call, row["type"])
    if row["status"] not in _MOVES[row["type"]]:
        raise Refused(422, f"The consignment is {row['status']} and cannot be changed")
    return row


def _consignment(call: ApiCall) -> dict[str, Any]:
    """Return the body, which may be wrapped in `data` or not."""
    body = body_of(call)
    return shut(call, object_of(body["data"]) if "data" in body else body, _KNOWN)


def _answered(call: ApiCall, status: int, row: Row) -> Reply:
    shown = as_it_is(call, row)
    return Reply.json(status, shown if call.settings.consignment_replies == "bare" else {"data": shown})


def _fields(call: ApiCall, body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: text(body, name) for name in ("reference", "supplier_invoice") if name in body}
    for name, collection in (("supplier_id", "suppliers"), ("outlet_id", "outlets"), ("source_outlet_id", "outlets")):
        if name in body:
            found[name] = referenced(call, collection, body[name], name)
    for name in ("due_at", "consignment_date", "received_at"):
        if name in body:
            found[name] = _moment(text(body, name), name)
    if "show_inactive" in body:
        found["show_inactive"] = flag(body, "show_inactive", True)
    return found


def _moment(value: str | None, name: str) -> str | None:
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise Refused(422, f"{name} must be a time") from error
    return stamp(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC))


def _refuse_move(call: ApiCall, row: Row, status: str) -> None:
    lines = call.store.lines.get(row["id"], ())
    skips = call.settings.skip_sent and (row["type"], row["status"], status) == ("SUPPLIER", "OPEN", "DISPATCHED")
    if status not in _MOVES[row["type"]][row["status"]] and not skips:
        raise Refused(422, f"A consignment of type {row['type']} cannot go from {row['status']} to {status}")
    if row["type"] == "SUPPLIER" and not lines:
        raise Refused(422, "The status of an order without products cannot change")
    if row["type"] == "SUPPLIER" and status == "RECEIVED" and not any(line["received"] for line in lines):
        raise Refused(422, "At least one product must have been received")
