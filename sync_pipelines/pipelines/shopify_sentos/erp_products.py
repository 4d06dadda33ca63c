"""sentos/products: what the ERP sells, one row per variant, with the stock of each warehouse and when it was asked for."""

from __future__ import annotations

import json
import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from sync_pipelines import exact_json
from sync_pipelines.delivery import notes
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shopify_sentos import PIPELINE, STOCK
from sync_pipelines.vendors.sentos import Page, Row, Sentos, amount, identifier
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines.warehouse import typed_rows
from sync_pipelines.warehouse.snapshots import About, Published

log = logging.getLogger(__name__)

KEY = ("sentos", "products")
LEFT = "products that left"
"""The cursor with the keys, as JSON, that the last whole reading was the first to miss."""
OWN_PRICE = ""
"""The key under which a product's own sale price stands among its prices."""
Refresh = Literal["auto", "always", "never"]

SCHEMA = pa.schema(
    [
        ("product_id", pa.int64()),
        ("variant_id", pa.string()),
        ("product_sku", pa.string()),
        ("sku", pa.string()),
        ("barcode", pa.string()),
        ("title", pa.string()),
        ("brand", pa.string()),
        ("description", pa.string()),
        ("color", pa.string()),
        ("model_name", pa.string()),
        ("model", pa.string()),
        ("vat_rate", pa.decimal128(9, 4)),
        ("currency", pa.string()),
        ("prices", pa.string()),
        ("stock", pa.string()),
        ("pictures", pa.list_(pa.string())),
        ("asked_at", pa.timestamp("us", tz="UTC")),
        ("problem", pa.string()),
    ]
)
KEYS = pa.schema([SCHEMA.field(name) for name in ("sku", "variant_id", "product_sku", "product_id")])
NOTES = {
    "product_id": "Sentos' number for the product",
    "variant_id": "its number for the variant; empty for a product without variants",
    "product_sku": "of the product",
    "sku": "of what is sold: the variant, or the product where it has none; trimmed",
    "barcode": "as it stands there",
    "title": "the product's name",
    "brand": "the product's brand",
    "description": "HTML",
    "color": "empty where it has none",
    "model_name": "what the model is called: Beden, Numara, …",
    "model": "S, 42, …",
    "vat_rate": "per cent",
    "currency": "ISO code; Sentos' TL is TRY",
    "prices": "JSON: for each price list `list` and `sale`, amounts as text; the product's own sale price under an empty name",
    "stock": "JSON: pieces by warehouse",
    "pictures": "addresses, the product's first",
    "asked_at": "when its page was asked for, UTC: a sale after that may not be in the stock",
    "problem": "which value cannot be used, and why",
}


@dataclass(frozen=True)
class ErpRow:
    """One row of sentos/products. prices: by price list (list, sale). stock: pieces by warehouse, None where it is not usable."""

    product_id: int
    variant_id: str
    product_sku: str
    sku: str
    barcode: str
    title: str
    brand: str
    description: str
    color: str
    model_name: str
    model: str
    vat_rate: Decimal | None
    currency: str
    prices: Mapping[str, tuple[Decimal | None, Decimal | None]]
    stock: Mapping[int, int] | None
    pictures: Sequence[str]
    asked_at: datetime
    problem: str = ""

    def pieces(self, warehouses: Sequence[int]) -> int | None:
        """What is sellable of it: the sum over these warehouses, or over all. None where Sentos' numbers cannot be used."""
        if self.stock is None:
            return None
        return sum(n for warehouse, n in self.stock.items() if not warehouses or warehouse in warehouses)

    @property
    def keys(self) -> set[str]:
        """Keys under which the row, and its product, may be planned and remembered."""
        return _keys(self.sku, self.variant_id, self.product_sku, self.product_id)


def products(session: Session, refresh: Refresh = "auto") -> Published:
    """Return sentos/products as this run has it: read by an earlier step, from the cache, or from Sentos.

    auto: a reading that is not too old is used, but in a run that plans stock. Raises NotReadWhole and other VendorErrors; then
    the last whole reading stays. DeliveryError for `never` where there is none.
    """
    if session.applies_in_this_run(STOCK.plan):
        refresh = "always"
    return session.once("sentos products", lambda: _cached(session, refresh) or _read(session))


def products_just_read(session: Session) -> Published:
    """Return sentos/products, read in this very run: what stock is planned from."""
    published = products(session)
    if published.about.extract in _read_by(session):
        return published
    return session.once("sentos products for stock", lambda: _read(session))


def client(session: Session) -> Sentos:
    """Return the session's client, which may write where a person allowed it."""

    def connect() -> Sentos:
        right = session.right(PIPELINE.name, SentosSettings.system)
        return Sentos.connect(SentosSettings.read(), session.meter, right, session.limits)

    return session.once("sentos", connect)


def rows_of(published: Published) -> Iterator[ErpRow]:
    """The rows of a snapshot."""
    return typed_rows.objects(published.path, ErpRow, SCHEMA, {"prices": _price_lists, "stock": _by_warehouse})


def parsed(product: Row) -> Iterator[ErpRow]:
    """The rows of a product as Sentos just gave it. Raises ValueError for one without a usable id."""
    for row in _rows(product, Page([product], datetime.now(UTC), None)):
        stock = None if row["stock"] is None else _by_warehouse(row["stock"])
        yield ErpRow(**{**row, "prices": _price_lists(row["prices"]), "stock": stock})


def _price_lists(text: str) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    return {key: (_decimal(both["list"]), _decimal(both["sale"])) for key, both in json.loads(text).items()}


def _by_warehouse(text: str) -> dict[int, int]:
    return {int(warehouse): pieces for warehouse, pieces in json.loads(text).items()}


def _read_by(session: Session) -> set[str]:
    """The extracts that this run has read."""
    return session.once("sentos extracts of this run", set[str])


def _cached(session: Session, refresh: Refresh) -> Published | None:
    if refresh == "always":
        return None
    account = SentosSettings.read().account
    found = session.warehouse.find(KEY, account)
    if refresh == "never":
        if found is None:
            raise DeliveryError(f"sentos: nothing was read of {account} yet. Run once without --refresh never.")
        return found
    age = timedelta(minutes=SentosSettings.read().max_age_minutes)
    return found if found is not None and timedelta(0) <= found.about.age < age else None


def _read(session: Session) -> Published:
    settings = SentosSettings.read()
    sentos = client(session)
    pages = 0
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    unreadable = 0
    for page in sentos.product_pages():
        pages += 1
        for product in page.rows:
            try:
                rows |= {(row["product_id"], row["variant_id"]): row for row in _rows(product, page)}
            except ValueError as e:
                unreadable += 1
                log.warning("sentos: a product without a usable id is left out: %s", e)
    session.meter.minimum["sentos"] += pages
    now = datetime.now(UTC)
    extract = f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    _note_what_left(session, settings.account, rows.values())
    table = pa.Table.from_pylist(list(rows.values()), SCHEMA)
    gaps = f"{unreadable} products have no usable id" if unreadable else ""
    published = session.warehouse.write(KEY, table, About(settings.account, now.isoformat(), extract, len(rows), gaps=gaps))
    notes.note_extract(
        session.ledger,
        extract,
        source="/".join(KEY),
        account=settings.account,
        rows=len(rows),
        repeats=0,
        origin="api",
        run=session.id,
    )
    _read_by(session).add(extract)
    return published


def _note_what_left(session: Session, account: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Note which keys the reading before had and this one has not. Noted before this one replaces it."""
    earlier = session.warehouse.find(KEY, account)
    had = set() if earlier is None else set[str]().union(*typed_rows.objects(earlier.path, _keys, KEYS))
    has = set[str]().union(*(_keys(*(row[name] for name in KEYS.names)) for row in rows))
    notes.set_cursor(session.ledger, account, LEFT, json.dumps(sorted(had - has)), session.id)


def just_left(session: Session) -> set[str]:
    """Keys that the last whole reading was the first to miss: it may have been a mishap."""
    stored = notes.get_cursor(session.ledger, SentosSettings.read().account, LEFT)
    return set(json.loads(stored)) if stored else set()


def _keys(sku: str, variant_id: str, product_sku: str, product_id: int) -> set[str]:
    return {sku, f"sentos-{variant_id or product_id}", product_sku, f"sentos-{product_id}"} - {""}


def _rows(product: Row, page: Page) -> Iterator[dict[str, Any]]:
    """The rows that a product is sold as: its variants, or the product itself."""
    product_id = identifier(product.get("id"))
    variants = [v for v in product.get("variants") or () if isinstance(v, dict)]
    problems: list[str] = []
    prices = _prices(product, problems)
    shared = {
        "product_id": product_id,
        "product_sku": _text(product.get("sku")),
        "title": _text(product.get("name")),
        "brand": _text(product.get("brand")),
        "description": str(product.get("description") or ""),
        "vat_rate": _usable(product, "vat_rate", problems),
        "currency": "TRY" if _text(product.get("currency")) in ("TL", "TRY", "") else _text(product.get("currency")),
        "prices": json.dumps(prices),
        "asked_at": page.asked_at,
    }
    pictures = _pictures(product)
    if not pictures and variants:
        pictures = list(dict.fromkeys(url for variant in variants for url in _pictures(variant)))
    twice = Counter(str(v.get("id") or "") for v in variants)
    for place, row in enumerate(variants or [product]):
        found = list(problems)
        model = row.get("model") if isinstance(row.get("model"), dict) else {}
        variant_id = str(row.get("id") or "") if variants else ""
        if variants and (not variant_id or twice[variant_id] > 1):
            variant_id = f"{_text(row.get('sku')) or place}"  # no id that could be relied on
        yield {
            **shared,
            "variant_id": variant_id,
            "sku": _text(row.get("sku")),
            "barcode": _text(row.get("barcode")),
            "color": _text(row.get("color")) if variants else "",
            "model_name": _text(model.get("name")) if variants and model else "",
            "model": _text(model.get("value")) if variants and model else "",
            "stock": _stock(row, found),
            "pictures": pictures,
            "problem": "; ".join([*found, *filter(None, [exact_json.flaw(row)])]),
        }


def _prices(product: Row, problems: list[str]) -> dict[str, dict[str, str | None]]:
    found = {OWN_PRICE: {"list": None, "sale": _as_text(_usable(product, "sale_price", problems))}}
    lists = product.get("prices")
    for key, entry in lists.items() if isinstance(lists, dict) else ():
        if isinstance(entry, dict):
            both = {"list": _usable(entry, "list_price", problems), "sale": _usable(entry, "sale_price", problems)}
            found[str(key)] = {name: _as_text(value) for name, value in both.items()}
    return found


def _stock(row: Row, problems: list[str]) -> str | None:
    """Pieces by warehouse as JSON; None where one of the numbers cannot be used: a part would be taken for the whole."""
    found: Counter[int] = Counter()
    for entry in row.get("stocks") or ():
        try:
            pieces = amount(entry.get("stock")) or Decimal(0)
            if pieces != int(pieces):
                raise ValueError(f"{pieces} is no number of pieces")
            found[identifier(entry.get("warehouse"))] += int(pieces)
        except (ValueError, AttributeError, OverflowError) as e:
            problems.append(f"stock: {e}")
            return None
    return json.dumps({str(warehouse): pieces for warehouse, pieces in found.items()})


def _usable(row: Mapping[str, Any], name: str, problems: list[str]) -> Decimal | None:
    try:
        return amount(row.get(name))
    except ValueError as e:
        problems.append(f"{name}: {e}")
        return None


def _pictures(row: Row) -> list[str]:
    return [str(image["url"]).strip() for image in row.get("images") or () if isinstance(image, dict) and image.get("url")]


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _as_text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
