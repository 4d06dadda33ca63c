"""The arrows between the rooms, and the shape of the graph."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import sync_pipelines
from sync_pipelines.operations.pipelines import PIPELINES

ROOT = Path(sync_pipelines.__file__).parent
GROUND = {"errors", "exact_json", "decoding", "duck", "number_text", "csv_files", "whole_files", "nearest", "progress"}
MAY_IMPORT = {
    "errors": set(),
    "exact_json": set(),
    "decoding": set(),
    "duck": {"errors"},
    "number_text": {"errors"},
    "csv_files": {"whole_files"},
    "whole_files": {"errors"},
    "nearest": set(),
    "progress": set(),
    "settings": {"errors", "number_text", "nearest"},
    "currency": set(),
    "private_files": set(),
    "spellings": set(),
    "credentials": {"settings", "errors", "spellings"},
    "logs": {"credentials"},
    "transfer": set(),
    "alerts": {"credentials", "settings", "transfer"},
    "delivery": GROUND,
    "vendors": {"settings", "credentials", "errors", "exact_json", "number_text", "progress", "transfer"},
    "warehouse": {"settings", "errors", "csv_files", "duck"},
    "pipelines": GROUND | {"vendors", "delivery", "warehouse", "settings", "credentials", "alerts", "logs", "currency"},
    "demo": {"errors", "operations", "pipelines", "vendors", "delivery", "settings", "logs"},
    "definitions": {"pipelines", "warehouse", "private_files"},
    "operations": GROUND
    | {
        "definitions",
        "demo",
        "pipelines",
        "vendors",
        "delivery",
        "warehouse",
        "settings",
        "credentials",
        "alerts",
        "logs",
        "private_files",
    },
}
COMMANDS = "pipelines/*/commands.py"
"""A pipeline's own commands: the one file in its folder that may import operations, loaded by the command line only."""
WITHOUT_PRINTING = [
    f"operations/{name}.py"
    for name in (
        "answers",
        "running",
        "order_sheet",
        "amazon_listings",
        "order_report",
        "retail_store",
        "launch",
        "paths",
        "pipelines",
        "sql",
        "ui",
        "health",
        "undo_preview",
    )
]
"""What answers, for the command line and whoever else asks."""
WITHOUT_DAGSTER = [
    "delivery",
    "vendors",
    "warehouse/snapshots.py",
    "warehouse/spool.py",
    "pipelines/__init__.py",
    "pipelines/shape.py",
    "pipelines/sections.py",
    "pipelines/session.py",
    "pipelines/plan_and_apply.py",
    "pipelines/*/__init__.py",
    "pipelines/*/mapping.py",
    "pipelines/*/planning.py",
    "pipelines/*/questions.py",
    "pipelines/*/target.py",
]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    if path.parent == ROOT and path.name == "__init__.py":
        return
    used = {name.split(".")[1] for name in imports(path) if name.startswith("sync_pipelines.")}
    assert used <= MAY_IMPORT[room(path)] | {room(path)} | ({"operations"} if path.match(COMMANDS) else set())


def test_a_pipelines_commands_are_loaded_by_the_command_line_only() -> None:
    modules = {".".join(("sync_pipelines", *p.relative_to(ROOT).with_suffix("").parts)) for p in ROOT.glob(COMMANDS)}
    assert modules
    assert [p.name for p in ROOT.rglob("*.py") if modules & imports(p)] == []


def test_the_command_line_knows_no_pipeline_by_name() -> None:
    names = {word for name, steps in PIPELINES.items() for word in (name, steps.short)}
    for path in (ROOT / "operations" / "cli").glob("*.py"):
        words = {node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)}
        assert not words & names, path.name


@pytest.mark.parametrize("file", WITHOUT_PRINTING)
def test_what_answers_prints_nothing_and_knows_no_command_line(file: str) -> None:
    path = ROOT / file
    used = {name for name in imports(path) if name.split(".")[0] in ("typer", "rich") or ".operations.cli" in name}
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)}
    assert not used
    assert "print" not in names
    assert "argv" not in attributes


@pytest.mark.parametrize("place", WITHOUT_DAGSTER)
def test_the_heart_the_clients_and_the_mappings_know_no_dagster(place: str) -> None:
    paths = [p for found in ROOT.glob(place) for p in (found.rglob("*.py") if found.is_dir() else [found])]
    assert paths
    assert [p.name for p in paths if any(name.split(".")[0] == "dagster" for name in imports(p))] == []


def test_only_one_place_sends_requests() -> None:
    users = {str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py") if "requests" in imports(p)}
    assert users == {"transfer.py", "vendors/http.py", "alerts.py", "demo/playground.py"}


def test_the_stand_ins_know_nothing_of_the_clients() -> None:
    stand_ins = sorted((ROOT.parent / "vendor_sandbox").rglob("*.py"))
    assert stand_ins
    assert [p.name for p in stand_ins if any(name.split(".")[0] == "sync_pipelines" for name in imports(p))] == []


def test_nobody_outside_delivery_writes_sql_over_its_tables() -> None:
    assert users_of(lambda name: name.startswith("sync_pipelines.delivery.tables")) <= {"operations/sql.py"}
    files_for_people = {f"pipelines/lightspeed_retail/{name}.py" for name in ("shop_file", "shop_tables")}
    assert users_of(lambda name: name.split(".")[0] == "sqlalchemy") == {"operations/sql.py"} | files_for_people


def users_of(wanted: Callable[[str], bool]) -> set[str]:
    """The modules outside delivery that import such a module."""
    return {
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py") if room(p) != "delivery" and any(wanted(name) for name in imports(p))
    }
