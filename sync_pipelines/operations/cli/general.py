"""The verbs that work for every pipeline: each asks `answers` or starts a run, prints, and ends with an exit code.

`pipeline`, and the options that only some pipelines have, are taken off for a pipeline's own group: see `binding`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from sync_pipelines.operations.cli.binding import Command
from sync_pipelines.operations.cli.options import (
    AnyOrAll,
    FreshRead,
    FromCsv,
    Json,
    Named,
    OfFormat,
    Only,
    OnlyKeys,
    Partition,
    PlanId,
    Refresh,
    Strict,
)
from sync_pipelines.operations.pipelines import ASKED, BY_DAY, PIPELINES, WRITERS

# --- setting up -----------------------------------------------------------------------------------------------------


def init(
    pipeline: Named,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=value", help="an answer; with any, nothing is asked. What is exported counts, too"),
    ] = None,
) -> None:
    """Ask for what the pipeline needs, test the login, write .env (readable by you alone)."""
    from sync_pipelines.operations import setup

    raise typer.Exit(setup.init(pipeline, given or ()))


def enable(pipeline: Named) -> None:
    """Allow the pipeline to write to the account that the settings and the login point to now."""
    import getpass

    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import screen

    screen.say(f"{pipeline} may now write to {answers.enable(pipeline, getpass.getuser()).holder}.")


def disable(pipeline: Named) -> None:
    """Make every account of the pipeline read-only again."""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import screen

    answers.disable(pipeline)
    screen.say(f"{pipeline} writes nothing any more.")


def validate(
    pipeline: AnyOrAll = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="also which assumed facts about the vendors hold here; reads only")
    ] = False,
    json: Json = False,
) -> None:
    """Can we log in, with which rights, and is what we assume about the vendors true on this account?"""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import exits, screen

    checked = answers.validate([pipeline], deep=deep) if pipeline else answers.validate(deep=deep)
    found = answers.plain(checked)
    screen.as_json(found) if json else screen.table(found)
    raise typer.Exit(exits.COULD_NOT_RUN if any(c.verdict == "problem" for c in checked) else exits.DONE)


# --- runs -----------------------------------------------------------------------------------------------------------


def preview(
    pipeline: Named,
    partition: Partition = None,
    refresh: FreshRead = Refresh.auto,
    from_csv: FromCsv = None,
    only: Only = None,
    keys: OnlyKeys = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Read both sides and show what a sync would change. Sends nothing that changes anything."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import runs

    with runs.progress(f"preview {pipeline}", json=json):
        ended = running.preview(
            pipeline, refresh=refresh.value, from_csv=from_csv, partition=partition, only=only or (), keys=keys or ()
        )
    raise typer.Exit(runs.show(ended, strict=strict, json=json))


def sync(
    pipeline: Named,
    partition: Partition = None,
    limit: Annotated[int | None, typer.Option(min=0, help="plan everything, send only the first N changes")] = None,
    refresh: FreshRead = Refresh.auto,
    from_csv: FromCsv = None,
    only: Only = None,
    keys: OnlyKeys = None,
    force: Annotated[bool, typer.Option("--force", help="also minutes after the last good sync")] = False,
    test: Annotated[bool, typer.Option("--test", help="send nothing, write the rows to test_output/ instead")] = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Read, plan, and apply the plan if its guards are clear."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import runs, screen

    if PIPELINES[pipeline].chains:
        with runs.progress(f"sync {pipeline}", json=json):
            chains = running.sync_chains(pipeline, limit=limit, refresh=refresh.value, only=only or (), keys=keys or ())
        raise typer.Exit(runs.show_chains(chains, strict=strict, json=json))
    if test:
        with runs.progress(f"preview {pipeline}", json=json):
            rehearsal = running.rehearse(pipeline)
        code = runs.show(rehearsal.ended, strict=strict, json=json)
        for path in rehearsal.files:
            screen.err.print(f"written: {path}", highlight=False)
        raise typer.Exit(code)
    try:
        with runs.progress(f"sync {pipeline}", json=json):
            ended = running.sync(
                pipeline, limit=limit, refresh=refresh.value, from_csv=from_csv, partition=partition, force=force
            )
    except running.TooSoon as e:
        raise typer.Exit(runs.show_skipped(str(e), json=json)) from None
    raise typer.Exit(runs.show(ended, strict=strict, json=json))


def backfill(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="what to read again")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="the first day, in the shop's zone")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="the last day, included")],
    json: Json = False,
) -> None:
    """Read chosen days whole, in one run, published day by day. The next sync writes what is new."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import runs

    with runs.progress(f"backfill {pipeline}", json=json):
        ended = running.backfill(pipeline, first.date(), last.date())
    raise typer.Exit(runs.show(ended, json=json))


def apply(pipeline: Named, plan: PlanId, strict: Strict = False, json: Json = False) -> None:
    """Apply a plan that was previewed, or go on with one that was interrupted."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import runs

    with runs.progress(f"apply {pipeline}", json=json):
        ended = running.apply(pipeline, plan)
    raise typer.Exit(runs.show(ended, strict=strict, json=json))


def release(
    pipeline: Named,
    plan: PlanId,
    reason: Annotated[str, typer.Option("--reason", help="kept with your name")],
    rows: Annotated[list[str] | None, typer.Option("--keys", help="let these held rows through: one or more keys")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="let all rows through that are held for this reason: guard, gone, …")
    ] = None,
    verdict: Annotated[
        bool, typer.Option("--verdict", help="lift the verdict of a stopped plan; the rows it holds stay held")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask at a terminal")] = False,
    json: Json = False,
) -> None:
    """Let held rows through (--keys, --kind), or lift the verdict of a stopped plan (--verdict). Neither implies the other.

    What would be let through is listed first, values that become zero apart; at a terminal you are asked.

    A release of a row is for the values seen in that plan. It is used up by the delivery it lets through, and ends when the
    source wants another value, or after 7 days (`release_days` in settings.toml).
    """
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import releasing, screen

    if not json:
        releasing.show(answers.foresee_release(pipeline, plan, reason, keys=rows, kinds=kind, verdict=verdict))
        releasing.ask(yes=yes)
    done = answers.release(pipeline, plan, reason, keys=rows, kinds=kind, verdict=verdict)
    then = f"sync-pipelines apply {pipeline} --plan {done.plan_id}" if done.waits else f"sync-pipelines sync {pipeline}"
    if json:
        names = ("pipeline", "plan_id", "released", "verdict_lifted")
        screen.as_json({**{name: value for name, value in answers.plain(done).items() if name in names}, "next": then})
        return
    said = [f"released {len(done.released)} held rows of plan {done.plan_id}."] if rows or kind else []
    said += [f"lifted the verdict of plan {done.plan_id}; the rows it holds stay held."] if done.verdict_lifted else []
    said += ["The plan as a whole is still stopped: --verdict lifts that."] if done.stopped else []
    screen.say(f"{' '.join(said)} Next: {then}")


def undo(
    pipeline: Named,
    run: Annotated[
        str, typer.Option("--run", help="the run whose writes to take back (or its plan); the start of its id is enough")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be taken back, row by row; send nothing")] = False,
    json: Json = False,
) -> None:
    """Take back what a run wrote, where the target still holds it."""
    from sync_pipelines.operations import running, undo_preview
    from sync_pipelines.operations.cli import runs

    if dry_run:
        with runs.progress(f"undo {pipeline} --dry-run", json=json):
            preview = undo_preview.preview_undo(pipeline, run)
        raise typer.Exit(runs.show_undo_preview(preview, json=json))
    with runs.progress(f"undo {pipeline}", json=json):
        ended = running.undo(pipeline, run)
    raise typer.Exit(runs.show(ended, json=json))


def retry(
    pipeline: Named,
    rows: Annotated[list[str] | None, typer.Option("--keys", help="one or more keys; left out: all that ended badly")] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Plan again only these keys, with today's source, and apply that."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import exits, runs, screen

    with runs.progress(f"retry {pipeline}", json=json):
        ended = running.retry(pipeline, rows or ())
    if not ended:
        screen.as_json({"pipeline": pipeline, "keys": []}) if json else screen.out.print("nothing ended badly; nothing to retry")
    elif PIPELINES[pipeline].chains:
        raise typer.Exit(runs.show_chains(ended, strict=strict, json=json))
    codes = [runs.show(each, strict=strict, json=json) for each in ended]
    raise typer.Exit(max(codes, default=exits.DONE))


def reset(pipeline: Named, key: str, json: Json = False) -> None:
    """Forget what is known of one key. The next plan compares with the live target; nothing is made twice."""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import screen

    done = answers.reset(pipeline, key)
    screen.as_json(answers.plain(done)) if json else screen.say(f"forgotten: {', '.join(done.forgotten)}")


# --- questions ------------------------------------------------------------------------------------------------------


def status(
    pipeline: AnyOrAll = None,
    check: Annotated[
        bool, typer.Option("--check", help="for monitors: exit 0 if all is well, 1 if something needs a person, 2 if unknown")
    ] = False,
    max_age: Annotated[
        float | None, typer.Option("--max-age", min=0, help="with --check: hours since the last good sync that are too many")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="with --check: held rows need a person, too")] = False,
    json: Json = False,
) -> None:
    """Where each pipeline stands, and what to do. Of one pipeline: all that it says of itself."""
    from sync_pipelines.operations import answers, health
    from sync_pipelines.operations.cli import questions

    if (strict or max_age is not None) and not check:
        raise typer.BadParameter("--max-age and --strict are for --check")
    if check:
        age = None if max_age is None else timedelta(hours=max_age)
        found = health.check([pipeline] if pipeline else ASKED, max_age=age, strict=strict)
        raise typer.Exit(questions.show_health(found, json=json))
    if pipeline is None:
        raise typer.Exit(questions.show_statuses(answers.of_all(answers.status), json=json))
    raise typer.Exit(questions.show(answers.Asked((answers.status(pipeline),), {}), questions.show_status, json=json))


def history(pipeline: AnyOrAll = None, limit: int = 20, json: Json = False) -> None:
    """The last runs, newest first."""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import questions, screen

    found = answers.history([pipeline], limit=limit) if pipeline else answers.history(limit=limit)
    screen.as_json(answers.plain(found)) if json else questions.show_history(found)


def errors(
    pipeline: AnyOrAll = None,
    partition: Annotated[str | None, typer.Option("--partition", help="source rows of this dropped file only")] = None,
    every: Annotated[bool, typer.Option("--all", help="also those mended since")] = False,
    json: Json = False,
) -> None:
    """What needs a person: rows that ended badly, held rows, source rejects, failed runs."""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import questions

    if partition and pipeline is None:
        raise typer.BadParameter("--partition needs the pipeline that the file is for")

    def of_one(name: str) -> answers.Errors:
        return answers.errors(name, partition=partition, every=every)

    asked = answers.of_all(of_one) if pipeline is None else answers.Asked((of_one(pipeline),), {})
    raise typer.Exit(questions.show(asked, questions.show_errors, json=json))


def trace(pipeline: Named, key: str, json: Json = False) -> None:
    """One record's whole story: source row, mapped row, plans, attempts, what the target holds now."""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import screen, tracing

    found = answers.trace(pipeline, key)
    screen.as_json(answers.plain(found)) if json else tracing.show(found)


def export(
    pipeline: Named,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="the file to write; export.csv, or of the format, if left out")
    ] = None,
    format: OfFormat = None,
    json: Json = False,
) -> None:
    """What should be where, what was put there and when, as CSV. Of what is only mirrored: the mirror."""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import live, screen

    with live.progress(f"export {pipeline}", silent=json):
        done = answers.export(pipeline, output or Path(f"export.{format or 'csv'}"), format or "")
    if json:
        screen.as_json(answers.plain(done))
        return
    screen.say(f"{done.written.rows} rows written to {' and '.join(map(str, done.written.files))}")
    for what, count in done.written.counts.items():
        screen.say(f"  {what.replace('_', ' ')}: {count}")


VERBS: dict[str, tuple[Command, tuple[str, ...]]] = {
    verb.__name__: (verb, pipelines)
    for verb, pipelines in (
        (init, ASKED),
        (enable, WRITERS),
        (disable, WRITERS),
        (validate, ASKED),
        (preview, WRITERS),
        (sync, ASKED),
        (apply, WRITERS),
        (release, WRITERS),
        (undo, WRITERS),
        (retry, WRITERS),
        (reset, WRITERS),
        (status, ASKED),
        (history, ASKED),
        (errors, ASKED),
        (trace, ASKED),
        (export, ASKED),
        (backfill, BY_DAY),
    )
}
"""Each verb with the pipelines that it is for, by its name, in the order in which they are shown."""
