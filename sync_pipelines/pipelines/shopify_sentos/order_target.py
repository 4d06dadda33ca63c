"""The shop's orders in the ERP as a delivery target: each made once, and cancelled where the shop's is.

Making one is the call that must never be repeated blindly: the vendor takes the same order twice. After a lost answer the orders
that were made around that moment are listed, until the call can no longer land and the list can no longer lag.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    Change,
    Field,
    Fields,
    Intent,
    Live,
    NotApplied,
    Refused,
    RetryLater,
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.delivery.records import Record
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.shopify_sentos.erp_orders import ErpOrder, read_now
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.sentos import CANCELLED, NotMade, Sentos
from sync_pipelines.vendors.sentos_settings import SentosSettings

log = logging.getLogger(__name__)

PERSONAL = ("customer", "invoice_address", "shipment_address", "note")
SENT = (
    "order_id",
    "order_code",
    "status",
    "channel_id",
    "order_date",
    "currency",
    "payment_method",
    "shipping_total",
    "lines",
    *PERSONAL,
)
"""The members of an order's body. Once it is made, its status is all that can change."""
SHORT_WAIT = 5.0
"""Seconds that a call waits for its place with everything already read; for longer, everything is read again after it."""
LOOK = 3.0
"""Seconds that this reading may take while the place is not free yet. Less than SHORT_WAIT."""
SAME_DAY = timedelta(days=1)
NEVER_BY_RUN = "an order is not taken out of the ERP by undoing a run; cancel it in the shop"


class Orders(Target):
    """Orders of one shop in one ERP. Fields: the members of the body, and `status`, which alone is kept in step; `total` and
    `digest`, of what cannot be changed once it is there, are not sent.

    there: what the ERP has, as this run has read it.
    """

    name = "sentos/orders"
    window: ClassVar[int | None] = 100

    def __init__(
        self, client: Sentos, account: str, sentos: SentosSettings, settings: ShopifySentosSettings, there: Found
    ) -> None:
        self.client, self.account, self.sentos, self.settings = client, account, sentos, settings
        self.settles_within = timedelta(seconds=sentos.lag_seconds)
        lands = timedelta(seconds=sentos.lands_within)
        self.fields: Mapping[str, Field] = {
            "status": Field(),
            "total": Field("create_only"),
            "digest": Field("create_only"),
            **{n: Field("create_only", private=n in PERSONAL) for n in SENT if n != "status"},
        }
        self.steps = (
            Step("create", lands, actions=frozenset({"create"})),
            Step("status", lands, frozenset({"status"}), frozenset({"update"}), repeatable=True),
        )
        self._there = there
        self.looked_at = datetime.now(UTC)

    # --- reading ----------------------------------------------------------------------------------------------------

    def known(self, key: str, sign: Sign | None = None) -> ErpOrder | None:
        """The order under a key, as this run has read it; by its sign, also one that another program made."""
        return self._there.find(key, sign)

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """All orders as this run has read them; or these, after a look at what was made since. Those with a number are asked
        for by it, which does not lag."""
        if keys is None:
            yield from (self._live(key, order) for key, order in self._there.ours())
            return
        if not keys:
            return
        with as_delivery_failures():
            self._there.add(self._made_since(self.looked_at - self.settles_within))
            for key in keys:
                order = self._there.find(key)
                if order is not None and (now := self.client.order(order.sentos_id)) is not None:
                    (order,) = read_now([now])
                    yield self._live(key, order)

    def _made_since(self, moment: datetime) -> Iterator[ErpOrder]:
        """Orders made in the ERP since then, whoever's clock is right."""
        off = timedelta(seconds=self.sentos.clock_off_seconds)
        return read_now(self.client.orders(moment - off, datetime.now(UTC) + off))

    @staticmethod
    def _live(key: str, order: ErpOrder) -> Live:
        fields: Fields = {"status": order.status, "order_code": order.order_code, "order_id": order.order_id}
        return Live(key, fields, "", str(order.sentos_id))

    def merged(self, before: Fields | None, wanted: Fields) -> Fields:
        """An order that is there has the state that the ERP gave it; only a cancellation is told."""
        if before is None or wanted.get("status") == self.settings.cancelled_status:
            return super().merged(before, wanted)
        return {**wanted, **before}

    # --- writing ----------------------------------------------------------------------------------------------------

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """One order a call, each with its place in the rate windows taken before."""
        for change in changes:
            try:
                with as_delivery_failures():
                    self.client.reserve_write(SHORT_WAIT)
            except RetryLater as e:
                raise RetryLater(max(0.0, e.seconds - LOOK), str(e)) from e
            yield [change]

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        answer: Answer
        try:
            with as_delivery_failures():
                answer = self._send(step, change)
        except Transient as e:
            answer = Unclear(str(e))
        except NotMade as e:
            answer = Refused(str(e))
        except Permanent as e:
            gone = e.status == 404 and step.name != "create"
            answer = Stale("the order is not in the ERP any more") if gone else Refused(str(e))
        return {change.key: answer}

    def _send(self, step: Step, change: Change) -> Answer:
        after = change.after or {}
        if step.name == "create":
            body = {name: after[name] for name in SENT if after.get(name) is not None}
            return Applied(self.client.create_order(body, f"order {change.key}"))
        if not change.remote_id:
            return Stale("the order is not in the ERP any more")
        self.client.update_order(change.remote_id, {"status": after["status"]}, f"state of order {change.key}")
        return Applied(change.remote_id)

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        """What became of calls: new orders by a list of what was made since, states by the order itself.

        A list that does not come says nothing, and raises.
        """
        found: dict[str, Answer] = {}
        makes = [intent for intent in intents if intent.step.name == "create"]
        if makes:
            oldest = max(intent.age for intent in makes)
            try:
                with as_delivery_failures():
                    self._there.add(self._made_since(datetime.now(UTC) - timedelta(seconds=oldest) - self.settles_within))
            except Transient as e:
                return {change.key: Unclear(f"could not be looked up: {e}") for intent in intents for change in intent.changes}
            for change in (change for intent in makes for change in intent.changes):
                order = self._there.find(change.key)
                made = NotApplied("no such order is in the ERP") if order is None else Applied(str(order.sentos_id))
                found[change.key] = made
        others = [intent for intent in intents if intent.step.name != "create"]
        return {**found, **(super().settle(others) if others else {})}

    def reverse(self, change: Change) -> Change | str:
        return NEVER_BY_RUN


def numbers_in_erp(known: Mapping[str, Record]) -> dict[str, int]:
    """Sentos' numbers of the orders that the ledger knows to be there, by key."""
    return {key: int(record.remote_id) for key, record in known.items() if record.remote_id and record.state != "absent"}


class Found:
    """Orders of the ERP, and which of them is which of ours: the one that the ledger names, else that with the number which we
    give it, else what an earlier program made, with the shop's number or with the same name, day and total.

    numbers: Sentos' numbers of those that the ledger knows, by key.
    """

    def __init__(self, orders: Iterable[ErpOrder], numbers: Mapping[str, int]) -> None:
        self._numbers = dict(numbers)
        self._taken = set(numbers.values())
        self._orders: dict[int, ErpOrder] = {}
        self._by_id: dict[str, set[int]] = {}
        self._by_code: dict[str, set[int]] = {}
        self.add(orders)

    def add(self, orders: Iterable[ErpOrder]) -> None:
        """Take note of orders as they are now."""
        for order in orders:
            self._orders[order.sentos_id] = order
            if order.order_id:
                self._by_id.setdefault(order.order_id, set()).add(order.sentos_id)
            if order.order_code:
                self._by_code.setdefault(order.order_code, set()).add(order.sentos_id)

    def find(self, key: str, sign: Sign | None = None) -> ErpOrder | None:
        """The order under a key; by its sign, also one that another program made of the same."""
        known = self._orders.get(self._numbers.get(key, 0))
        if known is not None:
            return known
        found = self._first(self._by_id.get(key, ()))
        if found is None and sign is not None:
            by_shops_number = self._by_id.get(key.removeprefix("shopify-"), set())
            alike = (self._orders[n] for n in (*by_shops_number, *self._by_code.get(sign.name, ())))
            found = self._first(order.sentos_id for order in alike if sign.is_of(order) or order.sentos_id in by_shops_number)
        if found is not None:
            self._numbers[key] = found.sentos_id
            self._taken.add(found.sentos_id)
        return found

    def _first(self, numbers: Iterable[int]) -> ErpOrder | None:
        """Of several, the first that was not cancelled; none that stands for another order already."""
        free = [self._orders[number] for number in numbers if number not in self._taken]
        return min(free, key=lambda order: (order.status == CANCELLED, order.sentos_id), default=None)

    def ours(self) -> Iterator[tuple[str, ErpOrder]]:
        """Those that stand for an order of the shop, by key, as far as they were found or are known to the ledger."""
        yield from ((key, self._orders[n]) for key, n in self._numbers.items() if n in self._orders)


@dataclass(frozen=True)
class Sign:
    """What tells an order of the shop whatever number it has in the ERP."""

    name: str
    made_at: datetime
    total: Decimal

    def is_of(self, order: ErpOrder) -> bool:
        """Whether an order of the ERP is this one: of the same name, made on the same day, for the same amount. One with a
        number that this program gives is of that number, whatever it is called: it may be another shop's."""
        made = order.order_date
        return (
            not order.order_id.startswith("shopify-")
            and order.order_code == self.name
            and order.total == self.total
            and made is not None
            and abs(made - self.made_at) < SAME_DAY
        )
