"""How a run is shown while it goes on, and how it ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from sync_pipelines.operations.answers import plain
from sync_pipelines.operations.cli import exits, live, screen
from sync_pipelines.operations.cli.questions import listing
from sync_pipelines.operations.launch import Ended, Interrupted
from sync_pipelines.operations.undo_preview import UndoPreview

UNDO_ROWS_SHOWN = 200


@contextmanager
def progress(what: str, *, json: bool) -> Iterator[None]:
    """Show what a run does. Where a person interrupts it, show what became of its rows so far, and end the command."""
    try:
        with live.progress(what, silent=json):
            yield
    except (KeyboardInterrupt, Interrupted) as e:
        if isinstance(e, Interrupted) and e.ended is not None:
            show(e.ended, json=json)
        screen.problem("interrupted. What was sent and not answered is settled by the next run; nothing is lost.")
        raise typer.Exit(exits.COULD_NOT_RUN) from None


def show(ended: Ended, *, strict: bool = False, json: bool) -> int:
    """Show how a run ended. Returns its exit code."""
    code = exits.of_run(ended, strict=strict)
    if json:
        screen.as_json({**plain(ended), "next": next_steps(ended), "exit_code": code})
        return code
    colour = {exits.DONE: "green", exits.NEEDS_A_PERSON: "yellow", exits.COULD_NOT_RUN: "red"}[code]
    screen.out.print(f"[bold {colour}]{ended.state}[/]  {screen.counts(ended.counts)}", highlight=False)
    facts = {
        "plan": ", ".join(ended.plan_ids) or ended.plan_id,
        "run": ended.run_id,
        "calls": f"{ended.calls['used']} used, {ended.calls['minimum']} is the least possible",
        "seconds": f"{ended.seconds['total']:.1f} ({ended.seconds['startup']:.1f} to start up)",
    }
    if ended.source_rejects:
        facts["source rejects"] = f"{ended.source_rejects} ({listing(ended.pipeline, ended.partition)})"
    if ended.read_back is not None and ended.applied_before is None:
        facts["read back"] = f"{ended.as_planned} of {ended.read_back} rows sent are there as planned"
    screen.facts(facts)
    if _says_more(ended):
        screen.say(ended.message)
    show_stops(ended)
    for plan_id in ended.plan_ids:
        _show_rows(ended.pipeline, plan_id)
    sys.stdout.flush()
    return code


def show_chains(ended: Sequence[Ended], *, strict: bool = False, json: bool) -> int:
    """Show how several runs ended that belong together, and what came of each target. Returns the worst exit code."""
    from sync_pipelines.operations.rows import by_target

    codes = [exits.of_run(each, strict=strict) for each in ended]
    if json:
        runs = [{**plain(each), "next": next_steps(each), "exit_code": code} for each, code in zip(ended, codes, strict=True)]
        screen.as_json({"runs": runs, "targets": by_target(ended), "exit_code": max(codes, default=exits.DONE)})
        return max(codes, default=exits.DONE)
    for each in ended:
        show(each, strict=strict, json=False)
    screen.table(by_target(ended), "in all")
    return max(codes, default=exits.DONE)


def show_skipped(why: str, *, json: bool) -> int:
    """Show that no run was begun, for there was no need of one. Returns the exit code."""
    if json:
        screen.as_json({"state": "skipped", "message": why, "exit_code": exits.DONE})
    else:
        screen.say(why)
    return exits.DONE


def show_undo_preview(preview: UndoPreview, *, json: bool) -> int:
    """Show what an undo would do. Returns the exit code."""
    if json:
        screen.as_json({**plain(preview), "exit_code": exits.DONE})
        return exits.DONE
    n = preview.counts
    screen.say(
        f"Nothing was sent. {n['go_back']} rows would go back, {n['stay']} would stay as they are, and "
        f"{n['impossible']} cannot be taken back."
    )
    columns = list(dict.fromkeys(name for row in preview.rows for name in row))
    rows = [{name: row.get(name) for name in columns} for row in preview.rows[:UNDO_ROWS_SHOWN]]
    screen.table(rows, f"what would become of each row of plan {', plan '.join(preview.plan_ids)}")
    if (more := len(preview.rows) - UNDO_ROWS_SHOWN) > 0:
        screen.say(f"and {more} rows more: --json has all of them")
    return exits.DONE


def show_stops(ended: Ended) -> None:
    """Show the guards that stopped a run, and what can be done about it."""
    for finding in _stops(ended):
        screen.problem(f"{finding['guard']}: {finding['message']}")
    for line in next_steps(ended):
        screen.say(line)


def next_steps(ended: Ended) -> list[str]:
    """Return what a person can do about a run that a guard stopped, in sentences with the commands in them."""
    plans = list(dict.fromkeys(finding["plan_id"] for finding in _stops(ended)))
    if not plans:
        return []
    lifting = [
        f"If it is right after all: sync-pipelines release {ended.pipeline} --plan {plan} --verdict --reason '…', then "
        f"sync-pipelines apply {ended.pipeline} --plan {plan}"
        for plan in plans
    ]
    return [
        f"Nothing was sent. To look closer: sync-pipelines errors {ended.pipeline}, sync-pipelines trace {ended.pipeline} KEY",
        *lifting,
        f"If not: correct it at the source, then sync-pipelines preview {ended.pipeline}",
    ]


def _stops(ended: Ended) -> list[dict[str, str]]:
    """The findings that stopped the run; of a plan whose verdict was lifted they are over."""
    return [finding for finding in ended.findings if finding["state"] == "stopped"] if ended.state == "stopped" else []


def _says_more(ended: Ended) -> bool:
    """Whether a run's message says anything beside what the guards said that stopped it."""
    left = ended.message
    for finding in _stops(ended):
        left = left.replace(f"{finding['guard']}: {finding['message']}", "")
    return bool(left.strip("; "))


def _show_rows(pipeline: str, plan_id: str) -> None:
    from sync_pipelines.delivery.plans import PlanFileLost
    from sync_pipelines.operations.rows import rows_of

    try:
        found = rows_of(pipeline, plan_id)
    except PlanFileLost as e:
        screen.problem(str(e))
        return
    rows = f"{found.total} row{'' if found.total == 1 else 's'}"
    if len(found.rows) < found.total:
        rows = f"{len(found.rows)} of {rows}"
    title = f"what became of plan {plan_id}: {rows}, what did not end well first"
    if found.rows:
        screen.say(title if found.taken_up else f"plan {plan_id}: {rows}, worst first")
        screen.table(found.rows)
    if found.all_rows:
        screen.say(f"{rows}; all of them: {found.all_rows}")
    if found.beyond_limit:
        screen.say(f"{found.beyond_limit} more were not sent: beyond the limit. The next sync plans them again.")
