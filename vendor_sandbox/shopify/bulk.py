"""The fields about bulk operations: start, cancel, show one, list them."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.access import Access
from vendor_sandbox.shopify.answers import Answers
from vendor_sandbox.shopify.bulk_rules import NotBulk, bulk_roots
from vendor_sandbox.shopify.exports import Export, Exports, exported_rows
from vendor_sandbox.shopify.goods import Goods
from vendor_sandbox.shopify.goods_fields import Computed
from vendor_sandbox.shopify.goods_reads import GoodsReads
from vendor_sandbox.shopify.jobs import Job, Jobs
from vendor_sandbox.shopify.paging import Failed, Page, cursor_of, page_size, read_cursor
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.reads import Reads
from vendor_sandbox.shopify.search import Field, read_filter
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.store import Store

_STATUSES = ["canceled", "canceling", "completed", "created", "expired", "failed", "running"]
_FIELDS: Mapping[str, Field] = {
    "status": Field("enum", lambda job: job.status.lower(), _STATUSES),
    "operation_type": Field("enum", lambda _job: "query", ("query", "mutation")),
    "created_at": Field("time", lambda job: job.created),
    "id": Field("number", lambda job: job.number),
}


@dataclass(frozen=True)
class Sources:
    """What can be exported."""

    store: Store
    goods: Goods
    goods_reads: GoodsReads
    computed: Mapping[str, Computed]


class BulkFields:
    """Answers these fields for one token at one instant. Download addresses begin with `base_url`."""

    def __init__(
        self,
        jobs: Jobs,
        exports: Exports,
        sources: Sources,
        lock: threading.Condition,
        settings: Settings,
        access: Access,
        now: int,
        base_url: str,
    ) -> None:
        self._jobs, self._exports, self._sources, self._lock = jobs, exports, sources, lock
        self._settings, self._access, self._now, self._base_url = settings, access, now, base_url

    @property
    def resolvers(self) -> Mapping[str, Callable[[Selected], Any]]:
        return {
            "bulkOperation": self.one,
            "bulkOperations": self.listed,
            "bulkOperationRunQuery": self.run_query,
            "bulkOperationCancel": self.cancel,
        }

    def thing(self, text: str) -> dict[str, Any] | None:
        """Return the operation with a global id as it is by now; None when no operation has the id."""
        found = ids.read_gid(text)
        job = self._jobs.job(self._access.app, found[1]) if found and found[0] == "BulkOperation" else None
        return None if job is None else self._seen(job)

    def one(self, field: Selected) -> dict[str, Any] | None:
        text = field.arguments["id"]
        if (ids.read_gid(text) or ("",))[0] != "BulkOperation":
            raise Failed(f"Invalid id: {text}", "RESOURCE_NOT_FOUND")
        return self.thing(text)

    def listed(self, field: Selected) -> Page:
        size, from_end = page_size(field.arguments)
        sort = field.arguments["sortKey"]
        wanted = read_filter(field.arguments.get("query"), _FIELDS, self._settings.time_zone)
        jobs = [job for job in self._jobs.of(self._access.app) if wanted.matches(job)]
        if sort == "COMPLETED_AT":
            jobs.sort(key=lambda job: (job.completed or self._now + 1, job.number))
        if not field.arguments["reverse"]:
            jobs.reverse()
        numbers = [job.number for job in jobs]
        for name in ("after", "before"):
            place = read_cursor(field.arguments.get(name), sort)
            if place and place[0] in numbers:
                at = numbers.index(place[0])
                jobs = jobs[at + 1 :] if name == "after" else jobs[:at]
                numbers = [job.number for job in jobs]
        start = max(0, len(jobs) - size) if from_end else 0
        cut = jobs[start : start + size]
        items = [self._seen(job) for job in cut]
        more = start + len(cut) < len(jobs)
        return Page(items, lambda at: cursor_of(cut[at].number, str(cut[at].created), sort), start > 0, more)

    def run_query(self, field: Selected) -> dict[str, Any]:
        text = field.arguments["query"]
        try:
            roots = bulk_roots(text)
        except NotBulk as refused:
            errors = [{"field": ["query"], "message": each, "code": "INVALID"} for each in refused.reasons]
            return {"bulkOperation": None, "userErrors": errors}
        running = self._jobs.running(self._access.app, self._settings)
        if len(running) >= self._settings.bulk_at_once:
            message = "A bulk query operation for this app and shop is already in progress: "
            error = {"field": None, "code": "OPERATION_IN_PROGRESS"}
            error["message"] = message + ", ".join(job.gid for job in running) + "."
            return {"bulkOperation": None, "userErrors": [error]}
        export = self._export(text, roots, 0 if field.arguments["groupObjects"] else self._settings.interleave)
        job = self._jobs.start(self._access.app, text, self._now, export)
        return {"bulkOperation": self._jobs.shown(job, self._base_url), "userErrors": []}

    def cancel(self, field: Selected) -> dict[str, Any]:
        found = ids.read_gid(field.arguments["id"])
        job = self._jobs.job(self._access.app, found[1]) if found and found[0] == "BulkOperation" else None
        if job is None:
            error = {"field": ["id"], "message": "Bulk operation does not exist"}
            return {"bulkOperation": None, "userErrors": [error]}
        errors = []
        if not self._jobs.cancel(job, self._settings, self._now):
            message = f"A bulk operation cannot be canceled when it is {job.status.lower()}"
            errors = [{"field": None, "message": message}]
        return {"bulkOperation": self._jobs.shown(job, self._base_url), "userErrors": errors}

    def _seen(self, job: Job) -> dict[str, Any]:
        self._jobs.look(job, self._settings, self._now)
        return self._jobs.shown(job, self._base_url)

    def _export(self, text: str, roots: Sequence[Selected], lag: int) -> Export:
        sources = self._sources
        reads = Reads(sources.store, self._settings, self._access, self._now)
        answers = Answers(self._access, {}, self._settings.time_zone, sources.computed)
        recent_from = None if "read_all_orders" in self._access.scopes else self._now
        key = (text, lag, self._access, self._settings, sources.store.seen, sources.goods.version, recent_from)
        under_object = self._settings.levels_under == "object"
        return self._exports.export(key, lambda: exported_rows(roots, self._items(reads), answers, lag, under_object))

    def _items(self, reads: Reads) -> Callable[[Selected], Iterator[Mapping[str, Any]]]:
        """Return the function that yields the root objects of an export, each read under the lock when its turn comes."""

        def items(root: Selected) -> Iterator[Mapping[str, Any]]:
            if root.name in self._sources.goods_reads.bulk:
                with self._lock:
                    found = list(self._sources.goods_reads.bulk[root.name](root))
                yield from found
                return
            if root.name != "orders":
                with self._lock:
                    held = reads.resolvers[root.name](root) if root.name in reads.resolvers else None
                if held is not None:
                    yield held
                return
            with self._lock:
                indexes, matches = reads.candidates(root)
            for index in indexes:
                with self._lock:
                    wanted = matches is None or matches(index)
                    order = self._sources.store.order(index) if wanted else None
                if order is not None:
                    yield order

        return items
