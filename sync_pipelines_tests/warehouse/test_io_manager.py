"""Assets hand each other frames, tables and files; money stays exact on the way."""

from decimal import Decimal

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.settings import data_dir
from sync_pipelines.warehouse.io_manager import SnapshotIOManager, as_table
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse, with_about

PRICES = [Decimal("4.20"), Decimal("0.1234567890"), Decimal("9999999999999999.9999999999")]


def test_decimals_stay_exact_from_asset_to_asset() -> None:
    received: dict[str, object] = {}

    @dg.asset(key=["catsy", "prices"])
    def prices() -> duckdb.DuckDBPyRelation:
        rows = ", ".join(f"({price}::DECIMAL(28, 10))" for price in PRICES)
        return duckdb.connect(":memory:").sql(f"SELECT price FROM (VALUES {rows}) AS given(price)")

    @dg.asset(key=["catsy", "doubled"], ins={"prices": dg.AssetIn(key=["catsy", "prices"])})
    def doubled(prices: pd.DataFrame) -> pd.DataFrame:
        received["frame"] = list(prices["price"])
        return prices.assign(price=prices["price"] + prices["price"])

    @dg.asset(
        key=["catsy", "seen"],
        ins={"doubled": dg.AssetIn(key=["catsy", "doubled"]), "prices": dg.AssetIn(key=["catsy", "prices"])},
    )
    def seen(doubled: pa.Table, prices: Published) -> dg.MaterializeResult:
        received["table"], received["file"] = doubled, prices
        return dg.MaterializeResult(value=prices)

    done = dg.materialize([prices, doubled, seen], resources={"io_manager": SnapshotIOManager(account_of)})
    assert done.success
    assert received["frame"] == PRICES
    assert received["table"]["price"].to_pylist() == [price + price for price in PRICES]
    assert received["file"].about.rows == 3
    counted = {event.asset_key.path[-1]: event.materialization.metadata for event in done.get_asset_materialization_events()}
    assert counted["doubled"]["dagster/row_count"].value == 3


def test_a_table_keeps_what_is_noted_of_its_extract() -> None:
    @dg.asset(key=["catsy", "prices"])
    def prices() -> pa.Table:
        noted = About("https://api.example.com/queries/1", "2026-01-01T00:00:00+00:00", "x-1", 9, 1, gaps="8 of 9 came")
        return with_about(pa.table({"price": PRICES}), noted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATSY_BASE_URL", "https://api.example.com")
        patch.setenv("CATSY_QUERY_ID", "1")
        assert dg.materialize([prices], resources={"io_manager": SnapshotIOManager(account_of)}).success
        found = Warehouse(data_dir() / "warehouse").find(("catsy", "prices"), account_of("catsy"))
    assert found is not None
    assert (found.about.extract, found.about.gaps, found.about.rows) == ("x-1", "8 of 9 came", 3)
    assert (found.about.origin, found.about.at > "2026-01-01T00:00:00+00:00") == ("derived", True)


def test_anything_but_a_frame_a_table_or_a_relation_is_refused() -> None:
    with pytest.raises(TypeError, match="not list"):
        as_table([1, 2])
