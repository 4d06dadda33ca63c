"""The tables of the ledger, and how rows go into them. SQL that both SQLite and PostgreSQL take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert_into

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

SENT_IN_PART = 2
"""What `partial` is of a plan that was made of everything, and of which only the first changes were sent."""

record = _table(
    "record",
    {"account": TEXT, "key": TEXT},
    hash=TEXT,
    rules=TEXT,
    fields=TEXT,
    remote_id=TEXT,
    state=TEXT,
    created=INT,
    seen=TEXT,
    done=TEXT,
    plan=TEXT,
    seq=INT,
    at=TEXT,
    boot=TEXT,
    monotonic=sa.Float,
)
"""What we last put there. state: present, absent (we removed it), gone (somebody did), partial (`done` names the steps),
unverified (something of ours or of our predecessor's is there, and what exactly is not known: the next plan compares, and no
difference counts as somebody's edit). hash: the record as a whole, comparable under the same `rules` only. fields: each value
with its rule (`Rules.kept`); both null where it is not known what we put there. created: made by us. seen: what the target
showed instead when this very value was sent again. seq: the number of the plan that wrote it. boot, monotonic: when, by a clock
that does not jump."""

plan = _table(
    "plan",
    {"id": TEXT},
    pipeline=TEXT,
    account=TEXT,
    extract=TEXT,
    seq=INT,
    state=TEXT,
    verdict=TEXT,
    findings=TEXT,
    counts=TEXT,
    owned=TEXT,
    seal=TEXT,
    ends=TEXT,
    partial=INT,
    undo_of=TEXT,
    run=TEXT,
    sealed_at=TEXT,
    expires_at=TEXT,
    applied_at=TEXT,
    as_planned=INT,
    read_back=INT,
    scope=TEXT,
)
"""state: sealed, applying, done. seq: its place among the plans of the account; what is older or newer is asked of this, never
of a clock. seal: the hash of its file; null for plans of earlier versions. ends: keys whose undo holds, and ids of releases, that
end when it is applied, for the source wants something else now. partial: it did not look at, or send, everything (chosen keys, a
limit, an undo). scope: the partition it speaks for; empty: the whole account."""

attempt = _table(
    "attempt",
    {"id": TEXT},
    plan=TEXT,
    account=TEXT,
    run=TEXT,
    step=TEXT,
    rows=TEXT,
    keys=TEXT,
    key=TEXT,
    state=TEXT,
    doubtful=TEXT,
    handles=TEXT,
    settled=TEXT,
    message=TEXT,
    intended_at=TEXT,
    answered_at=TEXT,
    boot=TEXT,
    monotonic=sa.Float,
    landed=INT,
)
"""One call. state: open (intent, no answer yet), answered, doubt (`doubtful` rows are open), settled. settled: rows that reading
found applied. landed: the vendor said that it is done with the doubtful rows; they wait only to be read back. boot, monotonic:
when the answer came, or the intent where none did, by a clock that does not jump."""

outcome = _table(
    "outcome",
    {"plan": TEXT, "row": INT},
    account=TEXT,
    key=TEXT,
    state=TEXT,
    steps=TEXT,
    remote_id=TEXT,
    attempt=TEXT,
    message=TEXT,
    at=TEXT,
)

release = _table(
    "release",
    {"id": TEXT},
    account=TEXT,
    key=TEXT,
    kind=TEXT,
    value=TEXT,
    plan=TEXT,
    who=TEXT,
    why=TEXT,
    at=TEXT,
    expires_at=TEXT,
    ended=TEXT,
    ended_at=TEXT,
)
"""What a person let through: this kind of hold on this key, for the value seen and the one that would replace it. kind
"verdict", key "*": a plan that was stopped. ended: why it is over (used, undone, another value, upgrade); null while it holds."""

hold = _table("hold", {"account": TEXT, "key": TEXT}, value=TEXT, fields=TEXT, plan=TEXT, at=TEXT)
"""An undone value: not sent again until the source changes or a person releases it. fields: the value as `Rules.kept` has it,
"null" for a record that is to be away; null for holds of earlier versions, which have a fingerprint in `value`."""

lease = _table("lease", {"account": TEXT}, host=TEXT, namespace=TEXT, pid=INT, born=TEXT, token=TEXT, heartbeat=TEXT)
run = _table(
    "run",
    {"id": TEXT},
    pipeline=TEXT,
    verb=TEXT,
    host=TEXT,
    pid=INT,
    born=TEXT,
    state=TEXT,
    plan=TEXT,
    counts=TEXT,
    calls=TEXT,
    message=TEXT,
    source_rejects=INT,
    started_at=TEXT,
    ended_at=TEXT,
)
"""state: running, done, stopped (a guard), incomplete (rows ended badly), failed."""

extract = _table(
    "extract",
    {"id": TEXT},
    source=TEXT,
    account=TEXT,
    partition=TEXT,
    rows=INT,
    repeats=INT,
    origin=TEXT,
    complete=INT,
    run=TEXT,
    at=TEXT,
    money=TEXT,
)
cursor = _table("cursor", {"account": TEXT, "name": TEXT}, value=TEXT, run=TEXT, at=TEXT)
"""How far something was read, and what else has to be known of an account from one run to the next."""

explained = _table("explained", {"account": TEXT, "key": TEXT}, what=TEXT, told=TEXT, at=TEXT)
"""What became of a record that is not where one would look for it: looked up once, kept."""

enabled = _table("enabled", {"pipeline": TEXT, "account": TEXT}, who=TEXT, at=TEXT)

for _t, _columns in (
    (attempt, ("account", "state")),
    (outcome, ("account", "state")),
    (plan, ("account", "state")),
    (plan, ("account", "seq")),
    (release, ("account", "key")),
):
    sa.Index(f"{_t.name}_by_{'_'.join(_columns)}", *(_t.c[c] for c in _columns))


def speaks_for(plans: Any, scope: Any) -> Any:
    """The condition that a plan covers this scope: it is of the same, or of the whole account."""
    own = sa.func.coalesce(plans.c.scope, "")
    return (own == "") | (own == sa.func.coalesce(scope, ""))


def put(tx: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert, or replace the row with the same key."""
    if rows:
        many(tx, _replacing(table, tuple(rows[0])), rows)


@lru_cache(maxsize=64)
def _replacing(table: sa.Table, columns: tuple[str, ...]) -> Any:
    statement = upsert_into(table)
    keys = [c.name for c in table.primary_key]
    changed = {c: statement.excluded[c] for c in columns if c not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def add_outcomes(tx: sa.Connection, rows: Sequence[Mapping[str, Any]], at: str) -> None:
    """An outcome is written once: a row that has one keeps it."""
    many(tx, ADD_OUTCOME, [{**row, "at": at} for row in rows])


def many(tx: sa.Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute an insert for many rows; names that are no columns are its parameters. Compiled once for each set of names, so
    that a row costs what the driver takes and no more."""
    if not rows:
        return
    text, order = _compiled(statement, tx.dialect, tuple(rows[0]))
    tx.exec_driver_sql(text, [tuple([r[n] for n in order]) for r in rows] if order else [dict(r) for r in rows])


@lru_cache(maxsize=64)
def _compiled(statement: Any, dialect: sa.Dialect, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    columns = [n for n in names if n in statement.table.c]
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    return compiled.string, tuple(compiled.positiontup or ())


def _put_record() -> Any:
    """A record that is over (we removed it, somebody else did, or another one has its key) starts a new life: only then is
    `created` asked of the new row alone. Parameter `resent`: what the target showed before this call, which matters
    where the same value is sent again."""
    statement = upsert_into(record)
    new, old = statement.excluded, record.c
    resent = sa.bindparam("resent", type_=TEXT)
    absent: Any = sa.literal_column("'absent'")
    gone: Any = sa.literal_column("'gone'")
    yes: Any = sa.literal_column("1")
    no: Any = sa.literal_column("0")
    changed = sa.case((old.remote_id != new.remote_id, yes), else_=no)  # no: one of them has none
    unlike = sa.case((old.remote_id == new.remote_id, no), else_=yes)
    over = (old.state == absent) | ((old.state == gone) & (unlike == yes)) | (changed == yes)
    return statement.on_conflict_do_update(
        index_elements=["account", "key"],
        set_={
            **{c: new[c] for c in ("hash", "rules", "fields", "state", "done", "plan", "seq", "at", "boot", "monotonic")},
            "remote_id": sa.case((new.state == absent, sa.null()), else_=sa.func.coalesce(new.remote_id, old.remote_id)),
            "created": sa.case((new.state == absent, no), (over, new.created), (old.created == yes, yes), else_=new.created),
            "seen": sa.case((new.hash == old.hash, sa.func.coalesce(resent, old.seen)), else_=sa.null()),
        },
    )


PUT_RECORD = _put_record()
ADD_OUTCOME = upsert_into(outcome).on_conflict_do_nothing()
ADD_RECORD = upsert_into(record).on_conflict_do_nothing()
