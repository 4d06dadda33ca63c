"""A stand-in for the Sentos API: https://api.sentos.com.tr/docs (v1.5).

It was written from public clients of that API, without its text. What they leave open is a setting (`settings.Settings`).
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from vendor_sandbox.faults import Kinds
from vendor_sandbox.sentos import change, order_calls, order_list, product_calls, product_list, small_calls, state
from vendor_sandbox.sentos.access import KEY, SECRET, Limits, may_enter
from vendor_sandbox.sentos.calendar import turkish_time
from vendor_sandbox.sentos.calls import ApiCall, same_call
from vendor_sandbox.sentos.problems import Problem, error_reply, html_page
from vendor_sandbox.sentos.seed import seeded_store
from vendor_sandbox.sentos.settings import Settings
from vendor_sandbox.sentos.store import Store
from vendor_sandbox.values import BadChange, known_members, text, whole, with_changes
from vendor_sandbox.vendor import Routes, Vendor, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

_LANDS_WITHIN_SECONDS = 180
"""How long a call may take to have its effect: a client looks only after waiting this long."""

_UNDONE = ("half", "done_but_error")
_DOCUMENT = (*state.MEMBERS, "settings")


class Sentos(Vendor):
    """One account with its products and orders."""

    name = "sentos"
    own_faults: ClassVar[Kinds] = {
        "half": {},
        "done_but_error": {},
        "not_done": {},
        "html_error": {"status": whole(400, 599)},
        "drift": {"by": whole(1)},
        "sale": {"sku": text, "quantity": whole(1)},
    }

    def reset(self) -> None:
        with self.lock:
            self._store: Store | None = None
            self._today = turkish_time().replace(hour=0, minute=0, second=0)
            self._use(Settings())

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self._limits = Limits(self.clock, settings)

    @property
    def store(self) -> Store:
        """What Sentos holds. It is made from the seed on first use."""
        with self.lock:
            if self._store is None:
                self._store = seeded_store(self.clock, self.catalogue, self._today)
            return self._store

    def env(self, base_url: str) -> dict[str, str]:
        scaled = self.clock.on_the_wall
        return {
            "SENTOS_API_URL": f"{base_url}/api",
            "SENTOS_API_KEY": KEY,
            "SENTOS_API_SECRET": SECRET,
            "SENTOS_WINDOW_SECONDS": plain_text(scaled(self.settings.window_seconds)),
            "SENTOS_LAG_SECONDS": plain_text(scaled(max(self.settings.list_lag, self.settings.stock_lag))),
            "SENTOS_LANDS_WITHIN": plain_text(scaled(_LANDS_WITHIN_SECONDS)),
        }

    # Calls

    def admit(self, request: Request, /) -> Reply | None:
        """Apply the account's limits. A call without its key is refused later, and does not count."""
        if not may_enter(request.headers.get("authorization", "")):
            return None
        with self.lock:
            wait, most = self._limits.take(request.method, same_call(request, self.settings))
        return self._too_many(wait, most) if wait else None

    def _too_many(self, wait: float, most: int) -> Reply:
        seconds = str(max(1, math.ceil(wait)))
        headers = {"Retry-After": seconds} if self.settings.retry_after else {}
        if self.settings.rate_headers:
            headers |= {"x-ratelimit-limit": str(most), "x-ratelimit-remaining": "0", "x-ratelimit-reset": seconds}
        return self.problem(429, "Too Many Attempts.", headers)

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        return error_reply(status, detail, headers=headers, form=self.settings.errors_as)

    def respond(self, request: Request) -> Reply:
        if not may_enter(request.headers.get("authorization", "")):
            raise Refused(self.settings.login_status, "Unauthorized")
        if request.fault is not None and request.faulted("html_error"):
            return html_page(request.fault.options["status"])
        handler, arguments = _ROUTES.find(request)
        with self.lock:
            call = ApiCall(request, self.store, self.settings)
            if request.fault is not None and request.faulted("sale"):
                self._sell(call.store, request.fault.options)
            try:
                reply = handler(call, *arguments)
            except Problem as problem:
                return error_reply(problem.status, problem.message, problem.errors, form=self.settings.errors_as)
        return html_page(500) if any(request.faulted(kind) for kind in _UNDONE) else reply

    def _sell(self, store: Store, line: Mapping[str, Any]) -> None:
        try:
            change.sell(store, self.settings, {"lines": [{"quantity": 1, **line}]})
        except BadChange as error:
            raise Refused(500, f"fault 'sale': {error}") from error

    # The truth

    def state(self) -> dict[str, Any]:
        with self.lock:
            return {**state.document_of(self.store), "settings": self.settings.document()}

    def change(self, body: Any) -> dict[str, Any]:
        wanted = known_members(body, ("load", *change.MEMBERS, "settings"), "the change")
        settings, store = self.settings, None
        if "load" in wanted:
            loaded = known_members(wanted["load"], _DOCUMENT, "load")
            settings = with_changes(settings, loaded.get("settings", {}))
            document = {name: value for name, value in loaded.items() if name != "settings"}
            store = state.loaded_store(document, self.clock, self.catalogue.seed)
        settings = with_changes(settings, wanted.get("settings", {}))
        answer: dict[str, Any] = {}
        members = {name: value for name, value in wanted.items() if name in change.MEMBERS}
        if members:
            store = store if store is not None else self.store.copy()
            answer = change.change_store(members, store, settings)
        if store is not None:
            self._store = store
        if settings != self.settings:
            self._use(settings)
        return answer


_ROUTES = Routes(
    {
        "GET /api/products": product_list.list_products,
        "POST /api/products": product_calls.create_product,
        "GET /api/products/{id}": product_calls.get_product,
        "PUT /api/products/{id}": product_calls.update_product,
        "PUT /api/products/{id}/platform-variants": product_calls.update_platform_variants,
        "GET /api/orders": order_list.list_orders,
        "POST /api/orders": order_calls.create_order,
        "GET /api/orders/{id}": order_calls.get_order,
        "PUT /api/orders/{id}": order_calls.update_order,
        "GET /api/warehouses": small_calls.list_warehouses,
        "GET /api/platforms": small_calls.list_platforms,
        "GET /api/categories": small_calls.list_categories,
        "POST /api/categories": small_calls.create_category,
        "GET /api/sales-channels": small_calls.list_channels,
        "POST /api/sales-channels": small_calls.create_channel,
    }
)
