"""What bodies of writes hold. A value that does not fit is refused with 422, a body that is no object with 400."""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.store import Row
from vendor_sandbox.values import is_number
from vendor_sandbox.wire import Refused

_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,10})?")


def body_of(call: ApiCall, known: Collection[str] = ()) -> dict[str, Any]:
    """Return the body. Where the version or a setting refuses members that are not in `known`, so does this."""
    return shut(call, object_of(call.request.json_body()), known)


def object_of(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refused(400, "The body must be an object")
    return body


def shut(call: ApiCall, body: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    unknown = sorted(set(body) - set(known))
    if unknown and known and (call.version.families or call.settings.unknown_members == "refuse"):
        raise Refused(400, f"Unknown field: {unknown[0]}")
    return body


def text(body: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Refused(422, f"{name} must be a string")
    return value


def needed(body: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there, without blanks around it."""
    value = (text(body, name) or "").strip()
    if not value:
        raise Refused(422, f"{name} is required")
    return value


def flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refused(422, f"{name} must be true or false")
    return default if value is None else value


def items(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return an array of objects, empty when it is not there."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Refused(422, f"{name} must be an array of objects")
    return value


def texts(body: Mapping[str, Any], name: str) -> list[str]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Refused(422, f"{name} must be an array of strings")
    return value


def number(body: Mapping[str, Any], name: str, *, spelled: bool = False) -> Decimal | None:
    """Return a number; with `spelled` it may be text. Nothing below 0, but for the -1 that clears a value."""
    value = body.get(name)
    if value is None:
        return None
    if not is_number(value) and not (spelled and isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise Refused(422, f"{name} must be a number")
    found = Decimal(value)
    if found < 0 and found != -1:
        raise Refused(422, f"{name} must not be negative")
    return found


def cleared(value: Decimal | None) -> Decimal | None:
    return None if value == -1 else value


def referenced(call: ApiCall, collection: str, row_id: object, where: str) -> str | None:
    """Return the id of a row that is not deleted; None for none, which an empty text says too."""
    if row_id in (None, ""):
        return None
    row = call.store[collection].get(row_id) if isinstance(row_id, str) else None
    if row is None or row["deleted_at"]:
        raise Refused(422, f"{where} is not known: {row_id}")
    return str(row["id"])


def live(call: ApiCall, collection: str, row_id: str) -> Row:
    """Return a row that is not deleted. Raises Refused (404)."""
    return call.row(collection, row_id, deleted=False)


def free_name(call: ApiCall, collection: str, name: str, but: str | None = None) -> str:
    """Return the name. Raises Refused when a live row has it, whatever its case, and names are held unique."""
    if call.settings.unique_names:
        for row in call.store[collection].own.values():
            if row["id"] != but and not row["deleted_at"] and row["name"].casefold() == name.casefold():
                raise Refused(422, f"There is a row named {name} in {collection} already")
    return name
