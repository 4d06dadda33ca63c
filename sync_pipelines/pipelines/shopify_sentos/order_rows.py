"""sentos/order_rows: every order of the shop that the ERP may have to do with, as it would go there, or why it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.exact_json import dumps, loads
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_sentos import PIPELINE, erp_products
from sync_pipelines.pipelines.shopify_sentos.erp_products import client
from sync_pipelines.pipelines.shopify_sentos.order_mapping import (
    ErpItem,
    Facts,
    OrderHeld,
    body,
    digest_of_what_cannot_change,
    goes,
    order_id,
)
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_store.days import instant
from sync_pipelines.pipelines.shopify_store.order_versions import current_orders, whole_orders
from sync_pipelines.pipelines.shopify_store.orders import Order, amount
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse import typed_rows
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse

KEY = ("sentos", "order_rows")
LISTS = "sentos lists"
"""The cursor that keeps Sentos' sales channels and warehouses."""
FIRST = "orders from"
"""The cursor that says from when on orders go."""

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("order_id", pa.int64()),
        ("name", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("total", pa.decimal128(24, 6)),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("cancelled", pa.bool_()),
        ("sent", pa.bool_()),
        ("digest", pa.string()),
        ("body", pa.string()),
    ]
)
WITHOUT_BODIES = pa.schema([field for field in SCHEMA if field.name != "body"])
NOTES = {
    "key": "what Sentos knows it by: shopify-<number>",
    "order_id": "Shopify's number for the order",
    "name": "as the shop shows it, such as #1042",
    "created_at": "UTC",
    "total": "what the customer owes now, in the shop's currency",
    "state": "goes, held (for a person), left_out (by a setting), cancelled",
    "reason": "why it does not go",
    "cancelled": "in the shop",
    "sent": "whether the shop has sent all of it",
    "digest": "of what Sentos cannot change of an order that it has",
    "body": "what Sentos would get, as JSON; empty where it gets nothing",
}


@dataclass(frozen=True)
class OrderRow:
    """One row of sentos/order_rows."""

    key: str
    order_id: int
    name: str
    created_at: datetime
    total: Decimal
    state: str
    reason: str
    cancelled: bool
    sent: bool
    digest: str
    body: Mapping[str, Any] | None = None


def map_orders(session: Session) -> Published:
    """Map the orders that were read, and publish them. Raises DeliveryError where Sentos' channel or warehouse is not clear."""
    settings, facts, first = ShopifySentosSettings.read(), facts_of(session), first_moment(session)
    shop, rows = ShopifySettings.read(), list[dict[str, Any]]()
    with current_orders(session.warehouse, shop.account) as con:
        for part in whole_orders(con, "SELECT f, n FROM current_order"):
            rows += [_row(order, settings, facts, first) for order in part]
    rows.sort(key=lambda row: (row["created_at"], row["order_id"]))  # a run may send some of them only: the oldest
    account = ShopifySentosSettings.orders_account()
    about = About(account, datetime.now(UTC).isoformat(), rows=len(rows), origin="derived")
    published = session.warehouse.write(KEY, pa.Table.from_pylist(rows, SCHEMA), about)
    session.note(source_rejects=PIPELINE.source_rejects())
    return published


def first_moment(session: Session) -> datetime:
    """From when on orders go to Sentos whatever became of them; older ones only while they are still to be sent.

    Settled by the first run: the shop's lookback. So nobody's archive is sent to the ERP.
    """
    account = ShopifySentosSettings.orders_account()
    stored = notes.get_cursor(session.ledger, account, FIRST)
    if stored is not None:
        return datetime.fromisoformat(stored)
    first = datetime.now(UTC) - timedelta(days=ShopifySettings.read().lookback_days)
    if session.verb != "preview":
        notes.set_cursor(session.ledger, account, FIRST, first.isoformat(), session.id)
    return first


def rows_of(session: Session) -> Iterator[OrderRow]:
    """The rows as they were last mapped. Raises DeliveryError where they never were."""
    account = ShopifySentosSettings.orders_account()
    if session.warehouse.find(KEY, account) is None:
        raise DeliveryError(f"sentos/order_rows was never made for {account}. Materialize it first.")
    return last_mapped(session.warehouse)


def last_mapped(warehouse: Warehouse, *, bodies: bool = True) -> Iterator[OrderRow]:
    """The rows as they were last mapped; none where they never were. bodies: with what Sentos would get."""
    found = warehouse.find(KEY, ShopifySentosSettings.orders_account())
    if found is None:
        return iter(())
    return typed_rows.objects(found.path, OrderRow, SCHEMA if bodies else WITHOUT_BODIES, {"body": _body})


def _body(text: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = loads(text) if text else None
    return found


def _row(order: Order, settings: ShopifySentosSettings, facts: Facts, first: datetime) -> dict[str, Any]:
    cancelled = order["cancelledAt"] is not None
    sent = order["displayFulfillmentStatus"] in ("FULFILLED", "RESTOCKED")
    row: dict[str, Any] = {
        "key": order_id(order),
        "order_id": int(order["legacyResourceId"]),
        "name": order["name"].strip(),
        "created_at": instant(order["createdAt"]),
        "total": amount(order["currentTotalPriceSet"]) or Decimal(0),
        "state": "goes",
        "reason": "",
        "cancelled": cancelled,
        "sent": sent,
        "digest": digest_of_what_cannot_change(order),
        "body": "",
    }
    if cancelled:
        return {**row, "state": "cancelled", "reason": "cancelled in the shop"}
    if sent and row["created_at"] < first:
        return {**row, "state": "left_out", "reason": f"made before {first:%Y-%m-%d}, and sent"}
    if sent and settings.sent_already == "left_out":
        return {**row, "state": "left_out", "reason": "sent by the shop before Sentos had it"}
    if why := goes(order, settings):
        return {**row, "state": "left_out", "reason": why}
    try:
        return {**row, "body": dumps(body(order, settings, facts))}
    except OrderHeld as e:
        return {**row, "state": "held", "reason": str(e)}


def facts_of(session: Session) -> Facts:
    """What an order's body needs to know of Sentos: its SKUs, the channel and the warehouse that orders are for."""
    return session.once("sentos facts", lambda: _facts(session))


def _facts(session: Session) -> Facts:
    settings = ShopifySentosSettings.read()
    items: dict[str, ErpItem] = {}
    twice: set[str] = set()
    for row in erp_products.rows_of(erp_products.products(session)):
        if row.sku in items:
            twice.add(row.sku)
        elif row.sku:
            items[row.sku] = ErpItem(row.sku, row.product_id, row.vat_rate)
    channels, warehouses = _lists(session)
    return Facts(channel_of(settings.channel, channels), warehouse_of(settings, warehouses), items, twice)


def _lists(session: Session) -> tuple[dict[int, str], dict[int, str]]:
    """Sentos' sales channels and warehouses, by number: as they were read in the last hour. They hardly ever change, and the
    vendor answers the same question twice a minute only."""
    settings = SentosSettings.read()
    stored = json.loads(notes.get_cursor(session.ledger, settings.account, LISTS) or "{}")
    fresh = timedelta(minutes=settings.max_age_minutes)
    if not stored or not timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(stored["at"]) < fresh:
        sentos = client(session)
        stored = {"at": datetime.now(UTC).isoformat(), "channels": sentos.channels(), "warehouses": sentos.warehouses()}
        session.meter.minimum["sentos"] += 2
        notes.set_cursor(session.ledger, settings.account, LISTS, json.dumps(stored), session.id)
    return _by_number(stored["channels"]), _by_number(stored["warehouses"])


def _by_number(names: Mapping[Any, str]) -> dict[int, str]:
    return {int(number): name for number, name in names.items()}


def channel_of(named: str, there: Mapping[int, str]) -> int:
    """The sales channel that is named, or the only one."""
    found = [number for number, name in there.items() if not named or name == named]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(name) for name in there.values()) or "none"
    which = f"named {named!r}" if named else "to take by itself"
    raise DeliveryError(
        f"Sentos has {len(found) or 'no'} sales channels {which} (there are: {names}). Name one: channel in settings.toml "
        "[shopify_sentos]. Nothing was sent."
    )


def warehouse_of(settings: ShopifySentosSettings, there: Mapping[int, str]) -> int:
    """The warehouse that orders are taken from."""
    counted = settings.warehouses or tuple(sorted(there))
    wanted = settings.order_warehouse or (counted[0] if counted else None)
    if wanted not in there or wanted not in counted:
        names = ", ".join(f"{number} {name!r}" for number, name in there.items()) or "none"
        raise DeliveryError(
            f"orders are to be taken from warehouse {wanted}, which is not one of those whose stock counts (there are: {names}). "
            "See warehouses and order_warehouse in settings.toml [shopify_sentos]. Nothing was sent."
        )
    return wanted
