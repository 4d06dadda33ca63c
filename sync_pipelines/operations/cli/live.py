"""What a run is doing now, as one line that changes: stage, counts, time left. In a pipe, a line once it begins."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from sync_pipelines.credentials import redact
from sync_pipelines.operations.cli import screen
from sync_pipelines.progress import Progress, heard_by

ENOUGH_TO_TELL = 2.0
"""Seconds of a stage after which its rate is taken for the rate of the rest."""
NOTE_SHOWN = 80


class Line:
    """The line that is shown. Any thread may tell it something; the screen reads it several times a second."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.what, self._clock = what, clock
        self._began = self._stage_began = clock()
        self._progress = Progress("starting")
        self._done_before = 0
        self._note = ""
        self._spinner = Spinner("dots")

    def hear(self, progress: Progress) -> None:
        if progress.stage != self._progress.stage:
            self._stage_began, self._done_before = self._clock(), progress.done
        self._progress, self._note = progress, ""

    def note(self, text: str) -> None:
        """Show a message until something comes further: a wait, a way that was chosen."""
        self._note = " ".join(text.split())[:NOTE_SHOWN]

    def text(self) -> str:
        """Return the line: `sync shopify_sheets · sheets/orders: 400 of 1,200 rows · 35 s left · 0:48`."""
        now, p = self._clock(), self._progress
        counts = f": {p.done:,}{'' if p.total is None else f' of {p.total:,}'} {p.unit}".rstrip() if p.done or p.total else ""
        parts = [self.what, f"{p.stage}{counts}", self._left(now), self._note, clock_time(now - self._began)]
        return " · ".join(filter(None, parts))

    def _left(self, now: float) -> str:
        """Return how long the stage will take yet at the rate it had so far, where that can be told."""
        p, took = self._progress, now - self._stage_began
        done = p.done - self._done_before
        if p.total is None or done <= 0 or took < ENOUGH_TO_TELL or p.done >= p.total:
            return ""
        seconds = (p.total - p.done) * took / done
        return f"{clock_time(seconds)} left" if seconds >= 60 else f"{max(1, round(seconds))} s left"

    def __rich__(self) -> Spinner:
        self._spinner.update(text=Text(self.text(), no_wrap=True, overflow="ellipsis"))
        return self._spinner


def clock_time(seconds: float) -> str:
    """Return seconds as `0:48`, or `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def progress(what: str, *, silent: bool = False) -> Iterator[None]:
    """Show what goes on inside the block: on a terminal a line that changes, else a line that says that it began."""
    if silent:
        yield
        return
    if not screen.err.is_terminal:
        with heard_by(_Beginning(what)):
            yield
        return
    line = Line(what)
    logger, handler = logging.getLogger("sync_pipelines"), _Notes(line)
    with (
        _terminal() as terminal,
        heard_by(line.hear),
        Live(line, console=terminal, refresh_per_second=8, transient=True, redirect_stdout=sys.stdout.isatty()),
    ):
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


class _Beginning:
    """Says that something began, once it tells how far it is: what is refused before that did not begin."""

    def __init__(self, what: str) -> None:
        self._what: str | None = what

    def __call__(self, _: Progress) -> None:
        what, self._what = self._what, None
        if what is not None:
            screen.note(f"{what}: began {time.strftime('%Y-%m-%d %H:%M:%S %Z')}")


@contextlib.contextmanager
def _terminal() -> Iterator[Console]:
    """Give the terminal behind standard error, also while Dagster sends what a step prints to a file of its own."""
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as file:
        yield Console(file=file)


class _Notes(logging.Handler):
    """Shows the last thing that was logged as worth knowing."""

    def __init__(self, line: Line) -> None:
        super().__init__(logging.INFO)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        self._line.note(redact(record.getMessage()))
