"""Versions of the API, and one call to it as its handlers receive it."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox import exact_json
from vendor_sandbox.lightspeed.access import COST
from vendor_sandbox.lightspeed.lazy import LazyRow
from vendor_sandbox.lightspeed.settings import Settings
from vendor_sandbox.lightspeed.store import Row, Store
from vendor_sandbox.vendor import phrase
from vendor_sandbox.wire import Refused, Reply, Request

SEMANTIC = ("2.0", "2.1", "3.0")
DATED = ("2026-01", "2026-04", "2026-07", "2026-10")
_DATED = re.compile(r"\d{4}-(01|04|07|10)")


@dataclass(frozen=True)
class Version:
    """A version that is served."""

    name: str

    @property
    def dated(self) -> bool:
        return self.name in DATED

    @property
    def posts_inventory(self) -> bool:
        """Whether stock is read with POST, as a bare array."""
        return self.dated and self.name >= "2026-04"

    @property
    def families(self) -> bool:
        """Whether products come in families, without parents."""
        return self.name == "2026-10"


def version_named(name: str, settings: Settings) -> Version:
    """Return the version that serves a name: a retired date is served by the oldest (sheet, section 1).

    Raises Refused for a name that never was one.
    """
    if name in SEMANTIC or name in DATED:
        return Version(name)
    if _DATED.fullmatch(name) and name < DATED[0]:
        return Version(DATED[0])
    raise Refused(settings.unknown_version, f"API version {name} does not exist")


@dataclass(frozen=True)
class ApiCall:
    """A call. `templates` are the vendor's, of rows that are made lazily."""

    request: Request
    version: Version
    store: Store
    settings: Settings
    scopes: Collection[str]
    templates: dict[Any, str]

    @property
    def sees_cost(self) -> bool:
        return COST in self.scopes

    def parameter(self, name: str) -> str | None:
        return self.request.query.get(name)

    def flag(self, name: str) -> bool:
        return self.request.query.get(name, "").lower() in ("true", "1")

    def number(self, name: str, default: int) -> int:
        """Return a whole number of the query. Raises Refused (422)."""
        text = self.request.query.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise Refused(422, f"{name} must be a number")
        return int(text)

    def shown(self, show: "Show", row: Row) -> str:
        """Return a row as JSON."""
        if isinstance(row, LazyRow):
            asked = (show, self.version.name, self.sees_cost, self.parameter("include_images"), self.store.version)
            return row.lazy.text(row.index, self.templates, asked, lambda each: show(self, each))
        return exact_json.dumps(show(self, row))

    def row(self, collection: str, row_id: str, *, deleted: bool = True) -> Row:
        """Return a row by its id. Raises Refused (404)."""
        row = self.store[collection].get(row_id)
        if row is None or (row.get("deleted_at") and not deleted):
            raise Refused(404, f"There is no such row in {collection}: {row_id}")
        return row


Show = Callable[[ApiCall, Row], dict[str, Any]]
"""Says how a row is shown."""


def json_text(text: str) -> Reply:
    """Return a reply of JSON that is written already."""
    return Reply(200, text.encode(), {"Content-Type": "application/json"})


def error_reply(status: int, detail: str, headers: Mapping[str, str], settings: Settings) -> Reply:
    """Return an error in the shape that is known of 429, and assumed for the rest (sheet, section 6)."""
    title = phrase(status)
    match "title" if status == 429 else settings.errors_as:
        case "object":
            body: object = {"error": {"code": status, "message": detail}}
        case "errors":
            body = {"errors": [{"title": title, "detail": detail}]}
        case "nothing":
            return Reply(status, b"", headers)
        case _:
            body = {"error": title, "message": "Rate limiting enforced" if status == 429 else detail}
    return Reply.json(status, body, **headers)
