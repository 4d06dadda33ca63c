"""Undo: a plan like any other, made from the images of an applied one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import Change, DeliveryError, Target
from sync_pipelines.delivery.plans import Plan, PlanFiles, PlannedRow, PlanWriter


@dataclass(frozen=True)
class Undo:
    """The plan that takes back, and what it cannot take back: key and reason."""

    plan: Plan
    impossible: tuple[tuple[str, str], ...]


def make_undo(
    target: Target,
    plan_id: str,
    *,
    ledger: Ledger,
    files: PlanFiles,
    run: str,
    valid_for: timedelta = timedelta(hours=24),
) -> Undo:
    """Plan the way back for every row of `plan_id` that took effect, whatever its outcome.

    A row goes back only where the target still holds what that plan wrote; otherwise it ends as drifted. What nothing
    can take back is listed and left out. Guards on the size of a change do not apply. Sends nothing.
    """
    known = ledger.plan(plan_id)
    if known["account"] != target.account:
        raise DeliveryError(
            f"plan {plan_id} is for {known['account']}; the settings now point to {target.account}. Nothing was sent."
        )
    if doubts := [d for d in ledger.doubts(target.account) if d.plan == known["id"]]:
        raise DeliveryError(
            f"{sum(len(d.rows) for d in doubts)} rows of plan {plan_id} are still in doubt ({', '.join(doubts[0].keys[:3])}, …). "
            "They have to be settled before it can be undone: every sync tries to. Nothing was sent."
        )
    if known["state"] == "applying":
        raise DeliveryError(
            f"plan {plan_id} is not finished. Apply it first (or let the next sync take over), then undo it."
        )
    impossible: list[tuple[str, str]] = []
    with PlanWriter(files, target) as writer:
        for change in _effective(ledger, files, known["id"]):
            back = target.reverse(change)
            if isinstance(back, str):
                impossible.append((change.key, back))
                continue
            steps = tuple(
                s.name
                for s in target.steps
                if back.action in s.actions and (back.action != "update" or s.name in change.steps)
            )
            row = PlannedRow(back.key, back.parent, back.action, back.before, back.after, back.remote_id, steps)
            writer.add(replace(row, undoes=change.after_print))
        plan = writer.seal(
            ledger, pipeline=known["pipeline"], extract=f"undo {known['id']}", findings=(), run=run,
            valid_for=valid_for, undo_of=known["id"], scope=known["scope"] or "",
        )  # fmt: skip
    return Undo(plan, tuple(impossible))


def _effective(ledger: Ledger, files: PlanFiles, plan_id: str) -> Iterator[Change]:
    """Changes of which at least one step took effect: also those that ended badly, or unknown and settled later."""
    outcome, record = tables.outcome.c, tables.record
    wrote = sa.exists().where(
        record.c.account == outcome.account,
        record.c.key == outcome.key,
        record.c.plan == outcome.plan,
        record.c.sent > 0,
    )
    query = sa.select(outcome.row, outcome.remote_id, outcome.steps, outcome.state).where(outcome.plan == plan_id)
    query = query.where(
        (outcome.state == "delivered") | ((outcome.state != "unchanged") & ((outcome.steps != "[]") | wrote))
    )
    found = {r["row"]: r for r in ledger.rows(query)}
    for change in files.changes(plan_id, sorted(found)):
        ids = found[change.row]
        yield Change(
            change.row, change.key, change.parent, change.action, change.before, change.after,
            ids["remote_id"] or change.remote_id, tuple(json.loads(ids["steps"])), after_print=change.after_print,
        )  # fmt: skip
