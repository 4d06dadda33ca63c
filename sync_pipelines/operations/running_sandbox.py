"""The sandbox of `make dev`, as commands in a second terminal find it: by its folder, its port and its id.

Two checkouts may each have a sandbox, and one port serves one of them: what answers there says which it is.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
from pathlib import Path
from typing import Any

from sync_pipelines.errors import UsageError
from sync_pipelines.settings import data_dir, home, sandbox_on

ENVIRONMENT, FACTS = "sandbox.env", "playground.json"
ID = "SYNC_PIPELINES_SANDBOX_ID"
"""Names the sandbox that the exported environment is for."""
PATIENCE = 2.0


class NoSandbox(UsageError):
    """The sandbox that is meant does not run, or another one has its place."""


def folder() -> Path:
    """Where the sandbox of this checkout keeps its data."""
    return home() / "data" / "sandbox"


def facts() -> dict[str, Any]:
    """Return what the sandbox in that folder was made of, with its id and port; {} where there is none."""
    path = folder() / FACTS
    if not path.exists():
        return {}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def answering(port: int) -> dict[str, Any]:
    """Return what the sandbox on a port says of itself; {} where none answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/_sandbox")
        said = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return said if isinstance(said, dict) and said.get("ok") else {}


def use() -> None:
    """Point this process at the sandbox that runs on this checkout's data. Raises NoSandbox."""
    known = facts()
    found = answering(known["port"]) if known else {}
    if not found:
        raise NoSandbox(f"--sandbox: no sandbox runs on {folder()}. Start one in another terminal: make dev")
    if found.get("id") != known.get("id"):
        raise NoSandbox(
            f"--sandbox: the sandbox on port {known['port']} is not the one of {folder()}. Stop it, and start yours: make dev"
        )
    os.environ.update(read_environment(folder() / ENVIRONMENT))


def check() -> None:
    """Raise NoSandbox where the exported environment is for a sandbox whose place another one has taken by now."""
    meant = os.environ.get(ID)
    if not meant or not sandbox_on():
        return
    known = facts()
    if known.get("id") != meant:
        raise NoSandbox(
            "this terminal is set up for a sandbox that is gone. Set it up for the one that is there now: "
            f". {shlex.quote(str(folder() / ENVIRONMENT))}"
        )
    found = answering(known["port"])
    if found and found.get("id") != meant:
        raise NoSandbox(
            f"this terminal is set up for the sandbox of {folder()}, and another one answers on port {known['port']}. Stop that "
            "one, and start yours: make dev"
        )


def read_environment(path: Path) -> dict[str, str]:
    """Return the variables that a file of `export NAME='value'` sets."""
    lines = (shlex.split(line) for line in path.read_text(encoding="utf-8").splitlines())
    return dict(words[1].split("=", 1) for words in lines if len(words) == 2 and words[0] == "export")


def described() -> str:
    """Say that a command is for the sandbox, and where its data is."""
    return f"sandbox: made-up vendors, data in {data_dir()}"
