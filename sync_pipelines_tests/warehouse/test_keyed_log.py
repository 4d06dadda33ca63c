"""A keyed log keeps the newest version of every key, through any number of deltas, compactions and crashes."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipelines.warehouse import keyed_log
from sync_pipelines.warehouse.keyed_log import REPLACED_STAY, KeyedLog
from sync_pipelines.warehouse.snapshots import BASE, FOOTER, About, SnapshotUnreadable, Staged, Warehouse, read_about, with_about
from sync_pipelines_tests.warehouse.conftest import files

KEY = ("shopify", "order_changes")
ACCOUNT, OTHER = "https://one.myshopify.com", "https://two.myshopify.com"
SCHEMA = pa.schema(
    [
        ("order_id", pa.int64()),
        ("updated_at", pa.timestamp("us", tz="UTC")),
        ("read_at", pa.timestamp("us", tz="UTC")),
        ("total", pa.decimal128(24, 6)),
        ("order", pa.string()),
        ("test", pa.bool_()),
        ("day", pa.date32()),
    ]
)
START = datetime(2026, 11, 1, tzinfo=UTC)

Row = tuple[int, int, int, str]
"""Key, updated and read (seconds from the start), text."""


def table(rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "order_id": key,
                "updated_at": START + timedelta(seconds=updated),
                "read_at": START + timedelta(seconds=read),
                "total": Decimal("12345678901234567.123456"),
                "order": text,
                "test": False,
                "day": START.date(),
            }
            for key, updated, read, text in rows
        ],
        schema=SCHEMA,
    )


def log_of(warehouse: Warehouse, account: str = ACCOUNT) -> KeyedLog:
    return KeyedLog(warehouse, KEY, account, "order_id", ("updated_at", "read_at"))


def append(log: KeyedLog, rows: Sequence[Row]) -> Path:
    about = About(log.account, datetime.now(UTC).isoformat(), rows=len(rows))
    draft = log.warehouse.staging / f"draft-{datetime.now(UTC).timestamp()}.parquet"
    draft.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(with_about(table(rows), about), draft)
    return log.append(Staged(draft, about)).path


def held(log: KeyedLog) -> list[Row]:
    """Every version in every file."""
    found: list[Row] = []
    for path in log.files():
        for row in pq.read_table(path).to_pylist():
            seconds = [int((row[name] - START).total_seconds()) for name in ("updated_at", "read_at")]
            found.append((row["order_id"], seconds[0], seconds[1], row["order"]))
    return sorted(found)


def newest(rows: Sequence[Row]) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for key, updated, read, _ in rows:
        found[key] = max(found.get(key, (-1, -1)), (updated, read))
    return found


class TestAppending:
    def test_each_delta_is_a_file_of_its_own_in_the_order_they_came(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        paths = [append(log, [(n, n, n, "x")]) for n in range(5)]
        assert log.files() == paths
        assert [path.stem for path in paths] == sorted({path.stem for path in paths})
        assert files(warehouse.staging) == []

    def test_a_log_that_nothing_was_appended_to_is_empty(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        assert (log.files(), log.due()) == ([], False)

    def test_another_account_has_a_log_of_its_own(self, warehouse: Warehouse) -> None:
        mine, theirs = log_of(warehouse), log_of(warehouse, OTHER)
        append(mine, [(1, 1, 1, "mine")])
        append(theirs, [(1, 9, 9, "theirs")])
        append(mine, [(2, 1, 1, "mine")])
        mine.compact()
        assert [row[3] for row in held(mine)] == ["mine", "mine"]
        assert [row[3] for row in held(theirs)] == ["theirs"]

    def test_a_file_of_another_account_in_the_folder_is_never_read(self, warehouse: Warehouse) -> None:
        mine, theirs = log_of(warehouse), log_of(warehouse, OTHER)
        path = append(mine, [(1, 1, 1, "mine")])
        foreign = append(theirs, [(2, 9, 9, "theirs")])
        foreign.rename(path.with_name("99990101T000000-000000.parquet"))
        assert [row[3] for row in held(mine)] == ["mine"]
        mine.compact()
        assert [row[3] for row in held(mine)] == ["mine"]
        assert path.with_name("99990101T000000-000000.parquet").exists(), "not ours to remove"

    def test_a_damaged_delta_is_named_and_not_skipped(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        path = append(log, [(1, 1, 1, "x")])
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(SnapshotUnreadable, match=path.stem):
            log.files()


class TestCompacting:
    def test_it_keeps_exactly_the_newest_version_of_every_key(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        append(log, [(1, 10, 100, "old"), (2, 10, 100, "only"), (3, 30, 100, "newest, read first")])
        append(log, [(1, 20, 200, "newer"), (3, 20, 300, "older, read last")])
        append(log, [(1, 20, 300, "same time, read later"), (4, 1, 1, "")])
        log.compact()
        assert held(log) == [
            (1, 20, 300, "same time, read later"),
            (2, 10, 100, "only"),
            (3, 30, 100, "newest, read first"),
            (4, 1, 1, ""),
        ]
        (base,) = log.files()
        assert base.stem.startswith(BASE)

    def test_a_base_and_later_deltas_become_one_base(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        append(log, [(n, 1, 1, "base") for n in range(100)])
        log.compact()
        append(log, [(5, 2, 2, "delta"), (500, 1, 1, "delta")])
        append(log, [(5, 0, 9, "late news of an old version")])
        log.compact()
        found = held(log)
        assert len(found) == 101
        assert [row for row in found if row[3] != "base"] == [(5, 2, 2, "delta"), (500, 1, 1, "delta")]

    def test_columns_and_values_come_through_unchanged(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        text = "Thank you 🎉 'quoted' \"too\"\u2028\nbye"
        append(log, [(1, 1, 1, text)])
        append(log, [(2, 1, 1, "")])
        log.compact()
        (base,) = log.files()
        found = pq.read_table(base)
        assert found.schema.remove_metadata() == SCHEMA
        assert found.sort_by("order_id").to_pylist() == table([(1, 1, 1, text), (2, 1, 1, "")]).to_pylist()

    def test_wide_rows_are_only_copied(self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
        """Regression: DuckDB ran out of memory over rows of 20 KB, and so did every later run."""
        monkeypatch.setattr(keyed_log, "MEMORY", "32MB")
        log = log_of(warehouse)
        texts = [random.Random(n).randbytes(10_000).hex() for n in range(4_000)]
        append(log, [(n, 1, 1, text) for n, text in enumerate(texts)])
        append(log, [(7, 2, 2, "newer")])
        log.compact()
        assert held(log) == [(n, 1, 1, text) if n != 7 else (7, 2, 2, "newer") for n, text in enumerate(texts)]

    def test_keys_are_compared_some_at_a_time(self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keyed_log, "COMPARED_TOGETHER", 10)
        monkeypatch.setattr(keyed_log, "ROWS_TOGETHER", 7)
        log = log_of(warehouse)
        rows = [(n * n % 61, n, n, f"v{n}") for n in range(150)]
        for start in range(0, 150, 50):
            append(log, rows[start : start + 50])
        log.compact()
        assert {row[:3] for row in held(log)} == {(key, *times) for key, times in newest(rows).items()}
        assert len(held(log)) == len(newest(rows))

    def test_files_may_have_different_columns(self, warehouse: Warehouse) -> None:
        """Columns are added to a log, and to the lists in its rows, from one release to the next; bases were written by DuckDB."""
        log = log_of(warehouse)
        old = append(log, [(1, 1, 1, "a"), (2, 1, 1, "b")])
        about = replace(read_about(old), origin="compacted", partition=f"{BASE}-20261101T000000-000000")
        footer = json.dumps(asdict(about)).replace("'", "''")
        duckdb.execute(
            f"""COPY (SELECT *, [{{'code': 'x'}}] AS lines FROM '{old}') TO '{old.with_stem(about.partition)}'
                (FORMAT parquet, KV_METADATA {{{FOOTER.decode()}: '{footer}'}})"""
        )
        old.unlink()
        new = append(log, [(2, 2, 2, "c"), (3, 1, 1, "d")])
        kind = pa.list_(pa.struct([("code", pa.string()), ("count", pa.int64())]))
        lines = pa.array([[{"code": "y", "count": 2}], []], kind)
        pq.write_table(pq.read_table(new).append_column("lines", lines).append_column("note", pa.array(["n", None])), new)
        log.compact()
        found = pq.read_table(log.files()[0], columns=["order_id", "lines", "note"]).sort_by("order_id").to_pylist()
        assert found == [
            {"order_id": 1, "lines": [{"code": "x", "count": None}], "note": None},
            {"order_id": 2, "lines": [{"code": "y", "count": 2}], "note": "n"},
            {"order_id": 3, "lines": [], "note": None},
        ]

    def test_the_base_says_of_itself_what_it_is(self, warehouse: Warehouse) -> None:
        account = 'https://o\'brien.example/"quoted"'
        log = log_of(warehouse, account)
        append(log, [(1, 1, 1, "a"), (1, 2, 2, "b")])
        append(log, [(2, 1, 1, "c")])
        log.compact()
        (base,) = log.files()
        about = read_about(base)
        assert (about.account, about.rows, about.partition, about.origin) == (account, 2, base.stem, "compacted")

    def test_what_was_replaced_stays_for_those_who_had_begun_to_read_it(
        self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = log_of(warehouse)
        append(log, [(1, 1, 1, "a")])
        append(log, [(2, 1, 1, "b")])
        begun = log.files()
        log.compact()
        append(log, [(3, 1, 1, "c")])
        log.compact()
        assert all(path.exists() for path in begun)
        assert [row[3] for row in held(log)] == ["a", "b", "c"]
        monkeypatch.setattr(keyed_log, "REPLACED_STAY", timedelta(0))
        log.compact()
        assert not any(path.exists() for path in begun)
        assert [row[3] for row in held(log)] == ["a", "b", "c"]
        assert timedelta(hours=1) == REPLACED_STAY

    def test_a_base_of_an_earlier_version_is_taken_over(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        path = append(log, [(1, 1, 1, "a"), (2, 1, 1, "b")])
        about = About(ACCOUNT, datetime.now(UTC).isoformat(), rows=2, origin="compacted", partition=BASE)
        pq.write_table(with_about(pq.read_table(path), about), path.with_stem(BASE))
        path.unlink()
        append(log, [(2, 2, 2, "newer")])
        log.compact()
        assert [row[3] for row in held(log)] == ["a", "newer"]

    def test_compacting_again_changes_nothing(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        append(log, [(1, 1, 1, "a")])
        append(log, [(1, 2, 2, "b")])
        log.compact()
        before = held(log)
        log.compact()
        assert held(log) == before

    def test_a_delta_that_comes_while_it_compacts_stays(self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
        log = log_of(warehouse)
        append(log, [(1, 1, 1, "a")])
        append(log, [(2, 1, 1, "b")])
        publish = Warehouse.publish

        def meanwhile(self: Warehouse, key: Sequence[str], staged: Staged) -> Any:
            if staged.about.partition.startswith(BASE):
                monkeypatch.setattr(Warehouse, "publish", publish)
                append(log, [(3, 1, 1, "meanwhile")])
            return publish(self, key, staged)

        monkeypatch.setattr(Warehouse, "publish", meanwhile)
        log.compact()
        assert [row[3] for row in held(log)] == ["a", "b", "meanwhile"]

    @pytest.mark.parametrize("dies_at", ["before the base is published", "before the deltas are dropped"])
    def test_a_crash_loses_no_version(self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, dies_at: str) -> None:
        log = log_of(warehouse)
        rows = [(n % 7, n, n, f"v{n}") for n in range(40)]
        for start in range(0, 40, 10):
            append(log, rows[start : start + 10])
        publish = Warehouse.publish

        def crash(self: Warehouse, key: Sequence[str], staged: Staged) -> Any:
            if dies_at == "before the deltas are dropped":
                publish(self, key, staged)
            raise KeyboardInterrupt

        monkeypatch.setattr(Warehouse, "publish", crash)
        with pytest.raises(KeyboardInterrupt):
            log.compact()
        monkeypatch.undo()
        assert newest(held(log)) == newest(rows)
        log.compact()
        assert {row[:3] for row in held(log)} == {(k, u, r) for k, (u, r) in newest(rows).items()}
        assert files(warehouse.staging) == []

    @settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        deltas=st.lists(
            st.lists(
                st.tuples(st.integers(1, 6), st.integers(0, 5), st.integers(0, 5), st.text(max_size=3)), min_size=1, max_size=6
            ),
            min_size=1,
            max_size=5,
        ),
        compact_after=st.sets(st.integers(0, 4)),
    )
    def test_whenever_it_is_compacted_the_same_versions_win(
        self, tmp_path_factory: pytest.TempPathFactory, deltas: list[list[Row]], compact_after: set[int]
    ) -> None:
        log = log_of(Warehouse(tmp_path_factory.mktemp("log") / "data" / "warehouse"))
        for n, rows in enumerate(deltas):
            append(log, rows)
            if n in compact_after:
                log.compact()
        log.compact()
        assert {row[0]: row[1:3] for row in held(log)} == newest([row for rows in deltas for row in rows])
        assert len(held(log)) == len(newest([row for rows in deltas for row in rows]))


class TestBeingDue:
    def test_one_delta_alone_is_left(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        append(log, [(1, 1, 1, "a")])
        assert not log.due()

    def test_deltas_past_a_tenth_of_the_base_are_due(self, warehouse: Warehouse) -> None:
        log = log_of(warehouse)
        append(log, [(n, 1, 1, "a") for n in range(100)])
        log.compact()
        append(log, [(n, 2, 2, "b") for n in range(5)])
        append(log, [(n, 2, 2, "b") for n in range(5)])
        assert not log.due()
        append(log, [(1, 3, 3, "c")])
        assert log.due()

    def test_many_small_deltas_are_due_whatever_the_base(self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keyed_log, "MOST_DELTAS", 3)
        log = log_of(warehouse)
        append(log, [(n, 1, 1, "a") for n in range(1000)])
        log.compact()
        for n in range(3):
            append(log, [(n, 2, 2, "b")])
        assert not log.due()
        append(log, [(9, 2, 2, "b")])
        assert log.due()


class TestPartitions:
    """Of the warehouse: the days of an asset, each a file."""

    def test_they_come_in_the_order_of_their_names_and_of_one_account_only(self, warehouse: Warehouse) -> None:
        for account in (ACCOUNT, OTHER):
            for day in ("2026-11-02", "2026-11-01", "2026-10-31"):
                warehouse.write(KEY, table([]), About(account, "2026-11-03T00:00:00+00:00", partition=day))
        found = warehouse.partitions(KEY, ACCOUNT)
        assert [p.about.partition for p in found] == ["2026-10-31", "2026-11-01", "2026-11-02"]
        assert {p.about.account for p in found} == {ACCOUNT}
        assert warehouse.files(KEY, ACCOUNT) == [p.path for p in found]

    def test_a_partition_is_replaced_whole_and_alone(self, warehouse: Warehouse) -> None:
        for day in ("2026-11-01", "2026-11-02"):
            warehouse.write(KEY, table([(1, 1, 1, "old")]), About(ACCOUNT, "x", rows=1, partition=day))
        warehouse.write(KEY, table([]), About(ACCOUNT, "y", partition="2026-11-01"))
        first = warehouse.find(KEY, ACCOUNT, "2026-11-01")
        second = warehouse.find(KEY, ACCOUNT, "2026-11-02")
        assert first is not None
        assert second is not None
        assert (first.about.rows, second.about.rows) == (0, 1)
        with duckdb.connect(":memory:") as con:
            assert first.relation(con).fetchall() == []
        assert warehouse.find(KEY, ACCOUNT, "2026-11-03") is None

    def test_a_file_that_goes_while_the_folder_is_listed_is_no_damage(
        self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A compaction in another process drops deltas that a reader has just seen."""
        log = log_of(warehouse)
        append(log, [(1, 1, 1, "a")])
        append(log, [(2, 1, 1, "b")])
        listed = Path.glob

        def then_compacted(self: Path, pattern: str) -> Any:
            found = sorted(listed(self, pattern))
            monkeypatch.undo()
            log.compact()
            for path in found:  # an hour later
                path.unlink()
            return iter(found)

        monkeypatch.setattr(Path, "glob", then_compacted)
        assert [p.about.origin for p in warehouse.partitions(KEY, ACCOUNT)] == ["compacted"]
