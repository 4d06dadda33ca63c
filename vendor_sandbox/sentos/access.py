"""The key of the account, and its limits: writes, the same GET, and all calls together."""

import base64
import binascii

from vendor_sandbox.limits import Clock, SlidingWindow
from vendor_sandbox.sentos.settings import Settings

KEY = "sandbox-sentos-key"
SECRET = "sandbox-sentos-secret:with-a-colon"  # noqa: S105

_MANY = 10_000


def may_enter(authorization: str) -> bool:
    """Return whether an Authorization header is `Basic` with the account's key and secret."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return pair == f"{KEY}:{SECRET}"


class Limits:
    """The limits of one account, each over any span of the setting `window_seconds`."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._all = self._window(settings.calls) if settings.calls is not None else None
        self._writes = self._window(settings.writes)
        self._same: dict[object, SlidingWindow] = {}

    def _window(self, most: int) -> SlidingWindow:
        return SlidingWindow(self._clock, most + self._settings.burst, self._settings.window_seconds)

    def take(self, method: str, same: object) -> tuple[float, int]:
        """Count a call; `same` is equal for GETs that are the same.

        Returns 0.0, or the wall seconds until it has room, and the limit that it met.
        """
        met = [(self._all, self._settings.calls or 0)] if self._all is not None else []
        if method == "GET":
            met.append((self._same_get(same), self._settings.same_gets))
        elif method == "POST" or self._settings.puts_are_writes:
            met.append((self._writes, self._settings.writes))
        wait, most = max(((window.wait(), most) for window, most in met), default=(0.0, 0))
        if not wait or self._settings.count_rejected:
            for window, _ in met:
                window.take()
        return wait, most

    def _same_get(self, same: object) -> SlidingWindow:
        if len(self._same) > _MANY:
            self._same = {key: window for key, window in self._same.items() if not window.idle}
        return self._same.setdefault(same, self._window(self._settings.same_gets))
