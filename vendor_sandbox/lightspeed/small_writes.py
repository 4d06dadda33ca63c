"""Writes of suppliers, brands, tags, categories and variant attributes. No two of them answer in the same shape."""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.lightspeed import small_shown
from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.rows import new_row
from vendor_sandbox.lightspeed.store import stamp
from vendor_sandbox.lightspeed.writing import body_of, free_name, items, live, needed, number, object_of, referenced, text, texts
from vendor_sandbox.wire import Refused, Reply

Fields = Callable[[ApiCall, str | None], dict[str, Any]]
"""Reads the fields of a row from the body of a call; the id is that of the row that is updated."""


def create(collection: str, fields: Fields) -> Callable[[ApiCall], Reply]:
    """Return a handler that makes a row and answers its id, and no more."""

    def handler(call: ApiCall) -> Reply:
        return Reply.json(200, {"data": _put(call, collection, None, fields(call, None))})

    return handler


def update(collection: str, fields: Fields, shown: Callable[[ApiCall, str], Any]) -> Callable[[ApiCall, str], Reply]:
    def handler(call: ApiCall, row_id: str) -> Reply:
        live(call, collection, row_id)
        return Reply.json(200, shown(call, _put(call, collection, row_id, fields(call, row_id))))

    return handler


def delete(collection: str, wrapped: Callable[[ApiCall, dict[str, str]], Any]) -> Callable[[ApiCall, str], Reply]:
    """Return a handler that deletes a row. Its products are parted from it later, by a job."""

    def handler(call: ApiCall, row_id: str) -> Reply:
        row = live(call, collection, row_id)
        call.store.put(collection, {**row, "deleted_at": stamp()})
        job = call.store.later(call.settings.job_seconds, collection, row_id)
        return Reply.json(200, wrapped(call, {"id": row_id, "job_id": job}))

    return handler


def _put(call: ApiCall, collection: str, row_id: str | None, fields: Mapping[str, Any]) -> str:
    row = new_row(collection, call.store.new_id(collection), fields) if row_id is None else call.store[collection][row_id]
    return str(call.store.put(collection, {**row, **fields})["id"])


def supplier(call: ApiCall, row_id: str | None) -> dict[str, Any]:
    body = body_of(call)
    name = needed(body, "name")
    known = call.store["suppliers"][row_id]["contact"] or {} if row_id else {}
    contact = object_of(body.get("contact") or {})
    return {
        "name": free_name(call, "suppliers", name, row_id),
        **({"description": text(body, "description")} if "description" in body else {}),
        **({"default_markup": number(body, "default_markup")} if "default_markup" in body else {}),
        "contact": {**dict.fromkeys(small_shown.CONTACT), "company_name": name, **known, **contact},
    }


def brand(call: ApiCall, row_id: str | None) -> dict[str, Any]:
    body = body_of(call)
    described = {"description": text(body, "description")} if "description" in body else {}
    return {"name": free_name(call, "brands", needed(body, "name"), row_id), **described}


def tag(call: ApiCall, row_id: str | None) -> dict[str, Any]:
    return {"name": free_name(call, "tags", needed(body_of(call), "name"), row_id)}


def updated_tag(call: ApiCall, tag_id: str) -> Any:
    """Answer the tag from the date versions on, its id before."""
    return {"data": dict(call.store["tags"][tag_id]) if call.version.dated else tag_id}


def deleted_brand(call: ApiCall, deleted: dict[str, str]) -> Any:
    return {"payload": {"data": deleted}} if call.settings.brand_delete == "payload" else {"data": deleted}


# Variant attributes


def create_attribute(call: ApiCall) -> Reply:
    name = free_name(call, "variant_attributes", needed(body_of(call), "name"))
    made = call.store["variant_attributes"][_put(call, "variant_attributes", None, {"name": name})]
    return Reply.json(201, {"data": {each: made[each] for each in ("id", "name", "created_at", "updated_at")}})


def update_attribute(call: ApiCall, attribute_id: str) -> Reply:
    live(call, "variant_attributes", attribute_id)
    name = free_name(call, "variant_attributes", needed(body_of(call), "name"), attribute_id)
    _put(call, "variant_attributes", attribute_id, {"name": name, "updated_at": stamp()})
    return Reply.json(200, {"data": {"id": attribute_id, "name": name}})


def delete_attribute(call: ApiCall, attribute_id: str) -> Reply:
    """Delete an attribute. Raises Refused (422) while a product has it."""
    row = live(call, "variant_attributes", attribute_id)
    products = (each for each in call.store["products"].own.values() if not each["deleted_at"])
    if any(option["attribute_id"] == attribute_id for product in products for option in product["options"]):
        raise Refused(422, "The attribute is used by a product")
    call.store.put("variant_attributes", {**row, "deleted_at": stamp()})
    return Reply.json(200, {"data": {"id": attribute_id}})


# Categories


def write_categories(call: ApiCall) -> Reply:
    """Make and rename categories. Ids of the payload tie those that are made to each other; parents come first."""
    rows: list[tuple[dict[str, Any], str | None]] = []
    tied: dict[str, str] = {}
    for entry in items(body_of(call), "categories"):
        name, above = needed(entry, "name"), entry.get("payload_parent_category_id")
        if above is not None and above not in tied:
            raise Refused(422, f"payload_parent_category_id is not known: {above}")
        parent = tied[above] if above else referenced(call, "categories", entry.get("parent_category_id"), "parent_category_id")
        if "id" in entry:
            row = {**live(call, "categories", entry["id"]), "name": name}
        else:
            row = new_row("categories", call.store.new_id("categories"), {"name": name, "parent_id": parent})
        payload_id = text(entry, "payload_id")
        if payload_id:
            tied[payload_id] = row["id"]
        rows.append((row, payload_id))
    for row, _ in rows:
        call.store.put("categories", row)
    shown = [
        {
            "id": row["id"],
            "name": row["name"],
            **({"payload_id": payload_id} if payload_id else {}),
            **({"parent_category_id": row["parent_id"]} if row["parent_id"] else {}),
        }
        for row, payload_id in rows
    ]
    return Reply.json(200, {"data": shown})


def delete_categories(call: ApiCall) -> Reply:
    """Delete categories with those below them. Their products move to the parent later, or to none."""
    store, deleted = call.store, []
    wanted = [str(live(call, "categories", each)["id"]) for each in texts(body_of(call), "category_ids")]
    for category_id in wanted:
        gone = [category_id]
        for each in gone:
            gone += [row["id"] for row in store["categories"].own.values() if row["parent_id"] == each and not row["deleted_at"]]
        for each in gone:
            store.put("categories", {**store["categories"][each], "deleted_at": stamp()})
            job = store.later(call.settings.job_seconds, "categories", each)
        deleted.append({"ids": gone, "job_id": job})
    return Reply.json(200, {"data": {"categories": deleted}})
