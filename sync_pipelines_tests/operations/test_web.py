"""Who gets through the gate in front of the UI: over sockets, before a small application and before Dagster's own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sync_pipelines.operations.web.gate import Gate, Message, Receive, Send
from sync_pipelines.settings import SettingsError, WebSettings
from sync_pipelines_tests.operations.test_cli import answer
from vendor_sandbox import Sandbox

PATIENCE = 60.0
PUBLIC = "sync.example.com"
EVIL = "https://evil.example"
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
MUTATION = "mutation{launchRun}"


class Small:
    """An application that notes what reaches it."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                event = await receive()
                await send({"type": f"{event['type']}.complete"})
                if event["type"] == "lifespan.shutdown":
                    return
        self.reached.append(scope["path"])
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            await send({"type": "websocket.send", "text": "hello"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"hello"})


class Served:
    """A server on loopback, and requests to it as some browser or program sends them."""

    def __init__(self, port: int, app: Small | None = None) -> None:
        self.port, self.app = port, app
        self.own = f"127.0.0.1:{port}"

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: str = "") -> Any:
        sent = {"Host": self.own, **(headers or {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {**sent, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value.format(own=self.own))
            connection.endheaders(body.encode())
            reply = connection.getresponse()
            reply.text = reply.read().decode()
            return reply
        finally:
            connection.close()

    def talk(self, origin: str | None, host: str = "{own}") -> str:
        """Open a websocket; "" when it is refused."""
        address = f"ws://{host.format(own=self.own)}/graphql"
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        try:
            with connect(address, sock=sock, origin=origin and origin.format(own=self.own), subprotocols=["graphql-ws"]) as ws:
                ws.send(json.dumps({"type": "connection_init"}))
                return str(ws.recv(timeout=PATIENCE))
        except InvalidStatus as e:
            assert e.response.status_code == 403
            return ""
        finally:
            sock.close()


@pytest.fixture(scope="module")
def small() -> Iterator[Served]:
    app = Small()
    server = uvicorn.Server(uvicorn.Config(Gate(app, [PUBLIC]), port=0, log_level="critical"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield Served(listening.getsockname()[1], app)
    server.should_exit = True
    thread.join(PATIENCE)


@pytest.mark.parametrize("host", ["{own}", "localhost", "LOCALHOST:1", "[::1]:3000", PUBLIC, f"{PUBLIC}:8443"])
def test_a_known_name_is_answered(small: Served, host: str) -> None:
    reply = small.ask("GET", "/page", {"Host": host})
    assert (reply.status, reply.text) == (200, "hello")
    assert reply.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", f"evil.{PUBLIC}", "localhost@evil.example", "", "[::2]"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_name_is_refused_with_what_to_do(small: Served, host: str, method: str) -> None:
    """A page whose name leads to this machine (DNS rebinding) used to be served like our own."""
    assert small.app
    small.app.reached.clear()
    reply = small.ask(method, "/page", {"Host": host, "Origin": f"http://{host}"})
    assert reply.status == 400
    assert "[web] hosts in settings.toml" in reply.text or host == ""
    assert small.app.reached == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://{own}"}, 200),
        ({"Origin": "http://{own}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": f"https://{PUBLIC}"}, 200),
        ({"Origin": f"https://{PUBLIC}:8443", "Host": PUBLIC}, 200),
        ({"Origin": EVIL}, 403),
        ({"Origin": EVIL, "Host": PUBLIC}, 403),
        ({"Origin": EVIL, **LINK}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "chrome-extension://{own}"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://localhost:8888"}, 403),
        ({"Origin": f"https://{PUBLIC}.evil.example"}, 403),
        ({"Origin": f"https://{PUBLIC}@evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", **LINK}, 403),
    ],
)
def test_what_changes_something_comes_from_our_own_pages(
    small: Served, method: str, headers: dict[str, str], status: int
) -> None:
    assert small.app
    small.app.reached.clear()
    assert small.ask(method, "/graphql", headers).status == status
    assert small.app.reached == (["/graphql"] if status == 200 else [])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 200),
        ({"Sec-Fetch-Site": "cross-site", **LINK}, 200),  # a link in a chat
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Origin": EVIL}, 403),
    ],
)
def test_a_page_is_for_its_own_pages_and_for_who_follows_a_link(small: Served, headers: dict[str, str], status: int) -> None:
    assert small.ask("GET", "/runs?query=mutation", headers).status == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("query={version}", 200),
        ("query=query+A{version}&operationName=A", 200),
        (f"query={MUTATION}", 405),
        ("query=%6Dutation%7BlaunchRun%7D", 405),
        ("query=subscription{runs}", 405),
        (f"query={{version}}&query={MUTATION}", 405),
        (f"query=query+A{{version}}+{quote('mutation B{launchRun}')}&operationName=B", 405),
        ("query=%23%0Amutation{launchRun}", 405),
        ("query=not+graphql", 405),
        (f"query={'{a' * 5000}", 405),
        ("", 200),
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/%67raphql", "/prefix/graphql"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_but_questions_goes_by_get(small: Served, method: str, path: str, query: str, status: int) -> None:
    assert small.app
    small.app.reached.clear()
    assert small.ask(method, f"{path}?{query}").status == status
    assert bool(small.app.reached) is (status == 200)


@pytest.mark.parametrize("origin", [None, "http://{own}", f"https://{PUBLIC}"])
def test_a_websocket_of_ours_is_opened(small: Served, origin: str | None) -> None:
    assert small.talk(origin) == "hello"


@pytest.mark.parametrize(("origin", "host"), [(EVIL, "{own}"), ("null", "{own}"), ("http://evil.example", "evil.example")])
def test_a_websocket_of_another_page_is_refused_before_it_is_open(small: Served, origin: str, host: str) -> None:
    assert small.app
    small.app.reached.clear()
    assert small.talk(origin, host) == ""
    assert small.app.reached == []


@pytest.mark.parametrize("host", ["https://sync.example.com", "sync.example.com:443", "*", "a b", ""])
def test_a_host_that_is_not_a_name_is_refused(monkeypatch: pytest.MonkeyPatch, host: str, own_folder: Path) -> None:
    (own_folder / "settings.toml").write_text(f"[web]\nhosts = ['{host}']\n")
    with pytest.raises(SettingsError, match="hosts"):
        WebSettings.read()


def test_hosts_may_be_named_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_HOSTS", "Sync.example.com, other.example.com")
    assert WebSettings.read().hosts == ("sync.example.com", "other.example.com")


@contextmanager
def dagster(folder: Path, workspace: str = "load_from: []\n") -> Iterator[Served]:
    """Dagster's real webserver behind the gate; without code, unless a workspace is given."""
    instance = folder / "data" / "dagster"
    instance.mkdir(parents=True, exist_ok=True)
    (folder / "workspace.yaml").write_text(workspace)
    (folder / "settings.toml").write_text(f"[web]\nhosts = ['{PUBLIC}']\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sync_pipelines.operations.web", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--workspace", str(folder / "workspace.yaml")], cwd=instance, env={**os.environ}, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < until, "it did not come up"
            time.sleep(0.1)
        yield Served(port)
    finally:
        for _ in range(2):  # Ctrl-C reaches the webserver, and `up` passes it on
            server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE) == 0
    assert "Traceback" not in (folder / "server.log").read_text()


def test_dagsters_own_application_behind_the_gate(own_folder: Path) -> None:
    """`<img src="http://127.0.0.1:3000/graphql?query=mutation{launchRun…}">` on any page used to start a sync."""
    mutation = "mutation{setNuxSeen}"
    json_body = {"Content-Type": "application/json"}
    with dagster(own_folder) as served:
        assert served.ask("GET", "/server_info").status == 200
        assert served.ask("GET", "/server_info", {"Host": "evil.example"}).status == 400
        assert served.ask("GET", f"/graphql?query={mutation}", {"Origin": EVIL}).status == 403
        assert served.ask("GET", f"/graphql?query={mutation}").status == 405
        assert served.ask("GET", f"/graphql?query={mutation}", {"Accept": "text/html", **LINK}).status == 405
        body = json.dumps({"query": mutation})
        assert served.ask("POST", "/graphql", {"Origin": EVIL, **json_body}, body).status == 403
        assert served.ask("POST", f"/graphql?query={mutation}", {"Origin": EVIL}).status == 403
        assert served.talk(EVIL) == ""
        assert json.loads(served.ask("GET", "/graphql?query={shouldShowNux}").text) == {"data": {"shouldShowNux": True}}

        done = served.ask("POST", "/graphql", {"Origin": "http://{own}", **json_body}, body)
        assert json.loads(done.text) == {"data": {"setNuxSeen": True}}
        public = {"Host": PUBLIC, "Origin": f"https://{PUBLIC}", **json_body}
        assert served.ask("POST", "/graphql", public, '{"query": "{shouldShowNux}"}').text == '{"data":{"shouldShowNux":false}}'
        assert "connection_ack" in served.talk("http://{own}")
        assert "<html" in served.ask("GET", "/runs", {"Sec-Fetch-Site": "none", **LINK}).text
    written = [path for path in (own_folder / "data" / "dagster").rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if path.stat().st_mode & 0o077] == []


LISTED = """query($job: String!) {
  pipelineOrError(params: {pipelineName: $job, repositoryName: "__repository__", repositoryLocationName: "sync_pipelines"}) {
    ... on Pipeline { runs { runId } }
  }
  runsOrError(filter: {pipelineName: $job}) {
    ... on Runs { results { runId repositoryOrigin { repositoryName repositoryLocationName } } }
  }
}"""
"""What the page of a job asks for, and what the timeline goes by: it leaves out a run without an origin."""


def test_a_run_at_the_prompt_is_on_its_jobs_page_and_on_the_timeline(sandbox: Sandbox, own_folder: Path) -> None:
    run = answer("catsy", "preview")["run_id"]
    shipped = (Path(__file__).parents[2] / "workspace.yaml").read_text(encoding="utf-8")
    with dagster(own_folder, shipped) as served:
        asked = json.dumps({"query": LISTED, "variables": {"job": "preview_catsy_sparklayer"}})
        reply = served.ask("POST", "/graphql", {"Content-Type": "application/json"}, asked)
    found = json.loads(reply.text)["data"]
    assert found["pipelineOrError"]["runs"] == [{"runId": run}]
    place = {"repositoryName": "__repository__", "repositoryLocationName": "sync_pipelines"}
    assert found["runsOrError"]["results"] == [{"runId": run, "repositoryOrigin": place}]
