"""`spreadsheets.batchUpdate`: each kind of request, and that they hold together."""

from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller, Json
from vendor_sandbox import Sandbox


@pytest.fixture
def caller(sandbox: Sandbox) -> GoogleCaller:
    return GoogleCaller(sandbox)


def text(value: str) -> Json:
    return {"userEnteredValue": {"stringValue": value}}


def number(value: float) -> Json:
    return {"userEnteredValue": {"numberValue": value}}


def grid(top: int, bottom: int, left: int, right: int) -> Json:
    return {"sheetId": 0, "startRowIndex": top, "endRowIndex": bottom, "startColumnIndex": left, "endColumnIndex": right}


def lines(start: int, end: int, dimension: str = "ROWS") -> Json:
    return {"sheetId": 0, "dimension": dimension, "startIndex": start, "endIndex": end}


class TestTogether:
    def test_replies_are_in_the_order_of_the_requests(self, caller: GoogleCaller) -> None:
        replies = caller.batch(
            {"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 2}},
            {"addSheet": {"properties": {"title": "New"}}},
            {"autoResizeDimensions": {"dimensions": lines(0, 3, "COLUMNS")}},
        )
        assert [list(reply) for reply in replies] == [[], ["addSheet"], []]
        assert replies[1]["addSheet"]["properties"]["gridProperties"] == {"rowCount": 1000, "columnCount": 26}

    def test_one_bad_request_undoes_all_of_them(self, caller: GoogleCaller) -> None:
        before = caller.google.state()["spreadsheets"]
        for bad in (
            {"deleteSheet": {"sheetId": 9}},
            {"makeCoffee": {}},
            {"addChart": {}},
            {},
            {"addSheet": {}, "deleteSheet": {"sheetId": 0}},
            {"addSheet": {"properties": {"titel": "x"}}},
            {"addSheet": {"properties": {"title": "sheet1"}}},
            {"addSheet": {"properties": {"sheetId": 0}}},
        ):
            request = {"appendCells": {"sheetId": 0, "rows": [{"values": [text("a")]}], "fields": "userEnteredValue"}}
            create = {"metadataKey": "k", "visibility": "PROJECT", "location": {"spreadsheet": True}}
            made = {"createDeveloperMetadata": {"developerMetadata": create}}
            assert caller.batch_refused(made, request, bad) == "INVALID_ARGUMENT"
        assert caller.batch_refused() == "INVALID_ARGUMENT"
        assert caller.google.state()["spreadsheets"] == before

    def test_the_spreadsheet_can_come_back_with_the_replies(self, caller: GoogleCaller) -> None:
        body = {
            "requests": [{"updateCells": {"rows": [{"values": [text("a")]}], "fields": "*", "start": {"sheetId": 0}}}],
            "includeSpreadsheetInResponse": True,
            "responseRanges": ["A1:B2"],
            "responseIncludeGridData": True,
        }
        found = caller.ok("POST", ":batchUpdate", body)["updatedSpreadsheet"]
        assert found["sheets"][0]["data"][0]["rowData"][0]["values"][0]["formattedValue"] == "a"


class TestTabs:
    def test_a_tab_is_added_renamed_moved_hidden_and_deleted(self, caller: GoogleCaller) -> None:
        added = caller.batch({"addSheet": {"properties": {"title": "New", "index": 0}}})[0]["addSheet"]["properties"]
        assert (added["index"], added["sheetType"]) == (0, "GRID")
        wanted = {"sheetId": added["sheetId"], "title": "Log ", "index": 2, "hidden": True}
        caller.batch({"updateSheetProperties": {"properties": wanted, "fields": "title,index,hidden"}})
        titles = [(each["properties"]["title"], each["properties"].get("hidden")) for each in caller.ok("GET", "")["sheets"]]
        assert titles == [("Sheet1", None), ("Log ", True)]
        assert caller.batch_refused({"deleteSheet": {"sheetId": 0}}) == "INVALID_ARGUMENT"
        caller.batch({"deleteSheet": {"sheetId": added["sheetId"]}})
        assert len(caller.ok("GET", "")["sheets"]) == 1

    def test_only_the_fields_named_are_changed(self, caller: GoogleCaller) -> None:
        properties = {"sheetId": 0, "title": "Ignored", "gridProperties": {"rowCount": 10, "frozenRowCount": 1}}
        caller.batch({"updateSheetProperties": {"properties": properties, "fields": "gridProperties/rowCount"}})
        caller.batch({"updateSheetProperties": {"properties": properties, "fields": "gridProperties.frozenRowCount"}})
        shown = caller.ok("GET", "")["sheets"][0]["properties"]
        assert shown["title"] == "Sheet1"
        assert shown["gridProperties"] == {"rowCount": 10, "columnCount": 26, "frozenRowCount": 1}
        for fields in ("", None, "title(", "a..b"):
            request = {"updateSheetProperties": {"properties": properties, "fields": fields}}
            assert caller.batch_refused(request) == "INVALID_ARGUMENT"

    def test_a_smaller_grid_loses_what_was_outside(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a", "b"], ["c", "d"]])
        size = {"rowCount": 1, "columnCount": 1}
        caller.batch({"updateSheetProperties": {"properties": {"gridProperties": size}, "fields": "gridProperties"}})
        assert caller.rows() == [["a"]]

    def test_the_spreadsheet_is_renamed(self, caller: GoogleCaller) -> None:
        caller.batch({"updateSpreadsheetProperties": {"properties": {"title": "Orders"}, "fields": "title"}})
        shown = caller.ok("GET", "")["properties"]
        assert (shown["title"], shown["locale"], shown["timeZone"]) == ("Orders", "en_US", "America/New_York")

    def test_a_tab_is_copied_within_and_between_spreadsheets(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a"]])
        caller.batch({"duplicateSheet": {"sourceSheetId": 0, "newSheetName": "Again"}})
        assert caller.rows("Again") == [["a"]]
        target = {"destinationSpreadsheetId": caller.google.spreadsheet_id("Twice")}
        assert caller.ok("POST", "/sheets/0:copyTo", target)["title"] == "Copy of Sheet1"
        assert caller.google.rows("Twice", "Copy of Sheet1") == [["a"]]

    def test_a_spreadsheet_is_created(self, caller: GoogleCaller) -> None:
        sheets = [{"properties": {"title": "One", "gridProperties": {"rowCount": 5, "columnCount": 2}}}, {}]
        body = {"properties": {"title": "Fresh"}, "sheets": sheets}
        made = caller.send("POST", "/v4/spreadsheets", body).json()
        assert [each["properties"]["title"] for each in made["sheets"]] == ["One", "Sheet2"]
        caller.id = made["spreadsheetId"]
        caller.put("One!A1", [["x"]])


class TestCells:
    def test_a_string_value_is_never_a_formula(self, caller: GoogleCaller) -> None:
        cells = [text("=1+1"), number(2.5), {"userEnteredValue": {"boolValue": True}}, {}, text("")]
        caller.batch({"appendCells": {"sheetId": 0, "rows": [{"values": cells}], "fields": "userEnteredValue"}})
        assert caller.rows() == [["=1+1", 2.5, True]]
        assert caller.google.formulas_entered == []

    @pytest.mark.parametrize(
        "value",
        [{"numberValue": "x"}, {"stringValue": 1}, {"formulaValue": "1+1"}, {"numberValue": 1, "stringValue": "a"}, {"x": 1}],
    )
    def test_a_value_of_no_kind_is_refused(self, caller: GoogleCaller, value: Json) -> None:
        rows = [{"values": [{"userEnteredValue": value}]}]
        request = {"appendCells": {"sheetId": 0, "rows": rows, "fields": "userEnteredValue"}}
        assert caller.batch_refused(request) == "INVALID_ARGUMENT"

    def test_cells_are_appended_behind_the_last_row_whatever_is_blank_before(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a"], [""], ["b"]])
        caller.google.change_state({"grid": [{"spreadsheet": caller.id, "rows": 3, "columns": 2}]})
        rows = [{"values": [text("c")]}, {"values": [text("d")]}]
        caller.batch({"appendCells": {"sheetId": 0, "rows": rows, "fields": "userEnteredValue"}})
        assert caller.rows() == [["a"], [], ["b"], ["c"], ["d"]]
        wide = [{"values": [text("x")] * 3}]
        request = {"appendCells": {"sheetId": 0, "rows": wide, "fields": "userEnteredValue"}}
        assert caller.batch_refused(request) == "INVALID_ARGUMENT"

    def test_a_start_writes_what_is_sent_and_a_range_empties_the_rest(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a", "b"], ["c", "d"]])
        rows = [{"values": [text("x")]}]
        start = {"sheetId": 0, "rowIndex": 1, "columnIndex": 0}
        caller.batch({"updateCells": {"rows": rows, "fields": "userEnteredValue", "start": start}})
        assert caller.rows() == [["a", "b"], ["x", "d"]]
        caller.batch({"updateCells": {"rows": rows, "fields": "userEnteredValue", "range": grid(0, 2, 0, 2)}})
        assert caller.rows() == [["x"]]

    def test_a_number_format_decides_how_a_number_is_shown(self, caller: GoogleCaller) -> None:
        caller.put("A1", [[46024, 0.5]])
        date = {"userEnteredFormat": {"numberFormat": {"type": "DATE", "pattern": "yyyy-mm-dd"}}}
        fields = "userEnteredFormat.numberFormat"
        caller.batch({"repeatCell": {"range": grid(0, 3, 0, 1), "cell": date, "fields": fields}})
        assert caller.get("A1:B1")["values"] == [["2026-01-02", "0.5"]]
        shown = caller.ok("GET", "", ranges="A1:B1", includeGridData="true")
        assert shown["sheets"][0]["data"] == [
            {
                "rowData": [
                    {
                        "values": [
                            {
                                "userEnteredValue": {"numberValue": 46024.0},
                                "effectiveValue": {"numberValue": 46024.0},
                                "formattedValue": "2026-01-02",
                                "userEnteredFormat": date["userEnteredFormat"],
                                "effectiveFormat": date["userEnteredFormat"],
                            },
                            {
                                "userEnteredValue": {"numberValue": 0.5},
                                "effectiveValue": {"numberValue": 0.5},
                                "formattedValue": "0.5",
                            },
                        ]
                    }
                ]
            }
        ]
        masked = caller.ok("GET", "", ranges="A1", fields="sheets(properties.title,data/rowData/values/formattedValue)")
        cells = [{"values": [{"formattedValue": "2026-01-02"}]}]
        assert masked == {"sheets": [{"properties": {"title": "Sheet1"}, "data": [{"rowData": cells}]}]}

    def test_a_format_leaves_the_other_formats_and_the_value_alone(self, caller: GoogleCaller) -> None:
        bold = {"userEnteredFormat": {"textFormat": {"bold": True}, "horizontalAlignment": "LEFT"}, "note": "hi"}
        caller.put("A1", [["a"]])
        caller.batch({"repeatCell": {"range": grid(0, 1, 0, 1), "cell": bold, "fields": "userEnteredFormat,note"}})
        plain = {"userEnteredFormat": {"textFormat": {"bold": False}}}
        fields = "userEnteredFormat(textFormat)"
        caller.batch({"repeatCell": {"range": grid(0, 1, 0, 1), "cell": plain, "fields": fields}})
        cell = caller.google.state()["spreadsheets"][0]["tabs"][0]["cells"][0][0]
        formats = {"textFormat": {"bold": False}, "horizontalAlignment": "LEFT"}
        assert cell == {"value": "a", "data": {"userEnteredFormat": formats, "note": "hi"}}
        caller.batch({"repeatCell": {"range": grid(0, 1, 0, 1), "cell": {}, "fields": "*"}})
        assert caller.google.state()["spreadsheets"][0]["tabs"][0]["cells"] == []

    def test_sorting_puts_numbers_before_texts_and_blanks_last(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["k", "v"], ["b", 1], ["", 2], [10, 3], ["a", 4], [2, 5], [True, 6]])
        by = [{"dimensionIndex": 0, "sortOrder": "ASCENDING"}]
        caller.batch({"sortRange": {"range": grid(1, 7, 0, 2), "sortSpecs": by}})
        assert [row[1] for row in caller.rows()] == ["v", 5, 3, 4, 1, 6, 2]
        by = [{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]
        caller.batch({"sortRange": {"range": grid(1, 7, 0, 2), "sortSpecs": by}})
        assert [row[1] for row in caller.rows()] == ["v", 6, 1, 4, 3, 5, 2]

    def test_cells_are_shifted_down_and_back(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a", "b"], ["c", "d"]])
        caller.batch({"insertRange": {"range": grid(0, 1, 0, 1), "shiftDimension": "ROWS"}})
        assert caller.rows() == [[None, "b"], ["a", "d"], ["c"]]
        caller.batch({"deleteRange": {"range": grid(0, 1, 0, 1), "shiftDimension": "ROWS"}})
        assert caller.rows() == [["a", "b"], ["c", "d"]]
        caller.batch({"insertRange": {"range": grid(0, 1, 0, 1), "shiftDimension": "COLUMNS"}})
        assert caller.rows() == [[None, "a", "b"], ["c", "d"]]
        assert caller.ok("GET", "")["sheets"][0]["properties"]["gridProperties"] == {"rowCount": 1000, "columnCount": 26}


class TestRowsAndColumns:
    @pytest.mark.parametrize(
        ("request_", "after"),
        [
            ({"insertDimension": {"range": lines(1, 3)}}, ["a", None, None, "b", "c", "d"]),
            ({"deleteDimension": {"range": lines(1, 3)}}, ["a", "d"]),
            ({"moveDimension": {"source": lines(0, 1), "destinationIndex": 3}}, ["b", "c", "a", "d"]),
            ({"moveDimension": {"source": lines(2, 4), "destinationIndex": 0}}, ["c", "d", "a", "b"]),
            ({"moveDimension": {"source": lines(0, 1), "destinationIndex": 6}}, ["b", "c", "d", None, None, "a"]),
        ],
    )
    def test_rows_and_columns_come_go_and_move(self, caller: GoogleCaller, request_: Json, after: list[str]) -> None:
        caller.put("A1", [["a"], ["b"], ["c"], ["d"]])
        caller.batch(request_)
        assert [row[0] if row else None for row in caller.rows()] == after
        caller.put("Sheet1!A1:Z8", [[""] * 26] * 8)
        caller.put("A1", [["a", "b", "c", "d"]])
        (kind, sent) = next(iter(request_.items()))
        span = "source" if "source" in sent else "range"
        caller.batch({kind: {**sent, span: {**sent[span], "dimension": "COLUMNS"}}})
        assert caller.rows() == [after]

    @pytest.mark.parametrize(
        "bad",
        [
            {"insertDimension": {"range": lines(1001, 1002)}},
            {"insertDimension": {"range": lines(0, 1), "inheritFromBefore": True}},
            {"deleteDimension": {"range": lines(0, 1000)}},
            {"deleteDimension": {"range": lines(999, 1001)}},
            {"deleteDimension": {"range": lines(3, 3)}},
            {"moveDimension": {"source": lines(1, 4), "destinationIndex": 2}},
            {"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 0}},
            {"appendDimension": {"sheetId": 0, "dimension": "DEPTH", "length": 1}},
            {"appendDimension": {"sheetId": "0", "dimension": "ROWS", "length": 1}},
        ],
    )
    def test_what_lies_outside_the_grid_is_refused(self, caller: GoogleCaller, bad: dict[str, Any]) -> None:
        assert caller.batch_refused(bad) == "INVALID_ARGUMENT"


class TestFiltersAndNames:
    def test_a_filter_disturbs_neither_reads_nor_writes(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["k"], ["a"], ["b"]])
        criteria = {"0": {"hiddenValues": ["a"]}}
        caller.batch({"setBasicFilter": {"filter": {"range": grid(0, 3, 0, 1), "criteria": criteria}}})
        assert caller.ok("GET", "")["sheets"][0]["basicFilter"]["criteria"] == criteria
        assert caller.values("A:A") == [["k"], ["a"], ["b"]]
        caller.append("Sheet1", [["c"]])
        caller.put("A2", [["changed"]])
        assert caller.rows() == [["k"], ["changed"], ["b"], ["c"]]
        caller.batch({"clearBasicFilter": {"sheetId": 0}})
        assert "basicFilter" not in caller.ok("GET", "")["sheets"][0]

    def test_a_named_range_moves_with_its_rows(self, caller: GoogleCaller) -> None:
        caller.put("A1", [["a"], ["b"]])
        named = {"name": "second", "range": grid(1, 2, 0, 1)}
        made = caller.batch({"addNamedRange": {"namedRange": named}})[0]["addNamedRange"]["namedRange"]
        caller.batch({"insertDimension": {"range": lines(0, 1)}})
        assert caller.get("second")["range"] == "Sheet1!A3"
        caller.batch({"deleteNamedRange": {"namedRangeId": made["namedRangeId"]}})
        assert caller.refused("GET", "/values/second") == "INVALID_ARGUMENT"


class TestProtection:
    @pytest.fixture
    def protected(self, caller: GoogleCaller) -> GoogleCaller:
        caller.put("A1", [["id", "mine"], ["1", "x"], ["2", "y"]])
        caller.person("protect", range="B1:B3")
        return caller

    @pytest.mark.parametrize(
        ("below", "body"),
        [
            ("/values/A2:B2:clear", None),
            ("/values:batchClear", {"ranges": ["A2", "B2"]}),
            (
                "/values:batchUpdate",
                {"valueInputOption": "RAW", "data": [{"range": "A1", "values": [["lost"]]}, {"range": "B2", "values": [["z"]]}]},
            ),
            (":batchUpdate", {"requests": [{"deleteDimension": {"range": lines(1, 2)}}]}),
            (":batchUpdate", {"requests": [{"insertDimension": {"range": lines(1, 2)}}]}),
            (":batchUpdate", {"requests": [{"deleteSheet": {"sheetId": 0}}]}),
            (":batchUpdate", {"requests": [{"sortRange": {"range": grid(1, 3, 0, 2), "sortSpecs": [{"dimensionIndex": 0}]}}]}),
            (":batchUpdate", {"requests": [{"deleteProtectedRange": {"protectedRangeId": 1}}]}),
            (
                ":batchUpdate",
                {"requests": [{"repeatCell": {"range": grid(0, 9, 0, 9), "cell": {}, "fields": "userEnteredValue"}}]},
            ),
        ],
    )
    def test_writes_that_touch_it_are_refused_as_a_whole(self, protected: GoogleCaller, below: str, body: Json) -> None:
        before = protected.google.state()["spreadsheets"]
        assert protected.refused("POST", below, body) == "INVALID_ARGUMENT"
        assert protected.google.state()["spreadsheets"] == before

    def test_writes_beside_it_are_not(self, protected: GoogleCaller) -> None:
        protected.put("A2", [["9"]])
        assert protected.append("A1:B1", [["3", "z"]])["updates"]["updatedRange"] == "Sheet1!A4:B4"

    def test_its_editors_may_write_and_a_warning_stops_no_program(self, caller: GoogleCaller) -> None:
        made = caller.batch({"addProtectedRange": {"protectedRange": {"range": grid(0, 1, 0, 1)}}})
        shown = made[0]["addProtectedRange"]["protectedRange"]
        assert shown["requestingUserCanEdit"] is True
        caller.person("protect", range="B1", warning_only=True)
        caller.put("A1", [["a", "b"]])
        caller.batch({"deleteProtectedRange": {"protectedRangeId": shown["protectedRangeId"]}})
        assert len(caller.ok("GET", "")["sheets"][0]["protectedRanges"]) == 1

    def test_it_moves_with_its_rows(self, protected: GoogleCaller) -> None:
        protected.person("insert_rows", at=1)
        protected.put("B1", [["free"]])
        assert protected.refused("PUT", "/values/B4", {"values": [["z"]]}, valueInputOption="RAW") == "INVALID_ARGUMENT"
