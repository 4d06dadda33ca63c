"""Keyed logs: an asset as a base file and delta files. A key may stand in several; its newest version wins.

`<data>/warehouse/<vendor>/<asset>/<account>/base-<time>.parquet` and `<time>.parquet` for each delta. Reading again is harmless:
a version that stands twice is one version. What was compacted stays for an hour, for those who had begun to read it; the base
says what went into it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from sync_pipelines.warehouse.drafts import Draft
from sync_pipelines.warehouse.snapshots import BASE, COMPACTED, About, Published, Staged, Warehouse, account_name

REPLACED_STAY = timedelta(hours=1)
TENTH = 10
MOST_DELTAS = 100
MEMORY = "96MB"
"""What may be taken to find the rows that count."""
ROWS_TOGETHER, BYTES_TOGETHER = 4096, 8_000_000
"""Rows of the base that are written at a time, and after how many bytes: rows can be wide."""
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
        name = f"{BASE}-{now:%Y%m%dT%H%M%S-%f}"
        schema = pa.unify_schemas([pq.read_schema(p.path).remove_metadata() for p in parts], promote_options="permissive")
        with Draft(self.warehouse.staging, [self.draft_name], schema) as draft:
            for rows in self._newest(parts, schema):
                draft.write(rows)
            about = About(
                self.account, at.isoformat(), rows=draft.rows, origin=COMPACTED, partition=name, merged=",".join(merged)
            )
            self.warehouse.publish(self.asset, draft.complete(about))

    def _newest(self, parts: Sequence[Published], schema: pa.Schema) -> Iterator[pa.Table]:
        """The newest version of every key, some rows at a time. Which rows these are is found in narrow columns; the others,
        which can be wide, are only copied."""
        pending = [schema.empty_table()]
        for part, counts in zip(parts, self._which_count(parts), strict=True):
            for rows in _rows_of(part.path, counts):
                pending.append(rows)
                if sum(map(len, pending)) >= ROWS_TOGETHER or sum(table.nbytes for table in pending) >= BYTES_TOGETHER:
                    yield pa.concat_tables(pending, promote_options="permissive")
                    del pending[1:]
        yield pa.concat_tables(pending, promote_options="permissive")

    def _which_count(self, parts: Sequence[Published]) -> list[np.ndarray]:
        """For each row of each file, whether it is the newest of its key; found for some keys at a time."""
        sizes = [pq.read_metadata(p.path).num_rows for p in parts]
        ends = np.cumsum(sizes)
        counts, begins = np.zeros(ends[-1], dtype=bool), ends - sizes
        listed = ", ".join("'" + str(p.path).replace("'", "''") + "'" for p in parts)
        order = ", ".join(f'"{column}" DESC' for column in self.newest)
        times = ends[-1] // COMPARED_TOGETHER + 1
        with self._engine() as con:
            for time in range(times):
                found = con.execute(
                    f"""SELECT f, n FROM (SELECT file_index AS f, file_row_number AS n,
                        row_number() OVER (PARTITION BY "{self.key}" ORDER BY {order}) AS place
                        FROM read_parquet([{listed}]) WHERE hash("{self.key}") % {times} = {time}) WHERE place = 1"""
                ).fetchnumpy()
                counts[begins[np.asarray(found["f"])] + np.asarray(found["n"])] = True
        return np.split(counts, ends[:-1])

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


def _rows_of(path: Path, counts: np.ndarray) -> Iterator[pa.Table]:
    """The rows of a file that count, as few at a time as their width asks for."""
    file, begin = pq.ParquetFile(path), 0
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        size = min(ROWS_TOGETHER, max(1, BYTES_TOGETHER * group.num_rows // max(1, group.total_byte_size)))
        for batch in file.iter_batches(size, row_groups=[number], use_threads=False):
            yield pa.Table.from_batches([batch.filter(pa.array(counts[begin : begin + len(batch)]))])
            begin += len(batch)
