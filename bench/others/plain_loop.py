"""The plain loop: read the pages with requests, write JSON lines, let DuckDB make Parquet of them.

What a capable person writes in an afternoon: no retry, no limit, no proof that the catalogue held still meanwhile.
Argument: the folder to write to. The environment: as the sandbox prints it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import duckdb
import requests


def main(folder: Path) -> None:
    began = time.perf_counter()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['CATSY_BEARER_TOKEN']}"
    address = f"{os.environ['CATSY_BASE_URL']}/queries/{os.environ['CATSY_QUERY_ID']}/items"
    received, total = 0, 1
    with (folder / "items.jsonl").open("w", encoding="utf-8") as out:
        while received < total:
            reply = session.get(address, params={"limit": 500, "offset": received}, timeout=90)
            reply.raise_for_status()
            page = reply.json()
            total = page["pagination"]["total_results"]
            for item in page["items"]:
                out.write(json.dumps(item) + "\n")
            received += len(page["items"])
    # Without a look at every line DuckDB fails on attributes that come late.
    source = f"read_json('{folder}/items.jsonl', format='newline_delimited', sample_size=-1)"
    duckdb.sql(f"COPY (SELECT * FROM {source}) TO '{folder}/items.parquet' (FORMAT parquet, COMPRESSION zstd)")
    print(json.dumps({"rows": received, "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
