"""Letting through what was held or stopped: a person's word, for one row, one kind of reason and the values seen; and it is
spent by the delivery that it lets through."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.clock import stamp
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import RELEASABLE, HeldKind, RequestRefused
from sync_pipelines.delivery.plans import PlanFiles, value_of
from sync_pipelines.delivery.tables import put
from sync_pipelines.duck import CHUNK, chunks

RELEASE_LASTS = timedelta(days=7)
"""How long a release waits to be used, unless the settings say otherwise."""

VERDICT = "verdict"
"""The kind of the release that lifts a stopped plan."""


@dataclass(frozen=True)
class Release:
    """One that is still open. `value` is the print of what was seen and of what would replace it; `after`, the second of them."""

    id: str
    key: str
    kind: str
    value: str

    @property
    def after(self) -> str:
        return self.value.partition(">")[2]


def open_releases(ledger: Ledger, account: str) -> list[Release]:
    """Releases of rows that nobody has used and that have not ended."""
    r = tables.release.c
    query = sa.select(r.id, r.key, r.kind, r.value).where(r.account == account, *_is_open(ledger), r.kind != VERDICT)
    return [Release(**row) for row in ledger.rows(query)]


def is_lifted(ledger: Ledger, plan_id: str) -> bool:
    """Whether a person lifted the verdict of this plan."""
    r = tables.release.c
    return ledger.row(sa.select(r.id).where(r.plan == plan_id, r.kind == VERDICT, *_is_open(ledger))) is not None


def _is_open(ledger: Ledger) -> list[Any]:
    """One given in the future, by a clock that was put right since, does not count; a few minutes are allowed for."""
    r, now = tables.release.c, ledger.clock.now()
    return [r.ended.is_(None), r.expires_at > stamp(now), r.at <= stamp(now + timedelta(minutes=5))]


def release(
    ledger: Ledger,
    files: PlanFiles,
    plan_id: str,
    keys: Sequence[str] | None,
    why: str,
    *,
    kinds: Collection[str] | None = None,
    lasts: timedelta = RELEASE_LASTS,
) -> list[str]:
    """Let held rows of a plan through: these (a whole key, or what follows its parent), or None for all that are held.

    `kinds`: only these reasons; None for every reason that a person may release. A row with another reason beside it stays
    held for that. It holds for the value that was seen and the value that would replace it, in this plan or a later one; it
    ends when it is used, when a later plan wants another value, or after `lasts`. The verdict of a stopped plan is not lifted.

    Returns the keys released. Raises RequestRefused for a key that the plan does not hold, for one that nobody can release, and
    for an empty reason; then nothing is released.
    """
    plan = looked_at(ledger, files, plan_id, why)
    now = ledger.clock.now()
    said = {
        "account": plan["account"],
        "plan": plan["id"],
        "who": getpass.getuser(),
        "why": why,
        "at": stamp(now),
        "expires_at": stamp(now + lasts),
        "ended": None,
        "ended_at": None,
    }

    def releases() -> Iterator[dict[str, Any]]:
        for row, released in released_by(files, plan["id"], keys, kinds):
            value = value_of(row["before_print"], row["after_print"])
            for kind in released:
                yield {**said, "id": uuid.uuid4().hex, "key": row["key"], "value": value, "kind": kind}

    released: dict[str, None] = {}
    with ledger.write() as tx:
        for part in chunks(releases(), CHUNK):
            put(tx, tables.release, part)
            released.update(dict.fromkeys(r["key"] for r in part))
    return list(released)


def released_by(
    files: PlanFiles, plan_id: str, keys: Sequence[str] | None, kinds: Collection[str] | None
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yield each held row that a release of these keys and kinds is about, with the kinds of holds that it lifts.

    Raises RequestRefused as `release` does; for a key that the plan does not hold, once all rows were looked at.
    """
    if wrong := sorted(set(kinds or ()) - set(RELEASABLE)):
        raise RequestRefused(f"{', '.join(wrong)} cannot be released; what can be: {', '.join(RELEASABLE)}.")
    chosen: set[HeldKind] = {k for k in RELEASABLE if kinds is None or k in kinds}
    named: set[str] = set()
    for row in _held(files, plan_id, keys):
        named.update(k for k in keys or () if names(row["key"], row["parent"], [k]))
        kinds_of_row = row["holds"].split(",")
        fixed = [k for k in kinds_of_row if k not in RELEASABLE]
        if fixed and keys is not None:
            raise RequestRefused(
                f"{row['key']} is held because: {row['reason']}. That has to be settled, not released. Nothing was released."
            )
        if not fixed and (released := [kind for kind in kinds_of_row if kind in chosen]):
            yield row, released
    if missing := [k for k in keys or () if k not in named]:
        raise RequestRefused(
            f"plan {plan_id} holds no row {', '.join(missing)}. Nothing was released. "
            "(All that are held for one reason: --kind; the verdict of a stopped plan: --verdict.)"
        )


def lift(ledger: Ledger, files: PlanFiles, plan_id: str, why: str, *, lasts: timedelta = RELEASE_LASTS) -> None:
    """Lift the verdict of a plan that a guard stopped. Rows that it holds stay held.

    Raises RequestRefused for a plan that was not stopped, or is finished, and for an empty reason.
    """
    plan = looked_at(ledger, files, plan_id, why)
    refuse_unless_stopped(plan)
    now = ledger.clock.now()
    with ledger.write() as tx:
        put(
            tx,
            tables.release,
            [
                {
                    "id": uuid.uuid4().hex,
                    "account": plan["account"],
                    "key": "*",
                    "kind": VERDICT,
                    "value": plan["id"],
                    "plan": plan["id"],
                    "who": getpass.getuser(),
                    "why": why,
                    "at": stamp(now),
                    "expires_at": stamp(now + lasts),
                    "ended": None,
                    "ended_at": None,
                }
            ],
        )


def refuse_unless_stopped(plan: Mapping[str, Any]) -> None:
    if plan["verdict"] == "clear" or plan["state"] == "done":
        reason = "was not stopped" if plan["verdict"] == "clear" else "was applied already"
        raise RequestRefused(f"plan {plan['id']} {reason}: there is no verdict to lift. Nothing was released.")


def looked_at(ledger: Ledger, files: PlanFiles, plan_id: str, why: str) -> dict[str, Any]:
    if not why.strip():
        raise RequestRefused("a release needs a reason: it is kept with your name.")
    plan = ledger.plan(plan_id)
    if plan["seal"] is None:
        raise RequestRefused(f"plan {plan['id']} was made by an earlier version. Nothing was released; preview again.")
    files.check_seal(plan)
    return plan


def _held(files: PlanFiles, plan_id: str, keys: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    some = "" if keys is None else "AND (list_contains($1, key) OR (parent <> '' AND list_contains($1, key[len(parent) + 2:])))"
    query = f"SELECT * FROM plan WHERE held IS NOT NULL {some} ORDER BY row"
    for part in files.stream(plan_id, query, [] if keys is None else [list(keys)]):
        yield from part


def names(key: str, parent: str, named: Sequence[str]) -> bool:
    """Whether a person who says one of these means this row: its whole key, or what follows its parent."""
    return key in named or (bool(parent) and key.removeprefix(f"{parent}/") in named)
