"""A real process that places an order or sends pictures, killed for real between any two of its steps: the next run finishes the
rest, and nothing is lost or there twice."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines import lightspeed_orders_scene, lightspeed_pictures_scene
from sync_pipelines_tests.pipelines.lightspeed_pictures_scene import JPG, PictureScene
from vendor_sandbox import Sandbox

NO_MORE_THAN = 150
"""Points of a kind that one run has at most."""
BOOK, KNOTS = "9780306406157", "9780804429573"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def scene(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> PictureScene:
    for name, value in {**running.env, **lightspeed_pictures_scene.FAST}.items():
        monkeypatch.setenv(name, value)
    return lightspeed_pictures_scene.begin(running)


def child(what: str, point: str, path: Path) -> subprocess.CompletedProcess[str]:
    return forked.command([what, point, str(path)], timeout=90, module="sync_pipelines_tests.pipelines.killed_lightspeed_orders")


def orders(scene: PictureScene) -> lightspeed_orders_scene.OrderScene:
    return lightspeed_orders_scene.OrderScene(scene.sandbox)


def an_order(scene: PictureScene) -> Path:
    """A product, two variants, a cost and an order with four lines."""
    boot = scene.boots()[0]
    return scene.file(
        ("", "", boot["sku"], 2, "99.50", "", "", ""),
        ("", "wax", "WAX-1", 5, "4.10", "", "", ""),
        ("", "laces", "LACE-1", 6, "1.10", "fancy laces", "Colour", "Red"),
        ("", "laces", "LACE-2", 7, "1.10", "fancy laces", "Colour", "Blue"),
    )


def assert_the_next_run_places_it(scene: PictureScene, path: Path) -> None:
    boot = scene.boots()[0]["sku"]
    orders(scene).sync(path)
    assert scene.lines("po-1") == {boot: (2, "99.50"), "WAX-1": (5, "4.10"), "LACE-1": (6, "1.10"), "LACE-2": (7, "1.10")}
    assert f"{scene.product(boot)['supply_price']:.2f}" == "99.50"
    assert [scene.product(sku)["name"] for sku in ("WAX-1", "LACE-1", "LACE-2")] == ["Wax", "Fancy Laces", "Fancy Laces"]
    again = orders(scene).sync(path)
    assert {name: dict(ended.counts) for name, ended in again.items() if ended.counts} == {}


def pictures(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in (BOOK, KNOTS):
        (folder / f"{name}.jpg").write_bytes(JPG + name.encode())
    return folder


def assert_the_next_run_sends_them(scene: PictureScene, folder: Path) -> None:
    scene.send(folder)
    made = [row for row in scene.rows("images") if row["name"] and not row["deleted_at"] and row["sha"] in scene.pictures(BOOK)]
    assert len(made) == 1
    assert len(scene.pictures(KNOTS)) == 1
    assert dict(scene.send(folder).counts) == {}


STEPS = {
    "make a product": "POST /products",
    "change a cost": "PUT /products/*",
    "make an order": "POST /consignments",
    "add lines": "POST /consignments/*/bulk",
}


def calls_until(scene: PictureScene, path: Path, wanted: str, nth: int) -> int:
    """At which of its calls a run, undisturbed, makes one of these; on a store that is put back afterwards."""
    orders(scene).sync(path)
    method, _, ending = wanted.partition(" ")
    found = [n for n, call in enumerate(scene.sandbox.calls("lightspeed"), 1) if _is(call, method, ending)]  # type: ignore[union-attr]
    return found[nth]


def _is(call: dict[str, str], method: str, path: str) -> bool:
    from fnmatch import fnmatchcase

    return call["method"] == method and fnmatchcase(call["path"], f"*{path}")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_an_order_that_is_killed_at_a_step_is_placed_by_the_next_run(
    running: Sandbox, scene: PictureScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    number = calls_until(scene, an_order(scene), STEPS[step], int(step == "make an order"))  # before it, a look at the rights
    monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(tmp_path / "again"))
    lightspeed_pictures_scene.begin(running)
    path = an_order(scene)
    ended = child("order", f"call:{number}:{when}", path)
    assert ended.returncode == -9, ended.stderr
    assert_the_next_run_places_it(scene, path)


@pytest.mark.parametrize("point", ["call:5:after", "call:6:before", "call:6:after", "commit:4:after"])
def test_pictures_that_are_cut_short_are_sent_by_the_next_run(scene: PictureScene, tmp_path: Path, point: str) -> None:
    folder = pictures(tmp_path / "pictures")
    ended = child("pictures", point, folder)
    assert ended.returncode == -9, ended.stderr
    assert_the_next_run_sends_them(scene, folder)


@pytest.mark.deep
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["call", "commit"])
@pytest.mark.parametrize("version", ["2026-07", "2026-10"])
@pytest.mark.parametrize("what", ["order", "pictures"])
def test_killed_at_any_point_the_next_run_finishes(
    running: Sandbox,
    scene: PictureScene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    version: str,
    kind: str,
    when: str,
) -> None:
    monkeypatch.setenv("LIGHTSPEED_API_VERSION", version)
    for number in range(1, NO_MORE_THAN):
        monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(tmp_path / f"{number}"))
        lightspeed_pictures_scene.begin(running)
        path = an_order(scene) if what == "order" else pictures(tmp_path / "pictures")
        ended = child(what, f"{kind}:{number}:{when}", path)
        assert ended.returncode in (0, -9), ended.stderr
        if ended.returncode == 0:
            break
        (assert_the_next_run_places_it if what == "order" else assert_the_next_run_sends_them)(scene, path)
    else:
        raise AssertionError("the run has more points than this test tries")
    assert number > {"call": 8, "commit": 8}[kind]
