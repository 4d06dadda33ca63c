"""The rate windows of one account: how many calls it may make in how many seconds, counted by all processes together."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol, cast

from pyrate_limiter import InMemoryBucket, Limiter, Rate, RateItem, SQLiteBucket

from sync_pipelines.progress import tell

log = logging.getLogger(__name__)

LONG_WAIT = 120.0
"""Seconds from which a wait for the next call is worth a line in the log."""


class WindowsFull(Exception):
    """No call may be made for `wait` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"used up for {wait:.0f} s")
        self.wait = wait


class NotCounted(Exception):
    """The file that counts the calls cannot be written."""


class Windows(Protocol):
    """What says when a call may be made."""

    def take(self, name: str, longest: float) -> None:
        """Wait for room, and count one call under this name. Raises WindowsFull after `longest` seconds, NotCounted."""

    def close(self) -> None: ...


class CallWindows:
    """rates: (calls, seconds) of every window. file: where the calls are counted, shared by the processes of one account.

    A run matters more than the counts: a damaged file is replaced, and calls noted in the future (the clock was put back) are
    dropped.
    """

    def __init__(self, rates: Sequence[tuple[int, float]], file: Path | None) -> None:
        self.file = file
        self._windows = [Rate(calls, max(1, round(seconds * 1000))) for calls, seconds in rates if _binds(calls, seconds, rates)]
        self._limiter = Limiter(self._bucket(), buffer_ms=5)

    def take(self, name: str, longest: float) -> None:
        """Wait for room in every window, and count one call. Raises WindowsFull after `longest` seconds, NotCounted."""
        begun = time.monotonic()
        while (wait := self._try(name)) is not None:
            # of the shortest window that is full: once it is over, a longer one may be full all the same
            if time.monotonic() - begun + wait > longest:
                raise WindowsFull(wait)
            if wait > LONG_WAIT:
                log.info("%s: all calls that the account allows are used: waiting %.0f s", name, wait)
            time.sleep(wait + 0.005)

    def close(self) -> None:
        for bucket in self._limiter.buckets():
            bucket.close()
            self._limiter.dispose(bucket)

    def _try(self, name: str) -> float | None:
        """Count one call now, or say in how many seconds there may be room for it."""
        (bucket,) = self._limiter.buckets()
        try:
            item = RateItem(name, cast("int", bucket.now()))  # type: ignore[no-untyped-call]
            if bucket.put(item) or (self._forget_the_future(bucket) and bucket.put(item)):
                return None
            return cast("int", bucket.waiting(item)) / 1000
        except sqlite3.OperationalError as e:  # full, locked, read-only: another file would fare no better
            raise NotCounted(f"{self.file} cannot be written: {e}. Is the disk full?") from e
        except sqlite3.DatabaseError as e:
            self.close()
            self._limiter = Limiter(self._anew(e), buffer_ms=5)
            return self._try(name)

    def _bucket(self) -> InMemoryBucket | SQLiteBucket:
        if self.file is None:
            return InMemoryBucket(self._windows)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            return SQLiteBucket.init_from_file(self._windows, db_path=str(self.file), use_file_lock=True)
        except (sqlite3.OperationalError, OSError) as e:
            raise NotCounted(f"{self.file} cannot be opened: {e}. Is the disk full?") from e
        except sqlite3.DatabaseError as e:
            return self._anew(e)

    def _anew(self, error: sqlite3.DatabaseError) -> InMemoryBucket | SQLiteBucket:
        log.warning("%s cannot be read (%s): the calls of the last minutes are counted anew", self.file, error)
        for end in ("", "-wal", "-shm"):
            Path(f"{self.file}{end}").unlink(missing_ok=True)
        return self._bucket()

    @staticmethod
    def _forget_the_future(bucket: object) -> int:
        if not isinstance(bucket, SQLiteBucket):
            return 0  # in memory the clock is monotonic
        with bucket.lock:
            now = bucket.now()  # type: ignore[no-untyped-call] # under the lock: what others noted is over by now
            gone = bucket.conn.execute(f"DELETE FROM {bucket.table} WHERE item_timestamp > ?", [now]).rowcount
            bucket.conn.commit()
        if gone:
            log.warning("the clock was put back: %d calls noted in the future are not counted", gone)
        return gone


class SameCallWindow:
    """How often one and the same call may be made: `calls` under one name within `seconds`, each name counted alone.

    file: where they are counted, shared by the processes of one account. By the wall clock, for they have no other in common;
    what is noted in the future is dropped.
    """

    def __init__(self, calls: int, seconds: float, file: Path | None) -> None:
        self.calls, self.seconds, self.file = calls, seconds, file
        self._memory = sqlite3.connect(":memory:", isolation_level=None) if file is None else None

    def take(self, name: str, longest: float) -> None:
        begun = time.monotonic()
        key = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        while (wait := self._try(key)) > 0:
            if time.monotonic() - begun + wait > longest:
                raise WindowsFull(wait)
            log.info("%s: asked for %d times in %.0f s already: waiting %.0f s", name, self.calls, self.seconds, wait)
            tell(f"waiting {wait:.0f} s: the vendor answers the same question {self.calls} times in {self.seconds:.0f} s")
            time.sleep(wait + 0.005)

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()

    def _try(self, key: str) -> float:
        """Count one call now and return 0, or return in how many seconds there may be room for it."""
        if self.file is None or self._memory is not None:
            return self._counted(cast("sqlite3.Connection", self._memory), key)
        try:
            return self._in_file(self.file, key)
        except (sqlite3.OperationalError, OSError) as e:
            raise NotCounted(f"{self.file} cannot be written: {e}. Is the disk full?") from e
        except sqlite3.DatabaseError as e:
            log.warning("%s cannot be read (%s): the calls of the last minutes are counted anew", self.file, e)
            for end in ("", "-wal", "-shm"):
                Path(f"{self.file}{end}").unlink(missing_ok=True)
            return self._in_file(self.file, key)

    def _in_file(self, file: Path, key: str) -> float:
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as con:
            return self._counted(con, key)

    def _counted(self, con: sqlite3.Connection, key: str) -> float:
        con.execute("CREATE TABLE IF NOT EXISTS same_call (name TEXT, at REAL)")
        con.execute("BEGIN IMMEDIATE")
        try:
            now = time.time()
            con.execute("DELETE FROM same_call WHERE at <= ? OR at > ?", (now - self.seconds, now))
            made = [at for (at,) in con.execute("SELECT at FROM same_call WHERE name = ? ORDER BY at DESC", (key,))]
            wait = 0.0 if len(made) < self.calls else made[self.calls - 1] + self.seconds - now
            if wait <= 0:
                con.execute("INSERT INTO same_call VALUES (?, ?)", (key, now))
            con.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # what went wrong is the error to tell
                con.execute("ROLLBACK")
            raise
        return wait


def _binds(calls: int, seconds: float, rates: Sequence[tuple[int, float]]) -> bool:
    """Whether a window can be full while there is room in the others."""
    return not any(
        (longer > seconds and more <= calls) or (longer < seconds and more / longer <= calls / seconds) for more, longer in rates
    )
