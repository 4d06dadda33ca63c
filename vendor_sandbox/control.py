"""The endpoints under /_sandbox: call log, truth and changes to it, faults, reset. Neither authenticated nor logged.

They are for programs on this machine. Web pages are turned away: a page in a browser could reset what somebody works on.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vendor_sandbox import exact_json
from vendor_sandbox.values import BadChange
from vendor_sandbox.vendor import Vendor
from vendor_sandbox.wire import Reply

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?", re.IGNORECASE)


class Controlled(Protocol):
    """What the control calls need of the sandbox."""

    id: str
    seed: int
    scale: str | int
    speed: float
    vendors: Mapping[str, Vendor]

    def reset(self) -> None: ...
    def calls(self, vendor: str) -> list[dict[str, Any]]: ...
    def faults(self, vendor: str, orders: Sequence[Mapping[str, Any]]) -> int: ...
    def clear_faults(self, vendor: str) -> None: ...


def control(sandbox: Controlled, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer a call to /_sandbox/`path`: 400 says why an order cannot be carried out.

    403 for a Host other than loopback (a page's own name may resolve to it), and for an Origin other than the sandbox itself.
    """
    host = headers.get("host", "")
    if not _LOOPBACK.fullmatch(host) or headers.get("origin", f"http://{host}") != f"http://{host}":
        return Reply.json(403, {"error": "the control calls are for programs of this machine, not for web pages"})
    try:
        found = _done(sandbox, method, path.strip("/"), body)
    except BadChange as error:
        return Reply.json(400, {"error": str(error)})
    if found is None:
        return Reply.json(404, {"error": f"no {method} /_sandbox/{path}"})
    return Reply.json(200, found)


def _done(sandbox: Controlled, method: str, path: str, body: bytes) -> Any:
    if (method, path) == ("GET", ""):
        made_of = {"seed": sandbox.seed, "scale": sandbox.scale, "speed": sandbox.speed}
        return {"ok": True, "id": sandbox.id, **made_of, "vendors": list(sandbox.vendors)}
    if (method, path) == ("POST", "reset"):
        sandbox.reset()
        return {"ok": True}
    name, _, what = path.partition("/")
    if name not in sandbox.vendors:
        return None
    match method, what:
        case "GET", "calls":
            return sandbox.calls(name)
        case "GET", "state":
            return sandbox.vendors[name].state()
        case "POST", "state":
            return {"ok": True, **sandbox.vendors[name].change_state(_json(body))}
        case "POST", "faults":
            return {"ok": True, "pending": sandbox.faults(name, _json(body))}
        case "DELETE", "faults":
            sandbox.clear_faults(name)
            return {"ok": True, "pending": 0}
    return None


def _json(body: bytes) -> Any:
    try:
        return exact_json.loads(body)
    except ValueError as error:
        raise BadChange(f"the body is not JSON: {error}") from error
