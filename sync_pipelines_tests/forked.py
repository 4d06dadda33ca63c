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
_running: list[subprocess.Popen[str]] = []


def command(
    arguments: Sequence[str],
    env: Mapping[str, str] = os.environ,
    stdin: str | None = None,
    *,
    timeout: float,
    module: str = "sync_pipelines.operations.cli",
    largest_file: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a module as a program to its end, as `subprocess.run` would. Raises subprocess.TimeoutExpired.

    largest_file: no file may grow beyond so many bytes, as on a disk that is full.
    """
    if not _running or _running[0].poll() is not None:
        _running[:] = [_start()]
    server = _running[0]
    assert server.stdin
    assert server.stdout
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / name) for name in ("in", "out", "err")}
        Path(files["in"]).write_text(stdin or "", encoding="utf-8")
        order = {
            "module": module,
            "arguments": list(arguments),
            "env": dict(env),
            "cwd": str(Path.cwd()),
            "timeout": timeout,
            "largest_file": largest_file,
            **files,
        }
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        code = json.loads(server.stdout.readline())
        if code is None:
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        out, err = (Path(files[name]).read_text(encoding="utf-8") for name in ("out", "err"))
    return subprocess.CompletedProcess([module, *arguments], code, out, err)


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
    for name in LATE:
        importlib.import_module(name)
    gc.freeze()  # a child that collects would copy every page
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _be(order)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps(None if code == -signal.SIGALRM else code) + "\n")
        sys.stdout.flush()


def _be(order: Mapping[str, object]) -> None:
    """Become the command, in a process of its own."""
    import runpy

    signal.alarm(order["timeout"])  # type: ignore[arg-type]
    for number, name, flags in (
        (0, "in", os.O_RDONLY),
        (1, "out", os.O_WRONLY | os.O_CREAT),
        (2, "err", os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(str(order[name]), flags, 0o600), number)
    if order["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"],) * 2)  # type: ignore[arg-type]
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    os.chdir(str(order["cwd"]))
    sys.argv = [str(order["module"]), *order["arguments"]]  # type: ignore[misc]
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in ((0, "r"), (1, "w"), (2, "w")))
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    code: object = 0
    try:
        runpy.run_module(str(order["module"]), run_name="__main__", alter_sys=True)
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
