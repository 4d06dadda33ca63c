"""What a vendor's reply means: the failures there are, and which of them a status or a body of another shape stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from sync_pipelines import exact_json
from sync_pipelines.credentials import redact
from sync_pipelines.errors import SyncError

T = TypeVar("T")


class VendorError(SyncError):
    """A call did not succeed. The message says what was attempted, what the vendor said, and what to do next."""

    def __init__(self, message: str, *, status: int | None = None, body: str = "", retry_after: float | None = None) -> None:
        super().__init__(redact(message))
        self.status, self.body, self.retry_after = status, body, retry_after


class Permanent(VendorError):
    """The vendor will say the same again: bad credentials, no rights, unknown address, refused content."""


class RateLimited(VendorError):
    """429: nothing was done; `retry_after` seconds if the vendor said."""


class Transient(VendorError):
    """Worth another try; what became of a write is not known (5xx, cut or unreadable reply)."""


class NoReply(Transient):
    """The call was sent and no answer came: timeout, cut connection."""


class NeverSent(Transient):
    """No connection: the call certainly had no effect."""


class WritesOff(Permanent):
    """This account is read-only until a person enables the pipeline."""


class HostRefused(Permanent):
    """The address is not one that may be talked to. Nothing was sent."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """Numbers with a fraction come as Decimal; of one value that nothing can hold, see `exact_json.flaw`.

        Raises Transient when the body is not JSON.
        """
        try:
            return exact_json.read(self.text)
        except (ValueError, RecursionError) as e:
            raise Transient(f"status {self.status}, but the body is not JSON: {excerpt(self.text)!r}", status=self.status) from e


def classify(vendor: str, what: str, reply: Reply) -> VendorError | None:
    """The failure that a status stands for, or None for 2xx. The only place that reads a status for its class."""
    if 200 <= reply.status < 300:
        return None
    said = excerpt(reply.text) or "nothing more"
    told: dict[str, Any] = {"status": reply.status, "body": reply.text, "retry_after": retry_after(reply.headers)}
    base = f"{vendor}: {what}: status {reply.status}: {said}"
    match reply.status:
        case 401:
            return Permanent(f"{base}. The credentials are not accepted: check them with `sync-pipelines validate`.", **told)
        case 403:
            return Permanent(f"{base}. The login lacks the right for this.", **told)
        case 429:
            return RateLimited(base, **told)
        case 408:
            return Transient(base, **told)
        case status if status >= 500:
            return Transient(base, **told)
        case status if 300 <= status < 400:
            return HostRefused(f"{base}. Redirects are not followed: credentials go to the account's own host only.", **told)
    return Permanent(base, **told)


def shaped(vendor: str) -> Callable[[Callable[[Reply], T]], Callable[[Reply], T]]:
    """For a function that reads a reply: a body of another shape is a failed call, like one that is not JSON."""

    def decorate(parse: Callable[[Reply], T]) -> Callable[[Reply], T]:
        def read(reply: Reply) -> T:
            try:
                return parse(reply)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError) as e:
                raise Transient(
                    f"{vendor}: status {reply.status}, but not what was asked for: {excerpt(reply.text)!r}", status=reply.status
                ) from e

        return read

    return decorate


def excerpt(text: str) -> str:
    """The start of a body for a message. Redacted before it is cut: half a secret is one, too."""
    return redact(text[:5000])[:300].strip()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from a Retry-After header: whole, fractional, or an HTTP date. None when absent or unreadable.

    A date is by the vendor's clock, which the reply shows, too; ours may be wrong. It has no fractions: a second is added.
    """
    value, now = (next((v for k, v in headers.items() if k.lower() == name), "").strip() for name in ("retry-after", "date"))
    if not value:
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return float(value)
    moment, said = _http_date(value), _http_date(now)
    if moment is None:
        return None
    return max(0.0, (moment - said).total_seconds() + 1.0 if said else (moment - datetime.now(UTC)).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
