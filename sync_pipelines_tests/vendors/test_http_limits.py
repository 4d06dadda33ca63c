"""Rates are kept as the vendor counts them, by one process and by several on one file."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from sync_pipelines.vendors.failures import Permanent, RateLimited
from sync_pipelines.vendors.http import Http
from sync_pipelines.vendors.limits import CallWindows, JointWindows
from sync_pipelines_tests.vendors.conftest import ScriptedServer, answer

Serve = Callable[..., ScriptedServer]
Client = Callable[..., Http]

CHILD = """
import sys
from pathlib import Path
from sync_pipelines.vendors.http import CallMeter, Http

url, name, file = sys.argv[1:]
http = Http("catsy", url, meter=CallMeter(), reads=[("GET", ".*")], rates=[(5, 1.0)], limits_file=Path(file))
print("ready", flush=True)
sys.stdin.readline()
for number in range(8):
    http.request("GET", f"/{name}/{number}", what="a call")
http.close()
"""


def test_two_processes_with_one_limits_file_keep_the_rate_together(serve: Serve, tmp_path: Path) -> None:
    server = serve(answer())
    command = [sys.executable, "-c", CHILD, server.url]
    pair = [
        subprocess.Popen(
            [*command, name, str(tmp_path / "limits" / "catsy.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    try:
        for child in pair:
            assert child.stdout.readline() == "ready\n"
        for child in pair:
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.wait(timeout=30) for child in pair] == [0, 0]
    finally:
        for child in pair:
            child.kill()
            child.communicate()
    arrivals = sorted(call.at for call in server.heard)
    assert len(arrivals) == 16
    # The sixth call after any call comes a window later, less what a busy machine may delay the earlier one.
    assert min(later - earlier for earlier, later in zip(arrivals, arrivals[5:], strict=False)) > 0.7
    assert arrivals[-1] - arrivals[0] < 15, "the rate is used"


def test_several_windows_are_kept_at_once(serve: Serve, client: Client) -> None:
    server = serve(answer())
    http = client(server, rates=[(2, 0.1), (5, 0.6)])
    for _ in range(7):
        http.request("GET", "/", what="a call")
    arrivals = [call.at for call in server.heard]
    assert min(later - earlier for earlier, later in zip(arrivals, arrivals[2:], strict=False)) > 0.06
    assert min(later - earlier for earlier, later in zip(arrivals, arrivals[5:], strict=False)) > 0.5


def test_retries_are_counted_by_the_limiter_too(serve: Serve, client: Client) -> None:
    server = serve(answer(503), answer(503), answer())
    client(server, rates=[(1, 0.15)]).request("GET", "/", what="a call")
    arrivals = [call.at for call in server.heard]
    assert all(later - earlier > 0.1 for earlier, later in pairwise(arrivals))


def test_regression_calls_noted_in_the_future_do_not_block_the_account(serve: Serve, client: Client, tmp_path: Path) -> None:
    """A clock that was three days ahead, and was put right."""
    file = tmp_path / "catsy.db"
    windows = CallWindows([(2, 60.0)], file)
    windows.close()
    ahead = (time.time_ns() // 1_000_000) + 3 * 86_400_000
    with sqlite3.connect(file) as con:
        con.executemany("INSERT INTO rate_bucket (name, item_timestamp) VALUES ('catsy', ?)", [[ahead]] * 2)
    http = client(serve(answer()), rates=[(2, 60.0)], limits_file=file)
    for _ in range(2):
        assert http.request("GET", "/", what="a call").status == 200
    http.longest_wait = 1.0
    with pytest.raises(RateLimited) as full:  # those of the true minute count
        http.request("GET", "/", what="a call")
    assert full.value.retry_after <= 60


@pytest.mark.parametrize("garbled", [b"not a database at all" * 400, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_regression_a_garbled_file_of_calls_is_made_anew(serve: Serve, client: Client, tmp_path: Path, garbled: bytes) -> None:
    file = tmp_path / "catsy.db"
    file.write_bytes(garbled)
    http = client(serve(answer()), rates=[(1, 60.0)], limits_file=file)
    assert http.request("GET", "/", what="a call").status == 200
    http.longest_wait = 1.0
    with pytest.raises(RateLimited):
        http.request("GET", "/", what="a call")


def test_a_file_of_calls_that_is_garbled_under_way_is_made_anew(serve: Serve, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "catsy.db"
    http = client(serve(answer()), rates=[(50, 60.0)], limits_file=file)
    http.request("GET", "/", what="a call")
    with sqlite3.connect(file) as con:
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.close()
    file.write_bytes(b"\xff" * file.stat().st_size)
    assert http.request("GET", "/", what="a call").status == 200


def test_calls_that_cannot_be_counted_are_not_sent(serve: Serve, client: Client, tmp_path: Path) -> None:
    (tmp_path / "limits").write_text("a file where the folder should be")
    with pytest.raises(Permanent, match=r"limits/catsy.db cannot be opened.*Nothing was sent"):
        client(serve(answer()), rates=[(1, 60.0)], limits_file=tmp_path / "limits" / "catsy.db")


def test_a_call_counts_from_its_answer_where_the_vendor_counts_it_on_arrival(serve: Serve, client: Client) -> None:
    """One that is long under way arrives late; the next in its place may not arrive a window after it was sent only."""
    server = serve([0.3, answer()], answer())
    http = client(server, windows=JointWindows(0.4, lambda _: {"calls": 1}, None))
    began = time.monotonic()
    http.request("GET", "/", what="a call"), http.request("GET", "/", what="another")
    assert time.monotonic() - began > 0.69
