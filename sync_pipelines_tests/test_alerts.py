"""Somebody hears of a run that failed, and nobody's deafness makes a run fail."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines import credentials
from sync_pipelines.alerts import Event, alert, send_test
from sync_pipelines.credentials import remember
from sync_pipelines.settings import AlertSettings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("ALERT_", "SYNC_PIPELINES_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SYNC_PIPELINES_HOME", str(tmp_path))
    monkeypatch.setattr(credentials, "_known", set())


class Listener(HTTPServer):
    """Hears JSON and answers with one status."""

    def __init__(self, status: int) -> None:
        self.status, self.heard = status, list[Any]()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/secret-key-0123"


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    listening = Listener(getattr(request, "param", 200))
    yield listening
    listening.shutdown()
    listening.server_close()


def command(code: str) -> str:
    return f"'{sys.executable}' -c '{code}'"


def test_nobody_is_told_when_nobody_is_named() -> None:
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False


def test_the_command_gets_the_message_as_json_on_its_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heard = tmp_path / "heard.json"
    monkeypatch.setenv("ALERT_COMMAND", command(f'import sys; open("{heard}", "w").write(sys.stdin.read())'))
    remember("s3cr3t-0123")
    assert alert("stopped", "catsy_sparklayer", "run-1", 'Öse "8" s3cr3t-0123 for jane.doe@example.com') is True
    assert json.loads(heard.read_text()) == {
        "event": "stopped",
        "pipeline": "catsy_sparklayer",
        "run_id": "run-1",
        "run": "run-1",
        "message": 'Öse "8" *** for ***@***',
    }


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        (command("raise SystemExit(3)"), False),
        (command("import sys; sys.stdin.close()"), True),
        ("no-such-command-anywhere", False),
        ("'unclosed", False),
    ],
    ids=["fails", "does not listen", "is not there", "cannot be read"],
)
def test_a_command_that_fails_raises_nothing(monkeypatch: pytest.MonkeyPatch, failing: str, told: bool) -> None:
    monkeypatch.setenv("ALERT_COMMAND", failing)
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is told


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_pipelines.alerts.TIMEOUT", 0.3)
    monkeypatch.setenv("ALERT_COMMAND", command("import time; time.sleep(60)"))
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False


def test_the_webhook_gets_the_message_as_json(monkeypatch: pytest.MonkeyPatch, listener: Listener) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK", listener.url)
    monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "1")
    assert alert("recovered", "catsy_sparklayer", "run-2", "x" * 2000) is True
    assert listener.heard == [
        {"event": "recovered", "pipeline": "catsy_sparklayer", "run_id": "run-2", "run": "run-2", "message": "x" * 1000}
    ]


@pytest.mark.parametrize("listener", [302, 404, 500], indirect=True)
def test_a_webhook_that_fails_raises_nothing_and_its_key_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK", listener.url)
    told = alert("failed", "catsy_sparklayer", "run-1", "it failed")
    assert told is (listener.status < 400)
    assert "secret-key" not in caplog.text


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/", "no address", "https://", pytest.param("https://[broken", id="regression-broken-address")]
)
def test_a_webhook_that_cannot_be_reached_raises_nothing(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK", address)
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False


def test_while_the_sandbox_is_on_no_webhook_elsewhere_is_called(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK", "https://hooks.example.com/secret-key-0123")
    monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "1")
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False
    assert "not on loopback" in caplog.text
    assert "secret-key" not in caplog.text


def test_one_failing_way_does_not_keep_the_other_from_telling(monkeypatch: pytest.MonkeyPatch, listener: Listener) -> None:
    monkeypatch.setenv("ALERT_COMMAND", "no-such-command-anywhere")
    monkeypatch.setenv("ALERT_WEBHOOK", listener.url)
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is True
    assert len(listener.heard) == 1


def everything_said(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed and logged. pytest hears apprise itself as well; nobody else does, as its logger does not propagate."""
    assert logging.getLogger("apprise").propagate is False
    printed = capsys.readouterr()
    return printed.out + printed.err + "".join(r.getMessage() for r in caplog.records if r.name != "apprise")


def address(listener: Listener, way: str = "json") -> str:
    return f"{way}://user:pass-0123@127.0.0.1:{listener.server_address[1]}/hook/secret-key-0123"


@pytest.mark.parametrize(
    ("event", "kind"), [("failed", "failure"), ("stopped", "warning"), ("incomplete", "warning"), ("recovered", "success")]
)
def test_a_service_of_apprise_gets_the_message(
    monkeypatch: pytest.MonkeyPatch, listener: Listener, event: Event, kind: str
) -> None:
    monkeypatch.setenv("ALERT_URLS", address(listener))
    monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "1")
    remember("s3cr3t-0123")
    assert alert(event, "catsy_sparklayer", "run-1", "it has s3cr3t-0123") is True
    assert [(heard["title"], heard["message"], heard["type"]) for heard in listener.heard] == [
        (f"catsy_sparklayer: {event}", "it has ***\nrun run-1", kind)
    ]


def test_every_way_is_tried_and_the_webhook_keeps_its_json(
    monkeypatch: pytest.MonkeyPatch, listener: Listener, tmp_path: Path
) -> None:
    monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "1")
    urls = ["json://127.0.0.1:9/closed", address(listener), address(listener)]
    (tmp_path / "settings.toml").write_text(f'[alerts]\nwebhook = "{listener.url}"\nurls = {json.dumps(urls)}\n')
    assert alert("failed", "", "", "it failed") is True
    assert listener.heard[0] == {"event": "failed", "pipeline": "", "run_id": "", "run": "", "message": "it failed"}
    assert [(heard["title"], heard["message"]) for heard in listener.heard[1:]] == [("sync_pipelines: failed", "it failed")] * 2


@pytest.mark.parametrize("listener", [302, 404, 500], indirect=True)
def test_a_service_that_fails_raises_nothing_is_logged_by_its_place_and_its_keys_are_not(
    monkeypatch: pytest.MonkeyPatch, listener: Listener, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALERT_URLS", f"{address(listener)}?x=1,{address(listener)}")
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False
    assert "the alert address 2 (json) failed: Failed to send JSON POST notification" in caplog.text
    assert not [key for key in ("secret-key", "pass-0123") if key in everything_said(caplog, capsys)]


@pytest.mark.parametrize(
    "url",
    [
        "slack://tokens3cr3t/0123",
        "nosuch://tokens3cr3t",
        "tokens3cr3t",
        "json://[tokens3cr3t",
        "json://127.0.0.1:tokens3cr3t/hook",
        "mailto://tokens3cr3t:tokens3cr3t@",
    ],
)
def test_an_address_that_apprise_does_not_know_raises_nothing_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("ALERT_URLS", url)
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False
    assert "the alert address 1 (" in caplog.text
    assert "s3cr3t" not in everything_said(caplog, capsys)


def test_a_service_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr("sync_pipelines.alerts.TIMEOUT", 0.3)
        monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{silent.getsockname()[1]}/")
        began = time.monotonic()
        assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "url", ["json://hooks.example.com/secret-key-0123", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"]
)
def test_while_the_sandbox_is_on_no_service_elsewhere_is_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    monkeypatch.setenv("ALERT_URLS", url)
    monkeypatch.setenv("SYNC_PIPELINES_SANDBOX", "1")
    assert alert("failed", "catsy_sparklayer", "run-1", "it failed") is False
    assert "is not json:// on loopback" in caplog.text


def test_a_comma_inside_an_address_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_URLS", "mailto://user:pass@example.com?to=a@example.com,b@example.com, slack://A/B/C,")
    assert AlertSettings.read().urls == ("mailto://user:pass@example.com?to=a@example.com,b@example.com", "slack://A/B/C,")


def test_apprise_is_imported_only_when_a_service_is_named() -> None:
    code = "import sys; from sync_pipelines.alerts import alert; alert('failed', '', '', 'x'); print('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_test_message_says_of_each_place_whether_it_arrived(monkeypatch: pytest.MonkeyPatch, listener: Listener) -> None:
    assert send_test() == ()
    monkeypatch.setenv("ALERT_COMMAND", command("raise SystemExit(3)"))
    monkeypatch.setenv("ALERT_WEBHOOK", listener.url)
    monkeypatch.setenv("ALERT_URLS", "nothing://at-all-0123456789")
    told = {each.place: each for each in send_test()}
    assert {place: each.arrived for place, each in told.items()} == {
        "ALERT_COMMAND": False,
        "ALERT_WEBHOOK": True,
        "ALERT_URLS, address 1": False,
    }
    assert "exit status 3" in told["ALERT_COMMAND"].why
    assert "at-all-0123456789" not in told["ALERT_URLS, address 1"].why
    ((heard),) = listener.heard
    assert (heard["event"], heard["pipeline"], heard["run"]) == ("test", "", "")
    assert "sync-pipelines alerts test" in heard["message"]
