"""Instants as whole seconds since 1970, as the API writes them, and as a search in the shop's own time zone means them."""

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
    """`2026-11-20T06:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def instant(text: object) -> int:
    """The seconds of an ISO instant with an offset. Raises Unfit for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Unfit("must be an instant with an offset, such as 2026-11-20T06:00:00Z")
    return math.floor(found.timestamp())


def instant_text(text: object) -> str:
    """The instant as the API writes it; a check for settings. Raises Unfit."""
    return shown(instant(text))


def zone_name(value: object) -> str:
    """The name of a time zone; a check for settings. Raises Unfit."""
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError) as error:
        raise Unfit("must be the name of a time zone, such as America/New_York") from error


def day_of(text: str, zone: str) -> tuple[int, int] | None:
    """First and past-last second of the local day that `2026-11-01` (or a text beginning so) names in this zone."""
    found = _DATE.match(text)
    try:
        day = date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None
    return (_midnight(day, zone), _midnight(day + timedelta(days=1), zone)) if day else None


def moment_of(text: str, zone: str) -> Fraction | None:
    """The exact seconds a quoted time means; without an offset it is local to the zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(zone))
    return Fraction(math.floor(found.replace(microsecond=0).timestamp())) + Fraction(found.microsecond, 1_000_000)


def local(seconds: int, zone: str) -> str:
    """`2026-11-01T00:00:00-04:00`."""
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).isoformat()


def wall_now() -> int:
    return math.floor(datetime.now(UTC).timestamp())


def _midnight(day: date, zone: str) -> int:
    return math.floor(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp())
