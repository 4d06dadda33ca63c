"""Children and what they cost: wall time, CPU time and peak memory of each, its sandbox, and its virtual environment.

The runner itself stays small: what the kernel calls the peak of a child starts with the size of whoever started it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench-work"
VENVS = ROOT / "build" / "bench-venvs"
PRODUCT = ROOT / "build" / "bench-product"
"""A copy of what is measured, so that nobody's edit changes it in the middle of a run."""

REQUIREMENTS: Mapping[str, Sequence[Sequence[str]]] = {
    "ours": (
        ("--no-deps", "--require-hashes", "--requirement", str(ROOT / "requirements.lock")),
        ("--no-deps", "--no-build-isolation", "--editable", str(PRODUCT)),
    ),
    "plain_loop": (("requests", "duckdb"),),
    "old_method": (("requests",),),
    "dlt": (("dlt[duckdb,parquet]",),),
}
"""What pip is asked to install into each environment, one call after the other."""
SHOWN_VERSIONS = ("dagster", "dlt", "duckdb", "gspread", "pandas", "pyarrow", "requests", "sqlalchemy")

FAST = 100_000.0
"""A sandbox speed at which its rate limits never hold anybody up."""


class ChildFailed(Exception):
    """A child that was to be measured did not do its work."""


@dataclass(frozen=True)
class Child:
    """One finished process: seconds, MB, what it printed, and how it ended."""

    wall: float
    cpu: float
    peak: float
    out: str
    err: str
    code: int

    @property
    def answer(self) -> dict[str, Any]:
        """What it said on its last line (its whole output, when that is one document)."""
        text = self.out if self.out.lstrip().startswith("{") else self.out.strip().rpartition("\n")[2]
        found: dict[str, Any] = json.loads(text)
        return found


def run(argv: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path = ROOT, codes: Sequence[int] = (0,)) -> Child:
    """Run a child to its end. Raises ChildFailed when its exit code is none of `codes`."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=WORK) as out, tempfile.TemporaryFile(dir=WORK) as err:
        began = time.perf_counter()
        process = subprocess.Popen([str(a) for a in argv], env={**clean_env(), **(env or {})}, cwd=cwd, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode(errors="replace"))
    child = Child(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said[0], said[1], process.returncode)
    if child.code not in codes:
        raise ChildFailed(f"{' '.join(map(str, argv))} ended with {child.code}:\n{child.out[-2000:]}\n{child.err[-4000:]}")
    return child


def clean_env() -> dict[str, str]:
    """The environment without settings of this project, so that a run does not depend on who starts it."""
    ours = re.compile(
        r"SYNC_PIPELINES_|CATSY_|SPARKLAYER_|SHOPIFY_|GOOGLE_|AMAZON_|PLYTIX_|SENTOS_|LIGHTSPEED_|TARGET_SPREADSHEET|DAGSTER_|PYTHONPATH$"
    )
    return {name: value for name, value in os.environ.items() if not ours.match(name)}


# --- environments ---------------------------------------------------------------------------------------------------


def freeze() -> None:
    """Copy the product as it is now."""
    shutil.rmtree(PRODUCT, ignore_errors=True)
    for part in ("sync_pipelines", "vendor_sandbox", "deploy"):
        shutil.copytree(ROOT / part, PRODUCT / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        (PRODUCT / file).write_bytes((ROOT / file).read_bytes())


def python(venv: str) -> Path:
    """The interpreter of one competitor's virtual environment, made when it is not there or not of these requirements."""
    found, complete = VENVS / venv / "bin" / "python", VENVS / venv / "complete"
    if (complete.read_text() if complete.exists() else "") != _wanted(venv):
        print(f"making the virtual environment of {venv}", file=sys.stderr, flush=True)
        run([sys.executable, "-m", "venv", "--clear", VENVS / venv])
        for wanted in REQUIREMENTS[venv]:
            run([found, "-m", "pip", "install", "--quiet", *wanted])
        complete.write_text(_wanted(venv))
    return found


@cache
def _wanted(venv: str) -> str:
    """Changes with what an environment is to hold: for ours, with the lock file."""
    wanted = json.dumps(REQUIREMENTS[venv]).encode()
    return hashlib.sha256(wanted + ((ROOT / "requirements.lock").read_bytes() if venv == "ours" else b"")).hexdigest()


def versions(venv: str) -> dict[str, str]:
    """The installed versions worth naming, by package."""
    listed = json.loads(run([python(venv), "-m", "pip", "list", "--format", "json"]).out)
    return {p["name"].lower(): p["version"] for p in listed if p["name"].lower() in SHOWN_VERSIONS}


# --- the sandbox ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: its address, and the environment that points a client at it."""

    url: str
    env: Mapping[str, str]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call to the control API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=300) as reply:
            return json.loads(reply.read())

    def calls(self) -> dict[str, int]:
        """How many calls each vendor has had since the start."""
        return {vendor: len(self.control("GET", f"{vendor}/calls")) for vendor in ("catsy", "sparklayer")}


@contextmanager
def sandbox(products: int, speed: float = FAST, orders: int = 0) -> Iterator[Sandbox]:
    """A sandbox as a process of its own, from our environment, with a catalogue and a shop of these sizes."""
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / f"sandbox-{os.getpid()}-{time.monotonic_ns()}.env"
    argv = [python("ours"), "-m", "vendor_sandbox", "--port", "0", "--env-file", file]
    process = subprocess.Popen(
        [*map(str, argv), "--scale", str(products), "--speed", str(speed), "--orders", str(orders)],
        stdout=subprocess.DEVNULL,
        env=clean_env(),
        cwd=PRODUCT,
    )
    try:
        until = time.monotonic() + 60
        while not file.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise ChildFailed("the sandbox did not start")
            time.sleep(0.05)
        env = dict(re.findall(r"^export (\w+)='(.*)'$", file.read_text(), re.M))
        found = Sandbox(env["SPARKLAYER_URL"].rpartition("/")[0], env)
        # Token lives are scaled, too; what is measured is a client whose token lasts an hour.
        for vendor in ("sparklayer", "google"):
            found.control("POST", f"{vendor}/state", {"settings": {"token_seconds": 3600 * speed}})
        yield found
    finally:
        process.terminate()
        process.wait()
        file.unlink(missing_ok=True)


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """An empty folder on the disk of this checkout, removed afterwards."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=WORK) as made:
        yield Path(made)


# --- numbers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of the results that was, or was not, asked for. `met` is None where nothing was asked for."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Section:
    """One subject of the results: lines with their targets, and a table beside the competitors."""

    title: str
    rows: Sequence[Row]
    head: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()
    text: str = ""


def spread(values: Sequence[float], unit: str = "", digits: int = 1) -> str:
    """Median with the smallest and largest: `2.6 s (2.5–2.8)`; a single run says so."""
    shown = f"{median(values):,.{digits}f} {unit}".strip()
    return f"{shown} ({min(values):,.{digits}f}–{max(values):,.{digits}f})" if len(values) > 1 else f"{shown} (once)"


def at_most(what: str, values: Sequence[float], unit: str, limit: float, *, digits: int = 1) -> Row:
    """A line whose median has to be at most `limit`."""
    return Row(what, spread(values, unit, digits), f"≤ {limit:,g} {unit}".strip(), median(values) <= limit)


def never_more(what: str, values: Sequence[int], limit: int) -> Row:
    """A line of which every single value has to be at most `limit`: counts do not depend on the machine."""
    return Row(what, " / ".join(map(str, sorted(set(values)))), f"≤ {limit:,}" if limit else "0", max(values) <= limit)


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)
