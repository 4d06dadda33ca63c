"""Calls counted under several names at once, by all processes that share the file: a place under all of them, or under none."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sync_pipelines.vendors.limits import JointWindows, NotCounted, WindowsFull

CHILD = """
import sys, time
from pathlib import Path
from sync_pipelines.vendors.limits import JointWindows

windows = JointWindows(0.5, lambda call: {call: 2}, Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(4):
    windows.take("GET /products", 60)
    print(time.time(), flush=True)
"""

Make = Callable[..., JointWindows]


def each(calls: int) -> Callable[[str], Mapping[str, int]]:
    """So many of each call, counted alone."""
    return lambda call: {call: calls}


def together(call: str) -> Mapping[str, int]:
    """One place for each word of a call."""
    return dict.fromkeys(call.split(), 1)


@pytest.fixture(params=["memory", "file"])
def window(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    file = None if request.param == "memory" else tmp_path / "limits" / "reads.db"
    return lambda limits, seconds: JointWindows(seconds, each(limits) if isinstance(limits, int) else limits, file)


@pytest.mark.parametrize(("full", "free"), [("all", "writes"), ("writes", "all")])
def test_a_call_that_finds_no_room_under_one_name_takes_no_place_under_another(window: Make, full: str, free: str) -> None:
    windows = window(together, 60.0)
    windows.take(full, 0)
    with pytest.raises(WindowsFull):
        windows.take("all writes", 0)
    windows.take(free, 0)


def test_a_place_counts_from_when_the_call_was_answered(window: Make) -> None:
    windows = window(1, 0.4)
    windows.take("one", 0)
    time.sleep(0.2)
    windows.answered()
    answered = time.monotonic()
    windows.take("one", 60)
    assert 0.39 < time.monotonic() - answered < 0.6


def test_an_answer_is_worth_more_than_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "reads.db"
    windows = JointWindows(60.0, each(1), file)
    windows.take("one", 0)
    file.write_bytes(b"\xff" * file.stat().st_size)
    windows.answered()
    assert "counts from when its place was taken" in caplog.text


def test_each_name_has_a_window_of_its_own(window: Make) -> None:
    windows = window(2, 60.0)
    for name in ("one", "other", "one", "other"):
        windows.take(name, 0)
    for name in ("one", "other"):
        with pytest.raises(WindowsFull) as full:
            windows.take(name, 0.5)
        assert 59 < full.value.wait <= 60
    windows.take("third", 0)
    windows.close()


def test_a_call_waits_until_the_second_last_one_is_a_window_ago(window: Make) -> None:
    windows = window(2, 0.4)
    began = time.monotonic()
    windows.take("one", 0)
    time.sleep(0.2)
    windows.take("one", 0)
    windows.take("one", 60)
    assert 0.39 < time.monotonic() - began < 0.55
    windows.take("one", 60)
    assert 0.59 < time.monotonic() - began < 0.8


def test_a_call_that_found_no_room_is_not_counted(window: Make) -> None:
    windows = window(1, 0.3)
    began = time.monotonic()
    windows.take("one", 0)
    for _ in range(5):
        with pytest.raises(WindowsFull):
            windows.take("one", 0.01)
        time.sleep(0.02)
    windows.take("one", 60)
    assert time.monotonic() - began < 0.45


def test_processes_on_one_file_keep_the_window_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "limits" / "reads.db")]
    pair = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for child in pair:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        said = [child.communicate("go\n", timeout=60)[0] for child in pair]
    finally:
        for child in pair:
            child.kill()
            child.wait()
    taken = sorted(float(moment) for text in said for moment in text.split())
    assert len(taken) == 8
    assert min(later - earlier for earlier, later in zip(taken, taken[2:], strict=False)) > 0.4
    assert taken[-1] - taken[0] < 10


@pytest.mark.parametrize("garbled", [b"not a database at all" * 400, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_garbled_file_is_made_anew(tmp_path: Path, garbled: bytes) -> None:
    file = tmp_path / "reads.db"
    file.write_bytes(garbled)
    windows = JointWindows(60.0, each(1), file)
    windows.take("one", 0)
    with pytest.raises(WindowsFull):
        windows.take("one", 0)
    file.write_bytes(b"\xff" * file.stat().st_size)
    windows.take("one", 0)


def test_calls_noted_in_the_future_do_not_count(tmp_path: Path) -> None:
    """The clock was three days ahead, and was put right."""
    windows = JointWindows(60.0, each(1), tmp_path / "reads.db")
    windows.take("one", 0)
    with sqlite3.connect(tmp_path / "reads.db") as con:
        con.execute("UPDATE place SET at = at + 259200")
    windows.take("one", 0)
    with pytest.raises(WindowsFull):
        windows.take("one", 0)


def test_what_is_over_is_not_kept(tmp_path: Path) -> None:
    windows = JointWindows(0.05, each(2), tmp_path / "reads.db")
    for n in range(20):
        windows.take(f"page {n}", 0)
        time.sleep(0.01)
    with sqlite3.connect(tmp_path / "reads.db") as con:
        (kept,) = con.execute("SELECT count(*) FROM place").fetchone()
    assert kept < 10


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "limits").write_text("a file where the folder should be")
    with pytest.raises(NotCounted, match=r"limits/reads.db cannot be written"):
        JointWindows(60.0, each(1), tmp_path / "limits" / "reads.db").take("one", 0)
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(NotCounted, match=r"folder.db cannot be written"):
        JointWindows(60.0, each(1), tmp_path / "folder.db").take("one", 0)
