"""A spreadsheet of orders in the sandbox, from blank to full. What many tests begin with is made once and copied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Sheets
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines_tests.pipelines import listing_scene, sentos_scene, sentos_shirts
from sync_pipelines_tests.pipelines.listing_scene import ListingScene
from sync_pipelines_tests.pipelines.order_scene import OrderScene, orders
from sync_pipelines_tests.pipelines.sentos_scene import SentosScene
from vendor_sandbox import Sandbox


@pytest.fixture(autouse=True)
def least_calls_are_never_more_than_were_made(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever goes wrong in a test: no run says that it could not have made fewer calls than it made."""
    meters: list[CallMeter] = []
    begin = CallMeter.__init__

    def begun(meter: CallMeter, *given: Any, **named: Any) -> None:
        begin(meter, *given, **named)
        meters.append(meter)

    monkeypatch.setattr(CallMeter, "__init__", begun)
    yield
    for meter in meters:
        assert {vendor: n for vendor, n in meter.minimum.items() if n > meter.used[vendor]} == {}, dict(meter.used)


FAST = {"GOOGLE_CALLS_PER_MINUTE": "100000", "SHOPIFY_SHEETS_LANDS_WITHIN": "0.2"}


class World:
    """One sandbox and one login for all tests; `begin` takes a spreadsheet and a data folder to where a test begins."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**sandbox.env, **FAST}.items():
                patch.setenv(name, value)
            self.client = Sheets.connect(GoogleSettings.read(), CallMeter(), lambda: True)
        for http in (self.client.http._reads, self.client.http._writes, self.client.http._drive):
            http.sleep = lambda seconds: None
        self._made: dict[str, tuple[Any, Any]] = {}

    def begin(self, name: str, make: Callable[[OrderScene], None]) -> OrderScene:
        self.sandbox.reset()
        self.sandbox.google.change_state({"settings": {"burst": 1_000_000}})
        if name not in self._made:
            desk = self._desk()
            make(desk)
            desk.ledger.close()
            shutil.copytree(data_dir(), self.folder / name)
            self._made[name] = (dict(self.sandbox.google.store.books), desk.shop)
            return self.begin(name, make)
        shutil.rmtree(data_dir(), ignore_errors=True)
        shutil.copytree(self.folder / name, data_dir())
        books, shop = self._made[name]
        self.sandbox.google.store.books = dict(books)  # a spreadsheet there is never changed, only replaced
        desk = self._desk()
        desk.shop = dict(shop)
        desk._edits = 1000
        return desk

    def _desk(self) -> OrderScene:
        desk = OrderScene(self.sandbox)
        desk._client = self.client
        return desk


@pytest.fixture(scope="session")
def sheets_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Sandbox(speed=1000, orders=5) as running:
        world = World(running, tmp_path_factory.mktemp("sheets"))
        yield world
        world.client.close()


@pytest.fixture
def sheets(sheets_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, and the environment that leads to it."""
    for name in [n for n in os.environ if n.startswith("GOOGLE_") or n == "TARGET_SPREADSHEET"]:
        monkeypatch.delenv(name)
    for name, value in {**sheets_world.sandbox.env, **FAST}.items():
        monkeypatch.setenv(name, value)
    return sheets_world


def begun(desk: OrderScene) -> Iterator[OrderScene]:
    yield desk
    desk.ledger.close()


@pytest.fixture
def blank(sheets: World) -> Iterator[OrderScene]:
    """A spreadsheet without our tabs, and no orders."""
    yield from begun(sheets.begin("blank", make_blank))


@pytest.fixture
def desk(sheets: World) -> Iterator[OrderScene]:
    """A spreadsheet that is set up, and no orders."""
    yield from begun(sheets.begin("desk", make_desk))


@pytest.fixture
def full(sheets: World) -> Iterator[OrderScene]:
    """Ten orders of two lines each, in the sheet."""
    yield from begun(sheets.begin("full", make_full))


@pytest.fixture
def noted(sheets: World) -> Iterator[OrderScene]:
    """… with a column and rows of the staff's own beside and below them."""
    yield from begun(sheets.begin("noted", make_noted))


@pytest.fixture
def book(sheets: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[OrderScene]:
    """The order book of an existing program, with its three orders."""
    monkeypatch.setenv("SHOPIFY_SHEETS_SPREADSHEET", "Bakery Order Book")
    monkeypatch.setenv("SHOPIFY_SHEETS_LAYOUT", "order_book")
    yield from begun(sheets.begin("book", make_desk))


def make_blank(desk: OrderScene) -> None:
    """As it comes."""


def make_desk(desk: OrderScene) -> None:
    """Tabs of 200 rows: large ones only take time."""
    desk.prepare()
    grid = [{"spreadsheet": desk.title, "tab": tab.tab, "rows": 200} for tab in desk.layout.tabs]
    desk.sandbox.google.change_state({"grid": grid})


def make_full(desk: OrderScene) -> None:
    make_desk(desk)
    desk.take(*orders(1, 10))
    assert desk.sync().counts == {"delivered": 10}


def make_noted(desk: OrderScene) -> None:
    make_full(desk)
    desk.person("insert_columns", at="C", count=1, values=[["Baker"]])
    for row in range(2, 12):
        desk.person("type", cell=f"C{row}", value=f"baker {row}")
    desk.person("insert_columns", "Line Items", at="A", values=[["Done"], *[[f"x{n}"] for n in range(20)]])
    desk.person("type", cell="E16", value="remember the milk")
    desk.person("type", "Line Items", cell="B30", value="=1+1")


@pytest.fixture(scope="session")
def boots() -> Iterator[Sandbox]:
    """One sandbox for all tests of Amazon → Plytix."""
    with Sandbox(speed=1000, orders=5) as running:
        yield running


@pytest.fixture
def merchandiser(boots: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[ListingScene]:
    """A merchandiser's desk before the first run."""
    for name in listing_scene.clear_environment():
        monkeypatch.delenv(name)
    listing_scene.begin(boots)
    for name, value in listing_scene.environment(boots).items():
        monkeypatch.setenv(name, value)
    desk = ListingScene(boots)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def clothes() -> Iterator[Sandbox]:
    """One sandbox for all tests of Shopify ↔ Sentos."""
    with Sandbox(speed=1000, orders=0) as running:
        yield running


@pytest.fixture
def sentos(clothes: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[SentosScene]:
    """A clothes shop before the first run: both systems empty."""
    for name in sentos_scene.clear_environment():
        monkeypatch.delenv(name)
    for name, value in sentos_scene.environment(clothes).items():
        monkeypatch.setenv(name, value)
    scene = sentos_scene.begin(clothes)
    yield scene
    scene.close()


@pytest.fixture
def shop(sentos: SentosScene) -> SentosScene:
    """Three shirts between Sentos and the shop, in both of them, and no orders."""
    return sentos_shirts.stocked(sentos)
