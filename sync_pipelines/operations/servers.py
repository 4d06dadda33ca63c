"""The Dagster UI and its daemon: beside the sandbox for looking around, or on the merchant's own settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sync_pipelines.demo.playground import Playground
from sync_pipelines.operations import environment
from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.web import HOST
from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.settings import home

WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"
"""What is served where the folder of settings has no workspace of its own."""


def dev(port: int) -> int:
    """Sandbox, UI and daemon until Ctrl-C, schedules and sensors started. It goes on from the last demo, or starts over."""
    with Playground(fresh=False) as playground:
        os.environ["SYNC_PIPELINES_HOME"] = str(home())
        screen.err.print(f"sandbox on {playground.url} · Dagster UI on http://{HOST}:{port} · Ctrl-C ends both", highlight=False)
        return _serve(port, start_automation=True)


def up(port: int) -> int:
    """UI and daemon on the account that .env and settings.toml name. Schedules and sensors stay as they were left in the UI."""
    os.environ["SYNC_PIPELINES_HOME"] = str(home())
    if changes := environment.changes_of_instance_settings():
        screen.note(f"the instance's settings are not those that this release ships, and stay as they are:\n{changes}")
    return _serve(port, start_automation=False)


def _serve(port: int, *, start_automation: bool) -> int:
    """Run webserver and daemon until one of them ends or a signal comes; then end both."""
    # Dagster reads the .env of the folder it runs in over what is exported: the instance's folder has none.
    folder = environment.instance_folder()
    own = home() / "workspace.yaml"
    workspace = ["--workspace", str(own if own.exists() else WORKSPACE)]
    if start_automation:
        _start_automation(folder, workspace)
    servers = [
        _program(folder, "sync_pipelines.operations.web", "--port", str(port), *workspace),
        _program(folder, "dagster._daemon", "run", *workspace),
    ]

    def stop(*_: Any) -> None:
        for server in servers:
            if server.poll() is None:
                server.send_signal(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    codes = []
    for server in servers:
        codes.append(server.wait())
        stop()
    return max(0, *codes)


def _start_automation(folder: Path, workspace: Sequence[str]) -> None:
    """Start every schedule, and the sensors on what is dropped."""
    started = [
        ["schedule", "start", "--start-all"],
        *(["sensor", "start", name] for pipeline in PIPELINES for name in pipeline.sensors),
    ]
    for command in started:
        done = _program(folder, "dagster", *command, *workspace, stderr=subprocess.PIPE, text=True)
        _, said = done.communicate()
        if done.returncode:
            screen.problem(f"dagster {' '.join(command)} did not work: {said.strip()[-500:]}")


def _program(folder: Path, module: str, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    """One of Dagster's programs, or the webserver behind our gate, with this very Python."""
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=folder, **options)  # noqa: S603
