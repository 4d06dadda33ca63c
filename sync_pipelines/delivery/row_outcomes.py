"""The rows of a plan as a person looks at them: what is planned or, once it was taken up, what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import BAD_OUTCOMES, BEYOND_LIMIT, OutcomeState
from sync_pipelines.delivery.plans import PlanFiles, counts_of, worst_first

RowState = Literal[OutcomeState, "planned", "in doubt", "not sent"]
"""planned: of a plan that nobody took up. in doubt: sent, and how it ended is not known. not sent: the run ended before."""

WORST_FIRST: tuple[OutcomeState, ...] = ("rejected", "failed", "drifted", "unknown", "held", "skipped", "delivered", "unchanged")
NEED_A_PERSON = BAD_OUTCOMES | {"held"}


@dataclass(frozen=True)
class RowOfPlan:
    """A row as the plan's file has it, and what became of it. message: why it ended so, or ""."""

    planned: Mapping[str, Any]
    state: RowState
    message: str


@dataclass(frozen=True)
class RowsOfPlan:
    """The first rows of a plan, worst first. asset: key of the plan's account. taken_up: whether anything of it was applied.

    total: rows that the plan has. beyond_limit: rows left out here, for the run was told to send only so many.
    need_a_person: rows that ended badly or are held, also those that are cut off here.
    """

    plan_id: str
    account: str
    taken_up: bool
    rows: tuple[RowOfPlan, ...]
    total: int
    beyond_limit: int = 0
    need_a_person: int = 0

    @property
    def cut(self) -> bool:
        return len(self.rows) < self.total - self.beyond_limit


def rows_of_plan(ledger: Ledger, files: PlanFiles, plan_id: str, shown: int, *, sent: int) -> RowsOfPlan:
    """Return the first `shown` rows of a plan; of one that was taken up with a limit all that were sent, up to `sent`.

    Raises PlanFileLost where the plan's file cannot be read.
    """
    plan = ledger.plan(plan_id)
    counts = counts_of(plan)
    total = counts.changes + counts.adopt + counts.held
    if plan["state"] == "sealed":
        rows = tuple(RowOfPlan(row, "planned", "") for row in worst_first(files, plan["id"], shown))
        return RowsOfPlan(plan["id"], plan["account"], taken_up=False, rows=rows, total=total)
    o = tables.outcome.c
    ended = ledger.outcome_counts(plan["id"])
    limited = sa.select(sa.func.count()).where(o.plan == plan["id"], o.state == "skipped", o.message == BEYOND_LIMIT)
    beyond = int(ledger.value(limited))
    if beyond:
        shown = max(shown, min(total - beyond, sent))
    states = _first_states(ledger, plan, total, sum(ended.values()), shown)
    query = "SELECT * FROM plan WHERE row IN (SELECT unnest(?))"
    planned = {row["row"]: row for row in files.query(plan["id"], query, [list(states)])}
    return RowsOfPlan(
        plan["id"],
        plan["account"],
        taken_up=True,
        rows=tuple(RowOfPlan(planned[row], *states[row]) for row in states if row in planned),
        total=total,
        beyond_limit=beyond,
        need_a_person=sum(n for state, n in ended.items() if state in NEED_A_PERSON),
    )


def _first_states(ledger: Ledger, plan: Mapping[str, Any], total: int, ended: int, shown: int) -> dict[int, tuple[RowState, str]]:
    """Return the worst rows of a plan that was taken up, by number, with their state and its reason."""
    before = _outcomes(ledger, plan["id"], WORST_FIRST[:-2], shown)
    left: list[tuple[int, RowState, str]] = []
    if ended < total:  # interrupted
        doubtful = {row for doubt in ledger.doubts(plan["account"]) if doubt.plan == plan["id"] for row in doubt.rows}
        gone = set(ledger.ended_rows(plan["id"]))
        still_open = [row for row in range(total) if row not in gone]
        left = [(row, "in doubt", "sent; the next run settles what became of it") for row in still_open if row in doubtful]
        left += [(row, "not sent", "") for row in still_open if row not in doubtful]
    after = _outcomes(ledger, plan["id"], WORST_FIRST[-2:], shown)
    return {row: (state, message) for row, state, message in [*before, *left, *after][:shown]}


def _outcomes(ledger: Ledger, plan_id: str, states: Sequence[OutcomeState], shown: int) -> list[tuple[int, RowState, str]]:
    """Return the first rows of a plan that ended in these states, in their order, but for those beyond a limit."""
    o = tables.outcome.c
    rank = sa.case({state: n for n, state in enumerate(states)}, value=o.state)
    limited = sa.func.coalesce(o.message, "") == BEYOND_LIMIT
    query = sa.select(o.row, o.state, o.message).where(o.plan == plan_id, o.state.in_(states), ~limited)
    return [(r["row"], r["state"], r["message"] or "") for r in ledger.rows(query.order_by(rank, o.row).limit(shown))]
