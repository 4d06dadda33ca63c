"""The rows of a run's plans, for people: what is planned, or what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync_pipelines.delivery.ledger import Outcome
from sync_pipelines.delivery.model import BAD_OUTCOMES
from sync_pipelines.delivery.plans import stored
from sync_pipelines.delivery.row_outcomes import RowOfPlan, rows_of_plan
from sync_pipelines.operations import environment
from sync_pipelines.operations.answers import open_ledger
from sync_pipelines.operations.launch import Ended
from sync_pipelines.operations.pipelines import PIPELINES, of

SHOWN, SENT_SHOWN = 20, 100
"""Rows that are shown of a plan; and of those that a run with a limit sent."""


@dataclass(frozen=True)
class ShownRows:
    """The first rows of a plan, without personal data: worst first. taken_up: whether they have outcomes.

    total: how many rows there are. beyond_limit: how many more a limit kept back. all_rows: the command that shows every one.
    """

    plan_id: str
    taken_up: bool
    rows: tuple[Mapping[str, str], ...]
    total: int
    beyond_limit: int
    all_rows: str


def rows_of(pipeline: str, plan_id: str) -> ShownRows:
    """Return the rows of a plan that a person should look at first. Raises PlanFileLost where its file cannot be read."""
    with open_ledger() as ledger:
        found = rows_of_plan(ledger, environment.plan_files(), plan_id, SHOWN, sent=SENT_SHOWN)
    total = found.total - found.beyond_limit
    shown = tuple(_shown(pipeline, row) for row in found.rows)
    every = ""
    if len(shown) < total:
        every = _every_row(pipeline, found.plan_id, found.account, taken_up=found.taken_up, bad=found.need_a_person)
    return ShownRows(found.plan_id, found.taken_up, shown, total, found.beyond_limit, every)


def by_target(ended: Sequence[Ended]) -> list[dict[str, str | int]]:
    """What came of each target of these runs, in the words of people: created, updated, unchanged, failed, skipped, total."""
    files, found = environment.plan_files(), list[dict[str, str | int]]()
    with open_ledger() as ledger:
        for run in ended:
            for plan_id in run.plan_ids:
                row = ledger.plan(plan_id)
                counts = stored(files, row).counts
                outcomes, what = ledger.outcomes(plan_id), Counter[str]()
                for part in files.stream(plan_id, "SELECT row, action FROM plan"):
                    what.update(_word(each["action"], outcomes.get(each["row"])) for each in part)
                target = PIPELINES[run.pipeline].write_to(row["account"]).applies
                what["unchanged"] += counts.unchanged
                words = {word: what[word] for word in ("created", "updated", "unchanged", "failed", "skipped")}
                found.append({"target": target, **words, "total": what.total()})
    return found


def _word(action: str, outcome: Outcome | None) -> str:
    state = outcome.state if outcome else "skipped"
    if state == "delivered":
        return {"create": "created", "adopt": "unchanged"}.get(action, "updated")
    return "failed" if state in BAD_OUTCOMES else "unchanged" if state == "unchanged" else "skipped"


def _shown(pipeline: str, row: RowOfPlan) -> Mapping[str, str]:
    readable = of(pipeline).readable
    if row.state == "planned":
        return readable(row.planned)
    state = f"held ({row.planned['held']})" if row.state == "held" else row.state
    ended = readable({**row.planned, "held": None, "reason": row.message})
    return {"key": ended["key"], "outcome": state, **ended}


def _every_row(pipeline: str, plan_id: str, account: str, *, taken_up: bool, bad: int) -> str:
    if bad > SHOWN:
        return f"sync-pipelines errors {pipeline}"
    if taken_up:
        return f"""sync-pipelines sql "SELECT key, state, message FROM ledger.outcome WHERE plan = '{plan_id}'\""""
    view = PIPELINES[pipeline].write_to(account).plan.replace("/", ".")
    return f'sync-pipelines sql "SELECT key, action, held, reason FROM {view}"'
