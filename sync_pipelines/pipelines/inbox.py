"""Folders where people drop files: a sensor that takes in each content once, when it has lain still."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from sync_pipelines import alerts
from sync_pipelines.errors import UsageError


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


def files_in(folder: Path, is_droppable: Callable[[Path], bool]) -> dict[str, Seen]:
    """The files that might be dropped ones, as they are now."""
    if not folder.is_dir():
        return {}
    found = {p.name: p.lstat() for p in sorted(folder.iterdir()) if is_droppable(p)}
    return {name: Seen(stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


def inbox_sensor(
    *,
    name: str,
    pipeline: str,
    files: dg.DynamicPartitionsDefinition,
    folder: Callable[[], Path],
    is_droppable: Callable[[Path], bool],
    read: Callable[[Path], tuple[str, str]],
    description: str,
) -> dg.SensorDefinition:
    """A sensor that runs the sync of a pipeline for each file. read: its partition and what tells its content apart; raises
    UsageError for a file that is refused, OSError for one that cannot be read now."""

    @dg.sensor(name=name, job_name=f"sync_{pipeline}", minimum_interval_seconds=30, description=description)
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        before = {file: Seen(*seen) for file, seen in json.loads(context.cursor or "{}").items()}
        now = look_again(before, files_in(folder(), is_droppable))
        requests, partitions, refused = [], [], []
        for file, seen in list(now.items()):
            if seen.still != STILL:  # not whole yet, or looked at before
                continue
            try:
                partition, digest = read(folder() / file)
            except UsageError as e:
                refused.append(str(e))
                alerts.alert("failed", pipeline, "", f"a dropped file is refused: {e}")
                continue
            except OSError as e:  # not for ever: it is looked at again at the next tick
                context.log.warning("%s cannot be read: %s", file, e)
                now[file] = Seen(seen.size, seen.changed, seen.still - 1)
                continue
            # one that was asked for before is not asked for again, by its run key
            requests.append(dg.RunRequest(run_key=f"{file}:{digest}", partition_key=partition))
            partitions.append(partition)
        cursor = json.dumps({file: (seen.size, seen.changed, seen.still) for file, seen in now.items()})
        if not requests:
            context.update_cursor(cursor)
            return dg.SkipReason("; ".join(refused) or "no file is ready")
        for problem in refused:
            context.log.warning(problem)
        added = files.build_add_request(sorted(set(partitions)))
        return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=[added], cursor=cursor)

    return sensor
