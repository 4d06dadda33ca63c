"""What a person reads instead of ids, UTC and Python."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sync_pipelines.operations.cli import wording

RUN, PLAN = "b4c2d7de-3f30-4ab1-9a0e-0123456789ab", "0f1e2d3c4b5a69788796"


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_moments_are_told_in_the_zone_of_the_machine() -> None:
    assert wording.local("2026-11-30T18:20:55.123456Z") == "2026-11-30 19:20:55 CET"
    assert wording.text("expired 2026-07-01T10:00:00+00:00.") == "expired 2026-07-01 12:00:00 CEST."


def test_ids_of_runs_and_plans_are_shortened_and_nothing_else_is() -> None:
    assert wording.text(f"plan {PLAN} of run {RUN}: --plan {PLAN}, SKU {PLAN}") == (
        f"plan 0f1e2d3c of run b4c2d7de: --plan 0f1e2d3c, SKU {PLAN}"
    )
    assert wording.value(f"{PLAN}, {PLAN}", "plan") == "0f1e2d3c, 0f1e2d3c"
    assert wording.value(PLAN, "key") == PLAN


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, "–"),
        ("", "–"),
        ({}, "–"),
        (True, "yes"),
        (Decimal("1.50"), "1.50"),
        (
            [{"quantity": 1, "price": Decimal("2.5")}, {"quantity": 10, "price": 2}],
            "(quantity 1, price 2.5), (quantity 10, price 2)",
        ),
        (datetime(2026, 11, 30, 18, 20, 55, tzinfo=UTC), "2026-11-30 19:20:55 CET"),
        ({"price@1": Decimal("1.50"), "qty": None, "tags": ["a", "b"]}, "price@1 1.50, qty –, tags a, b"),
    ],
)
def test_values_are_told_without_python(given: object, read: str) -> None:
    assert wording.value(given) == read
