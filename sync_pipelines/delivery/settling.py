"""Settling doubts: a call whose answer was lost is looked up at the target before anything newer goes to its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sync_pipelines.delivery.journal import Journal
from sync_pipelines.delivery.ledger import Doubt, Ledger
from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    CannotGoOn,
    DeliveryError,
    Intent,
    NotApplied,
    Refused,
    RetryLater,
    Stale,
    Step,
    Target,
)
from sync_pipelines.delivery.plans import PlanFileLost, PlanFiles


@dataclass
class Settler:
    """Remembers when this process first saw a doubt, for doubts whose own clock cannot be compared with ours."""

    target: Target
    ledger: Ledger
    files: PlanFiles
    journal: Journal
    wait: Callable[[float, str], None]
    asked: Callable[[RetryLater], None]
    """Waits as the vendor asks, within patience."""
    _first_seen: dict[str, float] = field(default_factory=dict)

    def settle(self) -> dict[str, set[int]]:
        """Settle every doubt on the account. Returns per plan the rows that certainly had no effect.

        Waits until a call can no longer land, and looks. What does not show then as it was sent is looked at a second time,
        after the target shows whatever landed last: only that look can say "not applied", or "somebody else's". Both times
        are counted from when the answer came, and from the intent where none did.

        A doubt whose plan file is lost stays, and blocks its keys: there is nothing to compare with.
        """
        doubts = self._readable(self.ledger.doubts(self.target.account))
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
        again = [d for d in doubts if self._look_twice(steps[d.step], answers[d.attempt])]
        if again:
            shows = self.target.settles_within.total_seconds()
            self._until(again, lambda d: lands(d) + shows, "the target may not show it yet")
            answers.update(self._look(again, steps))
        return self._commit(doubts, steps, answers)

    def _look_twice(self, step: Step, answers: Mapping[str, Answer]) -> bool:
        """A look that may be stale proves nothing but what it shows; and before a call that must not be repeated is repeated,
        two looks have to agree."""
        if self.target.settles_within:
            return any(isinstance(a, NotApplied | Stale) for a in answers.values())
        return not step.repeatable and any(isinstance(a, NotApplied) for a in answers.values())

    def _readable(self, doubts: Sequence[Doubt]) -> list[Doubt]:
        lost = set()
        for plan in {d.plan for d in doubts}:
            try:
                self.files.check_seal(self.ledger.plan(plan))
            except PlanFileLost:
                lost.add(plan)
        return [d for d in doubts if d.plan not in lost]

    def _commit(
        self, doubts: Sequence[Doubt], steps: Mapping[str, Step], answers: Mapping[str, Mapping[str, Answer]]
    ) -> dict[str, set[int]]:
        reopened: dict[str, set[int]] = {}
        for doubt in doubts:
            intent, its_answers = self._intent(doubt, steps), answers[doubt.attempt]
            plan = self.ledger.plan(doubt.plan)
            left = [
                c.row for c in intent.changes if not isinstance(its_answers.get(c.key), Applied | NotApplied | Stale | Refused)
            ]
            self.journal.settled(intent, its_answers, left, seq=plan["seq"], undo=plan["undo_of"] is not None)
            reopened.setdefault(doubt.plan, set()).update(
                c.row for c in intent.changes if isinstance(its_answers.get(c.key), NotApplied)
            )
        return reopened

    def _look(self, doubts: Sequence[Doubt], steps: Mapping[str, Step]) -> dict[str, dict[str, Answer]]:
        intents = [self._intent(d, steps) for d in doubts]
        while True:
            try:
                answers = self.target.settle(intents)
                break
            except RetryLater as e:
                self.asked(e)
            except CannotGoOn as e:
                raise DeliveryError(f"{self.target.account}: {e}. What is in doubt stays in doubt.") from e
        return {i.id: {c.key: answers[c.key] for c in i.changes if c.key in answers} for i in intents}

    def _intent(self, doubt: Doubt, steps: Mapping[str, Step]) -> Intent:
        changes = tuple(self.files.changes(doubt.plan, doubt.rows))
        return Intent(doubt.attempt, doubt.key, doubt.plan, steps[doubt.step], changes, self._age(doubt), doubt.handles)

    def _until(self, doubts: Sequence[Doubt], needed: Callable[[Doubt], float], why: str) -> None:
        left = max(needed(d) - self._age(d) for d in doubts)
        if left > 0:
            self.wait(left, why)

    def _age(self, doubt: Doubt) -> float:
        """Seconds since the call, by a clock that does not jump; since first seen where that clock was another's, or says
        what cannot be."""
        now = self.ledger.clock.monotonic()
        if doubt.boot and doubt.boot == self.ledger.boot and doubt.monotonic <= now:
            return now - doubt.monotonic
        return now - self._first_seen.setdefault(doubt.attempt, now)
