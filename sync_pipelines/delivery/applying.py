"""Applying a plan: intent, call, answer, row by row, until every planned row has exactly one outcome.

A crash anywhere leaves no intent (nothing was sent), an intent without an answer (a doubt, settled by reading before
anything newer goes to its keys), or a committed answer. Applying the same plan again continues it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.delivery.images import batches, chunks, engine, fingerprint, load, load_live, loads
from sync_pipelines.delivery.journal import Journal
from sync_pipelines.delivery.ledger import Lease, Ledger
from sync_pipelines.delivery.model import (
    RELEASABLE,
    Answer,
    Applied,
    BatchRefused,
    CannotGoOn,
    Change,
    DeliveryError,
    Intent,
    Live,
    NotApplied,
    OutcomeState,
    Refused,
    RetryLater,
    Step,
    Target,
)
from sync_pipelines.delivery.planning import load_records
from sync_pipelines.delivery.plans import Plan, PlanFiles, change_from, quoted, step_names, stored, value_of
from sync_pipelines.delivery.settling import Settler

log = logging.getLogger(__name__)

FRESH_LEASE = 5.0
"""Seconds between the commit of an intent and its call, after which the lease is looked at again."""

FEW = 1_000
"""Keys that fit into one query of the ledger."""

STILL_OPEN = (
    "the answer was lost and reading could not settle it; nothing newer is sent to this key. Every run looks again. "
    "If the record at the target is in order, forget the doubt with `sync-pipelines reset`."
)


class PlanStopped(DeliveryError):
    """A guard stopped the plan and nobody has released it. Nothing was sent."""


class Paused(DeliveryError):
    """The vendor asked for a longer wait than the run has patience for. The plan stays open."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a vendor that asks for it, in seconds, and how often to try one row."""

    seconds: float = 600.0
    tries: int = 5


@dataclass(frozen=True)
class Report:
    """How a plan ended: outcomes by state, calls made, and what a last look at the target found as planned.

    `read_back` and `as_planned` are None when nothing was sent, or when the target does not show it at once.
    """

    plan: str
    counts: dict[str, int]
    writes: int = 0
    read_back: int | None = None
    as_planned: int | None = None


def apply(
    target: Target,
    plan_id: str,
    *,
    ledger: Ledger,
    files: PlanFiles,
    run: str,
    limit: int | None = None,
    patience: Patience | None = None,
) -> Report:
    """Bring a sealed plan to its end. Raises PlanStopped, Paused, Busy, LeaseLost, DeliveryError.

    `limit` sends only the first N changes of the plan; the rest end as skipped.
    """
    row = ledger.plan(plan_id)
    plan = stored(files, row)
    if plan.account != target.account:
        raise DeliveryError(
            f"plan {plan.id} is for {plan.account}; the settings now point to {target.account}. Nothing was sent."
        )
    if row["state"] == "done":
        return Report(plan.id, ledger.outcome_counts(plan.id), 0, row["read_back"], row["as_planned"])
    if row["state"] == "sealed" and ledger.now() > row["expires_at"]:
        raise DeliveryError(f"plan {plan.id} expired {row['expires_at']}. Nothing was sent; make a new plan.")
    p = tables.plan.c
    newer = sa.select(p.id).where(p.account == plan.account, p.state == "done", p.applied_at > row["sealed_at"])
    newer = newer.where(tables.speaks_for(tables.plan, row["scope"]))
    if row["state"] == "sealed" and (later := ledger.row(newer)):
        raise DeliveryError(
            f"plan {later['id']} was applied after plan {plan.id} was made. Nothing was sent; make a new plan."
        )
    refuse_unless_released(plan, ledger, files)
    with ledger.holding(plan.account) as lease, engine() as con:
        target.renew()
        work = _Application(target, plan, ledger, files, run, lease, con, patience or Patience())
        return work.to_the_end(limit)


def settle_first(
    target: Target, *, ledger: Ledger, files: PlanFiles, run: str, patience: Patience | None = None
) -> None:
    """Settle what earlier runs left in doubt, before a plan is made that is to be applied. Sends nothing.

    A plan holds every key in doubt; one that is made after settling can go on where the crashed run stopped.
    """
    if not ledger.doubts(target.account):
        return
    with ledger.holding(target.account) as lease:
        target.renew()
        wait = Waiting(target.account, target.name, ledger, lease, patience or Patience())
        Settler(target, ledger, files, Journal(ledger, target, run), wait).settle()


def refuse_unless_released(plan: Plan, ledger: Ledger, files: PlanFiles) -> None:
    """Raises PlanStopped for a plan that is neither clear nor released, whoever calls."""
    released = ledger.releases(plan.account, plan.id)
    if plan.verdict == "clear" or ("*", plan.id) in released:
        return
    rows = files.query(plan.id, "SELECT key, before_print, after_print FROM plan") if released else []
    if any((r["key"], value_of(r["before_print"], r["after_print"])) in released for r in rows):
        return
    why = "; ".join(f"{f.guard}: {f.message}" for f in plan.findings if f.state == "stopped")
    raise PlanStopped(
        f"plan {plan.id} was stopped before the first write. {why}. If it is right after all: "
        f"sync-pipelines release {plan.pipeline} --plan {plan.id} --keys all --reason …"
    )


@dataclass(frozen=True)
class Waiting:
    """Waits when the vendor asks for it, keeping the lease; beyond patience the run ends and the plan stays open."""

    account: str
    name: str
    ledger: Ledger
    lease: Lease
    patience: Patience

    def __call__(self, seconds: float, why: str) -> None:
        if seconds > self.patience.seconds:
            raise Paused(
                f"{self.account}: {why}. This run does not wait {seconds:.0f} s; the next run goes on from here."
            )
        if seconds >= 1:
            log.info("%s: waiting %.0f s: %s", self.name, seconds, why)
        until = self.ledger.clock.monotonic() + seconds
        while (left := until - self.ledger.clock.monotonic()) > 0:
            self.ledger.clock.sleep(min(left, 30.0))
            with self.ledger.write() as tx:
                self.lease.check(tx)


class _Application:
    """One plan on its way. `work` is the DuckDB table of the rows read again together, with the fate of each."""

    def __init__(
        self,
        target: Target,
        plan: Plan,
        ledger: Ledger,
        files: PlanFiles,
        run: str,
        lease: Lease,
        con: duckdb.DuckDBPyConnection,
        patience: Patience,
    ) -> None:
        self.target, self.plan, self.ledger, self.files = target, plan, ledger, files
        self.run, self.lease, self.con, self.patience = run, lease, con, patience
        self.undo = plan.undo_of is not None
        self.journal = Journal(ledger, target, run)
        self._wait = Waiting(plan.account, target.name, ledger, lease, patience)
        self.settler = Settler(target, ledger, files, self.journal, self._wait)
        self.progress: dict[int, tuple[str, ...]] = {}
        """Steps taken in this window by rows that have several."""
        self.stale = False
        self.told_to_wait = 0
        """How often in a row, with no row ending in between."""
        self.sent_before: set[int] = set()
        """Rows that this plan had sent before this run took it up."""
        self.writes = 0

    def to_the_end(self, limit: int | None) -> Report:
        self.settler.settle()
        self._supersede()
        self._begin(limit)
        idle = 0
        while idle < self.patience.tries and self._todo():
            self._pass()
            if self.journal.ended:
                idle = self.told_to_wait = self.journal.ended = 0
            else:
                idle += 1
        doubtful = self._doubtful_keys()
        self._end_all(
            "SELECT row, key, $2 FROM todo WHERE list_contains($1::VARCHAR[], key)", "unknown", [doubtful, STILL_OPEN]
        )
        failed = f"no effect in {idle} tries: {self.journal.last_message}"
        self._end_all(
            "SELECT row, key, $2 FROM todo WHERE NOT list_contains($1::VARCHAR[], key)", "failed", [doubtful, failed]
        )
        read_back, as_planned = self._look_back() if self.writes else (None, None)
        self._done(self.plan.id, read_back=read_back, as_planned=as_planned)
        return Report(self.plan.id, self.ledger.outcome_counts(self.plan.id), self.writes, read_back, as_planned)

    def _todo(self) -> int:
        """Leave in `todo` what has no outcome yet. Returns how many of these rows are not in doubt."""
        self._load_ended(self.plan.id)
        self.con.execute("DELETE FROM todo WHERE row IN (SELECT row FROM ended)")
        open_rows = "SELECT count(*) FROM todo WHERE NOT list_contains(?::VARCHAR[], key)"
        (n,) = self.con.execute(open_rows, [self._doubtful_keys()]).fetchall()[0]
        return int(n)

    def _doubtful_keys(self) -> list[str]:
        return sorted({key for d in self.ledger.doubts(self.plan.account) for key in d.keys})

    def _pass(self) -> None:
        """Send every row once that needs it, window by window, each read just before; settle what stayed unclear.

        After any longer wait the rest is left to the next pass: what was read before it may hold no more.
        """
        self.stale = False
        for window in self._windows():
            self._read_again(window)
            for step in self.target.steps:
                if not self.stale:
                    self._send_all(step, self._pending(step))
            if self.stale:
                break
        self.settler.settle()

    # --- before the first call --------------------------------------------------------------------------------------

    def _supersede(self) -> None:
        """Rows that an older plan never got to are skipped: this plan looks at a newer source."""
        older = sa.select(tables.plan.c.id).where(
            tables.plan.c.account == self.plan.account,
            tables.plan.c.state == "applying",
            tables.plan.c.id != self.plan.id,
        )
        if self.plan.scope:  # what is about another partition goes on when its turn comes
            older = older.where(tables.plan.c.scope == self.plan.scope)
        for found in self.ledger.rows(older):
            self._end_rows_in_doubt(found["id"])
            self._load_ended(found["id"])
            ended = {row for (row,) in self.con.execute("FROM ended").fetchall()}
            todo = self.files.query(found["id"], "SELECT row, key FROM plan ORDER BY row")
            for part in chunks((r["row"], r["key"]) for r in todo if r["row"] not in ended):
                self.journal.end(found["id"], part, "skipped", f"plan {self.plan.id} took over")
            self._done(found["id"])

    def _begin(self, limit: int | None) -> None:
        """Note the rows that will not go (held, not released, past the limit); the others become the table `todo`."""
        with self.ledger.write() as tx:
            self.lease.check(tx)
            tx.execute(
                tables.plan.update().where(tables.plan.c.id == self.plan.id).values(state="applying", run=self.run)
            )
        self.sent_before = self.journal.sent_rows(self.plan.id)
        self._load_ended(self.plan.id)
        pairs = pa.schema([("key", pa.string()), ("value", pa.string())])
        for table, plan_id in (("released", None), ("released_here", self.plan.id)):
            found = self.ledger.releases(self.plan.account, plan_id)
            load(self.con, table, pairs, [tuple(zip(*sorted(found), strict=True))] if found else [])
        self.con.execute(f"CREATE VIEW plan AS SELECT * FROM read_parquet('{quoted(self.plan.path)}')")
        self.con.execute(
            """CREATE TABLE todo AS
            WITH open AS (
                SELECT p.*, (p.key, p.before_print || '>' || p.after_print) AS change,
                    change IN (SELECT (key, value) FROM released) AS may_be_held_no_more,
                    $clear OR $every OR change IN (SELECT (key, value) FROM released_here) AS plan_lets_it_go
                FROM plan p ANTI JOIN ended e ON e.row = p.row)
            SELECT row, key, action, held, reason, plan_lets_it_go
                AND (held IS NULL OR list_contains($kinds, held) AND ($every OR may_be_held_no_more)) AS may_go
            FROM open""",
            {
                "clear": self.plan.verdict == "clear",
                "every": ("*", self.plan.id) in self.ledger.releases(self.plan.account, self.plan.id),
                "kinds": sorted(RELEASABLE),
            },
        )
        self._end_all("SELECT row, key, reason FROM todo WHERE NOT may_go AND held IS NOT NULL", "held")
        self._end_all(
            "SELECT row, key, 'a guard stopped the plan' FROM todo WHERE NOT may_go AND held IS NULL", "skipped"
        )
        self.con.execute("DELETE FROM todo WHERE NOT may_go")
        if limit is not None:
            with self.ledger.write() as tx:
                tx.execute(tables.plan.update().where(tables.plan.c.id == self.plan.id).values(partial=1))
            beyond = "SELECT row FROM todo WHERE action <> 'adopt' ORDER BY row OFFSET ?"
            self._end_all(f"SELECT row, key, 'beyond the limit' FROM todo WHERE row IN ({beyond})", "skipped", [limit])
            self.con.execute(f"DELETE FROM todo WHERE row IN ({beyond})", [limit])

    def _load_ended(self, plan_id: str) -> None:
        rows = self.ledger.column(sa.select(tables.outcome.c.row).where(tables.outcome.c.plan == plan_id))
        load(self.con, "ended", pa.schema([("row", pa.int64())]), [[rows]])

    def _end_all(self, query: str, state: OutcomeState, parameters: Sequence[Any] = ()) -> None:
        """End every row of a query (row, key, message)."""
        for part in batches(self.con, query, parameters):
            messages: dict[str, list[tuple[int, str]]] = {}
            for row, key, message in (tuple(r.values()) for r in part):
                messages.setdefault(message, []).append((row, key))
            for message, rows in messages.items():
                self.journal.end(self.plan.id, rows, state, message)

    # --- a window of rows -------------------------------------------------------------------------------------------

    def _windows(self) -> Iterator[str]:
        """Conditions that cut `todo` into the windows of rows that are read again together."""
        rows = [row for (row,) in self.con.execute("SELECT row FROM todo ORDER BY row").fetchall()]
        size = self.target.window or max(len(rows), 1)
        for part in chunks(rows, size):
            yield f"row BETWEEN {part[0]} AND {part[-1]}"

    def _read_again(self, window: str) -> None:
        """See which rows are still as the plan saw them; the others end here."""
        self.journal.remote_ids.clear()
        self.progress.clear()
        keys = [key for (key,) in self.con.execute(f"SELECT key FROM todo WHERE {window}").fetchall()]
        load_records(self.con, self.ledger, self.plan.account, keys if len(keys) <= FEW else None)
        reads = not all(s.compares for s in self.target.steps)
        load_live(self.con, "live", self._read(keys) if reads else (), self.target.fields)
        self.con.execute(
            f"""CREATE OR REPLACE TABLE work AS
            SELECT p.row, p.key, coalesce(r.done, '[]') AS done, r.remote_id AS known_id, CASE
                WHEN list_contains($doubtful::VARCHAR[], p.key) THEN 'doubtful'
                WHEN r.plan = $plan AND r.state = 'partial' THEN 'pending'
                WHEN p.action <> 'create' AND p.remote_id <> l.remote_id THEN 'drifted'  -- another record by the same key
                WHEN NOT $reads THEN CASE WHEN p.steps = '[]' THEN 'there' ELSE 'pending' END
                WHEN coalesce(l.fingerprint, '') = p.after_print AND (p.before_print <> p.after_print OR p.steps = '[]')
                    THEN 'there'
                WHEN coalesce(l.fingerprint, '') <> p.before_print OR (p.absent AND l.key IS NOT NULL)
                    THEN 'drifted'
                ELSE 'pending' END AS fate
            FROM (SELECT row, key, action, remote_id, before_print, after_print, steps, before IS NULL AS absent
                  FROM plan SEMI JOIN todo USING (row) WHERE {window}) p
            LEFT JOIN live l ON l.key = p.key
            LEFT JOIN record r ON r.key = p.key""",
            {"plan": self.plan.id, "doubtful": self._doubtful_keys(), "reads": reads},
        )
        for part in self._work("there"):
            there = [change_from(r, remote_id=r["live_id"]) for r in part]
            self.journal.found_there(self.plan.id, there, self.sent_before, undo=self.undo)
        drifted = "SELECT row, key, 'changed at the target since it was planned' FROM work WHERE fate = 'drifted'"
        self._end_all(drifted, "drifted")

    def _read(self, keys: Sequence[str]) -> Iterator[Live]:
        """These records as they are now. Where a read gives everything, the others are not worth comparing."""
        wanted = set(keys)
        live = self.target.read(None if self.target.window is None else keys)
        yield from (record for record in live if record.key in wanted)

    def _work(self, fate: str) -> Iterator[list[dict[str, Any]]]:
        """Rows of the window with this fate, whole, in the order of the plan, a chunk at a time."""
        rows = [
            row for (row,) in self.con.execute("SELECT row FROM work WHERE fate = ? ORDER BY row", [fate]).fetchall()
        ]
        for part in chunks(rows):
            query = """SELECT p.*, l.body AS live, l.remote_id AS live_id, w.known_id, w.done FROM plan p
                JOIN (SELECT row, done, known_id FROM work WHERE fate = ?) w ON w.row = p.row LEFT JOIN live l ON l.key = p.key
                WHERE p.row BETWEEN ? AND ? ORDER BY p.row"""
            yield from batches(self.con, query, [fate, part[0], part[-1]])

    def _pending(self, step: Step) -> Iterator[Change]:
        """Rows that need this step and have taken every step before it."""
        for part in self._work("pending"):
            for r in part:
                names = step_names(r["steps"])
                if step.name not in names:
                    continue
                done = self.progress.get(r["row"], step_names(r["done"]))
                if step.name in done or not set(names[: names.index(step.name)]) <= set(done):
                    continue
                live = None
                if r["live"] is not None:
                    live = Live(r["key"], loads(r["live"]) or {}, r["parent"], r["live_id"])
                yield change_from(r, live, self.journal.remote_ids.get(r["row"]) or r["live_id"] or r["known_id"])

    # --- one call ---------------------------------------------------------------------------------------------------

    def _send_all(self, step: Step, changes: Iterable[Change]) -> None:
        offered: set[int] = set()
        try:
            for batch in self.target.batches(step, changes):
                rows = {c.row for c in batch}
                if len(rows) < len(batch) or not offered.isdisjoint(rows):
                    raise DeliveryError(
                        f"{self.target.name} cut its batches so that a row would be sent twice. Nothing more was sent."
                    )
                offered |= rows
                parts = [tuple(batch)]
                while parts:
                    parts[:0] = self._send(step, parts.pop(0))
                if self.stale:
                    return
        except RetryLater as e:  # there is no room for the next call: none is under way
            self._wait_long(e)

    def _send(self, step: Step, part: Sequence[Change]) -> list[tuple[Change, ...]]:
        """Intent, call, answers. Returns the halves to send instead, when the vendor refused the batch as a whole."""
        intent = self._intend(step, part)
        try:
            answers = self.target.write(step, part, intent)
        except RetryLater as e:
            self._answer(intent, {c.key: NotApplied(str(e)) for c in part})
            self._wait_long(e)
        except BatchRefused as e:
            if len(part) == 1:
                self._answer(intent, {part[0].key: Refused(str(e))})
            elif step.atomic:
                self._answer(intent, {c.key: NotApplied(str(e)) for c in part})
                return _halves(part)
            else:  # some rows may have been applied: read before sending any of them again
                self._answer(intent, {})
                open_rows = self.settler.settle().get(self.plan.id, set())
                self.stale = True
                return _halves([c for c in part if c.row in open_rows])
        except CannotGoOn as e:
            self._answer(intent, {c.key: NotApplied(str(e)) for c in part})
            raise DeliveryError(
                f"{self.plan.account}: {e}. The plan stays open; nothing that was sent is sent again."
            ) from e
        else:
            self._answer(intent, answers)
            log.info("%s: %d rows sent (%s)", self.target.name, len(part), step.name)
        return []

    def _wait_long(self, asked: RetryLater) -> None:
        """Wait as the vendor asks. What was read before may hold no more. Raises Paused."""
        self.told_to_wait += 1
        if self.told_to_wait >= self.patience.tries:
            raise Paused(
                f"{self.plan.account}: {asked}, {self.told_to_wait} times in a row. The next run goes on from here."
            )
        self._wait(asked.seconds, str(asked))
        self.stale = True

    def _intend(self, step: Step, part: Sequence[Change]) -> Intent:
        rows = ",".join(str(c.row) for c in part)
        key = blake2b(f"{self.plan.id}/{step.name}/{rows}".encode(), digest_size=16).hexdigest()
        intent = self.journal.intend(self.lease, self.plan.id, step, part, key)
        if self.ledger.clock.monotonic() - self.journal.intended_at > FRESH_LEASE:
            self._answer(intent, {c.key: NotApplied("not sent") for c in part})
            raise DeliveryError(
                f"{self.plan.account}: the process stood still for too long before a call. Run it again."
            )
        self.writes += 1
        return intent

    def _answer(self, intent: Intent, answers: Mapping[str, Answer]) -> None:
        for change in intent.changes:
            if len(change.steps) > 1 and isinstance(answers.get(change.key), Applied):
                self.progress[change.row] = change.steps[: change.steps.index(intent.step.name) + 1]
        self.journal.answer(intent, answers, undo=self.undo)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end_rows_in_doubt(self, plan_id: str) -> None:
        for doubt in self.ledger.doubts(self.plan.account):
            if doubt.plan == plan_id:
                rows = zip(doubt.rows, doubt.keys, strict=True)
                self.journal.end(plan_id, rows, "unknown", STILL_OPEN)

    def _done(self, plan_id: str, **found: int | None) -> None:
        with self.ledger.write() as tx:
            tx.execute(
                tables.plan.update()
                .where(tables.plan.c.id == plan_id)
                .values(state="done", applied_at=self.ledger.now(), **found)
            )

    def _look_back(self) -> tuple[int | None, int | None]:
        """Read what this plan delivered: how many rows, and how many of them the target now holds as planned.

        What was settled by reading was read back already.
        """
        if self.target.settles_within:
            return None, None
        outcome, attempt = tables.outcome.c, tables.attempt.c
        delivered = sa.select(outcome.row).where(outcome.plan == self.plan.id, outcome.state == "delivered")
        looked_at = sa.exists().where(attempt.id == outcome.attempt, attempt.state == "settled")
        settled = len(self.ledger.column(delivered.where(looked_at)))
        rows = self.ledger.column(delivered.where(~looked_at))
        if not rows:
            return settled, settled
        load(self.con, "delivered", pa.schema([("row", pa.int64())]), [[rows]])
        query = "SELECT row, key, after_print FROM plan SEMI JOIN delivered USING (row) ORDER BY row"
        as_planned = 0
        if self.target.window is None:
            keys = [k for (k,) in self.con.execute("SELECT key FROM plan SEMI JOIN delivered USING (row)").fetchall()]
            load_live(self.con, "live", self._read(keys), self.target.fields)
            kept = f"""SELECT count(*) FROM ({query}) p LEFT JOIN live l USING (key)
                WHERE coalesce(l.fingerprint, '') = after_print"""
            as_planned = self.con.execute(kept).fetchall()[0][0]
        else:
            for part in chunks((r for b in batches(self.con, query) for r in b), self.target.window):
                now = {live.key: live.fields for live in self.target.read([r["key"] for r in part])}
                as_planned += sum(fingerprint(now.get(r["key"]), self.target.fields) == r["after_print"] for r in part)
        if as_planned < len(rows):
            log.warning(
                "%s: %d of %d rows read back differ from what was sent",
                self.target.name,
                len(rows) - as_planned,
                len(rows),
            )
        return settled + len(rows), settled + as_planned


def _halves(part: Sequence[Change]) -> list[tuple[Change, ...]]:
    middle = (len(part) + 1) // 2
    return [tuple(half) for half in (part[:middle], part[middle:]) if half]
