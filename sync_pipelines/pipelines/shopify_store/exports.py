"""Orders by a bulk export: when it is the faster way, and how one is started, fetched and ended, also after a crash."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Transient
from sync_pipelines.vendors.shopify import BulkFailed, Export, NoRoomForBulk, Shopify
from sync_pipelines.vendors.shopify_orders import SortedExport, finished_export
from sync_pipelines.vendors.shopify_settings import ShopifySettings

log = logging.getLogger(__name__)

T = TypeVar("T")

DOWNLOADS = 3
"""How often the result of a bulk export is fetched, when the line is cut."""
CURSORS = "bulk "
"""How the names of the cursors begin that remember a running export."""

Label = Callable[[str], str]
"""From when an order was created to the label that the export is sorted by."""


@dataclass(frozen=True)
class Way:
    """How a reading goes, and what either way would take by estimate."""

    orders: int
    paged_seconds: float
    bulk_seconds: float

    @property
    def bulk(self) -> bool:
        return self.bulk_seconds < self.paged_seconds

    def __str__(self) -> str:
        chosen = "one bulk operation" if self.bulk else "page by page"
        took = f"{self.paged_seconds:.0f} s in pages, {self.bulk_seconds:.0f} s in bulk"
        return f"{self.orders} orders {chosen} (by estimate: {took})"


class Exports:
    """The bulk exports of one run. `staging`: the folder in which a result is sorted."""

    def __init__(self, client: Shopify, ledger: Ledger, settings: ShopifySettings, staging: Path, run: str) -> None:
        self.client, self.ledger, self.settings, self.staging, self.run = client, ledger, settings, staging, run
        self.fetched = 0
        """How many results were downloaded whole."""

    def export_if(self, way: Way | None, stack: ExitStack, search: str, label: Label) -> SortedExport | None:
        """A bulk export, if that is the way; None for pages, also where the shop does not get an export done."""
        if way is None or not way.bulk:
            return None
        try:
            return stack.enter_context(self._exported(search, label))
        except (BulkFailed, NoRoomForBulk) as e:
            self.client.notice(f"{e} Read page by page instead.")
            return None

    @contextmanager
    def _exported(self, search: str, label: Label) -> Iterator[SortedExport]:
        """A finished bulk export, sorted by label in a folder that is gone afterwards."""
        with self.finished(documents.export(search)) as export, ExitStack() as stack:
            self.staging.mkdir(parents=True, exist_ok=True)

            def take(lines: Iterator[bytes]) -> SortedExport:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bulk-", dir=self.staging))
                sorted_export = SortedExport(Path(folder), label)
                sorted_export.take(lines, export)
                return sorted_export

            yield self.lines_of(export, take)

    @contextmanager
    def finished(self, inner: str) -> Iterator[Export]:
        """A finished bulk export of what a query asks for. It is remembered until the block ends: a run that dies meanwhile
        leaves it to the next one. Raises BulkFailed, NoRoomForBulk."""
        s, name, left = self.settings, f"{CURSORS}{self.run}", self._left_behind()

        def remember(export_id: str) -> None:
            notes.set_cursor(self.ledger, s.account, name, export_id, self.run)
            for settled in left.keys() - {name}:
                notes.drop_cursor(self.ledger, s.account, settled)

        yield finished_export(
            self.client,
            inner,
            left_behind=list(left.values()),
            remember=remember,
            poll=s.bulk_poll_seconds,
            patience=s.bulk_patience_minutes * 60,
            room=s.bulk_room_minutes * 60,
        )
        notes.drop_cursor(self.ledger, s.account, name)

    def lines_of(self, export: Export, take: Callable[[Iterator[bytes]], T]) -> T:
        """What `take` makes of the lines of an export; fetched again where the line is cut."""
        tries_left = DOWNLOADS
        while True:
            try:
                with self.client.result(export) as lines:
                    taken = take(lines)
            except Transient as e:
                tries_left -= 1
                if not tries_left:
                    raise
                log.warning("shopify: %s; fetching the result again", e)
            else:
                self.fetched += export.url is not None
                return taken

    def _left_behind(self) -> dict[str, str]:
        """Bulk exports that were started by runs which are over, and never seen to their end. They are ours to end.
        By the name of the cursor that remembers each."""
        return notes.cursors_left_behind(self.ledger, self.settings.account, CURSORS, self.run)
