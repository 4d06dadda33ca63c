"""The boots: products, listings that say what they are, and the files that list them."""

import csv
import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from sync_pipelines_tests.vendor_sandbox.test_command import started
from vendor_sandbox.boots import (
    COLUMNS,
    FEW_COLUMNS,
    FIRST_STYLE,
    MORE_COLUMNS,
    Boots,
    Item,
    export_json,
    listings_report,
    unpadded,
    with_check_digit,
)

BOOTS = Boots(seed=7, size=300)
SKUS = {product.sku for product in BOOTS.products}
FIRST = BOOTS.of_style(FIRST_STYLE)


def valid(code: str) -> bool:
    return with_check_digit(code[:-1]) == code


def by_identifier() -> dict[str, set[str]]:
    found = defaultdict(set)
    for product in BOOTS.products:
        for code in (product.gtin, product.ean):
            if code:
                found[code.zfill(14)].add(product.sku)
    return found


OWNERS = by_identifier()


def owners(item: Item) -> set[str]:
    """The products that an item's valid identifiers name."""
    codes = [code for code in (item.upc, item.ean, item.gtin) if code and valid(code)]
    return set().union(*(OWNERS.get(code.zfill(14), set()) for code in codes))


def because(why: str) -> list[Item]:
    found = [item for item in BOOTS.items if item.why == why]
    assert found
    return found


def plain(sku: str | None) -> str | None:
    return unpadded(sku).upper() if sku else None


def rows(report: bytes, encoding: str = "utf-8") -> list[dict[str, str]]:
    return list(csv.DictReader(report.decode(encoding).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


class TestProducts:
    def test_the_same_seed_makes_the_same_boots_and_another_seed_others(self) -> None:
        again = Boots(seed=7, size=300)
        assert (again.products, again.items) == (BOOTS.products, BOOTS.items)
        assert Boots(seed=8, size=300).items != BOOTS.items

    @pytest.mark.parametrize(("size", "styles"), [(0, 1), (40, 1), (300, 8), (2_000, 50)])
    def test_there_are_about_as_many_products_as_asked_for_in_whole_styles(self, size: int, styles: int) -> None:
        boots = Boots(seed=3, size=size)
        assert len(boots.styles) == styles
        assert boots.styles[0] == FIRST_STYLE
        assert abs(len(boots.products) - 40 * styles) <= 4 * styles

    def test_skus_are_unique_and_have_style_width_and_a_padded_size(self) -> None:
        assert len(SKUS) == len(BOOTS.products)
        for product in BOOTS.products:
            style, width, size = product.sku.split("-")
            assert (style, width, size.removeprefix("0")) == (product.style, product.width, product.size)
            assert len(size.partition(".")[0]) == 2

    def test_identifiers_have_valid_check_digits_and_several_lengths(self) -> None:
        codes = [code for product in BOOTS.products for code in (product.gtin, product.ean) if code]
        assert all(valid(code) for code in codes)
        assert {len(product.gtin or "") for product in BOOTS.products} == {0, 12, 13, 14}
        assert any(code.startswith("0") for code in codes if len(code) == 12)

    def test_a_later_style_does_not_depend_on_how_many_there_are(self) -> None:
        assert Boots(seed=7, size=2_000).items[: len(BOOTS.items)] == BOOTS.items


class TestItems:
    def test_an_asin_is_listed_once_in_a_marketplace(self) -> None:
        listed = Counter((item.asin, item.marketplace) for item in BOOTS.items)
        assert set(listed.values()) == {1}
        assert all(len(item.asin) == 10 and item.asin.startswith("B0") for item in BOOTS.items)
        places = defaultdict(set)
        for item in BOOTS.items:
            places[item.asin].add(item.marketplace)
        assert {frozenset(each) for each in places.values()} == {frozenset({"US"}), frozenset({"CA"}), frozenset({"US", "CA"})}

    def test_what_is_to_be_found_by_identifier_has_one_that_names_one_product(self) -> None:
        for item in because("gtin"):
            assert owners(item) == {item.expected}

    def test_what_is_to_be_found_by_sku_has_no_usable_identifier(self) -> None:
        for item in because("sku"):
            assert not owners(item)
            assert plain(item.seller_sku) == plain(item.part_number) == plain(item.expected)
        others = [item for item in because("sku") if item.seller_sku not in SKUS]
        assert {str(item.seller_sku).isupper() for item in others} == {True, False}

    def test_what_is_to_be_found_by_model_and_size_has_nothing_else(self) -> None:
        for item in because("model_size"):
            style, width, size = (item.expected or "").split("-")
            assert (item.upc, item.ean, item.gtin, item.part_number) == (None, None, None, None)
            assert item.model_number == style
            assert plain(item.seller_sku) not in {plain(sku) for sku in SKUS}
            by_title = item.title.endswith(f", {size.removeprefix('0')} {width}")
            assert by_title or (item.size or "").startswith(size.removeprefix("0"))

    def test_what_is_ambiguous_has_an_identifier_of_two_products_and_no_other_clue(self) -> None:
        for item in because("ambiguous"):
            assert len(owners(item)) == 2
            assert item.expected in owners(item)
            assert (item.size, item.part_number) == (None, None)

    def test_what_is_no_product_of_ours_has_nothing_that_names_one(self) -> None:
        for item in because("none"):
            assert item.expected is None
            assert not owners(item)
            assert item.model_number not in BOOTS.styles
        assert {item.classification for item in because("none")} == {"BASE_PRODUCT", "OTHER", "PRODUCT_BUNDLE"}

    def test_parents_have_no_identifiers_and_some_a_foreign_model_number(self) -> None:
        parents = because("parent")
        assert len(parents) == len(BOOTS.styles)
        assert all((item.upc, item.ean, item.gtin, item.expected) == (None,) * 4 for item in parents)
        own = [item.model_number == style for item, style in zip(parents, BOOTS.styles, strict=True)]
        assert own[0]
        assert not all(own)

    def test_some_children_lack_a_parent_and_some_name_a_foreign_part(self) -> None:
        children = [item for item in FIRST if item.expected]
        assert any(item.parent_asin is None for item in children)
        foreign = [item for item in because("gtin") if item.part_number and item.model_number not in item.part_number]
        assert foreign

    def test_some_products_are_listed_twice_and_some_not_at_all(self) -> None:
        listed = Counter(item.expected for item in BOOTS.in_marketplace("US") if item.expected)
        assert max(listed.values()) == 2
        assert SKUS - listed.keys()

    def test_an_identifier_with_a_bad_check_digit_is_among_them(self) -> None:
        codes = [code for item in BOOTS.items for code in (item.upc, item.ean, item.gtin) if code]
        assert any(not valid(code) for code in codes)

    def test_the_first_style_has_every_case_whatever_the_size_and_seed(self) -> None:
        for seed in range(5):
            first = Boots(seed, 1).items
            assert {item.why for item in first} == {item.why for item in BOOTS.items}
            assert {item.marketplace for item in first} == {"US", "CA"}


class TestReport:
    def test_its_columns_are_the_vendors_and_every_row_has_them_all(self) -> None:
        report = listings_report(FIRST)
        assert report.decode().splitlines()[0].split("\t") == list(COLUMNS)
        assert {line.count("\t") for line in report.decode().splitlines()} == {len(COLUMNS) - 1}

    def test_a_row_names_the_listing_and_the_identifier_it_has(self) -> None:
        kinds = set()
        items = {item.asin: item for item in BOOTS.in_marketplace()}
        for row in rows(listings_report(items.values())):
            item = items[row["asin1"]]
            expected = {"": "", "1": item.asin, "2": item.ean, "3": item.upc, "4": item.ean}[row["product-id-type"]]
            assert (row["item-name"], row["product-id"]) == (item.title, expected)
            kinds.add(row["product-id-type"])
        assert kinds == {"", "1", "2", "3", "4"}

    def test_a_second_channel_is_a_second_row_and_the_first_active_one_is_the_listing(self) -> None:
        by_asin = defaultdict(list)
        for row in rows(listings_report(BOOTS.in_marketplace())):
            by_asin[row["asin1"]].append(row)
        assert {len(each) for each in by_asin.values()} == {1, 2}
        statuses = set()
        for item in BOOTS.in_marketplace():
            if item.seller_sku is None:
                assert item.asin not in by_asin
                continue
            found = by_asin[item.asin]
            best = next((row for row in found if row["status"] == "Active"), found[0])
            assert (best["seller-sku"], best["status"]) == (item.seller_sku, item.status)
            statuses.add(item.status)
        assert statuses == {"Active", "Inactive", "Incomplete"}

    def test_columns_may_be_more_or_fewer_and_in_another_order(self) -> None:
        usual = rows(listings_report(FIRST))
        for columns in (MORE_COLUMNS, FEW_COLUMNS):
            found = rows(listings_report(FIRST, columns=columns))
            for name in FEW_COLUMNS:
                assert [row[name] for row in found] == [row[name] for row in usual]

    def test_titles_have_quotes_and_other_letters_in_both_encodings(self) -> None:
        everything = BOOTS.in_marketplace()
        report = listings_report(everything, encoding="cp1252")
        assert rows(report, "cp1252") == rows(listings_report(everything))
        with pytest.raises(UnicodeDecodeError):
            report.decode()
        titles = [item.title for item in everything]
        assert any(title.startswith('"') for title in titles)
        assert any("é" in title for title in titles)


class TestExport:
    def test_it_has_metadata_and_variants_with_the_gaps_of_the_real_ones(self) -> None:
        document = json.loads(export_json(FIRST, FIRST_STYLE))
        assert document["metadata"]["style"] == FIRST_STYLE
        assert document["metadata"]["item_count"] == len(document["variants"]) == len(FIRST)
        assert document["metadata"]["parent_asins_added"] == 1
        for variant, item in zip(document["variants"], FIRST, strict=True):
            assert (variant["amazon_asin"], variant["amazon_sku"]) == (item.asin, item.part_number)
            assert (variant["product_type"], variant["amazon_listing_status"]) == (None, None)
            assert "amazon_image_variant_8" in variant

    def test_the_files_are_two_reports_and_an_export(self) -> None:
        files = BOOTS.files()
        assert set(files) == {"mca0032.txt", "all_listings.txt", "mca0032_export.json"}
        assert len(rows(files["all_listings.txt"])) > len(rows(files["mca0032.txt"])) > 30

    def test_the_program_writes_them_where_it_is_told_to(self, tmp_path: Path) -> None:
        folder = tmp_path / "made" / "listings"
        with started("--scale", "300", "--orders", "5", "--listings-dir", str(folder)):
            assert {file.name: file.read_bytes() for file in folder.iterdir()} == BOOTS.files()
