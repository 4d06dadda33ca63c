"""What needs a person besides the rows of a plan: the one rule by which `errors` lists it, and every run counts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.shopify_sentos import as_sent, order_rows, pictures
from sync_pipelines.pipelines.shopify_sentos.matching import Pair
from sync_pipelines.pipelines.shopify_sentos.order_rows import OrderRow
from sync_pipelines.warehouse.snapshots import SnapshotUnreadable, Warehouse


def rejects_of(ledger: Ledger, warehouse: Warehouse, pairs: Callable[[], Sequence[Pair]]) -> list[dict[str, str]]:
    """Return rows of Sentos that cannot be used or matched, orders that changed after they went, and pictures that the shop could
    not fetch. Orders that cannot go are rows of the plan, which holds them. pairs: the rows of Sentos as they were last matched.

    Each has `key`, `name` (the product's title, the order's name), `state` and `reason`.
    """
    try:
        matched, orders = pairs(), list(order_rows.last_mapped(warehouse, bodies=False))
    except SnapshotUnreadable as e:
        return [_row("", "", "unreadable", str(e))]
    found = [_row(pair.key, pair.erp.title, "conflict", pair.problem) for pair in matched if pair.problem]
    found += [_row(pair.key, pair.erp.title, "rejected", pair.erp.problem) for pair in matched if pair.erp.problem]
    found += [_row(key, "", "picture", why) for key, why in pictures.failed(ledger).items()]
    changed = as_sent.changed(ledger, orders)
    return found + [_row(order.key, order.name, "changed", _why(order, parts)) for order, parts in changed]


def _row(key: str, name: str, state: str, reason: str) -> dict[str, str]:
    return {"key": key, "name": name, "state": state, "reason": reason}


def _why(order: OrderRow, parts: Sequence[str]) -> str:
    what = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    return (
        f"{what} changed in the shop after Sentos got the order: change it there, and say so: "
        f"sync-pipelines sentos settle '{order.name}'"
    )
