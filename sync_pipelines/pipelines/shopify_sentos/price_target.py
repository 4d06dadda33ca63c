"""Prices of the shop's variants as a delivery target: one record per SKU, one call per product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
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
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.shopify_sentos.user_errors import UserError, listed, user_errors
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_catalog import Variant

Variants = MutableMapping[str, Variant]
"""What is known in this run of the shop's variants, by the key that we plan them under."""
MOST = 250
"""Variants of one product that go in one call."""


def as_amount(value: Any) -> str | None:
    """Amounts are equal when they are worth the same, however they are written."""
    return None if value is None else f"{Decimal(value).normalize():f}"


class Prices(Target):
    """The prices of one shop. Fields: `price`; `compare_at`, the price crossed out beside it."""

    name = "shopify/prices"
    window: ClassVar[int | None] = 500
    fields: Mapping[str, Field] = {
        "price": Field(same=as_amount, rule="amount"),
        "compare_at": Field(same=as_amount, rule="amount"),
    }

    def __init__(self, client: Shopify, account: str, variants: Variants, lands: timedelta) -> None:
        self.client, self.account, self.variants = client, account, variants
        self.steps = (Step("set", lands, actions=frozenset({"update"}), repeatable=True, atomic=True),)

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """All variants as this run has read them, or these as they are now."""
        if keys is not None:
            by_id = {self.variants[key].id: key for key in keys if key in self.variants}
            found = {by_id[variant.id]: variant for variant in shop.by_id(self.client, by_id)}
            for key in keys:
                self.variants.pop(key, None)
            self.variants.update(found)
        for key in self.variants if keys is None else keys:
            if variant := self.variants.get(key):
                yield Live(key, {"price": variant.price, "compare_at": variant.compare_at}, "", variant.id)

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """One product a call: variants of one product follow one another as far as they are sent together."""
        of_product: dict[str, list[Change]] = {}
        for change in changes:
            of_product.setdefault(self.variants[change.key].product.id, []).append(change)
        for together in of_product.values():
            for start in range(0, len(together), MOST):
                yield together[start : start + MOST]

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        product = self.variants[batch[0].key].product
        variants = [{"id": change.remote_id, **_sent(change.after or {})} for change in batch]
        try:
            with as_delivery_failures():
                payload = self.client.change(
                    documents.UPDATE_VARIANTS,
                    {"product": product.id, "variants": variants},
                    what=f"{len(batch)} prices of {product.title!r}",
                )
        except Transient as e:
            return {change.key: Unclear(str(e)) for change in batch}
        except Permanent as e:
            raise CannotGoOn(str(e)) from e
        return answers(batch, user_errors(payload), "variants")


def _sent(after: Fields) -> dict[str, Any]:
    """The members of a variant that carry prices: text, as the vendor writes amounts; null takes one away."""
    both = {"price": after.get("price"), "compareAtPrice": after.get("compare_at")}
    return {name: None if value is None else f"{Decimal(value):f}" for name, value in both.items()}


def answers(batch: Sequence[Change], errors: Sequence[UserError], member: str) -> Mapping[str, Answer]:
    """What an all-or-nothing reply means for each row: where any was refused, nothing was written, and the others go again."""
    if not errors:
        return {change.key: Applied(change.remote_id) for change in batch}
    if any(
        error.code in ("PRODUCT_DOES_NOT_EXIST", "PRODUCT_VARIANT_DOES_NOT_EXIST") and error.row(member) is None
        for error in errors
    ):
        return {change.key: Stale("the product is not in the shop any more") for change in batch}
    named: dict[int, list[UserError]] = {}
    for error in errors:
        if (row := error.row(member)) is not None and row < len(batch):
            named.setdefault(row, []).append(error)
    if not named:
        raise BatchRefused(listed(errors))
    found: dict[str, Answer] = {c.key: NotApplied(f"another row of the call was refused: {errors[0]}") for c in batch}
    for row, several in named.items():
        gone = any(error.code == "PRODUCT_VARIANT_DOES_NOT_EXIST" for error in several)
        text = listed(several)
        found[batch[row].key] = Stale(f"not in the shop any more: {text}") if gone else Refused(text)
    return found
