"""Commands as processes that need not load anything anew: one process has loaded it all, and forks for each command.

Nothing of ours reads settings while it is loaded. What a command loads and how long that takes at the prompt is tested with
interpreters of its own, and measured in bench/.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CLI = "sync_pipelines.operations.cli"
OURS = ("sync_pipelines", "vendor_sandbox")
LATE = (
    "dagster._core.storage.sqlite_storage",
    "dagster._core.execution.backfill",
    "mako.template",
    "upath.core",
    "iso4217",
    "rich.console",
)
"""What of others is only loaded in the middle of a command."""
SCENES = tuple(
    f"sync_pipelines_tests.pipelines.{name}"
    for name in ("lightspeed_pictures_scene", "listing_scene", "merchant", "order_scene", "sentos_shirts")
)
"""What the children that kill themselves load."""
_running: list[subprocess.Popen[str]] = []


def command(
    arguments: Sequence[str],
    env: Mapping[str, str] = os.environ,
    stdin: str | None = None,
    *,
    timeout: float,
    module: str = CLI,
    largest_file: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a module as a program to its end, as `subprocess.run` would. Raises subprocess.TimeoutExpired.

    largest_file: no file may grow beyond so many bytes, as on a disk that is full.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("in", "out", "err")]
        files[0].write_text(stdin or "", encoding="utf-8")
        started = Command(arguments, env, *files, timeout=timeout, module=module, largest_file=largest_file)
        code = started.wait()
        out, err = (file.read_text(encoding="utf-8") for file in files[1:])
    return subprocess.CompletedProcess([module, *arguments], code, out, err)


class Command:
    """A module that runs as a program in a session of its own, as `subprocess.Popen` would run it; its files by name."""

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str] = os.environ,
        stdin: str | Path = os.devnull,
        stdout: str | Path = os.devnull,
        stderr: str | Path = os.devnull,
        *,
        timeout: float = 100,
        module: str = CLI,
        largest_file: int | None = None,
    ) -> None:
        self.arguments, self.timeout = list(arguments), timeout
        self.returncode: int | None = None
        order = {
            "module": module,
            "arguments": self.arguments,
            "env": dict(env),
            "cwd": str(Path.cwd()),
            "timeout": timeout,
            "largest_file": largest_file,
            "files": [str(stdin), str(stdout), str(stderr)],
        }
        self.pid: int = _answer(order)

    def poll(self) -> int | None:
        """The exit code, None while it runs. Raises subprocess.TimeoutExpired once it has run for too long."""
        return self._ask(os.WNOHANG)

    def wait(self) -> int:
        """Wait until it ends. Raises subprocess.TimeoutExpired."""
        code = self._ask(0)
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ask(self, how: int) -> int | None:
        if self.returncode is None:
            self.returncode = _answer({"pid": self.pid, "how": how})
        if self.returncode == -signal.SIGALRM:
            raise subprocess.TimeoutExpired(self.arguments, self.timeout)
        return self.returncode


def _answer(order: Mapping[str, object]) -> Any:
    """Have the process that forks do something, and return what it says."""
    if not _running or _running[0].poll() is not None:
        _running[:] = [_start()]
    server = _running[0]
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps(order) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


def _start() -> subprocess.Popen[str]:
    server = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
    atexit.register(server.kill)
    return server


def _serve() -> None:
    sys.path[0] = str(Path(__file__).parents[1])
    for ours in OURS:
        for module in pkgutil.walk_packages(importlib.import_module(ours).__path__, ours + "."):
            if not module.name.endswith("__main__") and ".migrations." not in module.name:
                importlib.import_module(module.name)
    for name in (*LATE, *SCENES):
        importlib.import_module(name)
    gc.freeze()  # a child that collects would copy every page
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.write(json.dumps(_ended(**order) if "pid" in order else _forked(order)) + "\n")
        sys.stdout.flush()


def _ended(pid: int, how: int) -> int | None:
    pid, status = os.waitpid(pid, how)
    return os.waitstatus_to_exitcode(status) if pid else None


def _forked(order: Mapping[str, Any]) -> int:
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    files = [os.open(name, how | os.O_NOCTTY, 0o600) for name, how in zip(order["files"], flags, strict=True)]
    child = os.fork()
    if child == 0:
        _be(order, files)
    for file in files:
        os.close(file)
    return child


def _be(order: Mapping[str, Any], files: Sequence[int]) -> None:
    """Become the command, in a process of its own."""
    import runpy

    os.setsid()
    signal.alarm(order["timeout"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if order["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"],) * 2)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = [order["module"], *order["arguments"]]
    sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    code: object = 0
    try:
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    except SystemExit as e:
        code = e.code
    except BaseException:  # noqa: BLE001 - what the interpreter would print
        import traceback

        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        sys.stderr.write(code + "\n")
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code or 0))  # type: ignore[call-overload]


if __name__ == "__main__":
    _serve()
