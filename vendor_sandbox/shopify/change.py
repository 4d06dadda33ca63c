"""The shop's truth as a document, and the changes a test may make to it behind the API's back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from vendor_sandbox.shopify import goods_change, goods_state, ids
from vendor_sandbox.shopify.buying import bought
from vendor_sandbox.shopify.edits import Order, cancelled, merged, refunded, taken_out
from vendor_sandbox.shopify.fulfilment_words import FULFILMENT_WORDS, fulfilment_changes
from vendor_sandbox.shopify.goods import Goods
from vendor_sandbox.shopify.instants import instant, shown
from vendor_sandbox.shopify.jobs import ENDINGS, Ending
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.shipping import settled
from vendor_sandbox.shopify.store import Draft, Store
from vendor_sandbox.values import (
    BadChange,
    array,
    checked,
    flag,
    known_members,
    mapping,
    one_of,
    or_null,
    text,
    whole,
    with_changes,
)

_MEMBERS = (
    *("load", "settings", "add", "arrive", "set", "cancel", "refund", "edit", *FULFILMENT_WORDS, "delete"),
    *("next_bulk", "foreign_bulk", "revoke_tokens"),
    *("buy", *goods_change.MEMBERS),
)
_DOCUMENT = (
    *("orders", "deleted", "next_index", "settings", "queries", "bulk_started", "token_leaks", "tokens"),
    *goods_state.MEMBERS,
)
_REASONS = ("CUSTOMER", "DECLINED", "FRAUD", "INVENTORY", "OTHER", "STAFF")


@dataclass
class Changed:
    """What a change asks for, checked as a whole before any of it is applied."""

    settings: Settings
    draft: Draft
    loaded: Mapping[str, Any] | None = None
    endings: list[Ending] = field(default_factory=list)
    foreign_bulk: int | None = None
    revoke_tokens: bool = False
    added: list[str] = field(default_factory=list)
    bought: list[dict[str, str]] = field(default_factory=list)
    """Id and name of each order that somebody bought."""


def with_floats(body: Any) -> Any:
    """Turn the exact numbers of a JSON body into those that an order holds: rates are floats, amounts are text anyway."""
    if isinstance(body, dict):
        return {name: with_floats(value) for name, value in body.items()}
    if isinstance(body, list):
        return [with_floats(value) for value in body]
    return float(body) if isinstance(body, Decimal) else body


def read_settings(body: object, settings: Settings) -> Settings:
    """Return the settings after a change; those of `load` are applied first. Raises BadChange."""
    change = known_members(body, _MEMBERS, "the change")
    if "load" in change:
        document = known_members(change["load"], _DOCUMENT, "load")
        settings = with_changes(Settings(), document.get("settings", {}))
    return with_changes(settings, change.get("settings", {}))


def read_change(body: Any, store: Store, goods: Goods, settings: Settings, now: int) -> Changed:
    """Read what a change asks of the orders in a store, which must have loaded its state already. Raises BadChange.

    Members are applied in the order add, arrive, buy, set, cancel, refund, edit, split, hold, release_hold, fulfil, delete.
    """
    draft = Draft(store)
    changed = Changed(settings, draft)
    for each in array(body.get("add", []), "add"):
        fields = checked(mapping, each, "add")
        at = checked(instant, fields.get("createdAt", shown(now)), "add: createdAt")
        index, fresh = draft.new_order(at)
        _put(draft, changed, index, _merged(fresh, fields, "add"))
    for _ in range(checked(whole(0), body.get("arrive", 0), "arrive")):
        _put(draft, changed, *draft.new_order(now))
    for each in array(body.get("buy", []), "buy"):
        fields = dict(checked(mapping, each, "buy"))
        lines = fields.pop("lines", None)
        index, fresh = draft.new_order(now)
        order = _merged(bought(fresh, lines, goods), fields, "buy")
        draft.put(index, order)
        changed.bought.append({"id": order["id"], "name": order["name"]})
    for reference, fields in checked(mapping, body.get("set", {}), "set").items():
        index, order = _known(draft, store, reference)
        where = f"set.{reference}"
        draft.put(index, _merged({**order, "updatedAt": shown(now)}, checked(mapping, fields, where), where))
    for reference in array(body.get("cancel", []), "cancel"):
        wanted = reference if isinstance(reference, dict) else {"order": reference}
        wanted = known_members(wanted, ("order", "reason", "restock"), "cancel")
        index, order = _known(draft, store, wanted.get("order"))
        reason = checked(one_of(*_REASONS), wanted.get("reason", "CUSTOMER"), "cancel: reason")
        restocked = {} if checked(flag, wanted.get("restock", True), "cancel: restock") else {"restocked": False}
        draft.put(index, settled({**cancelled(order, now, reason), **restocked}, None, shown(now)))
    for each in array(body.get("refund", []), "refund"):
        wanted = known_members(each, ("order", "lines", "note"), "refund")
        index, order = _known(draft, store, wanted.get("order"))
        lines = _quantities(order, checked(mapping, wanted.get("lines", {"0": 1}), "refund: lines"))
        note = checked(or_null(text), wanted.get("note"), "refund: note")
        draft.put(index, settled(refunded(order, now, lines, note), None, shown(now)))
    for each in array(body.get("edit", []), "edit"):
        wanted = known_members(each, ("order", "lines"), "edit")
        index, order = _known(draft, store, wanted.get("order"))
        lines = _quantities(order, checked(mapping, wanted.get("lines", {"0": 1}), "edit: lines"))
        draft.put(index, settled(taken_out(order, now, lines), None, shown(now)))
    for word in FULFILMENT_WORDS:
        for reference, change in fulfilment_changes(word, body[word], shown(now)) if word in body else ():
            index, order = _known(draft, store, reference)
            draft.put(index, change(order))
    for reference in array(body.get("delete", []), "delete"):
        draft.put(_known(draft, store, reference)[0], None)
    if "next_bulk" in body:
        changed.endings.append(_ending(body["next_bulk"]))
    if "foreign_bulk" in body:
        changed.foreign_bulk = checked(whole(0, 50), body["foreign_bulk"], "foreign_bulk")
    changed.revoke_tokens = bool(checked(flag, body.get("revoke_tokens", False), "revoke_tokens"))
    return changed


def document_of(store: Store) -> dict[str, Any]:
    """Return what differs from the seed: changed and added orders in full, and the ids of deleted ones."""
    return {
        "orders": [order for order in store.own.values() if order is not None],
        "deleted": [ids.order_gid(index) for index, order in store.own.items() if order is None],
        "next_index": store.next_index,
    }


def loaded_orders(document: Mapping[str, Any], size: int) -> tuple[dict[int, Order | None], int]:
    """Return the orders of a saved state by index, and the next free index. Raises BadChange."""
    own: dict[int, Order | None] = {}
    for order in array(document.get("orders", []), "load.orders"):
        own[_index_in(checked(mapping, order, "load.orders").get("id"))] = order
    for reference in array(document.get("deleted", []), "load.deleted"):
        own[_index_in(reference)] = None
    least = max([size, *(index + 1 for index in own)])
    return own, checked(whole(least), document.get("next_index", least), "load.next_index")


def _index_in(text_: object) -> int:
    found = ids.read_gid(str(text_))
    if found is None or found[0] != "Order" or found[1] < ids.FIRST_ORDER:
        raise BadChange(f"load: {text_!r} is not the id of an order")
    return found[1] - ids.FIRST_ORDER


def _put(draft: Draft, changed: Changed, index: int, order: Order) -> None:
    draft.put(index, order)
    changed.added.append(order["id"])


def _merged(order: Order, fields: Mapping[str, Any], where: str) -> Order:
    unknown = fields.keys() - order.keys()
    if unknown:
        raise BadChange(f"unknown member {min(unknown)!r} in {where}; known: {', '.join(order)}")
    for name in ("createdAt", "updatedAt", "processedAt"):
        if name in fields:
            checked(instant, fields[name], f"{where}: {name}")
    try:
        found: Order = merged(order, fields)
    except (ValueError, IndexError, KeyError) as error:
        raise BadChange(f"{where}: an array is changed by whole numbers that name positions: {error}") from error
    return {**found, **{name: shown(instant(found[name])) for name in ("createdAt", "updatedAt", "processedAt")}}


def _known(draft: Draft, store: Store, reference: object) -> tuple[int, Order]:
    index = store.index_of(reference)
    order = None if index is None else draft.order(index)
    if index is None or order is None:
        raise BadChange(f"there is no order {reference!r}")
    return index, order


def _quantities(order: Order, lines: Mapping[str, Any]) -> dict[int, int]:
    found = {}
    for position, quantity in lines.items():
        if not position.isdecimal() or int(position) >= len(order["lineItems"]):
            raise BadChange(f"refund: lines: {order['name']} has no line at position {position!r}")
        most = order["lineItems"][int(position)]["refundableQuantity"]
        found[int(position)] = checked(whole(0, most), quantity, f"refund: lines: {position}")
    return found


def _ending(value: object) -> Ending:
    wanted = known_members(value, ("status", "errorCode", "after_objects"), "next_bulk")
    status = checked(one_of(*ENDINGS), wanted.get("status", "COMPLETED"), "next_bulk: status")
    code = checked(or_null(text), wanted.get("errorCode"), "next_bulk: errorCode")
    if status == "FAILED" and code is None:
        code = "INTERNAL_SERVER_ERROR"
    return Ending(status, code, checked(or_null(whole(0)), wanted.get("after_objects"), "next_bulk: after_objects"))
