"""Planning: what the target should hold, against what it holds and what we last put there.

Rows are compared as columns in DuckDB; only rows that differ become Python objects, and only a chunk at a time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.delivery.clock import moment
from sync_pipelines.delivery.guards import PlanGuard, RowGuard, Sight
from sync_pipelines.delivery.images import (
    CHUNK,
    batches,
    engine,
    fingerprint,
    load,
    load_desired,
    load_live,
    loads,
    no_collection,
)
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import RELEASABLE, Action, Desired, Fields, HeldKind, Target
from sync_pipelines.delivery.plans import Plan, PlanFiles, PlannedRow, PlanWriter, value_of

RECORD_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("key", "hash", "state", "done", "at", "plan", "remote_id")),
        ("created", pa.int64()),
        ("sent", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Policy:
    """What the settings say about differences. `valid_for`: how long a sealed plan may wait to be applied. `adopt_equal`:
    whether records that are as wanted without our doing are taken note of, too, and so kept from being made again."""

    remove_missing: bool = False
    adopt_equal: bool = False
    foreign_edits: Literal["hold", "overwrite"] = "hold"
    valid_for: timedelta = timedelta(hours=24)


def make_plan(
    target: Target,
    desired: Iterable[Desired],
    *,
    ledger: Ledger,
    files: PlanFiles,
    pipeline: str,
    extract: str,
    run: str,
    policy: Policy | None = None,
    row_guards: Sequence[RowGuard] = (),
    plan_guards: Sequence[PlanGuard] = (),
    only: Collection[str] | None = None,
    whole: bool = False,
    scope: str = "",
) -> Plan:
    """Compare, decide row by row, let the guards look, seal. Sends nothing that changes the target.

    `only` plans just these keys: others are neither compared nor removed. `whole`: the caller has made sure that no other
    key can need anything, so that the plan speaks for all of them. `scope`: the partition that all of this is about, where the
    target has several and each is planned alone.
    """
    policy = policy or Policy()
    chosen = desired if only is None else (d for d in desired if d.key in only)
    with engine() as con, PlanWriter(files, target) as writer:
        con.execute("SET VARIABLE adopt_equal = ?", [policy.adopt_equal])
        with no_collection():
            load_desired(con, "desired", chosen, target.fields)
        load_records(con, ledger, target.account)
        load_live(
            con,
            "live",
            target.read(None if only is None else sorted(only)),
            target.fields,
            _owned_then(con, ledger, target),
        )
        for parent, n in con.execute("SELECT parent, count(*) FROM live GROUP BY parent ORDER BY parent").fetchall():
            writer.count(parent, "live", n)
        repeated = _set_aside_repeats(con, only)
        p = tables.plan.c
        applied = sa.select(sa.func.count()).where(p.account == target.account, p.state == "done", p.partial == 0)
        first = ledger.value(applied) == 0
        decide = _Decider(target, ledger, policy, row_guards, repeated, no_baseline=first)
        for what, parent, n in _plain_counts(con):
            writer.count(parent, what, n)
        with no_collection():
            for chunk in _differences(con, removals=policy.remove_missing and only is None):
                for row in chunk:
                    planned = decide(row)
                    if planned is None:
                        writer.count(row["parent"], "unchanged")
                    else:
                        writer.add(planned)
        sight = Sight(writer.counts(), first)
        findings = [guard(sight) for guard in plan_guards]
        return writer.seal(
            ledger,
            pipeline=pipeline,
            extract=extract,
            findings=findings,
            run=run,
            valid_for=policy.valid_for,
            partial=only is not None and not whole,
            scope=scope,
        )


_SAME = """d.fingerprint = l.fingerprint AND d.conflict IS NULL AND l.problem IS NULL AND d.key NOT IN (SELECT key FROM twice)
    AND coalesce(r.state, '') NOT IN ('partial', 'unverified') AND (r.hash IS NULL OR l.recorded IS NULL OR r.hash = l.recorded)
    AND (r.key IS NOT NULL OR NOT getvariable('adopt_equal'))"""

_DIFFERING = f"""
CREATE TABLE differing AS
SELECT row_number() OVER (ORDER BY coalesce(d.parent, l.parent), d.ordinal NULLS LAST, l.key) AS place,
    coalesce(d.key, l.key) AS key, d.ordinal AS ordinal
FROM (SELECT * FROM desired WHERE NOT silent) d
FULL JOIN live l ON l.key = d.key
LEFT JOIN record r ON r.key = coalesce(d.key, l.key)
WHERE (d.key IS NOT NULL AND NOT coalesce({_SAME}, false))
   OR (d.key IS NULL AND $1 AND r.created = 1 AND r.state <> 'absent'
       AND l.key NOT IN (SELECT key FROM desired WHERE silent))"""

_DIFFERENCES = """
SELECT w.key, coalesce(d.parent, l.parent) AS parent, d.conflict, d.body AS wanted, d.fingerprint AS wanted_print,
    l.body AS live, coalesce(l.fingerprint, '') AS live_print, l.recorded, l.remote_id, l.problem,
    w.key IN (SELECT key FROM twice) AS is_repeated, r.hash, r.state, r.done, r.at, r.created, r.sent
FROM (SELECT * FROM differing WHERE place BETWEEN ? AND ?) w
LEFT JOIN desired d ON d.ordinal = w.ordinal
LEFT JOIN live l ON l.key = w.key
LEFT JOIN record r ON r.key = w.key
ORDER BY w.place"""


def _differences(con: duckdb.DuckDBPyConnection, *, removals: bool) -> Iterator[list[dict[str, Any]]]:
    """Rows that differ, in plan order. Only their places are sorted whole; bodies are fetched a chunk at a time."""
    con.execute(_DIFFERING, [removals])
    (n,) = con.execute("SELECT count(*) FROM differing").fetchall()[0]
    for start in range(1, n + 1, CHUNK):
        yield from batches(con, _DIFFERENCES, [start, start + CHUNK - 1])


def _plain_counts(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, int]]:
    yield from con.execute(
        f"""SELECT 'desired', parent, count(*) FROM desired WHERE NOT silent GROUP BY parent
        UNION ALL SELECT 'unchanged', d.parent, count(*) FROM desired d JOIN live l ON l.key = d.key
            LEFT JOIN record r ON r.key = d.key WHERE NOT d.silent AND {_SAME} GROUP BY d.parent
        ORDER BY 1, 2"""
    ).fetchall()


def load_records(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, account: str, keys: Sequence[str] | None = None
) -> None:
    """The ledger's records of one account (of these keys, or all), as the DuckDB table `record`."""
    query = sa.select(*(tables.record.c[name] for name in RECORD_COLUMNS.names)).where(
        tables.record.c.account == account
    )
    if keys is not None:
        query = query.where(tables.record.c.key.in_(keys))

    def columns() -> Iterator[Sequence[Sequence[Any]]]:
        with ledger.reader.connect() as reader:
            found = reader.execution_options(yield_per=CHUNK).execute(query)
            for part in found.partitions():
                yield list(zip(*part, strict=True))

    load(con, "record", RECORD_COLUMNS, columns())


def _owned_then(con: duckdb.DuckDBPyConnection, ledger: Ledger, target: Target) -> dict[str, frozenset[str]]:
    """For keys last written when the settings owned other fields: the fields owned then."""
    now, then = json.dumps(target.owned()), {}
    p = tables.plan.c
    others = sa.select(p.id, p.owned).where(p.account == target.account, p.owned != now)
    for row in ledger.rows(others):
        keys = con.execute("SELECT key FROM record WHERE plan = ?", [row["id"]]).fetchall()
        then.update(dict.fromkeys((k for (k,) in keys), frozenset(json.loads(row["owned"]))))
    return then


def _set_aside_repeats(con: duckdb.DuckDBPyConnection, only: Collection[str] | None) -> dict[str, str]:
    """Keys that stand twice, with where; the live table keeps one row of each, and only those asked for."""
    if only is not None:
        con.execute("DELETE FROM live WHERE key NOT IN (SELECT unnest(?))", [sorted(only)])
    where: dict[str, str] = {}
    for table, text in (("live", "at the target"), ("desired", "in the source")):
        silent = "" if table == "live" else "WHERE NOT silent"
        for key, n in con.execute(
            f"SELECT key, count(*) FROM {table} {silent} GROUP BY key HAVING count(*) > 1"
        ).fetchall():
            where[key] = f"stands {n} times {text}"
    con.execute("CREATE TABLE twice AS SELECT unnest(?::VARCHAR[]) AS key", [list(where)])
    if where:
        con.execute("DELETE FROM live WHERE rowid NOT IN (SELECT min(rowid) FROM live GROUP BY key)")
    return where


class _Decider:
    """What happens to one row that differs. Called in plan order; returns None where nothing needs to be done."""

    def __init__(
        self,
        target: Target,
        ledger: Ledger,
        policy: Policy,
        row_guards: Sequence[RowGuard],
        repeated: dict[str, str],
        *,
        no_baseline: bool,
    ) -> None:
        self.target, self.policy, self.row_guards, self.repeated = target, policy, row_guards, repeated
        self.no_baseline = no_baseline
        self.now = ledger.clock.now()
        self.released = ledger.releases(target.account)
        holds = ledger.rows(sa.select(tables.hold).where(tables.hold.c.account == target.account))
        self.undone = {h["key"]: h["value"] for h in holds}
        self.doubtful = {k: d.intended_at for d in ledger.doubts(target.account) for k in d.keys}

    def __call__(self, row: dict[str, Any]) -> PlannedRow | None:
        before, wanted = loads(row["live"]), loads(row["wanted"])
        after = None if wanted is None else self.target.merged(before, wanted)
        action: Action = "remove" if after is None else "create" if before is None else "update"
        as_wanted = after is wanted  # nothing of the target's is kept beside it
        after_print = row["wanted_print"] if as_wanted and wanted else fingerprint(after, self.target.fields)
        steps = self._steps(row, action, before, after, changed=after_print != row["live_print"])
        held = self._cannot_be_decided(row)
        seen = row["live_print"]
        if held is None and action == "update" and after_print == seen and not steps:
            unknown = row["state"] == "unverified" or (row["state"] is None and self.policy.adopt_equal)
            if not unknown and (None in (row["hash"], row["recorded"]) or row["hash"] == row["recorded"]):
                return None
            action, reason = "adopt", "already as wanted, not by us"
            return PlannedRow(
                row["key"], row["parent"], action, before, after, row["remote_id"], (), None, reason, seen, seen,
                texts=(row["live"], None),
            )  # fmt: skip
        if held is None:
            held = self._needs_a_person(row, action, before, after, after_print)
            if held and held[0] in RELEASABLE and (row["key"], value_of(seen, after_print)) in self.released:
                held = None
        kind, reason = held or (None, "")
        return PlannedRow(
            row["key"], row["parent"], action, before, after, row["remote_id"], steps, kind, reason, seen, after_print,
            texts=(row["live"], row["wanted"] if as_wanted else None),
        )  # fmt: skip

    def _steps(
        self, row: dict[str, Any], action: Action, before: Fields | None, after: Fields | None, *, changed: bool
    ) -> tuple[str, ...]:
        """The steps this row needs: those whose fields change, and those an earlier run left undone."""
        serving = [s for s in self.target.steps if action in s.actions]
        if len(serving) == 1 and not serving[0].fields:  # it writes everything: needed when anything differs
            return (serving[0].name,) if action != "update" or changed else ()
        if action != "update":
            return tuple(s.name for s in serving)
        done = json.loads(row["done"] or "[]") if row["state"] == "partial" else None
        owed = [s for s in serving if done is not None and s.name not in done and not self._visible(s.fields)]
        return tuple(s.name for s in serving if s in owed or not self.target.same(before, after, s))

    def _visible(self, names: frozenset[str]) -> bool:
        return not names or any(self.target.fields[n].ownership == "owned" for n in names if n in self.target.fields)

    def _cannot_be_decided(self, row: dict[str, Any]) -> tuple[HeldKind, str] | None:
        if row["conflict"]:
            return "conflict", row["conflict"]
        if row["is_repeated"]:
            return "conflict", f"key {self.repeated[row['key']]}"
        if row["problem"]:
            return "target", row["problem"]
        if row["key"] in self.doubtful:
            return "doubt", f"a call of {self.doubtful[row['key']]} was never answered and is not settled yet"
        return None

    def _needs_a_person(
        self, row: dict[str, Any], action: Action, before: Fields | None, after: Fields | None, after_print: str
    ) -> tuple[HeldKind, str] | None:
        if after is not None:
            for guard in self.row_guards:
                if reason := guard(before, after):
                    return "guard", reason
        known = row["state"] in ("present", "partial")
        as_recorded = row["recorded"] is None or row["hash"] == row["recorded"]
        fresh = known and self.now - moment(row["at"]) < self.target.settles_within
        if self.target.gone(before) and (known or row["state"] == "unverified"):
            if fresh:
                return "settling", f"written {row['at']}, not visible yet"
            return "gone", f"written by us {row['at']}, no longer at the target; not made again without a person"
        if known and not as_recorded and row["state"] == "present":
            if fresh:
                return "settling", f"written {row['at']}, the target still shows an older state"
            if row["sent"] >= 2 and row["hash"] == after_print:
                return (
                    "unkept",
                    f"sent {row['sent']} times and not kept by the target: {self._differing(before, after)}",
                )
            if self.policy.foreign_edits == "hold":
                return (
                    "foreign_edit",
                    f"changed at the target since we wrote it {row['at']}: {self._differing(before, after)}",
                )
        if self.undone.get(row["key"]) == after_print:
            return "undone", "this value was undone; it is sent again when the source changes or a person releases it"
        if action == "remove":
            return ("guard", "a removal on the first run needs a person") if self.no_baseline else None
        return None

    def _differing(self, before: Fields | None, after: Fields | None) -> str:
        def shown(image: Fields | None, name: str) -> Any:
            return "nothing" if image is None or image.get(name) is None else image[name]

        names = [n for n in self.target.owned() if shown(before, n) != shown(after, n)]
        told = (
            n if self.target.fields[n].private else f"{n} is {shown(before, n)}, wanted {shown(after, n)}"
            for n in names
        )
        return ", ".join(told)
