"""Mirrors without a vendor: how values become columns, what is kept of a reading, and which row counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines import duck, exact_json
from sync_pipelines.pipelines import mirrors
from sync_pipelines.pipelines.mirrors import (
    FLAG,
    NUMBER,
    TEXT,
    TEXTS,
    TIME,
    WHOLE,
    Column,
    Mirror,
    MirrorLog,
    NeverRead,
    Part,
    Reading,
    ReadingRefused,
    opened,
    table_of,
    views,
)
from sync_pipelines.vendors.paging import Page
from sync_pipelines.warehouse import keyed_log
from sync_pipelines.warehouse.snapshots import Warehouse

THINGS = Mirror(
    "things",
    "Things.",
    (
        Column("name", TEXT, "its name", ("name", "also.name")),
        Column("price", NUMBER, "its price", ("pricing.price", "price")),
        Column("size", WHOLE, "its size"),
        Column("on", FLAG, "whether it is on"),
        Column("made_at", TIME, "when it was made"),
        Column("tags", TEXTS, "its tags"),
    ),
    (Part("bits", "Its bits.", "thing_id", ("bits",), (Column("code", TEXT, "a code"), Column("count", NUMBER, "how many"))),),
    sums=("price",),
)
WHOLES = Mirror("wholes", "Read whole.", (Column("name", TEXT, "its name"),), versioned=False)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def kept(**fields: Any) -> dict[str, Any]:
    """A thing as it is kept."""
    (row,) = table_of(THINGS, [{"id": "a", **fields}], NOW).to_pylist()
    return dict(row)


@pytest.fixture
def log(tmp_path: Path) -> MirrorLog:
    return MirrorLog(Warehouse(tmp_path / "warehouse"), "shop", THINGS, "https://shop.example")


def thing(name: str, version: int, **fields: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "version": version, **fields}


def held(log: MirrorLog) -> dict[str, dict[str, Any]]:
    with duck.engine() as con:
        rows = con.sql(views(log.mirror, log.source(), nested=True)[log.mirror.name]).to_arrow_table().to_pylist()
    return {row["id"]: row for row in rows}


def versions(log: MirrorLog) -> dict[str, int]:
    return {name: row["version"] for name, row in held(log).items()}


class TestValues:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (1, "1"), (Decimal("1.5"), "1.5"), ("1.50", "1.5"), (" 2 ", "2"), ("+3", "3"), ("-0.5", "-0.5"), (".5", "0.5"),
            ("1e3", "1000"), (Decimal("1.000005"), "1.00001"), (Decimal("-1.000005"), "-1.00001"), ("0.000004", "0"),
            (Decimal("1E+3"), "1000"), (9_999_999_999_999_999_999, "9999999999999999999"),
        ],
    )  # fmt: skip
    def test_numbers_are_exact_to_five_places_however_they_are_written(self, value: Any, expected: str) -> None:
        row = kept(price=value)
        assert (row["price"], row["problem"]) == (Decimal(expected), None)

    @pytest.mark.parametrize(
        "value", ["1,5", "1.2.3", "NaN", "Infinity", "-", "0x10", "١", "1e999", True, False, [1], {"a": 1}, 10**19, "1 000", "$5"]
    )
    def test_what_is_no_number_is_empty_and_told(self, value: Any) -> None:
        row = kept(price=value)
        assert row["price"] is None
        assert "is no number" in row["problem"]

    @pytest.mark.parametrize("value", [None, ""])
    def test_no_value_is_none_and_no_problem(self, value: Any) -> None:
        row = kept(price=value, size=value, on=value, made_at=value)
        assert [row[name] for name in ("price", "size", "on", "made_at", "problem")] == [None] * 5

    @pytest.mark.parametrize(("value", "expected"), [(5, 5), ("5", 5), (Decimal("5.0"), 5), ("27000000000", 27_000_000_000)])
    def test_whole_numbers(self, value: Any, expected: int) -> None:
        assert kept(size=value)["size"] == expected

    @pytest.mark.parametrize("value", ["5.5", 2**63, True, "x"])
    def test_what_is_no_whole_number_is_told(self, value: Any) -> None:
        assert "is no whole number" in kept(size=value)["problem"]

    @pytest.mark.parametrize(("value", "expected"), [(True, True), ("TRUE", True), (0, False), ("1", True), ("false", False)])
    def test_yes_and_no(self, value: Any, expected: bool) -> None:
        assert (kept(on=value)["on"], kept(on=value)["problem"]) == (expected, None)

    @pytest.mark.parametrize("value", ["maybe", 2, [], {"in_store": True}])
    def test_what_is_neither_is_told(self, value: Any) -> None:
        assert "is no yes or no" in kept(on=value)["problem"]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-07-01T12:00:00+00:00", NOW),
            ("2026-07-01T12:00:00Z", NOW),
            ("2026-07-02T00:00:00+12:00", NOW),
            ("2026-07-01 12:00:00", NOW),
            ("2026-07-01", NOW - timedelta(hours=12)),
            ("2026-07-01T12:00:00.250000+00:00", NOW + timedelta(milliseconds=250)),
        ],
    )
    def test_times_are_utc(self, text: str, expected: datetime) -> None:
        assert kept(made_at=text)["made_at"] == expected
        assert (
            table_of(THINGS, [{"id": "a", "made_at": text}, {"id": "b", "made_at": "x"}], NOW)["made_at"][0].as_py() == expected
        )

    @pytest.mark.parametrize("value", ["yesterday", "2026-13-01", 1_700_000_000, "0001-01-01T00:00:00+12:00"])
    def test_what_is_no_time_is_told(self, value: Any) -> None:
        row = kept(made_at=value)
        assert row["made_at"] is None
        assert "is no time" in row["problem"]

    def test_texts_and_lists_of_texts(self) -> None:
        row = kept(name=5, tags=["a", 5, None])
        assert (row["name"], row["tags"], row["problem"]) == ("5", ["a", "5", None], None)
        assert "is no list of texts" in kept(tags="a,b")["problem"]

    def test_the_first_place_that_has_a_value_counts(self) -> None:
        assert kept(pricing={"price": 1}, price=2)["price"] == 1
        assert kept(pricing={"price": None}, price=2)["price"] == 2
        assert kept(pricing="none", price=2)["price"] == 2
        assert kept(also={"name": "x"})["name"] == "x"

    def test_one_bad_value_costs_nothing_but_itself(self) -> None:
        rows = table_of(THINGS, [{"id": str(n), "price": "x" if n == 5 else f"{n}.5"} for n in range(10)], NOW).to_pylist()
        assert [row["id"] for row in rows if row["problem"]] == ["5"]
        assert [row["price"] for row in rows if row["id"] != "5"] == [Decimal(f"{n}.5") for n in range(10) if n != 5]

    @pytest.mark.parametrize("value", ["NaN", "1e400", '"\\ud83d"'])
    def test_a_value_that_nothing_can_hold_is_told(self, value: str) -> None:
        (item,) = exact_json.read(f'[{{"id": "a", "name": "n", "price": 1, "bits": [{{"code": {value}}}]}}]')
        (row,) = table_of(THINGS, [item], NOW).to_pylist()
        assert "bits[0].code" in row["problem"]

    def test_the_vendors_own_text_is_kept(self) -> None:
        item = {"id": "a", "price": Decimal("1.10"), "unknown": ["x", None]}
        (row,) = table_of(THINGS, [item], NOW).to_pylist()
        assert exact_json.loads(row["item"]) == item

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["id", "name", "price", "size", "on", "made_at", "tags", "bits", "pricing", "version", "deleted_at"]),
                st.recursive(
                    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
                    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "count", "price"]), inner),
                    max_leaves=5,
                ),
            )
            | st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
            max_size=6,
        )
    )  # fmt: skip
    def test_whatever_a_vendor_sends_is_kept_and_stops_nothing(self, items: list[Any]) -> None:
        rows = table_of(THINGS, items, NOW)
        assert rows.schema == THINGS.schema
        named = {str(item["id"]) for item in items if isinstance(item, dict) and item.get("id")}
        nameless = [item for item in items if not (isinstance(item, dict) and item.get("id"))]
        assert rows.num_rows == len(named) + len(nameless)


class TestParts:
    def test_lists_inside_rows_are_tables_with_places(self, log: MirrorLog) -> None:
        bits = [{"code": "x", "count": "1"}, {"code": "x", "count": "2"}, {"code": None}]
        log.follow([Page([thing("a", 1, bits=bits), thing("b", 1, bits=[]), thing("c", 1)], 1)])
        with duck.engine() as con:
            found = con.execute(f"SELECT * FROM ({views(THINGS, log.source())['bits']}) ORDER BY position").fetchall()
        assert found == [("a", 1, "x", Decimal(1)), ("a", 2, "x", Decimal(2)), ("a", 3, None, None)]

    @pytest.mark.parametrize(
        ("bits", "problem"), [("x", "bits: no list"), ([5], "bits: '5' is no object"), ([{"count": "x"}], "bits.count")]
    )
    def test_what_is_no_list_of_objects_is_told(self, bits: Any, problem: str) -> None:
        assert problem in kept(bits=bits)["problem"]

    def test_a_list_is_replaced_with_its_row(self, log: MirrorLog) -> None:
        log.follow([Page([thing("a", 1, bits=[{"code": "x"}, {"code": "y"}])], 1)])
        log.follow([Page([thing("a", 2, bits=[{"code": "z"}])], 2)])
        assert [bit["code"] for bit in held(log)["a"]["bits"]] == ["z"]


class TestIds:
    def test_rows_without_an_id_are_kept_apart_and_told(self) -> None:
        rows = table_of(THINGS, [{"name": "a"}, {"name": "b"}, {"id": None, "name": "c"}, {"id": ""}, "text"], NOW).to_pylist()
        assert len({row["id"] for row in rows}) == 5
        assert all("id: it came without one" in row["problem"] for row in rows)

    def test_of_two_rows_of_one_id_the_later_counts_on_one_page_and_over_pages(self, log: MirrorLog) -> None:
        log.follow([Page([thing("a", 1), thing("b", 1), thing("a", 2)], 2), Page([thing("b", 3)], 3)])
        assert (versions(log), log.totals()["rows"]) == ({"a": 2, "b": 3}, 2)


class TestFollowing:
    def test_the_cursor_moves_after_what_is_before_it_is_published(self, log: MirrorLog) -> None:
        seen: list[tuple[int, int]] = []

        def pages() -> Iterator[Page]:
            for n in range(1, 6):
                yield Page([thing(f"{n}-{m}", n) for m in range(2)], n)

        log.follow(pages(), lambda cursor: seen.append((cursor, len(held(log)))), published_at=4)
        assert seen == [(2, 4), (4, 8), (5, 10)]

    def test_a_page_without_a_place_to_go_on_from_moves_no_cursor(self, log: MirrorLog) -> None:
        cursors: list[int] = []
        log.follow([Page([thing("a", 1)], 1), Page([thing("b", 2)], None, "a gap")], cursors.append)
        assert cursors == [1]

    def test_what_came_before_an_error_is_not_half_kept(self, log: MirrorLog) -> None:
        def pages() -> Iterator[Page]:
            yield Page([thing("a", 1)], 1)
            raise ValueError("the vendor is gone")

        cursors: list[int] = []
        with pytest.raises(ValueError, match="gone"):
            log.follow(pages(), cursors.append)
        assert (cursors, log.log.files(), [*log.warehouse.staging.glob("*")]) == ([], [], [])

    def test_nothing_that_came_writes_no_file_but_the_first(self, log: MirrorLog) -> None:
        log.follow([Page((), None)])
        before = log.log.files()
        assert (len(before), held(log)) == (1, {})
        assert log.follow([Page((), 5)]) == Reading()
        assert log.log.files() == before

    def test_a_gap_is_told(self, log: MirrorLog) -> None:
        assert log.follow([Page([thing("a", 1)], 1, "something")]).gaps == ["something"]

    @pytest.mark.parametrize("back", [timedelta(days=1), timedelta(days=30)])
    def test_what_is_read_later_counts_whatever_our_clock_says(
        self, log: MirrorLog, monkeypatch: pytest.MonkeyPatch, back: timedelta
    ) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(tz) + back

        with monkeypatch.context() as patch:
            patch.setattr(mirrors, "datetime", Later)
            log.follow([Page([thing("a", 1), thing("b", 1)], 1)])
        log.follow([Page([thing("a", 2)], 2)])
        assert versions(log) == {"a": 2, "b": 1}
        log.log.compact()
        log.follow([Page([thing("a", 3)], 3)])
        assert versions(log) == {"a": 3, "b": 1}
        assert log.compare([Page([thing("a", 3), thing("b", 4)])]).kept == 1
        assert versions(log) == {"a": 3, "b": 4}
        monkeypatch.setattr(keyed_log, "REPLACED_STAY", timedelta(0))
        for _ in range(2):
            log.log.compact()
        assert len(log.warehouse.all_partitions(log.key, log.account)) == 2, "the base, and the one that it replaced just now"
        assert versions(log) == {"a": 3, "b": 4}


class TestComparing:
    def filled(self, log: MirrorLog) -> None:
        log.follow([Page([thing("a", 1), thing("b", 2), thing("c", 3)], 3)])

    def test_the_same_again_writes_nothing(self, log: MirrorLog) -> None:
        self.filled(log)
        before = log.log.files()
        assert log.compare([Page([thing("c", 3), thing("a", 1)]), Page([thing("b", 2)])], 3) == Reading(read=3)
        assert log.log.files() == before

    def test_what_was_missing_changed_or_is_gone_is_told_apart(self, log: MirrorLog) -> None:
        self.filled(log)
        found = log.compare([Page([thing("a", 1), thing("b", 9), thing("d", 2)])], 3)
        assert (found.read, found.kept, found.missing, found.vanished) == (3, 3, 1, 1)
        assert versions(log) == {"a": 1, "b": 9, "c": 3, "d": 2}
        assert held(log)["c"]["deleted_at"] is not None
        assert held(log)["a"]["vanished_at"] is None

    def test_a_row_known_to_be_deleted_that_is_gone_is_no_news(self, log: MirrorLog) -> None:
        log.follow([Page([thing("a", 1, deleted_at="2026-07-01T00:00:00Z")], 1)])
        assert log.compare([Page([])]).vanished == 0
        assert held(log)["a"]["deleted_at"] == datetime(2026, 7, 1, tzinfo=UTC)

    def test_with_a_gap_nothing_is_marked(self, log: MirrorLog) -> None:
        self.filled(log)
        assert log.compare([Page([thing("a", 1)], None, "a page is missing")]).vanished == 0
        assert all(row["vanished_at"] is None for row in held(log).values())

    def test_a_row_that_is_back_is_unmarked(self, log: MirrorLog) -> None:
        self.filled(log)
        log.compare([Page([thing("a", 1), thing("b", 2)])])
        assert log.compare([Page([thing("a", 1), thing("b", 2), thing("c", 3)])]).kept == 1
        assert held(log)["c"]["deleted_at"] is None

    def test_of_a_row_that_moved_while_it_was_read_the_later_counts(self, log: MirrorLog) -> None:
        self.filled(log)
        log.compare([Page([thing("a", 1), thing("b", 2)]), Page([thing("c", 3), thing("a", 7)])])
        assert versions(log)["a"] == 7

    @pytest.mark.parametrize("mirror", [WHOLES, THINGS])
    def test_rows_without_versions_are_told_apart_by_what_is_in_them(self, tmp_path: Path, mirror: Mirror) -> None:
        log = MirrorLog(Warehouse(tmp_path / "warehouse"), "shop", mirror, "https://shop.example")
        rows = [{"id": "a", "name": "x"}, {"id": "b", "name": "y"}]
        assert log.compare([Page(rows)]).kept == 2
        assert log.compare([Page([{"name": "x", "id": "a"}, rows[1]])]).kept == 0
        assert log.compare([Page([{"id": "a", "name": "z"}, rows[1]])]).kept == 1
        assert held(log)["a"]["name"] == "z"

    def test_memory_holds_no_more_than_the_ids_of_a_long_list(self, log: MirrorLog) -> None:
        rows = [thing(f"{n:05}", n + 1) for n in range(2_500)]
        log.follow([Page(rows, 2_500)])
        assert log.compare([Page(rows[:2_499])]).vanished == 1
        assert log.compare([Page(rows)]).kept == 1


class TestFiles:
    @pytest.mark.parametrize("together", [4, 1_000])
    def test_files_are_merged_when_a_tenth_of_their_rows_counts_no_more(
        self, log: MirrorLog, monkeypatch: pytest.MonkeyPatch, together: int
    ) -> None:
        monkeypatch.setattr(mirrors, "COMPARED_TOGETHER", together)
        log.follow([Page([thing(f"{n}", 1) for n in range(20)], 1)])
        log.follow([Page([thing("0", 2)], 2)])
        log.compact()
        assert len(log.log.files()) == 2
        log.follow([Page([thing(f"{n}", 3) for n in range(5)], 3)])
        log.compact()
        assert len(log.log.files()) == 1
        assert (len(held(log)), log.rows_in_files()) == (20, 20)

    def test_totals_count_what_there_is_now(self, log: MirrorLog) -> None:
        log.follow(
            [Page([thing("a", 1, price="1.25", bits=[{}]), thing("b", 1, price=2, bits=[{}, {}]), thing("c", 1, price="x")], 1)]
        )
        log.follow([Page([thing("b", 2, price=2, deleted_at="2026-07-01T00:00:00Z", bits=[{}])], 2)])
        assert log.totals() == {"rows": 2, "deleted": 1, "vanished": 0, "with_a_problem": 1, "price": Decimal("1.25"), "bits": 2}

    def test_another_account_is_never_read(self, log: MirrorLog) -> None:
        log.follow([Page([thing("a", 1)], 1)])
        other = MirrorLog(log.warehouse, "shop", THINGS, "https://other.example")
        with pytest.raises(NeverRead, match="never read for https://other"):
            other.source()

    def test_views_can_be_opened_together(self, log: MirrorLog) -> None:
        log.follow([Page([thing("a", 1, bits=[{"code": "x"}])], 1)])
        with opened(log.warehouse, "shop", log.account, [THINGS]) as con:
            assert con.execute("SELECT name, code FROM things JOIN bits ON thing_id = id").fetchall() == [("a", "x")]
        with pytest.raises(NeverRead), opened(log.warehouse, "shop", log.account, [WHOLES]):
            pass

    def test_what_a_killed_run_left_half_made_is_dropped_and_nothing_else(self, log: MirrorLog) -> None:
        log.warehouse.staging.mkdir(parents=True)
        other = MirrorLog(log.warehouse, "shop", WHOLES, log.account).draft()
        log.draft()
        with log.turn():
            assert [*log.warehouse.staging.iterdir()] == [other.path]


class TestTurns:
    def test_who_waits_for_long_is_told(self, log: MirrorLog, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mirrors, "LONGEST_TURN", 0.05)
        with log.turn(), pytest.raises(ReadingRefused, match="another run"), log.turn():
            pass

    def test_readings_take_turns(self, log: MirrorLog) -> None:
        busy: list[str] = []

        def read(name: str) -> None:
            with log.turn():
                busy.append(f"{name} begins")
                time.sleep(0.02)
                busy.append(f"{name} ends")

        threads = [threading.Thread(target=read, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert_in_turn(busy)


def assert_in_turn(busy: Sequence[str]) -> None:
    assert [each.split()[1] for each in busy] == ["begins", "ends"] * 2
