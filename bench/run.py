"""Measure speed and size beside other ways to do the same, and write bench/RESULTS.md (how: bench/README.md)."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import extract
import measure
import plan
import startup
import sync
from measure import Section, say

RESULTS = measure.ROOT / "bench" / "RESULTS.md"


def measurements(runs: int, *, quick: bool) -> dict[str, Callable[[], Section]]:
    """Every measurement by name, in the sizes of a full or a quick run."""
    if quick:
        return {
            "startup": lambda: startup.shell_to_prompt(runs, 2_000),
            "sync": lambda: sync.beside_old_method(runs, 5_000),
            "plan": lambda: plan.plan_and_apply(runs, 10_000),
            "extract": lambda: extract.beside_others(runs, 10_000),
            "memory": lambda: extract.memory(runs, [5_000, 20_000]),
        }
    return {
        "startup": lambda: startup.shell_to_prompt(runs, 10_000),
        "plan": lambda: plan.plan_and_apply(runs, 100_000),
        "extract": lambda: extract.beside_others(runs, 100_000),
        "memory": lambda: extract.memory(runs, [10_000, 100_000, 1_000_000]),
        "sync": lambda: sync.beside_old_method(runs, 100_000),
        "million": lambda: plan.once(1_000_000),
        "pace": lambda: sync.at_real_pace(100_000),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    every = list(measurements(1, quick=False))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"one or more of {', '.join(every)}; all of them if left out"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, no run at the vendors' pace")
    parser.add_argument("--runs", type=int, default=None, help="turns of each measurement (default: 5; quick: 2)")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.what) - set(every):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}")
    runs = chosen.runs or (2 if chosen.quick else 5)
    shutil.rmtree(measure.WORK, ignore_errors=True)
    measure.freeze()
    began, sections = time.monotonic(), []
    target = measure.ROOT / "build" / "bench.md" if chosen.quick or chosen.what else RESULTS
    about = machine(runs)
    wanted = {n: t for n, t in measurements(runs, quick=chosen.quick).items() if n in (chosen.what or every)}
    left, failed = list(wanted), 0
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
        target.write_text(document([*about, unfinished], sections, time.monotonic() - began), encoding="utf-8")
    print(f"{target.read_text(encoding='utf-8')}\nwritten to {target.relative_to(measure.ROOT)}")
    sys.exit(1 if failed else 0)


def machine(runs: int) -> list[str]:
    """Where and with what it was measured."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} × {cpu[1] if cpu else platform.machine()}, {memory:.0f} GB; "
        f"{platform.system()} {platform.release()}; Python {platform.python_version()}; "
        f"load {os.getloadavg()[0]:.1f} at the start.",
        f"Medians of {runs} with smallest and largest; competitors take turns.",
    ]
    for venv in measure.REQUIREMENTS:
        named = ", ".join(f"{name} {version}" for name, version in measure.versions(venv).items())
        lines.append(f"{venv.replace('_', ' ')}: {named}.")
    return lines


def document(about: Sequence[str], sections: Sequence[Section], seconds: float) -> str:
    """The results as Markdown: for each subject what was asked for, then the comparison."""
    lines = [
        "# Results",
        "",
        *(f"- {line}" for line in about if line),
        f"- The whole run took {seconds / 60:.0f} minutes.",
        "",
    ]
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
