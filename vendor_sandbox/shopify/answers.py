"""Answering a selection: stored objects are cut to it, and forbidden fields become null with an error.

The selection is compiled into functions before the first object is read, so that a page of thousands of lines is
answered in milliseconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from vendor_sandbox.shopify.access import Access
from vendor_sandbox.shopify.fulfilment_views import DERIVED, FULFILMENT_MUTATIONS
from vendor_sandbox.shopify.paging import Failed, Page, pages_of
from vendor_sandbox.shopify.plan import Selected

Held = Mapping[str, Any]
Read = Callable[[Any], Any]

NEEDS: Mapping[str, tuple[str, ...]] = {
    "Order": ("read_orders",),
    "LineItem": ("read_orders",),
    "Refund": ("read_orders",),
    "Fulfillment": ("read_orders", "read_merchant_managed_fulfillment_orders"),
    "FulfillmentLineItem": ("read_orders", "read_merchant_managed_fulfillment_orders"),
    "FulfillmentEvent": ("read_orders", "read_merchant_managed_fulfillment_orders"),
    "FulfillmentOrder": ("read_merchant_managed_fulfillment_orders",),
    "FulfillmentOrderLineItem": ("read_merchant_managed_fulfillment_orders",),
    "Customer": ("read_customers",),
    "Product": ("read_products",),
    "ProductVariant": ("read_products",),
    "InventoryItem": ("read_inventory", "read_products"),
    "InventoryLevel": ("read_inventory",),
    "Location": ("read_locations", "read_inventory"),
}
"""The scopes that let an app read a type: any of them."""
_PRODUCT_MUTATIONS = (
    *("productCreate", "productDelete", "productOptionsCreate", "productSet", "productUpdate"),
    *("productVariantsBulkCreate", "productVariantsBulkUpdate"),
)
_NEEDED_BY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ordersCount": ("read_orders",),
    "productsCount": ("read_products",),
    "productVariantsCount": ("read_products",),
    "heldByApp": ("read_apps",),
    **dict.fromkeys(FULFILMENT_MUTATIONS, ("write_merchant_managed_fulfillment_orders",)),
    **dict.fromkeys(_PRODUCT_MUTATIONS, ("write_products",)),
    **dict.fromkeys(("inventoryActivate", "inventoryItemUpdate", "inventorySetQuantities"), ("write_inventory",)),
}
_OPEN_OF_LOCATION = ("id", "legacyResourceId")
"""What `read_inventory` alone shows of a location."""
_DOCUMENTATION = "https://shopify.dev/api/usage/access-scopes"
_PERSONAL: Mapping[str, frozenset[str]] = {
    "Order": frozenset({"email", "phone"}),
    "Customer": frozenset(
        {"displayName", "firstName", "lastName", "email", "phone", "defaultEmailAddress", "defaultPhoneNumber"}
    ),
    "MailingAddress": frozenset({"name", "firstName", "lastName", "address1", "address2", "zip", "phone"}),
}
"""Fields of level 2 of https://shopify.dev/docs/apps/launch/protected-customer-data."""


@dataclass(frozen=True)
class Typed:
    """An object in a place where several types are possible."""

    type_name: str
    value: Held


class _Null(Exception):
    """A field that must not be null has no value, so the object around it is null."""


class Answers:
    """Answers selections for one request; `errors` collects what went wrong."""

    def __init__(
        self,
        access: Access,
        resolvers: Mapping[str, Callable[[Selected], Any]],
        time_zone: str,
        computed: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]],
    ) -> None:
        """`computed`: by type and name, the fields that no stored object holds; they get the object and the arguments."""
        self._access, self._time_zone = access, time_zone
        self._resolvers = resolvers
        self._computed = computed
        self._path: list[str | int] = []
        self.errors: list[dict[str, Any]] = []

    def data(self, roots: Sequence[Selected]) -> dict[str, Any] | None:
        """Return the answer to the root fields, in order; None when a field that must not be null failed."""
        try:
            return {root.key: self._root(root) for root in roots}
        except _Null:
            return None

    def reading(self, selections: Sequence[Selected]) -> Read:
        """Return the function that cuts an object to these selections."""
        reads = [(each.key, self._read(each)) for each in selections]
        if len(reads) == 1:
            ((key, read),) = reads
            return lambda held: {key: read(held)}
        return lambda held: {key: read(held) for key, read in reads}

    def _root(self, root: Selected) -> Any:
        if root.definition is None:
            return root.parent
        denied = self.denied(root)
        if denied:
            return self._failing(root, denied)(None)
        resolve = self._resolvers[root.name]
        return self._guarded(root, lambda _: self._shape(root)(resolve(root)))(None)

    def _guarded(self, field: Selected, read: Read) -> Read:
        """Return the reader of a field under its own path: a failure is noted, and null goes as far up as it must."""

        def guarded(held: Any) -> Any:
            self._path.append(field.key)
            try:
                return read(held)
            except Failed as failed:
                self._note(field, failed)
                if field.nullable:
                    return None
                raise _Null from failed
            except _Null:
                if field.nullable:
                    return None
                raise
            finally:
                self._path.pop()

        return guarded

    def _note(self, field: Selected, failed: Failed) -> None:
        place = {"locations": [field.place], "path": list(self._path)}
        self.errors.append({"message": str(failed), **place, "extensions": failed.extensions})

    def _failing(self, field: Selected, failed: Failed) -> Read:
        def fail(_held: Any) -> Any:
            raise failed

        return self._guarded(field, fail)

    def denied(self, field: Selected) -> Failed | None:
        """Return why this token may not read the field, None when it may."""
        scopes = _NEEDED_BY_FIELDS.get(field.name) or NEEDS.get(field.type_name.removesuffix("Connection"))
        if field.parent == "Location" and field.name not in _OPEN_OF_LOCATION:
            scopes = ("read_locations",)
        if scopes is None or self._access.may(*scopes):
            return None
        return denied(field.name, scopes[0])

    def _wrong(self, field: Selected) -> Failed | None:
        """Return what will go wrong with a field of a stored object, whichever object it is; None when nothing will."""
        denied = self.denied(field)
        if denied is None and field.is_connection:
            try:
                pages_of(field.arguments)
            except Failed as failed:
                return failed
        return denied

    def _may_fail(self, field: Selected) -> bool:
        if field.definition is None:
            return False
        return self._wrong(field) is not None or any(
            self._may_fail(each) for selections in field.below.values() for each in selections
        )

    def _read(self, field: Selected) -> Read:
        if field.definition is None:
            return lambda _held: field.parent
        if self._access.redacted and field.name in _PERSONAL.get(field.parent, ()):
            return (lambda _held: None) if field.nullable else (lambda _held: "")
        wrong = self._wrong(field)
        if wrong is not None:
            return self._failing(field, wrong)
        fetch = self.fetching(field)
        if not field.below:
            return fetch
        if not self._may_fail(field):
            shape = self._shape(field)

            def read(held: Any) -> Any:
                value = fetch(held)
                return None if value is None else shape(value)

            return read
        shape = self._shape(field)
        return self._guarded(field, lambda held: shape(fetch(held)))

    def fetching(self, field: Selected) -> Read:
        """Return the function that reads a field's value from a stored object, before it is cut to the selection."""
        name, first = field.name, field.arguments.get("first")
        compute = self._computed.get(f"{field.parent}.{name}")
        if compute is not None:
            return lambda held: compute(held, field.arguments)
        if (field.parent, name) in DERIVED:
            return DERIVED[field.parent, name](field, self._time_zone)
        if field.parent == "Order" and name == "refunds":
            return lambda order: linked_refunds(order)[:first]
        if field.is_list and first is not None:
            return lambda held: held[name][:first]
        return itemgetter(name)

    def _shape(self, field: Selected) -> Read:
        """Return the function that turns a field's stored value into its answer."""
        if field.is_connection:
            return self._connection(field)
        if not field.below:
            return lambda value: value
        cut = {name: self.reading(selections) for name, selections in field.below.items()}
        only = next(iter(cut.values())) if len(cut) == 1 else None

        def one(value: Any) -> Any:
            if value is None:
                return None
            return cut[value.type_name](value.value) if isinstance(value, Typed) else only(value) if only else None

        if not field.is_list:
            return one
        if only is not None and not self._may_fail(field):
            return lambda values: [only(value) for value in values]
        return lambda values: self._each(one, values)

    def _each(self, one: Read, values: Sequence[Any]) -> list[Any]:
        answers = []
        for position, value in enumerate(values):
            self._path.append(position)
            try:
                answers.append(one(value))
            finally:
                self._path.pop()
        return answers

    def _connection(self, field: Selected) -> Read:
        parts = [(each.key, self._part(each)) for each in field.children]
        cut = pages_of(field.arguments) if field.parent != "QueryRoot" else None

        def connection(value: Any) -> Any:
            page = cut(value) if cut else value
            return {key: part(page) for key, part in parts}

        return connection

    def _part(self, field: Selected) -> Callable[[Page], Any]:
        """Return the function that answers `nodes`, `edges` or `pageInfo` of a connection."""
        if field.definition is None:
            return lambda _page: field.parent
        read = self.reading(field.children)
        if field.name == "pageInfo":
            return lambda page: read(page.info())
        if field.name == "edges":

            def all_of(page: Page) -> list[Any]:
                cursor = page.cursor if field.child("cursor") else lambda _place: ""
                return self._each(read, [{"node": item, "cursor": cursor(at)} for at, item in enumerate(page.items)])

        elif self._may_fail(field):

            def all_of(page: Page) -> list[Any]:
                return self._each(read, page.items)

        else:
            return lambda page: [read(item) for item in page.items]

        def named(page: Page) -> list[Any]:
            self._path.append(field.key)
            try:
                return all_of(page)
            finally:
                self._path.pop()

        return named


def denied(name: str, scope: str) -> Failed:
    """Return the error of a field that needs a scope which the token lacks."""
    needed = f"`{scope}` access scope."
    message = f"Access denied for {name} field. Required access: {needed}"
    return Failed(message, "ACCESS_DENIED", documentation=_DOCUMENTATION, requiredAccess=needed)


def linked_refunds(order: Held) -> list[Held]:
    """Return an order's refunds with the lines themselves in place of their ids."""
    lines = {line["id"]: line for line in order["lineItems"]} if order["refunds"] else {}
    return [
        {
            **refund,
            "refundLineItems": [
                {**entry, "lineItem": lines.get(entry["lineItem"]["id"], entry["lineItem"])}
                for entry in refund["refundLineItems"]
            ],
        }
        for refund in order["refunds"]
    ]
