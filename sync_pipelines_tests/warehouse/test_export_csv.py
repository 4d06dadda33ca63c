"""The full export for people: the columns asked for, then the rest by name; the old file until the new one is whole."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.warehouse.snapshots import About, Warehouse
from sync_pipelines.warehouse.spool import ItemSpool, export_csv
from sync_pipelines_tests.warehouse.conftest import files

KEY = ("catsy", "products")
FIRST = ("sku", "price_trade")


def snapshot(warehouse: Warehouse, *items: dict[str, Any]) -> Path:
    with ItemSpool(warehouse.staging, "products", {"id": "id"}) as spool:
        spool.add(items)
        about = About("https://api.example.com/queries/1", "2026-01-01T00:00:00+00:00", rows=len(items))
        return warehouse.publish(KEY, spool.complete(about)).path


def exported(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_first_columns_come_first_and_the_others_by_name(warehouse: Warehouse, tmp_path: Path) -> None:
    path = snapshot(
        warehouse, {"id": 2, "zinc": "z", "sku": "B", "brand": "Acme"}, {"id": 1, "price_trade": "4.20", "Alloy": "a", "sku": "A"}
    )
    assert export_csv(path, tmp_path / "out" / "full.csv", FIRST) == 2
    assert exported(tmp_path / "out" / "full.csv") == [
        ["sku", "price_trade", "Alloy", "brand", "id", "zinc"],
        ["B", "", "", "Acme", "2", "z"],
        ["A", "4.20", "a", "", "1", ""],
    ]


def test_values_are_written_digit_by_digit_and_lists_as_json(warehouse: Warehouse, tmp_path: Path) -> None:
    values = {
        "a": Decimal("4.20"),
        "b": Decimal("0.12345678901234567890123456789"),
        "c": 10**30,
        "d": True,
        "e": None,
        "f": ["zinc", Decimal("1.10"), None],
        "g": {"id": 7, "name": "Öse"},
        "h": 'Sizes "6, 8"\r\nsecond line',
        "i": "05300",
    }
    export_csv(snapshot(warehouse, values), tmp_path / "full.csv", ())
    assert exported(tmp_path / "full.csv")[1] == [
        "4.20",
        "0.12345678901234567890123456789",
        str(10**30),
        "true",
        "",
        '["zinc",1.10,null]',
        '{"id":7,"name":"Öse"}',
        'Sizes "6, 8"\r\nsecond line',
        "05300",
    ]


def test_a_column_asked_for_is_there_although_no_item_has_it(warehouse: Warehouse, tmp_path: Path) -> None:
    export_csv(snapshot(warehouse, {"id": 1}), tmp_path / "full.csv", FIRST)
    assert exported(tmp_path / "full.csv") == [["sku", "price_trade", "id"], ["", "", "1"]]


def test_an_export_that_fails_leaves_the_old_file_and_no_draft(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / "full.csv"
    path = snapshot(warehouse, {"id": 1})
    export_csv(path, target, FIRST)
    before = target.read_bytes()
    monkeypatch.setattr("os.fsync", _disk_full)
    with pytest.raises(OSError, match="no space"):
        export_csv(path, target, FIRST)
    assert target.read_bytes() == before
    assert files(target.parent) == ["full.csv"]


def _disk_full(*_: object) -> None:
    raise OSError("no space left on device")
