"""Whether a token may write what a plan writes, looked at before the first call that changes something.

The vendor shows a token's scopes only when it gives one to an application. So a call is made that can have no effect, for it
lacks what the vendor requires: without the scope the answer is 403, with it the body is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.lightspeed import Lightspeed

_EMPTY: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "products:write": ("/brands", {}),
    "suppliers:write": ("/suppliers", {}),
    "consignments:write:stock_order": ("/consignments", {"type": "SUPPLIER"}),
}
"""By scope: what is posted without the name that each of them requires."""


def refuse_without(client: Lightspeed, scopes: Collection[str]) -> None:
    """Raise DeliveryError, naming every scope that the token lacks."""
    lacking = [scope for scope in scopes if not _has(client, scope)]
    if lacking:
        raise DeliveryError(
            f"{client.settings.account}: the token lacks {', '.join(lacking)}. Nothing was sent. Give it to the token, or make a "
            "personal token as a user who may do this."
        )


def _has(client: Lightspeed, scope: str) -> bool:
    path, body = _EMPTY[scope]
    try:
        client.write("POST", path, body, what=f"a look whether the token has {scope}", scope=scope)
    except Permanent as e:
        if e.status == 401:
            raise
        return e.status != 403
    except Transient:
        return True  # the write itself will say
    return True
