"""From the catalogue to a plan: map the prices, and plan every price list. Plain functions over a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sync_pipelines.delivery import guards, notes
from sync_pipelines.delivery.applying import Report
from sync_pipelines.delivery.model import DeliveryError, GuardFinding
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.duck import reading
from sync_pipelines.exact_json import FLAW, flaw, loads
from sync_pipelines.pipelines.catsy_sparklayer import PIPELINE, extract, mapping
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.catsy_sparklayer.target import NOT_SHOWN, PriceLists
from sync_pipelines.pipelines.plan_and_apply import size_of
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Applied, Extra, Markdown, PlanRequest, Writer
from sync_pipelines.pipelines.tables import markdown
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.sparklayer import SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines.warehouse.snapshots import About, Published, with_about

TRADE_PRICES = ("catsy", "trade_prices")


def map_prices(products: Published, settings: CatsySparkLayerSettings) -> pa.Table:
    """Rows of catsy/trade_prices, from the columns of the snapshot.

    The columns hold text. An item is parsed again only where it matters whether a price was a JSON number, and where a
    value of it cannot be used.
    """
    columns = {f"price:{name}": name for name in settings.attributes}
    mark = CatsySettings.read().decimal_mark

    def items() -> Iterator[mapping.SourceItem]:
        with reading() as con:
            chosen = ", ".join(f'"{c}"' for c in ("item", "id", "sku", *columns))
            for batch in con.sql(f"SELECT {chosen} FROM read_parquet('{_quoted(products)}')").to_arrow_reader(10_000):
                whole, *shown = batch.columns
                flawed = pc.match_substring(whole, f'"{FLAW}":').to_pylist()
                for row, (item_id, sku, *texts) in enumerate(zip(*(c.to_pylist() for c in shown), strict=True)):
                    prices: dict[str, Any] = dict(zip(columns.values(), texts, strict=True))
                    item: Any = None
                    if flawed[row] or any(text and mapping.reads_differently_as_text(text, mark) for text in texts):
                        item = loads(whole[row].as_py())
                        prices.update({n: item[n] for n in prices if isinstance(item.get(n), Decimal)})
                    yield mapping.SourceItem(item_id, sku, prices, flaw(item))

    with reading() as con:
        pairs = con.sql(f"SELECT id, sku FROM read_parquet('{_quoted(products)}')").to_arrow_table()
    ids, skus = (column.to_pylist() for column in pairs.columns)
    conflicts = {**mapping.sku_conflicts(skus), **mapping.versions(ids, skus)}
    del pairs, ids, skus
    of_a_file = products.about.origin.startswith(extract.FROM_CSV)
    rows = mapping.as_columns(mapping.trade_prices(items(), settings.price_lists, conflicts, mark, of_a_file=of_a_file))
    return with_about(rows, products.about)


def _quoted(products: Published) -> str:
    return str(products.path).replace("'", "''")


@dataclass(frozen=True)
class Mapped:
    """What mapping the catalogue gave: rows by state, and examples of those that a person should look at."""

    published: Published
    read: int
    lists: int
    states: Mapping[str, int]
    examples: Markdown


def map_catalogue(session: Session) -> Mapped:
    """Map catsy/products to catsy/trade_prices and publish that. Raises DeliveryError when nothing was read yet."""
    settings, account = CatsySparkLayerSettings.read(), CatsySettings.read().account
    products = _published(session, extract.KEY, account)
    rows = map_prices(products, settings)
    states = Counter[str](rows.column("state").to_pylist())
    doubtful = rows.filter(pc.is_in(rows.column("state"), pa.array(["rejected", "conflict"])))
    shown = doubtful.slice(0, 20).select(["price_list", "sku", "state", "reason", "source_id"]).to_pylist()
    now, source = datetime.now(UTC).isoformat(), products.about
    about = About(account, now, source.extract, rows.num_rows, origin="derived", gaps=source.doubt)
    published = session.warehouse.write(TRADE_PRICES, rows, about)
    session.note(source_rejects=PIPELINE.source_rejects())
    return Mapped(published, source.rows, len(settings.price_lists), states, Markdown(markdown(shown)))


def _published(session: Session, key: tuple[str, str], account: str) -> Published:
    found = session.warehouse.find(key, account)
    if found is None:
        raise DeliveryError(f"{'/'.join(key)} was never materialized for {account}. Materialize it first.")
    return found


def trade_prices(session: Session) -> tuple[pa.Table, About]:
    """Return the rows of catsy/trade_prices, and the extract they were made from: what a plan may conclude depends on whether
    that was whole.

    Raises DeliveryError when there are none, or catsy/products holds another extract by now.
    """
    account = CatsySettings.read().account
    source, mapped = _published(session, extract.KEY, account), _published(session, TRADE_PRICES, account)
    if mapped.about.extract not in ("", source.about.extract):
        raise DeliveryError("catsy/products was read again since catsy/trade_prices was made. Materialize that first.")
    return pq.read_table(mapped.path), source.about


class PriceWriter(Writer[PriceLists]):
    """The price lists of one SparkLayer site."""

    def target(self, session: Session) -> PriceLists:
        """The steps of a run share one."""
        return lists_of(session)

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        rows, source = trade_prices(session)
        only = known_keys(request.only, rows) if request.only else None
        return plan_prices(session, rows, source, only=only)

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def least_calls(
        self, session: Session, target: PriceLists, plan: Plan, report: Report | None, limit: int | None = None
    ) -> None:
        """Login; to plan, lists and each that is there; to apply, what was sent."""
        minimum, least = session.meter.minimum, 1 + target.there if report is None else target.least_sent()
        minimum["sparklayer"] += least + (1 if least and not minimum["sparklayer"] else 0)

    def planned(self, session: Session, target: PriceLists, plan: Plan, request: PlanRequest) -> Extra:
        return Extra({"not_shown_by_the_vendor": NOT_SHOWN})

    def applied(self, session: Session, target: PriceLists, plan: Plan, report: Report) -> Applied:
        return Applied(size_of(plan))


def client(session: Session) -> SparkLayer:
    def connect() -> SparkLayer:
        right = session.right(PIPELINE.name, SparkLayerSettings.system)
        return SparkLayer.connect(SparkLayerSettings.read(), session.meter, right)

    return session.once("sparklayer", connect)


def target(client: SparkLayer) -> PriceLists:
    settings = CatsySparkLayerSettings.read()
    return PriceLists(client, settings.price_lists, SparkLayerSettings.read(), create_missing=settings.create_missing_lists)


def lists_of(session: Session) -> PriceLists:
    return session.once("price lists", lambda: target(client(session)))


def plan_prices(session: Session, trade_prices: pa.Table, source: About, *, only: Collection[str] | None = None) -> Plan:
    """Plan every price list against what it holds now. Sends nothing that changes anything."""
    settings = CatsySparkLayerSettings.read()
    lists = lists_of(session)
    wrong = lists.wrong_currencies()
    rows = (row for batch in trade_prices.to_batches(10_000) for row in batch.to_pylist())
    earlier = notes.earlier_extracts(session.ledger, "/".join(extract.KEY), source.account, before=source.extract)
    return make_plan(
        lists,
        mapping.desired_prices(rows),
        ledger=session.ledger,
        files=session.plans,
        pipeline=PIPELINE.name,
        extract=source.extract,
        run=session.id,
        policy=Policy(remove_missing=settings.remove_missing and not source.doubt, foreign_edits=settings.foreign_edits),
        row_guards=[guards.moved_too_far(settings.max_price_move, lambda name: name.startswith("price@"))],
        plan_guards=[
            *guards.change_size_guards(settings.max_moving, settings.max_removed, settings.max_held),
            guards.source_shrank(settings.min_source, source.rows, earlier),
            guards.must_hold("currency", wrong, "every list has the currency of the settings"),
            *([_not_whole(source.doubt)] if source.doubt else []),
        ],
        only=only,
    )


def _not_whole(doubt: str) -> guards.PlanGuard:
    """What a plan says of an extract that may lack items. It stops nothing: such a plan removes nothing."""
    text = f"the extract is not proved to be whole ({doubt}); nothing is removed for being missing from it"
    return lambda _: GuardFinding("whole_source", "no_baseline", text)


def full_keys(named: Collection[str]) -> set[str]:
    """Business keys for what a person named: `list/SKU`, or a SKU, which stands for it on every list."""
    slugs = [price_list.slug for price_list in CatsySparkLayerSettings.read().price_lists]
    return {*named, *(mapping.key(slug, name) for name in named for slug in slugs)}


def known_keys(named: Collection[str], trade_prices: pa.Table) -> set[str]:
    """`full_keys`, of which every one named is in the source. Raises DeliveryError naming those that are not."""
    there = {mapping.key(*row) for row in zip(*(trade_prices.column(c).to_pylist() for c in ("price_list", "sku")), strict=True)}
    if unknown := [name for name in named if not there & full_keys([name])]:
        raise DeliveryError(f"Catsy has no {', '.join(unknown)}. Nothing was planned.")
    return full_keys(named)


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row for people: key, what happens, and each price before and after."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    names = sorted({n for n in (*before, *after) if n.startswith("price@")}, key=lambda n: int(n[6:]))
    moves = "; ".join(f"{n[6:]}+: {before.get(n, '–')} → {after.get(n, '–')}" for n in names if before.get(n) != after.get(n))
    what = f"held ({row['held']})" if row["held"] else row["action"]
    return {"key": row["key"], "what": what, "prices": moves, "reason": row["reason"] or row["undo_note"] or ""}
