"""From a mapping to what the PIM should hold: a product per listing, and the links between products. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from sync_pipelines.delivery.model import Desired
from sync_pipelines.pipelines.amazon_plytix.account import DoesNotFit, fitting, has_option
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.amazon_plytix.identifiers import amazon_sku, is_code
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.spreadsheets import overwritten
from sync_pipelines.vendors.plytix import Attribute

LAST_SYNCED = "amazon_last_synced"
_FROM = {
    "amazon_asin": "amazon_asin",
    "amazon_parent_asin": "amazon_parent_asin",
    "amazon_sku": "amazon_sku",
    "amazon_upc": "amazon_upc",
    "amazon_ean": "amazon_ean",
    "amazon_title": "amazon_title",
    "amazon_size": "amazon_size",
    "amazon_color": "amazon_color",
    "amazon_variation_theme": "amazon_variation_theme",
    "amazon_listing_status": "amazon_listing_status",
    "amazon_marketplace": "marketplace",
    "amazon_canonical_sku": "canonical_plytix_sku",
    "amazon_gtin": "amazon_gtin",
    "amazon_brand": "brand",
    "amazon_model_number": "model_number",
    "amazon_item_classification": "item_classification",
}
"""Attribute of the product → field of the entry."""

_CODES = ("amazon_upc", "amazon_ean", "amazon_gtin")


def desired_products(
    entries: Iterable[Entry], settings: AmazonPlytixSettings, attributes: Mapping[str, Attribute], today: date
) -> Iterator[Desired]:
    """One product per entry, `AMZN-{marketplace}-{ASIN}`. What is not known is left out, so that what is there stays.

    Not known are a code that is not a UPC, EAN or GTIN, a SKU that a spreadsheet program replaced, and a status "unknown" or
    "suppressed" where the account has no such option. Another value that its attribute does not take makes the row a conflict.
    Rejected entries are no products.
    """
    for entry in entries:
        if entry.state == "rejected":
            continue
        values: dict[str, Any] = {
            **{name: getattr(entry, field) for name, field in _FROM.items()},
            "amazon_is_primary": False,
            LAST_SYNCED: str(today),
        }
        fields: dict[str, Any] = {"sku": entry.suggested_sku, "family": settings.family}
        wrong = []
        if label := entry.amazon_title:
            fields["label"] = label
            if len(label) > settings.text_limits.get("label", len(label)):
                wrong.append(f"label has {len(label)} characters, {settings.text_limits['label']} are allowed")
        for name, value in values.items():
            if name not in attributes or value in (None, "") or _says_nothing(attributes[name], name, value):
                continue
            try:
                fields[name] = fitting(attributes[name], value, settings.text_limits.get(name))
            except DoesNotFit as e:
                wrong.append(str(e))
        yield Desired(entry.suggested_sku, fields, conflict="; ".join(wrong) or None)


def _says_nothing(attribute: Attribute, name: str, value: Any) -> bool:
    if name == "amazon_listing_status" and value in ("unknown", "suppressed"):
        return attribute.type == "DropdownAttribute" and not has_option(attribute, value)
    if name == "amazon_sku":
        return overwritten(value) is not None
    return name in _CODES and not is_code(value)


class Link(NamedTuple):
    """A product to be linked with another, by their SKUs."""

    relationship: str
    source: str
    target: str

    @property
    def key(self) -> str:
        return f"{self.relationship}/{self.source}/{self.target}"


def link_of(key: str, relationships: Iterable[str]) -> Link:
    """The link that a key names. Raises ValueError for a key of no known relationship."""
    for relationship in relationships:
        if key.startswith(f"{relationship}/"):
            source, _, target = key[len(relationship) + 1 :].rpartition("/")
            return Link(relationship, source, target)
    raise ValueError(f"{key!r} names no link of {', '.join(relationships)}")


def desired_links(entries: Iterable[Entry], settings: AmazonPlytixSettings) -> list[Link]:
    """Canonical product → its Amazon product, and Amazon parent → its children; those of one product together."""
    links, several, products = set(), set(), dict[str, str | None]()
    known = [entry for entry in entries if entry.state != "rejected"]
    for entry in known:  # a mapping that names two products for one ASIN says of none that it is it
        if products.setdefault(entry.suggested_sku, entry.canonical_plytix_sku) != entry.canonical_plytix_sku:
            several.add(entry.suggested_sku)
    for entry in known:
        if entry.state == "matched" and entry.canonical_plytix_sku and entry.suggested_sku not in several:
            links.add(Link(settings.listings_relationship, entry.canonical_plytix_sku, entry.suggested_sku))
        if entry.amazon_parent_asin:
            parent = amazon_sku(entry.marketplace, entry.amazon_parent_asin)
            if parent != entry.suggested_sku:
                links.add(Link(settings.hierarchy_relationship, parent, entry.suggested_sku))
    return sorted(links)
