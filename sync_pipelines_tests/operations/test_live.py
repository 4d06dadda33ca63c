"""What a person sees while a run goes on, in a terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import re
from contextlib import suppress
from pathlib import Path

import pytest

from sync_pipelines.operations.cli import live
from sync_pipelines.progress import Progress, heard_by, tell
from sync_pipelines_tests import forked
from sync_pipelines_tests.operations.test_cli import P, run
from vendor_sandbox import Sandbox


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_line_has_stage_counts_and_the_time_left_at_the_rate_so_far() -> None:
    clock = Clock()
    line = live.Line("sync shop", clock)
    assert line.text() == "sync shop · starting · 0:00"
    line.hear(Progress("shop/rows", 0, 1200, "rows"))
    clock.now += 10
    line.hear(Progress("shop/rows", 400, 1200, "rows"))
    assert line.text() == "sync shop · shop/rows: 400 of 1,200 rows · 20 s left · 0:10"
    clock.now += 60
    assert line.text() == "sync shop · shop/rows: 400 of 1,200 rows · 2:20 left · 1:10"
    line.note("waiting 30 s:\nthe shop asks for it")
    assert "waiting 30 s: the shop asks for it" in line.text()
    line.hear(Progress("reading orders", 7, unit="orders"))
    assert line.text() == "sync shop · reading orders: 7 orders · 1:10"


def test_nothing_is_guessed_from_the_first_moments_or_without_a_total() -> None:
    clock = Clock()
    line = live.Line("sync shop", clock)
    line.hear(Progress("rows", 1, 1000, "rows"))
    clock.now += 1
    assert "left" not in line.text()
    clock.now += 9
    assert "left" not in line.text(), "what was done when the stage began says nothing about its rate"


def test_what_is_told_is_heard_while_somebody_listens() -> None:
    heard: list[Progress] = []
    tell("before", 1)
    with heard_by(heard.append):
        tell("rows", 1, 2, "rows")
    tell("after", 1)
    assert heard == [Progress("rows", 1, 2, "rows")]


@pytest.mark.parametrize(("arguments", "lines"), [((), 1), (("--json",), 0)])
def test_in_a_pipe_a_run_says_once_that_it_began_and_with_json_nothing(
    sandbox: Sandbox, arguments: tuple[str, ...], lines: int
) -> None:
    done = run("preview", P, *arguments)
    assert done.stderr.count(f"preview {P}: began ") == lines == len(done.stderr.splitlines())


def test_on_a_terminal_a_line_shows_stage_and_counts_and_is_gone_afterwards(sandbox: Sandbox, own_folder: Path) -> None:
    sandbox.faults("sparklayer", [{"on": "PATCH *", "kind": "slow", "seconds": 1, "times": 9}])
    ours, theirs = pty.openpty()
    env = {**os.environ, "SPARKLAYER_BATCH_SIZE": "50", "TERM": "xterm", "COLUMNS": "150"}
    child = forked.Command(["sync", P], env, stdout=own_folder / "said", stderr=os.ttyname(theirs))
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the terminal's end, on Linux
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert child.wait() == 0
    assert "done" in (own_folder / "said").read_text()
    text = shown.decode()
    assert f"sync {P} · starting · 0:0" in text
    assert re.search(r"sparklayer/prices: 150 of 250 rows · \d+ s left · 0:\d\d", text)
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in text[-40:], "the line is taken away, the cursor is back"
