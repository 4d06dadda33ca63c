"""Lists that are paged by version (https://x-series-api.lightspeedhq.com/docs/pagination), and single rows."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.lightspeed import products_shown, sales_shown, small_shown
from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.small_shown import Show
from vendor_sandbox.lightspeed.store import Row
from vendor_sandbox.wire import Refused, Reply


@dataclass(frozen=True)
class Listed:
    """A list: which collection, how a row is shown, and since which versions `deleted` brings deleted rows too."""

    collection: str
    show: Show
    deleted: str = "never"
    """In `all` versions, in the `dated` ones, `never`; or `always`, because there is no such parameter and all rows come."""


LISTS: Mapping[str, Listed] = {
    "products": Listed("products", products_shown.product, "all"),
    "suppliers": Listed("suppliers", small_shown.supplier, "dated"),
    "brands": Listed("brands", small_shown.as_it_is, "dated"),
    "tags": Listed("tags", small_shown.as_it_is, "all"),
    "product_types": Listed("categories", small_shown.product_type, "dated"),
    "consignments": Listed("consignments", small_shown.as_it_is, "always"),
    "sales": Listed("sales", sales_shown.sale, "always"),
    "outlets": Listed("outlets", small_shown.as_it_is, "all"),
    "registers": Listed("registers", small_shown.as_it_is, "all"),
    "taxes": Listed("taxes", small_shown.as_it_is),
    "users": Listed("users", small_shown.as_it_is),
    "payment_types": Listed("payment_types", small_shown.as_it_is, "dated"),
    "inventory": Listed("inventory", small_shown.stock),
}


def shows_deleted(call: ApiCall, kind: str) -> bool:
    if kind == "always":
        return True
    known = kind == "all" or (kind == "dated" and call.version.dated)
    return known and (call.flag("deleted") if call.parameter("deleted") is not None else call.settings.deleted_by_default)


def version_list(name: str) -> Callable[[ApiCall], Reply]:
    """Return the handler of a list."""
    listed = LISTS[name]

    def handler(call: ApiCall) -> Reply:
        deleted = shows_deleted(call, listed.deleted)
        after = call.number("after", 0)
        rows = (row for row in call.store[listed.collection].after(after) if deleted or not row["deleted_at"])
        page, envelope = page_of(call, _filtered(call, name, rows), after)
        shown = [listed.show(call, row) for row in page]
        if call.version.dated and name in call.settings.without_row_version:
            shown = [{key: value for key, value in each.items() if key != "version"} for each in shown]
        if name == "consignments" and _bare(call):
            return Reply.json(200, shown)
        return Reply.json(200, {"data": shown, **({} if name in call.settings.without_envelope else envelope)})

    return handler


def one(name: str) -> Callable[[ApiCall, str], Reply]:
    """Return the handler of a single row."""
    listed = LISTS[name]

    def handler(call: ApiCall, row_id: str) -> Reply:
        return Reply.json(200, {"data": listed.show(call, call.row(listed.collection, row_id))})

    return handler


def page_of(call: ApiCall, rows: Iterable[Row], after: int) -> tuple[list[Row], Mapping[str, Any]]:
    """Return the next rows, and the member `version` of the reply.

    Rows that share a version come on one page, or they would be lost: a page ends before them instead.
    """
    settings, before = call.settings, call.number("before", 0)
    size = max(1, min(call.number("page_size", settings.default_size), settings.max_size))
    if before:
        rows = itertools.takewhile(lambda row: row["version"] < before + (settings.before == "inclusive"), rows)
    found = list(itertools.islice(rows, size + 1))
    if settings.short_pages and len(found) > 3 and found[0]["version"] % 3 == 0:
        size = min(size, len(found) * 3 // 4)
    page, following = found[:size], found[size]["version"] if len(found) > size else None
    if following is not None and page[-1]["version"] == following:
        page = [row for row in page if row["version"] != following] or page
    if not page:
        return page, _empty_version(call, after)
    highest = page[-1]["version"]
    if settings.max_ahead:
        highest = min(highest + 2, (following or call.store.version + 1) - 1)
    return page, {"version": {"min": page[0]["version"], "max": max(highest, page[-1]["version"])}}


def _empty_version(call: ApiCall, after: int) -> Mapping[str, Any]:
    if not call.version.dated:
        return {"version": {"min": 0, "max": 0}}
    match call.settings.empty_version:
        case "none":
            return {}
        case "after":
            return {"version": {"min": after, "max": after}}
    return {"version": {"min": None, "max": None}}


def _filtered(call: ApiCall, name: str, rows: Iterable[Row]) -> Iterable[Row]:
    if name == "consignments":
        for member in ("type", "status", "outlet_id"):
            if wanted := call.parameter(member):
                rows = [row for row in rows if row[member] == wanted]
    return rows


def _bare(call: ApiCall) -> bool:
    return call.settings.consignments_as == "never" or (call.settings.consignments_as == "version" and not call.version.dated)


def list_products(call: ApiCall) -> Reply:
    """List products; `sku`, `name` and `family_name` ignore every other parameter (sheet, section 3)."""
    products = call.store["products"].rows.values()
    for name in ("sku", "name", "family_name"):
        wanted = call.parameter(name)
        if wanted is None:
            continue
        rows = [row for row in products if not row["deleted_at"] and _matches(row, name, wanted)]
        if not rows and name == "sku" and call.settings.sku_misses:
            rows = [row for row in products if not row["deleted_at"]][:1]
        shown = [products_shown.product(call, row) for row in rows]
        versions = [row["version"] for row in rows]
        return Reply.json(200, {"data": shown, "version": {"min": min(versions, default=0), "max": max(versions, default=0)}})
    return _PRODUCTS(call)


_PRODUCTS = version_list("products")


def _matches(row: Row, name: str, wanted: str) -> bool:
    if name == "sku":
        return any(each["code"].casefold() == wanted.casefold() for each in row["codes"]) or row["sku"] == wanted
    return bool(row["name"] == wanted)


def variant_attributes(call: ApiCall) -> Reply:
    """List all attributes, without pages."""
    rows = call.store["variant_attributes"].rows.values()
    deleted = shows_deleted(call, "all")
    return Reply.json(
        200, {"data": [small_shown.variant_attribute(call, each) for each in rows if deleted or not each["deleted_at"]]}
    )


def consignment_lines(call: ApiCall, consignment_id: str) -> Reply:
    call.row("consignments", consignment_id, deleted=False)
    after = call.number("after", 0)
    lines = sorted(call.store.lines.get(consignment_id, ()), key=lambda each: each["version"])
    page, envelope = page_of(call, (each for each in lines if each["version"] > after), after)
    return Reply.json(200, {"data": [line_shown(each) for each in page], **envelope})


def line_shown(line: Row) -> dict[str, Any]:
    """Show a line; its numbers are text with five places."""
    numbers = {name: None if line[name] is None else f"{line[name]:.5f}" for name in ("count", "received", "cost")}
    return {**line, **numbers}


def retailer(call: ApiCall) -> Reply:
    zone = call.settings.time_zone
    shown = {
        "id": "06bf0013-c783-11f0-8000-000000000000",
        "domain_prefix": "sandbox",
        "name": "Sandbox Store",
        "tax_exclusive": call.settings.tax_exclusive,
        "timezone": zone if call.version.dated else {"name": zone},
        "country": "NZ",
        "currency": {"code": "NZD", "symbol": "$"},
        "sku_sequence": {"enabled": True, "value": 10_000 + call.store.made["skus"]},
        "account_status": "active",
    }
    return Reply.json(200, {"data": shown})


def search(call: ApiCall) -> Reply:
    """Search products or sales by exact values, as they were some seconds ago."""
    kind = call.parameter("type")
    if kind not in ("products", "sales", "customers"):
        raise Refused(422, "type must be products, sales or customers")
    if kind == "customers":
        return Reply.json(200, {"data": []})
    offset = max(0, call.number("offset", 0))
    size = max(1, min(call.number("page_size", 50), 1000))
    wanted: dict[str, list[str]] = {}
    for name, value in call.request.pairs:
        wanted.setdefault(name, []).append(value)
    find = _FOUND[kind]
    rows = [
        row
        for row in call.found[kind].rows.values()
        if bool(row["deleted_at"]) == call.flag("deleted")
        and all(
            bool(find(row, name.lstrip("-")) & set(values)) != name.startswith("-")
            for name, values in wanted.items()
            if name.lstrip("-") in _FILTERS[kind]
        )
    ]
    return Reply.json(200, {"data": [LISTS[kind].show(call, row) for row in rows[offset : offset + size]]})


_FILTERS = {
    "products": ("sku", "supplier_id", "brand_id", "tag_id", "product_type_id", "variant_parent_id", "_id"),
    "sales": ("status", "invoice_number", "customer_id", "user_id", "outlet_id", "register_id", "product_id", "_id"),
}


def _product_values(row: Row, name: str) -> set[Any]:
    match name:
        case "sku":
            # Only small letters are found: the index holds nothing else.
            return {each["code"].lower() for each in row["codes"]}
        case "supplier_id":
            return {each["supplier_id"] for each in row["suppliers"]}
        case "tag_id":
            return set(row["tag_ids"])
        case "product_type_id":
            return {row["category_id"]}
        case "_id":
            return {row["id"]}
    return {row.get(name)}


def _sale_values(row: Row, name: str) -> set[Any]:
    if name == "product_id":
        return {line["product_id"] for line in row["lines"]}
    return {row["id"] if name == "_id" else row.get(name)}


_FOUND: Mapping[str, Callable[[Row, str], set[Any]]] = {"products": _product_values, "sales": _sale_values}


def categories(call: ApiCall) -> Reply:
    """List the categories by full path; `after` is the id of the last one seen."""
    rows = call.store["categories"].rows
    live = [each for each in rows.values() if not each["deleted_at"]]
    if parent := call.parameter("parent"):
        live = [each for each in live if (each["parent_id"] or "none") == parent]
    paths = {each["id"]: products_shown.path_of(call.store, each["id"]) for each in live}
    live.sort(key=lambda each: [part["name"] for part in paths[each["id"]]])
    after = call.parameter("after")
    places = [place for place, each in enumerate(live) if each["id"] == after]
    if after and not places:
        raise Refused(404, f"There is no category {after}")
    size = max(1, call.number("page_size", 1000))
    start = places[0] + 1 if places else 0
    page = live[start : start + size]
    parents = {each["parent_id"] for each in rows.values() if not each["deleted_at"]}
    shown = [
        {
            "id": each["id"],
            "name": each["name"],
            "root_category_id": paths[each["id"]][0]["id"],
            "parent_category_id": each["parent_id"],
            "leaf_category": each["id"] not in parents,
            "category_path": [{"id": part["id"], "name": part["name"]} for part in paths[each["id"]]],
        }
        for each in page
    ]
    info = {"has_next": start + size < len(live), "last_seen": page[-1]["id"] if page else ""}
    data: dict[str, Any] = {"categories": shown}
    if call.settings.categories_at == "data.data.categories":
        return Reply.json(200, {"data": {"data": data, "page_info": info}})
    return Reply.json(200, {"data": data, "page_info": info})
