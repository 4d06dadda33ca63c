"""The shop's own kinds of fault, acted out on a finished reply."""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.faults import Kinds
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.values import text, whole

KINDS: Kinds = {
    "throttled": {},
    "graphql_error": {},
    "partial": {},
    "unknown_enum": {},
    "redacted": {},
    "key_in_use": {},
    "not_approved": {},
    "without": {"field": text},
    "order_changes": {"edit": whole(0), "arrive": whole(0), "delete": whole(0)},
}

NEW_MEMBER = "NEWLY_INVENTED"
"""A member of OrderDisplayFinancialStatus that is in no schema yet."""


def internal_error(path: Sequence[str | int] | None = None) -> dict[str, Any]:
    request_id = "00000000-0000-4000-8000-000000000000"
    message = f"Internal error. Looks like something went wrong on our end.\nRequest ID: {request_id}"
    found: dict[str, Any] = {"message": f"{message} (include this in support requests)."}
    if path is not None:
        found["path"] = list(path)
    return {**found, "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}}


def lose_a_field(roots: Sequence[Selected], data: Mapping[str, Any]) -> dict[str, Any]:
    """Make one nullable field of the data null. Returns the entry for `errors`."""
    for root in roots:
        value, selections = data.get(root.key), root.children
        path: list[str | int] = [root.key]
        if root.is_connection and value:
            nodes = next(iter(root.child("nodes")), None)
            if nodes is None or not value[nodes.key]:
                continue
            value, selections = value[nodes.key][0], nodes.children
            path += [nodes.key, 0]
        for field in selections:
            if isinstance(value, dict) and field.definition is not None and field.nullable:
                value[field.key] = None
                return internal_error([*path, field.key])
    return internal_error()


def withhold_customers(data: Any) -> dict[str, Any]:
    """Make every customer of the data null. Returns the entry for `errors`, which has no path."""
    if isinstance(data, dict):
        data.update({"customer": None} if "customer" in data else {})
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        withhold_customers(each)
    message = (
        "This app is not approved to access the Customer object. See https://shopify.dev/docs/apps/launch/protected-customer-data"
    )
    return {"message": message, "extensions": {"code": "ACCESS_DENIED"}}


def leave_out(data: Any, field: str) -> bool:
    """Remove a field from the first object of the data that has it. Returns whether there was one."""
    if isinstance(data, dict):
        if field in data:
            del data[field]
            return True
        return any(leave_out(each, field) for each in data.values())
    return isinstance(data, list) and any(leave_out(each, field) for each in data)


def invent_a_status(data: Any) -> bool:
    """Give the first order of the data an unknown financial status. Returns whether there was an order."""
    if isinstance(data, dict):
        if "displayFinancialStatus" in data:
            data["displayFinancialStatus"] = NEW_MEMBER
            return True
        return any(invent_a_status(each) for each in data.values())
    return isinstance(data, list) and any(invent_a_status(each) for each in data)
