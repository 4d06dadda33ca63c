"""Names that products need, as a delivery target: suppliers, brands, tags, categories and attributes that the store lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sync_pipelines.delivery.model import Answer, Applied, Change, Field, Intent, Live, Stale, Step
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.sending import StoreTarget
from sync_pipelines.pipelines.lightspeed_orders.store import SMALL, Store
from sync_pipelines.vendors.failures import Reply, shaped

PATHS = {
    "suppliers": ("/suppliers", "suppliers:write"),
    "brands": ("/brands", "products:write"),
    "tags": ("/tags", "products:write"),
    "categories": ("/product_categories/bulk", "products:write"),
    "variant_attributes": ("/variant_attributes", "products:write"),
}
"""Where a row of each collection is made, and what the token needs for it."""


def key_of(kind: str, name: str) -> str:
    return f"{kind}/{name}"


class Names(StoreTarget):
    """Names in the store's small collections. Key: `brands/Kestrel`. Made; deleted only by an undo, where nothing has come to use
    them. A name that is there in other letters is that name."""

    name = "lightspeed/names"
    thing = "name"

    def __init__(self, store: Store, account: str, wanted: Sequence[str]) -> None:
        super().__init__(store, account)
        self.wanted = wanted
        self.fields: Mapping[str, Field] = {"name": Field("create_only"), "kind": Field()}
        self.steps = (
            Step("make", self.lands, frozenset(), frozenset({"create"}), atomic=True),
            Step("delete", self.lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        wanted = self.wanted if keys is None else keys
        with as_delivery_failures():
            self.store.read(*(SMALL[kind][1] for kind in {key.partition("/")[0] for key in wanted}), again=keys is not None)
        for key in wanted:
            kind, _, name = key.partition("/")
            try:
                found = self.store.lookup(kind).find(name)
            except Ambiguous as e:
                yield Live(key, {"kind": kind, "name": name}, kind, None, str(e))
            else:
                if found is not None:
                    yield Live(key, {"kind": kind, "name": name}, kind, found)

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        return self.answered(batch, lambda: {change.key: self._send(step, change)})

    def _send(self, step: Step, change: Change) -> Answer:
        kind, _, name = change.key.partition("/")
        path, scope = PATHS[kind]
        what = f"{SMALL[kind][0]} {name}"
        if step.name == "make":
            body: dict[str, Any] = {"categories": [{"name": name}]} if kind == "categories" else {"name": name}
            return Applied(self.store.client.write("POST", path, body, what=what, scope=scope, read=_made))
        used = self.store.products_that_name(kind, str(change.remote_id))
        if used:
            return Stale(f"{used} products have it by now; it stays")
        if kind == "categories":
            self.store.client.write("DELETE", path, {"category_ids": [change.remote_id]}, what=what, scope=scope)
        else:
            self.store.client.write("DELETE", f"{path}/{change.remote_id}", None, what=what, scope=scope)
        return Applied(change.remote_id)


@shaped("lightspeed")
def _made(reply: Reply) -> str:
    """The id of what was made: no two collections answer alike."""
    data = reply.json()["data"]
    row = data[0] if isinstance(data, list) else data
    made = row["id"] if isinstance(row, dict) else row
    if not isinstance(made, str):
        raise TypeError("no id")
    return made
