"""What a person asks of this pipeline outside a run: can it log in, what does the vendor really do, what of this SKU."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import duckdb

from sync_pipelines.credentials import CredentialMissing, secret
from sync_pipelines.csv_files import write_csv
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.staging import load_records
from sync_pipelines.duck import reading
from sync_pipelines.pipelines.catsy_sparklayer import extract, planning
from sync_pipelines.pipelines.catsy_sparklayer.extract import KEY
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.catsy_sparklayer.target import ListMissing
from sync_pipelines.pipelines.observations import Observation, fact
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors.catsy import Catsy
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.sparklayer import SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines.warehouse.snapshots import SnapshotUnreadable, Warehouse

full_keys = planning.full_keys
readable = planning.readable


def ready() -> None:
    """Look at what a run will need before anything heavy is loaded. Raises what is missing."""
    secret("CATSY_BEARER_TOKEN")
    secret("SPARKLAYER_CLIENT_ID", "CLIENT_ID")
    secret("SPARKLAYER_CLIENT_SECRET", "CLIENT_SECRET")
    CatsySettings.read().needed("query_id", "CATSY_QUERY_ID")
    SparkLayerSettings.read().needed("site_id", "SPARKLAYER_SITE_ID")


def source_options(refresh: str, from_csv: Path | None) -> dict[str, Any]:
    """How the source is come by, as configuration of the steps. Raises UsageError for what cannot be read."""
    extract.refuse_what_cannot_be_read(refresh, from_csv)
    return {"catsy__products": {"refresh": refresh, "from_csv": "" if from_csv is None else str(from_csv.resolve())}}


def more_status(_: Ledger) -> dict[str, Any]:
    return {}


@contextlib.contextmanager
def clients() -> Iterator[tuple[Catsy, SparkLayer]]:
    """Both clients, read-only. Raises what is missing."""
    meter = CallMeter()
    catsy = Catsy.connect(CatsySettings.read(), meter, data_dir() / "limits" / "catsy.db")
    sparklayer = SparkLayer.connect(SparkLayerSettings.read(), meter)
    try:
        yield catsy, sparklayer
    finally:
        catsy.close()
        sparklayer.close()


def validate(*, deep: bool) -> list[Observation]:
    """Log in to both systems and look at the rights; with `deep`, which assumed facts hold. Reads only."""
    found: list[Observation] = []
    try:
        with clients() as (catsy, sparklayer):
            found += _catsy(catsy)
            found += _sparklayer(sparklayer)
            if deep and all(f.verdict != "problem" for f in found):
                found += _catsy_facts(catsy)
                found += _sparklayer_facts(sparklayer)
    except (CredentialMissing, SettingsError, VendorError) as e:
        found.append(Observation("settings", "problem", str(e)))
    return found


def _catsy(client: Catsy) -> list[Observation]:
    try:
        items, total = client.page(0, limit=client.page_size)
    except VendorError as e:
        return [Observation("catsy login and query", "problem", str(e))]
    found = [Observation("catsy login and query", "ok", f"query {client.query_id}: {'?' if total is None else total} items")]
    seen = {name for item in items for name in item}
    wanted = (CatsySettings.read().sku_attribute, *CatsySparkLayerSettings.read().attributes)
    missing = [name for name in wanted if name not in seen]
    text = f"of {len(items)} items looked at, none has {', '.join(missing)}: not in the query, or the role may not read it"
    found.append(
        Observation("catsy attributes", "problem", text) if missing else Observation("catsy attributes", "ok", ", ".join(wanted))
    )
    return found


def _sparklayer(client: SparkLayer) -> list[Observation]:
    try:
        wrong = planning.target(client).wrong_currencies()
    except (VendorError, ListMissing) as e:
        return [Observation("sparklayer login and price lists", "problem", str(e))]
    if wrong:
        return [Observation("sparklayer price lists", "problem", "; ".join(wrong))]
    names = ", ".join(p.slug for p in CatsySparkLayerSettings.read().price_lists)
    return [
        Observation("sparklayer login and price lists", "ok", names),
        Observation("sparklayer right to write", "unknown", "cannot be told without writing"),
    ]


def _catsy_facts(client: Catsy) -> list[Observation]:
    asked = client.page_size
    items, total = client.page(0, limit=asked)
    beyond, _ = client.page(10**9, limit=1)
    ids = [item.get(CatsySettings.read().id_attribute) for item in items]
    short = total is not None and len(items) < min(asked, total)
    return [
        fact("a reply tells the total", total is not None, f"total {total}"),
        fact(f"a page holds {asked} items", not short, f"{len(items)} received"),
        fact("an offset past the end gives no items", not beyond, f"{len(beyond)} received"),
        fact("every item has an id of its own", None not in ids and len(set(map(str, ids))) == len(ids), f"{len(ids)} looked at"),
    ]


def _sparklayer_facts(client: SparkLayer) -> list[Observation]:
    found = []
    for price_list in CatsySparkLayerSettings.read().price_lists:
        stored = client.prices(price_list.slug)
        skus = [p.sku for p in stored]
        folded = {s.casefold() for s in skus}
        names = sorted({name for p in stored for name in p.rest})
        told_apart = len(folded) == len(set(skus))
        found += [
            fact(f"{price_list.slug}: prices come ordered by SKU", skus == sorted(skus), f"{len(stored)} prices")
            if skus
            else Observation(f"{price_list.slug}: prices come ordered by SKU", "unknown", "the list is empty"),
            fact(f"{price_list.slug}: SKUs are told apart by more than case", told_apart, f"{len(skus)} prices"),
            Observation(f"{price_list.slug}: row fields a read shows", "holds", ", ".join(names) or "none"),
        ]
    return found


def names() -> Collection[str]:
    return ()


def mapped_keys(keys: Collection[str]) -> set[str]:
    """Those of these keys (`list/SKU`) that catsy/trade_prices has. Raises SnapshotUnreadable."""
    found = Warehouse(data_dir() / "warehouse").find(("catsy", "trade_prices"), account_of("catsy"))
    if found is None:
        return set()
    with duckdb.connect(":memory:") as con:
        known = found.relation(con).project("price_list || '/' || sku AS key")
        con.execute("CREATE TABLE asked (key VARCHAR)")
        con.executemany("INSERT INTO asked VALUES (?)", [[key] for key in keys])
        return {key for (key,) in known.join(con.table("asked"), "key").fetchall()}


def dropped() -> Collection[str]:
    return ()


def source(key: str) -> dict[str, Any]:
    """The source rows and mapped rows of one key (`list/SKU` or SKU), from the warehouse."""
    sku = next(
        (key.removeprefix(f"{p.slug}/") for p in CatsySparkLayerSettings.read().price_lists if key.startswith(f"{p.slug}/")), key
    )
    warehouse = Warehouse(data_dir() / "warehouse")
    rows: dict[str, Any] = {"extract": None, "source": [], "mapped": []}
    for name, asset, column in (("source", KEY, "trim(sku)"), ("mapped", ("catsy", "trade_prices"), "sku")):
        try:
            found = warehouse.find(asset, account_of("catsy"))
        except SnapshotUnreadable as e:
            rows[name] = [{"problem": str(e)}]
            continue
        if found is not None:
            rows["extract"] = rows["extract"] or {"id": found.about.extract, "at": found.about.at, "origin": found.about.origin}
            with reading() as con:
                rows[name] = (
                    found.relation(con).filter(f"{column} = '{sku.replace(chr(39), chr(39) * 2)}'").to_arrow_table().to_pylist()
                )
    return rows


def live(keys: set[str]) -> dict[str, Any]:
    """What the price lists hold now under these keys. Raises VendorError and its kin."""
    with clients() as (_, sparklayer):
        return {record.key: record.fields for record in planning.target(sparklayer).read(None) if record.key in keys}


def rejects(limit: int, _partition: str = "") -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Source rows of the last mapping that were rejected or in conflict: how many of each, and the first of them."""
    try:
        found = Warehouse(data_dir() / "warehouse").find(("catsy", "trade_prices"), account_of("catsy"))
    except SnapshotUnreadable as e:
        return {"unreadable": 1}, [{"problem": str(e)}]
    if found is None:
        return {}, []
    with reading() as con:
        bad = found.relation(con).filter("state IN ('rejected', 'conflict')").select("price_list, sku, state, reason, source_id")
        rows = bad.limit(limit).to_arrow_table().to_pylist()
        by_state = dict(bad.aggregate("state, count(*)").fetchall())
    return by_state, rows


def export(output: Path, _form: str) -> Written:
    """Every mapped row with what was last put there, as CSV. Atomic."""
    found = Warehouse(data_dir() / "warehouse").find(("catsy", "trade_prices"), account_of("catsy"))
    if found is None:
        raise DeliveryError("nothing was mapped yet: run preview or sync first.")
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger, duckdb.connect(":memory:") as con:
        load_records(con, ledger, account_of("sparklayer"))
        con.execute(f"CREATE VIEW mapped AS SELECT * FROM read_parquet('{str(found.path).replace(chr(39), chr(39) * 2)}')")
        rows = con.sql(
            """SELECT t.price_list, t.sku, t.currency, to_json(t.prices) AS prices, t.state, t.reason, r.state AS at_target,
            r.at AS written_at, r.plan FROM mapped t LEFT JOIN record r ON r.key = t.price_list || '/' || t.sku ORDER BY 1, 2"""
        )
        lines = (
            line for batch in rows.to_arrow_reader(1_000) for line in zip(*(c.to_pylist() for c in batch.columns), strict=True)
        )
        return Written(write_csv(output, rows.columns, lines), (output,))
