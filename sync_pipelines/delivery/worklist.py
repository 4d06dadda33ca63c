"""What is left to send of a plan: its rows without an outcome, which of them may go, and the batches of each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import BEYOND_LIMIT, RELEASABLE, Change, DeliveryError, Live, Step, Target
from sync_pipelines.delivery.plans import Plan, change_from, step_names
from sync_pipelines.delivery.releasing import open_releases
from sync_pipelines.delivery.staging import AS_RECORDED
from sync_pipelines.duck import batches, chunks, load, quoted
from sync_pipelines.exact_json import loads

Row = tuple[int, str]
"""A row of the plan by its number, with its key."""

_OPEN = "FROM todo WHERE NOT list_contains(?::VARCHAR[], key)"
"""Rows without an outcome that are not in doubt."""

_ENDED_HERE = {"drifted": "changed at the target since it was planned", "overtaken": "a newer plan has written this key since"}
"""Fates of rows with which this plan is done, and what their outcome says."""


class Worklist:
    """The rows of a plan on their way.

    They lie in DuckDB: `plan` is the file, `todo` what has no outcome yet, and `work` the window of rows that was read last, with
    the fate of each. Making one looks at the ledger's outcomes and releases once; `left` looks again.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, plan: Plan, seq: int, target: Target, ledger: Ledger) -> None:
        self.con, self.plan, self.seq, self.target, self.ledger = con, plan, seq, target, ledger
        self._fates: set[str] = set()
        """What came of the rows of the window that was judged last."""
        self._progress: dict[int, frozenset[str]] = {}
        """Steps taken in this window, or found taken, by rows that have several."""
        self._tries: Counter[int] = Counter()
        """By row: passes that had no effect on it."""
        self._part_of: dict[int, int] = {}
        """By row: which part of a refused batch it goes with. Rows of different parts are not sent together."""
        self._parts = 0
        self._load_ended()
        self._load_releases()
        con.execute(f"CREATE VIEW plan AS SELECT * FROM read_parquet('{quoted(plan.path)}')")
        con.execute(
            """CREATE TABLE todo AS
            SELECT p.row, p.key, p.action, p.held, p.holds, p.reason, p.held IS NULL OR (
                list_has_all($kinds, string_split(p.holds, ','))
                AND list_has_all(string_split(coalesce(r.kinds, ''), ','), string_split(p.holds, ','))) AS may_go
            FROM plan p ANTI JOIN ended e ON e.row = p.row
            LEFT JOIN released r ON r.key = p.key AND r.value = p.before_print || '>' || p.after_print""",
            {"kinds": list(RELEASABLE)},
        )

    # --- rows that end without a call -------------------------------------------------------------------------------

    def held_as_gone(self) -> Iterator[list[str]]:
        """Keys of rows that are held because their record is gone."""
        query = "SELECT key FROM todo WHERE NOT may_go AND list_contains(string_split(holds, ','), 'gone')"
        for part in batches(self.con, query):
            yield [r["key"] for r in part]

    def take_held(self) -> Iterator[tuple[str, list[Row]]]:
        """Take out the rows that may not go: held, and not released for every reason. Yields them by the reason."""
        yield from self._by_message("SELECT row, key, reason FROM todo WHERE NOT may_go")
        self.con.execute("DELETE FROM todo WHERE NOT may_go")

    def take_beyond(self, limit: int) -> Iterator[tuple[str, list[Row]]]:
        """Take out what comes after the first so many changes."""
        beyond = "row IN (SELECT row FROM todo WHERE action <> 'adopt' ORDER BY row OFFSET ?)"
        yield from self._by_message(f"SELECT row, key, '{BEYOND_LIMIT}' FROM todo WHERE {beyond}", [limit])
        self.con.execute(f"DELETE FROM todo WHERE {beyond}", [limit])

    def not_as_planned(self) -> Iterator[tuple[str, list[Row]]]:
        """Rows of the window that are not as the plan saw them, by why."""
        for fate, why in _ENDED_HERE.items():
            if fate in self._fates:
                yield from self._by_message("SELECT row, key, $1 FROM work WHERE fate = $2", [why, fate])

    def rest(self) -> Iterator[list[Row]]:
        """Every row without an outcome."""
        for _, rows in self._by_message("SELECT row, key, '' FROM todo"):
            yield rows

    def _by_message(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[str, list[Row]]]:
        """The rows of a query (row, key, message), by message, a chunk at a time."""
        for part in batches(self.con, query, parameters):
            messages: dict[str, list[Row]] = {}
            for row, key, message in (tuple(r.values()) for r in part):
                messages.setdefault(message, []).append((row, key))
            yield from messages.items()

    # --- what is left -----------------------------------------------------------------------------------------------

    def left(self) -> int:
        """Drop the rows that have an outcome by now. Returns how many of the others are not in doubt."""
        self._load_ended()
        self.con.execute("DELETE FROM todo WHERE row IN (SELECT row FROM ended)")
        (n,) = self.con.execute(f"SELECT count(*) {_OPEN}", [self._doubtful_keys()]).fetchall()[0]
        return int(n)

    def count_try(self, most: int) -> list[Row]:
        """Note that a whole pass brought none of the rows left any further. On its last try a row goes alone. Returns those
        that have been tried so often."""
        spent = []
        for row, key in self.con.execute(f"SELECT row, key {_OPEN} ORDER BY row", [self._doubtful_keys()]).fetchall():
            self._tries[row] += 1
            if self._tries[row] == most and not self._goes_alone(row):
                self._set_apart(row)
            elif self._tries[row] >= most:
                spent.append((row, key))
        return spent

    def _doubtful_keys(self) -> list[str]:
        return sorted({key for d in self.ledger.doubts(self.plan.account) for key in d.keys})

    def _load_ended(self) -> None:
        load(self.con, "ended", pa.schema([("row", pa.int64())]), [[self.ledger.ended_rows(self.plan.id)]])

    def _load_releases(self) -> None:
        kinds_of: dict[tuple[str, str], list[str]] = {}
        for release in open_releases(self.ledger, self.plan.account):
            kinds_of.setdefault((release.key, release.value), []).append(release.kind)
        columns = pa.schema([(n, pa.string()) for n in ("key", "value", "kinds")])
        rows = [(key, value, ",".join(kinds)) for (key, value), kinds in kinds_of.items()]
        load(self.con, "released", columns, [tuple(zip(*rows, strict=True))] if rows else [])

    # --- a window of rows -------------------------------------------------------------------------------------------

    def windows(self) -> Iterator[str]:
        """Conditions that cut the list into the windows of rows that are read again together."""
        rows = [row for (row,) in self.con.execute("SELECT row FROM todo ORDER BY row").fetchall()]
        size = self.target.window or max(len(rows), 1)
        for part in chunks(rows, size):
            yield f"row BETWEEN {part[0]} AND {part[-1]}"

    def keys(self, window: str) -> list[str]:
        return [key for (key,) in self.con.execute(f"SELECT key FROM todo WHERE {window}").fetchall()]

    def judge(self, window: str, *, reads: bool) -> None:
        """Give each row of the window its fate, from the tables `live` and `record`. `reads`: whether `live` was read at all.

        drifted: somebody changed it since the plan. overtaken: a newer plan wrote it. settling: we wrote it just now, and what
        is shown may be older than that. as_wanted: nothing is due, not even what a read cannot show.
        """
        self._progress.clear()
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
                WHEN NOT $reads THEN CASE WHEN p.steps = '[]' THEN 'as_wanted' ELSE 'pending' END
                WHEN coalesce(l.fingerprint, '') = p.after_print AND (p.before_print <> p.after_print OR p.steps = '[]')
                    THEN CASE WHEN p.action = 'update' AND list_has_any($unseen::VARCHAR[], from_json(p.steps, '["VARCHAR"]'))
                        THEN 'due' ELSE 'as_wanted' END
                WHEN coalesce(l.fingerprint, '') <> p.before_print OR (p.absent AND l.key IS NOT NULL)
                    THEN 'drifted'
                ELSE 'pending' END AS fate
            FROM (SELECT row, key, action, remote_id, before_print, after_print, steps, before IS NULL AS absent
                  FROM plan SEMI JOIN todo USING (row) WHERE {window}) p
            LEFT JOIN live l ON l.key = p.key
            LEFT JOIN record r ON r.key = p.key""",
            {"plan": self.plan.id, "seq": self.seq, "doubtful": self._doubtful_keys(), "reads": reads, "unseen": unseen},
        )
        self._fates = {fate for (fate,) in self.con.execute("SELECT DISTINCT fate FROM work").fetchall()}
        if "due" in self._fates:
            self._leave_unseen_steps(unseen)

    def _leave_unseen_steps(self, unseen: Sequence[str]) -> None:
        """Of rows whose visible values are as wanted, by whoever, what a read cannot show is still due."""
        for part in self._work("due"):
            for r in part:
                self._progress[r["row"]] = frozenset(step_names(r["steps"])) - set(unseen)
        self.con.execute("UPDATE work SET fate = 'pending' WHERE fate = 'due'")

    def settling(self) -> list[str]:
        """Keys of the window that were written just now and do not show it yet."""
        if "settling" not in self._fates:
            return []
        return [key for (key,) in self.con.execute("SELECT key FROM work WHERE fate = 'settling'").fetchall()]

    def as_wanted(self) -> Iterator[list[Change]]:
        """Rows of the window that the target holds as wanted already."""
        for part in self._work("as_wanted") if "as_wanted" in self._fates else ():
            yield [change_from(r, remote_id=r["live_id"]) for r in part]

    def _work(self, fate: str) -> Iterator[list[dict[str, Any]]]:
        """Rows of the window with this fate, whole, in the order of the plan, a chunk at a time."""
        rows = [row for (row,) in self.con.execute("SELECT row FROM work WHERE fate = ? ORDER BY row", [fate]).fetchall()]
        for part in chunks(rows):
            query = """SELECT p.*, l.body AS live, l.remote_id AS live_id, w.known_id, w.done FROM plan p
                JOIN (SELECT row, done, known_id FROM work WHERE fate = ?) w ON w.row = p.row LEFT JOIN live l ON l.key = p.key
                WHERE p.row BETWEEN ? AND ? ORDER BY p.row"""
            yield from batches(self.con, query, [fate, part[0], part[-1]])

    # --- what goes out together -------------------------------------------------------------------------------------

    def batches_for(self, step: Step, remote_ids: Mapping[int, str]) -> Iterator[list[tuple[Change, ...]]]:
        """The target's batches of rows that need this step, each in the parts that are sent apart.

        `remote_ids`: ids that the target gave to rows in this window. Raises RetryLater where there is no room for the next
        call, DeliveryError for a target that would send a row twice.
        """
        offered: set[int] = set()
        for batch in self.target.batches(step, self._pending(step, remote_ids)):
            rows = {c.row for c in batch}
            if len(rows) < len(batch) or not offered.isdisjoint(rows):
                raise DeliveryError(
                    f"{self.target.name} cut its batches so that a row would be sent twice. Nothing more was sent."
                )
            offered |= rows
            yield [tuple(part) for _, part in groupby(batch, key=lambda c: self._part_of.get(c.row, 0))]

    def _pending(self, step: Step, remote_ids: Mapping[int, str]) -> Iterator[Change]:
        """Rows that need this step and have taken every step before it."""
        for part in self._work("pending"):
            for r in part:
                names = step_names(r["steps"])
                if step.name not in names:
                    continue
                done = self._progress.get(r["row"]) or frozenset(step_names(r["done"]))
                if step.name in done or not set(names[: names.index(step.name)]) <= done:
                    continue
                live = None
                if r["live"] is not None:
                    live = Live(r["key"], loads(r["live"]) or {}, r["parent"], r["live_id"])
                yield change_from(r, live, remote_ids.get(r["row"]) or r["live_id"] or r["known_id"])

    def take_step(self, change: Change, step: Step) -> None:
        """Note that the row has taken the step, and those before it."""
        if len(change.steps) > 1:
            taken = change.steps[: change.steps.index(step.name) + 1]
            self._progress[change.row] = self._progress.get(change.row, frozenset()) | frozenset(taken)

    def halve(self, part: Sequence[Change]) -> list[tuple[Change, ...]]:
        """Cut a refused batch in two. Its halves stay apart in later passes, too."""
        middle = (len(part) + 1) // 2
        halves = [tuple(half) for half in (part[:middle], part[middle:]) if half]
        for half in halves:
            self._set_apart(*(c.row for c in half))
        return halves

    def _set_apart(self, *rows: int) -> None:
        self._parts += 1
        self._part_of.update(dict.fromkeys(rows, self._parts))

    def _goes_alone(self, row: int) -> bool:
        """Whether a row goes without others already."""
        part = self._part_of.get(row)
        return part is not None and sum(p == part for p in self._part_of.values()) == 1
