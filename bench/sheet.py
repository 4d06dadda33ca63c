"""Orders from the shop into a spreadsheet, as a person would run it: new ones, nothing, one change; the old client."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import (
    ROOT,
    Child,
    ChildFailed,
    Row,
    Sandbox,
    Section,
    at_most,
    folder,
    never_more,
    python,
    run,
    sandbox,
    say,
    spread,
)

TITLE = "Order Book"
CALL = 0.3
"""Seconds that the sandbox adds to every call, of the shop and of the spreadsheet."""
READS = ("values:batchGetByDataFilter",)
BEHIND = """
import json
from sync_pipelines.vendors.shopify_settings import ShopifySettings
print(json.dumps({"seconds": ShopifySettings.model_fields["behind_seconds"].default}))
"""
QUIET = {"SHOPIFY_OVERLAP_MINUTES": "0"}
"""As in a shop in which nobody ordered for a quarter of an hour: else the orders just made would be read once more."""
OLD_PAGE, OLD_PAUSE = 250, 0.5

HEAD = (
    "way",
    "wall, s",
    "CPU, s",
    "peak, MB",
    "reads",
    "writes",
    "calls to the shop",
    "sleeps, s",
    "missing",
    "duplicate",
    "wrong",
)


class Case:
    """One kind of sync, run several times; the calls of each by the sandbox's log, from this run's first on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[Child] = []
        self.google: list[list[dict[str, Any]]] = []
        self.shop: list[list[dict[str, Any]]] = []
        self.after: list[dict[str, int]] = []

    def measure(self, box: Sandbox, env: Mapping[str, str], home: Path, delivered: int) -> None:
        before = {vendor: len(box.control("GET", f"{vendor}/calls")) for vendor in ("google", "shopify")}
        child = command(env, home, "sync", "--force")
        found = {vendor: box.control("GET", f"{vendor}/calls")[n:] for vendor, n in before.items()}
        if child.answer["counts"].get("delivered", 0) != delivered:
            raise ChildFailed(f"{self.name}: {child.answer['counts']} instead of {delivered} delivered")
        self.children.append(child)
        self.google.append([call for call in found["google"] if "/v4/" in call["path"] or "/drive/" in call["path"]])
        self.shop.append(found["shopify"])
        say(f"sheet, {self.name}: {child.wall:.1f} s, {self.reads[-1]} reads, {self.writes[-1]} writes")

    def check(self, box: Sandbox) -> None:
        self.after.append(run([python("ours"), ROOT / "bench" / "ours" / "truth.py", "sheet", TITLE], box.env).answer)

    @property
    def reads(self) -> list[int]:
        return [sum(is_read(call) for call in calls) for calls in self.google]

    @property
    def writes(self) -> list[int]:
        return [sum(not is_read(call) for call in calls) for calls in self.google]

    @property
    def walls(self) -> list[float]:
        return [child.wall for child in self.children]

    @property
    def in_the_sheet(self) -> list[float]:
        """Seconds from the first call to the shop until the last write to the sheet was answered."""
        return [
            max(call["at"] for call in google if not is_read(call)) + CALL - shop[0]["at"]
            for google, shop in zip(self.google, self.shop, strict=True)
        ]

    def row(self) -> tuple[str, ...]:
        return (
            f"ours, {self.name}",
            spread(self.walls),
            spread([c.cpu for c in self.children]),
            spread([c.peak for c in self.children], digits=0),
            each(self.reads),
            each(self.writes),
            each([len(calls) for calls in self.shop]),
            "0",
            *(each([a[what] for a in self.after]) if self.after else "–" for what in ("missing", "duplicate", "wrong")),
        )


def is_read(call: dict[str, Any]) -> bool:
    return call["method"] == "GET" or str(call["path"]).endswith(READS)


def each(values: Sequence[int]) -> str:
    return " / ".join(f"{v:,}" for v in sorted(set(values)))


def command(env: Mapping[str, str], home: Path, verb: str, *options: str) -> Child:
    argv: list[str | Path] = [python("ours").with_name("sync-pipelines"), verb, "shopify_sheets", *options, "--json"]
    return run(argv, {**env, "SYNC_PIPELINES_HOME": str(home)}, cwd=home)


def begin(box: Sandbox, home: Path, *, shop_limit: bool) -> dict[str, str]:
    """A shop with one order, a spreadsheet set up, the first sync done. Returns the environment."""
    box.control("POST", "reset")
    if not shop_limit:
        box.control("POST", "shopify/state", {"settings": {"burst": 10**9}})
    books = box.control("GET", "google/state")["spreadsheets"]
    env = {**box.env, "TARGET_SPREADSHEET": next(book["id"] for book in books if book["title"] == TITLE)}
    command(env, home, "prepare")
    arrive(box, 1)
    command(env, home, "sync", "--force")
    for vendor, calls in (("google", "* /v4/*"), ("shopify", "* /admin/*")):
        box.control("POST", f"{vendor}/faults", [{"on": calls, "kind": "slow", "seconds": CALL, "times": 10**6}])
    return env


def arrive(box: Sandbox, orders: int) -> list[str]:
    added: list[str] = box.control("POST", "shopify/state", {"arrive": orders})["added"]
    time.sleep(1.1)  # the shop's calendar counts whole seconds, and a reading ends before the one that is not over
    return added


def new_and_changed(runs: int, orders: int) -> Section:
    """New orders, then nothing, then one changed order; and the new ones once more at the shop's own rate limit."""
    new, none, one, paced = (
        Case(f"{orders:,} new orders"),
        Case("nothing changed"),
        Case("one order changed"),
        Case(f"{orders:,} new orders, the shop's rate limit on"),
    )
    with sandbox(300, speed=1.0) as box:
        for turn in range(runs):
            with folder("sheet") as home:
                env = begin(box, home, shop_limit=False)
                added = arrive(box, orders)
                new.measure(box, env, home, orders)
                if turn == runs - 1:
                    new.check(box)
                none.measure(box, {**env, **QUIET}, home, 0)
                note = {"note": f"=changed in turn {turn + 1}"}
                box.control("POST", "shopify/state", {"set": {added[orders // 2]: note}})
                time.sleep(1.1)
                one.measure(box, {**env, **QUIET}, home, 1)
                if turn == runs - 1:
                    one.check(box)
        with folder("sheet") as home:
            env = begin(box, home, shop_limit=True)
            arrive(box, orders)
            paced.measure(box, env, home, orders)
            paced.check(box)
    lines = new.after[-1]["lines"]
    bad = sum(a[what] for case in (new, one, paced) for a in case.after for what in ("missing", "duplicate", "wrong"))
    behind = float(run([python("ours"), "-c", BEHIND]).answer["seconds"])
    late = [behind + seconds for seconds in one.in_the_sheet]
    return Section(
        f"Sheet: {orders:,} new orders with {lines:,} lines, {CALL * 1000:.0f} ms added to every call",
        [
            never_more("nothing changed: writes", none.writes, 0),
            never_more("nothing changed: reads of the sheet", none.reads, 3),
            never_more(f"{orders:,} new orders: writes", new.writes, 12),
            never_more(f"{orders:,} new orders: reads of the sheet", new.reads, 4),
            at_most(f"{orders:,} new orders: the whole run, start-up and reading the shop included", new.walls, "s", 60),
            Row("the same, the shop's rate limit on (100 points a second, 2,000 at once)", spread(paced.walls, "s")),
            at_most("one order changed: the run, from the shell to its end", one.walls, "s", 60),
            at_most(
                f"from a change in the shop to the sheet, beyond one schedule interval ({behind:.0f} s behind now, then "
                f"{spread(one.in_the_sheet, 's')})",
                late,
                "s",
                60,
            ),
            Row("missing, duplicate and wrong orders and lines in the end", str(bad), "0", bad == 0),
        ],
        HEAD,
        [*(case.row() for case in (new, paced, none, one)), *old_client(orders)],
        f"{lines / orders:.2f} lines an order, as the sandbox makes them. Reads and writes are calls to the spreadsheet, "
        "counted by the sandbox, which runs at speed 1 with Google's limits on (60 reads and 60 writes a minute); the "
        "spreadsheet is named by its id. The shop's limit is lifted unless said otherwise. Where nothing or one order changed, "
        "the orders just made are taken to be older than the overlap of 15 minutes. A run reads the shop up to "
        f"{behind:.0f} s before now (`behind_seconds`; 0 in these runs), so that a change just missed waits for the next run "
        f"and is in the sheet one interval, {behind:.0f} s and the seconds from the reading to the write later; the "
        "scheduler's own seconds are not in it. The old client is not run: its calls are counted from the description of "
        "what it does, a failed call is not assumed. It never writes a change, so that row is its loss; it has no key per "
        "line, and when the second of its two appends fails it appends every order again.",
    )


def old_client(orders: int) -> list[tuple[str, ...]]:
    """Fetch what was created since the newest by REST, 250 a page with pauses; one read for the highest number; an append
    per tab. After the run every gap in the numbers is looked up, one call each: there are none here."""
    pages = math.ceil(orders / OLD_PAGE)
    unknown = ("–",) * 3
    return [
        (f"old client, {orders:,} new orders", *unknown, "≥ 1", "2", f"{pages}", f"{(pages - 1) * OLD_PAUSE:g}", "0", "0", "–"),
        ("old client, nothing changed", *unknown, "≥ 1", "0", "1", "0", "0", "0", "–"),
        ("old client, one order changed", *unknown, "≥ 1", "0", "1", "0", "0", "0", "1"),
    ]
