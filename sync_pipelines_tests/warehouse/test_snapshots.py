"""A snapshot is replaced whole, belongs to one account, and says of itself where it comes from."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.warehouse.snapshots import FOOTER, About, SnapshotUnreadable, Staged, Warehouse, account_name, staged_file
from sync_pipelines_tests.warehouse.conftest import files

KEY = ("catsy", "products")
ROWS = 20_000


def about(account: str = "https://api.example.com/queries/1", **facts: object) -> About:
    return About(account, datetime.now(UTC).isoformat(), **facts)


def version(number: int, rows: int = ROWS) -> pa.Table:
    return pa.table({"version": [number] * rows, "row": list(range(rows))})


class TestPublishing:
    def test_what_is_known_of_an_extract_survives_in_the_file(self, warehouse: Warehouse) -> None:
        facts = about(extract="20260101T000000Z-1a2b", rows=3, repeats=1, origin="csv old-export.csv")
        warehouse.write(KEY, version(1, 3), facts)
        found = Warehouse(warehouse.root).find(KEY, facts.account)
        assert found is not None
        assert found.about == facts
        assert timedelta(0) <= found.about.age < timedelta(minutes=1)

    def test_nothing_was_published_is_none(self, warehouse: Warehouse) -> None:
        assert warehouse.find(KEY, "https://api.example.com/queries/1") is None
        assert list(warehouse.assets()) == []

    def test_publishing_leaves_nothing_in_staging(self, warehouse: Warehouse) -> None:
        published = warehouse.write(KEY, version(1), about())
        assert list(warehouse.staging.iterdir()) == []
        assert warehouse.files(("catsy", "products"), published.about.account) == [published.path]

    def test_a_failed_publication_leaves_nothing_in_staging_and_the_old_snapshot_in_place(
        self, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        facts = about(extract="old")
        warehouse.write(KEY, version(1), facts)
        unwritable = pa.table({"version": pa.array([1]).dictionary_encode(), "odd": pa.array([None], pa.null())})
        monkeypatch.setattr(Path, "replace", _refuse)
        with pytest.raises(PermissionError):
            warehouse.write(KEY, unwritable, about(extract="new"))
        assert list(warehouse.staging.iterdir()) == []
        assert warehouse.find(KEY, facts.account).about.extract == "old"

    def test_what_the_rows_hold_is_named_alike_in_any_order_and_without_the_columns_left_out(self, warehouse: Warehouse) -> None:
        rows = [{"sku": sku, "price": price, "stock": n} for n, (sku, price) in enumerate([("A", "1"), ("A", "1"), ("B", "2")])]
        changed = [*rows[:2], {**rows[2], "price": "3"}]
        counted = [{**row, "stock": 7} for row in reversed(rows)]
        names = [
            warehouse.write(KEY, pa.Table.from_pylist(each), about()).contents(without=("stock",))
            for each in (rows, counted, changed, rows[1:])
        ]
        assert names[0] == names[1]
        assert len(set(names)) == 3

    def test_a_draft_is_removed_when_its_maker_fails(self, tmp_path: Path) -> None:
        def half() -> None:
            with staged_file(tmp_path, "products") as draft:
                draft.write_bytes(b"half")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            half()
        assert files(tmp_path) == []

    def test_a_reader_in_the_middle_of_a_replaced_file_reads_its_own_to_the_end(self, warehouse: Warehouse) -> None:
        facts = about()
        with staged_file(warehouse.staging, "old") as draft:
            pq.write_table(version(1), draft, row_group_size=1000)
            old = pq.ParquetFile(warehouse.publish(KEY, Staged(draft, facts)).path)
        seen = set(old.read_row_group(0)["version"].to_pylist())
        warehouse.write(KEY, version(2), facts)
        for group in range(1, old.num_row_groups):
            seen |= set(old.read_row_group(group)["version"].to_pylist())
        assert seen == {1}
        assert set(pq.read_table(warehouse.path(KEY, facts.account))["version"].to_pylist()) == {2}

    def test_readers_see_the_old_or_the_new_rows_and_never_half(self, warehouse: Warehouse) -> None:
        facts = about(rows=ROWS)
        warehouse.write(KEY, version(0), facts)
        done, seen, problems = threading.Event(), set(), []

        def read() -> None:
            with duckdb.connect(":memory:") as con:
                while not done.is_set():
                    found = warehouse.find(KEY, facts.account)
                    rows = found.relation(con).aggregate("min(version), max(version), count(*)").fetchall()[0]
                    seen.add(rows[0])
                    if rows[0] != rows[1] or rows[2] != ROWS:
                        problems.append(rows)

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(1, 40):
            warehouse.write(KEY, version(number), facts)
        done.set()
        reader.join()
        assert problems == []
        assert len(seen) > 1


def _refuse(*_: object) -> None:
    raise PermissionError("the folder is read-only")


class TestAccounts:
    def test_the_snapshot_of_another_account_is_never_found(self, warehouse: Warehouse) -> None:
        mine, theirs = about("https://a.example.com site 1"), about("https://a.example.com site 2")
        warehouse.write(KEY, version(1, 1), mine)
        assert warehouse.find(KEY, theirs.account) is None
        warehouse.write(KEY, version(2, 1), theirs)
        with duckdb.connect(":memory:") as con:
            found = [warehouse.find(KEY, each.account).relation(con).fetchall() for each in (mine, theirs)]
        assert found == [[(1, 0)], [(2, 0)]]

    def test_a_file_under_the_name_of_another_account_is_not_taken_for_its_own(self, warehouse: Warehouse) -> None:
        published = warehouse.write(KEY, version(1, 1), about("somebody"))
        published.path.rename(warehouse.path(KEY, "somebody else"))
        assert warehouse.find(KEY, "somebody else") is None

    @given(st.lists(st.text(min_size=1), min_size=2, max_size=10, unique=True))
    def test_every_account_has_a_file_name_of_its_own_without_odd_characters(self, accounts: list[str]) -> None:
        names = [account_name(account) for account in accounts]
        assert len(set(names)) == len(names)
        assert all(c.isalnum() or c == "-" for name in names for c in name)


class TestDamage:
    @pytest.mark.parametrize("damage", ["cut", "empty", "text", "not ours", "odd footer", "short footer"])
    def test_a_damaged_file_is_said_to_be_so_with_its_name_and_what_to_do(self, warehouse: Warehouse, damage: str) -> None:
        facts = about()
        path = warehouse.write(KEY, version(1), facts).path
        content = path.read_bytes()
        match damage:
            case "cut":
                path.write_bytes(content[: len(content) // 2])
            case "empty":
                path.write_bytes(b"")
            case "text":
                path.write_text("PAR1 this is no Parquet PAR1")
            case "not ours":
                pq.write_table(version(1), path)
            case "odd footer":
                pq.write_table(version(1).replace_schema_metadata({FOOTER: b"{not json"}), path)
            case "short footer":
                pq.write_table(version(1).replace_schema_metadata({FOOTER: json.dumps({"at": "x"}).encode()}), path)
        with pytest.raises(SnapshotUnreadable) as unreadable:
            warehouse.find(KEY, facts.account)
        assert str(path) in str(unreadable.value)
        assert "--refresh always" in str(unreadable.value)
