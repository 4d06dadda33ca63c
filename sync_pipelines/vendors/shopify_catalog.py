"""A shop's catalogue: every variant with its product and its stock at each location, in pages or by a bulk export.

Sources of the rules: https://shopify.dev/docs/api/admin-graphql/2026-10/objects/ProductVariant, …/InventoryLevel, and
…/usage/bulk-operations/queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sync_pipelines import exact_json
from sync_pipelines.number_text import read_number
from sync_pipelines.progress import tell
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Transient
from sync_pipelines.vendors.paging import NewIds
from sync_pipelines.vendors.shopify import Export, Shopify, whole_reply

PAGE = 100
"""Variants a page. A page of 250 of them costs hardly more points, but takes the shop a multiple of the time."""
BY_ID = 100
"""Variants, products or items that are asked for by id in one call; the most is 250."""


FEW = 20
"""Products whose pictures are asked for in one call."""


@dataclass(frozen=True)
class Level:
    """Stock of a variant at one location, read together: what can be sold, and what is sold and not sent."""

    available: int
    committed: int


@dataclass(frozen=True)
class Variant:
    """A variant as the shop has it. Ids are global ones. options: value by the option's name, in the product's order.

    levels: by the id of the location, where it is stocked.
    """

    id: str
    item_id: str
    sku: str
    barcode: str
    price: Decimal | None
    compare_at: Decimal | None
    tracked: bool
    options: Mapping[str, str]
    levels: Mapping[str, Level]
    product: Product
    read_at: datetime


@dataclass(frozen=True)
class Product:
    """What variants share. `description` is HTML."""

    id: str
    title: str
    handle: str
    status: str
    vendor: str
    type: str
    description: str
    tags: Sequence[str] = ()
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Location:
    id: str
    name: str
    active: bool
    fulfils_online: bool


@dataclass(frozen=True)
class Pictures:
    """The pictures of a product: codes of those that could not be fetched, and how many are still to be."""

    failed: Sequence[str]
    waiting: int


def locations(client: Shopify) -> list[Location]:
    """The shop's active locations, by name."""
    what = "the shop's locations"
    data = client.call(documents.LOCATIONS, {}, what=what)
    with whole_reply(what):
        return [
            Location(n["id"], n["name"], bool(n["isActive"]), bool(n["fulfillsOnlineOrders"])) for n in data["locations"]["nodes"]
        ]


def count(client: Shopify) -> int:
    """How many variants the shop has, by its own count."""
    what = "how many variants there are"
    data = client.call(documents.VARIANTS_COUNT, {}, what=what)
    with whole_reply(what):
        return int(data["productVariantsCount"]["count"])


def paged(client: Shopify) -> Iterator[Variant]:
    """Every variant, page by page."""
    after: str | None = None
    seen = NewIds("shopify: variants")
    read = 0
    while True:
        began, what = datetime.now(UTC), f"variants after {read}"
        data = client.call(documents.CATALOG, {"first": PAGE, "after": after}, what=what)
        with whole_reply(what):
            page = data["productVariants"]
            found = [_variant(client, node, began) for node in page["nodes"]]
            more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        yield from found
        read += len(found)
        tell("reading the shop's catalogue", read, unit="variants")
        if not more:
            return
        seen.page(variant.id for variant in found)


def by_id(client: Shopify, ids: Iterable[str]) -> Iterator[Variant]:
    """These variants, as far as they are there still."""
    left = list(dict.fromkeys(ids))
    for start in range(0, len(left), BY_ID):
        part, began = left[start : start + BY_ID], datetime.now(UTC)
        what = f"{len(part)} variants"
        data = client.call(documents.VARIANTS, {"ids": part}, what=what)
        with whole_reply(what):
            yield from [_variant(client, node, began) for node in data["nodes"] if node]


def exported(lines: Iterable[bytes], export: Export) -> list[Variant]:
    """The variants of a bulk export of `documents.CATALOG_EXPORT`. Raises Transient where it is not the whole of it.

    A level names its parent by the variant or by its inventory item: which, is not documented.
    """
    products: dict[str, dict[str, Any]] = {}
    variants: dict[str, dict[str, Any]] = {}
    items: dict[str, str] = {}
    levels: dict[str, list[dict[str, Any]]] = {}
    objects = 0
    with whole_reply("the exported catalogue"):
        for line in lines:
            if not line:
                continue
            objects += 1
            found = exact_json.read(line.decode())
            kind = found["id"].partition("gid://shopify/")[2].partition("/")[0]
            if kind == "Product":
                products[found["id"]] = found
            elif kind == "ProductVariant":
                variants[found["id"]] = found
                items[found["inventoryItem"]["id"]] = found["id"]
            else:
                levels.setdefault(found["__parentId"], []).append(found)
        if objects != export.objects:
            raise Transient(f"shopify: bulk export {export.id} has {export.objects} objects; {objects} arrived")
        of_variant: dict[str, list[dict[str, Any]]] = {}
        for parent, several in levels.items():
            of_variant.setdefault(items.get(parent, parent), []).extend(several)
        shared = {product_id: _product(product) for product_id, product in products.items()}
        return [
            _with_levels(v, shared[v["__parentId"]], of_variant.get(v["id"], []), export.created_at) for v in variants.values()
        ]


def _variant(client: Shopify, node: Mapping[str, Any], read_at: datetime) -> Variant:
    connection = node["inventoryItem"]["inventoryLevels"]
    levels = list(connection["nodes"])
    while connection["pageInfo"]["hasNextPage"]:
        what = f"the stock of {node['id']} at more locations"
        variables = {"id": node["inventoryItem"]["id"], "after": connection["pageInfo"]["endCursor"]}
        item = client.call(documents.MORE_LEVELS, variables, what=what)["inventoryItem"]
        connection = item["inventoryLevels"]
        levels += connection["nodes"]
    return _with_levels(node, _product(node["product"]), levels, read_at)


def _with_levels(node: Mapping[str, Any], product: Product, levels: Sequence[Mapping[str, Any]], read_at: datetime) -> Variant:
    return Variant(
        node["id"],
        node["inventoryItem"]["id"],
        (node["sku"] or "").strip(),
        (node["barcode"] or "").strip(),
        _money(node["price"]),
        _money(node["compareAtPrice"]),
        bool(node["inventoryItem"]["tracked"]),
        {option["name"]: option["value"] for option in node["selectedOptions"]},
        {level["location"]["id"]: _level(level) for level in levels},
        product,
        read_at,
    )


def _product(node: Mapping[str, Any]) -> Product:
    return Product(
        node["id"],
        node["title"],
        node["handle"],
        node["status"],
        node["vendor"] or "",
        node["productType"] or "",
        node["descriptionHtml"] or "",
        tuple(node["tags"]),
        tuple(option["name"] for option in sorted(node["options"], key=lambda o: o["position"])),
    )


def _level(level: Mapping[str, Any]) -> Level:
    pieces = {quantity["name"]: int(quantity["quantity"]) for quantity in level["quantities"]}
    return Level(pieces["available"], pieces["committed"])


def _money(text: str | None) -> Decimal | None:
    return None if text is None else read_number(text, ".")


def variants_of(client: Shopify, product_id: str) -> list[str]:
    """Ids of all variants of a product."""
    found: list[str] = []
    after: str | None = None
    while True:
        what = f"variants of {product_id}"
        data = client.call(documents.VARIANTS_OF, {"id": product_id, "after": after}, what=what)
        if data["product"] is None:
            return found
        with whole_reply(what):
            page = data["product"]["variants"]
            found += [node["id"] for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]


def pictures(client: Shopify, ids: Iterable[str]) -> dict[str, Pictures]:
    """What became of the first pictures of these products, as far as they are there still."""
    left, found = list(dict.fromkeys(ids)), dict[str, Pictures]()
    for start in range(0, len(left), FEW):
        what = f"pictures of {len(left[start : start + FEW])} products"
        data = client.call(documents.PICTURES, {"ids": left[start : start + FEW]}, what=what)
        with whole_reply(what):
            for node in filter(None, data["nodes"]):
                media = node["media"]["nodes"]
                failed = [error["code"] for each in media if each["status"] == "FAILED" for error in each["mediaErrors"]]
                waiting = sum(each["status"] in ("PROCESSING", "UPLOADED") for each in media)
                found[node["id"]] = Pictures(failed, waiting)
    return found


def media_of(client: Shopify, product_id: str) -> set[str]:
    """Return the ids of what a product has: pictures, films, models. None of a product that is not there."""
    data = client.call(documents.MEDIA_OF, {"id": product_id}, what=f"media of {product_id}")
    with whole_reply("media"):
        return {node["id"] for node in data["product"]["media"]["nodes"]} if data["product"] else set()
