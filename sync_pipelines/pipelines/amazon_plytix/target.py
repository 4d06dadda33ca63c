"""Amazon products in the PIM as a delivery target: one record per SKU `AMZN-{marketplace}-{ASIN}`.

Making a product takes two calls, for a family in its body is ignored; and the first of them is not safe to send twice.
No search shows the family, so it is read only where the outcome of its call is not known, or when a person asks.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, ClassVar

from sync_pipelines.decoding import LOST
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
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.pipelines.amazon_plytix.account import Account, columns
from sync_pipelines.pipelines.amazon_plytix.mapping import LAST_SYNCED
from sync_pipelines.pipelines.amazon_plytix.settings import AMAZON_ATTRIBUTES, AmazonPlytixSettings
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.plytix import BY_SKU, Plytix, Product, problems
from sync_pipelines.vendors.plytix_settings import PlytixSettings

log = logging.getLogger(__name__)
MADE = "made"
made_log = logging.getLogger(f"{__name__}.{MADE}")
"""Each product as it is made, for who waits at the prompt."""

SHORT_WAIT = 30.0
"""Seconds that a call waits for its place with the record already read; for longer, everything is read again after it."""

DRAFT = "Draft"
"""The status of a product that is made without one."""

Ids = MutableMapping[str, str | None]
"""What is known in this run of the ids of products: by SKU; None for one that was looked for and is not there."""


class AmazonProducts(Target):
    """The Amazon products of one account.

    Fields: `sku`; `label` and the attributes, by the names of the settings, owned as far as their rules keep them in step;
    `family`, by name. `every_field`: all are compared, so that nothing is taken back that somebody changed since.
    """

    name = "plytix/amazon_products"
    window: ClassVar[int | None] = BY_SKU

    def __init__(
        self,
        client: Plytix,
        account: Account,
        settings: AmazonPlytixSettings,
        plytix: PlytixSettings,
        *,
        today: date,
        ids: Ids,
        wanted: Sequence[str] = (),
        check_families: bool = False,
        every_field: bool = False,
    ) -> None:
        self.client, self.there, self.settings, self.plytix = client, account, settings, plytix
        self.account, self.today, self.ids, self.wanted = plytix.products_account, today, ids, wanted
        self.check_families = check_families
        self.taken = 0
        """Calls that changed something."""
        self.settles_within = timedelta(seconds=plytix.lag_seconds)
        names = ("label", *(name for name in AMAZON_ATTRIBUTES if name in account.attributes))
        kept = {n for n in names if settings.rule(n) != "never" or every_field} - {LAST_SYNCED}
        self.fields: Mapping[str, Field] = {
            "sku": Field(),
            "family": Field("owned" if check_families else "create_only"),
            **{n: Field("owned" if n in kept else "create_only", same=_as_text, rule="as text") for n in names},
        }
        lands = timedelta(seconds=plytix.lands_within)
        self.steps = (
            Step("create", lands, frozenset({"sku", *names}), frozenset({"create"})),
            Step("family", lands, frozenset({"family"}), frozenset({"create", "update"}), repeatable=True),
            Step("update", lands, frozenset(kept), frozenset({"update"} if kept else ()), repeatable=True),
            Step("delete", lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )
        # whole, if at all: what an update did not name has to be in its images, too, to be compared when it is taken back
        shown = sorted(set(names) - {LAST_SYNCED}) if kept else []
        self._columns = [*(["label"] if shown else []), *columns(account.attributes, shown)]

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """These products, or all that the mapping names: by SKU, or all Amazon products in slices where that is cheaper."""
        wanted = self.wanted if keys is None else keys
        if keys is None and not self._columns and not self.check_families and all(sku in self.ids for sku in wanted):
            yield from (Live(sku, {"sku": sku}, "", self.ids[sku]) for sku in dict.fromkeys(wanted) if self.ids[sku])
            return  # an earlier step of this run has just looked for all of them
        missing = set(wanted)
        for product in found(self.client, self.plytix, wanted, self._columns, whole=keys is None):
            if product.sku in missing:
                live = self._live(product)
                if live is not None:
                    missing.discard(product.sku)
                    self.ids[product.sku] = product.id
                    yield live
        self.ids.update(dict.fromkeys(missing))
        if keys is not None and self.wanted:  # chosen ones, to plan; before a row is sent it is read once more
            self.client.http.meter.minimum["plytix"] += math.ceil(len(set(keys)) / BY_SKU)

    def _live(self, product: Product) -> Live | None:
        """None for a product that was deleted since the search saw it."""
        fields: Fields = {"sku": product.sku}
        if "label" in self._columns:
            fields["label"] = product.label
        for name, attribute in self.there.attributes.items():
            value = product.attributes.get(attribute.label)
            if value is not None and value != "":
                fields[name] = _stored(attribute.type, value)
        if self.check_families:
            family = self._family(product.id)
            self.client.http.meter.minimum["plytix"] += 1
            if family is None:
                return None
            fields["family"] = self.settings.family if family == self.there.family_id else family or None
            if family and family != self.there.family_id:
                return Live(product.sku, fields, "", product.id, "it is in another family; moving it may lose values")
        return Live(product.sku, fields, "", product.id, product.problem)

    def merged(self, before: Fields | None, wanted: Fields) -> Fields:
        """A product whose title is not known is made under its ASIN; a text with lost characters replaces none."""
        if before is None:
            return wanted if "label" in wanted else {**wanted, "label": f"Amazon {wanted['sku'].rpartition('-')[2]}"}
        image = super().merged(before, wanted)
        for name in wanted:
            kept = before.get(name) and (self.settings.rule(name) == "when_empty" or LOST in str(wanted[name]))
            if kept and name in (*AMAZON_ATTRIBUTES, "label"):
                image[name] = before[name]
        return image

    # --- writing ----------------------------------------------------------------------------------------------------

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """One product a call, each with its place in the rate windows taken before."""
        for change in changes:
            with as_delivery_failures():
                self.client.reserve(SHORT_WAIT)
            yield [change]

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        answer: Answer
        try:
            with as_delivery_failures():
                answer = self._send(step, change)
            self.taken += isinstance(answer, Applied)
        except Transient as e:
            answer = Unclear(str(e))
        except Permanent as e:
            answer = self._refused(step, change, e)
        log.debug("%s %s: %s", change.key, step.name, type(answer).__name__)
        return {change.key: answer}

    def _send(self, step: Step, change: Change) -> Answer:
        after, sku = change.after or {}, change.key
        if step.name == "create":
            made = self.client.create(sku, after.get("label"), self._values(after))
            self.ids[sku] = made
            made_log.debug("%s created", sku)
            return Applied(made)
        product_id = change.remote_id or self.ids.get(sku)
        if not product_id:
            return Stale("the product is not there any more")
        if step.name == "family":
            self.client.set_family(product_id, sku, self.there.family_id)
        elif step.name == "update":
            self.client.update(product_id, sku, self._patch(change))
        else:
            if more := self._not_ours(self.client.document(product_id), after=change.before or {}):
                return Stale(f"somebody has worked on it since: {', '.join(more)}")
            self.client.delete(product_id, sku)
            self.ids[sku] = None
        return Applied(product_id)

    def _not_ours(self, document: Mapping[str, Any], after: Fields) -> list[str]:
        """What a product holds beside what this pipeline put there. Deleting it would take that along, its variants, too."""
        ours = {attribute.label for name, attribute in self.there.attributes.items() if after.get(name) is not None}
        more = sorted(n for n, v in (document.get("attributes") or {}).items() if v not in (None, "", []) and n not in ours)
        more += [name for name in ("gtin", "assets", "categories", "thumbnail") if document.get(name)]
        if any(entry.get("related_products") for entry in document.get("relationships") or ()):
            more.append("relationships")
        if document.get("num_variations"):
            more.append("variants")
        if str(document.get("status") or DRAFT).casefold() != DRAFT.casefold():
            more.append("status")
        if document.get("product_family_id") not in (None, "", self.there.family_id):
            more.append("family")
        return more

    def _values(self, image: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes under the account's own labels; what is not known is left out."""
        known = self.there.attributes
        return {known[n].label: v for n, v in image.items() if n in known and v is not None}

    def _patch(self, change: Change) -> dict[str, Any]:
        """What differs, and with it the day. An attribute that goes back to nothing is sent as null, which clears it."""
        before, after = change.before or {}, change.after or {}
        names = [
            n for n in self.owned() if n not in ("sku", "family") and self.rules.text(n, before) != self.rules.text(n, after)
        ]
        known = self.there.attributes
        values = {known[n].label: after.get(n) for n in names if n in known}
        if LAST_SYNCED in known:
            values[known[LAST_SYNCED].label] = str(self.today)
        body: dict[str, Any] = {"attributes": values}
        if "label" in names:
            body["label"] = after.get("label")
        return body

    def _refused(self, step: Step, change: Change, error: Permanent) -> Answer:
        named = {problem.field for problem in problems(error.body)}
        if step.name == "create" and (error.status == 409 or (error.status == 422 and "sku" in named)):
            return self._exists(change, error)
        if step.name in ("update", "delete") and error.status == 404:
            self.ids[change.key] = None
            return Applied() if step.name == "delete" else Stale("the product is not there any more")
        return Refused(str(error))

    def _exists(self, change: Change, error: Permanent) -> Answer:
        """The SKU is taken: by a product that came in between, or by one that differs in case."""
        try:
            with as_delivery_failures():
                found = next(iter(self.client.products_by_sku([change.key], ())), None)
        except Transient as e:
            return NotApplied(f"{error} Which product has it could not be asked: {e}")
        if found is None:
            return Refused(f"{error} No product has exactly this SKU: look for one that differs in case.")
        self.ids[change.key] = found.id
        return Stale("somebody made this product after it was planned; the next run takes it as it is")

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        """What became of calls: products by SKU; families by asking for each product, for no search shows them. Whether an
        update is there is seen by every field, whatever the settings keep in step by now."""
        updates = [intent for intent in intents if intent.step.name == "update"]
        others = [intent for intent in intents if intent.step.name not in ("family", "update")]
        found = dict(super().settle(others))
        if updates:
            whole = AmazonProducts(
                self.client, self.there, self.settings, self.plytix, today=self.today, ids=self.ids, every_field=True
            )
            step = next(step for step in whole.steps if step.name == "update")
            found.update(super(AmazonProducts, whole).settle([replace(intent, step=step) for intent in updates]))
        changes = [change for intent in intents if intent.step.name == "family" for change in intent.changes]
        if changes:
            here = {record.key: record.remote_id for record in self.read([c.key for c in changes])}
            found.update((change.key, self._family_answer(here.get(change.key))) for change in changes)
        return found

    def _family_answer(self, product_id: str | None) -> Answer:
        family = None if product_id is None else self._family(product_id)
        if family is None:
            return Stale("the product is not there any more")
        return Applied(product_id) if family == self.there.family_id else NotApplied("read back: not in the family")

    def _family(self, product_id: str) -> str | None:
        """The id of a product's family, "" where it has none; None for a product that is gone."""
        try:
            return self.client.family_of(product_id) or ""
        except Permanent as e:
            if e.status != 404:
                raise
            return None

    def reverse(self, change: Change) -> Change | str:
        if change.action == "update" and "update" not in change.steps:
            return "only its family was set; which one it had before is not known"
        return super().reverse(change)


WORTH_COUNTING = 10
"""Searches by SKU from which on one more, to see whether slices would be fewer, pays."""


def found(
    client: Plytix, plytix: PlytixSettings, skus: Sequence[str], columns: Sequence[str], *, whole: bool
) -> Iterator[Product]:
    """Those of these Amazon products that there are, and maybe others: by SKU, or with `whole` in slices of all that begin
    alike, where that takes fewer calls."""
    by_sku = math.ceil(len(set(skus)) / BY_SKU)
    prefix = _common_start(skus) if whole and by_sku > WORTH_COUNTING else ""
    if prefix:
        those = [{"field": "sku", "operator": "like", "value": prefix}]
        there = client.count(those)
        if there is not None and there / plytix.page_size + 2 * there / plytix.ordered_limit < by_sku:
            came = 0
            for product in client.products(those, columns):
                came += 1
                yield product
            client.http.meter.minimum["plytix"] += 1 + math.ceil(came / plytix.page_size)
            return
    yield from client.products_by_sku(skus, columns)
    if whole:
        client.http.meter.minimum["plytix"] += by_sku


def _common_start(skus: Sequence[str]) -> str:
    """`AMZN-US-` for SKUs of one marketplace, `AMZN-` for several; "" where they have nothing in common."""
    starts = {sku.rpartition("-")[0] + "-" for sku in skus}
    return starts.pop() if len(starts) == 1 else "AMZN-" if all(s.startswith("AMZN-") for s in starts) else ""


def _as_text(value: Any) -> Any:
    """Values are equal when they read the same; a date may come back with a time."""
    return value if isinstance(value, bool | list) else str(value)


def _stored(kind: str, value: Any) -> Any:
    """A value as it is written, from how it is read: dates come back with a time."""
    return str(value)[:10] if kind == "DateAttribute" else value
