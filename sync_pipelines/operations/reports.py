"""What the ledger can tell at once: status, history, errors, trace. Imports neither Dagster nor pandas."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.plans import PlanFiles


def status(ledger: Ledger, pipeline: str, account: str, *, enabled: bool) -> dict[str, Any]:
    """Where a pipeline stands: may it write, its last runs, what waits, what is in doubt."""
    p, r = tables.plan.c, tables.run.c
    last = ledger.row(sa.select(tables.run).where(r.pipeline == pipeline).order_by(r.started_at.desc()))
    good = ledger.row(
        sa.select(tables.run).where(r.pipeline == pipeline, r.state == "done").order_by(r.started_at.desc())
    )
    waiting = ledger.row(
        sa.select(p.id, p.verdict, p.sealed_at)
        .where(p.account == account, p.state != "done", p.undo_of.is_(None), p.expires_at > ledger.now())
        .order_by(p.sealed_at.desc())
    )
    applied = ledger.value(sa.select(sa.func.max(p.applied_at)).where(p.account == account))
    if waiting and applied and waiting["sealed_at"] < applied:
        waiting = None  # something newer was applied: this one would only find rows that drifted
    return {
        "pipeline": pipeline,
        "account": account,
        "writes": "on" if enabled else "off (sync-pipelines enable)",
        "last_run": None if last is None else run_shown(last),
        "last_good_run": None if good is None else good["ended_at"],
        "waiting_plan": waiting,
        "rows_ended_badly": len(ledger.bad_outcomes(account)),
        "calls_in_doubt": len(ledger.doubts(account)),
        "records": ledger.value(sa.select(sa.func.count()).where(tables.record.c.account == account)),
    }


def history(ledger: Ledger, pipelines: Iterable[str], limit: int) -> list[dict[str, Any]]:
    r = tables.run.c
    query = sa.select(tables.run).where(r.pipeline.in_(list(pipelines))).order_by(r.started_at.desc()).limit(limit)
    return [run_shown(row) for row in ledger.rows(query)]


def run_shown(row: dict[str, Any]) -> dict[str, Any]:
    """A run for people and for --json."""
    calls = json.loads(row["calls"] or "{}")
    return {
        "run_id": row["id"],
        "pipeline": row["pipeline"],
        "verb": row["verb"],
        "state": row["state"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "plan_id": row["plan"],
        "counts": json.loads(row["counts"] or "{}"),
        "source_rejects": row["source_rejects"] or 0,
        "calls": {"used": calls.get("used", 0), "minimum": calls.get("minimum", 0)},
        "message": row["message"] or "",
    }


def errors(ledger: Ledger, pipeline: str, account: str, *, every: bool) -> dict[str, Any]:
    """Rows that ended badly and are not mended (all there ever were, with `every`), held rows of the last plan, failed runs."""
    p, o, r = tables.plan.c, tables.outcome.c, tables.run.c
    bad = [
        {"key": b["key"], "state": b["state"], "message": b["message"], "plan": b["plan"], "at": b["at"]}
        for b in ledger.bad_outcomes(account, all_plans=every)
    ]
    whole = sa.select(p.id).where(p.account == account, p.state == "done", p.undo_of.is_(None), p.partial == 0)
    last = ledger.row(whole.order_by(p.applied_at.desc()))
    held = []
    if last is not None:
        later = tables.outcome.alias("later")
        since = sa.exists().where(
            later.c.account == o.account, later.c.key == o.key, later.c.at > o.at, later.c.state != "held"
        )
        query = sa.select(o.key, o.message, o.at).where(o.plan == last["id"], o.state == "held", ~since).order_by(o.row)
        held = [
            {"key": h["key"], "state": "held", "message": h["message"], "plan": last["id"], "at": h["at"]}
            for h in ledger.rows(query)
        ]
    failed = sa.select(tables.run).where(r.pipeline == pipeline, r.state.in_(["failed", "stopped"]))
    if not every:
        good = (
            sa.select(sa.func.max(r.started_at))
            .where(r.pipeline == pipeline, r.state == "done", r.verb == "sync")
            .scalar_subquery()
        )
        failed = failed.where((r.started_at > good) | good.is_(None))
    runs = [
        {"run_id": f["id"], "verb": f["verb"], "state": f["state"], "at": f["ended_at"], "message": f["message"]}
        for f in ledger.rows(failed.order_by(r.started_at.desc()))
    ]
    return {"pipeline": pipeline, "rows": bad, "held": held, "runs": runs}


def trace(ledger: Ledger, files: PlanFiles, account: str, keys: set[str]) -> dict[str, Any]:
    """Everything the ledger knows of these keys: record, plans with what they wanted, attempts with run ids, holds, releases."""
    story: dict[str, Any] = {"record": [], "planned": [], "attempts": [], "holds": [], "releases": []}
    for name, table in (("record", tables.record), ("holds", tables.hold), ("releases", tables.release)):
        story[name] = ledger.rows(sa.select(table).where(table.c.account == account, table.c.key.in_(keys)))
    o, a = tables.outcome.c, tables.attempt.c
    outcomes = {
        (row["plan"], row["row"]): row
        for row in ledger.rows(sa.select(tables.outcome).where(o.account == account, o.key.in_(keys)))
    }
    plans = ledger.rows(
        sa.select(tables.plan).where(tables.plan.c.account == account).order_by(tables.plan.c.sealed_at)
    )
    for plan in plans:
        try:
            rows = files.query(
                plan["id"], "SELECT * FROM plan WHERE key IN (SELECT unnest(?)) ORDER BY row", [sorted(keys)]
            )
        except DeliveryError as e:
            story["planned"].append({"plan": plan["id"], "problem": str(e)})
            continue
        for row in rows:
            ended = outcomes.get((plan["id"], row["row"]), {})
            story["planned"].append({
                "plan": plan["id"], "sealed_at": plan["sealed_at"], "run": plan["run"], "undo_of": plan["undo_of"],
                "key": row["key"], "action": row["action"], "held": row["held"], "reason": row["reason"],
                "before": row["before"], "after": row["after"], "outcome": ended.get("state"),
                "message": ended.get("message"), "at": ended.get("at"),
            })  # fmt: skip
            for attempt in ledger.rows(sa.select(tables.attempt).where(a.plan == plan["id"]).order_by(a.intended_at)):
                if row["row"] in json.loads(attempt["rows"]):
                    names = ("id", "run", "plan", "step", "state", "message", "intended_at", "answered_at")
                    story["attempts"].append({"key": row["key"], **{n: attempt[n] for n in names}})
    return story
