"""Applying a plan: intent, call, answer, row by row, until every planned row has exactly one outcome.

A crash anywhere leaves no intent (nothing was sent), an intent without an answer (a doubt, settled by reading before
anything newer goes to its keys), or a committed answer. Applying the same plan again continues it.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.clock import moment
from sync_pipelines.delivery.journal import Journal
from sync_pipelines.delivery.lease import Lease, refuse_if_written
from sync_pipelines.delivery.ledger import Ledger
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
from sync_pipelines.delivery.plans import Plan, PlanFileLost, PlanFiles, change_from, step_names, stored
from sync_pipelines.delivery.releasing import is_lifted, open_releases
from sync_pipelines.delivery.settling import Settler
from sync_pipelines.delivery.staging import AS_RECORDED, load_live, load_records
from sync_pipelines.duck import batches, chunks, engine, load, quoted
from sync_pipelines.exact_json import loads

log = logging.getLogger(__name__)

FRESH_LEASE = 5.0
"""Seconds between the commit of an intent and its call, after which the lease is looked at again."""

FEW = 1_000
"""Keys that fit into one query of the ledger."""

STILL_OPEN = (
    "the answer was lost and reading could not settle it; nothing newer is sent to this key. Every run looks again. "
    "If the record at the target is in order, forget the doubt with `sync-pipelines reset`."
)
FILE_LOST = "the plan's file is lost or was changed"


_OPEN = "FROM todo WHERE NOT list_contains(?::VARCHAR[], key)"
"""Rows without an outcome that are not in doubt."""


class PlanStopped(DeliveryError):
    """A guard stopped the plan and nobody has lifted its verdict. Nothing was sent."""


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
    """Bring a sealed plan to its end. Raises PlanStopped, PlanFileLost, Paused, Busy, LeaseLost, DeliveryError.

    `limit` sends only the first N changes of the plan; the rest end as skipped.
    """
    row = ledger.plan(plan_id)
    plan, patience = stored(files, row), patience or Patience()
    if plan.account != target.account:
        raise DeliveryError(
            f"plan {plan.id} is for {plan.account}; the settings now point to {target.account}. Nothing was sent."
        )
    if row["state"] == "done":
        return Report(plan.id, ledger.outcome_counts(plan.id), 0, row["read_back"], row["as_planned"])
    if row["state"] == "sealed" and ledger.now() > row["expires_at"]:
        raise DeliveryError(f"plan {plan.id} expired {row['expires_at']}. Nothing was sent; make a new plan.")
    if row["seal"] is None:
        settle_first(target, ledger=ledger, files=files, run=run, patience=patience)
        raise DeliveryError(
            f"plan {plan.id} was made by an earlier version of this program. Nothing of it was sent; preview again."
        )
    files.check_seal(row)
    _refuse_unless_lifted(plan, ledger)
    with ledger.holding(plan.account) as lease, engine() as con:
        row = ledger.plan(plan.id)
        if row["state"] == "done":
            return Report(plan.id, ledger.outcome_counts(plan.id), 0, row["read_back"], row["as_planned"])
        _refuse_what_is_overtaken(row, ledger)
        target.renew()
        return _Application(target, plan, row, ledger, files, run, lease, con, patience).to_the_end(limit)


def settle_first(target: Target, *, ledger: Ledger, files: PlanFiles, run: str, patience: Patience | None = None) -> None:
    """Settle what earlier runs left in doubt, before a plan is made that is to be applied. Sends nothing.

    A plan holds every key in doubt; one that is made after settling can go on where the crashed run stopped. Raises Busy while
    another run writes to the account, whether or not anything is in doubt.
    """
    refuse_if_written(ledger, target.account)
    if not ledger.doubts(target.account):
        return
    with ledger.holding(target.account) as lease:
        target.renew()
        wait = Waiting(target.account, target.name, ledger, lease, patience or Patience())
        Settler(target, ledger, files, Journal(ledger, target, run, lease), wait, wait.asked).settle()


def _refuse_unless_lifted(plan: Plan, ledger: Ledger) -> None:
    """Raises PlanStopped for a plan that is neither clear nor lifted, whoever calls."""
    if plan.verdict == "clear" or is_lifted(ledger, plan.id):
        return
    why = "; ".join(f"{f.guard}: {f.message}" for f in plan.findings if f.state == "stopped")
    raise PlanStopped(
        f"plan {plan.id} was stopped before the first write. {why}. If it is right after all: "
        f"sync-pipelines release {plan.pipeline} --plan {plan.id} --verdict --reason …"
    )


def _refuse_what_is_overtaken(row: Mapping[str, Any], ledger: Ledger) -> None:
    """Raises DeliveryError for a plan that was not begun when a newer one of its scope was finished. Order is a number."""
    p = tables.plan.c
    newer = sa.select(p.id).where(p.account == row["account"], p.state == "done", p.seq > row["seq"])
    newer = newer.where(tables.speaks_for(tables.plan, row["scope"]))
    if row["state"] == "sealed" and (later := ledger.row(newer)):
        raise DeliveryError(
            f"plan {later['id']} was made after plan {row['id']} and is applied. Nothing was sent; make a new plan."
        )


class Waiting:
    """Waits when the vendor asks for it, keeping the lease; beyond patience the run ends and the plan stays open."""

    def __init__(self, account: str, name: str, ledger: Ledger, lease: Lease, patience: Patience) -> None:
        self.account, self.name, self.ledger, self.lease, self.patience = account, name, ledger, lease, patience
        self.in_a_row = 0
        """How often the vendor asked for it, with nothing ending in between."""

    def __call__(self, seconds: float, why: str) -> None:
        if seconds > self.patience.seconds:
            raise Paused(f"{self.account}: {why}. This run does not wait {seconds:.0f} s; the next run goes on from here.")
        if seconds >= 1:
            log.info("%s: waiting %.0f s: %s", self.name, seconds, why)
        until = self.ledger.clock.monotonic() + seconds
        while (left := until - self.ledger.clock.monotonic()) > 0:
            self.ledger.clock.sleep(min(left, 30.0))
            with self.ledger.write() as tx:
                self.lease.check(tx)

    def asked(self, error: RetryLater) -> None:
        """Wait as the vendor asks. Raises Paused where that is too long, or was asked too often."""
        self.in_a_row += 1
        if self.in_a_row >= self.patience.tries:
            raise Paused(f"{self.account}: {error}, {self.in_a_row} times in a row. The next run goes on from here.") from error
        self(error.seconds, str(error))


class _Application:
    """One plan on its way. `work` is the DuckDB table of the rows read again together, with the fate of each."""

    def __init__(
        self,
        target: Target,
        plan: Plan,
        row: Mapping[str, Any],
        ledger: Ledger,
        files: PlanFiles,
        run: str,
        lease: Lease,
        con: duckdb.DuckDBPyConnection,
        patience: Patience,
    ) -> None:
        self.target, self.plan, self.ledger, self.files = target, plan, ledger, files
        self.row, self.seq = row, row["seq"]
        self.run, self.lease, self.con, self.patience = run, lease, con, patience
        self.undo = plan.undo_of is not None
        self.journal = Journal(ledger, target, run, lease)
        self.wait = Waiting(plan.account, target.name, ledger, lease, patience)
        self.settler = Settler(target, ledger, files, self.journal, self.wait, self.wait.asked)
        self.progress: dict[int, frozenset[str]] = {}
        """Steps taken in this window, or found taken, by rows that have several."""
        self.stale = False
        """Whether something was waited for: then nothing more goes out before everything is read again."""
        self.tries: Counter[int] = Counter()
        """By row: passes that had no effect on it."""
        self.part_of: dict[int, int] = {}
        """By row: which part of a refused batch it goes with. Rows of different parts are not sent together."""
        self.parts = 0
        self.sent_before: set[int] = set()
        """Rows that this plan had sent before this run took it up."""
        self.writes = 0

    def to_the_end(self, limit: int | None) -> Report:
        self.settler.settle()
        self._supersede()
        self._begin(limit)
        left = self._todo()
        while left:
            self._pass()
            left = self._count_tries()
        self._end_all("SELECT row, key, $1 FROM todo", "unknown", [STILL_OPEN])
        read_back, as_planned = self._look_back() if self.writes else (None, None)
        self._prove_complete()
        self._done(self.plan.id, read_back=read_back, as_planned=as_planned)
        return Report(self.plan.id, self.ledger.outcome_counts(self.plan.id), self.writes, read_back, as_planned)

    def _todo(self) -> int:
        """Leave in `todo` what has no outcome yet. Returns how many of these rows are not in doubt."""
        self._load_ended(self.plan.id)
        self.con.execute("DELETE FROM todo WHERE row IN (SELECT row FROM ended)")
        (n,) = self.con.execute(f"SELECT count(*) {_OPEN}", [self._doubtful_keys()]).fetchall()[0]
        return int(n)

    def _doubtful_keys(self) -> list[str]:
        return sorted({key for d in self.ledger.doubts(self.plan.account) for key in d.keys})

    def _pass(self) -> None:
        """Send every row once that needs it, window by window, each read just before; settle what stayed unclear.

        After any wait the rest is left to the next pass: what was read before it may hold no more.
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

    def _count_tries(self) -> int:
        """A row that a whole pass did not bring further was tried once; after the last try it goes alone, and then fails.
        Returns how many rows are still to go."""
        if self.journal.ended:
            self.wait.in_a_row = self.journal.ended = 0
        left = self._todo()
        if self.stale or not left:
            return left
        failed = []
        for row, key in self.con.execute(f"SELECT row, key {_OPEN} ORDER BY row", [self._doubtful_keys()]).fetchall():
            self.tries[row] += 1
            if self.tries[row] == self.patience.tries and not self._goes_alone(row):
                self._part(row)
            elif self.tries[row] >= self.patience.tries:
                failed.append((row, key))
        told = f"no effect in {self.patience.tries} tries: {self.journal.last_message or 'the target did not take it up'}"
        for part in chunks(failed):
            self.journal.end(self.plan.id, part, "failed", told)
        return self._todo() if failed else left

    # --- before the first call --------------------------------------------------------------------------------------

    def _supersede(self) -> None:
        """Rows that an older plan never got to are skipped: this plan looks at a newer source."""
        p = tables.plan.c
        older = sa.select(tables.plan).where(
            p.account == self.plan.account, p.state == "applying", p.id != self.plan.id, p.seq < self.seq
        )
        if self.plan.scope:  # what is about another partition goes on when its turn comes
            older = older.where(p.scope == self.plan.scope)
        for found in self.ledger.rows(older):
            self._end_rows_in_doubt(found["id"])
            self._load_ended(found["id"])
            ended = {row for (row,) in self.con.execute("FROM ended").fetchall()}
            for part, why in self._left_of(found, ended):
                self.journal.end(found["id"], part, "skipped", why)
            self._done(found["id"])

    def _left_of(self, row: Mapping[str, Any], ended: set[int]) -> Iterator[tuple[list[tuple[int, str]], str]]:
        """Rows and keys of a plan that never got an outcome, and why they are skipped. Of a plan whose file is lost only the
        number of rows is known."""
        why = f"plan {self.plan.id} took over"
        try:
            self.files.check_seal(row)
            for part in self.files.stream(row["id"], "SELECT row, key FROM plan ORDER BY row"):
                yield [(r["row"], r["key"]) for r in part if r["row"] not in ended], why
        except PlanFileLost:
            counts = stored(self.files, row).counts
            rows = range(counts.changes + counts.adopt + counts.held)
            for numbers in chunks(n for n in rows if n not in ended):
                yield [(n, "") for n in numbers], f"{FILE_LOST}; {why}"

    def _begin(self, limit: int | None) -> None:
        """Note the rows that will not go (held, not released, past the limit); the others become the table `todo`."""
        ends = json.loads(self.row["ends"] or "{}") if self.row["state"] == "sealed" else {}
        p, h, r = tables.plan.c, tables.hold.c, tables.release.c
        with self.ledger.write() as tx:
            self.lease.check(tx)
            mine = tables.plan.update().where(p.id == self.plan.id)
            tx.execute(mine.values(state="applying", run=self.run, **({} if limit is None else {"partial": 1})))
            if keys := ends.get("holds"):
                over = tables.hold.delete().where(h.account == self.plan.account, h.key == sa.bindparam("k"))
                tx.execute(over, [{"k": key} for key in keys])
            if ids := ends.get("releases"):
                spent = tables.release.update().where(r.id == sa.bindparam("i"), r.ended.is_(None))
                told = spent.values(ended="another value", ended_at=self.ledger.now())
                tx.execute(told, [{"i": i} for i in ids])
        self.sent_before = self.journal.sent_rows(self.plan.id)
        self._load_ended(self.plan.id)
        given: dict[tuple[str, str], list[str]] = {}
        for release in open_releases(self.ledger, self.plan.account):
            given.setdefault((release.key, release.value), []).append(release.kind)
        columns = pa.schema([(n, pa.string()) for n in ("key", "value", "kinds")])
        rows = [(key, value, ",".join(kinds)) for (key, value), kinds in given.items()]
        load(self.con, "released", columns, [tuple(zip(*rows, strict=True))] if rows else [])
        self.con.execute(f"CREATE VIEW plan AS SELECT * FROM read_parquet('{quoted(self.plan.path)}')")
        self.con.execute(
            """CREATE TABLE todo AS
            SELECT p.row, p.key, p.action, p.held, p.holds, p.reason, p.held IS NULL OR (
                list_has_all($kinds, string_split(p.holds, ','))
                AND list_has_all(string_split(coalesce(r.kinds, ''), ','), string_split(p.holds, ','))) AS may_go
            FROM plan p ANTI JOIN ended e ON e.row = p.row
            LEFT JOIN released r ON r.key = p.key AND r.value = p.before_print || '>' || p.after_print""",
            {"kinds": list(RELEASABLE)},
        )
        for part in batches(
            self.con, "SELECT key FROM todo WHERE NOT may_go AND list_contains(string_split(holds, ','), 'gone')"
        ):
            self.journal.note_gone([r["key"] for r in part], self.seq)
        self._end_all("SELECT row, key, reason FROM todo WHERE NOT may_go", "held")
        self.con.execute("DELETE FROM todo WHERE NOT may_go")
        if limit is not None:
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
        """See which rows are still as the plan saw them; the others end here.

        drifted: a newer plan wrote it, or somebody changed it. settling: we wrote it just now, and what is shown may be older
        than that: it is waited for. there: as wanted, and nothing is due that a read cannot show.
        """
        self.journal.remote_ids.clear()
        self.progress.clear()
        keys = [key for (key,) in self.con.execute(f"SELECT key FROM todo WHERE {window}").fetchall()]
        load_records(
            self.con,
            self.ledger,
            self.plan.account,
            self.target.rules.id,
            self.target.settles_within,
            keys if len(keys) <= FEW else None,
        )
        reads = not all(s.compares for s in self.target.steps)
        if not self._reading(partial(self._load, keys if reads else ())):
            return  # nothing is sent in this pass any more
        unseen = [s.name for s in self.target.steps if not self.target.shows(s)]
        self.con.execute(
            f"""CREATE OR REPLACE TABLE work AS
            SELECT p.row, p.key, CASE WHEN r.plan = $plan AND r.state = 'partial' THEN r.done ELSE '[]' END AS done,
                r.remote_id AS known_id, CASE
                WHEN list_contains($doubtful::VARCHAR[], p.key) THEN 'doubtful'
                WHEN r.seq > $seq THEN 'overtaken'
                WHEN r.plan = $plan AND r.state = 'partial'
                    THEN CASE WHEN $reads AND r.fresh = 0 AND {AS_RECORDED} = 'differs' THEN 'drifted' ELSE 'pending' END
                WHEN $reads AND r.fresh = 1 AND NOT coalesce(r.plan = $plan, false) AND CASE r.state
                    WHEN 'absent' THEN l.key IS NOT NULL ELSE {AS_RECORDED} <> 'same' END THEN 'settling'
                WHEN p.action <> 'create' AND p.remote_id <> l.remote_id THEN 'drifted'  -- another record by the same key
                WHEN NOT $reads THEN CASE WHEN p.steps = '[]' THEN 'there' ELSE 'pending' END
                WHEN coalesce(l.fingerprint, '') = p.after_print AND (p.before_print <> p.after_print OR p.steps = '[]')
                    THEN CASE WHEN p.action = 'update' AND list_has_any($unseen::VARCHAR[], from_json(p.steps, '["VARCHAR"]'))
                        THEN 'due' ELSE 'there' END
                WHEN coalesce(l.fingerprint, '') <> p.before_print OR (p.absent AND l.key IS NOT NULL)
                    THEN 'drifted'
                ELSE 'pending' END AS fate
            FROM (SELECT row, key, action, remote_id, before_print, after_print, steps, before IS NULL AS absent
                  FROM plan SEMI JOIN todo USING (row) WHERE {window}) p
            LEFT JOIN live l ON l.key = p.key
            LEFT JOIN record r ON r.key = p.key""",
            {"plan": self.plan.id, "seq": self.seq, "doubtful": self._doubtful_keys(), "reads": reads, "unseen": unseen},
        )
        fates = {fate for (fate,) in self.con.execute("SELECT DISTINCT fate FROM work").fetchall()}
        if "settling" in fates:
            self._wait_until_shown()
        if "due" in fates:
            self._only_unseen_steps(unseen)
        for part in self._work("there") if "there" in fates else ():
            there = [change_from(r, remote_id=r["live_id"]) for r in part]
            self.journal.end_as_wanted(self.plan.id, there, self.sent_before, seq=self.seq, undo=self.undo)
        for fate, why in (
            ("drifted", "changed at the target since it was planned"),
            ("overtaken", "a newer plan has written this key since"),
        ):
            if fate in fates:
                self._end_all("SELECT row, key, $1 FROM work WHERE fate = $2", "drifted", [why, fate])

    def _load(self, keys: Sequence[str]) -> None:
        load_live(self.con, self._read(keys) if keys else (), self.target, self.ledger)

    def _load_prints(self, keys: Sequence[str]) -> None:
        load_live(self.con, self._read(keys), self.target, bodies=False)

    def _read(self, keys: Sequence[str]) -> Iterator[Live]:
        """These records as they are now. Where a read gives everything, the others are not worth comparing."""
        wanted = set(keys)
        live = self.target.read(None if self.target.window is None else keys)
        yield from (record for record in live if record.key in wanted)

    def _reading(self, read: Callable[[], None]) -> bool:
        """Read. Where the vendor asks to wait that is done as for a write, and everything is read again; then this is False."""
        try:
            read()
        except RetryLater as e:
            self._wait_long(e)
            return False
        except CannotGoOn as e:
            raise DeliveryError(f"{self.plan.account}: {e}. The plan stays open; nothing that was sent is sent again.") from e
        return True

    def _wait_until_shown(self) -> None:
        """Wait until the target shows what was last written to these rows; the next pass reads them again."""
        r = tables.record.c
        keys = [key for (key,) in self.con.execute("SELECT key FROM work WHERE fate = 'settling'").fetchall()]
        clock, settles = self.ledger.clock, self.target.settles_within.total_seconds()
        left = 0.0
        for part in chunks(keys, FEW):
            query = sa.select(r.boot, r.monotonic, r.at).where(r.account == self.plan.account, r.key.in_(part))
            for boot, ticks, at in (row.values() for row in self.ledger.rows(query)):
                here = boot and boot == self.ledger.boot
                age = clock.monotonic() - ticks if here else (clock.now() - moment(at)).total_seconds()
                left = max(left, settles - age)
        self.wait(left + 0.001, "what was written to some rows just now does not show yet")
        self.stale = True

    def _only_unseen_steps(self, unseen: Sequence[str]) -> None:
        """Rows whose visible values are as wanted, by whoever: what a read cannot show is still due."""
        for part in self._work("due"):
            for r in part:
                self.progress[r["row"]] = frozenset(step_names(r["steps"])) - set(unseen)
        self.con.execute("UPDATE work SET fate = 'pending' WHERE fate = 'due'")

    def _work(self, fate: str) -> Iterator[list[dict[str, Any]]]:
        """Rows of the window with this fate, whole, in the order of the plan, a chunk at a time."""
        rows = [row for (row,) in self.con.execute("SELECT row FROM work WHERE fate = ? ORDER BY row", [fate]).fetchall()]
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
                done = self.progress.get(r["row"]) or frozenset(step_names(r["done"]))
                if step.name in done or not set(names[: names.index(step.name)]) <= done:
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
                parts = [tuple(p) for _, p in groupby(batch, key=lambda c: self.part_of.get(c.row, 0))]
                while parts and not self.stale:
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
                return self._halves(part)
            else:  # some rows may have been applied: read before sending any of them again
                self._answer(intent, {})
                self.settler.settle()
                self._halves(part)
                self.stale = True
        except CannotGoOn as e:
            self._answer(intent, {c.key: NotApplied(str(e)) for c in part})
            raise DeliveryError(f"{self.plan.account}: {e}. The plan stays open; nothing that was sent is sent again.") from e
        else:
            self._answer(intent, answers)
            log.info("%s: %d rows sent (%s)", self.target.name, len(part), step.name)
        return []

    def _halves(self, part: Sequence[Change]) -> list[tuple[Change, ...]]:
        """Cut a refused batch in two. Its halves stay apart in later passes, too."""
        middle = (len(part) + 1) // 2
        halves = [tuple(half) for half in (part[:middle], part[middle:]) if half]
        for half in halves:
            self._part(*(c.row for c in half))
        return halves

    def _part(self, *rows: int) -> None:
        self.parts += 1
        self.part_of.update(dict.fromkeys(rows, self.parts))

    def _goes_alone(self, row: int) -> bool:
        """Whether a row goes without others already."""
        part = self.part_of.get(row)
        return part is not None and sum(p == part for p in self.part_of.values()) == 1

    def _wait_long(self, asked: RetryLater) -> None:
        """Wait as the vendor asks. What was read before may hold no more. Raises Paused."""
        self.wait.asked(asked)
        self.stale = True

    def _intend(self, step: Step, part: Sequence[Change]) -> Intent:
        rows = ",".join(str(c.row) for c in part)
        key = blake2b(f"{self.plan.id}/{step.name}/{rows}".encode(), digest_size=16).hexdigest()
        intent = self.journal.intend(self.plan.id, step, part, key)
        if self.ledger.clock.monotonic() - self.journal.intended_at > FRESH_LEASE:
            self._answer(intent, {c.key: NotApplied("not sent") for c in part})
            raise DeliveryError(f"{self.plan.account}: the process stood still for too long before a call. Run it again.")
        self.writes += 1
        return intent

    def _answer(self, intent: Intent, answers: Mapping[str, Answer]) -> None:
        for change in intent.changes:
            if len(change.steps) > 1 and isinstance(answers.get(change.key), Applied):
                taken = change.steps[: change.steps.index(intent.step.name) + 1]
                self.progress[change.row] = self.progress.get(change.row, frozenset()) | frozenset(taken)
        self.journal.answer(intent, answers, seq=self.seq, undo=self.undo)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end_rows_in_doubt(self, plan_id: str) -> None:
        for doubt in self.ledger.doubts(self.plan.account):
            if doubt.plan == plan_id:
                rows = zip(doubt.rows, doubt.keys, strict=True)
                self.journal.end(plan_id, rows, "unknown", STILL_OPEN)

    def _prove_complete(self) -> None:
        """A plan is done when the ledger shows an outcome for every row of it. Raises DeliveryError."""
        counts = self.plan.counts
        planned = counts.changes + counts.adopt + counts.held
        if planned != (ended := sum(self.ledger.outcome_counts(self.plan.id).values())):
            raise DeliveryError(
                f"plan {self.plan.id} has {planned} rows and {ended} outcomes: it is not finished. This is a fault of the "
                "program; run it again, and report it."
            )

    def _done(self, plan_id: str, **found: int | None) -> None:
        with self.ledger.write() as tx:
            self.lease.check(tx)
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
        as_planned = 0
        for part in chunks(sorted(rows), self.target.window or len(rows)):
            chosen = f"FROM plan p SEMI JOIN delivered USING (row) WHERE row BETWEEN {part[0]} AND {part[-1]}"
            keys = [key for (key,) in self.con.execute(f"SELECT key {chosen}").fetchall()]
            while not self._reading(partial(self._load_prints, keys)):
                pass
            shown = "coalesce((SELECT l.fingerprint FROM live l WHERE l.key = p.key), '')"
            kept = f"SELECT count(*) {chosen} AND {shown} = after_print"
            as_planned += self.con.execute(kept).fetchall()[0][0]
        if as_planned < len(rows):
            log.warning(
                "%s: %d of %d rows read back differ from what was sent", self.target.name, len(rows) - as_planned, len(rows)
            )
        return settled + len(rows), settled + as_planned
