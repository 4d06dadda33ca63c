"""A whole sync from the command line, Dagster and CSV included: calls, writes, rows; beside the old method."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measure import ROOT, Child, Row, Sandbox, Section, at_most, folder, never_more, python, run, sandbox, say, spread

HERE = ROOT / "bench"
PAGE = 500
RATE, BURST, PAUSE = 2.0, 10, 0.5
"""Catsy's calls per second and burst, and the seconds between two calls that write to SparkLayer."""

HEAD = (
    "way",
    "wall, s",
    "CPU, s",
    "peak, MB",
    "calls",
    "of which write",
    "sleeps, s",
    "missing",
    "wrong",
    "written twice",
    "others' lost",
)
WHOLE = {"CATSY_SPARKLAYER_MAX_MOVING": "1"}
"""A reprice of everything is what the guard `moving` is there to stop. Here it is meant."""


def truth(box: Sandbox, verb: str = "list") -> dict[str, int]:
    found: dict[str, int] = run([python("ours"), HERE / "ours" / "truth.py", verb], box.env).answer
    return found


def sync_once(box: Sandbox, home: Path, **more: str) -> Child:
    """`sync-pipelines sync` of a catalogue that is read anew."""
    command: list[str | Path] = [
        python("ours").with_name("sync-pipelines"),
        "sync",
        "catsy_sparklayer",
        "--refresh",
        "always",
        "--json",
    ]
    return run(command, {**box.env, **more, "SYNC_PIPELINES_HOME": str(home)}, cwd=home)


def reprice(box: Sandbox, share: str, turn: int) -> int:
    """Move the price of a share of the plainly priced products up by a tenth, every second turn down again."""
    order = {"share": share, "factor": "1.10" if turn % 2 == 0 else "0.92", "seed": turn}
    return int(box.control("POST", "catsy/state", {"reprice": order})["repriced"])


class Case:
    """One kind of change, measured over several turns."""

    def __init__(self, name: str, share: str) -> None:
        self.name, self.share = name, share
        self.children: list[Child] = []
        self.calls: list[int] = []
        self.writes: list[int] = []
        self.twice: list[int] = []
        self.after: list[Mapping[str, int]] = []

    def measure(self, box: Sandbox, home: Path, turn: int) -> None:
        changed = reprice(box, self.share, turn) if self.share else 0
        calls, before = sum(box.calls().values()), truth(box)
        child = sync_once(box, home, **WHOLE)
        self.calls.append(sum(box.calls().values()) - calls)
        after = truth(box)
        delivered = child.answer["counts"].get("delivered", 0)
        self.children.append(child)
        self.writes.append(after["writes"] - before["writes"])
        self.twice.append(after["written"] - before["written"] - delivered)
        self.after.append({**after, "lost": before["foreign"] - after["foreign"]})
        say(f"sync, {self.name}, turn {turn + 1}: {changed} changed, {self.calls[-1]} calls, {child.wall:.1f} s")

    def row(self) -> tuple[str, ...]:
        return (
            f"ours, {self.name}",
            spread([c.wall for c in self.children]),
            spread([c.cpu for c in self.children]),
            spread([c.peak for c in self.children], digits=0),
            _each(self.calls),
            _each(self.writes),
            "0",
            *(_each([a[what] for a in self.after]) for what in ("missing", "wrong")),
            _each(self.twice),
            _each([a["lost"] for a in self.after]),
        )


def beside_old_method(runs: int, products: int) -> Section:
    """Nothing, one in a hundred and everything changed; the old method does the same work whatever changed."""
    pages = math.ceil(products / PAGE)
    first, none, some, every = (
        Case("first sync", ""),
        Case("nothing changed", ""),
        Case("1 % changed", "0.01"),
        Case("all changed", "1"),
    )
    old: list[tuple[Child, dict[str, int], dict[str, int]]] = []
    with sandbox(products) as box, sandbox(products) as old_box, folder("sync") as home:
        first.measure(box, home, 0)
        for turn in range(runs):
            none.measure(box, home, turn)
            some.measure(box, home, 2 * turn)
            reprice(old_box, "1", turn)
            before = truth(old_box)
            child = run([python("old_method"), HERE / "others" / "old_method.py"], old_box.env)
            say(f"sync, the old method, turn {turn + 1}: {child.out.strip()}, {child.wall:.1f} s")
            old.append((child, before, truth(old_box)))
            every.measure(box, home, turn)
    cases = (none, some, every)
    bad = sum(sum(a[w] for w in ("missing", "wrong", "lost")) for case in cases for a in case.after) + sum(
        sum(c.twice) for c in cases
    )
    return Section(
        f"Sync of {products:,} products, one price list",
        [
            never_more("nothing changed: calls that write", none.writes, 0),
            never_more("nothing changed: calls", none.calls, pages + 3),
            never_more("1 % changed: calls", some.calls, pages + 5 + math.ceil(products / 100 / PAGE)),
            never_more("all changed: calls", every.calls, 2 * pages + 5),
            Row("missing, duplicate, wrong and lost rows over all turns", str(bad), "0", bad == 0),
        ],
        HEAD,
        [*(case.row() for case in (first, *cases)), _old_row(old)],
        "Calls are counted by the sandbox. Sleeps of the old method are added up, not slept. "
        "Missing and wrong: of the plainly priced products. Others' lost: quantity breaks and units of measure on the "
        "list that the pipeline does not own.",
    )


def _old_row(old: list[tuple[Child, dict[str, int], dict[str, int]]]) -> tuple[str, ...]:
    said = [child.answer for child, _, _ in old]
    return (
        "old method, whatever changed",
        spread([c.wall for c, _, _ in old]),
        spread([c.cpu for c, _, _ in old]),
        spread([c.peak for c, _, _ in old], digits=0),
        _each([a["calls"] for a in said]),
        _each([after["writes"] - before["writes"] for _, before, after in old]),
        _each([a["slept"] for a in said]),
        *(_each([after[what] for _, _, after in old]) for what in ("missing", "wrong")),
        "–",
        _each([before["foreign"] - after["foreign"] for _, before, after in old]),
    )


def _each(values: list[Any]) -> str:
    """The values that came up, without repetition."""
    return " / ".join(f"{v:,g}" for v in sorted(set(values)))


def at_real_pace(products: int) -> Section:
    """Once at the vendors' own pace: wall time without start-up, of what their limits and our pauses take at least."""
    pages = math.ceil(products / PAGE)
    reading = max(0.0, (pages - BURST) / RATE)
    rows = []
    with sandbox(products, speed=1.0) as box, folder("pace") as home:
        truth(box, "match")
        for name, share, floor in (("nothing changed", "", reading), ("all changed", "1", reading + PAUSE * (pages - 1))):
            if share:
                reprice(box, share, 0)
            time.sleep(BURST / RATE)  # the bucket is full when a run starts
            child = sync_once(box, home, **WHOLE)
            seconds = child.answer["seconds"]
            wall = seconds["total"] - seconds["startup"]
            say(f"at speed 1, {name}: {wall:.1f} s, floor {floor:.1f} s, state {child.answer['state']}")
            rows.append(
                at_most(f"{name}: of a floor of {floor:.1f} s ({wall:.1f} s)", [wall / max(floor, 1e-9)], "×", 1.2, digits=2)
            )
    return Section(
        f"At the vendors' pace: sync of {products:,} products at sandbox speed 1",
        rows,
        text="Floor: the pages at 2 calls a second with a burst of 10; 0.5 s between writing calls; no round trips.",
    )
