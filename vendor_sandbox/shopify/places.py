"""The locations that orders are fulfilled from."""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.shopify import ids

LOCATIONS: Mapping[int, str] = {ids.DEFAULT_LOCATION: "Main Warehouse", ids.DEFAULT_LOCATION + 1: "Second Warehouse"}
"""Names by number."""


def location_number(reference: object) -> int | None:
    """Return the number of the location that a number or a gid names; None when there is none."""
    found = ids.read_gid(str(reference))
    number = found[1] if found and found[0] == "Location" else reference
    return number if isinstance(number, int) and number in LOCATIONS else None


def shown_location(number: int) -> dict[str, Any]:
    return {"id": ids.gid("Location", number), "name": LOCATIONS[number]}
