"""Keyed logs: an asset as a base file and delta files. A key may stand in several; its newest version wins.

`<data>/warehouse/<vendor>/<asset>/<account>/base.parquet` and `<time>.parquet` for each delta. Reading again is harmless:
a version that stands twice is one version.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from sync_pipelines.warehouse.snapshots import FOOTER, About, Published, Staged, Warehouse, read_about, staged_file

BASE = "base"
TENTH = 10
MOST_DELTAS = 100


class KeyedLog:
    """key: the column that tells records apart. newest: columns that grow from version to version."""

    def __init__(self, warehouse: Warehouse, asset: Sequence[str], account: str, key: str, newest: Sequence[str]) -> None:
        self.warehouse, self.asset, self.account = warehouse, tuple(asset), account
        self.key, self.newest = key, tuple(newest)

    def files(self) -> list[Path]:
        return [p.path for p in self.warehouse.partitions(self.asset, self.account)]

    def append(self, staged: Staged) -> Published:
        """Publish a delta."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}".replace(".", "-")
        about = replace(staged.about, partition=name)
        return self.warehouse.publish(self.asset, Staged(staged.path, about))

    def due(self) -> bool:
        """Whether the deltas have passed a tenth of the base, or are many."""
        rows = {p.path.stem: p.about.rows for p in self.warehouse.partitions(self.asset, self.account)}
        base = rows.pop(BASE, 0)
        return len(rows) > MOST_DELTAS or (len(rows) > 1 and sum(rows.values()) * TENTH > base)

    def compact(self) -> None:
        """Make one base file of the newest version of every key, then drop the deltas that went into it.

        Does nothing while another process is at it: it would put back a base that lacks what the other has merged.
        """
        folder = self.warehouse.path(self.asset, self.account, BASE).parent
        with suppress(Timeout), FileLock(folder / ".compacting", timeout=0):
            self._compact()

    def _compact(self) -> None:
        parts = self.warehouse.partitions(self.asset, self.account)
        listed = ", ".join("'" + str(p.path).replace("'", "''") + "'" for p in parts)
        order = ", ".join(f'"{column}" DESC' for column in self.newest)
        with staged_file(self.warehouse.staging, "-".join(self.asset)) as draft, duckdb.connect(":memory:") as con:
            # which rows win is found in narrow columns; the wide ones are only copied
            con.execute(
                f"""CREATE TABLE winner AS SELECT filename AS f, file_row_number AS n FROM (
                    SELECT filename, file_row_number, row_number() OVER (PARTITION BY "{self.key}" ORDER BY {order}) AS place
                    FROM read_parquet([{listed}], filename = true, file_row_number = true)) WHERE place = 1"""
            )
            (rows,) = con.execute("SELECT count(*) FROM winner").fetchall()[0]
            about = About(self.account, datetime.now(UTC).isoformat(), rows=rows, origin="compacted", partition=BASE)
            footer = json.dumps(asdict(about)).replace("'", "''")
            con.execute(
                f"""COPY (SELECT * EXCLUDE (filename, file_row_number) FROM
                        read_parquet([{listed}], filename = true, file_row_number = true)
                        SEMI JOIN winner ON f = filename AND n = file_row_number)
                    TO '{str(draft).replace("'", "''")}'
                    (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{FOOTER.decode()}: '{footer}'}})"""
            )
            self.warehouse.publish(self.asset, Staged(draft, read_about(draft)))
        for part in parts:
            if part.path.stem != BASE:
                part.path.unlink(missing_ok=True)
