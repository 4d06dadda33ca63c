"""Google Sheets over a socket: logins, quotas, what is and is not sent twice, and text that stays text."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.credentials import CredentialMissing
from sync_pipelines.vendors.failures import HostRefused, NoReply, Permanent, RateLimited, Transient, WritesOff
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Cells, Sheets, SpreadsheetUnknown
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines_tests.vendors.conftest import Naps
from vendor_sandbox import Sandbox

READ, WRITE, CHANGE = ("POST */values:batchGetByDataFilter", "POST */values:batchUpdate", "POST */v4/spreadsheets/*:batchUpdate")
TABS, FIND, LOGIN = "GET */v4/spreadsheets/*", "GET */drive/v3/files", "POST */token"
A1 = Cells("Sheet1", 1, 1, 1, 1)
Connect = Callable[..., Sheets]


@pytest.fixture
def connect(sandbox: Sandbox) -> Iterator[Connect]:
    """Connect with the environment as it is by then. Waits are noted in `naps` and not waited for."""
    made: list[Sheets] = []

    def start(*, writes_on: bool = True, limits: Path | None = None) -> Sheets:
        client = Sheets.connect(GoogleSettings.read(), CallMeter(), lambda: writes_on, limits)
        made.append(client)
        for http in (client.http._reads, client.http._writes, client.http._drive, client.http._login):
            http.sleep = Naps()
        return client

    yield start
    for each in made:
        each.close()


@pytest.fixture
def book(sandbox: Sandbox) -> str:
    return sandbox.google.spreadsheet_id("Order Book")


def order(sandbox: Sandbox, on: str, kind: str, **options: Any) -> None:
    sandbox.faults("google", [{"on": on, "kind": kind, **options}])


def calls(sandbox: Sandbox, ending: str) -> list[int | None]:
    """Statuses of the calls whose path ends so."""
    return [call["status"] for call in sandbox.calls("google") if call["path"].endswith(ending)]


def put(client: Sheets, book: str, *values: Any) -> None:
    client.write(book, [(Cells("Sheet1", 1, 1, 1, len(values)), [list(values)])])


class TestLogin:
    def test_the_key_file_gives_one_token_for_reads_writes_and_titles(self, sandbox: Sandbox, connect: Connect) -> None:
        client = connect()
        book = client.find("Order Book")
        for _ in range(3):
            client.values(book, [A1])
        put(client, book, "x")
        assert client.login.endswith(".iam.gserviceaccount.com")
        assert calls(sandbox, "/token") == [200]
        assert client.http._reads.meter.used["google"] == 5

    def test_nothing_is_sent_before_it_is_needed(self, sandbox: Sandbox, connect: Connect) -> None:
        connect()
        assert sandbox.calls("google") == []

    @pytest.mark.parametrize("what", ["read", "write", "tabs", "find"])
    def test_a_token_that_is_refused_is_renewed_and_the_call_made_again(
        self, sandbox: Sandbox, connect: Connect, book: str, what: str
    ) -> None:
        client = connect()
        client.tabs(book)
        on = {"read": READ, "write": WRITE, "tabs": TABS, "find": FIND}[what]
        order(sandbox, on, "expired_token")
        match what:
            case "read":
                assert client.values(book, [A1]) == [[]]
            case "write":
                put(client, book, "x")
                assert sandbox.google.rows("Order Book") == [["x"]]
            case "tabs":
                assert set(client.tabs(book)) == {"Sheet1"}
            case "find":
                assert client.find("Order Book") == book
        assert calls(sandbox, "/token") == [200, 200]

    def test_a_login_that_is_refused_for_good_is_not_tried_for_ever(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        order(sandbox, READ, "expired_token", times=50)
        with pytest.raises(Permanent) as failed:
            connect().values(book, [A1])
        assert failed.value.status == 401
        assert calls(sandbox, ":batchGetByDataFilter") == [401, 401]

    def test_tokens_revoked_by_an_administrator_are_renewed(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        client = connect()
        client.tabs(book)
        sandbox.google.change_state({"revoke_tokens": True})
        assert client.values(book, [A1]) == [[]]

    @pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "rate_limited"}, {"kind": "lost_reply"}])
    def test_a_login_that_fails_in_passing_is_tried_again(
        self, sandbox: Sandbox, connect: Connect, book: str, fault: dict[str, Any]
    ) -> None:
        sandbox.faults("google", [{"on": LOGIN, **fault}])
        assert connect().values(book, [A1]) == [[]]

    def test_a_key_that_google_does_not_know_is_said_to_be_so(
        self, sandbox: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, book: str
    ) -> None:
        info = json.loads(Path(sandbox.env["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_text())
        (tmp_path / "key.json").write_text(json.dumps({**info, "client_email": "nobody@else.iam.gserviceaccount.com"}))
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(tmp_path / "key.json"))
        with pytest.raises(Permanent) as failed:
            connect().values(book, [A1])
        assert failed.value.status in (400, 401)
        assert info["private_key"][40:80] not in str(failed.value)
        assert info["private_key_id"] not in str(failed.value)

    def test_no_key_file_is_asked_for_by_the_name_of_its_setting(self, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GOOGLE_SERVICE_ACCOUNT_FILE")
        with pytest.raises(CredentialMissing, match="GOOGLE_SERVICE_ACCOUNT_FILE is not set"):
            connect()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"not json",
            b"[]",
            b"null",
            b"{}",
            b"\xff\xfe",
            b'{"type": "authorized_user", "private_key_id": "kkkkkk"}',
            b'{"private_key_id": "abcdef", "client_email": "a@b.c", "token_uri": "https://x/t", "private_key": "SECRETTEXT"}',
        ],
    )
    def test_what_is_no_key_file_is_named_and_its_content_never_shown(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "key.json").write_bytes(content)
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(tmp_path / "key.json"))
        with pytest.raises(CredentialMissing, match=r"key\.json is no key file") as failed:
            connect()
        assert "SECRETTEXT" not in str(failed.value)
        assert failed.value.__cause__ is None

    def test_a_key_file_that_is_not_there_or_a_folder_is_named(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for path in (tmp_path / "nowhere.json", tmp_path):
            monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(path))
            with pytest.raises(CredentialMissing, match="cannot be read"):
                connect()

    def test_a_token_address_in_plain_http_outside_this_machine_is_refused(
        self, sandbox: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        info = json.loads(Path(sandbox.env["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_text())
        (tmp_path / "key.json").write_text(json.dumps({**info, "token_uri": "http://oauth2.example.com/token"}))
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(tmp_path / "key.json"))
        with pytest.raises(HostRefused):
            connect()

    def test_neither_token_nor_key_shows_in_any_message(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        client = connect()
        client.tabs(book)
        token = client.http.credentials.token
        order(sandbox, READ, "status", status=418, body={"error": {"message": f"bad token {token}"}})
        with pytest.raises(Permanent) as failed:
            client.values(book, [A1])
        assert "***" in str(failed.value)
        assert token not in str(failed.value)


class TestWhichSpreadsheet:
    def test_the_one_in_the_bin_is_not_meant_by_its_title(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        titled = [b["id"] for b in sandbox.google.state()["spreadsheets"] if b["title"] == "Order Book"]
        assert len(titled) == 2
        assert connect().find("Order Book") == book

    def test_whether_a_spreadsheet_is_in_the_bin_is_asked_of_drive(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        client = connect()
        assert client.in_bin(book) is False
        sandbox.google.change_state({"person": [{"spreadsheet": book, "do": "trash"}]})
        assert client.in_bin(book) is True
        assert client.in_bin(sandbox.google.spreadsheet_id("Payroll")) is None
        off = {"error": {"code": 403, "message": "Drive is off", "errors": [{"reason": "accessNotConfigured"}]}}
        order(sandbox, "GET */drive/v3/files/*", "status", status=403, body=off)
        assert client.in_bin(book) is None

    @pytest.mark.parametrize("reason", ["userRateLimitExceeded", "rateLimitExceeded"])
    def test_drives_403_about_its_rate_is_waited_out(self, sandbox: Sandbox, connect: Connect, book: str, reason: str) -> None:
        spent = {"error": {"code": 403, "message": "User Rate Limit Exceeded", "errors": [{"reason": reason}]}}
        order(sandbox, FIND, "status", status=403, body=spent, times=2)
        client = connect()
        assert client.find("Order Book") == book
        assert calls(sandbox, "/files") == [403, 403, 200]
        assert client.http._drive.meter.refused["google"] == 2

    def test_a_403_about_the_rate_of_a_write_is_left_to_its_sender(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        spent = {"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": "RATE_LIMIT_EXCEEDED"}]}}
        order(sandbox, WRITE, "status", status=403, body=spent)
        with pytest.raises(RateLimited):
            put(connect(), book, "x")

    def test_a_title_that_one_spreadsheet_has_gives_its_id(self, connect: Connect, book: str) -> None:
        assert connect().find("Order Book") == book

    def test_a_title_that_two_have_is_refused_with_the_ids_of_both(self, sandbox: Sandbox, connect: Connect) -> None:
        with pytest.raises(SpreadsheetUnknown, match="2 spreadsheets are titled 'Twice'") as failed:
            connect().find("Twice")
        books = [b["id"] for b in sandbox.google.state()["spreadsheets"] if b["title"] == "Twice"]
        assert all(each in str(failed.value) for each in books)

    @pytest.mark.parametrize("title", ["Nobody's", "order book", "Order Book ", "Payroll"])
    def test_a_title_that_leads_nowhere_says_with_whom_to_share(self, connect: Connect, title: str) -> None:
        client = connect()
        with pytest.raises(SpreadsheetUnknown) as failed:
            client.find(title)
        assert client.login in str(failed.value)

    @pytest.mark.parametrize("title", ["It's 5 o'clock", 'The "big" one', "a \\ b", "100 % & more", "Bücher 🥐"])
    def test_any_title_can_be_found(self, sandbox: Sandbox, connect: Connect, title: str) -> None:
        sandbox.google.change_state({"create": [{"title": title, "tabs": [{"title": "T"}]}]})
        assert connect().find(title) == sandbox.google.spreadsheet_id(title)

    def test_one_that_is_not_shared_names_the_login_to_share_it_with(self, sandbox: Sandbox, connect: Connect) -> None:
        client = connect()
        with pytest.raises(Permanent) as failed:
            client.tabs(sandbox.google.spreadsheet_id("Payroll"))
        assert failed.value.status == 403
        assert client.login in str(failed.value)

    def test_one_that_may_only_be_read_names_the_login_when_it_is_written(
        self, sandbox: Sandbox, connect: Connect, book: str
    ) -> None:
        sandbox.google.change_state({"person": [{"spreadsheet": book, "do": "share", "role": "reader"}]})
        client = connect()
        assert client.values(book, [A1]) == [[]]
        with pytest.raises(Permanent, match="as editor") as failed:
            put(client, book, "x")
        assert (failed.value.status, client.login in str(failed.value)) == (403, True)
        assert sandbox.google.rows("Order Book") == []

    def test_an_id_that_no_spreadsheet_has_says_to_correct_the_setting(self, connect: Connect) -> None:
        with pytest.raises(Permanent, match="correct the setting") as failed:
            connect().tabs("1" + "x" * 43)
        assert failed.value.status == 404


class TestQuotas:
    CHILD = """
import sys
from pathlib import Path
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Cells, Sheets
from sync_pipelines.vendors.http import CallMeter
client = Sheets.connect(GoogleSettings.read(), CallMeter(), lambda: True, Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(8):
    client.values(sys.argv[2], [Cells("Sheet1", 1, 1, 1, 1)])
    client.write(sys.argv[2], [(Cells("Sheet1", 1, 1, 1, 1), [["x"]])])
print(client.http._reads.meter.refused["google"])
client.close()
"""

    def test_two_processes_keep_the_quota_of_their_login_together(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        with Sandbox(orders=5) as sandbox:
            quota = {"GOOGLE_CALLS_PER_MINUTE": "5", "GOOGLE_QUOTA_SECONDS": "1"}
            for name, value in {**sandbox.env, **quota}.items():
                monkeypatch.setenv(name, value)
            book = sandbox.google.spreadsheet_id("Order Book")
            command = [sys.executable, "-c", self.CHILD, str(tmp_path / "limits"), book]
            pair = [
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
                for _ in range(2)
            ]
            try:
                for child in pair:
                    assert child.stdout is not None
                    assert child.stdout.readline() == "ready\n"
                refused = [child.communicate(timeout=30)[0].strip() for child in self._started(pair)]
            finally:
                for child in pair:
                    child.kill()
                    child.wait()
            assert refused == ["0", "0"]
            for ending in (":batchGetByDataFilter", "/values:batchUpdate"):
                at = sorted(c["at"] for c in sandbox.calls("google") if c["path"].endswith(ending))
                assert len(at) == 16
                assert min(later - earlier for earlier, later in zip(at, at[5:], strict=False)) > 0.7

    @staticmethod
    def _started(pair: list[Any]) -> list[Any]:
        for child in pair:
            child.stdin.write("go\n")
            child.stdin.flush()
        return pair

    def test_reads_and_writes_do_not_take_each_others_room(
        self, sandbox: Sandbox, connect: Connect, book: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("GOOGLE_CALLS_PER_MINUTE", "3")
        monkeypatch.setenv("GOOGLE_QUOTA_SECONDS", "30")
        client = connect(limits=tmp_path / "limits")
        begun = time.monotonic()
        for _ in range(3):
            client.values(book, [A1])
            put(client, book, "x")
        assert time.monotonic() - begun < 10

    def test_a_burst_of_429_is_waited_out_for_reads_and_told_of_writes(
        self, sandbox: Sandbox, connect: Connect, book: str
    ) -> None:
        client = connect()
        order(sandbox, READ, "rate_limited", times=3)
        order(sandbox, WRITE, "rate_limited")
        assert client.values(book, [A1]) == [[]]
        with pytest.raises(RateLimited):  # its sender looks again where the rows are before it tries again
            put(client, book, "x")
        put(client, book, "x")
        assert sandbox.google.rows("Order Book") == [["x"]]
        assert calls(sandbox, "/values:batchUpdate") == [429, 200]
        assert client.http._reads.meter.refused["google"] == 4

    def test_a_429_that_does_not_end_is_given_up_as_not_done(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        order(sandbox, WRITE, "rate_limited", times=100)
        with pytest.raises(RateLimited):
            put(connect(), book, "x")
        assert len(calls(sandbox, "/values:batchUpdate")) < 10
        assert sandbox.google.rows("Order Book") == []


class TestWhatIsSentTwice:
    FAULTS = (
        {"kind": "html_502"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "lost_reply"},
        {"kind": "lost_request"},
        {"kind": "cut_body"},
        {"kind": "html"},
        {"kind": "done_but_error", "status": 504},
    )

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f['kind']} {f.get('status', '')}".strip())
    def test_a_read_is_tried_again(self, sandbox: Sandbox, connect: Connect, book: str, fault: dict[str, Any]) -> None:
        sandbox.faults("google", [{"on": READ, **fault}, {"on": TABS, **fault}, {"on": FIND, **fault}])
        client = connect()
        assert client.find("Order Book") == book
        assert set(client.tabs(book)) == {"Sheet1"}
        assert client.values(book, [A1]) == [[]]
        assert len(calls(sandbox, ":batchGetByDataFilter")) == 2

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f['kind']} {f.get('status', '')}".strip())
    def test_a_write_is_not(self, sandbox: Sandbox, connect: Connect, book: str, fault: dict[str, Any]) -> None:
        sandbox.faults("google", [{"on": WRITE, **fault}, {"on": CHANGE, **fault}])
        client = connect()
        with pytest.raises(Transient):
            put(client, book, "x")
        assert len(calls(sandbox, "/values:batchUpdate")) == 1
        with pytest.raises(Transient):
            client.change(book, [{"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 1}}])
        assert len([c for c in sandbox.calls("google") if c["path"].endswith(f"{book}:batchUpdate")]) == 1

    def test_a_write_whose_reply_was_lost_is_told_from_one_that_was_refused(
        self, sandbox: Sandbox, connect: Connect, book: str
    ) -> None:
        client = connect()
        order(sandbox, WRITE, "lost_reply")
        with pytest.raises(NoReply):
            put(client, book, "x")
        assert sandbox.google.rows("Order Book") == [["x"]]
        with pytest.raises(Permanent) as failed:
            client.write(book, [(Cells("No such tab", 1, 1, 1, 1), [["x"]])])
        assert failed.value.status == 400

    def test_what_changes_something_goes_out_only_where_writing_is_on(
        self, sandbox: Sandbox, connect: Connect, book: str
    ) -> None:
        client = connect(writes_on=False)
        assert client.values(book, [A1]) == [[]]
        with pytest.raises(WritesOff):
            put(client, book, "x")
        with pytest.raises(WritesOff):
            client.change(book, [{"addSheet": {"properties": {"title": "T"}}}])
        assert sandbox.google.writes == 0


class TestValues:
    TEXTS = (
        "=1+1",
        "+4930123",
        "+1",
        "-x",
        "-5",
        "@x",
        "@SUM(A1)",
        "007",
        "12345678901234567890",
        "1e5",
        "TRUE",
        "true",
        "2026-01-05",
        "12/31/2026",
        "€ 5",
        "5%",
        "'quoted",
        '"',
        '=HYPERLINK("http://x","y")',
        "👩‍🍳 Crème brûlée",
        "日本",
        "a\nb",
        "\ttab",
        " space ",
        "#N/A",
        "null",
        "\\",
        "\u202eright",
    )

    def test_text_stays_the_text_it_is(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        client = connect()
        client.write(book, [(Cells("Sheet1", 1, 1, len(self.TEXTS), 1), [[t] for t in self.TEXTS])])
        assert sandbox.google.rows("Order Book") == [[t] for t in self.TEXTS]
        assert client.values(book, [Cells("Sheet1", 1, 1, None, 1)]) == [[[t] for t in self.TEXTS]]
        assert sandbox.google.formulas_entered == []

    def test_text_of_50_000_characters_goes_there_and_back(self, connect: Connect, book: str) -> None:
        client = connect()
        text = "ä🥐" * 12_500 + "x" * 25_000
        put(client, book, text[:50_000])
        assert client.values(book, [A1]) == [[[text[:50_000]]]]

    def test_amounts_and_booleans_go_there_and_back(self, connect: Connect, book: str) -> None:
        client = connect()
        put(client, book, Decimal("19.90"), 3, Decimal("0.1"), True, Decimal("-7.125"), 10**15)
        assert client.values(book, [Cells("Sheet1", 1, 1, 1, 6)]) == [
            [[Decimal("19.9"), 3, Decimal("0.1"), True, Decimal("-7.125"), 10**15]]
        ]

    def test_none_leaves_a_cell_alone_and_no_text_empties_it(self, connect: Connect, book: str) -> None:
        client = connect()
        put(client, book, "a", "b", "c")
        put(client, book, None, "", "C")
        assert client.values(book, [Cells("Sheet1", 1, 1, 1, 3)]) == [[["a", "", "C"]]]

    def test_rectangles_come_in_the_order_they_were_asked_for_in_one_call(
        self, sandbox: Sandbox, connect: Connect, book: str
    ) -> None:
        client = connect()
        client.write(book, [(Cells("Sheet1", 1, 1, 2, 2), [["a", "b"], ["c", "d"]])])
        asked = [Cells("Sheet1", 2, 2, 2, 2), Cells("Sheet1", 9, 1, None, 3), A1, A1, Cells("Sheet1", 1, 2, None, 2)]
        before = sandbox.google.reads
        assert client.values(book, asked) == [[["d"]], [], [["a"]], [["a"]], [["b"], ["d"]]]
        assert sandbox.google.reads == before + 1

    @pytest.mark.parametrize("tab", ["Ann's", "A1", "Orders ", "R1C1", "a!b", "2026", "日本"])
    def test_a_tab_may_have_any_title(self, sandbox: Sandbox, connect: Connect, book: str, tab: str) -> None:
        client = connect()
        client.change(book, [{"addSheet": {"properties": {"title": tab, "gridProperties": {"rowCount": 5, "columnCount": 30}}}}])
        client.write(book, [(Cells(tab, 2, 27, 2, 28), [["x", "=y"]])])
        assert client.values(book, [Cells(tab, 2, 27, None, 28)]) == [[["x", "=y"]]]
        found = client.tabs(book)[tab]
        assert (found.title, found.rows, found.columns) == (tab, 5, 30)

    def test_a_batch_with_one_bad_range_changes_nothing(self, sandbox: Sandbox, connect: Connect, book: str) -> None:
        client = connect()
        with pytest.raises(Permanent):
            client.write(book, [(A1, [["x"]]), (Cells("Sheet1", 5000, 1, 5000, 1), [["y"]])])
        assert sandbox.google.rows("Order Book") == []

    def test_a_reply_that_leaves_out_a_rectangle_is_not_taken_for_an_empty_one(
        self, sandbox: Sandbox, connect: Connect, book: str
    ) -> None:
        order(sandbox, READ, "status", status=200, body={"spreadsheetId": book, "valueRanges": []}, times=50)
        with pytest.raises(Transient, match="leaves out"):
            connect().values(book, [A1])
