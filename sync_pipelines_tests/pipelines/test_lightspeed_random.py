"""Generated histories of a Lightspeed store and its mirror: people change things between runs and between pages, pages are of any
length, rows share versions, runs are cut off anywhere. The mirror ends equal to the store."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync_pipelines.delivery import notes
from sync_pipelines.pipelines import mirrors
from sync_pipelines.vendors.http import Http
from sync_pipelines.warehouse.keyed_log import KeyedLog
from sync_pipelines_tests.pipelines import lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene
from vendor_sandbox import Sandbox

MIRRORS = ("products", "brands", "inventory", "consignments", "consignment_lines")
PRODUCTS, ORDERS = 12, 4


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A history that fails is short enough as it is: to make it shorter takes minutes."""


class Killed(BaseException):
    """The process is gone."""


class History:
    """What people do in the store, by chance."""

    def __init__(self, scene: LightspeedScene, seed: int) -> None:
        self.scene, self.chance, self.done = scene, random.Random(seed), 0

    def change(self) -> dict[str, Any]:
        """The next thing that somebody does, as the sandbox takes it."""
        self.done += 1
        name = self.chance.choice(("products", "brands", "inventory", "consignments"))
        known = self.scene.ids(name)
        some = self.chance.sample(known, min(len(known), self.chance.choice((1, 2, 5))))
        field = {"inventory": "reorder_point", "consignments": "reference"}.get(name, "name")
        match self.chance.choice(("set", "set", "touch", "delete", "vanish", "add", "lines")):
            case "set":
                value = self.done if name == "inventory" else f"{field} {self.done}"
                return {"set": {name: {each: {field: value} for each in some}}}
            case "add" if name in ("brands", "products"):
                return {"add": {name: [{"name": f"new {self.done}"}]}}
            case "lines" if orders := self.scene.ids("consignments"):
                count = self.chance.randrange(5)
                lines = [{"product_id": self.chance.choice("abc"), "count": n} for n in range(count)]
                return {"lines": {self.chance.choice(orders): lines}}
            case "delete" if name != "brands":
                return {"delete": {name: some[:2]}}
            case "vanish" if name not in ("brands", "consignments"):
                return {"vanish": {name: some[:2]}}
        return {"touch": {name: some}}

    def share_a_version(self) -> None:
        store = self.scene.vendor.store
        version = store.next_version()
        name = self.chance.choice(("products", "inventory"))
        for row in self.chance.sample(self.scene.rows(name), min(9, len(self.scene.rows(name)))):
            store.put(name, row, version=version)


step = st.tuples(
    st.lists(st.sampled_from(("change", "share", "between")), max_size=5),
    st.sampled_from((2, 3, 7, 50)),
    st.sampled_from((4, 10, 1000)),
    st.none() | st.integers(1, 25),
)
"""What people do, rows a page, rows after which something is published, and after how many steps the run is cut off."""


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a ledger: making one takes longer than all the rest."""
    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNC_PIPELINES_DATA_DIR", str(folder))
        with LightspeedScene(None).session():
            pass
    return folder


def small(running: Sandbox) -> LightspeedScene:
    """A store with few products and orders."""
    scene = lightspeed_scene.begin(running)
    products = scene.rows("products")[:PRODUCTS]
    kept = {row["id"] for row in products}
    orders = scene.rows("consignments")[:ORDERS]
    scene.change(
        load={
            "products": products,
            "inventory": [row for row in scene.rows("inventory") if row["product_id"] in kept],
            "consignments": orders,
            "lines": {row["id"]: list(scene.vendor.store.lines.get(row["id"], ())) for row in orders},
        }
    )
    return scene


@contextmanager
def cut_off_after(steps: int | None) -> Iterator[None]:
    """Let the run be over after so many calls, publications and moves of a cursor."""
    left = [steps]

    def cut(real: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            found = None if before else real(*args, **named)
            if left[0] is not None:
                left[0] -= 1
                if left[0] <= 0:
                    raise Killed
            return real(*args, **named) if before else found

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Http, "request", cut(Http.request, before=False))
        patch.setattr(KeyedLog, "append", cut(KeyedLog.append, before=False))
        patch.setattr(notes, "set_cursor", cut(notes.set_cursor, before=True))
        with suppress(Killed):
            yield


def assert_that_the_mirror_ends_right(running: Sandbox, empty: Path, folder: Path, seed: int, steps: list[Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(empty, folder)
    scene = small(running)
    history = History(scene, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNC_PIPELINES_DATA_DIR", str(folder))
        for done, page, published_at, end in steps:
            patch.setenv("LIGHTSPEED_PAGE_SIZE", str(page))
            patch.setenv("LIGHTSPEED_STOCK_PAGE_SIZE", str(max(page, 10)))
            patch.setitem(mirrors.MirrorLog.follow.__kwdefaults__, "published_at", published_at)
            for what in done:
                if what == "share":
                    history.share_a_version()
                elif what == "change":
                    scene.change(**history.change())
                else:
                    on = history.chance.choice(("GET */products", "GET */brands", "POST */inventory", "GET */consignments"))
                    change = (
                        {"touch": {"products": [history.chance.choice(scene.ids("products"))]}} if scene.ids("products") else {}
                    )
                    scene.fault(on, "between", change=change, after=history.chance.randrange(4))
            with cut_off_after(end):
                scene.sync(*MIRRORS)
            if end is None and "between" not in done:
                assert scene.differences(*MIRRORS) == []
            running.clear_faults("lightspeed")
        scene.sync(*MIRRORS)
        assert scene.differences(*MIRRORS) == []
        proved = scene.prove(*MIRRORS)
        assert [(each.missing, each.gaps) for each in proved.values()] == [(0, [])] * len(MIRRORS)
        assert scene.differences(*MIRRORS, proved=True) == []
        assert [each.kept for each in scene.prove(*MIRRORS).values()] == [0] * len(MIRRORS)


def generated(examples: int) -> Callable[[Any], Any]:
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=quiet, phases=PHASES)


@generated(8)
@given(seed=st.integers(0, 10_000), steps=st.lists(step, min_size=1, max_size=3))
def test_the_mirror_ends_equal_to_the_store(running: Sandbox, empty: Path, tmp_path: Path, seed: int, steps: list[Any]) -> None:
    os.environ.update(running.env)
    assert_that_the_mirror_ends_right(running, empty, tmp_path / "data", seed, steps)


@pytest.mark.deep
@generated(100)
@given(seed=st.integers(0, 1_000_000), steps=st.lists(step, min_size=1, max_size=8))
def test_the_mirror_ends_equal_to_the_store_after_long_histories(
    running: Sandbox, empty: Path, tmp_path: Path, seed: int, steps: list[Any]
) -> None:
    os.environ.update(running.env)
    assert_that_the_mirror_ends_right(running, empty, tmp_path / "data", seed, steps)
