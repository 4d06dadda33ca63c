"""What became of the pictures that we gave. The shop fetches them later, and says only there which it could not.

It keeps them at addresses of its own, so nobody can see in the shop which of its pictures was which of Sentos'. What a product
was given is in the ledger, and an address that is there is not given again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors.shopify import Shopify

CURSOR = "pictures"
"""The cursor with the products, as JSON by their ids, some picture of which is not ready: `key`, and `why` once one failed."""

GIVEN = "given"
"""What a product's explanation says whose text is the addresses that it was given."""


def look(session: Session, client: Shopify, made: Mapping[str, str]) -> dict[str, str]:
    """Look at the pictures of products that were just made (ids by key), and of those that were not ready last time.

    Returns what failed, by key: until somebody mends it in the shop, for nothing is sent again.
    """
    waiting = _noted(session.ledger)
    waiting |= {product_id: {"key": key, "why": ""} for key, product_id in made.items()}
    if not waiting:
        return {}
    with as_delivery_failures():
        found = shop.pictures(client, waiting)
    left = {
        product_id: {"key": waiting[product_id]["key"], "why": "; ".join(sorted(set(pictures.failed)))}
        for product_id, pictures in found.items()
        if pictures.failed or pictures.waiting
    }
    account = ShopifySentosSettings.goods_account("products")
    notes.set_cursor(session.ledger, account, CURSOR, json.dumps(left, ensure_ascii=False), session.id)
    return failed(session.ledger)


def failed(ledger: Ledger) -> dict[str, str]:
    """Why pictures of a product could not be fetched, by the product's key, as it was when they were last looked at."""
    return {each["key"]: each["why"] for each in _noted(ledger).values() if each["why"]}


def _noted(ledger: Ledger) -> dict[str, dict[str, str]]:
    stored = notes.get_cursor(ledger, ShopifySentosSettings.goods_account("products"), CURSOR)
    found: dict[str, dict[str, str]] = json.loads(stored) if stored else {}
    return found


class Given:
    """The addresses that each product was given, by its key; and what media it had before a call that adds some."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._noted = {key: json.loads(each.text) for key, each in notes.explanations(ledger, _given_account()).items()}

    def addresses(self, key: str) -> list[str] | None:
        """None for a product of which none were noted."""
        return self._noted[key]["addresses"] if key in self._noted else None

    def media_before(self, key: str, call: str) -> set[str] | None:
        """None where that call was never about to be sent."""
        noted = self._noted.get(key, {})
        return set(noted["media"]) if noted.get("before") == call else None

    def take(self, addresses: Mapping[str, Sequence[str]], *, note: bool = True) -> None:
        """Count these as given, by the product's key. note: for the runs to come, too."""
        self._take({key: {"addresses": list(each)} for key, each in addresses.items()}, note=note)

    def begin(self, key: str, call: str, media: Collection[str]) -> None:
        """Note what media a product has before a call, so that a lost answer can be told from a call that was lost."""
        self._take({key: {"addresses": self.addresses(key) or [], "before": call, "media": sorted(media)}}, note=True)

    def _take(self, found: Mapping[str, dict[str, Any]], *, note: bool) -> None:
        self._noted.update(found)
        if note:
            rows = [notes.Explanation(key, GIVEN, json.dumps(each, ensure_ascii=False)) for key, each in found.items()]
            notes.note_explanations(self._ledger, _given_account(), rows)


def _given_account() -> str:
    """Beside the explanations of the products' account: a product may have one there as well."""
    return f"{ShopifySentosSettings.goods_account('products')} pictures"
