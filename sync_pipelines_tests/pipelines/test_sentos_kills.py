"""A real process, killed for real between any two of its steps, at each of the five targets; the next run finishes the rest,
and nothing is lost or there twice."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines import sentos_scene
from sync_pipelines_tests.pipelines.sentos_scene import SentosScene, garment, variant
from sync_pipelines_tests.pipelines.sentos_shirts import WRITES, made, sent, stocked
from vendor_sandbox import Sandbox

STEPS = {
    "products": ("make",),
    "changed products": ("tags", "pictures", "variants"),
    "prices": ("set",),
    "stock": ("set",),
    "orders": ("create", "status"),
    "shipments": ("ship", "delivered"),
}
"""What there is to do, and the steps that it takes. The last word is the target's name."""
PICTURE, NEW_PICTURE = "https://cdn.example.com/1.jpg", "https://cdn.example.com/2.jpg"
NO_MORE_THAN = 80
"""Points of a kind that one run has at most."""


def child(target: str, point: str) -> subprocess.CompletedProcess[str]:
    return forked.command(
        [target.rsplit(maxsplit=1)[-1], point], timeout=90, module="sync_pipelines_tests.pipelines.killed_sentos"
    )


def begin(clothes: Sandbox, target: str) -> SentosScene:
    """Both systems and the ledger, as they are when there is something to do for this target."""
    scene = sentos_scene.begin(clothes)
    PREPARE[target](scene)
    scene.tick()
    return scene


def new_products(scene: SentosScene) -> None:
    images = [{"url": PICTURE}]
    scene.add_products(garment(1, images=images), garment(2, color="Beyaz", images=images))


def changed_products(scene: SentosScene) -> None:
    """A size more, a tag and a picture."""
    new_products(scene)
    scene.goods()
    for number, product in scene.erp_products().items():
        more = variant(f"{product['sku']}-L", "L", product["variants"][0]["color"])
        scene.erp(set={str(number): {"variants": [*product["variants"], more], "images": [{"url": NEW_PICTURE}]}})
    os.environ["SHOPIFY_SENTOS_TAGS"] = '["sentos"]'


def new_prices(scene: SentosScene) -> None:
    scene.add_products(garment(1), garment(2))
    scene.goods()
    for number in scene.erp_products():
        scene.erp(set={str(number): {"prices": {"shopify": {"list_price": Decimal(240), "sale_price": Decimal("210.50")}}}})


def new_stock(scene: SentosScene) -> None:
    stocked(scene)
    scene.stock()
    for n in (1, 2, 3):
        scene.count_in(f"G{n}-S", 40 + n)


def new_orders(scene: SentosScene) -> None:
    """Two to be made, and one to be cancelled."""
    stocked(scene)
    cancelled = scene.buy("G3-S")
    scene.orders()
    scene.cancel(cancelled)
    scene.buy("G1-S")
    scene.buy("G2-S", "G2-M")


def new_shipments(scene: SentosScene) -> None:
    """Two parcels to be told, and one that arrived."""
    stocked(scene)
    names = [scene.buy(f"G{n}-S") for n in (1, 2, 3)]
    scene.orders()
    scene.erp_status(names[0], 5, cargo_company="PTT", tracking_number="TN0")
    scene.shipments()
    scene.erp_status(names[0], 99)
    for n in (1, 2):
        scene.erp_status(names[n], 5, cargo_company="PTT", tracking_number=f"TN{n}")


PREPARE: dict[str, Callable[[SentosScene], None]] = {
    "products": new_products,
    "changed products": changed_products,
    "prices": new_prices,
    "stock": new_stock,
    "orders": new_orders,
    "shipments": new_shipments,
}


def assert_all_is_there_once(scene: SentosScene, target: str) -> None:
    if target.endswith("products"):
        sizes = ("S", "M", "L") if target == "changed products" else ("S", "M")
        titles = Counter(product["title"] for product in scene.sandbox.shopify.state()["products"])
        skus = Counter(v["sku"] for product in scene.sandbox.shopify.state()["products"] for v in product["variants"])
        assert titles == {"Gömlek 1": 1, "Gömlek 2": 1}
        assert skus == {f"G{n}-{size}": 1 for n in (1, 2) for size in sizes}
        tags = [product["tags"] for product in scene.sandbox.shopify.state()["products"]]
        assert tags == [["sentos"] if target == "changed products" else []] * 2
        pictures = [[each["source"] for each in product["media"]] for product in scene.sandbox.shopify.state()["products"]]
        assert pictures == [[PICTURE, NEW_PICTURE] if target == "changed products" else [PICTURE]] * 2
    elif target == "prices":
        assert {scene.price(sku) for sku in ("G1-S", "G1-M", "G2-S", "G2-M")} == {(Decimal("210.50"), Decimal(240))}
    elif target == "stock":
        assert [scene.offered(f"G{n}-S") for n in (1, 2, 3)] == [41, 42, 43]
    elif target == "orders":
        assert made(scene) == {f"shopify-{5_000_000_001 + n}": 1 for n in range(3)}
        assert [order["status"] for order in scene.erp_orders()] == [6, 2, 2]
    else:
        parcels = [sent(scene, f"#{1001 + n}") for n in range(3)]
        assert [[info["number"] for parcel in each for info in parcel["trackingInfo"]] for each in parcels] == [
            ["TN0"],
            ["TN1"],
            ["TN2"],
        ]
        assert len(parcels[0][0]["events"]) == 1


def assert_the_next_run_puts_all_right(scene: SentosScene, target: str) -> None:
    write = WRITES[target.rsplit(maxsplit=1)[-1]]
    run = scene.sync(write)[0]
    assert scene.held(run.plan) == {}
    assert_all_is_there_once(scene, target)
    assert scene.ledger.doubts(write.account()) == []
    for plan in scene.ledger.rows(sa.select(tables.plan).where(tables.plan.c.account == write.account())):
        if plan["state"] == "done":
            planned = scene.files.query(plan["id"], "SELECT count(*) AS n FROM plan")[0]["n"]
            assert sum(scene.ledger.outcome_counts(plan["id"]).values()) == planned
    before = changes(scene)
    again = scene.sync(write)[0]
    assert set(again.counts) <= {"unchanged"}
    assert changes(scene) == before


def changes(scene: SentosScene) -> int:
    """How many calls were made that change something."""
    shop = sum(str(call.get("operation")).startswith("mutation") for call in scene.sandbox.calls("shopify"))
    return shop + sum(call["method"] != "GET" for call in scene.sandbox.calls("sentos"))


@pytest.fixture
def begun(sentos: SentosScene, clothes: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], SentosScene]:
    """Begin with something to do for a target."""
    monkeypatch.setenv("SHOPIFY_SENTOS_TAGS", "")
    monkeypatch.setenv("SHOPIFY_SENTOS_PICTURES", "added")
    monkeypatch.setenv("SENTOS_MAX_AGE_MINUTES", "0")
    return lambda target: begin(clothes, target)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("target", "step"), [(target, step) for target, steps in STEPS.items() for step in steps])
def test_a_run_killed_at_a_step_of_a_target_is_finished_by_the_next(
    begun: Callable[[str], SentosScene], target: str, step: str, when: str
) -> None:
    scene = begun(target)
    ended = child(target, f"step:{step}:{when}")
    assert ended.returncode == -9, ended.stderr
    assert_the_next_run_puts_all_right(scene, target)
    scene.close()


@pytest.mark.deep
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["commit", "call", "file"])
@pytest.mark.parametrize("target", STEPS)
def test_a_run_killed_at_any_point_is_finished_by_the_next(
    begun: Callable[[str], SentosScene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, kind: str, when: str
) -> None:
    for number in range(1, NO_MORE_THAN):
        folder = tmp_path / f"{kind}-{number}"
        monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(folder))
        monkeypatch.setenv("SHOPIFY_SENTOS_TAGS", "")
        scene = begun(target)
        ended = child(target, f"{kind}:{number}:{when}")
        assert ended.returncode in (0, -9), ended.stderr
        if ended.returncode == -9:
            assert_the_next_run_puts_all_right(scene, target)
        scene.close()
        shutil.rmtree(folder)
        if ended.returncode == 0:
            break
    else:
        raise AssertionError("the run has more points than this test tries")
    assert number > {"commit": 5, "call": 3, "file": 2}[kind]
