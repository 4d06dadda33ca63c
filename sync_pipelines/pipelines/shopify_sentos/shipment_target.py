"""Shipments of the shop's orders as a delivery target: one record per order, tracking number and place it is sent from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    CannotGoOn,
    Change,
    Field,
    Fields,
    Intent,
    Live,
    Refused,
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.shopify_sentos.user_errors import listed, user_errors
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.shopify import Shopify, whole_reply
from sync_pipelines.vendors.shopify_units import LINES, TooManyParts, whole_order

BY_ID = 25
"""Orders with their shipments that are asked for in one call; of 25, the cost is well below the most a call may cost."""
PARTS = 20
"""Parts of each of them that come with that call."""
GID = "gid://shopify/Order/"
NOT_TAKEN_BACK = "that a parcel was delivered is not taken back"


@dataclass(frozen=True)
class Part:
    """Lines of an order that are to be sent from one place. lines: (line's id, SKU, pieces left)."""

    fulfillment_order: str
    location: str
    may_be_sent: bool
    lines: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Shipment:
    """A parcel that is under way, or arrived."""

    id: str
    location: str
    numbers: tuple[str, ...]
    company: str
    delivered: bool
    pieces: Mapping[str, int]


@dataclass(frozen=True)
class Shipping:
    """One order: what was sent of it, and what is to be."""

    name: str
    cancelled: bool
    parts: tuple[Part, ...]
    shipments: tuple[Shipment, ...]


def key_of(order: str, numbers: Sequence[str], location: str = "") -> str:
    """The key of a shipment. location: only where the order is sent from several places."""
    at = f"@{location.rpartition('/')[2]}" if location else ""
    return f"{order}/{'+'.join(quote(number, safe='') for number in numbers)}{at}"


def order_of(key: str) -> str:
    """The key of the order that a shipment is of."""
    return key.partition("/")[0]


def numbers_of(key: str) -> list[str]:
    """The tracking numbers in the key of a shipment."""
    return [unquote(number) for number in key.partition("/")[2].partition("@")[0].split("+")]


def _numbers(value: Any) -> list[str]:
    return sorted(map(str, value or ()))


class Shipments(Target):
    """Shipments of one shop. Fields: `numbers` (tracking), `company`, `url`, `pieces` by SKU, `delivered`."""

    name = "shopify/shipments"
    window: ClassVar[int | None] = BY_ID
    fields: Mapping[str, Field] = {
        "numbers": Field(same=_numbers, rule="numbers"),
        "delivered": Field(),
        "company": Field("create_only"),
        "url": Field("create_only"),
        "pieces": Field("create_only"),
        "order": Field("create_only"),
    }

    def __init__(self, client: Shopify, account: str, lands: timedelta, *, notify: bool) -> None:
        self.client, self.account, self.notify = client, account, notify
        self.orders: dict[str, Shipping] = {}
        """Orders as they were read last, by key."""
        self.too_long: set[str] = set()
        """Orders of which not all can be read, by key: they are for a person."""
        self.steps = (
            Step("ship", lands, frozenset({"numbers", "delivered"}), frozenset({"create"}), atomic=True),
            Step("delivered", lands, frozenset({"delivered"}), frozenset({"update"})),
            Step("cancel", lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )

    def look(self, orders: Iterable[str]) -> None:
        """Read these orders, by key, as they are now."""
        left = list(dict.fromkeys(orders))
        for start in range(0, len(left), BY_ID):
            part = left[start : start + BY_ID]
            what, ids = f"what was sent of {len(part)} orders", [GID + key.removeprefix("shopify-") for key in part]
            variables = {"ids": ids, "fulfillmentOrders": PARTS, "lines": LINES}
            data = self.client.call(documents.ORDER_SHIPMENTS, variables, what=what)
            with whole_reply(what):
                for key, node in zip(part, data["nodes"], strict=True):
                    self.orders.pop(key, None)
                    if node:
                        self._look_at(key, node)

    def _look_at(self, key: str, node: dict[str, Any]) -> None:
        try:
            self.orders[key] = _shipping(whole_order(self.client, node, documents.ORDER_SHIPMENTS))
        except TooManyParts:
            self.too_long.add(key)

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        if keys is not None:
            with as_delivery_failures():
                self.look(order_of(key) for key in keys)
        for key in keys or ():
            found = self.shipment(key)
            if found is not None:
                fields: Fields = {"numbers": list(found.numbers), "company": found.company, "delivered": found.delivered}
                yield Live(key, fields, "", found.id)

    def shipment(self, key: str) -> Shipment | None:
        """The parcel under a key, as its order was read last."""
        location = key.partition("@")[2]
        there = self.orders.get(order_of(key))
        for each in there.shipments if there else ():
            at_place = not location or each.location.endswith(f"/{location}")
            if at_place and set(numbers_of(key)) & set(each.numbers):
                return each
        return None

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        for change in changes:
            yield [change]

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        try:
            with as_delivery_failures():
                return {change.key: self._send(step, change)}
        except Transient as e:
            return {change.key: Unclear(str(e))}
        except Permanent as e:
            raise CannotGoOn(str(e)) from e

    def _send(self, step: Step, change: Change) -> Answer:
        if step.name == "ship":
            return self._ship(change)
        if not change.remote_id:
            return Stale("the shipment is not in the shop any more")
        if step.name == "delivered":
            event = {"fulfillmentId": change.remote_id, "status": "DELIVERED"}
            payload = self.client.change(documents.SAY_DELIVERED, {"event": event}, what=f"{change.key} delivered")
        else:
            payload = self.client.change(documents.CANCEL_SHIPMENT, {"id": change.remote_id}, what=f"cancelling {change.key}")
        errors = user_errors(payload)
        return Refused(listed(errors)) if errors else Applied(change.remote_id)

    def _ship(self, change: Change) -> Answer:
        after = change.after or {}
        there = self.orders.get(order_of(change.key))
        if there is None or there.cancelled:
            return Stale("the order was cancelled or deleted in the shop")
        parts = [part for part in there.parts if part.may_be_sent and _is_at(part, change.key)]
        lines = taken(parts, after["pieces"])
        if not lines:
            return Stale("somebody has sent these pieces meanwhile")
        tracking: dict[str, Any] = {"company": after["company"], "numbers": after["numbers"]}
        if after.get("url"):
            tracking["urls"] = [after["url"]] * len(after["numbers"])
        fulfillment = {
            "notifyCustomer": self.notify,
            "trackingInfo": tracking,
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": part, "fulfillmentOrderLineItems": [{"id": line, "quantity": n} for line, n in several]}
                for part, several in lines.items()
            ],
        }
        payload = self.client.change(documents.SHIP, {"fulfillment": fulfillment}, what=f"shipment {change.key}")
        if errors := user_errors(payload):
            text = listed(errors)
            return Stale(text) if "unfulfillable status" in text else Refused(text)
        return Applied(payload["fulfillment"]["id"])

    def reverse(self, change: Change) -> Change | str:
        return NOT_TAKEN_BACK if change.action == "update" else super().reverse(change)


def _is_at(part: Part, key: str) -> bool:
    location = key.partition("@")[2]
    return not location or part.location.endswith(f"/{location}")


def taken(parts: Sequence[Part], pieces: Mapping[str, int]) -> dict[str, list[tuple[str, int]]]:
    """Which lines of which parts are sent, for so many pieces of each SKU: no more than is left of each."""
    left = dict(pieces)
    found: dict[str, list[tuple[str, int]]] = {}
    for part in parts:
        for line, sku, remaining in part.lines:
            n = min(remaining, left.get(sku, 0))
            if n > 0:
                left[sku] -= n
                found.setdefault(part.fulfillment_order, []).append((line, n))
    return found


def _shipping(node: Mapping[str, Any]) -> Shipping:
    parts, shipments = [], []
    for each in node["fulfillmentOrders"]["nodes"]:
        if each["status"] in ("CLOSED", "CANCELLED"):
            continue
        lines = tuple((n["id"], (n["sku"] or "").strip(), int(n["remainingQuantity"])) for n in each["lineItems"]["nodes"])
        actions = {action["action"] for action in each["supportedActions"]}
        location = (each["assignedLocation"]["location"] or {}).get("id", "")
        parts.append(Part(each["id"], location, "CREATE_FULFILLMENT" in actions, lines))
    for each in node["fulfillments"]:
        if each["status"] == "SUCCESS":
            tracking = [info for info in each["trackingInfo"] if info.get("number")]
            numbers = tuple(str(info["number"]) for info in tracking)
            company = str(tracking[0].get("company") or "") if tracking else ""
            at = (each["location"] or {}).get("id", "")
            pieces: Counter[str] = Counter()
            for line in each["fulfillmentLineItems"]["nodes"]:
                pieces[(line["lineItem"]["sku"] or "").strip()] += int(line["quantity"])
            shipments.append(Shipment(each["id"], at, numbers, company, each["displayStatus"] == "DELIVERED", pieces))
    return Shipping(node["name"], node["cancelledAt"] is not None, tuple(parts), tuple(shipments))
