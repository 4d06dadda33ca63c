"""Rows of a Parquet file as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.exact_json import loads
from sync_pipelines.warehouse import typed_rows

SCHEMA = pa.schema([("sku", pa.string()), ("stock", pa.string()), ("tags", pa.list_(pa.string()))])


@dataclass(frozen=True)
class Item:
    sku: str
    stock: Mapping[str, int] | None
    tags: list[str] | None = None


def file_of(tmp_path: Path, rows: list[dict[str, object]]) -> Path:
    path = tmp_path / "items.parquet"
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)
    return path


def test_a_value_is_parsed_once_for_equal_rows_and_null_stays_null(tmp_path: Path) -> None:
    rows = [{"sku": f"A{n}", "stock": text, "tags": ["x"]} for n, text in enumerate(['{"1": 4}', '{"1": 4}', None])]
    parsed: list[str] = []
    first, second, third = typed_rows.objects(
        file_of(tmp_path, rows), Item, SCHEMA, {"stock": lambda t: parsed.append(t) or loads(t)}
    )
    assert parsed == ['{"1": 4}']
    assert first == Item("A0", {"1": 4}, ["x"])
    assert second.stock is first.stock
    assert third.stock is None


def test_only_the_columns_asked_for_are_read_and_one_that_is_not_there_is_null(tmp_path: Path) -> None:
    path = file_of(tmp_path, [{"sku": "A", "stock": "{}", "tags": ["x"]}])
    wanted = pa.schema([("sku", pa.string()), ("colour", pa.string())])
    assert list(typed_rows.objects(path, lambda *values: values, wanted)) == [("A", None)]
