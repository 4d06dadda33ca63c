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
from sync_pipelines.vendors.paging import NewIds
from sync_pipelines.vendors.shopify import Shopify, whole_reply

BY_ID = 50
"""Orders that are asked for in one call."""
LINES, MOST_PARTS = 50, 50
"""Lines of each part of an order that come with the order; parts that an order may have at most."""
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


class TooManyParts(Permanent):
    """An order that is sent in more parts than can be read."""


def units_of(client: Shopify, ids: Iterable[str]) -> Iterator[Units]:
    """These orders, as far as they are there still. Raises VendorError."""
    left = list(dict.fromkeys(ids))
    for start in range(0, len(left), BY_ID):
        part, what = left[start : start + BY_ID], f"what is to be sent of {len(left[start : start + BY_ID])} orders"
        data = client.call(documents.ORDER_UNITS, {"ids": part, "fulfillmentOrders": 10, "lines": LINES}, what=what)
        with whole_reply(what):
            for node in filter(None, data["nodes"]):
                yield _units(whole_order(client, node, documents.ORDER_UNITS))


def whole_order(client: Shopify, node: dict[str, Any], document: str) -> dict[str, Any]:
    """Return an order with all its parts and lines; those that did not fit into the call are asked for by themselves.

    node: an order as `document` (ORDER_UNITS, ORDER_SHIPMENTS) gave it. Raises TooManyParts and other VendorErrors.
    """
    if node["fulfillmentOrders"]["pageInfo"]["hasNextPage"]:
        what = f"what is to be sent of {node['name']}"
        variables = {"ids": [node["id"]], "fulfillmentOrders": MOST_PARTS, "lines": LINES}
        (node,) = client.call(document, variables, what=what)["nodes"]
        if node["fulfillmentOrders"]["pageInfo"]["hasNextPage"]:
            raise TooManyParts(f"shopify: {node['name']} is sent in more than {MOST_PARTS} parts, which cannot be read")
    for each in node["fulfillmentOrders"]["nodes"]:
        _complete(client, each["id"], each["lineItems"], documents.LINES_TO_SEND, ("fulfillmentOrder", "lineItems"))
    for each in node["fulfillments"]:
        _complete(client, each["id"], each["fulfillmentLineItems"], documents.LINES_SENT, ("fulfillment", "fulfillmentLineItems"))
    return node


def _complete(client: Shopify, gid: str, connection: dict[str, Any], document: str, path: tuple[str, str]) -> None:
    """Add the nodes of the further pages to those of the first."""
    page, seen = connection["pageInfo"], NewIds(f"shopify: lines of {gid}")
    while page["hasNextPage"]:
        seen.page([page["endCursor"]])
        data = client.call(document, {"id": gid, "after": page["endCursor"]}, what=f"more lines of {gid}")
        more = data[path[0]][path[1]]
        connection["nodes"] += more["nodes"]
        page = more["pageInfo"]


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
