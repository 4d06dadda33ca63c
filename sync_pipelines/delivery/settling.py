"""Settling doubts: a call whose answer was lost is looked up at the target before anything newer goes to its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sync_pipelines.delivery.journal import Journal
from sync_pipelines.delivery.ledger import Doubt, Ledger
from sync_pipelines.delivery.model import Answer, Applied, DeliveryError, Intent, NotApplied, Stale, Step, Target
from sync_pipelines.delivery.plans import PlanFiles


@dataclass
class Settler:
    """Remembers when this process first saw a doubt, for doubts whose own clock cannot be compared with ours."""

    target: Target
    ledger: Ledger
    files: PlanFiles
    journal: Journal
    wait: Callable[[float, str], None]

    def __post_init__(self) -> None:
        self._first_seen: dict[str, float] = {}

    def settle(self) -> dict[str, set[int]]:
        """Settle every doubt on the account. Returns per plan the rows that certainly had no effect.

        Waits until a call can no longer land. A step that is not repeatable is looked at twice, the second time after
        the target shows what was written: only a row that is absent both times may be sent again.
        """
        doubts = self.ledger.doubts(self.target.account)
        if not doubts:
            return {}
        steps = {s.name: s for s in self.target.steps}
        unknown = [d for d in doubts if d.step not in steps]
        if unknown:
            raise DeliveryError(
                f"{self.target.account}: a doubt of {unknown[0].intended_at} is about a step "
                f"{unknown[0].step!r} that is no more. "
                f"Look at {unknown[0].keys[0]} at the target, then forget the doubt: sync-pipelines reset."
            )

        def lands(doubt: Doubt) -> float:
            """A call that the vendor said is done is not under way any more."""
            return 0.0 if doubt.landed else steps[doubt.step].lands_within.total_seconds()

        self._until(doubts, lands, "a call without an answer may still land")
        answers = self._look(doubts, steps)
        absent = [
            d for d in doubts
            if not steps[d.step].repeatable and any(isinstance(a, NotApplied) for a in answers[d.attempt].values())
        ]  # fmt: skip
        if absent:
            # it may have landed at the last moment, and may show only some time after that
            shows = self.target.settles_within.total_seconds()
            self._until(absent, lambda d: lands(d) + shows, "the target may not show it yet")
            for attempt, second in self._look(absent, steps).items():
                answers[attempt] = second
        return self._commit(doubts, steps, answers)

    def _commit(
        self, doubts: Sequence[Doubt], steps: Mapping[str, Step], answers: Mapping[str, Mapping[str, Answer]]
    ) -> dict[str, set[int]]:
        reopened: dict[str, set[int]] = {}
        for doubt in doubts:
            intent, found = self._intent(doubt, steps), answers[doubt.attempt]
            undo = self.ledger.plan(doubt.plan)["undo_of"] is not None
            left = [c.row for c in intent.changes if not isinstance(found.get(c.key), Applied | NotApplied | Stale)]
            self.journal.settled(intent, found, left, undo=undo)
            reopened.setdefault(doubt.plan, set()).update(
                c.row for c in intent.changes if isinstance(found.get(c.key), NotApplied)
            )
        return reopened

    def _look(self, doubts: Sequence[Doubt], steps: Mapping[str, Step]) -> dict[str, dict[str, Answer]]:
        intents = [self._intent(d, steps) for d in doubts]
        found = self.target.settle(intents)
        return {i.id: {c.key: found[c.key] for c in i.changes if c.key in found} for i in intents}

    def _intent(self, doubt: Doubt, steps: Mapping[str, Step]) -> Intent:
        changes = tuple(self.files.changes(doubt.plan, doubt.rows))
        return Intent(doubt.attempt, doubt.key, doubt.plan, steps[doubt.step], changes, self._age(doubt), doubt.handles)

    def _until(self, doubts: Sequence[Doubt], needed: Callable[[Doubt], float], why: str) -> None:
        left = max(needed(d) - self._age(d) for d in doubts)
        if left > 0:
            self.wait(left, why)

    def _age(self, doubt: Doubt) -> float:
        """Seconds since the intent, by a clock that does not jump; since first seen where that clock was another's."""
        now = self.ledger.clock.monotonic()
        if doubt.boot and doubt.boot == self.ledger.clock.boot():
            return now - doubt.monotonic
        return now - self._first_seen.setdefault(doubt.attempt, now)
