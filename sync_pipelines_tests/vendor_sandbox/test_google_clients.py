"""Two clients the sandbox was not written by: gspread and google-api-python-client."""

from typing import Any

import gspread
import pytest
import requests
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from gspread.http_client import HTTPClient

from sync_pipelines_tests.vendor_sandbox.google_caller import discovery, methods
from vendor_sandbox import Sandbox


def client_class(sandbox: Sandbox) -> type[HTTPClient]:
    """gspread's client with the vendor's two hosts swapped for the sandbox."""
    env = sandbox.env
    hosts = {"https://sheets.googleapis.com": env["GOOGLE_SHEETS_URL"], "https://www.googleapis.com": env["GOOGLE_DRIVE_URL"]}

    class Local(HTTPClient):
        def request(self, method: str, endpoint: str, *args: Any, **options: Any) -> requests.Response:
            for host, local in hosts.items():
                endpoint = endpoint.replace(host, local, 1)
            return super().request(method, endpoint, *args, **options)

    return Local


@pytest.fixture
def gc(sandbox: Sandbox) -> gspread.Client:
    credentials = Credentials(token=sandbox.google.token())
    return gspread.authorize(credentials, http_client=client_class(sandbox))


class TestGspread:
    def test_a_service_account_signs_in_by_its_key_file_and_again_when_its_token_expired(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # google-auth asks a host of its own where the account may be used; nothing here leaves the machine.
        lookup = "_maybe_start_regional_access_boundary_refresh"
        monkeypatch.setattr(service_account.Credentials, lookup, lambda *_: None, raising=True)
        file = sandbox.env["GOOGLE_SERVICE_ACCOUNT_FILE"]
        client = gspread.service_account(filename=file, http_client=client_class(sandbox))
        tab = client.open("Order Book").sheet1
        assert tab.get_all_values() == [[]]
        sandbox.faults("google", [{"on": "POST *:append", "kind": "expired_token"}])
        tab.append_row(["once"])
        assert sandbox.google.rows("Order Book") == [["once"]]
        tokens = [call for call in sandbox.calls("google") if call["path"] == "/google/token"]
        assert [call["status"] for call in tokens] == [200, 200]

    def test_titles_find_spreadsheets_and_tabs(self, gc: gspread.Client, sandbox: Sandbox) -> None:
        assert [each.title for each in gc.openall("Twice")] == ["Twice", "Twice"]
        book = gc.open("Bakery Order Book")
        assert [each.title for each in book.worksheets()] == ["Customer Orders", "Bakery Products Ordered "]
        assert book.worksheet("Bakery Products Ordered ").row_values(1)[0] == "OrderID"
        with pytest.raises(gspread.SpreadsheetNotFound):
            gc.open("Payroll")
        with pytest.raises(PermissionError):
            gc.open_by_key(sandbox.google.spreadsheet_id("Payroll"))
        with pytest.raises(gspread.SpreadsheetNotFound):
            gc.open_by_key("1unknown")
        with pytest.raises(gspread.WorksheetNotFound):
            book.worksheet("Nowhere")

    def test_rows_are_appended_read_changed_and_cleared(self, gc: gspread.Client) -> None:
        tab = gc.open("Order Book").sheet1
        tab.append_rows([["id", "total", "paid"], ["007", 249.9, True]])
        answer = tab.append_row(["=1+1", "$5", None], value_input_option="USER_ENTERED", insert_data_option="INSERT_ROWS")
        assert answer["updates"]["updatedRange"] == "Sheet1!A3:C3"
        assert tab.get_all_values() == [["id", "total", "paid"], ["007", "249.9", "TRUE"], ["2", "$5", ""]]
        assert tab.get_all_records(numericise_ignore=["all"])[0] == {"id": "007", "total": "249.9", "paid": "TRUE"}
        tab.batch_update([{"range": "A2", "values": [["008"]]}, {"range": "C3", "values": [["no"]]}])
        tab.update_cell(2, 2, 1)
        assert tab.batch_get(["A2:B2", "C3"]) == [[["008", "1"]], [["no"]]]
        assert tab.find("no").address == "C3"
        tab.batch_clear(["C1:C3"])
        tab.clear()
        assert tab.get_all_values() == [[]]

    def test_tabs_are_shaped(self, gc: gspread.Client) -> None:
        book = gc.open("Order Book")
        tab = book.add_worksheet("Log", rows=5, cols=3)
        tab.update([["b", 2], ["a", 1]], "A1")
        tab.sort((1, "asc"))
        tab.insert_rows([["h", "n"]], 1)
        tab.freeze(rows=1)
        tab.format("B2:B3", {"numberFormat": {"type": "NUMBER", "pattern": "0.00"}})
        assert tab.get_all_values() == [["h", "n"], ["a", "1.00"], ["b", "2.00"]]
        tab.set_basic_filter()
        tab.clear_basic_filter()
        tab.add_protected_range("A1:B1", ["someone@example.com"])
        tab.columns_auto_resize(0, 2)
        tab.add_rows(2)
        tab.delete_rows(2)
        tab.resize(rows=4, cols=2)
        tab.update_title("Log 2")
        assert (book.worksheet("Log 2").row_count, book.worksheet("Log 2").col_count) == (4, 2)
        assert tab.get_all_values() == [["h", "n"], ["b", "2.00"]]
        copy = tab.duplicate(new_sheet_name="Log 3")
        book.del_worksheet(tab)
        copy.copy_to(gc.open("Twice").id)
        book.update_title("Order Book 2")
        assert sorted(each.title for each in book.worksheets()) == ["Log 3", "Sheet1"]

    def test_errors_reach_it_as_its_own(self, gc: gspread.Client, sandbox: Sandbox) -> None:
        tab = gc.open("Order Book").sheet1
        sandbox.faults("google", [{"on": "POST *", "kind": "rate_limited"}, {"on": "POST *", "kind": "html_502"}])
        with pytest.raises(gspread.exceptions.APIError) as refused:
            tab.append_row(["a"])
        assert refused.value.code == 429
        with pytest.raises(gspread.exceptions.APIError) as failed:
            tab.append_row(["a"])
        assert (failed.value.code, failed.value.response.status_code) == (-1, 502)


class TestGoogleApiPythonClient:
    @pytest.fixture
    def sheets(self, sandbox: Sandbox) -> Any:
        return build(
            "sheets",
            "v4",
            static_discovery=True,
            credentials=Credentials(token=sandbox.google.token()),
            client_options={"api_endpoint": sandbox.env["GOOGLE_SHEETS_URL"]},
        ).spreadsheets()

    def test_it_reads_and_writes(self, sheets: Any, sandbox: Sandbox) -> None:
        wanted = sandbox.google.spreadsheet_id("Order Book")
        title = sheets.get(spreadsheetId=wanted, fields="properties.title").execute()
        assert title == {"properties": {"title": "Order Book"}}
        values = sheets.values()
        body = {"values": [["a", "=1"], ["b"]]}
        values.append(spreadsheetId=wanted, range="'Sheet1'!A1", valueInputOption="RAW", body=body).execute()
        values.update(
            spreadsheetId=wanted, range="Sheet1!C1", valueInputOption="USER_ENTERED", body={"values": [["1/2/2026"]]}
        ).execute()
        read = values.batchGet(spreadsheetId=wanted, ranges=["A1:B2", "C1"], valueRenderOption="UNFORMATTED_VALUE").execute()
        assert [each["values"] for each in read["valueRanges"]] == [[["a", "=1"], ["b"]], [[46024]]]
        place = {"metadataId": 7, "metadataKey": "k", "visibility": "PROJECT", "location": {"spreadsheet": True}}
        requests_ = [{"createDeveloperMetadata": {"developerMetadata": place}}]
        sheets.batchUpdate(spreadsheetId=wanted, body={"requests": requests_}).execute()
        assert sheets.developerMetadata().get(spreadsheetId=wanted, metadataId=7).execute()["metadataKey"] == "k"
        values.clear(spreadsheetId=wanted, range="Sheet1", body={}).execute()
        assert sandbox.google.rows("Order Book") == []
        made = sheets.create(body={"properties": {"title": "New"}}).execute()
        assert sandbox.google.spreadsheet_id("New") == made["spreadsheetId"]

    def test_it_understands_refusals(self, sheets: Any, sandbox: Sandbox) -> None:
        for wanted, status in ((sandbox.google.spreadsheet_id("Payroll"), 403), ("1unknown", 404)):
            with pytest.raises(HttpError) as refused:
                sheets.get(spreadsheetId=wanted).execute()
            assert refused.value.resp.status == status

    def test_it_lists_files(self, sandbox: Sandbox) -> None:
        drive = build(
            "drive",
            "v3",
            static_discovery=True,
            credentials=Credentials(token=sandbox.google.token()),
            client_options={"api_endpoint": f"{sandbox.env['GOOGLE_DRIVE_URL']}/drive/v3/"},
        )
        found = drive.files().list(q="name='Order Book'", pageSize=10).execute()
        assert found["files"][0]["id"] == sandbox.google.spreadsheet_id("Order Book")


def test_every_method_of_the_discovery_document_is_offered(sandbox: Sandbox) -> None:
    """With a token, nothing that exists answers with the HTML of a path that does not."""
    headers = {"Authorization": f"Bearer {sandbox.google.token()}"}
    parts = {"spreadsheetId": sandbox.google.spreadsheet_id("Order Book"), "range": "A1", "sheetId": "0", "metadataId": "1"}
    every = methods(discovery("sheets.v4"))
    assert len(every) == 17
    for method in every:
        path = method["path"].format(**parts)
        reply = requests.request(method["httpMethod"], f"{sandbox.url}/google/{path}", headers=headers, timeout=20)
        assert reply.headers["Content-Type"].startswith("application/json"), method["id"]
        assert reply.status_code in (200, 400, 404), method["id"]
