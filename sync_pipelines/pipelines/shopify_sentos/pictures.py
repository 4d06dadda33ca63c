"""What became of the pictures of products that we made. The shop fetches them later, and says only there which it could not."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors.shopify import Shopify

CURSOR = "pictures"
"""The cursor with the products, as JSON by their ids, some picture of which is not ready: `key`, and `why` once one failed."""


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
