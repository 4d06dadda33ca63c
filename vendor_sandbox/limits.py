"""Time and rate limits of a vendor, on a clock that a test can speed up."""

import threading
import time
from collections import deque
from collections.abc import Callable


class Clock:
    """Seconds that pass `speed` times as fast as on a wall clock. Rate windows and token lives are measured on it."""

    def __init__(self, speed: float = 1.0, wall: Callable[[], float] = time.monotonic) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be more than 0, not {speed}")
        self.speed = speed
        self._wall = wall
        self._skipped = 0.0

    def now(self) -> float:
        return self._wall() * self.speed + self._skipped

    def skip(self, seconds: float) -> None:
        """Let `seconds` of this clock pass at once."""
        self._skipped += seconds

    def on_the_wall(self, seconds: float) -> float:
        """Convert seconds of this clock to the wall seconds that a client waits."""
        return seconds / self.speed


class Bucket:
    """A token bucket: `burst` calls at once, refilled at `per_second` on the clock given."""

    def __init__(self, clock: Clock, per_second: float, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._level = float(burst)
        self._filled_at = clock.now()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take one token. Returns 0.0, or the wall seconds until a token is available, when none is (and none is taken)."""
        with self._lock:
            now = self._clock.now()
            self._level = min(self._burst, self._level + (now - self._filled_at) * self._per_second)
            self._filled_at = now
            if self._level >= 1:
                self._level -= 1
                return 0.0
            return self._clock.on_the_wall((1 - self._level) / self._per_second)


class Window:
    """At most `most` calls in `seconds`; a window begins with the first call after the last window ended."""

    def __init__(self, clock: Clock, most: int, seconds: float) -> None:
        self._clock, self._most, self._seconds = clock, most, seconds
        self._ends = 0.0
        self._used = 0

    def wait(self) -> float:
        """Return 0.0 when a call has room, else the wall seconds until the window ends."""
        now = self._clock.now()
        if self._used and now >= self._ends:
            self._used = 0
        return self._clock.on_the_wall(self._ends - now) if self._used >= self._most else 0.0

    def take(self) -> None:
        if not self._used:
            self._ends = self._clock.now() + self._seconds
        self._used += 1


class SlidingWindow:
    """At most `most` calls in any span of `seconds`: a call has room again when the `most`-th call before it is that old."""

    def __init__(self, clock: Clock, most: int, seconds: float) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._latest: deque[float] = deque(maxlen=most)

    def wait(self) -> float:
        """Return 0.0 when a call has room, else the wall seconds until it has."""
        if len(self._latest) < self._most:
            return 0.0
        return self._clock.on_the_wall(max(0.0, self._latest[0] + self._seconds - self._clock.now()))

    def take(self) -> None:
        self._latest.append(self._clock.now())

    @property
    def idle(self) -> bool:
        """Whether no call of the last `seconds` is left in it."""
        return not self._latest or self._clock.now() >= self._latest[-1] + self._seconds
