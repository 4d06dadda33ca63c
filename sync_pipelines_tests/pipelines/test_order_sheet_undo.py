"""Taking back what a plan wrote, and taking over what an older program wrote."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sheets import planning
from sync_pipelines_tests.pipelines.order_scene import WRITE, OrderScene, line, order, orders, settled

LINES = "Bakery Products Ordered "
ORDERS = "Customer Orders"


def web(n: int, lines: int = 1) -> Any:
    """The order that the order book knows as WEB<n>."""
    return order(n - 1000 if n > 1000 else n, lines, name=f"#{n}")


class TestUndo:
    def test_changed_rows_get_their_old_values_back(self, noted: OrderScene) -> None:
        before = [noted.cells(), noted.cells("Line Items")]
        noted.change(2, note="x", email=None)
        noted.change(3, displayFinancialStatus="REFUNDED")
        plan = noted.sync().plan
        assert noted.undo(plan).counts == {"delivered": 2}
        assert [noted.cells(), noted.cells("Line Items")] == before

    def test_rows_that_were_made_are_emptied_of_ours_and_stay(self, noted: OrderScene) -> None:
        before = noted.cells()
        noted.take(*orders(11, 12))
        plan = noted.sync().plan
        noted.person("type", cell="C17", value="baker 17")
        assert noted.undo(plan).counts == {"delivered": 2}
        after = noted.cells()
        assert after[: len(before)] == before
        assert after[16] == [None, None, "baker 17"]
        assert noted.lines(11) == []
        assert noted.sync().held == {"5000011": "undone", "5000012": "undone"}

    def test_a_row_that_was_made_and_undone_is_made_again_when_the_order_changes(self, full: OrderScene) -> None:
        full.take(order(11))
        full.undo(full.sync().plan)
        full.change(11, note="changed since")
        assert full.sync().counts == {"delivered": 1}
        assert full.wrong() == []
        settled(full)

    def test_lines_that_were_added_go_and_lines_that_were_marked_come_back(self, full: OrderScene) -> None:
        before = {r["Line ID"]: r["Status"] for r in full.lines(4)}
        full.change(4, lineItems=[full.shop[4]["lineItems"][1], line(4009), line(4010)])
        plan = full.sync().plan
        assert full.undo(plan).counts == {"delivered": 1}
        assert {r["Line ID"]: r["Status"] for r in full.lines(4)} == before
        assert full.sync().held == {"5000004": "undone"}

    def test_rows_are_found_wherever_people_put_them_since(self, noted: OrderScene) -> None:
        bakers = noted.notes("Baker")
        noted.change(2, note="x")
        noted.take(order(11))
        plan = noted.sync().plan
        noted.person("sort", by="B", descending=True)
        noted.person("insert_columns", at="A")
        noted.person("insert_rows", "Line Items", at=2, count=3)
        assert noted.undo(plan).counts == {"delivered": 2}
        assert noted.row(2)["Note"] is None
        assert noted.notes("Baker") == bakers
        assert [r["Order ID"] for r in noted.table() if r["Order ID"] == "5000011"] == []

    def test_what_was_changed_since_is_left_and_told(self, full: OrderScene) -> None:
        full.change(2, note="ours")
        full.change(3, note="ours too")
        plan = full.sync().plan
        note = "ABCDEFGHIJKLMNOPQRSTU"[list(full.layout.orders.headers).index("Note")]
        full.person("type", cell=f"{note}3", value="theirs")
        assert full.undo(plan).counts == {"drifted": 1, "delivered": 1}
        assert (full.row(2)["Note"], full.row(3)["Note"]) == ("theirs", None)

    def test_no_row_is_ever_deleted(self, full: OrderScene) -> None:
        full.take(*orders(11, 13))
        plan = full.sync().plan
        full.person("type", cell="A15", value="below")
        full.undo(plan)
        assert full.cells()[14] == ["below"]

    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request"])
    def test_an_undo_whose_reply_was_lost_is_settled_by_reading(self, full: OrderScene, kind: str) -> None:
        full.take(order(11))
        full.change(2, note="x")
        plan = full.sync().plan
        full.fault(WRITE, kind)
        assert full.undo(plan).counts == {"delivered": 2}
        assert full.row(2)["Note"] is None
        assert len(full.table()) == 10

    def test_an_undone_first_write_leaves_the_headers(self, desk: OrderScene) -> None:
        desk.take(*orders(1, 5))
        plan = desk.sync().plan
        desk.undo(plan)
        assert desk.table() == desk.table("Line Items") == []
        assert desk.cells()[0] == list(desk.layout.orders.headers)


class TestOrderBook:
    """The sandbox's order book: PHONE17 by hand, WEB998 (two lines) and WEB999 (one) by the old program."""

    def test_rows_of_lines_without_a_key_are_claimed_where_they_stand(self, book: OrderScene) -> None:
        book.take(web(998, 2), web(999, 1))
        before = (len(book.table(ORDERS)), len(book.table(LINES)))
        found = book.sync()
        assert (len(book.table(ORDERS)), len(book.table(LINES))) == before
        assert found.counts == {"delivered": 2}
        assert [r["LineItemID"] for r in book.lines(998)] == ["998001", "998002"]
        assert book.wrong() == []
        settled(book)

    def test_columns_of_the_staff_keep_what_they_hold_and_status_is_theirs(self, book: OrderScene) -> None:
        theirs = ("Status", "Special", "TextOk", "Order Taker", "Due Date", "Printed")
        before = {r["OrderID"]: {h: r[h] for h in theirs} for r in book.table(ORDERS)}
        lines = {
            (r["OrderID"], r["LineItem"]): {h: r[h] for h in ("Size", "Color", "Writing Notes", "Flavor")}
            for r in book.table(LINES)
        }
        phone = [r for r in book.table(ORDERS) if r["OrderID"] == "PHONE17"]
        book.take(web(998, 2), web(999, 1))
        book.sync()
        assert {r["OrderID"]: {h: r[h] for h in theirs} for r in book.table(ORDERS)} == before
        assert {
            (r["OrderID"], r["LineItem"]): {h: r[h] for h in ("Size", "Color", "Writing Notes", "Flavor")}
            for r in book.table(LINES)
        } == lines
        assert [r for r in book.table(ORDERS) if r["OrderID"] == "PHONE17"] == phone

    def test_a_new_order_is_new_until_the_staff_say_otherwise(self, book: OrderScene) -> None:
        book.take(web(1001, 2))
        book.sync()
        assert (book.row(1)["Status"], book.row(1)["Order Taker"]) == ("New", "Web")
        book.person("type", ORDERS, cell=f"A{book.row(1)['row']}", value="Baked")
        book.change(1, note="a change")
        book.sync()
        assert (book.row(1)["Status"], book.row(1)["Order Notes"]) == ("Baked", "a change")
        settled(book)

    def test_lines_that_are_not_as_many_as_the_rows_without_a_key_are_held(self, book: OrderScene) -> None:
        book.take(web(998, 3), web(999, 1))
        before = book.cells(LINES)
        found = book.sync()
        assert found.held == {"WEB998": "guard"}
        assert [r for r in book.cells(LINES) if r and r[0] == "WEB998"] == [r for r in before if r and r[0] == "WEB998"]

    def test_claimed_lines_can_be_undone_to_what_they_held(self, book: OrderScene) -> None:
        owned = ("Type", "Unit Price", "CakeQty", "Product Description", "Item Tax (Calculated)")
        before = [{h: r[h] for h in owned} for r in book.table(LINES)]
        book.take(web(998, 2), web(999, 1))
        plan = book.sync().plan
        assert book.undo(plan).counts == {"delivered": 2}
        assert [{h: r[h] for h in owned} for r in book.table(LINES)] == before


class TestOldDatabase:
    def old(self, folder: Path, *tracked: tuple[int, int]) -> Path:
        path = folder / "shopify_sync.db"
        with sqlite3.connect(path) as con:
            con.execute(
                """CREATE TABLE IF NOT EXISTS order_tracking (shopify_order_id TEXT PRIMARY KEY, order_number INTEGER UNIQUE, created_at,
                updated_at, sync_timestamp DEFAULT CURRENT_TIMESTAMP, order_hash, line_items_hash, sheets_row_number, sync_status)"""
            )
            con.executemany("INSERT INTO order_tracking (shopify_order_id, order_number) VALUES (?, ?)", tracked)
        con.close()
        return path

    def test_tracked_orders_in_the_book_are_kept_in_step_and_not_written_twice(self, book: OrderScene, own_folder: Path) -> None:
        self.old(own_folder, (5_000_998, 998), (5_000_999, 999))
        book.take(web(998, 2), web(999, 1), web(1001))
        assert book.sync().counts == {"delivered": 3}
        assert len(book.table(ORDERS)) == 4
        settled(book)

    def test_tracked_orders_that_are_not_in_the_book_are_not_appended(self, book: OrderScene, own_folder: Path) -> None:
        self.old(own_folder, (5_000_500, 500), (5_000_998, 998))
        book.take(web(998, 2), web(500, 2))
        found = book.sync()
        assert found.held == {"WEB500": "gone"}
        assert "WEB500" not in [r["OrderID"] for r in book.table(ORDERS)]

    def test_half_an_order_is_the_rows_of_its_lines_that_are_missing(self, book: OrderScene, own_folder: Path) -> None:
        """The old program wrote orders and lines in two calls; the second could fail."""
        self.old(own_folder, (5_000_998, 998))
        book.person("delete_rows", LINES, at=3, count=2)
        book.take(web(998, 2))
        assert book.sync().counts == {"delivered": 1}
        assert len(book.lines(998)) == 2
        settled(book)

    def test_it_is_taken_over_once_for_each_state_it_has(self, book: OrderScene, own_folder: Path) -> None:
        path = self.old(own_folder, (5_000_500, 500))
        book.take(web(998, 2))
        book.sync()
        assert book.states() == {"WEB500": "unverified", "WEB998": "present"}
        book.ledger.forget(book.settings.account, "WEB500")
        book.sync()
        assert book.states() == {"WEB998": "present"}
        self.old(own_folder, (5_000_501, 501))
        os.utime(path, (1, 1))
        book.sync()
        assert set(book.states()) == {"WEB500", "WEB501", "WEB998"}

    def test_what_is_known_better_than_by_the_old_database_stays(self, book: OrderScene, own_folder: Path) -> None:
        book.take(web(998, 2))
        book.sync()
        self.old(own_folder, (5_000_998, 998))
        assert book.sync().counts == {}
        assert book.states() == {"WEB998": "present"}

    def test_keys_follow_the_layouts_key_column(self, full: OrderScene, own_folder: Path) -> None:
        self.old(own_folder, ("gid://shopify/Order/5000011", 1011), (5_000_012, 1012))  # type: ignore[arg-type]
        full.take(*orders(11, 13))
        assert full.sync().held == {"5000011": "gone", "5000012": "gone"}
        assert full.wrong([*range(1, 11), 13]) == []

    @pytest.mark.parametrize("content", [b"not a database at all, no", b""])
    def test_a_file_that_is_no_such_database_stops_the_run_before_anything_is_sent(
        self, full: OrderScene, own_folder: Path, content: bytes
    ) -> None:
        (own_folder / "shopify_sync.db").write_bytes(content)
        full.take(order(11))
        writes = full.sandbox.google.writes
        with pytest.raises(DeliveryError, match=r"shopify_sync\.db cannot be read"):
            full.sync()
        assert full.sandbox.google.writes == writes


class TestAccount:
    def test_a_title_that_comes_to_mean_another_spreadsheet_is_refused(self, full: OrderScene) -> None:
        full.person("rename_spreadsheet", to="Old Order Book")
        full.sandbox.google.change_state(
            {"create": [{"title": "Order Book", "id": "1" + "n" * 43, "tabs": [{"title": "Sheet1"}]}]}
        )
        full.take(order(11))
        with pytest.raises(DeliveryError, match="so far it was"):
            full.sync()

    def test_a_plan_for_one_key_leaves_all_others(self, full: OrderScene) -> None:
        full.change(2, note="x")
        full.change(3, note="y")
        there = full.target()
        full.apply(there, full.plan(there, only=["5000003"]))
        assert (full.row(2)["Note"], full.row(3)["Note"]) == (None, "y")
        with pytest.raises(DeliveryError, match="no order is known as 77"):
            full.plan(there, only=["77"])

    def test_a_planned_row_is_shown_to_people_without_what_stands_in_it(self, full: OrderScene) -> None:
        full.change(2, note="=secret wish", email="who@example.com")
        plan = full.plan(full.target())
        (row,) = full.files.query(plan.id, "SELECT * FROM plan")
        shown = planning.readable({**row, "undo_note": None})
        assert "Note" in shown["changes"]
        assert "Email" in shown["changes"]
        assert "secret" not in str(shown) + plan.id
        assert "who@" not in str(shown)
