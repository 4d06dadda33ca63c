"""Pictures of products as a delivery target: each content once per product.

The store takes a picture at once and works on it afterwards: what it took is looked at until it is there. The same bytes sent
once more are the same picture, by the vendor's own rule; so a call whose answer was lost is sent again, once it cannot land.
Before 2026-10 a picture belongs to the family of the product that is named; since then it can be a variant's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from urllib3.filepost import encode_multipart_formdata

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    Change,
    DoneReadBack,
    Field,
    Intent,
    Live,
    NotApplied,
    PrerequisiteMissing,
    Refused,
    Stale,
    Step,
    Unclear,
)
from sync_pipelines.delivery.records import records_of
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.lightspeed_orders.sending import StoreTarget
from sync_pipelines.pipelines.lightspeed_orders.store import Store, StoreProduct
from sync_pipelines.pipelines.lightspeed_pictures.picture_files import MEDIA, kind_of
from sync_pipelines.pipelines.lightspeed_pictures.settings import LightspeedPicturesSettings
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS
from sync_pipelines.vendors.failures import Permanent
from sync_pipelines.vendors.lightspeed import Row, one

WRITE = "products:write"
PROCESSING = "processing"
ONE_BY_ONE, ALONE_AT_LAST = 25, 125
"""Pictures that are asked for one by one; more are looked for in the list of products, and some of them alone at the last look:
only so one shows of which nothing will come."""
_OF = " # "
_THERE, _FAILED = "lightspeed picture that was there: ", "lightspeed picture that failed: "


def key_of(sku: str, digest: str) -> str:
    return f"{sku}{_OF}{digest[:16]}"


def sku_of(key: str) -> str:
    return key.rpartition(_OF)[0]


def failed(ledger: Ledger, account: str) -> dict[str, str]:
    """The pictures of which the store could make nothing, by key, and what it said."""
    return {name.removeprefix(_FAILED): told for name, told in notes.cursors(ledger, account, _FAILED, except_verb="").items()}


class Images(StoreTarget):
    """Pictures of the products of one store. Key: `BOOT-9 # 3f2a…`, the SKU and the beginning of the content's SHA-256. Fields:
    file (its path), digest (all of it), and of_variant: whether it is a variant's own (from 2026-10 on)."""

    name = "lightspeed/images"
    thing = "picture"
    window: ClassVar[int | None] = 500

    def __init__(
        self, store: Store, ledger: Ledger, account: str, wanted: Sequence[str], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(store, account)
        self.ledger, self.wanted, self.sleep = ledger, wanted, sleep
        self.settings = LightspeedPicturesSettings.read()
        self.settles_within = timedelta(0)  # a picture that the store shows is there, and one that it does not is asked for
        self.fields: Mapping[str, Field] = {"digest": Field(), "file": Field("create_only"), "of_variant": Field("create_only")}
        self.steps = (
            Step("upload", self.lands, frozenset(), frozenset({"create"}), repeatable=True),
            Step("delete", self.lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """Those that the ledger knows and the store still shows. Of others nobody can tell what is in them."""
        wanted = list(dict.fromkeys(self.wanted if keys is None else keys))
        with as_delivery_failures():
            self.store.read(PRODUCTS, again=keys is not None)
        known = {
            key: record.remote_id for key, record in records_of(self.ledger, self.account, wanted).items() if record.remote_id
        }
        shown = self.store.pictures([str(image) for image in known.values()])
        for key in wanted:
            if known.get(key) in shown:
                yield Live(key, {"digest": key.rpartition(_OF)[2]}, "", known[key])

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        return self.answered(batch, lambda: {change.key: self._send(step, change)})

    def _send(self, step: Step, change: Change) -> Answer:
        products = self.store.products([sku_of(change.key)]).get(sku_of(change.key), ())
        if len(products) != 1:
            why = f"{len(products)} products have this SKU" if products else "the product is not in the store any more"
            return PrerequisiteMissing(why)
        if step.name == "delete":
            return self._delete(change, products[0])
        fields = change.after or {}
        try:
            content = Path(fields["file"]).read_bytes()
        except OSError as e:
            return PrerequisiteMissing(f"the file is not there any more: {e.strerror or e}")
        if not sha256(content).hexdigest().startswith(fields["digest"]):
            return PrerequisiteMissing("the file was changed since it was planned")
        before = {image for product in products for image in self.store.pictures_of(product.id)}
        taken = self._upload(products[0], fields, content)
        image = str(taken["id"])
        if image in before:
            notes.set_cursor(self.ledger, self.account, _THERE + change.key, image, "")
        return self._by_state(change.key, image, str(taken.get("status") or PROCESSING), unfinished=DoneReadBack(image))

    def _upload(self, product: StoreProduct, fields: Mapping[str, object], content: bytes) -> Row:
        kind = kind_of(content) or "jpg"
        body, media = encode_multipart_formdata({"image": (Path(str(fields["file"])).name, content, MEDIA[kind])})
        path = f"/products/{product.id}/actions/image_upload"
        if self.by_families:
            path = (
                f"/products/{product.id}/images" if fields.get("of_variant") else f"/product_families/{product.family_id}/images"
            )
        what = f"picture of {product.sku}"
        taken: Row = self.store.client.write(
            "POST", path, body, what=what, scope=WRITE, headers={"Content-Type": media}, read=one
        )
        return taken

    def _delete(self, change: Change, product: StoreProduct) -> Answer:
        path = f"/product_images/{change.remote_id}"
        try:
            self.store.client.write("DELETE", path, None, what=f"picture of {product.sku}", scope=WRITE)
        except Permanent as e:
            if e.status != 404:
                raise
        return Applied(change.remote_id)

    def _by_state(self, key: str, image: str, state: str, *, unfinished: Answer) -> Answer:
        """What the store says of a picture that it took."""
        if state == PROCESSING:
            return unfinished
        if state == "error":
            told = "the store could not make anything of this picture"
            notes.set_cursor(self.ledger, self.account, _FAILED + key, told, "")
            return Refused(told)
        notes.drop_cursor(self.ledger, self.account, _FAILED + key)
        return Applied(image)

    # --- what became of it ------------------------------------------------------------------------------------------

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        """What the store has made of pictures that it took, waiting for a while; and of calls that were never answered: those can
        go once more."""
        removals = [intent for intent in intents if intent.step.name != "upload"]
        found: dict[str, Answer] = dict(super().settle(removals)) if removals else {}
        waiting: dict[str, str] = {}
        for intent in intents:
            for change in intent.changes if intent.step.name == "upload" else ():
                if change.key in intent.handles:
                    waiting[change.key] = intent.handles[change.key]
                else:
                    found[change.key] = NotApplied("not answered; the same bytes are the same picture, so it goes once more")
        until = time.monotonic() + self.settings.wait_seconds
        while waiting:
            last = time.monotonic() >= until
            found |= self._look(waiting, ALONE_AT_LAST if last else ONE_BY_ONE)
            waiting = {key: image for key, image in waiting.items() if key not in found}
            if last or not waiting:
                break
            self.sleep(self.settings.poll_seconds)
        return {**found, **dict.fromkeys(waiting, Unclear("the store still works on it; later runs look again"))}

    def _look(self, waiting: Mapping[str, str], alone: int) -> dict[str, Answer]:
        """The pictures that are ready by now, or of which nothing will come. alone: so many are asked for one by one."""
        found: dict[str, Answer] = {}
        with as_delivery_failures():
            if len(waiting) > ONE_BY_ONE:
                self.store.read(PRODUCTS, again=True)
                shown = self.store.pictures(list(waiting.values()))
                found |= {key: Applied(image) for key, image in waiting.items() if image in shown}
            left = [key for key in waiting if key not in found]
            for key in left if len(left) <= ONE_BY_ONE else left[: alone - ONE_BY_ONE]:
                answer = self._state_of(key, waiting[key])
                if not isinstance(answer, Unclear):
                    found[key] = answer
        return found

    def _state_of(self, key: str, image: str) -> Answer:
        try:
            path, what = f"/product_images/{image}", f"the picture of {sku_of(key)}"
            row = self.store.client.call("GET", path, what, "products:read", one)
        except Permanent as e:
            if e.status == 404:
                return Stale("the picture was deleted meanwhile")
            raise
        return self._by_state(key, image, str(row.get("status") or PROCESSING), unfinished=Unclear(PROCESSING))

    def reverse(self, change: Change) -> Change | str:
        if notes.get_cursor(self.ledger, self.account, _THERE + change.key):
            return "the store had this picture before"
        return super().reverse(change)
