"""The fields that searches know: those of products and of definitions, their types, and each type's operators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.plytix.definitions import Attribute, Definitions, Family, Relationship
from vendor_sandbox.plytix.products import STATUSES, Product, Shown
from vendor_sandbox.plytix.settings import Settings

_HAS = ("exists", "!exists")
_ORDER = ("gt", "gte", "lt", "lte")

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "TextAttribute": (*_HAS, "like", "eq", "!eq"),
    "DecimalAttribute": (*_HAS, "eq", "!eq", *_ORDER),
    "DateAttribute": (*_HAS, "eq", *_ORDER),
    "DropdownAttribute": (*_HAS, "eq", "!eq", "in", "!in"),
    "MultiSelectAttribute": (*_HAS, "in", "!in"),
    "BooleanAttribute": (*_HAS, "eq"),
    "MediaAttribute": _HAS,
    "status": ("eq", "in", "!in"),
    "static_lists": ("in",),
    "id": ("eq", "in", "!in"),
}
"""Operators by filter type, as documented; `id`, and the further operators of `sku`, are known from clients."""

_FILTER_TYPES = {
    "MultilineAttribute": "TextAttribute",
    "HtmlAttribute": "TextAttribute",
    "UrlAttribute": "TextAttribute",
    "IntAttribute": "DecimalAttribute",
    "CompletenessAttribute": "DecimalAttribute",
    "MediaGalleryAttribute": "MediaAttribute",
}


@dataclass(frozen=True)
class Field:
    """A field. `read` returns its value in a product or definition; None, "" and [] count as no value."""

    key: str
    type: str
    read: Callable[[Any], Any]
    more_operators: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def operators(self) -> tuple[str, ...]:
        return (*OPERATORS[self.type], *self.more_operators)


Fields = Mapping[str, Field]


def _plain(key: str, filter_type: str, **more: Any) -> Field:
    return Field(key, filter_type, lambda thing: getattr(thing, key), **more)


def _empty(key: str, filter_type: str) -> Field:
    """Return a field of assets, categories or lists, which the sandbox does not have."""
    return Field(key, filter_type, lambda _: None)


def _by_key(*fields: Field) -> Fields:
    return {each.key: each for each in fields}


def attribute_field(attribute: Attribute) -> Field:
    filter_type = _FILTER_TYPES.get(attribute.type_class, attribute.type_class)

    def read(product: Product) -> Any:
        return product.attributes.get(attribute.label)

    return Field(f"attributes.{attribute.label}", filter_type, read, options=attribute.options)


def product_fields(definitions: Definitions, shown: Shown, settings: Settings) -> Fields:
    """Return the fields that filters and `order` of a product search may name."""
    more = ("in", "!in", "!like") if settings.sku_in else ()
    return _by_key(
        _plain("id", "id"),
        _plain("sku", "TextAttribute", more_operators=more),
        _plain("label", "TextAttribute"),
        _plain("gtin", "TextAttribute"),
        _plain("status", "status", options=STATUSES),
        _plain("created", "DateAttribute"),
        _plain("modified", "DateAttribute"),
        _empty("categories", "MediaAttribute"),
        _empty("static_lists", "static_lists"),
        _empty("assets", "MediaAttribute"),
        _empty("images", "MediaAttribute"),
        _empty("thumbnail", "MediaAttribute"),
        Field("product_level", "DecimalAttribute", shown.level),
        Field("_is_variation", "BooleanAttribute", lambda product: product.parent is not None),
        Field("_has_variations", "BooleanAttribute", lambda product: shown.num_variations(product) > 0),
        *map(attribute_field, definitions.attributes.values()),
    )


_IN = ("in", "!in")
ATTRIBUTE_FIELDS = _by_key(
    _plain("id", "id"),
    _plain("name", "TextAttribute", more_operators=_IN),
    _plain("label", "TextAttribute", more_operators=_IN),
    _plain("type_class", "DropdownAttribute"),
    _plain("description", "TextAttribute"),
    Field("options", "MultiSelectAttribute", lambda attribute: list(attribute.options)),
    _plain("created", "DateAttribute"),
    _plain("modified", "DateAttribute"),
)
RELATIONSHIP_FIELDS = _by_key(
    _plain("id", "id"),
    _plain("name", "TextAttribute", more_operators=_IN),
    _plain("label", "TextAttribute", more_operators=_IN),
    _plain("symmetrical", "BooleanAttribute"),
    _plain("created", "DateAttribute"),
    _plain("modified", "DateAttribute"),
)


def family_fields(products_of: Callable[[Family], int]) -> Fields:
    return _by_key(
        _plain("id", "id"),
        _plain("name", "TextAttribute", more_operators=_IN),
        Field("total_products", "DecimalAttribute", products_of),
        Field("total_attributes", "DecimalAttribute", lambda family: len(family.attributes)),
        Field("total_models", "DecimalAttribute", lambda _: 0),
        Field("_created_at", "DateAttribute", lambda family: family.created),
        _plain("modified", "DateAttribute"),
    )


def document(thing: Attribute | Family | Relationship, fields: Fields) -> dict[str, Any]:
    """Return a definition with all its fields."""
    return {key: each.read(thing) for key, each in fields.items()}
