"""The steps behind the assets, without Dagster: plan the prices, apply a plan, take one back."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from sync_pipelines.delivery import guards, notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError, GuardFinding
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.exact_json import FLAW, flaw, loads
from sync_pipelines.pipelines.catsy_sparklayer import extract, mapping
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.catsy_sparklayer.target import PriceLists
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.sparklayer import SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse, with_about

PIPELINE = "catsy_sparklayer"


def map_prices(products: Published, settings: CatsySparkLayerSettings) -> pa.Table:
    """Rows of catsy/trade_prices, from the columns of the snapshot.

    The columns hold text. An item is parsed again only where it matters whether a price was a JSON number, and where a
    value of it cannot be used.
    """
    columns = {f"price:{name}": name for name in settings.attributes}
    mark = CatsySettings.read().decimal_mark

    def items() -> Iterator[mapping.SourceItem]:
        with duckdb.connect(":memory:") as con:
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

    with duckdb.connect(":memory:") as con:
        pairs = con.sql(f"SELECT id, sku FROM read_parquet('{_quoted(products)}')").to_arrow_table()
    ids, skus = (column.to_pylist() for column in pairs.columns)
    conflicts = {**mapping.sku_conflicts(skus), **mapping.versions(ids, skus)}
    del pairs, ids, skus
    of_a_file = products.about.origin.startswith(extract.FROM_CSV)
    rows = mapping.as_columns(mapping.trade_prices(items(), settings.price_lists, conflicts, mark, of_a_file=of_a_file))
    return with_about(rows, products.about)


def _quoted(products: Published) -> str:
    return str(products.path).replace("'", "''")


def extract_of_prices(warehouse: Warehouse, account: str) -> About:
    """The extract that catsy/trade_prices was made from: what a plan may conclude depends on whether it was whole.

    Raises DeliveryError when there is none, or catsy/products holds another one by now.
    """
    source, mapped = warehouse.find(extract.KEY, account), warehouse.find(("catsy", "trade_prices"), account)
    if source is None:
        raise DeliveryError("catsy/products was never materialized for this account. Materialize it first.")
    if mapped is not None and mapped.about.extract not in ("", source.about.extract):
        raise DeliveryError("catsy/products was read again since catsy/trade_prices was made. Materialize that first.")
    return source.about


def target(client: SparkLayer) -> PriceLists:
    settings = CatsySparkLayerSettings.read()
    return PriceLists(client, settings.price_lists, SparkLayerSettings.read(), create_missing=settings.create_missing_lists)


def plan_prices(
    client: SparkLayer,
    trade_prices: pa.Table,
    source: About,
    *,
    ledger: Ledger,
    files: PlanFiles,
    run: str,
    only: Collection[str] | None = None,
) -> Plan:
    """Plan every price list against what it holds now. Sends nothing that changes anything."""
    settings = CatsySparkLayerSettings.read()
    lists = target(client)
    wrong = lists.wrong_currencies()
    rows = (row for batch in trade_prices.to_batches(10_000) for row in batch.to_pylist())
    earlier = notes.earlier_extracts(ledger, "/".join(extract.KEY), source.account, before=source.extract)
    return make_plan(
        lists,
        mapping.desired_prices(rows),
        ledger=ledger,
        files=files,
        pipeline=PIPELINE,
        extract=source.extract,
        run=run,
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


def least_calls(meter: CallMeter, plan: Plan, *, planned: bool, applied: bool, limit: int | None = None) -> None:
    """Note the least calls SparkLayer needs in a run that did this: login; lists and each read; read, full batches, read."""
    lists, size = len(CatsySparkLayerSettings.read().price_lists), SparkLayerSettings.read().batch_size
    left = plan.counts.changes if limit is None else limit
    batches = 0
    for _, counts in sorted(plan.counts.by_parent.items()):
        sent = min(counts.changes, left)
        batches, left = batches + math.ceil(sent / size), left - sent
    meter.minimum["sparklayer"] = 1 + (1 + lists) * planned + (2 * lists + batches) * (applied and batches > 0)


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row for people: key, what happens, and each price before and after."""
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    names = sorted({n for n in (*before, *after) if n.startswith("price@")}, key=lambda n: int(n[6:]))
    moves = "; ".join(f"{n[6:]}+: {before.get(n, '–')} → {after.get(n, '–')}" for n in names if before.get(n) != after.get(n))
    what = f"held ({row['held']})" if row["held"] else row["action"]
    return {"key": row["key"], "what": what, "prices": moves, "reason": row["reason"] or row["undo_note"] or ""}
