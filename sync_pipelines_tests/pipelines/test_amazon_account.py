"""A value goes into an attribute of the PIM as it is, or not at all."""

from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines.pipelines.amazon_plytix.account import DoesNotFit, fitting
from sync_pipelines.vendors.plytix import Attribute


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("DecimalAttribute", "10.5", Decimal("10.5")),
        ("DecimalAttribute", "10,5", Decimal("10.5")),
        ("DecimalAttribute", "-1", Decimal(-1)),
        ("IntAttribute", "012345678905", 12345678905),
        ("IntAttribute", "10.0", 10),
    ],
)
def test_a_number_is_written_digit_by_digit(kind: str, text: str, value: Any) -> None:
    found = fitting(Attribute("1", "size", kind), text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("DecimalAttribute", "1,200", "cannot tell"),
        ("IntAttribute", "1.200", "cannot tell"),
        ("IntAttribute", "10.5", "whole"),
        ("IntAttribute", "1_000", "takes a number"),
        ("DecimalAttribute", "NaN", "not a number"),
        ("DecimalAttribute", "1e5", "takes a number"),
    ],
)
def test_a_number_that_is_not_certain_does_not_fit(kind: str, text: str, why: str) -> None:
    with pytest.raises(DoesNotFit, match=why):
        fitting(Attribute("1", "size", kind), text)
