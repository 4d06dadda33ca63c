"""Pictures of products as a delivery target: each content once per product.

The store takes a picture at once and works on it afterwards: what it took is looked at until it is there. The same bytes sent
once more are the same picture, by the vendor's own rule; so a call whose answer was lost is sent again, once it cannot land.
Before 2026-10 a picture belongs to the family of the product that is named; since then it can be a variant's own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

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
from sync_pipelines.pipelines.lightspeed_orders.store import Store
from sync_pipelines.pipelines.lightspeed_pictures import owners
from sync_pipelines.pipelines.lightspeed_pictures.owners import Pictured
from sync_pipelines.pipelines.lightspeed_pictures.picture_files import MEDIA, kind_of
from sync_pipelines.pipelines.lightspeed_pictures.settings import LightspeedPicturesSettings
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS
from sync_pipelines.vendors import lightspeed_pictures as pictures
from sync_pipelines.vendors.lightspeed_pictures import Owner, Picture

ONE_BY_ONE = 25
"""Pictures that are asked for one by one; more are looked for in the list of products, and these many alone: only so one shows of
which nothing will come."""
_OF = " # "


def key_of(sku: str, digest: str) -> str:
    return f"{sku}{_OF}{digest[:16]}"


def sku_of(key: str) -> str:
    return key.rpartition(_OF)[0]


class Noted:
    """What is noted of pictures of an account under one heading, by key."""

    def __init__(self, ledger: Ledger, account: str, heading: str) -> None:
        self._ledger, self._account, self._heading = ledger, account, f"lightspeed picture {heading}: "
        found = notes.cursors(ledger, account, self._heading, except_verb="")
        self.by_key = {name.removeprefix(self._heading): value for name, value in found.items()}

    def put(self, key: str, value: str) -> None:
        notes.set_cursor(self._ledger, self._account, self._heading + key, value, "")
        self.by_key[key] = value

    def drop(self, key: str) -> None:
        if self.by_key.pop(key, None) is not None:
            notes.drop_cursor(self._ledger, self._account, self._heading + key)


def failed(ledger: Ledger, account: str) -> Noted:
    """The pictures of which the store could make nothing, and what became of them."""
    return Noted(ledger, account, "that failed")


class Images(StoreTarget):
    """Pictures of the products of one store. Key: `BOOT-9 # 3f2a…`, the owner's SKU and the beginning of the content's SHA-256.

    Fields: digest (that beginning); and of what is sent, file (its path), of_variant (whether it is a variant's own) and shown
    (the ids of the pictures that the product and its family showed when it was planned).

    wanted: the keys that are planned. waited: until when each picture is waited for in this run, by its id; monotonic clock.
    """

    name = "lightspeed/images"
    thing = "picture"
    window: ClassVar[int | None] = 500

    def __init__(
        self, store: Store, ledger: Ledger, account: str, wanted: Sequence[str], waited: MutableMapping[str, float]
    ) -> None:
        super().__init__(store, account)
        self.ledger, self.wanted, self.waited = ledger, wanted, waited
        self.settings = LightspeedPicturesSettings.read()
        self.settles_within = timedelta(0)  # lists by version do not lag, and a picture that none shows is asked for
        sent = Field("create_only")
        self.fields: Mapping[str, Field] = {"digest": Field(), "file": sent, "of_variant": sent, "shown": sent}
        self.steps = (
            Step("upload", self.lands, frozenset(), frozenset({"create"}), repeatable=True),
            Step("delete", self.lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )
        self._failed = failed(ledger, account)
        self._not_ours = Noted(ledger, account, "that was there")
        self._shown_before = Noted(ledger, account, "may have been sent beside")
        self._products: Mapping[str, Sequence[Pictured]] = {}
        self._showing: Mapping[str, Owner] = {}
        self.sent = 0
        """Calls that changed something."""
        self._asked = Counter[str]()
        """How often each picture was asked for by itself; the next to be asked are those that were asked least."""

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """Those that the ledger knows and the store still shows. Of others nobody can tell what is in them."""
        wanted = list(dict.fromkeys(self.wanted if keys is None else keys))
        with as_delivery_failures():
            self.store.read(PRODUCTS, again=keys is not None)
        known = {key: each.remote_id for key, each in records_of(self.ledger, self.account, wanted).items() if each.remote_id}
        con = self.store.opened(PRODUCTS)
        self._products = owners.with_skus(con, {sku_of(key) for key in wanted})
        self._showing = owners.showing(con, set(known.values()))
        for key in wanted:
            if known.get(key) in self._showing:
                yield Live(key, {"digest": key.rpartition(_OF)[2]}, "", known[key])

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        (change,) = batch
        send = self._upload if step.name == "upload" else self._delete
        return self.answered(batch, lambda: {change.key: send(change)})

    def _upload(self, change: Change) -> Answer:
        key, fields = change.key, change.after or {}
        products = self._products.get(sku_of(key), ())
        if len(products) != 1:
            why = f"{len(products)} products have this SKU" if products else "the product is not in the store any more"
            return PrerequisiteMissing(why)
        (product,) = products
        file = Path(fields["file"])
        try:
            content = file.read_bytes()
        except OSError as e:
            return PrerequisiteMissing(f"{file.name} cannot be read any more: {e.strerror or e}")
        if not sha256(content).hexdigest().startswith(fields["digest"]):
            return PrerequisiteMissing(f"{file.name} was changed since it was planned")
        owner = replace(product.owner, of_variant=fields["of_variant"])
        taken = pictures.upload(self.store.client, owner, file.name, content, MEDIA[kind_of(content) or ""])
        self.sent += 1
        self._note_whose(key, taken.id, product)
        return self._by_state(key, taken, unfinished=DoneReadBack(taken.id))

    def _note_whose(self, key: str, image: str, product: Pictured) -> None:
        """Note whether the store had a picture before: undo leaves it. A picture that may have been sent already may be shown
        because of that; so then it counts what was shown when it was planned first."""
        before: Collection[str] = product.images
        if key in self._shown_before.by_key:
            before = self._shown_before.by_key[key].split()
        if image in before:
            self._not_ours.put(key, image)
        else:
            self._not_ours.drop(key)

    def _delete(self, change: Change) -> Answer:
        image = change.remote_id or ""
        if owner := self._showing.get(image):
            pictures.delete(self.store.client, owner, image)
            self.sent += 1
        return Applied(image)

    def _by_state(self, key: str, found: Picture, *, unfinished: Answer) -> Answer:
        """What the store says of a picture that it took."""
        if found.state == "processing":
            return unfinished
        self._shown_before.drop(key)
        if found.state == "error":
            message = "the store could not make anything of this picture"
            self._failed.put(key, message)
            return Refused(message)
        self._failed.drop(key)
        return Applied(found.id)

    # --- what became of it ------------------------------------------------------------------------------------------

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        """What the store has made of pictures that it took, waiting for a while; and of calls that were never answered: those can
        go once more."""
        removals = [intent for intent in intents if intent.step.name != "upload"]
        found: dict[str, Answer] = dict(super().settle(removals)) if removals else {}
        waiting: dict[str, str] = {}
        for intent, change in ((i, c) for i in intents if i.step.name == "upload" for c in i.changes):
            if image := intent.handles.get(change.key):
                waiting[change.key] = image
            else:
                self._may_have_been_sent(change)
                found[change.key] = NotApplied("not answered; the same bytes are the same picture, so it goes once more")
        until = time.monotonic() + self.settings.wait_seconds
        until = max((self.waited.setdefault(image, until) for image in waiting.values()), default=until)
        while waiting:
            found |= self._look(waiting)
            waiting = {key: image for key, image in waiting.items() if key not in found}
            if time.monotonic() >= until:
                break
            if waiting:
                time.sleep(self.settings.poll_seconds)
        return {**found, **dict.fromkeys(waiting, Unclear("the store still works on it; later runs look again"))}

    def _may_have_been_sent(self, change: Change) -> None:
        if change.key not in self._shown_before.by_key:
            self._shown_before.put(change.key, (change.after or {}).get("shown") or "")

    def _look(self, waiting: Mapping[str, str]) -> dict[str, Answer]:
        """The pictures that are ready by now, or of which nothing will come."""
        found: dict[str, Answer] = {}
        with as_delivery_failures():
            if len(waiting) > ONE_BY_ONE:
                self.store.read(PRODUCTS, again=True)
                shown = owners.showing(self.store.opened(PRODUCTS), set(waiting.values()))
                ready = ((key, Picture(image, "uploaded")) for key, image in waiting.items() if image in shown)
                found |= {key: self._by_state(key, each, unfinished=Unclear("")) for key, each in ready}
            left = sorted((key for key in waiting if key not in found), key=self._asked.__getitem__)
            for key in left[:ONE_BY_ONE]:
                self._asked[key] += 1
                picture = pictures.picture(self.store.client, waiting[key], f"the picture of {sku_of(key)}")
                if picture is None:
                    found[key] = Stale("the picture was deleted meanwhile")
                elif picture.state != "processing":
                    found[key] = self._by_state(key, picture, unfinished=Unclear(""))
        return found

    def reverse(self, change: Change) -> Change | str:
        if change.key in self._not_ours.by_key:
            return "the store had this picture before"
        return super().reverse(change)
