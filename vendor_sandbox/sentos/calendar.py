"""Sentos' calendar: times without a zone, in Turkey's, which is UTC+3 all year."""

from datetime import UTC, datetime, timedelta, timezone

TURKEY = timezone(timedelta(hours=3))
_STAMP, _DAY = "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"


def turkish_time(ahead: float = 0.0) -> datetime:
    """Return the time of day on a clock in Turkey that is so many seconds ahead, without a zone and without fractions."""
    now = datetime.now(UTC) + timedelta(seconds=ahead)
    return now.astimezone(TURKEY).replace(tzinfo=None, microsecond=0)


def stamp(when: datetime) -> str:
    """Write a time as `2026-01-05 13:10:00`."""
    return when.strftime(_STAMP)


def read_stamp(text: str) -> datetime | None:
    """Read `2026-01-05 13:10:00`; None for anything else."""
    return _read(text, _STAMP)


def read_day(text: str) -> datetime | None:
    """Read `2026-01-05` as its first second; None for anything else."""
    return _read(text, _DAY)


def _read(text: str, form: str) -> datetime | None:
    try:
        found = datetime.strptime(text, form)  # noqa: DTZ007 - Sentos' times have no zone
    except ValueError:
        return None
    # strptime accepts `2026-1-5` too.
    return found if found.strftime(form) == text else None
