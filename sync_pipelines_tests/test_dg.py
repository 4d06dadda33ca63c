"""Dagster's `dg` finds the project by pyproject.toml."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import dagster as dg

ROOT = Path(__file__).parents[1]


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
