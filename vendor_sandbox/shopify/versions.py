"""API versions: https://shopify.dev/docs/api/usage/versioning."""

import re

from vendor_sandbox.shopify.settings import Settings

_OLDEST_EVER = "2019-04"


def answering_version(requested: str, settings: Settings) -> str | None:
    """Return the version that answers: the one requested; for a retired one the oldest still supported; None for no version."""
    if requested in (*settings.versions, settings.release_candidate, "unstable"):
        return requested
    if not re.fullmatch(r"[0-9]{4}-(01|04|07|10)", requested) or requested < _OLDEST_EVER:
        return None
    oldest = min(settings.versions, default=settings.release_candidate)
    return oldest if requested < oldest else None
