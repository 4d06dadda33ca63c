"""Listings on Amazon into Plytix: the calls of a sync and what it leaves of the quota; matching and planning alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from measure import ROOT, Child, Row, Sandbox, Section, at_most, folder, never_more, python, run, sandbox, say, spread

HERE = ROOT / "bench" / "ours"
SHORT, HOUR = (50, 10.0), (5_000, 3_600.0)
"""Both windows of an account: calls, seconds."""
ASKED, CALLS, UNUSED, CPU, PEAK = (20_000, 3_000), 9_500, 2.0, 20.0, 500.0
"""How many are listed, how many of them new, in the target for the calls; and the targets."""
OLD_PAUSE = 0.2
NO_CATALOGUE = dict.fromkeys(("AMAZON_CLIENT_ID", "AMAZON_CLIENT_SECRET", "AMAZON_REFRESH_TOKEN"), "")
"""Without a login at Amazon: its catalogue has limits of its own, and the export that is read knows what it would add."""
PLANNING = 1_000.0
"""A sandbox speed at which no window holds up a planning, and still one that the client's own windows can have."""

Window = tuple[float, float, int]


def windows(at: Sequence[float], seconds: float) -> list[Window]:
    """Windows as the vendor counts: one begins with the first call after the last one's end. Begin, end, calls."""
    found: list[Window] = []
    for when in at:
        if not found or when >= found[-1][1]:
            found.append((when, when + seconds, 0))
        begin, end, calls = found[-1]
        found[-1] = (begin, end, calls + 1)
    return found


def unused(at: Sequence[float], rate: tuple[int, float], shut: Sequence[tuple[float, float]] = ()) -> float | None:
    """The share, in %, of a window's quota that was not used although calls were waiting.

    at: when the calls came that were let in, in seconds of the sandbox's clock. A run does nothing but make these calls, so
    from the first of them to the last there is always one that waits; what the client does in between (planning, its
    ledger, a step that starts) is time in which it waits. Of every window (`most` calls in `seconds`) but the last, which
    the work did not fill, `most` calls were on offer; and of the time between a window's end and the next call,
    `most / seconds` calls a second, for a client that is there at once begins the next window then. Unused is what was on
    offer and not made:

        Σ (most − calls + most · gap / seconds) / Σ (most + most · gap / seconds)

    shut: stretches in which the other window was used up. Nothing was on offer then: a window that touches one counts with
    the calls that were made in it, and the gap after it not at all. None: the work did not last for one window.
    """
    most, seconds = rate
    found = windows(at, seconds)
    offered = made = 0.0
    for (begin, end, calls), (following, _, _) in pairwise(found):
        closed = any(begin < to and following > since for since, to in shut)
        offered += calls if closed else most + most * (following - end) / seconds
        made += calls
    return 100 * (offered - made) / offered if offered else None


def used_up(at: Sequence[float], rate: tuple[int, float]) -> list[tuple[float, float]]:
    """Stretches in which a window had no call left: from its last one to the first call after its end."""
    most, seconds = rate
    found, place = [], 0
    for _, end, calls in windows(at, seconds):
        place += calls
        if calls >= most:
            found.append((at[place - 1], at[place] if place < len(at) else end))
    return found


class Sync:
    """One run of the command, and its calls by the sandbox's log."""

    def __init__(self, name: str, box: Sandbox, speed: float, env: Mapping[str, str], home: Path, *what: str | Path) -> None:
        before = len(box.control("GET", "plytix/calls"))
        argv = [python("ours").with_name("sync-pipelines"), "amazon", *what, "--json"]
        self.name = name
        self.child = run(argv, {**env, "SYNC_PIPELINES_HOME": str(home)}, cwd=home)
        self.calls: list[dict[str, Any]] = box.control("GET", "plytix/calls")[before:]
        counted = [call["at"] for call in self.calls if "/auth/" not in call["path"] and call["status"] != 429]
        self.at = [(at - counted[0]) * speed for at in counted]
        say(f"asins, {name}: {len(self.calls)} calls, {self.child.wall:.0f} s, {self.child.cpu:.0f} s CPU")

    def count(self, kind: Callable[[str, str], bool]) -> int:
        return sum(kind(call["method"], call["path"]) for call in self.calls)

    @property
    def logins(self) -> int:
        return self.count(lambda _, path: "/auth/" in path)

    @property
    def reads(self) -> int:
        return self.count(lambda method, path: "/auth/" not in path and is_read(method, path))

    @property
    def writes(self) -> int:
        return self.count(lambda method, path: "/auth/" not in path and not is_read(method, path))

    @property
    def refused(self) -> int:
        return sum(call["status"] == 429 for call in self.calls)

    def row(self) -> tuple[str, ...]:
        minutes = f"{self.at[-1] / 60:.1f}" if self.at else "0"
        return (
            self.name,
            f"{len(self.calls):,}",
            f"{self.logins:,}",
            f"{self.reads:,}",
            f"{self.writes:,}",
            str(self.refused),
            minutes,
            spread([self.child.wall]),
            spread([self.child.cpu]),
            spread([self.child.peak], digits=0),
        )


def is_read(method: str, path: str) -> bool:
    return method == "GET" or path.endswith("/search")


def asins(verb: str, box: Sandbox, listed: int, new: int, *more: str | Path, home: Path | None = None) -> dict[str, int]:
    env = {**box.env, **({"SYNC_PIPELINES_HOME": str(home)} if home else {})}
    found: dict[str, int] = run([python("ours"), HERE / "asins.py", verb, str(listed), str(new), *more], env).answer
    return found


def synced(listed: int, new: int, speed: float) -> tuple[list[Sync], dict[str, int], dict[str, int]]:
    """Map with nothing cached, sync, sync again; with what was to be done, and what came of it."""
    with sandbox(listed + 200, speed=speed) as box, folder("asins") as home:
        env = {**box.env, **NO_CATALOGUE}
        todo = asins("fill", box, listed, new, home / "all.json")
        mapped = Sync("map, nothing cached", box, speed, env, home, "map", "--listings", home / "all.json")
        mapping = Path(mapped.child.answer["mapping"])
        binding = HOUR if 3 * new > HOUR[0] else SHORT
        time.sleep(binding[1] / speed)  # it is empty when the sync starts
        did = [Sync(name, box, speed, env, home, "sync", "--mapping", mapping, "--execute") for name in ("sync", "again")]
        return [mapped, *did], todo, asins("check", box, listed, new)


def calls_and_quota(listed: int, new: int, speed: float, short_of: tuple[int, int], short_speed: float) -> Section:
    """A sync of so many ASINs on a clock on which the hour binds; a small one on a clock on which the 10 s do."""
    (mapped, sync, again), todo, after = synced(listed, new, speed)
    (_, small, _), _, small_after = synced(*short_of, short_speed)
    small.name = f"sync of {short_of[0]:,}, {short_of[1]:,} of them new"
    bad = {what: after[what] + small_after[what] for what in ("doubled", "missing", "wrong")}
    hour, short = unused(sync.at, HOUR), unused(small.at, SHORT)
    also = unused(sync.at, SHORT, used_up(sync.at, HOUR))
    longest = max(b - a for a, b in pairwise(small.at))
    cached = "calls of one sync, the PIM's own products cached"
    cold = len(mapped.calls) + len(sync.calls)
    return Section(
        f"{listed:,} ASINs, {new:,} of them new ({todo['parents']} parents with their children), into Plytix",
        [
            Row(cached, f"{len(sync.calls):,}", f"≤ {CALLS:,}", len(sync.calls) <= CALLS)
            if (listed, new) == ASKED
            else Row(cached, f"{len(sync.calls):,}"),
            Row("the same with nothing cached: `amazon map` before it, as a run of its own", f"{cold:,}"),
            Row(
                "the least there can be: two a product, one for each product that links start from",
                f"{2 * new + todo['new sources']:,}",
            ),
            never_more("calls refused with 429, of all runs", [s.refused for s in (mapped, sync, again, small)], 0),
            _percent(f"quota of the hour left unused while calls wait (sandbox speed {speed:g})", hour),
            _percent(f"quota of the 10 s left unused while calls wait ({short_of[1]:,} new at speed {short_speed:g})", short),
            *(Row(f"{what} products, links and values", str(n), "0", n == 0) for what, n in bad.items()),
            never_more("the second sync: calls that write", [again.writes], 0),
            Row("the second sync: calls", f"{len(again.calls):,}"),
        ],
        ("run", "calls", "logins", "reads", "writes", "429", "first to last call, min", "wall, s", "CPU, s", "peak, MB"),
        [*(s.row() for s in (mapped, sync, again, small)), _old(listed, new, todo)],
        f"Minutes are of the sandbox's clock, which runs {speed:g} times as fast (the last of ours: {short_speed:g}). Both "
        "windows are on, 50 calls in 10 s and 5,000 in an hour, and tokens last 15 minutes of that clock. How the unused "
        "quota is counted: `unused` in `amazon.py`; the longest pause between two calls of the small run, "
        f"{longest:.1f} s, is in it. On the fast clock the client itself takes longer for 50 calls than the 10 s last there: "
        f"{also:.0f} % of that window's quota was left then, which says nothing about the vendor's clock. The listings come as "
        f"an export with parents, without a login at Amazon. {listed - new:,} of them are in Plytix with family and links; "
        f"{todo['new links']:,} links are to be added, from {todo['new sources']:,} products. The old scripts are not run; their "
        "calls are counted from the description of what they do: one look for each SKU, a create for each that is not there, no "
        "family, a link for each new product with a match, 0.2 s between calls. That uses up the hour after 5,000 calls, "
        f"{HOUR[0] * OLD_PAUSE / 60:.0f} minutes and the round trips; from then on every look is refused, and a refused look is "
        'taken for "does not exist". No failed call is assumed in the row.',
    )


def _percent(what: str, found: float | None) -> Row:
    if found is None:
        return Row(what, "the work did not fill one window")
    return Row(what, f"{found:.2f} %", f"≤ {UNUSED:g} %", found <= UNUSED)


def _old(listed: int, new: int, todo: Mapping[str, int]) -> tuple[str, ...]:
    """Of the old scripts: calls, and the minutes they take at 5,000 an hour."""
    writes = new + todo["matched and new"]
    calls = listed + writes
    hours, rest = divmod(calls, HOUR[0])
    minutes = hours * 60 + rest * OLD_PAUSE / 60
    return (
        "old scripts, if they kept the quota",
        f"{calls + 1:,}",
        "1",
        f"{listed:,}",
        f"{writes:,}",
        "0",
        f"{minutes:.0f}",
        "–",
        "–",
        "–",
    )


# --- matching and planning ----------------------------------------------------------------------------------------------

STEPS = ("listings", "matching", "mapping", "products", "links")


def planned(runs: int, listed: int, new: int) -> list[Child]:
    """The steps from a report to the two plans in a process of their own, each time with an empty ledger."""
    children = []
    with sandbox(listed, speed=PLANNING) as box, folder("matching") as home:
        env = {**box.env, **NO_CATALOGUE, "SYNC_PIPELINES_HOME": str(home), "PLYTIX_TOKEN_SECONDS": "3600"}
        box.control("POST", "plytix/state", {"settings": {"token_seconds": 3600 * PLANNING}})
        inbox = home / "data" / "sandbox" / "inbox" / "amazon"
        inbox.mkdir(parents=True)
        asins("fill", box, listed, new, inbox / "report.txt")
        asins("listings", box, listed, new, "all", home=home)
        run([python("ours"), HERE / "match_and_plan.py", "read"], env)
        for turn in range(runs):
            for file in (home / "data" / "sandbox").glob("ledger.db*"):
                file.unlink()
            child = run([python("ours"), HERE / "match_and_plan.py", "plan", "report", "all"], env)
            told = ", ".join(f"{step} {child.answer[step]:.1f}" for step in STEPS)
            say(f"matching, {new:,} new, turn {turn + 1}: {child.cpu:.1f} s CPU ({told}), {child.peak:.0f} MB")
            children.append(child)
    return children


def match_and_plan(runs: int, listed: int) -> Section:
    """Nothing of it in Plytix yet; and everything."""
    cases = {"nothing there yet": planned(runs, listed, listed), "everything there": planned(runs, listed, 0)}
    first = cases["nothing there yet"][0].answer
    return Section(
        f"Matching and planning of {listed:,} listings against {first['candidates']:,} products",
        [
            row
            for name, children in cases.items()
            for row in (
                at_most(f"{name}: CPU, the whole process", [c.cpu for c in children], "s CPU", CPU),
                at_most(f"{name}: peak, the whole process", [c.peak for c in children], "MB", PEAK, digits=0),
            )
        ],
        ("case", *(f"{step}, s CPU" for step in STEPS), "wall, s", "calls", "planned", "peak by step, MB"),
        [_line(name, children) for name, children in cases.items()],
        f"One process, without Dagster. In it: reading the report ({first['report rows']:,} rows) and publishing it as Parquet; "
        "reading the listings (as Amazon's catalogue completes them: a report knows no parents, sizes and models) and the "
        "PIM's products from their Parquet, matching; publishing the mapping, writing its JSON, reading it back; planning "
        "products and planning links with an empty ledger, and there the client's side of every search: sending, waiting in "
        "its rate windows, parsing. Not in it: the sandbox, which is a process of its own; reading the PIM's own products into "
        "the cache, "
        f"{math.ceil(first['candidates'] / 100):,} pages; asking Amazon's catalogue. An empty process with these imports has "
        f"{median([c.answer['imported: peak'] for c in cases['nothing there yet']]):.0f} MB, and pandas, which pyarrow loads by "
        "itself, about 45 more.",
    )


def _line(name: str, children: Sequence[Child]) -> tuple[str, ...]:
    answers = [c.answer for c in children]
    peaks = " → ".join(f"{median([a[f'{step}: peak'] for a in answers]):.0f}" for step in STEPS)
    return (
        name,
        *(spread([a[step] for a in answers]) for step in STEPS),
        spread([c.wall for c in children]),
        f"{answers[0]['calls']:,}",
        f"{answers[0]['products planned'] + answers[0]['links planned']:,}",
        peaks,
    )
