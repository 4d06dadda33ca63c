"""The sensor on the folder of dropped files, and the schedule that goes on with what was interrupted."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from sync_pipelines.pipelines.amazon_plytix import GO_ON, PIPELINE, files, intake, unfinished
from sync_pipelines.pipelines.building import path_of
from sync_pipelines.pipelines.inbox import inbox_sensor
from sync_pipelines.pipelines.resources import PIPELINE_TAG
from sync_pipelines.pipelines.session import open_ledger
from sync_pipelines.vendors.plytix_settings import PlytixSettings

GROUP, SYNC = PIPELINE.name, f"sync_{PIPELINE.name}"
FILES = dg.DynamicPartitionsDefinition(name=PIPELINE.partitions)

FROM_MAPPING = [asset for write in PIPELINE.writes for asset in write.assets]
"""What is left to do once there is a mapping."""


def _read(path: Path) -> tuple[str, str]:
    return files.partition_of(path), files.read(path).digest


amazon_inbox = inbox_sensor(
    name="amazon_inbox",
    pipeline=GROUP,
    files=FILES,
    folder=intake.inbox,
    is_droppable=files.is_droppable,
    read=_read,
    description=(
        "Takes in what is dropped into data/inbox/amazon, once a file has been the same for two ticks, and once per content. "
        "Ships stopped."
    ),
)


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
