"""Who may read what: apps, their tokens and scopes.

Sources: https://shopify.dev/docs/api/usage/access-scopes and
https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from vendor_sandbox.limits import Clock
from vendor_sandbox.wire import Refused, Request

ACCESS_TOKEN = "sandbox-shopify-token"  # noqa: S105
"""May do everything and never expires, like the token of an app made in the store's admin."""
RECENT_ORDERS_TOKEN = "sandbox-shopify-token-60-days"  # noqa: S105
"""Lacks `read_all_orders`: orders created more than 60 days ago are invisible."""
NO_CUSTOMERS_TOKEN = "sandbox-shopify-token-no-customers"  # noqa: S105
NO_ORDERS_TOKEN = "sandbox-shopify-token-no-orders"  # noqa: S105
REDACTED_TOKEN = "sandbox-shopify-token-redacted"  # noqa: S105
"""Has every scope, but no approval for names, addresses, e-mail and phone: those fields come back null."""

CLIENT_ID = "sandbox-shopify-client-id"
CLIENT_SECRET = "sandbox-shopify-client-secret"  # noqa: S105
FOREIGN_CLIENT_ID = "sandbox-shopify-client-id-foreign"
"""An app of another organization; its secret is CLIENT_SECRET too."""
UNINSTALLED_CLIENT_ID = "sandbox-shopify-client-id-uninstalled"
"""An app that is not installed on the store; its secret is CLIENT_SECRET too."""

READ_ONLY_TOKEN = "sandbox-shopify-token-read-only"  # noqa: S105
NO_INVENTORY_TOKEN = "sandbox-shopify-token-no-inventory"  # noqa: S105
NO_LOCATIONS_TOKEN = "sandbox-shopify-token-no-locations"  # noqa: S105
NO_PRODUCTS_TOKEN = "sandbox-shopify-token-no-products"  # noqa: S105
NO_FULFILMENT_ORDERS_TOKEN = "sandbox-shopify-token-no-fulfilment-orders"  # noqa: S105
READ_FULFILMENT_ORDERS_TOKEN = "sandbox-shopify-token-read-fulfilment-orders"  # noqa: S105
"""Lacks `write_merchant_managed_fulfillment_orders`."""

SCOPES = (
    "read_all_orders",
    "read_customers",
    "read_fulfillments",
    "read_inventory",
    "read_locations",
    "read_merchant_managed_fulfillment_orders",
    "read_orders",
    "read_products",
    "write_inventory",
    "write_merchant_managed_fulfillment_orders",
    "write_orders",
    "write_products",
)


@dataclass(frozen=True)
class Access:
    """What a token stands for. Limits and bulk operations are counted per app."""

    app: str
    scopes: frozenset[str] = frozenset(SCOPES)
    redacted: bool = False

    def may(self, *scopes: str) -> bool:
        """Return whether any of these scopes was granted; a scope to write includes the one to read."""
        return any(each in self.scopes or each.replace("read_", "write_", 1) in self.scopes for each in scopes)


def _without(app: str, *scopes: str) -> Access:
    return Access(app, frozenset(SCOPES).difference(scopes))


_STANDING: Mapping[str, Access] = {
    ACCESS_TOKEN: Access("reader"),
    RECENT_ORDERS_TOKEN: _without("recent-orders-reader", "read_all_orders"),
    NO_CUSTOMERS_TOKEN: _without("reader-without-customers", "read_customers"),
    NO_ORDERS_TOKEN: _without("reader-without-orders", "read_orders", "write_orders"),
    READ_ONLY_TOKEN: _without("read-only", *(each for each in SCOPES if each.startswith("write_"))),
    NO_INVENTORY_TOKEN: _without("without-inventory", "read_inventory", "write_inventory"),
    NO_LOCATIONS_TOKEN: _without("without-locations", "read_locations"),
    NO_PRODUCTS_TOKEN: _without("without-products", "read_products", "write_products"),
    NO_FULFILMENT_ORDERS_TOKEN: _without(
        "reader-without-fulfilment-orders",
        "read_merchant_managed_fulfillment_orders",
        "write_merchant_managed_fulfillment_orders",
    ),
    READ_FULFILMENT_ORDERS_TOKEN: _without("fulfilment-order-reader", "write_merchant_managed_fulfillment_orders"),
    REDACTED_TOKEN: Access("redacted-reader", redacted=True),
}
_GRANTED = Access("grant-reader")


class Tokens:
    """The valid tokens: permanent ones, and those granted for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._granted: dict[str, float] = {}

    def access(self, token: str | None) -> Access | None:
        if token in self._granted:
            return _GRANTED if self._clock.now() < self._granted[token] else None
        return _STANDING.get(token or "")

    def live(self) -> int:
        return sum(self._clock.now() < ends for ends in self._granted.values())

    def grant(self, request: Request, seconds: float) -> dict[str, object]:
        """Return the reply of the client credentials grant. Raises Refused for another app, grant or form."""
        if request.media_type != "application/x-www-form-urlencoded":
            raise Refused(400, "invalid_request: the body must be sent as application/x-www-form-urlencoded")
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            raise Refused(400, "unsupported_grant_type")
        known = form.get("client_id") in (CLIENT_ID, FOREIGN_CLIENT_ID, UNINSTALLED_CLIENT_ID)
        if not known or form.get("client_secret") != CLIENT_SECRET:
            raise Refused(401, "invalid_client")
        if form["client_id"] == FOREIGN_CLIENT_ID:
            raise Refused(400, "shop_not_permitted")
        if form["client_id"] == UNINSTALLED_CLIENT_ID:
            raise Refused(400, "app_not_installed")
        token = f"sandbox-{secrets.token_hex(16)}"
        # At least a second, so that the whole number in the reply is never longer than the token lives.
        lives = max(1.0, self._clock.on_the_wall(seconds))
        self._granted[token] = self._clock.now() + lives * self._clock.speed
        return {"access_token": token, "scope": ",".join(SCOPES), "expires_in": int(lives)}

    def revoke(self, token: str | None = None) -> None:
        """End one granted token, or all of them."""
        if token is None:
            self._granted = {}
        else:
            self._granted.pop(token, None)
