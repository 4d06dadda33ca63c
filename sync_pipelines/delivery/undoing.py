"""Undo: a plan like any other, made from the images of an applied one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import CannotGoOn, Change, DeliveryError, Fields, RequestRefused, RetryLater, Target
from sync_pipelines.delivery.plans import Plan, PlanFiles, PlannedRow, PlanWriter, change_from
from sync_pipelines.duck import CHUNK, batches, engine, load, quoted

AWAY = "null"
"""What stands for a record that is not there, where an undone value is kept."""


@dataclass(frozen=True)
class Undo:
    """The plan that takes back, and what it cannot take back: key and reason."""

    plan: Plan
    impossible: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Undone:
    """A value that was taken back. fields: as `Rules.kept` has it, or `AWAY`; None for one of an earlier version, of which
    `value` is the fingerprint over the fields `owned` then."""

    fields: str | None
    value: str | None
    owned: tuple[str, ...]


def holds_of(ledger: Ledger, account: str) -> dict[str, Undone]:
    """The undone values of an account, by key."""
    h, p = tables.hold.c, tables.plan.c
    query = sa.select(h.key, h.fields, h.value, p.owned).outerjoin_from(tables.hold, tables.plan, p.id == h.plan)
    rows = ledger.rows(query.where(h.account == account))
    return {r["key"]: Undone(r["fields"], r["value"], tuple(json.loads(r["owned"] or "[]"))) for r in rows}


def make_undo(
    target: Target, plan_id: str, *, ledger: Ledger, files: PlanFiles, run: str, valid_for: timedelta = timedelta(hours=24)
) -> Undo:
    """Plan the way back for every row of `plan_id` that took effect, whatever its outcome.

    A row goes back only where the target still holds what that plan wrote; otherwise it ends as drifted. What nothing
    can take back is listed, a field that the settings no longer own among it. Guards on the size of a change do not apply.
    Sends nothing. Raises DeliveryError for a plan that is not finished, and for a file that is not as it was sealed.
    """
    original = _takeable(target, plan_id, ledger, files)
    impossible: list[tuple[str, str]] = []
    owned_then = json.loads(original["owned"] or "[]")
    with PlanWriter(files, target) as writer:
        for change in _effective(ledger, files, original["id"]):
            row, why = _way_back(target, change, owned_then)
            if why:
                impossible.append((change.key, why))
            if row is not None:
                writer.add(row)
        plan = writer.seal(
            ledger,
            pipeline=original["pipeline"],
            extract=f"undo {original['id']}",
            findings=(),
            run=run,
            valid_for=valid_for,
            undo_of=original["id"],
            scope=original["scope"] or "",
        )
    return Undo(plan, tuple(impossible))


@dataclass(frozen=True)
class Foreseen:
    """A row that an undo would take back. stays: why it would stay as it is; "" where it goes back."""

    row: PlannedRow
    stays: str


def foresee_undo(
    target: Target, plan_id: str, *, ledger: Ledger, files: PlanFiles
) -> tuple[list[Foreseen], list[tuple[str, str]]]:
    """Return what an undo of this plan would do now, row by row, and what nothing can take back: key and reason.

    Reads the target, and records nothing: no plan is made. Raises what `make_undo` raises, and DeliveryError where the target
    cannot be read.
    """
    original = _takeable(target, plan_id, ledger, files)
    rows, impossible = list[PlannedRow](), list[tuple[str, str]]()
    owned_then = json.loads(original["owned"] or "[]")
    for change in _effective(ledger, files, original["id"]):
        row, why = _way_back(target, change, owned_then)
        if why:
            impossible.append((change.key, why))
        if row is not None:
            rows.append(row)
    if not rows or all(step.compares for step in target.steps):  # then the call itself looks whether the row may go
        return [Foreseen(row, "") for row in rows], impossible
    try:
        live = {record.key: record.fields for record in target.read(sorted(row.key for row in rows))}
    except (RetryLater, CannotGoOn) as e:
        raise DeliveryError(f"{target.account}: {e}. Nothing was sent.") from e
    return [Foreseen(row, _obstacle(target, row, live.get(row.key))) for row in rows], impossible


def _obstacle(target: Target, row: PlannedRow, now: Fields | None) -> str:
    """Return why a row would stay as it is, by what the target holds of it now."""
    if target.same(now, row.before):
        return ""
    return "it is as it was before already" if target.same(now, row.after) else "it was changed since, and would be left alone"


def _takeable(target: Target, plan_id: str, ledger: Ledger, files: PlanFiles) -> dict[str, Any]:
    """Return the plan that is to be taken back. Raises DeliveryError where it cannot be."""
    original = ledger.plan(plan_id)
    if original["account"] != target.account:
        raise DeliveryError(
            f"plan {plan_id} is for {original['account']}; the settings now point to {target.account}. Nothing was sent."
        )
    files.check_seal(original)
    if doubts := [d for d in ledger.doubts(target.account) if d.plan == original["id"]]:
        raise DeliveryError(
            f"{sum(len(d.rows) for d in doubts)} rows of plan {plan_id} are still in doubt ({', '.join(doubts[0].keys[:3])}, …). "
            "They have to be settled before it can be undone: every sync tries to. Nothing was sent."
        )
    if original["state"] == "applying":
        raise RequestRefused(f"plan {plan_id} is not finished. Apply it first (or let the next sync take over), then undo it.")
    return original


def _way_back(target: Target, change: Change, owned_then: Sequence[str]) -> tuple[PlannedRow | None, str]:
    """The row that takes a change back, if any, and what of it cannot be taken back."""
    back = target.reverse(change)
    if isinstance(back, str):
        return None, back
    lost = _out_of_reach(target, change, owned_then) if back.action == "update" else []
    why = f"the settings no longer own {', '.join(lost)}: it keeps what was written" if lost else ""
    steps = tuple(
        s.name for s in target.steps if back.action in s.actions and (back.action != "update" or s.name in change.steps)
    )
    if lost and target.same(back.before, back.after):
        return None, why
    row = PlannedRow(back.key, back.parent, back.action, back.before, back.after, back.remote_id, steps)
    undone = target.rules.kept(change.after, None if change.after is None else {*target.owned(), *owned_then})
    return replace(row, undoes=undone or AWAY), why


def _out_of_reach(target: Target, change: Change, owned_then: Sequence[str]) -> list[str]:
    """Fields that the plan changed and that nobody here may change any more."""
    before, after = change.before or {}, change.after or {}
    now = set(target.owned())
    return sorted(n for n in owned_then if n not in now and _differ(target, n, before, after))


def _differ(target: Target, name: str, before: Fields, after: Fields) -> bool:
    if name in target.fields:
        return target.rules.text(name, before) != target.rules.text(name, after)
    return bool(before.get(name) != after.get(name))


def _effective(ledger: Ledger, files: PlanFiles, plan_id: str) -> Iterator[Change]:
    """Changes of which at least one step took effect, with the steps that did: also of rows that ended badly, and of those
    that ended unknown and were found applied later."""
    o, a = tables.outcome.c, tables.attempt.c
    later = sa.select(a.settled, a.step, a.id).where(a.plan == plan_id, a.settled.is_not(None)).order_by(a.intended_at)
    settled: dict[int, list[str]] = {}
    for attempt in ledger.rows(later):
        for row in json.loads(attempt["settled"]):
            settled.setdefault(row, []).append(attempt["step"])
    ended = sa.select(o.row, o.remote_id, o.steps, o.state).where(o.plan == plan_id)
    columns = pa.schema([("row", pa.int64()), ("id", pa.string()), ("done", pa.string())])

    def parts() -> Iterator[Sequence[Sequence[Any]]]:
        with ledger.reader.connect() as reader:
            for part in reader.execution_options(yield_per=CHUNK).execute(ended).partitions():
                rows = [(r.row, r.remote_id, _done(r, settled)) for r in part]
                yield list(zip(*rows, strict=True))

    with engine() as con:
        load(con, "ended", columns, parts())
        query = f"""SELECT p.*, e.id, e.done FROM read_parquet('{quoted(files.path(plan_id))}') p
            JOIN ended e ON e.row = p.row AND e.done IS NOT NULL ORDER BY p.row"""
        for part in batches(con, query):
            for r in part:
                yield replace(change_from(r, remote_id=r["id"]), steps=tuple(json.loads(r["done"])))


def _done(ended: Any, settled: Mapping[int, Sequence[str]]) -> str | None:
    """The steps of a row that took effect, as JSON; None where none did."""
    if ended.state == "unchanged":
        return None
    steps = json.loads(ended.steps)
    steps += [s for s in settled.get(ended.row, ()) if s not in steps]
    return json.dumps(steps) if steps else None
