"""Plan the prices of the shop's variants from Sentos' price list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sync_pipelines.delivery import guards
from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import Desired, Fields
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest, Writer
from sync_pipelines.pipelines.shopify_sentos import PIPELINE
from sync_pipelines.pipelines.shopify_sentos.erp_products import OWN_PRICE, ErpRow
from sync_pipelines.pipelines.shopify_sentos.goods import Goods, chosen, client, currency, goods, lands, whole_source
from sync_pipelines.pipelines.shopify_sentos.price_target import Prices
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings

CENT = Decimal("0.01")


class NoPrice(ValueError):
    """Why a row of Sentos has no price that can be used."""


class PriceWriter(Writer[Prices]):
    """The prices of one shop."""

    def target(self, session: Session) -> Prices:
        account = ShopifySentosSettings.goods_account("prices")
        return Prices(client(session), account, goods(session).variants, lands())

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        found, settings = goods(session), ShopifySentosSettings.read()
        in_currency = currency(session)
        wrong = no_price_in(found, in_currency)
        return make_plan(
            self.target(session),
            desired_prices(found, settings.price_key, in_currency),
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract=found.erp.about.extract,
            run=session.id,
            policy=Policy(foreign_edits=settings.foreign_edits),
            row_guards=[guards.moved_too_far(settings.max_price_move, lambda name: name == "price", "the")],
            plan_guards=[
                guards.must_hold("currency", wrong, f"prices are in the shop's currency, {in_currency}"),
                whole_source(session, found.erp),
                *guards.change_size_guards(settings.max_moving, settings.max_held, settings.max_held),
            ],
            only=chosen(request.only),
        )

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def least_calls(self, session: Session, target: Prices, plan: Plan, report: Report | None, limit: int | None) -> None:
        """A call for each product that was sent; before it a look at the variants, and one after."""
        if report is not None and report.writes:
            looks = -(-plan.counts.changes // 100) if limit is None else -(-min(limit, plan.counts.changes) // 100)
            session.meter.minimum["shopify"] += report.writes + 2 * looks


def price_of(row: ErpRow, key: str, currency: str) -> tuple[Decimal, Decimal | None]:
    """What a row sells for, and what it is said to have cost: of the chosen price list, else the product's own sale price.

    Raises NoPrice.
    """
    if row.currency != currency:
        raise NoPrice(f"Sentos' price is in {row.currency}, the shop is in {currency}")
    listed, sale = row.prices.get(key, (None, None))
    if sale is None:
        listed, sale = None, row.prices.get(OWN_PRICE, (None, None))[1]
    if sale is None:
        raise NoPrice(f"Sentos has no price that can be used: {row.problem}" if row.problem else "Sentos has no price")
    if sale < 0:
        raise NoPrice(f"Sentos' price is {sale}")
    return sale, listed


def desired_prices(found: Goods, key: str, currency: str) -> Iterator[Desired]:
    """The price of every variant that Sentos has. A list price that is not above the sale price crosses nothing out."""
    for pair in found.pairs:
        if pair.problem:
            yield Desired(pair.key, {}, conflict=pair.problem)
            continue
        if pair.variant is None:
            continue  # made at its first price with its product
        try:
            sale, listed = price_of(pair.erp, key, currency)
        except NoPrice as e:
            yield Desired(pair.key, {}, conflict=str(e))
            continue
        fields: Fields = {"price": sale}
        if listed is not None:
            fields["compare_at"] = listed if listed > sale else None
        yield Desired(pair.key, fields)


def no_price_in(found: Goods, wanted: str) -> list[str]:
    """Why no price of Sentos can be the shop's: none is in its currency. Single rows in another one are held."""
    theirs = sorted({pair.erp.currency for pair in found.pairs})
    return [f"Sentos' prices are in {', '.join(theirs)}, the shop is in {wanted}"] if theirs and wanted not in theirs else []


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row of goods for people: key, what happens, each value before and after, why."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    shown = [n for n in ("price", "compare_at", "available", "title", "tags", "variants") if n in before or n in after]
    moves = "; ".join(
        f"{n.replace('_', ' ')}: {_shown(before.get(n))} → {_shown(after.get(n))}" for n in shown if before.get(n) != after.get(n)
    )
    what = f"held ({row['held']})" if row["held"] else row["action"]
    return {
        "key": row["key"],
        "what": what,
        "changes": moves,
        "reason": row["reason"] or row["undo_note"] or after.get("why") or "",
    }


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        cents = value.quantize(CENT)
        return f"{cents if cents == value else value.normalize():f}"
    return "–" if value is None else str(value)
