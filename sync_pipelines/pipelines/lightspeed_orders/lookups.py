"""Names and ids of the store's small collections: exact first, then without regard to case and blanks around."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sync_pipelines.nearest import meant


class Ambiguous(ValueError):
    """Several rows have a name, and none of them exactly or alone."""


class Lookup:
    """The rows of one collection that are in use, by name. kind: what they are, for people: brand."""

    def __init__(self, kind: str, rows: Iterable[tuple[str, str]]) -> None:
        self.kind = kind
        self._names = dict(rows)
        self._exact = defaultdict[str, list[str]](list)
        self._alike = defaultdict[str, list[str]](list)
        for row_id, name in self._names.items():
            self._exact[name].append(row_id)
            self._alike[_bare(name)].append(row_id)

    def find(self, name: str) -> str | None:
        """Return the id under a name; None where there is none. Raises Ambiguous."""
        for known in (self._exact.get(name, ()), self._alike.get(_bare(name), ())):
            if len(known) > 1:
                raise Ambiguous(f"the store has {len(known)} {self.kind}s named {name!r}: rename or delete all but one")
            if known:
                return known[0]
        return None

    def ids(self) -> list[str]:
        return list(self._names)

    def name_of(self, row_id: str | None) -> str | None:
        """Return the name under an id; the id itself for a row that is not in use any more."""
        return None if not row_id else self._names.get(row_id, row_id)

    def missing(self, name: str) -> str:
        """Say that there is no such name, and which may have been meant."""
        return f"the store has no {self.kind} named {name!r}.{meant(name, self._names.values())}"


def _bare(name: str) -> str:
    return name.strip().casefold()
