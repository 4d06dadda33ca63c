"""Our way from a listings report to the two plans, without Dagster: read, match, write the mapping, plan, plan.

    match_and_plan.py read                 read the PIM's products into the cache (not part of what is measured)
    match_and_plan.py plan REPORT PART     what is measured; prints CPU seconds and the peak so far for each step

REPORT names the report in the inbox, which is read and published. A report knows no parents, sizes and models, so what is
matched is PART: the same listings as Amazon's catalogue completes them, published before (`asins.py listings`). The steps
are those of the assets; what they hand on goes through the warehouse, as there.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.pipelines.amazon_plytix import entries, intake, planning
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, Catalogue
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.warehouse.snapshots import Warehouse

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


def read(desk: planning.PlytixAccount, warehouse: Warehouse, ledger: Ledger) -> None:
    source = Catalogue(warehouse, ledger, desk.settings, desk.plytix, "bench")
    with source.read(desk.client, desk.account.identifiers) as staged:
        answer["products"] = warehouse.publish(PRODUCTS_KEY, staged).about.rows


def plan(report: str, part: str, desk: planning.PlytixAccount, warehouse: Warehouse, ledger: Ledger) -> None:
    answer["imported: peak"] = peak()
    plans = PlanFiles(data_dir() / "plans")
    with step("listings"):
        listed = intake.read_partition(report, lambda: None)
        intake.publish_listings(warehouse, listed, report)
        answer["report rows"] = listed.rows
        del listed
    with step("matching"):
        mapping, origin = intake.mapping_for(warehouse, part, just_read=True)
    states = Counter[str](entry.state for entry in mapping.entries)
    with step("mapping"):
        intake.publish_mapping(warehouse, mapping, desk.plytix.account, part, origin)
        intake.write_mapping(mapping, entries.mapping_path(data_dir(), part))
        del mapping
        found = intake.mapping_of(warehouse, desk.plytix.account, part)
    with step("products"):
        products = planning.plan_products(desk, found, part, ledger=ledger, plans=plans, run="bench")
    with step("links"):
        links = planning.plan_links(desk, found, part, ledger=ledger, plans=plans, run="bench")
    answer.update(
        {
            "listings found": sum(states.values()),
            "states": states,
            "products planned": products.counts.create,
            "links planned": links.counts.create,
            "candidates": pq.read_metadata(warehouse.path(PRODUCTS_KEY, desk.plytix.account)).num_rows,
            "unchanged": products.counts.unchanged + links.counts.unchanged,
        }
    )


def main(verb: str, *parts: str) -> None:
    meter = CallMeter()
    client = Plytix.connect(PlytixSettings.read(), meter, lambda: False, data_dir() / "limits")
    ledger = Ledger.at(data_dir() / "ledger.db")
    warehouse, desk = Warehouse(data_dir() / "warehouse"), planning.PlytixAccount(client)
    began = time.perf_counter()
    try:
        if verb == "read":
            read(desk, warehouse, ledger)
        else:
            plan(*parts, desk, warehouse, ledger)
    finally:
        client.close()
        ledger.close()
    print(json.dumps({**answer, "calls": meter.used["plytix"], "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
