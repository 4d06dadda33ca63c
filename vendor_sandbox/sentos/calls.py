"""One call to the API, as its handlers receive it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox import exact_json
from vendor_sandbox.sentos.amounts import Spelling
from vendor_sandbox.sentos.calendar import stamp, turkish_time
from vendor_sandbox.sentos.problems import INVALID, Problem
from vendor_sandbox.sentos.settings import Settings
from vendor_sandbox.sentos.store import Store
from vendor_sandbox.wire import Request

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "/api/products": ("page", "size", "sku", "barcode", "orderby_id"),
    "/api/orders": (
        *("page", "size", "start_date", "end_date", "created_start_date", "created_end_date"),
        *("updated_start_date", "updated_end_date", "orderby_field", "orderby_direction"),
        *("status", "marketplace", "order_code", "order_id"),
    ),
}
"""The parameters that a path knows; others are ignored."""


def parameters_of(request: Request, source: str) -> dict[str, str]:
    """Return the parameters that the path knows. Those of `/orders` may be in the query, in the body, or in both."""
    known = PARAMETERS.get(request.path, ())
    sent: dict[str, Any] = dict(request.query)
    if request.path == "/api/orders" and source != "query":
        sent = {**_in_body(request), **(sent if source == "both" else {})}
    return {name: str(sent[name]) for name in known if sent.get(name) not in (None, "")}


def same_call(request: Request, settings: Settings) -> tuple[Any, ...]:
    """Return what is equal for GETs that count as the same."""
    return (request.path, *sorted(parameters_of(request, settings.parameters_from).items()))


def _in_body(request: Request) -> dict[str, Any]:
    """Return the parameters in the body of a GET; a body that is no JSON object has none."""
    try:
        found = exact_json.loads(request.body) if request.body else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class ApiCall:
    """A call that was let in, under the vendor's lock."""

    request: Request
    store: Store
    settings: Settings

    @property
    def parameters(self) -> dict[str, str]:
        return parameters_of(self.request, self.settings.parameters_from)

    @property
    def spelling(self) -> Spelling:
        return Spelling(self.store.seed, self.settings.spellings == "mixed")

    def body(self) -> dict[str, Any]:
        """Return the body, an object. Raises Refused (400) when it is not JSON, Problem (422) when it is not an object."""
        found = self.request.json_body()
        if not isinstance(found, dict):
            raise Problem(422, INVALID, {"body": ["The body must be an object."]})
        return found

    def now(self) -> str:
        """Return the time on Sentos' clock."""
        return now(self.settings)


def now(settings: Settings) -> str:
    """Return the time on Sentos' clock, as it writes it."""
    return settings.now or stamp(turkish_time(settings.clock_ahead))
