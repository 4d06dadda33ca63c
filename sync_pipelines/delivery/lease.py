"""The right to write to one account: held by one process at a time, and looked at in every transaction that counts."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.clock import moment
from sync_pipelines.delivery.model import DeliveryError

if TYPE_CHECKING:
    from sync_pipelines.delivery.ledger import Ledger

LEASE_LASTS = timedelta(minutes=15)
"""How long a holder that cannot be looked at (another host, another container) may be silent. Longer than any one call."""


class Busy(DeliveryError):
    """Another run is writing to this account."""


class LeaseLost(DeliveryError):
    """Another run took the account over. Nothing was sent or noted after that."""


class Lease:
    """Its token is checked in the transaction of every intent and of every answer."""

    def __init__(self, ledger: Ledger, account: str) -> None:
        self.ledger, self.account, self.token = ledger, account, uuid.uuid4().hex

    def acquire(self) -> None:
        with self.ledger.write() as tx:
            _refuse(tx.execute(_holder(self.account)).mappings().first(), self.ledger)
            tables.put(
                tx,
                tables.lease,
                [
                    {
                        "account": self.account,
                        "host": socket.gethostname(),
                        "namespace": namespace(),
                        "pid": os.getpid(),
                        "born": process_start(os.getpid()),
                        "token": self.token,
                        "heartbeat": self.ledger.now(),
                    }
                ],
            )

    def check(self, tx: sa.Connection) -> None:
        """Raises LeaseLost. Part of the transaction that commits an intent, an answer, or what reading found out."""
        mine = (tables.lease.c.account == self.account) & (tables.lease.c.token == self.token)
        if tx.execute(tables.lease.update().where(mine).values(heartbeat=self.ledger.now())).rowcount != 1:
            raise LeaseLost(f"another run took over {self.account}; this one stops. Nothing was sent after that.")

    def give_back(self) -> None:
        mine = (tables.lease.c.account == self.account) & (tables.lease.c.token == self.token)
        with self.ledger.write() as tx:
            tx.execute(tables.lease.delete().where(mine))


def refuse_if_written(ledger: Ledger, account: str) -> None:
    """Raises Busy while another run writes to the account."""
    _refuse(ledger.row(_holder(account)), ledger)


def _holder(account: str) -> sa.Select[Any]:
    return sa.select(tables.lease).where(tables.lease.c.account == account)


def _refuse(holder: Mapping[Any, Any] | None, ledger: Ledger) -> None:
    if holder is not None and alive(holder, ledger):
        raise Busy(
            f"{holder['account']} is being written by process {holder['pid']} on {holder['host']} "
            f"(last seen {holder['heartbeat']}). Nothing was sent. Try again when that run has ended."
        )


def alive(holder: Any, ledger: Ledger) -> bool:
    """Whether a lease's holder may still be at work. A process that this one can see is asked; of others the last sign of
    life counts, and one from the future is none."""
    if holder["host"] == socket.gethostname() and holder.get("namespace") in (None, namespace()):
        return bool(process_start(holder["pid"]) == holder["born"])
    silent = ledger.clock.now() - moment(holder["heartbeat"])
    return abs(silent) < LEASE_LASTS


def namespace() -> str:
    """Names the space in which process numbers mean something: containers may share a host name and not their numbers."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def process_start(pid: int) -> str | None:
    """When a process of this host started, in clock ticks since boot; "" where that cannot be told, None if it is gone.

    Tells a process from a later one that was given the same number. Ledgers hold the value, so its form does not change.
    """
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        return str(_ticks_since_boot(pid)) if psutil.LINUX else ""  # elsewhere it moves when the clock is set
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return ""


def _ticks_since_boot(pid: int) -> int:
    while True:
        boot = psutil.boot_time()
        started = psutil.Process(pid).create_time()
        if psutil.boot_time() == boot:  # else the clock was set between the two, and their difference means nothing
            return round((started - boot) * os.sysconf("SC_CLK_TCK"))
