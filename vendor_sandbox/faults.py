"""Faults that a test can order: which calls they hit, and of which kinds they are.

`sandbox.py` acts out the general kinds. A vendor may add kinds of its own, and acts those out itself.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from vendor_sandbox.values import (
    BadChange,
    Check,
    anything,
    checked,
    flag,
    known_members,
    mapping,
    number,
    one_of,
    or_null,
    text,
    whole,
)

Kinds = Mapping[str, Mapping[str, Check]]
"""Options of each kind of fault, by kind."""

HALF = '"\\ud83d"'
"""Half an emoji, as a JSON escape."""

_seconds: Mapping[str, Check] = {"seconds": number()}

GENERAL_KINDS: Kinds = {
    "status": {"status": whole(200, 599), "body": anything, "headers": mapping, "empty": flag},
    "lost_reply": {},
    "lost_request": {},
    "late": _seconds,
    "cut_body": {},
    "unusable": {"field": text, "value": one_of("NaN", "Infinity", HALF)},
    "html": {},
    "slow": _seconds,
    "drip": _seconds,
    "rate_limited": {"retry_after": or_null(str)},
    "expired_token": {},
    "between": {"change": mapping},
}

_NEEDED = {"status", "seconds", "by", "field", "value", "change"}


@dataclass
class Fault:
    """One order. `times` and `after` count down as matching calls go by.

    `method` and `path` may also be the kind and the pattern of a name of what a call does: `mutation inventorySet*`.
    """

    method: str
    path: str
    kind: str
    times: int
    after: int
    options: Mapping[str, Any]

    def matches(self, *targets: str) -> bool:
        """Whether a fault hits a call; `targets` are its method and path, and each operation that it asks for."""
        pairs = [target.partition(" ") for target in targets]
        return any(self.method in ("*", kind) and fnmatchcase(name, self.path) for kind, _, name in pairs)


def read_faults(orders: object, kinds: Kinds) -> list[Fault]:
    """The faults a JSON array orders. Raises BadChange for an unknown kind (listing them) or option."""
    if not isinstance(orders, list):
        raise BadChange("faults must be an array of objects")
    return [_read_fault(order, kinds) for order in orders]


def _read_fault(order: object, kinds: Kinds) -> Fault:
    kind = order.get("kind") if isinstance(order, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise BadChange(f"unknown kind of fault {kind!r}; known: {', '.join(sorted(kinds))}")
    options = kinds[kind]
    wanted = known_members(order, ("on", "kind", "times", "after", *options), f"fault {kind!r}")
    method, _, path = str(wanted.get("on", "")).partition(" ")
    if not path:
        raise BadChange(f"fault {kind!r}: `on` must be a method and a path, such as 'GET /api/*'")
    for name in _NEEDED & set(options):
        if name not in wanted:
            raise BadChange(f"fault {kind!r} needs {name!r}")
    return Fault(
        method=method,
        path=path,
        kind=kind,
        times=checked(whole(1), wanted.get("times", 1), f"fault {kind!r}: times"),
        after=checked(whole(0), wanted.get("after", 0), f"fault {kind!r}: after"),
        options={
            name: checked(check, wanted[name], f"fault {kind!r}: {name}") for name, check in options.items() if name in wanted
        },
    )


class FaultBook:
    """The faults waiting for one vendor."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, faults: Iterable[Fault]) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def pending(self) -> int:
        with self._lock:
            return sum(fault.times for fault in self._faults)

    def due(self, *targets: str) -> Fault | None:
        """Return the fault that hits this call: of those due, the one ordered first. The others wait for the next call.

        Every matching call counts towards `after`, even one that another fault hits.
        """
        with self._lock:
            hit: Fault | None = None
            for fault in self._faults:
                if not fault.matches(*targets):
                    continue
                if fault.after:
                    fault.after -= 1
                elif hit is None:
                    hit = fault
            if hit is not None:
                hit.times -= 1
                if not hit.times:
                    self._faults.remove(hit)
            return hit
