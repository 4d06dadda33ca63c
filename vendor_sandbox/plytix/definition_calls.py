"""Attributes, families and relationships: searching, reading and defining them, and what can be filtered by."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from vendor_sandbox.plytix.calls import ApiCall, data
from vendor_sandbox.plytix.definitions import (
    LEVELS,
    OPTION_CLASSES,
    TYPE_CLASSES,
    Attribute,
    Definitions,
    Family,
    Relationship,
    generated_label,
)
from vendor_sandbox.plytix.fields import ATTRIBUTE_FIELDS, RELATIONSHIP_FIELDS, Fields, document, family_fields, product_fields
from vendor_sandbox.plytix.filters import passes, read_filters
from vendor_sandbox.plytix.paging import read_pages
from vendor_sandbox.plytix.problems import Problem, entry, invalid, not_found
from vendor_sandbox.plytix.products import instant
from vendor_sandbox.wire import Reply

Thing = TypeVar("Thing", Attribute, Family, Relationship)

_MOST_OPTIONS = 1_000


def _search(call: ApiCall, things: Iterable[Thing], fields: Fields) -> Reply:
    """Search definitions. Rows have the id and the columns asked for, or all columns when none are named."""
    body = call.body()
    if "filters" not in body and call.settings.filters_required:
        raise invalid("filters", "Missing data for required field.")
    everything = list(things)
    alternatives = read_filters(body.get("filters", []), fields, call.settings)
    columns: list[Any] = body.get("attributes") or list(fields)
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        raise invalid("attributes", "must be a list of strings")
    unknown = [each for each in columns if each not in fields]
    if unknown and call.settings.unknown_columns == "refuse":
        raise Problem(422, f"The attribute {unknown[0]!r} doesn't exist", [entry(unknown[0], "doesn't exist")])
    pages = read_pages(body, fields)
    matches = [each for each in everything if passes(alternatives, each)]
    page = (pages.sorted(matches) if pages.order else matches)[pages.start : pages.start + pages.size]
    wanted = [fields[each] for each in dict.fromkeys(["id", *columns]) if each in fields]
    rows = [{field.key: field.read(each) for field in wanted} for each in page]
    return Reply.json(200, {"data": rows, "pagination": pages.block(call.settings, len(page), len(matches), len(everything))})


def _name(body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid("name", "Missing data for required field.")
    return name


def _known_attributes(call: ApiCall, ids: Any, field: str) -> list[str]:
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise invalid(field, "must be a list of attribute ids")
    for each in ids:
        if each not in call.store.definitions.attributes:
            raise invalid(field, f"the attribute {each} does not exist")
    return ids


# Attributes


def search_attributes(call: ApiCall) -> Reply:
    return _search(call, call.store.definitions.attributes.values(), ATTRIBUTE_FIELDS)


def get_attribute(call: ApiCall, attribute_id: str) -> Reply:
    attribute = call.store.definitions.attributes.get(attribute_id)
    if attribute is None:
        raise not_found(f"attribute {attribute_id}")
    return data([document(attribute, ATTRIBUTE_FIELDS)])


def create_attribute(call: ApiCall) -> Reply:
    body = call.body()
    name, type_class, options = _name(body), body.get("type_class"), body.get("options") or []
    if type_class not in TYPE_CLASSES:
        raise invalid("type_class", f"must be one of: {', '.join(TYPE_CLASSES)}")
    if not isinstance(options, list) or not all(isinstance(each, str) for each in options):
        raise invalid("options", "must be a list of strings")
    if len(options) > _MOST_OPTIONS or (options and type_class not in OPTION_CLASSES):
        raise invalid("options", f"at most {_MOST_OPTIONS}, and only for a dropdown or a multi-select")
    label = generated_label(name)
    if label in call.store.definitions.by_label:
        raise Problem(422, f"An attribute with the name {name!r} already exists")
    now = instant()
    attribute = Attribute(
        id=call.store.new_id("attribute"),
        name=name,
        label=label,
        type_class=type_class,
        created=now,
        modified=now,
        options=tuple(options),
        description=str(body.get("description") or ""),
    )
    definitions = call.store.definitions.with_attribute(attribute)
    for each in body.get("product_families") or []:
        family = definitions.families.get(str(each.get("id"))) if isinstance(each, dict) else None
        level = each.get("attribute_level", LEVELS[0]) if family is not None else None
        if family is None or level not in LEVELS:
            raise invalid("product_families", "the product family or the level does not exist")
        levels = {**family.attributes, attribute.id: level}
        definitions = definitions.with_family(replace(family, attributes=levels))
    call.store.definitions = definitions
    return data([document(attribute, ATTRIBUTE_FIELDS)], 201)


# Families


def _fields_of_families(call: ApiCall) -> Fields:
    def total(family: Family) -> int:
        return sum(each.family_id == family.id for each in call.store.shelf.products.values())

    return family_fields(total)


def _family(call: ApiCall, family_id: str) -> Family:
    family = call.store.definitions.families.get(family_id)
    if family is None:
        raise not_found(f"product family {family_id}")
    return family


def search_families(call: ApiCall) -> Reply:
    return _search(call, call.store.definitions.families.values(), _fields_of_families(call))


def get_family(call: ApiCall, family_id: str) -> Reply:
    return data([document(_family(call, family_id), _fields_of_families(call))])


def create_family(call: ApiCall) -> Reply:
    body = call.body()
    name = _name(body)
    if call.store.definitions.family_named(name) is not None:
        raise Problem(422, f"A product family with the name {name!r} already exists")
    members = ("attributes", "parent_attributes", "variant_attributes")
    levels = {
        each: level
        for member, level in zip(members, LEVELS, strict=True)
        for each in _known_attributes(call, body.get(member) or [], member)
    }
    now = instant()
    family = Family(call.store.new_id("family"), name, now, now, levels)
    call.store.definitions = call.store.definitions.with_family(family)
    return data([document(family, _fields_of_families(call))], 201)


def family_attributes(call: ApiCall, family_id: str) -> Reply:
    attributes = call.store.definitions.attributes
    levels = _family(call, family_id).attributes
    return data(
        [
            {**document(attributes[each], ATTRIBUTE_FIELDS), "attributes_level": level}
            for each, level in levels.items()
            if each in attributes
        ]
    )


def link_attributes(call: ApiCall, family_id: str) -> Reply:
    body = call.body()
    level = body.get("attributes_level", LEVELS[0])
    if level not in LEVELS:
        raise invalid("attributes_level", f"must be one of: {', '.join(LEVELS)}")
    return _relevel(call, family_id, dict.fromkeys(_known_attributes(call, body.get("attributes"), "attributes"), level))


def unlink_attributes(call: ApiCall, family_id: str) -> Reply:
    return _relevel(call, family_id, dict.fromkeys(_known_attributes(call, call.body().get("attributes"), "attributes")))


def _relevel(call: ApiCall, family_id: str, levels: dict[str, str | None]) -> Reply:
    """Set the levels of attributes in the family after a delay; None removes one from the family."""
    _family(call, family_id)

    def redefine(definitions: Definitions) -> Definitions:
        family = definitions.families.get(family_id)
        if family is None:
            return definitions
        known = {**family.attributes, **levels}
        kept = {each: level for each, level in known.items() if level and each in definitions.attributes}
        return definitions.with_family(replace(family, attributes=kept, modified=instant()))

    call.store.redefine_later(redefine, call.settings.family_seconds)
    return data([], 202)


# Relationships


def search_relationships(call: ApiCall) -> Reply:
    return _search(call, call.store.definitions.relationships.values(), RELATIONSHIP_FIELDS)


def get_relationship(call: ApiCall, relationship_id: str) -> Reply:
    relationship = call.store.definitions.relationships.get(relationship_id)
    if relationship is None:
        raise not_found(f"relationship {relationship_id}")
    return data([document(relationship, RELATIONSHIP_FIELDS)])


def create_relationship(call: ApiCall) -> Reply:
    name = _name(call.body())
    label = generated_label(name)
    if call.store.definitions.relationship_labelled(label) is not None:
        raise Problem(422, f"A relationship with the name {name!r} already exists")
    now = instant()
    relationship = Relationship(call.store.new_id("relationship"), name, label, now, now)
    call.store.definitions = call.store.definitions.with_relationship(relationship)
    return data([document(relationship, RELATIONSHIP_FIELDS)], 201)


# Filter discovery


def product_filters(call: ApiCall) -> Reply:
    found: dict[str, list[dict[str, Any]]] = {"attributes": [], "properties": []}
    for key, field in product_fields(call.store.definitions, call.store.shown, call.settings).items():
        shown: dict[str, Any] = {"key": key, "filter_type": field.type, "operators": list(field.operators)}
        if field.options:
            shown["options"] = list(field.options)
        found["properties" if key.startswith("_") else "attributes"].append(shown)
    return data([found])
