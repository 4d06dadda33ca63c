"""A sandbox as a child process with its data in data/sandbox/, which can be left and come back to."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from sync_pipelines.errors import UsageError
from sync_pipelines.operations import running_sandbox
from sync_pipelines.settings import home

PORT = 8700
CONTROL_TIMEOUT = 60.0


class SandboxNotInstalled(UsageError):
    """The package `vendor_sandbox`, or a module that it needs, cannot be imported."""


class PlaygroundBusy(OSError):
    """A sandbox is already running on this data, or something else on its port."""


def require_sandbox() -> None:
    """Import the sandbox. Raises SandboxNotInstalled, which says what to install, when a module of it or for it is missing."""
    try:
        importlib.import_module("vendor_sandbox")
    except ModuleNotFoundError as e:
        raise SandboxNotInstalled(
            f"the sandbox cannot start: the Python module {e.name} is not installed. "
            "Install the sandbox with: pip install 'sync_pipelines[sandbox]' (in a checkout: make setup)"
        ) from e


class Playground:
    """The sandbox of `make demo` and `make dev`. `fresh` starts over; otherwise the state that was kept is restored.

    Raises SandboxNotInstalled, and PlaygroundBusy when another sandbox uses the same data.
    """

    def __init__(self, *, fresh: bool, scale: int = 1000, seed: int = 7, speed: float = 60.0) -> None:
        require_sandbox()
        self.folder = running_sandbox.folder()
        self.facts = self.folder / running_sandbox.FACTS
        before = running_sandbox.facts()
        found = running_sandbox.answering(before["port"]) if before else {}
        if found and found.get("id") == before.get("id"):
            raise PlaygroundBusy(
                f"a sandbox is running on {self.folder} (make dev, or a demo; process {before.get('pid', 'unknown')}). "
                "Stop it first."
            )
        if fresh:
            shutil.rmtree(self.folder, ignore_errors=True)
        if fresh or not before:
            before = {"port": _free_port(PORT)}
        elif _free_port(before["port"]) != before["port"]:  # what was written knows its vendors by this port
            raise PlaygroundBusy(
                f"port {before['port']}, on which {self.folder} was made, is in use by {_whose(found)}. Stop that, or start over "
                "on another port: make demo"
            )
        self.known = {"seed": seed, "scale": scale, "speed": speed, "id": secrets.token_hex(8), **before}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.listings = self.folder / "listings"
        """Reports of the made-up marketplace, for somebody to drop."""
        self.url = f"http://127.0.0.1:{self.known['port']}"
        self._vendors: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Playground:
        env_file = self.folder / running_sandbox.ENVIRONMENT
        env_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "vendor_sandbox", "--env-file", str(env_file)]
        command += ["--listings-dir", str(self.listings)]
        for name in ("port", "seed", "scale", "speed", "id"):
            command += [f"--{name}", str(self.known[name])]
        log = (self.folder / "sandbox.log").open("ab")
        with log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own module
        until = time.monotonic() + 30
        while not env_file.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                raise OSError(f"the sandbox did not start; see {self.folder / 'sandbox.log'}")
            time.sleep(0.05)
        own = {
            "SYNC_PIPELINES_HOME": str(home()),
            "SYNC_PIPELINES_DATA_DIR": str(self.folder),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            running_sandbox.ID: self.known["id"],
        }
        with env_file.open("a", encoding="utf-8") as file:
            file.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in own.items())
        os.environ.update(running_sandbox.read_environment(env_file))
        self.facts.write_text(json.dumps({**self.known, "pid": self._process.pid}), encoding="utf-8")
        self._vendors = tuple(self._get("").json()["vendors"])
        for vendor in self._vendors:
            kept = self._kept(vendor)
            if kept.exists():
                self._post(f"{vendor}/state", b'{"load": %b}' % kept.read_bytes())
        if not self._kept("shopify").exists():
            # its orders stay where they are in time, whenever it is come back to; it sells in lira, as the ERP does
            self.change("shopify", {"settings": {"start": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "currency": "TRY"}})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            for vendor in self._vendors:
                self._kept(vendor).write_text(self._get(f"{vendor}/state").text, encoding="utf-8")
            self._process.terminate()
        self._process.wait(timeout=30)

    def state(self, vendor: str) -> dict[str, Any]:
        state: dict[str, Any] = self._get(f"{vendor}/state").json()
        return state

    def change(self, vendor: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._post(f"{vendor}/state", body)

    def fault(self, vendor: str, **fault: Any) -> None:
        self._post(f"{vendor}/faults", [fault])

    def _get(self, path: str) -> requests.Response:
        reply = requests.get(f"{self.url}/_sandbox/{path}", timeout=CONTROL_TIMEOUT)
        reply.raise_for_status()
        return reply

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = requests.post(f"{self.url}/_sandbox/{path}", data=sent, timeout=CONTROL_TIMEOUT)
        reply.raise_for_status()
        answer = reply.json()
        return answer if isinstance(answer, dict) else {}

    def _kept(self, vendor: str) -> Path:
        return self.folder / f"{vendor}.state.json"


def _whose(found: Mapping[str, Any]) -> str:
    return "the sandbox of another folder" if found else "another program"


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")
