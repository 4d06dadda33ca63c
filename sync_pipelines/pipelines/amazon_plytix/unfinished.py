"""Files whose sync was begun and has not come to its end: noted before it, dropped when all is applied or a guard stopped it.

A run that ends for quota, is killed, or fails on the way leaves its note behind; the schedule goes on from there.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.ledger import Ledger

Since = Literal["file", "mapping"]
"""From where to go on: the file has to be read again, or its mapping is made."""

_NAME = "amazon file begun: "


def begin(ledger: Ledger, account: str, partition: str, since: Since, run: str) -> None:
    ledger.set_cursor(account, _NAME + partition, since, run)


def end(ledger: Ledger, account: str, partition: str) -> None:
    ledger.drop_cursor(account, _NAME + partition)


def unfinished(ledger: Ledger, account: str) -> dict[str, Since]:
    """Partitions that were begun on this account and not ended, and from where to go on."""
    c, r = tables.cursor.c, tables.run.c
    only_looked = sa.select(r.id).where(r.verb == "map")  # earlier versions noted these, too: nobody asked them to write
    query = sa.select(c.name, c.value).where(
        c.account == account, c.name.startswith(_NAME, autoescape=True), c.run.not_in(only_looked)
    )
    return {row["name"].removeprefix(_NAME): row["value"] for row in ledger.rows(query.order_by(c.name))}
