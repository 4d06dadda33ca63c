"""The arrows between the rooms, and the shape of the graph."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sync_pipelines

ROOT = Path(sync_pipelines.__file__).parent
GROUND = {"errors", "exact_json", "duck", "number_text", "csv_files"}
MAY_IMPORT = {
    "errors": set(),
    "exact_json": set(),
    "duck": {"errors"},
    "number_text": {"errors"},
    "csv_files": {"errors"},
    "settings": {"errors", "number_text"},
    "currency": set(),
    "private_files": set(),
    "spellings": set(),
    "credentials": {"settings", "errors", "spellings"},
    "logs": {"credentials"},
    "transfer": set(),
    "alerts": {"credentials", "settings", "transfer"},
    "delivery": GROUND,
    "vendors": {"settings", "credentials", "errors", "exact_json", "number_text", "transfer"},
    "warehouse": {"settings", "errors", "csv_files"},
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
WITHOUT_DAGSTER = [
    "delivery",
    "vendors",
    "warehouse/snapshots.py",
    "warehouse/spool.py",
    "pipelines/*/mapping.py",
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
    assert used <= MAY_IMPORT[room(path)] | {room(path)}


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
    users = {
        str(p.relative_to(ROOT))
        for p in ROOT.rglob("*.py")
        if room(p) != "delivery"
        and any(name.startswith("sync_pipelines.delivery.tables") or name.split(".")[0] == "sqlalchemy" for name in imports(p))
    }
    assert users == {"operations/sql.py", "operations/reports.py"}
