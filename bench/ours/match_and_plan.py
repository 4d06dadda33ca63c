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

from sync_pipelines.pipelines.amazon_plytix import entries, intake, planning
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, read_products
from sync_pipelines.pipelines.session import Session
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.plytix_settings import PlytixSettings

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


def read(session: Session) -> None:
    answer["products"] = read_products(session, planning.plytix_of(session), "always").published.about.rows


def plan(session: Session, report: str, part: str) -> None:
    answer["imported: peak"] = peak()
    account, warehouse = PlytixSettings.read().account, session.warehouse
    with step("listings"):
        listed = intake.read_partition(report, lambda: None)
        intake.publish_listings(warehouse, listed, report)
        answer["report rows"] = listed.rows
        del listed
    with step("matching"):
        mapping, origin = intake.mapping_for(warehouse, part, just_read=True)
    states = Counter[str](entry.state for entry in mapping.entries)
    with step("mapping"):
        intake.publish_mapping(warehouse, mapping, account, part, origin)
        intake.write_mapping(mapping, entries.mapping_path(data_dir(), part))
        del mapping
        found = intake.mapping_of(warehouse, account, part)
    with step("products"):
        products = planning.plan_products(session, found, part)
    with step("links"):
        links = planning.plan_links(session, found, part)
    answer.update(
        {
            "listings found": sum(states.values()),
            "states": states,
            "products planned": products.counts.create,
            "links planned": links.counts.create,
            "candidates": pq.read_metadata(warehouse.path(PRODUCTS_KEY, account)).num_rows,
            "unchanged": products.counts.unchanged + links.counts.unchanged,
        }
    )


def main(verb: str, *parts: str) -> None:
    began = time.perf_counter()
    with Session("bench", "amazon_plytix", "preview") as session:
        if verb == "read":
            read(session)
        else:
            report, part = parts
            plan(session, report, part)
        calls = session.meter.used["plytix"]
    print(json.dumps({**answer, "calls": calls, "inside": time.perf_counter() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
