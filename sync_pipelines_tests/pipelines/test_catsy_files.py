"""A catalogue taken in from a file: what a spreadsheet program did to it is seen, and costs single rows at most."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.catsy_sparklayer import planning
from sync_pipelines.pipelines.catsy_sparklayer.extract import KEY, Products
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.catsy import ExtractFailed
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.warehouse.snapshots import Warehouse


def taken(folder: Path, text: str) -> list[dict[str, Any]]:
    """Rows of catsy/trade_prices from a file with this text."""
    path = folder / "export.csv"
    path.write_text(text, encoding="utf-8")
    settings, warehouse = CatsySparkLayerSettings.read(), Warehouse(data_dir() / "warehouse")
    source = Products(warehouse, Ledger.at(data_dir() / "ledger.db"), CatsySettings.read(), settings.attributes, "run")
    with source.from_csv(path) as staged:
        rows: list[dict[str, Any]] = planning.map_prices(warehouse.publish(KEY, staged), settings).to_pylist()
    return rows


@pytest.mark.parametrize("cell", ["1.23E+05", "01-Mar", "#N/A"])
def test_a_sku_that_a_spreadsheet_program_replaced_is_refused_and_the_other_rows_go_on(own_folder: Path, cell: str) -> None:
    bad, good = taken(own_folder, f"id,sku,price_trade\n1,{cell},10.00\n2,A-2,11.00\n")
    assert bad["state"] == "rejected"
    assert bad["reason"].startswith(f"SKU {cell!r} is ")
    assert (good["state"], good["prices"][0]["price"]) == ("desired", Decimal("11.000"))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_is_read_with_the_separator_that_its_header_has(own_folder: Path, separator: str) -> None:
    rows = [["id", "sku", "price_trade", "name"], ["1", "A-1", "10.00", '"Boot, brown; wide"']]
    (row,) = taken(own_folder, "\n".join(separator.join(cells) for cells in rows))
    assert (row["sku"], row["state"]) == ("A-1", "desired")


def test_a_column_that_is_needed_and_appears_twice_is_refused_and_another_may(own_folder: Path) -> None:
    with pytest.raises(ExtractFailed, match="line 1: column 'price_trade' appears twice"):
        taken(own_folder, "id,sku,price_trade,price_trade\n1,A-1,10.00,12.00\n")
    assert len(taken(own_folder, "id,sku,price_trade,note,note\n1,A-1,10.00,x,y\n")) == 1
