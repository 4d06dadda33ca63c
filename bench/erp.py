"""An ERP and a shop: the stock of 10,000 variants, and orders that wait for a vendor who takes twelve a minute."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
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

KEEP_STOCK = ROOT / "bench" / "ours" / "keep_stock.py"
WRITES, MINUTE = 12, 60.0
PAGES, CPU, MEMORY, USED = 101, 2.0, 150.0, 98.0
"""The targets: reads of Sentos for 10,000 variants, CPU seconds beyond reading, MB above start, percent of the quota."""
LOST = 0.05
READING = ("Sentos", "the shop", "orders")
STEPS = (*READING, "matching", "plan", "apply")
WITHOUT_LIMITS: Mapping[str, Mapping[str, Any]] = {"sentos": {"burst": 10**6}, "shopify": {"burst": 10**9, "currency": "TRY"}}
OPEN = {"SHOPIFY_SENTOS_MAX_MOVING": "1", "SHOPIFY_SENTOS_MAX_HELD": "1"}
"""Everything is new in the first run, and traps are a matter of settings: no guard is what is measured here."""


def command(env: Mapping[str, str], home: Path, *options: str) -> Child:
    argv: list[str | Path] = [python("ours").with_name("sync-pipelines"), "sentos", "sync", *options, "--json"]
    return run(argv, {**env, **OPEN, "SYNC_PIPELINES_HOME": str(home)}, cwd=home, codes=(0, 1))


def settings(box: Sandbox, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    for vendor, values in wanted.items():
        box.control("POST", f"{vendor}/state", {"settings": values})


class Case:
    """One kind of stock run, several times, each with its calls by the sandbox's log."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[Child] = []
        self.calls: list[dict[str, list[dict[str, Any]]]] = []

    def measure(self, box: Sandbox, home: Path) -> None:
        before = {vendor: len(box.control("GET", f"{vendor}/calls")) for vendor in ("sentos", "shopify")}
        child = run([python("ours"), KEEP_STOCK], {**box.env, **OPEN, "SYNC_PIPELINES_HOME": str(home)}, cwd=home)
        self.children.append(child)
        self.calls.append({vendor: box.control("GET", f"{vendor}/calls")[n:] for vendor, n in before.items()})
        told = ", ".join(f"{step} {child.answer[step]:.2f}" for step in STEPS)
        say(f"stock, {self.name}: {told} s CPU; {child.answer['counts']}; {Counter(self._operations[-1])}")

    @property
    def sentos(self) -> list[int]:
        return [len(found["sentos"]) for found in self.calls]

    @property
    def writes(self) -> list[int]:
        return [sum(name.startswith("mutation") and "bulk" not in name for name in names) for names in self._operations]

    @property
    def exports(self) -> list[int]:
        return [sum("bulkOperationRunQuery" in name for name in names) for names in self._operations]

    @property
    def _operations(self) -> list[list[str]]:
        """What each call to the shop was; "" for a file that was fetched."""
        return [[str(call.get("operation") or "") for call in found["shopify"]] for found in self.calls]

    @property
    def beyond(self) -> list[float]:
        """CPU seconds after everything was read; the orders' own numbers are asked for in the plan."""
        return [sum(c.answer[step] for step in STEPS if step not in READING) for c in self.children]

    @property
    def above(self) -> list[float]:
        return [c.answer["apply: peak"] - c.answer["imported: peak"] for c in self.children]

    def row(self) -> tuple[str, ...]:
        return (
            self.name,
            *(spread([c.answer[step] for c in self.children], digits=2) for step in STEPS),
            spread([c.wall for c in self.children]),
            spread(self.above, digits=0),
            _each(self.sentos),
            _each([len(found["shopify"]) for found in self.calls]),
            _each(self.writes),
        )


def _each(values: list[int]) -> str:
    return " / ".join(f"{v:,}" for v in sorted(set(values)))


def stock(runs: int, scale: int) -> Section:
    """Fill the shop from Sentos, then keep its stock: nothing changed, and one in a hundred."""
    nothing, some = Case("nothing changed"), Case("1 % changed")
    with sandbox(scale) as box, folder("stock") as home:
        settings(box, WITHOUT_LIMITS)
        first = command(box.env, home, "--only", "products", "--only", "prices", "--only", "stock")
        say(f"stock, filled: {first.wall:.0f} s, {first.cpu:.0f} s CPU")
        skus = _counted(box)
        for turn in range(runs):
            nothing.measure(box, home)
            changed = skus[turn :: len(skus) // max(1, len(skus) // 100)]
            box.control("POST", "sentos/state", {"stock": {sku: {"1": 50 + turn} for sku in changed}})
            some.measure(box, home)
        wrong = _wrong(box, skus)
    variants, rows = nothing.children[0].answer["variants"], nothing.children[0].answer["rows"]
    least = math.ceil(len(changed) / 250)
    return Section(
        f"Stock of {rows:,} variants in Sentos, {variants:,} in the shop",
        [
            never_more("nothing changed: calls that write", nothing.writes, 0),
            never_more("nothing changed: reads of Sentos", nothing.sentos, PAGES),
            never_more("nothing changed: bulk reads of the shop", nothing.exports, 1),
            never_more(f"1 % changed ({len(changed):,} SKUs): calls that write", some.writes, least),
            at_most("nothing changed: CPU beyond reading", nothing.beyond, "s CPU", CPU, digits=2),
            at_most("1 % changed: CPU beyond reading", some.beyond, "s CPU", CPU, digits=2),
            at_most("peak above the imported process", [*nothing.above, *some.above], "MB", MEMORY, digits=0),
            Row("SKUs of which the shop offers other than Sentos has, at the end", str(wrong), "0", wrong == 0),
        ],
        ("case", *(f"{s}, s CPU" for s in STEPS), "wall, s", "above start, MB", "Sentos", "Shopify", "of which write"),
        [
            nothing.row(),
            some.row(),
            ("a call for each SKU, every time", *["–"] * len(STEPS), "–", "–", "–", *[f"{variants:,}"] * 2),
        ],
        "One process, without Dagster; the sandbox is another. Sentos, the shop, orders: reading, and publishing as Parquet. "
        "Plan: the rule for every SKU, and there the third reading, what became of the orders. Apply: a look before, "
        "the call, the ledger. The last line is counted, not run: what a program does that has no memory and sends each SKU.",
    )


def _counted(box: Sandbox) -> list[str]:
    """SKUs that both have once, with stock that is a number, tracked and kept at the shop's location."""
    there = Counter(v["sku"] for p in box.control("GET", "shopify/state")["products"] for v in p["variants"] if _kept(v))
    ours = Counter(v["sku"] for p in box.control("GET", "sentos/state")["products"] for v in p["variants"] if _plain(v))
    return sorted(sku for sku, n in ours.items() if n == 1 == there[sku])


def _kept(variant: Mapping[str, Any]) -> bool:
    return bool(variant["tracked"]) and variant["inventory"].get("Main Warehouse") is not None


def _plain(variant: Mapping[str, Any]) -> bool:
    return all(isinstance(entry["stock"], int) and isinstance(entry["warehouse"], int) for entry in variant["stocks"])


def _wrong(box: Sandbox, skus: list[str]) -> int:
    products = box.control("GET", "shopify/state")["products"]
    offered = {v["sku"]: v["inventory"].get("Main Warehouse") for p in products for v in p["variants"]}
    there = {v["sku"]: v["stocks"] for p in box.control("GET", "sentos/state")["products"] for v in p["variants"]}
    return sum(offered[sku] != max(0, sum(entry["stock"] for entry in there[sku])) for sku in skus)


# --- orders that wait -------------------------------------------------------------------------------------------------


def waiting(orders: int, speed: float) -> Section:
    """So many orders wait; Sentos takes twelve a minute of a clock that runs `speed` times as fast, and one answer in twenty is
    lost."""
    with sandbox(300, speed=speed) as box, folder("waiting") as home:
        settings(box, {"shopify": {"currency": "TRY"}})
        sku = _counted(box)[0]
        buy = {"lines": [{"sku": sku, "quantity": 1}], "paymentGatewayNames": ["shopify_payments"]}
        for _ in range(0, orders, 100):
            box.control("POST", "shopify/state", {"buy": [buy] * min(100, orders)})
        step = round(1 / LOST)
        lost = [{"on": "POST /api/orders", "kind": "lost_reply", "after": n} for n in range(step - 1, orders, step)]
        box.control("POST", "sentos/faults", lost)
        env = {**box.env, "SHOPIFY_SENTOS_ORDER_MINUTES": "600"}
        child = command(env, home, "--only", "orders")
        calls = box.control("GET", "sentos/calls")
        made = _made(box)
        again = command(env, home, "--only", "orders")
        then = _made(box)
        more = len(box.control("GET", "sentos/calls")) - len(calls)
    sent = [call for call in calls if call["method"] == "POST"]
    at = [call["at"] * speed for call in sent]
    used = 100 * (len(at) - WRITES) / (at[-1] - at[0]) * MINUTE / WRITES
    refused, cut = sum(call["status"] == 429 for call in calls), sum(call["status"] is None for call in sent)
    if not made:
        raise ChildFailed(f"no order was made: {child.out[-2000:]}")
    minutes = (at[-1] - at[0]) / 60
    return Section(
        f"{orders:,} orders that wait, {WRITES} a minute, {cut} answers lost",
        [
            Row("of the quota of writes, used while orders waited", f"{used:.1f} %", f"≥ {USED:g} %", used >= USED),
            never_more("calls refused with 429", [refused], 0),
            Row("orders made", f"{len(made):,}", f"{orders:,}", len(made) == orders),
            Row("orders made more than once", str(sum(n > 1 for n in made)), "0", max(made) == 1),
            never_more("the next run: orders made", [sum(then) - sum(made)], 0),
        ],
        ("way", "writes", "reads", "429", "first to last write, min", "wall, s", "CPU, s", "peak, MB"),
        [
            (
                "ours",
                f"{len(sent):,}",
                f"{len(calls) - len(sent):,}",
                str(refused),
                f"{minutes:.1f}",
                *(spread([value], digits=0) for value in (child.wall, child.cpu, child.peak)),
            ),
            (
                "ours, the next run",
                "0",
                f"{more:,}",
                "0",
                "–",
                *(spread([v], digits=0) for v in (again.wall, again.cpu, again.peak)),
            ),
            ("the least there can be", f"{orders:,}", "–", "0", f"{(orders / WRITES - 1) * MINUTE / 60:.1f}", "–", "–", "–"),
        ],
        f"Minutes are of the sandbox's clock, which runs {speed:g} times as fast; windows, lags and the time within which a lost "
        "call lands are scaled alike. Used: of twelve calls in any minute, those made from the first to the last. A sync in one "
        "run of the command (`order_minutes` = 600); by default a run ends after ten minutes and the next goes on.",
    )


def _made(box: Sandbox) -> list[int]:
    """How often each order of the shop was made, ever."""
    return [n for key, n in box.control("GET", "sentos/state")["creates"].items() if key.startswith("shopify-")]
