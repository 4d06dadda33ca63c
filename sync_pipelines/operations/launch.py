"""Running a job in this process, as a Dagster run that the UI shows, and telling how it ended."""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import logging
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import psutil

from sync_pipelines.credentials import redact
from sync_pipelines.delivery import runs
from sync_pipelines.errors import SyncError, UsageError
from sync_pipelines.operations import environment
from sync_pipelines.operations.pipelines import PIPELINES
from sync_pipelines.pipelines.shape import job_name, verb_of
from sync_pipelines.progress import tell

if TYPE_CHECKING:
    import dagster as dg

log = logging.getLogger(__name__)

LOCATION, MODULE = "sync_pipelines", "sync_pipelines.definitions"
"""The code location by its name in workspace.yaml, and the module that it loads."""


@dataclass(frozen=True)
class Ended:
    """How a run ended. state: done, stopped (by a guard), incomplete (rows ended badly) or failed.

    source_rejects: source rows that a person has to look at, as `errors` lists them; None for a run that mapped nothing.
    partition: the file that it was about, for a pipeline that works file by file.
    """

    pipeline: str
    run_id: str
    plan_id: str | None
    state: str
    message: str
    counts: dict[str, int]
    source_rejects: int | None
    calls: dict[str, Any]
    seconds: dict[str, float]
    findings: list[dict[str, str]] = field(default_factory=list)
    read_back: int | None = None
    as_planned: int | None = None
    plan_ids: list[str] = field(default_factory=list)
    applied_before: str | None = None
    """When the plan was applied that this run was to apply, where an earlier run had done that."""
    partition: str | None = None


class Interrupted(BaseException):
    """SIGTERM or Ctrl-C arrived. ended: how the run that was under way ended; None where none had begun."""

    def __init__(self, ended: Ended | None = None) -> None:
        super().__init__()
        self.ended = ended


def launch(
    pipeline: str,
    verb: str,
    ops: dict[str, Any] | None = None,
    *,
    since: float | None = None,
    partitions: tuple[str, str] | None = None,
    partition: str | None = None,
    assets: Sequence[str] | None = None,
    chain: str = "",
) -> Ended:
    """Run `<verb>_<pipeline>` here and now. `ops`: configuration per step, by its asset. Never raises for a run that failed.

    partitions: a stretch of days; raises UsageError for days that the settings do not allow. partition: of a pipeline whose
    files are partitions. assets: only these steps of the job. chain: of a pipeline that has several.

    Seconds are counted from the start of the process, as a person at the prompt does, or from `since`.
    """
    began = psutil.Process().create_time() if since is None else since
    environment.instance_folder()
    with _quiet_dagster(), _sigterm_raises() as stopped:
        import dagster as dg

        from sync_pipelines.definitions import defs
        from sync_pipelines.pipelines.resources import VERB_TAG

        gc.freeze()  # what Dagster loaded stays: a large sync need not go through it at every collection
        # a retry is a sync of chosen keys; the ledger remembers it as what it was
        with _offering(pipeline, partitions):
            job = defs().resolve_job_def(job_name(pipeline, "sync" if verb == "retry" else verb, chain))
        run_id, startup = str(uuid.uuid4()), time.time() - began
        with _recorded_by_dagster(run_id), dg.DagsterInstance.get() as instance:
            _list_with_its_job(instance, job.name)
            config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
            if ops:
                config["ops"] = {name.replace("/", "__"): {"config": values} for name, values in ops.items()}
            if partitions:
                _days_there(job, partitions)
            if partition:
                instance.add_dynamic_partitions(_dynamic(job), [partition])
            tell("starting")
            try:
                result = job.execute_in_process(
                    run_config=config,
                    instance=instance,
                    raise_on_error=False,
                    run_id=run_id,
                    partition_key=partition,
                    asset_selection=[dg.AssetKey(a.split("/")) for a in assets] if assets else None,
                    tags={VERB_TAG: verb if verb == "retry" else verb_of(verb, chain), **_of_partitions(partitions)},
                )
            except (KeyboardInterrupt, Interrupted):
                raise Interrupted(_ended(pipeline, run_id, startup, time.time() - began, "", partition)) from None
            finally:
                gc.unfreeze()
            if stopped:  # Dagster takes it for a failure of the step
                raise Interrupted(_ended(pipeline, run_id, startup, time.time() - began, "", partition))
            failed = [e for e in result.all_events if e.is_failure and e.message]
    return _ended(pipeline, run_id, startup, time.time() - began, "" if not failed else _said(failed[0]), partition)


@contextlib.contextmanager
def _offering(pipeline: str, partitions: tuple[str, str] | None) -> Iterator[None]:
    """Have these days among the partitions: a run cannot be for others."""
    days = PIPELINES[pipeline].days
    if days is None or partitions is None:
        yield
        return
    first, (offered, _) = date.fromisoformat(partitions[0]), days.offered()
    with days.offering(first):
        if first < offered:
            environment.notify(f"days before {offered} are new as partitions: a UI that is running shows them once reloaded.")
        yield


def _list_with_its_job(instance: dg.DagsterInstance, job: str) -> None:
    """Make the run that this instance creates next one of the code location that the UI serves.

    The UI lists a run on its job's page by the tag `.dagster/repository`, and on the timeline by the origin that the tag is
    made from. Whoever launches from the UI or by a schedule gives that origin; `execute_in_process` has no word for it.
    """
    from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
    from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE), LOCATION
    )
    origin = RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_job_origin(job)
    create = functools.partial(instance.create_run_for_job, remote_job_origin=origin)
    setattr(instance, "create_run_for_job", create)  # noqa: B010 - on this one object, which lives as long as the run


class NotRecorded(SyncError):
    """Dagster could not begin or record a run."""


@contextlib.contextmanager
def _recorded_by_dagster(run_id: str) -> Iterator[None]:
    """Say what an error of Dagster's own means: those of the steps do not come this way. The run ends as failed."""
    try:
        yield
    except UsageError:
        raise
    except Exception as e:
        log.debug("Dagster could not record run %s", run_id, exc_info=True)
        why = redact(str(e)).strip().partition("\n")[0] or type(e).__name__
        message = (
            f"Dagster could not record the run: {why}. Is the disk full, or a file in "
            f"{environment.instance_folder()} damaged? dagster.yaml and the databases there may be moved away: they are made "
            "anew, and only the list of past runs in the UI is lost."
        )
        with contextlib.closing(environment.ledger()) as ledger:
            if runs.get_run(ledger, run_id) is not None:
                runs.end_run(ledger, run_id, "failed", message=message)
        raise NotRecorded(message) from e


def _said(event: Any) -> str:
    """Why a run failed: the innermost error, for Dagster wraps what a resource or a step raised."""
    error = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message).partition(": ")[2].strip() if error is not None else event.message or ""


def _days_there(job: Any, days: tuple[str, str]) -> None:
    """Raise UsageError for a stretch of days of which one cannot be read."""
    there = job.partitions_def
    if missing := [day for day in days if not there.has_partition_key(day)]:
        first, last = there.get_first_partition_key(), there.get_last_partition_key()
        raise UsageError(f"{', '.join(missing)}: the days that can be read are {first} to {last}. Nothing was done.")


def _dynamic(job: Any) -> str:
    """The name under which Dagster keeps the partitions of a job's files."""
    return str(job.partitions_def.name)


def _of_partitions(partitions: tuple[str, str] | None) -> dict[str, str]:
    """The tags by which Dagster knows that a run is for a stretch of partitions."""
    if partitions is None:
        return {}
    return dict(zip(("dagster/asset_partition_range_start", "dagster/asset_partition_range_end"), partitions, strict=True))


def _ended(pipeline: str, run_id: str, startup: float, total: float, failure: str, partition: str | None) -> Ended:
    ledger = environment.ledger()
    try:
        row = runs.get_run(ledger, run_id) or {}
        plans = [p for p in runs.plans_of(ledger, run_id) if p["pipeline"] == pipeline]
        order = PIPELINES[pipeline].accounts
        plans.sort(key=lambda p: order.index(p["account"]) if p["account"] in order else len(order))
        if row.get("plan") and row["plan"] not in [p["id"] for p in plans]:
            plans.append(ledger.plan(row["plan"]))
    finally:
        ledger.close()
    before = [p["applied_at"] for p in plans if p["state"] == "done" and p["run"] != run_id]
    counts = json.loads(row.get("counts") or "{}")
    calls = json.loads(row.get("calls") or '{"used": 0, "minimum": 0, "by_vendor": {}}')
    return Ended(
        pipeline,
        run_id,
        row.get("plan"),
        row.get("state", "failed"),
        row.get("message") or redact(failure),
        counts,
        row.get("source_rejects"),
        calls,
        {"startup": round(startup, 3), "total": round(total, 3)},
        [{**f, "plan_id": p["id"]} for p in plans for f in json.loads(p["findings"] or "[]")],
        _sum(plans, "read_back"),
        _sum(plans, "as_planned"),
        [p["id"] for p in plans],
        before[0] if before else None,
        partition,
    )


def _sum(plans: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """What was found of all plans together; None where nobody looked."""
    found = [p[name] for p in plans if p[name] is not None]
    return sum(found) if found else None


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[list[int]]:
    """Let SIGTERM unwind the run, so that its end is recorded; a second one ends the process at once.

    Gives a list that holds the signal once it came.
    """
    came: list[int] = []

    def stop(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        came.append(number)
        raise Interrupted

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _quiet_dagster() -> Iterator[None]:
    """Dagster's own notices (no daemon running, an update is out) are not for this screen."""
    import warnings

    logger = logging.getLogger("dagster")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
