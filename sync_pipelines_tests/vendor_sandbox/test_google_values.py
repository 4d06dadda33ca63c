"""Reading and writing ranges of values."""

import json
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller
from vendor_sandbox import Sandbox


@pytest.fixture
def caller(sandbox: Sandbox) -> GoogleCaller:
    return GoogleCaller(sandbox)


class TestRanges:
    @pytest.mark.parametrize(
        ("wanted", "answered"),
        [
            ("Sheet1", "Sheet1!A1:Z1000"),
            ("'Sheet1'", "Sheet1!A1:Z1000"),
            ("sheet1!b2", "Sheet1!B2"),
            ("A1", "Sheet1!A1"),
            ("$A$1:$B$2", "Sheet1!A1:B2"),
            ("B2:A1", "Sheet1!A1:B2"),
            ("A:C", "Sheet1!A1:C1000"),
            ("2:3", "Sheet1!A2:Z3"),
            ("A2:2", "Sheet1!A2:Z2"),
            ("C5:D", "Sheet1!C5:D1000"),
            ("A990:AZ2000", "Sheet1!A990:Z1000"),
        ],
    )
    def test_these_can_be_read(self, caller: GoogleCaller, wanted: str, answered: str) -> None:
        assert caller.get(wanted) == {"range": answered, "majorDimension": "ROWS"}

    @pytest.mark.parametrize(
        "wanted", ["Nowhere!A1", "'Sheet1", "Sheet1!", "Sheet1!1A", "A0", "''", "Sheet1!A1:B2:C3", "A1001", "AA1", "R1C1x"]
    )
    def test_these_are_refused(self, caller: GoogleCaller, wanted: str) -> None:
        assert caller.refused("GET", f"/values/{wanted}") == "INVALID_ARGUMENT"

    def test_titles_with_quotes_spaces_and_marks_are_found_and_answered_in_quotes(self, caller: GoogleCaller) -> None:
        for title in ("Jo's orders!", "A1", "Trailing ", "Ñandú & Söhne"):
            caller.batch({"addSheet": {"properties": {"title": title}}})
            quoted = "'" + title.replace("'", "''") + "'"
            caller.put(f"{quoted}!A1", [[title]])
            assert caller.get(quoted)["range"] == f"{quoted}!A1:Z1000"
            assert caller.values(quoted) == [[title]]


class TestReading:
    def test_trailing_cells_and_rows_are_dropped_but_not_those_between(self, caller: GoogleCaller) -> None:
        caller.put("B2", [["a", "", "c", ""], ["", ""], ["d"], [""]])
        assert caller.values("A1:Z10") == [[], ["", "a", "", "c"], [], ["", "d"]]

    def test_columns_come_as_columns(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a", "b"], ["c"]])
        assert caller.get("A1:C3", majorDimension="COLUMNS")["values"] == [["a", "c"], ["b"]]

    def test_many_ranges_are_one_call(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a", "b"]])
        found = caller.ok("GET", "/values:batchGet", ranges=["A1", "Sheet1!B1:B2", "C1"])
        assert [each.get("values") for each in found["valueRanges"]] == [[["a"]], [["b"]], None]
        assert caller.google.reads == 1

    def test_render_options(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["1/2/2026", "12.5%", "$1,234.50", "TRUE", "007", "=B1+A1", "=nope(1)"]], "USER_ENTERED")
        row = "A1:G1"
        assert caller.get(row)["values"] == [["1/2/2026", "12.50%", "$1,234.50", "TRUE", "7", "46024.125", "#NAME?"]]
        assert caller.values(row) == [[46024, 0.125, 1234.5, True, 7, 46024.125, "#NAME?"]]
        assert caller.values(row, valueRenderOption="FORMULA") == [[46024, 0.125, 1234.5, True, 7, "=B1+A1", "=nope(1)"]]
        assert caller.values(row, dateTimeRenderOption="FORMATTED_STRING")[0][0] == "1/2/2026"

    def test_a_sum_is_worked_out(self, caller: GoogleCaller) -> None:
        caller.put("A1", [[1], [2.5], ["x"], ["=SUM(A1:A3)"], ["=SUM(Sheet1!A1:A2, A4)"]], "USER_ENTERED")
        assert caller.values("A4:A5") == [[3.5], [7]]
        caller.put("B1", [["=B1"]], "USER_ENTERED")
        assert caller.values("B1") == [["#REF!"]]

    @pytest.mark.parametrize("option", ["valueRenderOption", "majorDimension", "dateTimeRenderOption", "colour"])
    def test_options_that_do_not_exist_are_refused(self, caller: GoogleCaller, option: str) -> None:
        assert caller.refused("GET", "/values/A1", **{option: "SIDEWAYS"}) == "INVALID_ARGUMENT"

    def test_a_field_mask_leaves_the_rest_out(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a"]])
        assert caller.get("A1", fields="values") == {"values": [["a"]]}


class TestWriting:
    def test_raw_values_are_stored_as_sent(self, caller: GoogleCaller) -> None:
        sent = ["=1+1", "+9055", "007", "1/2/2026", "TRUE", "'x", " y ", True, 1042, 2.5, "-", "Ç\n🍰"]
        caller.put("A1", [sent])
        assert caller.rows() == [sent]
        assert caller.values("1:1") == [sent]
        assert caller.google.formulas_entered == []

    def test_null_leaves_a_cell_alone_and_an_empty_text_clears_it(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a", "b", "c"]])
        found = caller.put("A1:C1", [[None, "", "z"]])
        assert caller.rows() == [["a", None, "z"]]
        assert found["updatedCells"] == 2

    def test_numbers_are_doubles(self, caller: GoogleCaller) -> None:
        caller.put("A1", [[12345678901234567890, 0.1, 123456789012345]])
        text = caller.sheets("GET", "/values/A1:C1?valueRenderOption=UNFORMATTED_VALUE").text
        assert json.loads(text)["values"] == [[1.2345678901234567e19, 0.1, 123456789012345]]

    def test_the_reply_says_what_was_written(self, caller: GoogleCaller) -> None:
        found = caller.put("B2:D9", [["a", "b"], ["c"]], includeValuesInResponse="true")
        assert found == {
            "spreadsheetId": caller.id,
            "updatedRange": "Sheet1!B2:C3",
            "updatedRows": 2,
            "updatedColumns": 2,
            "updatedCells": 3,
            "updatedData": {"range": "Sheet1!B2:C3", "majorDimension": "ROWS", "values": [["a", "b"], ["c"]]},
        }

    def test_the_input_option_is_required(self, caller: GoogleCaller) -> None:
        for option in ({}, {"valueInputOption": "INPUT_VALUE_OPTION_UNSPECIFIED"}, {"valueInputOption": "raw"}):
            assert caller.refused("PUT", "/values/A1", {"values": [["a"]]}, **option) == "INVALID_ARGUMENT"

    @pytest.mark.parametrize(
        ("wanted", "values"),
        [
            ("A1:B2", [["a", "b", "c"]]),
            ("A1:B2", [["a"], ["b"], ["c"]]),
            ("A1000", [["a"], ["b"]]),
            ("Z1", [["a", "b"]]),
            ("A1001:B1001", [["a"]]),
            ("Y1:AA1", [["a"]]),
            ("A1", [[{"a": 1}]]),
            ("A1", [[["a"]]]),
            ("A1", ["a"]),
            ("A1", "a"),
            ("A1", [["x" * 50_001]]),
            ("A1", [[10**400]]),
        ],
    )
    def test_what_has_no_room_or_no_shape_is_refused_and_writes_nothing(
        self, caller: GoogleCaller, wanted: str, values: Any
    ) -> None:
        before = caller.google.state()["spreadsheets"]
        body = {"values": values}
        assert caller.refused("PUT", f"/values/{wanted}", body, valueInputOption="RAW") == "INVALID_ARGUMENT"
        assert caller.google.state()["spreadsheets"] == before

    def test_a_cell_holds_50000_characters(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["x" * 50_000]])
        assert len(caller.rows()[0][0]) == 50_000

    def test_a_range_in_the_body_must_be_that_of_the_path(self, caller: GoogleCaller) -> None:
        body: dict[str, Any] = {"range": "'Sheet1'!A1", "majorDimension": None, "values": [["a"]]}
        caller.ok("PUT", "/values/A1", body, valueInputOption="RAW")
        body["range"] = "B1"
        assert caller.refused("PUT", "/values/A1", body, valueInputOption="RAW") == "INVALID_ARGUMENT"

    def test_columns_are_written_as_columns(self, caller: GoogleCaller) -> None:
        body = {"majorDimension": "COLUMNS", "values": [["a", "b"], ["c"]]}
        caller.ok("PUT", "/values/A1:B2", body, valueInputOption="RAW")
        assert caller.rows() == [["a", "c"], ["b"]]

    def test_a_batch_writes_many_ranges_or_none(self, caller: GoogleCaller) -> None:
        data = [{"range": "A1:B1", "values": [["a", "b"]]}, {"range": "A3", "values": [["c"], ["d"]]}]
        found = caller.ok("POST", "/values:batchUpdate", {"valueInputOption": "RAW", "data": data})
        counts = {name: found[name] for name in found if name.startswith("total")}
        assert counts == {"totalUpdatedRows": 3, "totalUpdatedColumns": 2, "totalUpdatedCells": 4, "totalUpdatedSheets": 1}
        assert [each["updatedRange"] for each in found["responses"]] == ["Sheet1!A1:B1", "Sheet1!A3:A4"]
        bad = [{"range": "A1", "values": [["lost"]]}, {"range": "Nowhere!A1", "values": [["x"]]}]
        body = {"valueInputOption": "RAW", "data": bad}
        assert caller.refused("POST", "/values:batchUpdate", body) == "INVALID_ARGUMENT"
        assert caller.rows() == [["a", "b"], [], ["c"], ["d"]]

    def test_writing_by_data_filter(self, caller: GoogleCaller) -> None:
        grid = {"sheetId": 0, "startRowIndex": 1, "endRowIndex": 2}
        data = [
            {"dataFilter": {"gridRange": grid}, "majorDimension": "ROWS", "values": [["x"]]},
            {"dataFilter": {"a1Range": "C1"}, "values": [["y"]]},
        ]
        body = {"valueInputOption": "RAW", "data": data}
        found = caller.ok("POST", "/values:batchUpdateByDataFilter", body)
        assert [each["updatedRange"] for each in found["responses"]] == ["Sheet1!A2", "Sheet1!C1"]
        body = {"dataFilters": [{"a1Range": "A1:C2"}], "valueRenderOption": "UNFORMATTED_VALUE"}
        read = caller.ok("POST", "/values:batchGetByDataFilter", body)
        assert read["valueRanges"][0]["valueRange"]["values"] == [["", "", "y"], ["x"]]


class TestClearing:
    def test_values_go_and_formats_stay(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["1/2/2026", "b"]], "USER_ENTERED")
        assert caller.ok("POST", "/values/A1:A5:clear")["clearedRange"] == "Sheet1!A1:A5"
        assert caller.rows() == [[None, "b"]]
        caller.put("A1", [[46025]])
        assert caller.get("A1")["values"] == [["1/3/2026"]]

    def test_many_ranges_are_cleared_or_none(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a", "b", "c"]])
        assert caller.refused("POST", "/values:batchClear", {"ranges": ["A1", "Nowhere"]}) == "INVALID_ARGUMENT"
        assert caller.rows() == [["a", "b", "c"]]
        found = caller.ok("POST", "/values:batchClear", {"ranges": ["A1", "C1"]})
        assert found["clearedRanges"] == ["Sheet1!A1", "Sheet1!C1"]
        caller.ok("POST", "/values:batchClearByDataFilter", {"dataFilters": [{"a1Range": "B1"}]})
        assert caller.rows() == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{", "application/json"), (b"[]", "application/json"), (b'{"values":[[NaN]]}', "application/json"), (b"{}", "text/csv")],
)
def test_a_body_that_is_not_a_json_object_is_refused(caller: GoogleCaller, body: bytes, kind: str) -> None:
    url = f"{caller.sandbox.url}/google/v4/spreadsheets/{caller.id}/values/A1?valueInputOption=RAW"
    assert caller.session.put(url, data=body, headers={"Content-Type": kind}, timeout=5).status_code == 400


def test_thirty_thousand_rows_of_twenty_cells_are_written_and_read_in_seconds(caller: GoogleCaller) -> None:
    caller.google.change_state({"grid": [{"spreadsheet": caller.id, "rows": 30_000, "columns": 20}]})
    rows = [[f"{row}/{column}" if column % 2 else row + 0.5 for column in range(20)] for row in range(30_000)]
    caller.put("Sheet1", rows)
    assert caller.values("Sheet1") == rows
    assert caller.append("Sheet1", [["last"]])["updates"]["updatedRange"] == "Sheet1!A30001"
    assert caller.google.state()["largest_write"] > 5_000_000
    assert caller.google.state()["large_writes"] == 1


def test_ranges_by_filter_come_sorted_by_place_and_equal_ones_together(caller: GoogleCaller) -> None:
    caller.put("A1", [["a", "b"], ["c", "d"]])
    asked = ["Sheet1!B2", "Sheet1!A1:A", "Sheet1!A1:A1000"]
    body = {"dataFilters": [{"a1Range": each} for each in asked]}
    found = caller.ok("POST", "/values:batchGetByDataFilter", body)["valueRanges"]
    filters = [[each["a1Range"] for each in entry["dataFilters"]] for entry in found]
    assert filters == [["Sheet1!A1:A", "Sheet1!A1:A1000"], ["Sheet1!B2"]]
