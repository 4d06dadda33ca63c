"""Developer metadata, and the write guarded by one of its ids."""

import pytest

from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller, Json
from vendor_sandbox import Sandbox


@pytest.fixture
def caller(sandbox: Sandbox) -> GoogleCaller:
    caller = GoogleCaller(sandbox)
    caller.put("A1", [["id"], ["1"], ["2"], ["3"]])
    return caller


def create(location: Json | None = None, key: str = "order", **more: object) -> Json:
    place = location or {"spreadsheet": True}
    return {
        "createDeveloperMetadata": {"developerMetadata": {"metadataKey": key, "visibility": "PROJECT", "location": place, **more}}
    }


def line(index: int, dimension: str = "ROWS") -> Json:
    return {"dimensionRange": {"sheetId": 0, "dimension": dimension, "startIndex": index, "endIndex": index + 1}}


def lookup(**wanted: object) -> Json:
    return {"developerMetadataLookup": wanted}


def found(caller: GoogleCaller, *filters: Json) -> list[int]:
    """The ids a search finds."""
    body = {"dataFilters": list(filters)}
    matched = caller.ok("POST", "/developerMetadata:search", body).get("matchedDeveloperMetadata", [])
    return [each["developerMetadata"]["metadataId"] for each in matched]


class TestTheGuardedAppend:
    def request(self, text: str) -> list[Json]:
        row = {"values": [{"userEnteredValue": {"stringValue": text}}]}
        append = {"appendCells": {"sheetId": 0, "rows": [row], "fields": "userEnteredValue"}}
        return [create(metadataId=100045, metadataValue="run-45/3"), append]

    def test_a_used_id_makes_the_resend_fail_and_append_nothing(self, caller: GoogleCaller) -> None:
        caller.batch(*self.request("1042"))
        assert caller.batch_refused(*self.request("1042")) == "INVALID_ARGUMENT"
        assert caller.rows()[4:] == [["1042"]]
        assert caller.ok("GET", "/developerMetadata/100045")["metadataValue"] == "run-45/3"

    def test_an_id_of_a_call_that_was_not_carried_out_is_not_there(self, caller: GoogleCaller) -> None:
        assert caller.batch_refused(*self.request("x" * 50_001)) == "INVALID_ARGUMENT"
        assert caller.refused("GET", "/developerMetadata/100045") == "NOT_FOUND"


class TestPlaces:
    def test_entries_are_shown_where_they_are(self, caller: GoogleCaller) -> None:
        made = caller.batch(create(), create({"sheetId": 0}), create(line(2)), create(line(0, "COLUMNS")))
        kinds = [each["createDeveloperMetadata"]["developerMetadata"]["location"]["locationType"] for each in made]
        assert kinds == ["SPREADSHEET", "SHEET", "ROW", "COLUMN"]
        shown = caller.ok("GET", "")
        assert shown["developerMetadata"][0]["metadataId"] == 1
        assert shown["sheets"][0]["developerMetadata"][0]["metadataId"] == 2

    @pytest.mark.parametrize(
        "bad",
        [
            create({"sheetId": 9}),
            create({"spreadsheet": True, "sheetId": 0}),
            create({"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 2}}),
            create(line(1000)),
            create(metadataId=0),
            create(metadataId=2**31),
            create(key=""),
            create(visibility="SECRET"),
        ],
    )
    def test_places_and_ids_that_cannot_be_are_refused(self, caller: GoogleCaller, bad: Json) -> None:
        assert caller.batch_refused(bad) == "INVALID_ARGUMENT"

    def test_a_row_keeps_its_entry_when_rows_come_and_move_and_takes_it_along_when_it_goes(self, caller: GoogleCaller) -> None:
        caller.batch(create(line(1), metadataValue="1"), create(line(2), metadataValue="2"))
        wanted = {"dataFilters": [lookup(metadataKey="order", metadataValue="2")], "valueRenderOption": "UNFORMATTED_VALUE"}

        def row() -> list[tuple[str, list[list[str]]]]:
            answer = caller.ok("POST", "/values:batchGetByDataFilter", wanted)
            return [(each["valueRange"]["range"], each["valueRange"]["values"]) for each in answer.get("valueRanges", [])]

        assert row() == [("Sheet1!A3:Z3", [["2"]])]
        caller.person("insert_rows", at=1)
        assert row() == [("Sheet1!A4:Z4", [["2"]])]
        caller.person("move_rows", at=4, to=2)
        assert row() == [("Sheet1!A2:Z2", [["2"]])]
        data = {"dataFilter": wanted["dataFilters"][0], "values": [["two"]]}
        caller.ok("POST", "/values:batchUpdateByDataFilter", {"valueInputOption": "RAW", "data": [data]})
        assert caller.rows()[1] == ["two"]
        caller.person("delete_rows", at=2)
        assert row() == []
        assert found(caller, lookup(metadataKey="order")) == [1]

    def test_it_does_not_follow_a_sort(self, caller: GoogleCaller) -> None:
        caller.batch(create(line(1)))
        caller.person("sort", by="A", descending=True)
        filters = [{"dataFilters": [lookup(metadataKey="order")], "valueRenderOption": "UNFORMATTED_VALUE"}]
        answer = caller.ok("POST", "/values:batchGetByDataFilter", filters[0])
        assert answer["valueRanges"][0]["valueRange"]["values"] == [["3"]]

    def test_a_tab_takes_its_entries_along(self, caller: GoogleCaller) -> None:
        tab = caller.batch({"addSheet": {"properties": {"title": "T"}}})[0]["addSheet"]["properties"]["sheetId"]
        caller.batch(create({"sheetId": tab}), create())
        caller.batch({"deleteSheet": {"sheetId": tab}})
        assert found(caller, lookup(metadataKey="order")) == [2]


class TestSearching:
    @pytest.mark.parametrize(
        ("filters", "ids"),
        [
            ([lookup(metadataKey="order")], [1, 2, 3]),
            ([lookup(metadataKey="order", metadataValue="b")], [2]),
            ([lookup(metadataId=4)], [4]),
            ([lookup(visibility="DOCUMENT")], []),
            ([lookup(locationType="COLUMN")], [4]),
            ([lookup(metadataLocation=line(2))], [2]),
            ([lookup(metadataLocation={"sheetId": 0}, locationMatchingStrategy="INTERSECTING_LOCATION")], [2, 3, 4]),
            ([{"a1Range": "A3:B3"}], [2, 3, 4]),
            ([{"gridRange": {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 5}}], [3]),
            ([lookup(metadataKey="nothing")], []),
        ],
    )
    def test_lookups(self, caller: GoogleCaller, filters: list[Json], ids: list[int]) -> None:
        caller.batch(
            create(), create(line(2), metadataValue="b"), create({"sheetId": 0}), create(line(0, "COLUMNS"), key="column")
        )
        assert found(caller, *filters) == ids

    @pytest.mark.parametrize("bad", [{}, {"a1Range": "A1", "gridRange": {"sheetId": 0}}, lookup(colour="red"), {"a1Range": 7}])
    def test_a_filter_that_is_none_is_refused(self, caller: GoogleCaller, bad: Json) -> None:
        assert caller.refused("POST", "/developerMetadata:search", {"dataFilters": [bad]}) == "INVALID_ARGUMENT"


class TestChanging:
    def test_entries_are_updated_and_deleted(self, caller: GoogleCaller) -> None:
        caller.batch(create(line(1)), create(line(2), key="other"))
        change = {
            "dataFilters": [lookup(metadataKey="order")],
            "developerMetadata": {"metadataValue": "new", "location": line(3)},
            "fields": "metadataValue,location",
        }
        changed = caller.batch({"updateDeveloperMetadata": change})[0]["updateDeveloperMetadata"]["developerMetadata"]
        assert changed[0]["location"]["dimensionRange"]["startIndex"] == 3
        gone = caller.batch({"deleteDeveloperMetadata": {"dataFilter": lookup(metadataId=1)}})
        assert gone[0]["deleteDeveloperMetadata"]["deletedDeveloperMetadata"][0]["metadataValue"] == "new"
        assert found(caller, lookup(visibility="PROJECT")) == [2]

    def test_the_storage_is_small(self, caller: GoogleCaller) -> None:
        caller.settings(metadata_characters=20)
        caller.batch(create(metadataValue="x" * 15))
        assert caller.batch_refused(create(metadataValue="x")) == "INVALID_ARGUMENT"
        caller.batch(create({"sheetId": 0}, metadataValue="x"))
