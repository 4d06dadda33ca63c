"""JSON digit by digit, and the values in it that nothing can store."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines import exact_json

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)
records = st.dictionaries(st.text("abc", min_size=1, max_size=3), plain, max_size=4)


@given(records)
def test_what_is_whole_is_read_as_it_is_and_has_no_flaw(record: dict[str, Any]) -> None:
    read = exact_json.read(json.dumps(record))
    assert read == record
    assert exact_json.flaw(read) is None


@given(records, records, st.sampled_from(["\\ud83d", "\\udc00"]))
def test_half_a_character_is_named_in_its_record_and_the_others_are_as_they_were(
    record: dict[str, Any], other: dict[str, Any], half: str
) -> None:
    text = json.dumps([{**record, "name": "the-half"}, other]).replace('"the-half"', f'"x{half}y"')
    read, whole = exact_json.read(text)
    assert whole == other
    assert exact_json.flaw(whole) is None
    assert exact_json.flaw(read) == f"name: half of a character, {half}"
    assert {k: v for k, v in read.items() if k not in ("name", exact_json.FLAW)} == record
    assert json.loads(exact_json.dumps(read))["name"] == f"x{half}y"  # it can be stored as it is shown


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_named_where_it_is(value: float) -> None:
    read = exact_json.read(json.dumps({"items": [{"sku": "A", "prices": [{"amount": value}], "other": 1.10}]}))
    (item,) = read["items"]
    assert exact_json.flaw(item) == f"prices[0].amount: {json.dumps(value)} is not a number"
    assert exact_json.flaw(read) == f"items[0].prices[0].amount: {json.dumps(value)} is not a number"
    assert item["other"] == Decimal("1.1")


@pytest.mark.parametrize("number", ["1e400", "-1E+3000", "1e999999999", "1e309"])
def test_regression_a_number_that_no_store_has_room_for_is_named_where_it_is(number: str) -> None:
    read = exact_json.read(f'[{{"sku":"A","price": {number}}},{{"sku":"B","price":1.10}}]')
    assert exact_json.flaw(read[0]) == "price: a number with more digits than can be stored"
    assert read[0]["price"] is None
    assert (read[1], str(read[1]["price"])) == ({"sku": "B", "price": Decimal("1.10")}, "1.10")


def test_a_number_beyond_all_reason_is_none() -> None:
    read = exact_json.read('[{"price": 1e99999999999999999999}, {"price": 1}]')
    assert exact_json.flaw(read[0]) == "price: 1e99999999999999999999 is not a number"
    assert read[1] == {"price": 1}


@pytest.mark.parametrize("number", ["0." + "1" * 99, "9" * 400, "9" * 300 + ".5", "1e308", "1e-400"])
def test_a_long_number_is_exact_also_beside_one_that_is_too_large(number: str) -> None:
    for other in ("1", "1e400"):
        read = exact_json.read(f'{{"a":{number},"b":{other}}}')
        assert Decimal(read["a"]) == Decimal(number)
        assert exact_json.loads(exact_json.dumps(read))["a"] == read["a"]


def test_a_name_that_is_half_a_character_is_a_flaw_too() -> None:
    read = exact_json.read('{"\\ud83d": 1}')
    assert exact_json.flaw(read) == ": half of a character, \\ud83d"


@pytest.mark.parametrize("text", ["", "{", "<html>", "nothing", "[1,]", '"\\x"'])
def test_what_is_not_json_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of two libraries
        exact_json.read(text)
