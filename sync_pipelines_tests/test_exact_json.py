"""JSON digit by digit, and the values in it that nothing can hold."""

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


@given(plain)
def test_what_is_whole_is_read_as_it_is_and_has_no_flaw(value: Any) -> None:
    read = exact_json.read(json.dumps(value))
    assert read == value
    assert exact_json.flaw(read) is None


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), plain, max_size=4), st.sampled_from(["\\ud83d", "\\udc00"])
)
def test_half_a_character_anywhere_is_named_and_the_rest_is_as_it_was(record: dict[str, Any], half: str) -> None:
    text = json.dumps({**record, "name": "the-half"}).replace('"the-half"', f'"x{half}y"')
    read = exact_json.read(text)
    assert {k: v for k, v in read.items() if k != "name"} == {k: v for k, v in record.items() if k != "name"}
    assert exact_json.flaw(read) == f"name: half of a character (a lone surrogate): x{half}y"
    assert json.loads(exact_json.dumps(read))["name"] == f"x{half}y"  # and it can be stored as it is shown


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_named_where_it_is(value: float) -> None:
    read = exact_json.read(json.dumps({"price": [{"amount": value}], "other": 1.10}))
    shown = json.dumps(value)
    assert exact_json.flaw(read) == f"price[0].amount: {shown} is not a number: {shown}"
    assert read["other"] == Decimal("1.1")


@pytest.mark.parametrize("text", ["", "{", "<html>", "nothing", "[1,]", '"\\x"'])
def test_what_is_not_json_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of two libraries
        exact_json.read(text)
