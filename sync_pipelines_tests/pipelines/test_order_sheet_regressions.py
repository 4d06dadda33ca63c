"""Faults that were found once in the order sheet, each by what it did."""

from __future__ import annotations

import copy
import time
from datetime import date
from typing import Any

import pytest

import sync_pipelines_tests.pipelines.order_scene as desks
from sync_pipelines.delivery import records, tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sheets import order_rows, planning
from sync_pipelines.pipelines.shopify_sheets.sheet import LayoutProblem
from sync_pipelines.pipelines.shopify_store.orders import CHANGES_KEY
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.google_sheets import SpreadsheetUnknown
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines_tests.pipelines.order_scene import WRITE, Hurried, OrderScene, money, order, orders, settled


def statuses(desk: OrderScene) -> list[Any]:
    return [row["Status"] for row in desk.table()]


def test_a_file_of_the_log_that_is_missing_marks_nobody_as_deleted(full: OrderScene) -> None:
    full.take(*orders(11, 20))
    full.sync()
    files = full.warehouse.partitions(CHANGES_KEY, ShopifySettings.read().account)
    assert len(files) == 2
    files[0].path.unlink()
    found = full.sync()
    assert "Deleted" not in statuses(full)
    assert found.writes == 0


def test_the_same_shop_under_another_name_marks_nobody_as_deleted(full: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPIFY_URL", ShopifySettings.read().url.replace("127.0.0.1", "localhost"))
    full.take(*orders(11, 12))
    full.sync()
    assert "Deleted" not in statuses(full)
    assert len(full.table()) == 12


def test_an_order_that_another_run_took_in_meanwhile_is_not_marked_as_deleted(
    full: OrderScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run lists the log; another appends, maps and delivers; the first goes on with what it listed."""
    real, other = order_rows.current_orders, OrderScene(full.sandbox)
    other.shop = full.shop

    def slow(*arguments: Any) -> Any:
        listed = real(*arguments)
        monkeypatch.setattr(order_rows, "current_orders", real)
        con = listed.__enter__()
        other.take(order(11))
        assert other.sync().counts == {"delivered": 1}

        class Held:
            def __enter__(self) -> Any:
                return con

            def __exit__(self, *error: Any) -> None:
                listed.__exit__(*error)

        return Held()

    first = full.target()
    monkeypatch.setattr(order_rows, "current_orders", slow)
    plan = full.plan(first)
    assert plan.counts.update == 0
    assert full.row(11)["Status"] == "Open"


def test_two_runs_never_write_to_the_same_new_rows(full: OrderScene) -> None:
    """The first run looked; the second wrote new rows and was done; the first goes on within a second of its look."""
    full.take(*orders(11, 12))
    first = full.target()
    first.known()
    second = OrderScene(full.sandbox)
    second.shop = full.shop
    assert second.sync().counts == {"delivered": 2}
    full.take(order(13))
    first.sheet._seen_at = time.monotonic()
    plan = full.plan(first)
    first.sheet._seen_at = time.monotonic()
    try:
        full.apply(first, plan)
    except DeliveryError as e:
        assert "Nothing was sent" in str(e)
    full.sync()
    assert full.wrong() == []


def test_a_line_whose_orders_key_was_cleared_gets_it_back_and_no_second_row(full: OrderScene) -> None:
    column = "ABCDEFGHIJKLM"[full.cells("Line Items")[0].index("Order ID")]
    full.person("type", "Line Items", cell=f"{column}2", value="")
    full.change(1, note="x")
    full.sync()
    assert full.wrong() == []


def test_a_number_that_no_amount_can_be_is_put_right_and_stops_nothing(full: OrderScene) -> None:
    column = chr(ord("A") + full.cells()[0].index("Total"))
    full.person("type", cell=f"{column}2", value="1e30")
    full.sync("all")
    assert full.wrong() == []


def test_rows_that_staff_deleted_stay_deleted_and_stop_nothing(desk: OrderScene) -> None:
    desk.take(*orders(1, 60, 1))
    desk.sync()
    desk.person("delete_rows", at=2, count=4)
    desk.person("delete_rows", "Line Items", at=2, count=4)
    desk.take(*orders(61, 62, 1))
    found = desk.sync()
    assert found.counts == {"delivered": 2, "held": 4}
    assert set(found.held.values()) == {"gone"}
    assert len(desk.table()) == 58


def test_a_row_deleted_just_after_it_was_written_stays_deleted(full: OrderScene) -> None:
    full.take(order(11))
    gone = [full.action("delete_rows", at=5), full.action("delete_rows", "Line Items", at=8, count=2)]
    full.fault(WRITE, "human", when="after", action=gone)
    assert full.sync().counts == {"delivered": 1}
    assert full.sync().held == {"5000004": "gone"}


def test_the_spreadsheet_is_the_same_one_by_its_title_and_by_its_id(full: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
    full.person("delete_rows", at=5)
    full.person("delete_rows", "Line Items", at=8, count=2)
    assert full.sync().held == {"5000004": "gone"}
    found = full.client().find(full.title)
    monkeypatch.setenv("SHOPIFY_SHEETS_SPREADSHEET", f"https://docs.google.com/spreadsheets/d/{found}/edit")
    assert full.sync().held == {"5000004": "gone"}


def test_without_its_ledger_it_still_keeps_old_rows_in_step(full: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
    full.ledger.close()
    for path in data_dir().glob("ledger.db*"):
        path.unlink()
    full.ledger = Ledger.at(data_dir() / "ledger.db", Hurried())
    monkeypatch.setattr(desks, "FIRST", date(2026, 10, 20))
    full.change(3, note="changed after the ledger was lost")
    full.sync()
    assert full.row(3)["Note"] == "changed after the ledger was lost"
    assert full.wrong() == []


def test_a_line_that_staff_typed_in_before_the_write_is_left_alone(full: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPIFY_SHEETS_POSITIONS_HOLD", "0.001")
    full.change(4, note="new")
    there = full.target()
    plan, look = full.plan(there), there.sheet.look_before_writing

    def typed(keys: Any, hold: float) -> None:
        row = ["mine", "5000004", "GIFT-1", "a gift card, ask Ann"]
        full.person("type", "Line Items", cell="A22", values=[row])
        look(keys, hold)

    monkeypatch.setattr(there.sheet, "look_before_writing", typed)
    full.apply(there, plan)
    assert full.cells("Line Items")[21][3] == "a gift card, ask Ann"


def test_an_unknown_order_that_was_written_over_is_named_and_no_run_is_green(
    full: OrderScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old order that the old program tracked, and that was never read here, is moved under our write."""
    full.person("type", cell="A14", values=[["#900", "4999000"]])
    records.inherit(full.ledger, full.settings.account, {"4999000": "2026-01-01T00:00:00+00:00"})
    full.change(10, note="new")
    full.fault(WRITE, "human", when="before", action=full.action("move_rows", at=14, count=1, to=11))
    there = full.target()
    full.apply(there, full.plan(there))
    asked: list[set[str]] = []
    monkeypatch.setattr(planning.missing, "find_orders", lambda keys, *_: asked.append(keys))
    _, lost = planning.repair_overwritten(full.session(), there)
    assert (asked, lost) == ([{"4999000"}], ["4999000"])
    assert full.wrong() == []


def test_no_plan_is_asked_about_its_columns_where_the_records_are_of_this_version(full: OrderScene) -> None:
    asked = []
    real = full.ledger.rows
    full.ledger.rows = lambda query: (asked.append(str(query)), real(query))[1]  # type: ignore[method-assign]
    for n in range(1, 6):
        full.change(n, note=f"change {n}")
        full.sync()
    of_plans = [query for query in asked if f"{tables.plan.name}.owned" in query and "FROM plan \nWHERE plan.id IN" in query]
    assert of_plans == []


def test_an_order_whose_name_ends_with_a_blank_gets_one_row_and_is_current_ever_after(book: OrderScene) -> None:
    book.take(order(1, 2, name="EU/7002 "))
    assert book.sync().counts == {"delivered": 1}
    assert (book.row(1)["OrderID"], book.row(1)["row"], book.row(1)["Printed"]) == ("WEBEU/7002", 5, False)
    again = book.sync("all")
    assert (again.writes, again.counts) == (0, {})
    book.change(1, note="new")
    assert book.sync().counts == {"delivered": 1}
    settled(book)


def test_two_orders_whose_names_differ_in_a_blank_are_held_and_not_mixed_up(book: OrderScene) -> None:
    book.take(order(1, name="#1001"), order(2, name="#1001 "))
    assert set(book.sync().held.values()) == {"conflict"}
    assert [row["OrderID"] for row in book.table("Customer Orders")].count("WEB1001") == 0


def test_a_new_row_whose_key_somebody_changes_at_once_is_held_and_not_written_again(full: OrderScene) -> None:
    full.take(order(11))
    full.fault(WRITE, "human", when="after", action=full.action("type", cell="B12", value="a key of ours no more"))
    assert full.sync().counts == {"drifted": 1}
    assert len(full.table()) == 11
    assert full.sync().held == {"5000011": "gone"}
    assert len(full.table()) == 11


def test_new_orders_go_below_the_last_order_and_not_below_prefilled_boxes(full: OrderScene) -> None:
    full.person("insert_columns", at="D", count=1)
    full.person("type", cell="D1", values=[["Packed"], *[["FALSE"]] * 150])
    full.take(*orders(11, 12))
    assert full.sync().counts == {"delivered": 2}
    assert [full.row(n)["row"] for n in (11, 12)] == [12, 13]
    assert full.row(11)["Packed"] is False
    settled(full)


def test_a_total_below_the_table_in_a_column_of_ours_is_not_written_over(full: OrderScene) -> None:
    column = chr(ord("A") + full.cells()[0].index("Total"))
    full.person("type", cell=f"{column}14", value="=SUM(O2:O11)")
    full.take(order(11))
    full.sync()
    assert full.row(11)["row"] == 15
    assert full.cells()[13][ord(column) - ord("A")] is not None
    settled(full)


@pytest.mark.parametrize(("tab", "cells"), [("Orders", "B3:B5"), ("Line Items", "B2:B3"), ("Orders", "A4:C4")])
def test_merged_key_cells_are_refused_with_their_range(full: OrderScene, tab: str, cells: str) -> None:
    full.person("merge", tab, range=cells)
    before = full.cells()
    full.change(1, note="new")
    with pytest.raises(LayoutProblem, match=f"{cells} are merged"):
        full.sync()
    assert full.cells() == before


def test_cells_that_are_merged_elsewhere_are_nobodys_business(full: OrderScene) -> None:
    full.person("insert_columns", at="V", count=2)
    full.person("merge", range="V2:W9")
    full.change(1, note="new")
    assert full.sync().counts == {"delivered": 1}
    settled(full)


def test_a_spreadsheet_in_the_bin_is_refused_by_its_id_and_by_its_title(
    full: OrderScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.change(1, note="new")
    found = full.target().sheet.id
    full.person("trash")
    with pytest.raises(SpreadsheetUnknown, match="in the bin"):
        full.sync()
    monkeypatch.setenv("SHOPIFY_SHEETS_SPREADSHEET", found)
    with pytest.raises(DeliveryError, match="Restore it"):
        full.sync()
    full.sandbox.google.change_state({"person": [{"spreadsheet": found, "do": "restore"}]})
    assert full.sync().counts == {"delivered": 1}


def test_a_protected_range_costs_one_refused_write_however_many_orders_there_are(full: OrderScene) -> None:
    full.take(*orders(11, 40))
    column = chr(ord("A") + full.cells()[0].index("Tags"))
    full.person("protect", range=f"{column}20:{column}25")
    before = len(full.sandbox.calls("google"))
    with pytest.raises(DeliveryError, match="are protected: let "):
        full.sync()
    calls = full.sandbox.calls("google")[before:]
    assert [call["status"] for call in calls].count(400) == 1
    assert len(calls) <= 8
    full.person("unprotect")
    assert full.sync().counts == {"delivered": 30}
    settled(full)


def test_orders_that_were_mapped_before_they_were_read_in_full_change_where_they_differ_and_once(desk: OrderScene) -> None:
    made = orders(1, 5, 1)
    bought_by_code = {**made[1]["lineItems"][0], "discountAllocations": [{"allocatedAmountSet": money("1.00")}]}
    now = [*made[:1], {**made[1], "lineItems": [bought_by_code]}, {**made[2], "currentTotalTaxSet": money("1.70")}, *made[3:]]
    before: list[dict[str, Any]] = copy.deepcopy(now)
    for each in before:
        for name in ("currentSubtotalPriceSet", "currentTotalTaxSet", "currentShippingPriceSet", "edited"):
            del each[name]
        del each["lineItems"][0]["discountAllocations"]
    desk.take(*before)
    desk.sync()
    assert [row["Tax"] for row in desk.table()] == [6.7] * 5
    places = [desk.row(n)["row"] for n in range(1, 6)]
    desk.take(*now, changed=False)
    assert desk.sync().counts == {"delivered": 2}
    assert [desk.row(n)["row"] for n in range(1, 6)] == places
    assert (desk.row(3)["Tax"], desk.lines(2)[0]["Line total"]) == (1.7, 20.0)
    settled(desk)


@pytest.mark.parametrize("field", ["totalPriceSet", "currencyCode"])
def test_an_order_that_came_without_what_its_row_needs_is_held_by_name_and_the_rest_is_written(
    desk: OrderScene, field: str
) -> None:
    bare = order(2)
    del bare[field], bare["test"], bare["displayFulfillmentStatus"]
    desk.take(order(1), bare, order(3))
    found = desk.sync()
    assert (found.counts, found.held) == ({"delivered": 2, "held": 1}, {"5000002": "conflict"})
    (reason,) = desk.files.query(found.plan.id, "SELECT reason FROM plan WHERE held = 'conflict'")
    assert f"#1002 came without {field}" in reason["reason"]
