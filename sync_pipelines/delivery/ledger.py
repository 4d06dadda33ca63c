"""The ledger: what was planned, sent, answered, put there and undone, and by which run. SQLite through SQLAlchemy Core.

Every write here is one short transaction. What has to be true together (an answer, its outcomes and the records that
move with them; an intent and the lease it was made under) is committed together.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert_into

from sync_pipelines.delivery.clock import Clock, moment, stamp
from sync_pipelines.delivery.model import BAD_OUTCOMES, DeliveryError

schema = sa.MetaData()


def _table(name: str, keys: dict[str, Any], /, **columns: Any) -> sa.Table:
    return sa.Table(
        name,
        schema,
        *(sa.Column(c, t, primary_key=True) for c, t in keys.items()),
        *(sa.Column(c, t) for c, t in columns.items()),
        sqlite_with_rowid=False,
    )


TEXT, INT = sa.Text, sa.Integer

record = _table(
    "record", {"account": TEXT, "key": TEXT},
    hash=TEXT, remote_id=TEXT, state=TEXT, created=INT, sent=INT, done=TEXT, plan=TEXT, at=TEXT,
)  # fmt: skip
"""What we last put there. state: present, absent, partial (`done` names the steps), unverified (something of ours or of
our predecessor's is there, and what exactly is not known: the next plan compares, and no difference counts as somebody's
edit). created: made by us. sent: how often this very value was sent in a row; more than once means that the target did
not keep it."""

plan = _table(
    "plan", {"id": TEXT},
    pipeline=TEXT, account=TEXT, extract=TEXT, state=TEXT, verdict=TEXT, findings=TEXT, counts=TEXT, owned=TEXT,
    partial=INT, undo_of=TEXT, run=TEXT, sealed_at=TEXT, expires_at=TEXT, applied_at=TEXT, as_planned=INT, read_back=INT,
    scope=TEXT,
)  # fmt: skip
"""state: sealed, applying, done. partial: it did not look at, or send, everything (chosen keys, a limit, an undo). scope: the
partition it speaks for; empty: the whole account."""

attempt = _table(
    "attempt", {"id": TEXT},
    plan=TEXT, account=TEXT, run=TEXT, step=TEXT, rows=TEXT, keys=TEXT, key=TEXT, state=TEXT, doubtful=TEXT, handles=TEXT,
    message=TEXT, intended_at=TEXT, answered_at=TEXT, boot=TEXT, monotonic=sa.Float, landed=INT,
)  # fmt: skip
"""One call. state: open (intent, no answer yet), answered, doubt (`doubtful` rows are open), settled. landed: the vendor
said that it is done with the doubtful rows; they wait only to be read back."""

outcome = _table(
    "outcome", {"plan": TEXT, "row": INT},
    account=TEXT, key=TEXT, state=TEXT, steps=TEXT, remote_id=TEXT, attempt=TEXT, message=TEXT, at=TEXT,
)  # fmt: skip
release = _table("release", {"account": TEXT, "key": TEXT, "value": TEXT}, plan=TEXT, who=TEXT, why=TEXT, at=TEXT)
"""What a person let through. key "*": a whole plan, with `value` its id."""

hold = _table("hold", {"account": TEXT, "key": TEXT}, value=TEXT, plan=TEXT, at=TEXT)
"""An undone value: not sent again until the source changes or a person releases it."""

lease = _table("lease", {"account": TEXT}, host=TEXT, pid=INT, born=TEXT, token=TEXT, heartbeat=TEXT)
run = _table(
    "run", {"id": TEXT},
    pipeline=TEXT, verb=TEXT, host=TEXT, pid=INT, born=TEXT, state=TEXT, plan=TEXT, counts=TEXT, calls=TEXT, message=TEXT,
    source_rejects=INT, started_at=TEXT, ended_at=TEXT,
)  # fmt: skip
"""state: running, done, stopped (a guard), incomplete (rows ended badly), failed."""

extract = _table(
    "extract", {"id": TEXT},
    source=TEXT, account=TEXT, partition=TEXT, rows=INT, repeats=INT, origin=TEXT, complete=INT, run=TEXT, at=TEXT, money=TEXT,
)  # fmt: skip
cursor = _table("cursor", {"account": TEXT, "name": TEXT}, value=TEXT, run=TEXT, at=TEXT)
"""How far something was read, and what else has to be known of an account from one run to the next."""

explained = _table("explained", {"account": TEXT, "key": TEXT}, what=TEXT, told=TEXT, at=TEXT)
"""What became of a record that is not where one would look for it: looked up once, kept."""

enabled = _table("enabled", {"pipeline": TEXT, "account": TEXT}, who=TEXT, at=TEXT)

for table, columns in ((attempt, ("account", "state")), (outcome, ("account", "state")), (plan, ("account", "state"))):
    sa.Index(f"{table.name}_by_{'_'.join(columns)}", *(table.c[c] for c in columns))

LEASE_LASTS = timedelta(minutes=15)
"""How long a holder on another host may be silent. Longer than any one call may take."""


class LedgerUnreadable(DeliveryError):
    """The ledger file cannot be opened or read."""


class Busy(DeliveryError):
    """Another run is writing to this account."""


class LeaseLost(DeliveryError):
    """Another run took the account over. Nothing was sent after that."""


@dataclass(frozen=True)
class Doubt:
    """Rows of an attempt of which nobody knows whether they took effect."""

    attempt: str
    plan: str
    step: str
    rows: tuple[int, ...]
    keys: tuple[str, ...]
    """Business keys of the rows, in the same order."""
    key: str
    handles: dict[str, str]
    intended_at: str
    boot: str
    monotonic: float
    landed: bool


class Ledger:
    """One open ledger. Safe to open from several processes at once; `clock` is for tests."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = url
        self.clock = clock or Clock()
        self.engine = sa.create_engine(url)
        self.reader = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _sqlite_connect)
            sa.event.listen(self.reader, "connect", _sqlite_connect)
            sa.event.listen(self.engine, "begin", _sqlite_begin)
        with self.write() as tx:
            schema.create_all(tx)
            _add_new_columns(tx)

    @classmethod
    def at(cls, path: Path, clock: Clock | None = None) -> Ledger:
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{path}", clock)

    def close(self) -> None:
        self.engine.dispose()
        self.reader.dispose()

    def now(self) -> str:
        return stamp(self.clock.now())

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that takes the write lock at its start, so that what it read still holds when it writes."""
        with self._readable(), self.engine.begin() as tx:
            yield tx

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self._readable(), self.reader.connect() as con:
            return [dict(r._mapping) for r in con.execute(query)]

    def row(self, query: sa.Select[Any]) -> dict[str, Any] | None:
        found = self.rows(query.limit(1))
        return found[0] if found else None

    def column(self, query: sa.Select[Any]) -> list[Any]:
        """The values of a query of one column."""
        with self._readable(), self.reader.connect() as con:
            return list(con.execute(query).scalars())

    def value(self, query: sa.Select[Any]) -> Any:
        with self._readable(), self.reader.connect() as con:
            return con.execute(query).scalar()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as e:
            raise LedgerUnreadable(
                f"the ledger {self.url} could not be used: {e.orig}. Is the disk full or the file in use?"
            ) from e
        except sa.exc.DatabaseError as e:
            if isinstance(e, sa.exc.IntegrityError):
                raise
            raise LedgerUnreadable(
                f"the ledger {self.url} cannot be read: {e.orig}. Nothing was sent. Restore it from a copy, or move it "
                "away: the next plan then compares with the live target and adopts what it finds there."
            ) from e

    # --- leases -----------------------------------------------------------------------------------------------------

    @contextmanager
    def holding(self, account: str) -> Iterator[Lease]:
        """The right to write to this account, for as long as the block lasts. Raises Busy."""
        mine = Lease(self, account)
        mine.acquire()
        try:
            yield mine
        finally:
            mine.give_back()

    # --- plans and outcomes -----------------------------------------------------------------------------------------

    def plan(self, plan_id: str) -> dict[str, Any]:
        found = self.row(sa.select(plan).where(plan.c.id == plan_id)) or self._by_prefix(plan_id)
        if found is None:
            raise DeliveryError(
                f"no plan {plan_id} in {self.url}. `sync-pipelines history` lists the plans of past runs."
            )
        return found

    def _by_prefix(self, start: str) -> dict[str, Any] | None:
        found = (
            self.rows(sa.select(plan).where(plan.c.id.startswith(start, autoescape=True))) if len(start) >= 6 else []
        )
        return found[0] if len(found) == 1 else None

    def outcome_counts(self, plan_id: str) -> dict[str, int]:
        query = (
            sa.select(outcome.c.state, sa.func.count().label("n"))
            .where(outcome.c.plan == plan_id)
            .group_by(outcome.c.state)
        )
        with self._readable(), self.reader.connect() as con:
            return {row.state: row.n for row in con.execute(query)}

    def bad_outcomes(self, account: str | None = None, *, all_plans: bool = False) -> list[dict[str, Any]]:
        """Rows that ended badly and are not mended; with `all_plans` every one there was.

        Mended: the key was delivered since, or a later plan that looked at everything found nothing to do for it.
        """
        later, full, row, own = outcome.alias("later"), plan.alias("full"), outcome.alias("row"), plan.alias("own")
        query = sa.select(outcome).where(outcome.c.state.in_(BAD_OUTCOMES)).order_by(outcome.c.at.desc(), outcome.c.row)
        if account is not None:
            query = query.where(outcome.c.account == account)
        if not all_plans:
            ended_well = sa.exists().where(
                later.c.account == outcome.c.account,
                later.c.key == outcome.c.key,
                later.c.at > outcome.c.at,
                later.c.state.in_(["delivered", "unchanged"]),
            )
            of_it = (
                sa.exists().where(own.c.id == outcome.c.plan, speaks_for(full, own.c.scope)).correlate(full, outcome)
            )
            in_plan = sa.exists().where(row.c.plan == full.c.id, row.c.key == outcome.c.key).correlate(full, outcome)
            found_equal = sa.exists().where(
                full.c.account == outcome.c.account,
                full.c.state == "done",
                full.c.partial == 0,
                full.c.sealed_at > outcome.c.at,
                of_it,
                ~in_plan,
            )
            query = query.where(~ended_well, ~found_equal)
        return self.rows(query)

    def doubts(self, account: str) -> list[Doubt]:
        """Attempts with rows still in doubt, oldest first. An open attempt whose run is gone is one."""
        query = (
            sa.select(attempt)
            .where(attempt.c.account == account, attempt.c.state.in_(["open", "doubt"]))
            .order_by(attempt.c.intended_at, attempt.c.id)
        )
        found = []
        for a in self.rows(query):
            keys = dict(zip(json.loads(a["rows"]), json.loads(a["keys"]), strict=True))
            rows = tuple(json.loads(a["doubtful"]))
            found.append(
                Doubt(
                    a["id"], a["plan"], a["step"], rows, tuple(keys[r] for r in rows), a["key"], json.loads(a["handles"]),
                    a["intended_at"], a["boot"], a["monotonic"], bool(a["landed"]),
                )
            )  # fmt: skip
        return found

    def releases(self, account: str, plan_id: str | None = None) -> set[tuple[str, str]]:
        """Key and value of every release on the account, or only of those a person gave for this plan."""
        query = sa.select(release).where(release.c.account == account)
        if plan_id is not None:
            query = query.where(release.c.plan == plan_id)
        return {(r["key"], r["value"]) for r in self.rows(query)}

    def forget(self, account: str, key: str) -> bool:
        """Drop what is known of one key, and its holds and doubts: the next plan compares with the live target.

        Returns whether anything was known. Raises Busy while a run writes to the account.
        """
        with self.holding(account):
            doubts = [d for d in self.doubts(account) if key in d.keys]
            with self.write() as tx:
                gone = 0
                for table in (record, hold):
                    gone += tx.execute(table.delete().where(table.c.account == account, table.c.key == key)).rowcount
                for d in doubts:
                    left = [row for row, k in zip(d.rows, d.keys, strict=True) if k != key]
                    state = "doubt" if left else "settled"
                    tx.execute(
                        attempt.update().where(attempt.c.id == d.attempt).values(doubtful=json.dumps(left), state=state)
                    )
        return bool(gone or doubts)

    # --- who may write ----------------------------------------------------------------------------------------------

    def enable(self, pipeline: str, account: str, who: str) -> None:
        with self.write() as tx:
            put(tx, enabled, [{"pipeline": pipeline, "account": account, "who": who, "at": self.now()}])

    def disable(self, pipeline: str) -> None:
        with self.write() as tx:
            tx.execute(enabled.delete().where(enabled.c.pipeline == pipeline))

    def is_enabled(self, pipeline: str, account: str) -> bool:
        return (
            self.row(sa.select(enabled).where(enabled.c.pipeline == pipeline, enabled.c.account == account)) is not None
        )

    def doubt_record(self, account: str, keys: Sequence[str], *, there: bool = True) -> None:
        """What these keys hold at the target is not known any more: the next plan compares them, whatever changed. `there`
        false: we ourselves wrote over them, and what is missing may be made again."""
        with self.write() as tx:
            known = record.update().where(record.c.account == account, record.c.key.in_(keys))
            tx.execute(known.values(state="unverified" if there else "absent", at=self.now()))

    def inherit(self, account: str, keys: Mapping[str, str]) -> None:
        """Take note of records that another program put there, by key, and when it did. Found again they are ours to keep
        in step; gone they are not made again. Keys that are known already stay as they are."""
        blank = {
            "hash": None,
            "remote_id": None,
            "state": "unverified",
            "created": 0,
            "sent": 0,
            "done": "[]",
            "plan": "",
        }
        with self.write() as tx:
            rows = [{"account": account, "key": key, "at": at, **blank} for key, at in keys.items()]
            many(tx, upsert_into(record).on_conflict_do_nothing(), rows)

    # --- cursors ----------------------------------------------------------------------------------------------------

    def cursor(self, account: str, name: str) -> str | None:
        found = self.row(sa.select(cursor.c.value).where(cursor.c.account == account, cursor.c.name == name))
        return None if found is None else str(found["value"])

    def set_cursor(self, account: str, name: str, value: str, run: str) -> None:
        """Raises nothing of its own; what the cursor stands for has to be durable before."""
        with self.write() as tx:
            put(tx, cursor, [{"account": account, "name": name, "value": value, "run": run, "at": self.now()}])

    def drop_cursor(self, account: str, name: str) -> None:
        with self.write() as tx:
            tx.execute(cursor.delete().where(cursor.c.account == account, cursor.c.name == name))


def speaks_for(plans: Any, scope: Any) -> Any:
    """The condition that a plan covers this scope: it is of the same, or of the whole account."""
    own = sa.func.coalesce(plans.c.scope, "")
    return (own == "") | (own == sa.func.coalesce(scope, ""))


class Lease:
    """Held by one process at a time. Its token is checked in the transaction of every intent."""

    def __init__(self, ledger: Ledger, account: str) -> None:
        self.ledger, self.account, self.token = ledger, account, uuid.uuid4().hex

    def acquire(self) -> None:
        with self.ledger.write() as tx:
            holder = tx.execute(sa.select(lease).where(lease.c.account == self.account)).mappings().first()
            if holder is not None and self._alive(holder):
                raise Busy(
                    f"{self.account} is being written by process {holder['pid']} on {holder['host']} "
                    f"(last seen {holder['heartbeat']}). Nothing was sent. Try again when that run has ended."
                )
            put(tx, lease, [{
                "account": self.account, "host": socket.gethostname(), "pid": os.getpid(), "born": born(os.getpid()),
                "token": self.token, "heartbeat": self.ledger.now(),
            }])  # fmt: skip

    def _alive(self, holder: Any) -> bool:
        if holder["host"] == socket.gethostname():
            return bool(born(holder["pid"]) == holder["born"])
        return self.ledger.clock.now() - moment(holder["heartbeat"]) < LEASE_LASTS

    def check(self, tx: sa.Connection) -> None:
        """Raises LeaseLost. Part of the transaction that commits an intent."""
        mine = (lease.c.account == self.account) & (lease.c.token == self.token)
        if tx.execute(lease.update().where(mine).values(heartbeat=self.ledger.now())).rowcount != 1:
            raise LeaseLost(f"another run took over {self.account}; this one stops. Nothing was sent after that.")

    def give_back(self) -> None:
        with self.ledger.write() as tx:
            tx.execute(lease.delete().where(lease.c.account == self.account, lease.c.token == self.token))


def born(pid: int) -> str | None:
    """When a process of this host started, in clock ticks since boot; "" where that cannot be told, None if it is gone.

    Tells a process from a later one that was given the same number.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return None if state == "Z" else rest[18]


def _add_new_columns(tx: sa.Connection) -> None:
    """A ledger made by an earlier version gets the columns that came since; what it holds stays."""
    known = sa.inspect(tx)
    for table in schema.tables.values():
        there = {column["name"] for column in known.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                tx.execute(
                    sa.text(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {column.type.compile(tx.dialect)}')
                )


def put(tx: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert, or replace the row with the same key."""
    if not rows:
        return
    statement = upsert_into(table)
    keys = [c.name for c in table.primary_key]
    changed = {c: statement.excluded[c] for c in rows[0] if c not in keys}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


def add_outcomes(tx: sa.Connection, rows: Sequence[Mapping[str, Any]], at: str) -> None:
    """An outcome is written once: a row that has one keeps it."""
    many(tx, _ADD_OUTCOME, [{**row, "at": at} for row in rows])


_ADD_OUTCOME = upsert_into(outcome).on_conflict_do_nothing()


def many(tx: sa.Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement for many rows. Compiled once, so that a row costs what the driver takes and no more."""
    if not rows:
        return
    compiled = statement.compile(dialect=tx.dialect, column_keys=list(rows[0]))
    order = compiled.positiontup
    tx.exec_driver_sql(
        compiled.string, [tuple(r[n] for n in order) for r in rows] if order is not None else [dict(r) for r in rows]
    )


def _sqlite_connect(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver at the first INSERT
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
