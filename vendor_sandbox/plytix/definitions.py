"""Attributes, families and relationships as an account defines them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

OPTION_CLASSES = ("DropdownAttribute", "MultiSelectAttribute")
TYPE_CLASSES = (
    "TextAttribute",
    "MultilineAttribute",
    "HtmlAttribute",
    "IntAttribute",
    "DecimalAttribute",
    "BooleanAttribute",
    "DateAttribute",
    "UrlAttribute",
    "MediaAttribute",
    "MediaGalleryAttribute",
    "CompletenessAttribute",
    *OPTION_CLASSES,
)
LEVELS = ("no_level", "parent_level", "variant_level")


def generated_label(name: str) -> str:
    """`Amazon ASIN` -> `amazon_asin`: space, hyphen, dot and colon become underscores."""
    return re.sub(r"[ .:-]", "_", name.lower())


@dataclass(frozen=True)
class Attribute:
    id: str
    name: str
    label: str
    type_class: str
    created: str
    modified: str
    options: tuple[str, ...] = ()
    max_length: int | None = None
    """How long a text may be. No call reveals it; writing more gets 422."""
    description: str = ""


@dataclass(frozen=True)
class Family:
    id: str
    name: str
    created: str
    modified: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Levels by attribute id."""


@dataclass(frozen=True)
class Relationship:
    id: str
    name: str
    label: str
    created: str
    modified: str
    symmetrical: bool = False


@dataclass(frozen=True)
class Definitions:
    """Everything that is defined, by id. A change makes a new object."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    families: Mapping[str, Family] = field(default_factory=dict)
    relationships: Mapping[str, Relationship] = field(default_factory=dict)

    @cached_property
    def by_label(self) -> Mapping[str, Attribute]:
        return {each.label: each for each in self.attributes.values()}

    @cached_property
    def dates(self) -> frozenset[str]:
        """Labels of the attributes that hold dates."""
        return frozenset(each.label for each in self.attributes.values() if each.type_class == "DateAttribute")

    @cached_property
    def labels_of_family(self) -> Mapping[str, frozenset[str]]:
        """The labels of the attributes in each family, by the family's id."""
        return {
            family.id: frozenset(self.attributes[each].label for each in family.attributes if each in self.attributes)
            for family in self.families.values()
        }

    def family_named(self, name: object) -> Family | None:
        return next((each for each in self.families.values() if each.name == name), None)

    def relationship_labelled(self, label: object) -> Relationship | None:
        return next((each for each in self.relationships.values() if each.label == label), None)

    def relationship_named(self, name: object) -> Relationship | None:
        """Return a relationship by its name or its label."""
        named = (each for each in self.relationships.values() if each.name == name)
        return next(named, None) or self.relationship_labelled(name)

    def with_attribute(self, attribute: Attribute) -> "Definitions":
        return replace(self, attributes={**self.attributes, attribute.id: attribute})

    def with_family(self, family: Family) -> "Definitions":
        return replace(self, families={**self.families, family.id: family})

    def with_relationship(self, relationship: Relationship) -> "Definitions":
        return replace(self, relationships={**self.relationships, relationship.id: relationship})

    def without(self, thing_id: str) -> "Definitions":
        """Return the definitions without the attribute, family or relationship with this id."""
        return Definitions(
            attributes={key: each for key, each in self.attributes.items() if key != thing_id},
            families={
                key: replace(each, attributes={a: level for a, level in each.attributes.items() if a != thing_id})
                for key, each in self.families.items()
                if key != thing_id
            },
            relationships={key: each for key, each in self.relationships.items() if key != thing_id},
        )
