"""The sandbox as a program of its own."""

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE
from vendor_sandbox import Sandbox
from vendor_sandbox.command import export_lines

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "vendor_sandbox"]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The program once it is ready, with the lines it printed up to then."""
    process = subprocess.Popen([*COMMAND, "--port", "0", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "ready" in line:
                break
        yield process, lines
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def sourced(text: str, name: str) -> str:
    """The value a shell has for a variable after sourcing the text."""
    script = f'{text}\nprintf %s "${name}"'
    return subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True, env={}).stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_environment_serves_and_stops_with_0_on_a_signal(how: signal.Signals) -> None:
    with started("--scale", "150", "--seed", "9", "--speed", "60") as (process, lines):
        output = "".join(lines)
        assert lines[0] == "export SYNC_PIPELINES_SANDBOX='1'\n"
        base = sourced(output, "CATSY_BASE_URL")
        about = requests.get(base.removesuffix("/catsy/api/v3") + "/_sandbox", timeout=PATIENCE).json()
        assert (about["seed"], about["scale"], about["speed"]) == (9, 150, 60)
        assert sourced(output, "CATSY_RATE_PER_SECOND") == "120"
        process.send_signal(how)
        assert process.wait(timeout=PATIENCE) == 0


def test_the_environment_file_can_be_sourced_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "sandbox env.sh"
    with started("--env-file", str(file)) as (_, lines):
        assert file.read_text() == "".join(lines[:-1])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [file]
        url = sourced(f". '{file}'", "SPARKLAYER_URL")
        assert requests.get(f"{url}/api/v2/price-lists", timeout=PATIENCE).status_code == 401


def test_a_taken_port_is_one_clear_line_and_2() -> None:
    with Sandbox() as sandbox:
        port = sandbox.url.rpartition(":")[2]
        done = subprocess.run([*COMMAND, "--port", port], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"cannot listen on port {port}" in done.stderr


def test_an_environment_file_that_cannot_be_written_is_one_clear_line_and_2(tmp_path: Path) -> None:
    arguments = ["--port", "0", "--env-file", str(tmp_path / "missing" / "env")]
    done = subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("arguments", [["--scale", "huge"], ["--scale", "-1"], ["--speed", "0"]])
def test_arguments_that_make_no_sense_end_with_2(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert "must be" in done.stderr


def test_values_are_quoted_so_that_a_shell_reads_them_back() -> None:
    value = 'it\'s $HOME `x` "y" \\ #;\nend'
    assert sourced(export_lines({"VALUE": value}), "VALUE") == value
