"""Tokens, sharing, the key file, and the Drive listing."""

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth import crypt, jwt

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE
from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller
from vendor_sandbox import Sandbox

DRIVE = "https://www.googleapis.com/auth/drive"
SHEETS = "https://www.googleapis.com/auth/spreadsheets"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def key_of(sandbox: Sandbox) -> dict[str, str]:
    key: dict[str, str] = json.loads(Path(sandbox.env["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_text())
    return key


def ask_for_token(sandbox: Sandbox, grant: str = GRANT, **changes: Any) -> requests.Response:
    key, now = key_of(sandbox), int(time.time())
    claims = {"iss": key["client_email"], "scope": SHEETS, "aud": key["token_uri"], "iat": now, "exp": now + 3600, **changes}
    assertion = jwt.encode(crypt.RSASigner.from_service_account_info(key), claims).decode()
    form = {"grant_type": grant, "assertion": assertion}
    return requests.post(key["token_uri"], data=form, timeout=PATIENCE)


class TestTokens:
    def test_a_signed_assertion_gets_a_token_that_opens_the_api(self, sandbox: Sandbox) -> None:
        for audience in (f"{sandbox.url}/google/token", "https://oauth2.googleapis.com/token"):
            answer = ask_for_token(sandbox, aud=audience).json()
            assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
            assert GoogleCaller(sandbox, token=answer["access_token"]).values("A1") == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "someone@else.iam.gserviceaccount.com"},
            {"aud": "https://example.com/token"},
            {"exp": 10_000, "iat": 9_000},
            {"exp": 2**31},
            {"exp": None},
            {"scope": ""},
            {"grant": "client_credentials"},
        ],
    )
    def test_any_other_claim_gets_none(self, sandbox: Sandbox, changes: dict[str, Any]) -> None:
        answer = ask_for_token(sandbox, **changes)
        assert answer.status_code == 400
        assert set(answer.json()) == {"error", "error_description"}

    def test_a_signature_by_another_key_gets_none(self, sandbox: Sandbox) -> None:
        uri = key_of(sandbox)["token_uri"]
        for assertion in ("e30.e30.AAAA", "x", "eyJhbGciOiJub25lIn0.e30."):
            answer = requests.post(uri, data={"grant_type": GRANT, "assertion": assertion}, timeout=PATIENCE)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    def test_tokens_expire_on_the_sandboxes_clock(self) -> None:
        with Sandbox() as sandbox:
            caller = GoogleCaller(sandbox)
            assert caller.values("A1") == []
            sandbox.google.clock.skip(3600)
            assert caller.refused("GET", "/values/A1") == "UNAUTHENTICATED"

    def test_tokens_can_be_revoked_and_expired_by_a_fault(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox)
        sandbox.faults("google", [{"on": "GET *", "kind": "expired_token"}])
        for _ in range(2):
            assert caller.refused("GET", "/values/A1") == "UNAUTHENTICATED"
        caller = GoogleCaller(sandbox)
        sandbox.google.change_state({"revoke_tokens": True})
        assert caller.refused("GET", "/values/A1") == "UNAUTHENTICATED"

    @pytest.mark.parametrize(
        ("scope", "read", "write", "drive"),
        [
            (SHEETS, 200, 200, 403),
            (f"{SHEETS}.readonly", 200, 403, 403),
            (DRIVE, 200, 200, 200),
            (f"{DRIVE}.readonly", 200, 403, 200),
            ("https://www.googleapis.com/auth/gmail.send", 403, 403, 403),
        ],
    )
    def test_scopes_say_what_a_token_may(self, sandbox: Sandbox, scope: str, read: int, write: int, drive: int) -> None:
        caller = GoogleCaller(sandbox, token=sandbox.google.token(scope))
        assert caller.sheets("GET", "").status_code == read
        assert caller.sheets("POST", "/values/A1:clear").status_code == write
        assert caller.send("GET", "/drive/v3/files").status_code == drive


class TestTheKeyFile:
    def test_it_is_private_says_where_tokens_are_and_goes_when_the_sandbox_closes(self) -> None:
        sandbox = Sandbox()
        file = Path(sandbox.env["GOOGLE_SERVICE_ACCOUNT_FILE"])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert key_of(sandbox)["token_uri"] == f"{sandbox.url}/google/token"
        assert sandbox.env["GOOGLE_SHEETS_URL"] == sandbox.env["GOOGLE_DRIVE_URL"] == f"{sandbox.url}/google"
        assert sandbox.env["TARGET_SPREADSHEET"] == "Order Book"
        sandbox.close()
        assert not file.parent.exists()


class TestSharing:
    def test_without_a_token_there_is_401(self, sandbox: Sandbox) -> None:
        assert GoogleCaller(sandbox, token="nonsense").refused("GET", "") == "UNAUTHENTICATED"

    def test_a_spreadsheet_that_is_not_shared_gets_403_and_an_unknown_id_404(self, sandbox: Sandbox) -> None:
        caller = GoogleCaller(sandbox, "Payroll")
        assert caller.refused("GET", "") == "PERMISSION_DENIED"
        caller.person("share", role="reader")
        assert caller.ok("GET", "")["properties"]["title"] == "Payroll"
        assert caller.refused("POST", "/values/A1:clear") == "PERMISSION_DENIED"
        caller.person("share")
        caller.ok("POST", "/values/A1:clear")
        caller.person("unshare")
        assert caller.refused("GET", "/values/A1") == "PERMISSION_DENIED"
        caller.id = "1unknown"
        assert caller.refused("GET", "") == "NOT_FOUND"

    @pytest.mark.parametrize("call", ["GET /v4/nothing", "DELETE /v4/spreadsheets/x", "GET /token", "PATCH /drive/v3/files"])
    def test_a_path_that_does_not_exist_gets_404_as_html(self, sandbox: Sandbox, call: str) -> None:
        verb, path = call.split()
        reply = GoogleCaller(sandbox).send(verb, path)
        assert (reply.status_code, reply.headers["Content-Type"]) == (404, "text/html; charset=UTF-8")


class TestDrive:
    def listed(self, sandbox: Sandbox, **query: object) -> dict[str, Any]:
        reply = GoogleCaller(sandbox).send("GET", "/drive/v3/files", **query)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def test_a_title_finds_every_spreadsheet_that_has_it(self, sandbox: Sandbox) -> None:
        query = 'mimeType="application/vnd.google-apps.spreadsheet" and name = "Twice"'
        found = self.listed(sandbox, q=query, fields="kind,nextPageToken,files(id,name,createdTime,modifiedTime)")
        assert [each["name"] for each in found["files"]] == ["Twice", "Twice"]
        assert len({each["id"] for each in found["files"]}) == 2
        assert set(found["files"][0]) == {"id", "name", "createdTime", "modifiedTime"}

    def test_only_what_is_shared_is_listed(self, sandbox: Sandbox) -> None:
        names = [each["name"] for each in self.listed(sandbox)["files"]]
        assert names == ["Order Book", "Bakery Order Book", "Order Book", "Twice", "Twice"]

    def test_pages_follow_one_another(self, sandbox: Sandbox) -> None:
        first = self.listed(sandbox, pageSize=3)
        second = self.listed(sandbox, pageSize=3, pageToken=first["nextPageToken"])
        assert (len(first["files"]), len(second["files"])) == (3, 2)
        assert "nextPageToken" not in second
        assert len(self.listed(sandbox, pageSize=5000)["files"]) == 5

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("name contains 'Order'", 3),
            ("name != 'Twice'", 3),
            ("name = 'Order Book'", 2),
            ("trashed = true", 1),
            ("trashed = false and name = 'order book'", 1),
            ("mimeType='text/plain'", 0),
        ],
    )
    def test_queries(self, sandbox: Sandbox, query: str, count: int) -> None:
        assert len(self.listed(sandbox, q=query)["files"]) == count

    @pytest.mark.parametrize(
        "query", ['name = "a "quoted" title"', "name", "owner = 'me'", "name = 'x' and", "name='x' or name='y'"]
    )
    def test_a_query_that_cannot_be_read_gets_400_in_drives_own_shape(self, sandbox: Sandbox, query: str) -> None:
        reply = GoogleCaller(sandbox).send("GET", "/drive/v3/files", q=query)
        assert reply.status_code == 400
        assert set(reply.json()["error"]["errors"][0]) == {"domain", "reason", "message"}

    def test_one_file_can_be_asked_for(self, sandbox: Sandbox) -> None:
        wanted = sandbox.google.spreadsheet_id("Order Book")
        caller = GoogleCaller(sandbox)
        assert caller.send("GET", f"/drive/v3/files/{wanted}").json()["name"] == "Order Book"
        hidden = sandbox.google.spreadsheet_id("Payroll")
        assert caller.send("GET", f"/drive/v3/files/{hidden}").status_code == 404
