"""The rate windows of one account: how many calls it may make in how many seconds, counted by all processes together."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
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

    def take(self, call: str, longest: float) -> None:
        """Wait for room, and count one call (its method, path and parameters).

        Raises WindowsFull where that takes more than `longest` seconds, NotCounted.
        """

    def answered(self) -> None:
        """Take note that the call counted last was answered, or will not be. Raises nothing."""

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

    def take(self, call: str, longest: float) -> None:
        begun = time.monotonic()
        while (wait := self._try()) is not None:
            # of the shortest window that is full: once it is over, a longer one may be full all the same
            if time.monotonic() - begun + wait > longest:
                raise WindowsFull(wait)
            if wait > LONG_WAIT:
                log.info("all calls that the account allows are used: waiting %.0f s", wait)
            time.sleep(wait + 0.005)

    def answered(self) -> None:
        """A call counts from when its place was taken."""

    def close(self) -> None:
        for bucket in self._limiter.buckets():
            bucket.close()
            self._limiter.dispose(bucket)

    def _try(self) -> float | None:
        """Count one call now, or say in how many seconds there may be room for it."""
        (bucket,) = self._limiter.buckets()
        try:
            item = RateItem("call", cast("int", bucket.now()))  # type: ignore[no-untyped-call]
            if bucket.put(item) or (self._forget_the_future(bucket) and bucket.put(item)):
                return None
            return cast("int", bucket.waiting(item)) / 1000
        except sqlite3.OperationalError as e:  # full, locked, read-only: another file would fare no better
            raise NotCounted(f"{self.file} cannot be written: {e}. Is the disk full?") from e
        except sqlite3.DatabaseError as e:
            self.close()
            self._limiter = Limiter(self._anew(e), buffer_ms=5)
            return self._try()

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


class JointWindows:
    """Calls that are counted under several names at once: a call gets its place under all of them together, or under none.

    A vendor counts a call when it arrives, and some arrive faster than others. So a place counts from the moment it was taken,
    and once the call is answered from that moment on: no later call can arrive too early.

    seconds: how long a place counts. limits_of: under which names a call counts, and how many places each has. file: where they
    are counted, shared by the processes of one account. By the wall clock, for they have no other in common; what is noted in the
    future is dropped.
    """

    def __init__(self, seconds: float, limits_of: Callable[[str], Mapping[str, int]], file: Path | None) -> None:
        self.seconds, self.limits_of, self.file = seconds, limits_of, file
        self._memory = sqlite3.connect(":memory:", isolation_level=None) if file is None else None
        self._taken = ""

    def take(self, call: str, longest: float) -> None:
        begun = time.monotonic()
        limits = self.limits_of(call)
        while (wait := self._try(limits)) > 0:
            if time.monotonic() - begun + wait > longest:
                raise WindowsFull(wait)
            if wait >= 1:
                log.info("%s: waiting %.0f s for a place", call, wait)
                tell(f"waiting {wait:.0f} s: the vendor takes no more such calls in {self.seconds:.0f} s")
            time.sleep(wait + 0.001)

    def answered(self) -> None:
        try:
            with self._counting() as con:
                con.execute("UPDATE place SET at = ? WHERE call = ?", (time.time(), self._taken))
        except (sqlite3.Error, OSError) as e:  # the answer matters more
            log.warning("%s cannot be written: %s. The call counts from when its place was taken", self.file, e)

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()

    def _try(self, limits: Mapping[str, int]) -> float:
        """Count one call now and return 0, or return in how many seconds there may be room for it."""
        try:
            return self._counted(limits)
        except (sqlite3.OperationalError, OSError) as e:
            raise NotCounted(f"{self.file} cannot be written: {e}. Is the disk full?") from e
        except sqlite3.DatabaseError as e:
            log.warning("%s cannot be read (%s): the calls of the last minutes are counted anew", self.file, e)
            for end in ("", "-wal", "-shm"):
                Path(f"{self.file}{end}").unlink(missing_ok=True)
            return self._counted(limits)

    @contextmanager
    def _counting(self) -> Iterator[sqlite3.Connection]:
        """The places, while nobody else counts."""
        with ExitStack() as opened:
            con = self._memory
            if con is None:
                file = cast("Path", self.file)
                file.parent.mkdir(parents=True, exist_ok=True)
                con = opened.enter_context(closing(sqlite3.connect(file, timeout=30, isolation_level=None)))
            con.execute("PRAGMA synchronous = OFF")  # a power cut takes a minute, too
            con.execute("CREATE TABLE IF NOT EXISTS place (call TEXT, name TEXT, at REAL)")
            con.execute("BEGIN IMMEDIATE")
            try:
                yield con
                con.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # what went wrong is the error to tell
                    con.execute("ROLLBACK")
                raise

    def _counted(self, limits: Mapping[str, int]) -> float:
        places = {hashlib.blake2b(name.encode(), digest_size=16).hexdigest(): most for name, most in limits.items()}
        wait, call = 0.0, uuid.uuid4().hex
        with self._counting() as con:
            now = time.time()
            con.execute("DELETE FROM place WHERE at <= ? OR at > ?", (now - self.seconds, now))
            for name, most in places.items():
                query = "SELECT at FROM place WHERE name = ? ORDER BY at DESC LIMIT 1 OFFSET ?"
                for (at,) in con.execute(query, (name, most - 1)):
                    wait = max(wait, at + self.seconds - now)
            if not wait:
                con.executemany("INSERT INTO place VALUES (?, ?, ?)", [(call, name, now) for name in places])
                self._taken = call
        return wait


def _binds(calls: int, seconds: float, rates: Sequence[tuple[int, float]]) -> bool:
    """Whether a window can be full while there is room in the others."""
    return not any(
        (longer > seconds and more <= calls) or (longer < seconds and more / longer <= calls / seconds) for more, longer in rates
    )
