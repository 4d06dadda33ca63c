"""sentos/order_states: how every order stands in the ERP, kept up to date by what was made or changed there since last time.

Also what tells an order of ours that is there already, whoever made it, so that none is made twice.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.delivery import notes
from sync_pipelines.duck import reading
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_sentos.erp_products import client
from sync_pipelines.pipelines.shopify_store.order_versions import quoted
from sync_pipelines.vendors.sentos import Row, Sentos, amount, identifier, read_time
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.keyed_log import KeyedLog
from sync_pipelines.warehouse.snapshots import About, Staged, Warehouse, staged_file, with_about

log = logging.getLogger(__name__)

KEY = ("sentos", "order_states")
CURSOR = "sentos order states"
"""The cursor that says up to when the orders of the ERP were read, by our clock."""
SINCE = "sentos orders since"
"""The cursor that says from when on, by our clock."""

SCHEMA = pa.schema(
    [
        ("sentos_id", pa.int64()),
        ("order_id", pa.string()),
        ("order_code", pa.string()),
        ("source", pa.string()),
        ("status", pa.int32()),
        ("order_date", pa.timestamp("us", tz="UTC")),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("total", pa.decimal128(24, 6)),
        ("carrier", pa.string()),
        ("tracking_number", pa.string()),
        ("tracking_link", pa.string()),
        ("lines", pa.string()),
        ("read_at", pa.timestamp("us", tz="UTC")),
    ]
)
NOTES = {
    "sentos_id": "Sentos' number for the order",
    "order_id": "its number where it came from; ours is shopify-<number>",
    "order_code": "its name there, such as #1042",
    "source": "where it came from",
    "status": "1 waits, 2 approved, 3 being sourced, 4 being prepared, 5 sent, 6 cancelled or returned, 99 delivered",
    "order_date": "UTC",
    "created_at": "when Sentos got it, UTC, by its clock",
    "total": "what the customer owes",
    "carrier": "as Sentos names it",
    "tracking_number": "empty where there is none yet",
    "tracking_link": "where the parcel can be followed",
    "lines": "JSON: SKU, pieces and state of each line",
    "read_at": "UTC",
}


@dataclass(frozen=True)
class ErpOrder:
    """One order as Sentos has it. lines: (SKU, pieces, status) of each."""

    sentos_id: int
    order_id: str
    order_code: str
    source: str
    status: int
    order_date: datetime | None
    created_at: datetime | None
    total: Decimal | None
    carrier: str
    tracking_number: str
    tracking_link: str
    lines: tuple[tuple[str, int, str], ...]
    read_at: datetime


def bring_up_to_date(session: Session, since: datetime | None = None) -> int:
    """Read what was made or changed in Sentos since last time into the log; move the cursor, but in a preview. Returns how many
    orders came. The first time: the orders of the shop's lookback. A run reads once, and again where that was before `since`.

    A list may show an order late, and Sentos' clock may differ from ours: each reading begins that much earlier.
    """
    readings = session.once("sentos orders read", list[tuple[datetime, int]])
    if not readings or (since is not None and readings[-1][0] < since):
        began = datetime.now(UTC)
        readings.append((began, _read(session)))
    return sum(came for _, came in readings)


def _read(session: Session) -> int:
    settings = SentosSettings.read()
    log_of, windows = keyed_log(session.warehouse), ["created"]
    now = datetime.now(UTC)
    cursor = notes.get_cursor(session.ledger, settings.account, CURSOR)
    first = cursor is None or not log_of.files()
    off = timedelta(seconds=settings.clock_off_seconds)
    if first or cursor is None:
        since = now - timedelta(days=ShopifySettings.read().lookback_days)
    else:
        since = datetime.fromisoformat(cursor) - off - timedelta(seconds=settings.lag_seconds)
        windows.append("updated")
    sentos = client(session)
    found = _listed(sentos, windows, since, now + off, now)
    session.meter.minimum["sentos"] += len(windows)
    if found or first:
        _append(log_of, settings.account, found, now)
    if session.verb != "preview":
        notes.set_cursor(session.ledger, settings.account, CURSOR, now.isoformat(), session.id)
        if first:
            notes.set_cursor(session.ledger, settings.account, SINCE, since.isoformat(), session.id)
    if log_of.due():
        log_of.compact()
    return len(found)


def read_back_to(session: Session, moment: datetime) -> None:
    """Read the orders that were made in the ERP since then, where that is before those that were read: before an old order of
    the shop is sent, it has to be known whether an earlier program has made it there."""
    settings, now = SentosSettings.read(), datetime.now(UTC)
    off = timedelta(seconds=settings.clock_off_seconds)
    stored = notes.get_cursor(session.ledger, settings.account, SINCE)
    # a preview has read as far back as the first run will
    until = datetime.fromisoformat(stored) if stored else now - timedelta(days=ShopifySettings.read().lookback_days)
    if moment - off >= until:
        return
    found = _listed(client(session), ["created"], moment - off, until + off, now)
    session.meter.minimum["sentos"] += 1
    _append(keyed_log(session.warehouse), settings.account, found, now)
    if session.verb != "preview":
        notes.set_cursor(session.ledger, settings.account, SINCE, (moment - off).isoformat(), session.id)


def _listed(sentos: Sentos, windows: Iterable[str], since: datetime, until: datetime, at: datetime) -> dict[int, dict[str, Any]]:
    """Rows of the log by Sentos' number."""
    found: dict[int, dict[str, Any]] = {}
    for by in windows:
        for row in sentos.orders(since, until, by=by):
            try:
                order = _order(row, at)
            except ValueError as e:
                log.warning("an order that cannot be read is left out: %s", e)
                continue
            found[order["sentos_id"]] = order
    return found


def _append(log_of: KeyedLog, account: str, found: Mapping[int, dict[str, Any]], at: datetime) -> None:
    extract = f"{at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    with staged_file(log_of.warehouse.staging, "-".join(KEY)) as draft:
        about = About(account, at.isoformat(), extract, len(found))
        rows = pa.Table.from_pylist(list(found.values()), SCHEMA)
        pq.write_table(with_about(rows, about), draft, compression="zstd")
        log_of.append(Staged(draft, about))


def keyed_log(warehouse: Warehouse) -> KeyedLog:
    return KeyedLog(warehouse, KEY, SentosSettings.read().account, "sentos_id", ("read_at",))


def orders_in_erp(warehouse: Warehouse) -> Iterator[ErpOrder]:
    """Every order that was read of Sentos, as it was last seen there."""
    files = keyed_log(warehouse).files()
    if not files:
        return
    with reading() as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.sql(
            f"""SELECT * FROM read_parquet([{", ".join(map(quoted, files))}])
            QUALIFY row_number() OVER (PARTITION BY sentos_id ORDER BY read_at DESC) = 1 ORDER BY sentos_id"""
        )
        for batch in rows.to_arrow_reader(2_000):
            for row in batch.to_pylist():
                yield ErpOrder(**{**row, "lines": tuple(map(tuple, json.loads(row["lines"])))})


def read_now(rows: Iterable[Row]) -> Iterator[ErpOrder]:
    """Orders as Sentos just gave them."""
    for row in rows:
        order = _order(row, datetime.now(UTC))
        yield ErpOrder(**{**order, "lines": tuple(map(tuple, json.loads(order["lines"])))})


def _order(row: Row, read_at: datetime) -> dict[str, Any]:
    """A row of the log. Raises ValueError for an order without a usable number or status."""
    tracking = row.get("tracking_info")
    tracking = tracking if isinstance(tracking, Mapping) else {}
    return {
        "sentos_id": identifier(row.get("id")),
        "order_id": str(row.get("order_id") or "").strip(),
        "order_code": str(row.get("order_code") or "").strip(),
        "source": str(row.get("source") or ""),
        "status": int(str(row.get("status"))),
        "order_date": _moment(row.get("order_date")),
        "created_at": _moment(row.get("created_at")),
        "total": _total(row.get("total")),
        "carrier": str(tracking.get("cargo_company") or row.get("cargo_provider") or "").strip(),
        "tracking_number": str(tracking.get("tracking_number") or row.get("cargo_number") or "").strip(),
        "tracking_link": str(tracking.get("tracking_link") or tracking.get("tracking_url") or "").strip(),
        "lines": json.dumps([_line(line) for line in row.get("lines") or () if isinstance(line, Mapping)]),
        "read_at": read_at,
    }


def _line(line: Mapping[str, Any]) -> tuple[str, int, str]:
    try:
        pieces = int(amount(line.get("quantity")) or 0)
    except ValueError:
        pieces = 0
    return str(line.get("sku") or "").strip(), pieces, str(line.get("status") or "")


def _moment(text: Any) -> datetime | None:
    try:
        return read_time(str(text)) if text else None
    except ValueError:
        return None


def _total(value: Any) -> Decimal | None:
    try:
        return amount(value)
    except ValueError:
        return None
