"""A product, and how the API shows it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from vendor_sandbox.plytix.definitions import Definitions

STATUSES = ("Draft", "Completed", "Archived")
_BY_API: Mapping[str, str] = {"type": "API"}


def instant(when: datetime | None = None) -> str:
    """Write an instant, by default now, as `2026-01-15T09:00:00.000000+00:00`."""
    return (when or datetime.now(UTC)).isoformat(timespec="microseconds")


class Link(NamedTuple):
    quantity: int
    last_modified: str


Links = Mapping[str, Link]
"""Links of one relationship, by the id of the product linked to."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product. Its attributes have no empty values, and dates as `YYYY-MM-DD`."""

    id: str
    sku: str
    created: str
    modified: str
    label: str | None = None
    gtin: str | None = None
    status: str = "Draft"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    family_id: str | None = None
    links: Mapping[str, Links] = field(default_factory=dict)
    """Links by the id of the relationship."""
    parent: str | None = None
    """The id of the product that this is a variant of."""


class Shown:
    """Shows products of an account. `exists` says which ids still are products, `variants` how many variants a product has."""

    def __init__(self, definitions: Definitions, exists: Collection[str], variants: Mapping[str, Collection[str]]) -> None:
        self.definitions = definitions
        self._exists = exists
        self._variants = variants

    def document(self, product: Product, all_attributes: bool = False) -> dict[str, Any]:
        """Return the whole product, as V1 answers it."""
        attributes = self.attributes(product)
        if all_attributes:
            attributes = {**dict.fromkeys(self.definitions.by_label), **attributes}
        return {
            "id": product.id,
            "sku": product.sku,
            "label": product.label,
            "gtin": product.gtin,
            "status": product.status,
            "created": product.created,
            "modified": product.modified,
            "created_user_audit": _BY_API,
            "modified_user_audit": _BY_API,
            "attributes": attributes,
            "assets": [],
            "categories": [],
            "thumbnail": None,
            "relationships": [self.links(product, each) for each in product.links if self._targets(product, each)],
            "num_variations": self.num_variations(product),
            "overwritten_attributes": [],
            "product_family_id": product.family_id,
            "product_family_model_id": None,
            "product_type": ("SINGLE", "PARENT", "VARIANT")[self.level(product)],
            "product_level": self.level(product),
            "_parent_id": product.parent,
        }

    def attributes(self, product: Product) -> dict[str, Any]:
        return {label: self.value(label, value) for label, value in product.attributes.items()}

    def value(self, label: str, value: Any) -> Any:
        """Return a value as it is read: a date written as `2026-01-15` comes back as `2026-01-15T00:00:00`."""
        return f"{value}T00:00:00" if label in self.definitions.dates and value is not None else value

    def links(self, product: Product, relationship_id: str, label_key: str = "relationship_label") -> dict[str, Any]:
        """Return all the links of a product in one relationship."""
        related = [
            {"product_id": target, "quantity": link.quantity, "last_modified": link.last_modified}
            for target, link in self._targets(product, relationship_id).items()
        ]
        label = self.definitions.relationships[relationship_id].label
        return {"relationship_id": relationship_id, label_key: label, "related_products": related}

    def _targets(self, product: Product, relationship_id: str) -> Links:
        if relationship_id not in self.definitions.relationships:
            return {}
        held = product.links.get(relationship_id, {})
        return {target: link for target, link in held.items() if target in self._exists}

    def level(self, product: Product) -> int:
        """Return 0 for a single product, 1 for a parent, 2 for a variant."""
        return 2 if product.parent else 1 if self._variants.get(product.id) else 0

    def num_variations(self, product: Product) -> int:
        return len(self._variants.get(product.id, ()))
