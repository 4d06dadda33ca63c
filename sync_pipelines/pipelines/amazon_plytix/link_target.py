"""Links between products of the PIM as a delivery target: one record per link, named by SKUs.

A plan may name products that are not made yet; their ids are looked up when it is applied. Links are only ever added.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, ClassVar

from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    BatchRefused,
    Change,
    Field,
    Fields,
    Intent,
    Live,
    NotApplied,
    PrerequisiteMissing,
    Refused,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.pipelines.amazon_plytix.account import Account
from sync_pipelines.pipelines.amazon_plytix.mapping import Link, link_of
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.amazon_plytix.target import SHORT_WAIT, Ids, found
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.plytix import BY_SKU, Plytix, Product, problems
from sync_pipelines.vendors.plytix_settings import PlytixSettings

log = logging.getLogger(__name__)


class AmazonLinks(Target):
    """Links of one account: canonical product → Amazon product, Amazon parent → child.

    Fields: `relationship`, `source`, `target`. `linked`: how many links each product has of each relationship, by all who made
    any, as they were last read. `existing`: canonical SKUs that are there.
    """

    name = "plytix/amazon_links"
    window: ClassVar[int | None] = 5 * BY_SKU

    def __init__(
        self,
        client: Plytix,
        account: Account,
        settings: AmazonPlytixSettings,
        plytix: PlytixSettings,
        *,
        ids: Ids,
        wanted: Sequence[Link] = (),
    ) -> None:
        self.client, self.there, self.settings, self.plytix = client, account, settings, plytix
        self.account, self.ids, self.wanted = plytix.links_account, ids, wanted
        self.taken = 0
        """Calls that changed something."""
        self.settles_within = timedelta(seconds=plytix.lag_seconds)
        self.fields: Mapping[str, Field] = {name: Field() for name in ("relationship", "source", "target")}
        lands = timedelta(seconds=plytix.lands_within)
        self.steps = (
            Step("link", lands, frozenset(), frozenset({"create"}), repeatable=True, atomic=True),
            Step("unlink", lands, frozenset(), frozenset({"remove"}), repeatable=True, atomic=True),
        )
        self.linked: Counter[tuple[str, str]] = Counter()

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """Those of these links that there are: a call for 100 products that links start from, and one for 100 whose id is
        not known yet."""
        links = self.wanted if keys is None else [link_of(key, self.there.relationships) for key in keys]
        by_source: dict[str, list[Link]] = {}
        for link in links:
            by_source.setdefault(link.source, []).append(link)
        self.look_up({link.target for link in links})
        columns = [f"relationships.{r.label}" for r in self.there.relationships.values() if r.label]
        missing = set(by_source)
        for product in self.client.products_by_sku(sorted(by_source), columns):
            missing.discard(product.sku)
            self.ids[product.sku] = product.id
            yield from self._of(product, by_source[product.sku])
        self.ids.update(dict.fromkeys(missing))
        if keys is None or self.wanted:  # to plan; before a row is sent it is read once more
            self.client.http.meter.minimum["plytix"] += math.ceil(len(by_source) / BY_SKU)

    def _of(self, product: Product, links: Sequence[Link]) -> Iterator[Live]:
        there = {name: set(product.related.get(known.label, ())) for name, known in self.there.relationships.items()}
        for name, related in there.items():
            if related or self.linked[name, product.sku]:
                self.linked[name, product.sku] = len(related)
        for link in links:
            if self.ids.get(link.target) in there[link.relationship]:
                yield Live(link.key, image(link), link.relationship)

    def look_up(self, skus: Collection[str]) -> None:
        """Note the ids of these Amazon products, where they are not known yet."""
        unknown = sorted(set(skus) - set(self.ids))
        if unknown:
            there = {p.sku: p.id for p in found(self.client, self.plytix, unknown, (), whole=True)}
            self.ids.update({sku: there.get(sku) for sku in unknown})

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """All links of one product by one relationship together: their calls must not run side by side."""
        for _, same in groupby(changes, key=lambda c: _link(c)[:2]):
            batch = list(same)
            for first in range(0, len(batch), self.settings.max_links):
                with as_delivery_failures():
                    self.client.reserve(SHORT_WAIT)
                yield batch[first : first + self.settings.max_links]

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        relationship, source, _ = _link(batch[0])
        ids = {c.key: self.ids.get(_link(c)[2]) for c in batch}
        answers: dict[str, Answer] = {
            key: PrerequisiteMissing(f"product {_link_sku(key)} is not in Plytix: it was not made")
            for key, id_ in ids.items()
            if not id_
        }
        source_id = self.ids.get(source)
        if not source_id:
            return {c.key: PrerequisiteMissing(f"product {source} is not in Plytix") for c in batch}
        there = {key: id_ for key, id_ in ids.items() if id_}
        if there:
            answers.update(self._send(step, source_id, source, relationship, there))
        log.debug("%s: %d links of %s", step.name, len(there), source)
        return answers

    def _send(self, step: Step, source_id: str, source: str, relationship: str, there: Mapping[str, str]) -> dict[str, Answer]:
        send = self.client.link if step.name == "link" else self.client.unlink
        what = f"{len(there)} links of {source} ({relationship})"
        try:
            with as_delivery_failures():
                send(source_id, self.there.relationships[relationship].id, list(there.values()), what)
        except Transient as e:
            return dict.fromkeys(there, Unclear(str(e)))
        except Permanent as e:
            return self._refused(there, e)
        self.taken += 1
        return dict.fromkeys(there, Applied())

    def _refused(self, there: Mapping[str, str], error: Permanent) -> dict[str, Answer]:
        """One unknown product spoils the call (409 names it); then the others go again without it."""
        if error.status == 404:  # the product that the links start from, or the relationship
            return dict.fromkeys(there, Refused(str(error)))
        unknown = named_values(error.body) if error.status == 409 else set()
        if not unknown & set(there.values()):
            raise BatchRefused(str(error)) from error
        return {
            key: Refused(f"the product is not there any more: {error}") if id_ in unknown else NotApplied(str(error))
            for key, id_ in there.items()
        }


def image(link: Link) -> Fields:
    return {"relationship": link.relationship, "source": link.source, "target": link.target}


def named_values(body: str) -> set[str]:
    """The ids that an error names."""
    return {problem.value for problem in problems(body) if problem.value}


def _link(change: Change) -> tuple[str, str, str]:
    fields: Mapping[str, Any] = change.after or change.before or {}
    return fields["relationship"], fields["source"], fields["target"]


def _link_sku(key: str) -> str:
    return key.rpartition("/")[2]
