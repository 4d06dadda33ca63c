"""The questions over small mirrors made by hand: each rule is a row that is there, beside one that is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.pipelines.lightspeed_retail import answers
from sync_pipelines.pipelines.lightspeed_retail.answers import QUESTIONS, TRADED, Question
from sync_pipelines.pipelines.lightspeed_retail.collections import COLLECTIONS
from sync_pipelines.pipelines.mirrors import MirrorLog, NeverRead
from sync_pipelines.vendors.paging import Page
from sync_pipelines.warehouse.snapshots import Warehouse

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
OLD, LONG_AGO, LATELY = "2024-01-01T00:00:00Z", "2025-11-30T11:59:59Z", "2025-11-30T12:00:00Z"
TODAY = "2026-11-30T06:00:00Z"
HERE, CLOSED_SHOP = {"id": "o1", "name": "High Street", "currency": "NZD"}, {"id": "o2", "name": "Mall", "deleted_at": OLD}
Rows = Sequence[Mapping[str, Any]]


def product(name: str, **fields: Any) -> dict[str, Any]:
    usual = {"supplier_id": "s1", "price_excluding_tax": "10", "supply_price": "4", "has_variants": False, "created_at": OLD}
    return {"id": name, "sku": name.upper(), "name": name, "active": True, "has_inventory": True, **usual, **fields}


def sale(status: str, at: str, *lines: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    sold = [{"quantity": 1, "price_total": "10", "cost": "4", **line} for line in lines]
    return {
        "id": f"{status} {at} {lines} {fields}",
        "status": status,
        "sale_date": at,
        "line_items": sold,
        "total_price": "10",
        **fields,
    }


def stock(product_id: str, level: Any, **fields: Any) -> dict[str, Any]:
    outlet = fields.pop("outlet_id", "o1")
    return {"id": f"{product_id} {outlet}", "product_id": product_id, "outlet_id": outlet, "inventory_level": level, **fields}


def order(lines: Rows, kind: str = "SUPPLIER", status: str = "RECEIVED", at: str = TODAY, **fields: Any) -> dict[str, Any]:
    usual = {"id": f"{kind} {status} {at} {lines}", "type": kind, "status": status, "consignment_date": at, "outlet_id": "o1"}
    return {**usual, **fields, "lines": lines}


class Store:
    """Mirrors that hold what a test says, read as if it had come from the vendor."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = Warehouse(folder / "warehouse")

    def holds(self, **collections: Rows) -> Store:
        given = {"suppliers": [{"id": "s1", "name": "Mill"}], "outlets": [HERE, CLOSED_SHOP], **collections}
        given["consignment_lines"] = [{"id": c["id"], "lines": c["lines"]} for c in given.get("consignments", ())]
        for mirror in COLLECTIONS:
            rows = [{"version": place, **row} for place, row in enumerate(given.get(mirror.name, ()), 1)]
            MirrorLog(self.warehouse, "lightspeed", mirror, "store").follow([Page(rows)])
        return self

    def answers(self, question: Question, days: int = 365) -> list[dict[str, Any]]:
        needs = {*TRADED.needs, *question.needs} if answers.TRADE in question.needs else question.needs
        with answers.asked(self.warehouse, "store", needs, days, now=NOW) as con:
            if answers.TRADE in question.needs:
                con.from_arrow(answers.answer(con, TRADED)).create(answers.TRADE)
            found: list[dict[str, Any]] = answers.answer(con, question).to_pylist()
        return found

    def names(self, question: Question) -> list[str]:
        return [row["name"] for row in self.answers(question)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


LINES = ("sold", "parked", "voided", "of a deleted sale", "only taken back", "line voided", "on layby")
NOT_FOR_SALE = [product("inactive", active=False), product("deleted", deleted_at=OLD)]


def test_never_sold_knows_which_sales_and_orders_count(store: Store) -> None:
    ordered = (
        "ordered",
        "cancelled order",
        "deleted order",
        "returned to supplier",
        "counted",
        "in an open order",
        "none ordered",
    )
    store.holds(
        products=[product(name) for name in (*LINES, *ordered, "untouched")] + NOT_FOR_SALE,
        sales=[
            sale("CLOSED", OLD, {"product_id": "sold"}),
            sale("SAVED", OLD, {"product_id": "parked"}),
            sale("VOIDED", OLD, {"product_id": "voided"}),
            sale("CLOSED", OLD, {"product_id": "of a deleted sale"}, deleted_at=OLD),
            sale("CLOSED", OLD, {"product_id": "only taken back", "quantity": -1, "is_return": True}),
            sale("CLOSED", OLD, {"product_id": "line voided", "status": "VOIDED"}),
            sale("LAYBY", OLD, {"product_id": "on layby"}),
        ],
        consignments=[
            order([{"product_id": "ordered", "count": "1"}]),
            order([{"product_id": "cancelled order", "count": "1"}], status="CANCELLED"),
            order([{"product_id": "deleted order", "count": "1"}], deleted_at=OLD),
            order([{"product_id": "returned to supplier", "count": "1"}], kind="RETURN"),
            order([{"product_id": "counted", "received": "1"}], kind="STOCKTAKE"),
            order([{"product_id": "in an open order", "count": "1"}], status="OPEN"),
            order([{"product_id": "none ordered", "count": "0"}]),
        ],
    )
    assert set(store.names(answers.NEVER_SOLD)) == {
        *("parked", "voided", "of a deleted sale", "only taken back", "line voided"),
        *("cancelled order", "deleted order", "returned to supplier", "counted", "none ordered", "untouched"),
    }


def test_dead_stock_had_neither_sale_nor_order_for_so_long_and_is_worth_what_is_left(store: Store) -> None:
    names = ("sold long ago", "sold lately", "ordered lately", "came lately", "never touched", "nothing left", "below zero")
    store.holds(
        products=[
            *map(product, names),
            product("new", created_at=LATELY),
            product("not counted", has_inventory=False),
            product("composite", is_composite=True),
            product("cost hidden", supply_price=0),
            *NOT_FOR_SALE,
        ],
        sales=[
            sale("CLOSED", LONG_AGO, {"product_id": "sold long ago"}),
            sale("CLOSED", LATELY, {"product_id": "sold lately"}),
            sale("CLOSED", TODAY, {"product_id": "sold long ago", "quantity": -1, "is_return": True}),
        ],
        consignments=[
            order([{"product_id": "ordered lately", "count": "1"}]),
            order([{"product_id": "came lately", "count": "1"}], at=OLD, received_at=LATELY),
        ],
        inventory=[
            *(stock(name, 3) for name in (*names[:5], "new", "not counted", "composite", "cost hidden", "inactive", "deleted")),
            stock("nothing left", 0),
            stock("below zero", -2),
            stock("never touched", 7, outlet_id="o2"),
        ],
    )
    found = store.answers(answers.DEAD_STOCK)
    assert [(row["name"], row["stock"], row["stock_value"], row["retail_value"], row["idle_days"]) for row in found] == [
        ("never touched", 3, 12, 30, None),
        ("sold long ago", 3, 12, 30, 365),
        ("cost hidden", 3, None, 30, None),
    ]
    assert {row["currency"] for row in found} == {"NZD"}
    assert store.names(answers.DEAD_WITHOUT_STOCK) == ["below zero", "nothing left"]


def test_a_shorter_period_makes_more_stock_dead(store: Store) -> None:
    store.holds(
        products=[product("a")], inventory=[stock("a", 1)], sales=[sale("CLOSED", "2026-11-20T00:00:00Z", {"product_id": "a"})]
    )
    assert store.answers(answers.DEAD_STOCK) == []
    assert [row["name"] for row in store.answers(answers.DEAD_STOCK, days=7)] == ["a"]


def test_stock_is_worth_its_average_cost_and_levels_below_zero_take_nothing_off(store: Store) -> None:
    there = {**HERE, "id": "o3", "name": "Station"}
    store.holds(
        outlets=[HERE, there],
        products=[product("a")],
        inventory=[stock("a", "2.5", average_cost="3.2"), stock("a", -9, outlet_id="o3")],
    )
    (row,) = store.answers(answers.DEAD_STOCK)
    assert (row["stock"], row["stock_value"]) == (Decimal("2.5"), 8)


def test_pictures_are_missed_where_the_parent_has_some_and_in_the_web_shop_where_nobody_has(store: Store) -> None:
    picture = [{"id": "i", "url": "http://example.com/i.jpg"}]
    child = {"family_id": "f", "variant_parent_id": "parent"}
    store.holds(
        products=[
            product("parent", family_id="f", has_variants=True, images=picture, ecwid_enabled_webstore=True),
            product("variant", **child, ecwid_enabled_webstore=True),
            product("pictured", **child, skuImages=picture),
            product("inactive", **child, active=False),
            product("deleted", **child, deleted_at=OLD),
            product("bare parent", family_id="g", has_variants=True),
            product("bare variant", family_id="g", variant_parent_id="bare parent", ecwid_enabled_webstore=True),
            product("alone", family_id="h", ecwid_enabled_webstore=True),
            product("alone with one", family_id="i", images=picture, ecwid_enabled_webstore=True),
            product("not on the web", family_id="j", ecwid_enabled_webstore=False),
        ]
    )
    assert store.names(answers.VARIANTS_WITHOUT_PICTURES) == ["variant"]
    assert store.names(answers.WEB_PRODUCTS_WITHOUT_PICTURES) == ["alone", "bare variant"]


def test_a_hidden_cost_makes_no_margin_but_is_counted(store: Store) -> None:
    store.holds(
        products=[
            product("a"),
            product("b", price_excluding_tax="30", supply_price="6"),
            product("hidden", price_excluding_tax="1000", supply_price=0),
            product("no price", price_excluding_tax=None),
            product("hidden alone", supplier_id=None, supply_price=None),
            product("composite", is_composite=True, supply_price="1"),
            *NOT_FOR_SALE,
        ],
        sales=[
            sale("CLOSED", TODAY, {"product_id": "a", "quantity": 3, "price_total": "30"}),
            sale("CLOSED", TODAY, {"product_id": "a", "quantity": -1, "price_total": "-10", "is_return": True}),
            sale("CLOSED", TODAY, {"product_id": "hidden", "price_total": "1000", "cost": 0}),
            sale("CLOSED", LONG_AGO, {"product_id": "a", "price_total": "99"}),
        ],
    )
    mill, nobody = store.answers(answers.MARGINS_BY_SUPPLIER)
    assert mill == {
        **{"supplier_id": "s1", "supplier": "Mill", "products": 4, "without_cost": 1, "without_price": 1, "margin": 75},
        **{"revenue": 1020, "revenue_without_cost": 1000, "earned": 12, "earned_percent": 60, "currency": "NZD"},
    }
    assert (nobody["supplier"], nobody["products"], nobody["without_cost"], nobody["margin"]) == (None, 1, 1, None)
    assert nobody["earned_percent"] is None


FIXED = {"reorder_method": "FIXED", "reorder_point": 5, "reorder_amount": 10}
UP_TO = {"reorder_method": "MIN_MAX", "reorder_point": 5, "reorder_amount": 1, "reorder_target": 20}


def test_what_is_on_its_way_counts_as_there(store: Store) -> None:
    coming = ("partly", "enough", "up to, partly")
    store.holds(
        products=[
            *(product(name) for name in ("at", "above", "below", "no point", "no method", "up to", "owed", "elsewhere", *coming)),
            product("not counted", has_inventory=False),
            product("composite", is_composite=True),
            *NOT_FOR_SALE,
        ],
        inventory=[
            stock("at", 5, **FIXED),
            stock("above", 6, **FIXED),
            stock("below", -30, **FIXED),
            stock("no point", 0),
            stock("no method", 2, reorder_point=2, reorder_amount=3),
            stock("up to", "2.5", **UP_TO),
            stock("owed", 6, quantity_to_procure=2, **UP_TO),
            stock("elsewhere", 0, outlet_id="o2", **FIXED),
            *(stock(name, 1, **FIXED) for name in ("partly", "enough", "not counted", "composite", "inactive", "deleted")),
            stock("up to, partly", 1, **UP_TO),
        ],
        consignments=[
            order([{"product_id": "partly", "count": "2"}, {"product_id": "partly", "count": "1"}], status="OPEN"),
            order([{"product_id": "partly", "count": "0", "received": "1"}], status="DISPATCHED"),
            order([{"product_id": "partly", "count": "100"}], status="RECEIVED"),
            order([{"product_id": "partly", "count": "100"}], status="CANCELLED"),
            order([{"product_id": "partly", "count": "100"}], status="SENT", deleted_at=OLD),
            order([{"product_id": "partly", "count": "100"}], status="SENT", outlet_id="o2"),
            order([{"product_id": "partly", "count": "100"}], kind="RETURN", status="SENT"),
            order([{"product_id": "enough", "count": "10"}], status="SENT"),
            order([{"product_id": "up to, partly", "count": "4"}], kind="OUTLET", status="SENT"),
        ],
    )
    found = {row["name"]: (row["on_order"], row["to_order"], row["order_cost"]) for row in store.answers(answers.TO_REORDER)}
    assert found == {
        "at": (0, 10, 40),
        "below": (0, 10, 40),
        "no method": (0, 3, 12),
        "up to": (0, Decimal("17.5"), 70),
        "owed": (0, 16, 64),
        "partly": (4, 10, 40),
        "up to, partly": (4, 15, 60),
    }
    assert store.names(answers.TO_REORDER)[0] == "below"


def test_stock_and_sales_in_numbers_are_there_also_when_they_are_nothing(store: Store) -> None:
    names = [f"{what}_of_the_last_{period}" for period in ("day", "30_days") for what in ("sales", "revenue")]
    nothing = store.holds()
    assert set(_numbers(nothing).values()) == {0}
    nothing.holds(
        products=[product("a"), product("hidden", supply_price=0), product("inactive", active=False)],
        inventory=[stock("a", 2), stock("hidden", 3), stock("inactive", 1)],
        sales=[
            sale("CLOSED", TODAY),
            sale("CLOSED", TODAY, return_for="x", is_return=True, total_price="-4"),
            sale("VOIDED", TODAY),
            sale("ONACCOUNT", "2026-11-02T00:00:00Z"),
            sale("CLOSED", "2026-10-30T00:00:00Z"),
        ],
    )
    found = _numbers(nothing)
    assert [found[name] for name in names] == [1, 6, 2, 16]
    assert [found[f"stock{of}"] for of in ("", "_without_cost", "_value_at_cost", "_value_at_retail")] == [6, 3, 12, 60]


def _numbers(store: Store) -> dict[str, Any]:
    with answers.asked(store.warehouse, "store", TRADED.needs, 365, now=NOW) as con:
        con.from_arrow(answers.answer(con, TRADED)).create(answers.TRADE)
        return answers.in_numbers(con)


def test_a_question_whose_mirror_was_never_read_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(NeverRead, match="lightspeed/products was never read"),
        answers.asked(Warehouse(tmp_path), "store", ["products"], 365),
    ):
        pass


def test_every_question_says_what_each_column_holds(store: Store) -> None:
    store.holds()
    for question in (TRADED, *QUESTIONS):
        assert store.answers(question) == []
        assert all(question.notes.values())
