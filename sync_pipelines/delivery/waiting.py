"""Waiting when the vendor asks for it, as long as the run has patience, without losing the right to write."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sync_pipelines.delivery.lease import Lease
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError, RetryLater

log = logging.getLogger(__name__)


class Paused(DeliveryError):
    """The vendor asked for a longer wait than the run has patience for. The plan stays open."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a vendor that asks for it, in seconds, and how often to try one row."""

    seconds: float = 600.0
    tries: int = 5


class Waiting:
    """Waits when the vendor asks for it, keeping the lease; beyond patience the run ends and the plan stays open."""

    def __init__(self, account: str, name: str, ledger: Ledger, lease: Lease, patience: Patience) -> None:
        self.account, self.name, self.ledger, self.lease, self.patience = account, name, ledger, lease, patience
        self.in_a_row = 0
        """How often the vendor asked for it, with nothing ending in between."""

    def __call__(self, seconds: float, why: str) -> None:
        if seconds > self.patience.seconds:
            raise Paused(f"{self.account}: {why}. This run does not wait {seconds:.0f} s; the next run goes on from here.")
        if seconds >= 1:
            log.info("%s: waiting %.0f s: %s", self.name, seconds, why)
        until = self.ledger.clock.monotonic() + seconds
        while (left := until - self.ledger.clock.monotonic()) > 0:
            self.ledger.clock.sleep(min(left, 30.0))
            with self.ledger.write() as tx:
                self.lease.check(tx)

    def asked(self, error: RetryLater) -> None:
        """Wait as the vendor asks. Raises Paused where that is too long, or was asked too often."""
        self.in_a_row += 1
        if self.in_a_row >= self.patience.tries:
            raise Paused(f"{self.account}: {error}, {self.in_a_row} times in a row. The next run goes on from here.") from error
        self(error.seconds, str(error))
