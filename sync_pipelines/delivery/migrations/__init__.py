"""The ledger's versions: one that is older is copied and brought up to date when it is opened, one that is newer is refused.

A migration is one transaction: killed anywhere it leaves the ledger as it was. `versions/` has a file for each.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.lease import Busy, alive
from sync_pipelines.delivery.model import DeliveryError

if TYPE_CHECKING:
    from sync_pipelines.delivery.ledger import Ledger

log = logging.getLogger(__name__)

HEAD = "0002"
"""The version that this program knows: the newest file in `versions/`."""

KNOWN = ("", "0001", HEAD)
"""Versions it can bring up to date; "" is a ledger from before versions were kept."""

_VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))


class LedgerNewer(DeliveryError):
    """The ledger was written by a later version of this program."""


def bring_up_to_date(ledger: Ledger) -> Sequence[str]:
    """Create, or migrate, or find in order. Returns what was done, as lines for a person; none in the usual case.

    Raises LedgerNewer, and Busy while a run of the earlier version is writing. Then nothing was changed.
    """
    with ledger.reader.connect() as reader:
        if _version(reader) == HEAD:
            return []
    with ledger.write() as tx:
        found = _version(tx)
        if found == HEAD:
            return []
        if found is None:
            tables.schema.create_all(tx)
            _VERSION.create(tx)
            tx.execute(_VERSION.insert().values(version_num=HEAD))
            return []
        if found not in KNOWN:
            raise LedgerNewer(
                f"the ledger {ledger.url} is of version {found}; this program knows it up to {HEAD}. Nothing was changed and "
                "nothing was sent. Install the version of sync_pipelines that wrote it, or a later one."
            )
        _refuse_while_somebody_writes(tx, ledger)
        copied = _copy(ledger)
        said = _upgrade(tx)
    told = [f"the ledger was brought up to version {HEAD}; {copied}", *said]
    for line in told:
        log.warning("%s", line)
    return told


def _version(con: sa.Connection) -> str | None:
    """The version of a ledger; "" of one from before versions were kept, None of an empty one."""
    there = set(sa.inspect(con).get_table_names())
    if _VERSION.name in there:
        return str(con.execute(sa.select(_VERSION.c.version_num)).scalar() or "")
    return "" if "record" in there else None


def _refuse_while_somebody_writes(tx: sa.Connection, ledger: Ledger) -> None:
    for holder in tx.execute(sa.text("SELECT * FROM lease")).mappings().all():
        if alive(holder, ledger):
            raise Busy(
                f"{holder['account']} is being written by process {holder['pid']} on {holder['host']}, of an earlier version. "
                "The ledger is brought up to date when that run has ended; try again then. Nothing was changed."
            )


def _copy(ledger: Ledger) -> str:
    """Copy the file as it is, while nobody else can write. Returns where it is, for a person."""
    name = ledger.engine.url.database
    if ledger.engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return "no copy was made: it is not a file"
    copy = Path(f"{name}.before-{HEAD}")
    draft = copy.with_suffix(f"{copy.suffix}.draft")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(name)) as source, closing(sqlite3.connect(draft)) as target:
        source.backup(target)
    with draft.open("rb") as f:
        os.fsync(f.fileno())
    draft.replace(copy)
    return f"a copy of it as it was is {copy}"


def _upgrade(tx: sa.Connection) -> list[str]:
    """Run the migrations on this transaction. Returns what they say."""
    from alembic import command
    from alembic.config import Config

    said: list[str] = []
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes.update(connection=tx, said=said)
    command.upgrade(config, "head")
    return said
