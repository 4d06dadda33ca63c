"""What a person does at the screen, and the state as a document."""

from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import control
from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller
from vendor_sandbox import Sandbox
from vendor_sandbox.google.seed import LINE_COLUMNS, LINES, ORDER_COLUMNS, ORDERS
from vendor_sandbox.values import BadChange


@pytest.fixture
def caller(sandbox: Sandbox) -> GoogleCaller:
    caller = GoogleCaller(sandbox)
    caller.put("A1", [["id", "name"], ["2", "b"], ["1", "a"]])
    return caller


class TestSeed:
    def test_the_order_book_of_an_existing_program_is_there(self, sandbox: Sandbox) -> None:
        assert len(ORDER_COLUMNS) == 40
        orders, lines = (sandbox.google.rows("Bakery Order Book", ORDERS), sandbox.google.rows("Bakery Order Book", LINES))
        assert (orders[0], lines[0]) == (ORDER_COLUMNS, LINE_COLUMNS)
        assert LINES.endswith(" ")
        assert len(orders) > 3
        assert sandbox.google.rows("Order Book", "Sheet1") == []


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ({"do": "type", "cell": "B2", "value": "=1+2"}, [["id", "name"], ["2", 3], ["1", "a"]]),
        ({"do": "type", "cell": "A4", "values": [["'007", 7]]}, [["id", "name"], ["2", "b"], ["1", "a"], ["007", 7]]),
        ({"do": "insert_rows", "at": 2, "count": 2}, [["id", "name"], [], [], ["2", "b"], ["1", "a"]]),
        ({"do": "delete_rows", "at": 2}, [["id", "name"], ["1", "a"]]),
        ({"do": "insert_columns", "at": "A", "values": [["new"]]}, [["new", "id", "name"], [None, "2", "b"], [None, "1", "a"]]),
        ({"do": "delete_columns", "at": "A"}, [["name"], ["b"], ["a"]]),
        ({"do": "move_rows", "at": 3, "to": 2}, [["id", "name"], ["1", "a"], ["2", "b"]]),
        ({"do": "move_columns", "at": "B", "to": "A"}, [["name", "id"], ["b", "2"], ["a", "1"]]),
        ({"do": "sort", "by": "A"}, [["id", "name"], ["1", "a"], ["2", "b"]]),
        ({"do": "rename_header", "from": "name", "to": "Who"}, [["id", "Who"], ["2", "b"], ["1", "a"]]),
        ({"do": "format", "range": "A:A"}, [["id", "name"], ["2", "b"], ["1", "a"]]),
    ],
)
def test_a_person_changes_the_cells(caller: GoogleCaller, action: dict[str, Any], after: list[list[Any]]) -> None:
    caller.google.change_state({"person": [{"spreadsheet": "Order Book", "tab": "Sheet1", **action}]})
    assert caller.rows() == after
    assert caller.google.formulas_entered == []


def test_a_person_changes_the_tabs(caller: GoogleCaller) -> None:
    caller.person("rename_tab", to="Orders ")
    caller.person("add_tab", title="Extra")
    assert caller.refused("GET", "/values/Sheet1") == "INVALID_ARGUMENT"
    caller.person("delete_tab", tab="Orders ")
    caller.person("filter", range="A1:B9")
    caller.person("unfilter")
    caller.person("protect")
    caller.person("unprotect")
    caller.person("rename_spreadsheet", to="Renamed")
    assert [each["properties"]["title"] for each in caller.ok("GET", "")["sheets"]] == ["Extra"]
    assert caller.google.spreadsheet_id("Renamed") == caller.id


def test_of_merged_cells_only_the_first_has_a_value(caller: GoogleCaller) -> None:
    caller.put("A1", [["a"], ["b"], ["c"]])
    caller.person("merge", range="A1:A2")
    caller.put("A2", [["hidden"]])
    assert [row[:1] for row in caller.rows()] == [["a"], [None], ["c"]]
    caller.person("insert_rows", at=1)
    assert caller.ok("GET", "")["sheets"][0]["merges"] == [
        {"sheetId": 0, "startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 0, "endColumnIndex": 1}
    ]
    caller.person("unmerge")
    assert "merges" not in caller.ok("GET", "")["sheets"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"person": [{"do": "dance", "spreadsheet": "Order Book"}]},
        {"person": [{"do": "type", "spreadsheet": "Nobody's", "cell": "A1"}]},
        {"person": [{"do": "type", "spreadsheet": "Order Book", "cell": "A9999", "value": "x"}]},
        {"person": [{"do": "delete_rows", "spreadsheet": "Order Book", "at": 0}]},
        {"person": [{"do": "delete_rows", "spreadsheet": "Order Book", "tab": "Nowhere", "at": 1}]},
        {"person": [{"do": "sort", "spreadsheet": "Order Book", "by": "1"}]},
        {"person": [{"do": "rename_header", "spreadsheet": "Order Book", "from": "nothing", "to": "x"}]},
        {"person": {}},
        {"grid": [{"spreadsheet": "Order Book", "rows": 0}]},
        {"settings": {"reads_per_user": 0}},
        {"settings": {"colour": "red"}},
        {"create": [{"title": 7}]},
        {"create": [{"title": "x", "tabs": []}]},
        {"create": [{"title": "x", "tabs": [{"cells": [["a", {"nonsense": 1}]]}]}]},
        {"load": {"spreadsheets": [{"title": "x", "tabs": [{"rows": 1, "cells": [["a"], ["b"]]}]}]}},
        {"colour": "red"},
    ],
)
def test_a_change_that_makes_no_sense_is_refused_as_a_whole(caller: GoogleCaller, change: dict[str, Any]) -> None:
    before = caller.google.state()
    first = [{"do": "type", "spreadsheet": "Order Book", "cell": "A1", "value": "lost"}]
    people = change.get("person", [])
    with pytest.raises(BadChange):
        caller.google.change_state({**change, "person": first + people if isinstance(people, list) else people})
    assert caller.google.state() == before
    assert control(caller.sandbox, "POST", "/google/state", change).status_code == 400


def test_a_state_can_be_loaded_into_another_sandbox(caller: GoogleCaller) -> None:
    caller.put("C1", [["1/2/2026", "=SUM(A1:A2)", True]], "USER_ENTERED")
    caller.person("protect", range="A:A")
    caller.person("filter", range="A1:B9")
    place = {"metadataKey": "k", "visibility": "PROJECT", "location": {"sheetId": 0}}
    caller.batch(
        {"createDeveloperMetadata": {"developerMetadata": place}},
        {"addNamedRange": {"namedRange": {"name": "n", "range": {"sheetId": 0, "endRowIndex": 1}}}},
    )
    state = caller.google.state()
    with Sandbox() as other:
        reply = control(other, "POST", "/google/state", {"load": state, "settings": state["settings"]})
        assert reply.status_code == 200, reply.text
        assert {**other.google.state(), "tokens": 1} == state
        assert other.google.formulas_entered == state["formulas_entered"]


def test_a_spreadsheet_is_made_by_a_test(caller: GoogleCaller) -> None:
    tabs = [{"title": "Log", "rows": 3, "columns": 2, "cells": [["a", 1.5], [None, {"formula": "=B1"}]]}]
    made = caller.google.change_state({"create": [{"title": "Made", "tabs": tabs, "role": "reader"}]})
    assert made == {"created": [caller.google.spreadsheet_id("Made")]}
    assert caller.google.rows("Made") == [["a", 1.5], [None, 1.5]]


def test_a_state_handed_out_does_not_change_afterwards(caller: GoogleCaller) -> None:
    before = caller.google.state()
    caller.put("A1", [["changed"]])
    caller.person("delete_rows", at=2)
    assert before["spreadsheets"][0]["tabs"][0]["cells"][0][0] == "id"


def test_a_reset_brings_the_seed_back(caller: GoogleCaller) -> None:
    with Sandbox() as untouched:
        seed = untouched.google.state()
    caller.sandbox.reset()
    assert caller.google.state() == seed
    assert caller.refused("GET", "") == "UNAUTHENTICATED"
