"""Runs as the ledger remembers them: history, reports and the recovery message are read from here."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.lease import process_start
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import RequestRefused
from sync_pipelines.delivery.tables import put

RunState = Literal["running", "done", "stopped", "incomplete", "failed"]
"""stopped: by a guard, before the first write. incomplete: rows ended rejected, failed, drifted or unknown."""


def start_run(ledger: Ledger, run_id: str, pipeline: str, verb: str) -> None:
    with ledger.write() as tx:
        put(
            tx,
            tables.run,
            [
                {
                    "id": run_id,
                    "pipeline": pipeline,
                    "verb": verb,
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "born": process_start(os.getpid()),
                    "state": "running",
                    "started_at": ledger.now(),
                }
            ],
        )


def note_run(ledger: Ledger, run_id: str, **facts: Any) -> None:
    """Add what is known of a run so far: plan, counts, calls, source_rejects, message."""
    values = {k: json.dumps(v) if isinstance(v, Mapping) else v for k, v in facts.items()}
    with ledger.write() as tx:
        tx.execute(tables.run.update().where(tables.run.c.id == run_id).values(**values))


def end_run(ledger: Ledger, run_id: str, state: RunState, **facts: Any) -> None:
    note_run(ledger, run_id, state=state, ended_at=ledger.now(), **facts)


def get_run(ledger: Ledger, run_id: str) -> dict[str, Any] | None:
    """Return a run by its id or by a start of it. Raises RequestRefused for a start that fits several."""
    return ledger.only_one(tables.run, run_id, lambda run: f"{run['verb']} of {run['pipeline']}, {run['started_at']}")


def run_or_plan(ledger: Ledger, start: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the run, or else the plan, whose id begins so. Raises RequestRefused for none, and for a start that fits both."""
    run, plan = get_run(ledger, start), ledger.find_plan(start)
    if run is not None and plan is not None and plan["run"] != run["id"]:
        raise RequestRefused(f"{start} fits several: run {run['id']}, plan {plan['id']}. Give more of the id.")
    if run is None and plan is None:
        raise RequestRefused(f"no run and no plan {start} in {ledger.url}. `sync-pipelines history` lists past runs and plans.")
    return run, None if run is not None else plan


def plans_of(ledger: Ledger, run_id: str) -> list[dict[str, Any]]:
    """The plans that a run made or took up, in the order they were sealed."""
    return ledger.rows(
        sa.select(tables.plan).where(tables.plan.c.run == run_id).order_by(tables.plan.c.seq, tables.plan.c.sealed_at)
    )


def dead_runs(ledger: Ledger) -> list[dict[str, Any]]:
    """Return runs of this host that have not ended and whose process is gone."""
    running = sa.select(tables.run).where(tables.run.c.state == "running", tables.run.c.host == socket.gethostname())
    return [r for r in ledger.rows(running) if r["pid"] != os.getpid() and process_start(r["pid"]) != r["born"]]


def mark_dead_runs(ledger: Ledger) -> list[dict[str, Any]]:
    """End runs of this host whose process is gone. Returns them."""
    dead = dead_runs(ledger)
    for r in dead:
        end_run(ledger, r["id"], "failed", message="the process was killed; the next run settles what it left")
    return dead


def first_starts(ledger: Ledger) -> dict[str, str]:
    """When each pipeline ran for the first time."""
    r = tables.run.c
    first = sa.select(r.pipeline, sa.func.min(r.started_at).label("at")).group_by(r.pipeline)
    return {row["pipeline"]: row["at"] for row in ledger.rows(first)}


def states_since(ledger: Ledger, pipeline: str, since: str) -> list[tuple[str, str]]:
    """When the runs of a pipeline began that began since a moment, and their states."""
    r = tables.run.c
    found = ledger.rows(sa.select(r.started_at, r.state).where(r.pipeline == pipeline, r.started_at >= since))
    return [(row["started_at"], row["state"]) for row in found]


def was_ever_run(ledger: Ledger, pipeline: str, verb: str) -> bool:
    """Return whether this verb of a pipeline was ever begun."""
    return ledger.row(sa.select(tables.run.c.id).where(tables.run.c.pipeline == pipeline, tables.run.c.verb == verb)) is not None


def last_good_end(ledger: Ledger, pipeline: str, verb: str) -> str | None:
    """Return when the newest run of a pipeline and verb that ended well did so; None where none did."""
    r = tables.run.c
    query = sa.select(r.ended_at).where(r.pipeline == pipeline, r.verb == verb, r.state == "done").order_by(r.ended_at.desc())
    row = ledger.row(query)
    return None if row is None else str(row["ended_at"])


def last_whole_end(ledger: Ledger, pipeline: str, verb: str) -> str | None:
    """When the newest run of a pipeline and verb ended well that sent all it had planned; None where none did.

    A run that sent only the first changes, or looked at chosen keys only, leaves work that is due at once.
    """
    r, p = tables.run.c, tables.plan.c
    query = (
        sa.select(r.ended_at)
        .outerjoin_from(tables.run, tables.plan, p.id == r.plan)
        .where(r.pipeline == pipeline, r.verb == verb, r.state == "done", sa.func.coalesce(p.partial, 0) == 0)
        .order_by(r.ended_at.desc())
    )
    row = ledger.row(query)
    return None if row is None else str(row["ended_at"])


def recovered(ledger: Ledger, pipeline: str, run_id: str, verb: str) -> bool:
    """Whether the last run of the pipeline that ended before this one ended badly; of a chain (`sync stock`), the last of it."""
    r = tables.run.c
    ended = sa.select(r.state).where(r.pipeline == pipeline, r.id != run_id, r.state != "running")
    if " " in verb:
        ended = ended.where(r.verb == verb)
    before = ledger.row(ended.order_by(r.ended_at.desc()))
    return before is not None and before["state"] != "done"
