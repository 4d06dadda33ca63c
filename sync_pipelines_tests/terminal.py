"""A command at a terminal of its own, as somebody sits at it."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType

from sync_pipelines_tests import forked

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs a command in a pseudo-terminal. printed: all that was to be seen, without colours."""

    def __init__(self, *arguments: str, env: Mapping[str, str] = os.environ, columns: int = 200) -> None:
        master, slave = pty.openpty()
        self._master = master
        self._child = forked.Command(arguments, {**env, "TERM": "xterm", "COLUMNS": str(columns)}, *[os.ttyname(slave)] * 3)
        os.close(slave)
        self._seen = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGKILL)
        self._child.wait()
        os.close(self._master)

    @property
    def printed(self) -> str:
        return _STYLE.sub("", self._seen.decode(errors="replace")).replace("\r", "")

    def until(self, holds: Callable[[], bool], timeout: float = 90) -> None:
        """Read on until something holds. Raises AssertionError with what is to be seen, when that takes too long."""
        end = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < end, self.printed
            self._read(0.1)

    def wait_for(self, text: str) -> None:
        self.until(lambda: text in self.printed)

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._child.send_signal(signal.SIGINT)

    def interrupt_a_question(self) -> None:
        """Press Ctrl-C at a question until the command ends: one just before it listens is not heard until a key is pressed."""
        for _ in range(5):
            self.interrupt()
            with suppress(AssertionError):
                self.until(lambda: self._child.poll() is not None, timeout=5)
                return

    def end(self) -> int:
        """Read to the end. Returns the exit code."""
        self.until(lambda: self._child.poll() is not None)
        while self._read(0.2):
            pass
        return self._child.wait()

    def _read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], timeout)
        if not ready:
            return False
        try:
            more = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self._seen += more
        return bool(more)
