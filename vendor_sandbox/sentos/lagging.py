"""Records by id, which are read as they were for a while after a change."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from vendor_sandbox.limits import Clock

Record = Mapping[str, Any]
"""A product, order, warehouse, ... in the API's words. It is replaced as a whole, never changed in place."""


class Lagging:
    """The truth is in `records`; `shown` is what reads see of it by now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: dict[int, Record] = {}
        self._shown: dict[int, Record] = {}
        self._later: deque[tuple[float, int, Record]] = deque()

    def copy(self) -> "Lagging":
        copied = Lagging(self._clock)
        copied.records, copied._shown, copied._later = self.records.copy(), self._shown.copy(), self._later.copy()
        return copied

    def put(self, record: Record, lag: float = 0.0) -> None:
        """Store a record under its id; reads see it `lag` seconds later."""
        self.records[record["id"]] = record
        if lag:
            self._later.append((self._clock.now() + lag, record["id"], record))
        else:
            self._forget(record["id"])
            self._shown[record["id"]] = record

    def remove(self, record_id: int) -> None:
        """Remove a record; reads do not see it from now on."""
        del self.records[record_id]
        self._forget(record_id)
        self._shown.pop(record_id, None)

    def _forget(self, record_id: int) -> None:
        """Drop what was to be shown of a record later: it is out of date by then."""
        if self._later:
            self._later = deque(each for each in self._later if each[1] != record_id)

    @property
    def shown(self) -> Mapping[int, Record]:
        while self._later and self._later[0][0] <= self._clock.now():
            _, record_id, record = self._later.popleft()
            self._shown[record_id] = record
        return self._shown
