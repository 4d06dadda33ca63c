"""Ends a reading whose pages repeat: a vendor that ignores its own page number or token would be read for ever."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipelines.vendors.failures import VendorError


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
