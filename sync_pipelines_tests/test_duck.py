"""One DuckDB reads the files of a process, and knows of them only what they hold now."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.duck import quoted, reading


def total(file: Path) -> int:
    with reading() as con:
        (found,) = con.sql(f"SELECT sum(n) FROM read_parquet('{quoted(file)}')").fetchall()[0]
    return int(found)


def write(file: Path, *numbers: int) -> None:
    pq.write_table(pa.table({"n": pa.array(numbers, pa.int64())}), file)


def test_a_file_that_was_replaced_is_read_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    write(file, 1, 2)
    before = file.stat()
    assert total(file) == 3
    write(file, 3, 4)
    assert file.stat().st_size == before.st_size
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert total(file) == 7


def test_a_child_that_was_forked_reads_with_a_duckdb_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    write(file, 1, 2)
    assert total(file) == 3
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(total, (file,)).get(timeout=60) == 3


def test_what_one_reader_sets_is_not_set_for_another() -> None:
    with reading() as first, reading() as second:
        first.execute("SET TimeZone = 'Europe/Istanbul'")
        zones = [con.sql("SELECT current_setting('TimeZone')").fetchall()[0][0] for con in (first, second)]
    assert zones[0] == "Europe/Istanbul" != zones[1]
