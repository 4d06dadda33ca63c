"""Plan the stock of the shop's location by the rule of `stock_rule`, from three readings in their order."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sync_pipelines.delivery import notes, records
from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan, is_first
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Applied, PlanRequest, Writer
from sync_pipelines.pipelines.shopify_sentos import PIPELINE, PRODUCTS, erp_orders
from sync_pipelines.pipelines.shopify_sentos.goods import (
    Goods,
    chosen,
    client,
    gone_keys,
    goods_just_read,
    lands,
    location,
    whole_source,
)
from sync_pipelines.pipelines.shopify_sentos.order_mapping import goes
from sync_pipelines.pipelines.shopify_sentos.price_plan import readable
from sync_pipelines.pipelines.shopify_sentos.product_plan import there_of
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_sentos.stock_rule import Known, Orders, offer
from sync_pipelines.pipelines.shopify_sentos.stock_target import Stock
from sync_pipelines.pipelines.shopify_store.change_reader import CURSOR, first_day
from sync_pipelines.pipelines.shopify_store.days import instant, start_of, written
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, whole_orders
from sync_pipelines.pipelines.shopify_store.orders import Order
from sync_pipelines.pipelines.tables import listed
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify import Shopify, whole_reply
from sync_pipelines.vendors.shopify_catalog import Location, Variant
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.vendors.shopify_units import BY_ID, units_of

log = logging.getLogger(__name__)

BEGUN = "stock begun"
"""The cursor that says when the stock of a shop was first planned: what was sent before is no news to the ERP."""
SETTLED = "stock settled"
"""What an order's explanation says whose pieces a person has seen to."""
FRESH = timedelta(minutes=15)
"""How long a plan of stock may wait. What it was made from is soon the past."""
CLOCKS_APART = timedelta(minutes=5)
"""How far the shop's clock may be from ours. What was sent in these minutes before the rule began counts as sent since."""
GONE = "Sentos does not have it any more"
GID = "gid://shopify/Order/"


class StockWriter(Writer[Stock]):
    """The stock of one location."""

    def target(self, session: Session) -> Stock:
        settings = ShopifySentosSettings.read()
        account = ShopifySentosSettings.goods_account("stock")
        made = {sku: variant for of_product in there_of(session).values() for sku, variant in of_product.items()}
        variants = {**made, **goods_just_read(session).variants, **_gone(session)}
        return Stock(client(session), account, location(session), variants, lands(), track=settings.track_untracked)

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        found, at, settings = goods_just_read(session), location(session), ShopifySentosSettings.read()
        orders = orders_after(session, found)
        session.once("unsettled pieces", lambda: orders.unsettled)
        there = set(self.target(session).variants) | _coming(session, found)
        wanted = list(desired_stock(found, at, orders, settings, there))
        wanted += [Desired(key, {"available": 0, "why": GONE, "tracked": True}) for key in _gone(session)]
        first = is_first(session.ledger, ShopifySentosSettings.goods_account("stock"))
        return make_plan(
            self.target(session),
            wanted,
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract=found.erp.about.extract,
            run=session.id,
            policy=Policy(foreign_edits="expected", valid_for=FRESH),
            row_guards=[] if first else [_many_rise(found, at, wanted, settings.max_rising)],
            plan_guards=[whole_source(session, found.erp)],
            only=chosen(request.only),
        )

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def least_calls(self, session: Session, target: Stock, plan: Plan, report: Report | None, limit: int | None) -> None:
        """A call for every 250 SKUs, three or four for one that is stocked for the first time, and a look at them after it."""
        if report is not None and report.writes:
            session.meter.minimum["shopify"] += target.calls + -(-(report.read_back or 0) // 100)

    def ended(self, session: Session, counts: Mapping[str, int]) -> tuple[Mapping[str, int], str]:
        """Where somebody bought in between, the next run reads again: that is as it should be."""
        return {state: n for state, n in counts.items() if state != "drifted"}, listed(counts) or "nothing to do"

    def applied(self, session: Session, target: Stock, plan: Plan, report: Report) -> Applied:
        unsettled: Mapping[str, int] = session.once("unsettled pieces", dict)
        return Applied({"sent_and_unknown_to_sentos": dict(sorted(unsettled.items())[:20])} if unsettled else {})


def _coming(session: Session, found: Goods) -> set[str]:
    """Keys of the rows whose product this run has planned to make or to complete: they get their stock once that is done."""
    plan = session.plan_made(PRODUCTS.applies)
    if not plan:
        return set()
    made = {row["key"] for row in session.plans.query(plan, "SELECT key FROM plan WHERE held IS NULL")}
    return {pair.key for product in found.products if product.key in made for pair in product.usable}


def _gone(session: Session) -> dict[str, Variant]:
    """Variants whose stock we wrote and that Sentos has no more, by the key that they had; none that is another row's by now."""
    found = goods_just_read(session)
    return session.once(f"gone from {found.shop.about.extract}", lambda: _gone_of(session, found))


def _gone_of(session: Session, found: Goods) -> dict[str, Variant]:
    there = {variant.item_id: variant for variant in found.in_shop}
    for pair in found.pairs:
        if pair.variant is not None:
            there.pop(pair.variant.item_id, None)
    gone = gone_keys(session, found, ShopifySentosSettings.goods_account("stock"))
    return {key: there[record.remote_id] for key, record in gone.items() if record.remote_id in there}


def desired_stock(
    found: Goods, at: Location, orders: Orders, settings: ShopifySentosSettings, there: Collection[str]
) -> Iterator[Desired]:
    """What may be offered of every row of Sentos that is in the shop, or will be (`there`), by the rule."""
    for pair in found.pairs:
        pieces = pair.erp.pieces(settings.warehouses)
        if pair.problem or pieces is None:
            why = pair.problem or f"Sentos' stock cannot be used: {pair.erp.problem}"
            yield Desired(pair.key, {}, conflict=why)
            continue
        if pair.key not in there:
            continue
        committed = known = sent = 0
        if pair.variant is not None:
            place = (pair.variant.item_id, at.id)
            level = pair.variant.levels.get(at.id)
            committed = level.committed if level else 0
            known = orders.known(place, pair.erp.asked_at)
            sent = orders.shipped_unknown(place, pair.erp.asked_at)
        rule = offer(pieces, committed, known, sent, settings.safety_stock)
        fields: Fields = {"available": rule.available, "why": str(rule), "tracked": True}
        yield Desired(pair.key, fields)


def _many_rise(found: Goods, at: Location, wanted: list[Desired], share: Decimal) -> Any:
    """Hold the rises, and only these, where implausibly many SKUs would rise at once. To offer less is never held back."""
    there = {key: level.available for key, v in found.variants.items() if (level := v.levels.get(at.id))}
    rising = sum(each.fields["available"] > there[each.key] for each in wanted if each.fields and each.key in there)
    too_many = len(there) >= 50 and rising > share * len(there)
    text = f"the stock of {rising} of {len(there)} SKUs would rise at once; more than {share:.0%} needs a person"

    def guard(before: Fields | None, after: Fields) -> str | None:
        was = (before or {}).get("available")
        return text if too_many and was is not None and after["available"] > was else None

    return guard


# --- the third reading --------------------------------------------------------------------------------------------------


def orders_after(session: Session, found: Goods) -> Orders:
    """Read, after the shop's stock, what became of the orders: those given to the ERP, and those that it may not know.

    Orders are read by their ids, which does not lag. Which ids: those that were stored, and those that a search shows as changed
    since; it is asked once it shows everything up to the moment when stock was read.
    """
    shop = ShopifySettings.read()
    seller = client(session)
    read_at = datetime.fromisoformat(found.shop.about.at)
    asked_at = max((pair.erp.asked_at for pair in found.pairs), default=datetime.fromisoformat(found.erp.about.at))
    listed_from = asked_at + timedelta(seconds=SentosSettings.read().lag_seconds)
    _wait_until(listed_from, "Sentos may list an order as open whose pieces it has put back")
    erp_orders.bring_up_to_date(session, since=listed_from)
    _wait_until(read_at + timedelta(seconds=shop.settle_lag), "a search may miss orders made before stock was read")
    begun = _begun(session, read_at)
    known = _known_in_erp(session, {p.erp.sku: p.variant.item_id for p in found.pairs if p.erp.sku and p.variant is not None})
    ids = _stored(session, known, begun) | _changed_since(seller, _read_up_to(session))
    session.meter.minimum["shopify"] += 1 + -(-len(ids) // BY_ID)
    return Orders(units_of(seller, sorted(ids)), lambda gid: known.get(gid) or Known(), begun)


def _wait_until(moment: datetime, why: str) -> None:
    if (wait := (moment - datetime.now(UTC)).total_seconds()) > 0:
        log.info("waiting %.0f s: until then %s", wait, why)
        time.sleep(wait)


def _begun(session: Session, moment: datetime) -> datetime:
    """When the stock of this shop was first planned."""
    account = ShopifySentosSettings.goods_account("stock")
    stored = notes.get_cursor(session.ledger, account, BEGUN)
    if stored is not None:
        return datetime.fromisoformat(stored)
    begun = moment - CLOCKS_APART
    if session.verb != "preview":
        notes.set_cursor(session.ledger, account, BEGUN, begun.isoformat(), session.id)
    return begun


def _read_up_to(session: Session) -> datetime:
    """Up to when changes of orders are stored; what came later is looked for in the shop."""
    settings = ShopifySettings.read()
    cursor = notes.get_cursor(session.ledger, settings.shop, CURSOR)
    if cursor is None:
        return start_of(first_day(session.ledger, settings), settings.zone)
    return instant(cursor) - timedelta(minutes=settings.overlap_minutes)


def _changed_since(seller: Shopify, since: datetime) -> set[str]:
    """Ids of the orders that changed in the shop since then, by whatever clock."""
    search, after, ids = f"updated_at:>='{written(since)}'", None, set[str]()
    while True:
        data = seller.call(documents.CHANGED_ORDERS, {"filter": search, "after": after}, what=f"orders {search}")
        with whole_reply("changed orders"):
            page = data["orders"]
            ids |= {node["id"] for node in page["nodes"]}
            if not page["pageInfo"]["hasNextPage"]:
                return ids
            after = page["pageInfo"]["endCursor"]


def _known_in_erp(session: Session, items: Mapping[str, str]) -> dict[str, Known]:
    """What the ERP knows of the orders that it was given, and of those that a person settled, by their global ids.

    items: the shop's inventory item of each SKU.
    """
    account = ShopifySentosSettings.orders_account()
    lag = timedelta(seconds=SentosSettings.read().lag_seconds)
    since = {key: datetime.fromisoformat(at) + lag for key, at in records.there_since(session.ledger, account).items()}
    settled = {each.key for each in notes.explanations(session.ledger, account).values() if each.what == SETTLED}
    ended = ShopifySentosSettings.read().cancelled_status
    pieces: dict[str, Mapping[str, int]] = {}
    adopted = {record.remote_id: key for key, record in records.records_of(session.ledger, account).items() if record.remote_id}
    for order in erp_orders.orders_in_erp(session.warehouse):
        key = adopted.get(str(order.sentos_id), order.order_id)  # another program gives it another number
        if order.status == ended:  # cancelled or returned there: its pieces are back in the ERP's stock
            since.pop(key, None)
            settled.add(key)
        elif key in since:
            of_order = Counter[str]()
            for sku, quantity, _ in order.lines:
                of_order[items.get(sku, "")] += quantity
            pieces.setdefault(key, of_order)
    return {
        GID + key.removeprefix("shopify-"): Known(since.get(key), pieces.get(key, {}), settled=key in settled)
        for key in {*since, *settled}
    }


def _stored(session: Session, known: dict[str, Known], begun: datetime) -> set[str]:
    """Ids of the stored orders that may matter: those that are not sent, and those that were sent since the rule began and of
    which the ERP may not have known. Adds to `known` the orders of which it learns otherwise."""
    settings, yesterday = ShopifySentosSettings.read(), datetime.now(UTC) - timedelta(days=1)
    ids: set[str] = set()
    with current_orders(session.warehouse, ShopifySettings.read().account) as con:
        for part in whole_orders(con, "SELECT f, n FROM current_order WHERE cancelled_at IS NULL"):
            for order in part:
                if order["id"] not in known and settings.left_out_are_known and goes(order, settings):
                    known[order["id"]] = Known(otherwise=True)
                since = known.get(order["id"], Known()).since
                if not _is_sent(order) or (_sent_after(order, begun) and (since is None or since > yesterday)):
                    ids.add(order["id"])
    return ids


def _is_sent(order: Order) -> bool:
    return order["displayFulfillmentStatus"] in ("FULFILLED", "RESTOCKED", "FULFILLMENT_NOT_REQUIRED")


def _sent_after(order: Order, moment: datetime) -> bool:
    """Whether any of it was sent since then."""
    return any(instant(each["createdAt"]) >= moment for each in order["fulfillments"])
