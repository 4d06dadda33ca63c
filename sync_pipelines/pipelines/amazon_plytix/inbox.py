"""The sensor on the folder of dropped files, and the schedule that goes on with what was interrupted."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from sync_pipelines import alerts
from sync_pipelines.pipelines.amazon_plytix import GO_ON, PIPELINE, files, intake, unfinished
from sync_pipelines.pipelines.building import path_of
from sync_pipelines.pipelines.resources import PIPELINE_TAG
from sync_pipelines.pipelines.session import open_ledger
from sync_pipelines.vendors.plytix_settings import PlytixSettings

GROUP, SYNC = PIPELINE.name, f"sync_{PIPELINE.name}"
FILES = dg.DynamicPartitionsDefinition(name=PIPELINE.partitions)

FROM_MAPPING = [asset for write in PIPELINE.writes for asset in write.assets]
"""What is left to do once there is a mapping."""


@dataclass(frozen=True)
class Seen:
    """A file at one tick: its size and time, and for how many ticks they have been the same."""

    size: int
    changed: int
    still: int = 0


STILL = 2
"""Ticks for which a file has to be the same before it is taken for whole."""


def look_again(before: Mapping[str, Seen], now: Mapping[str, Seen]) -> dict[str, Seen]:
    """What is known of the files after another tick. A file that changed, or is new, starts over."""
    found = {}
    for name, seen in now.items():
        last = before.get(name)
        same = last is not None and (last.size, last.changed) == (seen.size, seen.changed)
        found[name] = Seen(seen.size, seen.changed, last.still + 1 if same and last else 0)
    return found


def files_in(folder: Path) -> dict[str, Seen]:
    """The files that might be dropped ones, as they are now."""
    if not folder.is_dir():
        return {}
    found = {p.name: p.lstat() for p in sorted(folder.iterdir()) if files.is_droppable(p)}
    return {name: Seen(stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


@dg.sensor(
    name="amazon_inbox",
    job_name=SYNC,
    minimum_interval_seconds=30,
    description=(
        "Takes in what is dropped into data/inbox/amazon, once a file has been the same for two ticks, and once per content. "
        "Ships stopped."
    ),
)
def amazon_inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    before = {name: Seen(*seen) for name, seen in json.loads(context.cursor or "{}").items()}
    now = look_again(before, files_in(intake.inbox()))
    requests, partitions, refused = [], [], []
    for name, seen in list(now.items()):
        if seen.still != STILL:  # not whole yet, or looked at before
            continue
        try:
            request = _request(intake.inbox() / name)
        except files.FileRefused as e:
            refused.append(str(e))
            alerts.alert("failed", GROUP, "", f"a dropped file is refused: {e}")
            continue
        except OSError as e:  # not for ever: it is looked at again at the next tick
            context.log.warning("%s cannot be read: %s", name, e)
            now[name] = Seen(seen.size, seen.changed, seen.still - 1)
            continue
        requests.append(request)
        partitions.append(str(request.partition_key))
    cursor = json.dumps({name: (seen.size, seen.changed, seen.still) for name, seen in now.items()})
    if not requests:
        context.update_cursor(cursor)
        return dg.SkipReason("; ".join(refused) or "no file is ready")
    for problem in refused:
        context.log.warning(problem)
    return dg.SensorResult(
        run_requests=requests, dynamic_partitions_requests=[FILES.build_add_request(sorted(set(partitions)))], cursor=cursor
    )


def _request(path: Path) -> dg.RunRequest:
    """A run for this content of a file; one that was asked for before is not asked for again, by its run key."""
    dropped = files.read(path)
    partition = files.partition_of(path)
    return dg.RunRequest(run_key=f"{path.name}:{dropped.digest}", partition_key=partition)


@dg.schedule(
    name=f"{GO_ON.name}_{GROUP}", job_name=SYNC, cron_schedule=GO_ON.cron, execution_timezone="UTC", description=GO_ON.description
)
def go_on(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    if context.instance.get_runs_count(dg.RunsFilter(tags={PIPELINE_TAG: GROUP}, statuses=UNDER_WAY)):
        yield dg.SkipReason("a run is under way")
        return
    known = set(context.instance.get_dynamic_partitions(str(PIPELINE.partitions)))
    ledger = open_ledger()
    try:
        begun = unfinished.unfinished(ledger, PlytixSettings.read().account)
    finally:
        ledger.close()
    left = {partition: since for partition, since in begun.items() if partition in known}
    if not left:
        yield dg.SkipReason("every file was brought to its end")
    for partition, since in left.items():
        assets = None if since == "file" else [dg.AssetKey(path_of(asset)) for asset in FROM_MAPPING]
        key = f"{partition} {context.scheduled_execution_time.isoformat()}"  # several at once need one each
        yield dg.RunRequest(run_key=key, partition_key=partition, asset_selection=assets)


UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
