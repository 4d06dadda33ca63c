"""Categories, in a list with a cursor of its own."""

from typing import Any

from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.products_shown import path_of
from vendor_sandbox.wire import Refused, Reply

_DEFAULT_SIZE = 1000


def list_categories(call: ApiCall) -> Reply:
    """List the categories by full path; `after` is the id of the last one seen."""
    live = [row for row in call.store["categories"].own.values() if not row["deleted_at"]]
    parents = {row["parent_id"] for row in live}
    paths = {row["id"]: path_of(call.store, row["id"]) for row in live}
    parent = call.parameter("parent")
    rows = [row for row in live if parent is None or (row["parent_id"] or "none") == parent]
    rows.sort(key=lambda row: [part["name"] for part in paths[row["id"]]])
    start = 0
    if after := call.parameter("after"):
        start = next((place + 1 for place, row in enumerate(rows) if row["id"] == after), 0)
        if not start:
            raise Refused(404, f"There is no category {after}")
    size = max(1, call.number("page_size", _DEFAULT_SIZE))
    shown = [
        {
            "id": row["id"],
            "name": row["name"],
            "root_category_id": paths[row["id"]][0]["id"],
            "parent_category_id": row["parent_id"],
            "leaf_category": row["id"] not in parents,
            "category_path": [{"id": part["id"], "name": part["name"]} for part in paths[row["id"]]],
        }
        for row in rows[start : start + size]
    ]
    info = {"has_next": start + size < len(rows), "last_seen": shown[-1]["id"] if shown else ""}
    data: dict[str, Any] = {"categories": shown}
    if call.settings.categories_at == "data.data.categories":
        return Reply.json(200, {"data": {"data": data, "page_info": info}})
    return Reply.json(200, {"data": data, "page_info": info})
