"""Products of the shop as a delivery target: one record per product of Sentos, with the variants that are ours.

What we did not make stays: variants, options, pictures and tags of others are never taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    CannotGoOn,
    Change,
    Field,
    Fields,
    Intent,
    Live,
    Refused,
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.exact_json import dumps
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.shopify_sentos.pictures import Given
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_sentos.user_errors import listed, user_errors
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_catalog import Product, Variant

DETAILS = {"title": "title", "description": "descriptionHtml", "vendor": "vendor", "type": "productType"}
"""Members of a product, by our names for them."""
IN_ONE_CALL = 250


def _variants(value: Any) -> str:
    """Variants are the same when SKU and barcode of each are. Options are given when a variant is made, and then the shop's."""
    return dumps(sorted([str(v["sku"]), str(v.get("barcode") or "")] for v in value or ()))


def _pictures(value: Any) -> list[str]:
    return sorted(set(value or ()))


def _tags(value: Any) -> list[str]:
    return sorted({str(tag).strip().casefold() for tag in value or ()})


class Products(Target):
    """Products of one shop. Fields: title, description, vendor, type, status, handle, tags (those of ours), `pictures`: addresses
    that it was given, and `variants`: SKU, barcode, options, first price of each.

    pairs: by product, the variants of the shop that are its rows, by SKU. There is no look-up by SKU that does not lag: what is
    known of the shop is what this run has read, and what it made since.
    """

    name = "shopify/products"
    window: ClassVar[int | None] = 50

    def __init__(
        self,
        client: Shopify,
        account: str,
        settings: ShopifySentosSettings,
        there: MutableMapping[str, MutableMapping[str, Variant]],
        given: Given,
        lands: timedelta,
    ) -> None:
        self.given = given
        self.client, self.account, self.settings, self.there = client, account, settings, there
        self.pictured: dict[str, str] = {}
        """Ids of products that this run gave pictures, by key."""
        self.fields: Mapping[str, Field] = {
            "title": Field(settings.title),
            "description": Field(settings.description),
            "vendor": Field(settings.vendor),
            "type": Field("create_only"),
            "status": Field("create_only"),
            "handle": Field("create_only"),
            "pictures": Field("owned" if settings.pictures == "added" else "create_only", same=_pictures, rule="pictures"),
            "tags": Field(same=_tags, rule="tags"),
            "variants": Field(same=_variants, rule="variants"),
        }
        owned = frozenset(name for name in DETAILS if self.fields[name].ownership == "owned")
        update = frozenset({"update"})
        self.steps = (
            Step("make", lands, frozenset(), frozenset({"create"}), atomic=True),
            *((Step("details", lands, owned, update, repeatable=True),) if owned else ()),
            Step("tags", lands, frozenset({"tags"}), update, repeatable=True),
            *((Step("pictures", lands, frozenset({"pictures"}), update, atomic=True),) if settings.pictures == "added" else ()),
            Step("variants", lands, frozenset({"variants"}), update, repeatable=True),
            Step("archive", lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )

    def gone(self, live: Fields | None) -> bool:
        """A product that is archived is not offered any more, and is not deleted either."""
        return live is None or live.get("status") == "ARCHIVED"

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """All products as this run has read them, or these as they are now."""
        if keys is not None:
            with as_delivery_failures():
                self._look(keys)
        for key in self.there if keys is None else keys:
            if variants := self.there.get(key):
                yield self._live(key, variants)

    def _look(self, keys: Sequence[str]) -> None:
        """Read the variants of these products by their ids, which does not lag."""
        whose = {v.id: (key, sku) for key in keys for sku, v in self.there.get(key, {}).items()}
        now = {variant.id: variant for variant in shop.by_id(self.client, whose)}
        for variant_id, (key, sku) in whose.items():
            if variant_id in now:
                self.there[key][sku] = now[variant_id]
            else:
                del self.there[key][sku]

    def _live(self, key: str, variants: Mapping[str, Variant]) -> Live:
        product = next(iter(variants.values())).product
        ours = {tag.casefold() for tag in self.settings.tags}
        fields: Fields = {
            "title": product.title,
            "description": product.description,
            "vendor": product.vendor,
            "type": product.type,
            "status": product.status,
            "handle": product.handle,
            "tags": sorted(tag for tag in product.tags if tag.casefold() in ours) or None,
            "variants": [
                {"sku": variant.sku, "barcode": variant.barcode, "options": [list(each) for each in variant.options.items()]}
                for _, variant in sorted(variants.items())
            ],
        }
        if self.settings.pictures == "added":
            fields["pictures"] = self.given.addresses(key)
        return Live(key, fields, "", product.id)

    # --- writing ----------------------------------------------------------------------------------------------------

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        for change in changes:
            yield [change]

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        try:
            with as_delivery_failures():
                return {change.key: self._send(step, change, intent)}
        except Transient as e:
            return {change.key: Unclear(str(e))}
        except Permanent as e:
            raise CannotGoOn(str(e)) from e

    def _send(self, step: Step, change: Change, intent: Intent) -> Answer:
        after = change.after or {}
        if step.name == "make":
            return self._make(change.key, after)
        if not change.remote_id:
            return Stale("the product is not in the shop any more")
        if step.name == "variants":
            return self._change_variants(change, str(change.remote_id))
        if step.name == "tags":
            return self._change_tags(change)
        if step.name == "pictures":
            return self._add_pictures(change, str(change.remote_id), intent)
        if step.name == "archive":
            if edited := self._edited(change):
                return Stale(f"somebody changed its {edited}; it stays as it is")
            members: dict[str, Any] = {"status": "ARCHIVED"}
        else:
            members = {DETAILS[n]: after.get(n) or "" for n in DETAILS if self.fields[n].ownership == "owned"}
        product = {"id": change.remote_id, **members}
        payload = self.client.change(documents.CHANGE_PRODUCT, {"product": product}, what=f"product {change.key}")
        return _said(payload) or Applied(change.remote_id)

    def _change_tags(self, change: Change) -> Answer:
        """Add those of our tags that it lacks; take away those that an undone run added."""
        had, wanted = (list((image or {}).get("tags") or ()) for image in (change.before, change.after))
        for document, tags in ((documents.ADD_TAGS, wanted), (documents.REMOVE_TAGS, [tag for tag in had if tag not in wanted])):
            if tags:
                payload = self.client.change(document, {"id": change.remote_id, "tags": tags}, what=f"tags of {change.key}")
                if refused := _said(payload):
                    return refused
        return Applied(change.remote_id)

    def _add_pictures(self, change: Change, product_id: str, intent: Intent) -> Answer:
        """Add those that the product was not given yet. The same call again would add them again."""
        self.given.begin(change.key, intent.id, shop.media_of(self.client, product_id))
        media = [{"originalSource": url, "mediaContentType": "IMAGE"} for url in self._not_given(change)]
        what = f"{len(media)} pictures of {change.key}"
        payload = self.client.change(documents.ADD_PICTURES, {"product": {"id": product_id}, "media": media}, what=what)
        if refused := _said(payload):
            return refused
        self._take_pictures(change, product_id)
        return Applied(product_id)

    def _look_for_pictures(self, change: Change, intent: Intent) -> None:
        """Count pictures as given where the product has as many more as were sent."""
        before = self.given.media_before(change.key, intent.id)
        if before is not None:
            with as_delivery_failures():
                new = shop.media_of(self.client, str(change.remote_id)) - before
            if len(new) >= len(self._not_given(change)):
                self._take_pictures(change, str(change.remote_id))

    def _not_given(self, change: Change) -> list[str]:
        given = self.given.addresses(change.key) or ()
        return [url for url in (change.after or {})["pictures"] if url not in given]

    def _take_pictures(self, change: Change, product_id: str) -> None:
        self.given.take({change.key: (change.after or {})["pictures"]})
        self.pictured[change.key] = product_id

    def _edited(self, change: Change) -> str:
        """Which of a product's own words or its status is not as this change knows it; "" where all are."""
        variants, known = self.there.get(change.key), change.before or {}
        now = self._live(change.key, variants).fields if variants else {}
        names = ("title", "vendor", "type", "status", "handle")
        return ", ".join(n for n in names if now and (now.get(n) or "") != (known.get(n) or ""))

    def _make(self, key: str, after: Fields) -> Answer:
        options = [dict(variant["options"]) for variant in after["variants"]]
        given: dict[str, Any] = {
            **{DETAILS[n]: after[n] for n in DETAILS if after.get(n)},
            "status": after["status"],
            "handle": after["handle"],
            "productOptions": [
                {
                    "name": name,
                    "position": place + 1,
                    "values": [{"name": value} for value in dict.fromkeys(each[name] for each in options)],
                }
                for place, name in enumerate(options[0])
            ],
            "variants": [
                {
                    "optionValues": [{"optionName": name, "name": value} for name, value in variant["options"]],
                    "sku": variant["sku"],
                    "inventoryItem": {"tracked": True},
                    **_priced(variant),
                }
                for variant in after["variants"]
            ],
        }
        if after.get("tags"):
            given["tags"] = list(after["tags"])
        if after.get("pictures"):
            given["files"] = [{"originalSource": url, "contentType": "IMAGE"} for url in after["pictures"]]
        payload = self.client.change(documents.MAKE_PRODUCT, {"input": given}, what=f"product {key}")
        if errors := user_errors(payload):
            text = listed(errors)
            if any(error.code == "HANDLE_NOT_UNIQUE" or "handle" in error.field for error in errors):
                return Stale(f"somebody made a product under this address meanwhile: {text}")
            return Refused(text)
        self._remember(key, after, payload["product"])
        if after.get("pictures"):
            self.pictured[key] = payload["product"]["id"]
        return Applied(payload["product"]["id"])

    def _remember(self, key: str, after: Fields, made: Mapping[str, Any]) -> None:
        """Take note of the variants that were just made, for the steps of this run that need their ids."""
        product = Product(made["id"], after["title"], after["handle"], after["status"], after.get("vendor") or "", "", "")
        wanted = {variant["sku"]: variant for variant in after["variants"]}
        for node in made["variants"]["nodes"]:
            sku = (node["sku"] or "").strip()
            variant = wanted.get(sku, {})
            price = None if variant.get("price") is None else Decimal(variant["price"])
            self.there.setdefault(key, {})[sku] = Variant(
                node["id"],
                node["inventoryItem"]["id"],
                sku,
                str(variant.get("barcode") or ""),
                price,
                None,
                True,
                dict(variant.get("options", ())),
                {},
                product,
                datetime.now(UTC),
            )

    def _change_variants(self, change: Change, product_id: str) -> Answer:
        """SKUs and barcodes of variants that are there, then variants that are not. Each call is all or nothing."""
        there, wanted = self.there.get(change.key, {}), (change.after or {})["variants"]
        changed, new = [], []
        for variant in wanted:
            known = there.get(variant["sku"])
            if known is None:
                new.append(variant)
            elif (known.sku, known.barcode) != (variant["sku"], str(variant.get("barcode") or "")):
                members = {"id": known.id, "barcode": variant.get("barcode") or None, "inventoryItem": {"sku": variant["sku"]}}
                changed.append(members)
        what = f"variants of {change.key}"
        for start in range(0, len(changed), IN_ONE_CALL):
            variables = {"product": product_id, "variants": changed[start : start + IN_ONE_CALL]}
            if refused := _said(self.client.change(documents.UPDATE_VARIANTS, variables, what=what)):
                return refused
        for start in range(0, len(new), IN_ONE_CALL):
            rows = [
                {
                    "optionValues": [{"optionName": name, "name": value} for name, value in variant["options"]],
                    "inventoryItem": {"sku": variant["sku"], "tracked": True},
                    **_priced(variant),
                }
                for variant in new[start : start + IN_ONE_CALL]
            ]
            payload = self.client.change(documents.ADD_VARIANTS, {"product": product_id, "variants": rows}, what=what)
            if refused := _said(payload):
                return refused
            for added in shop.by_id(self.client, [node["id"] for node in payload["productVariants"]]):
                there[added.sku] = added
        return Applied(product_id)

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        """What became of calls: products that were made by their address, which does not lag; the others by their ids; pictures
        by how many the product has that it had not before."""
        for intent in (each for each in intents if each.step.name == "pictures"):
            for change in intent.changes:
                self._look_for_pictures(change, intent)
        for change in (c for intent in intents if intent.step.name == "make" for c in intent.changes):
            if not self.there.get(change.key):
                self._find(change.key, change.after or {})
        return super().settle(intents)

    def _find(self, key: str, after: Fields) -> None:
        """Look for a product by its address, with its variants."""
        handle = after["handle"]
        with as_delivery_failures():
            data = self.client.call(documents.PRODUCT_BY_HANDLE, {"handle": handle}, what=f"product at {handle}")
            found = data["productByIdentifier"]
            if found is not None:
                ids = shop.variants_of(self.client, found["id"])
                self.there[key] = {variant.sku: variant for variant in shop.by_id(self.client, ids)}
                if after.get("pictures"):
                    self.pictured[key] = found["id"]

    def reverse(self, change: Change) -> Change | str:
        if change.action == "update" and "variants" in change.steps:
            return "variants and SKUs of a product are not taken back"
        if change.action == "update" and "pictures" in change.steps:
            return "pictures of a product are not taken off again"
        if change.action == "remove":
            return "an archived product is put back on sale in the shop, by a person"
        return super().reverse(change)


def _priced(variant: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a new variant that carry its barcode and first price."""
    members: dict[str, Any] = {}
    if variant.get("barcode"):
        members["barcode"] = variant["barcode"]
    if variant.get("price") is not None:
        members["price"] = f"{Decimal(variant['price']):f}"
    if variant.get("compare_at") is not None:
        members["compareAtPrice"] = f"{Decimal(variant['compare_at']):f}"
    return members


def _said(payload: Mapping[str, Any]) -> Answer | None:
    """The refusal in a reply; None where all was done."""
    errors = user_errors(payload)
    if not errors:
        return None
    text = listed(errors)
    if any(error.code == "PRODUCT_DOES_NOT_EXIST" or "does not exist" in error.message for error in errors):
        return Stale(f"the product is not in the shop any more: {text}")
    return Refused(text)
