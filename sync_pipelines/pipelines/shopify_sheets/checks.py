"""What the checks of the spreadsheet say: reasons a person can act on, not just red and green."""

from __future__ import annotations

from collections.abc import Sequence

from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines.shape import Checked
from sync_pipelines.pipelines.shopify_sheets import NOBODY_IN_THE_WAY, ROOM_LEFT

NEARLY_FULL = ": nearly full."


def room_left(plan: Plan) -> Checked:
    text = next((f.message for f in plan.findings if f.guard == "cells"), "")
    return Checked(ROOM_LEFT, NEARLY_FULL not in text, text, warn=True)


def nobody_in_the_way(hit: Sequence[str], lost: Sequence[str], strays: Sequence[str]) -> Checked:
    if lost:
        keys = ", ".join(lost[:20])
        text = f"rows of {keys} were written over while somebody moved them, and no order is known by these keys: look at them"
    elif hit:
        text = f"{len(hit)} orders stood where others were written; compared again and put right: {', '.join(hit[:20])}"
    else:
        text = "nobody did"
    if strays:
        text = "; ".join(["somebody moved rows while we wrote. To be emptied by hand", *strays[:20], text])
    return Checked(NOBODY_IN_THE_WAY, not hit and not strays, text, warn=not lost)
