"""plytix/products: the merchant's own products with what tells them apart, from the cache when that is fresh enough."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pyarrow.parquet as pq

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.errors import SyncError
from sync_pipelines.pipelines.amazon_plytix.matching import Candidate, candidate
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.session import Session
from sync_pipelines.progress import tell
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.plytix import BY_SKU, Plytix, Product
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.warehouse.snapshots import About, Published, SnapshotUnreadable, Staged, Warehouse
from sync_pipelines.warehouse.spool import ItemSpool

if TYPE_CHECKING:
    from sync_pipelines.pipelines.amazon_plytix.planning import PlytixAccount

log = logging.getLogger(__name__)

OURS = "AMZN-"
PRODUCTS_KEY = ("plytix", "products")
MODEL = "model"
"""The column with the model number."""
Refresh = Literal["auto", "always", "never"]


class NoCatalogue(SyncError):
    """There are no products to match with; the message says what to do."""


@dataclass(frozen=True)
class ProductsRead:
    """The products of the PIM, how this run got them, and those that listings cannot be matched with, by SKU, and why."""

    published: Published
    how: str
    rejected: Mapping[str, str]


def read_products(session: Session, plytix: PlytixAccount, refresh: Refresh = "auto") -> ProductsRead:
    """Return the products from the cache, or read and publish them. Raises NoCatalogue and what the client raises."""
    source = Catalogue(session.warehouse, session.ledger, plytix.settings, plytix.plytix, session.id)
    if (cached := source.cached(refresh)) is not None:
        return ProductsRead(cached, "from the cache, no call made", {})
    with source.read(plytix.client, plytix.account.identifiers, plytix.account.model_number) as staged:
        published = session.warehouse.publish(PRODUCTS_KEY, staged)
    session.meter.minimum["plytix"] += math.ceil(published.about.rows / BY_SKU)
    return ProductsRead(published, f"read in {session.meter.used['plytix']} calls", source.rejected)


class Catalogue:
    """How one run comes by the products of the PIM that listings may be of."""

    def __init__(
        self, warehouse: Warehouse, ledger: Ledger, settings: AmazonPlytixSettings, plytix: PlytixSettings, run: str
    ) -> None:
        self.warehouse, self.ledger, self.settings, self.plytix, self.run = warehouse, ledger, settings, plytix, run
        self.rejected: dict[str, str] = {}
        """Products that listings cannot be matched with, by SKU, and why."""

    def cached(self, refresh: Refresh) -> Published | None:
        """The last complete reading of this account, if it may be used: with `auto` one that is young enough.

        Raises NoCatalogue with `never` when there is none.
        """
        if refresh == "always":
            return None
        try:
            found = self.warehouse.find(PRODUCTS_KEY, self.plytix.account)
        except SnapshotUnreadable as e:
            log.warning("the cached products are not used: %s", e)
            found = None
        if refresh == "never":
            if found is None:
                raise NoCatalogue(f"no products of {self.plytix.account} were read yet: run once without --refresh never.")
            return found
        return found if found is not None and timedelta(0) <= found.about.age < self.plytix.max_age else None

    @contextmanager
    def read(self, client: Plytix, identifiers: Sequence[str], model_number: str = "") -> Iterator[Staged]:
        """Read every product but our own into a staged file. `identifiers`: the account's attributes that hold one.
        `model_number`: its attribute with the model number, if it has one."""
        named = {f"code:{n}": n for n in identifiers} | ({MODEL: MODEL} if model_number else {})
        columns = {"id": "id", "sku": "sku", "label": "label", "gtin": "gtin", **named}
        with ItemSpool(self.warehouse.staging, "plytix-products", columns) as spool:
            for product in self._products(client, [*identifiers, *([model_number] if model_number else ())]):
                if product.problem:
                    log.warning("%s is not matched with: %s", product.sku, product.problem)
                    self.rejected[product.sku] = product.problem
                    continue
                codes = {name: product.attributes.get(name) for name in identifiers}
                codes |= {MODEL: product.attributes.get(model_number)} if model_number else {}
                tell("reading Plytix", spool.rows, unit="products")
                spool.add([{"id": product.id, "sku": product.sku, "label": product.label, "gtin": product.gtin, **codes}])
            if not spool.rows:
                raise Transient(f"plytix: {self.plytix.account} gave no product at all. The last complete reading stays.")
            now = datetime.now(UTC)
            extract = f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
            about = About(self.plytix.account, now.isoformat(), extract, spool.rows)
            notes.note_extract(
                self.ledger,
                extract,
                source="/".join(PRODUCTS_KEY),
                account=about.account,
                rows=spool.rows,
                repeats=0,
                origin="api",
                run=self.run,
            )
            yield spool.complete(about)

    def _products(self, client: Plytix, attributes: Sequence[str]) -> Iterator[Product]:
        """The vendor leaves out what is ours where it can; whether it can is not documented."""
        columns = ["label", "gtin", *(f"attributes.{name}" for name in attributes)]
        ours = self.settings.not_canonical
        # the search knows "contains", not "begins with": what it leaves out has to be surely ours
        surely = [f"{OURS}{place}-" for place in AmazonSettings.read().marketplaces] if OURS in ours else []
        without = [{"field": "sku", "operator": "!like", "value": start} for start in surely]
        try:
            found = client.products(without, columns)
            first = next(found, None)
        except Permanent as e:
            if e.status != 422 or not without:
                raise
            found = client.products([], columns)
            first = next(found, None)
        for product in (*([first] if first else []), *found):
            if not product.sku.upper().startswith(tuple(start.upper() for start in ours)):
                yield product


def candidates(products: Published, style: str = "") -> Iterator[Candidate]:
    """The products that listings may be of; of one style, if one is named."""
    start = style.upper()
    file = pq.ParquetFile(products.path)
    there = file.schema_arrow.names
    codes = [name for name in there if name.startswith("code:")]
    columns = ["id", "sku", "label", "gtin", *codes]
    has_model = MODEL in there  # not where the account has none, or an earlier version read the products
    for batch in file.iter_batches(10_000, columns=[*columns, *([MODEL] if has_model else ())], use_threads=False):
        # each thread would keep memory of its own
        values = [column.to_pylist() for column in batch.columns]
        models = values.pop() if has_model else [None] * len(batch)
        for model, id_, sku, label, gtin, *others in zip(models, *values, strict=True):
            if not start or sku.upper() == start or sku.upper().startswith(f"{start}-"):
                yield candidate(id_, sku, label, gtin, others, model)
