"""What the ledger can tell at once: where an account stands, past runs, what ended badly, the story of a key."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.plans import PlanFiles

ENDED_BADLY = ("failed", "stopped", "incomplete")
WAS_PLAN, WAS_RUN, WAS_ID = ({"formerly": name} for name in ("plan", "run", "id"))
"""Metadata of fields that answers also have under the name of earlier versions."""


@dataclass(frozen=True)
class CallCount:
    """Calls that a run made, beside the least it could have made."""

    used: int
    minimum: int


@dataclass(frozen=True)
class PastRun:
    """A run as the ledger remembers it. Times are ISO 8601 in UTC."""

    run_id: str
    pipeline: str
    verb: str
    state: str
    started_at: str
    ended_at: str | None
    plan_id: str | None
    counts: Mapping[str, int]
    source_rejects: int | None
    calls: CallCount
    message: str


@dataclass(frozen=True)
class WaitingPlan:
    """A plan that was sealed and not applied, and that nothing newer has overtaken."""

    plan_id: str = field(metadata=WAS_ID)
    verdict: str
    sealed_at: str


@dataclass(frozen=True)
class Standing:
    """Where a pipeline stands by the ledger. broken: its last run, and the last of each chain, as far as they ended badly."""

    last_run: PastRun | None
    last_good_run: str | None
    waiting_plan: WaitingPlan | None
    rows_ended_badly: int
    calls_in_doubt: int
    records: int
    rows_held: int
    broken: tuple[PastRun, ...] = ()


@dataclass(frozen=True)
class BadRow:
    """A row that ended badly, or that is held."""

    key: str
    state: str
    message: str | None
    plan_id: str = field(metadata=WAS_PLAN)
    at: str


@dataclass(frozen=True)
class FailedRun:
    run_id: str
    verb: str
    state: str
    at: str | None
    message: str | None


@dataclass(frozen=True)
class Problems:
    """Rows that ended badly, held rows of the last plan of each target and partition, runs that failed or were stopped."""

    rows: tuple[BadRow, ...]
    held: tuple[BadRow, ...]
    runs: tuple[FailedRun, ...]


@dataclass(frozen=True)
class PlannedRow:
    """What a plan wanted with a key, and what became of it (None: it was not applied). before, after: images as JSON."""

    plan_id: str = field(metadata=WAS_PLAN)
    sealed_at: str
    run_id: str | None = field(metadata=WAS_RUN)
    undo_of: str | None
    key: str
    action: str
    held: str | None
    reason: str | None
    before: str | None
    after: str | None
    outcome: str | None
    message: str | None
    at: str | None


@dataclass(frozen=True)
class UnreadablePlan:
    """A plan whose file cannot be read, and why."""

    plan_id: str = field(metadata=WAS_PLAN)
    problem: str


@dataclass(frozen=True)
class AttemptOf:
    """A call that was made for a key."""

    key: str
    id: str
    run_id: str | None = field(metadata=WAS_RUN)
    plan_id: str = field(metadata=WAS_PLAN)
    step: str
    state: str
    message: str | None
    intended_at: str
    answered_at: str | None


@dataclass(frozen=True)
class Story:
    """Everything the ledger knows of some keys. record, holds, releases: rows of the ledger, with `plan_id` beside `plan`."""

    record: tuple[Mapping[str, Any], ...]
    planned: tuple[PlannedRow | UnreadablePlan, ...]
    attempts: tuple[AttemptOf, ...]
    holds: tuple[Mapping[str, Any], ...]
    releases: tuple[Mapping[str, Any], ...]


def standing(ledger: Ledger, pipeline: str, accounts: Sequence[str]) -> Standing:
    """Return a pipeline's last runs, the plan that waits, and what is in doubt. accounts: of its targets."""
    r = tables.run.c
    runs = sa.select(tables.run).where(r.pipeline == pipeline).order_by(r.started_at.desc())
    last, good = ledger.row(runs), ledger.row(runs.where(r.state == "done"))
    last_run = None if last is None else _past_run(last)
    return Standing(
        last_run=last_run,
        broken=_broken(ledger, pipeline, last_run),
        last_good_run=None if good is None else good["ended_at"],
        waiting_plan=_waiting_plan(ledger, accounts),
        rows_ended_badly=sum(len(ledger.bad_outcomes(a)) for a in accounts),
        calls_in_doubt=sum(len(ledger.doubts(a)) for a in accounts),
        records=ledger.value(sa.select(sa.func.count()).where(tables.record.c.account.in_(accounts))),
        rows_held=sum(len(_held(ledger, plan)) for plan in _last_plans(ledger, accounts)),
    )


def _waiting_plan(ledger: Ledger, accounts: Sequence[str]) -> WaitingPlan | None:
    p = tables.plan.c
    newest = ledger.row(
        sa.select(p.id, p.verdict, p.sealed_at, p.account, p.scope, p.seq)
        .where(p.account.in_(accounts), p.state != "done", p.undo_of.is_(None), p.expires_at > ledger.now())
        .order_by(p.sealed_at.desc(), p.seq.desc())
    )
    if newest is None:
        return None
    applied_since = sa.select(p.id).where(
        p.account == newest["account"],
        p.state != "sealed",
        p.seq > newest["seq"],
        tables.speaks_for(tables.plan, newest["scope"]),
    )
    if ledger.row(applied_since) is not None:
        return None  # it would only find rows that drifted
    return WaitingPlan(newest["id"], newest["verdict"], newest["sealed_at"])


def history(ledger: Ledger, pipelines: Collection[str], limit: int) -> tuple[PastRun, ...]:
    """Return the last runs of these pipelines, newest first."""
    r = tables.run.c
    query = sa.select(tables.run).where(r.pipeline.in_(pipelines)).order_by(r.started_at.desc()).limit(limit)
    return tuple(_past_run(row) for row in ledger.rows(query))


def _past_run(row: Mapping[str, Any]) -> PastRun:
    calls = json.loads(row["calls"] or "{}")
    return PastRun(
        run_id=row["id"],
        pipeline=row["pipeline"],
        verb=row["verb"],
        state=row["state"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        plan_id=row["plan"],
        counts=json.loads(row["counts"] or "{}"),
        source_rejects=row["source_rejects"],
        calls=CallCount(calls.get("used", 0), calls.get("minimum", 0)),
        message=row["message"] or "",
    )


def problems(ledger: Ledger, pipeline: str, accounts: Sequence[str], *, every: bool) -> Problems:
    """Return what of a pipeline needs a person. every: also what was mended since."""
    r = tables.run.c
    rows = [
        BadRow(b["key"], b["state"], b["message"], b["plan"], b["at"])
        for account in accounts
        for b in ledger.bad_outcomes(account, all_plans=every)
    ]
    held = [row for plan in _last_plans(ledger, accounts) for row in _held(ledger, plan)]
    failed = sa.select(tables.run).where(r.pipeline == pipeline, r.state.in_(["failed", "stopped"]))
    if not every:
        failed = failed.where(~_mended())
    runs = [
        FailedRun(f["id"], f["verb"], f["state"], f["ended_at"], f["message"])
        for f in ledger.rows(failed.order_by(r.started_at.desc()))
    ]
    return Problems(tuple(rows), tuple(held), tuple(runs))


def _mended() -> Any:
    """The condition that a run which ended badly is over: a sync ended well since; of a chain, one of that chain."""
    r, later = tables.run.c, tables.run.alias("later")
    of_chain = sa.or_(
        later.c.verb == "sync", later.c.verb == r.verb, sa.and_(later.c.verb.like("sync %"), ~r.verb.like("sync %"))
    )
    return sa.exists().where(later.c.pipeline == r.pipeline, later.c.state == "done", later.c.started_at > r.started_at, of_chain)


def _broken(ledger: Ledger, pipeline: str, last: PastRun | None) -> tuple[PastRun, ...]:
    """The last run, and the last of each chain, as far as they ended badly."""
    r = tables.run.c
    newest = sa.select(sa.func.max(r.started_at)).where(r.pipeline == pipeline, r.verb.like("sync %")).group_by(r.verb)
    of_chains = sa.select(tables.run).where(r.pipeline == pipeline, r.started_at.in_(newest)).order_by(r.started_at)
    runs = {run.run_id: run for run in (*map(_past_run, ledger.rows(of_chains)), *([last] if last else []))}
    return tuple(run for run in runs.values() if run.state in ENDED_BADLY)


def _last_plans(ledger: Ledger, accounts: Sequence[str]) -> list[str]:
    """Return the last plan that was made of everything and applied, of each account and partition."""
    p = tables.plan.c
    whole = sa.select(p.id, p.account, p.scope).where(
        p.account.in_(accounts), p.state == "done", p.undo_of.is_(None), p.partial.in_([0, tables.SENT_IN_PART])
    )
    last = {(row["account"], row["scope"]): str(row["id"]) for row in ledger.rows(whole.order_by(p.applied_at))}
    return list(last.values())


def _held(ledger: Ledger, plan: str) -> list[BadRow]:
    """Return the rows of a plan that were held, and of which nothing was heard since."""
    o, later = tables.outcome.c, tables.outcome.alias("later")
    since = sa.exists().where(later.c.account == o.account, later.c.key == o.key, later.c.at > o.at, later.c.state != "held")
    query = sa.select(o.key, o.message, o.at).where(o.plan == plan, o.state == "held", ~since).order_by(o.row)
    return [BadRow(h["key"], "held", h["message"], plan, h["at"]) for h in ledger.rows(query)]


def scopes_of(ledger: Ledger, accounts: Sequence[str], keys: Collection[str] | None) -> dict[str, set[str]]:
    """Return keys by the partition they were last planned in. None: all that ended badly. A key never planned is left out."""
    o, p = tables.outcome.c, tables.plan.c
    found: dict[str, set[str]] = {}
    if keys is None:
        planned = [(row["key"], row["plan"]) for account in accounts for row in ledger.bad_outcomes(account)]
    else:
        query = sa.select(o.key, o.plan).where(o.account.in_(accounts), o.key.in_(keys)).order_by(o.at)
        planned = list({row["key"]: row["plan"] for row in ledger.rows(query)}.items())
    scopes = {row["id"]: row["scope"] or "" for row in ledger.rows(sa.select(p.id, p.scope).where(p.account.in_(accounts)))}
    for key, plan in planned:
        found.setdefault(scopes.get(plan, ""), set()).add(key)
    return found


def known_keys(ledger: Ledger, accounts: Sequence[str], keys: Collection[str] | None = None) -> set[str]:
    """Return those of these keys (None: all) that were ever planned and applied, or are recorded as ours."""
    found = set[str]()
    for table in (tables.outcome, tables.record):
        query = sa.select(table.c.key).where(table.c.account.in_(accounts)).distinct()
        found.update(ledger.column(query if keys is None else query.where(table.c.key.in_(list(keys)))))
    return found


def story(ledger: Ledger, files: PlanFiles, accounts: Sequence[str], keys: Collection[str]) -> Story:
    """Return all that the ledger knows of these keys."""
    planned: list[PlannedRow | UnreadablePlan] = []
    attempts: list[AttemptOf] = []
    o = tables.outcome.c
    outcomes = {
        (row["plan"], row["row"]): row
        for row in ledger.rows(sa.select(tables.outcome).where(o.account.in_(accounts), o.key.in_(keys)))
    }
    plans = ledger.rows(sa.select(tables.plan).where(tables.plan.c.account.in_(accounts)).order_by(tables.plan.c.sealed_at))
    for plan in plans:
        try:
            rows = files.query(plan["id"], "SELECT * FROM plan WHERE key IN (SELECT unnest(?)) ORDER BY row", [sorted(keys)])
        except DeliveryError as e:
            planned.append(UnreadablePlan(plan["id"], str(e)))
            continue
        for row in rows:
            planned.append(_planned_row(plan, row, outcomes.get((plan["id"], row["row"]), {})))
            attempts += _attempts_of(ledger, plan["id"], row)
    of_keys = {
        name: tuple(
            {**row, "plan_id": row["plan"]}
            for row in ledger.rows(sa.select(table).where(table.c.account.in_(accounts), table.c.key.in_(keys)))
        )
        for name, table in (("record", tables.record), ("holds", tables.hold), ("releases", tables.release))
    }
    return Story(of_keys["record"], tuple(planned), tuple(attempts), of_keys["holds"], of_keys["releases"])


def _planned_row(plan: Mapping[str, Any], row: Mapping[str, Any], outcome: Mapping[str, Any]) -> PlannedRow:
    return PlannedRow(
        plan_id=plan["id"],
        sealed_at=plan["sealed_at"],
        run_id=plan["run"],
        undo_of=plan["undo_of"],
        key=row["key"],
        action=row["action"],
        held=row["held"],
        reason=row["reason"],
        before=row["before"],
        after=row["after"],
        outcome=outcome.get("state"),
        message=outcome.get("message"),
        at=outcome.get("at"),
    )


def _attempts_of(ledger: Ledger, plan: str, row: Mapping[str, Any]) -> list[AttemptOf]:
    a = tables.attempt.c
    return [
        AttemptOf(
            key=row["key"],
            run_id=t["run"],
            plan_id=t["plan"],
            **{n: t[n] for n in ("id", "step", "state", "message", "intended_at", "answered_at")},
        )
        for t in ledger.rows(sa.select(tables.attempt).where(a.plan == plan).order_by(a.intended_at))
        if row["row"] in json.loads(t["rows"])
    ]
