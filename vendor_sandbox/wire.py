"""What goes over the wire between a client and a vendor: the request, the reply, and how a reply leaves the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from vendor_sandbox import exact_json
from vendor_sandbox.faults import Fault


@dataclass(frozen=True)
class Request:
    """One call to a vendor. `path` starts below the vendor's own part and is percent-encoded as it came."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    fault: Fault | None = None
    """A fault that only the vendor itself can act out (one of its `own_faults`)."""
    pairs: Sequence[tuple[str, str]] = ()
    """The query as sent, for parameters that may be repeated."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The path split at its slashes and only then decoded, so that a SKU may hold an encoded slash."""
        return tuple(unquote(part) for part in self.path.lstrip("/").split("/"))

    @property
    def bearer(self) -> str | None:
        """The token of an `Authorization: Bearer` header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json_body(self) -> Any:
        """Parse the body as JSON with exact numbers. Raises Refused (400) for anything else, and for any other content type."""
        if self.media_type != "application/json":
            raise Refused(400, "the body must be sent as application/json")
        try:
            return exact_json.loads(self.body)
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}") from error

    def faulted(self, kind: str) -> bool:
        return self.fault is not None and self.fault.kind == kind


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    """A file that is sent instead of `body`, straight from disk."""

    @classmethod
    def json(cls, status: int, value: Any, media_type: str = "application/json", **headers: str) -> "Reply":
        body = exact_json.dumps(value).encode("utf-8", "surrogatepass")
        return cls(status, body, {"Content-Type": media_type, **headers})


@dataclass(frozen=True)
class Answer:
    """How a reply leaves the server. Without a reply, the connection is cut and the client receives nothing."""

    reply: Reply | None
    cut_at_half: bool = False
    over_seconds: float = 0.0


class Refused(Exception):
    """A request the vendor turns down; it becomes an error reply in the vendor's own shape."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
