"""Names that a person may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

SHOWN = 3


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are most like this one, the likest first; none where nothing is much like it."""
    by_folded = {each.casefold(): each for each in known}
    return [by_folded[found] for found in difflib.get_close_matches(name.casefold(), by_folded, SHOWN, 0.7)]


def meant(name: str, known: Iterable[str]) -> str:
    """Return the question to put after an error about an unknown name, with a blank before it; "" where nothing is like it."""
    return meant_one_of(nearest(name, known))


def meant_one_of(names: Sequence[str]) -> str:
    """Return the question whether one of these was meant, with a blank before it; "" for none."""
    return f" Did you mean {' or '.join(names)}?" if names else ""
