"""Planning: what the target should hold, against what it holds and what we last put there.

Rows are compared as columns in DuckDB; only rows that differ become Python objects, and only a chunk at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.fingerprints import V1
from sync_pipelines.delivery.guards import PlanGuard, PlanSummary, RowGuard, has_baseline
from sync_pipelines.delivery.lease import Busy, refuse_if_written
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import (
    RELEASABLE,
    Action,
    CannotGoOn,
    DeliveryError,
    Desired,
    Fields,
    HeldKind,
    RetryLater,
    Target,
)
from sync_pipelines.delivery.plans import Plan, PlanFiles, PlannedRow, PlanWriter, is_first, value_of
from sync_pipelines.delivery.releasing import Release, open_releases
from sync_pipelines.delivery.staging import AS_RECORDED, images, load_desired, load_live, load_records
from sync_pipelines.delivery.undoing import AWAY, Undone, holds_of
from sync_pipelines.duck import CHUNK, batches, engine, load, no_collection
from sync_pipelines.exact_json import loads


@dataclass(frozen=True)
class Policy:
    """What the settings say about differences. `valid_for`: how long a sealed plan may wait to be applied. `adopt_equal`:
    whether records that are as wanted without our doing are taken note of, too, and so kept from being made again.
    `foreign_edits`: what becomes of a value of ours that somebody changed; "expected": others change these values all the time,
    and whatever became of ours is no reason to hold a row."""

    remove_missing: bool = False
    adopt_equal: bool = False
    foreign_edits: Literal["hold", "overwrite", "expected"] = "hold"
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
    """Compare, decide row by row, let the guards look, seal. Sends nothing that changes the target, and changes no record.

    `only` plans just these keys: others are neither compared nor removed. `whole`: the caller has made sure that no other
    key can need anything, so that the plan speaks for all of them. `scope`: the partition that all of this is about, where the
    target has several and each is planned alone.

    Raises DeliveryError when the target cannot be read now, and Busy while another run writes to the account: rows that it has
    in flight would look like rows in doubt, and be held.
    """
    policy = policy or Policy()
    chosen = desired if only is None else (d for d in desired if d.key in only)
    with engine() as con, PlanWriter(files, target) as writer:
        with no_collection():
            load_desired(con, chosen, target)
        load_records(con, ledger, target.account, target.rules.id, target.settles_within)
        try:
            load_live(con, target.read(None if only is None else sorted(only)), target, ledger)
        except (RetryLater, CannotGoOn) as e:
            raise DeliveryError(f"{target.account}: {e}. Nothing was planned and nothing was sent.") from e
        for parent, n in con.execute("SELECT parent, count(*) FROM live GROUP BY parent ORDER BY parent").fetchall():
            writer.count(parent, "live", n)
        repeated = _set_aside_repeats(con, only)
        first = is_first(ledger, target.account)
        words = _Words(con, target, ledger, complete=only is None)
        baseline = has_baseline(writer.counts(), first=first)
        decide = _Decider(target, ledger, policy, row_guards, repeated, words, baseline)
        same = _same(target, adopt_equal=policy.adopt_equal)
        for what, parent, n in _plain_counts(con, same):
            writer.count(parent, what, n)
        with no_collection():
            up_to_date = _up_to_date(target, policy.adopt_equal)
            for chunk in _differences(con, same, up_to_date, removals=policy.remove_missing and only is None):
                for row in chunk:
                    planned = decide(row)
                    if planned is None:
                        writer.count(row["parent"], "unchanged")
                    else:
                        writer.add(planned)
        decide.refuse_company()
        written = _written(con, only is None or whole)
        summary = PlanSummary(writer.counts(), first, written, decide.vanished)
        findings = [guard(summary) for guard in plan_guards]
        return writer.seal(
            ledger,
            pipeline=pipeline,
            extract=extract,
            findings=findings,
            run=run,
            valid_for=policy.valid_for,
            partial=only is not None and not whole,
            scope=scope,
            ends=words.over,
        )


def _same(target: Target, *, adopt_equal: bool) -> str:
    """The condition that a desired row d, the live l and the record r agree and nothing is left to note."""
    return f"""d.fingerprint = l.fingerprint AND d.conflict IS NULL AND l.problem IS NULL AND d.key NOT IN (SELECT key FROM twice)
    AND ({"false" if adopt_equal else "r.key IS NULL"} OR r.state = 'present' AND {AS_RECORDED} = 'same'
        AND coalesce(r.remote_id = l.remote_id, true) AND {_up_to_date(target, adopt_equal)})"""


def _up_to_date(target: Target, adopt_equal: bool) -> str:
    """The condition that a record need not be written anew under the rules of today. One of an earlier version is, once."""
    return f"r.rules = '{target.rules.id}'" if adopt_equal else f"r.rules <> '{V1}'"


def _differences(con: duckdb.DuckDBPyConnection, same: str, up_to_date: str, *, removals: bool) -> Iterator[list[dict[str, Any]]]:
    """Rows that differ, in plan order. Only their places are sorted whole; bodies are fetched a chunk at a time."""
    gone = """OR (d.key IS NULL AND r.created = 1 AND r.state NOT IN ('absent', 'gone')
       AND coalesce(r.remote_id = l.remote_id, true) AND l.key NOT IN (SELECT key FROM desired WHERE silent))"""
    con.execute(
        f"""CREATE TABLE differing AS
        SELECT row_number() OVER (ORDER BY coalesce(d.parent, l.parent), d.ordinal NULLS LAST, l.key) AS place,
            coalesce(d.key, l.key) AS key, d.ordinal AS ordinal
        FROM (SELECT * FROM desired WHERE NOT silent) d
        FULL JOIN live l ON l.key = d.key
        LEFT JOIN record r ON r.key = coalesce(d.key, l.key)
        WHERE (d.key IS NOT NULL AND NOT coalesce({same}, false)) {gone if removals else ""}"""
    )
    (n,) = con.execute("SELECT count(*) FROM differing").fetchall()[0]
    query = f"""
    SELECT w.key, coalesce(d.parent, l.parent) AS parent, d.conflict, d.body AS wanted, d.fingerprint AS wanted_print,
        l.body AS live, coalesce(l.fingerprint, '') AS live_print, {AS_RECORDED} AS as_recorded, l.remote_id, l.problem,
        w.key IN (SELECT key FROM twice) AS is_repeated,
        r.hash, r.fields, r.state, r.done, r.at, r.created, r.seen, r.seq, r.fresh, r.remote_id AS known_id,
        {up_to_date} AS is_up_to_date
    FROM (SELECT * FROM differing WHERE place BETWEEN ? AND ?) w
    LEFT JOIN desired d ON d.ordinal = w.ordinal
    LEFT JOIN live l ON l.key = w.key
    LEFT JOIN record r ON r.key = w.key
    ORDER BY w.place"""
    for start in range(1, n + 1, CHUNK):
        yield from batches(con, query, [start, start + CHUNK - 1])


def _plain_counts(con: duckdb.DuckDBPyConnection, same: str) -> Iterator[tuple[str, str, int]]:
    yield from con.execute(
        f"""SELECT 'desired', parent, count(*) FROM desired WHERE NOT silent GROUP BY parent
        UNION ALL SELECT 'unchanged', d.parent, count(*) FROM desired d JOIN live l ON l.key = d.key
            LEFT JOIN record r ON r.key = d.key WHERE NOT d.silent AND {same} GROUP BY d.parent
        ORDER BY 1, 2"""
    ).fetchall()


def _written(con: duckdb.DuckDBPyConnection, whole: bool) -> int | None:
    """How many records of ours should be there, of those the plan is about; None where only chosen keys were looked at."""
    if not whole:
        return None
    query = "SELECT count(*) FROM record WHERE state IN ('present', 'partial', 'unverified')"
    return int(con.execute(query).fetchall()[0][0])


def _set_aside_repeats(con: duckdb.DuckDBPyConnection, only: Collection[str] | None) -> dict[str, str]:
    """Keys that appear twice, with where; the live table keeps one row of each, and only those asked for."""
    if only is not None:
        con.execute("DELETE FROM live WHERE key NOT IN (SELECT unnest(?))", [sorted(only)])
    where: dict[str, str] = {}
    for table, text in (("live", "at the target"), ("desired", "in the source")):
        silent = "" if table == "live" else "WHERE NOT silent"
        for key, n in con.execute(f"SELECT key, count(*) FROM {table} {silent} GROUP BY key HAVING count(*) > 1").fetchall():
            where[key] = f"appears {n} times {text}"
    con.execute("CREATE TABLE twice AS SELECT unnest(?::VARCHAR[]) AS key", [list(where)])
    if where:
        con.execute("DELETE FROM live WHERE rowid NOT IN (SELECT min(rowid) FROM live GROUP BY key)")
    return where


class _Words:
    """What people said of single keys: undone values and releases, and which of these are over, for the source wants
    something else now. That is noted when the plan is applied, not before."""

    def __init__(self, con: duckdb.DuckDBPyConnection, target: Target, ledger: Ledger, *, complete: bool) -> None:
        self.releases: dict[str, list[Release]] = {}
        for given in open_releases(ledger, target.account):
            self.releases.setdefault(given.key, []).append(given)
        self.holds = holds_of(ledger, target.account)
        self.undone: set[str] = set()
        self.over: dict[str, list[str]] = {"holds": [], "releases": []}
        keys = sorted({*self.releases, *self.holds})
        if not keys:
            return
        load(con, "said", pa.schema([("key", pa.string())]), [[keys]])
        query = """SELECT s.key, d.key IS NOT NULL AS is_wanted, coalesce(d.silent OR d.conflict IS NOT NULL, false)
                OR s.key IN (SELECT key FROM twice) AS is_silent, d.body AS wanted, l.body AS live
            FROM said s LEFT JOIN desired d ON d.key = s.key LEFT JOIN live l ON l.key = s.key ORDER BY s.key"""
        for row in (r for part in batches(con, query) for r in part):
            self._look(target, row, complete=complete)

    def _look(self, target: Target, row: Mapping[str, Any], *, complete: bool) -> None:
        key, speaks = row["key"], (row["is_wanted"] or complete) and not row["is_silent"]
        _, after = images(row["live"], row["wanted"], target)
        hold = self.holds.get(key)
        if hold is not None and (not speaks or self._still_wants(target, hold, after)):
            self.undone.add(key)
        elif hold is not None:
            self.over["holds"].append(key)
        if speaks:
            seen = target.rules.print(after)
            self.over["releases"] += [r.id for r in self.releases.get(key, ()) if r.after != seen]

    @staticmethod
    def _still_wants(target: Target, hold: Undone, after: Fields | None) -> bool:
        """Whether the source wants just what was undone. What cannot be told stays undone: a person decided."""
        if hold.fields is None:
            return target.rules.compare_v1(hold.value, hold.owned, after) != "differs"
        if hold.fields == AWAY:
            return target.gone(after)
        return target.rules.compare(hold.fields, after) != "differs"

    def released(self, key: str, value: str) -> set[str]:
        return {r.kind for r in self.releases.get(key, ()) if r.value == value}


class _Decider:
    """What happens to one row that differs. Called in plan order; returns None where nothing needs to be done."""

    def __init__(
        self,
        target: Target,
        ledger: Ledger,
        policy: Policy,
        row_guards: Sequence[RowGuard],
        repeated: dict[str, str],
        words: _Words,
        baseline: Callable[[str], bool],
    ) -> None:
        self.target, self.ledger, self.policy = target, ledger, policy
        self.row_guards, self.repeated = row_guards, repeated
        self.words, self.baseline = words, baseline
        self.doubts = ledger.doubts(target.account)
        self.doubtful = {k: d.intended_at for d in self.doubts for k in d.keys}
        self.vanished = 0
        """Records of ours that are not there any more, and of which nobody took note yet."""

    def refuse_company(self) -> None:
        """Raises Busy where another run writes to the account, or has done so since the doubts were read."""
        refuse_if_written(self.ledger, self.target.account)
        if self.ledger.doubts(self.target.account) != self.doubts:
            raise Busy(f"another run wrote to {self.target.account} while this plan was made. Nothing was sent; try again.")

    def __call__(self, row: dict[str, Any]) -> PlannedRow | None:
        before, wanted = loads(row["live"]), loads(row["wanted"])
        after = None if wanted is None else self.target.merged(before, wanted)
        action: Action = "remove" if after is None else "create" if before is None else "update"
        as_wanted = after is wanted  # nothing of the target's is kept beside it
        live_print = row["live_print"]
        after_print = row["wanted_print"] if as_wanted and wanted is not None else self.target.rules.print(after)
        ours = self._life(row, before)
        steps = self._steps(row, ours, action, before, after, changed=after_print != live_print)
        holds = self._cannot_be_decided(row, before)
        if not holds and action == "update" and after_print == live_print and not steps:
            if ours == "present" and row["as_recorded"] == "same" and row["is_up_to_date"]:
                return None
            if row["state"] is None and not self.policy.adopt_equal:
                return None
            action = "adopt"  # already as wanted, not by us, or not as we last noted it
        elif not holds:
            holds = self._needs_a_person(row, ours, action, before, after, after_print)
            value = value_of(live_print, after_print)
            released = self.words.released(row["key"], value)
            holds = [(kind, why) for kind, why in holds if kind not in released or kind not in RELEASABLE]
        if any(kind == "gone" for kind, _ in holds) and row["state"] != "gone":
            self.vanished += 1
        return PlannedRow(
            row["key"],
            row["parent"],
            action,
            before,
            after,
            row["remote_id"],
            () if action == "adopt" else steps,
            tuple(holds),
            live_print,
            after_print,
            texts=(row["live"], row["wanted"] if as_wanted else None),
        )

    def _life(self, row: Mapping[str, Any], before: Fields | None) -> str | None:
        """The state of our record of this very thing; None where there is none. What appears under a key of ours after we
        removed it, after somebody did, or under another id, is somebody else's."""
        state: str | None = row["state"]
        live_id, known_id = row["remote_id"], row["known_id"]
        if before is None:
            return None if state == "absent" else state
        if live_id and known_id and live_id != known_id:
            return None
        if state == "gone":
            return "present" if known_id and live_id == known_id else None
        return None if state == "absent" else state

    def _steps(
        self,
        row: Mapping[str, Any],
        ours: str | None,
        action: Action,
        before: Fields | None,
        after: Fields | None,
        *,
        changed: bool,
    ) -> tuple[str, ...]:
        """The steps this row needs: those whose fields change, and those an earlier plan left undone. A step that was done
        counts only where this plan wants the same of it."""
        target = self.target
        serving = [s for s in target.steps if action in s.actions]
        if len(serving) == 1 and not serving[0].fields:  # it writes everything: needed when anything differs
            return (serving[0].name,) if action != "update" or changed else ()
        if action != "update":
            return tuple(s.name for s in serving)
        due: set[str] = set()
        if ours == "partial":
            done = json.loads(row["done"] or "[]")
            due = {
                s.name
                for s in serving
                if not target.shows(s) and not (s.name in done and target.rules.agrees(row["fields"], after, s.fields))
            }
        return tuple(s.name for s in serving if s.name in due or not target.same(before, after, s))

    def _cannot_be_decided(self, row: Mapping[str, Any], before: Fields | None) -> list[tuple[HeldKind, str]]:
        """The first of the reasons that nobody can release."""
        if row["conflict"]:
            return [("conflict", row["conflict"])]
        if row["is_repeated"]:
            return [("conflict", f"key {self.repeated[row['key']]}")]
        if row["problem"]:
            return [("target", row["problem"])]
        if row["key"] in self.doubtful:
            message = f"a call of {self.doubtful[row['key']]} was never answered and is not settled yet"
            return [("doubt", message)]
        if row["fresh"]:
            gone = self.target.gone(before)
            if row["state"] == "absent" and not gone:
                return [("settling", f"removed by us {row['at']}, the target still shows it")]
            if row["state"] != "absent" and gone:
                return [("settling", f"written {row['at']}, not visible yet")]
            if row["state"] != "absent" and row["as_recorded"] != "same":
                return [("settling", f"written {row['at']}, the target still shows an older state")]
        return []

    def _needs_a_person(
        self,
        row: Mapping[str, Any],
        ours: str | None,
        action: Action,
        before: Fields | None,
        after: Fields | None,
        after_print: str,
    ) -> list[tuple[HeldKind, str]]:
        """Every reason to hold the row that is a matter of opinion."""
        reasons: list[tuple[HeldKind, str]] = []
        if self.policy.foreign_edits == "expected" and after is not None:
            return [("guard", why) for guard in self.row_guards if (why := guard(before, after))]
        if ours and self.target.gone(before):
            reasons.append(("gone", f"written by us {row['at']}, no longer at the target; not made again without a person"))
        elif ours in ("present", "partial") and row["as_recorded"] != "same":
            reasons += self._not_as_recorded(row, before, after, after_print)
        if row["key"] in self.words.undone:
            message = "this value was undone; it is sent again when the source changes or a person releases it"
            reasons.append(("undone", message))
        if after is None:
            if not self.baseline(row["parent"]):
                reasons.append(("guard", "a removal where there is nothing to compare its share with needs a person"))
            return reasons
        return reasons + [("guard", why) for guard in self.row_guards if (why := guard(before, after))]

    def _not_as_recorded(
        self, row: Mapping[str, Any], before: Fields | None, after: Fields | None, after_print: str
    ) -> list[tuple[HeldKind, str]]:
        differing = self._differing(before, after)
        if row["as_recorded"] == "unknown":
            message = f"cannot tell whose this is (written by us {row['at']}, under other settings or without an answer)"
            return [("unverified", f"{message}: {differing}")] if self.policy.foreign_edits == "hold" else []
        if row["hash"] == after_print and row["seen"] == row["live_print"] and not self._was_kept(row):
            return [("unkept", f"sent 2 times and not kept by the target: {differing}")]
        if self.policy.foreign_edits == "hold":
            return [("foreign_edit", f"changed at the target since we wrote it {row['at']}: {differing}")]
        return []

    def _was_kept(self, row: Mapping[str, Any]) -> bool:
        """Whether a later plan that looked at everything found nothing to do for the key: then the target did keep the value,
        and somebody changed it since."""
        p, o = tables.plan.c, tables.outcome.c
        whole = sa.select(p.id).where(p.account == self.target.account, p.state == "done", p.partial == 0, p.seq > row["seq"])
        newer = self.ledger.row(whole.order_by(p.seq.desc()))
        if newer is None:
            return False
        planned = sa.select(o.row).where(o.plan == newer["id"], o.key == row["key"])
        return self.ledger.row(planned) is None

    def _differing(self, before: Fields | None, after: Fields | None) -> str:
        def shown(image: Fields | None, name: str) -> Any:
            return "nothing" if image is None or image.get(name) is None else image[name]

        fields, rules = self.target.fields, self.target.rules
        names = [n for n in self.target.owned() if rules.text(n, before) != rules.text(n, after)]
        return ", ".join(n if fields[n].private else f"{n} is {shown(before, n)}, wanted {shown(after, n)}" for n in names)
