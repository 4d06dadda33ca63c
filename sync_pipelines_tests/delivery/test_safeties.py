"""Every safety is held by a test that fails without it: each is taken out of a copy of the code, and its tests must go red."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sync_pipelines_tests.delivery.safeties import SAFETIES as OF_DELIVERY
from sync_pipelines_tests.delivery.safeties import Safety
from sync_pipelines_tests.pipelines.lightspeed_picture_safeties import SAFETIES as OF_PICTURES
from sync_pipelines_tests.pipelines.stock_safeties import SAFETIES as OF_STOCK

ROOT = Path(__file__).parents[2]
SAFETIES = (*OF_DELIVERY, *OF_STOCK, *OF_PICTURES)


@pytest.mark.parametrize("safety", SAFETIES, ids=str)
def test_the_list_names_code_and_tests_that_are_there(safety: Safety) -> None:
    source = (ROOT / safety.code / safety.file).read_text(encoding="utf-8")
    assert len(safety.places(source)) == 1, safety.old
    ast.parse(safety.taken_out(source))
    for test in safety.tests:
        file, *_, name = test.split("::")
        assert f"def {name}(" in (ROOT / safety.tests_in / file).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for package in ("sync_pipelines", "sync_pipelines_tests", "vendor_sandbox"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.deep
@pytest.mark.parametrize("safety", SAFETIES, ids=str)
def test_without_it_a_test_fails(copy: Path, safety: Safety) -> None:
    file = copy / safety.code / safety.file
    whole = file.read_text(encoding="utf-8")
    tests = [f"{safety.tests_in}/{test}" for test in safety.tests]
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    try:
        file.write_text(safety.taken_out(whole), encoding="utf-8")
        ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=300)
    finally:
        file.write_text(whole, encoding="utf-8")
    assert ended.returncode == 1, f"without it the tests end with {ended.returncode}:\n{ended.stdout[-2000:]}"
    assert "sync_pipelines_tests" in ended.stdout
