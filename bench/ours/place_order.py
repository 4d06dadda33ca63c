"""Our way from an order file to products, costs and one stock order, without Dagster.

    place_order.py FILE SUPPLIER     one run; prints CPU seconds of each step, and the calls

The mirror is up to date before: what is measured is the order.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keep_stock import cpu, peak

from sync_pipelines.pipelines import lightspeed_orders as pipeline
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.lightspeed_orders import intake, orders, store
from sync_pipelines.pipelines.session import Session
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

answer: dict[str, Any] = {}


@contextmanager
def step(name: str) -> Iterator[None]:
    began = cpu()
    yield
    answer[name] = answer.get(name, 0.0) + cpu() - began


def main() -> None:
    path, supplier = sys.argv[1:]
    importlib.import_module("pandas")  # pyarrow loads it by itself, in the middle of what is measured
    began, answer["imported: peak"] = time.perf_counter(), peak()
    writes = pipeline.PIPELINE.writes
    with Session(uuid.uuid4().hex, pipeline.PIPELINE.name, "sync", applies=[write.applies for write in writes]) as session:
        store.of(session).read(*intake.NEEDED)
        place(session, Path(path), supplier)
        answer["calls"], answer["refused"] = session.meter.used["lightspeed"], session.meter.refused["lightspeed"]
    print(json.dumps({**answer, "peak": peak(), "inside": time.perf_counter() - began}))


def place(session: Session, path: Path, supplier: str) -> None:
    scope, writes = intake.partition_of(path), pipeline.PIPELINE.writes
    with step("planning"):
        order, origin = intake.order_of_file(session, scope, intake.Asked(str(path), supplier))
        orders.publish(session.warehouse, order, LightspeedSettings.read().account, scope, origin)
        plans = [plan_and_apply.make(session, write, write.request(scope=scope)) for write in writes]
    answer["verdicts"] = Counter(line.verdict for line in order.lines)
    answer["planned"] = sum(made.plan.counts.changes for made in plans)
    with step("applying"):
        ended = [plan_and_apply.bring_to_its_end(session, pipeline.PIPELINE.name, write, scope=scope) for write in writes]
    answer["outcomes"] = sum((Counter(dict(each.counts)) for each in ended), Counter())


if __name__ == "__main__":
    main()
