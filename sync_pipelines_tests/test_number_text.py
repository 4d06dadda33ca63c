"""A number written as text is read exactly, or refused: never guessed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.number_text import NumberUnclear, read_number

DECIMALS = st.integers(0, 8).flatmap(lambda places: st.decimals(-(10**12), 10**12, places=places))
OTHER = {".": ",", ",": "."}


@given(DECIMALS)
def test_a_number_reads_back_as_itself_unless_three_digits_stand_behind_its_mark(number: Decimal) -> None:
    text = f"{number:f}"
    if number.as_tuple().exponent == -3:
        with pytest.raises(NumberUnclear, match="cannot tell"):
            read_number(text)
    else:
        assert read_number(text) == read_number(text.replace(".", ",")) == number


@given(DECIMALS, st.sampled_from(".,"), st.booleans())
def test_a_named_mark_reads_every_number_with_or_without_its_thousands_grouped(number: Decimal, mark: Any, grouped: bool) -> None:
    text = f"{number:,f}" if grouped else f"{number:f}"
    written = text if mark == "." else text.translate(str.maketrans(".,", ",."))
    assert str(read_number(written, mark)) == str(Decimal(f"{number:f}"))


@given(st.text("0123456789.,- ", max_size=10), st.sampled_from(["auto", ".", ","]))
def test_no_text_is_read_as_two_different_numbers(text: str, mark: Any) -> None:
    """What `auto` reads is what the mark that stands there reads; what a mark reads has only whole groups of thousands."""
    try:
        number = read_number(text, mark)
    except NumberUnclear as e:
        assert repr(text.strip()) in str(e)
        return
    if mark == "auto":
        assert read_number(text, "," if "," in text else ".") == number
    else:
        groups = text.strip().lstrip("-").partition(mark)[0].split(OTHER[mark])
        assert all(len(group) == 3 for group in groups[1:])


@pytest.mark.parametrize(
    "text", ["", "1e5", "1_000", "NaN", "-inf", "+1", "٤", "１", "1.2.3", ".5", "5.", "1 000", "0x10", "1\n2", "--1", "€4"]
)
@pytest.mark.parametrize("mark", ["auto", ".", ","])
def test_what_python_or_a_spreadsheet_would_take_for_a_number_may_not_be_one(text: str, mark: Any) -> None:
    with pytest.raises(NumberUnclear):
        read_number(text, mark)
