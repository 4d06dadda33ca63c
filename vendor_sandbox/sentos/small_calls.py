"""Warehouses, platforms, categories and sales channels."""

from collections.abc import Sequence
from typing import Any

from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.problems import INVALID, Problem, invalid
from vendor_sandbox.wire import Reply


def list_warehouses(call: ApiCall) -> Reply:
    return Reply.json(200, call.store.lists["warehouses"])


def list_platforms(call: ApiCall) -> Reply:
    """Answer the shops by platform; `[]` when there are none."""
    return Reply.json(200, call.store.lists["platforms"] or [])


def list_categories(call: ApiCall) -> Reply:
    return Reply.json(200, _below(0, call.store.lists["categories"]))


def _below(parent: int, categories: Sequence[Record]) -> list[dict[str, Any]]:
    return [{**each, "sub_categories": _below(each["id"], categories)} for each in categories if each["parent_id"] == parent]


def create_category(call: ApiCall) -> Reply:
    body = call.body()
    name, parent = _name(body), body.get("parent_id") or 0
    if parent and parent not in [each["id"] for each in call.store.lists["categories"]]:
        raise invalid("parent_id", "The selected parent_id is invalid.")
    category = {"id": call.store.new_id("category"), "name": name, "parent_id": parent}
    _append(call, "categories", category)
    return Reply.json(201, {"category": {**category, "sub_categories": []}})


def list_channels(call: ApiCall) -> Reply:
    """Answer the sales channels in the wrapping that the setting `channels_as` names."""
    channels, member = call.store.lists["channels"], call.settings.channels_as
    return Reply.json(200, channels if member == "array" else {member: channels})


def create_channel(call: ApiCall) -> Reply:
    body = call.body()
    channel = {
        "id": call.store.new_id("channel"),
        "name": _name(body),
        **{name: body.get(name, "") for name in ("url", "payment_method", "order_prefix", "note")},
    }
    _append(call, "channels", channel)
    short = {"id": channel["id"]}
    return Reply.json(201, {"saleschannel": short} if call.settings.ids_at == "nested" else short)


def _append(call: ApiCall, name: str, record: Record) -> None:
    call.store.put_list(name, [*call.store.lists[name], record])


def _name(body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise Problem(422, INVALID, {"name": ["The name field is required."]})
    return name
