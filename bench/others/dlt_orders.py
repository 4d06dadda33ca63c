"""The result file of a bulk operation with dlt: its filesystem source and JSONL reader, orders and lines told apart.

Arguments: the file, the folder to write to, and `duckdb` or `parquet` (its filesystem destination writing Parquet).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.filesystem import filesystem, read_jsonl


def table_of(row: dict[str, Any]) -> str:
    return "lines" if "__parentId" in row else "orders"


def main(file: Path, folder: Path, kind: str) -> None:
    began = time.perf_counter()
    rows = filesystem(bucket_url=file.parent.as_uri(), file_glob=file.name) | read_jsonl()
    rows.apply_hints(table_name=table_of)
    destination: Any = dlt.destinations.filesystem(bucket_url=folder.as_uri())
    options: dict[str, Any] = {"loader_file_format": "parquet"}
    if kind == "duckdb":
        destination, options = dlt.destinations.duckdb(str(folder / "orders.duckdb")), {}
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="shop", pipelines_dir=str(folder / "state"))
    pipeline.run(rows, write_disposition="replace", **options)
    counts = pipeline.last_trace.last_normalize_info.row_counts
    answer = {"orders": counts["orders"], "lines": counts["lines"], "inside": time.perf_counter() - began}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
