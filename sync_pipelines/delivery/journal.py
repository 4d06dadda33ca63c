"""What the ledger learns while a plan is applied: intents, answers, and the records and outcomes that move with them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert_into

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.delivery.ledger import Lease, Ledger, add_outcomes, many, put
from sync_pipelines.delivery.model import (
    Accepted,
    Answer,
    Applied,
    Change,
    Done,
    Intent,
    NotApplied,
    OutcomeState,
    Refused,
    Stale,
    Step,
    Target,
    Unclear,
    Waits,
)
from sync_pipelines.delivery.plans import step_text


class Journal:
    """Writes for one run on one target account. `last_message`: what the vendor last said of a row that must be tried again."""

    def __init__(self, ledger: Ledger, target: Target, run: str) -> None:
        self.ledger, self.target, self.run = ledger, target, run
        holds = sa.select(tables.hold.c.key).where(tables.hold.c.account == target.account)
        self.held_keys = {row["key"] for row in ledger.rows(holds)}
        self.intended_at = 0.0
        self.last_message = ""
        self.ended = 0
        """Rows that ended, or came one step further, since somebody looked."""
        self.remote_ids: dict[int, str] = {}
        """Ids given by a step to rows that need another."""

    def intend(self, lease: Lease, plan: str, step: Step, changes: Sequence[Change], key: str) -> Intent:
        """Commit that these rows are about to be sent. Raises LeaseLost."""
        intent = Intent(uuid.uuid4().hex, key, plan, step, tuple(changes))
        rows = json.dumps([c.row for c in changes])
        clock = self.ledger.clock
        with self.ledger.write() as tx:
            lease.check(tx)
            self.intended_at = clock.monotonic()
            tx.execute(
                tables.attempt.insert().values(
                    id=intent.id, plan=plan, account=self.target.account, run=self.run, step=step.name, rows=rows,
                    keys=json.dumps([c.key for c in changes]), key=key,
                    state="open", doubtful=rows, handles="{}", intended_at=self.ledger.now(), boot=clock.boot(),
                    monotonic=self.intended_at,
                )
            )  # fmt: skip
        return intent

    def answer(self, intent: Intent, answers: Mapping[str, Answer], *, undo: bool) -> None:
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
                case Refused(message) | Stale(message) | Waits(message):
                    state = _ENDS[type(answer)]
                    ended.append(
                        self._outcome(intent.plan, change, state, None, intent.id, message, before=intent.step)
                    )
                case NotApplied(message):
                    messages.append(message)
                case Accepted(handle) | Done(handle):
                    doubtful.append(change.row)
                    handles[change.key] = handle
                case Unclear(message):
                    doubtful.append(change.row)
                    messages.append(message)
        self.last_message = messages[0] if messages else self.last_message
        self.ended += len(ended) + len(applied)
        with self.ledger.write() as tx:
            tx.execute(
                tables.attempt.update().where(tables.attempt.c.id == intent.id).values(
                    state="doubt" if doubtful else "answered", doubtful=json.dumps(doubtful), handles=json.dumps(handles),
                    landed=int(all(isinstance(answers.get(k), Done) for k in keys_of(intent, doubtful))),
                    message=messages[0] if messages else None, answered_at=self.ledger.now(),
                )
            )  # fmt: skip
            add_outcomes(tx, ended, self.ledger.now())
            self._move_records(tx, intent.plan, intent.step, applied, undo=undo)

    def settled(self, intent: Intent, answers: Mapping[str, Answer], left: Iterable[int], *, undo: bool) -> None:
        """Commit what reading found out about a doubt. `left`: rows that stay in doubt."""
        left = sorted(left)
        applied = [(c, a) for c in intent.changes if isinstance(a := answers.get(c.key), Applied)]
        ended = [
            self._outcome(intent.plan, c, "delivered", a.remote_id, intent.id, "settled by reading")
            for c, a in applied
            if self._is_last(intent.step, c)
        ]
        for change in intent.changes:
            answer = answers.get(change.key)
            if isinstance(answer, Applied) and answer.remote_id:
                self.remote_ids[change.row] = answer.remote_id
            if isinstance(answer, Stale):
                ended.append(
                    self._outcome(intent.plan, change, "drifted", None, intent.id, answer.message, before=intent.step)
                )
        self.ended += len(ended) + len(applied)
        with self.ledger.write() as tx:
            tx.execute(
                tables.attempt.update()
                .where(tables.attempt.c.id == intent.id)
                .values(state="doubt" if left else "settled", doubtful=json.dumps(left), answered_at=self.ledger.now())
            )
            add_outcomes(tx, ended, self.ledger.now())
            self._move_records(tx, intent.plan, intent.step, applied, undo=undo)

    def found_there(self, plan: str, changes: Sequence[Change], sent: set[int], *, undo: bool) -> None:
        """Rows that the target already holds as wanted: delivered if this plan had sent them, unchanged if not."""
        with self.ledger.write() as tx:
            found = [
                self._outcome(plan, c, "delivered" if c.row in sent else "unchanged", c.remote_id, None, "read back")
                for c in changes
            ]
            add_outcomes(tx, found, self.ledger.now())
            self._move_records(tx, plan, None, [(c, Applied(c.remote_id)) for c in changes], undo=undo, ours=sent)

    def end(self, plan: str, rows: Iterable[tuple[int, str]], state: OutcomeState, message: str) -> None:
        """Rows that end without a call of their own. What steps of theirs took effect before stands in the outcome."""
        same = {
            "plan": plan, "account": self.target.account, "state": state, "steps": "[]", "remote_id": None, "attempt": None,
            "message": message,
        }  # fmt: skip
        r = tables.record.c
        partial = sa.select(r.key, r.done, r.remote_id).where(
            r.account == self.target.account, r.plan == plan, r.state == "partial"
        )
        with self.ledger.write() as tx:
            begun = {key: {"steps": done, "remote_id": id_} for key, done, id_ in tx.execute(partial)}
            ended = [{**same, "row": row, "key": key, **begun.get(key, {})} for row, key in rows]
            add_outcomes(tx, ended, self.ledger.now())

    def sent_rows(self, plan: str) -> set[int]:
        """Rows of a plan that were in a call of which it was once unclear whether it had an effect."""
        a = tables.attempt.c
        unclear = sa.select(a.rows).where(a.plan == plan, a.state.in_(["open", "doubt", "settled"]))
        return {row for rows in self.ledger.column(unclear) for row in json.loads(rows)}

    def _is_last(self, step: Step, change: Change) -> bool:
        return step.name == change.steps[-1]

    def _outcome(
        self, plan: str, change: Change, state: OutcomeState, remote_id: str | None, attempt: str | None, message: str,
        before: Step | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        done = change.steps if before is None else change.steps[: change.steps.index(before.name)]
        return {
            "plan": plan, "row": change.row, "account": self.target.account, "key": change.key, "state": state,
            "steps": step_text(done), "remote_id": remote_id, "attempt": attempt, "message": message,
        }  # fmt: skip

    def _move_records(
        self, tx: sa.Connection, plan: str, step: Step | None, applied: Sequence[tuple[Change, Applied]],
        *, undo: bool, ours: Collection[int] | None = None,
    ) -> None:  # fmt: skip
        """What we last put there. A row with steps still to come is partial; an undone value is held from now on.

        `ours`: of rows that were found there, those that we had sent. The others are somebody else's doing.
        """
        if not applied:
            return
        now = self.ledger.now()
        records, finished = [], []
        for change, answer in applied:
            last = step is None or self._is_last(step, change)
            sent = ours is None or change.row in ours
            records.append({
                "account": self.target.account, "key": change.key, "hash": change.after_print,
                "remote_id": answer.remote_id or change.remote_id,
                "state": ("absent" if change.after is None else "present") if last else "partial",
                "created": int(sent and change.action == "create"),
                "sent": int(sent and (step is None or step.name == change.steps[0])),  # a record of two steps is sent once
                "done": step_text(() if last or step is None else change.steps[: change.steps.index(step.name) + 1]),
                "plan": plan, "at": now,
            })  # fmt: skip
            if last:
                finished.append(change)
        many(tx, _PUT_RECORD, records)
        account = self.target.account
        if undo:
            put(tx, tables.hold, [
                {"account": account, "key": c.key, "value": c.undoes or c.before_print, "plan": plan, "at": now}
                for c in finished
            ])  # fmt: skip
        elif any(c.key in self.held_keys for c in finished):
            mine = (tables.hold.c.account == account) & (tables.hold.c.key == sa.bindparam("k"))
            tx.execute(tables.hold.delete().where(mine), [{"k": c.key} for c in finished if c.key in self.held_keys])


_ENDS: Mapping[type[Answer], OutcomeState] = {Refused: "rejected", Stale: "drifted", Waits: "skipped"}
"""How a row ends whose answer says that this plan is done with it, without effect."""


def keys_of(intent: Intent, rows: Collection[int]) -> list[str]:
    wanted = set(rows)
    return [c.key for c in intent.changes if c.row in wanted]


def _put_record() -> Any:
    statement = upsert_into(tables.record)
    new, old = statement.excluded, tables.record.c
    return statement.on_conflict_do_update(
        index_elements=["account", "key"],
        set_={
            **{c: new[c] for c in ("hash", "state", "done", "plan", "at")},
            "remote_id": sa.func.coalesce(new.remote_id, old.remote_id),
            "created": sa.func.max(new.created, old.created),
            "sent": sa.case((old.hash == new.hash, old.sent + new.sent), else_=new.sent),
        },
    )


_PUT_RECORD = _put_record()
