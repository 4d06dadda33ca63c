"""What the ledger learns while a plan is applied: intents, answers, and the records and outcomes that move with them.

Every transaction looks at the lease first: a process that lost it while it waited for the vendor notes nothing any more.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.lease import Lease
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import (
    Accepted,
    Answer,
    Applied,
    Change,
    DoneReadBack,
    Fields,
    Intent,
    NotApplied,
    OutcomeState,
    PrerequisiteMissing,
    Refused,
    Stale,
    Step,
    Target,
    Unclear,
)
from sync_pipelines.delivery.plans import step_text, value_of
from sync_pipelines.delivery.releasing import open_releases
from sync_pipelines.delivery.tables import PUT_RECORD, add_outcomes, many, put


class Journal:
    """Writes for one run on one target account. `last_message`: what the vendor last said of a row that must be tried again."""

    def __init__(self, ledger: Ledger, target: Target, run: str, lease: Lease) -> None:
        self.ledger, self.target, self.run, self.lease = ledger, target, run, lease
        self.steps = {step.name: step for step in target.steps}
        self.held_keys = set(ledger.column(sa.select(tables.hold.c.key).where(tables.hold.c.account == target.account)))
        self.released: dict[str, list[str]] = {}
        """By key: what open releases let through."""
        for given in open_releases(ledger, target.account):
            self.released.setdefault(given.key, []).append(given.value)
        self.intended_at = 0.0
        self.last_message = ""
        self.ended = 0
        """Rows that ended, or came one step further, since somebody looked."""
        self.remote_ids: dict[int, str] = {}
        """Ids given by a step to rows that need another."""

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        """A transaction of the holder of the account. Raises LeaseLost."""
        with self.ledger.write() as tx:
            self.lease.check(tx)
            yield tx

    def intend(self, plan: str, step: Step, changes: Sequence[Change], key: str) -> Intent:
        """Commit that these rows are about to be sent. Raises LeaseLost."""
        intent = Intent(uuid.uuid4().hex, key, plan, step, tuple(changes))
        rows = json.dumps([c.row for c in changes])
        with self._write() as tx:
            self.intended_at = self.ledger.clock.monotonic()
            tx.execute(
                tables.attempt.insert().values(
                    id=intent.id,
                    plan=plan,
                    account=self.target.account,
                    run=self.run,
                    step=step.name,
                    rows=rows,
                    keys=json.dumps([c.key for c in changes]),
                    key=key,
                    state="open",
                    doubtful=rows,
                    handles="{}",
                    intended_at=self.ledger.now(),
                    boot=self.ledger.boot,
                    monotonic=self.intended_at,
                )
            )
        return intent

    def answer(self, intent: Intent, answers: Mapping[str, Answer], *, seq: int, undo: bool) -> None:
        """Commit the answers of one call: the attempt, and per row its outcome and record, together."""
        doubtful, handles, messages = [], {}, []
        ended: list[dict[str, Any]] = []
        applied: list[tuple[Change, Applied]] = []
        for change in intent.changes:
            answer = answers.get(change.key, Unclear("no answer for this row"))
            match answer:
                case Applied():
                    applied.append((change, answer))
                    if self._is_last(intent.step, change):
                        ended.append(self._outcome(intent.plan, change, "delivered", answer.remote_id, intent.id, ""))
                    elif answer.remote_id:
                        self.remote_ids[change.row] = answer.remote_id
                case Refused(message) | Stale(message) | PrerequisiteMissing(message):
                    state = _ENDS[type(answer)]
                    ended.append(self._outcome(intent.plan, change, state, None, intent.id, message, before=intent.step))
                case NotApplied(message):
                    messages.append(message)
                case Accepted(handle) | DoneReadBack(handle):
                    doubtful.append(change.row)
                    handles[change.key] = handle
                case Unclear(message):
                    doubtful.append(change.row)
                    messages.append(message)
        self.last_message = messages[0] if messages else self.last_message
        with self._write() as tx:
            tx.execute(
                tables.attempt.update()
                .where(tables.attempt.c.id == intent.id)
                .values(
                    state="doubt" if doubtful else "answered",
                    doubtful=json.dumps(doubtful),
                    handles=json.dumps(handles),
                    landed=int(all(isinstance(answers.get(k), DoneReadBack) for k in keys_of(intent, doubtful))),
                    message=messages[0] if messages else None,
                    answered_at=self.ledger.now(),
                    boot=self.ledger.boot,
                    monotonic=self.ledger.clock.monotonic(),
                )
            )
            add_outcomes(tx, ended, self.ledger.now())
            self._move_records(tx, intent.plan, seq, intent.step, applied, undo=undo)
        self.ended += len(ended) + len(applied)

    def settled(self, intent: Intent, answers: Mapping[str, Answer], left: Iterable[int], *, seq: int, undo: bool) -> None:
        """Commit what reading found out about a doubt. `left`: rows that stay in doubt.

        A create under whose key something else is found is ours, and not as we made it: it is known as such, and whether to
        write over it is a question for the next plan.
        """
        left = sorted(left)
        applied = [(c, a) for c in intent.changes if isinstance(a := answers.get(c.key), Applied)]
        changed = [
            c
            for c in intent.changes
            if isinstance(answers.get(c.key), Stale) and c.action == "create" and c.steps[:1] == (intent.step.name,)
        ]
        ended = [
            self._outcome(intent.plan, c, "delivered", a.remote_id, intent.id, "settled by reading")
            for c, a in applied
            if self._is_last(intent.step, c)
        ]
        for change in intent.changes:
            answer = answers.get(change.key)
            if isinstance(answer, Applied) and answer.remote_id:
                self.remote_ids[change.row] = answer.remote_id
            if isinstance(answer, Stale | Refused):
                state = _ENDS[type(answer)]
                ended.append(self._outcome(intent.plan, change, state, None, intent.id, answer.message, before=intent.step))
        took_effect = [c.row for c, _ in applied] + [c.row for c in changed]
        with self._write() as tx:
            tx.execute(
                tables.attempt.update()
                .where(tables.attempt.c.id == intent.id)
                .values(
                    state="doubt" if left else "settled",
                    doubtful=json.dumps(left),
                    answered_at=self.ledger.now(),
                    settled=self._also_settled(tx, intent.id, took_effect),
                )
            )
            add_outcomes(tx, ended, self.ledger.now())
            self._move_records(tx, intent.plan, seq, intent.step, applied, undo=undo)
            self._note_ours(tx, intent.plan, seq, intent.step, changed)
        self.ended += len(ended) + len(applied)

    def _also_settled(self, tx: sa.Connection, attempt: str, rows: Sequence[int]) -> str | None:
        """Rows found applied, with those that an earlier look found; null for none."""
        before = tx.execute(sa.select(tables.attempt.c.settled).where(tables.attempt.c.id == attempt)).scalar()
        settled = sorted({*json.loads(before or "[]"), *rows})
        return json.dumps(settled) if settled else None

    def end_as_wanted(self, plan: str, changes: Sequence[Change], sent: set[int], *, seq: int, undo: bool) -> None:
        """Rows that the target already holds as wanted: delivered if this plan had sent them, unchanged if not."""
        ended = [
            self._outcome(plan, c, "delivered" if c.row in sent else "unchanged", c.remote_id, None, "read back") for c in changes
        ]
        with self._write() as tx:
            add_outcomes(tx, ended, self.ledger.now())
            applied = [(c, Applied(c.remote_id)) for c in changes]
            self._move_records(tx, plan, seq, None, applied, undo=undo, ours=sent)
        self.ended += len(ended)

    def end(self, plan: str, rows: Iterable[tuple[int, str]], state: OutcomeState, message: str) -> None:
        """Rows that end without a call of their own. What steps of theirs took effect before is in the outcome."""
        same = {
            "plan": plan,
            "account": self.target.account,
            "state": state,
            "steps": "[]",
            "remote_id": None,
            "attempt": None,
            "message": message,
        }
        r = tables.record.c
        partial = sa.select(r.key, r.done, r.remote_id).where(
            r.account == self.target.account, r.plan == plan, r.state == "partial"
        )
        with self._write() as tx:
            begun = {key: {"steps": done, "remote_id": id_} for key, done, id_ in tx.execute(partial)}
            ended = [{**same, "row": row, "key": key, **begun.get(key, {})} for row, key in rows]
            add_outcomes(tx, ended, self.ledger.now())
        self.ended += len(ended)

    def note_gone(self, keys: Iterable[str], seq: int) -> None:
        """Records of ours that are not there any more: what appears under these keys later is somebody else's."""
        r = tables.record.c
        present = (r.state == "present") | (r.state == "partial") | (r.state == "unverified")
        ours = (r.account == self.target.account) & present & (r.seq <= seq)
        with self._write() as tx:
            tx.execute(
                tables.record.update().where(ours, r.key == sa.bindparam("k")).values(state="gone", created=0),
                [{"k": key} for key in keys],
            )

    def sent_rows(self, plan: str) -> set[int]:
        """Rows of a plan that were in a call of which it was once unclear whether it had an effect."""
        a = tables.attempt.c
        unclear = sa.select(a.rows).where(a.plan == plan, a.state.in_(["open", "doubt", "settled"]))
        return {row for rows in self.ledger.column(unclear) for row in json.loads(rows)}

    def _is_last(self, step: Step, change: Change) -> bool:
        return step.name == change.steps[-1]

    def _outcome(
        self,
        plan: str,
        change: Change,
        state: OutcomeState,
        remote_id: str | None,
        attempt: str | None,
        message: str,
        before: Step | None = None,
    ) -> dict[str, Any]:
        done = change.steps if before is None else change.steps[: change.steps.index(before.name)]
        return {
            "plan": plan,
            "row": change.row,
            "account": self.target.account,
            "key": change.key,
            "state": state,
            "steps": step_text(done),
            "remote_id": remote_id,
            "attempt": attempt,
            "message": message,
        }

    # --- records ----------------------------------------------------------------------------------------------------

    def _move_records(
        self,
        tx: sa.Connection,
        plan: str,
        seq: int,
        step: Step | None,
        applied: Sequence[tuple[Change, Applied]],
        *,
        undo: bool,
        ours: Collection[int] | None = None,
    ) -> None:
        """What we last put there. A row with steps still to come is partial; an undone value is held from now on.

        `ours`: of rows that were found there, those that we had sent. The others are somebody else's doing.
        """
        if not applied:
            return
        rules = self.target.rules
        records, finished = [], []
        blank = self._record(plan, seq)
        for change, answer in applied:
            last = step is None or self._is_last(step, change)
            sent = ours is None or change.row in ours
            row = {**blank, "key": change.key}
            if self.target.gone(change.after):
                row.update(hash="", fields=None, state="absent")
            elif step is None or last:
                row.update(hash=change.after_print, fields=rules.kept(change.after), state="present")
            else:
                done = change.steps[: change.steps.index(step.name) + 1]
                row.update(fields=self._kept_in_part(change, done), state="partial", done=step_text(done))
            row["remote_id"] = answer.remote_id or change.remote_id
            row["created"] = int(sent and change.action == "create")
            if sent and last and change.action == "update":
                row["resent"] = change.before_print
            records.append(row)
            if last:
                finished.append(change)
        many(tx, PUT_RECORD, records)
        self._end_words(tx, finished, plan, undo=undo)

    def _record(self, plan: str, seq: int) -> dict[str, Any]:
        return {
            "account": self.target.account,
            "key": "",
            "hash": None,
            "rules": self.target.rules.id,
            "fields": None,
            "remote_id": None,
            "state": "present",
            "created": 0,
            "done": "[]",
            "plan": plan,
            "seq": seq,
            "at": self.ledger.now(),
            "boot": self.ledger.boot,
            "monotonic": self.ledger.clock.monotonic(),
            "resent": None,
        }

    def _kept_in_part(self, change: Change, done: Sequence[str]) -> str | None:
        """The values that are known to be there while steps are still due: what the steps done so far wrote, and of a record
        that was there before, the rest as it was."""
        target = self.target
        written: set[str] = set()
        for name in done:
            written |= self.steps[name].fields or set(target.owned())
        written = {n for n in written if n in target.fields and target.fields[n].ownership != "foreign"}
        before, after = change.before or {}, change.after or {}
        image: Fields = {n: after.get(n) for n in written}
        if change.action == "update":
            image = {**{n: before.get(n) for n in target.owned()}, **image}
        return target.rules.kept_of(image)

    def _note_ours(self, tx: sa.Connection, plan: str, seq: int, step: Step, changes: Sequence[Change]) -> None:
        """Creates of ours that are there with other values: made by us, and it is not known what they hold."""
        rows = []
        for change in changes:
            row = {**self._record(plan, seq), "key": change.key}
            if not self._is_last(step, change):
                row.update(state="partial", done=step_text((step.name,)))
            rows.append({**row, "created": 1})
        many(tx, PUT_RECORD, rows)

    def _end_words(self, tx: sa.Connection, finished: Sequence[Change], plan: str, *, undo: bool) -> None:
        """What people said of these keys is answered: holds come and go, and a release is used up by what it let through,
        or taken back by the undo of it."""
        account, now = self.target.account, self.ledger.now()
        if undo:
            put(
                tx,
                tables.hold,
                [
                    {"account": account, "key": c.key, "value": None, "fields": c.undoes, "plan": plan, "at": now}
                    for c in finished
                    if c.undoes is not None
                ],
            )
        elif ended := [{"k": c.key} for c in finished if c.key in self.held_keys]:
            mine = (tables.hold.c.account == account) & (tables.hold.c.key == sa.bindparam("k"))
            tx.execute(tables.hold.delete().where(mine), ended)
        used = [
            {"k": c.key, "v": value}
            for c in finished
            for value in self.released.get(c.key, ())
            if undo or value == value_of(c.before_print, c.after_print)
        ]
        if used:
            r = tables.release.c
            given = (r.account == account) & (r.key == sa.bindparam("k")) & (r.value == sa.bindparam("v")) & r.ended.is_(None)
            over = tables.release.update().where(given).values(ended="undone" if undo else "used", ended_at=now)
            tx.execute(over, used)


_ENDS: Mapping[type[Answer], OutcomeState] = {Refused: "rejected", Stale: "drifted", PrerequisiteMissing: "skipped"}
"""How a row ends whose answer says that this plan is done with it, without effect."""


def keys_of(intent: Intent, rows: Collection[int]) -> list[str]:
    wanted = set(rows)
    return [c.key for c in intent.changes if c.row in wanted]
