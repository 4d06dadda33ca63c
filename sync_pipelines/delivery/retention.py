"""Forgetting with age: bodies of old plans, their outcomes and attempts. What was last put where is kept for ever."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.clock import stamp
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import PlanFiles


def prune(ledger: Ledger, files: PlanFiles, keep: timedelta) -> int:
    """Drop the rows and files of plans older than `keep`, but for those with a call in doubt. Returns how many plans."""
    p, a, o = tables.plan.c, tables.attempt.c, tables.outcome.c
    before = stamp(ledger.clock.now() - keep)
    open_calls = sa.select(a.plan).where(a.state.in_(["open", "doubt"]))
    old = sa.select(p.id).where(p.sealed_at < before, p.state != "applying", p.id.not_in(open_calls))
    gone = [r["id"] for r in ledger.rows(old) if files.path(r["id"]).exists()]
    for plan_id in gone:
        with ledger.write() as tx:
            tx.execute(tables.outcome.delete().where(o.plan == plan_id))
            tx.execute(tables.attempt.delete().where(a.plan == plan_id))
        files.path(plan_id).unlink(missing_ok=True)
    return len(gone)
