"""Limits on the time and the size of a reply, from the first byte of its head to the last byte of its body."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

LARGEST_REPLY = 256 << 20
"""Bytes of one reply, unpacked. The largest page of any vendor is a tenth of it."""
LARGEST_FILE = 64 << 30
"""Bytes of one file that a vendor makes for us, unpacked."""
SLOWEST_FILE = 1024
"""Bytes a second that a file has to bring. A file has no time limit of its own: it may have any size."""


@dataclass
class Due:
    """When a reply has to be there whole, by the monotonic clock. For a file it moves on while enough arrives."""

    at: float


_due: ContextVar[Due] = ContextVar("due")
"""Of the reply that this thread waits for."""


class TooLarge(Exception):
    """The reply is larger than anything the vendor could mean."""


class _Timed(io.RawIOBase):
    """What comes in at a socket until a moment. The socket's own timeout is only for the time between two bytes."""

    def __init__(self, sock: socket.socket, due: Due) -> None:
        self._sock, self._raw, self._due = sock, sock.makefile("rb", buffering=0), due

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._due.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply took too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """A connected socket as `http.client` wants it: something that can be made a file."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Timed(self._sock, _due.get()), 1 << 16)


class _Plain(HTTPConnection):
    @staticmethod
    def response_class(sock: socket.socket, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        return HTTPConnection.response_class(_TimedSocket(sock), *args, **options)  # type: ignore[arg-type]


class _Secure(HTTPSConnection):
    response_class = _Plain.response_class  # type: ignore[assignment]


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    """Connections whose replies keep to their `Due`."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        return manager


def session(user_agent: str) -> requests.Session:
    """A session whose replies have to be there in time. Call `due` before each request."""
    made = requests.Session()
    made.mount("http://", _Adapter())
    made.mount("https://", _Adapter())
    made.headers["User-Agent"] = user_agent
    return made


def due(seconds: float) -> Due:
    """Let the next reply that this thread asks for be there whole in so many seconds."""
    moment = Due(time.monotonic() + seconds)
    _due.set(moment)
    return moment


def body(response: requests.Response) -> str:
    """The whole body as text. Raises TooLarge, TimeoutError."""
    parts, size = [], 0
    while part := response.raw.read1(1 << 16, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > LARGEST_REPLY:
            raise TooLarge(f"the reply is larger than {LARGEST_REPLY >> 20} MB")
    return b"".join(parts).decode("utf-8-sig")


def pieces(response: requests.Response, moment: Due, patience: float) -> Iterator[bytes]:
    """A file in the pieces that it comes in. `moment` is what `due` gave for its head.

    Raises TooLarge for a file beyond reason, TimeoutError where hardly anything comes for `patience` seconds.
    """
    size, counted = 0, 0
    moment.at = time.monotonic() + patience
    while part := response.raw.read1(1 << 18, decode_content=True):
        size += len(part)
        if size - counted >= SLOWEST_FILE * patience:
            counted, moment.at = size, time.monotonic() + patience
        if size > LARGEST_FILE:
            raise TooLarge(f"the file is too large ({size >> 20} MB so far)")
        yield part


def lines(response: requests.Response, moment: Due, patience: float) -> Iterator[bytes]:
    """The lines of a file, without their ends, whatever pieces they come in. Raises what `pieces` raises, and TooLarge for a line
    beyond reason."""
    rest = b""
    for part in pieces(response, moment, patience):
        found = (rest + part).split(b"\n") if rest else part.split(b"\n")
        rest = found.pop()
        if len(rest) > LARGEST_REPLY:
            raise TooLarge(f"a line of the file is too large ({len(rest) >> 20} MB so far)")
        yield from found
    if rest:
        yield rest
