"""Parquet files in the making: they grow row group by row group, and count only once they are complete."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.warehouse.snapshots import About, Staged, with_about


class Draft:
    """A file in the making; what is not handed on by `complete` is dropped."""

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
