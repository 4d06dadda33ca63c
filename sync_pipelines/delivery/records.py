"""Records: what we last put under each key, asked for by others, and told from elsewhere than an answer of the target."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.tables import ADD_RECORD, many, outcome, record


@dataclass(frozen=True)
class Record:
    """What the ledger has of a key. state: as `tables.record` says. hash: the fingerprint of what is there, where it is known.
    created: whether we made it."""

    key: str
    state: str
    at: str
    hash: str | None
    remote_id: str | None
    created: bool


def records_of(ledger: Ledger, account: str, keys: Collection[str] | None = None) -> dict[str, Record]:
    """The records of an account by key: of these keys, or all."""
    r = record.c
    query = sa.select(r.key, r.state, r.at, r.hash, r.remote_id, r.created).where(r.account == account)
    if keys is not None:
        query = query.where(r.key.in_(keys))
    return {row["key"]: Record(**{**row, "created": bool(row["created"])}) for row in ledger.rows(query)}


def present_keys(ledger: Ledger, account: str) -> set[str]:
    """Keys under which something of ours is, whole and as we know it."""
    return set(ledger.column(sa.select(record.c.key).where(record.c.account == account, record.c.state == "present")))


def doubt(ledger: Ledger, account: str, keys: Sequence[str], *, overwritten: bool = False) -> None:
    """What these keys hold at the target is not known any more: the next plan compares them, whatever changed. `overwritten`:
    we ourselves wrote over them, and what is missing may be made again.

    Only what we last knew to be there becomes uncertain: a key that we removed stays removed, and steps that are still
    due stay due.
    """
    changed = record.update().where(record.c.account == account, record.c.key.in_(keys))
    changed = changed.where(record.c.state.in_(["present", "partial", "unverified"] if overwritten else ["present"]))
    values = {"state": "absent", "created": 0, "remote_id": None} if overwritten else {"state": "unverified"}
    with ledger.write() as tx:
        tx.execute(changed.values(at=ledger.now(), boot="", monotonic=0.0, **values))


def inherit(ledger: Ledger, account: str, keys: Mapping[str, str]) -> None:
    """Take note of records that another program put there, by key, and when it did. Found again they are ours to keep in
    step; gone they are not made again. Keys that are known already stay as they are."""
    blank = {
        "hash": None,
        "rules": "",
        "fields": None,
        "remote_id": None,
        "state": "unverified",
        "created": 0,
        "done": "[]",
        "plan": "",
        "seq": 0,
        "boot": "",
        "monotonic": 0.0,
    }
    with ledger.write() as tx:
        many(tx, ADD_RECORD, [{"account": account, "key": key, "at": at, **blank} for key, at in keys.items()])


def there_since(ledger: Ledger, account: str) -> dict[str, str]:
    """Since when, by the wall clock, something of ours is surely there, by key: the first answer that said so, as far as it is
    kept; else when the record was written last. Keys whose first call was never settled are left out."""
    r, o = record.c, outcome.c
    there = sa.select(r.key, r.at).where(r.account == account, r.state.in_(["present", "partial"]))
    since = {row["key"]: row["at"] for row in ledger.rows(there)}
    first = sa.select(o.key, sa.func.min(o.at).label("at")).where(o.account == account, o.state == "delivered").group_by(o.key)
    for row in ledger.rows(first):
        if row["key"] in since:
            since[row["key"]] = min(since[row["key"]], row["at"])
    return since
