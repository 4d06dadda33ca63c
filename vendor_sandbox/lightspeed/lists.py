"""Lists that are paged by version (https://x-series-api.lightspeedhq.com/docs/pagination), and single rows."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from vendor_sandbox import exact_json
from vendor_sandbox.lightspeed import family_shown, products_shown, sales_shown, small_shown
from vendor_sandbox.lightspeed.api import ApiCall, Show, json_text
from vendor_sandbox.lightspeed.store import Row
from vendor_sandbox.wire import Refused, Reply


@dataclass(frozen=True)
class Listed:
    """A list: which collection, how a row is shown, and since which versions `deleted` brings deleted rows too."""

    collection: str
    show: Show
    deleted: str = "never"
    """In `all` versions, in the `dated` ones, `never`; or `always`, because there is no such parameter and all rows come."""


def _product(call: ApiCall, row: Row) -> dict[str, Any]:
    return family_shown.product(call, row) if call.version.families else products_shown.product(call, row)


LISTS: Mapping[str, Listed] = {
    "products": Listed("products", _product, "all"),
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
    "payment_types": Listed("payment_types", small_shown.payment_type, "dated"),
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
    without_version = _without_version(listed.show)

    def handler(call: ApiCall) -> Reply:
        deleted = shows_deleted(call, listed.deleted)
        after = call.number("after", 0)
        rows = (row for row in call.store[listed.collection].after(after) if deleted or not row["deleted_at"])
        page, envelope = page_of(call, _filtered(call, name, rows), after)
        bare = call.version.dated and name in call.settings.without_row_version
        shown = ",".join(call.shown(without_version if bare else listed.show, row) for row in page)
        if name == "consignments" and _is_array(call):
            return json_text(f"[{shown}]")
        more = {} if name in call.settings.without_envelope else dict(envelope)
        if name == "products" and call.version.families:
            wanted = [value for key, value in call.request.pairs if key == "includes[]"]
            more |= {"includes": family_shown.included(call, page, wanted)} if wanted else {}
        return json_text(
            "".join([f'{{"data":[{shown}]', *(f',"{key}":{exact_json.dumps(value)}' for key, value in more.items()), "}"])
        )

    return handler


def _without_version(show: Show) -> Show:
    return lambda call, row: {key: value for key, value in show(call, row).items() if key != "version"}


def one(name: str) -> Callable[[ApiCall, str], Reply]:
    """Return the handler of a single row."""
    listed = LISTS[name]

    def handler(call: ApiCall, row_id: str) -> Reply:
        row = call.row(listed.collection, row_id)
        return json_text(f'{{"data":{call.shown(listed.show, row)}}}')

    return handler


def page_of(call: ApiCall, rows: Iterable[Row], after: int) -> tuple[list[Row], Mapping[str, Any]]:
    """Return the next rows, and the member `version` of the reply.

    Rows that share a version come on one page, or they would be lost: a page ends before them instead, or is too long.
    """
    settings, before = call.settings, call.number("before", 0)
    size = max(1, min(call.number("page_size", settings.default_size), settings.max_size))
    if before:
        rows = itertools.takewhile(lambda row: row["version"] < before + (settings.before == "inclusive"), rows)
    remaining = iter(rows)
    found = list(itertools.islice(remaining, size + 1))
    if is_short(call, found):
        size = min(size, len(found) * 3 // 4)
    page, following = found[:size], found[size]["version"] if len(found) > size else None
    if following is not None and page[-1]["version"] == following:
        page = [row for row in page if row["version"] != following]
        if not page:
            rest = itertools.chain(found, remaining)
            page = list(itertools.takewhile(lambda row: row["version"] == following, rest))
    if not page:
        return page, _empty_version(call, after)
    highest = page[-1]["version"]
    if settings.max_ahead:
        highest = max(highest, min(highest + 2, (following or call.store.version + 1) - 1))
    return page, {"version": {"min": page[0]["version"], "max": highest}}


def is_short(call: ApiCall, rows: Sequence[Row]) -> bool:
    """Whether a page that begins with these rows has fewer than asked for: one in three does."""
    return call.settings.short_pages and len(rows) > 3 and crc32(str(rows[0]["version"]).encode()) % 3 == 0


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
    if name != "consignments":
        return rows
    wanted = {member: value for member in ("type", "status", "outlet_id") if (value := call.parameter(member))}
    return (row for row in rows if all(row[member] == value for member, value in wanted.items()))


def _is_array(call: ApiCall) -> bool:
    return call.settings.consignments_as == "array" or (call.settings.consignments_as == "version" and not call.version.dated)


_PRODUCTS = version_list("products")


def list_products(call: ApiCall) -> Reply:
    """List products; `sku`, `name` and `family_name` ignore every other parameter."""
    sku, name = call.parameter("sku"), call.parameter("name") or call.parameter("family_name")
    if sku is None and name is None:
        return _PRODUCTS(call)
    if sku is not None:
        rows = [row for row in call.store.with_code(sku) if not row["deleted_at"]]
    else:
        rows = [row for row in call.store["products"].after() if not row["deleted_at"] and row["name"] == name]
    if not rows and sku is not None and call.settings.sku_misses:
        rows = list(itertools.islice((row for row in call.store["products"].after() if not row["deleted_at"]), 1))
    versions = [row["version"] for row in rows]
    shown = ",".join(call.shown(_product, row) for row in rows)
    version = {"min": min(versions, default=0), "max": max(versions, default=0)}
    return json_text(f'{{"data":[{shown}],"version":{exact_json.dumps(version)}}}')


def get_sale(call: ApiCall, sale_id: str) -> Reply:
    """Return a sale; 2.0 knows only some of those that are closed this way."""
    row = call.row("sales", sale_id)
    if not call.version.dated and row["status"] not in ("CLOSED", "ONACCOUNT_CLOSED", "LAYBY_CLOSED"):
        raise Refused(404, f"There is no closed sale {sale_id}")
    return json_text(f'{{"data":{call.shown(sales_shown.sale, row)}}}')


def variant_attributes(call: ApiCall) -> Reply:
    """List all attributes, without pages."""
    deleted = shows_deleted(call, "all")
    rows = (row for row in call.store["variant_attributes"].own.values() if deleted or not row["deleted_at"])
    return Reply.json(200, {"data": [small_shown.variant_attribute(call, each) for each in rows]})


def variant_attribute(call: ApiCall, attribute_id: str) -> Reply:
    return Reply.json(200, {"data": small_shown.variant_attribute(call, call.row("variant_attributes", attribute_id))})


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


def get_family(call: ApiCall, family_id: str) -> Reply:
    members = call.store.family(family_id)
    if not members or not call.version.families:
        raise Refused(404, f"There is no family {family_id}")
    includes = family_shown.included(call, members, ("categories", "tags", "variant_attributes"))
    return Reply.json(200, {"data": family_shown.family(call, members), "includes": includes})


def family_of(call: ApiCall, product_id: str) -> Reply:
    return get_family(call, call.row("products", product_id)["family_id"])


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
