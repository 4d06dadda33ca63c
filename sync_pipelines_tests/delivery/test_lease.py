"""Which process holds an account, told from a later one with the same number, whichever version of the program wrote it down."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.lease import Busy, namespace, process_start, refuse_if_written
from sync_pipelines_tests.delivery.shop import Shop

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="the start of a process is told on Linux only")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def as_written_before(pid: int) -> str:
    """The 22nd field of /proc/PID/stat, as the versions before read it."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]


def test_the_start_of_a_process_is_what_the_versions_before_wrote_down(sleeper: subprocess.Popen[bytes]) -> None:
    for pid in (os.getpid(), sleeper.pid, os.getppid()):
        assert process_start(pid) == as_written_before(pid)


def test_a_holder_of_the_version_before_is_waited_for_until_it_is_gone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    shop = Shop(tmp_path)
    row = {
        "account": shop.target.account,
        "host": socket.gethostname(),
        "namespace": namespace(),
        "pid": sleeper.pid,
        "born": as_written_before(sleeper.pid),
        "token": "of the version before",
        "heartbeat": shop.ledger.now(),
    }
    with shop.ledger.write() as tx:
        tables.put(tx, tables.lease, [row])
    with pytest.raises(Busy):
        refuse_if_written(shop.ledger, shop.target.account)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert process_start(sleeper.pid) is None  # a zombie holds nothing
    sleeper.wait()
    assert process_start(sleeper.pid) is None
    assert shop.sync({"a": 1}).counts == {"delivered": 1}


def test_setting_the_clock_makes_no_process_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    real = psutil.boot_time()
    moved = iter([real, real + 60, real + 60])  # the clock is set after the first look

    def boot_time() -> float:
        return next(moved, real + 3600)

    monkeypatch.setattr(psutil, "boot_time", boot_time)
    monkeypatch.setattr("psutil._pslinux.boot_time", boot_time)
    assert process_start(os.getpid()) == as_written_before(os.getpid())
    assert process_start(os.getpid()) == as_written_before(os.getpid())
