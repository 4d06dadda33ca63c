"""Whole days of orders into files: in bulk beside dlt, for how much memory; and page by page."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from measure import FAST, ROOT, Child, ChildFailed, Row, Sandbox, Section, at_most, folder, python, run, sandbox, say, spread

HERE = ROOT / "bench"
ZONE = ZoneInfo("America/New_York")
"""The sandbox's shop's."""
DAYS = 365
CPU, FLAT = 20.0, 30.0
WAYS = {
    "ours": "ours: over HTTP, proved by count, a file a day and table, fsync, ledger entries",
    "dlt_parquet": "dlt from the same file on disk → filesystem, Parquet",
    "dlt_duckdb": "dlt from the same file on disk → DuckDB",
}
BULK = {"SHOPIFY_BULK_START_SECONDS": "0", "SHOPIFY_BULK_POLL_SECONDS": "0.1"}
"""For an empty shop, which would be paged otherwise, and against polling at sandbox speed."""


def midnight() -> datetime:
    """When today began in the shop."""
    return datetime.combine(datetime.now(ZONE).date(), time(), ZONE)


def read_once(box: Sandbox, where: Path, days: int, **more: str) -> Child:
    """Read the days up to yesterday into an empty folder. Up to yesterday: then every run asks for the very same."""
    last = midnight().date() - timedelta(days=1)
    argv: list[str | Path] = [python("ours"), HERE / "ours" / "read_orders.py", str(last - timedelta(days=days - 1)), str(last)]
    return run(argv, {**box.env, **more, "SYNC_PIPELINES_HOME": str(where)}, cwd=where)


def prepare(box: Sandbox) -> None:
    """Seeded orders up to yesterday; no limit holds anybody up, at whatever speed."""
    start = midnight().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    settings = {"start": start, "burst": 10**9, "url_life": 7 * 86_400 * FAST}
    box.control("POST", "shopify/state", {"settings": settings})


def fetch_result(box: Sandbox, file: Path) -> None:
    """The result file of the last bulk operation, as a client got it."""
    found = [call["path"] for call in box.control("GET", "shopify/calls") if call["path"].startswith("/shopify/bulk/")]
    with urllib.request.urlopen(box.url + found[-1]) as reply, file.open("wb") as out:
        shutil.copyfileobj(reply, out)


def compare(box: Sandbox, file: Path, way: str, where: Path | str) -> dict[str, int]:
    argv: list[str | Path] = [python("ours"), HERE / "ours" / "truth.py", "orders", way, where, file]
    found: dict[str, int] = run(argv, box.env).answer
    return found


def dlt_once(way: str, file: Path, where: Path) -> Child:
    argv: list[str | Path] = [python("dlt"), HERE / "others" / "dlt_orders.py", file, where, way.removeprefix("dlt_")]
    return run(argv, {"RUNTIME__DLTHUB_TELEMETRY": "false"}, cwd=where)


class Size:
    """A shop of one size, read several times in bulk; beside it, the ways that are asked for."""

    def __init__(self, orders: int) -> None:
        self.orders = orders
        self.children: dict[str, list[Child]] = {"ours": []}
        self.checked: dict[str, dict[str, int]] = {}
        self.begun: list[int] = []
        self.megabytes = 0.0

    def measure(self, runs: int, others: Mapping[str, int], *, warm_up: bool) -> None:
        """others: how many turns each other way takes."""
        with sandbox(300, orders=self.orders) as box, folder("result") as results:
            prepare(box)
            file = results / "orders.jsonl"
            file.touch()
            if warm_up:  # the sandbox writes its result file, once; caches fill
                with folder("bulk") as where:
                    self._say("warm-up", read_once(box, where, DAYS, **BULK))
            for turn in range(runs):
                for way, turns in {"ours": runs, **others}.items():
                    if turn < turns:
                        with folder(way) as where:
                            self._turn(box, way, file, where, check=turn == turns - 1)

    def _turn(self, box: Sandbox, way: str, file: Path, where: Path, *, check: bool) -> None:
        if way == "ours":
            begun = box.control("GET", "shopify/state")["bulk_started"]
            child = read_once(box, where, DAYS, **BULK)
            self.begun.append(box.control("GET", "shopify/state")["bulk_started"] - begun)
            if child.answer["orders"] != self.orders or child.answer["days"] != DAYS:
                raise ChildFailed(f"{child.answer} instead of {self.orders} orders of {DAYS} days")
            if self.orders and not file.stat().st_size:
                fetch_result(box, file)
                self.megabytes = file.stat().st_size / 1e6
        else:
            child = dlt_once(way, file, where)
        self._say(way, child)
        self.children.setdefault(way, []).append(child)
        if check:
            self.checked[way] = compare(box, file, way, where)

    def _say(self, way: str, child: Child) -> None:
        say(f"bulk, {self.orders:,} orders, {way}: {child.wall:.1f} s, {child.cpu:.1f} s CPU, {child.peak:.0f} MB")

    @property
    def lines(self) -> int:
        return self.checked["ours"]["lines in the file"]

    def rows(self) -> list[tuple[str, ...]]:
        return [
            (
                WAYS[way],
                f"{self.orders:,}",
                f"{self.checked[way]['lines']:,}",
                spread([c.wall for c in children]),
                spread([c.cpu for c in children]),
                spread([c.peak for c in children], digits=0),
                *(f"{self.checked[way][what]:,}" for what in ("missing", "duplicate", "wrong")),
            )
            for way, children in self.children.items()
        ]


def in_bulk(runs: int, sizes: Sequence[int], once: Sequence[int] = ()) -> Section:
    """A year in one bulk operation, at two sizes. dlt beside it; to DuckDB at the smaller size only, so long does it take.

    once: sizes so large that they are read once, cold.
    """
    empty, small, large, *more = [Size(n) for n in (0, *sizes, *once)]
    empty.measure(runs, {}, warm_up=False)
    small.measure(runs, {"dlt_duckdb": 1}, warm_up=True)
    large.measure(runs, {"dlt_parquet": 1}, warm_up=True)
    for size in more:
        size.measure(1, {}, warm_up=False)
    nothing = median(c.peak for c in empty.children["ours"])
    above = {s.orders: [c.peak - nothing for c in s.children["ours"]] for s in (small, large, *more)}
    grown = [median(above[s.orders]) - median(above[large.orders]) for s in more]
    bad = sum(s.checked["ours"][what] for s in (small, large, *more) for what in ("missing", "duplicate", "wrong"))
    cpu = {way: [c.cpu for c in children] for way, children in large.children.items()}
    faster = median(cpu["dlt_parquet"]) / median(cpu["ours"])
    begun = {n for s in (small, large, *more) for n in s.begun}
    return Section(
        f"{DAYS} days in bulk: {large.orders:,} orders with {large.lines:,} lines to durable Parquet",
        [
            at_most(f"CPU of the client, {large.orders:,} orders, the whole process", cpu["ours"], "s CPU", CPU, digits=1),
            Row("CPU of dlt to Parquet files, of ours", f"{faster:.2f} ×"),
            Row(f"bulk operations begun for {DAYS} days", " / ".join(map(str, sorted(begun))), "1", begun == {1}),
            Row("our missing, duplicate and wrong orders and lines", str(bad), "0", bad == 0),
            *(at_most(f"peak, {n:,} orders, above an empty shop", mb, "MB", 150, digits=0) for n, mb in above.items()),
            *(
                Row(f"growth from {large.orders:,} to {s.orders:,} orders", f"{mb:.0f} MB", f"flat: ≤ {FLAT:.0f} MB", mb <= FLAT)
                for s, mb in zip(more, grown, strict=True)
            ),
        ],
        ("way", "orders", "lines", "wall, s", "CPU, s", "peak, MB", "missing", "duplicate", "wrong"),
        [row for size in (empty, small, large, *more) for row in size.rows()],
        f"{large.lines / large.orders:.2f} lines an order, as the sandbox's seed has them; a result of "
        f"{large.megabytes:,.0f} MB. The orders lie in the last 90 of the {DAYS} days; the others are proved empty, and get "
        "their files, too. The sandbox has its result file ready (but for sizes that are read once: there the wait for it "
        "is in the wall time). dlt reads that file from the disk, with orders and lines told apart; it counts nothing and "
        "makes a table of every nested list.",
    )


def in_pages(runs: int, orders: int, days: int = 90) -> Section:
    """The same days, of a shop so small that pages are quicker than a bulk operation."""
    found: dict[int, list[Child]] = {}
    for size in (0, orders):
        with sandbox(300, orders=size) as box:
            prepare(box)
            for turn in range(-1, runs):
                with folder("pages") as where:
                    child = read_once(box, where, days)
                if child.answer["orders"] != size or "page by page" not in child.answer["way"]:
                    raise ChildFailed(f"{child.answer} instead of {size} orders in pages")
                say(f"pages, {size:,} orders, turn {turn + 1}: {child.wall:.2f} s, {child.cpu:.2f} s CPU")
                if turn >= 0:
                    found.setdefault(size, []).append(child)
    nothing = median(c.cpu for c in found[0])
    each = [1000 * (c.cpu - nothing) / orders for c in found[orders]]
    calls, least = (sorted({c.answer[what] for c in found[orders]}) for what in ("calls", "least"))
    return Section(
        f"{days} days in pages: {orders:,} orders to durable Parquet",
        [
            Row("CPU of the client an order, above the same days of an empty shop", spread(each, "ms", digits=2)),
            Row(f"calls (as few as can be: {least[0]})", " / ".join(map(str, calls))),
        ],
        ("orders", "wall, s", "CPU, s", "peak, MB", "calls"),
        [
            (
                f"{size:,}",
                spread([c.wall for c in children], digits=2),
                spread([c.cpu for c in children], digits=2),
                spread([c.peak for c in children], digits=0),
                " / ".join(map(str, sorted({c.answer["calls"] for c in children}))),
            )
            for size, children in found.items()
        ],
        "Calls: the shop and its scopes, the counts of the days 40 at a time, pages of 200 orders, the lines of orders with "
        "more than 15, refund lines 100 orders at a time.",
    )
