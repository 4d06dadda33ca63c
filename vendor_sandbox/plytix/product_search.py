"""`POST /products/search`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from vendor_sandbox import exact_json
from vendor_sandbox.plytix.fields import Fields, product_fields
from vendor_sandbox.plytix.filters import Alternatives, Condition, passes, read_filters
from vendor_sandbox.plytix.link_filters import read_link_filters
from vendor_sandbox.plytix.paging import MOST_PRODUCTS, Pages, read_pages
from vendor_sandbox.plytix.problems import Problem, entry, invalid
from vendor_sandbox.plytix.products import Product, Shown
from vendor_sandbox.plytix.settings import Settings
from vendor_sandbox.plytix.shelf import Shelf
from vendor_sandbox.plytix.store import Store

_COLUMNS = (
    *("id", "sku", "label", "gtin", "status", "created", "modified", "categories", "static_lists", "assets", "images"),
    *("thumbnail", "product_level", "_is_variation", "_has_variations"),
)
_LISTS = ("categories", "static_lists", "assets", "images")
_FREE = ("id", "sku")
_STEP = 7_919


def search_products(store: Store, body: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Answer a search; unknown members are ignored. Raises Problem (422, 428)."""
    store.counts["searches"] += 1
    shelf = store.seen
    shown = Shown(store.definitions, shelf.products.keys(), shelf.variants)
    fields = product_fields(store.definitions, shown, settings)
    if "filters" not in body and settings.filters_required:
        raise invalid("filters", "Missing data for required field.")
    alternatives = read_filters(body.get("filters", []), fields, settings)
    linked = read_link_filters(body.get("relationship_filters", []), store.definitions, shelf.products.keys())
    columns = _read_columns(body.get("attributes") or [], fields, shown, settings)
    pages = read_pages(body, fields, MOST_PRODUCTS)

    wanted = exact_json.dumps([body.get("filters"), body.get("relationship_filters")])
    matches = shelf.found((wanted, settings), lambda: _matches(shelf, alternatives, linked))
    if pages.order is None:
        page = _in_any_order(store, matches, pages, settings)
    elif len(matches) > settings.most_ordered:
        message = f"Only {settings.most_ordered} products can be ordered; {len(matches)} match"
        raise Problem(428, message)
    else:
        ordered = shelf.found((wanted, settings, pages.order), lambda: pages.sorted(matches))
        page = list(ordered[pages.start : pages.start + pages.size])
    block = pages.block(settings, len(page), len(matches), len(shelf.products))
    return {"data": [_row(each, columns, shown, fields, settings) for each in page], "pagination": block}


def _matches(shelf: Shelf, alternatives: Alternatives, linked: Callable[[Product], bool]) -> Sequence[Product]:
    found = [each for each in _candidates(shelf, alternatives) if passes(alternatives, each) and linked(each)]
    return sorted(found, key=lambda each: each.id)


def _candidates(shelf: Shelf, alternatives: Alternatives) -> Sequence[Product]:
    """Return products that include all those that pass: only a few, when every alternative names the text of a field."""
    ids: dict[str, None] = {}
    for group in alternatives:
        narrow = sorted((_ids(shelf, each) for each in group if _is_narrow(each)), key=len)
        if not narrow:
            return list(shelf.products.values())
        ids.update(dict.fromkeys(narrow[0]))
    return [shelf.products[each] for each in ids] if alternatives else list(shelf.products.values())


def _is_narrow(condition: Condition) -> bool:
    return condition.texts is not None and condition.field.type in ("TextAttribute", "id")


def _ids(shelf: Shelf, condition: Condition) -> list[str]:
    field, texts = condition.field, condition.texts or ()
    if field.type == "id":
        return [text for text in texts if text in shelf.products]
    return [each for text in texts for each in shelf.ids_with(field.key, field.read, text)]


def _in_any_order(store: Store, matches: Sequence[Product], pages: Pages, settings: Settings) -> list[Product]:
    """Return a page in an order that changes with every call."""
    size = len(matches)
    places = range(pages.start, min(pages.start + pages.size, size))
    if not places or not settings.reorder:
        return [matches[place] for place in places]
    call = store.counts["searches"]
    step = _STEP + call
    while math.gcd(step, size) != 1:
        step += 1
    return [matches[(place * step + call) % size] for place in places]


def _read_columns(wanted: object, fields: Fields, shown: Shown, settings: Settings) -> list[str]:
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise invalid("attributes", "must be a list of strings")
    known = []
    for name in dict.fromkeys(wanted):
        if _is_column(name, fields, shown):
            known.append(name)
        elif settings.unknown_columns == "refuse":
            raise Problem(422, f"The attribute {name!r} doesn't exist", [entry(name, "doesn't exist")])
    if sum(name not in _FREE for name in known) > settings.most_columns:
        raise invalid("attributes", f"at most {settings.most_columns} columns")
    return known


def _is_column(name: str, fields: Fields, shown: Shown) -> bool:
    kind, _, label = name.partition(".")
    if kind == "relationships":
        return shown.definitions.relationship_labelled(label) is not None
    return name in _COLUMNS or (kind == "attributes" and name in fields)


def _row(product: Product, columns: Sequence[str], shown: Shown, fields: Fields, settings: Settings) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": product.id,
        "sku": product.sku,
        "num_variations": shown.num_variations(product),
        "_parent_id": product.parent,
    }
    attributes: dict[str, Any] = {}
    relationships = []
    for name in columns:
        kind, _, label = name.partition(".")
        if kind == "attributes":
            if label in product.attributes:
                attributes[label] = shown.value(label, product.attributes[label])
        elif kind == "relationships":
            relationships += _relationship(product, label, shown, settings)
        else:
            row[name] = fields[name].read(product) if name not in _LISTS else []
    for kind, found in (("attributes", attributes), ("relationships", relationships)):
        if any(name.startswith(f"{kind}.") for name in columns):
            row[kind] = found
    return row


def _relationship(product: Product, label: str, shown: Shown, settings: Settings) -> list[dict[str, Any]]:
    definition = shown.definitions.relationship_labelled(label)
    if definition is None or definition.id not in product.links:
        return []
    found = shown.links(product, definition.id, settings.row_relationship_key)
    return [found] if found["related_products"] else []
