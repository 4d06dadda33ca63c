"""Small in-memory vendors, one of each kind that delivery must carry, with faults on demand.

`effects` counts, per key and step, how often a write took effect: the truth that "applied once" is checked against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sync_pipelines.delivery.clock import Clock
from sync_pipelines.delivery.model import (
    Accepted,
    Answer,
    Applied,
    BatchRefused,
    CannotGoOn,
    Change,
    DoneReadBack,
    Field,
    Fields,
    Intent,
    Live,
    NotApplied,
    Refused,
    RetryLater,
    Stale,
    Step,
    Target,
    Unclear,
)


class Crash(BaseException):
    """The process dies here. Not an Exception, so that nothing can mistake it for an answer."""


class TestClock(Clock):
    __test__ = False

    """Two clocks that have nothing to do with each other: the wall clock may be set, the other begins anew at a boot."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ahead = timedelta(0)
        """How far the wall clock is wrong."""
        self.booted_at, self.boots = 0.0, 0
        self.on_sleep: list[Callable[[], None]] = []

    def now(self) -> datetime:
        self.seconds += 0.001
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.seconds) + self.ahead

    def boot(self) -> str:
        return f"boot-{self.boots}"

    def reboot(self) -> None:
        self.boots += 1
        self.booted_at = self.seconds

    def monotonic(self) -> float:
        return 1000.0 + self.seconds - self.booted_at

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for tick in self.on_sleep:
            tick()


@dataclass
class Record:
    """`fields` None: removed, and perhaps still shown."""

    fields: Fields | None
    remote_id: str
    visible_at: float = 0.0
    shown_before: Fields | None = None


@dataclass
class Vendor:
    """Somebody else's system. `script` holds a fault per write call, taken from the front; empty means well."""

    clock: TestClock
    records: dict[str, Record] = field(default_factory=dict)
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    script: list[str] = field(default_factory=list)
    bad_rows: set[str] = field(default_factory=set)
    late: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    lag: float = 0.0
    calls: int = 0
    next_id: int = 1
    effect_at: float | None = None

    def __post_init__(self) -> None:
        self.clock.on_sleep.append(self.land)

    def land(self) -> None:
        due = sorted((job for job in self.late if job[0] <= self.clock.seconds), key=lambda job: job[0])
        self.late = [job for job in self.late if job[0] > self.clock.seconds]
        for self.effect_at, effect in due:
            effect()
        self.effect_at = None

    def shown(self) -> Iterator[Live]:
        self.land()
        for key, record in sorted(self.records.items()):
            fields = record.fields if record.visible_at <= self.clock.seconds else record.shown_before
            if fields is not None:
                yield Live(key, deepcopy(fields), remote_id=record.remote_id)

    def there(self, key: str) -> Fields | None:
        """What it holds in truth, whatever it shows."""
        record = self.records.get(key)
        return None if record is None else record.fields

    def set(self, key: str, fields: Fields, step: str) -> str:
        old = self.records.get(key)
        self.effects[key, step] += 1
        remote_id = old.remote_id if old and old.fields is not None else f"id-{self.next_id}"
        self.next_id += 1
        now = self.clock.seconds if self.effect_at is None else self.effect_at
        self.records[key] = Record(deepcopy(fields), remote_id, now + self.lag, old.fields if old else None)
        return remote_id

    def remove(self, key: str, step: str) -> None:
        """It may go on being shown for a while, as a write may take a while to show."""
        self.effects[key, step] += 1
        old = self.records.pop(key, None)
        if self.lag and old is not None and old.fields is not None:
            now = self.clock.seconds if self.effect_at is None else self.effect_at
            self.records[key] = Record(None, old.remote_id, now + self.lag, old.fields)


OWNED, FOREIGN = Field(), Field("foreign")
FIELDS = {"price": OWNED, "note": FOREIGN}
LANDS = timedelta(seconds=60)


class MemoryTarget(Target):
    """Replaces a record within its key, as SparkLayer does; the foreign note travels along."""

    name = "memory/rows"
    account = "memory://shop"
    fields: Mapping[str, Field] = FIELDS
    steps: tuple[Step, ...] = (Step("set", LANDS, repeatable=True, atomic=True),)
    size = 3
    window = None

    @staticmethod
    def wants(value: Any) -> Fields:
        """What the source says of a record, from one number."""
        return {"price": value}

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.settles_within = timedelta(seconds=vendor.lag)

    def read(self, keys: Sequence[str] | None) -> Iterable[Live]:
        return [live for live in self.vendor.shown() if keys is None or live.key in set(keys)]

    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        stream = iter(changes)
        while batch := tuple(islice(stream, self.size)):
            yield batch

    def effect(self, step: Step, change: Change) -> Answer:
        if change.after is None:
            self.vendor.remove(change.key, step.name)
            return Applied()
        return Applied(self.vendor.set(change.key, self.sent(change), step.name))

    def sent(self, change: Change) -> Fields:
        return {**((change.live.fields if change.live else None) or {}), **(change.after or {})}

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        vendor = self.vendor
        vendor.calls += 1
        fault = vendor.script.pop(0) if vendor.script else "ok"
        bad = [c for c in batch if c.key in vendor.bad_rows]
        if fault == "crash_before":
            raise Crash
        if fault == "lost_request":
            return {}
        if fault == "late":
            vendor.late.append((vendor.clock.seconds + 30, lambda: [self.effect(step, c) for c in batch] and None))
            return {}
        if fault == "rate_limited":
            raise RetryLater(5)
        if fault == "login_lost":
            raise CannotGoOn("401")
        if fault == "refused_whole" or (bad and fault == "spoiled"):
            if not step.atomic:  # part of it took effect before the vendor gave up
                for change in batch[: len(batch) // 2]:
                    if change not in bad:
                        self.effect(step, change)
            raise BatchRefused("400")
        answers: dict[str, Answer] = {}
        for change in batch:
            answers[change.key] = Refused("bad row") if change in bad else self.effect(step, change)
        if fault == "lost_reply":
            return {}
        if fault == "crash_after":
            raise Crash
        if fault == "fewer_answers":
            return dict(list(answers.items())[1:])
        return answers


class WindowedTarget(MemoryTarget):
    """The same, read again a few rows at a time."""

    window = 2


class PositionalTarget(MemoryTarget):
    """A sheet: adding a row twice gives two rows. The second one shows as the same key twice."""

    steps = (Step("write", LANDS),)

    def effect(self, step: Step, change: Change) -> Answer:
        if change.action == "create" and self.vendor.there(change.key) is not None:
            self.vendor.effects[change.key, "doubled"] += 1
        return super().effect(step, change)


class TwoStepTarget(MemoryTarget):
    """Plytix: create (not repeatable, gives an id), then the family, which no list shows, then nothing is owed."""

    fields = {**FIELDS, "family": FOREIGN}
    steps = (
        Step("create", LANDS, fields=frozenset({"price", "note"}), actions=frozenset({"create"})),
        Step("update", LANDS, fields=frozenset({"price", "note"}), actions=frozenset({"update"}), repeatable=True),
        Step("family", LANDS, fields=frozenset({"family"}), actions=frozenset({"create", "update"}), repeatable=True),
        Step("delete", LANDS, actions=frozenset({"remove"}), repeatable=True),
    )
    size = 1
    window = 2

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self.families: dict[str, str] = vendor.__dict__.setdefault("families", {})

    def effect(self, step: Step, change: Change) -> Answer:
        there = self.vendor.there(change.key)
        if step.name != "create" and there is None:
            return Applied() if step.name == "delete" else Refused("404 no such product")
        if step.name == "family":
            if change.remote_id is None:
                return Refused("no id")
            self.vendor.effects[change.key, "family"] += 1
            self.families[change.key] = "8 - Amazon"
            return Applied(change.remote_id)
        if step.name == "create" and there is not None:
            self.vendor.effects[change.key, "doubled"] += 1
        return super().effect(step, change)

    def settled(self, step: Step, change: Change, live: Live | None) -> Answer:
        if step.name == "family":
            if live is None:
                return Stale("the product is not there any more")
            return Applied(change.remote_id) if change.key in self.families else NotApplied("no family yet")
        return super().settled(step, change, live)

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        by_key = {live.key: live for live in self.read(None)}
        return {c.key: self.settled(i.step, c, by_key.get(c.key)) for i in intents for c in i.changes}


class ListedTarget(PositionalTarget):
    """Sentos: cannot be asked by key; what a call did is found in the list of what was made around it."""

    def read(self, keys: Sequence[str] | None) -> Iterable[Live]:
        return list(self.vendor.shown())


class AccumulatingTarget(MemoryTarget):
    """A counter: what is sent is added to what is there, so a second effect would show in the amount."""

    steps = (Step("add", LANDS),)

    def sent(self, change: Change) -> Fields:
        held = self.vendor.there(change.key) or {}
        now = held.get("price") or 0
        before = (change.before or {}).get("price") or 0
        return {**held, **(change.after or {}), "price": now + (change.after or {})["price"] - before}


class AcceptedTarget(MemoryTarget):
    """An upload: taken at once, done later."""

    steps = (Step("upload", LANDS, repeatable=False),)
    size = 1

    def effect(self, step: Step, change: Change) -> Answer:
        vendor = self.vendor
        if vendor.effect_at is not None:  # the request itself came late
            return super().effect(step, change)
        vendor.late.append((vendor.clock.seconds + 20, lambda: super(AcceptedTarget, self).effect(step, change) and None))
        return Accepted(f"job-{change.row}")


class DoneTarget(PositionalTarget):
    """A sheet that is read back before a write counts, and whose calls take a while."""

    takes = 3.0

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        self.vendor.clock.seconds += self.takes
        answers = super().write(step, batch, intent)
        return {k: DoneReadBack("place") if isinstance(a, Applied) else a for k, a in answers.items()}


class ThreeStepTarget(TwoStepTarget):
    """A product, then its size, then its family: two steps that a read shows, and one that it does not."""

    fields = {"price": OWNED, "size": OWNED, "note": FOREIGN, "family": FOREIGN}
    steps = (
        Step("create", LANDS, fields=frozenset({"price", "note"}), actions=frozenset({"create"})),
        Step("update", LANDS, fields=frozenset({"price", "note"}), actions=frozenset({"update"}), repeatable=True),
        Step("size", LANDS, fields=frozenset({"size"}), actions=frozenset({"create", "update"}), repeatable=True),
        Step("family", LANDS, fields=frozenset({"family"}), actions=frozenset({"create", "update"}), repeatable=True),
        Step("delete", LANDS, actions=frozenset({"remove"}), repeatable=True),
    )

    @staticmethod
    def wants(value: Any) -> Fields:
        return {"price": value, "size": None if value is None else value % 3}

    def effect(self, step: Step, change: Change) -> Answer:
        if step.name in ("family", "delete"):
            return super().effect(step, change)
        there, after = self.vendor.there(change.key), change.after or {}
        if step.name != "create" and there is None:
            return Refused("404 no such product")
        if step.name == "create" and there is not None:
            self.vendor.effects[change.key, "doubled"] += 1
        names = [n for n in step.fields if n in after]
        return Applied(self.vendor.set(change.key, {**(there or {}), **{n: after[n] for n in names}}, step.name))


class ComparingTarget(MemoryTarget):
    """Stock with compare-and-set: the vendor refuses when what was there is there no more."""

    steps = (Step("set", LANDS, repeatable=True, compares=True),)

    def effect(self, step: Step, change: Change) -> Answer:
        held = self.vendor.there(change.key)
        now = None if held is None else held.get("price")
        if now != (None if change.before is None else change.before.get("price")):
            return Stale("compare failed")
        return super().effect(step, change)

    def sent(self, change: Change) -> Fields:
        return {**(self.vendor.there(change.key) or {}), **(change.after or {})}


KINDS: dict[str, type[MemoryTarget]] = {
    "replace": MemoryTarget,
    "windowed": WindowedTarget,
    "positional": PositionalTarget,
    "two_step": TwoStepTarget,
    "listed": ListedTarget,
    "accumulating": AccumulatingTarget,
    "accepted": AcceptedTarget,
    "comparing": ComparingTarget,
    "done": DoneTarget,
    "three_step": ThreeStepTarget,
}
FAULTS = [
    "ok",
    "lost_reply",
    "lost_request",
    "late",
    "rate_limited",
    "login_lost",
    "refused_whole",
    "spoiled",
    "fewer_answers",
    "crash_before",
    "crash_after",
]
NOT_REPEATABLE: dict[str, tuple[str, ...]] = {
    "positional": ("write",),
    "two_step": ("create",),
    "listed": ("write",),
    "accumulating": ("add",),
    "accepted": ("upload",),
    "done": ("write",),
    "three_step": ("create",),
}

__all__ = ["FAULTS", "KINDS", "NOT_REPEATABLE", "Any", "Crash", "MemoryTarget", "TestClock", "Unclear", "Vendor"]
