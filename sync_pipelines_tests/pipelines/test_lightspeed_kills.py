"""A real process that mirrors a Lightspeed store, killed for real at its pages, publications and cursors: the next run goes on, and
ends with a mirror that equals the store."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipelines.settings import data_dir
from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines import lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene
from vendor_sandbox import Sandbox

MIRRORS = ("products", "brands", "taxes", "consignments", "consignment_lines")
"""One of each way to read: with versions in the rows, with versions beside them, whole, and the lines of another."""
NO_MORE_THAN = 120
"""Points of a kind that one run has at most."""


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def scene(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> LightspeedScene:
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return lightspeed_scene.begin(running)


def child(point: str, *names: str) -> subprocess.CompletedProcess[str]:
    return forked.command([point, *names], timeout=90, module="sync_pipelines_tests.pipelines.killed_lightspeed")


def work(scene: LightspeedScene) -> None:
    """Change, delete, add and remove a good deal of what the mirrors hold."""
    products, brands, taxes, orders = (scene.ids(name) for name in ("products", "brands", "taxes", "consignments"))
    scene.change(
        set={
            "products": {each: {"name": f"renamed {n}"} for n, each in enumerate(products[:300])},
            "brands": {brands[0]: {"name": "renamed"}},
            "taxes": {taxes[0]: {"display_name": "renamed"}},
        },
        delete={"products": products[-3:], "consignments": orders[:1]},
        lines={each: [{"product_id": products[0], "count": n}] * 2 for n, each in enumerate(orders[1:9])},
        add={"brands": [{"name": "new"}]},
    )


def assert_the_next_run_puts_all_right(scene: LightspeedScene) -> None:
    scene.sync(*MIRRORS)
    assert scene.differences(*MIRRORS) == []
    assert [reading.kept for reading in scene.sync(*MIRRORS).values()] == [0] * len(MIRRORS)
    proved = scene.prove(*MIRRORS)
    assert [*(data_dir() / "staging").iterdir()] == []
    assert [(reading.missing, reading.vanished, reading.gaps) for reading in proved.values()] == [(0, 0, [])] * len(MIRRORS)
    assert scene.differences(*MIRRORS, proved=True) == []


@pytest.mark.parametrize("point", ["file:1:after", "commit:2:after"])
def test_a_first_reading_that_is_killed_is_finished_by_the_next(scene: LightspeedScene, point: str) -> None:
    ended = child(point, *MIRRORS)
    assert ended.returncode == -9, ended.stderr
    assert_the_next_run_puts_all_right(scene)


@pytest.mark.parametrize("point", ["file:1:after", "commit:2:before"])
def test_a_reading_of_changes_that_is_killed_is_finished_by_the_next(scene: LightspeedScene, point: str) -> None:
    scene.sync(*MIRRORS)
    work(scene)
    ended = child(point, *MIRRORS)
    assert ended.returncode == -9, ended.stderr
    assert_the_next_run_puts_all_right(scene)


def test_a_proof_that_is_killed_is_done_by_the_next(scene: LightspeedScene) -> None:
    scene.sync("products")
    gone = scene.ids("products")[:3]
    scene.change(vanish={"products": gone})
    assert child("file:1:before", "prove", "products").returncode == -9
    assert scene.prove("products")["products"].vanished == 3
    assert scene.differences("products", proved=True) == []
    assert scene.prove("products")["products"].kept == 0


@pytest.mark.deep
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["call", "file", "commit"])
@pytest.mark.parametrize("what", ["first", "changes", "proof"])
def test_a_reading_killed_at_any_point_is_finished_by_the_next(
    running: Sandbox, scene: LightspeedScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, kind: str, when: str
) -> None:
    for number in range(1, NO_MORE_THAN):
        folder = tmp_path / f"{number}"
        monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(folder))
        lightspeed_scene.begin(running)
        if what != "first":
            scene.sync(*MIRRORS)
            work(scene)
        ended = child(f"{kind}:{number}:{when}", *(["prove"] if what == "proof" else []), *MIRRORS)
        assert ended.returncode in (0, -9), ended.stderr
        if ended.returncode == 0:
            break
        assert_the_next_run_puts_all_right(scene)
        shutil.rmtree(folder)
    else:
        raise AssertionError("the run has more points than this test tries")
    assert number > {"call": 10, "file": 5, "commit": 2}[kind]
