"""Bulk operations: how one starts, runs and ends, and where its result is.

Source: https://shopify.dev/docs/api/usage/bulk-operations/queries.
"""

import secrets
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.exports import Export
from vendor_sandbox.shopify.instants import shown
from vendor_sandbox.shopify.settings import Settings

FOREIGN_QUERY = "{ orders { edges { node { id } } } }"
"""The query of an operation that another program of the same app started."""
_FIRST = 1_100_000_001
_UNFINISHED = ("CREATED", "RUNNING")


@dataclass(frozen=True)
class Ending:
    """How an operation will end; RUNNING means never."""

    status: str = "COMPLETED"
    error_code: str | None = None
    after_objects: int | None = None
    """How many lines are written by then; they are offered as partial data."""


@dataclass
class Job:
    """One operation. With `app` None, every app sees it as its own."""

    number: int
    app: str | None
    query: str
    created: int
    started: float
    ending: Ending
    export: Export | None
    signature: str = field(default_factory=lambda: secrets.token_hex(16))
    status: str = "CREATED"
    looked_at: bool = False
    completed: int | None = None
    ready_at: float = 0.0
    file: Path | None = None

    @property
    def gid(self) -> str:
        return ids.gid("BulkOperation", self.number)


class Jobs:
    """The operations of a shop, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[int, Job] = {}
        self.endings: deque[Ending] = deque()
        self.started = 0

    def start(self, app: str, query: str, now: int, export: Export) -> Job:
        self.started += 1
        ending = self.endings.popleft() if self.endings else Ending()
        return self._add(app, query, now, ending, export)

    def _add(self, app: str | None, query: str, now: int, ending: Ending, export: Export | None) -> Job:
        job = Job(_FIRST + len(self._jobs), app, query, now, self._clock.now(), ending, export)
        self._jobs[job.number] = job
        return job

    def set_foreign(self, count: int, now: int) -> None:
        """Set how many operations of another program are running."""
        running = [job for job in self._jobs.values() if job.app is None and job.status in _UNFINISHED]
        for job in running[count:]:
            job.status, job.completed = "COMPLETED", now
        for _ in range(count - len(running)):
            self._add(None, FOREIGN_QUERY, now, Ending("RUNNING"), None).status = "RUNNING"

    def job(self, app: str, number: int) -> Job | None:
        job = self._jobs.get(number)
        return job if job is not None and job.app in (None, app) else None

    def of(self, app: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.app in (None, app)]

    def running(self, app: str, settings: Settings) -> list[Job]:
        return [job for job in self.of(app) if job.status in _UNFINISHED and not self._over(job, settings)]

    def look(self, job: Job, settings: Settings, now: int) -> None:
        """Bring an operation up to date for a client that asks now. It is seen RUNNING at least once."""
        if job.status in _UNFINISHED:
            if job.looked_at and self._over(job, settings):
                self._end(job, now)
            else:
                job.status, job.looked_at = "RUNNING", True
        elif job.status == "CANCELING":
            job.status, job.completed = "CANCELED", now
        elif job.status == "COMPLETED" and job.file is not None and self._expired(job, settings):
            job.status = "EXPIRED"

    def cancel(self, job: Job, settings: Settings, now: int) -> bool:
        """Cancel an operation. Returns whether there was something to cancel."""
        if job.status in _UNFINISHED and job.looked_at and self._over(job, settings):
            self._end(job, now)
        if job.status not in _UNFINISHED:
            return False
        job.status = "CANCELING"
        return True

    def result(self, number: int, signature: str, settings: Settings) -> Path | None:
        """Return the file behind a download address; None when the address is wrong or has expired."""
        job = self._jobs.get(number)
        if job is None or job.file is None or not secrets.compare_digest(signature, job.signature):
            return None
        return None if self._expired(job, settings) else job.file

    def shown(self, job: Job, base_url: str) -> dict[str, Any]:
        """Return an operation as the API shows it."""
        objects = roots = 0
        if job.export is not None and job.status != "CREATED":
            objects, roots = job.export.objects, job.export.roots
        if job.ending.after_objects is not None:
            objects, roots = (min(each, job.ending.after_objects) for each in (objects, roots))
        url = f"{base_url}/bulk/{job.number}/{job.signature}.jsonl" if job.file else None
        done = job.status == "COMPLETED"
        return {
            "id": job.gid,
            "status": job.status,
            "type": "QUERY",
            "query": job.query,
            "errorCode": job.ending.error_code if job.status == "FAILED" else None,
            "createdAt": shown(job.created),
            "completedAt": None if job.completed is None else shown(job.completed),
            "objectCount": str(objects),
            "rootObjectCount": str(roots),
            "fileSize": str(job.file.stat().st_size) if job.file and done else None,
            "url": url if done else None,
            "partialDataUrl": url if job.status in ("FAILED", "CANCELED") else None,
        }

    def _over(self, job: Job, settings: Settings) -> bool:
        if job.ending.status == "RUNNING" or job.export is None or not job.export.done:
            return False
        return self._clock.now() >= job.started + settings.bulk_seconds

    def _expired(self, job: Job, settings: Settings) -> bool:
        return self._clock.now() >= job.ready_at + settings.url_life

    def _end(self, job: Job, now: int) -> None:
        export = job.export
        assert export is not None  # noqa: S101 - what has none is never over
        if export.error is not None:
            job.ending = Ending("FAILED", export.error, 0)
        job.status, job.completed, job.ready_at = job.ending.status, now, self._clock.now()
        if job.status == "COMPLETED":
            job.file = export.path if export.objects else None
        elif job.ending.after_objects and export.objects:
            job.file = export.head(job.ending.after_objects)


ENDINGS = ("COMPLETED", "FAILED", "CANCELED", "EXPIRED", "RUNNING")
