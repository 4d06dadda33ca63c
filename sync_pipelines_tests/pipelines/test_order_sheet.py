"""Orders in a spreadsheet that people work in: each once, always current, and what people wrote left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.releasing import release
from sync_pipelines.pipelines.shopify_sheets.sheet import LayoutProblem
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines_tests.pipelines.order_scene import OrderScene, address, line, money, order, orders, settled

TEXTS = ("=1+1", "+4930123", "-x", "@x", "007", "12345678901234567890", "1e5", "TRUE", "5%", "'a", "👩‍🍳 €", "a\nb", " x ")


class TestFirstWrite:
    def test_300_orders_reach_a_blank_sheet_in_one_write_and_few_reads(self, desk: OrderScene) -> None:
        desk.take(*orders(1, 300, 3))
        first = desk.sync()
        assert first.counts == {"delivered": 300}
        assert first.reads <= 4
        assert first.writes <= 2, "the grid grown, then the rows"
        assert (len(desk.table()), len(desk.table("Line Items"))) == (300, 900)
        assert (first.reports[0].read_back, first.reports[0].as_planned) == (300, 300)
        settled(desk)

    def test_nothing_changed_is_no_write_and_at_most_three_reads(self, full: OrderScene) -> None:
        again = full.sync()
        assert (again.counts, again.writes) == ({}, 0)
        assert again.reads <= 3

    def test_rows_stand_in_the_order_in_which_the_orders_came(self, full: OrderScene) -> None:
        assert [r["Order"] for r in full.table()] == [f"#{1000 + n}" for n in range(1, 11)]
        assert [r["Line ID"] for r in full.table("Line Items")][:4] == ["1001", "1002", "2001", "2002"]

    def test_text_stays_text_and_no_cell_becomes_a_formula(self, desk: OrderScene) -> None:
        for n, text in enumerate(TEXTS, 1):
            changes = {"note": text, "tags": [text], "email": text, "phone": text, "shippingAddress": address(address1=text)}
            desk.take(
                order(n, [line(n * 1000, sku=text, title=text, customAttributes=[{"key": text, "value": text}])], **changes)
            )
        desk.sync()
        assert [r["Note"] for r in desk.table()] == list(TEXTS)
        assert [r["SKU"] for r in desk.table("Line Items")] == list(TEXTS)
        assert desk.sandbox.google.formulas_entered == []
        settled(desk)

    def test_a_note_of_50_000_characters_and_an_order_without_anything(self, desk: OrderScene) -> None:
        bare = {"customer": None, "shippingAddress": None, "billingAddress": None, "email": None, "phone": None}
        desk.take(order(1, 1, note="ä" * 60_000), order(2, 0, **bare), order(3, 300))
        assert desk.sync().counts == {"delivered": 3}
        assert len(desk.row(1)["Note"]) == 50_000
        assert len(desk.lines(3)) == 300
        settled(desk)

    def test_amounts_and_times_are_numbers_with_a_format(self, full: OrderScene) -> None:
        row = full.row(1)
        assert (row["Total"], row["Items"]) == (42.0, 4.0)
        assert isinstance(row["Created"], float)
        tab = next(
            t
            for b in full.sandbox.google.state()["spreadsheets"]
            if b["title"] == "Order Book"
            for t in b["tabs"]
            if t["title"] == "Orders"
        )
        header = tab["cells"][0]
        cell = tab["cells"][1][[h if isinstance(h, str) else h.get("value") for h in header].index("Total")]
        assert "#,##0.00" in str(cell)

    def test_a_write_is_cut_at_the_size_the_settings_name(self, desk: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_WRITE_BYTES", "20000")
        desk.take(*(order(n, 2, note="é" * 2000) for n in range(1, 31)))
        assert desk.sync().counts == {"delivered": 30}
        assert desk.sandbox.google.largest_write <= 20_000
        settled(desk)

    def test_one_order_larger_than_a_write_still_goes(self, desk: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_WRITE_BYTES", "10000")
        desk.take(order(1, 2, note="x" * 30_000), order(2, 200))
        assert desk.sync().counts == {"delivered": 2}
        settled(desk)

    def test_test_orders_stay_out_unless_asked_for(self, desk: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.take(order(1), order(2, test=True))
        assert desk.sync().counts == {"delivered": 1}
        monkeypatch.setenv("SHOPIFY_SHEETS_TEST_ORDERS", "true")
        assert desk.sync().counts == {"delivered": 1}
        settled(desk)

    def test_positions_may_be_set_to_hold_no_time_at_all(self, desk: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_POSITIONS_HOLD", "0")
        desk.take(*orders(1, 3))
        assert desk.sync().counts == {"delivered": 3}
        settled(desk)


class TestPrepare:
    def test_it_can_be_run_again_and_again(self, blank: OrderScene) -> None:
        assert len(blank.prepare()) == 4
        before, writes = blank.sandbox.google.state()["spreadsheets"], blank.sandbox.google.writes
        assert blank.prepare() == []
        assert blank.sandbox.google.state()["spreadsheets"] == before
        assert blank.sandbox.google.writes == writes

    def test_a_blank_tab_gets_its_headers_and_other_tabs_stay(self, blank: OrderScene) -> None:
        blank.person("type", "Sheet1", cell="A1", value="mine")
        blank.person("add_tab", "Sheet1", title="Orders")
        blank.prepare()
        assert blank.cells()[0] == list(blank.layout.orders.headers)
        assert blank.cells("Sheet1") == [["mine"]]

    def test_headers_that_are_there_stay_where_they_are_and_missing_ones_follow(self, blank: OrderScene) -> None:
        blank.person("add_tab", "Sheet1", title="Orders")
        blank.person("type", cell="A1", values=[["Baker", "Total", " Order ID "]])
        blank.prepare()
        header = blank.cells()[0]
        assert header[:3] == ["Baker", "Total", " Order ID "]
        assert sorted(h.strip() for h in header) == sorted(["Baker", *blank.layout.orders.headers])
        blank.take(*orders(1, 3))
        assert blank.sync().counts == {"delivered": 3}
        settled(blank)

    @pytest.mark.parametrize("cell", ["A2", "D7", "B60"])
    def test_a_tab_with_content_and_no_headers_is_refused(self, blank: OrderScene, cell: str) -> None:
        blank.person("add_tab", "Sheet1", title="Orders")
        blank.person("type", cell=cell, value="what is this")
        before = blank.cells()
        with pytest.raises(LayoutProblem, match="nothing in its first row"):
            blank.prepare()
        assert blank.cells() == before

    def test_a_header_row_that_begins_with_empty_cells_is_one(self, blank: OrderScene) -> None:
        blank.person("add_tab", "Sheet1", title="Orders")
        blank.person("type", cell="C1", value="Order ID")
        blank.prepare()
        assert blank.cells()[0].count("Order ID") == 1
        blank.take(*orders(1, 2))
        assert blank.sync().counts == {"delivered": 2}
        settled(blank)

    def test_an_order_book_without_keys_for_its_lines_gets_a_column_for_them(self, book: OrderScene) -> None:
        assert book.cells(book.layout.lines.tab)[0][-2:] == ["LineItemID", "LineStatus"]
        assert book.prepare() == []

    def test_a_sheet_that_was_not_prepared_is_refused_with_what_to_do(self, blank: OrderScene) -> None:
        blank.take(*orders(1, 2))
        with pytest.raises(LayoutProblem, match="sync-pipelines prepare"):
            blank.sync()
        assert blank.sandbox.google.writes == 0


class TestChanges:
    def test_a_changed_order_changes_its_row_where_it_stands(self, full: OrderScene) -> None:
        before = full.row(4)
        full.change(4, note="=new", currentTotalPriceSet=money("50.00"))
        assert full.sync().counts == {"delivered": 1}
        assert full.row(4) == {**before, "Note": "=new", "Total": 50.0, "Updated": full.row(4)["Updated"]}
        settled(full)

    def test_a_value_that_is_gone_from_the_order_is_gone_from_the_cell(self, full: OrderScene) -> None:
        full.change(4, email=None, shippingAddress=None, billingAddress=None)
        full.sync()
        assert (full.row(4)["Email"], full.row(4)["Ship to"]) == (None, None)
        settled(full)

    def test_a_line_added_by_an_edit_gets_a_row_below_and_one_taken_away_is_marked(self, full: OrderScene) -> None:
        full.change(4, lineItems=[full.shop[4]["lineItems"][1], line(4009)])
        full.sync()
        assert {r["Line ID"]: r["Status"] for r in full.lines(4)} == {"4001": "Removed", "4002": "Ordered", "4009": "Ordered"}
        assert full.lines(4)[-1]["row"] == 22
        settled(full)
        full.change(4, note="again")
        full.sync()
        assert len(full.lines(4)) == 3
        settled(full)

    def test_a_cancelled_order_keeps_its_row_and_says_so(self, full: OrderScene) -> None:
        gone = [{**each, "currentQuantity": 0} for each in full.shop[4]["lineItems"]]
        full.change(4, cancelledAt="2026-05-02T10:00:00Z", cancelReason="CUSTOMER", lineItems=gone)
        full.sync()
        assert full.row(4)["Status"] == "Cancelled"
        assert {r["Status"] for r in full.lines(4)} == {"Removed"}
        settled(full)

    def test_only_what_changed_is_sent(self, full: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        full.change(4, note="x")
        there = full.target()
        sent: list[Any] = []
        real = there.sheet.client.write

        def write(book: str, data: Any) -> None:
            sent.extend(data)
            real(book, data)

        monkeypatch.setattr(there.sheet.client, "write", write)
        full.apply(there, full.plan(there))
        assert [(c.tab, c.row, c.last_row) for c, _ in sent] == [("Orders", 5, 5)]

    def test_a_layout_with_another_column_changes_every_row_where_it_stands(
        self, full: OrderScene, own_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sync_pipelines.pipelines.shopify_sheets.layout import LAYOUTS

        text = (
            (LAYOUTS / "plain.toml")
            .read_text()
            .replace('{ header = "Tags", source = "tags" }', '{ header = "Tags", source = "source" }')
        )
        (own_folder / "mine.toml").write_text(text)
        monkeypatch.setenv("SHOPIFY_SHEETS_LAYOUT", "mine.toml")
        full.sync()
        assert {r["Tags"] for r in full.table()} == {"web"}
        assert (len(full.table()), len(full.table("Line Items"))) == (10, 20)
        settled(full)

    def test_a_cell_of_ours_that_a_person_typed_over_is_put_right_when_it_is_looked_at(self, full: OrderScene) -> None:
        full.person("type", cell="S3", value="EUROS")
        assert full.sync().counts == {}
        assert full.sync("all").counts == {"delivered": 1}
        settled(full)

    def test_or_held_where_the_settings_say_so(self, full: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_FOREIGN_EDITS", "hold")
        column = "ABCDEFGHIJKLMNOPQRSTU"[list(full.layout.orders.headers).index("Status")]
        full.person("type", cell=f"{column}3", value="called her")
        found = full.sync("all")
        assert found.held == {"5000002": "foreign_edit"}
        assert (found.writes, full.row(2)["Status"]) == (0, "called her")


class TestPeople:
    MOVES: dict[str, list[dict[str, Any]]] = {
        "rows sorted": [{"do": "sort", "by": "B", "range": "A2:V11", "descending": True}],
        "rows inserted": [{"do": "insert_rows", "at": 3, "count": 2}, {"do": "insert_rows", "at": 2, "tab": "Line Items"}],
        "rows moved": [
            {"do": "move_rows", "at": 2, "count": 3, "to": 9},
            {"do": "move_rows", "at": 12, "count": 2, "to": 3, "tab": "Line Items"},
        ],
        "columns inserted": [
            {"do": "insert_columns", "at": "B", "count": 2},
            {"do": "insert_columns", "at": "A", "tab": "Line Items"},
        ],
        "columns moved": [
            {"do": "move_columns", "at": "B", "to": "K"},
            {"do": "move_columns", "at": "C", "to": "A", "tab": "Line Items"},
        ],
        "a column of theirs in the middle": [{"do": "insert_columns", "at": "E", "values": [["Mine"], ["m"]]}],
        "blank rows deleted below": [{"do": "delete_rows", "at": 30, "count": 100}],
        "a filter set": [{"do": "filter", "range": "A1:U50", "criteria": {}}],
    }

    @pytest.mark.parametrize("when", ["between runs", "between plan and apply"])
    @pytest.mark.parametrize("move", MOVES)
    def test_orders_are_found_wherever_people_put_them(self, noted: OrderScene, when: str, move: str) -> None:
        noted.change(2, note="new")
        noted.change(3, lineItems=[*noted.shop[3]["lineItems"], line(3009)])
        noted.take(order(11))
        bakers, done = noted.notes("Baker"), noted.notes("Done", "Line Items")

        def act() -> None:
            for action in self.MOVES[move]:
                noted.person(**action)

        if when == "between runs":
            act()
        found = noted.sync(between=act if when != "between runs" else None)
        assert found.counts == {"delivered": 3}
        assert noted.notes("Baker") == bakers
        assert noted.notes("Done", "Line Items") == done
        cells = [c for tab in ("Orders", "Line Items") for row in noted.cells(tab) for c in row]
        assert (cells.count("remember the milk"), cells.count(2)) == (1, cells.count(2))
        settled(noted)

    def test_what_people_wrote_stays_byte_for_byte(self, noted: OrderScene) -> None:
        noted.person("type", cell="C2", value='=CONCATENATE("a","b")')
        noted.person("type", cell="C3", value="'007")
        noted.person("format", range="C:C", number_format={"type": "TEXT"})

        def theirs() -> list[Any]:
            (mine,) = [b for b in noted.sandbox.google.state()["spreadsheets"] if b["id"] == noted.target().sheet.id]
            by_tab = {t["title"]: t["cells"] for t in mine["tabs"]}
            return [
                [r[2:3] for r in by_tab["Orders"][:11]],
                [r[:1] for r in by_tab["Line Items"][:21]],
                by_tab["Orders"][15],
                by_tab["Line Items"][29],
            ]

        before = theirs()
        noted.take(*({**noted.shop[n], "note": f"changed {n}"} for n in range(1, 11)))
        noted.take(*orders(11, 14))
        noted.sync()
        assert theirs() == before
        settled(noted)

    def test_new_rows_go_below_whatever_people_wrote_below(self, noted: OrderScene) -> None:
        noted.take(*orders(11, 12))
        noted.sync()
        assert [noted.row(n)["row"] for n in (11, 12)] == [17, 18]
        assert noted.lines(11)[0]["row"] == 31
        assert noted.cells()[15][4] == "remember the milk"
        settled(noted)

    def test_a_note_in_a_column_of_the_staffs_says_nothing_about_where_the_next_order_goes(self, full: OrderScene) -> None:
        full.person("insert_columns", at="V", count=5)
        full.person("type", cell="Z40", value="note to self")
        full.take(order(11))
        full.sync()
        assert full.row(11)["row"] == 12
        assert full.cells()[39][25] == "note to self"
        settled(full)

    def test_orders_of_the_staffs_own_are_left_alone(self, full: OrderScene) -> None:
        full.person("type", cell="A12", values=[["by phone", "PHONE1", "", "Open"]])
        full.take(order(11))
        full.sync("all")
        assert full.cells()[11] == ["by phone", "PHONE1", None, "Open"]
        assert full.row(11)["row"] == 13
        settled(full)

    def test_a_full_grid_grows_before_it_is_written(self, full: OrderScene) -> None:
        full.sandbox.google.change_state(
            {
                "grid": [
                    {"spreadsheet": "Order Book", "tab": "Orders", "rows": 11},
                    {"spreadsheet": "Order Book", "tab": "Line Items", "rows": 21},
                ]
            }
        )
        full.take(*orders(11, 13))
        full.change(10, note="last row")
        assert full.sync().counts == {"delivered": 4}
        settled(full)

    def test_rows_inserted_into_a_full_grid_between_plan_and_apply(self, full: OrderScene) -> None:
        full.sandbox.google.change_state(
            {
                "grid": [
                    {"spreadsheet": "Order Book", "tab": "Orders", "rows": 11},
                    {"spreadsheet": "Order Book", "tab": "Line Items", "rows": 21},
                ]
            }
        )
        full.change(10, note="last row")
        assert full.sync(between=lambda: full.person("insert_rows", at=3, count=2)).counts == {"delivered": 1}
        settled(full)

    @pytest.mark.parametrize(
        ("actions", "told"),
        [
            ([("rename_header", {"from": "Total", "to": "Sum"})], r"no column 'Total'"),
            ([("rename_header", {"from": "Order ID", "to": "Id"})], r"no column 'Order ID'"),
            ([("delete_columns", {"at": "A", "count": 1})], r"no column 'Order'"),
            ([("insert_columns", {"at": "Z", "values": [["Total"]]})], r"several columns 'Total'"),
            ([("insert_columns", {"at": "A", "values": [["Order ID "]]})], r"several columns 'Order ID'"),
            ([("rename_tab", {"to": "Archive"})], r"no tab 'Orders'"),
            ([("delete_rows", {"at": 1})], r"no column"),
        ],
        ids=["renamed", "key renamed", "deleted", "twice", "key twice", "tab renamed", "header row deleted"],
    )
    @pytest.mark.parametrize("when", ["between runs", "between plan and apply"])
    def test_a_header_or_tab_that_is_not_as_laid_out_is_refused_and_nothing_written(
        self, full: OrderScene, actions: list[tuple[str, dict[str, Any]]], told: str, when: str
    ) -> None:
        full.person("insert_columns", at="V", count=6)
        full.take(order(11))
        full.change(1, note="x")

        def act() -> None:
            for do, how in actions:
                full.person(do, **how)

        writes = full.sandbox.google.writes
        if when == "between runs":
            act()
        with pytest.raises((DeliveryError, VendorError)) as failed:
            full.sync(between=act if when != "between runs" else None)
        assert full.sandbox.google.writes == writes
        if when == "between runs":
            assert failed.match(told)
            assert failed.match("Nothing was written")

    def test_a_tab_whose_title_is_almost_right_is_named(self, full: OrderScene) -> None:
        full.person("rename_tab", to="orders")
        with pytest.raises(LayoutProblem, match=r"no tab 'Orders'.*'orders': rename it"):
            full.sync()

    def test_put_right_again_the_run_goes_on(self, full: OrderScene) -> None:
        full.take(order(11))
        full.person("rename_header", **{"from": "Total", "to": "Sum"})
        with pytest.raises(LayoutProblem):
            full.sync()
        full.person("rename_header", **{"from": "Sum", "to": "Total"})
        full.sync()
        settled(full)

    def test_an_order_whose_rows_a_person_deleted_is_not_made_again(self, full: OrderScene) -> None:
        full.person("delete_rows", at=5)
        full.person("delete_rows", "Line Items", at=8, count=2)
        for _ in range(2):
            found = full.sync()
            assert found.held == {"5000004": "gone"}
            assert found.writes == 0
        full.change(4, note="changed since")
        assert full.sync().held == {"5000004": "gone"}
        plan = full.sync().plan
        release(full.ledger, full.files, plan.id, ["5000004"], "it was deleted by mistake")
        full.sync()
        settled(full)

    def test_an_order_whose_own_row_alone_a_person_deleted_is_not_made_again(self, full: OrderScene) -> None:
        full.person("delete_rows", at=5)
        found = full.sync()
        assert list(found.held) == ["5000004"]
        assert found.writes == 0
        assert len(full.table()) == 9

    def test_lines_whose_rows_a_person_deleted_are_put_back_when_they_are_looked_at(self, full: OrderScene) -> None:
        full.person("delete_rows", "Line Items", at=8, count=2)
        assert full.sync().counts == {}
        assert full.sync("all").counts == {"delivered": 1}
        settled(full)

    def test_a_key_that_stands_twice_is_held_and_neither_row_touched(self, full: OrderScene) -> None:
        full.person("type", cell="A14", values=[["copy", "5000004"]])
        full.change(4, note="new")
        before = full.cells()
        found = full.sync()
        assert found.held == {"5000004": "target"}
        assert full.cells() == before

    def test_a_line_that_stands_twice_is_held(self, full: OrderScene) -> None:
        full.person("type", "Line Items", cell="A30", values=[["", "5000004", "4001"]])
        full.change(4, note="new")
        before = full.cells("Line Items")
        assert full.sync().held == {"5000004": "target"}
        assert full.cells("Line Items") == before

    def test_a_key_retyped_as_a_number_is_still_the_key(self, full: OrderScene) -> None:
        full.person("type", cell="B5", value="5000004")
        full.person("type", "Line Items", cell="B8", value="5000004")
        full.person("type", "Line Items", cell="C8", value="4001")
        assert isinstance(full.cells()[4][1], float)
        full.change(4, note="new")
        assert full.sync().counts == {"delivered": 1}
        assert full.row(4)["Note"] == "new"
        settled(full)
