"""What the plans of goods share in one run: Sentos' rows, the shop's variants, and which is which."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from sync_pipelines.delivery import notes, records
from sync_pipelines.delivery.guards import PlanGuard, source_shrank
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.records import Record
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_sentos import erp_products
from sync_pipelines.pipelines.shopify_sentos.matching import Pair, matched
from sync_pipelines.pipelines.shopify_sentos.price_target import Variants
from sync_pipelines.pipelines.shopify_sentos.product_mapping import ErpProduct, products_of
from sync_pipelines.pipelines.shopify_sentos.rejects import rejects_of
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_store import catalog
from sync_pipelines.pipelines.shopify_store.client import client, store_of
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors.shopify_catalog import Location, Variant
from sync_pipelines.warehouse.snapshots import Published

MATCHED = "match"
"""What an explanation says by which a person has matched a row with a variant."""

__all__ = ["Goods", "chosen", "client", "currency", "goods", "goods_just_read", "lands", "location", "whole_source"]


@dataclass(frozen=True)
class Goods:
    """erp, shop: what it was made from. in_shop: every variant of the shop. pairs: every row of Sentos with the variant that it
    is."""

    erp: Published
    shop: Published
    in_shop: Sequence[Variant]
    pairs: Sequence[Pair]

    @cached_property
    def variants(self) -> Variants:
        """The variants that are rows of Sentos, by the key they are planned under."""
        return {pair.key: pair.variant for pair in self.pairs if pair.variant is not None and not pair.problem}

    @cached_property
    def products(self) -> Sequence[ErpProduct]:
        """The products of Sentos that the rows are of."""
        return products_of(self.pairs)


def goods(session: Session) -> Goods:
    """Return what this run has read of both sides, matched. The shop is read after Sentos."""
    return session.once("goods", lambda: match(session, erp_products.products(session)))


def goods_just_read(session: Session) -> Goods:
    """Return both sides as this very run has read them, Sentos first: what stock is planned from."""
    erp = erp_products.products_just_read(session)
    found = goods(session)
    if found.erp.about.extract == erp.about.extract and found.shop.about.at > erp.about.at:
        return found
    return session.once("goods for stock", lambda: match(session, erp, catalog.read(session)))


def match(session: Session, erp: Published, there: Published | None = None) -> Goods:
    there = there or catalog.catalog(session)
    rows, variants = list(erp_products.rows_of(erp)), list(catalog.rows_of(there))
    pairs = matched(rows, variants, confirmed_matches(session.ledger))
    session.note(source_rejects=len(rejects_of(session.ledger, session.warehouse, lambda: pairs)))
    return Goods(erp, there, variants, pairs)


def confirmed_matches(ledger: Ledger) -> dict[str, str]:
    """What people have said: ids of variants by the key of the row that each is."""
    said = notes.explanations(ledger, ShopifySentosSettings.goods_account("products"))
    return {explanation.key: explanation.text for explanation in said.values() if explanation.what == MATCHED}


def gone_keys(session: Session, found: Goods, account: str) -> dict[str, Record]:
    """Records of ours whose keys Sentos has no more, by key: in this whole reading and in the one before."""
    if found.erp.about.gaps:
        return {}
    there = {key for pair in found.pairs for key in pair.erp.keys} | erp_products.just_left(session)
    ours = records.records_of(session.ledger, account)
    return {key: each for key, each in ours.items() if key not in there and each.state not in ("absent", "gone")}


def location(session: Session) -> Location:
    """Return the location that stock is kept at: that of the settings, else the first that fulfils online orders.

    Raises DeliveryError where there is none.
    """
    return session.once("location", lambda: _location(shop.locations(client(session))))


def _location(there: Sequence[Location]) -> Location:
    named = ShopifySentosSettings.read().location
    names = ", ".join(repr(each.name) for each in there) or "none"
    if named:
        found = [each for each in there if each.name == named and each.active]
        if len(found) != 1:
            raise DeliveryError(
                f"the shop has {len(found) or 'no'} active location {named!r} (there are: {names}). Nothing was planned."
            )
        return found[0]
    online = next((each for each in there if each.active and each.fulfils_online), None)
    if online is None:
        raise DeliveryError(f"no active location of the shop fulfils online orders (there are: {names}). Nothing was planned.")
    return online


def currency(session: Session) -> str:
    """The shop's currency."""
    return store_of(session).facts.currency


def lands() -> timedelta:
    return timedelta(seconds=ShopifySentosSettings.read().lands_within)


def whole_source(session: Session, erp: Published) -> PlanGuard:
    """Stop a plan that is made from implausibly few rows of Sentos."""
    settings = ShopifySentosSettings.read()
    key = "/".join(erp_products.KEY)
    earlier = notes.earlier_extracts(session.ledger, key, erp.about.account, before=erp.about.extract)
    return source_shrank(settings.min_source, erp.about.rows, earlier)


def chosen(only: Collection[str]) -> set[str] | None:
    """Of the keys that a person named those of goods; None where nothing was named."""
    return {key for key in only if not key.startswith("shopify-")} if only else None
