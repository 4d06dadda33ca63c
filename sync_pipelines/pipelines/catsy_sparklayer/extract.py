"""catsy/products: the whole catalogue, from the cache when that is fresh enough, from a file when a person says so."""

from __future__ import annotations

import csv
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from sync_pipelines.csv_files import as_written
from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.spreadsheets import separator_of
from sync_pipelines.progress import tell
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.catsy import Catsy, ExtractFailed
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.warehouse.snapshots import About, Published, SnapshotUnreadable, Staged, Warehouse
from sync_pipelines.warehouse.spool import ItemSpool, export_csv

log = logging.getLogger("sync_pipelines.vendors.catsy")

KEY = ("catsy", "products")
FROM_CSV = "csv "
"""How the origin of a catalogue that was taken in from a file begins."""

Refresh = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class Read:
    """The catalogue, and how this run got it, for people."""

    published: Published
    how: str


def catalogue(session: Session, refresh: Refresh = "auto", from_csv: Path | None = None) -> Read:
    """Return the catalogue from the cache, from Catsy, or from a full export that a person names; publish what was read.

    Writes the CSV for people as well. Raises ExtractFailed; then the last complete extract stays.
    """
    settings, attributes = CatsySettings.read(), CatsySparkLayerSettings.read().attributes
    source = Products(session.warehouse, session.ledger, settings, attributes, session.id)
    cached = None if from_csv else source.cached(refresh)
    if cached is None:
        with source.from_csv(from_csv) if from_csv else source.extract(lambda: client(session)) as staged:
            cached = session.warehouse.publish(KEY, staged)
        export_csv(cached.path, data_dir() / settings.output_file, (settings.sku_attribute, *attributes))
        how = "read from Catsy" if cached.about.origin == "api" else f"taken in from {cached.about.origin}"
    else:
        how = f"from the cache, {cached.about.age.total_seconds() / 3600:.1f} h old, no call made"
    if cached.about.doubt:
        how += f"; not proved to be whole ({cached.about.doubt}): nothing is removed for being missing from it"
    session.note(message=f"catsy/products: {how}")
    return Read(cached, how)


def client(session: Session) -> Catsy:
    return session.once("catsy", lambda: Catsy.connect(CatsySettings.read(), session.meter, session.limits / "catsy.db"))


class Products:
    """How one run comes by the catalogue. `attributes`: the Catsy attributes that hold prices."""

    def __init__(
        self, warehouse: Warehouse, ledger: Ledger, settings: CatsySettings, attributes: tuple[str, ...], run: str
    ) -> None:
        self.warehouse, self.ledger, self.settings, self.attributes, self.run = (warehouse, ledger, settings, attributes, run)

    @property
    def columns(self) -> dict[str, str]:
        """Column of the snapshot → attribute of the item."""
        prices = {f"price:{name}": name for name in self.attributes}
        return {"id": self.settings.id_attribute, "sku": self.settings.sku_attribute, **prices}

    def cached(self, refresh: Refresh) -> Published | None:
        """The last complete extract of this account and query, if it may be used without asking Catsy.

        auto: whole, younger than `max_age`, from the API, with the columns that the settings name. never: whatever there
        is; raises ExtractFailed when there is nothing. A damaged, empty or foreign file is never used.
        """
        if refresh == "always":
            return None
        try:
            found = self.warehouse.find(KEY, self.settings.account)
        except SnapshotUnreadable as e:
            log.warning("the cached extract is not used: %s", e)
            found = None
        if found is not None and not self._whole(found):
            log.warning("the cached extract %s is not whole and is not used", found.path)
            found = None
        if refresh == "never":
            if found is None:
                raise ExtractFailed(
                    f"catsy: there is no complete extract of {self.settings.account}. Run once without --refresh never."
                )
            return found
        fresh = (
            found is not None
            and found.about.origin == "api"
            and not found.about.doubt
            and timedelta(0) <= found.about.age < self.settings.max_age
        )
        return found if fresh else None

    def _whole(self, found: Published) -> bool:
        file = pq.read_metadata(found.path)
        return file.num_rows == found.about.rows > 0 and set(self.columns) <= set(file.schema.to_arrow_schema().names)

    @contextmanager
    def extract(self, connect: Callable[[], Catsy]) -> Iterator[Staged]:
        """Read the catalogue from Catsy into a staged file. Raises ExtractFailed; then the last complete extract stays."""
        with self._spool() as spool:
            reading = connect().read_all(spool, _tell)
            self._require(spool.attributes, f"query {self.settings.query_id}, or the login's role may not read it")
            yield self._complete(spool, reading.repeats, "api", reading.gaps)

    @contextmanager
    def from_csv(self, path: Path) -> Iterator[Staged]:
        """Take in a full export, ours or the old script's, with commas, semicolons or tabs.

        Raises ExtractFailed naming the line.
        """
        with self._spool() as spool:
            try:
                with path.open(encoding="utf-8-sig", newline="") as file:
                    first = file.readline()
                    separator = separator_of(first, self.columns.values())
                    rows = csv.reader(chain([first], file), delimiter=separator, strict=True)
                    header = [as_written(name) for name in next(rows, [])]
                    self._require(set(header), f"the header of {path}")
                    if twice := [name for name in self.columns.values() if header.count(name) > 1]:
                        raise ExtractFailed(f"{path}, line 1: column {twice[0]!r} appears twice. Which is meant?")
                    for row in filter(None, rows):
                        if len(row) != len(header):
                            raise ExtractFailed(f"{path}, line {rows.line_num}: not as many cells as the header has")
                        spool.add([{name: as_written(cell) or None for name, cell in zip(header, row, strict=True)}])
            except (OSError, UnicodeDecodeError, csv.Error) as e:
                raise ExtractFailed(
                    f"{path} cannot be read as UTF-8 CSV: {e}. Name a full export of the old script. "
                    "The last complete extract stays."
                ) from e
            if spool.rows == 0:
                raise ExtractFailed(f"{path} has no rows. The last complete extract stays.")
            yield self._complete(spool, spool.repeats(), f"{FROM_CSV}{path.name}")

    def _spool(self) -> ItemSpool:
        """A product's id may stand on each of its variants; versions of one row are for the mapping to hold."""
        staging = self.warehouse.staging
        return ItemSpool(staging, "catsy-products", self.columns, key=("id", "sku"), keep_versions=True)

    def _require(self, there: set[str], where: str) -> None:
        missing = [name for name in (self.settings.sku_attribute, *self.attributes) if name not in there]
        if missing:
            raise ExtractFailed(
                f"catsy: attribute {', '.join(map(repr, missing))} is on no item at all: it is not in {where}. "
                "This is no catalogue without prices; nothing goes on from here. The last complete extract stays."
            )

    def _complete(self, spool: ItemSpool, repeats: int, origin: str, gaps: str = "") -> Staged:
        now = datetime.now(UTC)
        extract = f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
        rows = spool.rows - repeats
        about = About(self.settings.account, now.isoformat(), extract, rows, repeats, origin, gaps=gaps)
        staged = spool.complete(about)
        notes.note_extract(
            self.ledger,
            extract,
            source="/".join(KEY),
            account=about.account,
            rows=rows,
            repeats=repeats,
            origin=origin,
            run=self.run,
            complete=not about.doubt,
        )
        return staged


def _tell(items: int, total: int | None) -> None:
    log.info("%d of %s items", items, "?" if total is None else total)
    tell("reading Catsy", items, total, "items")
