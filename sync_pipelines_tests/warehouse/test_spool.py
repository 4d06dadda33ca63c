"""Items of any shape go through the spool unchanged, once each, and nothing is left behind."""

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import rapidjson
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipelines.warehouse import spool as spooling
from sync_pipelines.warehouse.snapshots import About, Warehouse, read_about
from sync_pipelines.warehouse.spool import ItemSpool, as_text
from sync_pipelines_tests.warehouse.conftest import files

COLUMNS = {"id": "id", "sku": "sku", "price": "price_trade"}
ABOUT = About("https://api.example.com/queries/1", "2026-01-01T00:00:00+00:00", "x-1", 2)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.decimals(-(10**20), 10**20, places=10)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=2), inner, max_size=3),
    max_leaves=5,
)
items = st.lists(
    st.fixed_dictionaries(
        {"id": st.none() | st.integers(0, 5) | st.sampled_from(["a", "b", "Ä"])},
        optional={"sku": st.text("05A", min_size=1), "price_trade": values, "more": values},
    ),
    max_size=12,
)


def kept(spool: ItemSpool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(spool.complete(ABOUT).path).to_pylist()
    return rows


def parsed(row: dict[str, Any]) -> Any:
    return rapidjson.loads(row["item"], number_mode=rapidjson.NM_DECIMAL)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    return tmp_path / "data" / "staging"


def test_numbers_are_kept_digit_by_digit(staging: Path) -> None:
    prices = [Decimal("4.20"), Decimal("0.12345678901234567890123456789"), 10**30, Decimal("1E-7"), "05300", None]
    with ItemSpool(staging, "products", COLUMNS) as spool:
        spool.add([{"id": n, "price_trade": price} for n, price in enumerate(prices)])
        rows = kept(spool)
    texts = ["4.20", "0.12345678901234567890123456789", str(10**30), "0.0000001", "05300", None]
    assert [row["price"] for row in rows] == texts
    assert [str(parsed(row)["price_trade"]) for row in rows] == [str(price) for price in prices]


@settings(max_examples=40, deadline=None)
@given(items)
def test_what_comes_out_is_what_went_in_without_the_repeats(given_items: list[dict[str, Any]]) -> None:
    firsts, seen = [], set()
    for item in given_items:
        if item["id"] is None or str(item["id"]) not in seen:
            firsts.append(item)
        seen.add(str(item["id"]))
    with tempfile.TemporaryDirectory() as folder, ItemSpool(Path(folder), "products", COLUMNS) as spool:
        for item in given_items:
            spool.add([item])
        assert (spool.rows, spool.repeats()) == (len(given_items), len(given_items) - len(firsts))
        assert spool.attributes >= {n for item in given_items for n, value in item.items() if value not in (None, "")}
        rows = kept(spool)
    assert repr([parsed(row) for row in rows]) == repr(firsts)
    assert [(row["id"], row["sku"], row["price"]) for row in rows] == [
        (as_text(item["id"]), item.get("sku"), as_text(item.get("price_trade"))) for item in firsts
    ]


@pytest.mark.parametrize("flush", [1, 3, 2000])
def test_of_repeats_the_first_stays_and_items_without_an_id_all_stay(
    staging: Path, monkeypatch: pytest.MonkeyPatch, flush: int
) -> None:
    monkeypatch.setattr(spooling, "FLUSH", flush)
    coming = [(1, "a"), (None, "b"), (2, "c"), (1, "d"), (None, "e"), ("2", "f"), (3, "g")]
    with ItemSpool(staging, "products", COLUMNS) as spool:
        spool.add([{"id": number, "sku": sku} for number, sku in coming])
        assert spool.repeats() == 2
        assert [row["sku"] for row in kept(spool)] == ["a", "b", "c", "e", "g"]


def test_with_versions_only_what_says_the_same_is_a_repeat(staging: Path) -> None:
    coming = [(1, "a", 1), (1, "b", 1), (1, "a", 2), (1, "a", 1), (None, "c", 1), (None, "c", 1), (None, "c", 2)]
    items = [{"id": number, "sku": sku, "price_trade": price} for number, sku, price in coming]
    with ItemSpool(staging, "products", COLUMNS, key=("id", "sku"), keep_versions=True) as spool:
        assert [spool.add([item]) for item in items] == [1, 1, 0, 0, 1, 0, 1]
        assert (spool.distinct, spool.repeats()) == (4, 2)
        assert [parsed(row) for row in kept(spool)] == [items[n] for n in (0, 1, 2, 4, 6)]


def test_regression_a_blank_id_is_no_id(staging: Path) -> None:
    """Absent, null and blank are alike in the PIM: two items with a blank id are two items."""
    with ItemSpool(staging, "products", COLUMNS) as spool:
        spool.add([{"id": "", "sku": "a"}, {"id": "", "sku": "b"}])
        assert [row["sku"] for row in kept(spool)] == ["a", "b"]


def test_a_restart_drops_everything_that_came_before(staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "FLUSH", 2)
    with ItemSpool(staging, "products", COLUMNS) as spool:
        spool.add([{"id": n, "old": 1} for n in range(5)])
        spool.restart()
        assert (spool.rows, spool.attributes, spool.repeats()) == (0, set(), 0)
        spool.add([{"id": n, "new": 1} for n in range(3)])
        assert (spool.rows, spool.attributes) == (3, {"id", "new"})
        assert [row["id"] for row in kept(spool)] == ["0", "1", "2"]


@pytest.mark.parametrize("repeated", [False, True], ids=["without repeats", "with repeats"])
def test_the_facts_stand_in_the_file_and_publishing_empties_the_staging(warehouse: Warehouse, repeated: bool) -> None:
    with ItemSpool(warehouse.staging, "products", COLUMNS) as spool:
        spool.add([{"id": 1}, {"id": 2}, *([{"id": 2}] if repeated else [])])
        published = warehouse.publish(("catsy", "products"), spool.complete(ABOUT))
    assert read_about(published.path) == ABOUT
    assert pq.read_metadata(published.path).num_rows == 2
    assert warehouse.find(("catsy", "products"), ABOUT.account) == published
    assert files(warehouse.staging) == []


def test_an_empty_spool_is_an_empty_file(staging: Path) -> None:
    with ItemSpool(staging, "products", COLUMNS) as spool:
        assert kept(spool) == []


def test_nothing_is_left_when_the_reading_fails(staging: Path) -> None:
    def half() -> None:
        with ItemSpool(staging, "products", COLUMNS) as spool:
            spool.add([{"id": n} for n in range(5000)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert files(staging) == []
