"""The ledger: what was planned, sent, answered, put there and undone, and by which run. SQLite through SQLAlchemy Core.

Every write here is one short transaction. What has to be true together (an answer, its outcomes and the records that
move with them; an intent and the lease it was made under) is committed together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import migrations
from sync_pipelines.delivery.clock import Clock, stamp
from sync_pipelines.delivery.interrupts import undisturbed
from sync_pipelines.delivery.lease import Busy, Lease, LeaseLost
from sync_pipelines.delivery.model import BAD_OUTCOMES, DeliveryError, OutcomeState, RequestRefused
from sync_pipelines.delivery.tables import attempt, enabled, hold, outcome, plan, put, record, speaks_for

__all__ = ["Busy", "Doubt", "Lease", "LeaseLost", "Ledger", "LedgerUnreadable", "Outcome"]

FITTING_SHOWN = 5
"""How many are listed of those that a start of an id fits."""

_ONE_WRITER = 0x5359_4E43
"""The advisory lock that stands for SQLite's write lock on PostgreSQL."""


class LedgerUnreadable(DeliveryError):
    """The ledger file cannot be opened or read."""


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


@dataclass(frozen=True)
class Outcome:
    """How a row of a plan ended, and what there is to say about it."""

    state: OutcomeState
    message: str | None


class Ledger:
    """One open ledger. Safe to open from several processes at once; `clock` is for tests.

    Opening one of an earlier version brings it up to date (`upgraded` says what was done); one of a later version is refused.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = url
        self.clock = clock or Clock()
        self.engine = sa.create_engine(url)
        self.reader = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _sqlite_connect)
            sa.event.listen(self.reader, "connect", _sqlite_connect)
            sa.event.listen(self.engine, "begin", _sqlite_begin)
        else:
            sa.event.listen(self.engine, "begin", _one_writer_begin)
        try:
            with self._readable():
                self.upgraded: Sequence[str] = migrations.bring_up_to_date(self)
        except BaseException:
            self.close()
            raise

    @classmethod
    def at(cls, path: Path, clock: Clock | None = None) -> Ledger:
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{path}", clock)

    def close(self) -> None:
        self.engine.dispose()
        self.reader.dispose()

    def now(self) -> str:
        return stamp(self.clock.now())

    @cached_property
    def boot(self) -> str:
        return self.clock.boot()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that takes the write lock at its start, so that what it read still holds when it writes. An interrupt
        waits until it is over."""
        with undisturbed(), self._readable(), self.engine.begin() as tx:
            yield tx

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self._readable(), self.reader.connect() as con:
            return [dict(r._mapping) for r in con.execute(query)]

    def row(self, query: sa.Select[Any]) -> dict[str, Any] | None:
        rows = self.rows(query.limit(1))
        return rows[0] if rows else None

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
        """Return a plan by its id or by a start of it. Raises RequestRefused for none, and for a start that fits several."""
        row = self.find_plan(plan_id)
        if row is None:
            raise RequestRefused(f"no plan {plan_id} in {self.url}. `sync-pipelines history` lists the plans of past runs.")
        return row

    def find_plan(self, start: str) -> dict[str, Any] | None:
        """Return the plan whose id begins so, if there is one. Raises RequestRefused for a start that fits several."""
        return self.only_one(plan, start, lambda row: f"{row['pipeline']}, {row['state']}, {row['sealed_at']}")

    def only_one(self, table: sa.Table, start: str, about: Callable[[dict[str, Any]], str]) -> dict[str, Any] | None:
        """Return the row whose id is this or begins so. Raises RequestRefused for several, listing some with what they are."""
        if not start:
            return None
        fitting = self.rows(sa.select(table).where(table.c.id == start).limit(1))
        if not fitting:
            begins = table.c.id.startswith(start, autoescape=True)
            fitting = self.rows(sa.select(table).where(begins).order_by(table.c.id).limit(FITTING_SHOWN + 1))
        if len(fitting) > 1:
            enough = max(8, len(start) + 4)
            shown = "; ".join(f"{row['id'][:enough]} ({about(row)})" for row in fitting[:FITTING_SHOWN])
            more = "; …" if len(fitting) > FITTING_SHOWN else ""
            raise RequestRefused(f"{start} fits several {table.name}s: {shown}{more}. Give more of the id.")
        return fitting[0] if fitting else None

    def finished_at(self, plan_id: str) -> str | None:
        """When a plan was applied to its end; None where it was not."""
        finished = self.row(sa.select(plan.c.applied_at).where(plan.c.id == plan_id, plan.c.state == "done"))
        return None if finished is None else str(finished["applied_at"])

    def outcome_counts(self, plan_id: str) -> dict[str, int]:
        query = sa.select(outcome.c.state, sa.func.count().label("n")).where(outcome.c.plan == plan_id).group_by(outcome.c.state)
        with self._readable(), self.reader.connect() as con:
            return {row.state: row.n for row in con.execute(query)}

    def outcomes(self, plan_id: str) -> dict[int, Outcome]:
        """How the rows of a plan ended, by their number; a row without an outcome is left out."""
        o = outcome.c
        ended = self.rows(sa.select(o.row, o.state, o.message).where(o.plan == plan_id))
        return {row["row"]: Outcome(row["state"], row["message"]) for row in ended}

    def ended_since(self, account: str, since: str) -> list[tuple[str, OutcomeState]]:
        """When each row of an account ended since a moment, and how; rows that were skipped are left out."""
        o = outcome.c
        ended = self.rows(sa.select(o.at, o.state).where(o.account == account, o.at >= since, o.state != "skipped"))
        return [(row["at"], row["state"]) for row in ended]

    def ended_rows(self, plan_id: str) -> list[int]:
        """Numbers of the rows of a plan that have an outcome."""
        return self.column(sa.select(outcome.c.row).where(outcome.c.plan == plan_id))

    def bad_outcomes(self, account: str | None = None, *, all_plans: bool = False) -> list[dict[str, Any]]:
        """Rows that ended badly and are not mended; with `all_plans` every one there was.

        Mended: the key was delivered since, or a later plan that looked at everything found nothing to do for it. Later is
        what has a higher number.
        """
        own, later, its, full, row = (
            plan.alias("own"),
            outcome.alias("later"),
            plan.alias("its"),
            plan.alias("full"),
            outcome.alias("row"),
        )
        query = (
            sa.select(outcome)
            .join(own, own.c.id == outcome.c.plan)
            .where(outcome.c.state.in_(BAD_OUTCOMES))
            .order_by(own.c.seq.desc(), outcome.c.row)
        )
        if account is not None:
            query = query.where(outcome.c.account == account)
        if not all_plans:
            ended_well = sa.exists().where(
                later.c.account == outcome.c.account,
                later.c.key == outcome.c.key,
                later.c.state.in_(["delivered", "unchanged"]),
                its.c.id == later.c.plan,
                its.c.seq > own.c.seq,
            )
            in_plan = sa.exists().where(row.c.plan == full.c.id, row.c.key == outcome.c.key).correlate(full, outcome)
            found_equal = sa.exists().where(
                full.c.account == outcome.c.account,
                full.c.state == "done",
                full.c.partial == 0,
                full.c.seq > own.c.seq,
                speaks_for(full, own.c.scope),
                ~in_plan,
            )
            query = query.where(~ended_well, ~found_equal)
        return self.rows(query)

    def doubts(self, account: str) -> list[Doubt]:
        """Attempts with rows still in doubt, oldest first. An open attempt whose run is gone is one."""
        query = (
            sa.select(attempt, plan.c.seq)
            .join(plan, plan.c.id == attempt.c.plan)
            .where(attempt.c.account == account, attempt.c.state.in_(["open", "doubt"]))
            .order_by(plan.c.seq, attempt.c.intended_at, attempt.c.id)
        )
        doubts = []
        for a in self.rows(query):
            keys = dict(zip(json.loads(a["rows"]), json.loads(a["keys"]), strict=True))
            rows = tuple(json.loads(a["doubtful"]))
            doubts.append(
                Doubt(
                    a["id"],
                    a["plan"],
                    a["step"],
                    rows,
                    tuple(keys[r] for r in rows),
                    a["key"],
                    json.loads(a["handles"]),
                    a["intended_at"],
                    a["boot"],
                    a["monotonic"],
                    bool(a["landed"]),
                )
            )
        return doubts

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
                    tx.execute(attempt.update().where(attempt.c.id == d.attempt).values(doubtful=json.dumps(left), state=state))
        return bool(gone or doubts)

    # --- who may write ----------------------------------------------------------------------------------------------

    def enable(self, pipeline: str, account: str, who: str) -> None:
        with self.write() as tx:
            put(tx, enabled, [{"pipeline": pipeline, "account": account, "who": who, "at": self.now()}])

    def disable(self, pipeline: str, account: str | None = None) -> None:
        """Make an account read-only again for a pipeline; without one named, all of them."""
        these = [enabled.c.pipeline == pipeline, *([] if account is None else [enabled.c.account == account])]
        with self.write() as tx:
            tx.execute(enabled.delete().where(*these))

    def is_enabled(self, pipeline: str, account: str) -> bool:
        return self.row(sa.select(enabled).where(enabled.c.pipeline == pipeline, enabled.c.account == account)) is not None


def _sqlite_connect(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver at the first INSERT
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _one_writer_begin(connection: sa.Connection) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_WRITER)))
