"""Stock at one location of the shop as a delivery target: compared and set, so that nobody's sale is written over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
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
    PrerequisiteMissing,
    Refused,
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.shopify_sentos.price_target import Variants
from sync_pipelines.pipelines.shopify_sentos.user_errors import UserError, listed, user_errors
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_catalog import Location, Variant

MOST = 250
"""Quantities in one call (https://shopify.dev/docs/api/usage/limits)."""
STALE = "CHANGE_FROM_QUANTITY_STALE"
FAILED_BEFORE = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
LATER = frozenset({"IDEMPOTENCY_CONCURRENT_REQUEST"})
CANNOT_GO_BACK = "stock is not taken back: the next run applies the rule to what is there then"


class Stock(Target):
    """What is available at a location. Fields: `available`, null where the item is not stocked there; `why`, how it was found.

    Others change stock all the time, which is no offence: the vendor itself compares, and refuses where somebody bought.
    """

    name = "shopify/stock"
    window: ClassVar[int | None] = MOST
    fields: Mapping[str, Field] = {"available": Field(), "why": Field("create_only"), "tracked": Field("create_only")}

    def __init__(
        self, client: Shopify, account: str, location: Location, variants: Variants, lands: timedelta, *, track: bool = False
    ) -> None:
        self.client, self.account, self.location, self.variants = client, account, location, variants
        self.track = track
        self.calls = 0
        """Calls that were needed to set stock, with those that first stock an item; not those that sent one again under another
        key."""
        actions = frozenset({"create", "update"})
        self.steps = (Step("set", lands, actions=actions, repeatable=True, compares=True, atomic=True),)

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """The stock of all variants as this run has read it, or of these as it is now."""
        if keys is None:
            yield from (self._live(key, variant) for key, variant in self.variants.items())
            return
        by_id = {self.variants[key].id: key for key in keys if key in self.variants}
        for variant in shop.by_id(self.client, by_id):
            self.variants[by_id[variant.id]] = variant
            yield self._live(by_id[variant.id], variant)

    def _live(self, key: str, variant: Variant) -> Live:
        level = variant.levels.get(self.location.id)
        fields: Fields = {"available": None if level is None else level.available, "tracked": variant.tracked}
        problem = None
        if not variant.tracked and not self.track:
            problem = "the shop does not track its stock (track_untracked in settings.toml changes that)"
        return Live(key, fields, "", variant.item_id, problem)

    def merged(self, before: Fields | None, wanted: Fields) -> Fields:
        return {**(before or {}), **wanted}

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """So many at a time; what is not stocked at the location yet goes alone, for it takes two calls before."""
        together: list[Change] = []
        for change in changes:
            if self._ready(change):
                together.append(change)
                if len(together) == MOST:
                    yield together
                    together = []
            else:
                yield [change]
        if together:
            yield together

    def _ready(self, change: Change) -> bool:
        before = change.before or {}
        return before.get("available") is not None and bool(before.get("tracked"))

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        try:
            with as_delivery_failures():
                if not self._ready(batch[0]):
                    return {batch[0].key: self._begin(batch[0], intent)}
                return self._set([(c, int((c.before or {})["available"]), str(c.remote_id)) for c in batch], intent)
        except Transient as e:
            return {change.key: Unclear(str(e)) for change in batch}
        except Permanent as e:
            raise CannotGoOn(str(e)) from e

    def _begin(self, change: Change, intent: Intent) -> Answer:
        """Stock an item at the location, and set what is there then: an item that was here before keeps its old quantity."""
        known = self.variants.get(change.key)
        if known is None:
            return PrerequisiteMissing("the variant is not in the shop yet")
        if not known.tracked:
            self.calls += 1
            what = f"tracking the stock of {change.key}"
            payload = self.client.change(documents.TRACK, {"id": known.item_id, "input": {"tracked": True}}, what=what)
            if errors := user_errors(payload):
                return Refused(listed(errors))
        if self.location.id not in known.levels:
            self.calls += 1
            variables = {"item": known.item_id, "location": self.location.id, "key": f"{intent.key}-at"}
            payload = self.client.change(documents.STOCK_AT, variables, what=f"stocking {change.key} at {self.location.name}")
            if errors := user_errors(payload):
                return Refused(listed(errors))
        self.calls += 1
        now = next(shop.by_id(self.client, [known.id]), None)
        level = now.levels.get(self.location.id) if now else None
        if now is None or level is None:
            return Stale("the variant is not in the shop any more")
        self.variants[change.key] = now
        before = (change.before or {}).get("available")
        if before is None and level.committed:
            return Stale(f"{level.committed} are ordered there already; the next run takes them off")
        if before is not None and level.available != before:
            return Stale(f"{level.available} are available by now, not {before}")
        return self._set([(change, level.available, known.item_id)], intent)[change.key]

    def _set(self, rows: Sequence[tuple[Change, int, str]], intent: Intent, key: str = "") -> Mapping[str, Answer]:
        quantities = [
            {
                "inventoryItemId": item,
                "locationId": self.location.id,
                "quantity": int((change.after or {})["available"]),
                "changeFromQuantity": before,
            }
            for change, before, item in rows
        ]
        given: dict[str, Any] = {"name": "available", "reason": "correction", "quantities": quantities}
        given["referenceDocumentUri"] = f"gid://sync-pipelines/Plan/{intent.plan}"
        variables = {"input": given, "key": key or intent.key}
        self.calls += not key
        payload = self.client.change(documents.SET_STOCK, variables, what=f"stock of {len(rows)} SKUs")
        errors = user_errors(payload)
        if any(error.code == FAILED_BEFORE for error in errors) and not key:
            return self._set(rows, intent, intent.id)  # the vendor wants another key; what it compares makes that safe
        return _answers([change for change, *_ in rows], errors)

    def reverse(self, change: Change) -> Change | str:
        return CANNOT_GO_BACK


def _answers(batch: Sequence[Change], errors: Sequence[UserError]) -> Mapping[str, Answer]:
    """All or nothing: where any entry was refused, nothing was set, and the others go again."""
    if not errors:
        return {change.key: Applied(change.remote_id) for change in batch}
    if any(error.code in LATER for error in errors):
        return {change.key: Unclear(str(errors[0])) for change in batch}
    named: dict[int, UserError] = {}
    for error in errors:
        if (row := error.row("quantities")) is not None and row < len(batch):
            named.setdefault(row, error)
    if not named:
        if len(batch) == 1 and errors[0].code == STALE:
            return {batch[0].key: Stale("somebody bought meanwhile; the next run reads again")}
        raise BatchRefused(listed(errors))
    found: dict[str, Answer] = {c.key: NotApplied("another row of the call was refused") for c in batch}
    for row, error in named.items():
        stale = error.code == STALE
        text = "somebody bought or counted meanwhile; the next run reads again" if stale else str(error)
        found[batch[row].key] = Stale(text) if stale else Refused(text)
    return found
