"""What the commands do. Each returns its exit code: 0 done, 1 needs a person, 2 could not run."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sync_pipelines.credentials import secret
from sync_pipelines.delivery import releasing, runs
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.operations import environment, launch, reports, screen
from sync_pipelines.operations.launch import COULD_NOT_RUN, DONE, NEEDS_A_PERSON, Ended
from sync_pipelines.settings import SECTIONS, CatsySettings, SparkLayerSettings, account_of, check_file

SHOWN = 20


def preview(pipeline: str, refresh: str, from_csv: Path | None, *, strict: bool, json: bool) -> int:
    return _run(pipeline, "preview", {"catsy__products": _extract(refresh, from_csv)}, strict=strict, json=json)


def sync(pipeline: str, limit: int | None, refresh: str, from_csv: Path | None, *, strict: bool, json: bool) -> int:
    ops = {"catsy__products": _extract(refresh, from_csv), "sparklayer__prices": {"limit": limit}}
    return _run(pipeline, "sync", ops, strict=strict, json=json)


def apply(pipeline: str, plan: str, *, strict: bool, json: bool) -> int:
    with _ledger() as ledger:
        plan_id = ledger.plan(plan)["id"]
    return _run(pipeline, "apply", {"sparklayer__prices": {"plan": plan_id}}, strict=strict, json=json)


def retry(pipeline: str, keys: list[str], *, strict: bool, json: bool) -> int:
    if not keys:
        with _ledger() as ledger:
            keys = sorted({row["key"] for row in ledger.bad_outcomes(account_of("sparklayer"))})
        if not keys:
            screen.as_json({"pipeline": pipeline, "keys": []}) if json else screen.out.print(
                "nothing ended badly; nothing to retry"
            )
            return DONE
    return _run(pipeline, "retry", {"sparklayer__price_plan": {"only": keys}}, strict=strict, json=json)


def undo(pipeline: str, run: str, *, json: bool) -> int:
    with _ledger() as ledger:
        known = runs.get_run(ledger, run)
        plan_id = known["plan"] if known else ledger.plan(run)["id"]
        if plan_id is None or ledger.plan(plan_id)["state"] == "sealed":
            raise DeliveryError(f"run {run} applied no plan: there is nothing to take back.")
    return _run(pipeline, "undo", {"undo_prices": {"plan": plan_id}}, strict=False, json=json)


def release(pipeline: str, plan: str, keys: list[str], reason: str, *, json: bool) -> int:
    with _ledger() as ledger:
        plan_id = ledger.plan(plan)["id"]
        released = releasing.release(ledger, environment.plan_files(), plan_id, keys, reason)
        waits = ledger.plan(plan_id)["state"] != "done"
    then = f"sync-pipelines apply {pipeline} --plan {plan_id}" if waits else f"sync-pipelines sync {pipeline}"
    if json:
        screen.as_json({"pipeline": pipeline, "plan_id": plan_id, "released": released, "next": then})
    else:
        whole = "the plan as a whole and " if keys == [releasing.EVERYTHING] else ""
        screen.out.print(f"released {whole}{len(released)} held rows of plan {plan_id}. Next: {then}", highlight=False)
    return DONE


def reset(pipeline: str, key: str, *, json: bool) -> int:
    from sync_pipelines.pipelines.catsy_sparklayer import sync as pipeline_sync

    with _ledger() as ledger:
        forgotten = [k for k in sorted(pipeline_sync.full_keys([key])) if ledger.forget(account_of("sparklayer"), k)]
    if not forgotten:
        raise DeliveryError(f"nothing is known of {key!r} on {account_of('sparklayer')}.")
    screen.as_json({"pipeline": pipeline, "forgotten": forgotten}) if json else screen.out.print(
        f"forgotten: {', '.join(forgotten)}", highlight=False
    )
    return DONE


def errors(pipelines: list[str], *, every: bool, json: bool) -> int:
    from sync_pipelines.pipelines.catsy_sparklayer import inspection

    found = []
    for pipeline in pipelines:
        with _ledger() as ledger:
            one = reports.errors(ledger, pipeline, account_of("sparklayer"), every=every)
        total, first = inspection.rejects(10_000 if every else SHOWN)
        found.append({**one, "source_rejects": {"total": total, "rows": first}})
    if json:
        screen.as_json(found)
        return DONE
    for one in found:
        screen.table(one["runs"], "runs that failed or were stopped")
        screen.table(one["rows"], "rows that ended badly")
        screen.table(one["held"], "held rows of the last applied plan")
        rejects = one["source_rejects"]
        screen.table(rejects["rows"], f"source rows not understood or in conflict ({rejects['total']})")
        if not any((one["runs"], one["rows"], one["held"], rejects["rows"])):
            screen.out.print(f"{one['pipeline']}: nothing needs a person")
    return DONE


def trace(pipeline: str, key: str, *, json: bool) -> int:
    from sync_pipelines.pipelines.catsy_sparklayer import inspection
    from sync_pipelines.pipelines.catsy_sparklayer import sync as pipeline_sync

    keys = pipeline_sync.full_keys([key])
    story: dict[str, Any] = {"pipeline": pipeline, "key": key, **inspection.source(key)}
    with _ledger() as ledger:
        story.update(reports.trace(ledger, environment.plan_files(), account_of("sparklayer"), keys))
    try:
        story["live"] = inspection.live(keys)
    except Exception as e:  # noqa: BLE001 - the story is worth telling without its last line
        story["live"] = {"not read": str(e)}
    if json:
        screen.as_json(story)
        return DONE
    screen.facts({"key": key, "extract": story["extract"]})
    for name in ("source", "mapped", "planned", "attempts", "record", "holds", "releases"):
        screen.table(story[name], name)
    screen.table(
        [{"key": k, "holds now": v} for k, v in story["live"].items()] or [{"key": key, "holds now": "nothing"}], "live"
    )
    return DONE


def export(pipeline: str, output: Path, *, json: bool) -> int:
    from sync_pipelines.operations import sql

    rows = sql.export(output)
    screen.as_json({"pipeline": pipeline, "output": str(output), "rows": rows}) if json else screen.out.print(
        f"{rows} rows written to {output}", highlight=False
    )
    return DONE


def _extract(refresh: str, from_csv: Path | None) -> dict[str, Any]:
    return {"refresh": refresh, "from_csv": "" if from_csv is None else str(from_csv.resolve())}


def _ledger() -> Any:
    import contextlib

    return contextlib.closing(environment.ledger())


def _ready() -> None:
    """Look at settings, secrets and ledger before anything heavy is loaded. Raises what is missing."""
    check_file()
    for section in SECTIONS:
        section.read()
    secret("CATSY_BEARER_TOKEN")
    secret("SPARKLAYER_CLIENT_ID", "CLIENT_ID")
    secret("SPARKLAYER_CLIENT_SECRET", "CLIENT_SECRET")
    CatsySettings.read().needed("query_id", "CATSY_QUERY_ID")
    SparkLayerSettings.read().needed("site_id", "SPARKLAYER_SITE_ID")
    with _ledger():
        pass


def _run(pipeline: str, verb: str, ops: dict[str, Any], *, strict: bool, json: bool) -> int:
    _ready()
    try:
        with screen.progress(f"{verb} {pipeline}", silent=json):
            ended = launch.launch(pipeline, verb, ops)
    except (KeyboardInterrupt, launch.Interrupted):
        screen.problem("interrupted. What was sent and not answered is settled by the next run; nothing is lost.")
        return COULD_NOT_RUN
    show(ended, strict=strict, json=json)
    return ended.code(strict=strict)


def show(ended: Ended, *, strict: bool, json: bool) -> None:
    if json:
        screen.as_json({**asdict(ended), "exit_code": ended.code(strict=strict)})
        return
    colour = {DONE: "green", NEEDS_A_PERSON: "yellow", COULD_NOT_RUN: "red"}[ended.code(strict=strict)]
    screen.out.print(f"[bold {colour}]{ended.state}[/]  {screen.counts(ended.counts)}", highlight=False)
    told = {
        "plan": ended.plan_id,
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
        screen.out.print(ended.message, highlight=False, markup=False)
    for finding in ended.findings:
        if finding["state"] == "stopped":
            screen.problem(f"{finding['guard']}: {finding['message']}")
    if ended.plan_id:
        _show_rows(ended.plan_id)
    sys.stdout.flush()


def _show_rows(plan_id: str) -> None:
    from sync_pipelines.delivery.plans import worst_first
    from sync_pipelines.pipelines.catsy_sparklayer.sync import readable

    rows = [readable(row) for row in worst_first(environment.plan_files(), plan_id, SHOWN)]
    screen.table(rows, f"the first {len(rows)} rows of the plan, worst first")
