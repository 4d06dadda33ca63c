"""Pages of a list: `page` counts from 1, `size` is clamped, a page past the end is empty."""

from typing import Any

from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.problems import invalid


def page_of(call: ApiCall) -> tuple[int, int]:
    """Return the number and size of the page asked for. Raises Problem (422)."""
    page = _positive(call, "page", 1)
    size = _positive(call, "size", call.settings.default_size)
    if size > call.settings.max_size and call.settings.over_max_size == "refuse":
        raise invalid("size", f"The size may not be greater than {call.settings.max_size}.")
    return page, min(size, call.settings.max_size)


def _positive(call: ApiCall, name: str, default: int) -> int:
    text = call.parameters.get(name, str(default))
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) < 1:
        raise invalid(name, f"The {name} must be a whole number of at least 1.")
    return int(text)


def envelope(page: int, size: int, total: int, data: list[Any]) -> dict[str, Any]:
    """Return a page as Sentos wraps it. A page past the last one has no data."""
    return {"page": page, "size": size, "total_elements": total, "total_pages": -(-total // size), "data": data}
