"""make_plan and apply over a target in memory, with the guards of the price pipeline and a ledger on disk. No HTTP.

Arguments: rows, folder. Prints CPU seconds per phase, and the peak memory at import and at the end, in MB.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path

from sync_pipelines.delivery import guards
from sync_pipelines.delivery.applying import apply
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import Answer, Applied, Change, Desired, Field, Intent, Live, Step, Target
from sync_pipelines.delivery.planning import make_plan
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.pipelines.catsy_sparklayer.target import exactly

LIST = "wholesale"
BATCH = 500
SHUFFLE = 7_919
"""A prime: the list comes in another order than the source, as it does from a vendor that sorts by SKU."""


class PricesInMemory(Target):
    """One price list, a number per SKU in an array: what the vendor holds must not count as what we use."""

    name = "memory/prices"
    account = "memory://bench"
    fields: Mapping[str, Field] = {"price@1": Field(same=exactly), "rows": Field("foreign")}
    steps = (Step("prices", timedelta(0), repeatable=True, atomic=True),)
    window = None

    def __init__(self, rows: int) -> None:
        self.cents = array("l", [0]) * rows

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        for place in range(len(self.cents)):
            number = place * SHUFFLE % len(self.cents)
            if cents := self.cents[number]:
                price = Decimal(cents).scaleb(-2)
                rows = [{"unit_of_measure": None, "quantity": 1, "price": price}]
                yield Live(f"{LIST}/BOLT-M8-{number:07d}", {"rows": rows, "price@1": price}, LIST)

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        stream = iter(changes)
        while batch := tuple(islice(stream, BATCH)):
            yield batch

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        for change in batch:
            self.cents[int(change.key[-7:])] = int((change.after or {})["price@1"].scaleb(2))
        return {change.key: Applied() for change in batch}


def desired(rows: int, more: int, every: int) -> Iterator[Desired]:
    """A price per SKU; every n-th one is `more` cents dearer."""
    for number in range(rows):
        cents = 1_000 + number % 20_000 + (more if number % every == 0 else 0)
        yield Desired(f"{LIST}/BOLT-M8-{number:07d}", {"price@1": Decimal(cents).scaleb(-2)}, LIST)


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: int, folder: Path) -> None:
    imported = peak()
    ledger, files, target = Ledger.at(folder / "ledger.db"), PlanFiles(folder / "plans"), PricesInMemory(rows)
    answer: dict[str, float] = {"imported": imported}
    for phase, more, every in (("create", 0, 1), ("unchanged", 0, 1), ("one in a hundred", 1, 100), ("all", 2, 1)):
        began, began_wall = cpu(), time.perf_counter()
        wanted = desired(rows, more, every)
        plan = make_plan(
            target,
            wanted,
            ledger=ledger,
            files=files,
            pipeline="bench",
            extract=phase,
            run="bench",
            row_guards=[guards.moved_too_far(Decimal("0.30"), lambda name: name.startswith("price@"))],
            plan_guards=guards.change_size_guards(Decimal(1), Decimal("0.05"), Decimal("0.05")),
        )
        planned = cpu()
        report = apply(target, plan.id, ledger=ledger, files=files, run="bench")
        answer |= {
            f"{phase}: plan": planned - began,
            f"{phase}: apply": cpu() - planned,
            f"{phase}: wall": time.perf_counter() - began_wall,
            f"{phase}: delivered": report.counts.get("delivered", 0),
            f"{phase}: peak": peak(),
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
