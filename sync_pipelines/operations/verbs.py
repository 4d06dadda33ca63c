"""What the commands do. Each returns its exit code: 0 done, 1 needs a person, 2 could not run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from sync_pipelines.delivery import releasing, runs
from sync_pipelines.errors import UsageError
from sync_pipelines.operations import environment, launch, reports, screen
from sync_pipelines.operations.launch import COULD_NOT_RUN, DONE, NEEDS_A_PERSON, Ended
from sync_pipelines.operations.pipelines import PIPELINES, account, of
from sync_pipelines.pipelines.sections import SHARED, check_file
from sync_pipelines.pipelines.shape import UNDO_STEP
from sync_pipelines.settings import RetentionSettings

SHOWN = 20


def preview(pipeline: str, refresh: str, from_csv: Path | None, *, partition: str | None = None, strict: bool, json: bool) -> int:
    ops = of(pipeline).source_options(refresh, from_csv)
    return _run(pipeline, "preview", ops, partition=partition, strict=strict, json=json)


def sync(
    pipeline: str,
    limit: int | None,
    refresh: str,
    from_csv: Path | None,
    *,
    partition: str | None = None,
    strict: bool,
    json: bool,
) -> int:
    ops = {
        **of(pipeline).source_options(refresh, from_csv),
        **{write.applies: {"limit": limit} for write in PIPELINES[pipeline].writes},
    }
    return _run(pipeline, "sync", ops, partition=partition, strict=strict, json=json)


def apply(pipeline: str, plan: str, *, strict: bool, json: bool) -> int:
    with _ledger() as ledger:
        known = ledger.plan(plan)
    write = PIPELINES[pipeline].write_to(known["account"])
    ops = {write.applies: {"plan": known["id"]}}
    return _run(pipeline, "apply", ops, partition=known["scope"] or None, assets=[write.applies], strict=strict, json=json)


def retry(pipeline: str, keys: list[str], *, strict: bool, json: bool) -> int:
    steps = PIPELINES[pipeline]
    with _ledger() as ledger:
        named = of(pipeline).full_keys(keys) if keys and steps.partitions else set(keys)
        scopes = reports.scopes_of(ledger, steps.accounts, named if keys else None)
    if keys and not steps.partitions:
        scopes = {"": set(keys)}
    if not scopes:
        if keys:
            raise UsageError(f"{', '.join(keys)} was never planned on {account(pipeline)}. Nothing was done.")
        screen.as_json({"pipeline": pipeline, "keys": []}) if json else screen.out.print("nothing ended badly; nothing to retry")
        return DONE
    codes = [
        _run(
            pipeline,
            "retry",
            {write.plan: {"only": sorted(wanted)} for write in steps.writes},
            partition=scope or None,
            assets=[a for write in steps.writes for a in write.assets] if scope else None,
            strict=strict,
            json=json,
        )
        for scope, wanted in sorted(scopes.items())
    ]
    return max(codes)


def undo(pipeline: str, run: str, *, json: bool) -> int:
    with _ledger() as ledger:
        known = runs.get_run(ledger, run)
        plans = runs.plans_of(ledger, known["id"]) if known else [ledger.plan(run)]
        if known and not plans and known["plan"]:
            plans = [ledger.plan(known["plan"])]
        order = PIPELINES[pipeline].accounts  # what was written last goes back first
        back = -1 if not any(plan["undo_of"] for plan in plans) else 1  # an undo goes back the other way round
        plans = sorted(plans, key=lambda p: back * order.index(p["account"]) if p["account"] in order else 0)
        applied = [plan["id"] for plan in plans if plan["state"] != "sealed"]
    if not applied:
        raise UsageError(f"run {run} applied no plan: there is nothing to take back.")
    return _run(pipeline, "undo", {UNDO_STEP: {"plans": applied}}, strict=False, json=json)


def release(
    pipeline: str, plan: str, keys: list[str] | None, kinds: list[str] | None, reason: str, *, verdict: bool, json: bool
) -> int:
    """Lift a plan's verdict, let held rows of it through, or both."""
    if not (verdict or keys or kinds):
        raise UsageError(
            "say what to release: --keys KEY … or --kind KIND for rows that are held, --verdict for a plan that was stopped."
        )
    lasts = timedelta(days=RetentionSettings.read().release_days)
    files, released = environment.plan_files(), list[str]()
    with _ledger() as ledger:
        plan_id = ledger.plan(plan)["id"]
        if verdict:
            releasing.lift(ledger, files, plan_id, reason, lasts=lasts)
        if keys or kinds:
            released = releasing.release(ledger, files, plan_id, keys, reason, kinds=kinds, lasts=lasts)
        known = ledger.plan(plan_id)
        stopped = known["verdict"] != "clear" and known["state"] != "done" and not releasing.is_lifted(ledger, plan_id)
        waits = known["state"] != "done"
    then = f"sync-pipelines apply {pipeline} --plan {plan_id}" if waits else f"sync-pipelines sync {pipeline}"
    if json:
        told = {"pipeline": pipeline, "plan_id": plan_id, "released": released, "verdict_lifted": verdict, "next": then}
        screen.as_json(told)
        return DONE
    said = [f"released {len(released)} held rows of plan {plan_id}."] if keys or kinds else []
    said += [f"lifted the verdict of plan {plan_id}; the rows it holds stay held."] if verdict else []
    if stopped:
        said.append("The plan as a whole is still stopped: --verdict lifts that.")
    screen.say(f"{' '.join(said)} Next: {then}")
    return DONE


def reset(pipeline: str, key: str, *, json: bool) -> int:
    with _ledger() as ledger:
        accounts = PIPELINES[pipeline].accounts
        forgotten = [k for k in sorted(of(pipeline).full_keys([key])) if sum(ledger.forget(a, k) for a in accounts)]
    if not forgotten:
        raise UsageError(f"nothing is known of {key!r} on {account(pipeline)}.")
    screen.as_json({"pipeline": pipeline, "forgotten": forgotten}) if json else screen.say(f"forgotten: {', '.join(forgotten)}")
    return DONE


def errors(pipeline: str, *, every: bool) -> dict[str, Any]:
    """What of a pipeline needs a person."""
    with _ledger() as ledger:
        found = reports.errors(ledger, pipeline, PIPELINES[pipeline].accounts, every=every)
    total, first = of(pipeline).rejects(10_000 if every else SHOWN)
    return {**found, "source_rejects": {"total": total, "rows": first}}


def show_errors(found: Sequence[dict[str, Any]], *, json: bool) -> None:
    if json:
        screen.as_json(found)
        return
    for one in found:
        screen.table(one["runs"], "runs that failed or were stopped")
        screen.table(one["rows"], "rows that ended badly")
        screen.table(one["held"], "held rows of the last applied plan")
        rejects = one["source_rejects"]
        screen.table(rejects["rows"], f"source rows not understood or in conflict ({rejects['total']})")
        if not any((one["runs"], one["rows"], one["held"], rejects["rows"])):
            screen.out.print(f"{one['pipeline']}: nothing needs a person")


def trace(pipeline: str, key: str, *, json: bool) -> int:
    keys = of(pipeline).full_keys([key])
    story: dict[str, Any] = {"pipeline": pipeline, "key": key, **of(pipeline).source(key)}
    with _ledger() as ledger:
        story.update(reports.trace(ledger, environment.plan_files(), PIPELINES[pipeline].accounts, keys))
    try:
        story["live"] = of(pipeline).live(keys)
    except Exception as e:  # noqa: BLE001 - the story is worth telling without its last line
        story["live"] = {"not read": str(e)}
    if json:
        screen.as_json(story)
        return DONE
    screen.facts({"key": key, "extract": story["extract"]})
    for name in ("source", "mapped"):
        screen.table(story[name], name)
    screen.table([_planned(pipeline, row) for row in story["planned"]], "planned")
    for name in ("attempts", "record", "holds", "releases"):
        screen.table(story[name], name)
    screen.table([{"key": k, "holds now": v} for k, v in story["live"].items()] or [{"key": key, "holds now": "nothing"}], "live")
    return DONE


def _planned(pipeline: str, row: dict[str, Any]) -> dict[str, Any]:
    """What a plan wanted with a record, in a line: its whole images are in --json."""
    if "problem" in row:
        return {
            "plan": row["plan"],
            "sealed_at": "",
            **dict.fromkeys(("what", "changes", "outcome", "message")),
            "run": row["problem"],
        }
    told = of(pipeline).readable({**row, "undo_note": ""})
    changes = told.get("changes") or told.get("prices")
    return {
        "plan": row["plan"],
        "sealed_at": row["sealed_at"],
        "what": told["what"],
        "changes": changes,
        "outcome": row["outcome"],
        "message": row["message"] or row["reason"],
        "run": row["run"],
    }


def export(pipeline: str, output: Path, *, json: bool) -> int:
    rows = of(pipeline).export(output)
    screen.as_json({"pipeline": pipeline, "output": str(output), "rows": rows}) if json else screen.say(
        f"{rows} rows written to {output}"
    )
    return DONE


def _ledger() -> Any:
    import contextlib

    return contextlib.closing(environment.ledger())


def _ready(pipeline: str) -> None:
    """Look at settings, secrets and ledger before anything heavy is loaded. Raises what is missing."""
    check_file()
    for section in (*PIPELINES[pipeline].settings, *SHARED):
        section.read()
    of(pipeline).ready()
    with _ledger():
        pass


def _run(
    pipeline: str,
    verb: str,
    ops: dict[str, Any],
    *,
    partition: str | None = None,
    assets: Sequence[str] | None = None,
    strict: bool,
    json: bool,
) -> int:
    ended = launched(pipeline, verb, ops, partition=partition, assets=assets, json=json)
    if ended is None:
        return COULD_NOT_RUN
    show(ended, strict=strict, json=json)
    return ended.code(strict=strict)


def launched(
    pipeline: str,
    verb: str,
    ops: dict[str, Any],
    *,
    partition: str | None = None,
    assets: Sequence[str] | None = None,
    json: bool,
) -> Ended | None:
    """Run a pipeline's job here and now; None when a person interrupted it."""
    if PIPELINES[pipeline].partitions and verb != "undo" and partition is None:
        raise UsageError(f"{pipeline} works file by file: name one with --partition (data/inbox/amazon has them).")
    _ready(pipeline)
    try:
        with screen.progress(f"{verb} {pipeline}", silent=json):
            return launch.launch(pipeline, verb, ops, partition=partition, assets=assets)
    except (KeyboardInterrupt, launch.Interrupted):
        screen.problem("interrupted. What was sent and not answered is settled by the next run; nothing is lost.")
        return None


def show(ended: Ended, *, strict: bool, json: bool) -> None:
    if json:
        screen.as_json({**asdict(ended), "exit_code": ended.code(strict=strict)})
        return
    colour = {DONE: "green", NEEDS_A_PERSON: "yellow", COULD_NOT_RUN: "red"}[ended.code(strict=strict)]
    screen.out.print(f"[bold {colour}]{ended.state}[/]  {screen.counts(ended.counts)}", highlight=False)
    told = {
        "plan": ", ".join(ended.plan_ids) or ended.plan_id,
        "run": ended.run_id,
        "calls": f"{ended.calls['used']} used, {ended.calls['minimum']} is the least possible",
        "seconds": f"{ended.seconds['total']:.1f} ({ended.seconds['startup']:.1f} to start up)",
    }
    if ended.source_rejects:
        told["source rejects"] = f"{ended.source_rejects} (sync-pipelines errors)"
    if ended.read_back is not None:
        told["read back"] = f"{ended.as_planned} of {ended.read_back} rows sent are there as planned"
    screen.facts(told)
    if ended.message:
        screen.say(ended.message)
    for finding in ended.findings:
        if finding["state"] == "stopped":
            screen.problem(f"{finding['guard']}: {finding['message']}")
    for plan_id in ended.plan_ids:
        _show_rows(ended.pipeline, plan_id)
    sys.stdout.flush()


def _show_rows(pipeline: str, plan_id: str) -> None:
    from sync_pipelines.delivery.plans import worst_first

    rows = [of(pipeline).readable(row) for row in worst_first(environment.plan_files(), plan_id, SHOWN)]
    screen.table(rows, f"the first {len(rows)} rows of plan {plan_id}, worst first")
