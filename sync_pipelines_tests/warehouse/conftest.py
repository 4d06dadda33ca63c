"""A data folder of its own for every test."""

import os
from pathlib import Path

import pytest

from sync_pipelines.warehouse.snapshots import Warehouse


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("CATSY_", "SPARKLAYER_", "SYNC_PIPELINES_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SYNC_PIPELINES_HOME", str(tmp_path))


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "data" / "warehouse")


def files(folder: Path) -> list[str]:
    """Every file below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
