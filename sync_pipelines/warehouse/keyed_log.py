"""Keyed logs: an asset as a base file and delta files. A key may stand in several; its newest version wins.

`<data>/warehouse/<vendor>/<asset>/<account>/base-<time>.parquet` and `<time>.parquet` for each delta. Reading again is harmless:
a version that stands twice is one version. What was compacted stays for an hour, for those who had begun to read it; the base
says what went into it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from sync_pipelines.warehouse.snapshots import (
    BASE,
    COMPACTED,
    FOOTER,
    About,
    Published,
    Staged,
    Warehouse,
    account_name,
    read_about,
    staged_file,
)

REPLACED_STAY = timedelta(hours=1)
TENTH = 10
MOST_DELTAS = 100
MEMORY, ROWS_TOGETHER = "96MB", 4096
"""What merging may take, and how many rows of the base are written at a time: rows can be wide."""
COMPARED_TOGETHER = 150_000
"""Rows among which the newest of each key are looked for at a time: the keys of as many are held."""


class KeyedLog:
    """key: the column that tells records apart. newest: columns that grow from version to version."""

    def __init__(self, warehouse: Warehouse, asset: Sequence[str], account: str, key: str, newest: Sequence[str]) -> None:
        self.warehouse, self.asset, self.account = warehouse, tuple(asset), account
        self.key, self.newest = key, tuple(newest)

    @property
    def folder(self) -> Path:
        return self.warehouse.path(self.asset, self.account, BASE).parent

    @property
    def draft_name(self) -> str:
        """How the names of its files in the making begin."""
        return "-".join((*self.asset, account_name(self.account)))

    def drop_drafts(self) -> None:
        """Drop what killed runs left half made. For whoever knows that nobody else writes this log now."""
        for path in self.warehouse.staging.glob(f"{self.draft_name}-*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        return [p.path for p in self.warehouse.partitions(self.asset, self.account)]

    def append(self, staged: Staged) -> Published:
        """Publish a delta."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}".replace(".", "-")
        about = replace(staged.about, partition=name)
        return self.warehouse.publish(self.asset, Staged(staged.path, about))

    def due(self) -> bool:
        """Whether the deltas have passed a tenth of the base, or are many."""
        parts = self.warehouse.partitions(self.asset, self.account)
        base = sum(p.about.rows for p in parts if p.about.origin == COMPACTED)
        rows = {p.path.stem: p.about.rows for p in parts if p.about.origin != COMPACTED}
        return len(rows) > MOST_DELTAS or (len(rows) > 1 and sum(rows.values()) * TENTH > base)

    def compact(self) -> None:
        """Make one base file of the newest version of every key, and drop what went into the one before, if that is an hour ago.

        Does nothing while another process is at it: it would put back a base that lacks what the other has merged.
        """
        folder = self.folder
        with suppress(Timeout), FileLock(folder / ".compacting", timeout=0):
            self._compact()

    def _compact(self) -> None:
        parts = self.warehouse.partitions(self.asset, self.account)
        self._drop_replaced(parts)
        merged = [p.path.stem for p in parts if p.about.origin != COMPACTED]
        merged += [name for p in parts for name in p.about.merged.split(",") if name and p.path.with_stem(name).exists()]
        now = datetime.now(UTC)
        # later than what goes into it, whatever became of the clock: its time says which base counts, and when rows were read
        at = max([now, *(datetime.fromisoformat(p.about.at) + timedelta(microseconds=1) for p in parts)])
        listed = ", ".join("'" + str(p.path).replace("'", "''") + "'" for p in parts)
        alike = len({tuple(pq.read_schema(p.path).names) for p in parts}) == 1
        source = f"read_parquet([{listed}]{'' if alike else ', union_by_name = true'})"
        order = ", ".join(f'"{column}" DESC' for column in self.newest)
        with staged_file(self.warehouse.staging, self.draft_name) as draft, self._engine() as con:
            # which rows win is found in narrow columns, some keys at a time; the wide ones are only copied
            con.execute("CREATE TABLE winner (f UINTEGER, n UINTEGER)")
            parts_of_keys = sum(p.about.rows for p in parts) // COMPARED_TOGETHER + 1
            for part in range(parts_of_keys):
                con.execute(
                    f"""INSERT INTO winner SELECT f, n FROM (SELECT file_index AS f, file_row_number AS n,
                        row_number() OVER (PARTITION BY "{self.key}" ORDER BY {order}) AS place FROM {source}
                        WHERE hash("{self.key}") % {parts_of_keys} = {part}) WHERE place = 1"""
                )
            (rows,) = con.execute("SELECT count(*) FROM winner").fetchall()[0]
            name = f"{BASE}-{now:%Y%m%dT%H%M%S-%f}"
            about = About(self.account, at.isoformat(), rows=rows, origin=COMPACTED, partition=name, merged=",".join(merged))
            footer = json.dumps(asdict(about)).replace("'", "''")
            con.execute(
                f"""COPY (SELECT * FROM {source} SEMI JOIN winner ON f = file_index AND n = file_row_number)
                    TO '{str(draft).replace("'", "''")}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_TOGETHER},
                    KV_METADATA {{{FOOTER.decode()}: '{footer}'}})"""
            )
            self.warehouse.publish(self.asset, Staged(draft, read_about(draft)))

    @contextmanager
    def _engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB that needs little memory, however large the log is."""
        self.warehouse.staging.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=f"{self.draft_name}-", dir=self.warehouse.staging) as spill,
            duckdb.connect(":memory:", config={"temp_directory": spill, "memory_limit": MEMORY, "threads": 1}) as con,
        ):
            yield con

    def _drop_replaced(self, parts: Sequence[Published]) -> None:
        """Drop what no longer counts: replaced when the present base was made, if nobody can be reading it still."""
        # as the file says: `at` can be ahead of any clock, where one was wrong once
        made = [datetime.fromtimestamp(p.path.stat().st_mtime, UTC) for p in parts if p.about.origin == COMPACTED]
        if made and datetime.now(UTC) - max(made) >= REPLACED_STAY:
            counting = {p.path for p in parts}
            for part in self.warehouse.all_partitions(self.asset, self.account):
                if part.path not in counting:
                    part.path.unlink(missing_ok=True)
