"""Pictures of a folder on their way into a Lightspeed store, without Dagster.

    send_pictures.py FOLDER NUMBER     once: fill the folder with so many pictures; then look at them, plan and send; then again

Prints CPU seconds and calls of each step, pictures sent, and the peak. CPU is this process's; the sandbox is another one.
"""

from __future__ import annotations

import importlib
import json
import sys
import uuid
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from keep_stock import cpu, peak

from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.lightspeed_orders import store
from sync_pipelines.pipelines.lightspeed_pictures import IMAGES, PIPELINE, planning
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest

SIZE = 20_000
"""Bytes of a picture. What larger ones cost more is reading and hashing them, and the line to the store."""


def fill(folder: Path, number: int, session: Session) -> int:
    """Put pictures there, named by SKU with another mark between its words, every second with a position. Returns how many
    products there are."""
    query = "SELECT sku FROM products WHERE deleted_at IS NULL AND sku IS NOT NULL ORDER BY id"
    skus = [sku for (sku,) in store.of(session, PIPELINE.name).opened(PRODUCTS).execute(query).fetchall()]
    random = Random(14)
    for n, sku in enumerate(random.sample([sku for sku in skus if sku.replace("-", "").isalnum()], number)):
        name = sku.replace("-", "_") + (f"_{n % 5 + 1}" if n % 2 else "")
        (folder / f"{name}.jpg").write_bytes(b"\xff\xd8\xff" + random.randbytes(SIZE))
    return len(skus)


def run(folder: Path) -> dict[str, Any]:
    """One run: how the pictures ended, and what each step took."""
    with Session(uuid.uuid4().hex, PIPELINE.name, "sync", applies=[IMAGES.applies]) as session:
        store.of(session, PIPELINE.name).read(PRODUCTS)
        marks = [(cpu(), session.meter.used["lightspeed"])]

        def mark() -> None:
            marks.append((cpu(), session.meter.used["lightspeed"]))

        found = planning.look(session, folder)
        planning.publish(session.warehouse, found, folder)
        mark()
        plan_and_apply.make(session, IMAGES, PlanRequest())
        mark()
        ended = plan_and_apply.bring_to_its_end(session, PIPELINE.name, IMAGES)
        mark()
        steps = zip(("look", "plan", "send"), marks, marks[1:], strict=False)
        return {
            "states": Counter(each.state for each in found),
            "counts": ended.counts,
            "refused": session.meter.refused["lightspeed"],
            **{name: {"cpu": b[0] - a[0], "calls": b[1] - a[1]} for name, a, b in steps},
        }


def main(folder: Path, number: int) -> None:
    importlib.import_module("pandas")  # pyarrow loads it by itself, in the middle of what is measured
    with Session(uuid.uuid4().hex, PIPELINE.name, "look") as session:
        store.of(session, PIPELINE.name).read(PRODUCTS)
        products = fill(folder, number, session)
    print(json.dumps({"products": products, "first": run(folder), "again": run(folder), "peak": peak()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
