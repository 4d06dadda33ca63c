"""What changes for people who used an earlier release: said once, by the first command that opens their ledger.

docs/operating.md, "When you upgrade", says more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_pipelines.delivery import runs
from sync_pipelines.delivery.ledger import Ledger


@dataclass(frozen=True)
class News:
    """One change. released: the day of the release; who began later never knew it otherwise."""

    released: str
    pipeline: str
    text: str


READ = "news"
"""The cursor that says up to which line a ledger's people were told."""

_LINES: tuple[tuple[str, str], ...] = (
    ("", "data/ and everything in it is for its owner alone from now on; a .env that others can read will be refused."),
    ("", "behind a proxy, its name has to be in [web] hosts, and it has to pass the Host header on."),
    ("", "sql answers one question at a time and reads nothing but its views."),
    ("catsy_sparklayer", 'a text price like "1,200" or "1.200" is rejected unless [catsy] decimal_mark names the mark.'),
    ("catsy_sparklayer", 'an extract with fewer items than its total fails; [catsy] incomplete = "use" takes its prices.'),
    ("catsy_sparklayer", "all SKUs that share an id get their price; CATSY_LIMIT and CATSY_DELAY, if still set, take effect."),
    ("shopify_sheets", "totals, taxes and lines show what holds after refunds and edits; rows that differ are updated once."),
    ("shopify_sheets", "a spreadsheet in the bin, and merged cells in a key column, stop a run."),
    ("amazon_plytix", 'all listings of a product are linked ([amazon_plytix] listings_per_product = "one" as before).'),
    ("amazon_plytix", "identifiers that contradict each other hold a match; codes with a wrong check digit are not written."),
    ("amazon_plytix", "the right to write belongs to the login: a new PLYTIX_API_KEY needs `enable amazon_plytix` again."),
)
"""Pipeline ("": all) and line."""

NEWS = tuple(News("2026-11-28", *line) for line in _LINES)
"""The oldest first. Only ever added to."""


def unread(ledger: Ledger) -> Iterator[str]:
    """Return the lines about pipelines used before this release that were not shown yet, and note them as shown."""
    read = int(ledger.cursor("", READ) or 0)
    if read >= len(NEWS):
        return
    ledger.set_cursor("", READ, str(len(NEWS)), "")
    since = runs.first_starts(ledger)
    since[""] = min(since.values(), default="")
    for news in NEWS[read:]:
        if since.get(news.pipeline) and since[news.pipeline] < news.released:
            yield f"new: {f'{news.pipeline}: ' if news.pipeline else ''}{news.text}"
