"""Files whose sync was begun and has not come to its end: noted before it, dropped when all is applied or a guard stopped it.

A run that ends for quota, is killed, or fails on the way leaves its note behind; the schedule goes on from there.
"""

from __future__ import annotations

from typing import Literal, cast

from sync_pipelines.delivery import notes
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
    notes.set_cursor(ledger, account, _NAME + partition, since, run)


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
    notes.drop_cursor(session.ledger, PlytixSettings.read().account, _NAME + partition)


def unfinished(ledger: Ledger, account: str) -> dict[str, Since]:
    """Partitions that were begun on this account and not ended, and from where to go on."""
    # earlier versions noted those of `map`, too: nobody asked them to write
    begun = notes.cursors(ledger, account, _NAME, except_verb="map")
    return {name.removeprefix(_NAME): cast(Since, since) for name, since in begun.items()}
