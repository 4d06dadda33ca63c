"""Files whose sync was begun and has not come to its end: noted before it, dropped when all is applied or a guard stopped it.

A run that ends for quota, is killed, or fails on the way leaves its note behind; the schedule goes on from there.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines import rights
from sync_pipelines.pipelines.amazon_plytix import PIPELINE, PRODUCTS
from sync_pipelines.pipelines.session import Session
from sync_pipelines.vendors.plytix_settings import PlytixSettings

Since = Literal["file", "mapping"]
"""From where to go on: the file has to be read again, or its mapping is made."""

_NAME = "amazon file begun: "


def begin(session: Session, partition: str, since: Since) -> None:
    """In a run that goes on to write: make sure that it may, and note that this file's sync is under way."""
    refuse_unless_writing(session, partition)
    if session.applies_in_this_run(PRODUCTS.applies):
        note(session.ledger, PlytixSettings.read().account, partition, since, session.id)


def note(ledger: Ledger, account: str, partition: str, since: Since, run: str) -> None:
    """Note that a run began a file's sync."""
    ledger.set_cursor(account, _NAME + partition, since, run)


def refuse_unless_writing(session: Session, partition: str) -> None:
    """Raises DeliveryError where a run that goes on to write may not."""
    system = PlytixSettings.system
    if session.applies_in_this_run(PRODUCTS.applies) and not session.right(PIPELINE.name, system)():
        end(session, partition)
        raise DeliveryError(
            f"{rights.holder(system)} is read-only. Nothing was sent. Turn writing on: sync-pipelines enable {PIPELINE.name} "
            "(for another account than main with --plytix-account before the command)."
        )


def end(session: Session, partition: str) -> None:
    """Note that nothing is left to go on with by itself."""
    session.ledger.drop_cursor(PlytixSettings.read().account, _NAME + partition)


def unfinished(ledger: Ledger, account: str) -> dict[str, Since]:
    """Partitions that were begun on this account and not ended, and from where to go on."""
    c, r = tables.cursor.c, tables.run.c
    only_looked = sa.select(r.id).where(r.verb == "map")  # earlier versions noted these, too: nobody asked them to write
    query = sa.select(c.name, c.value).where(
        c.account == account, c.name.startswith(_NAME, autoescape=True), c.run.not_in(only_looked)
    )
    return {row["name"].removeprefix(_NAME): row["value"] for row in ledger.rows(query.order_by(c.name))}
