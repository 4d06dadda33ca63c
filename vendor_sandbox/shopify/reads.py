"""The root fields: looking up, searching and counting orders, and what an app can know about its shop."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.access import Access
from vendor_sandbox.shopify.answers import NEEDS, Typed, linked_refunds
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.fulfilment_views import shown_fulfilment_orders, shown_fulfilments
from vendor_sandbox.shopify.index import Place, sort_field
from vendor_sandbox.shopify.instants import DAY, instant, shown
from vendor_sandbox.shopify.paging import Failed, Page, cursor_of, page_size, read_cursor
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.search import Field, Filter, Matches, read_filter
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.store import Store

SHOP_DOMAIN = "sandbox-store.myshopify.com"
SHOP_NAME = "Sandbox Store"

_RECENT = 60 * DAY
_COUNTS = 10_000


class Reads:
    """Answers the root fields for one token. `searches` collects searches with warnings, `given` the orders handed out."""

    def __init__(self, store: Store, settings: Settings, access: Access, now: int) -> None:
        self._store, self._settings, self._access, self._now = store, settings, access, now
        self.searches: list[dict[str, Any]] = []
        self.given: list[int] = []

    @property
    def resolvers(self) -> Mapping[str, Callable[[Selected], Any]]:
        return {
            "orders": self.orders,
            "ordersCount": self.orders_count,
            "order": lambda field: self._order(field.arguments["id"], "Order"),
            "orderByIdentifier": self.order_by_identifier,
            "refund": self.refund,
            "shop": lambda _field: self.shop(),
            "currentAppInstallation": lambda _field: self._installation(),
        }

    def orders(self, field: Selected) -> Page:
        arguments = field.arguments
        size, from_end = page_size(arguments)
        found, sort = self.search(field), sort_field(arguments["sortKey"]) or "id"
        key = arguments["sortKey"].lower()
        after, before = (self._place(arguments.get(name), key, sort) for name in ("after", "before"))
        reverse = bool(arguments["reverse"])
        if from_end:  # the last ones are the first ones in the other direction
            after, before = before, after
        places = self._store.index.find(found, sort, reverse != from_end, after, before)
        cut: list[tuple[Place, Order]] = []
        more = False
        for place in places:
            order = self._store.order(place[1])
            if order is None:  # deleted, but the index does not know yet
                continue
            if len(cut) == size:
                more = True
                break
            cut.append((place, order))
        if from_end:
            cut.reverse()
        self.given.extend(place[1] for place, _ in cut)

        def cursor(position: int) -> str:
            value, index = cut[position][0]
            return cursor_of(ids.FIRST_ORDER + index, str(value) if sort == "id" else shown(value), key)

        orders = [order for _, order in cut]
        if from_end:
            return Page(orders, cursor, before=more, after=after is not None)
        return Page(orders, cursor, before=after is not None, after=more)

    def candidates(self, field: Selected) -> tuple[list[int], Matches | None]:
        """Return orders that include all those of a bulk query's `orders` field, and the test that is left for each, if any."""
        sort = sort_field(field.arguments["sortKey"]) or "id"
        places, matches = self._store.index.candidates(self.search(field), sort)
        return [index for _, index in (reversed(places) if field.arguments["reverse"] else places)], matches

    def search(self, field: Selected) -> Filter:
        """Read the `query` of a field. Warnings go into `searches`."""
        sort_key = field.arguments.get("sortKey", "ID")
        if sort_field(sort_key) is None and sort_key != "RELEVANCE":
            raise Failed(f"the sandbox does not sort orders by {sort_key}", "BAD_REQUEST")
        index = self._store.index
        found = self.filtered(field, index.fields)
        if "read_all_orders" not in self._access.scopes:
            found.require("created_at", self._now - _RECENT, index.fields["created_at"].value)
        return found

    def filtered(self, field: Selected, fields: Mapping[str, Field]) -> Filter:
        """Read the `query` of a field that searches by these fields. Warnings go into `searches`."""
        found = read_filter(field.arguments.get("query"), fields, self._settings.time_zone)
        if found.warnings:
            shown_as = {"query": found.text, "parsed": found.shown, "warnings": found.warnings}
            self.searches.append({"path": [field.key], **shown_as})
        return found

    def visible_orders(self) -> Iterator[Order]:
        """Yield every order that the token may see, by number."""
        for index in range(self._store.next_index):
            order = self._visible(index)
            if order is not None:
                yield order

    def orders_count(self, field: Selected) -> dict[str, Any]:
        limit = field.arguments.get("limit", _COUNTS)
        places = self._store.index.find(self.search(field), "id")
        counted = sum(1 for _ in (places if limit is None else islice(places, limit + 1)))
        if limit is not None and counted > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": counted, "precision": "EXACT"}

    def order_by_identifier(self, field: Selected) -> Order | None:
        wanted = field.arguments["identifier"]
        return self._order(wanted["id"], "Order") if "id" in wanted else None

    def refund(self, field: Selected) -> Any:
        text = field.arguments["id"]
        if (ids.read_gid(text) or ("",))[0] != "Refund":
            raise Failed(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
        found = self.thing(text)
        return None if found is None else found.value

    def thing(self, text: str) -> Typed | None:
        """Return the order, or part of an order, with a global id; None when nothing has the id."""
        kind, number = ids.read_gid(text) or ("", 0)
        order = self._visible(ids.order_index(kind, number))
        if order is None:
            return None
        scopes = NEEDS.get(kind, ("read_orders",))
        if not self._access.may(*scopes):
            raise Failed(f"Access denied for {kind}.", "ACCESS_DENIED", requiredAccess=f"`{scopes[0]}` access scope.")
        parts: Mapping[str, Callable[[], Any]] = {
            "Order": lambda: [order],
            "LineItem": lambda: order["lineItems"],
            "Refund": lambda: linked_refunds(order),
            "Fulfillment": lambda: shown_fulfilments(order),
            "FulfillmentOrder": lambda: shown_fulfilment_orders(order),
            "FulfillmentOrderLineItem": lambda: [line for each in shown_fulfilment_orders(order) for line in each["lineItems"]],
            "FulfillmentLineItem": lambda: [line for each in shown_fulfilments(order) for line in each["fulfillmentLineItems"]],
            "FulfillmentEvent": lambda: [event for each in order["fulfillments"] for event in each["events"]],
        }
        found = [each for each in parts.get(kind, list)() if each["id"] == text]
        return Typed(kind, found[-1]) if found else None

    def _order(self, text: str, kind: str) -> Order | None:
        found = ids.read_gid(text)
        if found is None or found[0] != kind:
            raise Failed(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
        return self._visible(ids.order_index(*found))

    def _visible(self, index: int | None) -> Order | None:
        order = self._store.order(index)
        if order is None or "read_all_orders" in self._access.scopes:
            return order
        return order if instant(order["createdAt"]) >= self._now - _RECENT else None

    def _place(self, cursor: str | None, key: str, sort: str) -> Place | None:
        found = read_cursor(cursor, key)
        if found is None:
            return None
        number, value = found
        try:
            return (int(value) if sort == "id" else instant(value)), number - ids.FIRST_ORDER
        except Exception as error:
            raise Failed("Invalid cursor for current pagination.", "BAD_REQUEST") from error

    def shop(self) -> dict[str, Any]:
        plan = {"displayName": "Basic", "publicDisplayName": "Basic", "partnerDevelopment": False, "shopifyPlus": False}
        return {
            "id": ids.gid("Shop", 60_000_001),
            "name": SHOP_NAME,
            "email": "owner@example.com",
            "myshopifyDomain": SHOP_DOMAIN,
            "currencyCode": self._settings.currency,
            "ianaTimezone": self._settings.time_zone,
            "plan": plan,
        }

    def _installation(self) -> dict[str, Any]:
        scopes = [{"handle": each, "description": each.replace("_", " ")} for each in sorted(self._access.scopes)]
        app = {"id": ids.gid("App", 70_000_001), "handle": self._access.app, "title": self._access.app}
        return {"id": ids.gid("AppInstallation", 80_000_001), "app": app, "accessScopes": scopes}
