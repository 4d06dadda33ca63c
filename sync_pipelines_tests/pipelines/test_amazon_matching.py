"""Which product a listing is of: by number, by SKU, by model and size; and what is not decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.pipelines.amazon_plytix import listings, matching
from sync_pipelines.pipelines.amazon_plytix.entries import AsinMapping
from sync_pipelines.pipelines.amazon_plytix.identifiers import NoIdentifier, gtin14, is_asin, padded_sku
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.amazon_plytix.matching import Products, candidate, match, size_and_width
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from vendor_sandbox.boots import Boots, Item, unpadded, with_check_digit

digits = st.text("0123456789", min_size=1, max_size=13).filter(lambda text: int(text) > 0)
UPC = with_check_digit("01234567890")


def product(sku: str, gtin: str | None = None, *codes: str | None, model: str | None = None) -> matching.Candidate:
    return candidate(f"id-{sku}", sku, f"Label of {sku}", gtin, codes, model)


def listing(asin: str = "B000000001", **more: Any) -> Listing:
    return Listing(asin, "US", **more)


def matched(found: Sequence[Listing] | Listing, products: Sequence[matching.Candidate], **settings: Any) -> AsinMapping:
    rows = [found] if isinstance(found, Listing) else found
    return match(rows, Products(products), AmazonPlytixSettings(**settings), {})


class TestIdentifiers:
    @given(digits)
    def test_a_number_is_the_same_with_zeros_in_front_spaces_and_dashes(self, start: str) -> None:
        code = with_check_digit(start)
        same = gtin14(code)
        assert same == code.zfill(14)
        for written in (code.zfill(12), code.zfill(14), f" {code} ", "-".join(code), code.lstrip("0")):
            assert gtin14(written) == same

    @given(digits, st.integers(0, 12), st.integers(1, 9))
    def test_one_wrong_digit_is_found_out(self, start: str, place: int, by: int) -> None:
        code = with_check_digit(start).zfill(14)
        wrong = code[:place] + str((int(code[place]) + by) % 10) + code[place + 1 :]
        with pytest.raises(NoIdentifier):
            gtin14(wrong)

    @pytest.mark.parametrize(
        "text", ["", " ", "0", "00000000000000", "12345678901A", "١٢٣٤٥٦٧٨٩٠١٢", "1" * 15, "B000000001", "1.2e+11"]
    )
    def test_what_is_no_number_is_none(self, text: str) -> None:
        with pytest.raises(NoIdentifier):
            gtin14(text)

    @pytest.mark.parametrize(
        ("one", "other"), [("abc-m-9.5", "ABC-M-09.5"), ("ABC-M-9", "ABC-M-09 "), ("ABC-M-10.5", "abc-m-10.5")]
    )
    def test_skus_are_compared_with_their_sizes_padded(self, one: str, other: str) -> None:
        assert padded_sku(one) == padded_sku(other)

    def test_an_asin_is_a_letter_and_nine_more_or_an_isbn(self) -> None:
        assert all(map(is_asin, ("B0ABCDE123", "012345678X", "0123456789")))
        assert not any(map(is_asin, ("", "b0abcde123", "B0ABCDE12", "B0ABCDE1234", "0X23456789", "1B23456789", "B0ABCDÉ123")))


class TestRules:
    def test_a_number_counts_wherever_it_stands_on_either_side(self) -> None:
        for mine in ({"upc": UPC}, {"ean": f"0{UPC}"}, {"gtin": f"00{UPC}"}, {"upc": UPC.lstrip("0")}):
            for theirs in ((UPC,), (None, f"0{UPC}"), (f"00{UPC}",), (None, None, UPC)):
                (entry,) = matched(listing(**mine), [product("A", *theirs), product("B")]).entries
                assert (entry.canonical_plytix_sku, entry.match_method, entry.match_confidence) == ("A", "gtin", 1)
                assert entry.gtin_match is True

    def test_a_wrong_check_digit_is_no_number_and_said(self) -> None:
        wrong = UPC[:-1] + str((int(UPC[-1]) + 1) % 10)
        (entry,) = matched(listing(upc=wrong), [product("A", wrong)]).entries
        assert entry.state == "unmatched"
        assert "wrong check digit" in (entry.reason or "")

    def test_numbers_of_two_products_choose_neither(self) -> None:
        other = with_check_digit("09876543210")
        (entry,) = matched(listing(upc=UPC, ean=other), [product("A", UPC), product("B", other)]).entries
        assert (entry.state, entry.candidates, entry.canonical_plytix_sku) == ("ambiguous", "A,B", None)

    def test_a_later_rule_tells_two_apart(self) -> None:
        (entry,) = matched(listing(upc=UPC, seller_sku="b"), [product("A", UPC), product("B", UPC)]).entries
        assert (entry.canonical_plytix_sku, entry.match_method) == ("B", "gtin and sku")

    def test_a_later_rule_that_finds_others_changes_nothing(self) -> None:
        products = [product("A", UPC), product("B", UPC), product("C")]
        (entry,) = matched(listing(upc=UPC, seller_sku="C"), products).entries
        assert (entry.state, entry.candidates) == ("ambiguous", "A,B")

    def test_the_order_of_the_rules_is_a_setting(self) -> None:
        products = [product("A", UPC), product("B")]
        both = listing(upc=UPC, seller_sku="B")
        for order, sku in ((("gtin", "sku"), "A"), (("sku", "gtin"), "B"), (("sku",), "B")):
            (entry,) = matched(both, products, match_order=order).entries
            assert entry.canonical_plytix_sku == sku
        assert matched(listing(upc=UPC), products, match_order=("sku",)).entries[0].state == "unmatched"

    @pytest.mark.parametrize(
        ("title", "size", "found"),
        [
            ("Boot, Brown, 10.5 W", None, ("10.5", "W")),
            ("Boot, Brown, 9 Wide", None, ("09", "W")),
            ("Boot, Brown", "9.5 Medium", ("09.5", "M")),
            ("Boot, Brown, 9.5", None, ("09.5", None)),
            ("Boot", None, (None, None)),
            (None, None, (None, None)),
            ("Care Kit, 4 pieces", None, (None, None)),
            ("Wax, 10 oz", None, (None, None)),
            ("Boot, Brown, 10 E", None, (None, None)),
            ("Boot, Brown, 10 E", "10 EE", ("10", "EE")),
        ],
    )
    def test_size_and_width_are_read_from_the_title_or_the_size(
        self, title: str | None, size: str | None, found: tuple[str | None, str | None]
    ) -> None:
        assert size_and_width(title, size, AmazonPlytixSettings().widths) == found

    def test_a_width_there_is_none_of_is_not_taken_for_any(self) -> None:
        (entry,) = matched(listing(title="Boot, 10 E", model_number="CAN"), [product("CAN-M-10")]).entries
        assert entry.state == "unmatched"

    def test_without_a_width_the_only_product_of_the_size_is_taken_less_surely_and_of_two_neither(self) -> None:
        one, two = product("CAN-M-09.5"), product("CAN-W-09.5")
        found = listing(title="Boot, Brown, 9.5", model_number="CAN")
        (entry,) = matched(found, [one]).entries
        assert (entry.canonical_plytix_sku, entry.match_confidence) == ("CAN-M-09.5", Decimal("0.88"))
        assert matched(found, [one, two]).entries[0].candidates == "CAN-M-09.5,CAN-W-09.5"

    def test_another_pattern_of_skus_is_a_setting(self) -> None:
        found = listing(title="Boot, Brown, 10.5 W", model_number="CAN", color="Bomber Brown")
        patterns = ("{model}-{plain}{width}-{colour}",)
        (entry,) = matched(found, [product("CAN-105W-BOMB")], sku_patterns=patterns).entries
        assert entry.canonical_plytix_sku == "CAN-105W-BOMB"

    def test_what_is_less_sure_than_the_setting_waits_for_a_person(self) -> None:
        found = listing(title="Boot, Brown, 9.5", model_number="CAN")
        (entry,) = matched(found, [product("CAN-M-09.5")], min_confidence=Decimal("0.89")).entries
        assert (entry.state, entry.candidates, entry.canonical_plytix_sku) == ("held", "CAN-M-09.5", None)

    def test_two_listings_of_one_product_are_both_linked_unless_one_is_allowed(self) -> None:
        both = [listing("B000000001", upc=UPC), listing("B000000002", seller_sku="A")]
        products = [product("A", UPC)]
        found = matched(both, products, listings_per_product="one")
        assert [entry.state for entry in found.entries] == ["ambiguous", "ambiguous"]
        assert {"what": "product", "value": "A", "amazon_asins": ["B000000001", "B000000002"]} in found.duplicates
        assert [e.state for e in matched(both, products).entries] == ["matched"] * 2

    OTHER = with_check_digit("09876543210")

    @pytest.mark.parametrize(
        "found",
        [
            listing(upc=UPC, seller_sku="CAN-M-09"),
            listing(upc=UPC, title="Chelsea Boot, 9 M", model_number="CAN"),
            listing(upc=UPC, title="Chelsea Boot, 9", model_number="CAN"),
            listing(upc=UPC, model_number="STYLE-1"),
        ],
    )
    def test_a_weaker_rule_does_not_overrule_identifiers_that_contradict_each_other(self, found: Listing) -> None:
        (entry,) = matched(found, [product("CAN-M-09", self.OTHER, model="STYLE-1")]).entries
        assert (entry.state, entry.candidates, entry.canonical_plytix_sku) == ("held", "CAN-M-09", None)
        assert UPC.zfill(14) in (entry.reason or "")
        assert self.OTHER.zfill(14) in (entry.reason or "")

    @pytest.mark.parametrize("theirs", [None, "", "8.84882E+11", "012345678900"])
    def test_identifiers_that_are_missing_or_wrong_contradict_nothing(self, theirs: str | None) -> None:
        (entry,) = matched(listing(upc=UPC, seller_sku="A"), [product("A", theirs)]).entries
        assert (entry.state, entry.gtin_match) == ("matched", None)

    @pytest.mark.parametrize("sku", ["1.23E+05", "01-Mar", "#N/A"])
    def test_a_sku_that_a_spreadsheet_program_replaced_is_noted_and_the_other_rules_go_on(self, sku: str) -> None:
        (entry,) = matched(listing(upc=UPC, seller_sku=sku), [product("A", UPC), product(sku)]).entries
        assert (entry.canonical_plytix_sku, entry.match_method) == ("A", "gtin")
        assert repr(sku) in (entry.note or "")
        assert matched(listing(seller_sku=sku), [product(sku)]).entries[0].state == "unmatched"

    def test_a_model_number_that_one_product_alone_has_finds_it_and_that_of_a_whole_style_nothing(self) -> None:
        one, *sizes = product("X-1", model="abc0001"), product("Y-1", model="STYLE"), product("Y-2", model="STYLE")
        (entry,) = matched(listing(model_number="ABC0001 "), [one, *sizes]).entries
        assert (entry.canonical_plytix_sku, entry.match_method) == ("X-1", "model_number")
        assert entry.match_confidence == Decimal("0.85")
        assert matched(listing(model_number="STYLE"), [one, *sizes]).entries[0].state == "unmatched"

    def test_a_model_number_tells_two_products_with_the_same_identifier_apart(self) -> None:
        products = [product("A", UPC, model="M-1"), product("B", UPC, model="M-2")]
        (entry,) = matched(listing(upc=UPC, model_number="M-2"), products).entries
        assert (entry.canonical_plytix_sku, entry.match_method) == ("B", "gtin and model_number")

    def test_a_variation_parent_is_a_listing_of_the_only_product_whose_sku_is_its_model_number(self) -> None:
        parent = listing("B000000009", classification="VARIATION_PARENT", model_number="can")
        child = listing("B000000001", parent_asin="B000000009", model_number="CAN")
        (entry, _) = matched([parent, child], [product("CAN"), product("CAN-M-10")]).entries
        assert (entry.state, entry.canonical_plytix_sku, entry.match_method) == ("matched", "CAN", "model_number")
        assert matched([parent], [product("CAN"), product("can")]).entries[0].state == "parent"

    def test_a_parent_whose_variations_are_of_another_model_is_held(self) -> None:
        parent = listing("B000000009", classification="VARIATION_PARENT", model_number="NEXT")
        child = listing("B000000001", parent_asin="B000000009", model_number="CAN")
        entry = next(e for e in matched([parent, child], [product("NEXT")]).entries if e.amazon_asin == parent.asin)
        assert (entry.state, entry.candidates) == ("held", "NEXT")
        assert entry.reason == "its model number is NEXT, its variations have CAN"

    def test_the_same_product_may_be_listed_in_two_marketplaces(self) -> None:
        both = [listing(upc=UPC), Listing("B000000001", "CA", upc=UPC)]
        assert [e.state for e in matched(both, [product("A", UPC)]).entries] == ["matched", "matched"]

    def test_a_variation_parent_is_of_no_product_whatever_it_says(self) -> None:
        found = listing(classification="VARIATION_PARENT", upc=UPC, seller_sku="A")
        assert matched(found, [product("A", UPC)]).entries[0].state == "parent"

    def test_a_row_that_is_not_understood_is_carried_and_of_no_product(self) -> None:
        (entry,) = matched(listing("?", problem="no ASIN", seller_sku="A"), [product("A")]).entries
        assert (entry.state, entry.reason) == ("rejected", "no ASIN")

    def test_products_that_share_a_number_or_a_sku_are_reported(self) -> None:
        found = matched(listing(upc=UPC), [product("a-1", UPC), product("A-01", UPC)])
        assert {(d["what"], tuple(d["plytix_skus"])) for d in found.duplicates if "plytix_skus" in d} == {
            ("identifier", ("A-01", "a-1")),
            ("sku", ("A-01", "a-1")),
        }

    def test_products_of_a_matched_style_without_a_listing_are_told(self) -> None:
        found = matched(listing(seller_sku="CAN-M-10"), [product("CAN-M-10"), product("CAN-M-11"), product("OTHER-1")])
        assert [row["sku"] for row in found.unlisted] == ["CAN-M-11"]

    @given(st.permutations(range(6)))
    def test_the_order_of_the_listings_decides_nothing(self, order: list[int]) -> None:
        rows = [listing(f"B00000000{n}", upc=UPC if n < 2 else None, seller_sku=f"S-{n}") for n in range(6)]
        products = [product("A", UPC), *(product(f"s-{n}") for n in range(2, 6))]
        usual = {e.amazon_asin: e.state for e in matched(rows, products).entries}
        assert {e.amazon_asin: e.state for e in matched([rows[n] for n in order], products).entries} == usual


@pytest.fixture(scope="module")
def boots() -> Boots:
    return Boots(seed=7, size=4_000)


class TestTheWholeCatalogue:
    """Every listing of the made-up boots says which product it is truly of, and by what that can be known."""

    def listed(self, item: Item, *, export: bool) -> Listing:
        return Listing(
            item.asin,
            item.marketplace,
            item.part_number if export else item.seller_sku,
            item.title,
            item.status.lower(),
            item.parent_asin,
            item.upc,
            item.ean,
            item.gtin,
            item.size,
            item.colour,
            item.theme,
            item.brand,
            item.classification,
            item.model_number,
        )

    @pytest.mark.parametrize("export", [False, True], ids=["seller SKU", "part number"])
    def test_no_listing_is_matched_wrongly_and_all_that_can_be_are(self, *, boots: Boots, export: bool) -> None:
        products = [candidate(p.sku, p.sku, p.label, p.gtin, [p.ean], p.style) for p in boots.products]
        truth = {(item.asin, item.marketplace): item for item in boots.items}
        rows = [self.listed(item, export=export) for item in boots.items]
        found = matched(rows, products)
        assert len(found.entries) == len(rows)
        wrong = Counter[str]()
        for entry in found.entries:
            item = truth[entry.amazon_asin, entry.marketplace]
            if entry.state == "matched" and entry.canonical_plytix_sku != item.expected:
                wrong[f"{item.why} matched wrongly"] += 1
            elif item.why in ("gtin", "model_size") and entry.state != "matched":
                wrong[f"{item.why} not found"] += 1
            elif item.why == "sku" and entry.state != "matched" and not export:
                wrong["sku not found"] += 1
            elif item.why == "ambiguous" and entry.state != "ambiguous":
                wrong["ambiguous decided"] += 1
            elif item.why == "parent" and entry.state != "parent":
                wrong["parent taken for a product"] += 1
        assert wrong == {}

    def test_parents_are_linked_with_their_own_style_and_those_with_the_number_of_another_are_held(self, boots: Boots) -> None:
        styles = {p.style for p in boots.products}
        own = {item.parent_asin: item.model_number for item in boots.items if item.parent_asin}
        rows = [self.listed(item, export=False) for item in boots.items]
        entries = matched(rows, [product(style) for style in styles]).entries
        parents = [e for e in entries if e.item_classification == "VARIATION_PARENT" and e.amazon_asin in own]
        states = Counter((e.state, e.canonical_plytix_sku == own[e.amazon_asin]) for e in parents if e.model_number in styles)
        assert set(states) == {("matched", True), ("held", False)}
        assert min(states.values()) > 10

    def test_with_one_listing_per_product_the_second_listings_are_questions(self, boots: Boots) -> None:
        products = [candidate(p.sku, p.sku, p.label, p.gtin, [p.ean], p.style) for p in boots.products]
        rows = [self.listed(item, export=False) for item in boots.items]
        entries = matched(rows, products, listings_per_product="one").entries
        each = Counter((e.canonical_plytix_sku, e.marketplace) for e in entries if e.state == "matched")
        assert max(each.values()) == 1
        truth = Counter((i.expected, i.marketplace) for i in boots.items if i.expected)
        twice = {place for place, n in truth.items() if n > 1}
        assert twice
        assert not twice & set(each)


class TestListings:
    def test_of_rows_of_one_asin_an_active_one_stands_for_all_and_the_rest_is_noted(self) -> None:
        rows = [
            Listing("B000000001", "US", "S-FBA", status="inactive", line=2),
            Listing("B000000001", "US", "S", status="active", line=3),
            Listing("B000000001", "US", "S-2", status="active", line=4),
            Listing("?", "US", problem="no ASIN", line=5),
        ]
        chosen, wrong = listings.one_per_asin(rows)
        assert (chosen.seller_sku, chosen.also) == ("S", "line 2: S-FBA (inactive); line 4: S-2 (active)")
        assert wrong.problem

    def test_a_style_takes_its_parents_along_and_leaves_others(self) -> None:
        rows = [
            Listing("B000000001", "US", unpadded("CAN-M-09"), parent_asin="B000000009"),
            Listing("B000000009", "US"),
            Listing("B000000002", "US", "CANOE-1"),
            Listing("B000000003", "US", model_number="can"),
        ]
        assert [row.asin for row in listings.of_style(rows, "CAN")] == ["B000000001", "B000000009", "B000000003"]
