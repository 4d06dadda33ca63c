"""What the checks of listings and mappings say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections.abc import Mapping

from sync_pipelines.pipelines.shape import Check, Checked
from sync_pipelines.pipelines.tables import listed

ROWS_ACCOUNTED = Check(
    "every_row_accounted_for",
    "rows of the file = listings + further rows of the same ASIN + rows that are not understood",
    blocking=True,
)
ALL_UNDERSTOOD = Check("every_row_understood", "no row of the file was rejected")
ALL_DECIDED = Check("nothing_ambiguous", "no listing fits several products, or too unsurely for a decision")


def rows_accounted(rows: int, listings: int, repeats: int, rejected: int, added: int) -> Checked:
    text = (
        f"{rows} rows = {listings} listings + {repeats} further rows of the same ASIN + {rejected} not understood; "
        f"{added} parents were added from the catalogue"
    )
    return Checked(ROWS_ACCOUNTED, rows == listings + repeats + rejected, text)


def all_understood(rejected: int, examples: str) -> Checked:
    text = f"{rejected} rows not understood" if rejected else "every row understood"
    return Checked(ALL_UNDERSTOOD, not rejected, text, examples, warn=True)


def all_decided(states: Mapping[str, int]) -> Checked:
    return Checked(ALL_DECIDED, not states.get("ambiguous") and not states.get("held"), listed(states), warn=True)
