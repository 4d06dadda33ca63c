"""catsy/products: the whole catalogue, from the cache when that is fresh enough, from a file when a person says so."""

from __future__ import annotations

import csv
import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
from sync_pipelines.errors import UsageError
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
_NOTHING_READ = "catsy: there is no complete extract of {}. Nothing was done. Run once without --refresh never."


class ExportRefused(ExtractFailed, UsageError):
    """A file that a person named is no full export; the message says where."""


class NothingRead(ExtractFailed, UsageError):
    """A person wants what was read last, and nothing was."""


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


def columns_of(settings: CatsySettings, attributes: Iterable[str]) -> dict[str, str]:
    """Column of the snapshot → attribute of the item. attributes: those that hold prices."""
    prices = {f"price:{name}": name for name in attributes}
    return {"id": settings.id_attribute, "sku": settings.sku_attribute, **prices}


class Products:
    """How one run comes by the catalogue. `attributes`: the Catsy attributes that hold prices."""

    def __init__(
        self, warehouse: Warehouse, ledger: Ledger, settings: CatsySettings, attributes: tuple[str, ...], run: str
    ) -> None:
        self.warehouse, self.ledger, self.settings, self.attributes, self.run = (warehouse, ledger, settings, attributes, run)

    @property
    def columns(self) -> dict[str, str]:
        """Column of the snapshot → attribute of the item."""
        return columns_of(self.settings, self.attributes)

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
                raise ExtractFailed(_NOTHING_READ.format(self.settings.account))
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
            where = f"query {self.settings.query_id}, or the login's role may not read it"
            if missing := _lacking(self.columns, spool.attributes, where):
                raise ExtractFailed(missing)
            yield self._complete(spool, reading.repeats, "api", reading.gaps)

    @contextmanager
    def from_csv(self, path: Path) -> Iterator[Staged]:
        """Take in a full export, ours or the old script's, with commas, semicolons or tabs.

        Raises ExportRefused naming the line.
        """
        with self._spool() as spool:
            for item in items_of(path, self.columns):
                spool.add([item])
            yield self._complete(spool, spool.repeats(), f"{FROM_CSV}{path.name}")

    def _spool(self) -> ItemSpool:
        """A product's id may stand on each of its variants; versions of one row are for the mapping to hold."""
        staging = self.warehouse.staging
        return ItemSpool(staging, "catsy-products", self.columns, key=("id", "sku"), keep_versions=True)

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


def items_of(path: Path, columns: Mapping[str, str]) -> Iterator[dict[str, str | None]]:
    """The rows of a full export, by the names of its header. columns: attributes that it has to have, by our names.

    Raises ExportRefused naming the line.
    """
    rows = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            separator = separator_of(first, columns.values())
            lines = csv.reader(chain([first], file), delimiter=separator, strict=True)
            header = [as_written(name) for name in next(lines, [])]
            if missing := _lacking(columns, set(header), f"the header of {path}"):
                raise ExportRefused(missing)
            if twice := [name for name in columns.values() if header.count(name) > 1]:
                raise ExportRefused(f"{path}, line 1: column {twice[0]!r} appears twice. Which is meant?")
            for row in filter(None, lines):
                if len(row) != len(header):
                    raise ExportRefused(f"{path}, line {lines.line_num}: not as many cells as the header has")
                rows += 1
                yield {name: as_written(cell) or None for name, cell in zip(header, row, strict=True)}
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise ExportRefused(
            f"{path} cannot be read as UTF-8 CSV: {e}. Name a full export of the old script. The last complete extract stays."
        ) from e
    if not rows:
        raise ExportRefused(f"{path} has no rows. The last complete extract stays.")


def _lacking(columns: Mapping[str, str], there: Collection[str], where: str) -> str:
    """What to say of attributes that no item has; "" where none is missing. The id may be: then a row is known by its SKU."""
    missing = [attribute for name, attribute in columns.items() if name != "id" and attribute not in there]
    if not missing:
        return ""
    return (
        f"catsy: attribute {', '.join(map(repr, missing))} is on no item at all: it is not in {where}. "
        "This is no catalogue without prices; nothing goes on from here. The last complete extract stays."
    )


def refuse_what_cannot_be_read(refresh: str, from_csv: Path | None) -> None:
    """Look, before a run begins, whether what it is to read is there. Raises UsageError."""
    settings, attributes = CatsySettings.read(), CatsySparkLayerSettings.read().attributes
    if from_csv:
        for _ in items_of(from_csv, columns_of(settings, attributes)):
            pass
    elif refresh == "never" and not Warehouse(data_dir() / "warehouse").path(KEY, settings.account).exists():
        raise NothingRead(_NOTHING_READ.format(settings.account))


def _tell(items: int, total: int | None) -> None:
    log.info("%d of %s items", items, "?" if total is None else total)
    tell("reading Catsy", items, total, "items")
