"""What a query costs, and the bucket it is paid from: https://shopify.dev/docs/api/usage/limits.

The formula is the one recovered from recorded replies; the vendor publishes only its outline.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify.plan import Selected

_FREE = {"MoneyBag", "MoneyV2", "MailingAddress", "ShopAddress", "LocationAddress", "PageInfo"}
_MUTATION = 10
_DEARER_MUTATIONS = {"fulfillmentTrackingInfoUpdate": 50}
_ROOT_COUNT = 10
_CONNECTION = 2


def page_factor(size: int) -> int:
    """Return the factor by which a page of this size multiplies the cost of one node."""
    return max(1, math.floor(2 * math.log(size))) if size > 0 else 1


class Prices:
    """What an operation costs at most, and what it did cost once its data is known."""

    def __init__(self, roots: Sequence[Selected]) -> None:
        self._roots = roots
        self._known: dict[Selected, int] = {}
        self.requested = sum(self._root(root) for root in roots)

    def actual(self, data: Mapping[str, Any] | None) -> int:
        """Return the cost for the share of nodes that came back; never more than the requested cost."""
        if data is None:
            return 0
        spent = sum(
            float(self._written(root, data.get(root.key))) if root.parent == "Mutation" else self._spent(root, data.get(root.key))
            for root in self._roots
        )
        return min(math.floor(spent + 0.5), self.requested)

    def _root(self, root: Selected) -> int:
        if root.parent == "Mutation":
            root_cost = _DEARER_MUTATIONS.get(root.name, _MUTATION)
            return root_cost + _surcharge(root) + sum(self._below(each) for each in root.children)
        return self._cost(root)

    def _written(self, root: Selected, payload: Any) -> int:
        """Return the cost of a mutation by now: one that ended in errors costs no more than its root."""
        failed = payload is None or any(payload[each.key] for each in root.child("userErrors"))
        return _DEARER_MUTATIONS.get(root.name, _MUTATION) if failed else self._root(root)

    def _cost(self, field: Selected) -> int:
        if not field.below or field.type_name in _FREE:
            return 0
        if field.is_connection:
            return _CONNECTION + page_factor(_page(field)) * sum(1 + self._below(node) for node in _nodes(field))
        if field.type_name == "Count":
            return _ROOT_COUNT if field.parent == "QueryRoot" else 1
        return 1 + self._below(field)

    def _below(self, field: Selected) -> int:
        """Return the cost of what is selected under a field; of the dearest type where several are possible."""
        if field not in self._known:
            costs = (sum(map(self._cost, selections)) for selections in field.below.values())
            self._known[field] = max(costs, default=0)
        return self._known[field]

    def _spent(self, field: Selected, value: Any) -> float:
        if value is None or not field.below or field.type_name in _FREE:
            return 0.0
        if field.is_connection:
            spent = sum(self._spent_on(node, value[node.key]) for node in field.child("nodes"))
            for edges in field.child("edges"):
                for node in edges.child("node"):
                    spent += self._spent_on(node, [edge[node.key] for edge in value[edges.key]])
            return _CONNECTION + spent * page_factor(_page(field)) / _page(field)
        if field.type_name == "Count":
            return float(self._cost(field))
        if isinstance(value, list):
            return 1 + max(self._spent_below(field, each) for each in value) if value else 0.0
        return 1 + self._spent_below(field, value)

    def _spent_on(self, node: Selected, values: Sequence[Any]) -> float:
        return len(values) + (sum(self._spent_below(node, value) for value in values) if self._below(node) else 0.0)

    def _spent_below(self, field: Selected, value: Any) -> float:
        if value is None or not self._below(field):
            return 0.0
        return sum(self._spent(each, value.get(each.key)) for each in field.children if each.below)


def _surcharge(root: Selected) -> int:
    """Return what the input of a mutation adds to its cost."""
    inputs = [root.arguments, root.arguments.get("input") or {}]
    variants = [each for held in inputs for each in held.get("variants") or []]
    files = [each for held in inputs for each in held.get("files") or []]
    with_file = sum(1 for each in variants if each.get("file"))
    return round(0.2 * len(variants) + 1.9 * len(files) + 0.6 * with_file)


def _page(field: Selected) -> int:
    size = field.arguments.get("first") or field.arguments.get("last") or 1
    return size if isinstance(size, int) and size > 0 else 1


def _nodes(connection: Selected) -> list[Selected]:
    return connection.child("nodes") + [node for edges in connection.child("edges") for node in edges.child("node")]


def paid_cost(requested: int, actual: int | None, bucket: "CostBucket") -> dict[str, Any]:
    """Return `extensions.cost` of a reply."""
    return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": bucket.status()}


def refused_cost(requested: int, bucket: "CostBucket") -> dict[str, Any]:
    """Return `extensions.cost` of a throttled reply: the bucket looks too empty, even when a fault throttled the call."""
    cost = paid_cost(requested, None, bucket)
    status = cost["throttleStatus"]
    left = min(status["currentlyAvailable"], max(0, requested - 1))
    return {**cost, "throttleStatus": {**status, "currentlyAvailable": left}}


class CostBucket:
    """A leaky bucket of points, refilled on the clock given."""

    def __init__(self, clock: Clock, per_second: float, size: int) -> None:
        self._clock, self._per_second, self._size = clock, per_second, size
        self._level = float(size)
        self._filled_at = clock.now()
        self._lock = threading.Lock()

    def take(self, points: float) -> bool:
        """Take the points and return True; take nothing and return False when there are fewer."""
        with self._lock:
            self._refill()
            if self._level < points:
                return False
            self._level -= points
            return True

    def give_back(self, points: float) -> None:
        with self._lock:
            self._refill()
            self._level = min(self._size, self._level + points)

    def status(self) -> dict[str, Any]:
        """Return the bucket as `throttleStatus` shows it."""
        with self._lock:
            self._refill()
            rate = self._per_second
            return {
                "maximumAvailable": self._size,
                "currentlyAvailable": math.floor(self._level),
                "restoreRate": int(rate) if rate == int(rate) else rate,
            }

    def _refill(self) -> None:
        now = self._clock.now()
        self._level = min(self._size, self._level + (now - self._filled_at) * self._per_second)
        self._filled_at = now
