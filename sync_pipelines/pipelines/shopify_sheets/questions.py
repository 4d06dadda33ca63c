"""What a person asks of this pipeline outside a run: can it log in, what of this order, what waits, what is missing."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sync_pipelines.credentials import CredentialMissing, secret
from sync_pipelines.csv_files import write_csv
from sync_pipelines.currency import decimals
from sync_pipelines.delivery import notes, records, runs
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.delivery.records import Record
from sync_pipelines.duck import reading
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.observations import Observation, Verdict, fact
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.pipelines.shopify_sheets import missing, order_rows, planning, prepare
from sync_pipelines.pipelines.shopify_sheets.cell_writes import LINES
from sync_pipelines.pipelines.shopify_sheets.layout import read_layout, shown
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.pipelines.shopify_sheets.sheet import LayoutProblem
from sync_pipelines.pipelines.shopify_store.change_reader import CURSOR, first_day
from sync_pipelines.pipelines.shopify_store.days import day_of, days_between, end_of, start_of, within
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, quoted
from sync_pipelines.pipelines.shopify_store.store import CURRENCY, Store
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.google_account import service_account
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Sheets
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import Published, SnapshotUnreadable, Warehouse

readable = planning.readable


def ready() -> None:
    """Look at what a run will need before anything heavy is loaded. Raises what is missing."""
    shop, sheets = ShopifySettings.read(), ShopifySheetsSettings.read()
    if not shop.url:
        shop.needed("store_name", "SHOPIFY_STORE_NAME")
    if not os.environ.get("SHOPIFY_CLIENT_ID"):
        secret("SHOPIFY_ACCESS_TOKEN")
    sheets.needed("spreadsheet", "TARGET_SPREADSHEET")
    read_layout(sheets.layout)
    service_account(GoogleSettings.read())


def source_options(refresh: str, from_csv: Path | None) -> dict[str, Any]:
    """How the source is come by: what changed, always. Raises DeliveryError for options of another pipeline."""
    if refresh != "auto" or from_csv is not None:
        raise DeliveryError(
            "shopify_sheets reads what changed since last time; --refresh and --from-csv are for catsy_sparklayer."
        )
    return {}


@contextlib.contextmanager
def clients(ledger: Ledger, *, writes: bool = False) -> Iterator[tuple[Store, Sheets]]:
    """The shop and the login to Google, outside a run. Read-only, unless a person sets a spreadsheet up."""
    meter = CallMeter()
    shopify = Shopify.connect(ShopifySettings.read(), meter)
    google = Sheets.connect(GoogleSettings.read(), meter, lambda: writes, data_dir() / "limits")
    try:
        yield Store(shopify, warehouse(), ledger, ShopifySettings.read(), "by hand"), google
    finally:
        shopify.close()
        google.close()


def warehouse() -> Warehouse:
    return Warehouse(data_dir() / "warehouse")


def mapped() -> Published | None:
    """The rows as last mapped, if they ever were."""
    return warehouse().find(order_rows.KEY, ShopifySheetsSettings.read().account)


# --- setting up and looking -------------------------------------------------------------------------------------------


def set_up() -> list[str]:
    """Make the tabs and header rows that the layout needs, where there is nothing yet. Returns what was done."""
    settings = ShopifySheetsSettings.read()
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger, clients(ledger, writes=True) as (store, google):
        sheet = planning.open_sheet(google, ledger)
        return prepare.prepare(google, sheet.id, read_layout(settings.layout), decimals(store.facts.currency))


def validate(*, deep: bool) -> list[Observation]:
    """Log in to the shop and to Google and look at the rights and the layout. Reads only."""
    found: list[Observation] = []
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        try:
            with clients(ledger) as (store, google):
                found += _shop(store)
                found += _sheet(google, ledger, deep=deep)
                if deep and all(f.verdict != "problem" for f in found):
                    found += _shop_facts(store)
        except (CredentialMissing, SettingsError, VendorError) as e:
            found.append(Observation("settings", "problem", str(e)))
    return found


def _shop(store: Store) -> list[Observation]:
    try:
        facts = store.facts
    except VendorError as e:
        return [Observation("shopify login and time zone", "problem", str(e))]
    found = [
        Observation("shopify login and time zone", "ok", f"{facts.name} ({facts.domain}), {facts.currency}, {facts.time_zone}")
    ]
    for scope, without in (
        ("read_orders", "no order can be read"),
        ("read_all_orders", "orders older than 60 days are not shown, and cannot be backfilled"),
        ("read_customers", "customers' names come empty"),
    ):
        there = scope in facts.scopes or scope.replace("read_", "write_") in facts.scopes
        verdict: Verdict = "ok" if there else "problem" if scope == "read_orders" else "differs"
        found.append(Observation(f"shopify scope {scope}", verdict, "granted" if there else f"not granted: {without}"))
    found += [Observation("shopify", "differs", text) for text in store.client.notices]
    return found


def _sheet(google: Sheets, ledger: Ledger, *, deep: bool) -> list[Observation]:
    try:
        there = planning.target(google, ledger)
        known = there.known()
    except LayoutProblem as e:
        return [Observation("google login", "ok", google.login), Observation("spreadsheet layout", "problem", str(e))]
    except (VendorError, DeliveryError) as e:
        return [Observation("google login and spreadsheet", "problem", str(e))]
    twice = [key for key, places in known.items() if len(places) > 1]
    share = there.sheet.cells / there.settings.cell_limit
    found = [
        Observation(
            "google login and spreadsheet", "ok", f"{google.login}: {', '.join(repr(s.tab.title) for s in there.sheet.both)}"
        ),
        Observation("spreadsheet layout", "ok", f"{there.settings.layout}: {len(known)} orders have rows"),
        Observation(
            "every order stands once", "problem" if twice else "ok", f"twice: {', '.join(twice[:10])}" if twice else "yes"
        ),
        Observation(
            "room left", "ok" if share < there.settings.cell_notice else "differs", f"{there.sheet.cells:,} cells ({share:.1%})"
        ),
        Observation("google right to write", "unknown", "cannot be told without writing"),
    ]
    if deep:
        grid = {s.tab.title: (s.used, s.grid_rows) for s in there.sheet.both}
        found.append(Observation("rows used", "holds", "; ".join(f"{t!r}: {used} of {n}" for t, (used, n) in grid.items())))
    return found


def _shop_facts(store: Store) -> list[Observation]:
    today = store.today()
    with current_orders(store.warehouse, store.account) as con:
        stored = con.execute("SELECT count(*) FROM current_order WHERE day >= ?", [today - timedelta(days=7)]).fetchall()[0][0]
    counted = store.client.counts(
        [within("created_at", start_of(today - timedelta(days=7), store.zone), end_of(today, store.zone))]
    )
    return [
        fact("the version asked for answers", not store.client.notices, store.client.version),
        Observation("orders of the last 7 days", "holds", f"{counted[0]} by the shop's count, {stored} here"),
    ]


# --- one order, and all of them ---------------------------------------------------------------------------------------


def full_keys(named: Collection[str]) -> set[str]:
    """Keys in the sheet for what a person named: the key itself, or an order's name with or without its prefix."""
    found = set(named)
    known = mapped()
    if known is not None:
        with reading() as con:
            query = f"""SELECT key FROM read_parquet({quoted(known.path)})
                WHERE name IN (SELECT unnest($1)) OR regexp_extract(name, '[0-9]+') IN (SELECT unnest($1))"""
            found |= {key for (key,) in con.execute(query, [sorted(named)]).fetchall()}
    return found


def names() -> Collection[str]:
    """The names of all orders: `#1390`."""
    known = mapped()
    return () if known is None else missing.names_of(known)


def mapped_keys(keys: Collection[str]) -> set[str]:
    """Those of these keys that sheets/order_rows has. Raises SnapshotUnreadable."""
    known = mapped()
    return set() if known is None else set(keys) & order_rows.keys(known)


def dropped() -> Collection[str]:
    return ()


def source(key: str) -> dict[str, Any]:
    """The order as we have it and the rows it maps to, without what names a person."""
    story: dict[str, Any] = {"extract": None, "source": [], "mapped": []}
    known = mapped()
    if known is None:
        return story
    with reading() as con:
        query = f"SELECT * FROM read_parquet({quoted(known.path)}) WHERE key IN (SELECT unnest(?))"
        found = con.sql(query, params=[sorted(full_keys([key]))]).to_arrow_table().to_pylist()
    story["extract"] = {"id": known.about.extract or known.about.at, "at": known.about.at, "origin": "shopify"}
    for row in found:
        fields = loads(row["body"]) or {}
        story["source"].append({n: row[n] for n in ("order_id", "name", "created_at", "test", "lines", "digest")})
        shown = {"key": row["key"], "columns": len(fields) - 1, "lines": len(fields[LINES]), "conflict": row["conflict"]}
        story["mapped"].append(shown)
    return story


def live(keys: set[str]) -> dict[str, Any]:
    """Where the sheet has these orders now: rows on both tabs. Raises VendorError and its kin."""
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger, clients(ledger) as (_, google):
        there = planning.target(google, ledger)
        found = {record.key: record for record in there.read(sorted(keys))}
        return {
            key: {
                "rows": there.sheet.orders.rows.get(key, []),
                "columns filled": len(record.fields) - 1,
                "lines": len(record.fields[LINES]),
                "problem": record.problem,
            }
            for key, record in found.items()
        }


def rejects(limit: int, _partition: str = "") -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Orders that cannot stand in the sheet: how many, and the first of them."""
    try:
        known = mapped()
    except SnapshotUnreadable as e:
        return {"unreadable": 1}, [{"problem": str(e)}]
    if known is None:
        return {}, []
    with reading() as con:
        bad = known.relation(con).filter("conflict IS NOT NULL").select("name, day, conflict")
        (total,) = bad.count("*").fetchall()[0]
        return {"conflict": total} if total else {}, bad.limit(limit).to_arrow_table().to_pylist()


def more_status(ledger: Ledger) -> dict[str, Any]:
    """What else says where this pipeline stands."""
    shop = ShopifySettings.read()
    known = mapped()
    return {
        "shop": shop.base_url,
        "time_zone": shop.time_zone,
        "orders_since": str(first_day(ledger, shop)),
        "changes_read_up_to": notes.get_cursor(ledger, shop.shop, CURSOR),
        "orders_known": 0 if known is None else known.about.rows,
        "shop_currency": notes.get_cursor(ledger, shop.shop, CURRENCY),
    }


def last_orders(ledger: Ledger, limit: int) -> list[dict[str, Any]]:
    """The newest orders and where each stands: in the sheet since when, or what it waits for."""
    known = mapped()
    if known is None:
        return []
    with reading() as con:
        query = f"""SELECT name, day, key, lines, test, fingerprint, read_whole FROM read_parquet({quoted(known.path)})
            ORDER BY created_at DESC LIMIT ?"""
        found = con.sql(query, params=[limit]).to_arrow_table().to_pylist()
    first = first_day(ledger, ShopifySettings.read())
    written = records.records_of(ledger, ShopifySheetsSettings.read().account, [o["key"] for o in found])
    return [
        {**{n: o[n] for n in ("name", "day", "key", "lines")}, "sheet": _stands(o, written.get(o["key"]), first)} for o in found
    ]


def _stands(order: Mapping[str, Any], record: Record | None, first: date) -> str:
    if record is None and (order["test"] or (order["day"] < first and not order["read_whole"])):
        return "a test order: not written" if order["test"] else f"not written: the sheet begins {first}"
    if record is None:
        return "waits for the next sync"
    if record.state == "present":
        return f"as it is, since {record.at}" if record.hash == order["fingerprint"] else f"an older state, of {record.at}"
    return {"absent": "undone", "unverified": "there, and looked at by the next sync"}.get(record.state, "in part")


def find_missing() -> list[missing.Gap]:
    """Every gap in the order numbers, explained. Orders that turn up are read at once."""
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger, clients(ledger) as (store, _):
        known = mapped()
        if known is None:
            raise DeliveryError("no order was read yet: run a sync first.")
        first = first_day(ledger, ShopifySettings.read())
        unknown, tests = missing.gaps(missing.names_of(known), first)
        return [*missing.explain(unknown, store, ledger, first), *tests]


# --- files for people -------------------------------------------------------------------------------------------------


def export(output: Path, _form: str) -> Written:
    """Every order as its row should be, with when it was last written, as CSV. Atomic."""
    known = mapped()
    if known is None:
        raise DeliveryError("nothing was mapped yet: run preview or sync first.")
    layout = read_layout(ShopifySheetsSettings.read().layout)
    columns = layout.orders.written
    headers = [column.header for column in columns]
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger, reading() as con:
        written = records.records_of(ledger, ShopifySheetsSettings.read().account)
        query = f"SELECT name, day, key, test, body FROM read_parquet({quoted(known.path)}) ORDER BY created_at, order_id"

        def found() -> Iterator[list[Any]]:
            for batch in con.sql(query).to_arrow_reader(1_000):
                for row in batch.to_pylist():
                    fields, record = loads(row["body"]) or {}, written.get(row["key"])
                    yield [
                        *(shown(c.type, fields.get(c.header)) for c in columns),
                        len(fields[LINES]),
                        record.state if record else "",
                        record.at if record else "",
                    ]

        return Written(write_csv(output, [*headers, "lines", "in the sheet", "written at"], found()), (output,))


def write_test_output(files: PlanFiles, plan_id: str, folder: Path) -> list[Path]:
    """The rows of a plan as they would be written, as CSV and as JSON. Returns the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = read_layout(ShopifySheetsSettings.read().layout)
    columns = layout.orders.written
    headers = [column.header for column in columns]
    planned = files.query(plan_id, "SELECT * FROM plan ORDER BY row")
    stem = folder / f"orders-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    images = [(row, loads(row["after"]) or {}) for row in planned]
    paths = [stem.with_suffix(".csv"), stem.with_suffix(".json")]
    write_csv(
        paths[0],
        ["what", *headers],
        ([row["held"] or row["action"], *(shown(c.type, i.get(c.header)) for c in columns)] for row, i in images),
    )
    told = [{"key": row["key"], "what": row["held"] or row["action"], "reason": row["reason"], "row": i} for row, i in images]
    paths[1].write_text(json.dumps(told, indent=1, default=str, ensure_ascii=False), encoding="utf-8")
    return paths


# --- the last days in numbers -----------------------------------------------------------------------------------------


def days_in_numbers(ledger: Ledger, days: int) -> dict[str, Any]:
    """Per day: orders and money by the day of creation, and what the runs of that day wrote, in the shop's zone."""
    shop, account = ShopifySettings.read(), ShopifySheetsSettings.read().account
    today = day_of(datetime.now().astimezone(), shop.zone)
    shown = days_between(today - timedelta(days=days - 1), today)
    zeros = dict.fromkeys(("orders", "money", "cancelled", "written", "runs", "failed", "bad"), 0)
    numbers: dict[date, dict[str, Any]] = {day: {"day": day, **zeros} for day in shown}
    with current_orders(warehouse(), shop.account) as con:
        query = """SELECT day, count(*), coalesce(sum(total), 0), count(cancelled_at) FROM current_order
            WHERE NOT test AND day BETWEEN ? AND ? GROUP BY day"""
        for day, count, money, cancelled in con.execute(query, [shown[0], shown[-1]]).fetchall():
            numbers[day].update(orders=count, money=money, cancelled=cancelled)
    since = (datetime.now().astimezone() - timedelta(days=days + 1)).isoformat()
    for at, state in ledger.ended_since(account, since[:10]):
        day = day_of(datetime.fromisoformat(at), shop.zone)
        if day in numbers:
            numbers[day]["written" if state in ("delivered", "unchanged") else "bad"] += 1
    for at, ended in runs.states_since(ledger, "shopify_sheets", since[:10]):
        day = day_of(datetime.fromisoformat(at), shop.zone)
        if day in numbers:
            numbers[day]["runs"] += 1
            numbers[day]["failed"] += ended in ("failed", "stopped")
    return {"currency": notes.get_cursor(ledger, shop.shop, CURRENCY) or "", "days": list(numbers.values())}
