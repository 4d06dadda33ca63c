"""Quotas, sizes and faults."""

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller
from vendor_sandbox import Sandbox


class TestQuotas:
    def test_sixty_reads_and_sixty_writes_a_minute_are_counted_apart(self) -> None:
        with Sandbox() as sandbox:
            caller = GoogleCaller(sandbox)
            reads = [caller.sheets("GET", "/values/A1").status_code for _ in range(61)]
            writes = [caller.sheets("POST", "/values/A1:clear").status_code for _ in range(61)]
            assert reads == writes == [200] * 60 + [429]
            assert caller.send("GET", "/drive/v3/files").status_code == 200
            assert (sandbox.google.reads, sandbox.google.writes, sandbox.google.drive_calls) == (60, 60, 1)

    def test_the_refusal_names_the_counter_and_no_time(self) -> None:
        with Sandbox() as sandbox:
            caller = GoogleCaller(sandbox)
            caller.settings(writes_per_user=1)
            caller.append("Sheet1", [["a"]])
            reply = caller.sheets("POST", "/values/A1:clear")
            assert reply.status_code == 429
            assert "Retry-After" not in reply.headers
            error = reply.json()["error"]
            assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
            assert error["message"].startswith("Quota exceeded for quota metric 'Write requests' and limit")
            assert error["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED"
            assert error["details"][0]["metadata"]["quota_limit"] == "WriteRequestsPerMinutePerUser"

    def test_the_project_has_a_counter_of_its_own(self) -> None:
        with Sandbox() as sandbox:
            caller = GoogleCaller(sandbox)
            caller.settings(reads_per_project=2, retry_after=True)
            statuses = [caller.sheets("GET", "") for _ in range(3)]
            assert [each.status_code for each in statuses] == [200, 200, 429]
            limit = statuses[-1].json()["error"]["details"][0]["metadata"]["quota_limit"]
            assert limit == "ReadRequestsPerMinutePerProject"
            assert 55 <= int(statuses[-1].headers["Retry-After"]) <= 60

    def test_a_full_minute_later_there_is_room_again(self) -> None:
        with Sandbox() as sandbox:
            caller = GoogleCaller(sandbox)
            caller.settings(reads_per_user=1)
            assert caller.sheets("GET", "").status_code == 200
            assert caller.sheets("GET", "").status_code == 429
            sandbox.google.clock.skip(60)
            assert caller.sheets("GET", "").status_code == 200

    @pytest.mark.parametrize(
        ("call", "body", "kind"),
        [
            ("POST /developerMetadata:search", {"dataFilters": []}, "reads"),
            ("POST /values:batchGetByDataFilter", {"dataFilters": []}, "reads"),
            ("POST :getByDataFilter", {"dataFilters": []}, "reads"),
            ("GET /values:batchGet", None, "reads"),
            ("POST /values:batchClearByDataFilter", {"dataFilters": []}, "writes"),
            ("POST /values:batchUpdate", {"valueInputOption": "RAW", "data": []}, "writes"),
        ],
    )
    def test_a_batch_is_one_call_and_searches_are_reads(
        self, sandbox: Sandbox, call: str, body: dict[str, object] | None, kind: str
    ) -> None:
        verb, below = call.split()
        caller = GoogleCaller(sandbox)
        caller.ok(verb, below, body)
        assert {"reads": sandbox.google.reads, "writes": sandbox.google.writes} == {"reads": 0, "writes": 0} | {kind: 1}

    def test_calls_without_a_good_token_are_not_counted(self, sandbox: Sandbox) -> None:
        GoogleCaller(sandbox, token="nonsense").sheets("GET", "")
        assert sandbox.google.reads == 0


class TestSizes:
    def test_the_cell_limit_counts_the_whole_grid_of_all_tabs(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        caller.settings(cell_limit=30_000)
        add = {"addSheet": {"properties": {"title": "T", "gridProperties": {"rowCount": 100, "columnCount": 40}}}}
        caller.batch(add)
        too_much = {"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 1}}
        assert caller.batch_refused(too_much) == "INVALID_ARGUMENT"
        caller.batch({"deleteDimension": {"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 1}}})
        caller.batch(too_much)

    def test_an_append_that_would_grow_beyond_it_is_refused(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        caller.settings(cell_limit=26_000)
        body = {"values": [["x"]] * 1001}
        assert caller.refused("POST", "/values/Sheet1:append", body, valueInputOption="RAW") == "INVALID_ARGUMENT"
        assert caller.rows() == []

    def test_there_are_at_most_18278_columns(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        sandbox.google.change_state({"grid": [{"spreadsheet": caller.id, "rows": 1, "columns": 18_278}]})
        caller.put("ZZZ1", [["last"]])
        grow = {"appendDimension": {"sheetId": 0, "dimension": "COLUMNS", "length": 1}}
        assert caller.batch_refused(grow) == "INVALID_ARGUMENT"

    def test_the_largest_body_is_on_record(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        caller.settings(recommended_bytes=100)
        caller.put("A1", [["x" * 500]])
        caller.put("A1", [["x"]])
        state = sandbox.google.state()
        assert 500 < state["largest_write"] < 600
        assert state["large_writes"] == 1


class TestFaults:
    def test_a_rate_limit_ordered_by_a_test_has_the_vendors_shape(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        sandbox.faults("google", [{"on": "* *", "kind": "rate_limited", "retry_after": 3, "times": 3}])
        reply = caller.sheets("GET", "")
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
        assert reply.json()["error"]["details"][0]["metadata"]["quota_metric"] == "sheets.googleapis.com/read_requests"
        reply = caller.sheets("POST", "/values/A1:clear")
        assert reply.json()["error"]["details"][0]["metadata"]["quota_metric"] == "sheets.googleapis.com/write_requests"
        assert caller.send("GET", "/drive/v3/files").json()["error"]["errors"][0]["reason"] == "userRateLimitExceeded"

    def test_a_502_is_html(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        sandbox.faults("google", [{"on": "POST *:append", "kind": "html_502"}])
        reply = caller.sheets("POST", "/values/A1:append", {"values": [["a"]]}, valueInputOption="RAW")
        assert (reply.status_code, reply.headers["Content-Type"]) == (502, "text/html; charset=UTF-8")
        assert caller.rows() == []

    @pytest.mark.parametrize("below", ["/values/Sheet1:append?valueInputOption=RAW", ":batchUpdate"])
    def test_a_write_may_be_done_though_nobody_hears_of_it(self, sandbox: Sandbox, below: str) -> None:
        caller = GoogleCaller(sandbox)
        row = {"values": [{"userEnteredValue": {"stringValue": "a"}}]}
        request = {"appendCells": {"sheetId": 0, "rows": [row], "fields": "userEnteredValue"}}
        body = {"requests": [request]} if below == ":batchUpdate" else {"values": [["a"]]}
        sandbox.faults("google", [{"on": "POST *", "kind": "lost_reply"}])
        with pytest.raises(requests.ConnectionError):
            caller.sheets("POST", below, body)
        assert caller.rows() == [["a"]]

    def test_a_write_may_be_done_though_the_answer_is_an_error(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        sandbox.faults("google", [{"on": "PUT *", "kind": "done_but_error", "status": 503}])
        body = {"values": [["a"]]}
        assert caller.refused("PUT", "/values/A1", body, valueInputOption="RAW") == "UNAVAILABLE"
        assert caller.rows() == [["a"]]

    def test_general_errors_have_the_vendors_shape(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        for status, name in ((500, "INTERNAL"), (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED")):
            sandbox.faults("google", [{"on": "* *", "kind": "status", "status": status}])
            assert caller.refused("GET", "") == name

    @pytest.mark.parametrize(("when", "seen"), [("before", [["new"], ["a"]]), ("after", [["a"]])])
    def test_a_person_acts_before_or_after_a_call(self, sandbox: Sandbox, when: str, seen: list[list[str]]) -> None:
        caller = GoogleCaller(sandbox)
        caller.put("A1", [["a"]])
        action = {"spreadsheet": "Order Book", "do": "insert_rows", "at": 1, "values": [["new"]]}
        sandbox.faults("google", [{"on": "GET */values/*", "kind": "human", "when": when, "action": action}])
        assert caller.values("Sheet1") == seen
        assert caller.rows() == [["new"], ["a"]]
