"""A store on Lightspeed Retail: its first load beside a plain loop and dlt, a run in which nothing changed, and the quota."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measure import ROOT, Child, Row, Sandbox, Section, at_most, folder, never_more, python, run, sandbox, say, spread

MIRROR = ROOT / "bench" / "ours" / "mirror_store.py"
LOOP = ROOT / "bench" / "others" / "lightspeed_loop.py"
ORDER = ROOT / "bench" / "ours" / "place_order.py"
DLT = ROOT / "bench" / "others" / "lightspeed_dlt.py"
HELD_AGAINST = (
    *("suppliers", "brands", "tags", "categories", "variant_attributes", "outlets", "taxes", "products", "consignments"),
)
"""What an order is held against."""
SUPPLIER = "Boltwerk Wholesale"
"""Whose the sandbox's many products are."""
COMPARED = ("products", "inventory", "sales")
SIZES = {"products": 200, "inventory": 5_000, "sales": 200}
TIMES, MEMORY, IDLE = 2.0, 150.0, 2.0
"""The targets: CPU of the plain loop's, MB above the imported process, percent of the quota left while work waits."""
EVEN: Mapping[str, Any] = {"burst": 10**9, "short_pages": False, "max_ahead": False}
"""No limit, full pages: the loop and dlt would lose rows otherwise."""


def store(box: Sandbox, **settings: Any) -> None:
    box.control("POST", "lightspeed/state", {"settings": settings})


def ours(box: Sandbox, home: Path, *collections: str) -> Child:
    return run([python("ours"), MIRROR, *collections], {**box.env, "SYNC_PIPELINES_HOME": str(home)}, cwd=home)


def written(home: Path) -> dict[Path, int]:
    """Every Parquet file of the mirrors, and when it was written."""
    return {path: path.stat().st_mtime_ns for path in home.rglob("*.parquet")}


def above(child: Child) -> float:
    return float(child.answer["peak"] - child.answer["imported: peak"])


def first_load(runs: int, products: int, sales: int, *, with_dlt: bool) -> Section:
    """Products, stock and sales into an empty warehouse, by turns with the others; then everything again, unchanged."""
    mine: list[Child] = []
    again: list[Child] = []
    loops: list[Child] = []
    dlts: list[Child] = []
    rewritten: list[int] = []
    with sandbox(500) as box:
        store(box, **EVEN, more_products=products, more_sales=sales)
        for _ in range(runs):
            with folder("mirror") as home:
                mine.append(ours(box, home, *COMPARED))
                say(f"first load: {mine[-1].cpu:.1f} s CPU, {above(mine[-1]):.0f} MB above")
                ours(box, home)
                files = written(home)
                again.append(ours(box, home))
                rewritten.append(len(files.items() ^ written(home).items()))
            with folder("loop") as home:
                loops.append(run([python("plain_loop"), LOOP, home, *COMPARED], box.env, cwd=home))
                say(f"plain loop: {loops[-1].cpu:.1f} s CPU")
            if with_dlt:
                with folder("dlt") as home:
                    dlts.append(run([python("dlt"), DLT, home], box.env, cwd=home))
                    say(f"dlt: {dlts[-1].cpu:.1f} s CPU")
    rows = mine[0].answer["rows"]
    most = sum(math.ceil(rows[name] / size) + 2 for name, size in SIZES.items())
    old = sum(math.ceil(rows[name] / 100) + 1 for name in COMPARED)
    unchanged = {name: max(child.answer["calls"][name] for child in again) for name in again[0].answer["calls"]}
    return Section(
        f"First load of {rows['products']:,} products, {rows['inventory']:,} rows of stock, {rows['sales']:,} sales",
        [
            never_more("calls: full pages, and two at each end", [_calls(child) for child in mine], most),
            at_most(
                "our CPU, of the plain loop's", [a.cpu / b.cpu for a, b in zip(mine, loops, strict=True)], "×", TIMES, digits=2
            ),
            at_most("peak above the imported process", [above(child) for child in mine], "MB", MEMORY, digits=0),
            never_more("nothing changed: most calls for a collection", [max(unchanged.values())], 1),
            never_more("nothing changed: files written", rewritten, 0),
            Row("rows that differ in number from the loop's", *_missing(mine, loops)),
        ],
        ("way", "CPU, s", "wall, s", "peak, MB", "calls"),
        [
            _line("ours: mirrors with all columns and the vendor's own text, cursors, fsync", mine),
            _line(f"ours, again: all {len(unchanged)} collections, nothing changed", again),
            _line("plain loop: requests, JSON lines, DuckDB", loops),
            *([_line("dlt → filesystem, Parquet", dlts)] if dlts else []),
            ("the old loader: 100 a page", "–", "–", "–", f"{old:,}"),
        ],
        "One process, without Dagster; the sandbox is another. At its end each list is asked twice: for rows that share the last "
        "version, and for none. The loop and dlt begin anew when they die. dlt reads the older list of stock. The old loader is "
        "counted, not run.",
    )


def quota(products: int, speed: float) -> Section:
    """Read products under the limit of the store, on a clock that runs `speed` times as fast."""
    with sandbox(500, speed=speed) as box, folder("quota") as home:
        store(box, **{**EVEN, "burst": 0}, more_products=products, registers=1)
        child = ours(box, home, "products")
        calls = [call for call in box.control("GET", "lightspeed/calls") if call["path"].endswith("/products")]
        settings = box.control("GET", "lightspeed/state")["settings"]
    limit, window = 350, float(settings["window_seconds"])
    at = [call["at"] * speed for call in calls]
    windows = (len(at) - 1) // limit
    used = 100 * windows * window / (at[windows * limit] - at[0])
    refused = sum(call["status"] == 429 for call in calls)
    return Section(
        f"{len(calls):,} pages under a limit of {limit} calls in {window:.0f} s",
        [
            Row("of the quota left while pages waited", f"{100 - used:.1f} %", f"≤ {IDLE:g} %", 100 - used <= IDLE),
            never_more("calls refused with 429", [refused], 0),
            Row(
                "rows read",
                f"{child.answer['rows']['products']:,}",
                f"≥ {products:,}",
                child.answer["rows"]["products"] >= products,
            ),
        ],
        text=f"Seconds are of the sandbox's clock, which runs {speed:g} times as fast; the window is scaled alike. Used: the "
        f"time that {windows * limit:,} calls take at the limit, of the time until the next one was made. Once.",
    )


def orders(runs: int, products: int, lines: int) -> Section:
    """An order of so many lines, a tenth of them new and a tenth with another cost."""
    ordered: list[Child] = []
    for _ in range(runs):
        with sandbox(500) as box, folder("order") as home:
            store(box, **EVEN, more_products=products)
            ours(box, home, *HELD_AGAINST)
            file = home / "po-1.csv"
            there = range(0, 11 * (lines - lines // 10), 11)
            cells = [f"BULK-{n:07},,{place % 9 + 1},{_cost(n, dearer=place % 9 == 0)}" for place, n in enumerate(there)]
            cells += [f"NEW-{n:05},thing {n},3,{n + 1}.10" for n in range(lines // 10)]
            file.write_text("\n".join(["BARCODES,DESCRIPTION,QNTY,COST", *cells]) + "\n", encoding="utf-8")
            environment = {**box.env, "SYNC_PIPELINES_HOME": str(home), "LIGHTSPEED_LAG_SECONDS": "0"}
            ordered.append(run([python("ours"), ORDER, file, SUPPLIER], environment, cwd=home))
            say(f"an order: {ordered[-1].answer['planning']:.2f} s CPU to plan, {ordered[-1].answer['calls']} calls")
    verdicts, delivered = ordered[0].answer["verdicts"], ordered[0].answer["outcomes"].get("delivered", 0)
    # the mirrors, the store, the rights, products, costs, the order, the lines, and what is read before and after
    most = 9 + 1 + 2 + verdicts["new"] + verdicts.get("cost_changed", 0) + 1 + math.ceil(lines / 200) * 2 + 30
    return Section(
        f"An order of {lines:,} lines against {products:,} products",
        [
            at_most("CPU to compare and plan", [child.answer["planning"] for child in ordered], "s", 3.0, digits=2),
            never_more("calls: the formula on the page", [child.answer["calls"] for child in ordered], most),
            never_more("calls refused with 429", [child.answer["refused"] for child in ordered], 0),
            Row(
                "rows delivered, each once",
                f"{delivered:,}",
                f"{ordered[0].answer['planned']:,}",
                delivered == ordered[0].answer["planned"],
            ),
        ],
        text="The mirror is up to date before. What lines mean: "
        + ", ".join(f"{n} {verdict.replace('_', ' ')}" for verdict, n in sorted(verdicts.items()))
        + f". To apply it takes {spread([child.answer['applying'] for child in ordered])} s CPU. The old scripts took one search "
        "with all SKUs in its address, and wrote nothing.",
    )


def _cost(number: int, *, dearer: bool) -> str:
    """What one of the sandbox's many products costs there, or a little more."""
    return f"{(number * 7919 % 20_000 + 100) * 400 / 100_000 + dearer:.5f}"


def _calls(child: Child) -> int:
    return sum(child.answer["calls"].values())


def _missing(mine: list[Child], loops: list[Child]) -> tuple[str, str, bool]:
    differ = sum(abs(a.answer["rows"][n] - b.answer["rows"][n]) for a, b in zip(mine, loops, strict=True) for n in COMPARED)
    return str(differ), "0", differ == 0


def _line(way: str, children: list[Child]) -> tuple[str, ...]:
    calls = {_calls(child) for child in children if isinstance(child.answer.get("calls"), dict)}
    return (
        way,
        spread([child.cpu for child in children]),
        spread([child.wall for child in children]),
        spread([child.peak for child in children], digits=0),
        " / ".join(f"{n:,}" for n in sorted(calls)) or "–",
    )
