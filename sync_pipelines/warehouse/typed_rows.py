"""Objects as the rows of a table, and back from its file; a chunk at a time, to take little memory beside their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.duck import CHUNK, chunks

T = TypeVar("T")


def table(rows: Iterable[Any], schema: pa.Schema) -> pa.Table:
    """Rows with the attributes that the schema names."""
    batches = (
        pa.RecordBatch.from_arrays([pa.array([getattr(row, f.name) for row in part], f.type) for f in schema], schema=schema)
        for part in chunks(rows)
    )
    return pa.Table.from_batches(batches, schema)


def objects(
    path: Path, make: Callable[..., T], schema: pa.Schema, parse: Mapping[str, Callable[[Any], Any]] = MappingProxyType({})
) -> Iterator[T]:
    """What `make` makes of each row of a Parquet file, from its values in the order of the schema; None for a column that a
    file of an earlier version does not have.

    parse: for a column by its name, what a value in the file stands for; called once for equal values, which share the result.
    """
    file = pq.ParquetFile(path)
    there = [name for name in schema.names if name in file.schema_arrow.names]
    for batch in file.iter_batches(CHUNK, columns=there, use_threads=False):  # each thread would keep memory of its own
        columns = [_values(batch.column(n), parse.get(n)) if n in there else [None] * len(batch) for n in schema.names]
        yield from (make(*values) for values in zip(*columns, strict=True))


def _values(column: pa.Array, parse: Callable[[Any], Any] | None) -> list[Any]:
    """The values of a column; equal ones are one object, for in most columns a few values come again and again."""
    if pa.types.is_nested(column.type):  # nothing that could be encoded
        return list(column.to_pylist())
    encoded = column.dictionary_encode()
    values = [*encoded.dictionary.to_pylist(), None]
    if parse is not None:
        values = [None if value is None else parse(value) for value in values]
    return [values[-1 if place is None else place] for place in encoded.indices.to_pylist()]
