"""Letting through what was held or stopped: a person's word, for these keys of this plan and the values seen in it."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

from sync_pipelines.delivery import ledger as tables
from sync_pipelines.delivery.ledger import Ledger, put
from sync_pipelines.delivery.model import RELEASABLE, DeliveryError
from sync_pipelines.delivery.plans import PlanFiles, value_of

EVERYTHING = "all"


def release(ledger: Ledger, files: PlanFiles, plan_id: str, keys: Sequence[str], why: str) -> list[str]:
    """Release rows of a plan by key, or with `all` the plan's verdict and every row that a person may release.

    A row's release holds for the value that was there and the value that would replace it, in this plan or a later
    one; that of a plan for this plan only. Returns the keys released. Raises DeliveryError for a key that is not in
    the plan or is held for a reason that is not a matter of opinion, and for an empty reason; then nothing is released.
    """
    if not why.strip():
        raise DeliveryError("a release needs a reason: it is kept with your name.")
    plan = ledger.plan(plan_id)
    rows = files.query(plan["id"], "SELECT key, parent, held, reason, before_print, after_print FROM plan ORDER BY row")
    if list(keys) == [EVERYTHING]:
        chosen = [r for r in rows if r["held"] in RELEASABLE]
    else:
        chosen = [r for r in rows if names(r["key"], r["parent"], keys)]
        found = {k for k in keys for r in chosen if names(r["key"], r["parent"], [k])}
        if missing := [k for k in keys if k not in found]:
            raise DeliveryError(f"plan {plan['id']} has no row {', '.join(missing)}. Nothing was released.")
    if fixed := [r for r in chosen if r["held"] and r["held"] not in RELEASABLE]:
        raise DeliveryError(
            f"{fixed[0]['key']} is held because: {fixed[0]['reason']}. "
            "That has to be settled, not released. Nothing was released."
        )
    said = {"account": plan["account"], "plan": plan["id"], "who": getpass.getuser(), "why": why, "at": ledger.now()}
    releases = [{**said, "key": r["key"], "value": value_of(r["before_print"], r["after_print"])} for r in chosen]
    if list(keys) == [EVERYTHING]:
        releases.append({**said, "key": "*", "value": plan["id"]})
    with ledger.write() as tx:
        put(tx, tables.release, releases)
    return [r["key"] for r in chosen]


def names(key: str, parent: str, named: Sequence[str]) -> bool:
    """Whether a person who says one of these means this row: its whole key, or what follows its parent."""
    return key in named or (bool(parent) and key.removeprefix(f"{parent}/") in named)
