"""A spool: items go to disk as they come, memory stays flat, and nothing is visible before all of them are there."""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rapidjson

from sync_pipelines.csv_files import write_csv
from sync_pipelines.warehouse.snapshots import About, Staged, with_about

FLUSH = 2_000
"""Items in memory before they go to the file."""

Item = dict[str, Any]


class ItemSpool:
    """Spools items of any shape: the item as JSON text, digit by digit, and a text column per attribute asked for.

    columns: name of the column → attribute of the item. The first one holds the item's id. Items are told apart by the
    columns in `key` (the id alone by default), and where the id is blank by their whole content. Of items with one id the
    first of each key stays, and every item without an id; with `keep_versions` the first of each content stays instead.
    """

    def __init__(
        self, folder: Path, name: str, columns: Mapping[str, str], *, key: Sequence[str] = (), keep_versions: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}-{os.getpid()}.parquet"
        self.columns, self.keep_versions = dict(columns), keep_versions
        self._key = [list(self.columns).index(column) for column in key] or [0]
        self.schema = pa.schema([*((c, pa.string()) for c in columns), ("item", pa.string())])
        self.attributes: set[str] = set()
        """Every attribute of which some item has a value."""
        self.rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[tuple[str | None, ...]] = []
        self._keys: set[int] = set()
        self._alike = array("q")
        self.restart()

    def __enter__(self) -> ItemSpool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Whatever was not handed on by `complete` is dropped."""
        self._close()
        self.path.unlink(missing_ok=True)

    def restart(self) -> None:
        self._close()
        self._writer = pq.ParquetWriter(self.path, self.schema, compression="zstd", compression_level=1)
        self._pending.clear()
        self.attributes.clear()
        self._keys.clear()
        self._alike, self.rows = array("q"), 0

    def add(self, items: Sequence[Item]) -> int:
        """Take in items. Returns how many of them are new: told apart from every earlier one."""
        names, known = list(self.columns.values()), len(self._keys)
        for item in items:
            self.attributes.update(name for name, value in item.items() if value is not None and value != "")
            row = (*(as_text(item.get(name)) for name in names), dumps(item))
            self._pending.append(row)
            self._keys.add(hash(self._key_of(row)))
            if row[0] or self.keep_versions:
                self._alike.append(hash(self._repeated_by(row)))
        self.rows += len(items)
        if len(self._pending) >= FLUSH:
            self._flush()
        return len(self._keys) - known

    @property
    def distinct(self) -> int:
        """How many items are told apart."""
        return len(self._keys)

    def repeats(self) -> int:
        """How many items `complete` leaves out, because an earlier one stands for them."""
        seen = np.sort(np.frombuffer(self._alike, dtype=np.int64)) if self._alike else np.empty(0, np.int64)
        return int(np.count_nonzero(seen[1:] == seen[:-1]))

    def _key_of(self, row: Sequence[str | None]) -> tuple[str | None, ...]:
        return tuple(row[n] for n in self._key) if row[0] else (row[-1],)

    def _repeated_by(self, row: Sequence[str | None]) -> tuple[str | None, ...]:
        key = self._key_of(row)
        return (*key, row[-1]) if self.keep_versions else key

    def complete(self, about: About) -> Staged:
        """Close the file, without the repeats, and hand it on for publication."""
        repeats = self.repeats()
        self._flush()
        if self._writer is not None and not repeats:
            self._writer.add_key_value_metadata(with_about(self.schema.empty_table(), about).schema.metadata)
        self._close()
        staged = self.path.with_name(f"complete-{self.path.name}")
        if repeats:
            self._without_repeats(staged, about)
        else:
            self.path.replace(staged)
        return Staged(staged, about)

    def _without_repeats(self, target: Path, about: About) -> None:
        """Keep the first of items that repeat each other, in the order they came."""
        seen: set[int] = set()
        with pq.ParquetWriter(target, with_about(self.schema.empty_table(), about).schema, compression="zstd") as writer:
            for batch in pq.ParquetFile(self.path).iter_batches(FLUSH):
                keep = []
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    seen_as = hash(self._repeated_by(row))
                    keep.append(seen_as not in seen or not (row[0] or self.keep_versions))
                    seen.add(seen_as)
                writer.write_table(
                    pa.Table.from_batches([batch]).filter(pa.array(keep)).replace_schema_metadata(None).cast(self.schema)
                )

    def _flush(self) -> None:
        if self._pending and self._writer is not None:
            columns = [pa.array(c, pa.string()) for c in zip(*self._pending, strict=True)]
            self._writer.write_table(pa.table(columns, schema=self.schema))
            self._pending.clear()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def as_text(value: Any) -> str | None:
    """One attribute as text: a string as it is, a number digit by digit, anything else as JSON; None when there is none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return dumps(value)


def dumps(value: Any) -> str:
    return str(rapidjson.dumps(value, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False))


def export_csv(snapshot: Path, target: Path, first: Sequence[str]) -> int:
    """Write the items of a snapshot as CSV: the columns in `first`, then every other attribute by name. Atomic.

    Lists and objects are written as JSON text. Two passes over the file, a chunk in memory. Returns the rows written.
    Raises FileNotWritten.
    """
    file = pq.ParquetFile(snapshot)
    names: set[str] = set()
    for batch in file.iter_batches(FLUSH, columns=["item"]):
        for text in batch.column(0).to_pylist():
            names.update(_loads(text))
    header = [*first, *sorted(names - set(first))]
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        [as_text(item.get(name)) for name in header]
        for batch in file.iter_batches(FLUSH, columns=["item"])
        for item in map(_loads, batch.column(0).to_pylist())
    )
    return write_csv(target, header, lines)


def _loads(text: str) -> Item:
    item: Item = rapidjson.loads(text, number_mode=rapidjson.NM_DECIMAL)
    return item
