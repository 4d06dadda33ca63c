"""What pipelines note for themselves from run to run: how far they read, what each extract held, what was explained once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.tables import cursor, explained, extract, put, run

log = logging.getLogger(__name__)

TRAILING = 10
"""How many earlier complete extracts the median is taken over."""


# --- cursors ----------------------------------------------------------------------------------------------------------


def get_cursor(ledger: Ledger, account: str, name: str) -> str | None:
    """The value of a cursor; None for one that was never set, or dropped."""
    value = ledger.value(sa.select(cursor.c.value).where(cursor.c.account == account, cursor.c.name == name))
    return None if value is None else str(value)


def peek_cursor(path: Path, account: str, name: str) -> str | None:
    """Return the value of a cursor without making the ledger or bringing it up to date.

    Returns None as well when the ledger cannot be read: a run that opens it says what is wrong.
    """
    if not path.exists():
        return None
    engine = sa.create_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true", poolclass=sa.NullPool)
    try:
        with engine.connect() as con:
            value = con.execute(sa.select(cursor.c.value).where(cursor.c.account == account, cursor.c.name == name)).scalar()
            return None if value is None else str(value)
    except sa.exc.SQLAlchemyError as e:
        log.warning("the cursor %s in %s cannot be read: %s", name, path, e)
        return None
    finally:
        engine.dispose()


def set_cursor(ledger: Ledger, account: str, name: str, value: str, run_id: str) -> None:
    """Move a cursor. What it stands for has to be durable before."""
    with ledger.write() as tx:
        put(tx, cursor, [{"account": account, "name": name, "value": value, "run": run_id, "at": ledger.now()}])


def drop_cursor(ledger: Ledger, account: str, name: str) -> None:
    with ledger.write() as tx:
        tx.execute(cursor.delete().where(cursor.c.account == account, cursor.c.name == name))


def cursors(ledger: Ledger, account: str, prefix: str, *, except_verb: str) -> dict[str, str]:
    """Cursors of an account whose names begin so, by name, without those that runs of one verb set."""
    theirs = sa.select(run.c.id).where(run.c.verb == except_verb)
    return _cursors(ledger, account, prefix, theirs)


def cursors_left_behind(ledger: Ledger, account: str, prefix: str, run_id: str) -> dict[str, str]:
    """Cursors of an account whose names begin so, by name, that no run set which is under way now, this one excepted."""
    running = sa.select(run.c.id).where(run.c.state == "running", run.c.id != run_id)
    return _cursors(ledger, account, prefix, running)


def _cursors(ledger: Ledger, account: str, prefix: str, not_of: sa.Select[Any]) -> dict[str, str]:
    c = cursor.c
    query = sa.select(c.name, c.value).where(
        c.account == account, c.name.startswith(prefix, autoescape=True), c.run.not_in(not_of)
    )
    return {row["name"]: row["value"] for row in ledger.rows(query.order_by(c.name))}


# --- extracts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extract:
    """What an extract held: rows, and the sum of its amounts where it has any."""

    rows: int
    money: Decimal


def note_extract(
    ledger: Ledger,
    extract_id: str,
    *,
    source: str,
    account: str,
    rows: int,
    repeats: int,
    origin: str,
    run: str,
    partition: str = "",
    money: str = "",
    complete: bool = True,
) -> None:
    """Remember an extract. money: the sum of its amounts, where it has any. complete: whether it is proved to be whole."""
    row = {
        "id": extract_id,
        "source": source,
        "account": account,
        "partition": partition,
        "rows": rows,
        "repeats": repeats,
        "origin": origin,
        "complete": int(complete),
        "run": run,
        "at": ledger.now(),
        "money": money,
    }
    with ledger.write() as tx:
        put(tx, extract, [row])


def earlier_extracts(ledger: Ledger, source: str, account: str, before: str) -> list[int]:
    """Row counts of the complete API extracts of this account before the one named, newest first."""
    e = extract.c
    query = sa.select(e.rows).where(e.source == source, e.account == account, e.complete == 1, e.origin == "api", e.id != before)
    return ledger.column(query.order_by(e.at.desc()).limit(TRAILING))


def newest_extract(ledger: Ledger, source: str, account: str, partition: str) -> Extract | None:
    """The extract of a partition that was noted last."""
    e = extract.c
    query = sa.select(e.rows, e.money).where(e.source == source, e.account == account, e.partition == partition)
    row = ledger.row(query.order_by(e.at.desc()))
    return None if row is None else Extract(row["rows"], Decimal(row["money"] or 0))


# --- explanations -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explanation:
    """What a key turned out to be (`what`, a word), and the sentence that says so."""

    key: str
    what: str
    text: str


def explanations(ledger: Ledger, account: str) -> dict[str, Explanation]:
    """What was explained on an account so far, by key."""
    query = sa.select(explained).where(explained.c.account == account)
    return {row["key"]: Explanation(row["key"], row["what"], row["told"]) for row in ledger.rows(query)}


def note_explanations(ledger: Ledger, account: str, found: Iterable[Explanation]) -> None:
    now = ledger.now()
    with ledger.write() as tx:
        put(tx, explained, [{"account": account, "key": e.key, "what": e.what, "told": e.text, "at": now} for e in found])
