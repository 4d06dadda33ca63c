"""Dagster's `dg` finds the project by pyproject.toml."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest

ROOT = Path(__file__).parents[1]
DG = shutil.which("dg", path=str(Path(sys.executable).parent))


def test_the_project_that_dg_is_told_of_is_the_one_that_the_workspace_serves() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    project = tools["dg"]["project"]
    assert tools["dg"]["directory_type"] == "project"
    assert project["code_location_target_module"] == tools["dagster"]["module_name"]
    workspace = (ROOT / "workspace.yaml").read_text(encoding="utf-8")
    assert f"module_name: {project['code_location_target_module']}" in workspace
    assert f"location_name: {project['code_location_name']}" in workspace
    module = importlib.import_module(project["code_location_target_module"])
    assert isinstance(module.defs(), dg.Definitions)


@pytest.mark.skipif(
    DG is None, reason="dg (dagster-dg-cli) comes in step with Dagster, and later; it is not among the requirements"
)
@pytest.mark.parametrize(
    ("words", "shown"), [(("check", "defs"), "loaded successfully"), (("list", "defs"), "sheets/order_rows")]
)
def test_dg_checks_and_lists_the_definitions(words: tuple[str, str], shown: str) -> None:
    assert DG is not None
    done = subprocess.run([DG, *words], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown in done.stdout + done.stderr
