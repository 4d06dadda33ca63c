"""The shop, as a session reads it."""

from __future__ import annotations

from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_store.store import Store
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings


def store_of(session: Session) -> Store:
    """Return a reader of the shop's orders for one step. Nothing that its client sends changes the shop."""
    settings = ShopifySettings.read()
    client = session.once("shopify", lambda: Shopify.connect(settings, session.meter))
    return Store(client, session.warehouse, session.ledger, settings, session.id)
