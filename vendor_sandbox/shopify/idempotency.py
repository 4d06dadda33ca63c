"""Idempotency keys of mutations: https://shopify.dev/docs/api/usage/implementing-idempotency.

A key is remembered with what was asked and what came of it. The same request is answered again without being
carried out again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify.paging import Failed
from vendor_sandbox.shopify.plan import Selected
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.writing import user_error

_MESSAGES = {
    "IDEMPOTENCY_CONCURRENT_REQUEST": "Another request with the same idempotency key is in progress.",
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": "The idempotency key was used with other parameters.",
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": "The previous attempt with this idempotency key failed.",
}
Payload = dict[str, Any]


@dataclass(frozen=True)
class _Used:
    asked: str
    at: float
    payload: Payload


class Keys:
    """The keys of all apps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: dict[tuple[str, str], _Used] = {}

    def once(
        self, root: Selected, app: str, settings: Settings, result: str, run: Callable[[], Payload], concurrent: bool = False
    ) -> Payload:
        """Run a mutation unless its key was used already. `result` is the member of the payload that a refusal leaves null.

        Raises Failed when the mutation has no key. `concurrent`: act as if the first request were still running.
        """
        if root.idempotency_key is None or not root.idempotency_key.strip():
            raise Failed("The @idempotent directive is required for this mutation but was not provided.", "BAD_REQUEST")
        if concurrent:
            return _refused(result, "IDEMPOTENCY_CONCURRENT_REQUEST")
        key = (app, root.idempotency_key)
        asked = json.dumps([root.name, _plain(root.arguments)], sort_keys=True)
        used = self._used.get(key)
        if used is not None and self._clock.now() < used.at + settings.key_seconds:
            failed = bool(used.payload["userErrors"])
            if asked != used.asked and not (failed and settings.failed_keys == "reused"):
                return _refused(result, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
            if not failed:
                return used.payload
            if settings.failed_keys == "refused":
                return _refused(result, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
        payload = run()
        self._used[key] = _Used(asked, self._clock.now(), payload)
        return payload


def _refused(result: str, code: str) -> Payload:
    return {result: None, "userErrors": [user_error(None, _MESSAGES[code], code)]}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
