"""A data folder that the version before left is opened, and goes on without a second write."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

from sync_pipelines_tests import forked

FOLDER = Path(__file__).parent / "fixtures" / "data_folder_0_1" / "data.tar.xz"


def test_every_pipeline_goes_on_from_what_the_version_before_left_and_writes_nothing_again(tmp_path: Path) -> None:
    with tarfile.open(FOLDER) as packed:
        packed.extractall(tmp_path, filter="data")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SYNC_PIPELINES_", "DAGSTER_"))}
    environment = {**kept, "SYNC_PIPELINES_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    ended = forked.command([], environment, timeout=110, module="sync_pipelines_tests.goes_on")
    assert ended.returncode == 0, ended.stderr[-3000:]
    told = json.loads(ended.stdout.splitlines()[-1])
    assert {name: run["state"] for name, run in told["runs"].items()} == {
        "catsy_sparklayer": "done",
        "shopify_sheets": "done",
        "amazon_plytix": "done",
    }, told
    assert [name for name, run in told["runs"].items() if run["counts"].get("delivered")] == []
    assert told["changed"] == []
