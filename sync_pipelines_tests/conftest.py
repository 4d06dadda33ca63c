"""A merchant's folder and a sandbox for tests that talk to vendors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from vendor_sandbox import Sandbox

OURS = (
    "SYNC_PIPELINES_",
    "CATSY_",
    "SPARKLAYER_",
    "SHOPIFY_",
    "GOOGLE_",
    "AMAZON_",
    "PLYTIX_",
    "SENTOS_",
    "LIGHTSPEED_",
    "ALERT_",
    "RETENTION_",
    "WEB_",
    "DAGSTER_",
)
OLD_NAMES = ("TARGET_SPREADSHEET", "SITE_ID", "CLIENT_ID", "CLIENT_SECRET", "BATCH_SIZE", "BATCH_DELAY", "OUTPUT_FILE")


def pytest_configure(config: pytest.Config) -> None:
    """Generated examples are the same in every `make test`, so that it says something about a change; `make test-deep` explores."""
    settings.register_profile("repeatable", derandomize=True)
    if config.option.markexpr != "deep":
        settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads this machine's settings or writes outside its own folder."""
    for name in list(os.environ):
        if name.startswith(OURS) or name in OLD_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SYNC_PIPELINES_HOME", str(tmp_path))
    monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data" / "dagster"))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    return tmp_path


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both vendors with 300 products, fast; the environment points at them."""
    with Sandbox(scale="small", speed=1000) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SPARKLAYER_LANDS_WITHIN", "0.2")
        yield running
