"""A pipeline is a folder and a line: everything else that names it is derived from its declaration."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sync_pipelines

PACKAGE = Path(sync_pipelines.__file__).parent
FOLDER = Path(__file__).parent / "fixtures" / "pipelines" / "shelf_labels"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more pipeline, and a shop's folder."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(PACKAGE, home / "sync_pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PACKAGE.parent / "deploy", home / "deploy")
    shutil.copytree(FOLDER, home / "sync_pipelines" / "pipelines" / "shelf_labels")
    table = home / "sync_pipelines" / "pipelines" / "__init__.py"
    text = table.read_text(encoding="utf-8")
    with_it, places = re.subn(r"(PIPELINES: tuple\[Pipeline, \.\.\.\] = \([^)]*),\s*\)", r"\1, SHELF_LABELS)", text)
    assert places == 1
    line = "from sync_pipelines.pipelines.shelf_labels import PIPELINE as SHELF_LABELS\n"
    table.write_text(with_it.replace("\nPIPELINES:", f"{line}\nPIPELINES:"), encoding="utf-8")
    (home / "shelf").mkdir()
    (home / "shelf" / "prices.csv").write_text("article,price\nA,1.00\nB,2.00\n", encoding="utf-8")
    return home


def run(home: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SYNC_PIPELINES_", "DAGSTER_"))}
    environment |= {
        "PYTHONPATH": str(home),
        "SYNC_PIPELINES_HOME": str(home),
        "SYNC_PIPELINES_SANDBOX": "1",
        "SHELF_FOLDER": str(home / "shelf"),
        "COLUMNS": "160",
    }
    command = [sys.executable, "-m", "sync_pipelines.operations.cli", *arguments]
    ended = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def answer(home: Path, *arguments: str) -> Any:
    return json.loads(run(home, *arguments, "--json"))


def shelf(home: Path) -> dict[str, Any]:
    return json.loads((home / "shelf" / "labels.json").read_text(encoding="utf-8"))


def test_a_folder_and_a_line_are_a_pipeline_with_runs_questions_and_a_place_in_the_ui(home: Path) -> None:
    assert "shelf" in run(home, "--help")
    assert "--refresh" not in run(home, "shelf", "sync", "--help")
    preview = answer(home, "shelf", "preview")
    assert (preview["state"], preview["counts"]["create"]) == ("done", 2)
    assert not (home / "shelf" / "labels.json").exists()

    first = answer(home, "sync", "shelf_labels")
    assert (first["state"], first["counts"]["delivered"], first["as_planned"]) == ("done", 2, 2)
    assert shelf(home) == {"labels": {"A": "1.00", "B": "2.00"}, "writes": 2}
    assert answer(home, "shelf", "sync")["counts"].get("delivered", 0) == 0
    assert shelf(home)["writes"] == 2

    (home / "shelf" / "prices.csv").write_text("article,price\nA,1.50\nB,2.00\n", encoding="utf-8")
    changed = answer(home, "shelf", "sync")
    assert (changed["counts"]["delivered"], shelf(home)["labels"]["A"]) == (1, "1.50")
    assert answer(home, "sql", "SELECT key, action FROM shelf.label_plan WHERE action = 'update'") == [
        {"key": "A", "action": "update"}
    ]
    assert answer(home, "sql", "SELECT count(*) AS n FROM shelf.prices") == [{"n": 2}]
    answer(home, "shelf", "undo", "--run", changed["run_id"])
    assert shelf(home)["labels"] == {"A": "1.00", "B": "2.00"}

    assert answer(home, "status", "shelf_labels")[0]["account"] == f"{home / 'shelf'} shelf"
    assert answer(home, "shelf", "trace", "A")["live"] == {"A": {"price": "1.00"}}
    assert [found["verdict"] for found in answer(home, "shelf", "validate")] == ["ok"]
    assert [past["verb"] for past in answer(home, "shelf", "history")] == ["undo", "sync", "sync", "sync", "preview"]


def test_dagster_and_the_lists_for_people_have_it(home: Path) -> None:
    found = """
import json
from sync_pipelines.definitions import defs
from sync_pipelines.operations import reference
repository = defs().get_repository_def()
print(json.dumps({
    "jobs": sorted(name for name in repository.job_names if "shelf" in name),
    "checks": sorted(key.to_user_string() for key in defs().resolve_asset_graph().asset_check_keys if "shelf" in str(key)),
    "settings": "## [shelf]" in reference.settings_page(),
}))
"""
    environment = {**os.environ, "PYTHONPATH": str(home), "SYNC_PIPELINES_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    ended = subprocess.run([sys.executable, "-c", found], cwd=home, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["jobs"] == ["apply_shelf_labels", "preview_shelf_labels", "sync_shelf_labels", "undo_shelf_labels"]
    assert told["checks"] == [
        "shelf/label_plan:guards",
        "shelf/label_plan:nothing_waits_for_a_person",
        "shelf/labels:every_row_ended_well",
        "shelf/labels:labels_as_planned",
    ]
    assert told["settings"]
