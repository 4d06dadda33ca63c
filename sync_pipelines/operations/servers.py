"""The Dagster UI and its daemon: beside the sandbox for looking around, or on the merchant's own settings."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from sync_pipelines.demo.playground import Playground
from sync_pipelines.errors import UsageError
from sync_pipelines.operations import environment, running_sandbox
from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.cli.binding import PROGRAM
from sync_pipelines.operations.web import HOST
from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.settings import home

WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"
"""What is served where the folder of settings has no workspace of its own."""
ERROR = re.compile(r"(?<![A-Z])(ERROR|CRITICAL)\b|^Traceback|^\S*(Error|Exception): ")
BETWEEN_LOOKS = 0.3
"""Seconds between two looks whether the UI answers."""


def dev(port: int) -> int:
    """Sandbox, UI and daemon until Ctrl-C, schedules and sensors started. It goes on from the last demo, or starts over."""
    _look_at_port(port)
    with Playground(fresh=False) as playground:
        said = playground.folder / "servers.log"
        _say(f"sandbox on {playground.url}; the Dagster UI is starting, and logs to {_shown(said)} …")

        def answers() -> None:
            _say(f"Dagster UI on http://{HOST}:{port}")
            _say(f"from another terminal: {_program_name()} --sandbox catsy sync")
            _say(f"or, for every command there: . {shlex.quote(_shown(playground.folder / running_sandbox.ENVIRONMENT))}")
            _say("Ctrl-C ends sandbox and UI")

        with said.open("w", encoding="utf-8") as log:
            code = _serve(port, start_automation=True, log=log, answers=answers)
        if code:
            screen.problem(f"the Dagster UI or its daemon ended with exit code {code}; {_shown(said)} says more")
        return code


def up(port: int) -> int:
    """UI and daemon on the account that .env and settings.toml name. Schedules and sensors stay as they were left in the UI."""
    _look_at_port(port)
    os.environ["SYNC_PIPELINES_HOME"] = str(home())
    if changes := environment.changes_of_instance_settings():
        screen.note(f"the instance's settings are not those that this release ships, and stay as they are:\n{changes}")
    return _serve(port, start_automation=False)


def _serve(port: int, *, start_automation: bool, log: IO[str] | None = None, answers: Callable[[], None] = lambda: None) -> int:
    """Run webserver and daemon until one of them ends or a signal comes; then end both.

    log: where what they say goes, but for errors, which are shown as well; left out, they say it themselves. answers: called
    once the UI answers.
    """
    # Dagster reads the .env of the folder it runs in over what is exported: the instance's folder has none.
    folder = environment.instance_folder()
    own = home() / "workspace.yaml"
    workspace = ["--workspace", str(own if own.exists() else WORKSPACE)]
    if start_automation:
        _start_automation(folder, workspace, log)
    piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if log else {}
    servers = [
        _program(folder, "sync_pipelines.operations.web", "--port", str(port), *workspace, **piped),
        _program(folder, "dagster._daemon", "run", *workspace, **piped),
    ]
    readers = [threading.Thread(target=_keep, args=(server.stdout, log), daemon=True) for server in servers if log]
    for reader in readers:
        reader.start()

    def stop(*_: Any) -> None:
        for server in servers:
            if server.poll() is None:
                server.send_signal(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while all(server.poll() is None for server in servers):
        if _answers(port):
            answers()
            break
        time.sleep(BETWEEN_LOOKS)
    codes = []
    for server in servers:
        codes.append(server.wait())
        stop()
    for reader in readers:
        reader.join(timeout=5)
    return max(0, *codes)


def _keep(said: IO[str], log: IO[str]) -> None:
    """Write what a server says to the log, and errors to the screen as well."""
    for line in said:
        log.write(line)
        log.flush()
        if ERROR.search(line):
            screen.note(line.rstrip())


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _look_at_port(port: int) -> None:
    """Raise UsageError for a port that another program has."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as e:
            raise UsageError(f"the UI cannot have port {port}: {e.strerror}. Choose another one with --port.") from e


def _program_name() -> str:
    """How this program was called, for a person to call it again."""
    called = Path(sys.argv[0])
    return PROGRAM if called.name == "__main__.py" else _shown(called)


def _say(text: str) -> None:
    screen.err.print(text, markup=False, highlight=False, soft_wrap=True)


def _shown(path: Path) -> str:
    """A path as it is typed in the folder where a person is."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _start_automation(folder: Path, workspace: Sequence[str], log: IO[str] | None) -> None:
    """Start every schedule, and the sensors on what is dropped."""
    started = [
        ["schedule", "start", "--start-all"],
        *(["sensor", "start", name] for pipeline in PIPELINES for name in pipeline.sensors),
    ]
    for command in started:
        done = _program(folder, "dagster", *command, *workspace, stdout=log, stderr=subprocess.PIPE, text=True)
        _, said = done.communicate()
        if done.returncode:
            why = next((line for line in said.splitlines() if ERROR.search(line) and not line.startswith("Traceback")), said)
            screen.problem(f"dagster {' '.join(command)} did not work: {why.strip()[:500]}")


def _program(folder: Path, module: str, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    """One of Dagster's programs, or the webserver behind our gate, with this very Python."""
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=folder, **options)  # noqa: S603
