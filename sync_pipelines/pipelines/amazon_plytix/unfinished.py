"""Files whose sync was begun and has not come to its end: noted before it, dropped when all is applied or a guard stopped it.

A run that ends for quota, is killed, or fails on the way leaves its note behind; the schedule goes on from there.
"""

from __future__ import annotations

from typing import Literal, cast

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger

Since = Literal["file", "mapping"]
"""From where to go on: the file has to be read again, or its mapping is made."""

_NAME = "amazon file begun: "


def begin(ledger: Ledger, account: str, partition: str, since: Since, run: str) -> None:
    notes.set_cursor(ledger, account, _NAME + partition, since, run)


def end(ledger: Ledger, account: str, partition: str) -> None:
    notes.drop_cursor(ledger, account, _NAME + partition)


def unfinished(ledger: Ledger, account: str) -> dict[str, Since]:
    """Partitions that were begun on this account and not ended, and from where to go on."""
    # earlier versions noted those of `map`, too: nobody asked them to write
    begun = notes.cursors(ledger, account, _NAME, except_verb="map")
    return {name.removeprefix(_NAME): cast(Since, since) for name, since in begun.items()}
