"""The shop, as a session reads it."""

from __future__ import annotations

from sync_pipelines.pipelines.session import Session, may_write
from sync_pipelines.pipelines.shopify_store.store import Store
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings


def client(session: Session) -> Shopify:
    """Return the session's client of the shop. It may change the shop where a person has allowed the run's pipeline to."""

    def may_write_there() -> bool:
        return bool(session.pipeline) and may_write(session.ledger, session.pipeline, ShopifySettings.system)

    return session.once("shopify", lambda: Shopify.connect(ShopifySettings.read(), session.meter, may_write_there))


def store_of(session: Session) -> Store:
    """Return a reader of the shop's orders for one step. Nothing that it sends changes the shop."""
    return Store(client(session), session.warehouse, session.ledger, ShopifySettings.read(), session.id)
