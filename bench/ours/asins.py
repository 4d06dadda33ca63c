"""The boots that the sandbox's marketplace lists, as a bench needs them, and how Plytix stands against them.

    asins.py fill LISTED NEW FILE     write an export of so many listings (.json) or a report of them (.txt), and put all but
                                      the last NEW of them into Plytix
    asins.py listings LISTED NEW PART publish them as a partition of `amazon/listings`, as Amazon's catalogue completes them
    asins.py check LISTED NEW         products and links that are missing, there twice, or wrong

A process of its own, so that the whole truth does not count as memory of the runner. Listings go style by style, a parent
with its children; where a style would be one too many, the last of its children are left out. The first style is left
out, for an older script has been at it. What is in Plytix before the sync has its family and its links, made behind the
API's back over the last hundred days.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sync_pipelines.pipelines.amazon_plytix import files, intake
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.settings import data_dir
from sync_pipelines.warehouse.snapshots import Warehouse
from vendor_sandbox.boots import FIRST_STYLE, Boots, Item, export_json, listings_report

FAMILY, LISTINGS, HIERARCHY = "8 - Amazon", "Amazon Listings", "Amazon Hierarchy"
FOUND = ("gtin", "sku", "model_size")
STATUS = {"Active": "active", "Inactive": "inactive"}
DAYS = 100


def control(path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    address = f"{os.environ['PLYTIX_BASE_URL'].partition('/plytix/')[0]}/_sandbox{path}"
    with urllib.request.urlopen(urllib.request.Request(address, data), timeout=900) as reply:
        return json.loads(reply.read())


@cache
def boots() -> Boots:
    told = control("/")
    return Boots(told["seed"], {"small": 300, "large": 100_000}.get(told["scale"]) or int(told["scale"]))


def listed(number: int, new: int) -> list[Item]:
    """So many listings of the US, the new ones last, both in whole styles but for the last one of each."""
    styles = iter([boots().of_style(style) for style in boots().styles if style != FIRST_STYLE])
    return [*_whole(styles, number - new), *_whole(styles, new)]


def _whole(styles: Iterator[Sequence[Item]], number: int) -> list[Item]:
    found: list[Item] = []
    while len(found) < number:
        found += next(styles)
    return found[:number]


def sku(asin: str) -> str:
    return f"AMZN-US-{asin}"


def canonical(items: Sequence[Item]) -> dict[str, str]:
    """ASIN → the product it is a listing of, where that can be known: one clue, and one listing of that product."""
    several = Counter(item.expected for item in items if item.why in FOUND)
    return {i.asin: str(i.expected) for i in items if i.why in FOUND and several[i.expected] == 1}


def attributes(item: Item, product: str | None) -> dict[str, Any]:
    """What the Amazon product should hold, but for the day."""
    values = {
        "amazon_asin": item.asin,
        "amazon_parent_asin": item.parent_asin,
        "amazon_sku": item.part_number,
        "amazon_upc": item.upc,
        "amazon_ean": item.ean,
        "amazon_title": item.title,
        "amazon_size": item.size,
        "amazon_color": item.colour,
        "amazon_variation_theme": item.theme,
        "amazon_marketplace": "US",
        "amazon_canonical_sku": product,
        "amazon_is_primary": False,
    }
    return {name: value for name, value in values.items() if value is not None}


def links(items: Sequence[Item]) -> dict[tuple[str, str], set[str]]:
    """SKUs that each product should be linked to, by relationship."""
    found: dict[tuple[str, str], set[str]] = {}
    for asin, product in canonical(items).items():
        found.setdefault((LISTINGS, product), set()).add(sku(asin))
    for item in items:
        if item.parent_asin:
            found.setdefault((HIERARCHY, sku(item.parent_asin)), set()).add(sku(item.asin))
    return found


def fill(number: int, new: int, file: str) -> dict[str, int]:
    items = listed(number, new)
    Path(file).write_bytes(listings_report(items) if file.endswith(".txt") else export_json(items, "everything"))
    there, products = items[: number - new], canonical(items)
    began = datetime.now(UTC) - timedelta(days=DAYS)
    add = [
        {
            "sku": sku(item.asin),
            "label": item.title,
            "family": FAMILY,
            "created": (began + timedelta(days=DAYS * place / len(there))).isoformat(timespec="microseconds"),
            "attributes": {**attributes(item, products.get(item.asin)), "amazon_last_synced": "2026-01-15"},
        }
        for place, item in enumerate(there)
    ]
    before, after = links(there), links(items)
    link = [{"relationship": name, "from": source, "to": sorted(skus)} for (name, source), skus in before.items()]
    if there:
        control("/plytix/state", {"add": add, "link": link})
    return {
        "listed": len(items),
        "there": len(there),
        "parents": sum(i.why == "parent" for i in items[len(there) :]),
        "new links": sum(map(len, after.values())) - sum(map(len, before.values())),
        "new sources": sum(not targets <= before.get(of, set()) for of, targets in after.items()),
        "matched and new": sum(item.asin in products for item in items[len(there) :]),
    }


def publish(number: int, new: int, part: str) -> dict[str, int]:
    rows = [
        Listing(
            i.asin,
            i.marketplace,
            i.seller_sku or i.part_number,
            i.title,
            STATUS.get(i.status, "unknown"),
            i.parent_asin,
            i.upc,
            i.ean,
            i.gtin,
            i.size,
            i.colour,
            i.theme,
            i.brand,
            i.classification,
            i.model_number,
            line,
        )
        for line, i in enumerate(listed(number, new), start=2)
    ]
    dropped = files.Dropped(Path(f"{part}.txt"), "listings_report", "0", "")
    intake.publish_listings(Warehouse(data_dir() / "warehouse"), intake.ReadFile(dropped, rows), part)
    return {"listed": len(rows)}


def _of_first_style() -> set[str]:
    """SKUs of products, and of Amazon products, that an older script has been at."""
    listings = {sku(item.asin) for item in boots().of_style(FIRST_STYLE)}
    return listings | {product.sku for product in boots().products if product.style == FIRST_STYLE}


def check(number: int, new: int) -> dict[str, int]:
    """Products and links against what they should be. `wrong`: another family or value; a product or a link that should not be.

    Of a product that links start from and that is not there, every link is missing, too.
    """
    items, document = listed(number, new), control("/plytix/state")
    products, wanted = canonical(items), links(items)
    came = Counter(each["sku"] for each in document["products"].values())
    held = {each["sku"]: each for each in document["products"].values()}
    asked = {sku(item.asin) for item in items}
    of_name = {name: each["label"] for name, each in document["relationships"].items()}
    doubled = sum(n - 1 for n in came.values()) + sum(n - 1 for n in document["creates"].values())
    missing = sum(len(skus) for (_, source), skus in wanted.items() if source not in held)
    wrong = 0
    for item in items:
        product = held.get(sku(item.asin))
        if product is None:
            missing += 1
            continue
        values = {k: v for k, v in product["attributes"].items() if k != "amazon_last_synced"}
        right = values == attributes(item, products.get(item.asin)) and "amazon_last_synced" in product["attributes"]
        wrong += product["family"] != FAMILY or product["label"] != item.title or not right
    others = {name.upper() for name in _of_first_style()}
    for product in held.values():
        if product["sku"].upper() not in others:
            wrong += product["sku"].startswith("AMZN-") and product["sku"] not in asked
            for name in (LISTINGS, HIERARCHY):
                linked, should = set(product["links"].get(of_name[name], ())), wanted.get((name, product["sku"]), set())
                missing += len(should - linked)
                wrong += len(linked - should)
    for boot in boots().products:
        product = held.get(boot.sku)
        wrong += product is None or (product["label"], product["gtin"]) != (boot.label, boot.gtin)
    return {"doubled": doubled, "missing": missing, "wrong": wrong, **document["counts"]}


if __name__ == "__main__":
    verbs: dict[str, Callable[..., dict[str, int]]] = {"fill": fill, "listings": publish, "check": check}
    verb, number, new, *more = sys.argv[1:]
    print(json.dumps(verbs[verb](int(number), int(new), *more)))
