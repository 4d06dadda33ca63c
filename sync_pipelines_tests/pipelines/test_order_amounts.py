"""What each line of an order comes to, and that the lines together are the order."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.pipelines.shopify_store import amounts
from sync_pipelines.pipelines.shopify_store.orders import amount
from sync_pipelines_tests.pipelines.order_scene import line, money, order
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module", params=["USD", "JPY", "KWD"])
def shop(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(orders=400) as running:
        running.shopify.change_state({"settings": {"currency": request.param}})
        yield running


def allocation(off: str) -> dict[str, Any]:
    return {"allocatedAmountSet": money(off)}


def add_up(made: Any) -> bool:
    return sum(amounts.line_totals(made), Decimal(0)) == amount(made["currentSubtotalPriceSet"])


def test_the_lines_of_every_order_of_the_shop_are_its_subtotal(shop: Sandbox) -> None:
    odd = [made["name"] for made in shop.shopify.orders() if not add_up(made)]
    assert odd == []
    kinds = shop.shopify.traps()
    assert kinds["discount by code"]["discountCodes"]
    for name in ("discount by code, edited", "discount on the order, several refunds", "edited, one line removed"):
        made = kinds[name]
        assert amount(made["currentSubtotalPriceSet"]) != amount(made["subtotalPriceSet"])


@given(
    lines=st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(1, 99_999), st.integers(0, 100)), min_size=1, max_size=8
    ),
    lost=st.integers(-3, 3),
)
def test_cents_that_rounding_moved_are_put_where_it_rounded(lines: list[tuple[int, int, int, int]], lost: int) -> None:
    made = order(
        1,
        [
            line(
                n,
                quantity=quantity,
                currentQuantity=min(left, quantity),
                originalUnitPriceSet=money(f"{cents / 100:.2f}"),
                discountAllocations=[allocation(f"{quantity * cents * percent / 10_000:.2f}")],
            )
            for n, (quantity, left, cents, percent) in enumerate(lines, 1)
        ],
    )
    exact = [amounts.left(amounts.ordered(each) - amounts.discount(each), each) for each in made["lineItems"]]
    rounded = [amounts.rounded(value, "EUR") for value in exact]
    inexact = sum(value != shown for value, shown in zip(exact, rounded, strict=True))
    gap = max(-inexact, min(inexact, lost))
    made["currentSubtotalPriceSet"] = money(str(sum(rounded, Decimal(0)) + Decimal(gap) / 100))
    assert add_up(made)
    for value, shown in zip(exact, amounts.line_totals(made), strict=True):
        assert abs(value - shown) < Decimal("0.02")
        assert shown == value or value != amounts.rounded(value, "EUR")


def test_a_subtotal_that_the_lines_are_far_from_changes_no_line() -> None:
    made = order(1, [line(1, quantity=3, currentQuantity=1, discountAllocations=[allocation("0.50")])])
    assert amounts.line_totals({**made, "currentSubtotalPriceSet": money("99.00")}) == [Decimal("10.33")]


def test_every_discount_counts_whatever_it_came_from() -> None:
    made = order(
        1, [line(1, discountAllocations=[allocation("1.00"), allocation("2.50")])], currentSubtotalPriceSet=money("17.50")
    )
    assert amounts.line_totals(made) == [Decimal("17.50")]
    assert amounts.discount(made["lineItems"][0]) == Decimal("3.50")


def test_of_nothing_ordered_nothing_is_left() -> None:
    made = order(1, [line(1, quantity=0, currentQuantity=0, discountAllocations=[allocation("1.00")])])
    assert amounts.line_totals(made) == [Decimal("0.00")]


def test_an_order_that_was_stored_before_all_of_this_was_read_shows_what_is_known() -> None:
    old = line(1, quantity=2, currentQuantity=1, discountedTotalSet=money("19.00"))
    del old["discountAllocations"]
    made = order(1, [old])
    del made["currentSubtotalPriceSet"]
    assert amounts.line_totals(made) == [Decimal("9.50")]
