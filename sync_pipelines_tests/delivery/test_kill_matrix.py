"""Every kind of target through every fault and crash; afterwards the invariants of delivery hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines_tests.delivery.memory import FAULTS, KINDS, Crash
from sync_pipelines_tests.delivery.shop import Shop, crash_at_commit

SOME_OR_EACH = pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.deep)], ids=["some", "each"])
UNKNOWN_OUTCOME = {"lost_reply", "lost_request", "late", "crash_after"}
UNLIKE = {"replace", "accepted", "three_step"}
"""Kinds that have little in common: one call and done, done later, several calls."""

WANTED = {f"sku-{n}": n + 1 for n in range(5)}


def shop_with_history(folder: Path, kind: str, lag: float = 0.0) -> Shop:
    """Two records that are not as wanted (with a foreign note), one that is, one that is nobody's business."""
    shop = Shop(folder, kind, lag)
    for key, price in (("sku-0", 50), ("sku-1", 60), ("sku-2", 3), ("theirs", 9)):
        shop.vendor.set(key, {"price": price, "note": "by hand"}, "seed")
    shop.clock.sleep(100)
    return shop


def assert_all_is_well(shop: Shop, plans: list, bad: set[str] = frozenset()) -> None:
    shop.clock.sleep(1000)  # whatever is still on its way lands
    wanted = {k: v for k, v in WANTED.items() if k not in bad}
    plans += shop.sync_until_done(WANTED)
    assert {k: v for k, v in shop.prices().items() if k in wanted} == wanted
    assert shop.prices()["theirs"] == 9
    assert shop.vendor.records["sku-0"].fields["note"] == "by hand"
    shop.assert_applied_once()
    shop.assert_sums_match(plans)
    if not bad:
        shop.assert_a_clean_run_writes_nothing(WANTED)


def fault_at(position: int, kind: str, fault: str) -> object:
    """A case: deep, unless nobody knows what became of the first call, or the kind stands for others."""
    telling = position == 0 and (fault in UNKNOWN_OUTCOME or kind in UNLIKE)
    return pytest.param(position, kind, fault, marks=() if telling else pytest.mark.deep)


@pytest.mark.parametrize(
    ("position", "kind", "fault"), [fault_at(n, kind, fault) for n in (0, 1) for kind in KINDS for fault in FAULTS]
)
def test_a_fault_in_any_call_loses_nothing_and_doubles_nothing(tmp_path: Path, position: int, kind: str, fault: str) -> None:
    shop = shop_with_history(tmp_path, kind)
    shop.vendor.script = ["ok"] * position + [fault]
    assert_all_is_well(shop, shop.sync_until_done(WANTED))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.deep), True], ids=["before", "after"])
@SOME_OR_EACH
def test_a_crash_at_any_commit_loses_nothing_and_doubles_nothing(tmp_path: Path, kind: str, after: bool, every: int) -> None:
    number, reached = 0, True
    while reached:
        folder = tmp_path / str(number)
        shop = shop_with_history(folder, kind)
        plans = []
        with crash_at_commit(shop.ledger, number, after=after) as seen:
            try:
                plans.append(shop.plan(WANTED))
                shop.apply(plans[-1])
            except Crash:
                pass
            reached = seen() > number
        shop.restart()
        assert_all_is_well(shop, plans + shop.sync_until_done(WANTED))
        number += every
    assert number > 4


@pytest.mark.parametrize("kind", KINDS)
@SOME_OR_EACH
def test_the_same_plan_goes_on_after_a_crash_at_any_commit(tmp_path: Path, kind: str, every: int) -> None:
    for number in range(0, 60, every):
        shop = shop_with_history(tmp_path / str(number), kind)
        plan = shop.plan(WANTED)
        with crash_at_commit(shop.ledger, number, after=True):
            try:
                shop.apply(plan)
                break
            except Crash:
                pass
        shop.restart()
        shop.apply(plan)
        assert set(shop.outcomes(plan).values()) == {"delivered"}
        assert_all_is_well(shop, [plan])
    else:
        raise AssertionError("the plan has more commits than this test tries")


@pytest.mark.parametrize("examples", [6, pytest.param(100, marks=pytest.mark.deep)], ids=["some", "many"])
def test_any_schedule_of_faults_crashes_and_lag_ends_well(examples: int) -> None:
    settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))(any_schedule)()


@given(
    kind=st.sampled_from(sorted(KINDS)),
    script=st.lists(st.sampled_from(FAULTS), max_size=8),
    crashes=st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=3),
    lag=st.sampled_from([0.0, 10.0]),
    bad=st.sets(st.sampled_from(sorted(WANTED)), max_size=2),
)
@example(kind="two_step", script=["lost_reply", "lost_request"], crashes=[(3, True)], lag=10.0, bad=set())
@example(kind="accepted", script=["lost_request"], crashes=[], lag=10.0, bad=set())
def any_schedule(kind: str, script: list[str], crashes: list[tuple[int, bool]], lag: float, bad: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = shop_with_history(Path(folder), kind, lag)
        shop.vendor.script, shop.vendor.bad_rows = list(script), bad
        plans = []
        for number, after in crashes:
            with crash_at_commit(shop.ledger, number, after=after):
                try:
                    plans.append(shop.plan(WANTED))
                    shop.apply(plans[-1])
                except (Crash, DeliveryError):
                    pass
            shop.restart()
        plans += shop.sync_until_done(WANTED)
        shop.vendor.script.clear()
        assert_all_is_well(shop, plans, bad)
        shop.vendor.bad_rows = set()
        assert_all_is_well(shop, plans)
