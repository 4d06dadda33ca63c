"""What answers the root fields of one request, put together from those who know orders, goods, shipments and exports."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.access import Access
from vendor_sandbox.shopify.answers import NEEDS, Answers, Typed, denied
from vendor_sandbox.shopify.bulk import BulkFields, Sources
from vendor_sandbox.shopify.exports import Exports
from vendor_sandbox.shopify.fulfilment_calls import FulfilmentFields
from vendor_sandbox.shopify.goods import Goods
from vendor_sandbox.shopify.goods_fields import GoodsFields
from vendor_sandbox.shopify.goods_reads import GoodsReads
from vendor_sandbox.shopify.idempotency import Keys
from vendor_sandbox.shopify.jobs import Jobs
from vendor_sandbox.shopify.mutations import GoodsMutations
from vendor_sandbox.shopify.reads import Reads
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.store import Store
from vendor_sandbox.shopify.writing import Writing


@dataclass(frozen=True)
class Desk:
    """The shop as one request finds it. `committed` tells the units of an item at a location that orders wait for."""

    store: Store
    goods: Goods
    committed: Callable[[int, int], int]
    jobs: Jobs
    exports: Exports
    keys: Keys
    settings: Settings
    clock: Clock
    lock: threading.Condition

    def answers(self, access: Access, now: int, base_url: str, key_in_use: bool) -> tuple[Reads, Answers]:
        """Return what answers a request with this token at this instant, and what reads orders for it."""
        reads = Reads(self.store, self.settings, access, now)
        fields = GoodsFields(self.goods, self.settings, self.clock, self.committed)
        goods_reads = GoodsReads(self.goods, fields, self.settings, reads.searches)
        writing = Writing(self.goods, fields, self.settings, self.clock, now, access)
        sources = Sources(self.store, self.goods, goods_reads, fields.computed)
        bulk = BulkFields(self.jobs, self.exports, sources, self.lock, self.settings, access, now, base_url=base_url)

        def node(text: str) -> Typed | None:
            operation = bulk.thing(text)
            if operation is not None:
                return Typed("BulkOperation", operation)
            scopes = NEEDS.get((ids.read_gid(text) or ("", 0))[0])
            if scopes is not None and not access.may(*scopes):
                raise denied("node", scopes[0])
            return reads.thing(text) or goods_reads.thing(text)

        resolvers = {
            **reads.resolvers,
            **goods_reads.resolvers,
            **GoodsMutations(writing, self.keys, self.store, reads.shop(), key_in_use).resolvers,
            **bulk.resolvers,
            **FulfilmentFields(self.store, self.settings, reads, now).resolvers,
            "node": lambda field: node(field.arguments["id"]),
            "nodes": lambda field: [node(each) for each in field.arguments["ids"]],
        }
        return reads, Answers(access, resolvers, self.settings.time_zone, fields.computed)
