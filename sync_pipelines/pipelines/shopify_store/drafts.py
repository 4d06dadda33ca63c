"""Orders on their way into files: in ascending order of their days, and files that count only once they are complete."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.pipelines.shopify_store.orders import LINES_KEY, ORDERS_KEY, REFUNDS_KEY, Order, OrderTables
from sync_pipelines.warehouse.snapshots import About, Staged, with_about


class Ascending:
    """Orders that come in ascending order of their days, day by day."""

    def __init__(self, groups: Iterator[tuple[date, Iterator[Order]]]) -> None:
        self._groups = groups
        self._next: tuple[date, Iterator[Order]] | None = (date.min, iter(()))

    def of(self, day: date) -> Iterator[Order]:
        while self._next is not None and self._next[0] < day:
            self._next = next(self._groups, None)
        if self._next is not None and self._next[0] == day:
            yield from self._next[1]
            self._next = next(self._groups, None)


class Draft:
    """A Parquet file in the making; what is not handed on by `complete` is dropped."""

    def __init__(self, folder: Path, key: Sequence[str], schema: pa.Schema) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{'-'.join(key)}-{uuid.uuid4().hex}.parquet"
        self.schema = schema
        self.rows = 0
        self._writer = pq.ParquetWriter(self.path, schema, compression="zstd", compression_level=1)

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self.path.unlink(missing_ok=True)

    def write(self, rows: pa.Table) -> None:
        if rows.num_rows:
            self._writer.write_table(rows)
            self.rows += rows.num_rows

    def complete(self, about: About) -> Staged:
        self._writer.add_key_value_metadata(with_about(self.schema.empty_table(), about).schema.metadata)
        self._writer.close()
        return Staged(self.path, about)


def write_all(files: dict[tuple[str, str], Draft], collected: OrderTables) -> None:
    orders, lines, refunds = collected.flush()
    for key, rows in ((ORDERS_KEY, orders), (LINES_KEY, lines), (REFUNDS_KEY, refunds)):
        files[key].write(rows)
