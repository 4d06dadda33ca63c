"""What the targets of a store have in common: how calls are paced, and what their failures mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sync_pipelines.delivery.model import Answer, BatchRefused, Change, Refused, Stale, Step, Target, Unclear
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.lightspeed_orders.store import Store
from sync_pipelines.vendors.failures import Permanent, Reply, Transient, shaped
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

FIVE = Decimal("0.00001")
"""The vendor keeps five places of every amount."""
SHORT_WAIT = 1.0
"""Seconds that a call may wait for its place in the rate window with its batch in hand."""


def amount(value: Any) -> str | None:
    """An amount as it is compared: with the places that the vendor keeps."""
    return None if value is None else f"{Decimal(value).quantize(FIVE):f}"


class StoreTarget(Target):
    """A target that sends a call for each batch, with its place in the rate window taken before. thing: what a record is, for
    people."""

    thing: str

    def __init__(self, store: Store, account: str) -> None:
        settings = LightspeedSettings.read()
        self.store, self.account, self.by_families = store, account, settings.by_families
        self.settles_within = timedelta(seconds=settings.lag_seconds)
        self.lands = timedelta(seconds=settings.lands_within)

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        for batch in self.groups(step, changes):
            with as_delivery_failures():
                self.store.client.reserve_write(SHORT_WAIT)
            yield batch

    def groups(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """What goes in one call; by itself each change."""
        for change in changes:
            yield [change]

    def answered(self, batch: Sequence[Change], send: Callable[[], Mapping[str, Answer]]) -> Mapping[str, Answer]:
        """Send, and say what a failure means for the batch. Raises RetryLater, BatchRefused, CannotGoOn."""
        try:
            with as_delivery_failures():
                return send()
        except Transient as e:
            return {change.key: Unclear(str(e)) for change in batch}
        except Permanent as e:
            if len(batch) > 1:
                raise BatchRefused(str(e)) from e
            gone = e.status == 404 and batch[0].before is not None
            return {batch[0].key: Stale(f"the {self.thing} is not there any more: {e}") if gone else Refused(str(e))}


@shaped("lightspeed")
def ids(reply: Reply) -> list[str]:
    """The ids that a create answers: one, or several in no order to rely on."""
    data = reply.json()["data"]
    if isinstance(data, dict):
        data = data.get("product_ids") or data["id"]
    found = data if isinstance(data, list) else [data]
    if not found or not all(isinstance(each, str) for each in found):
        raise TypeError("no id")
    return found
