"""Whole orders → rows of the spreadsheet: every odd order there is, and every way to get a layout wrong."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.pipelines.shopify_sheets.layout import (
    LAYOUTS,
    LINE_SOURCES,
    ORDER_SOURCES,
    Layout,
    key_text,
    read_layout,
    same,
)
from sync_pipelines.pipelines.shopify_sheets.mapping import (
    LINE_NEEDED,
    NEEDED,
    desired,
    fingerprint_of,
    line_facts,
    order_facts,
    serial,
)
from sync_pipelines.settings import SettingsError
from sync_pipelines_tests.pipelines.order_scene import address, line, money, order
from vendor_sandbox import Sandbox

BERLIN, UTC, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"), ZoneInfo("America/New_York")
SHIPPED = sorted(path.stem for path in LAYOUTS.glob("*.toml"))
GOOD = """
[orders]
tab = "Orders"
key = "Id"
columns = [{ header = "Id", source = "id" }, { header = "Made", source = "created_at", type = "date" }]
[lines]
tab = "Lines"
key = "Line"
order = "Id"
columns = [{ header = "Id", source = "order_key" }, { header = "Line", source = "id" }]
"""


def mapped(made: dict[str, Any], layout: str = "plain", zone: ZoneInfo = BERLIN) -> Mapping[str, Any]:
    return desired(made, read_layout(layout), zone).fields


def one_line(made: dict[str, Any]) -> dict[str, Any]:
    (cells,) = mapped(order(1, [made]))["lines"].values()
    return dict(cells)


class TestOrders:
    def test_an_order_as_most_are(self) -> None:
        found = mapped(order(1, 2))
        assert {name: found[name] for name in ("Order", "Order ID", "Status", "Payment", "Total", "Items", "Currency")} == {
            "Order": "#1001",
            "Order ID": "5000001",
            "Status": "Open",
            "Payment": "Paid",
            "Total": Decimal("42.00"),
            "Items": 4,
            "Currency": "EUR",
        }
        assert (found["Refunded"], found["Paid in"]) == (None, None)
        assert list(found["lines"]) == ["1001", "1002"]

    @pytest.mark.parametrize("layout", SHIPPED)
    def test_without_customer_address_and_mail_the_cells_are_empty(self, layout: str) -> None:
        bare = order(1, customer=None, shippingAddress=None, billingAddress=None, email=None, phone=None, note=None)
        found = mapped(bare, layout)
        named = [h for h in ("Customer", "Email", "Phone", "Ship to", "Customer Name", "Address", "City") if h in found]
        assert named
        assert {found[h] for h in named} == {None}

    def test_a_name_is_taken_from_the_address_where_there_is_no_customer(self) -> None:
        found = mapped(order(1, customer=None, shippingAddress=None, billingAddress=address(name="Bo Kim")))
        assert (found["Customer"], found["Ship to"]) == ("Bo Kim", None)

    @pytest.mark.parametrize("layout", SHIPPED)
    def test_an_order_without_lines_has_its_row(self, layout: str) -> None:
        found = mapped(order(1, 0), layout)
        assert found["lines"] == {}
        assert desired(order(1, 0), read_layout(layout), UTC).conflict is None

    def test_300_lines_are_300_rows_in_their_order(self) -> None:
        lines = mapped(order(1, 300))["lines"]
        assert list(lines) == [str(1000 + n) for n in range(1, 301)]
        letters = [cells["LineItem"] for cells in mapped(order(1, 300), "order_book")["lines"].values()]
        assert letters == [*"ABCDEFG", *"*" * 293]

    def test_a_cancelled_order_says_so_and_why_and_keeps_its_amounts(self) -> None:
        made = order(1, cancelledAt="2026-05-02T22:30:00Z", cancelReason="CUSTOMER", closedAt="2026-05-02T22:30:00Z")
        assert (mapped(made)["Status"], mapped(made)["Total"]) == ("Cancelled", Decimal("42.00"))
        assert mapped(made, "order_book")["Order Change Notes"] == "Cancelled 2026-05-03 (Customer)"

    def test_partial_refunds_are_summed_by_the_shop_and_noted_one_by_one(self) -> None:
        refunds: list[dict[str, Any]] = [
            {
                "id": f"gid://shopify/Refund/{n}",
                "createdAt": None,
                "updatedAt": None,
                "note": None,
                "totalRefundedSet": money(f"{n}.50"),
                "refundLineItems": [],
            }
            for n in (1, 2)
        ]
        left = line(7, currentQuantity=1)
        made = order(1, [left], refunds=refunds, totalRefundedSet=money("4.00"), displayFinancialStatus="PARTIALLY_REFUNDED")
        found = mapped(made)
        assert (found["Refunded"], found["Payment"], found["Items"]) == (Decimal("4.00"), "Partially refunded", 1)
        assert found["lines"]["7"]["Status"] == "Reduced"
        assert mapped(made, "order_book")["Order Change Notes"] == "Refunded 1.50 EUR; Refunded 2.50 EUR"

    def test_an_edited_order_shows_what_holds_now_and_says_so(self) -> None:
        """As recorded: two pieces became one, and the old amounts stayed beside the new ones."""
        left = line(
            1,
            quantity=2,
            currentQuantity=1,
            originalUnitPriceSet=money("100.00"),
            taxLines=[{"title": "VAT", "rate": 0.13, "priceSet": money("26.00")}],
        )
        nothing = {
            "id": "gid://shopify/Refund/1",
            "createdAt": None,
            "updatedAt": None,
            "note": None,
            "totalRefundedSet": money("0.0"),
            "refundLineItems": [],
        }
        made = order(
            1,
            [left],
            edited=True,
            refunds=[nothing],
            totalPriceSet=money("226.0"),
            currentTotalPriceSet=money("113.0"),
            totalTaxSet=money("26.0"),
            currentTotalTaxSet=money("13.0"),
            subtotalPriceSet=money("200.0"),
            currentSubtotalPriceSet=money("100.0"),
        )
        plain, book = mapped(made), mapped(made, "order_book")
        assert (plain["Total"], plain["Tax"], plain["Subtotal"]) == (Decimal("113.00"), Decimal("13.00"), Decimal("100.00"))
        assert (book["Total"], book["Taxes"]) == (Decimal("113.00"), Decimal("13.00"))
        assert book["Order Change Notes"] == "Edited (ordered for 226.00 EUR)"
        assert (plain["lines"]["1"]["Quantity"], plain["lines"]["1"]["Line total"]) == (1, Decimal("100.00"))
        assert (book["lines"]["1"]["CakeQty"], book["lines"]["1"]["Item Tax (Calculated)"]) == (1, Decimal("13.00"))

    @pytest.mark.parametrize("layout", SHIPPED)
    @pytest.mark.parametrize("field", ["currencyCode", "totalPriceSet", "currentTotalPriceSet", "tags"])
    def test_an_order_without_something_it_needs_is_held_and_says_what(self, layout: str, field: str) -> None:
        made = order(1)
        del made[field]
        assert desired(made, read_layout(layout), UTC).conflict == f"#1001 came without {field}"
        assert desired(order(1, [line(7, quantity=None)]), read_layout(layout), UTC).conflict == (
            "#1001 came without quantity of line 1"
        )
        undiscounted = line(7, discountAllocations=None, discountedTotalSet=None)
        assert desired(order(1, [undiscounted]), read_layout(layout), UTC).conflict == (
            "#1001 came without discountAllocations of line 1"
        )

    @pytest.mark.parametrize("layout", SHIPPED)
    def test_without_anything_else_the_cells_are_empty(self, layout: str) -> None:
        whole, chosen = order(1), read_layout(layout)
        needed = {"id", "name", "createdAt", "updatedAt", "legacyResourceId", "lineItems", "refunds", *NEEDED}
        bare = {name: value for name, value in whole.items() if name in needed}
        bare["lineItems"] = [{n: v for n, v in line(7).items() if n in {*LINE_NEEDED, "discountAllocations"}}]
        assert desired(bare, chosen, UTC).conflict is None
        for name in whole.keys() - needed:
            assert desired({**whole, name: None}, chosen, UTC).conflict is None

    def test_an_edited_order_shows_what_is_left_of_each_line(self) -> None:
        lines = [line(1, currentQuantity=0), line(2, currentQuantity=1), line(3), line(4, quantity=0, currentQuantity=0)]
        found = mapped(order(1, lines))["lines"]
        assert [cells["Status"] for cells in found.values()] == ["Removed", "Reduced", "Ordered", "Ordered"]
        assert [cells["Quantity"] for cells in found.values()] == [0, 1, 2, 0]

    def test_what_the_customer_paid_in_is_kept_apart_from_the_shops_currency(self) -> None:
        found = mapped(order(1, currentTotalPriceSet=money("42.00", paid=("6789", "JPY"))))
        assert (found["Total"], found["Currency"], found["Paid in"]) == (Decimal("42.00"), "EUR", "6789 JPY")

    @pytest.mark.parametrize(
        ("currency", "amount", "shown"),
        [
            ("JPY", "4200.0", "4200"),
            ("JPY", "4200", "4200"),
            ("KWD", "4.2", "4.200"),
            ("KWD", "4.2005", "4.201"),
            ("EUR", "4.2", "4.20"),
            ("EUR", "4.205", "4.21"),
            ("EUR", "-4.205", "-4.21"),
            ("EUR", "123456789012.34", "123456789012.34"),
            ("XXX", "1.5", "1.50"),
        ],
    )
    def test_amounts_have_the_decimals_of_the_shops_currency(self, currency: str, amount: str, shown: str) -> None:
        found = mapped(order(1, currencyCode=currency, currentTotalPriceSet=money(amount, currency)))
        assert str(found["Total"]) == shown

    def test_no_amount_is_ever_a_float(self) -> None:
        found = mapped(order(1, totalRefundedSet=money("1.10")))
        values = [*found.values(), *(v for cells in found["lines"].values() for v in cells.values())]
        assert not [v for v in values if isinstance(v, float)]

    @pytest.mark.parametrize("text", ["=1+1", "+4930", "-x", "@x", "007", "1e5", "12345678901234567890", "👩‍🍳", "\u202ex", " "])
    def test_text_is_passed_on_as_it_is(self, text: str) -> None:
        assert mapped(order(1, note=text))["Note"] == text
        assert one_line(line(7, sku=text))["SKU"] == text

    def test_line_ends_are_one_character_whatever_the_customer_typed_on(self) -> None:
        assert mapped(order(1, note="a\r\nb\rc\nd"))["Note"] == "a\nb\nc\nd"

    def test_a_text_longer_than_a_cell_is_cut_and_shows_it(self) -> None:
        exactly, longer = mapped(order(1, note="x" * 50_000))["Note"], mapped(order(1, note="x" * 50_001))["Note"]
        assert (len(exactly), exactly[-1]) == (50_000, "x")
        assert (len(longer), longer[-1]) == (50_000, "…")

    def test_an_emoji_takes_two_of_a_cells_characters_and_none_is_cut_in_half(self) -> None:
        exactly, longer = mapped(order(1, note="🎂" * 25_000))["Note"], mapped(order(1, note="🎂" * 25_001))["Note"]
        assert exactly == "🎂" * 25_000
        assert longer == "🎂" * 24_999 + "…"
        assert mapped(order(1, note="x" + "🎂" * 25_000))["Note"] == "x" + "🎂" * 24_999 + "…"

    @pytest.mark.parametrize("contact", ["+49 30 123456", "ann@example.com"])
    def test_a_customer_without_a_name_is_called_as_the_address_says(self, contact: str) -> None:
        customer = {**order(1)["customer"], "displayName": contact, "firstName": None, "lastName": None}
        assert mapped(order(1, customer=customer))["Customer"] == "Ann Lee"
        unnamed = order(1, customer=customer, shippingAddress=None, billingAddress=None)
        assert mapped(unnamed)["Customer"] == contact

    def test_a_shipment_that_was_cancelled_is_not_tracked(self) -> None:
        shipments = [
            {"status": status, "trackingInfo": [{"company": "UPS", "number": number, "url": None}]}
            for status, number in (("CANCELLED", "1Z1"), ("SUCCESS", "1Z2"))
        ]
        assert order_facts(order(1, fulfillments=shipments), UTC)["tracking"] == "1Z2"

    def test_a_status_that_is_new_to_us_is_shown_the_same_way(self) -> None:
        assert mapped(order(1, displayFulfillmentStatus="SENT_BY_DRONE"))["Fulfillment"] == "Sent by drone"
        assert mapped(order(1, displayFinancialStatus=None))["Payment"] is None

    def test_the_order_book_knows_how_an_order_leaves_the_shop_by_its_tags(self) -> None:
        for tags, kind in (
            (["x", "Pickup Order"], "Pickup Order"),
            (["Local Delivery Order", "Nationwide Shipping"], "Nationwide Shipping"),
            ([], "Web"),
            (["pickup order"], "Web"),
        ):
            assert mapped(order(1, tags=tags), "order_book")["Order Type"] == kind

    def test_an_order_without_anything_for_its_key_is_held_and_says_why(self, own_folder: Path) -> None:
        (own_folder / "po.toml").write_text(GOOD.replace('header = "Id", source = "id"', 'header = "Id", source = "po_number"'))
        found = desired(order(1), read_layout("po.toml"), UTC)
        assert found.conflict is not None
        assert "#1001" in found.conflict
        assert found.key == "5000001"


class TestLines:
    def test_a_line_without_sku_variant_or_product_is_a_line(self) -> None:
        custom = line(7, sku=None, variantTitle=None, vendor=None, variant=None, product=None, title="Delivery by bike")
        found = one_line(custom)
        assert (found["SKU"], found["Variant"], found["Product"]) == (None, None, "Delivery by bike")
        assert one_line(line(7, sku=""))["SKU"] is None

    def test_tax_is_the_sum_of_its_parts_in_the_shops_decimals(self) -> None:
        taxes = [{"title": "a", "rate": 0.1, "priceSet": money("1.005")}, {"title": "b", "rate": None, "priceSet": money("2.01")}]
        found = mapped(order(1, [line(7, taxLines=taxes), line(8, taxLines=[])]), "order_book")["lines"]
        assert [cells["Item Tax (Calculated)"] for cells in found.values()] == [Decimal("3.02"), Decimal("0.00")]

    def test_properties_are_one_text(self) -> None:
        properties = [{"key": "Engraving", "value": "=To Ann"}, {"key": "Gift", "value": None}]
        assert one_line(line(7, customAttributes=properties))["Properties"] == "Engraving: =To Ann; Gift: "


class TestTimes:
    @pytest.mark.parametrize(
        ("at", "zone", "shown"),
        [
            ("1899-12-30T00:00:00Z", UTC, "0"),
            ("2026-01-05T00:00:00Z", UTC, "46027"),
            ("2026-01-05T12:00:00Z", UTC, "46027.5"),
            ("2026-01-05T23:30:00Z", BERLIN, "46028.02083333"),
            ("2026-03-29T00:59:59Z", BERLIN, "46110.08332176"),  # 01:59:59, the last second before the clocks go forward
            ("2026-03-29T01:00:00Z", BERLIN, "46110.12500000"),  # 03:00:00
            ("2026-10-25T00:30:00Z", BERLIN, "46320.10416667"),  # 02:30 the first time
            ("2026-10-25T01:30:00Z", BERLIN, "46320.10416667"),  # 02:30 the second time
            ("2026-01-05T03:00:00Z", NEW_YORK, "46026.91666667"),
            ("2026-01-05T05:00:00+02:00", NEW_YORK, "46026.91666667"),
        ],
    )
    def test_times_are_serial_numbers_by_the_shops_clocks(self, at: str, zone: ZoneInfo, shown: str) -> None:
        found = serial(at, zone)
        assert found is not None
        assert found == Decimal(shown)

    def test_a_date_is_the_shops_day_whole(self) -> None:
        found = mapped(order(1, createdAt="2026-01-05T23:30:00Z"), "order_book")
        assert found["Order Date"] == 46028
        assert type(found["Order Date"]) is int

    def test_no_time_is_no_cell(self) -> None:
        assert serial(None, UTC) is None


class TestSameness:
    @pytest.mark.parametrize(
        ("kind", "there", "wanted"),
        [
            ("money", Decimal("19.9"), Decimal("19.90")),
            ("money", Decimal("0.30000000000000004"), Decimal("0.30")),
            ("money", 20, Decimal("20.00")),
            ("integer", Decimal("3.0"), 3),
            ("datetime", Decimal("46110.083321759259"), Decimal("46110.08332176")),
            ("date", Decimal("46110.0"), 46110),
            ("text", "", None),
            ("text", 7, "7"),
            ("text", Decimal("7.50"), "7.5"),
            ("text", 10**20, "100000000000000000000"),
        ],
    )
    def test_values_that_a_sheet_shows_alike_are_the_same(self, kind: Any, there: Any, wanted: Any) -> None:
        assert same(kind, there) == same(kind, wanted)

    @pytest.mark.parametrize(
        ("kind", "there", "wanted"),
        [
            ("money", Decimal("19.91"), Decimal("19.90")),
            ("money", "19.90", Decimal("19.90")),
            ("money", None, Decimal("0.00")),
            ("money", Decimal("4.201"), Decimal("4.200")),
            ("text", 7, "007"),
            ("text", "a ", "a"),
            ("text", "A", "a"),
            ("text", True, "True"),
            ("boolean", True, False),
            ("boolean", 1, True),
            ("datetime", Decimal("46110.08332176"), Decimal("46110.08333333")),
            ("date", "2026-01-05", 46027),
        ],
    )
    def test_values_that_a_sheet_shows_otherwise_are_not(self, kind: Any, there: Any, wanted: Any) -> None:
        assert same(kind, there) != same(kind, wanted)

    @given(st.integers(0, 10**13), st.integers(0, 3))
    def test_an_amount_is_the_same_after_it_was_a_double(self, units: int, places: int) -> None:
        amount = Decimal(units).scaleb(-places)
        assert same("money", Decimal(repr(float(amount)))) == same("money", amount)

    @given(st.integers(0, 4_000_000_000))
    def test_a_time_is_the_same_after_it_was_a_double(self, seconds: int) -> None:
        wanted = (Decimal(seconds) / 86_400).quantize(Decimal("0.00000001"))
        assert same("datetime", Decimal(repr(float(wanted)))) == same("datetime", wanted)
        later = (Decimal(seconds + 1) / 86_400).quantize(Decimal("0.00000001"))
        assert same("datetime", later) != same("datetime", wanted)

    @pytest.mark.parametrize(
        ("cell", "key"),
        [
            (5000001, "5000001"),
            (Decimal("5000001.0"), "5000001"),
            (" WEB7 ", "WEB7"),
            (None, ""),
            (True, ""),
            ("007", "007"),
            (10**15, "1" + "0" * 15),
        ],
    )
    def test_a_key_is_the_same_however_somebody_retyped_it(self, cell: Any, key: str) -> None:
        assert key_text(cell) == key


class TestLayouts:
    def test_two_are_shipped(self) -> None:
        assert SHIPPED == ["order_book", "plain"]

    def test_the_sources_that_a_layout_may_name_are_those_the_mapping_gives(self) -> None:
        facts = order_facts(order(1), UTC)
        assert set(facts) == ORDER_SOURCES
        assert {*line_facts(line(1), 1, facts), "order_key", "current_total"} == LINE_SOURCES

    @pytest.mark.parametrize("layout", SHIPPED)
    def test_every_seeded_order_of_the_sandbox_can_be_mapped(self, layout: str) -> None:
        chosen = read_layout(layout)
        with Sandbox(orders=400) as sandbox:
            made = [*sandbox.shopify.orders(), *sandbox.shopify.traps().values()]
        keys = [desired(dict(each), chosen, NEW_YORK).key for each in made]
        assert len(set(keys)) == len({each["id"] for each in made})
        assert all(keys)

    def test_the_order_book_has_the_40_columns_of_the_old_program_and_two_of_ours(self) -> None:
        from vendor_sandbox.google.seed import LINE_COLUMNS, LINES, ORDER_COLUMNS, ORDERS

        book = read_layout("order_book")
        assert (book.orders.tab, list(book.orders.headers)) == (ORDERS, ORDER_COLUMNS)
        assert (book.lines.tab, list(book.lines.headers)) == (LINES, [*LINE_COLUMNS, "LineItemID", "LineStatus"])

    @pytest.mark.parametrize("layout", SHIPPED)
    def test_a_columns_source_header_or_type_the_zone_and_the_layout_change_the_fingerprint(self, layout: str) -> None:
        first = read_layout(layout)
        prints = {fingerprint_of(first, "a shop by Europe/Berlin"), fingerprint_of(first, "a shop by UTC")}
        for name in SHIPPED:
            prints.add(fingerprint_of(read_layout(name), "a shop by Europe/Berlin"))
        for change in ({"header": "Other"}, {"write": "once"}, {"source": "note"}):
            document = copy.deepcopy(first.model_dump())
            column = next(c for c in document["orders"]["columns"] if c["source"] == "customer_name")
            column.update(change)
            prints.add(fingerprint_of(Layout.model_validate(document), "a shop by Europe/Berlin"))
        assert len(prints) == 2 + 1 + 3
        assert fingerprint_of(read_layout(layout), "a shop") == fingerprint_of(first, "a shop")

    def test_a_layout_of_ones_own_is_a_file_below_the_home_folder(self, own_folder: Path) -> None:
        (own_folder / "mine.toml").write_text(GOOD)
        assert mapped(order(1), "mine.toml") == {
            "Id": "5000001",
            "Made": 46143,
            "lines": {n: {"Id": "5000001", "Line": n} for n in ("1001", "1002")},
        }

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ('source = "id" }, { header = "Made"', 'source = "colour" }, { header = "Made"', "no source 'colour'"),
            ('header = "Line", source = "id"', 'header = "Line", source = "note"', "no source 'note'"),
            ('type = "date"', 'type = "money"', "'Made'"),
            ('source = "order_key"', 'source = "order_key", type = "date"', "'Id'"),
            ('type = "date"', 'type = "colour"', "orders.columns.1.type"),
            ('key = "Line"', 'key = "Number"', "'Number'"),
            ('order = "Id"', 'order = "Order"', "'Order'"),
            ('order = "Id"', "", "order's key"),
            ('tab = "Lines"', 'tab = "Orders"', "another one"),
            ('header = "Made"', 'header = "Id"', "twice: Id"),
            ('header = "Made"', 'header = "Id "', "twice: Id"),
            ('header = "Made"', 'header = " "', "without a header"),
            ('header = "Made", source = "created_at", type = "date"', 'header = "Made"', "needs a source or a value"),
            ('header = "Id", source = "id"', 'header = "Id", source = "id", write = "once"', "must be among"),
            ('header = "Id", source = "id"', 'header = "Id", source = "id", write = "never"', "needs a source or a value"),
            ('tab = "Lines"', 'tab = "Lines"\ncolour = "red"', "lines.colour"),
            ("[lines]", "[rows]", "lines"),
            ("[orders]", "[orders", "cannot be read"),
        ],
    )
    def test_a_layout_that_is_not_right_is_refused_with_what_is_wrong(
        self, own_folder: Path, old: str, new: str, told: str
    ) -> None:
        assert old in GOOD
        (own_folder / "mine.toml").write_text(GOOD.replace(old, new))
        with pytest.raises(SettingsError) as failed:
            read_layout("mine.toml")
        assert told in str(failed.value)
        assert "mine.toml" in str(failed.value)

    @pytest.mark.parametrize("named", ["plian", "no/such.toml", "../x.toml"])
    def test_a_layout_that_is_not_there_is_refused_with_those_that_are(self, named: str) -> None:
        with pytest.raises(SettingsError, match="order_book, plain"):
            read_layout(named)

    def test_a_layout_that_is_a_folder_or_no_text_is_refused(self, own_folder: Path) -> None:
        (own_folder / "folder.toml").mkdir()
        (own_folder / "binary.toml").write_bytes(b"\xff\xfe\x00")
        for named in ("folder.toml", "binary.toml"):
            with pytest.raises(SettingsError, match="cannot be read"):
                read_layout(named)
