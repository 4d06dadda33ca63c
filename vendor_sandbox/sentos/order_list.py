"""`GET /orders`: its filters, its order and its pages."""

from collections.abc import Callable
from typing import Any

from vendor_sandbox.sentos.calendar import read_day, read_stamp
from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.paging import envelope, page_of
from vendor_sandbox.sentos.problems import invalid
from vendor_sandbox.sentos.shown import shown_order
from vendor_sandbox.wire import Reply

_DATES = {"": "order_date", "created_": "created_at", "updated_": "updated_at"}
_ORDER_FIELDS = ("id", "created_at", "updated_at", "ship_due_date")

Test = Callable[[Record], bool]


def list_orders(call: ApiCall) -> Reply:
    """Answer a page of orders, the newest first unless `orderby_*` say otherwise."""
    page, size = page_of(call)
    found = _found(call)
    if call.request.faulted("drift") and call.request.fault is not None:
        _touch(call, found[: call.request.fault.options["by"]])
        found = _found(call)
    rows = [shown_order(call, each) for each in found[(page - 1) * size : page * size]]
    if call.settings.orders_as == "array":
        return Reply.json(200, rows)
    return Reply.json(200, envelope(page, size, len(found), rows))


def _found(call: ApiCall) -> list[Record]:
    tests = [*_date_tests(call), *_value_tests(call)]
    found = [each for each in call.store.listed_orders.values() if all(test(each) for test in tests)]
    field = call.parameters.get("orderby_field", "id")
    direction = call.parameters.get("orderby_direction", "DESC" if "orderby_field" not in call.parameters else "ASC")
    if field not in _ORDER_FIELDS:
        raise invalid("orderby_field", "The selected orderby_field is invalid.")
    if direction.upper() not in ("ASC", "DESC"):
        raise invalid("orderby_direction", "The selected orderby_direction is invalid.")
    return sorted(found, key=lambda each: _place(each, field), reverse=direction.upper() == "DESC")


def _place(order: Record, field: str) -> tuple[Any, ...]:
    value = order[field]
    return (value is not None, value if value is not None else "", order["id"])


def _date_tests(call: ApiCall) -> list[Test]:
    tests: list[Test] = []
    for prefix, field in _DATES.items():
        start = _bound(call, f"{prefix}start_date", "00:00:00")
        end = _bound(call, f"{prefix}end_date", "23:59:59" if call.settings.day_means == "day" else "00:00:00")
        tests += [] if start is None else [_from(field, start)]
        tests += [] if end is None else [_until(field, end)]
    return tests


def _from(field: str, start: str) -> Test:
    return lambda order: (order[field] or "") >= start


def _until(field: str, end: str) -> Test:
    return lambda order: order[field] is not None and order[field] <= end


def _bound(call: ApiCall, name: str, time_of_day: str) -> str | None:
    """Return the time that a parameter names, as times are kept. Raises Problem (422)."""
    text = call.parameters.get(name)
    if text is None or read_stamp(text) is not None:
        return text
    if read_day(text) is None:
        raise invalid(name, f"The {name} does not match the format Y-m-d H:i:s.")
    return f"{text} {time_of_day}"


def _value_tests(call: ApiCall) -> list[Test]:
    tests: list[Test] = []
    for name in call.settings.order_filters:
        wanted = call.parameters.get(name)
        if wanted is not None:
            tests.append(_value_test(name, wanted))
    return tests


def _value_test(name: str, wanted: str) -> Test:
    if name == "marketplace":
        return lambda order: str(order["source"]) == wanted
    return lambda order: str(order.get(name)) == wanted


def _touch(call: ApiCall, orders: list[Record]) -> None:
    """Change orders while a client walks through the pages: it is a new `updated_at` and nothing else."""
    for order in orders:
        call.store.put_order({**call.store.orders[order["id"]], "updated_at": call.now()})
