"""An account's truth as a document, and back."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.plytix.definitions import LEVELS, TYPE_CLASSES, Attribute, Definitions, Family, Relationship, generated_label
from vendor_sandbox.plytix.products import STATUSES, Link, Product, instant
from vendor_sandbox.plytix.store import COUNTS, Store
from vendor_sandbox.values import BadChange, checked, flag, known_members, mapping, one_of, or_null, text, texts, whole

MEMBERS = ("products", "attributes", "families", "relationships", "counts", "creates")
PRODUCT = ("sku", "label", "gtin", "status", "created", "modified", "attributes", "family", "links", "parent")
_TIMES = ("created", "modified")


def account_document(store: Store) -> dict[str, Any]:
    """Return products by id, families and relationships by name, attributes by label, and counts of what was done."""
    defined = store.definitions
    return {
        "products": {each.id: product_document(each, store) for each in store.shelf.products.values()},
        "attributes": {
            each.label: {
                "id": each.id,
                "name": each.name,
                "type_class": each.type_class,
                "options": list(each.options),
                "max_length": each.max_length,
            }
            for each in defined.attributes.values()
        },
        "families": {
            each.name: {"id": each.id, "attributes": [defined.attributes[key].label for key in each.attributes]}
            for each in defined.families.values()
        },
        "relationships": {
            each.name: {"id": each.id, "label": each.label, "symmetrical": each.symmetrical}
            for each in defined.relationships.values()
        },
        "counts": {name: store.counts[name] for name in COUNTS},
        "creates": dict(store.creates),
    }


def product_document(product: Product, store: Store) -> dict[str, Any]:
    """Return a product with its family's name and, by label of the relationship, the SKUs it is linked to with quantities."""
    family = store.definitions.families.get(product.family_id or "")
    parent = store.product(product.parent or "")
    links = {}
    for relationship_id, held in product.links.items():
        relationship = store.definitions.relationships.get(relationship_id)
        targets = {each.sku: link.quantity for key, link in held.items() if (each := store.product(key)) is not None}
        if relationship is not None and targets:
            links[relationship.label] = targets
    return {
        "sku": product.sku,
        "label": product.label,
        "gtin": product.gtin,
        "status": product.status,
        "created": product.created,
        "modified": product.modified,
        "attributes": product.attributes,
        "family": family.name if family else None,
        "family_id": product.family_id,
        "links": links,
        "parent": parent.sku if parent else None,
    }


def loaded_store(document: Any, clock: Clock, number: int, where: str) -> Store:
    """Load the account that a document describes. Raises BadChange."""
    loaded = known_members(document, MEMBERS, where)
    blank = Store(clock, number)
    definitions = Definitions()
    for label, fields in _objects(loaded, "attributes", where):
        attribute = read_attribute(label, fields, f"{where}.attributes.{label}", blank)
        definitions = definitions.with_attribute(attribute)
    for name, fields in _objects(loaded, "families", where):
        definitions = definitions.with_family(
            read_family(name, fields, f"{where}.families.{name}", definitions, blank.new_id("family"))
        )
    for name, fields in _objects(loaded, "relationships", where):
        definitions = definitions.with_relationship(
            read_relationship(name, fields, f"{where}.relationships.{name}", blank.new_id("relationship"))
        )
    blank.definitions = definitions
    documents = dict(_objects(loaded, "products", where))
    for product_id, fields in documents.items():
        own = {name: value for name, value in fields.items() if name not in ("links", "parent", "family_id")}
        product = Product(product_id, "", instant(), instant())
        blank.shelf.put(read_product(product, own, blank, f"{where}.products.{product_id}"))
    # Links and parents name other products, so they come after all of them.
    products = [
        read_product(blank.shelf.products[key], _late(fields), blank, f"{where}.products.{key}")
        for key, fields in documents.items()
    ]
    store = Store(clock, number, definitions, products)
    store.counts = _counter(loaded.get("counts", {}), f"{where}.counts")
    store.creates = _counter(loaded.get("creates", {}), f"{where}.creates")
    return store


def _late(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in ("links", "parent") if name in fields}


def read_product(product: Product, fields: Any, store: Store, where: str) -> Product:
    """Return the product with these fields changed. Values that the API would refuse are allowed. Raises BadChange."""
    wanted = known_members(fields, PRODUCT, where)
    changes: dict[str, Any] = {}
    for name in ("label", "gtin"):
        if name in wanted:
            changes[name] = checked(or_null(text), wanted[name], f"{where}: {name}")
    for name in _TIMES:
        if name in wanted:
            changes[name] = checked(text, wanted[name], f"{where}: {name}")
    if "status" in wanted:
        changes["status"] = checked(one_of(*STATUSES), wanted["status"], f"{where}: status")
    if "attributes" in wanted:
        changes["attributes"] = _attributes(product, wanted["attributes"], store, f"{where}: attributes")
    if "family" in wanted:
        changes["family_id"] = family_named(wanted["family"], store, where).id if wanted["family"] else None
    if "links" in wanted:
        changes["links"] = _links(product, wanted["links"], store, f"{where}: links")
    if "parent" in wanted:
        changes["parent"] = with_sku(wanted["parent"], store, where).id if wanted["parent"] else None
    if "sku" in wanted or not product.sku:
        sku = changes["sku"] = checked(text, wanted.get("sku"), f"{where}: sku")
        taken = store.shelf.with_sku(sku)
        if not sku or (taken is not None and taken.id != product.id):
            raise BadChange(f"{where}: sku: {sku!r} is blank, or taken")
    return replace(product, **changes)


def with_sku(sku: Any, store: Store, where: str) -> Product:
    """Return the product with exactly this SKU. Raises BadChange."""
    product = store.shelf.with_sku(str(sku))
    if product is None:
        raise BadChange(f"{where}: there is no product {sku!r}")
    return product


def family_named(name: Any, store: Store, where: str) -> Family:
    """Return the family with this name. Raises BadChange."""
    family = store.definitions.family_named(name)
    if family is None:
        raise BadChange(f"{where}: there is no family {name!r}")
    return family


def relationship_named(name: Any, store: Store, where: str) -> Relationship:
    """Return the relationship with this name or label. Raises BadChange."""
    relationship = store.definitions.relationship_named(name)
    if relationship is None:
        raise BadChange(f"{where}: there is no relationship {name!r}")
    return relationship


def _attributes(product: Product, sent: Any, store: Store, where: str) -> dict[str, Any]:
    values = dict(product.attributes)
    for label, value in checked(mapping, sent, where).items():
        if label not in store.definitions.by_label:
            raise BadChange(f"{where}: there is no attribute {label!r}")
        values[label] = value
    return {label: value for label, value in values.items() if value not in (None, "", [])}


def _links(product: Product, sent: Any, store: Store, where: str) -> dict[str, dict[str, Link]]:
    """Replace the links of each relationship named by links to the SKUs given, an array or an object with quantities."""
    links = {key: dict(held) for key, held in product.links.items()}
    for name, targets in checked(mapping, sent, where).items():
        relationship = relationship_named(name, store, where)
        quantities = targets if isinstance(targets, dict) else dict.fromkeys(checked(texts, targets, where), 1)
        links[relationship.id] = {
            with_sku(sku, store, where).id: Link(checked(whole(1), quantity, where), instant())
            for sku, quantity in quantities.items()
        }
    return links


# Definitions


def read_attribute(label: str, fields: Any, where: str, store: Store, held: Attribute | None = None) -> Attribute:
    """Read an attribute from a document, or replace the fields named of the one held. Raises BadChange."""
    wanted = known_members(fields, ("id", "name", "type_class", "options", "max_length"), where)
    if held is None:
        name, now = wanted.get("name", label), instant()
        held = Attribute(wanted.get("id") or store.new_id("attribute"), name, label, "TextAttribute", now, now)
    return replace(
        held,
        name=checked(text, wanted.get("name", held.name), f"{where}: name"),
        type_class=checked(one_of(*TYPE_CLASSES), wanted.get("type_class", held.type_class), f"{where}: type_class"),
        options=checked(texts, wanted.get("options", held.options), f"{where}: options"),
        max_length=checked(or_null(whole(1)), wanted.get("max_length", held.max_length), f"{where}: max_length"),
    )


def read_family(name: str, fields: Any, where: str, definitions: Definitions, new_id: str, held: Family | None = None) -> Family:
    """Read a family, or replace the fields named of the one held; `attributes` are labels. Raises BadChange."""
    wanted = known_members(fields, ("id", "name", "attributes"), where)
    if held is None:
        held = Family(wanted.get("id") or new_id, name, instant(), instant())
    levels = held.attributes
    if "attributes" in wanted:
        labels = checked(texts, wanted["attributes"], f"{where}: attributes")
        unknown = [each for each in labels if each not in definitions.by_label]
        if unknown:
            raise BadChange(f"{where}: there is no attribute {unknown[0]!r}")
        levels = {definitions.by_label[each].id: LEVELS[0] for each in labels}
    return replace(held, name=checked(text, wanted.get("name", held.name), f"{where}: name"), attributes=levels)


def read_relationship(name: str, fields: Any, where: str, new_id: str, held: Relationship | None = None) -> Relationship:
    """Read a relationship, or replace the fields named of the one held; a new name keeps the label. Raises BadChange."""
    wanted = known_members(fields, ("id", "name", "label", "symmetrical"), where)
    if held is None:
        held = Relationship(wanted.get("id") or new_id, name, generated_label(name), instant(), instant())
    return replace(
        held,
        name=checked(text, wanted.get("name", held.name), f"{where}: name"),
        label=checked(text, wanted.get("label", held.label), f"{where}: label"),
        symmetrical=checked(flag, wanted.get("symmetrical", held.symmetrical), f"{where}: symmetrical"),
    )


def _objects(document: Mapping[str, Any], name: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    found = checked(mapping, document.get(name, {}), f"{where}.{name}")
    return [(key, checked(mapping, value, f"{where}.{name}.{key}")) for key, value in found.items()]


def _counter(value: Any, where: str) -> Counter[str]:
    return Counter({name: checked(whole(0), count, where) for name, count in checked(mapping, value, where).items()})
