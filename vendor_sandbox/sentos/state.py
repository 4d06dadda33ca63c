"""Sentos' truth as a document, and back."""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.sentos.calendar import read_stamp
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.orders import FIELDS, STATUSES
from vendor_sandbox.sentos.store import COUNTS, FIRST_IDS, Store, rows_of
from vendor_sandbox.values import (
    BadChange,
    Unfit,
    array,
    checked,
    counts,
    flag,
    known_members,
    mapping,
    one_of,
    or_null,
    text,
    whole,
)

LISTS = ("warehouses", "platforms", "categories", "channels")
MEMBERS = ("products", "orders", *LISTS, "creates", "counts", "last_ids")

_BLANK_PRODUCT: Mapping[str, Any] = {
    "category_id": 12,
    "sku": "",
    "name": "",
    "brand": "",
    "description": "",
    "barcode": "",
    "purchase_price": 0,
    "sale_price": 0,
    "currency": "TL",
    "vat_rate": 10,
    "volumetric_weight": 1,
    "stocks": [],
    "images": [],
    "prices": {},
    "variants": [],
}
_PRODUCT = ("id", *_BLANK_PRODUCT, "invoice_name", "description_detail")
_BLANK_VARIANT: Mapping[str, Any] = {"sku": "", "barcode": "", "color": "", "model": None, "stocks": [], "images": []}
_VARIANT = ("id", *_BLANK_VARIANT, "prices")


def document_of(store: Store) -> dict[str, Any]:
    """Return everything that a store holds, numbers as they are and not as the API spells them.

    `creates` says how often each `order_id` was made through the API.
    """
    return {
        "products": list(store.products.values()),
        "orders": list(store.orders.values()),
        **store.lists,
        "creates": dict(store.creates),
        "counts": {name: store.counts[name] for name in COUNTS},
        "last_ids": dict(store.last_ids),
    }


def loaded_store(document: Any, clock: Clock, seed: int) -> Store:
    """Load the store that a document describes. Raises BadChange."""
    loaded = known_members(document, MEMBERS, "load")
    lists = {name: read_list(name, loaded[name]) for name in LISTS if name in loaded}
    store = Store(clock, seed, lists=lists)
    for fields in sorted(array(loaded.get("products", []), "load.products"), key=_id):
        put_product(store, fields, "load.products")
    for fields in array(loaded.get("orders", []), "load.orders"):
        if _id(fields) in store.orders:
            raise BadChange(f"load.orders: the id {_id(fields)} is there twice")
        store.put_order({**FIELDS, **read_order(fields, "load.orders"), "id": _id(fields)})
    for name, counter in (("creates", store.creates), ("counts", store.counts)):
        counter.update(counts(loaded.get(name, {}), f"load.{name}"))
    store.last_ids |= counts(known_members(loaded.get("last_ids", {}), FIRST_IDS, "load.last_ids"), "load.last_ids")
    return store


def put_product(store: Store, fields: Any, where: str, held: Record | None = None) -> Record:
    """Store a new product, or the one held with these fields changed; it and its variants get ids if they have none.

    Nothing is refused that Sentos might hold: a price may be any text. Raises BadChange.
    """
    wanted = known_members(fields, _PRODUCT, where)
    product = {**(held or _BLANK_PRODUCT), **wanted}
    if held is None and "images" not in wanted and wanted.get("variants"):
        del product["images"]
    product_id = checked(whole(1), product.get("id", store.last_ids["product"] + 1), f"{where}: id")
    if held is not None and product_id != held["id"]:
        raise BadChange(f"{where}: the id of a product cannot be changed")
    if held is None and product_id <= store.last_ids["product"]:
        raise BadChange(f"{where}: id: must be greater than every id before, the last of which is {store.last_ids['product']}")
    variants = []
    for each in array(product["variants"], f"{where}: variants"):
        variant = {**_BLANK_VARIANT, **known_members(each, _VARIANT, f"{where}: variants")}
        variants.append({"id": variant.get("id") or store.new_id("variant"), **variant})
    product = {"id": product_id, **product, "variants": variants}
    for row in rows_of(product):
        for entry in array(row["stocks"], f"{where}: stocks"):
            known_members(entry, ("warehouse", "stock"), f"{where}: stocks")
    store.put_product(product)
    return product


def read_order(fields: Any, where: str) -> dict[str, Any]:
    """Check the fields of an order. Raises BadChange."""
    wanted = known_members(fields, FIELDS, where)
    if "status" in wanted:
        checked(one_of(*STATUSES), wanted["status"], f"{where}: status")
    for name in ("order_id", "order_code", "source"):
        if name in wanted:
            checked(text, wanted[name], f"{where}: {name}")
    for name in ("order_date", "created_at", "updated_at", "ship_due_date"):
        if name in wanted:
            checked(or_null(_stamp), wanted[name], f"{where}: {name}")
    if "tracking_info" in wanted:
        names = ("cargo_company", "tracking_number", "tracking_link")
        found = known_members(wanted["tracking_info"], names, f"{where}: tracking_info")
        wanted["tracking_info"] = {**dict.fromkeys(names, ""), **found}
    if "stock_taken" in wanted:
        checked(flag, wanted["stock_taken"], f"{where}: stock_taken")
    for line in array(wanted.get("lines", []), f"{where}: lines"):
        checked(mapping, line, f"{where}: lines")
    return wanted


def read_list(name: str, value: Any) -> Any:
    """Check one of the small lists: `platforms` has shops by platform, the others are arrays. Raises BadChange."""
    if name == "platforms":
        return {platform: _named(shops, f"{name}.{platform}") for platform, shops in checked(mapping, value, name).items()}
    records = _named(value, name)
    if name == "categories":
        return [{"parent_id": 0, **each} for each in records]
    return records


def _named(value: Any, where: str) -> list[Record]:
    for each in array(value, where):
        fields = checked(mapping, each, where)
        checked(whole(1), fields.get("id"), f"{where}: id")
        checked(text, fields.get("name"), f"{where}: name")
    found: list[Record] = value
    return found


def _id(fields: Any) -> int:
    found: int = checked(whole(1), checked(mapping, fields, "load").get("id"), "load: id")
    return found


def _stamp(value: object) -> str:
    if not isinstance(value, str) or read_stamp(value) is None:
        raise Unfit("must be a time such as 2026-01-05 13:10:00")
    return value
