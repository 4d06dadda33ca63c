"""Catsy, the PIM: the items of a saved query, read whole.

What is known of this API comes from public client code, not from its documentation (api-docs.catsy.com shows only an
introduction): every such fact is a setting. The query's owner decides which products come and with which attributes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sync_pipelines.credentials import secret
from sync_pipelines.settings import CatsySettings
from sync_pipelines.vendors.http import CallMeter, Http, Reply, Transient, VendorError, excerpt

READS = (("GET", r"/queries/[^/]+/items"),)
READINGS = 3
"""How often a catalogue that moves while it is read is read in all."""

Item = dict[str, Any]


class ExtractFailed(VendorError):
    """The catalogue could not be read whole. The last complete extract stays."""


class Keeper(Protocol):
    """Takes items as they come; `restart` drops those of a reading that is begun again."""

    def restart(self) -> None: ...
    def add(self, items: list[Item]) -> None: ...
    def repeats(self) -> int: ...


@dataclass(frozen=True)
class Reading:
    """A whole catalogue as it was kept: items received, of which `repeats` had an id that came before."""

    items: int
    repeats: int
    readings: int


class Catsy:
    """Read-only client of one saved query."""

    def __init__(self, http: Http, query_id: str, page_size: int, account: str) -> None:
        self.http, self.query_id, self.page_size, self.account = http, query_id, page_size, account

    @classmethod
    def connect(cls, settings: CatsySettings, meter: CallMeter, limits: Path | None = None) -> Catsy:
        """Raises SettingsError or CredentialMissing when something is not set, HostRefused for an address not allowed."""
        token = secret("CATSY_BEARER_TOKEN")
        http = Http(
            "catsy", settings.base_url, meter=meter, reads=READS, timeout=settings.timeout, deadline=settings.deadline,
            # `burst` calls in the time that refills it never overdraws a bucket, and keeps its full rate
            rates=[(settings.burst, settings.burst / settings.rate_per_second)], limits_file=limits,
        )  # fmt: skip
        http.authorization = f"Bearer {token}"
        return cls(http, settings.needed("query_id", "CATSY_QUERY_ID"), settings.page_size, settings.account)

    def close(self) -> None:
        self.http.close()

    def page(self, offset: int, limit: int | None = None) -> tuple[list[Item], int | None]:
        """One page of items, and the total if the reply tells. A 200 without the items list counts as a failed page."""
        page: tuple[list[Item], int | None] = self.http.request(
            "GET", f"/queries/{self.query_id}/items", what=f"items at offset {offset} of query {self.query_id}",
            params={"limit": limit or self.page_size, "offset": offset}, read=_page,
        )  # fmt: skip
        return page

    def read_all(self, keep: Keeper, progress: Callable[[int, int | None], None] = lambda *_: None) -> Reading:
        """Read every item of the query into `keep`, and prove that it is all of them.

        The next page starts where the received rows end (the server may cap `limit`). When the total moved between
        first and last page, or an item came twice (rows shifted), everything is read again, three times in all.
        Raises ExtractFailed when it still moves, when nothing comes at all, or when a page fails for good.
        """
        for reading in range(1, READINGS + 1):
            keep.restart()
            received, first, last = 0, None, None
            for items, total in self._pages(progress):
                keep.add(items)
                first, last = (total if received == 0 else first), total
                received += len(items)
            self.http.meter.minimum["catsy"] = max(1, math.ceil(received / self.page_size))
            if received == 0:
                raise ExtractFailed(
                    f"catsy: query {self.query_id} gave no items. Look at the query in Catsy. The last complete extract stays."
                )
            whole = first == last and (last is None or received == last)
            repeats = keep.repeats()
            if whole and (repeats == 0 or reading == READINGS):
                return Reading(received, repeats, reading)
            self.http.log.warning(
                "reading %d: total %s, then %s, %d received, %d repeated: reading again",
                reading,
                first,
                last,
                received,
                repeats,
            )
        raise ExtractFailed(
            f"catsy: the catalogue moved during each of {READINGS} readings (total {first} on the first page, {last} on "
            f"the last, {received} received). Try again when nobody edits. The last complete extract stays."
        )

    def _pages(self, progress: Callable[[int, int | None], None]) -> Iterator[tuple[list[Item], int | None]]:
        received = 0
        while True:
            try:
                items, total = self.page(received)
            except VendorError as e:
                raise ExtractFailed(f"{e} The last complete extract stays.", status=e.status) from e
            yield items, total
            received += len(items)
            progress(received, total)
            if not items or (total is not None and received >= total):
                return


def _page(reply: Reply) -> tuple[list[Item], int | None]:
    document = reply.json()
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Transient(
            f"catsy: status {reply.status}, but no list of items: {excerpt(reply.text)!r}", status=reply.status
        )
    paging = document.get("pagination")
    candidates = (
        paging.get("total_results") if isinstance(paging, dict) else None,
        document.get("total"),
        document.get("totalCount"),
    )
    total = next((t for t in candidates if isinstance(t, int)), None)
    return items, total
