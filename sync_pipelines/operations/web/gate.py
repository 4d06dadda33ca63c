"""The gate in front of every page that is served: no other web page can use a person's browser to act here.

A plain ASGI layer; what stands behind it is none of its business. It holds against three ways in:

- a name of the attacker's that leads to this machine (DNS rebinding): only known names are answered;
- a request that another page makes the browser send: what changes something must come from our own pages, and nothing
  that changes something goes by GET, for an `<img>` can send that;
- our pages in somebody else's frame (clickjacking).

A request that names no origin and carries no Sec-Fetch-Site comes from no browser of today: curl and scripts are let in, as
they could name any origin they like. Sec-Fetch-Site: https://www.w3.org/TR/fetch-metadata/
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

from sync_pipelines.settings import LOOPBACK

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]*)?")
POLICY_VIOLATION = 1008
"""Close code of a websocket (RFC 6455, 7.4.1)."""


class Gate:
    """Lets requests through to an ASGI application. hosts: names under which it may be reached, beside those of loopback.

    Answers 400 to another name, 403 to another page, 405 to a GraphQL mutation or subscription by GET; a websocket is
    refused before it is accepted.
    """

    def __init__(self, app: App, hosts: Collection[str] = ()) -> None:
        self._app, self._named = app, frozenset(hosts)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            status, why = refused
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
            if status == 405:
                headers.append((b"allow", b"POST"))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": f"{why}\n".encode()})

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        host = _only(headers.get("host", []))
        name = _name(host)
        if name not in LOOPBACK and name not in self._named:
            return 400, (
                f"{host!r} is not a name of this server. Behind a proxy, add the proxy's name to [web] hosts in settings.toml "
                "and start again."
            )
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if not self._from_here(headers, host) and (changes or not _followed_link(headers)):
            return 403, (
                "this comes from a page of another site. Behind a proxy, add the proxy's name to [web] hosts in settings.toml "
                "and start again."
            )
        if not changes and not _only_asks(scope):
            return 405, "a GET may ask, and nothing else: send mutations by POST."
        return None

    def _from_here(self, headers: dict[str, list[str]], host: str) -> bool:
        """Whether one of our pages sent it, or no page at all."""
        if "origin" in headers:
            scheme, _, authority = _only(headers["origin"]).lower().partition("://")
            # a proxy may leave the port out of Host, and end TLS: its name is what counts
            return scheme in ("http", "https") and (authority == host.lower() or _name(authority) in self._named)
        return all(site in ("same-origin", "none") for site in headers.get("sec-fetch-site", []))


def _only(values: list[str]) -> str:
    return values[0] if len(values) == 1 else ""


def _name(authority: str) -> str:
    """The host's name in `name:port`; "" where there is none."""
    found = _AUTHORITY.fullmatch(authority)
    return found[1].strip("[]").lower() if found else ""


def _followed_link(headers: dict[str, list[str]]) -> bool:
    """Whether a person follows a link from elsewhere: the page gets a tab of its own, and no Origin is sent."""
    return (
        "origin" not in headers
        and headers.get("sec-fetch-mode") == ["navigate"]
        and headers.get("sec-fetch-dest") == ["document"]
    )


def _only_asks(scope: Message) -> bool:
    """Whether a GET of a GraphQL endpoint holds queries alone; true for every other path."""
    if not scope["path"].rstrip("/").endswith("/graphql"):
        return True
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    try:
        documents = [parse(value, no_location=True) for name, value in pairs if name == "query"]
    except (GraphQLError, RecursionError):
        return False
    return all(
        definition.operation is OperationType.QUERY
        for document in documents
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    )


def _unframed(send: Send) -> Send:
    """The same, with a header that keeps the page out of other sites' frames."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]}
        await send(message)

    return sent
