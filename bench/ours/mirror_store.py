"""Our mirror of a Lightspeed store, without Dagster: every collection brought up to date, one after another.

    mirror_store.py [COLLECTION …]     one run; prints rows, calls, CPU seconds and the peak so far for each collection

CPU is this process's; the sandbox is another one.
"""

from __future__ import annotations

import importlib
import json
import re
import resource
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from sync_pipelines.pipelines.lightspeed_retail import PIPELINE, reading
from sync_pipelines.pipelines.session import Session


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(wanted: list[str]) -> None:
    began = time.perf_counter()
    importlib.import_module("pandas")  # pyarrow loads it by itself, in the middle of what is measured
    answer: dict[str, Any] = {"imported: peak": peak(), "rows": {}, "calls": {}, "cpu": {}}
    with Session(uuid.uuid4().hex, PIPELINE.name, "sync") as session:
        for mirror in reading.mirrored():
            if wanted and mirror.name not in wanted:
                continue
            before, calls = cpu(), session.meter.used["lightspeed"]
            answer["rows"][mirror.name] = reading.bring_up_to_date(session, mirror).read
            answer["cpu"][mirror.name] = cpu() - before
            answer["calls"][mirror.name] = session.meter.used["lightspeed"] - calls
        answer["least"] = session.meter.minimum["lightspeed"]
        answer["refused"] = session.meter.refused["lightspeed"]
    print(json.dumps({**answer, "peak": peak(), "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main(sys.argv[1:])
