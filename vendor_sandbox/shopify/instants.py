"""Instants as whole seconds since 1970: how the API writes them, and what a search in the shop's time zone means."""

import math
import re
import time
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from vendor_sandbox.values import Unfit

DAY = 86_400

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def shown(seconds: int) -> str:
    """Write an instant in UTC: `2026-11-20T06:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def instant(text: object) -> int:
    """Return the seconds of an ISO instant with an offset. Raises Unfit for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Unfit("must be an instant with an offset, such as 2026-11-20T06:00:00Z")
    return math.floor(found.timestamp())


def instant_text(text: object) -> str:
    """Check for settings: return the instant as the API writes it. Raises Unfit."""
    return shown(instant(text))


def zone_name(value: object) -> str:
    """Check for settings: return the name of a time zone. Raises Unfit."""
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError) as error:
        raise Unfit("must be the name of a time zone, such as America/New_York") from error


def day_of(text: str, zone: str) -> tuple[int, int] | None:
    """Return the first second of the local day that `2026-11-01` (or a text that begins so) names, and the first one after it."""
    found = _DATE.match(text)
    try:
        day = date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None
    return (_midnight(day, zone), _midnight(day + timedelta(days=1), zone)) if day else None


def moment_of(text: str, zone: str) -> Fraction | None:
    """Return the exact seconds that a quoted time means; without an offset it is local to the zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(zone))
    return Fraction(math.floor(found.replace(microsecond=0).timestamp())) + Fraction(found.microsecond, 1_000_000)


def local(seconds: int, zone: str) -> str:
    """Write an instant in local time: `2026-11-01T00:00:00-04:00`."""
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).isoformat()


def wall_now() -> int:
    return math.floor(datetime.now(UTC).timestamp())


def _midnight(day: date, zone: str) -> int:
    return math.floor(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp())
