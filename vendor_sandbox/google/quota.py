"""What a test may set on Google, and the per-minute counters.

Limits: https://developers.google.com/workspace/sheets/api/limits. Assumed: fixed windows; here a window begins with
the first call after the last one ended.
"""

import math
from dataclasses import dataclass

from vendor_sandbox.limits import Clock, Window
from vendor_sandbox.values import flag, number, setting, whole


@dataclass(frozen=True)
class Settings:
    """What a test may set. `recommended_bytes` refuses nothing: the state counts the bodies above it."""

    reads_per_user: int = setting(60, whole(1))
    reads_per_project: int = setting(300, whole(1))
    writes_per_user: int = setting(60, whole(1))
    writes_per_project: int = setting(300, whole(1))
    drive_per_user: int = setting(12_000, whole(1))
    burst: int = setting(0, whole(0))
    """Calls that every counter allows beyond its limit. A high value takes the limits out of a test's way."""
    window_seconds: float = setting(60.0, number(above=0))
    retry_after: bool = setting(False, flag)
    """Whether a 429 has a Retry-After header that says when the window ends."""
    token_seconds: float = setting(3600.0, number(above=0))
    cell_limit: int = setting(10_000_000, whole(1))
    metadata_characters: int = setting(30_000, whole(0))
    recommended_bytes: int = setting(2_000_000, whole(0))


@dataclass(frozen=True)
class Spent:
    """An exhausted counter: which one, and the wall seconds until it starts again."""

    kind: str
    per_user: bool
    wait: float


class Quota:
    """Counters of reads and writes, each per user and per project. The service account is the only user."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        def window(most: int) -> Window:
            return Window(clock, most + settings.burst, settings.window_seconds)

        self._windows: dict[str, list[tuple[bool, Window]]] = {
            "read": [(True, window(settings.reads_per_user)), (False, window(settings.reads_per_project))],
            "write": [(True, window(settings.writes_per_user)), (False, window(settings.writes_per_project))],
            "drive": [(True, window(settings.drive_per_user))],
        }

    def take(self, kind: str) -> Spent | None:
        """Count one call. Returns None when it has room; otherwise the exhausted counter, and the call is not counted."""
        for per_user, window in self._windows[kind]:
            if wait := window.wait():
                return Spent(kind, per_user, wait)
        for _, window in self._windows[kind]:
            window.take()
        return None


def seconds_text(wait: float) -> str:
    """Return a wait as Retry-After shows it."""
    return str(max(1, math.ceil(wait)))
