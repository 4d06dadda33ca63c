"""Answering a selection: stored objects are cut to it, and forbidden fields become null with an error.

The selection is compiled into functions before the first object is read, so that a page of thousands of lines is
answered in milliseconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from vendor_sandbox.shopify.access import WRITE_SCOPES, Access
from vendor_sandbox.shopify.paging import Failed, Page, pages_of
from vendor_sandbox.shopify.plan import Selected

Held = Mapping[str, Any]
Read = Callable[[Any], Any]

_NEEDS = {
    "Order": "read_orders",
    "LineItem": "read_orders",
    "Refund": "read_orders",
    "Fulfillment": "read_orders",
    "Customer": "read_customers",
    "Product": "read_products",
    "ProductVariant": "read_products",
    "InventoryItem": "read_inventory read_products",
    "InventoryLevel": "read_inventory",
    "Location": "read_locations read_inventory",
}
"""Any one of the scopes named."""
_NEEDS_AT_ROOT = {"ordersCount": "read_orders", "productsCount": "read_products", "productVariantsCount": "read_products"}
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
        computed: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] | None = None,
    ) -> None:
        """`computed`: by type and name, the fields that no stored object holds; they get the object and the arguments."""
        self._access = access
        self._resolvers = resolvers
        self._computed = computed or {}
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
        scopes = _NEEDS.get(field.type_name.removesuffix("Connection"))
        if field.parent == "Location" and field.name not in _OPEN_OF_LOCATION:
            scopes = "read_locations"
        elif field.parent in ("QueryRoot", "Mutation"):
            scopes = _NEEDS_AT_ROOT.get(field.name) or WRITE_SCOPES.get(field.name) or scopes
        if scopes is None or self._access.scopes & set(scopes.split()):
            return None
        needed = f"{' or '.join(f'`{each}`' for each in scopes.split())} access scope."
        message = f"Access denied for {field.name} field. Required access: {needed}"
        return Failed(message, "ACCESS_DENIED", documentation=_DOCUMENTATION, requiredAccess=needed)

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
        fetch = self.fetch(field)
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

    def fetch(self, field: Selected) -> Read:
        """Return the function that reads a field's value from an object, before it is cut to the selection."""
        compute = self._computed.get(f"{field.parent}.{field.name}")
        return _fetch(field) if compute is None else lambda held: compute(held, field.arguments)

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


def _fetch(field: Selected) -> Read:
    """Return the function that reads a field's value from a stored object, before it is cut to the selection."""
    name, first = field.name, field.arguments.get("first")
    if field.parent == "Order" and name == "refunds":
        return lambda order: linked_refunds(order)[:first]
    if field.is_list and first is not None:
        return lambda held: held[name][:first]
    return itemgetter(name)


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
