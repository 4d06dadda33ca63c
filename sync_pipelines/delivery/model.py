"""The words of delivery: what a pipeline says about its target, and what travels between plan, apply and undo.

A pipeline adds one `Target`. Everything else here is shared by all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import ClassVar, Literal

from sync_pipelines.delivery.fields import Field, Fields, as_is
from sync_pipelines.delivery.fingerprints import Rules
from sync_pipelines.errors import SyncError, UsageError

__all__ = ["Field", "Fields", "as_is"]

Action = Literal["create", "update", "remove", "adopt"]
"""What a planned row does at the target. `adopt` sends nothing: somebody else already put there what we want, and
the ledger takes note, so that a later change is not mistaken for a foreign edit."""

OutcomeState = Literal["delivered", "unchanged", "rejected", "failed", "unknown", "held", "drifted", "skipped"]
BAD_OUTCOMES: frozenset[str] = frozenset({"rejected", "failed", "unknown", "drifted"})
BEYOND_LIMIT = "beyond the limit"
"""Why a row was skipped that a run was told not to send: `limit` rows go, the rest wait for the next plan."""

HeldKind = Literal["conflict", "target", "doubt", "settling", "gone", "unkept", "foreign_edit", "unverified", "undone", "guard"]
RELEASABLE: tuple[HeldKind, ...] = ("gone", "unkept", "foreign_edit", "unverified", "undone", "guard")
"""A person may let these through. The others are not a matter of opinion: they have to be settled."""


@dataclass(frozen=True)
class Step:
    """One call that a record needs. A record's steps run in the order the target lists them.

    repeatable: sending twice has the effect of once. compares: the vendor itself refuses when `before` no longer
    holds, so rows need not be read again. atomic: a refused batch had no effect. lands_within: how long after its
    intent a call whose answer was lost may still take effect. fields: what it writes; empty means all. The fields of a
    step that makes a record are all that it sends: a record whose later steps are still due is compared in these.
    """

    name: str
    lands_within: timedelta
    fields: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset({"create", "update", "remove"})
    repeatable: bool = False
    compares: bool = False
    atomic: bool = False


@dataclass(frozen=True)
class Desired:
    """What mapping says the target should hold for one business key.

    A field that is not in `fields` is left as the target has it. `conflict` holds the row with that reason.
    `silent`: the source knows the key but says nothing about it (a blank, a reject): it is neither changed nor
    taken for gone, and not counted as desired.
    """

    key: str
    fields: Fields
    parent: str = ""
    conflict: str | None = None
    silent: bool = False


@dataclass(frozen=True)
class Live:
    """What the target holds now under one key: owned and foreign fields, whole. `problem` holds the row."""

    key: str
    fields: Fields
    parent: str = ""
    remote_id: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Change:
    """One planned row on its way: `before` and `after` are whole images, `live` what was read just before the call."""

    row: int
    key: str
    parent: str
    action: Action
    before: Fields | None
    after: Fields | None
    remote_id: str | None = None
    steps: tuple[str, ...] = ()
    live: Live | None = None
    before_print: str = ""
    after_print: str = ""
    """Fingerprints of the two images, as the plan has them."""
    undoes: str | None = None
    """Of a change that takes something back: that value, as the ledger keeps values (`Rules.kept`); null: not there."""


@dataclass(frozen=True)
class Intent:
    """These changes are about to be sent by this step: committed to the ledger before the call.

    `key` is stable: the same rows of the same plan and step always carry the same one. `age`: seconds since the
    intent, by a clock that does not jump. `handles`: per key, what an earlier `Accepted` or `DoneReadBack` answer gave.
    """

    id: str
    key: str
    plan: str
    step: Step
    changes: tuple[Change, ...]
    age: float = 0.0
    handles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    remote_id: str | None = None


@dataclass(frozen=True)
class Refused:
    """The vendor said no to this row, and will again."""

    message: str


@dataclass(frozen=True)
class Stale:
    """The vendor compared and found that `before` no longer holds."""

    message: str


@dataclass(frozen=True)
class NotApplied:
    """Certainly without effect, worth another try."""

    message: str


@dataclass(frozen=True)
class PrerequisiteMissing:
    """What the row needs is not at the target yet; nothing was sent. It is skipped, and the next plan has it again."""

    message: str


@dataclass(frozen=True)
class Accepted:
    """Taken, done later; `handle` is kept for `Target.settle`."""

    handle: str


@dataclass(frozen=True)
class DoneReadBack:
    """The vendor says it is done, and it is read back before it counts; `handle` is kept for `Target.settle`.

    For a target where somebody else may be moving records about while we write.
    """

    handle: str


@dataclass(frozen=True)
class Unclear:
    """Nobody knows whether it took effect. A key missing from the answers is unclear, too."""

    message: str


Answer = Applied | Refused | Stale | NotApplied | PrerequisiteMissing | Accepted | DoneReadBack | Unclear


class RetryLater(Exception):
    """Nothing of the batch was applied; the vendor asks to wait `seconds`."""

    def __init__(self, seconds: float, message: str = "") -> None:
        super().__init__(message or f"the vendor asks to wait {seconds:.0f} s")
        self.seconds = seconds


class BatchRefused(Exception):
    """The vendor refused the batch without naming a row."""


class CannotGoOn(Exception):
    """Login or rights: no row can succeed. Nothing of the batch was applied."""


class DeliveryError(SyncError):
    """Delivery could not run; the message says what, where and what next. Nothing was sent because of it."""


class RequestRefused(DeliveryError, UsageError):
    """The request names a plan, key or kind that does not exist, or that is not in a state for it."""


class Target(ABC):
    """One target account: how it is read and written. The only thing a pipeline adds to delivery."""

    name: str
    """The asset that stands for it, for people: `sparklayer/prices`."""
    account: str
    """Base URL and site, list, sheet or shop. Every ledger row, plan and lease carries it."""
    fields: Mapping[str, Field]
    steps: tuple[Step, ...]
    settles_within: timedelta = timedelta(0)
    """How long after a write a read may still show the old state."""
    window: ClassVar[int | None] = 500
    """How many rows to read again at a time before they are sent; None where one call reads everything."""

    def renew(self) -> None:
        """Called once the right to write to the account is held: what was seen before may be somebody else's past."""
        return

    @abstractmethod
    def read(self, keys: Sequence[str] | None) -> Iterable[Live]:
        """Whole live records of these keys, or of all (None). May give more than was asked for, never less."""

    @abstractmethod
    def batches(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """Cut by the vendor's own limits (rows, bytes, one parent per call). Lazily: the changes are a stream.

        May raise RetryLater where there is no room for the next call: then no intent stands for a call that only waits.
        """

    @abstractmethod
    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        """Make one call and answer per key. May raise RetryLater, BatchRefused, CannotGoOn."""

    def merged(self, before: Fields | None, wanted: Fields) -> Fields:
        """The whole image after a change: what the target has, with the owned fields that the source speaks of.

        Override where one field holds several things, of which the source names only some.
        """
        if before is None:
            return wanted
        return {**before, **{n: v for n, v in wanted.items() if self.fields[n].ownership == "owned"}}

    def gone(self, live: Fields | None) -> bool:
        """Whether the record is not at the target any more. Override where something of it may be left over."""
        return live is None

    def settle(self, intents: Sequence[Intent]) -> Mapping[str, Answer]:
        """What became of calls whose answer was lost: read the keys, compare with `after`.

        Applied, NotApplied (absent or as before), Stale (something else entirely), Refused (taken first, and refused when it was
        done) or Unclear per key. Override where the vendor cannot be asked by key.
        """
        live = {record.key: record for record in self.read([c.key for i in intents for c in i.changes])}
        return {
            change.key: self.settled(intent.step, change, live.get(change.key)) for intent in intents for change in intent.changes
        }

    def settled(self, step: Step, change: Change, live: Live | None) -> Answer:
        """Compare one live record with the change that may have reached it, looking at what the step writes."""
        now, remote_id = (None, None) if live is None else (live.fields, live.remote_id)
        if not self.shows(step) and self.gone(change.before) == self.gone(change.after):
            unseen = "nothing that this step writes can be read back"
            return NotApplied(unseen) if step.repeatable else Unclear(unseen)
        if self.same(now, change.after, step):
            return Applied(remote_id)
        if self.same(now, change.before, step) or self._made_and_no_further(step, change, now):
            return NotApplied("read back: as before")
        return Stale("read back: neither what was there before nor what was sent")

    def _made_and_no_further(self, step: Step, change: Change, now: Fields | None) -> bool:
        """Whether a record that an earlier step of this change made is there, without what this step writes."""
        if not self.gone(change.before) or step.name in change.steps[:1] or self.gone(now):
            return False
        return all(self.rules.text(n, now) is None for n in step.fields if n in self.fields)

    @cached_property
    def rules(self) -> Rules:
        """How its records are compared, everywhere."""
        return Rules(self.fields, self.gone)

    def same(self, one: Fields | None, other: Fields | None, step: Step | None = None) -> bool:
        """Whether two images agree on the owned fields (those the step writes, if one is given).

        Absence is compared before values: a record that is there never equals one that is not.
        """
        if step is None or not step.fields:
            return self.rules.same(one, other)
        names = [n for n in step.fields if n in self.fields and self.fields[n].ownership == "owned"]
        if not names:  # it writes nothing that can be compared: being there is all that shows
            return self.gone(one) == self.gone(other)
        return self.rules.same(one, other, names)

    def shows(self, step: Step) -> bool:
        """Whether a read can show what the step wrote."""
        return not step.fields or any(n in self.fields and self.fields[n].ownership == "owned" for n in step.fields)

    def owned(self) -> tuple[str, ...]:
        return tuple(sorted(n for n, f in self.fields.items() if f.ownership == "owned"))

    def reverse(self, change: Change) -> Change | str:
        """The change that takes it back, or the reason why nothing can."""
        turned: dict[Action, Action] = {"create": "remove", "update": "update", "remove": "create"}
        if change.action not in turned:
            return "nothing was sent"
        return Change(
            row=change.row,
            key=change.key,
            parent=change.parent,
            action=turned[change.action],
            before=change.after,
            after=change.before,
            remote_id=change.remote_id,
        )


@dataclass(frozen=True)
class GuardFinding:
    """What one guard found when it looked at the finished plan."""

    guard: str
    state: Literal["clear", "stopped", "no_baseline"]
    message: str


@dataclass(frozen=True)
class Counts:
    """A plan in numbers, for guards and people; `by_parent` has the same per price list, sheet or shop."""

    live: int = 0
    desired: int = 0
    unchanged: int = 0
    create: int = 0
    update: int = 0
    remove: int = 0
    adopt: int = 0
    held: int = 0
    held_by_kind: dict[str, int] = field(default_factory=dict)
    by_parent: dict[str, Counts] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        return self.create + self.update + self.remove
