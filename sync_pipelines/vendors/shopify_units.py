"""What of orders is still to be sent and what was sent, from where: by the orders' ids, so that nothing lags.

Fulfilment orders that are not closed hold what is to be sent (a cancelled fulfilment opens a new one beside the closed one);
https://shopify.dev/docs/api/admin-graphql/2026-10/objects/FulfillmentOrder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Permanent
from sync_pipelines.vendors.shopify import Shopify, whole_reply

BY_ID = 50
"""Orders that are asked for in one call."""
DONE = frozenset({"CLOSED", "CANCELLED"})
"""Fulfilment orders of which nothing will be sent any more."""

Place = tuple[str, str]
"""An inventory item at a location, by their global ids."""


@dataclass(frozen=True)
class Units:
    """One order as it is now. open: pieces to be sent; shipped: pieces that were, by when."""

    id: str
    name: str
    cancelled: bool
    open: Mapping[Place, int]
    shipped: Mapping[tuple[Place, datetime], int]


def units_of(client: Shopify, ids: Iterable[str]) -> Iterator[Units]:
    """These orders, as far as they are there still. Raises VendorError."""
    left = list(dict.fromkeys(ids))
    for start in range(0, len(left), BY_ID):
        part, what = left[start : start + BY_ID], f"what is to be sent of {len(left[start : start + BY_ID])} orders"
        data = client.call(documents.ORDER_UNITS, {"ids": part, "fulfillmentOrders": 10, "lines": 50}, what=what)
        with whole_reply(what):
            for node in filter(None, data["nodes"]):
                yield _units(node if _whole(node) else _alone(client, node["id"]))


def _alone(client: Shopify, order_id: str) -> Mapping[str, Any]:
    """An order of many lines, by itself."""
    what = f"what is to be sent of {order_id}"
    data = client.call(documents.ORDER_UNITS, {"ids": [order_id], "fulfillmentOrders": 50, "lines": 250}, what=what)
    (node,) = data["nodes"]
    if not _whole(node):
        raise Permanent(f"shopify: {node['name']} has more parts to send than can be read")
    found: Mapping[str, Any] = node
    return found


def _whole(node: Mapping[str, Any]) -> bool:
    connections = [node["fulfillmentOrders"]]
    connections += [each["lineItems"] for each in node["fulfillmentOrders"]["nodes"]]
    connections += [each["fulfillmentLineItems"] for each in node["fulfillments"]]
    return not any(connection["pageInfo"]["hasNextPage"] for connection in connections)


def _units(node: Mapping[str, Any]) -> Units:
    left: Counter[Place] = Counter()
    for each in node["fulfillmentOrders"]["nodes"]:
        if each["status"] not in DONE:
            location = (each["assignedLocation"]["location"] or {}).get("id", "")
            for line in each["lineItems"]["nodes"]:
                if line["inventoryItemId"]:
                    left[line["inventoryItemId"], location] += int(line["remainingQuantity"])
    sent: Counter[tuple[Place, datetime]] = Counter()
    for each in node["fulfillments"]:
        if each["status"] == "SUCCESS":
            location, at = (each["location"] or {}).get("id", ""), datetime.fromisoformat(each["createdAt"])
            for line in each["fulfillmentLineItems"]["nodes"]:
                variant = line["lineItem"]["variant"]
                if variant:
                    sent[(variant["inventoryItem"]["id"], location), at] += int(line["quantity"])
    return Units(node["id"], node["name"], node["cancelledAt"] is not None, left, sent)
