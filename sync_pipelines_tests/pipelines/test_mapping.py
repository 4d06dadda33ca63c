"""The business rules, cell by cell."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.pipelines.catsy_sparklayer.mapping import (
    PriceRejected,
    SourceItem,
    as_columns,
    desired_prices,
    price_in,
    sku_conflicts,
    trade_price,
    trade_prices,
    versions,
)
from sync_pipelines.pipelines.catsy_sparklayer.settings import Break, PriceList

WHOLESALE = PriceList(
    slug="wholesale", currency="AUD", breaks=(Break(quantity=1, attribute="p"), Break(quantity=100, attribute="p100"))
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("4.20", "4.20"), ("0.35", "0.35"), ("4,20", "4.20"), (" 7 ", "7.00"), ("007.5", "7.50"), ("0", "0.00"), ("4.2000", "4.20")],
)
def test_a_plain_price_is_read_exactly(text: str, value: str) -> None:
    assert str(trade_price(text, 2)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1,234.50", "thousands"),
        ("1.234,50", "thousands"),
        ("1 234", "thousands"),
        ("1'234.00", "thousands"),
        ("$4.20", "currency"),
        ("4.20 AUD", "currency"),
        ("€4", "currency"),
        ("NaN", "not a number"),
        ("inf", "not a number"),
        ("-4.20", "negative"),
        ("(4.20)", "negative"),
        ("4.2055", "decimals"),
        ("1,234", "cannot tell"),
        ("4.205", "cannot tell"),
        ("1,200", "cannot tell"),
        ("12,000", "cannot tell"),
        ("1.200", "cannot tell"),
        ("1e5", "plain"),
        ("call us", "plain"),
        ("4.2.1", "plain"),
        (".5", "plain"),
        ("5.", "plain"),
        ("٤", "plain"),
        ("true", "plain"),
        ("[4.20]", "plain"),
        ("9999999999999", "too large"),
    ],
)
def test_what_is_not_understood_for_certain_is_rejected_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(PriceRejected, match=why):
        trade_price(text, 2)


def test_a_currency_says_how_many_decimals_a_price_may_have() -> None:
    assert trade_price("4.2050", 3) == Decimal("4.205")
    assert str(trade_price("42", 0)) == "42"
    with pytest.raises(PriceRejected, match="decimals"):
        trade_price("4.5", 0)


@pytest.mark.parametrize("digits", [0, 2, 3])
@pytest.mark.parametrize("text", ["1,200", "1.200", "12,000", "1,234", "0.125", " 1,000 "])
def test_a_mark_with_three_digits_behind_it_is_never_certain_whatever_the_currency(text: str, digits: int) -> None:
    with pytest.raises(PriceRejected, match="cannot tell a decimal mark from a thousands mark"):
        trade_price(text, digits)


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [("1,200", ".", "1200.00"), ("1.200", ".", "1.20"), ("1,200", ",", "1.20"), ("1.234,50", ",", "1234.50")],
)
def test_a_decimal_mark_that_the_settings_name_is_what_a_price_is_read_by(text: str, mark: Any, value: str) -> None:
    assert str(trade_price(text, 2, mark)) == value


def test_a_json_number_is_certain_without_a_setting_and_whatever_the_setting() -> None:
    for mark in ("auto", ".", ","):
        assert trade_price(Decimal("1.200"), 2, mark) == Decimal("1.20")
        assert trade_price(1200, 2, mark) == 1200
    with pytest.raises(PriceRejected, match="decimals"):
        trade_price(Decimal("4.205"), 2)


@pytest.mark.parametrize(
    "cell", ["4.20", Decimal("4.2"), '{"value": "4.20", "currency": "AUD"}', '{"value": 4.20, "currency": "AUD"}', "4,20 AUD"]
)
def test_a_price_may_come_with_the_currency_of_the_list(cell: Any) -> None:
    assert price_in(cell, "AUD") == Decimal("4.20")


@pytest.mark.parametrize("cell", ["", "  ", '{"value": null, "currency": "AUD"}', '{"value": " ", "currency": "AUD"}'])
def test_a_price_without_a_value_is_blank(cell: str) -> None:
    assert price_in(cell, "AUD") is None


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("4.20 NZD", "in 'NZD', but the price list is in AUD"),
        ('{"value": "4.20", "currency": "NZD"}', "in 'NZD', but the price list is in AUD"),
        ('{"value": "4.20", "currency": null}', "in 'None', but the price list is in AUD"),
        ('{"amount": "4.20", "currency": "AUD"}', "amount"),
        ('{"value": true, "currency": "AUD"}', "neither a number"),
        ('{"value": "1,200", "currency": "AUD"}', "cannot tell"),
        ("1,200 AUD", "cannot tell"),
        ("AUD 4.20", "currency sign"),
        ("4.20 aud", "not a plain number"),
        ("{4.20}", "not a price"),
    ],
)
def test_a_price_of_another_currency_or_shape_is_rejected_with_what_was_found(cell: str, found: str) -> None:
    with pytest.raises(PriceRejected, match=re.escape(found)):
        price_in(cell, "AUD")


@given(st.decimals(0, 10**10, places=2))
def test_every_amount_reads_back_as_itself(amount: Decimal) -> None:
    assert trade_price(str(amount), 2) == amount
    assert trade_price(str(amount).replace(".", ","), 2) == amount


@given(st.text(max_size=12))
def test_any_text_is_a_price_or_a_rejection(text: str) -> None:
    try:
        assert trade_price(text, 2) >= 0
    except PriceRejected as e:
        assert str(e)


def rows(*items: SourceItem, lists: tuple[PriceList, ...] = (WHOLESALE,)) -> list:
    return list(trade_prices(items, lists, sku_conflicts(i.sku for i in items)))


def item(sku: str | None, p: str | None = None, p100: str | None = None, item_id: str = "1") -> SourceItem:
    return SourceItem(item_id, sku, {"p": p, "p100": p100})


def test_each_quantity_break_comes_from_its_own_attribute() -> None:
    (row,) = rows(item("A", "4.20", "3.65"))
    assert row.prices == ((1, Decimal("4.20")), (100, Decimal("3.65")))
    assert (row.state, row.currency) == ("desired", "AUD")


def test_a_blank_is_no_price_and_no_removal() -> None:
    assert [r.state for r in rows(item("A", None), item("B", ""), item("C", "  "))] == ["blank"] * 3
    (desired,) = desired_prices(as_columns(rows(item("A", None))).to_pylist())
    assert (desired.silent, desired.fields) == (True, {})


def test_a_break_left_blank_is_left_as_it_is() -> None:
    (desired,) = desired_prices(as_columns(rows(item("A", "4.20", None))).to_pylist())
    assert desired.fields == {"price@1": Decimal("4.20")}


def test_one_bad_break_rejects_the_row_and_keeps_its_key_from_being_taken_for_gone() -> None:
    (row,) = rows(item("A", "4.20", "call"))
    assert (row.state, row.prices) == ("rejected", ())
    assert "p100: not a plain number" in row.reason
    (desired,) = desired_prices(as_columns([row]).to_pylist())
    assert desired.silent


def test_an_item_without_a_sku_is_rejected() -> None:
    assert [r.reason for r in rows(item(None, "1"), item("  ", "1"))] == ["no SKU"] * 2


def test_spaces_around_a_sku_are_dropped_and_said_so_and_zeros_stay() -> None:
    padded, zeros = rows(item(" A ", "1"), item("00420", "1"))
    assert (padded.sku, padded.trimmed) == ("A", True)
    assert (zeros.sku, zeros.trimmed) == ("00420", False)


def test_the_same_sku_under_two_ids_is_a_conflict_for_both() -> None:
    assert [r.state for r in rows(item("A", "1", item_id="1"), item(" A", "2", item_id="2"))] == ["conflict"] * 2


def test_versions_of_one_item_are_named_and_several_skus_of_one_id_are_none() -> None:
    found = versions(["7", "7", "7", "8", None, None], ["A", " A", "B", "A", "C", "C"])
    assert found == {"A": "Catsy gave item 7 2 times, with different content"}


def test_skus_that_differ_by_case_only_are_a_conflict_that_names_them() -> None:
    found = rows(item("Ab", "1"), item("aB", "2"), item("C", "3"))
    assert [r.state for r in found] == ["conflict", "conflict", "desired"]
    assert found[0].reason == "SKUs that differ by case only: Ab, aB"


@given(
    st.lists(
        st.tuples(st.sampled_from(["A", "a", " A", "B", None, ""]), st.sampled_from(["1", "", None, "x", "1,5"])), max_size=12
    )
)
def test_every_row_read_ends_in_one_state_on_every_list(cells: list) -> None:
    lists = (WHOLESALE, PriceList(slug="vip", currency="JPY", breaks=(Break(quantity=1, attribute="p"),)))
    found = rows(*(item(sku, p) for sku, p in cells), lists=lists)
    assert len(found) == len(cells) * len(lists)
    assert {r.state for r in found} <= {"desired", "conflict", "rejected", "blank"}
    assert all(bool(r.prices) == (r.state in ("desired", "conflict")) for r in found)
    assert as_columns(found).num_rows == len(found)
