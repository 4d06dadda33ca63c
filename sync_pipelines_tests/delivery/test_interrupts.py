"""An interrupt in the middle of a transaction comes when it is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.interrupts import undisturbed
from sync_pipelines.delivery.ledger import Ledger


class Stop(BaseException):
    """What a command raises when it is told to end."""


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    def stop(*_: Any) -> None:
        raise Stop

    before = signal.signal(request.param, stop)
    yield request.param
    signal.signal(request.param, before)


def test_a_transaction_that_is_interrupted_is_whole_and_its_lock_is_free(tmp_path: Path, number: int) -> None:
    ledger = Ledger.at(tmp_path / "ledger.db")

    def note() -> None:
        with ledger.write() as tx:
            os.kill(os.getpid(), number)
            tx.exec_driver_sql("INSERT INTO cursor (account, name, value, run, at) VALUES ('a', 'n', 'v', '', '')")

    with pytest.raises(Stop):
        note()
    assert notes.get_cursor(ledger, "a", "n") == "v"
    notes.set_cursor(ledger, "a", "n", "w", "")
    ledger.close()


def test_afterwards_interrupts_come_at_once_as_before(number: int) -> None:
    with undisturbed():
        pass
    with pytest.raises(Stop):
        os.kill(os.getpid(), number)


def test_what_failed_by_itself_still_gives_way_to_the_interrupt(number: int) -> None:
    def fail() -> None:
        with undisturbed():
            os.kill(os.getpid(), number)
            raise ValueError

    with pytest.raises(Stop):
        fail()
