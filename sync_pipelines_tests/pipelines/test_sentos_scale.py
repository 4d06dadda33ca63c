"""Ten thousand variants, with everything awkward that the sandbox has, in one process: how long it takes, and how much room."""

from __future__ import annotations

import resource
import time
from collections import Counter

import pytest

from sync_pipelines.pipelines.shopify_sentos import PRICES, PRODUCTS, STOCK
from sync_pipelines_tests.pipelines import sentos_scene
from sync_pipelines_tests.pipelines.sentos_scene import OUT_OF_THE_WAY, SentosScene
from vendor_sandbox import Sandbox

MINUTES = 10.0
MEGABYTES = 1_500


@pytest.mark.deep
def test_ten_thousand_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in sentos_scene.clear_environment():
        monkeypatch.delenv(name)
    with Sandbox(scale=10_000, speed=1000, orders=0) as sandbox:
        sandbox.shopify.change_state({"settings": {**OUT_OF_THE_WAY, "currency": "TRY", "time_zone": "Europe/Istanbul"}})
        sandbox.sentos.change_state({"settings": OUT_OF_THE_WAY})
        for name, value in sentos_scene.environment(sandbox).items():
            monkeypatch.setenv(name, value)
        scene = SentosScene(sandbox)
        try:
            began = time.monotonic()
            first = scene.sync(PRODUCTS, PRICES, STOCK)
            took = time.monotonic() - began
            sizes = [each.counts for each in first]
            assert sizes[0]["delivered"] > 1_000, sizes
            began, writes = time.monotonic(), scene.writes()
            again = scene.sync(PRODUCTS, PRICES, STOCK)
            second = time.monotonic() - began
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"\nfirst {took:.0f} s {sizes}; second {second:.0f} s; {most:.0f} MB with the sandbox")
            assert [Counter(scene.planned(each.plan).values()) for each in again] == [Counter()] * 3
            assert scene.writes() == writes
            assert took + second < MINUTES * 60
            assert most < MEGABYTES
        finally:
            scene.close()
