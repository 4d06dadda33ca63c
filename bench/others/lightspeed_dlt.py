"""The same lists with dlt: its REST source with a cursor paginator, into Parquet files.

Arguments: the folder to write to. Products, stock and sales; of the older list of stock, for the newer one is a bare array that
dlt's paginator cannot follow.
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

SIZES = {"products": 200, "sales": 200, "inventory": 1000}


def main(folder: Path) -> None:
    began = time.perf_counter()
    base = f"{os.environ['LIGHTSPEED_URL']}/api"
    versions = {"products": "2026-07", "sales": "2026-07", "inventory": "2.0"}
    pages: dict[str, Any] = {"type": "cursor", "cursor_path": "version.max", "cursor_param": "after"}
    source = rest_api_source(
        {
            "client": {
                "base_url": base,
                "headers": {"Authorization": f"Bearer {os.environ['LIGHTSPEED_TOKEN']}"},
                "paginator": pages,
            },
            "resources": [
                {
                    "name": name,
                    "endpoint": {
                        "path": f"{version}/{name}",
                        "params": {"page_size": SIZES[name], "deleted": "true"},
                        "data_selector": "data",
                    },
                }
                for name, version in versions.items()
            ],
        }
    )
    destination = dlt.destinations.filesystem(bucket_url=folder.as_uri())
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="store", pipelines_dir=str(folder / "state"))
    pipeline.run(source, write_disposition="replace", loader_file_format="parquet")
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(json.dumps({"rows": {name: counts.get(name, 0) for name in SIZES}, "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
