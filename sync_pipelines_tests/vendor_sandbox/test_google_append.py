"""Where appended rows go: the table the vendor finds, and what happens around it."""

import pytest

from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller
from vendor_sandbox import Sandbox


@pytest.fixture
def two_tables(sandbox: Sandbox) -> GoogleCaller:
    """The vendor's own example: tables at A1:C2 and B4:D6."""
    caller = GoogleCaller(sandbox)
    caller.put("Sheet1!A1:C2", [["x", "y", "z"]] * 2)
    caller.put("Sheet1!B4:D6", [["x", "y", "z"]] * 3)
    return caller


class TestTheVendorsSevenExamples:
    @pytest.mark.parametrize("wanted", ["Sheet1", "B4", "C5:D5", "B2:D4", "A3:G10"])
    def test_these_ranges_append_behind_the_second_table(self, two_tables: GoogleCaller, wanted: str) -> None:
        found = two_tables.append(wanted, [["new"]])
        assert (found["tableRange"], found["updates"]["updatedRange"]) == ("Sheet1!B4:D6", "Sheet1!B7")

    def test_a1_appends_behind_the_first_table(self, two_tables: GoogleCaller) -> None:
        found = two_tables.append("A1", [["new"]])
        assert (found["tableRange"], found["updates"]["updatedRange"]) == ("Sheet1!A1:C2", "Sheet1!A3")

    @pytest.mark.parametrize("wanted", ["E4", "A4"])
    def test_a_cell_in_no_table_is_written_to(self, two_tables: GoogleCaller, wanted: str) -> None:
        found = two_tables.append(wanted, [["new"]])
        assert "tableRange" not in found
        assert found["updates"]["updatedRange"] == f"Sheet1!{wanted}"


def test_a_blank_tab_has_no_table_and_is_written_from_its_first_cell(sandbox: Sandbox) -> None:
    found = GoogleCaller(sandbox).append("Sheet1", [["a", "b"], ["c"]])
    assert found == {
        "spreadsheetId": sandbox.google.spreadsheet_id("Order Book"),
        "updates": {
            "spreadsheetId": sandbox.google.spreadsheet_id("Order Book"),
            "updatedRange": "Sheet1!A1:B2",
            "updatedRows": 2,
            "updatedColumns": 2,
            "updatedCells": 3,
        },
    }


class TestABlankRowInTheData:
    def test_it_splits_the_table_and_overwriting_loses_what_follows(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        caller.put("A1", [["id"], ["1"], [""], ["3"]])
        caller.append("A1", [["4"], ["5"]])
        assert caller.rows() == [["id"], ["1"], ["4"], ["5"]]

    def test_inserting_rows_loses_nothing(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        caller.put("A1", [["id"], ["1"], [""], ["3"]])
        found = caller.append("A1", [["4"], ["5"]], insertDataOption="INSERT_ROWS")
        assert found["updates"]["updatedRange"] == "Sheet1!A3:A4"
        assert caller.rows() == [["id"], ["1"], ["4"], ["5"], [], ["3"]]

    def test_the_tab_as_a_range_appends_behind_the_last_row(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        caller.put("A1", [["id"], ["1"], [""], ["3"]])
        assert caller.append("'Sheet1'", [["4"]])["updates"]["updatedRange"] == "Sheet1!A5"


def test_a_blank_first_column_moves_the_start_of_the_table(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    caller.put("B1", [["id", "name"], ["1", "x"]])
    assert caller.append("Sheet1", [["2", "y"]])["updates"]["updatedRange"] == "Sheet1!B3:C3"


def test_a_remark_below_and_beside_the_data_becomes_the_last_table_of_a_whole_tab(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    caller.put("A1", [["id", "name"], ["1", "x"]])
    caller.person("type", cell="H9", value="ask Jo about this")
    assert caller.append("Sheet1", [["2"]])["updates"]["updatedRange"] == "Sheet1!H10"
    assert caller.append("Sheet1!A1:B1", [["2"]])["updates"]["updatedRange"] == "Sheet1!A3"


def test_an_empty_cell_inside_a_table_belongs_to_it(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    caller.put("A1", [["a", "b", "c"], ["1", "", "3"], ["1", "", "3"]])
    assert caller.append("B2", [["2"]])["updates"]["updatedRange"] == "Sheet1!A4"


def test_cells_with_nothing_but_a_format_are_no_data(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    caller.put("A1", [["a"]])
    caller.person("format", range="A1:C50")
    assert caller.append("Sheet1", [["b"]])["updates"]["updatedRange"] == "Sheet1!A2"


@pytest.mark.parametrize("option", ["OVERWRITE", "INSERT_ROWS"])
def test_rows_are_added_past_the_end_of_the_grid(sandbox: Sandbox, option: str) -> None:
    caller = GoogleCaller(sandbox)
    sandbox.google.change_state({"grid": [{"spreadsheet": "Order Book", "rows": 2, "columns": 3}]})
    caller.put("A1:B2", [["a", "b"], ["c", "d"]])
    found = caller.append("Sheet1", [["e"], ["f"], ["g"]], insertDataOption=option)
    assert found["updates"]["updatedRange"] == "Sheet1!A3:A5"
    assert caller.ok("GET", "")["sheets"][0]["properties"]["gridProperties"] == {"rowCount": 5, "columnCount": 3}


def test_a_row_wider_than_the_grid_is_refused_and_nothing_grows(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    sandbox.google.change_state({"grid": [{"spreadsheet": "Order Book", "rows": 1, "columns": 2}]})
    body = {"values": [["a", "b", "c"]]}
    assert caller.refused("POST", "/values/A1:append", body, valueInputOption="RAW") == "INVALID_ARGUMENT"
    assert caller.ok("GET", "")["sheets"][0]["properties"]["gridProperties"] == {"rowCount": 1, "columnCount": 2}


def test_inserted_rows_take_the_format_of_the_row_above(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox, "Bakery Order Book")
    found = caller.append("'Customer Orders'!A1:AN1", [["New", 46030]], insertDataOption="INSERT_ROWS")
    assert found["updates"]["updatedRange"] == "'Customer Orders'!A1001:B1001"
    caller.append("'Customer Orders'!A1:AN1", [["New", 46031]], insertDataOption="INSERT_ROWS")
    assert caller.rows("Customer Orders")[1001] == ["New", 46031.0]


def test_sending_the_same_append_again_appends_it_again(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    for _ in range(2):
        caller.append("Sheet1", [["1042"]])
    assert caller.rows() == [["1042"], ["1042"]]


def test_an_append_of_nothing_writes_nothing(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    caller.append("Sheet1", [["a"]])
    assert "updatedRows" not in caller.append("Sheet1", [])["updates"]
    assert caller.rows() == [["a"]]
