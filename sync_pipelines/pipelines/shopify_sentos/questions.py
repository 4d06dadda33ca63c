"""What a person asks of this pipeline outside a run: can it log in, with which rights, and what of this SKU or order."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from sync_pipelines.credentials import CredentialMissing, secret
from sync_pipelines.csv_files import write_csv
from sync_pipelines.delivery import records
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.observations import Observation, fact
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.pipelines.shopify_sentos import erp_orders, erp_products, order_plan, order_rows, price_plan, shipment_plan
from sync_pipelines.pipelines.shopify_sentos.erp_orders import ErpOrder
from sync_pipelines.pipelines.shopify_sentos.erp_products import ErpRow
from sync_pipelines.pipelines.shopify_sentos.goods import confirmed_matches
from sync_pipelines.pipelines.shopify_sentos.matching import Pair, key_of, matched
from sync_pipelines.pipelines.shopify_sentos.order_rows import OrderRow
from sync_pipelines.pipelines.shopify_sentos.order_target import Found, numbers_in_erp
from sync_pipelines.pipelines.shopify_sentos.product_mapping import products_of
from sync_pipelines.pipelines.shopify_sentos.product_plan import readable as readable_product
from sync_pipelines.pipelines.shopify_sentos.rejects import rejects_of
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_store import catalog
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors import shopify_catalog as shop
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.sentos import Sentos
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_catalog import Variant
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import Published, SnapshotUnreadable, Warehouse

SCOPES = {
    "read_all_orders": "orders older than 60 days",
    "read_customers": "who an order is for",
    "read_products": "products",
    "write_products": "to make products and set prices",
    "read_inventory": "stock",
    "write_inventory": "to set stock",
    "read_locations": "locations",
    "read_merchant_managed_fulfillment_orders": "what is to be sent",
    "write_merchant_managed_fulfillment_orders": "to tell shipments",
}
"""What the shop's token has to be allowed to, and what for. A right to write is one to read."""


def ready() -> None:
    """Look at what a run will need before anything heavy is loaded. Raises what is missing."""
    secret("SENTOS_API_KEY")
    secret("SENTOS_API_SECRET")
    SentosSettings.read().needed("api_url", "SENTOS_API_URL")
    if not ShopifySettings.read().url:
        ShopifySettings.read().needed("store_name", "SHOPIFY_STORE_NAME")
    try:
        secret("SHOPIFY_CLIENT_ID"), secret("SHOPIFY_CLIENT_SECRET")
    except CredentialMissing:
        secret("SHOPIFY_ACCESS_TOKEN")


def source_options(refresh: str, from_csv: Path | None) -> dict[str, Any]:  # noqa: ARG001 - one signature for all
    """How Sentos' products are come by, as configuration of the steps."""
    return {"/".join(erp_products.KEY): {"refresh": refresh}}


def dropped() -> Collection[str]:
    return ()


# --- can we log in ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def clients() -> Iterator[tuple[Sentos, Shopify]]:
    """Both clients, read-only. Raises what is missing."""
    meter = CallMeter()
    sentos = Sentos.connect(SentosSettings.read(), meter, limits=data_dir() / "limits")
    try:
        shopify = Shopify.connect(ShopifySettings.read(), meter)
        try:
            yield sentos, shopify
        finally:
            shopify.close()
    finally:
        sentos.close()


def validate(*, deep: bool) -> list[Observation]:
    """Log in to both systems and look at the rights; with `deep`, which assumed facts hold. Reads only."""
    found: list[Observation] = []
    try:
        with clients() as (sentos, shopify):
            found += _sentos(sentos)
            found += _shopify(shopify)
            if deep and all(f.verdict != "problem" for f in found):
                found += _facts(sentos)
    except (CredentialMissing, SettingsError, VendorError, DeliveryError) as e:
        found.append(Observation("settings", "problem", str(e)))
    return found


def _sentos(client: Sentos) -> list[Observation]:
    try:
        warehouses, channels = client.warehouses(), client.channels()
    except VendorError as e:
        return [Observation("sentos login", "problem", str(e))]
    found = [Observation("sentos login", "ok", f"warehouses: {', '.join(warehouses.values()) or 'none'}")]
    settings = ShopifySentosSettings.read()
    looks: dict[str, Callable[[], int]] = {
        "sentos sales channel": lambda: order_rows.channel_of(settings.channel, channels),
        "sentos warehouse of orders": lambda: order_rows.warehouse_of(settings, warehouses),
    }
    for what, look in looks.items():
        try:
            found.append(Observation(what, "ok", str(look())))
        except DeliveryError as e:
            found.append(Observation(what, "problem", str(e)))
    return found


def _shopify(client: Shopify) -> list[Observation]:
    try:
        facts = client.shop()
    except VendorError as e:
        return [Observation("shopify login", "problem", str(e))]
    found = [Observation("shopify login", "ok", f"{facts.name}, in {facts.currency}")]
    held = facts.scopes | {scope.replace("write_", "read_") for scope in facts.scopes}
    missing = [f"{scope} ({what_for})" for scope, what_for in SCOPES.items() if scope not in held]
    text = f"the token lacks {', '.join(missing)}" if missing else ", ".join(SCOPES)
    found.append(Observation("shopify rights", "problem" if missing else "ok", text))
    try:
        there = ", ".join(f"{each.name}{'' if each.active else ' (not active)'}" for each in shop.locations(client))
        found.append(Observation("shopify locations", "ok", there or "none"))
    except VendorError as e:
        found.append(Observation("shopify locations", "problem", str(e)))
    return found


def _facts(client: Sentos) -> list[Observation]:
    """What is assumed of Sentos and can be seen by reading: one page of products."""
    page = client.first_page()
    size, wanted = len(page.rows), client.settings.page_size
    ids = [str(row.get("id")) for row in page.rows]
    keys = sorted({str(key) for row in page.rows for key in (row.get("prices") or {}) if isinstance(row.get("prices"), dict)})
    key = ShopifySentosSettings.read().price_key
    short = page.total is not None and size < min(wanted, page.total)
    return [
        fact("a page of products says how many there are", page.total is not None, f"{page.total}"),
        fact(f"a page holds {wanted} products", not short, f"{size} received"),
        fact("products come by id", ids == sorted(ids, key=lambda i: (len(i), i)), f"{size} looked at"),
        fact(f"there is a price list {key!r}", key in keys, ", ".join(keys) or "none; the product's own sale price is used"),
    ]


# --- keys ---------------------------------------------------------------------------------------------------------------


def full_keys(named: Collection[str]) -> set[str]:
    """The ledger's keys for what a person named: a SKU, which also stands for its product; the name of an order (`#1042`) or its
    number, which also stands for its shipments."""
    found = set(named)
    wanted = {name.strip() for name in named}
    by_sku = {pair.key: product.key for product in products_of(pairs()) for pair in product.pairs}
    found |= {by_sku[name] for name in wanted if name in by_sku}
    orders = {row.key for row in order_rows_read() if {row.name, row.name.lstrip("#"), row.key, str(row.order_id)} & wanted}
    found |= orders
    if orders:
        with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
            shipments = records.records_of(ledger, ShopifySentosSettings.goods_account("shipments"))
        found |= {key for key in shipments if key.partition("/")[0] in orders}
    return found


def names() -> Collection[str]:
    """The names of all orders (`#1042`), and every SKU."""
    return {row.name for row in order_rows_read()} | {row.sku for row in _erp_rows() if row.sku}


def mapped_keys(keys: Collection[str]) -> set[str]:
    """Those of these keys that Sentos or the shop had when they were last read."""
    there = {key_of(row) for row in _erp_rows()} | {row.key for row in order_rows_read()}
    there |= {product.key for product in products_of(pairs())}
    return {key for key in keys if key.partition("/")[0] in there or key in there}


def source(key: str) -> dict[str, Any]:
    """What both sides last showed of one SKU or order, from the warehouse."""
    keys = full_keys([key])
    found: dict[str, Any] = {"extract": None, "source": [], "mapped": []}
    try:
        published = _published(erp_products.KEY, SentosSettings.read().account)
        if published is not None:
            found["extract"] = {"id": published.about.extract, "at": published.about.at, "origin": published.about.origin}
        found["source"] += [_shown_erp(row) for row in _erp_rows() if key_of(row) in keys]
        found["mapped"] += [_shown_pair(pair) for pair in pairs() if pair.key in keys]
        found["source"] += [_shown_order(order) for order in _erp_orders().values() if order[0] in keys]
        found["mapped"] += [_shown_row(row) for row in order_rows_read() if row.key in keys]
    except SnapshotUnreadable as e:
        found["source"] = [{"problem": str(e)}]
    return found


def live(keys: set[str]) -> dict[str, Any]:
    """What the shop and Sentos hold now under these keys. Raises VendorError and its kin."""
    found: dict[str, Any] = {}
    with clients() as (sentos, shopify):
        variants = {pair.variant.id: pair.key for pair in pairs() if pair.key in keys and pair.variant is not None}
        for variant in shop.by_id(shopify, variants):
            stock = {at: level.available for at, level in variant.levels.items()}
            found[f"shop {variants[variant.id]}"] = {
                "product": variant.product.title,
                "status": variant.product.status,
                "price": str(variant.price),
                "available": stock,
            }
        with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
            given = records.records_of(ledger, ShopifySentosSettings.orders_account(), keys)
        numbers = {key: str(record.remote_id) for key, record in given.items() if record.remote_id}
        numbers |= {key: str(number) for number, (key, _) in _erp_orders().items() if key in keys}
        for number in numbers.values():
            if (row := sentos.order(number)) is not None:
                (now,) = erp_orders.read_now([row])
                found[f"sentos {now.order_code}"] = {"status": now.status, "tracking_number": now.tracking_number}
    return found


# --- what needs a person --------------------------------------------------------------------------------------------------


def rejects(limit: int, _partition: str = "") -> tuple[Mapping[str, int], list[dict[str, Any]]]:
    """What needs a person, by `rejects_of`: how many of each state, and the first of them."""
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        found = rejects_of(ledger, _warehouse(), pairs)
    return Counter(row["state"] for row in found), list(found[:limit])


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row of any of the five, for people, without personal data."""
    after, before = str(row["after"] or ""), str(row["before"] or "")
    if row["key"].startswith("shopify-"):
        return dict((shipment_plan if "/" in row["key"] else order_plan).readable(row))
    return dict(readable_product(row) if '"variants"' in after + before else price_plan.readable(row))


def export(output: Path, _form: str) -> Written:
    """Every SKU and order with what both sides have of it, and what was last put there, as CSV."""
    there, rows = pairs(), list(order_rows_read())
    if not there and not rows:
        raise DeliveryError("nothing was read yet: run preview or sync first.")
    settings = ShopifySentosSettings.read()
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        known = {
            name: records.records_of(ledger, account)
            for name, account in (
                ("price", settings.goods_account("prices")),
                ("stock", settings.goods_account("stock")),
                ("order", settings.orders_account()),
            )
        }
    lines: list[tuple[str, ...]] = []
    for pair in there:
        variant, pieces = pair.variant, pair.erp.pieces(settings.warehouses)
        written = [known[name][pair.key].at if pair.key in known[name] else "" for name in ("price", "stock")]
        price = "" if variant is None or variant.price is None else f"{variant.price:f}"
        lines.append(("sku", pair.key, pair.erp.title, str(pieces), price, pair.problem, *written))
    for row in rows:
        written = [known["order"][row.key].at if row.key in known["order"] else "", ""]
        lines.append(("order", row.name, row.key, row.state, f"{row.total:f}", row.reason, *written))
    header = ("what", "key", "name", "in_sentos", "in_the_shop", "problem", "written_at", "stock_written_at")
    return Written(write_csv(output, header, lines), (output,))


def more_status(ledger: Ledger) -> dict[str, Any]:
    """How many of the shop's orders wait, and why."""
    try:
        states = Counter(row.state for row in order_rows_read())
    except SnapshotUnreadable:
        return {}
    given = records.records_of(ledger, ShopifySentosSettings.orders_account())
    return {"orders_in_sentos": len(given), **{f"orders_{state}": n for state, n in sorted(states.items())}} if states else {}


# --- what was last read ---------------------------------------------------------------------------------------------------


def _warehouse() -> Warehouse:
    return Warehouse(data_dir() / "warehouse")


def _published(key: tuple[str, str], account: str) -> Published | None:
    return _warehouse().find(key, account)


def _erp_rows() -> list[ErpRow]:
    published = _published(erp_products.KEY, SentosSettings.read().account)
    return [] if published is None else list(erp_products.rows_of(published))


def pairs() -> list[Pair]:
    """The rows of Sentos as they were last read, each with the variant of the shop that it is."""
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        confirmed = confirmed_matches(ledger)
    return matched(_erp_rows(), shop_variants(), confirmed)


def shop_variants() -> Iterator[Variant]:
    """The shop's variants as they were last read."""
    published = _published(catalog.KEY, ShopifySettings.read().shop)
    return iter(()) if published is None else catalog.rows_of(published)


def order_rows_read() -> Iterator[OrderRow]:
    return order_rows.last_mapped(_warehouse())


def _erp_orders() -> dict[int, tuple[str, ErpOrder]]:
    """Orders of the shop that are in the ERP, with their keys, by Sentos' number."""
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        known = records.records_of(ledger, ShopifySentosSettings.orders_account())
    there = Found(erp_orders.orders_in_erp(_warehouse()), numbers_in_erp(known))
    return {order.sentos_id: (key, order) for key, order in there.ours()}


def _shown_erp(row: ErpRow) -> dict[str, Any]:
    return {
        "sku": row.sku,
        "product": row.title,
        "barcode": row.barcode,
        "colour": row.color,
        "model": row.model,
        "prices": {key or "own": [str(p) for p in both] for key, both in row.prices.items()},
        "stock": dict(row.stock or {}),
        "asked_at": row.asked_at.isoformat(),
        "problem": row.problem,
    }


def _shown_pair(pair: Pair) -> dict[str, Any]:
    variant = pair.variant
    there = None if variant is None else {"product": variant.product.title, "sku": variant.sku, "price": str(variant.price)}
    return {"key": pair.key, "in_the_shop": there, "problem": pair.problem}


def _shown_order(order: tuple[str, ErpOrder]) -> dict[str, Any]:
    key, erp = order
    return {
        "key": key,
        "order": erp.order_code,
        "sentos_id": erp.sentos_id,
        "status": erp.status,
        "tracking": erp.tracking_number,
    }


def _shown_row(row: OrderRow) -> dict[str, Any]:
    return {"key": row.key, "order": row.name, "state": row.state, "reason": row.reason, "total": str(row.total)}
