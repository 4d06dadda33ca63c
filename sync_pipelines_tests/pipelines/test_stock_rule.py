"""The rule of stock alone: what the ERP has, less what was sold and is not known there, and never more than there is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.pipelines.shopify_sentos.stock_rule import Known, Orders, offer
from sync_pipelines.vendors.shopify_units import Units

ITEM, HERE, ELSEWHERE = "item", ("item", "here"), ("item", "elsewhere")
BEGUN = datetime(2026, 6, 1, tzinfo=UTC)
T1 = BEGUN + timedelta(days=10)
BEFORE, AFTER = T1 - timedelta(hours=1), T1 + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("erp", "committed", "known", "sent", "safety", "available"),
    [
        (10, 0, 0, 0, 0, 10),
        (10, 3, 0, 0, 0, 7),  # sold, and not yet in the ERP
        (7, 3, 3, 0, 0, 7),  # in the ERP, which is without them already
        (8, 3, 2, 0, 0, 7),
        (10, 0, 0, 4, 0, 6),  # sent, and the ERP never heard of it
        (10, 1, 5, 0, 0, 10),  # sent since the shop was read: what is known there and not committed any more adds nothing
        (10, 3, 1, 2, 4, 2),
        (2, 3, 0, 0, 0, 0),
        (-4, 0, 0, 0, 0, 0),
        (0, 0, 0, 0, 5, 0),
    ],
)
def test_what_may_be_offered(erp: int, committed: int, known: int, sent: int, safety: int, available: int) -> None:
    assert offer(erp, committed, known, sent, safety).available == available


def test_it_says_from_what_it_follows() -> None:
    text = "10 in Sentos, less 2 ordered and not known there, less 2 sent and not known there, less 4 kept back"
    assert str(offer(10, 3, 1, 2, 4)) == text
    assert str(offer(10, 1, 1, 0, 0)) == "10 in Sentos"


@given(*[st.integers(-50, 50)] * 1, *[st.integers(0, 50)] * 4)
def test_it_never_rises_with_what_is_sold(erp: int, committed: int, known: int, sent: int, safety: int) -> None:
    now = offer(erp, committed, known, sent, safety).available
    assert 0 <= now <= max(0, erp)
    assert offer(erp, committed + 1, known, sent, safety).available <= now
    assert offer(erp, committed, known, sent + 1, safety).available <= now
    assert offer(erp, committed, known, sent, safety + 1).available <= now
    assert offer(erp, committed, known + 1, sent, safety).available >= now
    assert offer(erp + 1, committed, known, sent, safety).available >= now


def orders(*of: Units, **known: Known) -> Orders:
    return Orders(of, lambda gid: known.get(gid, Known()), BEGUN)


def units(
    gid: str = "a", left: int = 0, sent: int = 0, *, at: datetime = BEFORE, cancelled: bool = False, **elsewhere: int
) -> Units:
    """An order of one item: pieces to be sent here, pieces sent from here; and `left_there`, `sent_there`."""
    there = Counter({HERE: left, ELSEWHERE: elsewhere.get("left_there", 0)})
    gone = Counter({(HERE, at): sent, (ELSEWHERE, at): elsewhere.get("sent_there", 0)})
    return Units(gid, f"#{gid}", cancelled, +there, +gone)


def has(pieces: int, since: datetime = BEFORE) -> Known:
    return Known(since, {ITEM: pieces})


@pytest.mark.parametrize(
    ("order", "knows", "known", "sent"),
    [
        pytest.param(units(left=2), Known(), 0, 0, id="open, and not given to the ERP"),
        pytest.param(units(left=2), has(2), 2, 0, id="open, and given before its stock was read"),
        pytest.param(units(left=2), has(2, AFTER), 0, 0, id="open, and given after its stock was read"),
        pytest.param(units(left=2), has(2, T1), 0, 0, id="given in the very moment"),
        pytest.param(units(sent=2), Known(), 0, 2, id="sent, and never given"),
        pytest.param(units(sent=2), has(2), 0, 0, id="sent, and given before"),
        pytest.param(units(sent=2), has(2, AFTER), 0, 2, id="sent, and given after"),
        pytest.param(units(sent=2, at=BEGUN - timedelta(days=1)), Known(), 0, 0, id="sent before the rule was used"),
        pytest.param(units(left=2, cancelled=True), has(2), 0, 0, id="cancelled"),
        pytest.param(units(sent=2), Known(settled=True), 0, 0, id="sent, and a person saw to it"),
        pytest.param(units(left=2), Known(settled=True), 0, 0, id="cancelled in the ERP, open in the shop"),
        pytest.param(units(left=2), Known(otherwise=True), 2, 0, id="the ERP learns of it from elsewhere"),
        pytest.param(units(sent=2), Known(otherwise=True), 0, 0, id="and it was sent"),
        pytest.param(units(left=3), has(1), 1, 0, id="pieces added in the shop since"),
        pytest.param(units(left=1), has(3), 1, 0, id="pieces taken out in the shop since"),
        pytest.param(units(left=2, sent=1), has(1), 0, 0, id="what the ERP has of it is sent, what was added is not"),
        pytest.param(units(left=1, sent=3), has(1), 0, 2, id="and more was sent than the ERP has"),
        pytest.param(units(left=1, left_there=1), has(1), 0, 0, id="to be sent from two places, and the ERP has one piece"),
        pytest.param(units(left_there=2, sent_there=1), has(0), 0, 0, id="all from elsewhere"),
        pytest.param(units(left=2), Known(BEFORE), 0, 0, id="given, and of no item that we know"),
    ],
)
def test_what_the_erp_knows_of_an_order(order: Units, knows: Known, known: int, sent: int) -> None:
    found = orders(order, a=knows)
    assert (found.known(HERE, T1), found.shipped_unknown(HERE, T1)) == (known, sent)


def test_orders_add_up_by_place() -> None:
    found = orders(units("a", 2, 1), units("b", 1, left_there=4), units("c", 5), a=has(3), b=has(5))
    assert (found.known(HERE, T1), found.known(ELSEWHERE, T1)) == (3, 4)
    assert found.known(("another", "here"), T1) == 0


def test_what_was_sent_and_is_not_known_is_listed_by_order() -> None:
    found = orders(units("a", sent=2), units("b", sent=3), units("c", sent=4), b=has(3), c=has(1))
    assert found.unsettled == {"#a": 2, "#c": 3}
