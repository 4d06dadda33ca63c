"""Days of a shop: from one local midnight to the next, 23 to 25 hours long, as UTC instants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins there, in UTC. Where midnight does not exist, the first instant after it."""
    local = datetime.combine(day, time.min, zone)
    return local.astimezone(UTC)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    return start_of(day + timedelta(days=1), zone)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The day there in which an instant lies."""
    return instant.astimezone(zone).date()


def instant(text: str) -> datetime:
    """A time as the shop writes it, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def written(moment: datetime) -> str:
    """A time as a search and the shop write it: 2026-11-01T04:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def days_between(first: date, last: date) -> list[date]:
    """Every day from the first to the last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def stretches(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days as runs without a gap, each as its first and its last day."""
    ordered = sorted(set(days))
    breaks = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(ordered)) if b - a > timedelta(days=1)), len(ordered)]
    return [(ordered[a], ordered[b - 1]) for a, b in pairwise(breaks) if a < b]


def within(field: str, start: datetime, end: datetime) -> str:
    """A search for a half-open stretch of time. Quoted: without quotes the shop cuts a time at its first colon and
    takes the rest for local midnight (https://shopify.dev/docs/api/usage/search-syntax, and recorded replies)."""
    return f"{field}:>='{written(start)}' {field}:<'{written(end)}'"
