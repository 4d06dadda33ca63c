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

from sync_pipelines import exact_json
from sync_pipelines.credentials import secret
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.failures import Reply, Transient, VendorError, excerpt
from sync_pipelines.vendors.http import CallMeter, Http

READS = (("GET", r"/queries/[^/]+/items"),)
READINGS = 3
"""How often a catalogue that moves while it is read is read in all."""

Item = dict[str, Any]


class ExtractFailed(VendorError):
    """The catalogue could not be read whole. The last complete extract stays."""


class Keeper(Protocol):
    """Takes items as they come; `restart` drops those of a reading that is begun again."""

    @property
    def distinct(self) -> int: ...
    def restart(self) -> None: ...
    def add(self, items: list[Item]) -> int: ...
    def repeats(self) -> int: ...


@dataclass(frozen=True)
class Reading:
    """A catalogue as it was kept: items received, of which `repeats` said again what an earlier one said.

    gaps: why the query may have more items than came; empty when the number of different items proves that it has not.
    """

    items: int
    repeats: int
    readings: int
    gaps: str = ""


class Catsy:
    """Read-only client of one saved query."""

    def __init__(self, http: Http, settings: CatsySettings) -> None:
        self.http, self.account = http, settings.account
        self.query_id, self.page_size = settings.needed("query_id", "CATSY_QUERY_ID"), settings.page_size
        self._sku = settings.sku_attribute
        self._page_delay, self._use_incomplete = settings.page_delay, settings.incomplete == "use"

    @classmethod
    def connect(cls, settings: CatsySettings, meter: CallMeter, limits: Path | None = None) -> Catsy:
        """Raises SettingsError or CredentialMissing when something is not set, HostRefused for an address not allowed."""
        token = secret("CATSY_BEARER_TOKEN")
        http = Http(
            "catsy",
            settings.base_url,
            meter=meter,
            reads=READS,
            timeout=settings.timeout,
            deadline=settings.deadline,
            # `burst` calls in the time that refills it never overdraws a bucket, and keeps its full rate
            rates=[(settings.burst, settings.burst / settings.rate_per_second)],
            limits_file=limits,
        )
        http.authorization = f"Bearer {token}"
        return cls(http, settings)

    def close(self) -> None:
        self.http.close()

    def page(self, offset: int, limit: int | None = None) -> tuple[list[Item], int | None]:
        """One page of items, and the total if the reply tells. A 200 without the items list counts as a failed page."""
        page: tuple[list[Item], int | None] = self.http.request(
            "GET",
            f"/queries/{self.query_id}/items",
            what=f"items at offset {offset} of query {self.query_id}",
            params={"limit": limit or self.page_size, "offset": offset},
            read=_page,
        )
        return page

    def read_all(self, keep: Keeper, progress: Callable[[int, int | None], None] = lambda *_: None) -> Reading:
        """Read every item of the query into `keep`, and prove by the number of different items that it is all of them.

        The next page starts where the received rows end (the server may cap `limit`). When the total moved between
        first and last page, or an item came twice (rows shifted), everything is read again, three times in all. What is
        still unproven then fails, or is given with `gaps` where the settings say that it may be used.
        Raises ExtractFailed, also when nothing comes at all, when a page fails for good, or when without a total a page
        brings nothing new: a source that ignores `offset` would be read for ever.
        """
        for reading in range(1, READINGS + 1):
            keep.restart()
            received, first, last, stuck, nameless = 0, None, None, False, ""
            for items, total in self._pages(progress):
                first, last = (total if received == 0 else first), total
                stuck = not keep.add(items) and bool(items)
                received += len(items)
                nameless = nameless or next(filter(None, map(self._unreadable_sku, items)), "")
                if stuck:
                    break
            self.http.meter.minimum["catsy"] = max(1, math.ceil(received / self.page_size))
            if received == 0:
                raise ExtractFailed(
                    f"catsy: query {self.query_id} gave no items. Look at the query in Catsy. The last complete extract stays."
                )
            distinct, repeats, steady = keep.distinct, keep.repeats(), first == last and not stuck
            if steady and distinct == (received if last is None else last) and (not repeats or reading == READINGS):
                return Reading(received, repeats, reading, nameless)
            self.http.log.warning(
                "reading %d: total %s, then %s, %d received, %d of them different%s",
                reading,
                first,
                last,
                received,
                distinct,
                ": reading again" if reading < READINGS else "",
            )
        if stuck and last is None:
            raise ExtractFailed(
                f"catsy: query {self.query_id} gives no total, and its page at offset {received - len(items)} brought no new "
                "item: it repeats its pages. Give the query a stable order in Catsy. The last complete extract stays."
            )
        found = (
            f"total {'?' if first is None else first} on the first page, {'?' if last is None else last} on the last, "
            f"{received} received, {distinct} of them different"
        )
        # without a total nothing says how many there should be; rows that differ are all there, and a person sees them
        accounted = steady and last in (None, received - repeats)
        if accounted or self._use_incomplete:
            return Reading(received, repeats, READINGS, found)
        raise ExtractFailed(
            f"catsy: none of {READINGS} readings is proved to be whole ({found}): the catalogue moved, or its pages repeat "
            'items and leave others out. Try again when nobody edits, or set [catsy] incomplete = "use" to take the prices '
            "that came, without ever removing one. The last complete extract stays."
        )

    def _unreadable_sku(self, item: Item) -> str:
        """Why nobody can say which product an item is, or "". Its price may be on a list all the same."""
        flaw = exact_json.flaw(item) or ""
        return f"the SKU of an item cannot be read ({flaw})" if flaw.startswith(f"{self._sku}:") else ""

    def _pages(self, progress: Callable[[int, int | None], None]) -> Iterator[tuple[list[Item], int | None]]:
        received = 0
        while True:
            if received and self._page_delay:
                self.http.sleep(self._page_delay)
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
        raise Transient(f"catsy: status {reply.status}, but no list of items: {excerpt(reply.text)!r}", status=reply.status)
    paging = document.get("pagination")
    candidates = (
        paging.get("total_results") if isinstance(paging, dict) else None,
        document.get("total"),
        document.get("totalCount"),
    )
    total = next((t for t in candidates if isinstance(t, int)), None)
    return items, total
