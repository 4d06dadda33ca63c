"""The changes a test may make to an account behind the API's back. Searches see them at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from vendor_sandbox.plytix.products import Product, instant
from vendor_sandbox.plytix.state import (
    family_named,
    read_attribute,
    read_family,
    read_product,
    read_relationship,
    relationship_named,
    with_sku,
)
from vendor_sandbox.plytix.store import Store
from vendor_sandbox.values import BadChange, checked, known_members, mapping, texts

MEMBERS = ("attributes", "families", "relationships", "add", "set", "family", "link", "unlink")


def change_account(body: dict[str, Any], store: Store) -> None:
    """Apply the members to the store, in the order of MEMBERS. Raises BadChange, and leaves the store half changed then."""
    for member in MEMBERS:
        if member in body:
            _CHANGES[member](body[member], store)


def _attributes(body: Any, store: Store) -> None:
    """Change attributes, by label: fields to replace (`options`, `max_length`, ...), a definition to add, or null to remove."""
    for label, fields in checked(mapping, body, "attributes").items():
        where, held = f"attributes.{label}", store.definitions.by_label.get(label)
        if fields is not None:
            store.definitions = store.definitions.with_attribute(read_attribute(label, fields, where, store, held))
            continue
        if held is None:
            raise BadChange(f"{where}: there is no such attribute")
        store.definitions = store.definitions.without(held.id)
        for product in list(store.shelf.products.values()):
            if label in product.attributes:
                kept = {key: value for key, value in product.attributes.items() if key != label}
                store.put(replace(product, attributes=kept), 0)


def _families(body: Any, store: Store) -> None:
    """Change families, by name: fields to replace (`name`, `attributes`), a family to add, or null to remove one."""
    for name, fields in checked(mapping, body, "families").items():
        where, held = f"families.{name}", store.definitions.family_named(name)
        if fields is not None:
            new_id = store.new_id("family")
            store.definitions = store.definitions.with_family(read_family(name, fields, where, store.definitions, new_id, held))
            continue
        gone = family_named(name, store, where).id
        store.definitions = store.definitions.without(gone)
        for product in list(store.shelf.products.values()):
            if product.family_id == gone:
                store.put(replace(product, family_id=None), 0)


def _relationships(body: Any, store: Store) -> None:
    """Change relationships, by name or label: fields to replace, one to add, or null to remove one with its links."""
    for name, fields in checked(mapping, body, "relationships").items():
        where, held = f"relationships.{name}", store.definitions.relationship_named(name)
        if fields is not None:
            relationship = read_relationship(name, fields, where, store.new_id("relationship"), held)
            store.definitions = store.definitions.with_relationship(relationship)
        else:
            store.definitions = store.definitions.without(relationship_named(name, store, where).id)


def _add(body: Any, store: Store) -> None:
    """Add products, each an object as in the state; only `sku` is required."""
    if not isinstance(body, list):
        raise BadChange("add must be an array")
    for fields in body:
        now = instant()
        blank = Product(store.new_id("product"), "", now, now)
        store.put(read_product(blank, fields, store, "add"), 0)


def _set(body: Any, store: Store) -> None:
    """Change products, by SKU: fields to replace, or null to delete. Only the `attributes` named change; null clears one."""
    for sku, fields in checked(mapping, body, "set").items():
        where = f"set.{sku}"
        product = with_sku(sku, store, where)
        if fields is None:
            store.remove(product.id, 0)
        else:
            store.put(read_product(replace(product, modified=instant()), fields, store, where), 0)


def _family(body: Any, store: Store) -> None:
    """Set families, by SKU: the name of the family, or null for none."""
    _set({sku: {"family": name} for sku, name in checked(mapping, body, "family").items()}, store)


def _link(body: Any, store: Store) -> None:
    for source, relationship, targets in _link_orders(body, store, "link"):
        held = _held(source, relationship, store)
        links = {**held, **dict.fromkeys(set(targets) - held.keys(), 1)}
        store.put(read_product(source, {"links": {relationship: links}}, store, "link"), 0)


def _unlink(body: Any, store: Store) -> None:
    for source, relationship, targets in _link_orders(body, store, "unlink"):
        links = {sku: quantity for sku, quantity in _held(source, relationship, store).items() if sku not in targets}
        store.put(read_product(source, {"links": {relationship: links}}, store, "unlink"), 0)


def _link_orders(body: Any, store: Store, where: str) -> Iterator[tuple[Product, str, tuple[str, ...]]]:
    """Yield source, relationship (name or label) and target SKUs of each `{"relationship", "from", "to": [SKUs]}`.

    The source is read when its turn comes, so that it has the links of the orders before.
    """
    if not isinstance(body, list):
        raise BadChange(f"{where} must be an array")
    for each in body:
        wanted = known_members(each, ("relationship", "from", "to"), where)
        name = relationship_named(wanted.get("relationship"), store, where).name
        targets = checked(texts, wanted.get("to"), f"{where}: to")
        yield with_sku(wanted.get("from"), store, where), name, targets


def _held(source: Product, relationship: str, store: Store) -> dict[str, int]:
    held = source.links.get(relationship_named(relationship, store, "links").id, {})
    return {each.sku: link.quantity for key, link in held.items() if (each := store.product(key)) is not None}


_CHANGES: dict[str, Callable[[Any, Store], None]] = {
    "attributes": _attributes,
    "families": _families,
    "relationships": _relationships,
    "add": _add,
    "set": _set,
    "family": _family,
    "link": _link,
    "unlink": _unlink,
}
