"""Reading the target while a plan is applied: rows just before they are sent, and after the last call what was delivered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.clock import moment
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import CannotGoOn, DeliveryError, Live, RetryLater, Target
from sync_pipelines.delivery.staging import load_live, load_records
from sync_pipelines.delivery.waiting import Waiting
from sync_pipelines.duck import chunks, load

log = logging.getLogger(__name__)

FEW = 1_000
"""Keys that fit into one query of the ledger."""


class ReadBack(NamedTuple):
    """How many delivered rows were read again, and how many of them the target holds as planned; None: nobody looked."""

    rows: int | None = None
    as_planned: int | None = None


class Reader:
    """Reads records of one account into DuckDB, and waits where the vendor asks for it."""

    def __init__(self, target: Target, ledger: Ledger, con: duckdb.DuckDBPyConnection, wait: Waiting) -> None:
        self.target, self.ledger, self.con, self.wait = target, ledger, con, wait

    def load(self, keys: Sequence[str]) -> bool:
        """Load what the ledger has of these keys as the table `record`, and what the target shows of them as `live`.

        `live` stays empty where the target compares every write itself. Returns False when the vendor asked to wait: then
        nothing that was read before holds any more. Raises Paused, DeliveryError.
        """
        load_records(
            self.con,
            self.ledger,
            self.target.account,
            self.target.rules.id,
            self.target.settles_within,
            keys if len(keys) <= FEW else None,
        )
        live = keys if self.reads else ()
        return self._read(lambda: load_live(self.con, self._records(live) if live else (), self.target, self.ledger))

    @property
    def reads(self) -> bool:
        """Whether rows are read before they are sent: not where every step compares by itself."""
        return not all(s.compares for s in self.target.steps)

    def wait_until_shown(self, keys: Sequence[str]) -> None:
        """Wait until the target shows what was last written to these keys."""
        r = tables.record.c
        clock, settles = self.ledger.clock, self.target.settles_within.total_seconds()
        left = 0.0
        for part in chunks(keys, FEW):
            query = sa.select(r.boot, r.monotonic, r.at).where(r.account == self.target.account, r.key.in_(part))
            for boot, ticks, at in (row.values() for row in self.ledger.rows(query)):
                here = boot and boot == self.ledger.boot
                age = clock.monotonic() - ticks if here else (clock.now() - moment(at)).total_seconds()
                left = max(left, settles - age)
        self.wait(left + 0.001, "what was written to some rows just now does not show yet")

    def look_back(self, plan_id: str) -> ReadBack:
        """Read what the plan delivered (needs the view `plan`). Does nothing where the target does not show it at once.

        What was settled by reading was read back already.
        """
        if self.target.settles_within:
            return ReadBack()
        outcome, attempt = tables.outcome.c, tables.attempt.c
        delivered = sa.select(outcome.row).where(outcome.plan == plan_id, outcome.state == "delivered")
        looked_at = sa.exists().where(attempt.id == outcome.attempt, attempt.state == "settled")
        settled = len(self.ledger.column(delivered.where(looked_at)))
        rows = self.ledger.column(delivered.where(~looked_at))
        if not rows:
            return ReadBack(settled, settled)
        load(self.con, "delivered", pa.schema([("row", pa.int64())]), [[rows]])
        as_planned = sum(self._as_planned(part) for part in chunks(sorted(rows), self.target.window or len(rows)))
        if as_planned < len(rows):
            log.warning(
                "%s: %d of %d rows read back differ from what was sent", self.target.name, len(rows) - as_planned, len(rows)
            )
        return ReadBack(settled + len(rows), settled + as_planned)

    def _as_planned(self, rows: Sequence[int]) -> int:
        """How many of these delivered rows the target holds as planned."""
        chosen = f"FROM plan p SEMI JOIN delivered USING (row) WHERE row BETWEEN {rows[0]} AND {rows[-1]}"
        keys = [key for (key,) in self.con.execute(f"SELECT key {chosen}").fetchall()]
        while not self._read(lambda: load_live(self.con, self._records(keys), self.target, bodies=False)):
            pass
        shown = "coalesce((SELECT l.fingerprint FROM live l WHERE l.key = p.key), '')"
        return int(self.con.execute(f"SELECT count(*) {chosen} AND {shown} = after_print").fetchall()[0][0])

    def _records(self, keys: Sequence[str]) -> Iterator[Live]:
        """These records as they are now. Where a read gives everything, the others are not worth comparing."""
        wanted = set(keys)
        live = self.target.read(None if self.target.window is None else keys)
        yield from (record for record in live if record.key in wanted)

    def _read(self, read: Callable[[], None]) -> bool:
        """Read. Where the vendor asks to wait that is done as for a write, and everything is read again; then this is False."""
        try:
            read()
        except RetryLater as e:
            self.wait.asked(e)
            return False
        except CannotGoOn as e:
            raise DeliveryError(f"{self.target.account}: {e}. The plan stays open; nothing that was sent is sent again.") from e
        return True
