"""Measure speed and size beside other ways to do the same, and write bench/RESULTS.md (how: bench/README.md)."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import amazon
import erp
import extract
import lightspeed
import lightspeed_pictures
import measure
import orders
import plan
import sheet
import startup
import sync
from measure import Section, say

RESULTS = measure.ROOT / "bench" / "RESULTS.md"
Measurements = dict[str, Callable[[], Section]]
TITLES = {
    "prices": "Results: prices, Catsy → SparkLayer",
    "orders": "Results: orders, Shopify → Google Sheets",
    "amazon": "Results: listings, Amazon → Plytix",
    "erp": "Results: stock and orders, Shopify ↔ Sentos",
    "lightspeed": "Results: a mirror of a store, Lightspeed Retail",
}
"""What is measured has five parts; each has a heading of its own in the results, and its own date."""


def measurements(runs: int, *, quick: bool, long: bool = False) -> dict[str, Measurements]:
    """Every measurement by part and name, in the sizes of a full or a quick run."""
    if quick:
        return {
            "prices": {
                "startup": lambda: startup.shell_to_prompt(runs, 2_000),
                "sync": lambda: sync.beside_old_method(runs, 5_000),
                "plan": lambda: plan.plan_and_apply(runs, 10_000),
                "extract": lambda: extract.beside_others(runs, 10_000),
                "memory": lambda: extract.memory(runs, [5_000, 20_000]),
            },
            "orders": {
                "bulk": lambda: orders.in_bulk(runs, [1_000, 10_000]),
                "pages": lambda: orders.in_pages(runs, 500),
                "sheet": lambda: sheet.new_and_changed(1, 1_000),
            },
            "amazon": {
                "asins": lambda: amazon.calls_and_quota(2_000, 300, 100.0, (400, 60), 4.0),
                "matching": lambda: amazon.match_and_plan(runs, 10_000),
            },
            "erp": {"stock": lambda: erp.stock(runs, 1_000), "waiting": lambda: erp.waiting(100, 15.0)},
            "lightspeed": {
                "mirror": lambda: lightspeed.first_load(runs, 2_000, 2_000, with_dlt=True),
                "quota": lambda: lightspeed.quota(100_000, 5.0),
                "supplier": lambda: lightspeed.orders(runs, 2_000, 100),
                "pictures": lambda: lightspeed_pictures.pictures(runs, 100, 2_000),
            },
        }
    few = min(runs, 3)
    return {
        "prices": {
            "startup": lambda: startup.shell_to_prompt(runs, 10_000),
            "plan": lambda: plan.plan_and_apply(runs, 100_000),
            "extract": lambda: extract.beside_others(runs, 100_000),
            "memory": lambda: extract.memory(runs, [10_000, 100_000, 1_000_000]),
            "sync": lambda: sync.beside_old_method(runs, 100_000),
            "million": lambda: plan.once(1_000_000),
            "pace": lambda: sync.at_real_pace(100_000),
        },
        "orders": {
            "bulk": lambda: orders.in_bulk(few, [10_000, 100_000], [1_000_000] if long else []),
            "pages": lambda: orders.in_pages(few, 2_000),
            "sheet": lambda: sheet.new_and_changed(few, 10_000),
        },
        "amazon": {
            "asins": lambda: amazon.calls_and_quota(20_000, 3_000, 15.0, (2_000, 300), 1.0),
            "matching": lambda: amazon.match_and_plan(few, 100_000),
        },
        "erp": {"stock": lambda: erp.stock(few, 10_000), "waiting": lambda: erp.waiting(1_000, 15.0)},
        "lightspeed": {
            "mirror": lambda: lightspeed.first_load(few, 100_000, 100_000, with_dlt=True),
            "store": lambda: lightspeed.first_load(1, 100_000, 1_000_000, with_dlt=False),
            "quota": lambda: lightspeed.quota(200_000, 5.0),
            "supplier": lambda: lightspeed.orders(few, 100_000, 1_000),
            "pictures": lambda: lightspeed_pictures.pictures(few, 2_000, 100_000),
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parts = {part: list(found) for part, found in measurements(1, quick=False).items()}
    every = [*parts, *(name for names in parts.values() for name in names)]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"parts or measurements: {', '.join(every)}; everything if left out"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, no run at the vendors' pace")
    parser.add_argument("--long", action="store_true", help="bulk: also 1,000,000 orders, about ten minutes more")
    parser.add_argument("--runs", type=int, default=None, help="turns of each measurement (default: 5; quick: 2)")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.what) - set(every):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}")
    runs = chosen.runs or (2 if chosen.quick else 5)
    what = chosen.what or list(parts)
    whole = not chosen.quick and set(what) <= parts.keys()  # whole parts replace theirs in the results
    target = RESULTS if whole else measure.ROOT / "build" / "bench.md"
    shutil.rmtree(measure.WORK, ignore_errors=True)
    measure.freeze()
    done = read_parts(RESULTS) if whole else {}
    failed = 0
    for part, possible in measurements(runs, quick=chosen.quick, long=chosen.long).items():
        wanted = {name: take for name, take in possible.items() if part in what or name in what}
        if not wanted:
            continue
        began, about, sections = time.monotonic(), machine(runs if part == "prices" else min(runs, 3), part), []
        left = list(wanted)
        for name, take in wanted.items():
            say(f"--- {name}")
            try:
                sections.append(take())
            except measure.ChildFailed as e:
                say(str(e))
                failed += 1
                sections.append(Section(f"{name}: could not be measured", [], text=f"```\n{str(e)[:2000]}\n```"))
            left.remove(name)
            unfinished = f"Not finished: {', '.join(left)}." if left else ""
            done[TITLES[part]] = document(TITLES[part], [*about, unfinished], sections, time.monotonic() - began)
            target.write_text("\n".join(done[title] for title in TITLES.values() if title in done), encoding="utf-8")
    print(f"{target.read_text(encoding='utf-8')}\nwritten to {target.relative_to(measure.ROOT)}")
    sys.exit(1 if failed else 0)


def read_parts(path: Path) -> dict[str, str]:
    """The parts of earlier results by their headings."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = {part.partition("\n")[0]: f"# {part}" for part in re.split(r"^# ", text, flags=re.M) if part.strip()}
    return {title: f"{part.rstrip()}\n" for title, part in found.items()}


def machine(runs: int, part: str) -> list[str]:
    """Where and with what it was measured."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} × {cpu[1] if cpu else platform.machine()}, {memory:.0f} GB; "
        f"{platform.system()} {platform.release()}; Python {platform.python_version()}; "
        f"load {os.getloadavg()[0]:.1f} at the start.",
        f"Medians of {runs} with smallest and largest; competitors take turns.",
    ]
    others: Mapping[str, Iterable[str]] = {
        "orders": ("ours", "dlt"),
        "amazon": ("ours",),
        "erp": ("ours",),
        "lightspeed": ("ours", "plain_loop", "dlt"),
    }
    for venv in others.get(part, measure.REQUIREMENTS):
        named = ", ".join(f"{name} {version}" for name, version in measure.versions(venv).items())
        lines.append(f"{venv.replace('_', ' ')}: {named}.")
    return lines


def document(title: str, about: Sequence[str], sections: Sequence[Section], seconds: float) -> str:
    """A part of the results as Markdown: for each subject what was asked for, then the comparison."""
    ended = f"load {os.getloadavg()[0]:.1f} at the end"
    lines = [f"# {title}", "", *(f"- {line}" for line in about if line), f"- It took {seconds / 60:.0f} minutes; {ended}.", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        if section.rows:
            verdicts = {None: "–", True: "yes", False: "**no**"}
            asked = [(r.what, r.measured, r.target or "–", verdicts[r.met]) for r in section.rows]
            lines += _table(("what", "measured", "target", "met"), asked)
        if section.table:
            lines += _table(section.head, section.table)
        if section.text:
            lines += [section.text, ""]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)] + [""]


if __name__ == "__main__":
    main()
