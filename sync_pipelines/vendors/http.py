"""The one place that sends a request: limits, retries, deadlines, the host rule, who may write, and the count of calls."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import rapidjson
import requests
import tenacity
import urllib3
from requests.adapters import HTTPAdapter

from sync_pipelines import transfer
from sync_pipelines.settings import LOOPBACK, sandbox_on
from sync_pipelines.vendors.failures import (
    HostRefused,
    NeverSent,
    NoReply,
    Permanent,
    RateLimited,
    Reply,
    Transient,
    VendorError,
    WritesOff,
    classify,
    excerpt,
)
from sync_pipelines.vendors.limits import CallWindows, NotCounted, Windows, WindowsFull
from sync_pipelines.vendors.public_hosts import NotPublic, is_public, only_public_hosts

T = TypeVar("T")

USER_AGENT = "sync_pipelines/0.1"
CONNECT_TIMEOUT = 10.0
LONGEST_WAIT = 120.0
"""Seconds a call waits when the vendor asks for it, or its windows are full. A longer wait is the caller's decision."""


@dataclass
class CallMeter:
    """Calls made in this run, by vendor, beside the least that would have done the same.

    minimum: by each pipeline's formula, from what the run has read and written so far. A step that failed adds nothing to it,
    so it is never more than was used.
    """

    used: Counter[str] = field(default_factory=Counter)
    minimum: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def shown(self) -> dict[str, Any]:
        return {
            "used": self.used.total(),
            "minimum": self.minimum.total(),
            "by_vendor": {
                v: {"used": n, "minimum": self.minimum[v], "rate_limited": self.refused[v]} for v, n in sorted(self.used.items())
            },
        }


class Http:
    """Calls to one account of one vendor.

    reads: method and path pattern of every call that changes nothing; all others need `writes_on`. rates: windows
    the vendor counts in (calls, seconds), kept together; with `limits_file` they are shared by all processes on it.
    windows: in their place, for a vendor that does not count all calls alike.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        meter: CallMeter,
        reads: Sequence[tuple[str, str]],
        writes_on: Callable[[], bool] = lambda: False,
        rates: Sequence[tuple[int, float]] = (),
        limits_file: Path | None = None,
        timeout: float = 60.0,
        deadline: float = 300.0,
        longest_wait: float = LONGEST_WAIT,
        sleep: Callable[[float], None] = time.sleep,
        windows: Windows | None = None,
    ) -> None:
        self.vendor, self.base_url, self.meter = vendor, checked_base(vendor, base_url), meter
        self.timeout, self.deadline, self.longest_wait, self.sleep = timeout, deadline, longest_wait, sleep
        self._reads = [(method, re.compile(path)) for method, path in reads]
        self._writes_on = writes_on
        self._limits_file = limits_file
        self._windows = windows or (self._counted_in(rates, limits_file) if rates else None)
        self._reserved = False
        self.authorization = ""
        """Sent with every call that brings none of its own, to this host only."""
        self._session = transfer.session(USER_AGENT)
        # a proxy of the environment is for the world outside, not for this machine
        self._session.trust_env = urlsplit(self.base_url).hostname not in LOOPBACK
        self.log = logging.getLogger(f"sync_pipelines.vendors.{vendor}")

    def reserve(self, longest: float | None = None, method: str = "GET", path: str = "") -> None:
        """Wait for room in the vendor's rate windows now; the next call, one like this, takes the place.

        Raises RateLimited, with the time it takes, where that is more than `longest` seconds (`longest_wait` by default).
        """
        if not self._reserved:
            self._take_place(method, path, {}, self.longest_wait if longest is None else longest)
            self._reserved = True

    def limit_to(self, rates: Sequence[tuple[int, float]]) -> None:
        """Count in these windows from now on, where the vendor says that its own are others. What was counted stays counted."""
        if self._windows is not None:
            self._windows.close()
        self._windows = self._counted_in(rates, self._limits_file)

    def _counted_in(self, rates: Sequence[tuple[int, float]], file: Path | None) -> CallWindows:
        try:
            return CallWindows(rates, file)
        except NotCounted as e:
            raise Permanent(f"{self.vendor}: {e} Nothing was sent.") from e

    def _take_place(self, method: str, path: str, params: Mapping[str, Any], longest: float) -> None:
        """Count the call in the windows that it falls into."""
        if self._windows is None:
            return
        try:
            self._windows.take(_name_of(method, path, params), longest)
        except WindowsFull as e:
            raise RateLimited(f"{self.vendor}: the calls that {self.base_url} allows are {e}", retry_after=e.wait) from None
        except NotCounted as e:
            raise Permanent(f"{self.vendor}: {e} Nothing was sent.") from e

    def close(self) -> None:
        self._session.close()
        if self._windows is not None:
            self._windows.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        retry: Callable[[VendorError], bool] = lambda e: isinstance(e, Transient | RateLimited),
        read: Callable[[Reply], Any] = lambda reply: reply,
        tries: int = 6,
    ) -> Any:
        """Send one call and return `read(reply)`. `what` names it for people: "page at offset 500 of query …".

        `body` is sent as JSON, Decimals digit by digit; bytes go as they are. `retry` says which failures are worth
        another try, here and now; a write that is not safe to repeat passes one that is false for Transient. What `read`
        raises counts, too.
        Raises VendorError: Permanent, RateLimited (a longer wait than is taken here), Transient, NoReply, NeverSent.
        """
        if not self.is_read(method, path) and not self._writes_on():
            raise WritesOff(
                f"{self.vendor}: {what} would write, and {self.base_url} is read-only. Nothing was sent. "
                "Turn writing on with `sync-pipelines enable`."
            )
        content = body if body is None or isinstance(body, bytes) else encoded(body)
        started = time.monotonic()

        def worth_it(error: BaseException) -> bool:
            if not isinstance(error, VendorError) or not retry(error):
                return False
            pause = error.retry_after or 0
            return pause <= self.longest_wait and time.monotonic() - started + pause < self.deadline

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, VendorError) else None
            pause = (
                asked + 0.05 if asked is not None else tenacity.wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5)(state)
            )
            self.log.warning("%s: try %d failed (%s); again in %.1f s", what, state.attempt_number, error, pause)
            return pause

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(tries),
            wait=wait,
            retry=tenacity.retry_if_exception(worth_it),
            reraise=True,
            sleep=self.sleep,
        )
        return retrying(lambda: read(self._once(method, path, what, dict(headers or {}), params, content)))

    def is_read(self, method: str, path: str) -> bool:
        return any(m == method and pattern.fullmatch(path) for m, pattern in self._reads)

    def _once(
        self, method: str, path: str, what: str, headers: dict[str, str], params: Mapping[str, Any] | None, content: bytes | None
    ) -> Reply:
        if self._reserved:
            self._reserved = False
        else:
            self._take_place(method, path, params or {}, self.longest_wait)
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        headers.setdefault("Accept", "application/json")
        if self.authorization:
            headers.setdefault("Authorization", self.authorization)
        self.meter.used[self.vendor] += 1
        begun = time.monotonic()
        transfer.due(self.timeout)
        with (
            self._told(what, reads=self.is_read(method, path)),
            self._counted(),
            self._session.request(
                method,
                self.base_url + path,
                params=params,
                data=content,
                headers=headers,
                auth=_keep_headers,
                timeout=(CONNECT_TIMEOUT, self.timeout),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            text = transfer.body(response)
            reply = Reply(response.status_code, dict(response.headers), text)
        self.log.debug("%s %s -> %d in %.2f s, %d characters", method, path, reply.status, time.monotonic() - begun, len(text))
        if reply.status == 429:
            self.meter.refused[self.vendor] += 1
        problem = classify(self.vendor, what, reply)
        if problem is not None:
            raise problem
        return reply

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Say when a call is over, however it ended."""
        try:
            yield
        finally:
            if self._windows is not None:
                self._windows.answered()

    @contextmanager
    def download(self, url: str, *, what: str, in_lines: bool = True) -> Iterator[Iterator[bytes]]:
        """Stream a file that the vendor put somewhere else, as the lines in it, or as the bytes that it is.

        No credential goes along and no redirect is followed. The host is a public one, over https; only a vendor that is
        itself on this machine may name another place here. The body may take as long as it takes, while at least a kilobyte
        a second arrives. Raises HostRefused, Permanent (403: the address has expired), Transient and NoReply (also between
        two lines: then the file has to be begun again).
        """
        parts = urlsplit(url)
        checked_base(self.vendor, f"{parts.scheme}://{parts.netloc}")
        abroad = urlsplit(self.base_url).hostname not in LOOPBACK
        if abroad and (parts.scheme != "https" or parts.hostname in LOOPBACK or not is_public(parts.hostname or "")):
            raise HostRefused(
                f"{self.vendor}: {what}: is said to be at {parts.scheme}://{parts.hostname}, which is not a public host over "
                "https. Nothing was sent."
            )
        self.meter.used[self.vendor] += 1
        with transfer.session(USER_AGENT) as session:
            if abroad:
                only_public_hosts(cast("HTTPAdapter", session.get_adapter("https://")).poolmanager)
            session.trust_env = parts.hostname not in LOOPBACK
            moment = transfer.due(self.timeout)
            with (
                self._told(what, reads=True),
                session.get(
                    url, auth=_keep_headers, timeout=(CONNECT_TIMEOUT, self.timeout), allow_redirects=False, stream=True
                ) as response,
            ):
                if response.status_code != 200:
                    text = transfer.body(response)
                    reply = Reply(response.status_code, dict(response.headers), text)
                    if reply.status == 403:
                        raise Permanent(
                            f"{self.vendor}: {what}: status 403: {excerpt(text) or 'nothing more'}. The address has expired "
                            "or was never valid: have the vendor make the file again.",
                            status=403,
                            body=text,
                        )
                    raise classify(self.vendor, what, reply) or Transient(f"{self.vendor}: {what}: {reply.status}")
                yield (transfer.lines if in_lines else transfer.pieces)(response, moment, self.timeout)

    @contextmanager
    def _told(self, what: str, *, reads: bool) -> Iterator[None]:
        """What can go wrong on the way there and back, as what it means. reads: whether the call changes nothing."""
        try:
            yield
        except transfer.TooLarge as e:  # a read would only be so again; what became of a write is not known
            raise (Permanent if reads else NoReply)(f"{self.vendor}: {what}: {e}") from e
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeEncodeError) as e:
            raise HostRefused(f"{self.vendor}: {what}: cannot be sent: {type(e).__name__}") from None
        except NotPublic as e:
            raise HostRefused(f"{self.vendor}: {what}: {e}") from e
        except requests.ConnectTimeout as e:
            raise NeverSent(f"{self.vendor}: {what}: no connection to {self.base_url} within {CONNECT_TIMEOUT:.0f} s") from e
        except (requests.Timeout, TimeoutError) as e:
            raise NoReply(f"{self.vendor}: {what}: no answer within {self.timeout:.0f} s") from e
        except requests.ConnectionError as e:
            kind = NeverSent if "NewConnectionError" in repr(e) or "NameResolutionError" in repr(e) else NoReply
            raise kind(f"{self.vendor}: {what}: {_reason(e)}") from e
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeDecodeError) as e:
            raise NoReply(f"{self.vendor}: {what}: the reply was cut or cannot be read: {_reason(e)}") from e


def encoded(body: Any) -> bytes:
    return str(rapidjson.dumps(body, number_mode=rapidjson.NM_DECIMAL, ensure_ascii=False)).encode()


def checked_base(vendor: str, url: str) -> str:
    """The base address without a trailing slash. Raises HostRefused."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as e:
        raise HostRefused(f"{vendor}: the base address cannot be read. Nothing was sent.") from e
    local = parts.hostname in LOOPBACK
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise HostRefused(f"{vendor}: the address is not a base address like https://host/path. Nothing was sent.")
    if parts.scheme == "http" and not local:
        raise HostRefused(f"{vendor}: {url} is plain http; credentials go over https only. Nothing was sent.")
    if sandbox_on() and not local:
        raise HostRefused(f"{vendor}: the sandbox is on (SYNC_PIPELINES_SANDBOX); {url} is not on loopback. Nothing was sent.")
    return url.rstrip("/")


def _name_of(method: str, path: str, params: Mapping[str, Any]) -> str:
    """One and the same call has one name."""
    return f"{method} {path} {sorted(params.items())}"


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An auth that adds nothing: without one, requests would send what ~/.netrc holds for the host."""
    return request


def _reason(error: Exception) -> str:
    """What went wrong below, without the address that requests repeats in every message."""
    inner: BaseException = error
    while inner.__context__ is not None:
        inner = inner.__context__
    return f"{type(error).__name__} ({excerpt(str(inner))})"
