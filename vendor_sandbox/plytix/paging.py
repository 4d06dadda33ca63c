"""`pagination` of a search: the request and the block that answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.plytix.fields import Field, Fields
from vendor_sandbox.plytix.problems import invalid
from vendor_sandbox.plytix.settings import Settings

MOST_PRODUCTS = 100
_SIZE = 25
_LONGEST_NUMBER = 12


@dataclass(frozen=True)
class Pages:
    """A page request. `order` as sent: a field, with a minus in front for descending; None leaves the order open."""

    page: int
    size: int
    order: str | None
    field: Field | None

    @property
    def start(self) -> int:
        return (self.page - 1) * self.size

    def sorted(self, things: Sequence[Any]) -> list[Any]:
        """Sort things as asked for. Equal ones are sorted by id; those without a value come first."""
        read = self.field.read if self.field is not None else lambda thing: thing.id
        backwards = self.order is not None and self.order.startswith("-")
        return sorted(things, key=lambda each: (*_place(read(each)), each.id), reverse=backwards)

    def block(self, settings: Settings, rows: int, matches: int, everything: int) -> dict[str, Any]:
        counts = {"count": matches, "total_count": everything}
        if settings.counts == "page":
            counts = {"count": rows, "total_count": matches}
        if settings.counts == "none":
            counts = {}
        return {**counts, "page": self.page, "page_size": self.size, "order": self.order or ""}


def read_pages(body: dict[str, Any], fields: Fields, most: int | None = None) -> Pages:
    """Read the page request. Raises Problem (422) for a size above `most`, an unknown field to order by, or bad numbers."""
    wanted = {} if body.get("pagination") is None else body["pagination"]
    if not isinstance(wanted, dict):
        raise invalid("pagination", {"_schema": ["Invalid input type."]})
    size = _whole(wanted, "page_size", _SIZE)
    if most is not None and size > most:
        raise invalid("pagination.page_size", f"must be at most {most}")
    order = None if wanted.get("order") == "" else wanted.get("order")
    field = fields.get(order.removeprefix("-")) if isinstance(order, str) else None
    if order is not None and field is None:
        raise invalid("pagination.order", f"{order!r} is not a field to order by")
    return Pages(_whole(wanted, "page", 1), size, order, field)


def _whole(wanted: dict[str, Any], name: str, default: int) -> int:
    value = wanted.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or len(str(value)) > _LONGEST_NUMBER:
        raise invalid(f"pagination.{name}", "must be a whole number of at least 1")
    return value


def _place(value: Any) -> tuple[bool, Any]:
    if value is None or isinstance(value, list):
        return (bool(value), ", ".join(value or ()))
    return (True, value)
