"""Pages of a reading, and its end where they repeat: a vendor that ignores its own page number would be read for ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipelines.vendors.failures import VendorError


@dataclass(frozen=True)
class Page:
    """Rows that were read. cursor: where to go on once they are kept; None in the midst of what has no place to go on from.
    gap: why there may be more than was read."""

    rows: Sequence[dict[str, Any]]
    cursor: int | None = None
    gap: str = ""


class GoesInCircles(VendorError):
    """A page held nothing but what earlier pages of the same reading had."""


class NewIds:
    """The ids that a reading has seen so far. `what` names the reading for people: "catsy: items of query …"."""

    def __init__(self, what: str, seen: Iterable[str] = ()) -> None:
        self._what, self._seen = what, set(seen)

    def page(self, ids: Iterable[str]) -> None:
        """Note the ids of one more page that another is to follow. Raises GoesInCircles where none of them is new."""
        before = len(self._seen)
        self._seen.update(ids)
        if len(self._seen) == before:
            raise GoesInCircles(
                f"{self._what}: a page brought nothing new after {before} records, and another was to follow. The vendor's "
                "paging goes in circles; the reading ends here, and what it read is not used."
            )
