"""A listing as the API shows it, section by section.

Shapes: https://github.com/amzn/selling-partner-api-models, models/catalog-items-api-model/catalogItems_2022-04-01.json.
A missing value is left out, never null.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

from vendor_sandbox.amazon.settings import MARKETPLACE_IDS
from vendor_sandbox.amazon.store import PARENT, Store, identifiers_of
from vendor_sandbox.boots import Item

SECTIONS = (
    "attributes",
    "classifications",
    "dimensions",
    "identifiers",
    "images",
    "productTypes",
    "relationships",
    "salesRanks",
    "summaries",
    "vendorDetails",
)

_BROWSE = (
    ("9100001", "Work & Safety Boots"),
    ("9100002", "Chelsea Boots"),
    ("9100003", "Western Boots"),
    ("9100004", "Driving Mocs"),
)
_PACK_EVERY = 10
_ASSIGNED = "externally_assigned_product_identifier"


def browse_class(item: Item) -> tuple[str, str]:
    """Return id and name of the classification a listing is filed under, the same for all listings of a model number."""
    return _BROWSE[crc32((item.model_number or "").encode()) % len(_BROWSE)]


def shown(items: Sequence[Item], sections: Sequence[str], store: Store, with_packs: bool) -> dict[str, Any]:
    """Return one ASIN as the API shows it: its listings in the marketplaces asked for, with only the sections asked for."""
    found: dict[str, Any] = {"asin": items[0].asin}
    for section in SECTIONS:
        if section not in sections:
            continue
        if section == "attributes":
            found[section] = _merged_attributes(items)
        elif section == "relationships":
            found[section] = [_grouped(item, section, _relationships(item, store, with_packs)) for item in items]
        elif section == "vendorDetails":
            found[section] = []  # for vendors only
        else:
            found[section] = [{"marketplaceId": MARKETPLACE_IDS[i.marketplace], **_BUILT[section](i)} for i in items]
    return found


def emptied(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the item with empty sections."""
    return {name: part if name == "asin" else type(part)() for name, part in item.items()}


def _grouped(item: Item, name: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"marketplaceId": MARKETPLACE_IDS[item.marketplace], name: entries}


def _summary(item: Item) -> dict[str, Any]:
    browse_id, browse_name = browse_class(item)
    return _present(
        {
            "adultProduct": False,
            "autographed": False,
            "brand": item.brand,
            "browseClassification": {"displayName": browse_name, "classificationId": browse_id},
            "color": item.colour,
            "itemClassification": item.classification,
            "itemName": item.title,
            "manufacturer": item.brand,
            "memorabilia": False,
            "modelNumber": item.model_number,
            "packageQuantity": 1,
            "partNumber": item.part_number,
            "size": item.size,
            "tradeInEligible": False,
            "websiteDisplayGroup": "shoes_display_on_website",
            "websiteDisplayGroupName": "Shoes",
        }
    )


def _identifiers(item: Item) -> dict[str, Any]:
    return {"identifiers": [{"identifierType": kind, "identifier": code} for kind, code in identifiers_of(item)]}


def _relationships(item: Item, store: Store, with_packs: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if with_packs and item.classification != PARENT and crc32(item.asin.encode()) % _PACK_EVERY == 0:
        found.append({"type": "PACKAGE_HIERARCHY", "parentAsins": [f"B1{item.asin[2:]}"]})
    children, parents = store.children(item), store.parents(item)
    if children or parents:
        link = {"childAsins": list(children)} if children else {"parentAsins": list(parents)}
        found.append({"type": "VARIATION", **link, **_theme(item)})
    return found


def _theme(item: Item) -> dict[str, Any]:
    if item.theme is None:
        return {}
    attributes = [part.lower() for part in item.theme.split("/")]
    return {"variationTheme": {"attributes": attributes, "theme": item.theme}}


def _merged_attributes(items: Sequence[Item]) -> dict[str, Any]:
    """Return the only section that is not grouped by marketplace: each value says for which one it holds."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        marketplace = MARKETPLACE_IDS[item.marketplace]
        texts = {"item_name": item.title, "brand": item.brand, "color": item.colour, "size": item.size}
        codes = {"model_number": item.model_number, "part_number": item.part_number}
        values = [(name, {"language_tag": "en_US", "value": value}) for name, value in _present(texts).items()]
        values += [(name, {"value": value}) for name, value in _present(codes).items()]
        values += [(_ASSIGNED, {"type": kind.lower(), "value": code}) for kind, code in identifiers_of(item)]
        for name, value in values:
            found.setdefault(name, []).append({**value, "marketplace_id": marketplace})
    return found


def _images(item: Item) -> dict[str, Any]:
    links = {"MAIN": f"https://images.example.com/{item.asin}.jpg"}
    if crc32(item.asin.encode()) % 3 == 0:
        links["PT01"] = f"https://images.example.com/{item.asin}-1.jpg"
        links["SWCH"] = f"https://images.example.com/{item.asin}-swatch.jpg"
    return {"images": [{"variant": name, "link": link, "height": 1500, "width": 1500} for name, link in links.items()]}


def _classifications(item: Item) -> dict[str, Any]:
    browse_id, browse_name = browse_class(item)
    parent = {"displayName": "Boots", "classificationId": "9100000"}
    return {"classifications": [{"displayName": browse_name, "classificationId": browse_id, "parent": parent}]}


def _sales_ranks(item: Item) -> dict[str, Any]:
    browse_id, browse_name = browse_class(item)
    link = f"http://www.amazon.com/gp/bestsellers/shoes/{browse_id}"
    rank = 1 + crc32(item.asin.encode()) % 90_000
    ranks = [{"classificationId": browse_id, "title": browse_name, "link": link, "rank": rank}]
    return {"classificationRanks": ranks}


def _dimensions(_item: Item) -> dict[str, Any]:
    sides = {"height": 5.1, "length": 13.4, "width": 11.8}
    package: dict[str, Any] = {name: {"unit": "inches", "value": value} for name, value in sides.items()}
    return {"package": {**package, "weight": {"unit": "pounds", "value": 3.4}}}


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


_BUILT: Mapping[str, Callable[[Item], dict[str, Any]]] = {
    "classifications": _classifications,
    "dimensions": _dimensions,
    "identifiers": _identifiers,
    "images": _images,
    "productTypes": lambda item: {"productType": "BOOT" if item.size or item.classification == PARENT else "ACCESSORY"},
    "salesRanks": _sales_ranks,
    "summaries": _summary,
}
