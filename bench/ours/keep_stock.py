"""Our way from both systems' stock to what the shop offers, without Dagster: read Sentos, read the shop, plan, apply.

    keep_stock.py     one run; prints CPU seconds and the peak so far for each step, and the calls

Planning has the third reading in it: what became of the orders. The steps are those of the assets.
"""

from __future__ import annotations

import importlib
import json
import re
import resource
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest
from sync_pipelines.pipelines.shopify_sentos import PIPELINE, STOCK, erp_orders, erp_products
from sync_pipelines.pipelines.shopify_sentos.goods import goods_just_read
from sync_pipelines.pipelines.shopify_store import catalog

answer: dict[str, Any] = {}


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def step(name: str) -> Iterator[None]:
    began = cpu()
    yield
    answer[name] = cpu() - began
    answer[f"{name}: peak"] = peak()


def main() -> None:
    began = time.perf_counter()
    importlib.import_module("pandas")  # pyarrow loads it by itself, in the middle of what is measured
    answer["imported: peak"] = peak()
    with Session(uuid.uuid4().hex, PIPELINE.name, "sync", applies=STOCK.assets) as session:
        with step("Sentos"):
            rows = erp_products.products(session, "always").about.rows
        with step("the shop"):
            variants = catalog.catalog(session).about.rows
        with step("orders"):
            erp_orders.bring_up_to_date(session)
        with step("matching"):
            goods_just_read(session)
        with step("plan"):
            planned = plan_and_apply.make(session, STOCK, PlanRequest()).plan
        with step("apply"):
            ended = plan_and_apply.bring_to_its_end(session, PIPELINE.name, STOCK)
        calls = dict(session.meter.used)
    answer.update({"rows": rows, "variants": variants, "counts": dict(ended.counts), "verdict": planned.verdict, "calls": calls})
    print(json.dumps({**answer, "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
