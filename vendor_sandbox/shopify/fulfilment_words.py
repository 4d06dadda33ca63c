"""What a test lets people do to fulfilments in the shop's admin: `split`, `hold`, `release_hold`, `fulfil`."""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.fulfilling import FulfilmentOrder, fulfilment_orders
from vendor_sandbox.shopify.holding import held, released, split
from vendor_sandbox.shopify.places import LOCATIONS, location_number
from vendor_sandbox.shopify.shipping import Refusal, shipped
from vendor_sandbox.shopify.tracking import tracking_info
from vendor_sandbox.values import BadChange, checked, known_members, mapping, one_of, or_null, text, texts, whole

FULFILMENT_WORDS = ("split", "hold", "release_hold", "fulfil")
"""The words, in the order in which they are applied."""

_REASONS = (
    *("AWAITING_PAYMENT", "AWAITING_RETURN_ITEMS", "HIGH_RISK_OF_FRAUD", "INCORRECT_ADDRESS", "INVENTORY_OUT_OF_STOCK"),
    *("ONLINE_STORE_POST_PURCHASE_CROSS_SELL", "OTHER", "UNKNOWN_DELIVERY_DATE"),
)
_TRACKING = {"company": text, "number": text, "numbers": texts, "url": text, "urls": texts}

Change = Callable[[Order], Order]


def fulfilment_changes(word: str, value: object, at: str) -> list[tuple[object, Change]]:
    """Return what a word asks for: references to orders, each with the function that changes that order. Raises BadChange."""
    if word == "split":
        wanted = checked(mapping, value, word)
        return [(order, _splitting(checked(mapping, lines, f"split.{order}"), at)) for order, lines in wanted.items()]
    if not isinstance(value, list):
        raise BadChange(f"{word} must be an array")
    members, changing = _LISTED[word]
    found = []
    for each in value:
        wanted = known_members(each if isinstance(each, dict) else {"order": each}, ("order", *members), word)
        found.append((wanted.get("order"), changing(wanted, at)))
    return found


def _splitting(lines: Mapping[str, Any], at: str) -> Change:
    def change(order: Order) -> Order:
        locations = {}
        for position, reference in lines.items():
            location = location_number(reference)
            if location is None:
                raise BadChange(f"split: there is no location {reference!r}; known: {', '.join(map(str, LOCATIONS))}")
            locations[_line_at(order, position, "split")["id"]] = location
        return split(order, locations, at)

    return change


def _holding(wanted: Mapping[str, Any], at: str) -> Change:
    reason = checked(one_of(*_REASONS), wanted.get("reason", "OTHER"), "hold: reason")
    hold = {"reason": reason, "reasonNotes": checked(or_null(text), wanted.get("notes"), "hold: notes"), "handle": "admin"}

    def change(order: Order) -> Order:
        for part in _parts(order, "hold", "OPEN", "IN_PROGRESS"):
            order = held(order, part.id, hold, (), at)[0]
        return order

    return change


def _releasing(_wanted: Mapping[str, Any], at: str) -> Change:
    def change(order: Order) -> Order:
        for part in _parts(order, "release_hold", "ON_HOLD"):
            order = released(order, part.id, at)
        return order

    return change


def _fulfilling(wanted: Mapping[str, Any], at: str) -> Change:
    given = known_members(wanted.get("tracking", {}), tuple(_TRACKING), "fulfil: tracking")
    tracking = tracking_info(
        {name: checked(_TRACKING[name], value, f"fulfil: tracking: {name}") for name, value in given.items()}
    )

    def change(order: Order) -> Order:
        left: dict[str, int] | None = None
        if "lines" in wanted:
            lines = checked(mapping, wanted["lines"], "fulfil: lines")
            left = {_line_at(order, each, "fulfil")["id"]: checked(whole(1), units, "fulfil") for each, units in lines.items()}
        by_location: dict[int, dict[str, list[tuple[str, int]]]] = {}
        for part in _parts(order, "fulfil", "OPEN", "IN_PROGRESS"):
            for line in part.lines:
                units = line.remaining if left is None else min(line.remaining, left.get(line.line, 0))
                if units:
                    by_location.setdefault(part.location, {}).setdefault(part.id, []).append((line.id, units))
                if left and line.line in left:
                    left[line.line] -= units
        if left and any(left.values()):
            raise BadChange(f"fulfil: lines: {order['name']} has fewer units to be sent")
        for parts in by_location.values():
            try:
                order = shipped(order, parts, tracking, at)
            except Refusal as refusal:
                raise BadChange(f"fulfil: {order['name']}: {refusal}") from refusal
        return order

    return change


_LISTED: Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any], str], Change]]] = {
    "hold": (("reason", "notes"), _holding),
    "release_hold": ((), _releasing),
    "fulfil": (("lines", "tracking"), _fulfilling),
}


def _parts(order: Order, word: str, *statuses: str) -> list[FulfilmentOrder]:
    found = [each for each in fulfilment_orders(order) if each.status(order) in statuses]
    if not found:
        raise BadChange(f"{word}: {order['name']} has no fulfilment order that is {' or '.join(statuses)}")
    return found


def _line_at(order: Order, position: str, word: str) -> Mapping[str, Any]:
    if not position.isdecimal() or int(position) >= len(order["lineItems"]):
        raise BadChange(f"{word}: {order['name']} has no line at position {position!r}")
    line: Mapping[str, Any] = order["lineItems"][int(position)]
    return line
