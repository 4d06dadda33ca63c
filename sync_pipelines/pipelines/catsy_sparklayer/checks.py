"""What the checks of the trade prices say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections.abc import Mapping

from sync_pipelines.pipelines.shape import Check, Checked
from sync_pipelines.pipelines.tables import listed

ROWS_ACCOUNTED = Check(
    "every_row_accounted_for", "rows read = desired + conflicts + rejected + blank, on every price list", blocking=True
)
ALL_UNDERSTOOD = Check("every_price_understood", "no source row was rejected, and no SKU stands twice")


def rows_accounted(read: int, lists: int, states: Mapping[str, int]) -> Checked:
    total = sum(states.values())
    text = f"{read} rows read × {lists} price lists = {total} rows: {listed(states)}"
    return Checked(ROWS_ACCOUNTED, total == read * lists, text)


def all_understood(states: Mapping[str, int], examples: str) -> Checked:
    bad = states.get("rejected", 0) + states.get("conflict", 0)
    text = f"{bad} rows not understood or in conflict" if bad else "every row understood"
    return Checked(ALL_UNDERSTOOD, not bad, text, examples, warn=True)
