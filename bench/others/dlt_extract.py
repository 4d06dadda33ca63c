"""The same extract with dlt: its REST source, its offset paginator, its own types and child tables.

Arguments: the folder to write to, and `duckdb` or `parquet` (its filesystem destination writing Parquet).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source


def main(folder: Path, kind: str) -> None:
    began = time.perf_counter()
    source = rest_api_source(
        {
            "client": {
                "base_url": os.environ["CATSY_BASE_URL"],
                "headers": {"Authorization": f"Bearer {os.environ['CATSY_BEARER_TOKEN']}"},
                "paginator": {"type": "offset", "limit": 500, "total_path": "pagination.total_results"},
            },
            "resources": [
                {"name": "items", "endpoint": {"path": f"queries/{os.environ['CATSY_QUERY_ID']}/items", "data_selector": "items"}}
            ],
        }
    )
    destination: Any = dlt.destinations.filesystem(bucket_url=folder.as_uri())
    options: dict[str, Any] = {"loader_file_format": "parquet"}
    if kind == "duckdb":
        destination, options = dlt.destinations.duckdb(str(folder / "items.duckdb")), {}
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="catsy", pipelines_dir=str(folder / "state"))
    pipeline.run(source, write_disposition="replace", **options)
    rows = pipeline.last_trace.last_normalize_info.row_counts["items"]
    print(json.dumps({"rows": rows, "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
