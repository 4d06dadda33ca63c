"""Applying a plan: intent, call, answer, row by row, until every planned row has exactly one outcome.

A crash anywhere leaves no intent (nothing was sent), an intent without an answer (a doubt, settled by reading before
anything newer goes to its keys), or a committed answer. Applying the same plan again continues it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import duckdb
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.journal import Journal
from sync_pipelines.delivery.lease import Lease, refuse_if_written
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    BatchRefused,
    CannotGoOn,
    Change,
    DeliveryError,
    Intent,
    NotApplied,
    Refused,
    RequestRefused,
    RetryLater,
    Step,
    Target,
)
from sync_pipelines.delivery.plans import Plan, PlanFileLost, PlanFiles, stored
from sync_pipelines.delivery.reading_back import ReadBack, Reader
from sync_pipelines.delivery.releasing import is_lifted
from sync_pipelines.delivery.settling import Settler
from sync_pipelines.delivery.waiting import Patience, Paused, Waiting
from sync_pipelines.delivery.worklist import Row, Worklist
from sync_pipelines.duck import chunks, engine
from sync_pipelines.progress import tell

__all__ = ["Patience", "Paused", "PlanStopped", "Report", "apply", "settle_first"]

log = logging.getLogger(__name__)

FRESH_LEASE = 5.0
"""Seconds between the commit of an intent and its call, after which the lease is looked at again."""

STILL_OPEN = (
    "the answer was lost and reading could not settle it; nothing newer is sent to this key. Every run looks again. "
    "If the record at the target is in order, forget the doubt with `sync-pipelines reset`."
)
FILE_LOST = "the plan's file is lost or was changed"


class PlanStopped(DeliveryError):
    """A guard stopped the plan and nobody has lifted its verdict. Nothing was sent."""


@dataclass(frozen=True)
class Report:
    """How a plan ended: outcomes by state, calls made, and what a last look at the target found as planned.

    `read_back` and `as_planned` are None when nothing was sent, or when the target does not show it at once.
    """

    plan: str
    counts: dict[str, int]
    writes: int = 0
    read_back: int | None = None
    as_planned: int | None = None


def apply(
    target: Target,
    plan_id: str,
    *,
    ledger: Ledger,
    files: PlanFiles,
    run: str,
    limit: int | None = None,
    patience: Patience | None = None,
) -> Report:
    """Bring a sealed plan to its end. Raises PlanStopped, PlanFileLost, Paused, Busy, LeaseLost, DeliveryError.

    `limit` sends only the first N changes of the plan; the rest end as skipped.
    """
    row = ledger.plan(plan_id)
    plan, patience = stored(files, row), patience or Patience()
    if plan.account != target.account:
        raise DeliveryError(
            f"plan {plan.id} is for {plan.account}; the settings now point to {target.account}. Nothing was sent."
        )
    if row["state"] == "done":
        return Report(plan.id, ledger.outcome_counts(plan.id), 0, row["read_back"], row["as_planned"])
    _refuse_if_expired(row, ledger)
    if row["seal"] is None:
        settle_first(target, ledger=ledger, files=files, run=run, patience=patience)
        raise DeliveryError(
            f"plan {plan.id} was made by an earlier version of this program. Nothing of it was sent; preview again."
        )
    files.check_seal(row)
    _refuse_unless_lifted(plan, ledger)
    with ledger.holding(plan.account) as lease, engine() as con:
        row = ledger.plan(plan.id)
        if row["state"] == "done":
            return Report(plan.id, ledger.outcome_counts(plan.id), 0, row["read_back"], row["as_planned"])
        _refuse_what_is_overtaken(row, ledger)
        target.renew()
        return _Application(target, plan, row, ledger, files, run, lease, con, patience).to_the_end(limit)


def settle_first(target: Target, *, ledger: Ledger, files: PlanFiles, run: str, patience: Patience | None = None) -> None:
    """Settle what earlier runs left in doubt, before a plan is made that is to be applied. Sends nothing.

    A plan holds every key in doubt; one that is made after settling can go on where the crashed run stopped. Raises Busy while
    another run writes to the account, whether or not anything is in doubt.
    """
    refuse_if_written(ledger, target.account)
    if not ledger.doubts(target.account):
        return
    with ledger.holding(target.account) as lease:
        target.renew()
        wait = Waiting(target.account, target.name, ledger, lease, patience or Patience())
        Settler(target, ledger, files, Journal(ledger, target, run, lease), wait, wait.asked).settle()


def _refuse_unless_lifted(plan: Plan, ledger: Ledger) -> None:
    """Raises PlanStopped for a plan that is neither clear nor lifted, whoever calls."""
    if plan.verdict == "clear" or is_lifted(ledger, plan.id):
        return
    why = "; ".join(f"{f.guard}: {f.message}" for f in plan.findings if f.state == "stopped")
    raise PlanStopped(
        f"plan {plan.id} was stopped before the first write. {why}. If it is right after all: "
        f"sync-pipelines release {plan.pipeline} --plan {plan.id} --verdict --reason …"
    )


def refuse_what_is_over(row: Mapping[str, Any], ledger: Ledger) -> None:
    """Look, without the right to write, whether a plan (its row in the ledger) may still be applied, or go on.

    Raises RequestRefused for one that expired or was overtaken by a newer one. `apply` looks again.
    """
    _refuse_if_expired(row, ledger)
    _refuse_what_is_overtaken(row, ledger)


def _refuse_if_expired(row: Mapping[str, Any], ledger: Ledger) -> None:
    if row["state"] == "sealed" and ledger.now() > row["expires_at"]:
        raise RequestRefused(f"plan {row['id']} expired {row['expires_at']}. Nothing was sent; make a new plan.")


def _refuse_what_is_overtaken(row: Mapping[str, Any], ledger: Ledger) -> None:
    """Raises RequestRefused for a plan that was not begun when a newer one of its scope was finished. Order is a number."""
    p = tables.plan.c
    newer = sa.select(p.id).where(p.account == row["account"], p.state == "done", p.seq > row["seq"])
    newer = newer.where(tables.speaks_for(tables.plan, row["scope"]))
    if row["state"] == "sealed" and (later := ledger.row(newer)):
        raise RequestRefused(
            f"plan {later['id']} was made after plan {row['id']} and is applied. Nothing was sent; make a new plan."
        )


class _Application:
    """One plan on its way to its end."""

    def __init__(
        self,
        target: Target,
        plan: Plan,
        row: Mapping[str, Any],
        ledger: Ledger,
        files: PlanFiles,
        run: str,
        lease: Lease,
        con: duckdb.DuckDBPyConnection,
        patience: Patience,
    ) -> None:
        self.target, self.plan, self.ledger, self.files = target, plan, ledger, files
        self.row, self.seq = row, row["seq"]
        self.run, self.lease, self.con, self.patience = run, lease, con, patience
        self.undo = plan.undo_of is not None
        self.journal = Journal(ledger, target, run, lease)
        self.wait = Waiting(plan.account, target.name, ledger, lease, patience)
        self.settler = Settler(target, ledger, files, self.journal, self.wait, self.wait.asked)
        self.reader = Reader(target, ledger, con, self.wait)
        self.stale = False
        """Whether something was waited for: then nothing more goes out before everything is read again."""
        self.sent_before: set[int] = set()
        """Rows that this plan had sent before this run took it up."""
        self.writes = 0
        self.through = self.to_go = 0
        """How many rows have come through, of how many, as far as it is told while it goes on."""

    def to_the_end(self, limit: int | None) -> Report:
        self.settler.settle()
        self._supersede()
        self._begin(limit)
        worklist = Worklist(self.con, self.plan, self.seq, self.target, self.ledger)
        self._end_what_does_not_go(worklist, limit)
        left = self.to_go = worklist.left()
        self._tell(0)
        while left:
            self._pass(worklist)
            left = self._count_tries(worklist)
        for rows in worklist.rest():
            self.journal.end(self.plan.id, rows, "unknown", STILL_OPEN)
        read_back = self.reader.look_back(self.plan.id) if self.writes else ReadBack()
        self._prove_complete()
        self._done(self.plan.id, read_back)
        return Report(self.plan.id, self.ledger.outcome_counts(self.plan.id), self.writes, *read_back)

    def _pass(self, worklist: Worklist) -> None:
        """Send every row once that needs it, window by window, each read just before; settle what stayed unclear.

        After any wait the rest is left to the next pass: what was read before it may hold no more.
        """
        self.stale = False
        for window in worklist.windows():
            self._read_again(worklist, window)
            for step in self.target.steps:
                if not self.stale:
                    self._send_all(worklist, step)
            if self.stale:
                break
        self.settler.settle()

    def _count_tries(self, worklist: Worklist) -> int:
        """A row that a whole pass did not bring further was tried once; after the last try it goes alone, and then fails.
        Returns how many rows are still to go."""
        if self.journal.ended:
            self.wait.in_a_row = self.journal.ended = 0
        left = worklist.left()
        if self.stale or not left:
            return left
        failed = worklist.count_try(self.patience.tries)
        why = f"no effect in {self.patience.tries} tries: {self.journal.last_message or 'the target did not take it up'}"
        for part in chunks(failed):
            self.journal.end(self.plan.id, part, "failed", why)
        return worklist.left() if failed else left

    # --- before the first call --------------------------------------------------------------------------------------

    def _supersede(self) -> None:
        """Rows that an older plan never got to are skipped: this plan looks at a newer source."""
        p = tables.plan.c
        older = sa.select(tables.plan).where(
            p.account == self.plan.account, p.state == "applying", p.id != self.plan.id, p.seq < self.seq
        )
        if self.plan.scope:  # what is about another partition goes on when its turn comes
            older = older.where(p.scope == self.plan.scope)
        for plan in self.ledger.rows(older):
            self._end_rows_in_doubt(plan["id"])
            for part, why in self._left_of(plan, set(self.ledger.ended_rows(plan["id"]))):
                self.journal.end(plan["id"], part, "skipped", why)
            self._done(plan["id"], ReadBack())

    def _left_of(self, row: Mapping[str, Any], ended: set[int]) -> Iterator[tuple[list[Row], str]]:
        """Rows and keys of a plan that never got an outcome, and why they are skipped. Of a plan whose file is lost only the
        number of rows is known."""
        why = f"plan {self.plan.id} took over"
        try:
            self.files.check_seal(row)
            for part in self.files.stream(row["id"], "SELECT row, key FROM plan ORDER BY row"):
                yield [(r["row"], r["key"]) for r in part if r["row"] not in ended], why
        except PlanFileLost:
            counts = stored(self.files, row).counts
            rows = range(counts.changes + counts.adopt + counts.held)
            for numbers in chunks(n for n in rows if n not in ended):
                yield [(n, "") for n in numbers], f"{FILE_LOST}; {why}"

    def _begin(self, limit: int | None) -> None:
        """Take the plan up, with the holds and releases that its source ended."""
        ends = json.loads(self.row["ends"] or "{}") if self.row["state"] == "sealed" else {}
        p, h, r = tables.plan.c, tables.hold.c, tables.release.c
        with self.ledger.write() as tx:
            self.lease.check(tx)
            mine = tables.plan.update().where(p.id == self.plan.id)
            tx.execute(mine.values(state="applying", run=self.run))
            if limit is not None and limit < self.plan.counts.changes + self.plan.counts.held:
                tx.execute(mine.where(p.partial == 0).values(partial=tables.SENT_IN_PART))
            if keys := ends.get("holds"):
                over = tables.hold.delete().where(h.account == self.plan.account, h.key == sa.bindparam("k"))
                tx.execute(over, [{"k": key} for key in keys])
            if ids := ends.get("releases"):
                spent = tables.release.update().where(r.id == sa.bindparam("i"), r.ended.is_(None))
                spent = spent.values(ended="another value", ended_at=self.ledger.now())
                tx.execute(spent, [{"i": i} for i in ids])
        self.sent_before = self.journal.sent_rows(self.plan.id)

    def _end_what_does_not_go(self, worklist: Worklist, limit: int | None) -> None:
        """End the rows that are held and not released, and those beyond the limit."""
        for keys in worklist.held_as_gone():
            self.journal.note_gone(keys, self.seq)
        for why, rows in worklist.take_held():
            self.journal.end(self.plan.id, rows, "held", why)
        for why, rows in () if limit is None else worklist.take_beyond(limit):
            self.journal.end(self.plan.id, rows, "skipped", why)

    # --- a window of rows -------------------------------------------------------------------------------------------

    def _read_again(self, worklist: Worklist, window: str) -> None:
        """See which rows are still as the plan saw them; the others end here. Rows that do not show yet what was written to
        them last are waited for."""
        self.journal.remote_ids.clear()
        if not self.reader.load(worklist.keys(window)):
            self.stale = True
            return
        worklist.judge(window, reads=self.reader.reads)
        if settling := worklist.settling():
            self.reader.wait_until_shown(settling)
            self.stale = True
        for changes in worklist.as_wanted():
            self.journal.end_as_wanted(self.plan.id, changes, self.sent_before, seq=self.seq, undo=self.undo)
            self._tell(len(changes))
        for why, rows in worklist.not_as_planned():
            self.journal.end(self.plan.id, rows, "drifted", why)
            self._tell(len(rows))

    def _tell(self, rows: int) -> None:
        """Tell that so many more rows have come through. One that is tried again is not counted beyond the whole."""
        self.through = min(self.through + rows, self.to_go)
        tell(self.target.name, self.through, self.to_go, "rows")

    # --- one call ---------------------------------------------------------------------------------------------------

    def _send_all(self, worklist: Worklist, step: Step) -> None:
        try:
            for parts in worklist.batches_for(step, self.journal.remote_ids):
                while parts and not self.stale:
                    parts[:0] = self._send(worklist, step, parts.pop(0))
                if self.stale:
                    return
        except RetryLater as e:  # there is no room for the next call: none is under way
            self._wait_long(e)

    def _send(self, worklist: Worklist, step: Step, part: Sequence[Change]) -> list[tuple[Change, ...]]:
        """Intent, call, answers. Returns the halves to send instead, when the vendor refused the batch as a whole."""
        intent = self._intend(step, part)
        try:
            answers = self.target.write(step, part, intent)
        except RetryLater as e:
            self._answer(intent, {c.key: NotApplied(str(e)) for c in part})
            self._wait_long(e)
        except BatchRefused as e:
            if len(part) == 1:
                self._answer(intent, {part[0].key: Refused(str(e))})
            elif step.atomic:
                self._answer(intent, {c.key: NotApplied(str(e)) for c in part})
                return worklist.halve(part)
            else:  # some rows may have been applied: read before sending any of them again
                self._answer(intent, {})
                self.settler.settle()
                worklist.halve(part)
                self.stale = True
        except CannotGoOn as e:
            self._answer(intent, {c.key: NotApplied(str(e)) for c in part})
            raise DeliveryError(f"{self.plan.account}: {e}. The plan stays open; nothing that was sent is sent again.") from e
        else:
            self._answer(intent, answers)
            for change in part:
                if isinstance(answers.get(change.key), Applied):
                    worklist.take_step(change, step)
            log.info("%s: %d rows sent (%s)", self.target.name, len(part), step.name)
            self._tell(sum(change.steps[-1:] == (step.name,) for change in part))
        return []

    def _wait_long(self, asked: RetryLater) -> None:
        """Wait as the vendor asks. What was read before may hold no more. Raises Paused."""
        self.wait.asked(asked)
        self.stale = True

    def _intend(self, step: Step, part: Sequence[Change]) -> Intent:
        rows = ",".join(str(c.row) for c in part)
        key = blake2b(f"{self.plan.id}/{step.name}/{rows}".encode(), digest_size=16).hexdigest()
        intent = self.journal.intend(self.plan.id, step, part, key)
        if self.ledger.clock.monotonic() - self.journal.intended_at > FRESH_LEASE:
            self._answer(intent, {c.key: NotApplied("not sent") for c in part})
            raise DeliveryError(f"{self.plan.account}: the process stood still for too long before a call. Run it again.")
        self.writes += 1
        return intent

    def _answer(self, intent: Intent, answers: Mapping[str, Answer]) -> None:
        self.journal.answer(intent, answers, seq=self.seq, undo=self.undo)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end_rows_in_doubt(self, plan_id: str) -> None:
        for doubt in self.ledger.doubts(self.plan.account):
            if doubt.plan == plan_id:
                rows = zip(doubt.rows, doubt.keys, strict=True)
                self.journal.end(plan_id, rows, "unknown", STILL_OPEN)

    def _prove_complete(self) -> None:
        """A plan is done when the ledger shows an outcome for every row of it. Raises DeliveryError."""
        counts = self.plan.counts
        planned = counts.changes + counts.adopt + counts.held
        if planned != (ended := sum(self.ledger.outcome_counts(self.plan.id).values())):
            raise DeliveryError(
                f"plan {self.plan.id} has {planned} rows and {ended} outcomes: it is not finished. This is a fault of the "
                "program; run it again, and report it."
            )

    def _done(self, plan_id: str, read_back: ReadBack) -> None:
        with self.ledger.write() as tx:
            self.lease.check(tx)
            tx.execute(
                tables.plan.update()
                .where(tables.plan.c.id == plan_id)
                .values(state="done", applied_at=self.ledger.now(), read_back=read_back.rows, as_planned=read_back.as_planned)
            )
