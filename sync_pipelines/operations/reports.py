"""What the ledger can tell at once: status, history, errors, trace. Imports neither Dagster nor pandas."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.plans import PlanFiles


def status(ledger: Ledger, pipeline: str, account: str, accounts: Sequence[str], *, enabled: bool) -> dict[str, Any]:
    """Where a pipeline stands: may it write, its last runs, what waits, what is in doubt. `accounts`: of its targets."""
    p, r = tables.plan.c, tables.run.c
    last = ledger.row(sa.select(tables.run).where(r.pipeline == pipeline).order_by(r.started_at.desc()))
    good = ledger.row(sa.select(tables.run).where(r.pipeline == pipeline, r.state == "done").order_by(r.started_at.desc()))
    waiting = ledger.row(
        sa.select(p.id, p.verdict, p.sealed_at, p.account, p.scope, p.seq)
        .where(p.account.in_(accounts), p.state != "done", p.undo_of.is_(None), p.expires_at > ledger.now())
        .order_by(p.sealed_at.desc(), p.seq.desc())
    )
    if waiting is not None:
        newer = sa.select(p.id).where(
            p.account == waiting.pop("account"),
            p.state != "sealed",
            p.seq > waiting.pop("seq"),
            tables.speaks_for(tables.plan, waiting.pop("scope")),
        )
        if ledger.row(newer) is not None:
            waiting = None  # something newer was applied: this one would only find rows that drifted
    return {
        "pipeline": pipeline,
        "account": account,
        "writes": "on" if enabled else "off (sync-pipelines enable)",
        "last_run": None if last is None else run_shown(last),
        "last_good_run": None if good is None else good["ended_at"],
        "waiting_plan": waiting,
        "rows_ended_badly": sum(len(ledger.bad_outcomes(a)) for a in accounts),
        "calls_in_doubt": sum(len(ledger.doubts(a)) for a in accounts),
        "records": ledger.value(sa.select(sa.func.count()).where(tables.record.c.account.in_(accounts))),
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


def errors(ledger: Ledger, pipeline: str, accounts: Sequence[str], *, every: bool) -> dict[str, Any]:
    """Rows that ended badly and are not mended (all there ever were, with `every`), held rows of the last plan of each target
    (and each partition), failed runs."""
    r = tables.run.c
    bad = [
        {"key": b["key"], "state": b["state"], "message": b["message"], "plan": b["plan"], "at": b["at"]}
        for account in accounts
        for b in ledger.bad_outcomes(account, all_plans=every)
    ]
    held = [row for plan in _last_plans(ledger, accounts) for row in _held(ledger, plan)]
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


def _last_plans(ledger: Ledger, accounts: Sequence[str]) -> list[str]:
    """The last plan that was applied whole, of each account and partition."""
    p = tables.plan.c
    whole = sa.select(p.id, p.account, p.scope).where(
        p.account.in_(accounts), p.state == "done", p.undo_of.is_(None), p.partial == 0
    )
    last = {(row["account"], row["scope"]): str(row["id"]) for row in ledger.rows(whole.order_by(p.applied_at))}
    return list(last.values())


def _held(ledger: Ledger, plan: str) -> list[dict[str, Any]]:
    """Rows of a plan that were held, and of which nothing was heard since."""
    o, later = tables.outcome.c, tables.outcome.alias("later")
    since = sa.exists().where(later.c.account == o.account, later.c.key == o.key, later.c.at > o.at, later.c.state != "held")
    query = sa.select(o.key, o.message, o.at).where(o.plan == plan, o.state == "held", ~since).order_by(o.row)
    return [{"key": h["key"], "state": "held", "message": h["message"], "plan": plan, "at": h["at"]} for h in ledger.rows(query)]


def scopes_of(ledger: Ledger, accounts: Sequence[str], keys: Iterable[str] | None) -> dict[str, set[str]]:
    """Keys by the partition they were last planned in; None: all that ended badly. A key that was never planned is left out."""
    o, p = tables.outcome.c, tables.plan.c
    found: dict[str, set[str]] = {}
    if keys is None:
        bad = [(row["key"], row["plan"]) for account in accounts for row in ledger.bad_outcomes(account)]
    else:
        query = sa.select(o.key, o.plan).where(o.account.in_(accounts), o.key.in_(list(keys))).order_by(o.at)
        bad = list({row["key"]: row["plan"] for row in ledger.rows(query)}.items())
    scopes = {row["id"]: row["scope"] or "" for row in ledger.rows(sa.select(p.id, p.scope).where(p.account.in_(accounts)))}
    for key, plan in bad:
        found.setdefault(scopes.get(plan, ""), set()).add(key)
    return found


def trace(ledger: Ledger, files: PlanFiles, accounts: Sequence[str], keys: set[str]) -> dict[str, Any]:
    """Everything the ledger knows of these keys: record, plans with what they wanted, attempts with run ids, holds, releases."""
    story: dict[str, Any] = {"record": [], "planned": [], "attempts": [], "holds": [], "releases": []}
    for name, table in (("record", tables.record), ("holds", tables.hold), ("releases", tables.release)):
        story[name] = ledger.rows(sa.select(table).where(table.c.account.in_(accounts), table.c.key.in_(keys)))
    o, a = tables.outcome.c, tables.attempt.c
    outcomes = {
        (row["plan"], row["row"]): row
        for row in ledger.rows(sa.select(tables.outcome).where(o.account.in_(accounts), o.key.in_(keys)))
    }
    plans = ledger.rows(sa.select(tables.plan).where(tables.plan.c.account.in_(accounts)).order_by(tables.plan.c.sealed_at))
    for plan in plans:
        try:
            rows = files.query(plan["id"], "SELECT * FROM plan WHERE key IN (SELECT unnest(?)) ORDER BY row", [sorted(keys)])
        except DeliveryError as e:
            story["planned"].append({"plan": plan["id"], "problem": str(e)})
            continue
        for row in rows:
            ended = outcomes.get((plan["id"], row["row"]), {})
            story["planned"].append(
                {
                    "plan": plan["id"],
                    "sealed_at": plan["sealed_at"],
                    "run": plan["run"],
                    "undo_of": plan["undo_of"],
                    "key": row["key"],
                    "action": row["action"],
                    "held": row["held"],
                    "reason": row["reason"],
                    "before": row["before"],
                    "after": row["after"],
                    "outcome": ended.get("state"),
                    "message": ended.get("message"),
                    "at": ended.get("at"),
                }
            )
            for attempt in ledger.rows(sa.select(tables.attempt).where(a.plan == plan["id"]).order_by(a.intended_at)):
                if row["row"] in json.loads(attempt["rows"]):
                    names = ("id", "run", "plan", "step", "state", "message", "intended_at", "answered_at")
                    story["attempts"].append({"key": row["key"], **{n: attempt[n] for n in names}})
    return story
