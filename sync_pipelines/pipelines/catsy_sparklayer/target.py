"""SparkLayer price lists as a delivery target: one record per list and SKU.

A PATCH replaces all prices of a SKU on its list, so breaks and row fields that nobody here owns travel along as they
were read just before. What a read cannot show (`tax_type`, `display_tax_rate`) cannot be sent again.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    BatchRefused,
    CannotGoOn,
    Change,
    Field,
    Fields,
    Intent,
    Live,
    NotApplied,
    Refused,
    RetryLater,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.errors import SyncError
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.catsy_sparklayer.mapping import key, price_field
from sync_pipelines.pipelines.catsy_sparklayer.settings import PriceList
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.sparklayer import Price, RowsRefused, SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings

log = logging.getLogger(__name__)

NOT_SHOWN = "SparkLayer does not show tax_type and display_tax_rate when prices are read; a SKU that is sent loses them"


class ListMissing(SyncError):
    """A price list named in the settings is not on the site."""


def exactly(value: Any) -> str:
    """Prices are equal when their value is: 4.2 and 4.20, but not 4.205 and 4.21."""
    return format(Decimal(value).normalize(), "f")


class PriceLists(Target):
    """The price lists that the settings name, on one site.

    Fields: `price@<quantity>` (Decimal, in the list's currency), owned; `rows`, foreign: every stored row of the SKU.
    """

    name = "sparklayer/prices"
    window: ClassVar[int | None] = None  # a read is always of a whole list

    def __init__(
        self, client: SparkLayer, lists: Sequence[PriceList], settings: SparkLayerSettings, *, create_missing: bool = False
    ) -> None:
        self.client, self.lists = client, {price_list.slug: price_list for price_list in lists}
        self.create_missing = create_missing
        self._absent: set[str] = set()
        self.account = settings.account
        quantities = sorted({b.quantity for price_list in lists for b in price_list.breaks})
        self.fields: dict[str, Field] = {
            **{price_field(q): Field(same=exactly, rule="amount") for q in quantities},
            "rows": Field("foreign"),
        }
        self.steps = (Step("prices", timedelta(seconds=settings.lands_within), repeatable=True, atomic=settings.atomic),)
        self._batch_size, self._batch_delay = settings.batch_size, settings.batch_delay
        self._last_call = -1e9
        self._full_batch = settings.batch_size
        self._sent: dict[str, set[str]] = {}
        """By list: the keys that went out since `least_sent` was asked."""
        self._taken = False
        """Whether any of them was taken."""

    @property
    def there(self) -> int:
        """How many of the lists are on the site, as far as is known."""
        return len(self.lists) - len(self._absent)

    def least_sent(self) -> int:
        """Return the least calls for what was sent since this was last asked: full requests, a read of each list before them,
        and one after what was taken."""
        sent, taken, self._sent, self._taken = self._sent, self._taken, {}, False
        return self.there * (bool(sent) + taken) + sum(math.ceil(len(keys) / self._full_batch) for keys in sent.values())

    def renew(self) -> None:
        self._absent.clear()

    def wrong_currencies(self) -> list[str]:
        """One line per list whose currency is not the settings'. Raises ListMissing for a list that is not on the site."""
        there = {info.slug: info for info in self.client.price_lists()}
        self._absent = set(self.lists) - set(there)
        if self._absent and not self.create_missing:
            raise ListMissing(
                f"{self.account} has no price list {', '.join(map(repr, sorted(self._absent)))} (it has: "
                f"{', '.join(sorted(there)) or 'none'}). Correct [catsy_sparklayer] price_lists, or set create_missing_lists."
            )
        return [
            f"price list {slug} is in {there[slug].currency}, the settings say {wanted.currency}"
            for slug, wanted in self.lists.items()
            if slug in there and there[slug].currency != wanted.currency
        ]

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """Every price of every list: one call a list, whatever is asked for. A list still to be made holds nothing."""
        for slug, price_list in self.lists.items():
            quantities = {b.quantity for b in price_list.breaks}
            by_sku: dict[str, list[Price]] = {}
            for price in self._stored(slug):
                by_sku.setdefault(price.sku, []).append(price)
            for sku, prices in by_sku.items():
                yield self._live(slug, sku, prices, quantities)

    def _stored(self, slug: str) -> Sequence[Price]:
        if slug in self._absent:
            return ()
        try:
            return self.client.prices(slug)
        except Permanent as e:
            if e.status != 404 or not self.create_missing:
                raise
            self._absent.add(slug)
            return ()

    def _live(self, slug: str, sku: str, prices: Sequence[Price], quantities: set[int]) -> Live:
        fields: Fields = {"rows": [{**p.rest, "quantity": p.quantity, "price": p.price} for p in prices]}
        problem = next((p.problem for p in prices if p.problem), None)
        for price in prices:
            if price.quantity in quantities and price.price is not None:
                if price_field(price.quantity) in fields:
                    told = ", ".join(sorted(price.rest))
                    problem = f"several prices from quantity {price.quantity} on, told apart by {told}: which one is ours?"
                fields[price_field(price.quantity)] = price.price
        return Live(key(slug, sku), fields, slug, None, problem)

    def gone(self, live: Fields | None) -> bool:
        """A SKU is on the list with the first of our prices. Rows that are somebody else's do not make it ours."""
        return live is None or all(live.get(name) is None for name in self.fields if name != "rows")

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """One list per call, at most `batch_size` SKUs, a pause between calls."""
        batch: list[Change] = []
        for change in changes:
            if batch and (len(batch) >= self._batch_size or change.parent != batch[0].parent):
                part, batch = batch, []
                yield self._paced(part)
            batch.append(change)
        while batch:
            part, batch = batch[: self._batch_size], batch[self._batch_size :]
            yield self._paced(part)

    def _paced(self, batch: list[Change]) -> Sequence[Change]:
        time.sleep(max(0.0, self._last_call + self._batch_delay - time.monotonic()))
        return batch

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        slug = batch[0].parent
        try:
            with as_delivery_failures(pause=60.0):
                if slug in self._absent:
                    self.client.create_price_list(slug, self.lists[slug].name, self.lists[slug].currency)
                    self._absent.discard(slug)
                self._sent.setdefault(slug, set()).update(change.key for change in batch)
                self.client.update_prices(slug, [self.entry(change) for change in batch])
        except RowsRefused as e:
            return self._row_answers(batch, e)
        except Transient as e:
            self._smaller(batch)
            return {change.key: Unclear(str(e)) for change in batch}
        except Permanent as e:
            if e.status == 409:
                raise RetryLater(30.0, str(e)) from e
            if e.status == 413:
                self._smaller(batch)
            if e.status in (400, 413, 422):
                raise BatchRefused(str(e)) from e
            raise CannotGoOn(str(e)) from e
        finally:
            self._last_call = time.monotonic()
        self._taken = True
        return {change.key: Applied() for change in batch}

    def entry(self, change: Change) -> dict[str, Any]:
        """One entry of the request: our prices, and every row that is not ours as it was read just before."""
        slug, sku = change.parent, change.key[len(change.parent) + 1 :]
        ours = {b.quantity: (change.after or {}).get(price_field(b.quantity)) for b in self.lists[slug].breaks}
        there = (change.live.fields if change.live else {}).get("rows", [])
        pricing = []
        for row in there:
            if row["quantity"] not in ours:
                pricing.append(row)
            elif ours[row["quantity"]] is not None:
                pricing.append({**row, "price": ours.pop(row["quantity"])})
            else:
                ours.pop(row["quantity"])
        pricing += [{"quantity": q, "price": p, "unit_of_measure": None} for q, p in ours.items() if p is not None]
        return {"sku": sku, "pricing": sorted(pricing, key=lambda row: int(row["quantity"]))}

    def _row_answers(self, batch: Sequence[Change], error: RowsRefused) -> Mapping[str, Answer]:
        """Rows that the vendor names are refused; the rest is sent again without them, which is safe for this call."""
        answers: dict[str, Answer] = {
            change.key: NotApplied(f"another row of the request was refused: {error}") for change in batch
        }
        named = {row.entry: row.message for row in error.rows if row.entry is not None and 0 <= row.entry < len(batch)}
        if not named:
            raise BatchRefused(str(error)) from error
        answers.update({batch[entry].key: Refused(message) for entry, message in named.items()})
        return answers

    def _smaller(self, batch: Sequence[Change]) -> None:
        """The vendor publishes no largest request: after a refusal for size, or none at all, send half as much."""
        self._batch_size = max(1, min(self._batch_size, len(batch) // 2))
        log.warning("sparklayer: from now on %d SKUs a call", self._batch_size)
