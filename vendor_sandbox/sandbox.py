"""The sandbox: every vendor behind one port, each with the faults ordered for it and a log of the calls it received."""

import dataclasses
import re
import secrets
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from vendor_sandbox import exact_json
from vendor_sandbox.amazon import Amazon
from vendor_sandbox.boots import Boots
from vendor_sandbox.catalogue import SCALES, Catalogue, size_of
from vendor_sandbox.catsy import Catsy
from vendor_sandbox.control import control
from vendor_sandbox.faults import Fault, FaultBook, read_faults
from vendor_sandbox.google import Google
from vendor_sandbox.lightspeed import Lightspeed
from vendor_sandbox.limits import Clock
from vendor_sandbox.plytix import Plytix
from vendor_sandbox.sentos import Sentos
from vendor_sandbox.server import Server
from vendor_sandbox.shopify import Shopify, orders_of
from vendor_sandbox.sparklayer import SparkLayer
from vendor_sandbox.values import BadChange
from vendor_sandbox.vendor import Vendor, phrase
from vendor_sandbox.wire import Answer, Reply, Request

_CUT = Answer(None)
_HTML = b"<!doctype html><html><head><title>Please wait</title></head><body><h1>Please wait</h1></body></html>"


@dataclasses.dataclass
class Call:
    """One call to a vendor, as `calls` shows it. `status` stays None when the client got no reply."""

    method: str
    path: str
    query: dict[str, str]
    status: int | None
    at: float
    fault: str | None
    operation: str | None = None
    """What it asks for, for a vendor whose paths do not say it: `mutation inventorySetQuantities`."""


class Sandbox:
    """Serve the vendors on 127.0.0.1, from construction until `close` or the end of a `with` block.

    port: 0 takes a free one. scale: "small" (300 products), "large" (100,000) or a number of products.
    speed: how much faster than real time rate windows and token lives run; nothing else is scaled.
    orders: how many orders the shop has; by default 400, or 2,000 when there are more than 1,000 products.
    identity: what `/_sandbox` calls it, so that whoever calls a port knows whose it is; by default something random.
    Raises OSError when the port is taken, ValueError for a scale or speed that makes no sense.
    """

    def __init__(
        self,
        port: int = 0,
        seed: int = 7,
        scale: str | int = "small",
        speed: float = 1.0,
        orders: int | None = None,
        identity: str = "",
    ) -> None:
        size = size_of(scale)
        self.id = identity or secrets.token_hex(8)
        self.seed, self.speed = seed, speed
        self.scale = scale if scale in SCALES else size
        clock = Clock(speed)
        catalogue = Catalogue(seed, size)
        self.boots = Boots(seed, size)
        self.catsy = Catsy(catalogue, clock)
        self.sparklayer = SparkLayer(catalogue, clock)
        self.google = Google(catalogue, clock)
        self.amazon = Amazon(catalogue, clock, self.boots)
        self.plytix = Plytix(catalogue, clock, self.boots)
        self.shopify = Shopify(catalogue, clock, orders_of(size) if orders is None else orders)
        self.sentos = Sentos(catalogue, clock)
        self.lightspeed = Lightspeed(catalogue, clock)
        vendors = (
            *(self.catsy, self.sparklayer, self.google, self.shopify, self.amazon, self.plytix, self.sentos),
            self.lightspeed,
        )
        self.vendors: Mapping[str, Vendor] = {each.name: each for each in vendors}
        self._books = {name: FaultBook() for name in self.vendors}
        self._calls: dict[str, list[Call]] = {name: [] for name in self.vendors}
        self._late: set[threading.Timer] = set()
        self._lock = threading.Lock()
        self._server = Server(port, self._exchange)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Cut every connection and stop. Closing twice is harmless."""
        self._server.closing.set()
        self._drop_late_calls()
        for vendor in self.vendors.values():
            vendor.close()
        self._server.close()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that point a client at this sandbox."""
        env = {"SYNC_PIPELINES_SANDBOX": "1"}
        for name, vendor in self.vendors.items():
            env.update(vendor.env(f"{self.url}/{name}"))
        return env

    def reset(self) -> None:
        """Go back to the seed: data, settings, tokens, limits, faults, late calls and the call log."""
        self._drop_late_calls()
        for name, vendor in self.vendors.items():
            vendor.reset()
            self._books[name].clear()
            self._calls[name] = []

    def faults(self, vendor: str, orders: Sequence[Mapping[str, Any]]) -> int:
        """Order faults, and return how many calls are still to be hit. Raises BadChange for an order that makes no sense."""
        own = exact_json.loads(exact_json.dumps(orders))
        self._books[vendor].add(read_faults(own, self.vendors[vendor].fault_kinds))
        return self._books[vendor].pending()

    def clear_faults(self, vendor: str) -> None:
        self._books[vendor].clear()

    def calls(self, vendor: str) -> list[dict[str, Any]]:
        """Return every call so far, oldest first: method, path, query, status, at (epoch seconds), fault, perhaps operation."""
        calls = [dataclasses.asdict(call) for call in list(self._calls[vendor])]
        return [{name: value for name, value in call.items() if name != "operation" or value} for call in calls]

    # One call

    def _exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path, _, query_text = target.partition("?")
        pairs = parse_qsl(query_text, keep_blank_values=True)
        query = dict(pairs)
        name, _, rest = path.removeprefix("/").partition("/")
        if name == "_sandbox":
            return Answer(control(self, method, rest, headers, body))
        vendor = self.vendors.get(name)
        if vendor is None:
            return Answer(Reply.json(404, {"error": f"no vendor {name!r}; there are: {', '.join(self.vendors)}"}))
        request = Request(method, f"/{rest}", query, headers, body, pairs=pairs)
        operations = vendor.operations(request)
        call = Call(method, path, query, None, time.time(), None, ", ".join(operations) or None)
        self._calls[name].append(call)
        answer = self._answer(vendor, request, call, operations)
        # Logged before the first byte leaves, so that whoever has the reply finds its status in the log.
        call.status = answer.reply.status if answer.reply is not None else None
        return answer

    def _answer(self, vendor: Vendor, request: Request, call: Call, operations: Sequence[str]) -> Answer:
        refused = vendor.admit(request)
        if refused is not None:
            return Answer(refused)
        fault = self._books[vendor.name].due(f"{request.method} {request.path}", *operations)
        if fault is None:
            return Answer(_handled(vendor, request))
        call.fault = fault.kind
        return self._faulted(vendor, request, fault)

    def _faulted(self, vendor: Vendor, request: Request, fault: Fault) -> Answer:
        """Act out a general fault; a kind that is the vendor's own goes to the vendor."""
        match fault.kind:
            case "status":
                return Answer(_status_reply(vendor, **fault.options))
            case "rate_limited":
                after = fault.options.get("retry_after")
                return Answer(vendor.problem(429, "too many requests", {"Retry-After": after} if after else None))
            case "expired_token":
                vendor.forget_token(request)
                return Answer(vendor.problem(401, "the token has expired"))
            case "html":
                return Answer(Reply(200, _HTML, {"Content-Type": "text/html; charset=utf-8"}))
            case "between":
                return Answer(_between(vendor, request, **fault.options))
            case "lost_request":
                return _CUT
            case "lost_reply":
                _handled(vendor, request)
                return _CUT
            case "late":
                self._handle_later(fault.options["seconds"], vendor, request)
                return _CUT
            case "cut_body":
                return Answer(_handled(vendor, request), cut_at_half=True)
            case "unusable":
                return Answer(_with_value(_handled(vendor, request), **fault.options))
            case "drip":
                return Answer(_handled(vendor, request), over_seconds=fault.options["seconds"])
            case "slow":
                closed = self._server.closing.wait(fault.options["seconds"])
                return _CUT if closed else Answer(_handled(vendor, request))
            case _:
                return Answer(_handled(vendor, dataclasses.replace(request, fault=fault)))

    def _handle_later(self, seconds: float, vendor: Vendor, request: Request) -> None:
        def land() -> None:
            with self._lock:
                if timer not in self._late:
                    return
            _handled(vendor, request)
            with self._lock:
                self._late.discard(timer)  # whoever waits until none is under way finds its effect

        timer = threading.Timer(seconds, land)
        timer.daemon = True
        with self._lock:
            self._late.add(timer)
        timer.start()

    def _drop_late_calls(self) -> None:
        with self._lock:
            timers, self._late = self._late, set()
        for timer in timers:
            timer.cancel()


def _with_value(reply: Reply, field: str, value: str) -> Reply:
    """Return the reply with this raw JSON as the value of the first field of that name, as some vendors' encoders write it."""
    body = reply.file.read_bytes() if reply.file else reply.body
    known = rb'("%s"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|[^\s,{}\[\]]+)' % re.escape(field.encode())
    changed, found = re.subn(known, lambda m: m[1] + value.encode(), body, count=1)
    if not found:
        raise BadChange(f"fault 'unusable': the reply has no simple {field!r}")
    return dataclasses.replace(reply, body=changed, file=None)


def _between(vendor: Vendor, request: Request, change: Mapping[str, Any]) -> Reply:
    """Handle a call just after a change to the truth that its client cannot know of."""
    try:
        vendor.change_state(change)
    except BadChange as error:
        return vendor.problem(500, f"fault 'between': {error}")
    return _handled(vendor, request)


def _handled(vendor: Vendor, request: Request) -> Reply:
    try:
        return vendor.handle(request)
    except Exception:  # noqa: BLE001 - the client gets a 500 whatever went wrong, and the server goes on
        traceback.print_exc()
        return vendor.problem(500, "the sandbox itself failed; its standard error says where")


def _status_reply(
    vendor: Vendor, status: int, body: Any = None, headers: Mapping[str, Any] | None = None, empty: bool = False
) -> Reply:
    extra = {name: str(value) for name, value in (headers or {}).items()}
    if empty:
        return Reply(status, b"", extra)
    if body is None:
        return vendor.problem(status, phrase(status), extra)
    if isinstance(body, str):
        return Reply(status, body.encode(), {"Content-Type": "text/plain; charset=utf-8", **extra})
    return Reply.json(status, body, **extra)
