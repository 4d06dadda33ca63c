"""Rows that are made from their place when they are read, so that a million of them cost nothing until then.

A row's facts are text: whatever differs from one such row to the next. They fill a row, and they fill a template of the JSON
that the row is shown as, which is made once from a row of slots.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from vendor_sandbox import exact_json
from vendor_sandbox.lightspeed import ids

FIRST_VERSION = 5_000_000_000
"""Below the versions of all other rows, and still above 32 bits."""
STEP = 16
NUMBER = "n_"
"""What the names of facts that are numbers begin with."""

_FIRST = 1 << 40
_HEADS = {kind: ids.uuid(kind, _FIRST)[:24] for kind in ids.KINDS}

Facts = Mapping[str, str]


def lazy_id(kind: str, index: int) -> str:
    return f"{_HEADS[kind]}{index:012x}"


def index_of(kind: str, row_id: str) -> int | None:
    """Return the index of what has this id, None for an id that is not one of a lazy row of this kind."""
    try:
        return int(row_id[24:], 16) if row_id.startswith(_HEADS[kind]) and len(row_id) == 36 else None
    except ValueError:
        return None


class _Number(int):
    """Stands for a number in a row of slots."""

    name: str

    @classmethod
    def named(cls, name: str) -> "_Number":
        found = cls(0)
        found.name = name
        return found

    def __str__(self) -> str:
        return _slot(self.name)


def _slot(name: str) -> str:
    return f"«{name}»"


@dataclass(frozen=True)
class Lazy:
    """`size` rows. `shape` says which rows differ in their facts alone; `row` puts facts of a shape in their places."""

    kind: str
    size: int
    offset: int
    """Between 0 and STEP: keeps the versions of two collections apart."""
    facts: Callable[[int], Facts]
    row: Callable[[int, Mapping[str, Any]], dict[str, Any]]
    shape: Callable[[int], int] = field(default=lambda _: 0)

    def version(self, index: int) -> int:
        return FIRST_VERSION + index * STEP + self.offset

    def first_after(self, version: int) -> int:
        """Return the lowest index of a row with a higher version."""
        return max(0, min(self.size, (version - FIRST_VERSION - self.offset) // STEP + 1))

    def index_of(self, row_id: str) -> int | None:
        index = index_of(self.kind, row_id)
        return index if index is not None and index < self.size else None

    def rows(self, start: int, reverse: bool = False) -> Iterator["LazyRow"]:
        places = range(self.size - 1, start - 1, -1) if reverse else range(start, self.size)
        return (LazyRow(self, index) for index in places)

    def text(self, index: int, templates: dict[Any, str], key: Any, show: Callable[[Mapping[str, Any]], Any]) -> str:
        """Return a row as JSON. `key` names how it is shown in `templates`."""
        shape = self.shape(index)
        facts = {**self.facts(index), "n_version": str(self.version(index))}
        template = templates.get((key, self.kind, shape))
        if template is None:
            slots = {name: _Number.named(name) if name.startswith(NUMBER) else _slot(name) for name in facts}
            shown = exact_json.dumps(show({**self.row(shape, slots), "version": slots["n_version"]}))
            template = shown.replace("%", "%%").replace("«", "%(").replace("»", ")s")
            templates[key, self.kind, shape] = template
        return template % facts


class LazyRow(Mapping[str, Any]):
    """A row that is made when more is asked of it than its version and whether it is deleted."""

    def __init__(self, lazy: Lazy, index: int) -> None:
        self.lazy = lazy
        self.index = index

    @cached_property
    def _made(self) -> dict[str, Any]:
        facts = self.lazy.facts(self.index)
        values = {name: Decimal(value) if name.startswith(NUMBER) else value for name, value in facts.items()}
        row = self.lazy.row(self.lazy.shape(self.index), values)
        return {**row, "version": self.lazy.version(self.index)}

    def __getitem__(self, name: str) -> Any:
        if name == "version":
            return self.lazy.version(self.index)
        return None if name == "deleted_at" else self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
