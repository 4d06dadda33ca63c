"""A plain loop over the same lists: requests, a line of JSON for each row, DuckDB over the lines into a table.

Arguments: the folder to write to, then collections (products, inventory, sales). Numbers become doubles; a run that dies begins
anew.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import requests


def pages(session: requests.Session, base: str, name: str) -> Any:
    after = 0
    while True:
        if name == "inventory":
            body = {"after": after, "size": 5000, "sort_direction": "asc", "include_deleted": True}
            rows = session.post(f"{base}/inventory", json=body, timeout=120).json()
        else:
            rows = session.get(
                f"{base}/{name}", params={"after": after, "page_size": 200, "deleted": "true"}, timeout=120
            ).json()["data"]
        if not rows:
            return
        yield rows
        after = max(row.get("version") or row["_metadata"]["version"] for row in rows)


def main(folder: Path, names: list[str]) -> None:
    began, counts, calls = time.perf_counter(), {}, {}
    base = f"{os.environ['LIGHTSPEED_URL']}/api/2026-07"
    with requests.Session() as session, duckdb.connect(str(folder / "store.duckdb")) as con:
        session.headers["Authorization"] = f"Bearer {os.environ['LIGHTSPEED_TOKEN']}"
        for name in names:
            counts[name] = calls[name] = 0
            lines = folder / f"{name}.jsonl"
            with lines.open("w", encoding="utf-8") as file:
                for rows in pages(session, base, name):
                    calls[name] += 1
                    counts[name] += len(rows)
                    file.writelines(json.dumps(row) + "\n" for row in rows)
            con.execute(
                f"CREATE TABLE {name} AS SELECT * FROM read_json('{lines}', format = 'newline_delimited', sample_size = -1)"
            )
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {"rows": counts, "calls": calls, "cpu": usage.ru_utime + usage.ru_stime, "inside": time.perf_counter() - began}
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
