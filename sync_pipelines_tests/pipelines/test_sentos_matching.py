"""Which variant of the shop is which row of Sentos: by SKU, exactly; then by barcode; else nobody's."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.pipelines.shopify_sentos.erp_products import ErpRow
from sync_pipelines.pipelines.shopify_sentos.matching import matched
from sync_pipelines.vendors.shopify_catalog import Product, Variant

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NUMBERS = iter(range(1, 1_000_000))


def row(sku: str = "", barcode: str = "", title: str = "Gömlek", **fields: Any) -> ErpRow:
    """A row of Sentos, of a product of its own."""
    number = next(NUMBERS)
    texts = dict.fromkeys(("product_sku", "brand", "description", "color", "model_name", "model"), "")
    plain = {**texts, "vat_rate": None, "currency": "TRY", "prices": {}, "stock": {}, "pictures": (), "asked_at": NOW}
    return ErpRow(
        **{**plain, "product_id": number, "variant_id": f"{number}", "sku": sku, "barcode": barcode, "title": title, **fields}
    )


def there(sku: str = "", barcode: str = "", title: str = "Gömlek") -> Variant:
    """A variant of the shop, of a product of its own."""
    number = next(NUMBERS)
    product = Product(f"p{number}", title, f"h{number}", "ACTIVE", "", "", "")
    return Variant(f"v{number}", f"i{number}", sku, barcode, None, None, True, {}, {}, product, NOW)


def found(rows: list[ErpRow], variants: list[Variant]) -> list[str]:
    """For each row: the SKU and barcode of its variant, `new`, or why it is held."""
    return [
        pair.problem or ("new" if pair.variant is None else f"{pair.variant.sku or '-'}/{pair.variant.barcode or '-'}")
        for pair in matched(rows, variants)
    ]


@pytest.mark.parametrize("sku", ["42", "00042", "S42", "TRAP-CASE", "trap-case", "A/1", "15\"-D'OR", "50%2F", "👕-🇹🇷", "ÇŞĞİıÖÜ"])
def test_a_sku_is_itself_and_no_other(sku: str) -> None:
    others = ["42", "00042", "S42", "042", "TRAP-CASE", "trap-case", "A/1", "A1", "15\"-D'OR", "50%2F", "50/", "👕-🇹🇷", "ÇŞĞİıÖÜ"]
    assert found([row(sku)], [there(each) for each in others if each != sku]) == ["new"]
    assert found([row(sku)], [there(each) for each in others]) == [f"{sku}/-"]


@pytest.mark.parametrize(
    ("rows", "variants", "expected"),
    [
        pytest.param([("A", "1")], [("A", "2")], ["A/2"], id="the SKU counts and not the barcode"),
        pytest.param([("A", "1")], [("", "1")], ["-/1"], id="the barcode, where the shop has no SKU"),
        pytest.param([("", "1")], [("A", "1")], ["A/1"], id="the barcode, where Sentos has no SKU"),
        pytest.param([("A", "1")], [("B", "1")], ["renamed"], id="another SKU under the same barcode"),
        pytest.param([("A", "1")], [("", "01")], ["new"], id="barcodes are exact"),
        pytest.param([("A", "1")], [("", "1"), ("", "1")], ["barcode 1 is that of several"], id="a barcode twice in the shop"),
        pytest.param([("A", "1"), ("B", "1")], [("", "1")], ["barcode 1 is that of several"] * 2, id="a barcode twice in Sentos"),
        pytest.param([("A", ""), ("A", "")], [("A", "")], ["Sentos has SKU A 2 times"] * 2, id="a SKU twice in Sentos"),
        pytest.param([("A", "")], [("A", ""), ("A", "")], ["the shop has SKU A 2 times"], id="a SKU twice in the shop"),
        pytest.param([("A", "1"), ("B", "1")], [("A", "1")], ["A/1", "barcode 1 is that of several"], id="one has it by its SKU"),
        pytest.param([("A", "2"), ("", "1")], [("A", "1")], ["A/1", "barcode 1 is that of SKU A"], id="taken by its SKU"),
        pytest.param([("", "")], [("", "")], ["only the title says that it is a pro"], id="neither has a SKU"),
        pytest.param([("A", "")], [("", "")], ["new"], id="a title is no key"),
        pytest.param([("", "")], [("A", "")], ["new"], id="the shop's has a SKU"),
    ],
)
def test_rows_and_variants(rows: list[tuple[str, str]], variants: list[tuple[str, str]], expected: list[str]) -> None:
    got = found([row(*each) for each in rows], [there(*each) for each in variants])
    assert [text[: len(wanted)] for text, wanted in zip(got, expected, strict=True)] == expected


def test_siblings_of_a_row_that_is_held_are_not() -> None:
    rows = [row("A"), row("A"), row("B"), row("C")]
    assert found(rows, [there("A"), there("B")])[2:] == ["B/-", "new"]


CODES = st.sampled_from(["", "", "A", "a", "B", "1", "01"])
SIDE = st.lists(st.tuples(CODES, CODES), max_size=8)


@given(rows=SIDE, variants=SIDE, seed=st.integers(0, 99))
def test_no_variant_is_two_rows_and_the_order_makes_no_difference(rows: list[Any], variants: list[Any], seed: int) -> None:
    theirs, ours = [row(*each) for each in rows], [there(*each) for each in variants]
    pairs = matched(theirs, ours)
    assert [pair.erp for pair in pairs] == theirs
    taken = Counter(pair.variant.id for pair in pairs if pair.variant is not None)
    assert all(times == 1 for times in taken.values())
    for pair in pairs:
        if pair.variant is not None:
            same_sku, same_code = pair.variant.sku == pair.erp.sku, pair.variant.barcode == pair.erp.barcode
            assert (same_sku and pair.erp.sku) or (same_code and pair.erp.barcode and not (pair.variant.sku and pair.erp.sku))
    mixed, places = ours.copy(), list(range(len(theirs)))
    random.Random(seed).shuffle(mixed)
    random.Random(seed).shuffle(places)
    again = matched([theirs[place] for place in places], mixed)
    assert [pairs[place].variant for place in places] == [pair.variant for pair in again]
