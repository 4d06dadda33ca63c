"""`dev` in one terminal, commands in another, and sandboxes of other folders beside them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import requests

from sync_pipelines.demo.playground import Playground, PlaygroundBusy
from sync_pipelines.operations import running_sandbox, servers
from sync_pipelines_tests import forked
from vendor_sandbox import Sandbox

CLI = [sys.executable, "-m", "sync_pipelines.operations.cli"]


@pytest.fixture(autouse=True)
def as_typed(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the home folder is set, as in a checkout."""
    monkeypatch.delenv("SYNC_PIPELINES_DATA_DIR")
    monkeypatch.delenv("DAGSTER_HOME")


def run(*arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    done = forked.command(arguments, {**os.environ, **variables}, timeout=100)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@contextlib.contextmanager
def playground(*, fresh: bool = True) -> Iterator[Playground]:
    """A sandbox as `dev` starts it; the environment stays that of another terminal."""
    terminal = dict(os.environ)
    changed, as_before = mock.patch.dict(os.environ), mock.patch.dict(os.environ, terminal, clear=True)
    with changed, Playground(fresh=fresh, scale=50) as running, as_before:
        yield running


def test_a_command_in_another_terminal_finds_the_sandbox_and_says_so(own_folder: Path) -> None:
    with playground():
        shown = run("--sandbox", "status", "--json")
        assert f"sandbox: made-up vendors, data in {own_folder}/data/sandbox" in shown.stderr
        assert {each["writes"] for each in json.loads(shown.stdout)} == {"on", "nothing"}
        real = run("status", "--json")
        assert "sandbox" not in real.stderr
        assert "127.0.0.1" not in real.stdout
    assert run("--sandbox", "status", code=2).stderr.strip() == (
        f"✗ --sandbox: no sandbox runs on {own_folder}/data/sandbox. Start one in another terminal: make dev"
    )


def test_the_sandbox_of_another_folder_on_the_same_port_is_not_taken_for_ours(own_folder: Path) -> None:
    with playground() as ours:
        port, meant = ours.known["port"], ours.known["id"]
    with Sandbox(port=port, scale="50"):
        with pytest.raises(PlaygroundBusy, match="is in use by the sandbox of another folder"):
            Playground(fresh=False)
        assert "is not the one of" in run("--sandbox", "status", code=2).stderr
        exported = {"SYNC_PIPELINES_SANDBOX": "1", running_sandbox.ID: meant}
        assert f"another one answers on port {port}" in run("status", code=2, **exported).stderr


def test_a_sandbox_that_runs_on_this_data_is_not_started_twice(own_folder: Path) -> None:
    with playground(), pytest.raises(PlaygroundBusy, match=r"a sandbox is running on .*; process \d+\). Stop it first"):
        Playground(fresh=True)


def test_a_terminal_that_was_set_up_for_a_sandbox_that_is_gone_is_told(own_folder: Path) -> None:
    with playground() as first:
        sourced = running_sandbox.read_environment(first.folder / running_sandbox.ENVIRONMENT)
        assert json.loads(run("status", "--json", **sourced).stdout)
    assert json.loads(run("status", "--json", **sourced).stdout), "what was done can be asked when it does not run"
    with playground(fresh=False):
        assert json.loads(run("status", "--json", **sourced).stdout), "come back to, it is the same"
    with playground():
        told = run("status", code=2, **sourced).stderr
        assert f"set it up for the one that is there now: . {own_folder}/data/sandbox/sandbox.env" in told.lower()


def test_what_starts_a_sandbox_of_its_own_takes_no_other(own_folder: Path) -> None:
    assert "`dev` starts a sandbox of its own" in run("--sandbox", "dev", code=2).stderr
    assert not (own_folder / "data").exists()


def test_a_taken_port_is_told_before_anything_starts(own_folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        for command in ("dev", "up"):
            assert f"the UI cannot have port {port}" in run(command, "--port", port, code=2).stderr
    assert not (own_folder / "data" / "sandbox").exists()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("2026-11-30 18:38:15 +0000 - dagster-webserver - INFO - Serving the Dagster UI", False),
        ("2026-11-30 18:38:15 +0000 - dagster.daemon - ERROR - Caught error", True),
        ("\x1b[32m2026-11-30\x1b[0m - dagster.daemon - \x1b[31mERROR\x1b[0m - Caught error", True),
        ("Traceback (most recent call last):", True),
        ("dagster._core.errors.DagsterInvalidDefinitionError: Conflicting definitions", True),
        ('  File "/usr/lib/python3.11/logging.py", line 3, in error', False),
    ],
)
def test_of_what_the_servers_say_errors_reach_the_screen(line: str, shown: bool) -> None:
    assert bool(servers.ERROR.search(line)) == shown


@pytest.mark.timeout(240)
def test_dev_tells_the_address_when_it_answers_and_how_to_use_it_from_another_terminal(own_folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dev = subprocess.Popen([*CLI, "dev", "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert dev.stderr is not None
    told: list[str] = []
    try:
        for line in dev.stderr:
            told.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        assert requests.get(f"http://127.0.0.1:{port}/server_info", timeout=5).ok, told
        answer = json.loads(run("--sandbox", "catsy", "preview", "--json").stdout)
        assert answer["state"] == "done"
        query = {"query": "{runsOrError{... on Runs{results{runId jobName}}}}"}
        runs = requests.post(f"http://127.0.0.1:{port}/graphql", json=query, timeout=30).json()["data"]["runsOrError"]["results"]
        assert {"runId": answer["run_id"], "jobName": "preview_catsy_sparklayer"} in runs
    finally:
        dev.send_signal(signal.SIGINT)
        out, rest = dev.communicate(timeout=90)
    told += rest.splitlines()
    assert dev.returncode == 0
    assert out == ""
    log = f"{own_folder}/data/sandbox/servers.log"
    assert told == [
        f"sandbox on http://127.0.0.1:{running_sandbox.facts()['port']}; the Dagster UI is starting, and logs to {log} …",
        f"Dagster UI on http://127.0.0.1:{port}",
        "from another terminal: sync-pipelines --sandbox catsy sync",
        f"or, for every command there: . {own_folder}/data/sandbox/sandbox.env",
        "Ctrl-C ends sandbox and UI",
    ]
    assert "Serving the Dagster UI" in Path(log).read_text()


@pytest.mark.deep
def test_plain_dagster_dev_serves_every_asset_and_ends_when_it_is_told_to(own_folder: Path) -> None:
    """`dagster dev -w workspace.yaml`, as people of Dagster type it; docs/operating.md says what it lacks."""
    (own_folder / "instance").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Sandbox(scale="50") as sandbox:
        env = {**os.environ, **sandbox.env, "DAGSTER_HOME": str(own_folder / "instance")}
        command = [sys.executable, "-m", "dagster", "dev", "-w", str(servers.WORKSPACE), "-h", "127.0.0.1", "-p", str(port)]
        with (own_folder / "said").open("w") as said:
            server = subprocess.Popen(command, cwd=own_folder, env=env, stdout=said, stderr=said, start_new_session=True)
        try:
            served = _asset_keys(port, patience=150)
            assert {"catsy/products", "sparklayer/prices", "sheets/orders", "plytix/amazon_products"} <= served
        except AssertionError as e:
            raise AssertionError((own_folder / "said").read_text()) from e
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(60)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)
        assert not servers._answers(port)


def _asset_keys(port: int, patience: float) -> set[str]:
    """The keys of all assets that a webserver serves, once it has loaded them."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with contextlib.suppress(requests.ConnectionError):
            query = {"query": "{ assetNodes { assetKey { path } } }"}
            nodes = requests.post(f"http://127.0.0.1:{port}/graphql", json=query, timeout=30).json()["data"]["assetNodes"]
            if nodes:
                return {"/".join(node["assetKey"]["path"]) for node in nodes}
        time.sleep(0.5)
    raise AssertionError("no asset is served")
