"""Whose picture a file is, by its name: tables of products and names."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from sync_pipelines import duck
from sync_pipelines.pipelines.lightspeed_pictures.picture_matching import Match, match

_CODE = pa.struct([("code", pa.string())])
_LINK = pa.struct([("supplier_id", pa.string()), ("code", pa.string())])
_OPTION = pa.struct([("value", pa.string())])
_IMAGE = pa.struct([("id", pa.string())])
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "sku", "family_id", "variant_parent_id", "supplier_id")),
        ("deleted_at", pa.timestamp("us", "UTC")),
        ("product_codes", pa.list_(_CODE)),
        ("product_suppliers", pa.list_(_LINK)),
        ("product_options", pa.list_(_OPTION)),
        ("product_images", pa.list_(_IMAGE)),
        ("variant_images", pa.list_(_IMAGE)),
    ]
)
ISBN, SAME_ISBN = "0306406152", "9780306406157"


def product(
    sku: str, *, codes: Sequence[str] = (), supplier: str = "", options: Sequence[str] = (), family: str = "", whose: str = "acme"
) -> dict[str, Any]:
    return {
        "id": f"id of {sku}",
        "sku": sku,
        "family_id": family or f"family of {sku}",
        "variant_parent_id": None,
        "supplier_id": whose,
        "deleted_at": None,
        "product_codes": [{"code": code} for code in codes],
        "product_suppliers": [{"supplier_id": whose, "code": supplier}] if supplier else [],
        "product_options": [{"value": value} for value in options],
        "product_images": [],
        "variant_images": [],
    }


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duck.engine() as con:
        yield con


def matched(con: duckdb.DuckDBPyConnection, products: Sequence[dict[str, Any]], *names: str, **options: Any) -> dict[str, Match]:
    con.from_arrow(pa.Table.from_pylist(list(products), SCHEMA)).create("products_with_lists")
    return match(con, names, **options)


def told(found: Match) -> str:
    """A match in a word: the SKU, `=` before it for a picture of its family; or what else became of it."""
    if found.product is None:
        return " ".join([found.verdict, *found.candidates])
    return ("=" if found.of_family else "") + found.product.sku


STORE = [
    product("10"),
    product("100"),
    product("MCA0032/M-07", codes=["5012345678900"], supplier="MC_32"),
    product("mca0032", supplier="MC 99"),
    product("BOOK", codes=[SAME_ISBN]),
    product("OLD-BOOK", codes=["0-14-044913-2"]),
    product("0815"),
    product("Crème Brûlée"),
    product("123456789"),
    product("1234567891"),
    product("A-1 (red)"),
    product("030640615"),
]


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("100", "100"),
        ("10", "10"),
        ("10_2", "10"),
        ("1000", "leftover"),
        ("100 (2)", "100"),
        ("10-100", "10"),
        ("mca0032_m_07", "MCA0032/M-07"),
        ("MCA0032 M 07-3", "MCA0032/M-07"),
        ("MCA0032-M", "mca0032"),
        ("MCA0032_2", "mca0032"),
        ("mca00321", "leftover"),
        ("5012345678900", "MCA0032/M-07"),
        ("05012345678900_1", "MCA0032/M-07"),
        ("mc-32_front", "MCA0032/M-07"),
        ("mc_99-2", "mca0032"),
        (ISBN, "BOOK"),
        ("978-0-306-40615-7", "BOOK"),
        ("0-306-40615-2 (2)", "BOOK"),
        ("9780140449136", "OLD-BOOK"),
        ("815", "0815"),
        ("creme brulee", "leftover"),
        ("Cre\u0300me Bru\u0302le\u0301e_2", "Crème Brûlée"),
        ("123456789_1", "123456789"),
        ("1234567891", "1234567891"),
        ("030640615_2", "030640615"),
        ("a_1_red_2", "A-1 (red)"),
        ("front of 10", "leftover"),
        ("_-_", "leftover"),
        ("", "leftover"),
    ],
)
def test_a_name_belongs_to_the_longest_code_that_it_begins_with(con: duckdb.DuckDBPyConnection, name: str, whose: str) -> None:
    assert told(matched(con, STORE, name)[name]) == whose


def test_what_is_written_just_so_comes_before_what_only_means_the_same(con: duckdb.DuckDBPyConnection) -> None:
    found = matched(con, [product("10"), product("0010"), product("A", codes=["00010"])], "10_2", "0010", "00010", "000010")
    assert {name: told(each) for name, each in found.items()} == {
        "10_2": "10",
        "0010": "0010",
        "00010": "A",
        "000010": "tie 0010 10 A",
    }


def test_a_code_that_several_products_have_is_a_tie_whatever_kind_of_code_it_is(con: duckdb.DuckDBPyConnection) -> None:
    store = [product("10001"), product("B", supplier="10001"), product("C", codes=["C1"]), product("D", codes=["c-1", "c1"])]
    found = matched(con, store, "10001_2", "c1", "c-1")
    assert [told(each) for each in found.values()] == ["tie 10001 B", "tie C D", "D"]


def test_one_product_with_one_code_twice_is_no_tie(con: duckdb.DuckDBPyConnection) -> None:
    found = matched(con, [product("10", codes=["10", "010"], supplier="10")], "10")["10"]
    assert (told(found), found.how) == ("10", "SKU 10")


def test_a_deleted_product_has_no_pictures(con: duckdb.DuckDBPyConnection) -> None:
    gone = {**product("10"), "deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}
    assert told(matched(con, [gone], "10")["10"]) == "leftover"


BOOTS = [
    product(f"B-{color[0]}{size}", supplier="BOOT", options=[color, size], family="boots")
    for color in ("Dark Red", "Blue")
    for size in ("41", "42")
]
LACES = product("LACES", supplier="BOOT", options=["Blue"], family="laces")


@pytest.mark.parametrize(
    ("name", "apart", "together"),
    [
        ("boot", "=B-B41", "=B-B41"),
        ("boot_2", "=B-B41", "=B-B41"),
        ("boot dark-red 42", "B-D42", "B-D42"),
        ("boot_blue_41_2", "B-B41", "B-B41"),
        ("BOOT-BLUE", "tie B-B41 B-B42", "=B-B41"),
        ("boot_dark-red", "tie B-D41 B-D42", "=B-D41"),
        ("boot green", "=B-B41", "=B-B41"),
        ("b-b42", "B-B42", "B-B42"),
    ],
)
def test_options_decide_between_variants(con: duckdb.DuckDBPyConnection, name: str, apart: str, together: str) -> None:
    """Where variants have no pictures of their own, which of them is meant makes no difference."""
    con.from_arrow(pa.Table.from_pylist(BOOTS, SCHEMA)).create("products_with_lists")
    assert told(match(con, [name])[name]) == apart
    with duck.engine() as another:
        assert told(matched(another, BOOTS, name, apart=False)[name]) == together


def test_options_do_not_decide_between_families(con: duckdb.DuckDBPyConnection) -> None:
    found = matched(con, [*BOOTS, LACES], "boot blue 41", apart=False)["boot blue 41"]
    assert told(found) == "tie B-B41 B-B42 B-D41 B-D42 LACES"


def test_the_pictures_of_a_family_are_kept_under_its_first_sku(con: duckdb.DuckDBPyConnection) -> None:
    found = matched(con, BOOTS, "b-d42")["b-d42"].product
    assert found
    assert (found.sku, found.owner) == ("B-D42", "B-B41")


def test_a_supplier_who_is_named_has_no_codes_and_products_of_others(con: duckdb.DuckDBPyConnection) -> None:
    both = {**product("BOTH", supplier="77", whose="acme")}
    both["product_suppliers"].append({"supplier_id": "other", "code": "88"})
    store = [both, product("THEIRS", supplier="88", whose="acme"), product("ELSE", supplier="77", whose="other")]
    names = ("77", "88", "else", "both")
    assert [told(each) for each in matched(con, store, *names, supplier_id="acme").values()] == [
        "BOTH",
        "THEIRS",
        "leftover",
        "BOTH",
    ]
    with duck.engine() as another:
        found = matched(another, store, *names, supplier_id="other")
        assert [told(each) for each in found.values()] == ["ELSE", "BOTH", "ELSE", "BOTH"]


@pytest.mark.parametrize("pictures", ["product_images", "variant_images"])
def test_a_product_is_pictured_by_its_own_pictures_and_by_those_that_any_of_its_family_shows(
    con: duckdb.DuckDBPyConnection, pictures: str
) -> None:
    store = [{**BOOTS[0], pictures: [{"id": "1"}]}, *BOOTS[1:]]
    found = matched(con, store, "b-d41", "b-b42")
    assert [each.product and each.product.pictured for each in found.values()] == [True, pictures == "product_images"]


def test_any_number_of_names_find_their_products_among_many(con: duckdb.DuckDBPyConnection) -> None:
    store = [product(f"S-{n}", codes=[f"50{n:011}"], supplier=f"X{n}") for n in range(20_000)]
    chosen = random.Random(7).sample(range(20_000), 400)
    found = matched(con, store, *(f"s_{n}_{n % 5}" for n in chosen[:200]), *(f"x{n} front" for n in chosen[200:]))
    assert [told(each) for each in found.values()] == [f"S-{n}" for n in chosen]
